//! The store: what the stages and the faces may ask of the database. Each method owns its transaction; on the hot path
//! each takes a batch. `src/store` implements it for SQLite and Postgres, `tests/contract` tries every method on both.

use super::{
    AlertStore, AnsweredCall, AppliedEvent, ApplyFilter, ApplyRow, ApplyStep, AttemptView, BookingPage,
    BookingQuery, BookingView, Bulk, BulkPiece, CardFill, CauseGroup, ChangeView, ConnectionState, Counts,
    DeliveryWrite, DueConnection, DueQuery, DueRun, EventView, Glance, HourCount, LinkRow, LinksOf,
    ListFilter, LostAttempt, NewApply, NewEvent, NewRun, PeopleStore, PresentBooking, PresentQuery,
    PulseStore, RulesetEntry, RulesetNote, RunRow, SealedSecret, SeenEvent, SourceHour, SourceMemory,
    StoredBooking, StoredEvent, StoredRuleset, TroubleFilter, TroublePage, TroubledRun, UnfiledBooking,
    Written,
};
use super::{ChainStore, FetchStore, KeepingStore, WalkStore};
use crate::domain::{
    AttemptId, BookingId, BookingKey, ChangeRef, EventId, EventKey, Millis, Position, RecordKey, RunId, Seq,
    Standing,
};
use async_trait::async_trait;
use std::path::Path;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not take or give it: full disk, lost connection, a lock that lasted.
    #[error("the database did not {doing}")]
    Database {
        /// What was tried, as a verb: "store the event".
        doing: &'static str,
        /// It refused the data themselves, and will again; else it may do it another time.
        of_data: bool,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What stands there can't be read back.
    #[error("the stored {what} can't be read: {why}")]
    Corrupt {
        /// Which row.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// The database is not as needed: newer schema, a second node, `synchronous_commit=off`.
    #[error("{0}")]
    Unfit(String),
}

impl StoreError {
    /// What the database said, for the log. Never its details: Postgres tells whole rows there, and those have guests in
    /// them.
    pub fn cause(&self) -> String {
        std::error::Error::source(self).map(ToString::to_string).unwrap_or_default()
    }

    /// Whether the same will come of it another time.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Database { of_data: true, .. } | Self::Corrupt { .. })
    }
}

/// The store.
#[async_trait]
pub trait Store: Send + Sync {
    // --- ingest ---

    /// Appends events, durably (fsynced) when it returns, in one commit. Gives their positions in the same order.
    async fn append_events(&self, events: &[NewEvent]) -> Result<Vec<Position>, StoreError>;

    // --- apply and plan ---

    /// Events not applied yet, oldest position first, at most `limit` and (but for the first) `body_bytes_max` in all.
    async fn unapplied_events(&self, limit: i64, body_bytes_max: i64)
    -> Result<Vec<StoredEvent>, StoreError>;
    /// Counts a crash with this event alone in hand, durably, before it is tried alone. Gives the new count.
    async fn count_crash(&self, position: Position) -> Result<i64, StoreError>;
    /// Present states, for the keys that are known.
    async fn bookings_by_key(&self, keys: &[BookingKey]) -> Result<Vec<StoredBooking>, StoreError>;
    /// Which of these (booking, hash) pairs some earlier version of that booking had.
    async fn known_hashes(
        &self,
        pairs: &[(BookingId, String)],
    ) -> Result<Vec<(BookingId, String)>, StoreError>;
    /// Which of these events, known by the ids of their systems, were told of before, and by which webhook.
    async fn seen_events(&self, keys: &[EventKey]) -> Result<Vec<SeenEvent>, StoreError>;
    /// Applies events: changes, bookings, runs, and the events' flags, in one transaction. A new run with `supersedes`
    /// ends the older `waiting`/`paused` runs of its lane (not those `uncertain`, which become due now instead) as
    /// `superseded`; a new waiting run is due only where nothing before it blocks its lane. An event already applied
    /// is left alone.
    async fn apply_events(&self, events: &[AppliedEvent]) -> Result<(), StoreError>;
    /// Plans runs outside any event (replay, apply), by the same lane rules.
    async fn plan_runs(&self, runs: &[NewRun]) -> Result<(), StoreError>;

    // --- deliver ---

