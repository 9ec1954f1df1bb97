//! When to try again, and when to give up. Decided here and nowhere else.

use crate::connectors::RetrySchedule;
use crate::domain::Millis;

/// What comes after a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Again at this time.
    At(Millis),
    /// Not again.
    GiveUp,
}

/// A failed try, as the schedule sees it.
pub(super) struct Failed {
    /// Failures in a row, this one included (from 1).
    pub failures: i64,
    /// For how long it has been tried, without the time in which the connection was stopped.
    pub trying_ms: i64,
    /// What the answer asked for at least.
    pub wait_ms: Option<i64>,
    /// A number from 0 to 1.
    pub chance: f64,
}

/// The longest `Retry-After` that is honoured.
pub(super) const RETRY_AFTER_MS_MAX: i64 = 3_600_000;
/// A create is looked up no sooner than this after the lost call.
pub(super) const LOOK_UP_MS_MIN: i64 = 1_000;

/// The interval of the schedule with ±20 % jitter, or what the answer asked for where that is longer.
pub(super) fn next_try(schedule: &RetrySchedule, failed: &Failed, now: Millis) -> Next {
    if failed.trying_ms >= schedule.give_up_after_ms {
        return Next::GiveUp;
    }
    let index = (failed.failures.max(1) - 1) as usize;
    let interval =
        schedule.intervals_ms.get(index).or(schedule.intervals_ms.last()).copied().unwrap_or(5_000);
    let jittered = (interval as f64 * (0.8 + 0.4 * failed.chance)) as i64;
    let asked = failed.wait_ms.unwrap_or(0).min(RETRY_AFTER_MS_MAX);
    Next::At(now + jittered.max(asked).max(1))
}

/// The schedule's first interval, 1 s or more.
pub(super) fn look_up_after(schedule: &RetrySchedule) -> i64 {
    schedule.intervals_ms.first().copied().unwrap_or(LOOK_UP_MS_MIN).max(LOOK_UP_MS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(failures: i64) -> Failed {
        Failed { failures, trying_ms: 0, wait_ms: None, chance: 0.5 }
    }

    #[test]
    fn the_default_schedule_is_that_of_the_design_and_its_last_interval_repeats() {
        let schedule = RetrySchedule::default();
        let seconds: Vec<i64> = (1..=10)
            .map(|failures| match next_try(&schedule, &failed(failures), 0) {
                Next::At(at) => at / 1_000,
                Next::GiveUp => -1,
            })
            .collect();
        assert_eq!(seconds, [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 14_400, 14_400]);
    }

    #[test]
    fn jitter_stays_within_a_fifth_and_retry_after_within_an_hour() {
        let schedule = RetrySchedule { intervals_ms: vec![10_000], give_up_after_ms: 60_000 };
        for (chance, expected) in [(0.0, 8_000), (0.999_999, 11_999)] {
            assert_eq!(next_try(&schedule, &Failed { chance, ..failed(1) }, 0), Next::At(expected));
        }
        let asked = |wait_ms| Failed { wait_ms: Some(wait_ms), ..failed(1) };
        assert_eq!(next_try(&schedule, &asked(30_000), 0), Next::At(30_000));
        assert_eq!(next_try(&schedule, &asked(1), 0), Next::At(10_000));
        assert_eq!(next_try(&schedule, &asked(RETRY_AFTER_MS_MAX * 9), 0), Next::At(RETRY_AFTER_MS_MAX));
    }

    #[test]
    fn after_the_time_it_gives_up() {
        let schedule = RetrySchedule { intervals_ms: vec![10_000], give_up_after_ms: 60_000 };
        let late = Failed { trying_ms: 60_000, ..failed(3) };
        assert_eq!(next_try(&schedule, &late, 0), Next::GiveUp);
    }
}
