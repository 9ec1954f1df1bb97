//! Masking of guests' data for viewers: a setting, and the one place where what the faces read is masked. `App::store` is
//! this store around the database's own; while a request of a viewer is answered (`masked`), whatever it reads of a guest is
//! masked before a page or the API gets to see it. The stages have the database's own store and never come this way.
//!
//! A viewer finds bookings by whole words only (a whole name, address, phone or number), so that nobody is spelled out
//! letter by letter, and is told of no words that are near.
//!
//! Invariant: every read of `ports::Store` stands below, either masked or passed on. A new one must be put here to compile.

use super::masking_asked::MaskedAsked;
use super::{App, Who};
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the wrapper names nearly all of them"))]
use crate::domain::*;
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the wrapper names nearly all of them"))]
use crate::ports::*;
use serde_json::Value;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};

/// Name of the fact that holds the setting.
const FACT: &str = "masking";
/// Stands in the place of what a viewer may not read.
pub(super) const HIDDEN: &str = "This is hidden from viewers";

/// New at each start: by it nobody can try which address a masked key was made of.
static CHANCE: LazyLock<RandomState> = LazyLock::new(RandomState::new);

tokio::task_local! {
    static MASKED: ();
}

/// Answers something with guests' data masked.
pub async fn masked<T>(answering: impl Future<Output = T>) -> T {
    MASKED.scope((), answering).await
}

/// Whether guests' data are masked in what is answered now.
pub fn is_masked() -> bool {
    MASKED.try_with(|()| ()).is_ok()
}

impl App {
    /// Whether viewers see guests' data masked.
    pub fn masks(&self) -> bool {
        self.masking.load(Ordering::Relaxed)
    }

    /// Reads the setting. Part of the start.
    pub(super) async fn load_masking(&self) -> Result<(), StoreError> {
        let on = self.store.fact(FACT).await?.as_deref() == Some("on");
        self.masking.store(on, Ordering::Relaxed);
        Ok(())
    }

    /// Lets viewers see guests' data masked, or as they are.
    pub async fn set_masking(&self, who: &Who, on: bool) -> Result<(), StoreError> {
        let word = if on { "on" } else { "off" };
        self.store.set_fact(FACT, word).await?;
        self.masking.store(on, Ordering::Relaxed);
        self.audit(who, "masking.changed", "", word).await;
        Ok(())
    }
}

/// The store as the faces have it.
pub(super) struct MaskedStore {
    asked: MaskedAsked,
    inner: Arc<dyn Store>,
}

impl MaskedStore {
    /// Around the database's own.
    pub(super) fn new(inner: Arc<dyn Store>) -> Self {
        Self { asked: MaskedAsked { inner: inner.clone() }, inner }
    }
}

/// What can be masked.
pub(super) trait Mask {
    /// Masks what it holds of a guest.
    fn mask(&mut self);
}

impl<T: Mask> Mask for Vec<T> {
    fn mask(&mut self) {
        self.iter_mut().for_each(Mask::mask);
    }
}

impl<T: Mask> Mask for Option<T> {
    fn mask(&mut self) {
        if let Some(inner) = self {
            inner.mask();
        }
    }
}

impl Mask for BookingView {
    fn mask(&mut self) {
        let person = &self.view.person;
        for text in [&mut self.key.key, &mut self.status] {
            if tells_of(person, text) {
                MASK.clone_into(text);
            }
        }
        self.view = mask_view(&self.view);
    }
}

/// JSON as text.
fn mask_json(text: &mut String) {
    *text = match serde_json::from_str::<Value>(text) {
        Ok(document) => mask_document(&document).to_string(),
        Err(_) => Value::from(MASK).to_string(),
    };
}

impl Mask for (BookingView, String) {
    fn mask(&mut self) {
        self.0.mask();
        mask_json(&mut self.1);
    }
}

