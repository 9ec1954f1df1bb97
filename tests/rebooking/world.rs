//! The production stages over a store in memory (or one that is given), and a CRM in memory that may fail. One world serves
//! many chains: each has bookings and a guest of its own.

use crate::crm::{Caller, Crm};
use crate::story::Tells;
use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use waypost::bookings::Applier;
use waypost::delivery::{Answered, Delivery, ReadyCall, Rulesets};
use waypost::domain::{EventId, Millis, ORIGIN_WEBHOOK, RunState};
use waypost::ports::{
    Answer, BookingView, Entropy, ListFilter, NewEvent, NewRun, OutboundFailure, RunRow, Secrets, Store,
    Think,
};
use waypost::rules::{Files, Ruleset, compile};

/// Turns of the engine that one piece may take.
const TURNS_MAX: usize = 20_000;

const SOURCE: &str = "connector: fareharbor\ntitle: Tours\ntoken: { env: WAYPOST_TEST_TOKEN }\n";

const CRM: &str = r#"
connector: http
title: The CRM
base_url: http://crm.test
retry: { schedule: [1s, 5s, 30s], give_up_after: 9000h }
actions:
  upsert_contact:
    method: PUT
    path: "/contacts/{{ input.key }}"
    object: contact
    key: [key]
    update: { method: PATCH, path: "/contacts/{{ link.id }}", query: { key: "{{ input.key }}" } }
    outputs: { id: /id }
  upsert_booking: { method: PUT, path: "/bookings/{{ input.key }}", object: booking, key: [key], outputs: { id: /id } }
  upsert_log: { method: PUT, path: "/logs/{{ input.key }}", object: log, key: [key], outputs: { id: /id } }
  upsert_deal:
    method: PUT
    path: "/deals/{{ input.key }}"
    object: deal
    key: [key]
    update: { method: PATCH, path: "/deals/{{ link.id }}", query: { key: "{{ input.key }}" } }
    outputs: { id: /id }
  add_card:
    method: POST
    path: /cards
    body: { of: "{{ input.of }}", ref: "{{ step.ref }}" }
    find: { method: GET, path: /cards, query: { ref: "{{ step.ref }}" }, id: /0/id }
    outputs: { id: /id }
  send_mail:
    method: POST
    path: /mails
    body: { of: "{{ input.of }}", ref: "{{ step.ref }}" }
    find: { method: GET, path: /mails, query: { ref: "{{ step.ref }}" }, id: /0/id }
    outputs: { id: /id }
"#;

const GUESTS: &str = r#"
title: Guests
from: tours
steps:
  - id: contact
    use: crm.upsert_contact
    with: { key: "{{ booking.contact.email }}", of: "{{ booking.uuid }}", starts: "{{ trip.starts_at }}" }
  - id: booking
    use: crm.upsert_booking
    with: { key: "{{ booking.uuid }}", status: "{{ trip.status }}", total: "{{ booking.receipt_total }}" }
"#;

/// Reads what the change was.
const LOGS: &str = r#"
title: Logs
from: tours
steps:
  - id: log
    use: crm.upsert_log
    with: { key: "{{ booking.uuid }}", kind: '{{ if change.kind == "cancelled" { "gone" } else { "live" } }}' }
"#;

/// Makes something each time.
const MAILS: &str = r#"
title: Mails
from: tours
on: [cancelled]
steps:
  - id: mail
    use: crm.send_mail
    with: { of: "{{ booking.uuid }}" }
"#;

const DEALS: &str = r#"
title: Deals
from: tours
rebooking: move
steps:
  - id: deal
    use: crm.upsert_deal
    with: { key: "{{ booking.uuid }}", status: "{{ trip.status }}", total: "{{ booking.receipt_total }}" }
"#;

/// Makes something once, and keeps it.
const CARDS: &str = r#"
title: Cards
from: tours
on: [created]
rebooking: move
steps:
  - id: card
    use: crm.add_card
    with: { of: "{{ booking.uuid }}" }
"#;

/// Asks for rebookings, and reads the neighbours.
const NAMED: &str = r#"
title: Named
from: tours
on: [created, rebooked]
steps:
  - id: named
    use: crm.upsert_log
    with:
      key: "named {{ booking.uuid }}"
      kind: "{{ change.kind }}"
      before: "{{ booking_before.uuid }}"
      after: "{{ booking_after.uuid }}"
