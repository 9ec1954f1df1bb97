//! The rows that go in and out of the store. Times are milliseconds; JSON is text here and columns in the database.

use super::{FetchWrite, RunChain, TakenOver};
use crate::domain::{
    AttemptId, BookingId, BookingKey, Cause, ChangeKind, ChangeRef, EventId, EventKey, LinkKey, Millis,
    Position, Rebooking, RecordKey, RunId, RunState, Seq, StepProgress, Verdict, View,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A webhook to be stored.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// Name of the source.
    pub source: String,
    /// When its body had been read.
    pub received_at: Millis,
    /// `domain::ORIGIN_…`.
    pub origin: &'static str,
    /// Allowed headers as a JSON object text.
    pub headers: String,
    /// The body, byte for byte.
    pub body: Bytes,
}

/// A stored event, as the apply stage takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Its place in the one order.
    pub position: Position,
    /// Its id.
    pub id: EventId,
    /// Name of the source.
    pub source: String,
    /// When it came.
    pub received_at: Millis,
    /// `domain::ORIGIN_…`.
    pub origin: String,
    /// Allowed headers as JSON text.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
    /// How often the process died with this event alone in hand.
    pub crashes: i64,
}

/// The present state of a booking.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredBooking {
    /// Its id.
    pub id: BookingId,
    /// Its identity.
    pub key: BookingKey,
    /// The change that made the present state.
    pub change: ChangeRef,
    /// Word of the source's status, as last told.
    pub status: String,
    /// The source's own JSON (merged over shapes).
    pub body: String,
    /// Hash of the content without noise.
    pub hash: String,
    /// When the event that made it happened, by the system's word.
    pub happened_at: Option<Millis>,
    /// Up to which position of the journal it is known to hold.
    pub as_of: Position,
}

/// One change, to be stored with the booking's new state.
#[derive(Clone, Debug, PartialEq)]
pub struct NewChange {
    /// Which of the event's changes, from 0.
    pub ordinal: i64,
    /// The booking, where it is about one.
    pub booking: Option<BookingId>,
    /// What it was.
    pub kind: ChangeKind,
    /// Changed paths (`updated`).
    pub paths: Vec<String>,
    /// A sentence for people (`possible late copy`, why unreadable…).
    pub note: Option<String>,
    /// The change that made the state before, where there was one.
    pub previous: Option<ChangeRef>,
    /// The booking's state after it, for changes with effect (JSON text); else `None`.
    pub body: Option<String>,
    /// Hash of that content without noise.
    pub hash: Option<String>,
    /// When it was applied: the run's fixed `now`.
    pub at: Millis,
    /// When it happened, by the system's word.
    pub happened_at: Option<Millis>,
    /// What the system knows its event by, kept for ever so that a copy is known; the first one kept stays.
    pub seen: Option<SeenEvent>,
}

/// An event that a booking system gave an id, and the webhook that it first came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenEvent {
    /// The system's id.
    pub key: EventKey,
    /// The webhook.
    pub event: EventId,
}

/// A booking's row after a change with effect (insert, or update of the same id).
#[derive(Clone, Debug, PartialEq)]
pub struct BookingWrite {
    /// Its id.
    pub id: BookingId,
    /// Its identity.
    pub key: BookingKey,
    /// Source through which it was told.
    pub source: String,
    /// The change that made this state.
    pub change: ChangeRef,
    /// Word of the source's status.
    pub status: String,
    /// The common view.
    pub view: View,
    /// Hash of the content without noise.
    pub hash: String,
    /// Words that it is found by: folded, sorted, bounded (`domain::search_terms`).
    pub terms: Vec<String>,
    /// When.
    pub at: Millis,
    /// Up to which position of the journal it is known to hold: the event's, or where its request began.
    pub as_of: Position,
}