    /// Connections that have runs waiting, each with when the first is due. Runs behind others don't count.
    async fn due_connections(&self) -> Result<Vec<DueConnection>, StoreError>;
    /// Due runs of a connection with what they need.
    async fn due_runs(&self, query: &DueQuery) -> Result<Vec<DueRun>, StoreError>;
    /// The newest run of a lane that waits behind `after`, with what it needs.
    async fn newest_in_lane(&self, lane: &str, after: Seq) -> Result<Option<DueRun>, StoreError>;
    /// One run with what it needs, in any state (explain, rehearsal).
    async fn run_with_context(&self, id: &RunId) -> Result<Option<DueRun>, StoreError>;
    /// Links of these records, all rules and steps, with pointers.
    async fn links_of_records(&self, records: &[RecordKey]) -> Result<Vec<LinkRow>, StoreError>;
    /// The links that each of these bookings (+ item) points to in a connection, in the order asked for.
    async fn links_of_bookings(&self, wanted: &[LinksOf]) -> Result<Vec<Vec<LinkRow>>, StoreError>;
    /// Writes runs, attempts and links, all in one transaction, in the order given; each single write takes effect whole
    /// or (overtaken: its run has another revision) not at all. Where a run stops blocking its lane, the lane's next
    /// waiting run becomes due at that write's `at`.
    async fn write_delivery(&self, writes: &[DeliveryWrite]) -> Result<Vec<Written>, StoreError>;
    /// Attempts of this node still `sending` (`None`: of nodes whose lease ended before `before`).
    async fn lost_attempts(&self, node: Option<&str>, before: Millis)
    -> Result<Vec<LostAttempt>, StoreError>;
    /// Makes waiting runs of a connection due now that are due later, at most `limit`; gives how many.
    async fn hurry_connection(&self, connection: &str, now: Millis, limit: i64) -> Result<i64, StoreError>;
    /// Pauses the waiting runs of a connection (`true`) or sets its paused ones waiting (`false`), at most `limit`.
    async fn pause_runs(
        &self,
        connection: &str,
        pause: bool,
        now: Millis,
        limit: i64,
    ) -> Result<i64, StoreError>;
    /// Mends lanes: the first blocking run of a lane that is waiting without a time becomes due. Part of the start.
    async fn mend_lanes(&self, now: Millis) -> Result<i64, StoreError>;
    /// All remembered connections.
    async fn connections(&self) -> Result<Vec<ConnectionState>, StoreError>;
    /// Remembers a connection's state. The `paused` column is left alone (it belongs to people).
    async fn remember_connection(&self, state: &ConnectionState) -> Result<(), StoreError>;
    /// A person pauses or resumes a connection. Resuming clears `needs_auth` too.
    async fn set_paused(&self, connection: &str, paused: bool, now: Millis) -> Result<(), StoreError>;

    // --- what people ask for ---

    /// A person tries runs again: `failed`, `held`, `cancelled` (and `superseded`, as it was) become waiting; waiting ones due
    /// now. Gives those taken.
    async fn retry_runs(
        &self,
        runs: &[RunId],
        as_it_was: bool,
        now: Millis,
    ) -> Result<Vec<RunId>, StoreError>;
    /// Cancels unbegun waiting runs of a rule with a verdict, at most `limit`; gives how many.
    async fn cancel_runs_of_rule(
        &self,
        rule: &str,
        verdict: &crate::domain::Verdict,
        now: Millis,
        limit: i64,
    ) -> Result<i64, StoreError>;

    /// Cancels runs that wait, are paused, failed or are held. Gives those taken.
    async fn cancel_runs(
        &self,
        runs: &[RunId],
        verdict: &crate::domain::Verdict,
        now: Millis,
    ) -> Result<Vec<RunId>, StoreError>;
    /// Holds runs that wait or are paused until a person lets them go on (`retry_runs`). Gives those taken.
    async fn hold_runs(
        &self,
        runs: &[RunId],
        verdict: &crate::domain::Verdict,
        now: Millis,
    ) -> Result<Vec<RunId>, StoreError>;

    // --- what needs a person ---

    /// Open groups, the newest trouble first; `before` (`last_at` and key of the last one) pages on.
    async fn open_causes(
        &self,
        before: Option<(Millis, &str)>,
        limit: i64,
    ) -> Result<Vec<CauseGroup>, StoreError>;
    /// Groups that closed since, the last first.
    async fn closed_causes(&self, since: Millis, limit: i64) -> Result<Vec<CauseGroup>, StoreError>;
    /// One group.
    async fn cause(&self, key: &str) -> Result<Option<CauseGroup>, StoreError>;
    /// Runs that need a person.
    async fn troubled_runs(
        &self,
        filter: &TroubleFilter,
        page: TroublePage,
        limit: i64,
    ) -> Result<Vec<TroubledRun>, StoreError>;
    /// How many runs of each group the filter means, the newest trouble first.
    async fn count_troubled(&self, filter: &TroubleFilter) -> Result<Vec<(CauseGroup, i64)>, StoreError>;
    /// Gives a piece of the runs that failed before causes were kept their cause. True where more are to be looked at.
    async fn name_causes(&self, limit: i64) -> Result<bool, StoreError>;
    /// Forgets groups and bulks that ended long ago, a bounded number.
    async fn forget_causes(&self, now: Millis) -> Result<(), StoreError>;
    /// Keeps what a person asked to be done with many runs. False where it is kept already, by its id.
    async fn ask_bulk(&self, bulk: &Bulk) -> Result<bool, StoreError>;
    /// One of them.
    async fn bulk(&self, id: &str) -> Result<Option<Bulk>, StoreError>;
    /// The oldest that is not through.
    async fn next_bulk(&self) -> Result<Option<Bulk>, StoreError>;
    /// Does a piece of it, in one transaction with its new position. False: somebody else went on with it, and nothing was
    /// done.
    async fn carry_out(&self, piece: &BulkPiece) -> Result<bool, StoreError>;
    // --- rules over existing bookings ---

