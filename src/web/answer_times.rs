//! How long each connection's answers take: the median of its newest answered calls, told with what it rests on where that
//! is little. Used by the pages of connections and the API.

use super::times::{Moment, counted};
use crate::app::App;
use crate::domain::Millis;
use crate::ports::{AnsweredCall, StoreError};
use std::collections::BTreeMap;

/// Calls to all connections that are looked at.
const LOOK: i64 = 500;
/// Calls of one connection that the median is made of.
const CALLS_MAX: usize = 25;
/// Fewer than this are said to be few.
const CALLS_ENOUGH: usize = 10;
/// What is older than this is said to be so.
const LATELY_MS: Millis = 24 * 3_600_000;

/// How long the answers of each connection take, by its name.
pub(super) type AnswerTimes = BTreeMap<String, AnswerTime>;

/// How long one's answers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AnswerTime {
    /// The median.
    pub median_ms: i64,
    /// Of so many calls.
    pub calls: usize,
    /// When the last of them began.
    pub last_at: Millis,
}

/// Asks the store, in one bounded query for all of them.
pub(super) async fn read(app: &App) -> Result<AnswerTimes, StoreError> {
    Ok(of(app.store.answered_lately(LOOK).await?))
}

fn of(calls: Vec<AnsweredCall>) -> AnswerTimes {
    let mut by_name: BTreeMap<String, (Vec<i64>, Millis)> = BTreeMap::new();
    for call in calls {
        // The newest comes first.
        let (durations, _) = by_name.entry(call.connection).or_insert((Vec::new(), call.started_at));
        if durations.len() < CALLS_MAX {
            durations.push(call.duration_ms.max(0));
        }
    }
    let time = |(name, (mut durations, last_at)): (String, (Vec<i64>, Millis))| {
        durations.sort_unstable();
        let median_ms = durations[durations.len() / 2];
        (name, AnswerTime { median_ms, calls: durations.len(), last_at })
    };
    by_name.into_iter().map(time).collect()
}

impl AnswerTime {
    /// `answers in 180 ms`, with what it rests on where that is little or old.
    pub fn words(&self, now: Millis) -> String {
        let mut words = format!("answers in {}", duration(self.median_ms));
        if self.calls < CALLS_ENOUGH {
            words.push_str(&format!(", going by {}", counted(self.calls as i64, "call")));
        }
        if now - self.last_at > LATELY_MS {
            words.push_str(&format!(", the last {}", Moment::of(self.last_at, now).ago));
        }
        words
    }
}

/// `180 ms`, `1.4 s`.
fn duration(ms: i64) -> String {
    if ms < 1_000 { format!("{} ms", ms.max(1)) } else { format!("{:.1} s", ms as f64 / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::{AnswerTime, of};
    use crate::ports::AnsweredCall;

    fn calls(connection: &str, durations: &[i64]) -> Vec<AnsweredCall> {
        let call = |(number, ms): (usize, &i64)| AnsweredCall {
            connection: connection.to_owned(),
            started_at: 9_000 - number as i64,
            duration_ms: *ms,
        };
        durations.iter().enumerate().map(call).collect()
    }

    #[test]
    fn the_middle_of_the_newest_calls_is_told() {
        let mut all = calls("crm", &[180, 90, 20_000]);
        // Old ones, which the newest 25 leave aside.
        all.extend(calls("mail", &[&[100; 25][..], &[9_000; 40]].concat()));
        let times = of(all);
        assert_eq!(times["crm"], AnswerTime { median_ms: 180, calls: 3, last_at: 9_000 });
        assert_eq!(times["mail"], AnswerTime { median_ms: 100, calls: 25, last_at: 9_000 });
        assert!(of(Vec::new()).is_empty());
    }

    #[test]
    fn what_rests_on_little_says_so() {
        let told = |median_ms, calls, now| AnswerTime { median_ms, calls, last_at: 0 }.words(now);
        assert_eq!(told(180, 25, 1_000), "answers in 180 ms");
        assert_eq!(told(0, 10, 1_000), "answers in 1 ms");
        assert_eq!(told(1_449, 1, 1_000), "answers in 1.4 s, going by 1 call");
        assert_eq!(
            told(180, 3, 3 * 24 * 3_600_000),
            "answers in 180 ms, going by 3 calls, the last 3 days ago"
        );
    }
}
