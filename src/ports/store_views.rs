//! What lists and pages ask of the store, and the rows that they get: events, changes, bookings and attempts for people,
//! and counts. Filled by the store, shown by the faces; no stage decides by them.

use crate::domain::{
    AttemptId, BookingId, BookingKey, ChangeKind, ChangeRef, EventId, Millis, Position, RunId, View,
};

/// Filters of the lists. All that are set must hold. Newest first; `before` pages on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListFilter {
    /// Name of the source (events, bookings).
    pub source: Option<String>,
    /// Id of the event (runs), or prefix of it (events).
    pub event: Option<String>,
    /// Id of the booking, or its key at the source; of events also those about one that is still to be fetched.
    pub booking: Option<String>,
    /// State (runs), change kind (events), status (bookings).
    pub state: Option<String>,
    /// Name of the rule (runs).
    pub rule: Option<String>,
    /// Name of the connection (runs).
    pub connection: Option<String>,
    /// Key of the group that needs a person for one reason (runs).
    pub cause: Option<String>,
    /// Only what a booking system sent, and nothing that Waypost asked for (events).
    pub came_in: bool,
    /// Received, planned or changed at or after.
    pub since: Option<Millis>,
    /// Position (events, bookings) or seq (runs) below.
    pub before: Option<i64>,
    /// At most so many (0 = 50).
    pub limit: i64,
}

/// An event for people.
#[derive(Clone, Debug, PartialEq)]
pub struct EventView {
    /// The event without its body.
    pub position: Position,
    /// Id.
    pub id: EventId,
    /// Source.
    pub source: String,
    /// When it came.
    pub received_at: Millis,
    /// Origin.
    pub origin: String,
    /// Bytes of its body.
    pub body_bytes: i64,
    /// Its changes; empty while not applied.
    pub changes: Vec<ChangeView>,
}

/// A change for people.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeView {
    /// Which.
    pub reference: ChangeRef,
    /// The event's id.
    pub event: EventId,
    /// The booking.
    pub booking: Option<BookingId>,
    /// The booking's key at the source.
    pub booking_key: Option<String>,
    /// What it was.
    pub kind: ChangeKind,
    /// Changed paths.
    pub paths: Vec<String>,
    /// A sentence.
    pub note: Option<String>,
    /// The change that made the state before.
    pub previous: Option<ChangeRef>,
    /// When it was applied.
    pub at: Millis,
    /// When its event came.
    pub received_at: Millis,
    /// When it happened, by the system's word.
    pub happened_at: Option<Millis>,
}

/// A booking for people.
#[derive(Clone, Debug, PartialEq)]
pub struct BookingView {
    /// Id.
    pub id: BookingId,
    /// Identity.
    pub key: BookingKey,
    /// Source through which it was last told.
    pub source: String,
    /// Status at the source.
    pub status: String,
    /// Position of its present state.
    pub position: Position,
    /// The common view.
    pub view: View,
    /// When it was first seen.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

/// A call that was answered, whatever the answer was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredCall {
    /// Name of the connection.
    pub connection: String,
    /// When it began.
    pub started_at: Millis,
    /// How long the answer took.
    pub duration_ms: i64,
}

/// An attempt for people.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptView {
    /// Id.
    pub id: AttemptId,
    /// Run.
    pub run: RunId,
    /// Step.
    pub step: String,
    /// `call`, `update` or `find`.
    pub kind: String,
    /// Which call of the step, from 1.
    pub number: i64,
    /// When it began.
    pub started_at: Millis,
    /// The request as JSON text.
    pub request: String,
    /// `sending`, or as in `AttemptEnd`.
    pub outcome: String,
    /// HTTP status.
    pub status: Option<i64>,
    /// The answer as JSON text.
    pub answer: Option<String>,
    /// A sentence.
    pub message: Option<String>,
    /// How long it took.
    pub duration_ms: Option<i64>,
}

/// How much there is, for pages and `doctor`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Events stored.
    pub events: i64,
    /// Events not applied yet.
    pub unapplied: i64,
    /// Bookings.
    pub bookings: i64,
    /// Runs by state and connection.
    pub runs: Vec<(String, String, i64)>,
    /// Oldest waiting run per connection: when it was planned.
    pub oldest_waiting: Vec<(String, Millis)>,
}
