//! How many webhooks of a source usually come in each hour of the week, and whether it is silent for longer than that. Pure,
//! from what was counted by the hour. Pages tell of it, and alerts.
//!
//! The profile has the 168 hours of a week in UTC, so it is the same in every time zone; where clocks are put forward or back
//! it is an hour off for the weeks until it has learned that. The last weeks count most. It is learned from what came before
//! the last webhook, so that a long silence never becomes the usual.
//!
//! A silence is one that chance makes once in ten years. Bookings come by themselves, so that their number in a stretch of
//! time is that of Poisson: none of `n` that usually come has the chance `exp(-n)`. Where they come in clumps (one booking
//! sends several webhooks), clumps are counted. Hours in which nothing usually comes add nothing, however many they are;
//! hours in which Waypost itself was not running are left out.
//!
//! Invariant: a silence does not begin in hours that were learned as closed, and while a source that usually sends is silent
//! it is seen within a bounded time (`silence_tests.rs` keeps both).

use super::{Millis, Stretch};

const HOUR: Millis = 3_600_000;
const WEEK_HOURS: i64 = 7 * 24;
const WEEK: Millis = WEEK_HOURS * HOUR;
/// Weeks that are looked back.
pub const RATE_WEEKS: i64 = 8;
/// Of so many weeks at least, a rate is a usual one.
const WEEKS_MIN: i64 = 2;
/// Of fewer webhooks nothing is learned.
const EVENTS_MIN: i64 = 10;
/// What a week counts beside the one after it.
const FADES: f64 = 0.8;
/// Weeks of ten years: so seldom a silence is called one by chance.
const WEEKS_OF_TEN_YEARS: f64 = 520.0;
/// Webhooks of one clump at most: a past outage makes counts look more uneven than they are.
const CLUMP_MAX: f64 = 8.0;
/// Nothing shorter is called a silence: networks have their moments.
const SILENT_MS_MIN: Millis = 15 * 60_000;

/// A source is silent for longer than usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silence {
    /// Since its last webhook.
    pub since: Millis,
    /// So many usually come in an hour like those that were silent.
    pub usually: f64,
    /// So many usually come in such a time.
    pub missed: f64,
}

/// What usually comes, by the hour of the week.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// By hour of the week, as hours since 1970 fall on them.
    rates: Vec<f64>,
    /// All of them together.
    a_week: f64,
    /// Webhooks that come together: how much more uneven counts are than chance makes them; 1 at least.
    clump: f64,
}

/// The webhooks of one source, by the hour.
#[derive(Clone, Debug, Default)]
pub struct Rhythm {
    /// Hours since 1970, each with its webhooks; those without any are left out.
    hours: std::collections::BTreeMap<i64, i64>,
}

impl Rhythm {
    /// Of these hours: [`RATE_WEEKS`] weeks before the last webhook, and more.
    pub fn of(hours: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self { hours: hours.into_iter().filter(|(_, events)| *events > 0).collect() }
    }

    /// How many came in the 24 hours up to now.
    pub fn lately(&self, now: Millis) -> i64 {
        self.hours.range(now.div_euclid(HOUR) - 23..).map(|(_, events)| events).sum()
    }

    /// What is usual, learned from the weeks before then; `None`: it is not known yet.
    pub fn profile(&self, at: Millis) -> Option<Profile> {
        let until = at.div_euclid(HOUR);
        let (first, _) = self.hours.first_key_value()?;
        let weeks = ((until - first) / WEEK_HOURS).min(RATE_WEEKS);
        if weeks < WEEKS_MIN {
            return None;
        }
        let mut counts = vec![[0.0_f64; RATE_WEEKS as usize]; WEEK_HOURS as usize];
        let mut all = 0;
        for (hour, events) in self.hours.range(until - weeks * WEEK_HOURS..until) {
            let back = (until - 1 - hour) / WEEK_HOURS;
            counts[slot(*hour)][back as usize] = *events as f64;
            all += events;
        }
        (all >= EVENTS_MIN).then(|| Profile::of(&counts, weeks as usize))
    }

