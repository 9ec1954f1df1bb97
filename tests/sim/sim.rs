//! A simulation: one database that stays, processes over it that die, two CRMs, a booking system, people, and a clock.
//! One thread, and whoever goes next is decided by the seed: the same seed, the same trace.

use crate::api_calls::{ApiFate, ApiOut, ApiWay, Vendor, WALKER};
use crate::calls::Call;
use crate::crm::Crm;
use crate::faults::{Faults, FaultyStore};
use crate::machine::{Chance, SimClock, SimEntropy};
use crate::model::{BookingSystem, Webhook};
use crate::node::{Did, Node, Step, Who, Wish};
use crate::rules::{Folder, Variant};
use crate::weather::{Fate, Weather};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use waypost::app::Places;
use waypost::delivery::Answered;
use waypost::domain::{EventId, Position, RunState, VerdictCode};
use waypost::fetch::{FETCHES_MAX, Fetched};
use waypost::ports::{
    Answer, Clock, Entropy, FetchRow, ListFilter, OutboundFailure, RunRow, Store, StoreError,
};
use waypost::store::{OpenOptions, open};

/// Connections of the rules, and of those that histories go by.
pub const CONNECTIONS: [&str; 3] = ["crm", "desk", "sandbox-crm"];

/// A webhook that was sent.
pub struct Posted {
    /// Its id, given as it came in.
    pub id: EventId,
    /// What it told.
    pub webhook: Webhook,
    /// It was answered 200.
    pub acked: Option<Position>,
    /// The variant of the rules, as a number in `Sim::variants`, when it came in.
    pub variant: usize,
}

/// A simulation.
pub struct Sim {
    /// What it is like.
    pub weather: Weather,
    /// What may go wrong in the store.
    pub faults: Arc<Faults>,
    /// The clock.
    pub clock: Arc<SimClock>,
    /// Both CRMs.
    pub crm: Crm,
    /// Webhooks so far.
    pub posted: Vec<Posted>,
    /// Variants of the rules so far; the last is in the folder.
    pub variants: Vec<Variant>,
    /// A folder of other rules, in place of the variants.
    pub folder: Option<Folder>,
    /// Runs that were refused by a CRM (422).
    pub refused: BTreeSet<String>,
    /// Runs that a person tried again though it was open whether they had been done.
    pub tried_blindly: Vec<String>,
    /// Ids of records that somebody deleted in a CRM.
    pub deleted: BTreeSet<String>,
    /// Nobody sets the clock or tries runs again, and steps go through at once: times tell what was before what.
    pub calm: bool,
    /// Deaths of processes.
    pub deaths: u32,
    /// What happened.
    pub trace: Vec<String>,
    /// What was found wrong on the way.
    pub wrong: Vec<String>,
    /// What happens next.
    pub chance: Chance,
    /// Ids and jitter.
    pub entropy: Arc<SimEntropy>,
    /// Where the database is.
    pub places: Places,
    /// Who sends webhooks.
    pub system: BookingSystem,
    /// The production store; `None` while no process runs.
    pub inner: Option<Arc<dyn Store>>,
    /// The process; `None` while none runs.
    pub node: Option<Node>,
    /// Steps under way.
    pub steps: Vec<(Who, Step)>,
    /// Calls under way.
    pub calls: Vec<Call>,
    /// Answers that came back and are not settled yet.
    pub answers: Vec<(Answered, Option<usize>)>,
    /// Effects, by their numbers, whose answers are being written down.
    pub settling: Vec<Option<usize>>,
    /// When delivery wants to be called again.
    pub again_at: Option<i64>,
    /// Turns for which each CRM is down.
    pub down: [u32; 2],
    /// The trouble that one call meets, counted from 1.
    pub trouble_at: Option<(usize, Fate)>,
    /// Calls that were answered or lost so far.
    pub calls_gone: usize,
    /// The booking system's API, where there is one: then the fetch stage takes part.
    pub vendor: Option<Box<dyn Vendor>>,
    /// How calls to it may go.
    pub api_fates: Vec<(ApiFate, u32)>,
    /// Calls to it.
    pub api: Arc<ApiWay>,
    /// Answers of its that are on their way.
    pub coming: BTreeMap<u64, Result<Answer, OutboundFailure>>,
    /// Fetches under way, by the numbers of their calls.
    pub fetching: BTreeMap<usize, FetchRow>,
    /// What came and is not written down.
    pub fetched: Vec<Fetched>,
    /// Fetches so far.
    pub fetches_begun: usize,
    /// When the fetch stage wants to be called again.
    pub fetch_again_at: Option<i64>,
    /// When the walk wants to go on.
    pub walk_again_at: Option<i64>,
    /// How often what was met.
    pub met: BTreeMap<String, usize>,
}

