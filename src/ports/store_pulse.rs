//! What the store keeps of the doors' health: which webhooks were answered with something else than 200, and when Waypost was
//! running. `src/store/pulse.rs` implements it, `tests/contract/pulse.rs` tries it on both databases. Nothing of it is written
//! on the way to an ack.

use super::StoreError;
use crate::domain::{ChangeKind, EventId, Millis, Position, Stretch};
use async_trait::async_trait;

/// Webhooks of one source that were answered with one status, within one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedWebhooks {
    /// Name of the source.
    pub source: String,
    /// HTTP status.
    pub status: u16,
    /// How many.
    pub answers: i64,
    /// When the last of them was answered.
    pub last_at: Millis,
}

/// Webhooks of one source that became nothing, of one kind and with the same note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadBodies {
    /// Name of the source.
    pub source: String,
    /// `unreadable` or `ignored`.
    pub kind: ChangeKind,
    /// What was said of them.
    pub note: String,
    /// How many.
    pub bodies: i64,
    /// When the last of them was read.
    pub last_at: Millis,
}

/// The part of the store about the doors' health.
#[async_trait]
pub trait PulseStore: Send + Sync {
    /// Adds to what was counted, each to the hour of its `last_at`; all of it or nothing.
    async fn count_refused(&self, refused: &[RefusedWebhooks]) -> Result<(), StoreError>;
    /// What was counted from that hour (since 1970) on, by source and status.
    async fn refused_webhooks(&self, from_hour: i64) -> Result<Vec<RefusedWebhooks>, StoreError>;
    /// Webhooks that could not be read, or of which nothing is kept, since that time, and that were not read again: of the last
    /// thousand of each.
    async fn unread_bodies(&self, since: Millis) -> Result<Vec<UnreadBodies>, StoreError>;
    /// The webhook at this position was read again, as this event.
    async fn note_read_again(
        &self,
        position: Position,
        event: &EventId,
        at: Millis,
    ) -> Result<(), StoreError>;
    /// As which event it was read again last.
    async fn read_again_as(&self, position: Position) -> Result<Option<EventId>, StoreError>;
    /// Waypost has been running since the beginning of this stretch, and was at its end.
    async fn note_running(&self, running: Stretch) -> Result<(), StoreError>;
    /// When Waypost was running: stretches that ended after that time, by their beginning; and the one before them.
    async fn uptimes(&self, since: Millis) -> Result<Vec<Stretch>, StoreError>;
    /// Forgets what ended before that time, at most so many rows of each; how many it were.
    async fn forget_pulse(&self, before: Millis, limit: i64) -> Result<i64, StoreError>;
}