impl Mask for ChangeView {
    fn mask(&mut self) {
        if let Some(note) = &mut self.note {
            HIDDEN.clone_into(note);
        }
        if self.booking_key.as_deref().is_some_and(has_odd_letters) {
            self.booking_key = Some(MASK.to_owned());
        }
        for path in &mut self.paths {
            *path = mask_path(path);
        }
    }
}

impl Mask for (ChangeView, Option<String>, Option<String>) {
    fn mask(&mut self) {
        self.0.mask();
        self.1.iter_mut().chain(&mut self.2).for_each(mask_json);
    }
}

impl Mask for EventView {
    fn mask(&mut self) {
        self.changes.mask();
    }
}

impl Mask for (EventView, StoredEvent) {
    fn mask(&mut self) {
        self.0.mask();
        self.1.body = format!("{HIDDEN}\n").into_bytes();
        "{}".clone_into(&mut self.1.headers);
    }
}

/// The sentences of these tell of rules and records, never of what a booking or an answer holds.
const TOLD: [VerdictCode; 7] = [
    VerdictCode::When,
    VerdictCode::If,
    VerdictCode::Unchanged,
    VerdictCode::Stale,
    VerdictCode::Superseded,
    VerdictCode::RuleOff,
    VerdictCode::ConnectionGone,
];

impl Mask for Verdict {
    fn mask(&mut self) {
        if !TOLD.contains(&self.code) {
            HIDDEN.clone_into(&mut self.text);
        }
    }
}

impl Mask for RunRow {
    fn mask(&mut self) {
        self.verdict.mask();
        if !self.item.is_empty() {
            MASK.clone_into(&mut self.item);
        }
        self.lane.clear();
        for step in &mut self.steps {
            step.outputs.clear();
            step.known_id = None;
            step.verdict.mask();
        }
    }
}

impl Mask for DueRun {
    fn mask(&mut self) {
        self.run.mask();
        self.key.key.clear();
        self.paths.iter_mut().for_each(|path| *path = mask_path(path));
        mask_json(&mut self.body);
        self.previous.iter_mut().for_each(mask_json);
        let neighbours = self.chain.before.iter_mut().chain(&mut self.chain.after);
        neighbours.for_each(mask_json);
        self.chain.before_key.iter_mut().chain(&mut self.chain.after_key).for_each(String::clear);
    }
}

impl Mask for AttemptView {
    fn mask(&mut self) {
        self.request = serde_json::json!({ "removed": HIDDEN }).to_string();
        self.answer = self.answer.is_some().then(|| self.request.clone());
        self.message = None;
    }
}

/// Its key and its id there may be an address; which one it is among others stays.
impl Mask for LinkRow {
    fn mask(&mut self) {
        self.key.record.key = format!("{MASK}{:08x}", CHANCE.hash_one(&self.key.record.key) >> 32);
        self.remote_id = None;
        self.outputs.clear();
        self.bookings.clear();
    }
}

impl Mask for CauseGroup {
    fn mask(&mut self) {
        self.message.clear();
        self.cause.pattern.clear();
    }
}

impl Mask for (CauseGroup, i64) {
    fn mask(&mut self) {
        self.0.mask();
    }
}

impl Mask for TroubledRun {
    fn mask(&mut self) {
        self.run.mask();
    }
}

impl Mask for PresentBooking {
    fn mask(&mut self) {
        self.booking.mask();
        self.paths.iter_mut().for_each(|path| *path = mask_path(path));
        mask_json(&mut self.body);
        self.previous.iter_mut().for_each(mask_json);
    }
}

/// Words that are near, and which would be guests' names.
impl Mask for Vec<String> {
    fn mask(&mut self) {
        self.clear();
    }
}

/// Bookings that were found by a whole word each.
fn found_by_whole_words(page: &mut BookingPage, query: &BookingQuery) {
    page.bookings.retain_mut(|(booking, _)| {
        let terms = search_terms(&booking.view, &[]);
        let whole = |spellings: &Vec<String>| {
            spellings.iter().any(|word| terms.contains(word) || *word == fold(&booking.key.key))
        };
        let kept = query.words.iter().all(whole);
        booking.mask();
        kept
    });
}

