//! What house-keeping asks of the store and what it answers: figures about the whole, and what is removed after a time.
//! `src/store` implements it, `tests/contract/keeping.rs` tries it on both databases.

use super::StoreError;
use crate::domain::{BookingId, Millis, Position};
use async_trait::async_trait;

/// The part of the store that is about house-keeping.
#[async_trait]
pub trait KeepingStore: Send + Sync {
    /// What it is, how large, and how much is in it.
    async fn figures(&self) -> Result<StoreFigures, StoreError>;

    /// Removes the bodies of the next webhooks that are old enough, and the versions of bookings that they took the place
    /// of. Of each body its hash stays. What waits to be read, and what is about a booking with a run that waits or needs a
    /// person, is looked at another time; a booking's present version always stays.
    async fn remove_bodies(&self, piece: &RemovalPiece) -> Result<Removed, StoreError>;
    /// Empties bodies that are noted as removed and were not emptied yet, because the process ended in between.
    async fn finish_removals(&self) -> Result<(), StoreError>;
    /// Removes the requests and answers of the next attempts that are old enough, but for those of runs that wait or need a
    /// person.
    async fn remove_exchanges(&self, piece: &RemovalPiece) -> Result<Removed, StoreError>;
    /// How many webhooks still have a body that [`Self::remove_bodies`] would look at. As exact as hours are.
    async fn bodies_before(&self, before: Millis) -> Result<i64, StoreError>;
    /// How many runs were planned before, counted up to `limit`.
    async fn runs_before(&self, before: Millis, limit: i64) -> Result<i64, StoreError>;
    /// What became of a webhook's body, where it was removed.
    async fn removed_body(&self, position: Position) -> Result<Option<RemovedBody>, StoreError>;

    /// Replaces a guest's data in one booking and all that came of it, all or nothing. A webhook that told of this booking
    /// alone loses its body; of one that told of others too, what is theirs stays, where it can be told apart. Refused while one of its runs waits,
    /// is paused or in a call; runs that need a person are cancelled. What stays: ids, times, states, hashes, positions, and
    /// which record of which CRM it is.
    async fn erase_booking(&self, erasure: &Erasure) -> Result<Erased, StoreError>;
    /// When and why a booking's guest was erased.
    async fn erased_booking(&self, booking: &BookingId) -> Result<Option<ErasedBooking>, StoreError>;
    /// Bookings whose tour was before this day (`2027-03-14`) and whose runs all came to an end, the longest past first;
    /// without those put off lately. What was erased has no day any more.
    async fn past_bookings(&self, day: &str, now: Millis, limit: i64) -> Result<Vec<BookingId>, StoreError>;
    /// A booking could not be erased: it is looked at again in some hours, and others meanwhile.
    async fn put_off(&self, booking: &BookingId, now: Millis) -> Result<(), StoreError>;
    /// Bookings that were put off and are not erased yet.
    async fn bookings_put_off(&self, limit: i64) -> Result<Vec<BookingId>, StoreError>;
    /// Empties the logs that still hold how rows were before (SQLite). `false`: somebody was reading; they are overwritten
    /// as Waypost goes on.
    async fn forget_logs(&self) -> Result<bool, StoreError>;
}

/// What the store says of itself. None of it counts many rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// What it is and how large: `SQLite 3.50.4, 1.2 GB`.
    pub database: String,
    /// Whether its owner copies it with `pg_dump`.
    pub is_postgres: bool,
    /// Bytes that a copy may take.
    pub bytes: u64,
    /// Number of the last step of its schema.
    pub schema: i64,
    /// Webhooks, as far as they are counted.
    pub webhooks: i64,
    /// Places behind them that are not counted yet; some may be Waypost's own readiness checks. 0: the count is exact.
    pub uncounted: i64,
}

/// A bounded piece of removing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalPiece {
    /// What is older than this.
    pub before: Millis,
    /// Rows that are looked at.
    pub limit: i64,
    /// Now.
    pub now: Millis,
    /// A sentence that stands in the place of what was removed.
    pub why: String,
}

/// What came of a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows that were looked at; 0: there is nothing more for now.
    pub looked_at: i64,
    /// How many of them were emptied.
    pub removed: i64,
}

/// What stands in the place of a webhook's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedBody {
    /// When it was removed.
    pub at: Millis,
    /// SHA-256 of it, hex.
    pub hash: String,
    /// A sentence.
    pub why: String,
    /// Something of it is still there: what it told of others.
    pub partly: bool,
}

/// Whose guest is to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The booking.
    pub booking: BookingId,
    /// Now.
    pub now: Millis,
    /// A sentence that stands in the place of what was erased.
    pub why: String,
}

/// What came of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// There is no such booking.
    Unknown,
    /// So many of its runs are not at their end; nothing was changed.
    UnderWay(i64),
    /// It is about to be fetched from the booking system, which would bring everything back; nothing was changed.
    BeingFetched,
    /// It is done.
    Done {
        /// Webhooks whose body went.
        webhooks: i64,
        /// Runs whose fields, requests and answers went.
        runs: i64,
    },
}

/// A booking whose guest was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedBooking {
    /// When.
    pub at: Millis,
    /// Its present version then: what is not newer holds nothing of the guest.
    pub position: Position,
    /// A sentence.
    pub why: String,
}