impl Sim {
    /// Before the first start.
    pub fn new(seed: u64, weather: Weather, places: Places) -> Self {
        let faults = Faults::new(seed);
        faults.set(weather.rates);
        Self {
            faults,
            clock: Arc::new(SimClock::new()),
            crm: Crm::default(),
            posted: Vec::new(),
            variants: vec![weather.variant.clone()],
            folder: None,
            refused: BTreeSet::new(),
            tried_blindly: Vec::new(),
            deleted: BTreeSet::new(),
            calm: weather.jump + weather.person == 0 && !weather.interleaved,
            deaths: 0,
            trace: Vec::new(),
            wrong: Vec::new(),
            chance: Chance::new(seed),
            entropy: Arc::new(SimEntropy::new(seed)),
            places,
            system: BookingSystem::new(weather.bookings, weather.emails, weather.rebook),
            inner: None,
            node: None,
            steps: Vec::new(),
            calls: Vec::new(),
            answers: Vec::new(),
            settling: Vec::new(),
            again_at: None,
            down: [0; 2],
            trouble_at: None,
            calls_gone: 0,
            vendor: None,
            api_fates: vec![(ApiFate::Done, 1)],
            api: Arc::default(),
            coming: BTreeMap::new(),
            fetching: BTreeMap::new(),
            fetched: Vec::new(),
            fetches_begun: 0,
            fetch_again_at: None,
            walk_again_at: None,
            met: BTreeMap::new(),
            weather,
        }
    }

    /// Adds to the trace.
    pub fn tell(&mut self, what: impl AsRef<str>) {
        let at = self.clock.told();
        self.trace.extend(self.faults.take_told().into_iter().map(|told| format!("{at:>9} {told}")));
        self.trace.push(format!("{at:>9} {}", what.as_ref()));
    }

    /// The store without faults, for looking.
    pub fn store(&self) -> Arc<dyn Store> {
        self.inner.clone().expect("the store is open")
    }

    /// All of it: the trouble, the quiet after it, and a start over what is left.
    pub async fn run(&mut self) -> Result<(), StoreError> {
        self.start().await?;
        for _ in 0..self.weather.turns {
            self.turn().await?;
        }
        self.tell("all is well from now on");
        self.heal().await?;
        self.quiet().await?;
        Ok(())
    }

    /// Opens the store and starts a process, again and again where it dies meanwhile.
    pub async fn start(&mut self) -> Result<(), StoreError> {
        loop {
            if self.inner.is_none() {
                let options = OpenOptions {
                    data_dir: self.places.data.clone(),
                    database_url: self.places.database.clone(),
                    exclusive: true,
                    backup_dir: None,
                };
                self.inner = Some(open(&options).await?);
            }
            let store = FaultyStore { inner: self.store(), faults: self.faults.clone() };
            let starting = Node::start(
                Arc::new(store),
                self.places.clone(),
                self.clock.clone() as Arc<dyn Clock>,
                self.entropy.clone() as Arc<dyn Entropy>,
                ApiOut(self.api.clone()),
            );
            match through(&self.faults, starting).await {
                Some(Ok(node)) => {
                    self.node = Some(node);
                    self.tell("a process starts");
                    return Ok(());
                }
                Some(Err(error)) => self.tell(format!("the start fails: {error}")),
                None => self.die().await,
            }
        }
    }

