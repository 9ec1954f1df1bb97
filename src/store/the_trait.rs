//! `ports::Store`, each method by the file that knows it.

use super::{Database, SqlStore};
use crate::domain::{
    AttemptId, BookingId, BookingKey, ChangeRef, EventId, EventKey, Millis, Position, RecordKey, RunId, Seq,
    Standing, Verdict,
};
use crate::ports::{
    AlertStore, AnsweredCall, AppliedEvent, ApplyFilter, ApplyRow, ApplyStep, AttemptView, BookingPage,
    BookingQuery, BookingView, Bulk, BulkPiece, CardFill, CauseGroup, ChangeView, ConnectionState, Counts,
    DeliveryWrite, DueConnection, DueQuery, DueRun, EventView, Glance, HourCount, LinkRow, LinksOf,
    ListFilter, LostAttempt, NewApply, NewEvent, NewRun, PeopleStore, PresentBooking, PresentQuery,
    PulseStore, RulesetEntry, RulesetNote, RunRow, SealedSecret, SeenEvent, SourceHour, SourceMemory, Store,
    StoreError, StoredBooking, StoredEvent, StoredRuleset, TroubleFilter, TroublePage, TroubledRun,
    UnfiledBooking, Written,
};
use crate::ports::{ChainStore, FetchStore, KeepingStore, WalkStore};
use async_trait::async_trait;
use std::path::Path;

#[async_trait]
impl Store for SqlStore {
    async fn append_events(&self, events: &[NewEvent]) -> Result<Vec<Position>, StoreError> {
        self.append(events).await
    }

    async fn unapplied_events(
        &self,
        limit: i64,
        body_bytes_max: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.unapplied(limit, body_bytes_max).await
    }

    async fn count_crash(&self, position: Position) -> Result<i64, StoreError> {
        self.crashed(position).await
    }

    async fn bookings_by_key(&self, keys: &[BookingKey]) -> Result<Vec<StoredBooking>, StoreError> {
        self.bookings_of_keys(keys).await
    }

    async fn known_hashes(
        &self,
        pairs: &[(BookingId, String)],
    ) -> Result<Vec<(BookingId, String)>, StoreError> {
        self.find_hashes(pairs).await
    }

    async fn seen_events(&self, keys: &[EventKey]) -> Result<Vec<SeenEvent>, StoreError> {
        self.find_seen(keys).await
    }

    async fn apply_events(&self, events: &[AppliedEvent]) -> Result<(), StoreError> {
        self.apply(events).await
    }

    async fn plan_runs(&self, runs: &[NewRun]) -> Result<(), StoreError> {
        self.plan(runs).await
    }

    async fn due_connections(&self) -> Result<Vec<DueConnection>, StoreError> {
        self.connections_due().await
    }

    async fn due_runs(&self, query: &DueQuery) -> Result<Vec<DueRun>, StoreError> {
        self.due(query).await
    }

    async fn newest_in_lane(&self, lane: &str, after: Seq) -> Result<Option<DueRun>, StoreError> {
        self.find_newest(lane, after).await
    }

    async fn run_with_context(&self, id: &RunId) -> Result<Option<DueRun>, StoreError> {
        self.find_run(id).await
    }

    async fn links_of_records(&self, records: &[RecordKey]) -> Result<Vec<LinkRow>, StoreError> {
        self.find_links(records).await
    }

    async fn links_of_bookings(&self, wanted: &[LinksOf]) -> Result<Vec<Vec<LinkRow>>, StoreError> {
        self.find_links_of_bookings(wanted).await
    }

    async fn write_delivery(&self, writes: &[DeliveryWrite]) -> Result<Vec<Written>, StoreError> {
        self.deliver(writes).await
    }

    async fn lost_attempts(
        &self,
        node: Option<&str>,
        before: Millis,
    ) -> Result<Vec<LostAttempt>, StoreError> {
        self.lost(node, before).await
    }