    /// Bookings as they stand, with the change that made them so, for looks at what a rule would do.
    async fn present_bookings(&self, query: &PresentQuery) -> Result<Vec<PresentBooking>, StoreError>;
    /// Begins to apply a rule. Where it is being applied already, gives that one instead, and `false`.
    async fn begin_apply(&self, new: &NewApply) -> Result<(ApplyRow, bool), StoreError>;
    /// Plans the runs of one batch and notes how far it got, in one transaction. `false`: somebody else did it meanwhile,
    /// or it has ended; nothing was planned.
    async fn step_apply(&self, step: &ApplyStep) -> Result<bool, StoreError>;
    /// Applyings, newest first.
    async fn applies(&self, filter: &ApplyFilter) -> Result<Vec<ApplyRow>, StoreError>;
    /// Which of these runs need not be planned, by their index: one of the same rule, booking and item waits or works, is
    /// not older, and goes by this ruleset.
    async fn open_alike(&self, runs: &[NewRun], ruleset: &str) -> Result<Vec<usize>, StoreError>;

    // --- rulesets, sources, secrets, small facts ---

    /// Keeps a ruleset, makes it the active one, and notes that in the history.
    async fn activate_ruleset(&self, hash: &str, files: &str, now: Millis) -> Result<(), StoreError>;
    /// The active ruleset.
    async fn active_ruleset(&self) -> Result<Option<StoredRuleset>, StoreError>;
    /// The hash of the active ruleset.
    async fn active_hash(&self) -> Result<Option<String>, StoreError>;
    /// A ruleset by its hash.
    async fn ruleset(&self, hash: &str) -> Result<Option<StoredRuleset>, StoreError>;
    /// Says who made a ruleset the active one and why: on its latest entry of the history. False where there is none.
    async fn note_ruleset(&self, note: &RulesetNote) -> Result<bool, StoreError>;
    /// Which rulesets were active, newest first.
    async fn ruleset_history(&self, before: Option<i64>, limit: i64)
    -> Result<Vec<RulesetEntry>, StoreError>;
    /// Carries links over from one rule (or rule + step) name to another (`was:`). Gives how many.
    async fn rename_links(
        &self,
        from: (&str, Option<&str>),
        to: (&str, Option<&str>),
    ) -> Result<i64, StoreError>;
    /// Sources as last seen.
    async fn sources(&self) -> Result<Vec<SourceMemory>, StoreError>;
    /// Remembers sources: inserts or replaces.
    async fn remember_sources(&self, sources: &[SourceMemory]) -> Result<(), StoreError>;
    /// All sealed secrets.
    async fn secrets(&self) -> Result<Vec<SealedSecret>, StoreError>;
    /// Sets a sealed secret.
    async fn set_secret(&self, secret: &SealedSecret) -> Result<(), StoreError>;
    /// Removes a secret; false where there was none.
    async fn remove_secret(&self, name: &str) -> Result<bool, StoreError>;
    /// A small fact by name (`key.fingerprint`, `node.id`).
    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// Sets a small fact.
    async fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreError>;
    /// Sets a small fact where it is still `before` (`None`: there is none); false: somebody else set it meanwhile. Of
    /// two that do so at once one has true, whichever processes they are of.
    async fn swap_fact(&self, name: &str, before: Option<&str>, value: &str) -> Result<bool, StoreError>;

    // --- what people look at ---