/// One line per method of the trait: whether what it gives is masked or passed on, and its signature.
macro_rules! around {
    ($($what:ident $name:ident($($arg:ident: $type:ty),*) -> $gives:ty;)*) => {
        #[async_trait::async_trait]
        impl Store for MaskedStore {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$gives, StoreError> {
                around!(@ $what self.inner.$name($($arg),*).await?)
            })*

            async fn find_bookings(&self, query: &BookingQuery) -> Result<BookingPage, StoreError> {
                let mut page = self.inner.find_bookings(query).await?;
                if is_masked() {
                    found_by_whole_words(&mut page, query);
                }
                Ok(page)
            }

            fn people(&self) -> &dyn PeopleStore {
                self.inner.people()
            }

            fn alerts(&self) -> &dyn AlertStore {
                self.inner.alerts()
            }

            fn fetches(&self) -> &dyn FetchStore {
                &self.asked
            }

            fn keeping(&self) -> &dyn KeepingStore {
                self.inner.keeping()
            }

            fn chains(&self) -> &dyn ChainStore {
                self.inner.chains()
            }

            fn pulse(&self) -> &dyn PulseStore {
                self.inner.pulse()
            }

            fn walks(&self) -> &dyn WalkStore {
                &self.asked
            }

            async fn close(&self) {
                self.inner.close().await;
            }
        }
    };
    (@ masks $read:expr) => {{
        let mut gives = $read;
        if is_masked() {
            gives.mask();
        }
        Ok(gives)
    }};
    (@ passes $read:expr) => {
        Ok($read)
    };
}