/// A run to be planned.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Name of the rule.
    pub rule: String,
    /// The booking.
    pub booking: BookingId,
    /// Key of the item (`each:`), else empty.
    pub item: String,
    /// Rule + booking (+ item), or what `lane:` says.
    pub lane: String,
    /// The change that it is about.
    pub change: ChangeRef,
    /// Position that decides what is newer: the change's; for replay and apply the present state's.
    pub position: Position,
    /// `change.kind` as the rule asked for it.
    pub asked: String,
    /// Why it was planned: `change`, `replay`, `apply`, `rebooking`.
    pub trigger: String,
    /// `Waiting`, or an end with a verdict.
    pub state: RunState,
    /// The verdict, where it ended at once.
    pub verdict: Option<Verdict>,
    /// Connection of its first step.
    pub connection: String,
    /// True where it takes the place of any older run of its lane that has no call in flight (design §3.4).
    pub supersedes: bool,
    /// When it was planned, and due.
    pub at: Millis,
}

/// One event, applied: all of it is one transaction (together with others of a batch).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppliedEvent {
    /// The event.
    pub position: Position,
    /// Its changes; at least one.
    pub changes: Vec<NewChange>,
    /// New states of bookings.
    pub bookings: Vec<BookingWrite>,
    /// Runs.
    pub runs: Vec<NewRun>,
    /// What it hints at, and which fetches end with it.
    pub fetches: Vec<FetchWrite>,
    /// Rebookings that it told of.
    pub rebookings: Vec<Rebooking>,
    /// Runs that end since a newer booking takes over.
    pub taken_over: Vec<TakenOver>,
}

/// A run's row.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Its place in the order of planning.
    pub seq: Seq,
    /// Its id.
    pub id: RunId,
    /// Name of the rule.
    pub rule: String,
    /// The booking.
    pub booking: BookingId,
    /// Key of the item, else empty.
    pub item: String,
    /// Its lane.
    pub lane: String,
    /// The change that it is about.
    pub change: ChangeRef,
    /// The position that decides what is newer.
    pub position: Position,
    /// `change.kind` as the rule asked for it.
    pub asked: String,
    /// `change`, `replay`, `apply`, `rebooking`.
    pub trigger: String,
    /// State.
    pub state: RunState,
    /// Why nothing was sent, or what failed.
    pub verdict: Option<Verdict>,
    /// Due at; `None`: behind another run of its lane, or not waiting.
    pub next_at: Option<Millis>,
    /// Connection of its current step.
    pub connection: String,
    /// Hash of the ruleset it is pinned to, once begun.
    pub ruleset: Option<String>,
    /// Its steps, once begun.
    pub steps: Vec<StepProgress>,
    /// Tries of the current step that failed in a row (429 not counted).
    pub failures: i64,
    /// When the first of them failed.
    pub failing_since: Option<Millis>,
    /// The connection's `stopped_ms` at that time.
    pub failing_stopped_ms: i64,
    /// The last call's outcome is unknown: it is repeated, or looked up first.
    pub uncertain: bool,
    /// It supersedes older ones and can be superseded.
    pub supersedes: bool,
    /// A person tried it again although something newer was delivered (`--as-it-was`).
    pub as_it_was: bool,
    /// Counts writes; a write of an older revision is refused.
    pub revision: i64,
    /// When it was planned.
    pub created_at: Millis,
    /// When it was last written.
    pub updated_at: Millis,
}

/// A run that is due, with what it needs: the version it is pinned to and the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct DueRun {
    /// The row.
    pub run: RunRow,
    /// The booking's identity.
    pub key: BookingKey,
    /// Name of the source through which the change came.
    pub source: String,
    /// What the change was (`change.cause`).
    pub kind: ChangeKind,
    /// Changed paths.
    pub paths: Vec<String>,
    /// When the change was applied: `now`.
    pub at: Millis,
    /// When the event came in.
    pub received_at: Millis,
    /// The event's id, for messages.
    pub event: EventId,
    /// The booking's JSON at that version.
    pub body: String,
    /// The booking's JSON before, where there was one.
    pub previous: Option<String>,
    /// True where a newer run of the lane waits that would supersede it.
    pub newer_waits: bool,
    /// True where the booking was rebooked, or took another's place.
    pub chained: bool,
    /// What the store was asked of its chain since; empty as the store gives it.
    pub chain: RunChain,
}