    /// The process is dead: nothing that was in memory is left. Calls on their way arrive, or don't.
    async fn die(&mut self) {
        self.deaths += 1;
        self.tell("the process dies");
        if self.steps.iter().any(|(who, _)| *who == Who::Walk) {
            self.meets("a death within a step of a walk");
        }
        self.walk_again_at = None;
        self.steps.clear();
        self.node = None;
        self.answers.clear();
        self.fetching.clear();
        self.fetched.clear();
        self.coming.clear();
        self.api.forget();
        for call in std::mem::take(&mut self.calls) {
            if call.result.is_none() && self.chance.per_mille(500) {
                self.tell(format!("  the call of {} arrives all the same", call.ticket.run_id()));
                self.serve(&call);
            }
        }
        if let Some(inner) = self.inner.take() {
            inner.close().await;
        }
        self.faults.revive();
    }

    /// The process dies, and another begins where it was.
    pub async fn die_and_start(&mut self) -> Result<(), StoreError> {
        self.die().await;
        self.start().await
    }

    /// One turn: somebody goes on, begins, or something happens.
    pub async fn turn(&mut self) -> Result<(), StoreError> {
        let by = self.chance.between(0, 40);
        self.clock.advance(by);
        for down in &mut self.down {
            *down = down.saturating_sub(1);
        }
        let weather = &self.weather;
        let rest =
            [weather.kill, weather.outage, weather.jump, weather.person, weather.folder, weather.deletes];
        let [kill, outage, jump, person, folder, deletes] = rest;
        let api = if self.vendor.is_some() { 120 } else { 0 };
        match self.chance.weighted(&[450, 200, 180, 20, kill, outage, jump, person, folder, deletes, api]) {
            0 => drop(self.go_on().await),
            1 => self.begin(),
            2 => self.move_a_call(),
            3 => self.post(),
            4 => {
                self.tell("killed");
                self.die_and_start().await?;
            }
            5 => {
                let which = self.chance.below(2);
                self.down[which] = 20 + self.chance.below(150) as u32;
                self.tell(format!("{} goes down", CONNECTIONS[which]));
            }
            6 => self.jump(),
            7 => self.ask().await?,
            8 => self.change_the_folder(),
            9 => self.delete_a_contact(),
            _ => drop(self.move_an_api_call()),
        }
        if self.faults.crashed() {
            self.die_and_start().await?;
        }
        Ok(())
    }

    fn jump(&mut self) {
        match self.chance.below(5) {
            0 => {
                self.clock.jump(-60_000);
                self.tell("the clock is set back by a minute");
            }
            1 => {
                let hours = self.chance.between(1, 5);
                self.clock.advance(hours * 3_600_000);
                self.tell(format!("{hours} h go by"));
            }
            2 => {
                self.clock.jump(3_600_000);
                self.tell("the clock is set forward by an hour");
            }
            _ => {
                let seconds = self.chance.between(1, 40);
                self.clock.advance(seconds * 1_000);
                self.tell(format!("{seconds} s go by"));
            }
        }
    }

    /// A step under way goes on: to its next turn, or (where nobody interferes) as far as it gets.
    async fn go_on(&mut self) -> bool {
        if self.steps.is_empty() {
            return false;
        }
        let index = self.chance.below(self.steps.len());
        let walks = self.steps[index].0 == Who::Walk;
        self.step_goes_on(index).await || (walks && self.stop_a_walk_that_waits())
    }

    /// The same for one step. False: it waits for somebody else.
    pub async fn step_goes_on(&mut self, index: usize) -> bool {
        let before = self.faults.turns();
        match self.steps[index].0 {
            Who::Fetching(number) => self.api.caller(number),
            Who::Walk => self.api.caller(WALKER),
            _ => {}
        }
        loop {
            let turns = self.faults.turns();
            let step = self.steps[index].1.as_mut();
            let did = poll_once(&self.faults, step).await;
            if self.faults.crashed() {
                return true;
            }
            if let Some(did) = did {
                drop(self.steps.remove(index));
                self.take(did);
                return true;
            }
            if self.weather.interleaved || self.faults.turns() == turns {
                return self.faults.turns() != before;
            }
        }
    }