around! {
    passes append_events(events: &[NewEvent]) -> Vec<Position>;
    passes unapplied_events(limit: i64, body_bytes_max: i64) -> Vec<StoredEvent>;
    passes count_crash(position: Position) -> i64;
    passes bookings_by_key(keys: &[BookingKey]) -> Vec<StoredBooking>;
    passes known_hashes(pairs: &[(BookingId, String)]) -> Vec<(BookingId, String)>;
    passes seen_events(keys: &[EventKey]) -> Vec<SeenEvent>;
    passes apply_events(events: &[AppliedEvent]) -> ();
    passes plan_runs(runs: &[NewRun]) -> ();
    passes due_connections() -> Vec<DueConnection>;
    masks due_runs(query: &DueQuery) -> Vec<DueRun>;
    masks newest_in_lane(lane: &str, after: Seq) -> Option<DueRun>;
    masks run_with_context(id: &RunId) -> Option<DueRun>;
    masks links_of_records(records: &[RecordKey]) -> Vec<LinkRow>;
    masks links_of_bookings(wanted: &[LinksOf]) -> Vec<Vec<LinkRow>>;
    passes write_delivery(writes: &[DeliveryWrite]) -> Vec<Written>;
    passes lost_attempts(node: Option<&str>, before: Millis) -> Vec<LostAttempt>;
    passes hurry_connection(connection: &str, now: Millis, limit: i64) -> i64;
    passes pause_runs(connection: &str, pause: bool, now: Millis, limit: i64) -> i64;
    passes mend_lanes(now: Millis) -> i64;
    passes connections() -> Vec<ConnectionState>;
    passes remember_connection(state: &ConnectionState) -> ();
    passes set_paused(connection: &str, paused: bool, now: Millis) -> ();
    passes retry_runs(runs: &[RunId], as_it_was: bool, now: Millis) -> Vec<RunId>;
    passes cancel_runs_of_rule(rule: &str, verdict: &Verdict, now: Millis, limit: i64) -> i64;
    passes cancel_runs(runs: &[RunId], verdict: &Verdict, now: Millis) -> Vec<RunId>;
    passes hold_runs(runs: &[RunId], verdict: &Verdict, now: Millis) -> Vec<RunId>;
    masks open_causes(before: Option<(Millis, &str)>, limit: i64) -> Vec<CauseGroup>;
    masks closed_causes(since: Millis, limit: i64) -> Vec<CauseGroup>;
    masks cause(key: &str) -> Option<CauseGroup>;
    masks troubled_runs(filter: &TroubleFilter, page: TroublePage, limit: i64) -> Vec<TroubledRun>;
    masks count_troubled(filter: &TroubleFilter) -> Vec<(CauseGroup, i64)>;
    passes name_causes(limit: i64) -> bool;
    passes forget_causes(now: Millis) -> ();
    passes ask_bulk(bulk: &Bulk) -> bool;
    passes bulk(id: &str) -> Option<Bulk>;
    passes next_bulk() -> Option<Bulk>;
    passes carry_out(piece: &BulkPiece) -> bool;
    masks present_bookings(query: &PresentQuery) -> Vec<PresentBooking>;
    passes begin_apply(new: &NewApply) -> (ApplyRow, bool);
    passes step_apply(step: &ApplyStep) -> bool;
    passes applies(filter: &ApplyFilter) -> Vec<ApplyRow>;
    passes open_alike(runs: &[NewRun], ruleset: &str) -> Vec<usize>;
    passes activate_ruleset(hash: &str, files: &str, now: Millis) -> ();
    passes active_ruleset() -> Option<StoredRuleset>;
    passes active_hash() -> Option<String>;
    passes ruleset(hash: &str) -> Option<StoredRuleset>;
    passes note_ruleset(note: &RulesetNote) -> bool;
    passes ruleset_history(before: Option<i64>, limit: i64) -> Vec<RulesetEntry>;
    passes rename_links(from: (&str, Option<&str>), to: (&str, Option<&str>)) -> i64;
    passes sources() -> Vec<SourceMemory>;
    passes remember_sources(sources: &[SourceMemory]) -> ();
    passes secrets() -> Vec<SealedSecret>;
    passes set_secret(secret: &SealedSecret) -> ();
    passes remove_secret(name: &str) -> bool;
    passes fact(name: &str) -> Option<String>;
    passes set_fact(name: &str, value: &str) -> ();
    passes swap_fact(name: &str, before: Option<&str>, value: &str) -> bool;
    masks list_events(filter: &ListFilter) -> Vec<EventView>;
    masks event(id: &EventId) -> Option<(EventView, StoredEvent)>;
    masks list_bookings(filter: &ListFilter) -> Vec<BookingView>;
    masks booking(id: &BookingId) -> Option<(BookingView, String)>;
    masks changes_of_booking(id: &BookingId, limit: i64) -> Vec<ChangeView>;
    masks change(reference: ChangeRef) -> Option<(ChangeView, Option<String>, Option<String>)>;
    masks list_runs(filter: &ListFilter) -> Vec<RunRow>;
    masks runs_of_bookings(bookings: &[BookingId], each: i64) -> Vec<Vec<RunRow>>;
    passes answered_lately(limit: i64) -> Vec<AnsweredCall>;
    masks attempts(run: &RunId) -> Vec<AttemptView>;
    masks attempt(id: &AttemptId) -> Option<AttemptView>;
    passes counts() -> Counts;
    passes glance() -> Glance;
    passes stamp() -> String;
    passes standings(bookings: &[BookingId]) -> Vec<Option<Standing>>;
    masks terms_like(prefix: &str, limit: i64) -> Vec<String>;
    passes bookings_with_term(term: &str, limit: i64) -> i64;
    passes booking_hours(from_hour: i64) -> Vec<HourCount>;
    passes source_hours(from_hour: i64) -> Vec<SourceHour>;
    passes last_webhooks(sources: &[String]) -> Vec<Option<Millis>>;
    passes count_up_events(limit: i64) -> i64;
    passes unfiled_bookings(limit: i64) -> Vec<UnfiledBooking>;
    passes file_bookings(cards: &[CardFill]) -> ();
    masks links_of_booking(booking: &BookingId) -> Vec<LinkRow>;
    passes backup(file: &Path) -> ();
    passes maintain() -> ();
    passes describe() -> String;
}
