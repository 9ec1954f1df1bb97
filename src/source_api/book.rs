//! What was called lately with a credential, by all processes of one database, as it is kept there: each writes down its own
//! calls before it makes them, and counts those of all others. Pure: the time is an argument.

use crate::domain::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts of blocks of calls, oldest first: when they are made at the latest, and how many.
pub(super) type Ledger = Vec<(Millis, u64)>;

/// The book of a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Book {
    /// Number of the next process that joins.
    #[serde(default)]
    next: u64,
    /// Each process's calls.
    #[serde(default)]
    by: BTreeMap<u64, Ledger>,
    /// The API asked one of them to wait until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<Millis>,
}

impl Book {
    /// Reads it; `ahead`: so far is the clock of what is written down ahead of that of what is given.
    pub fn read(text: Option<&str>, ahead: Millis) -> Self {
        let Some(text) = text else { return Self::default() };
        // Earlier versions kept the calls of one process alone.
        let alone = |calls: Ledger| Self { next: 1, by: BTreeMap::from([(0, calls)]), rests_until: None };
        let book = serde_json::from_str(text).or_else(|_| serde_json::from_str(text).map(alone));
        book.unwrap_or_default().moved(-ahead)
    }

    /// As it is kept.
    pub fn write(&self, ahead: Millis) -> String {
        serde_json::to_string(&self.clone().moved(ahead)).unwrap_or_default()
    }

    fn moved(mut self, by: Millis) -> Self {
        self.by.values_mut().flatten().for_each(|(at, _)| *at = at.saturating_add(by));
        self.rests_until = self.rests_until.map(|until| until.saturating_add(by));
        self
    }

    /// What processes but this one called.
    pub fn of_others(&self, me: Option<u64>) -> Ledger {
        let others = self.by.iter().filter(|(who, _)| Some(**who) != me);
        let mut calls: Ledger = others.flat_map(|(_, calls)| calls.iter().copied()).collect();
        calls.sort_unstable();
        calls
    }

    /// With this process's calls as they are now, and without what was before `since`. Gives its number, too.
    #[must_use]
    pub fn with(mut self, me: Option<u64>, calls: Ledger, since: Millis) -> (Self, u64) {
        let me = me.unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        self.by.insert(me, calls);
        self.by.values_mut().for_each(|calls| calls.retain(|(at, _)| *at > since));
        self.by.retain(|_, calls| !calls.is_empty());
        (self, me)
    }

    /// With a wait that the API asked for: of two the longer one holds.
    #[must_use]
    pub fn resting(mut self, until: Millis) -> Self {
        self.rests_until = Some(self.rests_until.map_or(until, |known| known.max(until)));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Book;

    #[test]
    fn each_process_counts_what_the_others_called() {
        let (book, one) = Book::default().with(None, vec![(1_000, 3)], 0);
        let (book, two) = book.with(None, vec![(1_100, 4)], 0);
        assert_ne!(one, two);
        assert_eq!(book.of_others(Some(one)), [(1_100, 4)]);
        assert_eq!(book.of_others(Some(two)), [(1_000, 3)]);
        assert_eq!(book.of_others(None), [(1_000, 3), (1_100, 4)]);
        // One whose calls are all past is forgotten, and its number is not given to another one.
        let (book, _) = book.with(Some(one), vec![], 1_100);
        let (book, three) = book.with(None, vec![(2_000, 1)], 1_100);
        assert_eq!((book.of_others(None), three > two), (vec![(2_000, 1)], true));
    }

    #[test]
    fn it_is_read_as_it_was_written_by_a_clock_of_its_own() {
        let (book, _) = Book::default().resting(9_000).resting(5_000).with(None, vec![(1_000, 3)], 0);
        assert_eq!(book.rests_until, Some(9_000));
        assert_eq!(Book::read(Some(&book.write(500)), 500), book);
        assert_eq!(Book::read(Some(&book.write(500)), 0).of_others(None), [(1_500, 3)]);
        // As an earlier version wrote it, and as nobody did.
        assert_eq!(Book::read(Some("[[1000,3]]"), 0).of_others(None), [(1_000, 3)]);
        assert_eq!(Book::read(Some("?"), 0), Book::default());
    }
}
