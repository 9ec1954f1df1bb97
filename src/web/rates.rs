//! How many webhooks a source usually sends at this time of the week, and whether it is silent longer than that. Pure, from
//! what was counted by the hour.

use super::times::{counted, weekday};
use crate::domain::Millis;
use crate::ports::SourceHour;

const HOUR: Millis = 3_600_000;
const WEEK_HOURS: i64 = 7 * 24;
/// Weeks that are looked back.
pub const WEEKS: i64 = 4;
/// Of so many weeks at least, a rate is a usual one.
const WEEKS_MIN: i64 = 2;
/// So many webhooks that usually come in the meantime make a silence: by chance it happens once in three thousand times.
const MISSED_MIN: f64 = 8.0;

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
    let this_hour = now / HOUR;
    let own: Vec<&SourceHour> = hours.iter().filter(|hour| hour.source == source).collect();
    let lately = own.iter().filter(|hour| hour.hour > this_hour - 24).map(|hour| hour.events).sum();
    let first = own.iter().map(|hour| hour.hour).min();
    let in_hour = |hour: i64| own.iter().find(|one| one.hour == hour).map_or(0, |one| one.events);
    let usual_of = |hour: i64| {
        let first = first?;
        let weeks: Vec<i64> =
            (1..=WEEKS).map(|week| hour - week * WEEK_HOURS).filter(|then| *then >= first).collect();
        let sum: i64 = weeks.iter().map(|then| in_hour(*then)).sum();
        (weeks.len() as i64 >= WEEKS_MIN).then(|| sum as f64 / weeks.len() as f64)
    };
    let usual = usual_of(this_hour);
    let silence = last.and_then(|last| {
        let (from, silent) = (last / HOUR + 1, now - last);
        // A day of silence is told by its own: more hours need not be added up.
        let missed: f64 = (from.max(this_hour - 72)..this_hour).filter_map(usual_of).sum();
        let usually = missed / (this_hour - from.max(this_hour - 72)).max(1) as f64;
        (missed >= MISSED_MIN).then(|| {
            format!(
                "{title} has been silent for {}; on a {} it usually sends {} an hour.",
                lasting(silent),
                weekday(now),
                per_hour(usually)
            )
        })
    });
    Rate { usual, lately, silence }
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
