//! Stage 3: an unapplied event becomes changes, bookings' new states, and planned runs, all in one transaction.
//!
//! One call of [`Applier::step`] takes one bounded batch and says what it did; `runner` calls it again. Promises 3, 5, 7
//! and 9 rest on it: each event ends with a change per thing that it told of; one that fails, panics or even kills the
//! process ends as `unreadable` and the others go on.

mod applying;
mod chain;
mod copies;
mod doors;
mod fetching;
mod file;
mod one_event;
mod planned;
mod read;

use crate::connectors::{Present, Told};
use crate::domain::{
    BookingId, BookingKey, Chains, ChangeKind, ChangeRef, EventKey, Millis, ORIGIN_PROBE, Position, RunState,
};
use crate::expr::with_deadline;
use crate::ports::{
    AppliedEvent, Entropy, NewChange, SeenEvent, Store, StoreError, StoredBooking, StoredEvent, Think,
};
use crate::rules::Ruleset;
pub use doors::{Known as KnownDoors, known_doors};
pub use planned::{RunPlace, planned_runs};
pub use read::{TellsOf, tells};

use applying::{end_taken_over, spec_of};
use chain::Batch;
use copies::Copies;
use doors::AccountDoors;
use fetching::{Late, NotUsed, not_used};
use read::{Reading, read_event};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that was set back by more than this puts ids of a chain out of order.
const AHEAD_MS_MAX: Millis = 365 * 24 * 3_600_000;
/// So often a batch is computed anew since something in it looks like a late copy; what comes up then is only flagged.
const LATE_ROUNDS_MAX: usize = 4;
/// Events of one batch; with `BATCH_BODY_BYTES_MAX` the size of one transaction, which deliveries wait for.
pub const BATCH_EVENTS_MAX: i64 = 256;
/// Bytes of bodies in one batch, so that a few huge bodies don't hold memory.
const BATCH_BODY_BYTES_MAX: i64 = 8 << 20;
/// The same of what they unpack to, which may be a thousand times as much. What is over waits for the next batch.
const BATCH_UNPACKED_BYTES_MAX: usize = 8 << 20;
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

/// A change whose content may be that of an earlier version.
#[derive(Clone)]
struct Candidate {
    ordinal: i64,
    of: HashOfBooking,
    /// The system's API can be asked whether it is so.
    asks: bool,
}