    /// What came of a step.
    fn take(&mut self, did: Did) {
        match did {
            Did::Failed(who, error) => self.tell(format!("{who:?} fails: {error}")),
            Did::Recovered(who) => {
                self.tell(format!("{who:?} takes up what was left"));
                if let Some(node) = &mut self.node {
                    node.apply_ready |= who == Who::Apply;
                    node.deliver_ready |= who == Who::Deliver;
                    node.fetch_ready |= who == Who::Fetch;
                }
            }
            Did::Applied(0) | Did::Kept => {}
            Did::Applied(events) => self.tell(format!("{events} events applied")),
            Did::Delivered(turned) => self.take_turned(*turned),
            Did::Committed(batches) => {
                if let Some(node) = &mut self.node {
                    node.batches = Some(batches);
                }
            }
            Did::Answered(number, Ok(position)) => {
                self.posted[number].acked = Some(position);
                self.tell(format!("webhook {number} is acked at {position}"));
            }
            Did::Answered(number, Err(error)) => self.tell(format!("webhook {number}: {error}")),
            Did::Asked(told) => self.tell(format!("a person: {told}")),
            Did::Activated => self.tell("the rules are taken up"),
            Did::Walked(walked) => self.take_walked(walked),
            Did::Claimed(..) | Did::Fetched(..) => self.take_fetching(did),
        }
    }

    /// Some actor that is idle begins a step.
    fn begin(&mut self) {
        let who = [
            Who::Apply,
            Who::Deliver,
            Who::Deliver,
            Who::Keep,
            Who::Commit,
            Who::Watch,
            Who::Fetch,
            Who::Walk,
        ];
        let who = who[self.chance.below(who.len() - if self.vendor.is_none() { 2 } else { 0 })];
        self.begin_as(who);
    }

    /// This actor begins a step, where it is idle.
    pub fn begin_as(&mut self, who: Who) {
        if self.steps.iter().any(|(busy, _)| *busy == who) {
            return;
        }
        let Some(node) = &mut self.node else { return };
        let step = match who {
            Who::Apply => Some(node.apply()),
            Who::Deliver if node.deliver_ready => {
                let (answers, settling) = std::mem::take(&mut self.answers).into_iter().unzip();
                self.settling = settling;
                Some(node.deliver(answers))
            }
            Who::Deliver => Some(node.deliver(Vec::new())),
            Who::Keep => Some(node.keep()),
            Who::Fetch if node.fetch_ready => {
                let room = FETCHES_MAX.saturating_sub(self.fetching.len());
                Some(node.fetch(std::mem::take(&mut self.fetched), room))
            }
            Who::Fetch => Some(node.fetch(Vec::new(), 0)),
            Who::Walk => {
                let rests = self.walk_again_at.is_some_and(|at| at > self.clock.now());
                (self.vendor.is_some() && !rests).then(|| node.walk())
            }
            Who::Commit => node.commit(),
            Who::Watch => match &self.folder {
                Some(folder) => node.watch(folder),
                None => node.watch(&self.variants[self.variants.len() - 1].folder()),
            },
            Who::Post(_) | Who::Person | Who::Fetching(_) => None,
        };
        self.steps.extend(step.map(|step| (who, step)));
    }

    fn post(&mut self) {
        if self.posted.len() < self.weather.webhooks {
            let webhook = self.system.next(&mut self.chance);
            self.post_this(webhook);
        }
    }

