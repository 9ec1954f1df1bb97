//! Stage 3: an unapplied event becomes changes, bookings' new states, and planned runs, all in one transaction.
//!
//! One call of [`Applier::step`] takes one bounded batch and says what it did; `runner` calls it again. Promises 3, 5, 7
//! and 9 rest on it: each event ends with a change per thing that it told of; one that fails, panics or even kills the
//! process ends as `unreadable` and the others go on.

mod copies;
mod doors;
mod file;
mod read;

use crate::connectors::{Present, Told};
use crate::domain::{
    BookingId, BookingKey, ChangeKind, ChangeRef, EventKey, Millis, ORIGIN_PROBE, Position, RunState,
};
use crate::expr::with_deadline;
use crate::ports::{
    AppliedEvent, BookingWrite, Entropy, NewChange, NewRun, SeenEvent, Store, StoreError, StoredBooking,
    StoredEvent, Think,
};
use crate::rules::{ChangeContext, PlannedState, Ruleset};
pub use doors::{Known as KnownDoors, known_doors};

use copies::Copies;
use doors::AccountDoors;
use read::{ReadItem, ReadWhat, Reading, read_event};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Events of one batch; with `BATCH_BODY_BYTES_MAX` the size of one transaction, which deliveries wait for.
pub const BATCH_EVENTS_MAX: i64 = 256;
/// Bytes of bodies in one batch, so that a few huge bodies don't hold memory.
const BATCH_BODY_BYTES_MAX: i64 = 8 << 20;
/// How often an event may be in hand alone at a death of the process before it is put aside.
const CRASHES_MAX: i64 = 3;
/// Before the last of these tries the process must have lived so long. Whoever kills Waypost again and again shortly after
/// its start (a supervisor, an operator, a flapping machine) would else have some innocent event put aside, which happened
/// to be in hand each time; an event that kills does so whenever it is tried.
const CALM_MS: Millis = 3_000;

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppliedStep {
    /// Events applied; 0 = nothing to do.
    pub events: usize,
    /// Runs planned that wait.
    pub runs: usize,
    /// Changes by kind, in the order of `ChangeKind::ALL`.
    pub changes: [usize; ChangeKind::ALL.len()],
}

/// The stage.
pub struct Applier {
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    /// Events up to this position may have been in hand when the process died: they are applied one by one.
    suspect_until: AtomicI64,
    /// The event that this process has counted as in hand alone: each process counts once.
    counted: AtomicI64,
    /// When this process began to apply; 0 before.
    since: AtomicI64,
    /// Through which sources bodies of an account came in so far.
    doors: AccountDoors,
}

/// A booking and the hash of one of its versions.
type HashOfBooking = (BookingId, String);

/// A booking's state while a batch is under way.
struct State {
    id: BookingId,
    change: Option<ChangeRef>,
    present: Option<Present>,
}

