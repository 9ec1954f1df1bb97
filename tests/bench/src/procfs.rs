//! Memory and CPU time of processes, out of /proc (Linux). The orchestration reads a server's memory by it, and tells how
//! much CPU went to programs that are no part of the bench: the noise of a run.

use rustix::param::clock_ticks_per_second;
use std::collections::HashMap;
use std::fs;
use std::time::Instant;

struct Stat {
    parent: u32,
    /// Of the process and of its children that ended and were waited for.
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    stat_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn stat_of(text: &str) -> Option<Stat> {
    // The name stands in parentheses and may hold anything, so fields begin after the last one.
    let fields: Vec<&str> = text[text.rfind(')')? + 2..].split(' ').collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    // proc(5) counts the state as field 3, here it is 0: parent 4, then utime, stime, cutime, cstime from 14.
    Some(Stat { parent: number(1) as u32, ticks: number(11) + number(12) + number(13) + number(14) })
}

/// CPU seconds of processes and all their descendants, with those of children that ended.
fn tree_cpu_s(roots: &[u32]) -> f64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stats: HashMap<u32, Stat> = pids.filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let inside = |pid: u32| {
        let mut at = pid;
        while !roots.contains(&at) {
            match stats.get(&at) {
                Some(stat) if stat.parent > 1 => at = stat.parent,
                _ => return false,
            }
        }
        true
    };
    let ticks: u64 = stats.iter().filter(|(pid, _)| inside(**pid)).map(|(_, stat)| stat.ticks).sum();
    ticks as f64 / clock_ticks_per_second() as f64
}

/// Seconds since the start of the machine in which its CPUs were busy.
fn machine_busy_s() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let fields: Vec<u64> = first.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect();
    // user, nice, system, (idle, iowait), irq, softirq, steal
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().map(|at| fields.get(*at).copied().unwrap_or(0)).sum();
    busy as f64 / clock_ticks_per_second() as f64
}

fn status_kib(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Memory that a process has at this moment (RSS), in MiB.
pub fn rss_mib(pid: u32) -> Option<f64> {
    Some(status_kib(pid, "VmRSS:")? as f64 / 1024.0)
}

/// The most that it ever had, in MiB.
pub fn rss_peak_mib(pid: u32) -> Option<f64> {
    Some(status_kib(pid, "VmHWM:")? as f64 / 1024.0)
}

/// Tells how many cores others used between its start and its end.
pub struct Noise {
    ours: Vec<u32>,
    began: Instant,
    busy_s: f64,
    ours_s: f64,
}

impl Noise {
    /// From now on. `others` are processes that belong to the bench and are no descendants of this one.
    pub fn begin(others: &[u32]) -> Self {
        let ours = [&[std::process::id()], others].concat();
        Self { busy_s: machine_busy_s(), ours_s: tree_cpu_s(&ours), ours, began: Instant::now() }
    }

    /// Cores that others used since. Children that ended meanwhile must have been waited for.
    pub fn cores(&self) -> f64 {
        let busy_s = machine_busy_s() - self.busy_s;
        let ours_s = tree_cpu_s(&self.ours) - self.ours_s;
        (busy_s - ours_s).max(0.0) / self.began.elapsed().as_secs_f64().max(0.01)
    }
}

#[cfg(test)]
mod tests {
    use super::{rss_mib, rss_peak_mib, stat_of, tree_cpu_s};
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "4711 (a) b) S 17 1 1 0 -1 4194560 9 9 9 9 100 20 3 4 20 0 1 0 5 6 7";
        let stat = stat_of(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (17, 127));
    }

    #[test]
    fn the_own_process_has_memory() {
        let own = std::process::id();
        assert!(rss_mib(own).unwrap() > 0.1);
        assert!(rss_peak_mib(own).unwrap() >= 0.1);
        assert_eq!(rss_mib(u32::MAX), None);
    }

    #[test]
    fn what_a_child_burnt_counts_while_it_runs_and_after_it_ended() {
        let own = [std::process::id()];
        let before = tree_cpu_s(&own);
        let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let began = Instant::now();
        while tree_cpu_s(&own) < before + 0.1 {
            assert!(began.elapsed() < Duration::from_secs(60), "what a running child burns does not count");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(tree_cpu_s(&own) >= before + 0.1);
    }
}