    /// A webhook comes in.
    pub fn post_this(&mut self, webhook: Webhook) {
        let number = self.posted.len();
        let id = self.entropy.event_id(self.clock.now());
        let Some(node) = &self.node else { return };
        let step = node.post(number, id.clone(), (webhook.source, webhook.body.clone()));
        self.steps.push((Who::Post(number), step));
        let words = webhook.words.as_deref().unwrap_or_default();
        let body = if words.is_empty() { String::from_utf8_lossy(&webhook.body) } else { words.into() };
        self.tell(format!("webhook {number} {id}: {body}"));
        let variant = self.variants.len() - 1;
        self.posted.push(Posted { id, webhook, acked: None, variant });
    }

    fn change_the_folder(&mut self) {
        let mut variant = self.variants[self.variants.len() - 1].clone();
        if self.chance.per_mille(500) {
            variant.enabled = !variant.enabled;
        } else {
            variant.prefix = (variant.prefix + 1) % 3;
        }
        self.tell(format!("the folder changes: {variant:?}"));
        self.variants.push(variant);
    }

    fn delete_a_contact(&mut self) {
        let nth = self.chance.below(8);
        if let Some((key, id)) = self.crm.delete_one("crm/contacts", nth) {
            self.tell(format!("somebody deletes the contact {key} ({id})"));
            self.deleted.insert(id);
        }
    }

    /// A person asks for something.
    async fn ask(&mut self) -> Result<(), StoreError> {
        if self.steps.iter().any(|(who, _)| *who == Who::Person) {
            return Ok(());
        }
        let wish = match self.chance.below(4) {
            0 | 1 => {
                let connection = CONNECTIONS[self.chance.below(2)];
                Wish::Pause(connection, self.chance.per_mille(400))
            }
            2 => {
                let runs = self.runs().await?;
                let could = |run: &&RunRow| {
                    matches!(
                        run.state,
                        RunState::Failed | RunState::Held | RunState::Cancelled | RunState::Waiting
                    )
                };
                let Some(run) = self.chance.pick(&runs.iter().filter(could).collect::<Vec<_>>()).copied()
                else {
                    return Ok(());
                };
                if run.verdict.as_ref().is_some_and(|verdict| verdict.code == VerdictCode::OutcomeUnknown) {
                    self.tried_blindly.push(run.id.to_string());
                }
                Wish::Retry(vec![run.id.clone()])
            }
            _ => match self.chance.pick(&self.posted) {
                Some(posted) => Wish::Replay(posted.id.clone()),
                None => return Ok(()),
            },
        };
        self.tell(format!("a person begins: {wish:?}"));
        if let Some(node) = &self.node {
            self.steps.push((Who::Person, node.ask(wish)));
        }
        Ok(())
    }

    /// All runs, oldest first.
    pub async fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut runs: Vec<RunRow> = Vec::new();
        loop {
            let before = runs.last().map(|run| run.seq);
            let page =
                self.store().list_runs(&ListFilter { limit: 1_000, before, ..ListFilter::default() }).await?;
            let full = page.len() == 1_000;
            runs.extend(page);
            if !full {
                runs.sort_by_key(|run| run.seq);
                return Ok(runs);
            }
        }
    }

    /// Lets go of everything.
    pub async fn close(&mut self) {
        self.steps.clear();
        self.node = None;
        if let Some(inner) = self.inner.take() {
            inner.close().await;
        }
    }
}

/// Polls once. `None`: it takes a turn, or waits for somebody else.
async fn poll_once<T>(faults: &Faults, mut step: std::pin::Pin<&mut dyn Future<Output = T>>) -> Option<T> {
    std::future::poll_fn(|context| match step.as_mut().poll(context) {
        Poll::Ready(did) => Poll::Ready(Some(did)),
        Poll::Pending if faults.in_store() => Poll::Pending,
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Polls to the end. `None`: the process died.
pub async fn through<T>(faults: &Faults, step: impl Future<Output = T>) -> Option<T> {
    let mut step = pin!(step);
    loop {
        if let Some(did) = poll_once(faults, step.as_mut()).await {
            return Some(did);
        }
        if faults.crashed() {
            return None;
        }
    }
}
