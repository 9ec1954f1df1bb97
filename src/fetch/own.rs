//! Whose trouble it is. What an API answers about its limit or its keys closes the whole source for a while; but something that
//! the keys may not read is often answered just the same. So what is turned away comes behind the others; and where it is
//! turned away again and again although others of its source are answered in between, the trouble is its own, and it ends.
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
/// And by a quarter of the time that it has been turned away for, up to this: the others' way is not closed too often.
const LATER_MS_MAX: i64 = 120_000;
/// Fetches that are remembered; beyond that it is found out anew.
const REMEMBERED_MAX: usize = 10_000;

/// What was answered of each source, and which fetches were turned away.
#[derive(Default)]
pub(super) struct Own {
    answered: BTreeMap<String, Millis>,
    turned: BTreeMap<String, Turned>,
}

/// A fetch that was turned away.
struct Turned {
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

    /// It was turned away, with all of its source until then. Gives when it is tried again; `None`: the trouble is its own.
    pub fn turned_away(&mut self, row: &FetchRow, until: Millis, now: Millis) -> Option<Millis> {
        if self.turned.len() >= REMEMBERED_MAX && !self.turned.contains_key(&row.id) {
            self.turned.clear();
        }
        let answered = self.answered.get(&row.source).copied().unwrap_or(Millis::MIN);
        let first = Turned { times: 0, since: now, until: Millis::MAX };
        let turned = self.turned.entry(row.id.clone()).or_insert(first);
        if answered > turned.until {
            turned.times += 1;
        }
        turned.until = until;
        let later = ((now - turned.since) / 4).clamp(0, LATER_MS_MAX);
        if turned.times >= TIMES_MAX {
            self.turned.remove(&row.id);
            return None;
        }
        let apart = row.id.bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % APART_MS);
        Some(until + BEHIND_MS + apart + later)
    }
}
