//! Stage 4: due runs become calls, and answers become outcomes.
//!
//! Nothing here loops for ever, sleeps, spawns or asks the time. [`Delivery::claim`] takes due runs, maps them, writes the
//! attempts as `sending` and gives the calls to make; [`Delivery::settle`] takes what came back and writes outcome,
//! outputs, link and next state in one transaction. [`Delivery::turn`] does both in one transaction. `runner` takes turns,
//! makes the calls in between, and calls [`Delivery::recover`] once at the start; the simulator does the same with a clock
//! and a CRM of its own.
//!
//! Invariant: a record (connection + object + key) is taken for one call and freed with its answer, never across tries or
//! steps; so the hash and position of its link are compared while nobody else writes it.

mod by_hand;
mod chain;
mod claim;
mod explain;
mod foresee;
mod gate;
mod links;
mod rows;
mod schedule;
mod settle;
mod work;

pub use by_hand::{DoneByHand, MarkError, Marked, done_by_hand};
pub use explain::{Explained, explain};
pub use foresee::{Foreseen, ForeseenEnd, ForeseenStep, StepOutlook, foresee};

use crate::connectors::{RateLimits, Which};
use crate::domain::{AttemptId, Millis, Position, RecordKey, RunId};
use crate::ports::{
    Answer, ConnectionState, Entropy, OutboundFailure, OutboundRequest, Secrets, Store, StoreError,
};
use crate::rules::Ruleset;
use async_trait::async_trait;
use gate::Gate;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Runs that one claim takes at most.
const CLAIM_RUNS_MAX: usize = 128;
/// Runs set aside because their record is taken, per connection.
const PARKED_MAX: usize = 1_024;
/// Runs paused, resumed or hurried by one step.
const CHUNK: i64 = 500;

/// Gives rulesets by their hash: pinned runs go by former ones.
#[async_trait]
pub trait Rulesets: Send + Sync {
    /// The ruleset, compiled; `None` where it is not kept (any more) or can't be compiled.
    async fn by_hash(&self, hash: &str) -> Option<Arc<Ruleset>>;
}

/// A call to make.
pub struct ReadyCall {
    /// The request, credential included.
    pub request: OutboundRequest,
    /// What belongs to it; goes back with the answer.
    pub ticket: Box<Ticket>,
}

/// What belongs to a call in flight.
#[derive(Clone)]
pub struct Ticket {
    work: work::Work,
    step: usize,
    hash: String,
    fields: serde_json::Map<String, serde_json::Value>,
    action: Arc<crate::connectors::Action>,
    which: Which,
    attempt: AttemptId,
    connection: String,
    limits: RateLimits,
    /// Hash of the credential that it goes with.
    credential: Option<String>,
    /// The records taken for it.
    records: Vec<RecordKey>,
    /// The link of the record before its key changed.
    moved_from: Option<links::MovedFrom>,
    /// The run's position as the link of the record sees it.
    position: Position,
    /// Links of this booking to other records of the same kind, rule and step.
    former: Vec<RecordKey>,
    /// Other records of the booking, with their ids in the CRM, that a call after the main one names.
    named: Vec<(RecordKey, String)>,
    /// The connection's gate has learnt of the answer.
    gate_told: bool,
}

impl Ticket {
    /// Id of the step.
    pub fn step_id(&self) -> &str {
        &self.work.steps[self.step].id
    }

    /// Id of the run.
    pub fn run_id(&self) -> &RunId {
        &self.work.due.run.id
    }

    /// The step's mapped fields.
    pub fn fields(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.fields
    }

    /// The action.
    pub fn action(&self) -> &crate::connectors::Action {
        &self.action
    }
}

/// An answer, or why there is none.
pub struct Answered {
    /// The ticket of the call.
    pub ticket: Box<Ticket>,
    /// What came back.
    pub result: Result<Answer, OutboundFailure>,
    /// How long it took.
    pub duration_ms: i64,
}

/// What a claim did.
#[derive(Default)]
pub struct Claimed {
    /// Calls to make now.
    pub calls: Vec<ReadyCall>,
    /// Runs that went on without a call.
    pub moved: usize,
    /// When to claim again at the latest, where something is known to become due.
    pub again_at: Option<Millis>,
    /// There was more than one claim takes: claim again at once.
    pub more: bool,
    /// What became of the answers that the same turn settled.
    pub settled: Settled,
}

