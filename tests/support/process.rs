//! The real program as processes of their own: `waypost serve` on a home that outlives it, and `waypost sandbox`, the CRM
//! that lives on whatever happens to the router. Used by the binaries that kill, trace, starve and flood it.
//!
//! `WAYPOST_BIN` names another binary to try, a release build for instance.

use crate::support::{TOKEN, client};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use waypost::app::{App, Places};
use waypost::clock::{OsEntropy, SystemClock};

/// Nothing that is waited for takes longer, on however slow a machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Ports below those that the system gives away by itself, so that nobody takes one while the router is down.
const PORTS: std::ops::Range<u16> = 12_000..30_000;

/// The binary.
pub fn binary() -> PathBuf {
    std::env::var_os("WAYPOST_BIN")
        .filter(|path| !path.is_empty())
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_waypost")), PathBuf::from)
}

/// A port that nobody listens at, and that stays the same over restarts.
fn lasting_port() -> u16 {
    let since = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| u64::from(since.subsec_nanos()));
    let width = u64::from(PORTS.end - PORTS.start);
    let first = (since / 1_000 + u64::from(std::process::id()) * 7_919) % width;
    (0..width)
        .map(|step| PORTS.start + ((first + step) % width) as u16)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port")
}

/// Where a router lives, over all its starts and ends.
pub struct Home {
    folder: tempfile::TempDir,
    data: PathBuf,
    port: u16,
    ui_port: u16,
    database: Option<String>,
}

impl Home {
    /// A home with a source `tours` and a connection `crm` to this address, and these rule files.
    pub async fn new(crm: SocketAddr, database: Option<&str>, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a home");
        let data = folder.path().join("data");
        Self::with_data(folder, data, crm, database, files).await
    }

    /// The same with the data folder elsewhere.
    pub async fn with_data(
        folder: tempfile::TempDir,
        data: PathBuf,
        crm: SocketAddr,
        database: Option<&str>,
        files: &[(&str, &str)],
    ) -> Self {
        let port = lasting_port();
        let ui_port = lasting_port_beside(port);
        let home = Self { folder, data, port, ui_port, database: database.map(str::to_owned) };
        home.write(
            "sources/tours.yaml",
            "connector: fareharbor\ntitle: Reef Tours\ntoken: { secret: tours-token }\n",
        );
        home.write("connections/crm.yaml", &crm_file(crm, ""));
        for (path, text) in files {
            home.write(path, text);
        }
        let app = home.beside().await;
        app.set_secret("tours-token", TOKEN).await.expect("a secret is kept");
        app.store.close().await;
        home
    }

    /// Writes a file of the rules folder.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.rules().join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }

    /// The rules folder.
    pub fn rules(&self) -> PathBuf {
        self.folder.path().join("rules")
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder that holds all of it, for what a test wants to keep beside.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the router wrote to standard error, in all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default()
    }

    /// The end of it, for a failed test.
    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Where hooks are taken.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Where the source posts to.
    pub fn hook(&self) -> String {
        format!("http://{}{}", self.address(), Self::hook_path())
    }

    /// Its path.
    pub fn hook_path() -> String {
        format!("/hooks/tours/{TOKEN}")
    }