    async fn hurry_connection(&self, connection: &str, now: Millis, limit: i64) -> Result<i64, StoreError> {
        self.hurry(connection, now, limit).await
    }

    async fn pause_runs(
        &self,
        connection: &str,
        pause: bool,
        now: Millis,
        limit: i64,
    ) -> Result<i64, StoreError> {
        self.pause(connection, pause, now, limit).await
    }

    async fn mend_lanes(&self, now: Millis) -> Result<i64, StoreError> {
        self.mend(now).await
    }

    async fn connections(&self) -> Result<Vec<ConnectionState>, StoreError> {
        self.all_connections().await
    }

    async fn remember_connection(&self, state: &ConnectionState) -> Result<(), StoreError> {
        self.keep_connection(state).await
    }

    async fn set_paused(&self, connection: &str, paused: bool, now: Millis) -> Result<(), StoreError> {
        self.pause_connection(connection, paused, now).await
    }

    async fn retry_runs(
        &self,
        runs: &[RunId],
        as_it_was: bool,
        now: Millis,
    ) -> Result<Vec<RunId>, StoreError> {
        self.retry(runs, as_it_was, now).await
    }

    async fn cancel_runs_of_rule(
        &self,
        rule: &str,
        verdict: &Verdict,
        now: Millis,
        limit: i64,
    ) -> Result<i64, StoreError> {
        self.cancel(rule, verdict, now, limit).await
    }

    async fn cancel_runs(
        &self,
        runs: &[RunId],
        verdict: &Verdict,
        now: Millis,
    ) -> Result<Vec<RunId>, StoreError> {
        self.cancel_by_hand(runs, verdict, now).await
    }

    async fn hold_runs(
        &self,
        runs: &[RunId],
        verdict: &Verdict,
        now: Millis,
    ) -> Result<Vec<RunId>, StoreError> {
        self.hold_by_hand(runs, verdict, now).await
    }

    async fn open_causes(
        &self,
        before: Option<(Millis, &str)>,
        limit: i64,
    ) -> Result<Vec<CauseGroup>, StoreError> {
        self.causes_open(before, limit).await
    }

    async fn closed_causes(&self, since: Millis, limit: i64) -> Result<Vec<CauseGroup>, StoreError> {
        self.causes_closed(since, limit).await
    }

    async fn cause(&self, key: &str) -> Result<Option<CauseGroup>, StoreError> {
        self.find_cause(key).await
    }

    async fn troubled_runs(
        &self,
        filter: &TroubleFilter,
        page: TroublePage,
        limit: i64,
    ) -> Result<Vec<TroubledRun>, StoreError> {
        self.troubles(filter, page, limit).await
    }

    async fn count_troubled(&self, filter: &TroubleFilter) -> Result<Vec<(CauseGroup, i64)>, StoreError> {
        self.troubles_counted(filter).await
    }

    async fn name_causes(&self, limit: i64) -> Result<bool, StoreError> {
        self.name_older_causes(limit).await
    }

    async fn forget_causes(&self, now: Millis) -> Result<(), StoreError> {
        self.forget_closed(now).await
    }

    async fn ask_bulk(&self, bulk: &Bulk) -> Result<bool, StoreError> {
        self.keep_bulk(bulk).await
    }

    async fn bulk(&self, id: &str) -> Result<Option<Bulk>, StoreError> {
        self.find_bulk(Some(id)).await
    }

    async fn next_bulk(&self) -> Result<Option<Bulk>, StoreError> {
        self.find_bulk(None).await
    }

    async fn carry_out(&self, piece: &BulkPiece) -> Result<bool, StoreError> {
        self.carry_piece_out(piece).await
    }

    async fn present_bookings(&self, query: &PresentQuery) -> Result<Vec<PresentBooking>, StoreError> {
        self.find_present(query).await
    }

