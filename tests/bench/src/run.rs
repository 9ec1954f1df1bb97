//! One run of one program: closed loop for acks, closed loop for deliveries, open loop for latencies, a start. Every run
//! counts what was sent, acked, stored and delivered, and is an error where the counts differ: a figure of a run that lost
//! something would be no figure. Called by `main` for one run and by `round` for all.

use crate::child::Child;
use crate::load::Sent;
use crate::mock_crm::Stats;
use crate::pages::{self, Page};
use crate::peer::{Home, Peer, Running};
use crate::procfs::{self, Noise};
use crate::{free_port, once, postgres};
use anyhow::{Context, Result, bail, ensure};
use hyper::Method;
use serde::Serialize;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Events per second of the open loop. The keys' names say it.
pub const RATE: u32 = 100;
/// Connections of the open loop: enough for a stall of more than a second at that rate.
const OPEN_CONNECTIONS: u32 = 128;
/// Events before a measurement, so that caches, connections and statements are there.
const WARM_UP: u32 = 200;
const WARM_UP_CONNECTIONS: u32 = 8;
/// The longest wait for the mock CRM.
const CRM_START_MAX: Duration = Duration::from_secs(10);

/// The type of a file system that keeps nothing, see statfs(2).
const TMPFS: i64 = 0x0102_1994;

/// What all runs have in common.
#[derive(clap::Args)]
pub struct Settings {
    /// The waypost to measure
    #[arg(long, env = "RELEASE_BIN", default_value = "target/release/waypost")]
    pub bin: PathBuf,
    /// Where data and logs are while it runs; on the disk that is to be measured
    #[arg(long, env = "BENCH_WORK", default_value = "target/bench-work")]
    pub work: PathBuf,
    /// Of the closed loop
    #[arg(long, env = "CONNECTIONS", default_value_t = 32)]
    connections: u32,
    /// How long the closed loop for acks is
    #[arg(long, env = "ACK_SECONDS", default_value_t = 8.0)]
    ack_seconds: f64,
    /// How many events the closed loop for deliveries has
    #[arg(long, env = "EVENTS", default_value_t = 20_000)]
    pub events: u32,
    /// How long the open loop is
    #[arg(long, env = "OPEN_SECONDS", default_value_t = 20)]
    open_seconds: u32,
    /// How long an idle server is left alone before its memory is read
    #[arg(long, env = "IDLE_SECONDS", default_value_t = 3.0)]
    idle_seconds: f64,
    /// Say the number of each process that is measured
    #[arg(long, hide = true)]
    pub tell_process: bool,
}

/// What one run came to.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    pub sent: Sent,
    /// Most memory that the server had since its start, in MiB.
    pub rss_peak_mib: f64,
    /// Cores that programs outside of the bench used meanwhile.
    pub noise_cores: f64,
}

/// How a stopped server with data in it starts.
#[derive(Debug, Clone, Serialize)]
pub struct Start {
    /// From the start of the process to its first 200 for a webhook.
    pub to_200_ms: f64,
    /// Memory after a while of nothing, in MiB.
    pub rss_idle_mib: f64,
}

/// The mock CRM, the Postgres and the work folder of a bench, which go in that order.
pub struct Stage {
    pub settings: Settings,
    crm: Child,
    crm_url: String,
    postgres: Option<postgres::Server>,
    work: Work,
}