    /// A page of it.
    pub fn page(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ui_port)
    }

    /// The command that serves, with its output in the log.
    pub fn command(&self) -> Command {
        self.command_under(&[])
    }

    /// The same under another program (`strace …`), which gets the binary and its arguments at its end.
    pub fn command_under(&self, wrapper: &[&str]) -> Command {
        let mut command = match wrapper {
            [] => Command::new(binary()),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary());
                command
            }
        };
        let log = File::options().create(true).append(true).open(self.folder.path().join("serve.log"));
        command
            .arg("serve")
            .arg("--rules")
            .arg(self.rules())
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &self.address().to_string()])
            .args(["--ui-listen", &format!("127.0.0.1:{}", self.ui_port)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("a log"));
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        command
    }

    /// Starts the router; it is not ready yet.
    pub fn start(&self) -> Process {
        Process::start(self.command())
    }

    /// Starts the router and waits until it answers.
    pub async fn start_ready(&self) -> Process {
        let mut process = self.start();
        self.ready(&mut process).await;
        process
    }

    /// Waits until it answers.
    pub async fn ready(&self, process: &mut Process) {
        let client = client();
        let url = format!("http://{}/readyz", self.address());
        self.until("the router is ready", async || {
            assert_eq!(process.ended(), None, "it ended by itself:\n{}", self.log_end());
            client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let began = tokio::time::Instant::now();
        while !holds().await {
            assert!(began.elapsed() < PATIENCE, "not after {PATIENCE:?}: {what}\n{}", self.log_end());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Another Waypost beside the one that serves, as a command line makes it. Close its store after use.
    pub async fn beside(&self) -> Arc<App> {
        let places = Places { data: self.data.clone(), database: self.database.clone(), exclusive: false };
        App::open(places, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await.expect("the store opens")
    }

    /// Waits until all events are applied and no run waits or works.
    pub async fn quiet(&self) {
        let app = self.beside().await;
        self.until("all is quiet", async || {
            // The database may be away or busy for a moment: then it is not quiet.
            let Ok(counts) = app.store.counts().await else { return false };
            let open = ["waiting", "working", "paused"];
            counts.unapplied == 0
                && !counts.runs.iter().any(|(state, _, count)| *count > 0 && open.contains(&state.as_str()))
        })
        .await;
        app.store.close().await;
    }
}

/// A second lasting port.
fn lasting_port_beside(port: u16) -> u16 {
    let mut next = port;
    loop {
        next = if next + 1 < PORTS.end { next + 1 } else { PORTS.start };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, next)).is_ok() {
            return next;
        }
    }
}

/// The connection's file, with more lines. Its retries are quick, so that tests are.
pub fn crm_file(crm: SocketAddr, more: &str) -> String {
    let retry = if more.contains("retry:") {
        ""
    } else {
        "retry: { schedule: [200ms, 500ms], give_up_after: 72h }\n"
    };
    format!("connector: sandbox\ntitle: CRM\nbase_url: http://{crm}\nallow_private: true\n{retry}{more}")
}

/// A process that is killed when dropped.
pub struct Process(Child);

impl Process {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        Self(command.spawn().expect("the program can be started"))
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it can be asked for")
    }

    /// `kill -9`, and gives back when it is gone.
    pub fn kill(mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it ends");
    }

    /// Sends another signal: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let done = Command::new("/bin/sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status();
        assert!(done.is_ok_and(|status| status.success()), "signal {name} can't be sent");
    }

    /// Waits for its end.
    pub async fn end(&mut self, log: impl Fn() -> String) -> ExitStatus {
        let began = tokio::time::Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end after {PATIENCE:?}\n{}", log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The sandbox CRM as a process of its own.
pub struct Crm {
    /// Where it listens.
    pub address: SocketAddr,
    client: reqwest::Client,
    _process: Process,
}

impl Crm {
    /// Starts it.
    pub async fn start() -> Self {
        let mut command = Command::new(binary());
        command.args(["sandbox", "--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::start(command);
        let out = process.0.stdout.take().expect("its output");
        let address = tokio::task::spawn_blocking(move || {
            let line = BufReader::new(out).lines().next().expect("a line").expect("text");
            let address = line.rsplit_once("http://").map(|(_, rest)| rest.trim_end_matches('/').to_owned());
            address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address: {line}"))
        });
        Self { address: address.await.expect("it says where it is"), client: client(), _process: process }
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.address);
        let answer = self.client.get(url).send().await.expect("the CRM answers");
        serde_json::from_slice(&answer.bytes().await.expect("the whole answer")).expect("JSON")
    }

    /// Tells it how to behave from now on.
    pub async fn behave(&self, behaviour: Value) {
        let url = format!("http://{}/_behave", self.address);
        let answer = self.client.post(url).body(behaviour.to_string()).send().await.expect("the CRM answers");
        assert!(answer.status().is_success(), "{behaviour} is no behaviour: {}", answer.status());
    }

    /// Records of an object, oldest first: `{"id", "key", "fields"}`.
    pub async fn records(&self, object: &str) -> Vec<Value> {
        self.get("/_records").await[object].as_array().cloned().unwrap_or_default()
    }

    /// Calls and effects.
    pub async fn stats(&self) -> Value {
        self.get("/_stats").await
    }

    /// Behaves well again.
    pub async fn behave_well(&self) {
        self.behave(json!({})).await;
    }
}
