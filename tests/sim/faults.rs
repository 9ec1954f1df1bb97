//! The store with faults: forwards every call to the production store, and before and after each effect may take a turn
//! for others, kill the process, or say that the database failed (although it did it).
//!
//! A killed process does nothing more: the call never returns, and whoever drives the simulation drops all that was in
//! memory. What the store had committed stays.

use crate::machine::{Chance, lock};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use waypost::domain::*;
use waypost::ports::*;

/// Where in an effect it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nothing was done.
    Before,
    /// It was done, and the caller never learns.
    After,
}

/// What may go wrong with an effect, in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// The process dies, before or after.
    pub crash: u32,
    /// The database says no, before or after.
    pub error: u32,
}

/// What the simulation and its store share.
pub struct Faults(Mutex<State>);

struct State {
    chance: Chance,
    rates: Rates,
    /// What happens to this effect, counted from 1.
    at: Option<(u64, Fate)>,
    /// The database fails at the read that is so many reads away.
    fail_at_read: Option<u32>,
    effects: u64,
    crashed: bool,
    in_store: bool,
    /// Turns taken: who is polled and takes none waits for somebody else.
    turns: u64,
    /// What happened to effects, for the trace.
    told: Vec<String>,
}

impl Faults {
    /// None yet.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            chance: Chance::new(seed ^ 0xFA17),
            rates: Rates::default(),
            at: None,
            fail_at_read: None,
            effects: 0,
            crashed: false,
            in_store: false,
            turns: 0,
            told: Vec::new(),
        })))
    }

    /// From now on. A death at a certain effect stays.
    pub fn set(&self, rates: Rates) {
        lock(&self.0).rates = rates;
    }

    /// What happens to the k-th effect, counted from the beginning.
    pub fn at(&self, effect: u64, fate: Fate) {
        lock(&self.0).at = Some((effect, fate));
    }

    /// The database fails at the k-th read from now, counted from 1.
    pub fn fail_at_read(&self, read: u32) {
        lock(&self.0).fail_at_read = Some(read);
    }

    /// Effects so far.
    pub fn effects(&self) -> u64 {
        lock(&self.0).effects
    }

    /// The database is at work for somebody: nobody else gets a turn meanwhile.
    pub fn in_store(&self) -> bool {
        lock(&self.0).in_store
    }

    /// Turns taken so far.
    pub fn turns(&self) -> u64 {
        lock(&self.0).turns
    }

    /// The process is dead.
    pub fn crashed(&self) -> bool {
        lock(&self.0).crashed
    }

    /// The next process begins.
    pub fn revive(&self) {
        lock(&self.0).crashed = false;
    }

    /// What was told since last asked.
    pub fn take_told(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0).told)
    }

    async fn around<T>(
        &self,
        (name, effect): (&'static str, bool),
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.turn().await;
        let fate = if effect { self.fate(name) } else { self.fate_of_read(name) };
        match fate {
            Fate::Crash(Side::Before) => self.die().await,
            Fate::Error(Side::Before) => return Err(away()),
            _ => {}
        }
        lock(&self.0).in_store = true;
        let result = call.await;
        lock(&self.0).in_store = false;
        match fate {
            Fate::Crash(Side::After) => self.die().await,
            Fate::Error(Side::After) => result.and(Err(away())),
            _ => {
                if effect {
                    // What was done is not yet known to the caller, while others go on.
                    self.turn().await;
                }
                result
            }
        }
    }

    async fn turn(&self) {
        lock(&self.0).turns += 1;
        Turn(false).await;
    }

    async fn die(&self) -> ! {
        lock(&self.0).crashed = true;
        loop {
            std::future::pending::<()>().await;
        }
    }

    /// A read can't be done half.
    fn fate_of_read(&self, name: &'static str) -> Fate {
        let mut state = lock(&self.0);
        let rate = state.rates.error;
        let wanted = match state.fail_at_read.take() {
            Some(1) => true,
            left => {
                state.fail_at_read = left.map(|left| left - 1);
                false
            }
        };
        if !wanted && !state.chance.per_mille(rate) {
            return Fate::Well;
        }
        state.told.push(format!("    {name}: the database fails"));
        Fate::Error(Side::Before)
    }

    fn fate(&self, name: &'static str) -> Fate {
        let mut guard = lock(&self.0);
        let state = &mut *guard;
        state.effects += 1;
        let number = state.effects;
        let side = |chance: &mut Chance| if chance.per_mille(500) { Side::Before } else { Side::After };
        let fate = if let Some((at, fate)) = state.at
            && at == number
        {
            fate
        } else if state.chance.per_mille(state.rates.crash) {
            Fate::Crash(side(&mut state.chance))
        } else if state.chance.per_mille(state.rates.error) {
            Fate::Error(side(&mut state.chance))
        } else {
            Fate::Well
        };
        state.told.push(format!("    effect {number} {name}{}", fate.told()));
        fate
    }
}

