//! Sign-ins that were refused, for admins: how often, for which account, from where. Counted in memory and bounded, so that
//! a stranger who tries a million times writes nothing; forgotten after a week, or when Waypost stops.
//!
//! Invariant: what was typed for an account that is not there is not kept (it may be a password in the wrong field), and
//! whoever is refused is told the same and waits as long, whether or not the account is there.

use super::App;
use crate::domain::Millis;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Places that are remembered; beyond it the one goes that was quiet the longest.
const REMEMBERED_MAX: usize = 1_000;
/// They are remembered for so long after the last try.
const REMEMBER_MS: Millis = 7 * 24 * 3_600_000;
/// Characters of an address of the network.
const ADDRESS_CHARS_MAX: usize = 64;

/// Sign-ins that were refused, for one account and from one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSignIn {
    /// The account's e-mail address; `None`: there is no such account.
    pub account: Option<String>,
    /// Address of the network.
    pub address: String,
    /// How often.
    pub times: i64,
    /// When first.
    pub first_at: Millis,
    /// When last.
    pub last_at: Millis,
}

/// All of them.
#[derive(Default)]
pub(super) struct Refused(Mutex<HashMap<(Option<String>, String), RefusedSignIn>>);

impl Refused {
    fn note(&self, account: Option<&str>, address: &str, now: Millis) {
        let address: String = address.chars().take(ADDRESS_CHARS_MAX).collect();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.map(str::to_owned), address);
        if !all.contains_key(&key) && all.len() >= REMEMBERED_MAX {
            all.retain(|_, one| now - one.last_at <= REMEMBER_MS);
            let oldest = all.iter().min_by_key(|(_, one)| one.last_at).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest.filter(|_| all.len() >= REMEMBERED_MAX) {
                all.remove(&oldest);
            }
        }
        let one = all.entry(key.clone()).or_insert_with(|| RefusedSignIn {
            account: key.0,
            address: key.1,
            times: 0,
            first_at: now,
            last_at: now,
        });
        one.times = one.times.saturating_add(1);
        one.last_at = now;
    }

    fn list(&self, now: Millis) -> Vec<RefusedSignIn> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<RefusedSignIn> =
            all.values().filter(|one| now - one.last_at <= REMEMBER_MS).cloned().collect();
        list.sort_by(|a, b| (b.last_at, &a.account, &a.address).cmp(&(a.last_at, &b.account, &b.address)));
        list
    }
}

impl App {
    /// A sign-in was refused: for this account, where there is one.
    pub(super) fn note_refused(&self, account: Option<&str>, address: &str) {
        self.doorkeeper.refused.note(account, address, self.clock.now());
        tracing::info!(known = account.is_some(), "a sign-in was refused");
    }

    /// Sign-ins that were refused lately, the last first, at most so many.
    pub fn refused_sign_ins(&self, limit: usize) -> Vec<RefusedSignIn> {
        let mut list = self.doorkeeper.refused.list(self.clock.now());
        list.truncate(limit);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::{REMEMBER_MS, REMEMBERED_MAX, Refused};

    #[test]
    fn tries_are_counted_by_account_and_address_and_forgotten_after_a_week() {
        let refused = Refused::default();
        for (account, address, now) in [
            (Some("siobhan@example.org"), "203.0.113.7", 1),
            (Some("siobhan@example.org"), "203.0.113.7", 5),
            (Some("siobhan@example.org"), "203.0.113.8", 3),
            (None, "203.0.113.7", 4),
        ] {
            refused.note(account, address, now);
        }
        let told: Vec<(Option<String>, String, i64)> =
            refused.list(6).into_iter().map(|one| (one.account, one.address, one.times)).collect();
        let siobhan = || Some("siobhan@example.org".to_owned());
        assert_eq!(
            told,
            [
                (siobhan(), "203.0.113.7".to_owned(), 2),
                (None, "203.0.113.7".to_owned(), 1),
                (siobhan(), "203.0.113.8".to_owned(), 1)
            ]
        );
        assert_eq!(refused.list(REMEMBER_MS + 5).len(), 1);
    }

    #[test]
    fn the_memory_is_bounded() {
        let refused = Refused::default();
        for number in 0..3 * REMEMBERED_MAX {
            refused.note(None, &"9".repeat(number), number as i64);
            refused.note(None, &number.to_string(), number as i64);
        }
        assert!(refused.list(0).len() <= REMEMBERED_MAX);
        assert_eq!(refused.list(0)[0].address.len(), 4, "the last ones stay");
    }
}
