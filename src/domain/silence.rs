//! How many webhooks usually come at this time of the week, and whether a source is silent for longer than that. Pure, from
//! what was counted by the hour. The pages tell of it, and alerts.

use super::Millis;

const HOUR: Millis = 3_600_000;
const WEEK_HOURS: i64 = 7 * 24;
/// Weeks that are looked back.
pub const RATE_WEEKS: i64 = 4;
/// Of so many weeks at least, a rate is a usual one.
const WEEKS_MIN: i64 = 2;
/// So many webhooks that usually come in the meantime make a silence: by chance it happens once in three thousand times.
const MISSED_MIN: f64 = 8.0;

/// A source is silent for longer than usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silence {
    /// Since its last webhook.
    pub since: Millis,
    /// So many usually come in an hour like those that were silent.
    pub usually: f64,
}

/// The webhooks of one source, by the hour.
#[derive(Clone, Debug, Default)]
pub struct Rhythm {
    /// Hours since 1970, each with its webhooks; those without any are left out.
    hours: std::collections::BTreeMap<i64, i64>,
}

impl Rhythm {
    /// Of these hours; the last [`RATE_WEEKS`] weeks and more.
    pub fn of(hours: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self { hours: hours.into_iter().collect() }
    }

    /// How many came in the 24 hours up to now.
    pub fn lately(&self, now: Millis) -> i64 {
        self.hours.range(now / HOUR - 23..).map(|(_, events)| events).sum()
    }

    /// How many usually come in that hour of the week; `None` where nothing is usual yet.
    pub fn usual(&self, hour: i64) -> Option<f64> {
        let (first, _) = self.hours.first_key_value()?;
        let weeks: Vec<i64> =
            (1..=RATE_WEEKS).map(|week| hour - week * WEEK_HOURS).filter(|then| then >= first).collect();
        let sum: i64 = weeks.iter().filter_map(|then| self.hours.get(then)).sum();
        (weeks.len() as i64 >= WEEKS_MIN).then(|| sum as f64 / weeks.len() as f64)
    }

    /// Whether it is silent for longer than usual since its last webhook.
    pub fn silence(&self, last: Millis, now: Millis) -> Option<Silence> {
        let this_hour = now / HOUR;
        // A day of silence is told by its own: more hours need not be added up.
        let from = (last / HOUR + 1).max(this_hour - 72);
        let missed: f64 = (from..this_hour).filter_map(|hour| self.usual(hour)).sum();
        let usually = missed / (this_hour - from).max(1) as f64;
        (missed >= MISSED_MIN).then_some(Silence { since: last, usually })
    }
}