impl Applier {
    /// The stage over a store.
    pub fn new(store: Arc<dyn Store>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            store,
            entropy,
            suspect_until: AtomicI64::new(0),
            counted: AtomicI64::new(0),
            since: AtomicI64::new(0),
            doors: AccountDoors::default(),
        }
    }

    /// Part of the start: what a batch may have held when the process died is applied one by one.
    pub async fn recover(&self) -> Result<(), StoreError> {
        let first = self.store.unapplied_events(BATCH_EVENTS_MAX, BATCH_BODY_BYTES_MAX).await?;
        let until = first.last().map_or(0, |event| event.position);
        self.suspect_until.store(until, Ordering::SeqCst);
        Ok(())
    }

    /// Applies one batch. `think` runs what computes (and may take long) off the async threads.
    pub async fn step(
        &self,
        ruleset: &Arc<Ruleset>,
        now: Millis,
        think: &dyn Think,
    ) -> Result<AppliedStep, StoreError> {
        let suspect_until = self.suspect_until.load(Ordering::SeqCst);
        let alone = suspect_until > 0;
        let limit = if alone { 1 } else { BATCH_EVENTS_MAX };
        let events = self.store.unapplied_events(limit, BATCH_BODY_BYTES_MAX).await?;
        let Some(last) = events.last().map(|event| event.position) else {
            self.suspect_until.store(0, Ordering::SeqCst);
            return Ok(AppliedStep::default());
        };
        if alone && last > suspect_until {
            self.suspect_until.store(0, Ordering::SeqCst);
            return Box::pin(self.step(ruleset, now, think)).await;
        }
        if alone {
            if self.waits_for_calm(&events[0], now) {
                return Ok(AppliedStep::default());
            }
            return self.step_alone(ruleset, &events[0], now, think).await;
        }
        match self.apply(ruleset, &events, now, think).await {
            Ok(did) => Ok(did),
            // The database is away, or something in the batch is not to its taste: one by one shows which.
            Err(_) => {
                self.suspect_until.store(last, Ordering::SeqCst);
                self.step_alone(ruleset, &events[0], now, think).await
            }
        }
    }

    /// Whether the event's last try is still to come and it is too early for it in the life of this process. Nothing else
    /// is applied meanwhile, since later events may be about the same booking.
    fn waits_for_calm(&self, event: &StoredEvent, now: Millis) -> bool {
        let _ = self.since.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst);
        // A clock that was set back begins the wait anew.
        let since = self.since.fetch_min(now, Ordering::SeqCst).min(now);
        event.crashes == CRASHES_MAX - 1
            && self.counted.load(Ordering::SeqCst) != event.position
            && now - since < CALM_MS
    }

    async fn apply(
        &self,
        ruleset: &Arc<Ruleset>,
        events: &[StoredEvent],
        now: Millis,
        think: &dyn Think,
    ) -> Result<AppliedStep, StoreError> {
        let applied = self.compute(ruleset, events, now, think).await?;
        self.store.apply_events(&applied).await?;
        Ok(did(&applied))
    }

    /// One event that may have killed the process before.
    async fn step_alone(
        &self,
        ruleset: &Arc<Ruleset>,
        event: &StoredEvent,
        now: Millis,
        think: &dyn Think,
    ) -> Result<AppliedStep, StoreError> {
        let crashes = if self.counted.load(Ordering::SeqCst) == event.position {
            event.crashes
        } else {
            self.store.count_crash(event.position).await?
        };
        self.counted.store(event.position, Ordering::SeqCst);
        if crashes > CRASHES_MAX {
            return self
                .quarantine(event, now, "quarantined: Waypost stopped three times while reading it")
                .await;
        }
        match self.apply(ruleset, std::slice::from_ref(event), now, think).await {
            // Not the database, which may be away, but what the event tells.
            Err(error) if error.is_lasting() => {
                tracing::error!(event = %event.id, error = %error, "an event could not be applied and is put aside");
                self.quarantine(event, now, "quarantined: the database does not take what it tells").await
            }
            did => did,
        }
    }

    async fn quarantine(
        &self,
        event: &StoredEvent,
        now: Millis,
        note: &str,
    ) -> Result<AppliedStep, StoreError> {
        let applied =
            [without_effect(event, now, vec![(None, ChangeKind::Unreadable, Some(note.to_owned()))])];
        self.store.apply_events(&applied).await?;
        Ok(did(&applied))
    }

    /// Reads, compares and plans, in the order of the events.
    async fn compute(
        &self,
        ruleset: &Arc<Ruleset>,
        events: &[StoredEvent],
        now: Millis,
        think: &dyn Think,
    ) -> Result<Vec<AppliedEvent>, StoreError> {
        let mut readings: Vec<Reading> = Vec::new();
        think.run(&mut || readings = events.iter().map(|event| read_event(ruleset, event)).collect());
        let mut states = self.load_states(&readings, now).await?;
        let mut copies = Copies::load(&*self.store, &readings).await?;
        let doors = self.doors.learn(&*self.store, events, &readings).await?;
        let mut applied = Vec::with_capacity(events.len());
        let mut to_look_up = Vec::new();
        think.run(&mut || {
            for (event, reading) in events.iter().zip(&mut readings) {
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    with_deadline(think.deadline(), || {
                        self.apply_one(ruleset, event, reading, (&mut states, &mut copies, &doors), now)
                    })
                }));
                let (one, pairs) = result.unwrap_or_else(|_| {
                    let note = "quarantined: a mistake of Waypost came up while reading it";
                    let changes = vec![(None, ChangeKind::Unreadable, Some(note.to_owned()))];
                    (without_effect(event, now, changes), Vec::new())
                });
                to_look_up.extend(pairs.into_iter().map(|(ordinal, pair)| (applied.len(), ordinal, pair)));
                applied.push(one);
            }
        });
        self.flag_late_copies(&mut applied, &to_look_up).await?;
        Ok(applied)
    }

    async fn load_states(
        &self,
        readings: &[Reading],
        now: Millis,
    ) -> Result<HashMap<BookingKey, State>, StoreError> {
        let mut keys: Vec<BookingKey> = readings.iter().flat_map(|reading| reading.keys().cloned()).collect();
        keys.sort();
        keys.dedup();
        let mut states = HashMap::new();
        if !keys.is_empty() {
            for stored in self.store.bookings_by_key(&keys).await? {
                let key = stored.key.clone();
                states.insert(key, state_of(stored)?);
            }
        }
        for key in keys {
            states.entry(key).or_insert_with(|| State {
                id: self.entropy.booking_id(now),
                change: None,
                present: None,
            });
        }
        Ok(states)
    }

    /// One event against the states so far. Also gives the (ordinal, booking, hash) that are to be looked up among
    /// earlier versions.
    fn apply_one(
        &self,
        ruleset: &Arc<Ruleset>,
        event: &StoredEvent,
        reading: &mut Reading,
        (states, copies, doors): (&mut HashMap<BookingKey, State>, &mut Copies, &doors::Known),
        now: Millis,
    ) -> (AppliedEvent, Vec<(i64, HashOfBooking)>) {
        let mut one =
            AppliedEvent { position: event.position, changes: vec![], bookings: vec![], runs: vec![] };
        let mut pairs = Vec::new();
        for (ordinal, item) in std::mem::take(&mut reading.items).into_iter().enumerate() {
            let ordinal = ordinal as i64;
            let ReadItem { message, seen, happened_at, what } = item;
            let plain = |booking, kind, note| NewChange {
                happened_at,
                ..plain_change(ordinal, booking, kind, note, now)
            };
            let (key, told) = match what {
                ReadWhat::Record(key, told) => (key, told),
                ReadWhat::WithoutEffect(kind, note) => {
                    one.changes.push(plain(None, kind, Some(note)));
                    continue;
                }
            };
            let seen = match seen.map(|key| copies.take(key, event, message)) {
                None => None,
                Some(Ok(seen)) => seen,
                Some(Err(note)) => {
                    let id =
                        states.get(&key).filter(|state| state.change.is_some()).map(|state| state.id.clone());
                    one.changes.push(plain(id, ChangeKind::Unchanged, Some(note)));
                    continue;
                }
            };
            let (Some(state), Some(source)) = (states.get_mut(&key), ruleset.sources.get(&event.source))
            else {
                continue;
            };
            let spec = source.connector.source.as_ref().and_then(|spec| spec.record(&told.kind));
            let Some(spec) = spec else { continue };
            let (status, is_booking) = (told.status.clone(), told.kind == "booking");
            let compared = spec.compare(state.present.as_ref(), told);
            if !compared.kind.has_effect() {
                let id = state.change.is_some().then(|| state.id.clone());
                one.changes.push(NewChange { seen, ..plain(id, compared.kind, compared.note) });
                continue;
            }
            let reference = ChangeRef { position: event.position, ordinal };
            if compared.flag_if_known && state.change.is_some() {
                pairs.push((ordinal, (state.id.clone(), compared.hash.clone())));
            }
            let view = spec.view(&compared.entity);
            one.changes.push(NewChange {
                ordinal,
                booking: Some(state.id.clone()),
                kind: compared.kind,
                paths: compared.paths.clone(),
                note: compared.note,
                previous: state.change,
                body: Some(compared.entity.to_string()),
                hash: Some(compared.hash.clone()),
                at: now,
                happened_at,
                seen,
            });
            one.bookings.push(BookingWrite {
                id: state.id.clone(),
                key: key.clone(),
                source: event.source.clone(),
                change: reference,
                status: status.clone(),
                view: view.clone(),
                hash: compared.hash.clone(),
                terms: spec.terms(&view, &compared.entity),
                at: now,
            });
            let booking = Arc::new(compared.entity);
            let context = ChangeContext {
                source: event.source.clone(),
                doors: doors.of(&key, &event.source),
                account: key.account.clone(),
                kind: compared.kind,
                paths: compared.paths,
                booking: booking.clone(),
                previous: state.present.take().map(|present| Arc::new(present.entity)),
                view,
                at: now,
                event: event.id.to_string(),
            };
            if is_booking {
                let id = state.id.clone();
                one.runs.extend(self.plan(ruleset, &context, &id, reference, now));
            }
            state.change = Some(reference);
            drop(context);
            let entity = Arc::try_unwrap(booking).unwrap_or_else(|shared| (*shared).clone());
            state.present = Some(Present { entity, hash: compared.hash, status, happened_at });
        }
        if one.changes.is_empty() {
            let note = "the body tells of nothing that its connector keeps".to_owned();
            one.changes.push(plain_change(0, None, ChangeKind::Ignored, Some(note), now));
        }
        (one, pairs)
    }

    fn plan(
        &self,
        ruleset: &Arc<Ruleset>,
        context: &ChangeContext,
        booking: &BookingId,
        change: ChangeRef,
        now: Millis,
    ) -> Vec<NewRun> {
        let place = RunPlace { booking, change, position: change.position, trigger: "change" };
        planned_runs(&*self.entropy, ruleset.plan(context), &place, now)
    }

    /// Adds the note to changes whose content an earlier version of the booking had.
    async fn flag_late_copies(
        &self,
        applied: &mut [AppliedEvent],
        to_look_up: &[(usize, i64, (BookingId, String))],
    ) -> Result<(), StoreError> {
        if to_look_up.is_empty() {
            return Ok(());
        }
        let pairs: Vec<_> = to_look_up.iter().map(|(_, _, pair)| pair.clone()).collect();
        let mut known: HashSet<(BookingId, String)> =
            self.store.known_hashes(&pairs).await?.into_iter().collect();
        for (index, one) in applied.iter_mut().enumerate() {
            for (_, ordinal, pair) in to_look_up.iter().filter(|(at, _, _)| *at == index) {
                if !known.contains(pair) {
                    continue;
                }
                if let Some(change) = one.changes.iter_mut().find(|c| c.ordinal == *ordinal)
                    && change.note.is_none()
                {
                    change.note =
                        Some("possible late copy: the booking looked exactly like this before".into());
                }
            }
            let hashes =
                one.changes.iter().filter_map(|change| Some((change.booking.clone()?, change.hash.clone()?)));
            known.extend(hashes);
        }
        Ok(())
    }
}