/// How far a run gets by one write. The store checks `revision` and adds one.
#[derive(Clone, Debug, PartialEq)]
pub struct RunWrite {
    /// The run.
    pub id: RunId,
    /// The revision that was read.
    pub revision: i64,
    /// Its lane: where the new state no longer blocks it, the next run of the lane becomes due at `at`.
    pub lane: String,
    /// New state.
    pub state: RunState,
    /// New verdict.
    pub verdict: Option<Verdict>,
    /// Due at (`Waiting`), else `None`.
    pub next_at: Option<Millis>,
    /// Connection of the current step.
    pub connection: String,
    /// Ruleset it is pinned to.
    pub ruleset: Option<String>,
    /// Its steps.
    pub steps: Vec<StepProgress>,
    /// Tries that failed in a row.
    pub failures: i64,
    /// When the first of them failed.
    pub failing_since: Option<Millis>,
    /// The connection's `stopped_ms` then.
    pub failing_stopped_ms: i64,
    /// The last call's outcome is unknown.
    pub uncertain: bool,
    /// Why it needs a person, where it fails or is held.
    pub cause: Option<Cause>,
    /// Now.
    pub at: Millis,
}

/// An attempt that begins: stored as `sending` in the same transaction as its run's `working`.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptBegin {
    /// Its id.
    pub id: AttemptId,
    /// The run.
    pub run: RunId,
    /// Id of the step.
    pub step: String,
    /// `call`, `update` or `find`.
    pub kind: String,
    /// Which call of the step, from 1.
    pub number: i64,
    /// Connection.
    pub connection: String,
    /// Id of this node.
    pub node: String,
    /// The request as JSON text, secrets masked, body capped: `{method, url, headers, body}`.
    pub request: String,
    /// When.
    pub at: Millis,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptEnd {
    /// The attempt.
    pub id: AttemptId,
    /// `done`, `conflict`, `retry`, `throttled`, `maybe_done`, `refused`, `gone`, `needs_auth`, `not_found`.
    pub outcome: String,
    /// HTTP status, where there was an answer.
    pub status: Option<i64>,
    /// The answer as JSON text, capped: `{headers, body}`.
    pub answer: Option<String>,
    /// A sentence for people.
    pub message: Option<String>,
    /// How long the call took.
    pub duration_ms: i64,
    /// When.
    pub at: Millis,
}

/// Whose links are asked for: a booking (+ item) in a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinksOf {
    /// The booking.
    pub booking: BookingId,
    /// Key of the item, else empty.
    pub item: String,
    /// The connection.
    pub connection: String,
}

/// A link, with the bookings that point to it.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkRow {
    /// Record, rule and step.
    pub key: LinkKey,
    /// The CRM's id of the record, where known.
    pub remote_id: Option<String>,
    /// Position of what was last sent.
    pub position: Position,
    /// Hash of what was last sent and known as done; `None` while a call is in flight or its outcome unknown.
    pub hash: Option<String>,
    /// What the last good answer gave.
    pub outputs: BTreeMap<String, Value>,
    /// The bookings (+ item) that point here, each with the hash that it last sent itself (`None`: outcome unknown).
    pub bookings: Vec<LinkBooking>,
}

/// A booking that points to a link.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkBooking {
    /// The booking.
    pub booking: BookingId,
    /// Key of the item, else empty.
    pub item: String,
    /// Hash of what it last sent there.
    pub hash: Option<String>,
    /// Position of what it last sent there: of this booking alone, where the link's may be another booking's.
    pub position: Position,
}