/// What a settle did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Calls done.
    pub done: usize,
    /// Calls that failed in some way.
    pub failed: usize,
    /// Each of them.
    pub answers: Vec<SettledAnswer>,
}

/// What became of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledAnswer {
    /// The connection that was called.
    pub connection: String,
    /// The attempt's outcome, as in `AttemptEnd`.
    pub outcome: &'static str,
    /// Where the call finished a run that an event had planned: how long after that event came in.
    pub delivered_ms: Option<Millis>,
}

#[derive(Default)]
struct Inner {
    gates: BTreeMap<String, Gate>,
    in_hand: HashSet<RunId>,
    /// Those of them whose call is written as `sending`, with the bytes of their bookings.
    in_flight: HashMap<RunId, usize>,
    records: HashMap<RecordKey, RunId>,
    /// Runs set aside until a record is free, per connection.
    parked: HashMap<RecordKey, VecDeque<(String, RunId)>>,
    parked_runs: HashSet<RunId>,
    /// Begins may be written whose calls were never made: the database failed in between.
    unsure: bool,
    /// Since when this process delivers; `None` before the first claim.
    since: Option<Millis>,
    /// What became of answers that were settled by a turn that could not claim: told by the next one.
    untold: Vec<SettledAnswer>,
    /// Connections whose paused runs are to be set waiting.
    to_resume: BTreeSet<String>,
    /// Paused runs of connections that were resumed while nothing ran were looked for.
    looked_for_paused: bool,
}

/// The stage.
pub struct Delivery {
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    secrets: Arc<dyn Secrets>,
    rulesets: Arc<dyn Rulesets>,
    node: String,
    inner: Mutex<Inner>,
}

impl Delivery {
    /// The stage over its ports. `node` is the id of this node (it lives in `--data`).
    pub fn new(
        store: Arc<dyn Store>,
        entropy: Arc<dyn Entropy>,
        secrets: Arc<dyn Secrets>,
        rulesets: Arc<dyn Rulesets>,
        node: String,
    ) -> Self {
        Self { store, entropy, secrets, rulesets, node, inner: Mutex::new(Inner::default()) }
    }

    /// The call goes out now: what the rate limit counts by.
    pub async fn sent(&self, ticket: &Ticket, now: Millis) {
        let mut inner = self.inner.lock().await;
        if let Some(gate) = inner.gates.get_mut(&ticket.connection) {
            gate.sent(&ticket.limits, now);
        }
    }

    /// Takes over what people did to connections meanwhile, and notices changed credentials. Called about once a second.
    pub async fn refresh(&self, active: &Arc<Ruleset>, now: Millis) -> Result<bool, StoreError> {
        let mut inner = self.inner.lock().await;
        self.load_gates(&mut inner, now).await?;
        // Read behind the lock: what a claim or settle writes down meanwhile is not taken for what people did.
        let stored = self.store.connections().await?;
        let all = !inner.looked_for_paused;
        let Inner { gates, to_resume, .. } = &mut *inner;
        for state in &stored {
            let gate = gates.entry(state.name.clone()).or_insert_with(|| Gate::new(state.clone(), now));
            let deleted = gate.stopped_by_people() && !active.connections.contains_key(&state.name);
            if gate.take_over(state, now) || deleted || (all && !gate.stopped_by_people()) {
                to_resume.insert(state.name.clone());
            }
        }
        // Its runs may be paused and the connection itself not written down yet: the process was killed in between.
        let unknown = active.connections.keys().filter(|name| {
            all && stored.iter().all(|state| state.name != **name)
                && gates.get(*name).is_none_or(|gate| !gate.stopped_by_people())
        });
        to_resume.extend(unknown.cloned());
        for (name, connection) in &active.connections {
            let Some(gate) = gates.get_mut(name) else { continue };
            if gate.state.needs_auth.is_none() {
                continue;
            }
            let present = connection.credential_fingerprint(&*self.secrets);
            if present.is_some() && present != gate.state.refused_credential {
                gate.signed_in(now);
                to_resume.insert(name.clone());
            }
        }
        inner.looked_for_paused = true;
        self.remember(&mut inner).await?;
        let resumed: Vec<String> = inner.to_resume.iter().cloned().collect();
        drop(inner);
        for name in &resumed {
            while self.store.pause_runs(name, false, now, CHUNK).await? == CHUNK {}
            if !all {
                self.hurry(name, now).await?;
            }
            self.inner.lock().await.to_resume.remove(name);
        }
        Ok(!resumed.is_empty())
    }

