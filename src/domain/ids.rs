//! Names of things. Ids are made in Rust (from `ports::Entropy`); a position is the database's.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes a text that the store or `Entropy` gave.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            /// The id as text, as outsiders see it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// One received webhook: `evt_` and 26 letters and digits, sortable by time.
    EventId
);
text_id!(
    /// One booking (or other record of a source): `bkg_…`.
    BookingId
);
text_id!(
    /// One run: `run_…`.
    RunId
);
text_id!(
    /// One attempt: `att_…`.
    AttemptId
);

/// The place of an event in the one order that the database gives. Starts at 1.
pub type Position = i64;

/// The place of a run in the order in which runs were planned; the order within a lane.
pub type Seq = i64;

/// One change: the event that told of it, and which of the event's changes it is (from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChangeRef {
    /// Position of the event.
    pub position: Position,
    /// Which of the event's changes, from 0.
    pub ordinal: i64,
}