    /// Whether it is silent for longer than usual since its last webhook. Times in `away` don't count: Waypost itself was not
    /// running then.
    pub fn silence(&self, last: Millis, now: Millis, away: &[Stretch]) -> Option<Silence> {
        let profile = self.profile(last)?;
        let within = away.iter().map(|one| Stretch { from: one.from.max(last), to: one.to.min(now) });
        let within: Vec<Stretch> = within.filter(|one| one.from < one.to).collect();
        let there = now - last - within.iter().map(|one| one.to - one.from).sum::<Millis>();
        if there < SILENT_MS_MIN {
            return None;
        }
        let gone: f64 = within.iter().map(|one| profile.expected(one.from, one.to)).sum();
        let missed = (profile.expected(last, now) - gone).max(0.0);
        (missed >= profile.unusual()).then(|| Silence {
            since: last,
            usually: profile.usually(last, now),
            missed,
        })
    }
}

/// Which hour of the week it is.
fn slot(hour: i64) -> usize {
    hour.rem_euclid(WEEK_HOURS) as usize
}

impl Profile {
    /// Of the counts of each hour of the week, the last week first.
    fn of(counts: &[[f64; RATE_WEEKS as usize]], weeks: usize) -> Self {
        let weights: Vec<f64> = (0..weeks).map(|back| FADES.powi(back as i32)).collect();
        let sum: f64 = weights.iter().sum();
        let (mut rates, mut means, mut variances) = (Vec::with_capacity(counts.len()), 0.0, 0.0);
        for counted in counts {
            let counted = &counted[..weeks];
            rates.push(counted.iter().zip(&weights).map(|(count, weight)| count * weight).sum::<f64>() / sum);
            let mean = counted.iter().sum::<f64>() / weeks as f64;
            let squares: f64 = counted.iter().map(|count| (count - mean).powi(2)).sum();
            means += mean;
            variances += squares / (weeks - 1) as f64;
        }
        let clump = if means > 0.0 { (variances / means).clamp(1.0, CLUMP_MAX) } else { 1.0 };
        Self { a_week: rates.iter().sum(), rates, clump }
    }

    /// How many usually come in that hour (since 1970).
    pub fn rate(&self, hour: i64) -> f64 {
        self.rates[slot(hour)]
    }

    /// How many usually come between these times.
    pub fn expected(&self, from: Millis, to: Millis) -> f64 {
        if to <= from {
            return 0.0;
        }
        let weeks = (to - from) / WEEK;
        let rest = from + weeks * WEEK;
        weeks as f64 * self.a_week + pieces(rest, to).map(|(hour, part)| self.rate(hour) * part).sum::<f64>()
    }

    /// How likely it is that none comes between these times.
    pub fn chance_of_none(&self, from: Millis, to: Millis) -> f64 {
        (-self.expected(from, to) / self.clump).exp()
    }

    /// So many must be missing for a silence: each pause between two clumps may be one by chance, and of all those of ten
    /// years one is.
    fn unusual(&self) -> f64 {
        let clumps_a_week = (self.a_week / self.clump).max(1.0);
        self.clump * (WEEKS_OF_TEN_YEARS * clumps_a_week).ln()
    }

    /// How many usually come in an hour of that time, without the hours in which none does.
    fn usually(&self, from: Millis, to: Millis) -> f64 {
        let from = from.max(to - WEEK);
        let open: f64 =
            pieces(from, to).filter(|(hour, _)| self.rate(*hour) > 0.0).map(|(_, part)| part).sum();
        if open > 0.0 { self.expected(from, to) / open } else { 0.0 }
    }
}

/// The hours between two times, and how much of each.
fn pieces(from: Millis, to: Millis) -> impl Iterator<Item = (i64, f64)> {
    (from.div_euclid(HOUR)..=(to - 1).div_euclid(HOUR)).map(move |hour| {
        let (begins, ends) = ((hour * HOUR).max(from), ((hour + 1) * HOUR).min(to));
        (hour, (ends - begins) as f64 / HOUR as f64)
    })
}

#[cfg(test)]
#[path = "silence_tests.rs"]
mod tests;
