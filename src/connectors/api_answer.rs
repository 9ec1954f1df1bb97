//! What came of a call to a booking system's API.

use crate::domain::Millis;
use serde_json::Value;

/// An answer that is fine.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    /// Status.
    pub status: u16,
    /// Its JSON; null where there was no body (204).
    pub body: Value,
}

/// Why no answer came of a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiTrouble {
    /// The API does not know it (404, 410).
    #[error("{0}")]
    NotThere(String),
    /// The API does not take the credential, or it has no value here.
    #[error("{0}")]
    NeedsAuth(String),
    /// The limit is used up, or the API said that it is.
    #[error("{why}")]
    Rests {
        /// When to try again.
        until: Millis,
        /// The API said so to this very call; else it was not made.
        said: bool,
        /// A sentence.
        why: String,
    },
    /// It does not answer, or with failures of its own.
    #[error("{why}")]
    Down {
        /// When to try again at the earliest, where that is known.
        until: Option<Millis>,
        /// A sentence.
        why: String,
    },
    /// It answered that it won't, or what nobody can read.
    #[error("{0}")]
    Refused(String),
}

impl ApiTrouble {
    /// `sure`: it is about the limit for sure, and not about what was asked for, which might be answered the same.
    #[must_use]
    pub fn about_the_limit(mut self, sure: bool) -> Self {
        if let Self::Rests { said, .. } = &mut self {
            *said &= !sure;
        }
        self
    }

    /// A word that is stored and counted.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotThere(_) => "not_there",
            Self::NeedsAuth(_) => "needs_auth",
            Self::Rests { .. } => "rests",
            Self::Down { .. } => "down",
            Self::Refused(_) => "refused",
        }
    }
}