/// A folder of this bench alone. Dropping it removes it.
struct Work(PathBuf);

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Stage {
    /// Starts what all runs need.
    pub fn new(settings: Settings, with_postgres: bool) -> Result<Self> {
        ensure!(
            settings.bin.is_file(),
            "{} is not there; build it, or name another with RELEASE_BIN",
            settings.bin.display()
        );
        let work = Work(std::path::absolute(&settings.work)?.join(std::process::id().to_string()));
        fs::create_dir_all(&work.0).with_context(|| format!("{} can't be made", work.0.display()))?;
        crate::child::end_all_when_interrupted(work.0.clone());
        let postgres =
            with_postgres.then(|| postgres::Server::start(&work.0.join("postgres"))).transpose()?;
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["mock-crm", "--port", &port.to_string()]);
        let crm = Child::start("the mock CRM", &mut command, &work.0.join("mock-crm.log"))?;
        let mut stage = Self { settings, crm, crm_url: format!("http://127.0.0.1:{port}"), postgres, work };
        let began = Instant::now();
        while let Err(error) = stage.crm_stats() {
            stage.crm.expect_alive()?;
            ensure!(began.elapsed() < CRM_START_MAX, "the mock CRM does not come up: {error:#}");
        }
        Ok(stage)
    }

    /// An empty home.
    pub fn home(&self, peer: Peer) -> Result<Home> {
        Home::new(peer, &self.work.0, self.postgres.as_ref())
    }

    /// Room that the disk with the homes has left.
    pub fn free_bytes(&self) -> Result<u64> {
        let about = rustix::fs::statvfs(&self.work.0)?;
        Ok(about.f_bavail * about.f_frsize)
    }

    /// What about this machine makes figures doubtful.
    pub fn warnings(&self) -> Vec<String> {
        let in_memory = rustix::fs::statfs(&self.work.0).is_ok_and(|about| about.f_type == TMPFS);
        let told = "The work folder is in memory (tmpfs), where a commit costs nothing. Name one on a disk by BENCH_WORK.";
        in_memory.then(|| told.to_owned()).into_iter().collect()
    }

    fn crm_stats(&self) -> Result<Stats> {
        let (_, body) = once(&format!("{}/stats", self.crm_url).parse()?, Method::GET, Vec::new())?;
        Ok(serde_json::from_slice(&body)?)
    }

    fn noise(&self) -> Noise {
        let postgres: Vec<u32> = self.postgres.iter().filter_map(|server| server.pid).collect();
        Noise::begin(&postgres)
    }

    /// Closed loop: acks as fast as the server gives them, while everything behind them is at work too.
    pub fn acks(&mut self, peer: Peer) -> Result<Outcome> {
        let home = self.home(peer)?;
        let mut running = self.start(&home)?;
        let options = [
            ("--events", u32::MAX.to_string()),
            ("--connections", self.settings.connections.to_string()),
            ("--seconds-max", self.settings.ack_seconds.to_string()),
        ];
        let outcome = self.measure(&mut running, &options, false)?;
        // What waits for its delivery then is of no interest here; that it was stored is.
        running.child.stop()?;
        let (stored, acked) = (home.stored_events()?, outcome.sent.acked);
        ensure!(stored >= acked, "{}: {acked} events were acked and only {stored} are stored", peer.name());
        Ok(outcome)
    }

    /// Closed loop of so many events, until the last of them arrived at the CRM. Leaves the server stopped.
    pub fn delivery(&mut self, home: &Home, events: u32) -> Result<Outcome> {
        let mut running = self.start(home)?;
        let options =
            [("--events", events.to_string()), ("--connections", self.settings.connections.to_string())];
        let outcome = self.measure(&mut running, &options, true)?;
        self.stop(home, running, &outcome)?;
        Ok(outcome)
    }

    /// Open loop at [`RATE`].
    pub fn open(&mut self, peer: Peer) -> Result<Outcome> {
        let home = self.home(peer)?;
        let mut running = self.start(&home)?;
        let options = [
            ("--events", (self.settings.open_seconds * RATE).to_string()),
            ("--connections", OPEN_CONNECTIONS.to_string()),
            ("--rate", RATE.to_string()),
        ];
        let outcome = self.measure(&mut running, &options, peer.delivers())?;
        self.stop(&home, running, &outcome)?;
        Ok(outcome)
    }

    /// Starts it and stops it again.
    pub fn start_once(&mut self, home: &Home) -> Result<()> {
        home.start(&self.settings.bin, &self.crm_url)?.child.stop()
    }

    /// A start of what has run before.
    pub fn start_again(&mut self, home: &Home) -> Result<Start> {
        let mut running = home.start(&self.settings.bin, &self.crm_url)?;
        std::thread::sleep(Duration::from_secs_f64(self.settings.idle_seconds));
        running.child.expect_alive()?;
        let rss_idle_mib = procfs::rss_mib(running.child.pid()).context("its memory can't be read")?;
        let to_200_ms = running.first_200.as_secs_f64() * 1_000.0;
        running.child.stop()?;
        Ok(Start { to_200_ms, rss_idle_mib })
    }

    /// Its pages, with what is in its store.
    pub fn pages(&mut self, home: &Home) -> Result<Vec<Page>> {
        let mut running = home.start(&self.settings.bin, &self.crm_url)?;
        let pages = pages::measure(&self.settings.bin, home, &mut running)?;
        running.child.stop()?;
        Ok(pages)
    }

    /// Starts it and warms it up.
    fn start(&mut self, home: &Home) -> Result<Running> {
        let mut running = home.start(&self.settings.bin, &self.crm_url)?;
        let options = [("--events", WARM_UP.to_string()), ("--connections", WARM_UP_CONNECTIONS.to_string())];
        let sent = self.load(&mut running, &options, home.peer.delivers())?;
        expect_all(home.peer, &sent)?;
        if self.settings.tell_process {
            eprintln!(
                "{} is warm and is measured now; it is process {}",
                home.peer.name(),
                running.child.pid()
            );
        }
        Ok(running)
    }

    fn measure(
        &mut self,
        running: &mut Running,
        options: &[(&str, String)],
        to_crm: bool,
    ) -> Result<Outcome> {
        let noise = self.noise();
        let sent = self.load(running, options, to_crm)?;
        let noise_cores = noise.cores();
        let rss_peak_mib = procfs::rss_peak_mib(running.child.pid()).context("its memory can't be read")?;
        Ok(Outcome { sent, rss_peak_mib, noise_cores })
    }

    /// Runs the load generator as a process of its own.
    fn load(&mut self, running: &mut Running, options: &[(&str, String)], to_crm: bool) -> Result<Sent> {
        once(&format!("{}/reset", self.crm_url).parse()?, Method::POST, Vec::new())?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["load", "--url", &running.url]);
        for (name, value) in options {
            command.args([name, value.as_str()]);
        }
        if to_crm {
            command.args(["--crm", &self.crm_url]);
        }
        let done = command.output().context("the load generator can't be started")?;
        running.child.expect_alive()?;
        self.crm.expect_alive()?;
        if !done.status.success() {
            bail!(
                "the load generator failed ({}): {}",
                done.status,
                String::from_utf8_lossy(&done.stderr).trim()
            );
        }
        serde_json::from_slice(&done.stdout).context("the load generator's answer can't be read")
    }

    /// Stops it in order, and sees that the counts are right: nothing lost, nothing twice, also not at the very end.
    fn stop(&mut self, home: &Home, running: Running, outcome: &Outcome) -> Result<()> {
        expect_all(home.peer, &outcome.sent)?;
        running.child.stop()?;
        if home.peer.delivers() {
            expect_once(home.peer, outcome.sent.acked, &self.crm_stats()?)?;
        }
        Ok(())
    }
}

