//! Whose turn it is on a busy machine: what answers webhooks goes before everything that may wait.
//!
//! Two means: threads that may wait have a lower priority ([`give_way`]), and while webhooks come in by the crowd the stages
//! behind the ack rest after each piece of work ([`Crowd`]), since on few processors priority alone leaves them half of one,
//! and the disk. They never stop: a crowd that does not end slows them down, no more.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// So many webhooks in one commit are a crowd: they arrived while the commit before was being made.
const CROWD_EVENTS: usize = 8;
/// It has passed after so long without such a commit.
const CROWD_US: i64 = 20_000;
/// Of a crowd's time the others work one part and rest so many.
const REST_PARTS: i64 = 7;
/// The longest rest.
const REST_US_MAX: i64 = 250_000;

/// Whether webhooks come in by the crowd. Told after each commit, asked by the stages after each piece of work.
#[derive(Debug)]
pub struct Crowd {
    seen_us: AtomicI64,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { seen_us: AtomicI64::new(i64::MIN) }
    }
}

impl Crowd {
    /// A commit of so many webhooks was made now (by the monotonic clock).
    pub fn committed(&self, events: usize, now_us: i64) {
        if events >= CROWD_EVENTS {
            self.seen_us.store(now_us, Ordering::Relaxed);
        }
    }

    /// How long to rest after a piece of work that took so long; `None`: there is no crowd.
    pub fn rest(&self, worked_us: i64, now_us: i64) -> Option<Duration> {
        let seen = self.seen_us.load(Ordering::Relaxed);
        if now_us.saturating_sub(seen) > CROWD_US {
            return None;
        }
        let rest = worked_us.saturating_mul(REST_PARTS).clamp(0, REST_US_MAX);
        Some(Duration::from_micros(rest.unsigned_abs()))
    }
}

/// How much less of a busy processor a thread gets that gives way.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lets other threads go first where there is not enough processor for all. This thread alone, and those that it starts.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(error = %error, "the thread's priority could not be set");
    }
}

#[cfg(test)]
mod tests {
    use super::{CROWD_EVENTS, CROWD_US, Crowd, REST_US_MAX};
    use std::time::Duration;

    #[test]
    fn the_stages_rest_while_webhooks_come_by_the_crowd_and_never_for_long() {
        let crowd = Crowd::default();
        assert_eq!(crowd.rest(1_000, 0), None, "nothing came yet");
        crowd.committed(CROWD_EVENTS - 1, 10);
        assert_eq!(crowd.rest(1_000, 10), None, "a few are no crowd");
        crowd.committed(CROWD_EVENTS, 10);
        assert_eq!(crowd.rest(1_000, 20), Some(Duration::from_millis(7)));
        assert_eq!(crowd.rest(-1, 20), Some(Duration::ZERO), "a clock that went back");
        let longest = Some(Duration::from_micros(REST_US_MAX.unsigned_abs()));
        assert_eq!(crowd.rest(i64::MAX, 20), longest);
        assert_eq!(crowd.rest(1_000, 10 + CROWD_US), Some(Duration::from_millis(7)));
        assert_eq!(crowd.rest(1_000, 11 + CROWD_US), None, "it has passed");
    }
}