/// What becomes of a link.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkWrite {
    /// Insert or replace the link's own columns, and the pointer of this booking.
    Put {
        /// Record, rule and step.
        key: LinkKey,
        /// Remote id; `None` keeps what is there.
        remote_id: Option<String>,
        /// Position of what was last sent.
        position: Position,
        /// Hash of it.
        hash: Option<String>,
        /// Outputs; `None` keeps what is there.
        outputs: Option<BTreeMap<String, Value>>,
        /// The booking's pointer with its own hash; `None` leaves pointers alone.
        booking: Option<LinkBooking>,
        /// Now.
        at: Millis,
    },
    /// The booking (+ item) no longer points to the link (of any rule and step) of this record.
    Unpoint {
        /// The record.
        record: RecordKey,
        /// The booking.
        booking: BookingId,
        /// Key of the item.
        item: String,
    },
    /// The record is gone from the CRM: remote ids, hashes and outputs of all its links are emptied.
    Clear {
        /// The record.
        record: RecordKey,
        /// Now.
        at: Millis,
    },
}

/// One thing that delivery writes, whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryWrite {
    /// The run's row.
    pub run: RunWrite,
    /// An attempt that begins.
    pub begin: Option<AttemptBegin>,
    /// An attempt that ended.
    pub end: Option<AttemptEnd>,
    /// Links.
    pub links: Vec<LinkWrite>,
}

/// Whether a write took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It did.
    Yes,
    /// The run had been changed by somebody else meanwhile; nothing of this write was done.
    Overtaken,
}

/// An attempt that was in flight when its node stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct LostAttempt {
    /// The attempt.
    pub id: AttemptId,
    /// `call`, `update` or `find`.
    pub kind: String,
    /// When it began.
    pub at: Millis,
    /// Its run.
    pub run: RunRow,
}

/// A connection that has runs waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueConnection {
    /// Its name.
    pub name: String,
    /// When the first of its runs is due.
    pub first_due: Millis,
    /// A person has paused it, as of the same read.
    pub paused: bool,
}

/// Which due runs are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct DueQuery {
    /// Of this connection.
    pub connection: String,
    /// Due at or before; `None`: whatever comes first, also if not due (the breaker's probe).
    pub due_by: Option<Millis>,
    /// At most so many, the longest due first.
    pub limit: i64,
    /// Of these, no more once the bodies of their events came to so many bytes; the first always.
    pub body_bytes_max: i64,
}

/// What is remembered of a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionState {
    /// Name.
    pub name: String,
    /// Paused by a person.
    pub paused: bool,
    /// Needs to be signed in again: why.
    pub needs_auth: Option<String>,
    /// Hash of the credential that was refused.
    pub refused_credential: Option<String>,
    /// Tripped since, where it is.
    pub tripped_since: Option<Millis>,
    /// Failures in a row.
    pub failures: i64,
    /// The next probe, where tripped.
    pub probe_at: Option<Millis>,
    /// The last interval before a probe.
    pub probe_after_ms: i64,
    /// Rests until (429).
    pub rests_until: Option<Millis>,
    /// All the time it has been paused, tripped or without sign-in, up to `stopped_since`.
    pub stopped_ms: i64,
    /// Since when it has been so now.
    pub stopped_since: Option<Millis>,
}

/// A ruleset as kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRuleset {
    /// Content hash.
    pub hash: String,
    /// All its files, path to text, as a JSON object text.
    pub files: String,
    /// When it was last activated.
    pub activated_at: Millis,
}

/// A source as last seen, so that one that was removed goes on being stored for 30 days.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceMemory {
    /// Name.
    pub name: String,
    /// SHA-256 of its tokens, hex, comma-separated; where its address holds none, by which ruleset it signed in.
    pub tokens: String,
    /// When it vanished from the active ruleset.
    pub removed_at: Option<Millis>,
    /// What it keeps of a webhook; `None`: remembered by a version that did not say so.
    pub kept: Option<KeptOfWebhook>,
}

/// What a source keeps of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOfWebhook {
    /// Names of headers (lower case) that are kept.
    pub headers: Vec<String>,
    /// What is never stored, as patterns over a body.
    pub unstored: Vec<String>,
}

/// A secret as kept: sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct SealedSecret {
    /// Name.
    pub name: String,
    /// Nonce and ciphertext.
    pub sealed: Vec<u8>,
    /// When it was set.
    pub at: Millis,
}
