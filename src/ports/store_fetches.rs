//! The part of the store about what is to be fetched from booking systems. `src/store/fetches.rs` implements it,
//! `tests/contract/fetches.rs` tries it on both databases.
//!
//! A row is there from the first hint (or from the moment that somebody asks) until the fetch's document has been applied.
//! What becomes of hints is written in the transaction that applies the document, so that none is forgotten and none is
//! answered twice.

use super::{StoreError, StoredEvent};
use crate::domain::{BookingId, BookingKey, ChangeRef, Millis, Position};
use async_trait::async_trait;

/// What is done while the API does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchPolicy {
    /// Wait: the webhook told nothing but that something changed.
    Hint,
    /// Wait: the webhook told all, and is not believed.
    Hold,
    /// Go by the webhook after a while.
    Payload,
}

impl FetchPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hint, Self::Hold, Self::Payload];

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Hold => "hold",
            Self::Payload => "payload",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

/// Where a fetch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchState {
    /// It is made when its time has come.
    Due,
    /// It is under way.
    Working,
    /// The API knows nothing of it; nobody waits for it.
    Refused,
}

impl FetchState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Due, Self::Working, Self::Refused];

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Working => "working",
            Self::Refused => "refused",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One thing to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFetch {
    /// Its id (`domain::fetch_id`).
    pub id: String,
    /// What it is about.
    pub key: BookingKey,
    /// 0: the record itself; else by which of its hints.
    pub way: i64,
    /// By whose keys.
    pub source: String,
    /// What is done while the API does not answer.
    pub policy: FetchPolicy,
    /// When it is to be made, where nothing of it waits yet.
    pub due_at: Millis,
    /// Now.
    pub at: Millis,
}

/// What an applied event does to fetches, in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchWrite {
    /// A record ended before it was known: what was asked before then tells nothing of it any more.
    Ended {
        /// The record.
        key: BookingKey,
        /// By which source that was told.
        source: String,
        /// Now.
        at: Millis,
    },
    /// One of its changes hints at something.
    Hint {
        /// What.
        fetch: NewFetch,
        /// Which of the event's changes.
        ordinal: i64,
    },
    /// It is about what is being fetched: hints up to a position are done with.
    Came {
        /// Id of the fetch. One that is not there (any more) is no matter.
        fetch: String,
        /// Up to which position.
        begun: Position,
        /// The booking, where there is one now.
        booking: Option<BookingId>,
        /// What is said of the hints.
        note: String,
        /// It is to be made (again) then; else only where a newer hint waits.
        again_at: Option<Millis>,
        /// The event is what a webhook said, not what the API answered.
        unverified: bool,
        /// It is made again since what came is older than what a webhook told.
        behind: bool,
        /// Now.
        at: Millis,
    },
    /// The API does not know what is being fetched, and all that is known of it was told by webhooks that were never verified:
    /// these, and hints up to a position, are refused.
    Disowned {
        /// Id of the fetch.
        fetch: String,
        /// Up to which position.
        begun: Position,
        /// The booking, where there is one.
        booking: Option<BookingId>,
        /// What is said of the webhooks.
        note: String,
        /// Now.
        at: Millis,
    },
    /// It told once more what is known of a booking: what was asked for before is older than that.
    Confirmed {
        /// The booking.
        booking: BookingId,
        /// As of which position.
        as_of: Position,
    },
}

/// A fetch as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRow {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub key: BookingKey,
    /// 0: the record itself; else by which of its hints.
    pub way: i64,
    /// By whose keys.
    pub source: String,
    /// What is done while the API does not answer.
    pub policy: FetchPolicy,
    /// Where it stands.
    pub state: FetchState,
    /// When the first of what waits came.
    pub first_at: Millis,
    /// Position of the last hint.
    pub hinted: Position,
    /// When it is to be made.
    pub due_at: Millis,
    /// The journal's last position when the request began.
    pub begun: Option<Position>,
    /// How often it failed in a row.
    pub tries: i64,
    /// Since when.
    pub failing_since: Option<Millis>,
    /// Why the last try failed: a word.
    pub trouble: Option<String>,
    /// The same as a sentence.
    pub told: Option<String>,
    /// The webhook was gone by meanwhile.
    pub unverified: bool,
    /// Who asked for it, where somebody did.
    pub asked_by: Option<String>,
}

/// How a try ended that brought no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchEnd {
    /// It is tried again.
    Again {
        /// When.
        due_at: Millis,
        /// A word.
        trouble: String,
        /// A sentence.
        told: String,
        /// Whether it counts as a failure of this fetch.
        failed: bool,
    },
    /// What came is as old as what was known before its webhook: it is asked for again, to see whether that is all; at once
    /// where a newer hint came in since.
    Behind {
        /// When.
        due_at: Millis,
        /// Which time that is, as a word.
        trouble: String,
        /// A sentence.
        told: String,
    },
    /// It was turned away for too long: the hints are refused. It stays, to be asked for by a person, or once the keys are taken.
    Forbidden {
        /// A sentence.
        told: String,
    },
    /// There is nothing to be fetched: the hints are refused. Newer ones, where there are any, make it due.
    Refused {
        /// A sentence.
        told: String,
    },
}

/// Why fetches can't be made at the moment.
#[derive(Clone, Copy, Debug)]
pub struct PutOff<'a> {
    /// When they are looked at again.
    pub due_at: Millis,
    /// A word.
    pub trouble: &'a str,
    /// A sentence.
    pub told: &'a str,
}