/// What becomes of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is done and told.
    Well,
    /// The process dies.
    Crash(Side),
    /// The database says no.
    Error(Side),
}

impl Fate {
    /// Those that are tried at each effect. (An effect that plainly fails is what dice throw often enough.)
    pub const TROUBLES: [Self; 3] =
        [Self::Crash(Side::Before), Self::Crash(Side::After), Self::Error(Side::After)];
}

impl Fate {
    fn told(self) -> &'static str {
        match self {
            Self::Well => "",
            Self::Crash(Side::Before) => ": the process dies before it",
            Self::Crash(Side::After) => ": the process dies after it",
            Self::Error(Side::Before) => ": the database fails",
            Self::Error(Side::After) => ": the database does it and says that it failed",
        }
    }
}

fn away() -> StoreError {
    StoreError::Database { doing: "answer", of_data: false, source: "the simulation took it away".into() }
}

/// Lets whoever drives the simulation choose who goes on.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The production store with faults around it.
pub struct FaultyStore {
    /// What does the work.
    pub inner: Arc<dyn Store>,
    /// What goes wrong.
    pub faults: Arc<Faults>,
}

/// True for what writes.
macro_rules! is_effect {
    (reads) => {
        false
    };
    (writes) => {
        true
    };
}

/// One line per method of the trait: whether it writes, and its signature.
macro_rules! forward {
    ($($what:ident $name:ident($($arg:ident: $type:ty),*) -> $gives:ty;)*) => {
        #[async_trait::async_trait]
        impl Store for FaultyStore {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$gives, StoreError> {
                self.faults.around((stringify!($name), is_effect!($what)), self.inner.$name($($arg),*)).await
            })*

            fn walks(&self) -> &dyn WalkStore {
                self
            }

            fn pulse(&self) -> &dyn waypost::ports::PulseStore {
                self.inner.pulse()
            }

            fn keeping(&self) -> &dyn KeepingStore {
                self
            }

            fn people(&self) -> &dyn waypost::ports::PeopleStore {
                self.inner.people()
            }

            fn chains(&self) -> &dyn ChainStore {
                self
            }

            fn fetches(&self) -> &dyn FetchStore {
                self
            }

            fn alerts(&self) -> &dyn waypost::ports::AlertStore {
                self.inner.alerts()
            }

            async fn close(&self) {
                self.inner.close().await;
            }
        }
    };
}

/// The same for a part of the store that is a trait of its own.
macro_rules! forward_part {
    ($part:ident is $trait:ident; $($what:ident $name:ident($($arg:ident: $type:ty),*) -> $gives:ty;)*) => {
        #[async_trait::async_trait]
        impl $trait for FaultyStore {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$gives, StoreError> {
                let call = (stringify!($name), is_effect!($what));
                self.faults.around(call, self.inner.$part().$name($($arg),*)).await
            })*
        }
    };
}

forward_part! {
    chains is ChainStore;
    reads rebookings(keys: &[BookingKey]) -> Vec<Rebooking>;
    reads members(keys: &[BookingKey]) -> Vec<ChainMember>;
    reads version_at(booking: &BookingId, position: Position) -> Option<String>;
}

