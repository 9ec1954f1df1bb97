//! What an event did to one booking.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use utoipa::ToSchema;

/// The account within the source system (FareHarbor: `company.shortname`).
pub type Account = String;

/// The identity of a booking: connector + account + key. Two doors of one account lead to one booking.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BookingKey {
    /// Name of the connector.
    pub connector: String,
    /// Account within the source system.
    pub account: Account,
    /// `booking`, or another kind of record that the connector tells of (`item`).
    pub kind: String,
    /// The source system's own key.
    pub key: String,
}

/// What an event did to one booking. The second row is without effect: no run comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// First sight of the booking.
    Created,
    /// Something but its state changed; `paths` say what.
    Updated,
    /// Cancelled at the source.
    Cancelled,
    /// Replaced by another booking (FareHarbor).
    Rebooked,
    /// Deleted at the source.
    Deleted,
    /// Same content as the present state.
    Unchanged,
    /// Older than the present state.
    Stale,
    /// Only said that something changed: what was fetched then is an event of its own, which several may share.
    Coalesced,
    /// A body of another account than the source's, or about a booking that the source's API does not know.
    Refused,
    /// Not about anything that the connector reads.
    Ignored,
    /// Not JSON, too deep, without a key, or quarantined.
    Unreadable,
    /// Waits until what it hints at has been fetched from the booking system; becomes `coalesced` or `refused` then.
    Fetching,
}

impl ChangeKind {
    /// All kinds, in the order of the design.
    pub const ALL: [Self; 12] = [
        Self::Created,
        Self::Updated,
        Self::Cancelled,
        Self::Rebooked,
        Self::Deleted,
        Self::Unchanged,
        Self::Stale,
        Self::Coalesced,
        Self::Refused,
        Self::Ignored,
        Self::Unreadable,
        Self::Fetching,
    ];

    /// The word that files, database and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Cancelled => "cancelled",
            Self::Rebooked => "rebooked",
            Self::Deleted => "deleted",
            Self::Unchanged => "unchanged",
            Self::Stale => "stale",
            Self::Coalesced => "coalesced",
            Self::Refused => "refused",
            Self::Ignored => "ignored",
            Self::Unreadable => "unreadable",
            Self::Fetching => "fetching",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// True where rules can be asked about it.
    pub fn has_effect(self) -> bool {
        matches!(self, Self::Created | Self::Updated | Self::Cancelled | Self::Rebooked | Self::Deleted)
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The common view of a booking, the same names for every source. Both are JSON objects; a key whose source path is
/// absent is absent, one whose value is null is null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// `name, first_name, last_name, email, phone (E.164), language`.
    pub person: Value,
    /// `code, title, starts_at, ends_at, party_size, status, total (minor units), paid (minor units), currency, link`.
    pub trip: Value,
}
