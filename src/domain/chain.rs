//! Rebookings: one booking takes the place of another, and that one's place may be taken again. What is known of it comes
//! from either booking's own body, in any order, so a chain is put together from single steps.
//!
//! Promises an answer for whatever was told: branches, gaps and circles too. In a circle nobody is older than anybody.

use super::BookingKey;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// Bookings of one chain that are looked at; people rebook a few times.
pub const CHAIN_MAX: usize = 64;

/// One step of a chain: `new` took the place of `old`. Both are of one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rebooking {
    /// The booking that is no longer relevant.
    pub old: BookingKey,
    /// The one that took its place.
    pub new: BookingKey,
    /// The old booking's own body has told of it; else only the new one's did so far.
    pub told_by_old: bool,
}

/// Steps, put together.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    steps: BTreeMap<(BookingKey, BookingKey), bool>,
    /// By the new one.
    before: BTreeMap<BookingKey, Vec<BookingKey>>,
    /// By the old one.
    after: BTreeMap<BookingKey, Vec<BookingKey>>,
}

impl Chains {
    /// From steps.
    pub fn of(steps: impl IntoIterator<Item = Rebooking>) -> Self {
        let mut chains = Self::default();
        for step in steps {
            chains.add(step);
        }
        chains
    }

    /// Adds a step. True where that says something new. A booking never takes its own place.
    pub fn add(&mut self, step: Rebooking) -> bool {
        let Rebooking { old, new, told_by_old } = step;
        if old == new {
            return false;
        }
        if let Some(known) = self.steps.get_mut(&(old.clone(), new.clone())) {
            let news = told_by_old && !*known;
            *known |= told_by_old;
            return news;
        }
        self.before.entry(new.clone()).or_default().push(old.clone());
        self.after.entry(old.clone()).or_default().push(new.clone());
        self.steps.insert((old, new), told_by_old);
        true
    }

    /// No rebooking is known.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The booking whose place this one took.
    pub fn before(&self, key: &BookingKey) -> Option<&BookingKey> {
        self.before.get(key)?.first()
    }

    /// The booking that took this one's place.
    pub fn after(&self, key: &BookingKey) -> Option<&BookingKey> {
        self.after.get(key)?.first()
    }

    /// Whether its own body has told that its place was taken.
    pub fn told_by_itself(&self, key: &BookingKey) -> bool {
        let of = |(old, _): &(BookingKey, BookingKey)| old == key;
        self.steps.iter().any(|(step, told)| of(step) && *told)
    }

    /// All that this one came after, the nearest first.
    pub fn older(&self, key: &BookingKey) -> Vec<BookingKey> {
        one_way(key, &self.before, &self.after)
    }

    /// All that came after this one, the nearest first.
    pub fn newer(&self, key: &BookingKey) -> Vec<BookingKey> {
        one_way(key, &self.after, &self.before)
    }

    /// The whole chain of a booking, the oldest first; itself alone where there is none.
    pub fn whole(&self, key: &BookingKey) -> Vec<BookingKey> {
        let mut whole = self.older(key);
        whole.reverse();
        whole.push(key.clone());
        whole.extend(self.newer(key));
        whole
    }
}

type Steps = BTreeMap<BookingKey, Vec<BookingKey>>;

fn one_way(key: &BookingKey, along: &Steps, back: &Steps) -> Vec<BookingKey> {
    let behind: HashSet<BookingKey> = walk(key, back).into_iter().collect();
    walk(key, along).into_iter().filter(|found| !behind.contains(found)).collect()
}

fn walk(key: &BookingKey, along: &Steps) -> Vec<BookingKey> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([key]);
    let mut next = VecDeque::from([key]);
    while let Some(here) = next.pop_front() {
        for there in along.get(here).into_iter().flatten() {
            if found.len() < CHAIN_MAX && seen.insert(there) {
                found.push(there.clone());
                next.push_back(there);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> BookingKey {
        BookingKey {
            connector: "fareharbor".into(),
            account: "a".into(),
            kind: "booking".into(),
            key: name.into(),
        }
    }

    fn chains(steps: &[(&str, &str)]) -> Chains {
        Chains::of(steps.iter().map(|(old, new)| Rebooking {
            old: key(old),
            new: key(new),
            told_by_old: false,
        }))
    }

    fn names(keys: &[BookingKey]) -> String {
        keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_chain_is_put_together_in_any_order() {
        for steps in [[("a", "b"), ("b", "c"), ("c", "d")], [("c", "d"), ("a", "b"), ("b", "c")]] {
            let chains = chains(&steps);
            for name in ["a", "b", "c", "d"] {
                assert_eq!(names(&chains.whole(&key(name))), "a b c d");
            }
            assert_eq!(names(&chains.older(&key("c"))), "b a");
            assert_eq!(names(&chains.newer(&key("b"))), "c d");
            assert_eq!(chains.before(&key("b")), Some(&key("a")));
            assert_eq!(chains.after(&key("d")), None);
        }
    }

    #[test]
    fn a_branch_and_a_gap_are_told_as_they_are() {
        let chains = chains(&[("a", "b"), ("a", "c"), ("x", "y")]);
        assert_eq!(names(&chains.newer(&key("a"))), "b c");
        assert_eq!(names(&chains.older(&key("c"))), "a");
        assert_eq!(names(&chains.whole(&key("y"))), "x y");
        assert_eq!(names(&chains.whole(&key("alone"))), "alone");
    }

    #[test]
    fn in_a_circle_nobody_is_older_than_anybody() {
        let chains = chains(&[("a", "b"), ("b", "a"), ("a", "a")]);
        assert_eq!(names(&chains.older(&key("a"))), "");
        assert_eq!(names(&chains.newer(&key("a"))), "");
    }

    #[test]
    fn a_long_chain_is_cut() {
        let steps: Vec<(String, String)> =
            (0..200).map(|index| (format!("{index}"), format!("{}", index + 1))).collect();
        let steps: Vec<(&str, &str)> = steps.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(chains(&steps).newer(&key("0")).len(), CHAIN_MAX);
    }

    #[test]
    fn what_the_old_one_says_itself_is_news_once() {
        let mut chains = chains(&[("a", "b")]);
        let step = |told_by_old| Rebooking { old: key("a"), new: key("b"), told_by_old };
        assert!(!chains.add(step(false)));
        assert!(!chains.told_by_itself(&key("a")));
        assert!(chains.add(step(true)));
        assert!(!chains.add(step(true)));
        assert!(chains.told_by_itself(&key("a")));
    }
}