"#;

/// The rules.
pub fn ruleset() -> Arc<Ruleset> {
    let mut files = Files::default();
    for (path, text) in [
        ("sources/tours.yaml", SOURCE),
        ("connections/crm.yaml", CRM),
        ("guests.yaml", GUESTS),
        ("logs.yaml", LOGS),
        ("mails.yaml", MAILS),
        ("deals.yaml", DEALS),
        ("cards.yaml", CARDS),
        ("named.yaml", NAMED),
    ] {
        files.texts.insert(path.to_owned(), text.to_owned());
    }
    let compiled = compile(&files, None);
    compiled.ruleset.unwrap_or_else(|| panic!("the rules are wrong: {:#?}", compiled.diagnostics))
}

/// The world.
pub struct World {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The CRM.
    pub crm: Crm,
    ruleset: Arc<Ruleset>,
    entropy: Arc<dyn Entropy>,
    applier: Applier,
    delivery: Delivery,
    now: Millis,
    /// Of so many calls in a thousand the answer is lost, and as many meet a 503; chosen by this number.
    trouble: u64,
    dice: u64,
}

impl World {
    /// Over a store. `trouble`: 0 = the CRM never fails.
    pub fn over(store: Arc<dyn Store>, ruleset: Arc<Ruleset>, trouble: u64) -> Self {
        let entropy: Arc<dyn Entropy> = Arc::new(Counting(AtomicU64::new(1)));
        let one = Arc::new(One(ruleset.clone()));
        let delivery =
            Delivery::new(store.clone(), entropy.clone(), Arc::new(NoSecrets), one, "node".to_owned());
        Self {
            applier: Applier::new(store.clone(), entropy.clone()),
            store,
            crm: Crm::default(),
            ruleset,
            entropy,
            delivery,
            now: 1_800_000_000_000,
            trouble,
            dice: 0x9E37_79B9,
        }
    }

    /// The process dies and another begins over the same store; calls that were under way are lost.
    pub fn restart(self) -> Self {
        let mut next = Self::over(self.store, self.ruleset, self.trouble);
        next.crm = self.crm;
        next.now = self.now + 60_000;
        next.dice = self.dice;
        next.entropy = self.entropy;
        next.applier = Applier::new(next.store.clone(), next.entropy.clone());
        let one = Arc::new(One(next.ruleset.clone()));
        next.delivery = Delivery::new(
            next.store.clone(),
            next.entropy.clone(),
            Arc::new(NoSecrets),
            one,
            "node".to_owned(),
        );
        next
    }

    /// A webhook comes in.
    pub async fn post(&mut self, chain: usize, tells: &Tells) {
        self.post_body(tells.body(chain).to_string().into_bytes()).await;
    }

    /// The same with any body.
    pub async fn post_body(&mut self, body: Vec<u8>) {
        self.now += 1_000;
        let id: EventId = self.entropy.event_id(self.now);
        let event = NewEvent {
            id,
            source: "tours".to_owned(),
            received_at: self.now,
            origin: ORIGIN_WEBHOOK,
            headers: "{}".to_owned(),
            body: body.into(),
        };
        self.store.append_events(&[event]).await.expect("it is stored");
    }

    /// Applies what came in, and delivers nothing.
    pub async fn apply(&mut self) {
        while self.applier.step(&self.ruleset, self.now, &Here).await.expect("it is applied").events > 0 {}
    }

    /// Claims what is due and gives the calls, made by nobody yet.
    pub async fn claim(&mut self) -> Vec<ReadyCall> {
        let claimed = self.delivery.claim(&self.ruleset, self.now, &Here).await.expect("runs are claimed");
        claimed.calls
    }