    /// All waiting runs of a connection become due under its limit.
    async fn hurry(&self, connection: &str, now: Millis) -> Result<(), StoreError> {
        while self.store.hurry_connection(connection, now, CHUNK).await? == CHUNK {}
        Ok(())
    }

    /// Writes down the gates that changed.
    async fn remember(&self, inner: &mut Inner) -> Result<(), StoreError> {
        for gate in inner.gates.values_mut().filter(|gate| gate.dirty) {
            self.store.remember_connection(&gate.state).await?;
            gate.dirty = false;
        }
        Ok(())
    }

    async fn load_gates(&self, inner: &mut Inner, now: Millis) -> Result<(), StoreError> {
        if inner.since.is_some() {
            return Ok(());
        }
        for state in self.store.connections().await? {
            let mut gate = Gate::new(state.clone(), now);
            gate.probe_at_once(now);
            inner.gates.insert(state.name, gate);
        }
        inner.since = Some(now);
        Ok(())
    }
}

impl Inner {
    fn gate(&mut self, connection: &str, now: Millis) -> &mut Gate {
        let since = self.since.unwrap_or(now);
        self.gates.entry(connection.to_owned()).or_insert_with(|| {
            let state = ConnectionState { name: connection.to_owned(), ..ConnectionState::default() };
            Gate::new(state, since)
        })
    }

    /// Takes records for a run, all or none.
    fn take_records(&mut self, records: &[RecordKey], run: &RunId) -> Result<(), RecordKey> {
        if let Some(taken) =
            records.iter().find(|record| self.records.get(*record).is_some_and(|by| by != run))
        {
            return Err(taken.clone());
        }
        for record in records {
            self.records.insert(record.clone(), run.clone());
        }
        Ok(())
    }

    /// Frees the records of a run, and the run; runs set aside for them are due again.
    fn free(&mut self, records: &[RecordKey], run: &RunId) {
        self.in_hand.remove(run);
        self.in_flight.remove(run);
        for record in records {
            self.free_record(record, run);
        }
    }

    /// Frees one record; the run that was set aside for it first is due again, so that they go in their order.
    fn free_record(&mut self, record: &RecordKey, run: &RunId) {
        if self.records.get(record) == Some(run) {
            self.records.remove(record);
        }
        if let Some((_, run)) = self.parked.get_mut(record).and_then(VecDeque::pop_front) {
            self.parked_runs.remove(&run);
        }
    }

    /// Runs set aside for a record that nobody took since it was freed are due again, all of them. True where there were
    /// any.
    fn unpark_the_forgotten(&mut self) -> bool {
        let Self { records, parked, parked_runs, .. } = self;
        let before = parked_runs.len();
        parked.retain(|record, runs| {
            let held = records.contains_key(record);
            if !held {
                for (_, run) in runs.iter() {
                    parked_runs.remove(run);
                }
            }
            held && !runs.is_empty()
        });
        parked_runs.len() < before
    }

    /// A claim failed half-way: whatever has no call in flight is free again, and so is what waited for it.
    fn forget_unwritten(&mut self) {
        let Self { in_hand, in_flight, records, parked, parked_runs, .. } = self;
        in_hand.retain(|run| in_flight.contains_key(run));
        records.retain(|_, run| in_flight.contains_key(run));
        parked.retain(|record, _| records.contains_key(record));
        *parked_runs = parked.values().flatten().map(|(_, run)| run.clone()).collect();
    }

    /// Sets a run aside until the record is free. True where it was not before.
    fn park(&mut self, connection: &str, record: RecordKey, run: &RunId) -> bool {
        self.in_hand.remove(run);
        let parks = self.parked_runs.len() < PARKED_MAX && self.parked_runs.insert(run.clone());
        if parks {
            self.parked.entry(record).or_default().push_back((connection.to_owned(), run.clone()));
        }
        parks
    }

    fn parked_of(&self, connection: &str) -> usize {
        self.parked.values().flatten().filter(|(name, _)| name == connection).count()
    }
}
