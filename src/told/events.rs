//! Events and what they did, for programs. Told by `waypost events --json`, `explain EVENT --json` and the API.

use super::rfc3339;
use crate::domain::ChangeKind;
use crate::ports::{ChangeView, EventView};
use serde::Serialize;
use utoipa::ToSchema;

/// One received webhook.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Event {
    /// Its id: `evt_…`.
    #[schema(example = "evt_01m827nryktf1rpbkn5m5dr6r2")]
    pub id: String,
    /// Its place in the one order of all events.
    pub position: i64,
    /// The source that it came in by.
    #[schema(example = "harbour-tours")]
    pub source: String,
    /// When its body had been read.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// How it came: `webhook`, `demo`.
    #[schema(example = "webhook")]
    pub origin: String,
    /// Bytes of its body.
    pub body_bytes: i64,
    /// What it did; empty while it is not applied yet.
    pub change: Vec<Change>,
}

/// What an event did to one booking.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Change {
    /// The booking's key at the source, where it is about one.
    pub booking: Option<String>,
    /// The booking's id here.
    pub booking_id: Option<String>,
    /// What it was.
    #[schema(value_type = ChangeKind)]
    pub kind: &'static str,
    /// The paths that changed.
    pub paths: Vec<String>,
    /// A sentence for people, where there is something to say.
    pub note: Option<String>,
    /// When it happened, where the booking system says that.
    #[schema(format = DateTime)]
    pub happened_at: Option<String>,
}

impl Event {
    /// From what the store gives.
    pub fn of(event: &EventView) -> Self {
        Self {
            id: event.id.to_string(),
            position: event.position,
            source: event.source.clone(),
            received_at: rfc3339(event.received_at),
            origin: event.origin.clone(),
            body_bytes: event.body_bytes,
            change: event.changes.iter().map(Change::of).collect(),
        }
    }
}

impl Change {
    /// From what the store gives.
    pub fn of(change: &ChangeView) -> Self {
        Self {
            booking: change.booking_key.clone(),
            booking_id: change.booking.as_ref().map(ToString::to_string),
            kind: change.kind.as_str(),
            paths: change.paths.clone(),
            note: change.note.clone(),
            happened_at: change.happened_at.map(rfc3339),
        }
    }
}
