//! A token that was given out: renewed before it ends, so that no call meets its end.

use crate::connectors::Token;
use secrecy::{ExposeSecret, SecretString};

/// It is renewed so long before its end, or in the last fifth of its life where that is shorter.
const RENEW_BEFORE_MS_MAX: i64 = 60_000;

/// A token in hand. Times are of the clock that never goes back.
#[derive(Clone)]
pub(super) struct HeldToken {
    /// What goes into the header.
    pub value: SecretString,
    renew_at: i64,
    ends_at: i64,
}

impl HeldToken {
    pub(super) fn new(token: Token, now: i64) -> Self {
        let ends_at = now + token.lives_ms;
        Self {
            value: token.value,
            renew_at: ends_at - (token.lives_ms / 5).min(RENEW_BEFORE_MS_MAX),
            ends_at,
        }
    }

    /// Good, and not to be renewed yet.
    pub(super) fn is_fresh(&self, now: i64) -> bool {
        now < self.renew_at
    }

    /// Not ended.
    pub(super) fn is_alive(&self, now: i64) -> bool {
        now < self.ends_at
    }

    /// Whether it is the same one.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.value.expose_secret() == other.value.expose_secret()
    }
}
