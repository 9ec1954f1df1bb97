//! Processes that the bench starts: the servers that are measured, the mock CRM. Each writes to a log in the work folder;
//! one that ends by itself is told with its last words. None outlives a bench that is interrupted; those that are this
//! program itself, the load generator with them, don't outlive one that is killed either (`main` sees to that).

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an orderly stop may take.
const STOP_MAX: Duration = Duration::from_secs(60);
/// Between two looks whether it ended.
const LOOK: Duration = Duration::from_millis(5);
/// Of a log, when its process ended unasked.
const LAST_WORDS_LINES: usize = 8;

/// Those that run at this moment.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// One of them. Dropping it kills it.
pub struct Child {
    /// What it is called in messages.
    name: String,
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts it; what it prints goes to `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("{} can't be written", log.display()))?;
        command.stdin(Stdio::null()).stderr(file.try_clone()?).stdout(file);
        // The lock is held over the start, so that an interruption misses nobody.
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let process = command.spawn().with_context(|| format!("{name} can't be started ({command:?})"))?;
        running.insert(process.id());
        Ok(Self { name: name.to_owned(), process, log: log.to_owned() })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// An error where it ended though nobody asked it to.
    pub fn expect_alive(&mut self) -> Result<()> {
        let Some(status) = self.process.try_wait()? else { return Ok(()) };
        bail!("{} ended by itself ({status}). Its last words:\n{}", self.name, self.last_words())
    }

    /// Asks it to stop, and waits until it has; an error where it does not stop in time or not with success.
    pub fn stop(mut self) -> Result<()> {
        self.expect_alive()?;
        let pid = Pid::from_raw(self.pid().cast_signed()).context("a process id")?;
        kill_process(pid, Signal::TERM)?;
        let Some(status) = self.wait(STOP_MAX)? else {
            bail!("{} did not stop within {} s", self.name, STOP_MAX.as_secs());
        };
        if status.success() {
            return Ok(());
        }
        bail!(
            "{} was asked to stop and ended with {status}. Its last words:\n{}",
            self.name,
            self.last_words()
        )
    }

    fn wait(&mut self, most: Duration) -> Result<Option<ExitStatus>> {
        let began = Instant::now();
        loop {
            let ended = self.process.try_wait()?;
            if ended.is_some() || began.elapsed() > most {
                return Ok(ended);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_WORDS_LINES)..].join("\n")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.process.id());
    }
}

/// From now on SIGINT, SIGTERM and SIGHUP end all children, remove `folder` and end this process.
pub fn end_all_when_interrupted(folder: PathBuf) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(interrupted()).expect("signals can be listened for");
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        for pid in running.iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = fs::remove_dir_all(folder);
        eprintln!("interrupted");
        std::process::exit(130);
    });
}

async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Child, LOOK, STOP_MAX};
    use std::process::Command;
    use std::time::Instant;

    fn shell(script: &str, log: &str) -> Child {
        let log = std::env::temp_dir().join(format!("waypost-bench-{}-{log}", std::process::id()));
        let _ = std::fs::remove_file(&log);
        Child::start("the shell", Command::new("sh").args(["-c", script]), &log).unwrap()
    }

    #[test]
    fn a_child_that_ends_unasked_is_told_with_its_last_words() {
        let mut child = shell("echo no room left >&2; exit 3", "words");
        child.wait(STOP_MAX).unwrap().unwrap();
        let told = child.expect_alive().unwrap_err().to_string();
        assert_eq!(told, "the shell ended by itself (exit status: 3). Its last words:\nno room left");
    }

    #[test]
    fn a_child_that_stops_in_disorder_is_told() {
        let child = shell("trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done", "disorder");
        let began = Instant::now();
        while !child.last_words().contains("ready") {
            assert!(began.elapsed() < STOP_MAX, "the shell does not come up");
            std::thread::sleep(LOOK);
        }
        let told = child.stop().unwrap_err().to_string();
        assert!(told.starts_with("the shell was asked to stop and ended with exit status: 4"), "{told}");
    }
}
