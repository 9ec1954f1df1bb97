//! The source side: what a webhook's body tells of which records, and what that changes.

use super::schema::Schema;
use crate::domain::{ChangeKind, View};
use serde_json::Value;

/// How one kind of record is read from bodies (`booking`, `item`).
pub struct RecordSpec {
    /// `booking`, `item`.
    pub kind: String,
    /// Known paths.
    pub schema: Schema,
    /// Children that `each:` and `customer.…` changes are about: list path, key, and the name in scope.
    pub children: Vec<Children>,
    // further private parts: where it is in the body, key, account, version, status, kinds of change, noise, shapes,
    // what is never stored, the common view
}

/// Children of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Children {
    /// Dotted path of the list (`customers`).
    pub list: String,
    /// Dotted path of the key within an item (`pk`).
    pub key: String,
    /// Name of one in scope and in `on:` (`customer`).
    pub name: String,
}

/// What a body told of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Kind of record (`booking`).
    pub kind: String,
    /// Account within the source system, where the body says one.
    pub account: Option<String>,
    /// The source's own key.
    pub key: String,
    /// The record itself, without what is never stored.
    pub entity: Value,
    /// Word of its status (empty where it has none).
    pub status: String,
}

/// Why a body could not be read, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not what the connector knows; the event is `unreadable`.
    #[error("{0}")]
    Body(String),
    /// Readable, but about nothing that we keep; the event is `ignored`.
    #[error("{0}")]
    Nothing(String),
}

/// The present state of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Present {
    /// Its JSON.
    pub entity: Value,
    /// Hash of the content without noise.
    pub hash: String,
    /// Word of its status.
    pub status: String,
}

/// What was told, against the present state.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// What it did. Never `refused` or `unreadable`.
    pub kind: ChangeKind,
    /// Changed paths: dotted, children by key (`customers[9000001].checkin_status`), sorted; empty for `created`.
    pub paths: Vec<String>,
    /// The new state (merged over shapes).
    pub entity: Value,
    /// Hash of it without noise.
    pub hash: String,
    /// A sentence where there is something to say.
    pub note: Option<String>,
    /// Whether the content must be looked up among earlier versions: if one had the same hash, the change is flagged
    /// `possible late copy`.
    pub flag_if_known: bool,
}

impl RecordSpec {
    /// Compares what was told with the present state.
    pub fn compare(&self, _present: Option<&Present>, _told: &Told) -> Compared {
        todo!()
    }

    /// The common view of a state.
    pub fn view(&self, _entity: &Value) -> View {
        todo!()
    }
}