    /// Events, newest first.
    async fn list_events(&self, filter: &ListFilter) -> Result<Vec<EventView>, StoreError>;
    /// One event with its body.
    async fn event(&self, id: &EventId) -> Result<Option<(EventView, StoredEvent)>, StoreError>;
    /// Bookings, last changed first.
    async fn list_bookings(&self, filter: &ListFilter) -> Result<Vec<BookingView>, StoreError>;
    /// One booking by its id, with its present JSON.
    async fn booking(&self, id: &BookingId) -> Result<Option<(BookingView, String)>, StoreError>;
    /// A booking's changes, newest first.
    async fn changes_of_booking(&self, id: &BookingId, limit: i64) -> Result<Vec<ChangeView>, StoreError>;
    /// One change with the JSON before and after.
    async fn change(
        &self,
        reference: ChangeRef,
    ) -> Result<Option<(ChangeView, Option<String>, Option<String>)>, StoreError>;
    /// Runs, newest first.
    async fn list_runs(&self, filter: &ListFilter) -> Result<Vec<RunRow>, StoreError>;
    /// The newest runs of each of these bookings, all in the order asked for, newest first, at most `each` of one.
    async fn runs_of_bookings(
        &self,
        bookings: &[BookingId],
        each: i64,
    ) -> Result<Vec<Vec<RunRow>>, StoreError>;
    /// Those of the newest `limit` calls to all connections that were answered, newest first.
    async fn answered_lately(&self, limit: i64) -> Result<Vec<AnsweredCall>, StoreError>;
    /// Attempts of a run, oldest first.
    async fn attempts(&self, run: &RunId) -> Result<Vec<AttemptView>, StoreError>;
    /// One attempt.
    async fn attempt(&self, id: &AttemptId) -> Result<Option<AttemptView>, StoreError>;
    /// How much there is.
    async fn counts(&self) -> Result<Counts, StoreError>;

    // --- people ---

    /// The part about people: accounts, sessions, API tokens, the audit log.
    fn people(&self) -> &dyn PeopleStore;
    /// The part about alerts: channels, outages, letters.
    fn alerts(&self) -> &dyn AlertStore;
    /// The part about rebookings.
    fn chains(&self) -> &dyn ChainStore;
    /// The part about house-keeping: figures, retention, what is known of one guest.
    fn keeping(&self) -> &dyn KeepingStore;
    /// The part about the doors' health: refused webhooks, downtimes.
    fn pulse(&self) -> &dyn PulseStore;
    /// The part about what is to be fetched from booking systems.
    fn fetches(&self) -> &dyn FetchStore;
    /// The part about walks over a source's API.
    fn walks(&self) -> &dyn WalkStore;
    /// The little that every page says: runs by state, the oldest that wait, what is not read yet. Never counts much.
    async fn glance(&self) -> Result<Glance, StoreError>;
    /// A word that differs whenever something happened that pages show; cheap to ask every second.
    async fn stamp(&self) -> Result<String, StoreError>;

    // --- what bookings are found and counted by ---

    /// Bookings by words and filters, the last changed first. Looks through a bounded number of them and says so.
    async fn find_bookings(&self, query: &BookingQuery) -> Result<BookingPage, StoreError>;
    /// How bookings stand, all in the order asked for; `None` where one has no card yet.
    async fn standings(&self, bookings: &[BookingId]) -> Result<Vec<Option<Standing>>, StoreError>;
    /// Different terms that begin so, in order, at most `limit`.
    async fn terms_like(&self, prefix: &str, limit: i64) -> Result<Vec<String>, StoreError>;
    /// How many bookings have this term, counted up to `limit`.
    async fn bookings_with_term(&self, term: &str, limit: i64) -> Result<i64, StoreError>;
    /// Bookings by the hour of their last change, from an hour on (hours since 1970).
    async fn booking_hours(&self, from_hour: i64) -> Result<Vec<HourCount>, StoreError>;
    /// Webhooks by source and hour, from an hour on, as far as they are counted.
    async fn source_hours(&self, from_hour: i64) -> Result<Vec<SourceHour>, StoreError>;
    /// When each of these sources sent its last webhook.
    async fn last_webhooks(&self, sources: &[String]) -> Result<Vec<Option<Millis>>, StoreError>;
    /// Counts events behind the journal into hours, at most so many; gives how many it looked at.
    async fn count_up_events(&self, limit: i64) -> Result<i64, StoreError>;
    /// How far cards are made for bookings that were there before cards were; and the next of them, newest first.
    async fn unfiled_bookings(&self, limit: i64) -> Result<Vec<UnfiledBooking>, StoreError>;
    /// Makes the cards of these bookings, where they have none, and remembers how far it is; none of them: it is done.
    async fn file_bookings(&self, cards: &[CardFill]) -> Result<(), StoreError>;
    /// All links that point to a booking or one of its items, without their pointers.
    async fn links_of_booking(&self, booking: &BookingId) -> Result<Vec<LinkRow>, StoreError>;

    // --- house-keeping ---

    /// Writes a whole, consistent copy to a file (SQLite; elsewhere `Unfit` says what to use).
    async fn backup(&self, file: &Path) -> Result<(), StoreError>;
    /// Keeps the database well, several times a second: empties SQLite's write-ahead log into the file, makes sure that the
    /// node's lock on Postgres is still held (`Unfit` where another node took it meanwhile: stop).
    async fn maintain(&self) -> Result<(), StoreError>;
    /// Whether the database answers, and what it is ("SQLite 3.50.4, 1.2 GB").
    async fn describe(&self) -> Result<String, StoreError>;
    /// Lets go of the database.
    async fn close(&self);
}