/// Where planned runs belong.
pub struct RunPlace<'a> {
    /// The booking.
    pub booking: &'a BookingId,
    /// The change that they are about.
    pub change: ChangeRef,
    /// The position that decides what is newer.
    pub position: Position,
    /// `change`, `replay`, `apply`.
    pub trigger: &'a str,
}

/// Plans as rows: ids, lanes, first states.
pub fn planned_runs(
    entropy: &dyn Entropy,
    planned: Vec<crate::rules::Planned>,
    place: &RunPlace<'_>,
    now: Millis,
) -> Vec<NewRun> {
    planned
        .into_iter()
        .map(|planned| {
            let lane = match &planned.lane {
                Some(lane) => format!("{}|={lane}", planned.rule),
                None => format!("{}|{}|{}", planned.rule, place.booking, planned.item),
            };
            let (state, verdict) = match planned.state {
                PlannedState::Wait => (RunState::Waiting, None),
                PlannedState::Skip(verdict) => (RunState::Skipped, Some(verdict)),
                PlannedState::Fail(verdict) => (RunState::Failed, Some(verdict)),
            };
            NewRun {
                id: entropy.run_id(now),
                rule: planned.rule,
                booking: place.booking.clone(),
                item: planned.item,
                lane,
                change: place.change,
                position: place.position,
                asked: planned.asked,
                trigger: place.trigger.to_owned(),
                state,
                verdict,
                connection: planned.connection,
                supersedes: planned.supersedes,
                at: now,
            }
        })
        .collect()
}

