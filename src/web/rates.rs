//! How many webhooks a source usually sends at this time of the week, and whether it is silent longer than that. Pure, from
//! what was counted by the hour.

use super::times::{counted, weekday};
use crate::domain::{Millis, Rhythm};
use crate::ports::SourceHour;

pub use crate::domain::RATE_WEEKS as WEEKS;

const HOUR: Millis = 3_600_000;

/// How a source does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rate {
    /// Usually in this hour of the week.
    pub usual: Option<f64>,
    /// In the last 24 hours.
    pub lately: i64,
    /// A sentence, where it is silent longer than usual.
    pub silence: Option<String>,
}

/// The rate of one source. `hours` has the last [`WEEKS`] weeks and more, of any source.
pub fn rate(source: &str, title: &str, hours: &[SourceHour], last: Option<Millis>, now: Millis) -> Rate {
    let own = hours.iter().filter(|hour| hour.source == source).map(|hour| (hour.hour, hour.events));
    let rhythm = Rhythm::of(own);
    let silence = last.and_then(|last| rhythm.silence(last, now)).map(|silence| {
        format!(
            "{title} has been silent for {}; on a {} it usually sends {} an hour.",
            lasting(now - silence.since),
            weekday(now),
            per_hour(silence.usually)
        )
    });
    Rate { usual: rhythm.usual(now / HOUR), lately: rhythm.lately(now), silence }
}

/// `3 hours`, `2 days`.
fn lasting(silent: Millis) -> String {
    let hours = (silent / HOUR).max(1);
    if hours < 48 { counted(hours, "hour") } else { counted(hours / 24, "day") }
}

/// `14`, `2.5`, `less than 1`.
pub fn per_hour(rate: f64) -> String {
    if rate >= 9.5 {
        format!("{rate:.0}")
    } else if rate >= 0.95 {
        format!("{rate:.1}").trim_end_matches(".0").to_owned()
    } else if rate > 0.0 {
        String::from("less than 1")
    } else {
        String::from("0")
    }
}

#[cfg(test)]
mod tests {
    use super::{HOUR, rate};
    use crate::ports::SourceHour;

    const NOW: i64 = 1_805_000_000_000;

    fn weekly(events: i64, weeks: i64) -> Vec<SourceHour> {
        let this = NOW / HOUR;
        (3..weeks * 168).map(|back| SourceHour { source: "a".into(), hour: this - back, events }).collect()
    }

    #[test]
    fn a_source_is_silent_when_much_that_usually_comes_does_not() {
        let hours = weekly(14, 5);
        let silent = rate("a", "FareHarbor", &hours, Some(NOW - 3 * HOUR), NOW);
        assert_eq!(silent.usual, Some(14.0));
        assert_eq!(
            silent.silence.as_deref(),
            Some("FareHarbor has been silent for 3 hours; on a Sunday it usually sends 14 an hour.")
        );
        assert_eq!(rate("a", "FareHarbor", &hours, Some(NOW - 60_000), NOW).silence, None);
        // One that seldom sends may be silent for long.
        assert_eq!(rate("a", "x", &weekly(1, 5), Some(NOW - 3 * HOUR), NOW).silence, None);
        // Nothing is usual in the first week.
        assert_eq!(rate("a", "x", &weekly(14, 1), Some(NOW - 9 * HOUR), NOW).usual, None);
        assert_eq!(rate("b", "x", &hours, None, NOW).silence, None);
    }
}