forward_part! {
    fetches is FetchStore;
    writes recover_fetches(now: Millis) -> i64;
    writes claim_fetches(except: &[String], now: Millis, limit: i64) -> Vec<FetchRow>;
    reads next_fetch_at(except: &[String]) -> Option<Millis>;
    writes end_fetch(row: &FetchRow, end: &FetchEnd, now: Millis) -> ();
    writes put_off_fetches(rows: &[FetchRow], off: PutOff<'_>, now: Millis) -> ();
    writes give_back(id: &str, now: Millis) -> ();
    writes ask_fetch(fetch: &NewFetch, by: &str) -> FetchRow;
    writes hurry_fetches(source: &str, now: Millis) -> i64;
    writes hurry_some(ids: &[String], now: Millis) -> ();
    writes hurry_down(source: &str, since: Millis, now: Millis) -> ();
    writes revive_fetches(source: Option<&str>, now: Millis) -> i64;
    reads ended_unknown(keys: &[BookingKey]) -> Vec<(BookingKey, Position)>;
    writes pull_in_fetches(later: Millis, now: Millis) -> i64;
    reads fetch_row(id: &str) -> Option<FetchRow>;
    reads fetch_of_change(change: ChangeRef) -> Option<FetchRow>;
    reads fetches_of_source(source: &str, limit: i64) -> Vec<FetchRow>;
    reads count_fetches() -> Vec<FetchCount>;
    reads last_of_source(asked: HeardAsked<'_>) -> LastHeard;
    reads fetches_to_go_by(before: Millis, limit: i64) -> Vec<(FetchRow, StoredEvent)>;
    reads hints_of(fetch: &str, until: Position, and: Option<Position>, limit: i64) -> Vec<StoredEvent>;
    reads known_by(key: &BookingKey, until: Position) -> KnownBy;
    reads last_position() -> Position;
}

forward_part! {
    walks is WalkStore;
    writes begin_walk(new: &NewWalk) -> (WalkRow, bool);
    reads walk(seq: i64) -> Option<WalkRow>;
    reads walks(filter: &WalkFilter) -> Vec<WalkRow>;
    writes act_on_walk(seq: i64, act: WalkAct, now: Millis) -> bool;
    reads due_places(walk: i64, now: Millis, limit: i64) -> DuePlaces;
    reads aside_places(walk: i64, limit: i64) -> Vec<PlaceRow>;
    reads findings_of(walk: i64, keys: &[(String, String)]) -> Vec<WalkFinding>;
    reads findings(query: &FindingQuery) -> Vec<WalkFinding>;
    reads here_by_key(keys: &[BookingKey]) -> Vec<HereBooking>;
    reads here_after(after: &str, limit: i64) -> Vec<HereBooking>;
    writes write_walk(write: &WalkWrite) -> bool;
    writes tidy_walks() -> bool;
    reads a_node_walks() -> bool;
}

forward_part! {
    keeping is KeepingStore;
    reads figures() -> StoreFigures;
    writes remove_bodies(piece: &RemovalPiece) -> Removed;
    writes finish_removals() -> ();
    writes remove_exchanges(piece: &RemovalPiece) -> Removed;
    reads bodies_before(before: Millis) -> i64;
    reads runs_before(before: Millis, limit: i64) -> i64;
    reads removed_body(position: Position) -> Option<RemovedBody>;
    writes erase_booking(erasure: &Erasure) -> Erased;
    reads erased_booking(booking: &BookingId) -> Option<ErasedBooking>;
    reads past_bookings(day: &str, now: Millis, limit: i64) -> Vec<BookingId>;
    writes put_off(booking: &BookingId, now: Millis) -> ();
    reads bookings_put_off(limit: i64) -> Vec<BookingId>;
    writes forget_logs() -> bool;
}

forward! {
    writes append_events(events: &[NewEvent]) -> Vec<Position>;
    reads unapplied_events(limit: i64, body_bytes_max: i64) -> Vec<StoredEvent>;
    writes count_crash(position: Position) -> i64;
    reads bookings_by_key(keys: &[BookingKey]) -> Vec<StoredBooking>;
    reads known_hashes(pairs: &[(BookingId, String)]) -> Vec<(BookingId, String)>;
    reads seen_events(keys: &[EventKey]) -> Vec<SeenEvent>;
    writes apply_events(events: &[AppliedEvent]) -> ();
    writes plan_runs(runs: &[NewRun]) -> ();
    reads due_connections() -> Vec<DueConnection>;
    reads due_runs(query: &DueQuery) -> Vec<DueRun>;
    reads newest_in_lane(lane: &str, after: Seq) -> Option<DueRun>;
    reads run_with_context(id: &RunId) -> Option<DueRun>;
    reads links_of_records(records: &[RecordKey]) -> Vec<LinkRow>;
    reads links_of_bookings(wanted: &[LinksOf]) -> Vec<Vec<LinkRow>>;
    writes write_delivery(writes: &[DeliveryWrite]) -> Vec<Written>;
    reads lost_attempts(node: Option<&str>, before: Millis) -> Vec<LostAttempt>;
    writes hurry_connection(connection: &str, now: Millis, limit: i64) -> i64;
    writes pause_runs(connection: &str, pause: bool, now: Millis, limit: i64) -> i64;
    writes mend_lanes(now: Millis) -> i64;
    reads connections() -> Vec<ConnectionState>;
    writes remember_connection(state: &ConnectionState) -> ();
    writes set_paused(connection: &str, paused: bool, now: Millis) -> ();
    writes retry_runs(runs: &[RunId], as_it_was: bool, now: Millis) -> Vec<RunId>;
    writes cancel_runs_of_rule(rule: &str, verdict: &Verdict, now: Millis, limit: i64) -> i64;
    writes cancel_runs(runs: &[RunId], verdict: &Verdict, now: Millis) -> Vec<RunId>;
    writes hold_runs(runs: &[RunId], verdict: &Verdict, now: Millis) -> Vec<RunId>;
    reads open_causes(before: Option<(Millis, &str)>, limit: i64) -> Vec<CauseGroup>;
    reads closed_causes(since: Millis, limit: i64) -> Vec<CauseGroup>;
    reads cause(key: &str) -> Option<CauseGroup>;
    reads troubled_runs(filter: &TroubleFilter, page: TroublePage, limit: i64) -> Vec<TroubledRun>;
    reads count_troubled(filter: &TroubleFilter) -> Vec<(CauseGroup, i64)>;
    writes name_causes(limit: i64) -> bool;
    writes forget_causes(now: Millis) -> ();
    writes ask_bulk(bulk: &Bulk) -> bool;
    reads bulk(id: &str) -> Option<Bulk>;
    reads next_bulk() -> Option<Bulk>;
    writes carry_out(piece: &BulkPiece) -> bool;
    reads present_bookings(query: &PresentQuery) -> Vec<PresentBooking>;
    writes begin_apply(new: &NewApply) -> (ApplyRow, bool);
    writes step_apply(step: &ApplyStep) -> bool;
    reads applies(filter: &ApplyFilter) -> Vec<ApplyRow>;
    reads open_alike(runs: &[NewRun], ruleset: &str) -> Vec<usize>;
    writes activate_ruleset(hash: &str, files: &str, now: Millis) -> ();
    reads active_ruleset() -> Option<StoredRuleset>;
    reads active_hash() -> Option<String>;
    reads ruleset(hash: &str) -> Option<StoredRuleset>;
    writes note_ruleset(note: &RulesetNote) -> bool;
    reads ruleset_history(before: Option<i64>, limit: i64) -> Vec<RulesetEntry>;
    writes rename_links(from: (&str, Option<&str>), to: (&str, Option<&str>)) -> i64;
    reads sources() -> Vec<SourceMemory>;
    writes remember_sources(sources: &[SourceMemory]) -> ();
    reads secrets() -> Vec<SealedSecret>;
    writes set_secret(secret: &SealedSecret) -> ();
    writes remove_secret(name: &str) -> bool;
    reads fact(name: &str) -> Option<String>;
    writes set_fact(name: &str, value: &str) -> ();
    writes swap_fact(name: &str, before: Option<&str>, value: &str) -> bool;
    reads list_events(filter: &ListFilter) -> Vec<EventView>;
    reads event(id: &EventId) -> Option<(EventView, StoredEvent)>;
    reads list_bookings(filter: &ListFilter) -> Vec<BookingView>;
    reads booking(id: &BookingId) -> Option<(BookingView, String)>;
    reads changes_of_booking(id: &BookingId, limit: i64) -> Vec<ChangeView>;
    reads change(reference: ChangeRef) -> Option<(ChangeView, Option<String>, Option<String>)>;
    reads list_runs(filter: &ListFilter) -> Vec<RunRow>;
    reads runs_of_bookings(bookings: &[BookingId], each: i64) -> Vec<Vec<RunRow>>;
    reads answered_lately(limit: i64) -> Vec<AnsweredCall>;
    reads attempts(run: &RunId) -> Vec<AttemptView>;
    reads attempt(id: &AttemptId) -> Option<AttemptView>;
    reads counts() -> Counts;
    reads glance() -> Glance;
    reads stamp() -> String;
    reads find_bookings(query: &BookingQuery) -> BookingPage;
    reads standings(bookings: &[BookingId]) -> Vec<Option<Standing>>;
    reads terms_like(prefix: &str, limit: i64) -> Vec<String>;
    reads bookings_with_term(term: &str, limit: i64) -> i64;
    reads booking_hours(from_hour: i64) -> Vec<HourCount>;
    reads source_hours(from_hour: i64) -> Vec<SourceHour>;
    reads last_webhooks(sources: &[String]) -> Vec<Option<Millis>>;
    writes count_up_events(limit: i64) -> i64;
    reads unfiled_bookings(limit: i64) -> Vec<UnfiledBooking>;
    writes file_bookings(cards: &[CardFill]) -> ();
    reads links_of_booking(booking: &BookingId) -> Vec<LinkRow>;
    reads backup(file: &Path) -> ();
    reads maintain() -> ();
    reads describe() -> String;
}