fn state_of(stored: StoredBooking) -> Result<State, StoreError> {
    let entity: Value = serde_json::from_str(&stored.body).map_err(|error| StoreError::Corrupt {
        what: format!("booking {}", stored.id),
        why: error.to_string(),
    })?;
    Ok(State {
        id: stored.id,
        change: Some(stored.change),
        present: Some(Present {
            entity,
            hash: stored.hash,
            status: stored.status,
            happened_at: stored.happened_at,
        }),
    })
}

fn plain_change(
    ordinal: i64,
    booking: Option<BookingId>,
    kind: ChangeKind,
    note: Option<String>,
    at: Millis,
) -> NewChange {
    NewChange {
        ordinal,
        booking,
        kind,
        paths: vec![],
        note,
        previous: None,
        body: None,
        hash: None,
        at,
        happened_at: None,
        seen: None,
    }
}

fn without_effect(
    event: &StoredEvent,
    now: Millis,
    changes: Vec<(Option<BookingId>, ChangeKind, Option<String>)>,
) -> AppliedEvent {
    let changes = changes
        .into_iter()
        .enumerate()
        .map(|(ordinal, (booking, kind, note))| plain_change(ordinal as i64, booking, kind, note, now))
        .collect();
    AppliedEvent { position: event.position, changes, bookings: vec![], runs: vec![] }
}

fn did(applied: &[AppliedEvent]) -> AppliedStep {
    let runs = applied.iter().flat_map(|one| &one.runs).filter(|run| run.state == RunState::Waiting).count();
    let mut changes = [0; ChangeKind::ALL.len()];
    for change in applied.iter().flat_map(|one| &one.changes) {
        changes[change.kind as usize] += 1;
    }
    AppliedStep { events: applied.len(), runs, changes }
}