    async fn begin_apply(&self, new: &NewApply) -> Result<(ApplyRow, bool), StoreError> {
        self.begin_applying(new).await
    }

    async fn step_apply(&self, step: &ApplyStep) -> Result<bool, StoreError> {
        self.step_applying(step).await
    }

    async fn applies(&self, filter: &ApplyFilter) -> Result<Vec<ApplyRow>, StoreError> {
        self.applies_list(filter).await
    }

    async fn open_alike(&self, runs: &[NewRun], ruleset: &str) -> Result<Vec<usize>, StoreError> {
        self.find_open_alike(runs, ruleset).await
    }

    async fn activate_ruleset(&self, hash: &str, files: &str, now: Millis) -> Result<(), StoreError> {
        self.keep_ruleset(hash, files, now).await
    }

    async fn active_ruleset(&self) -> Result<Option<StoredRuleset>, StoreError> {
        self.find_ruleset(None).await
    }

    async fn active_hash(&self) -> Result<Option<String>, StoreError> {
        self.find_fact(super::memory::ACTIVE_RULESET).await
    }

    async fn ruleset(&self, hash: &str) -> Result<Option<StoredRuleset>, StoreError> {
        self.find_ruleset(Some(hash)).await
    }

    async fn note_ruleset(&self, note: &RulesetNote) -> Result<bool, StoreError> {
        self.keep_ruleset_note(note).await
    }

    async fn ruleset_history(
        &self,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<RulesetEntry>, StoreError> {
        self.rulesets_list(before, limit).await
    }

    async fn rename_links(
        &self,
        from: (&str, Option<&str>),
        to: (&str, Option<&str>),
    ) -> Result<i64, StoreError> {
        self.carry_links_over(from, to).await
    }

    async fn sources(&self) -> Result<Vec<SourceMemory>, StoreError> {
        self.all_sources().await
    }

    async fn remember_sources(&self, sources: &[SourceMemory]) -> Result<(), StoreError> {
        self.keep_sources(sources).await
    }

    async fn secrets(&self) -> Result<Vec<SealedSecret>, StoreError> {
        self.all_secrets().await
    }

    async fn set_secret(&self, secret: &SealedSecret) -> Result<(), StoreError> {
        self.keep_secret(secret).await
    }

    async fn remove_secret(&self, name: &str) -> Result<bool, StoreError> {
        self.drop_secret(name).await
    }

    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.find_fact(name).await
    }

