//! Whose trouble it is. What an API answers about its limit or its keys closes the whole source for a while; but something that
//! the keys may not read is often answered just the same. So what is turned away comes behind the others; and where it is
//! turned away again and again although others of its source are answered in between, the trouble is its own, and it ends.
//! Where nothing else is asked for, nobody can tell; then it ends after a day, and needs a person.
//!
//! In memory only: after a start it is found out anew.

use crate::domain::Millis;
use crate::ports::FetchRow;
use std::collections::BTreeMap;

/// What is turned away so often while others are answered is not tried again.
const TIMES_MAX: u32 = 4;
/// It comes behind the others by so much, and by less than so much more, so that several part.
const BEHIND_MS: i64 = 5_000;
const APART_MS: i64 = 5_000;
/// And by a quarter of the time that it has been turned away for, up to this: the others' way is not closed too often. After
/// an hour more, where it is still turned away.
const LATER_MS_MAX: i64 = 120_000;
const LATE_MS: i64 = 3_600_000;
const LATER_STILL_MS_MAX: i64 = 900_000;
/// Where nothing of its source is answered, it is not tried again after so long, and so many times in this process.
const FORBIDDEN_MS: i64 = 24 * 3_600_000;
const FORBIDDEN_TIMES: u32 = 5;
/// Fetches that are remembered; beyond that it is found out anew.
const REMEMBERED_MAX: usize = 10_000;

/// What was answered of each source, and which fetches were turned away.
#[derive(Default)]
pub(super) struct Own {
    answered: BTreeMap<String, Millis>,
    turned: BTreeMap<String, Away>,
}

/// What becomes of a fetch that was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// It is tried again then.
    Again(Millis),
    /// The trouble is its own: others are answered.
    Own,
    /// It was turned away for so long that a person must look.
    Forbidden,
}

/// A fetch that was turned away.
struct Away {
    source: String,
    /// How often at all.
    tries: u32,
    /// How often, although others were answered since the time before.
    times: u32,
    since: Millis,
    /// When its source was open again at the latest.
    until: Millis,
}

impl Own {
    /// It was answered.
    pub fn answered(&mut self, row: &FetchRow, now: Millis) {
        self.answered.insert(row.source.clone(), now);
        self.turned.remove(&row.id);
    }

    /// Fetches that were turned away with all of their source, by their ids.
    pub fn turned_with_all(&self, source: &str) -> Vec<String> {
        let all = self.turned.iter().filter(|(_, away)| away.source == source && away.times == 0);
        all.map(|(id, _)| id.clone()).collect()
    }

    /// It was turned away, with all of its source until then.
    pub fn turned_away(&mut self, row: &FetchRow, until: Millis, now: Millis) -> Turned {
        if self.turned.len() >= REMEMBERED_MAX && !self.turned.contains_key(&row.id) {
            self.turned.clear();
        }
        let answered = self.answered.get(&row.source).copied().unwrap_or(Millis::MIN);
        let first = Away { source: row.source.clone(), tries: 0, times: 0, since: now, until: Millis::MAX };
        let away = self.turned.entry(row.id.clone()).or_insert(first);
        away.tries += 1;
        if answered > away.until {
            away.times += 1;
        }
        away.until = until;
        let (times, tries, for_ms) = (away.times, away.tries, now - away.since);
        if times >= TIMES_MAX {
            self.turned.remove(&row.id);
            return Turned::Own;
        }
        let for_a_day = row.failing_since.is_some_and(|since| now - since >= FORBIDDEN_MS);
        if for_a_day && tries >= FORBIDDEN_TIMES {
            self.turned.remove(&row.id);
            return Turned::Forbidden;
        }
        let later_ms_max = if for_ms < LATE_MS { LATER_MS_MAX } else { LATER_STILL_MS_MAX };
        let later = (for_ms / 4).clamp(0, later_ms_max);
        let apart = row.id.bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % APART_MS);
        Turned::Again(until + BEHIND_MS + apart + later)
    }
}