/// What waits, by source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchCount {
    /// The source.
    pub source: String,
    /// Fetches that are due or under way.
    pub waiting: i64,
    /// Those of them that have failed so far.
    pub failing: i64,
    /// When the oldest of them came.
    pub oldest_at: Option<Millis>,
    /// Fetches whose webhook was gone by without being verified.
    pub unverified: i64,
    /// Fetches that ended since they were turned away for too long: a person must look.
    pub forbidden: i64,
}

/// By what is known what a source heard last.
#[derive(Clone, Copy, Debug)]
pub struct HeardAsked<'a> {
    /// Its name.
    pub source: &'a str,
    /// Part of the note of a check's change.
    pub check: &'a str,
    /// Part of the note of a hint at something that the API does not know.
    pub unknown: &'a str,
    /// Such hints before then don't count.
    pub since: Millis,
}

/// What a source heard last, beside webhooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastHeard {
    /// When something was fetched.
    pub fetched_at: Option<Millis>,
    /// When its address was checked.
    pub checked_at: Option<Millis>,
    /// How many hints were at something that the API does not know, since anything was fetched.
    pub unknown: i64,
}

/// By whose word a booking is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// It is not known here.
    Nobody,
    /// That can't be said yet: events up to that position are not applied so far.
    NotYet,
    /// By webhooks that were gone by and never verified, and by nothing else.
    Unverified,
    /// By its system's API, or a webhook that was believed.
    Confirmed,
}

/// The store of fetches.
#[async_trait]
pub trait FetchStore: Send + Sync {
    /// Those under way when the process stopped are due now; gives how many.
    async fn recover_fetches(&self, now: Millis) -> Result<i64, StoreError>;
    /// Takes due ones, the longest due first, with the journal's last position as their `begun`; of these sources none.
    async fn claim_fetches(
        &self,
        except: &[String],
        now: Millis,
        limit: i64,
    ) -> Result<Vec<FetchRow>, StoreError>;
    /// When the next is due that is of none of these sources.
    async fn next_fetch_at(&self, except: &[String]) -> Result<Option<Millis>, StoreError>;
    /// A try ended without a document. Nothing happens where it is not under way any more since that position.
    async fn end_fetch(&self, row: &FetchRow, end: &FetchEnd, now: Millis) -> Result<(), StoreError>;
    /// Those of a claim that can't be made now are due later, all in one go.
    async fn put_off_fetches(
        &self,
        rows: &[FetchRow],
        off: PutOff<'_>,
        now: Millis,
    ) -> Result<(), StoreError>;
    /// One that is under way is due now after all.
    async fn give_back(&self, id: &str, now: Millis) -> Result<(), StoreError>;
    /// Somebody asks for one. It is due now, whatever it was; gives it.
    async fn ask_fetch(&self, fetch: &NewFetch, by: &str) -> Result<FetchRow, StoreError>;
    /// All of a source are due now; gives how many.
    async fn hurry_fetches(&self, source: &str, now: Millis) -> Result<i64, StoreError>;
    /// These are due now, where they would be later.
    async fn hurry_some(&self, ids: &[String], now: Millis) -> Result<(), StoreError>;
    /// Those of a source that found its API down since then, and not before, are due now.
    async fn hurry_down(&self, source: &str, since: Millis, now: Millis) -> Result<(), StoreError>;
    /// Those that ended since they were turned away for too long are due again, of a source or of all; gives how many.
    async fn revive_fetches(&self, source: Option<&str>, now: Millis) -> Result<i64, StoreError>;
    /// Which of these records ended before they were known, and at which position: the last one.
    async fn ended_unknown(&self, keys: &[BookingKey]) -> Result<Vec<(BookingKey, Position)>, StoreError>;
    /// Those that are due later than that are due now; gives how many.
    async fn pull_in_fetches(&self, later: Millis, now: Millis) -> Result<i64, StoreError>;
    /// One by its id.
    async fn fetch_row(&self, id: &str) -> Result<Option<FetchRow>, StoreError>;
    /// The fetch that a change waits for.
    async fn fetch_of_change(&self, change: ChangeRef) -> Result<Option<FetchRow>, StoreError>;
    /// Those of a source that are not at their end, the oldest first.
    async fn fetches_of_source(&self, source: &str, limit: i64) -> Result<Vec<FetchRow>, StoreError>;
    /// What waits, by source.
    async fn count_fetches(&self) -> Result<Vec<FetchCount>, StoreError>;
    /// When something was fetched for a source last, when its address was checked, and what the API did not know: of a
    /// bounded number of its last events, by the notes of their changes.
    async fn last_of_source(&self, asked: HeardAsked<'_>) -> Result<LastHeard, StoreError>;
    /// Fetches that may go by their webhook, since what waits came before then, and that webhook: the last one.
    async fn fetches_to_go_by(
        &self,
        before: Millis,
        limit: i64,
    ) -> Result<Vec<(FetchRow, StoredEvent)>, StoreError>;
    /// What hinted at a fetch up to a position, of the last so many, oldest first; and the event at `and`.
    async fn hints_of(
        &self,
        fetch: &str,
        until: Position,
        and: Option<Position>,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError>;
    /// By whose word a record is known, once all events up to that position are applied.
    async fn known_by(&self, key: &BookingKey, until: Position) -> Result<KnownBy, StoreError>;
    /// The journal's last position.
    async fn last_position(&self) -> Result<Position, StoreError>;
}
