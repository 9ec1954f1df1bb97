//! What is measured: Waypost on either database, and the yardsticks, each with a home of its own in the work folder.
//! Knows how to set each of them up, start, stop and weigh it; `run` does the measuring.

use crate::child::Child;
use crate::payload::Payloads;
use crate::postgres;
use crate::trace::{self, Token};
use crate::{free_port, now_ns, once};
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The longest wait for a first 200.
const START_MAX: Duration = Duration::from_secs(60);
/// Between two tries to get it.
const TRY: Duration = Duration::from_millis(1);
/// Of the source's door. Fixed, since it opens nothing but this home.
const TOKEN: &str = "bench-token-of-no-value";

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Peer {
    /// Waypost on SQLite
    Waypost,
    /// Waypost on Postgres
    WaypostPostgres,
    /// The yardstick that stores
    Group,
    /// The yardstick that stores, maps and posts
    Forward,
}

impl Peer {
    /// As told in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waypost => "waypost on SQLite",
            Self::WaypostPostgres => "waypost on Postgres",
            Self::Group => "floor group",
            Self::Forward => "floor forward",
        }
    }

    /// Whether it posts to the CRM.
    pub fn delivers(self) -> bool {
        self != Self::Group
    }
}

/// Where one of them keeps its data. Dropping it removes all of that.
pub struct Home {
    pub peer: Peer,
    folder: PathBuf,
    database: Option<postgres::Database>,
}

impl Home {
    /// An empty one below `work`.
    pub fn new(peer: Peer, work: &Path, server: Option<&postgres::Server>) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = work.join(format!("home-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir_all(folder.join("data"))?;
        let database = match (peer, server) {
            (Peer::WaypostPostgres, Some(server)) => Some(server.create_database()?),
            (Peer::WaypostPostgres, None) => bail!("there is no Postgres to measure Waypost on"),
            _ => None,
        };
        Ok(Self { peer, folder, database })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts it, and waits for its first 200.
    pub fn start(&self, bin: &Path, crm: &str) -> Result<Running> {
        let (port, ui_port) = (free_port()?, free_port()?);
        let (mut command, path) = match self.peer {
            Peer::Group => (self.floor("group", port, crm)?, "/hook".to_owned()),
            Peer::Forward => (self.floor("forward", port, crm)?, "/hook".to_owned()),
            Peer::Waypost | Peer::WaypostPostgres => {
                (self.waypost(bin, port, ui_port, crm)?, format!("/hooks/harbour-tours/{TOKEN}"))
            }
        };
        let began = Instant::now();
        let child = Child::start(self.peer.name(), &mut command, &self.folder.join("log"))?;
        let mut running = Running {
            url: format!("http://127.0.0.1:{port}{path}"),
            pages: format!("http://127.0.0.1:{ui_port}"),
            child,
            first_200: Duration::ZERO,
        };
        running.wait_for_200(began)?;
        running.first_200 = began.elapsed();
        Ok(running)
    }

    fn floor(&self, mode: &str, port: u16, crm: &str) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", mode, "--port", &port.to_string(), "--crm", &format!("{crm}/crm/contacts")]);
        command.arg("--db").arg(self.data().join("floor.db"));
        Ok(command)
    }

    /// Makes an account of the pages, an admin's.
    pub fn add_account(&self, bin: &Path, email: &str, password: &str) -> Result<()> {
        let mut command = clean(bin);
        command.args(["user", "add", email, "--role", "admin", "--name", "Bench"]);
        command.arg("--data").arg(self.data()).stdin(Stdio::piped());
        if let Some(database) = &self.database {
            command.args(["--database", &database.url]);
        }
        let mut process =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("it can't be started")?;
        process.stdin.take().context("its input")?.write_all(format!("{password}\n").as_bytes())?;
        let done = process.wait_with_output()?;
        if done.status.success() {
            return Ok(());
        }
        bail!("no account could be made: {}", String::from_utf8_lossy(&done.stderr).trim())
    }

    fn waypost(&self, bin: &Path, port: u16, ui_port: u16, crm: &str) -> Result<Command> {
        let rules = self.folder.join("rules");
        for (path, text) in rules_folder(crm) {
            let path = rules.join(path);
            fs::create_dir_all(path.parent().context("a file in a folder")?)?;
            fs::write(path, text)?;
        }
        let mut command = clean(bin);
        command.env("BENCH_TOKEN", TOKEN).arg("serve");
        command.arg("--rules").arg(rules).arg("--data").arg(self.data());
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--ui-listen", &format!("127.0.0.1:{ui_port}")]);
        if let Some(database) = &self.database {
            command.args(["--database", &database.url]);
        }
        Ok(command)
    }

    /// How many events are in its store.
    pub fn stored_events(&self) -> Result<u64> {
        if let Some(database) = &self.database {
            return database.stored_events();
        }
        let mut files = fs::read_dir(self.data())?.flatten().map(|entry| entry.path());
        let stored = files.find_map(|path| events_in(&path));
        stored.with_context(|| format!("{}: none of its files has a table of events", self.peer.name()))
    }

    /// Size of its data on the disk. It is stopped.
    pub fn bytes(&self) -> Result<u64> {
        match &self.database {
            Some(database) => database.bytes(),
            None => folder_bytes(&self.data()),
        }
    }
}

/// The program without what the caller set for a Waypost of his own.
fn clean(bin: &Path) -> Command {
    let mut command = Command::new(bin);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WAYPOST_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// How many rows the table `events` of an SQLite file has; nothing where it is none or has none. In which of its files
/// Waypost keeps them is its own affair.
fn events_in(path: &Path) -> Option<u64> {
    if path.extension()? != "db" {
        return None;
    }
    let database = rusqlite::Connection::open(path).ok()?;
    let count = database.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0));
    Some(count.ok()?.cast_unsigned())
}

fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { folder_bytes(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}

/// One that runs.
pub struct Running {
    /// Where webhooks go.
    pub url: String,
    /// Where Waypost's pages are.
    pub pages: String,
    pub child: Child,
    /// From its start to its first 200 for a webhook.
    pub first_200: Duration,
}

impl Running {
    fn wait_for_200(&mut self, began: Instant) -> Result<()> {
        let payloads = Payloads::new();
        let uri: hyper::Uri = self.url.parse()?;
        let mut last = "no connection".to_owned();
        for seq in 0.. {
            // A booking of its own each time: after a restart the earlier one is known already.
            let token = Token { run: trace::PROBES, seq: (now_ns() / 1_000) as u32 ^ seq, sent_ns: now_ns() };
            match once(&uri, hyper::Method::POST, payloads.render(token)) {
                Ok((200, _)) => return Ok(()),
                Ok((status, body)) => last = format!("{status} {}", String::from_utf8_lossy(&body)),
                Err(error) => last = format!("{error:#}"),
            }
            self.child.expect_alive()?;
            if began.elapsed() > START_MAX {
                break;
            }
            std::thread::sleep(TRY);
        }
        bail!("a server answers no webhook with 200 within {} s of its start: {last}", START_MAX.as_secs())
    }
}

/// Waypost's rules: `tests/bench/rules`, with the CRM's address.
fn rules_folder(crm: &str) -> [(&'static str, String); 3] {
    let connection = include_str!("../rules/connections/mock-crm.yaml");
    [
        ("sources/harbour-tours.yaml", include_str!("../rules/sources/harbour-tours.yaml").to_owned()),
        ("connections/mock-crm.yaml", connection.replace("http://127.0.0.1:9900", crm)),
        ("guests-to-crm.yaml", include_str!("../rules/guests-to-crm.yaml").to_owned()),
    ]
}