/// A booking's state while a batch is under way.
struct State {
    id: BookingId,
    change: Option<ChangeRef>,
    present: Option<Present>,
    /// Up to which position it is known to hold.
    as_of: Position,
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
        let mut one = without_effect(event, now, vec![(None, ChangeKind::Unreadable, Some(note.to_owned()))]);
        one.fetches.extend(not_used(event, &[], NotUsed::PutAside(note), now));
        let applied = [one];
        self.store.apply_events(&applied).await?;
        Ok(did(&applied))
    }

    /// Reads, compares and plans, in the order of the events, as many of them as unpack to a bounded size. Where something
    /// looks like a late copy and the system's API can be asked, it is done once more, with that as a hint: as if the copy
    /// had told nothing.
    async fn compute(
        &self,
        ruleset: &Arc<Ruleset>,
        events: &[StoredEvent],
        now: Millis,
        think: &dyn Think,
    ) -> Result<Vec<AppliedEvent>, StoreError> {
        let mut late = Late::default();
        loop {
            let (mut applied, candidates) = self.compute_once(ruleset, events, &late, now, think).await?;
            let found = self.find_late_copies(&applied, &candidates).await?;
            if !late.learn(events, &found, LATE_ROUNDS_MAX) {
                flag_late_copies(&mut applied, &found);
                return Ok(applied);
            }
        }
    }

    async fn compute_once(
        &self,
        ruleset: &Arc<Ruleset>,
        events: &[StoredEvent],
        late: &Late,
        now: Millis,
        think: &dyn Think,
    ) -> Result<(Vec<AppliedEvent>, Vec<(usize, Candidate)>), StoreError> {
        let mut readings: Vec<Reading> = Vec::new();
        think.run(&mut || {
            let mut bytes = 0;
            for event in events {
                if bytes > BATCH_UNPACKED_BYTES_MAX {
                    break;
                }
                let reading = read_event(ruleset, event);
                bytes += reading.bytes;
                readings.push(reading);
            }
        });
        let events = &events[..readings.len()];
        let mut batch = self.load(ruleset, events, &readings, now).await?;
        batch.recall_ended(&*self.store, &readings).await?;
        let mut copies = Copies::load(&*self.store, &readings).await?;
        let doors = self.doors.learn(&*self.store, events, &readings).await?;
        let mut applied = Vec::with_capacity(events.len());
        let mut candidates = Vec::new();
        think.run(&mut || {
            for (event, reading) in events.iter().zip(std::mem::take(&mut readings)) {
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    with_deadline(think.deadline(), || {
                        self.apply_one(ruleset, event, reading, (&mut batch, &mut copies, &doors, late), now)
                    })
                }));
                let why = if result.is_ok() { NotUsed::Unfit } else { NotUsed::Mistake };
                let (mut one, found) = result.unwrap_or_else(|_| {
                    let note = "quarantined: a mistake of Waypost came up while reading it";
                    let changes = vec![(None, ChangeKind::Unreadable, Some(note.to_owned()))];
                    (without_effect(event, now, changes), Vec::new())
                });
                let end = not_used(event, &one.fetches, why, now);
                one.fetches.extend(end);
                candidates.extend(found.into_iter().map(|candidate| (applied.len(), candidate)));
                let taken_over = std::mem::take(&mut one.taken_over);
                applied.push(one);
                for taken in taken_over {
                    end_taken_over(&mut applied, &taken);
                    applied.last_mut().into_iter().for_each(|one: &mut AppliedEvent| {
                        one.taken_over.push(taken.clone());
                    });
                }
            }
        });
        Ok((applied, candidates))
    }

    /// The present states of what the batch tells of, and of all in their chains.
    async fn load(
        &self,
        ruleset: &Arc<Ruleset>,
        events: &[StoredEvent],
        readings: &[Reading],
        now: Millis,
    ) -> Result<Batch, StoreError> {
        let mut told: BTreeSet<BookingKey> = BTreeSet::new();
        let mut first_told: Vec<&BookingKey> = Vec::new();
        let mut chained: BTreeSet<BookingKey> = BTreeSet::new();
        for (event, reading) in events.iter().zip(readings) {
            for (key, body) in reading.records() {
                if told.insert(key.clone()) {
                    first_told.push(key);
                }
                let chain = spec_of(ruleset, event, &body.kind).and_then(|spec| spec.chain.as_ref());
                let Some(chain) = chain else { continue };
                chained.insert(key.clone());
                let steps = chain::steps(chain, key, &body.entity);
                chained.extend(steps.into_iter().flat_map(|step| [step.old, step.new]));
            }
        }
        let mut chains = Chains::default();
        if !chained.is_empty() {
            let asked: Vec<BookingKey> = chained.iter().cloned().collect();
            chains = Chains::of(self.store.chains().rebookings(&asked).await?);
            chained.extend(asked.iter().flat_map(|key| chains.whole(key)));
        }
        let keys: Vec<BookingKey> = told.union(&chained).cloned().collect();
        let mut states = HashMap::new();
        if !keys.is_empty() {
            for stored in self.store.bookings_by_key(&keys).await? {
                let key = stored.key.clone();
                states.insert(key, state_of(stored)?);
            }
        }
        // Within chains, new ones get ids behind those that are known, in the order in which they were told of first.
        let of_chains = states.iter().filter(|(key, _)| chained.contains(*key)).map(|(_, state)| &state.id);
        let mut last = of_chains.max_by_key(|id| id.as_str()).cloned();
        for key in first_told {
            if states.contains_key(key) {
                continue;
            }
            let id = if chained.contains(key) {
                let id = id_behind(&*self.entropy, now, last.as_ref());
                last = Some(id.clone());
                id
            } else {
                self.entropy.booking_id(now)
            };
            states.insert(key.clone(), State { id, change: None, present: None, as_of: 0 });
        }
        Ok(Batch { states, chains })
    }

    /// Which of the candidates look like an earlier version of their booking.
    async fn find_late_copies(
        &self,
        applied: &[AppliedEvent],
        candidates: &[(usize, Candidate)],
    ) -> Result<Vec<(usize, Candidate)>, StoreError> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let pairs: Vec<_> = candidates.iter().map(|(_, candidate)| candidate.of.clone()).collect();
        let mut known: HashSet<HashOfBooking> = self.store.known_hashes(&pairs).await?.into_iter().collect();
        let mut found = Vec::new();
        for (index, one) in applied.iter().enumerate() {
            let here =
                candidates.iter().filter(|(at, candidate)| *at == index && known.contains(&candidate.of));
            found.extend(here.cloned());
            let hashes =
                one.changes.iter().filter_map(|change| Some((change.booking.clone()?, change.hash.clone()?)));
            known.extend(hashes);
        }
        Ok(found)
    }
}

/// A new booking's id that sorts behind another one, also where a clock was set back meanwhile.
fn id_behind(entropy: &dyn Entropy, now: Millis, last: Option<&BookingId>) -> BookingId {
    let mut ahead_ms: Millis = 0;
    loop {
        let id = entropy.booking_id(now + ahead_ms);
        if ahead_ms > AHEAD_MS_MAX || last.is_none_or(|last| id.as_str() > last.as_str()) {
            return id;
        }
        ahead_ms = (ahead_ms * 2).max(1);
    }
}

/// Adds the note to changes whose content an earlier version of the booking had.
fn flag_late_copies(applied: &mut [AppliedEvent], found: &[(usize, Candidate)]) {
    for (index, candidate) in found {
        let changes = applied.get_mut(*index).map(|one| one.changes.as_mut_slice()).unwrap_or_default();
        if let Some(change) = changes.iter_mut().find(|change| change.ordinal == candidate.ordinal)
            && change.note.is_none()
        {
            change.note = Some("possible late copy: the booking looked exactly like this before".into());
        }
    }
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
        as_of: stored.as_of,
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
    AppliedEvent { position: event.position, changes, ..AppliedEvent::default() }
}

fn did(applied: &[AppliedEvent]) -> AppliedStep {
    let runs = applied.iter().flat_map(|one| &one.runs).filter(|run| run.state == RunState::Waiting).count();
    let mut changes = [0; ChangeKind::ALL.len()];
    for change in applied.iter().flat_map(|one| &one.changes) {
        changes[change.kind as usize] += 1;
    }
    AppliedStep { events: applied.len(), runs, changes }
}