    async fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.keep_fact(name, value).await
    }

    async fn swap_fact(&self, name: &str, before: Option<&str>, value: &str) -> Result<bool, StoreError> {
        self.keep_fact_if(name, before, value).await
    }

    async fn list_events(&self, filter: &ListFilter) -> Result<Vec<EventView>, StoreError> {
        self.events_list(filter).await
    }

    async fn event(&self, id: &EventId) -> Result<Option<(EventView, StoredEvent)>, StoreError> {
        self.find_event(id).await
    }

    async fn list_bookings(&self, filter: &ListFilter) -> Result<Vec<BookingView>, StoreError> {
        self.bookings_list(filter).await
    }

    async fn booking(&self, id: &BookingId) -> Result<Option<(BookingView, String)>, StoreError> {
        self.find_booking(id).await
    }

    async fn changes_of_booking(&self, id: &BookingId, limit: i64) -> Result<Vec<ChangeView>, StoreError> {
        self.booking_changes(id, limit).await
    }

    async fn change(
        &self,
        reference: ChangeRef,
    ) -> Result<Option<(ChangeView, Option<String>, Option<String>)>, StoreError> {
        self.find_change(reference).await
    }

    async fn list_runs(&self, filter: &ListFilter) -> Result<Vec<RunRow>, StoreError> {
        self.runs_list(filter).await
    }

    async fn runs_of_bookings(
        &self,
        bookings: &[BookingId],
        each: i64,
    ) -> Result<Vec<Vec<RunRow>>, StoreError> {
        self.newest_runs_of(bookings, each).await
    }

    async fn answered_lately(&self, limit: i64) -> Result<Vec<AnsweredCall>, StoreError> {
        self.answered_calls(limit).await
    }

    async fn attempts(&self, run: &RunId) -> Result<Vec<AttemptView>, StoreError> {
        self.attempts_of(run).await
    }

    async fn attempt(&self, id: &AttemptId) -> Result<Option<AttemptView>, StoreError> {
        self.find_attempt(id).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.count().await
    }

    fn people(&self) -> &dyn PeopleStore {
        self
    }

    fn alerts(&self) -> &dyn AlertStore {
        self
    }

    fn fetches(&self) -> &dyn FetchStore {
        self
    }

    fn chains(&self) -> &dyn ChainStore {
        self
    }

    fn keeping(&self) -> &dyn KeepingStore {
        self
    }

    fn pulse(&self) -> &dyn PulseStore {
        self
    }

    fn walks(&self) -> &dyn WalkStore {
        self
    }

    async fn glance(&self) -> Result<Glance, StoreError> {
        self.look_at_counts().await
    }

    async fn stamp(&self) -> Result<String, StoreError> {
        self.stamp_of_all().await
    }

    async fn find_bookings(&self, query: &BookingQuery) -> Result<BookingPage, StoreError> {
        self.page_of_bookings(query).await
    }

    async fn standings(&self, bookings: &[BookingId]) -> Result<Vec<Option<Standing>>, StoreError> {
        self.standings_of(bookings).await
    }

    async fn terms_like(&self, prefix: &str, limit: i64) -> Result<Vec<String>, StoreError> {
        self.terms_from(prefix, limit).await
    }

    async fn bookings_with_term(&self, term: &str, limit: i64) -> Result<i64, StoreError> {
        self.count_term(term, limit).await
    }

    async fn booking_hours(&self, from_hour: i64) -> Result<Vec<HourCount>, StoreError> {
        self.hours_of_bookings(from_hour).await
    }

    async fn source_hours(&self, from_hour: i64) -> Result<Vec<SourceHour>, StoreError> {
        self.hours_of_sources(from_hour).await
    }

    async fn last_webhooks(&self, sources: &[String]) -> Result<Vec<Option<Millis>>, StoreError> {
        self.last_of_sources(sources).await
    }

    async fn count_up_events(&self, limit: i64) -> Result<i64, StoreError> {
        self.count_events_up(limit).await
    }

    async fn unfiled_bookings(&self, limit: i64) -> Result<Vec<UnfiledBooking>, StoreError> {
        self.without_card(limit).await
    }

    async fn file_bookings(&self, cards: &[CardFill]) -> Result<(), StoreError> {
        self.fill_cards(cards).await
    }

    async fn links_of_booking(&self, booking: &BookingId) -> Result<Vec<LinkRow>, StoreError> {
        self.links_that_point(booking).await
    }

    async fn backup(&self, file: &Path) -> Result<(), StoreError> {
        match &self.database {
            Database::Sqlite(database) => database.backup(file).await,
            Database::Postgres(_) => Err(StoreError::Unfit(String::from(
                "A Postgres database is copied with its own tool: pg_dump --format=custom --file=FILE DATABASE.",
            ))),
        }
    }

    async fn maintain(&self) -> Result<(), StoreError> {
        match &self.database {
            Database::Sqlite(database) => database.maintain().await,
            Database::Postgres(database) => database.keep_node_lock().await,
        }
    }

    async fn describe(&self) -> Result<String, StoreError> {
        match &self.database {
            Database::Sqlite(database) => database.describe().await,
            Database::Postgres(database) => database.describe().await,
        }
    }

    async fn close(&self) {
        match &self.database {
            Database::Sqlite(database) => database.close().await,
            Database::Postgres(database) => database.close().await,
        }
    }
}