    /// Makes calls, and settles what they are answered.
    pub async fn answer(&mut self, calls: Vec<ReadyCall>) {
        let mut answers = Vec::new();
        for ReadyCall { request, ticket } in calls {
            self.delivery.sent(&ticket, self.now).await;
            let caller = Caller { run: ticket.run_id().as_str(), step: ticket.step_id() };
            let fate = match 1_000_u64.checked_div(self.trouble) {
                None => 9,
                Some(sides) => self.dice() % sides,
            };
            let result = match fate {
                0 => Ok(answer(503, &json!({}))),
                1 => {
                    self.crm.serve(&request, &caller);
                    Err(OutboundFailure::Unknown("the answer was lost".to_owned()))
                }
                _ => {
                    let (status, body) = self.crm.serve(&request, &caller);
                    Ok(answer(status, &body))
                }
            };
            answers.push(Answered { ticket, result, duration_ms: 1 });
        }
        let settled = self.delivery.settle(&self.ruleset, answers, self.now).await;
        assert!(settled.is_ok(), "answers are settled");
    }

    /// Turns the engine until nothing is left to do, moving the clock where something is due later.
    pub async fn settle_down(&mut self) {
        self.apply().await;
        for _ in 0..TURNS_MAX {
            let claimed =
                self.delivery.claim(&self.ruleset, self.now, &Here).await.expect("runs are claimed");
            let (called, moved, again_at) = (claimed.calls.len(), claimed.moved, claimed.again_at);
            self.answer(claimed.calls).await;
            if called == 0 && moved == 0 {
                match again_at {
                    Some(at) if at > self.now => self.now = at,
                    _ => return,
                }
            }
        }
        panic!("it does not come to an end");
    }

    /// Part of a start: what a former process left is taken up.
    pub async fn recover(&mut self) {
        self.applier.recover().await.expect("the applier recovers");
        self.delivery.recover(self.now).await.expect("delivery recovers");
    }

    /// Plans once more what the first change of an event led to, as `waypost replay` does.
    pub async fn replay(&mut self, position: i64) {
        let filter = ListFilter { limit: 200, ..ListFilter::default() };
        let mut runs = self.store.list_runs(&filter).await.expect("runs are listed");
        runs.retain(|run| run.change.position == position && run.change.ordinal == 0);
        let planned: Vec<NewRun> = runs
            .into_iter()
            .map(|run| NewRun {
                id: self.entropy.run_id(self.now),
                rule: run.rule,
                booking: run.booking,
                item: run.item,
                lane: run.lane,
                change: run.change,
                position: run.position,
                asked: run.asked,
                trigger: "replay".to_owned(),
                state: RunState::Waiting,
                verdict: None,
                connection: run.connection,
                supersedes: run.supersedes,
                at: self.now,
            })
            .collect();
        self.store.plan_runs(&planned).await.expect("runs are planned");
    }

    /// All runs of a booking by its key, oldest first.
    pub async fn runs_of(&self, key: &str) -> Vec<RunRow> {
        let filter = ListFilter { booking: Some(key.to_owned()), limit: 200, ..ListFilter::default() };
        let mut bookings = self.store.list_bookings(&filter).await.expect("bookings are listed");
        let Some(BookingView { id, .. }) = bookings.pop() else { return Vec::new() };
        let filter = ListFilter { booking: Some(id.to_string()), limit: 200, ..ListFilter::default() };
        let mut runs = self.store.list_runs(&filter).await.expect("runs are listed");
        runs.reverse();
        runs
    }

    /// Goes on with that seed.
    pub fn seed(&mut self, seed: u64) {
        self.dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    }

    fn dice(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice >> 11
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer { status, headers, body: body.to_string().into_bytes().into(), cut: false }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        bytes
    }
}

struct One(Arc<Ruleset>);

#[async_trait]
impl Rulesets for One {
    async fn by_hash(&self, _hash: &str) -> Option<Arc<Ruleset>> {
        Some(self.0.clone())
    }
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn vault(&self, _name: &str) -> Option<SecretString> {
        None
    }

    fn environment(&self, _name: &str) -> Option<SecretString> {
        None
    }
}

struct Here;

impl Think for Here {
    fn run(&self, work: &mut dyn FnMut()) {
        work();
    }

    fn deadline(&self) -> Box<dyn Fn() -> bool> {
        Box::new(|| false)
    }
}

/// How many of these things were made, by the text that they have.
pub fn made(crm: &Crm, object: &str, of: &str) -> usize {
    let mut refs = BTreeSet::new();
    let things = crm.effects.iter().filter(|effect| effect.object == object);
    for effect in things.filter(|effect| effect.fields.get("of").and_then(Value::as_str) == Some(of)) {
        refs.insert(effect.id.clone());
    }
    refs.len()
}