/// All were acked, and where a CRM was there, all arrived once.
fn expect_all(peer: Peer, sent: &Sent) -> Result<()> {
    if let Some((answer, count)) = sent.answers.iter().find(|(answer, _)| *answer != "200") {
        bail!("{}: {count} webhooks got {answer} instead of 200 (all: {:?})", peer.name(), sent.answers);
    }
    match &sent.arrived {
        Some(arrived) => expect_once(peer, sent.acked, &arrived.stats),
        None => Ok(()),
    }
}

fn expect_once(peer: Peer, acked: u64, stats: &Stats) -> Result<()> {
    let Stats { unique, duplicates, without_token, .. } = stats;
    ensure!(
        *unique == acked && *duplicates == 0 && *without_token == 0,
        "{}: of {acked} acked events {unique} arrived at the CRM, {duplicates} of them again, and there were \
         {without_token} calls without an event",
        peer.name()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{expect_all, expect_once};
    use crate::load::Sent;
    use crate::mock_crm::Stats;
    use crate::peer::Peer;

    #[test]
    fn only_right_counts_make_a_run() {
        let stats = |unique, duplicates| Stats { unique, duplicates, ..Stats::default() };
        assert!(expect_once(Peer::Waypost, 5, &stats(5, 0)).is_ok());
        let lost = expect_once(Peer::Waypost, 5, &stats(4, 0)).unwrap_err().to_string();
        assert!(
            lost.starts_with("waypost on SQLite: of 5 acked events 4 arrived at the CRM, 0 of them again"),
            "{lost}"
        );
        assert!(expect_once(Peer::Waypost, 5, &stats(5, 1)).is_err());
        assert!(expect_once(Peer::Waypost, 5, &stats(6, 0)).is_err());
    }

    #[test]
    fn an_answer_other_than_200_breaks_a_run() {
        let sent = |answers: &[(&str, u64)]| Sent {
            acked: 3,
            answers: answers.iter().map(|(answer, count)| ((*answer).to_owned(), *count)).collect(),
            acks_per_s: 1.0,
            ack: crate::latency::Latency::default(),
            arrived: None,
        };
        assert!(expect_all(Peer::Group, &sent(&[("200", 3)])).is_ok());
        let told = expect_all(Peer::Group, &sent(&[("200", 3), ("503", 2)])).unwrap_err().to_string();
        assert!(told.starts_with("floor group: 2 webhooks got 503 instead of 200"), "{told}");
    }
}
