//! The walker with a vendor of its own: whatever happens on the way, a walk finds each record once, and says of each what it
//! came to.

use super::{SourceCall, SourceCalls, Walked, Walker};
use crate::clock::OsEntropy;
use crate::connectors::{ApiTrouble, Call};
use crate::domain::{
    BookingId, BookingKey, ChangeKind, ChangeRef, DocumentHead, EventId, Millis, ORIGIN_BACKFILL, View,
};
use crate::expr::Scope;
use crate::ports::{
    AppliedEvent, BookingWrite, Clock, FindingQuery, NewChange, NewEvent, NewWalk, Store, WalkAct,
    WalkCounts, WalkOutcome, WalkPurpose, WalkRow, WalkState,
};
use crate::rules::{Files, Ruleset, compile};
use crate::store::open_in_memory;
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

pub(super) struct Hands(pub(super) AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
    fn monotonic(&self) -> Millis {
        self.now()
    }
}

/// What the vendor does with a call, by its path, before it answers.
type Mood = Box<dyn FnMut(&str) -> Option<ApiTrouble> + Send>;

/// Answers by path and query.
pub(super) struct Vendor {
    answers: Mutex<BTreeMap<String, Value>>,
    asked: Mutex<Vec<String>>,
    mood: Mutex<Mood>,
    /// The call with this number is never answered: there the process dies.
    dies_at: AtomicUsize,
    died: Notify,
    /// A call says that it has begun, and waits for a word to go on.
    pub(super) waits: AtomicBool,
    pub(super) asked_now: Notify,
    pub(super) go_on: Notify,
}

impl Vendor {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::default(),
            asked: Mutex::default(),
            mood: Mutex::new(Box::new(|_| None)),
            dies_at: AtomicUsize::new(usize::MAX),
            died: Notify::new(),
            waits: AtomicBool::new(false),
            asked_now: Notify::new(),
            go_on: Notify::new(),
        })
    }

    pub(super) fn says(&self, path: &str, answer: Value) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub(super) fn feels(&self, mood: impl FnMut(&str) -> Option<ApiTrouble> + Send + 'static) {
        *self.mood.lock().unwrap() = Box::new(mood);
    }

    pub(super) fn asked_for(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }
}

fn rendered(asked: &SourceCall<'_>) -> String {
    let mut scope = Scope::new();
    for (name, value) in asked.inputs {
        scope.set(name, Arc::new(value.clone()));
    }
    let text = |template: &crate::expr::Template| {
        let value = template.evaluate(&asked.ruleset.engine, &scope).expect("it evaluates");
        value.map_or_else(
            |_| "-".to_owned(),
            |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        )
    };
    let Call { path, query, .. } = asked.call;
    let query: Vec<String> =
        query.iter().map(|(name, template)| format!("{name}={}", text(template))).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", text(path), query.join("&"))
}

#[async_trait]
impl SourceCalls for Vendor {
    async fn call(&self, asked: SourceCall<'_>) -> Result<Value, ApiTrouble> {
        let path = rendered(&asked);
        let number = {
            let mut all = self.asked.lock().unwrap();
            all.push(path.clone());
            all.len()
        };
        if number == self.dies_at.load(Ordering::SeqCst) {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
        let known = self.answers.lock().unwrap().get(&path).cloned();
        if self.waits.load(Ordering::SeqCst) {
            self.asked_now.notify_one();
            self.go_on.notified().await;
        }
        if let Some(trouble) = (self.mood.lock().unwrap())(&path) {
            return Err(trouble);
        }
        known.ok_or_else(|| ApiTrouble::NotThere(format!("there is no {path}")))
    }
}

/// A tree of companies, items, availabilities and bookings, told as FareHarbor would.
pub(super) fn harbour(
    vendor: &Vendor,
    companies: usize,
    items: usize,
    slots: usize,
    bookings: usize,
) -> BTreeSet<String> {
    let mut uuids = BTreeSet::new();
    let names: Vec<String> = (0..companies).map(|company| format!("c{company}")).collect();
    let list: Vec<Value> = names.iter().map(|name| json!({ "shortname": name })).collect();
    vendor.says("/companies/", json!({ "companies": list }));
    for company in &names {
        let pks: Vec<Value> = (1..=items).map(|pk| json!({ "pk": pk })).collect();
        vendor.says(&format!("/companies/{company}/items/"), json!({ "items": pks }));
        for item in 1..=items {
            let list: Vec<Value> = (0..slots).map(|slot| json!({ "pk": item * 1_000 + slot })).collect();
            let range = "date-range/2027-03-01/2027-03-06";
            let path = format!("/companies/{company}/items/{item}/minimal/availabilities/{range}/");
            vendor.says(&path, json!({ "availabilities": list }));
            for slot in 0..slots {
                let pk = item * 1_000 + slot;
                let keys: Vec<String> = (0..bookings).map(|n| format!("{company}-{pk}-{n}")).collect();
                let list: Vec<Value> = keys.iter().map(|key| json!({ "uuid": key })).collect();
                vendor.says(
                    &format!("/companies/{company}/availabilities/{pk}/bookings/"),
                    json!({ "bookings": list }),
                );
                for key in keys {
                    vendor.says(
                        &format!("/companies/{company}/bookings/{key}/"),
                        json!({ "booking": booking(company, &key, "") }),
                    );
                    uuids.insert(key);
                }
            }
        }
    }
    uuids
}

pub(super) fn booking(company: &str, uuid: &str, note: &str) -> Value {
    json!({
        "uuid": uuid, "status": "booked", "note": note, "company": { "shortname": company },
        "availability": { "pk": 1, "start_at": "2027-03-03T09:30:00-1000" }, "customers": [],
    })
}

pub(super) struct World {
    pub(super) store: Arc<dyn Store>,
    pub(super) vendor: Arc<Vendor>,
    pub(super) clock: Arc<Hands>,
    pub(super) ruleset: Arc<Ruleset>,
}

/// A source file, and more files.
pub(super) async fn world(source: &str, more: &[(&str, &str)]) -> World {
    let mut texts = BTreeMap::from([("sources/tours.yaml".to_owned(), source.to_owned())]);
    texts.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    let compiled = compile(&Files { texts }, None);
    let ruleset = compiled.ruleset.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    World {
        store: open_in_memory().await.expect("a store"),
        vendor: Vendor::new(),
        clock: Arc::new(Hands(AtomicI64::new(1_800_000_000_000))),
        ruleset,
    }
}

pub(super) const TOURS: &str =
    "connector: fareharbor\napi: { app: { secret: app }, user: { secret: user } }\n";

impl World {
    pub(super) fn walker(&self) -> Walker {
        Walker::new(self.store.clone(), Arc::new(OsEntropy), self.clock.clone(), self.vendor.clone())
    }

    pub(super) async fn begin(&self, purpose: WalkPurpose) -> i64 {
        self.begin_over(purpose, None).await
    }

    async fn begin_over(&self, purpose: WalkPurpose, report: Option<i64>) -> i64 {
        self.begin_as(purpose, report, false).await
    }

    pub(super) async fn begin_as(&self, purpose: WalkPurpose, report: Option<i64>, end_gone: bool) -> i64 {
        let new = NewWalk {
            source: "tours".into(),
            purpose,
            from_day: "2027-03-01".into(),
            to_day: "2027-03-05".into(),
            report,
            end_gone,
            who: "Ada".into(),
            at: self.clock.now(),
        };
        let (row, began) = self.store.walks().begin_walk(&new).await.expect("it begins");
        assert!(began);
        row.seq
    }

    /// Goes on to the end, sleeping by the clock's hands.
    pub(super) async fn go(&self, seq: i64) -> WalkRow {
        let walker = self.walker();
        for _ in 0..100_000 {
            match walker.step(&self.ruleset, seq).await.expect("a step") {
                Walked::Over => return self.row(seq).await,
                Walked::On(_) => {
                    self.clock.0.fetch_add(10, Ordering::SeqCst);
                }
                Walked::Rests(until) => self.clock.0.store(until, Ordering::SeqCst),
                Walked::Overtaken => panic!("nobody else walks"),
            }
            self.apply().await;
        }
        panic!("it never ends: {:?}", self.row(seq).await);
    }

    pub(super) async fn row(&self, seq: i64) -> WalkRow {
        self.store.walks().walk(seq).await.expect("the store answers").expect("it is there")
    }

    /// What was brought in becomes bookings, as apply would make them.
    async fn apply(&self) -> Vec<String> {
        let events = self.store.unapplied_events(1_000, 64 << 20).await.expect("events");
        let mut keys = Vec::new();
        for event in events {
            let body: Value = serde_json::from_slice(&event.body).expect("JSON");
            let head = DocumentHead::read(&event.headers).expect("a document");
            let entity = if head.gone { booking("c0", &head.key.key, "") } else { body };
            keys.push(self.put_as(&entity, event.position, head.gone.then_some("deleted")).await);
        }
        keys
    }

    /// A booking as a change at this position left it, with the status that it tells, or another one.
    async fn put_as(&self, entity: &Value, position: i64, status: Option<&str>) -> String {
        self.put_by("tours", entity, (position, status)).await
    }

    /// The same, told of by this source.
    async fn put_by(&self, by: &str, entity: &Value, (position, status): (i64, Option<&str>)) -> String {
        let source = &self.ruleset.sources["tours"];
        let spec =
            source.connector.source.as_ref().expect("a source side").record("booking").expect("bookings");
        let told = spec.read_listed(entity.clone()).expect("it reads");
        let account = told.account.clone().expect("an account");
        let key = BookingKey {
            connector: "fareharbor".into(),
            account,
            kind: "booking".into(),
            key: told.key.clone(),
        };
        let known = self.store.bookings_by_key(std::slice::from_ref(&key)).await.expect("bookings").pop();
        let id = known.map_or_else(|| BookingId::new(format!("bkg_{}", told.key)), |known| known.id);
        let status = status.unwrap_or(&told.status).to_owned();
        let compared = spec.compare(None, told);
        let reference = ChangeRef { position, ordinal: 0 };
        let change = NewChange {
            ordinal: 0,
            booking: Some(id.clone()),
            kind: ChangeKind::Created,
            paths: Vec::new(),
            note: None,
            previous: None,
            body: Some(compared.entity.to_string()),
            hash: Some(compared.hash.clone()),
            at: 1,
            happened_at: None,
            seen: None,
        };
        let write = BookingWrite {
            id,
            key: key.clone(),
            source: by.into(),
            change: reference,
            status,
            view: View { person: json!({}), trip: json!({}) },
            hash: compared.hash,
            terms: Vec::new(),
            at: 1,
            as_of: position,
        };
        let applied = AppliedEvent {
            position,
            changes: vec![change],
            bookings: vec![write],
            ..AppliedEvent::default()
        };
        self.store.apply_events(&[applied]).await.expect("applied");
        key.key
    }

    /// A webhook came in and was applied.
    pub(super) async fn webhook(&self, entity: &Value) {
        self.webhook_by("tours", entity).await;
    }

    /// The same by another source.
    pub(super) async fn webhook_by(&self, by: &str, entity: &Value) {
        let event = NewEvent {
            id: EventId::new(format!("evt_{entity}")),
            source: by.into(),
            received_at: 1,
            origin: "webhook",
            headers: "{\"begun\":0}".into(),
            body: Bytes::from(json!({ "booking": entity }).to_string()),
        };
        let position = self.store.append_events(&[event]).await.expect("stored")[0];
        self.put_by(by, entity, (position, None)).await;
    }

    pub(super) async fn found(&self, walk: i64) -> Vec<(String, WalkOutcome, String)> {
        let query = FindingQuery { walk, outcomes: WalkOutcome::ALL.to_vec(), after: None, limit: 1_000 };
        let found = self.store.walks().findings(&query).await.expect("findings");
        found
            .into_iter()
            .map(|one| {
                (
                    one.key,
                    one.outcome,
                    if one.paths.is_empty() { one.note.unwrap_or_default() } else { one.paths.join(" ") },
                )
            })
            .collect()
    }
}

/// The counts without what differs from walk to walk.
fn told(counts: &WalkCounts) -> [i64; 7] {
    [counts.found, counts.looked, counts.same, counts.new, counts.differs, counts.gone, counts.brought_in]
}

#[tokio::test]
async fn a_backfill_brings_in_what_is_new_and_leaves_alone_what_is_the_same() {
    let world = world(TOURS, &[]).await;
    let uuids = harbour(&world.vendor, 2, 2, 3, 3);
    world.webhook(&booking("c0", "c0-1000-0", "")).await;
    world.webhook(&booking("c0", "c0-1000-1", "an older note")).await;
    let seq = world.begin(WalkPurpose::Backfill).await;
    let row = world.go(seq).await;
    assert_eq!((row.state, row.note), (WalkState::Done, None));
    assert_eq!(told(&row.counts), [36, 36, 1, 34, 1, 0, 35]);
    assert_eq!(row.counts.accounts, ["c0", "c1"]);
    let found: BTreeSet<String> = world.found(seq).await.into_iter().map(|(key, ..)| key).collect();
    assert_eq!(found, uuids);
    // Once more: nothing is appended, and each is as it is here.
    let again = world.begin(WalkPurpose::Backfill).await;
    assert_eq!(told(&world.go(again).await.counts), [36, 36, 36, 0, 0, 0, 0]);
    let events = world
        .store
        .list_events(&crate::ports::ListFilter { limit: 100, ..Default::default() })
        .await
        .unwrap();
    assert_eq!(events.iter().filter(|event| event.origin == ORIGIN_BACKFILL).count(), 35);
}

#[tokio::test]
async fn a_walk_that_dies_at_any_call_finds_exactly_the_same() {
    for dies_at in 1..60 {
        let world = world(TOURS, &[]).await;
        let uuids = harbour(&world.vendor, 2, 2, 2, 3);
        let seq = world.begin(WalkPurpose::Backfill).await;
        world.vendor.dies_at.store(dies_at, Ordering::SeqCst);
        let walker = world.walker();
        let died = loop {
            tokio::select! {
                () = world.vendor.died.notified() => break true,
                step = walker.step(&world.ruleset, seq) => match step.expect("a step") {
                    Walked::Over => break false,
                    _ => { world.apply().await; }
                },
            }
        };
        drop(walker);
        let row = world.go(seq).await;
        let found: BTreeSet<String> = world.found(seq).await.into_iter().map(|(key, ..)| key).collect();
        assert_eq!(
            (row.state, found.len(), row.counts.found),
            (WalkState::Done, 24, 24),
            "died at {dies_at}"
        );
        assert_eq!(found, uuids, "died at {dies_at}: {died}");
        assert_eq!(row.counts.share_done, crate::ports::WHOLE_SHARE);
        // What was in hand is asked for again, and nothing else.
        let asked = world.vendor.asked.lock().unwrap().len();
        assert!(asked <= 41 + 32, "died at {dies_at}: {asked} calls");
    }
}

#[tokio::test]
async fn few_places_wait_whatever_the_size_of_the_whole() {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 2, 3, 60, 4);
    let seq = world.begin(WalkPurpose::Backfill).await;
    let walker = world.walker();
    let mut most = 0;
    while walker.step(&world.ruleset, seq).await.expect("a step") != Walked::Over {
        let waiting = world.store.walks().due_places(seq, i64::MAX, 1_000).await.unwrap().due.len();
        most = most.max(waiting);
    }
    assert_eq!(world.row(seq).await.counts.found, 1_440);
    // Those of the items in hand, and the bookings of eight availabilities.
    assert!(most < 600, "{most} places waited");
}

#[tokio::test]
async fn trouble_of_the_whole_api_rests_the_walk_and_loses_nothing() {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 1, 2, 2, 2);
    let seq = world.begin(WalkPurpose::Backfill).await;
    let clock = world.clock.clone();
    let mut calls = 0;
    world.vendor.feels(move |_| {
        calls += 1;
        match calls {
            2 | 3 => Some(ApiTrouble::Rests {
                until: clock.now() + 30_000,
                said: true,
                why: "the limit is used up".into(),
            }),
            5..=9 => Some(ApiTrouble::Down { until: None, why: "it does not answer".into() }),
            11 => Some(ApiTrouble::NeedsAuth("the key is not taken".into())),
            _ => None,
        }
    });
    let began = world.clock.now();
    let row = world.go(seq).await;
    assert_eq!((row.state, row.note.as_deref()), (WalkState::Done, None));
    assert_eq!(told(&row.counts), [8, 8, 0, 8, 0, 0, 8]);
    assert!(world.clock.now() - began > 90_000, "it waited");
}

#[tokio::test]
async fn a_place_that_fails_alone_is_put_aside_and_tried_again_when_a_person_says_so() {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 1, 2, 2, 2);
    let seq = world.begin(WalkPurpose::Backfill).await;
    world.vendor.feels(|path| {
        path.contains("c0-1001-1/").then(|| ApiTrouble::Refused("a mistake of ours (500)".into()))
    });
    let row = world.go(seq).await;
    assert_eq!((row.state, row.note.as_deref()), (WalkState::Done, Some("one booking could not be read")));
    assert_eq!((row.counts.looked, row.counts.trouble, row.counts.aside), (7, 0, 1));
    assert_eq!(world.vendor.asked_for("c0-1001-1/"), 4);
    let aside = world.store.walks().aside_places(seq, 10).await.unwrap();
    assert_eq!(aside[0].aside.as_deref(), Some("booking c0-1001-1 of c0: a mistake of ours (500)"));
    world.vendor.feels(|_| None);
    assert!(world.store.walks().act_on_walk(seq, WalkAct::Resume, world.clock.now()).await.unwrap());
    let row = world.go(seq).await;
    assert_eq!((row.state, row.note, row.counts.looked, row.counts.aside), (WalkState::Done, None, 8, 0));
}

#[tokio::test]
async fn a_list_that_is_none_is_never_taken_for_an_empty_one() {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 1, 1, 1, 1);
    world.vendor.says("/companies/c0/availabilities/1000/bookings/", json!({ "error": "odd" }));
    let seq = world.begin(WalkPurpose::Backfill).await;
    let row = world.go(seq).await;
    let note = "one list could not be read, so that what it holds was not looked at";
    assert_eq!((row.counts.found, row.counts.unseen, row.note.as_deref()), (0, 1, Some(note)));
}

#[tokio::test]
async fn what_came_in_during_the_request_wins() {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 1, 1, 1, 1);
    world.webhook(&booking("c0", "c0-1000-0", "first")).await;
    let seq = world.begin(WalkPurpose::Backfill).await;
    let walker = world.walker();
    while world.vendor.asked_for("/availabilities/1000/bookings/") == 0 {
        walker.step(&world.ruleset, seq).await.expect("a step");
    }
    // The request begins, then a webhook comes in and is applied, then the answer comes: of the time before.
    world.vendor.waits.store(true, Ordering::SeqCst);
    let step = walker.step(&world.ruleset, seq);
    let webhook = async {
        world.vendor.asked_now.notified().await;
        world.webhook(&booking("c0", "c0-1000-0", "second")).await;
        world.vendor.go_on.notify_one();
    };
    let (stepped, ()) = tokio::join!(step, webhook);
    stepped.expect("a step");
    world.vendor.waits.store(false, Ordering::SeqCst);
    assert_eq!(world.row(seq).await.counts.looked, 0, "the older document is nothing to go by");
    // Fetched again, the API tells the same as the webhook did.
    let now = json!({ "booking": booking("c0", "c0-1000-0", "second") });
    world.vendor.says("/companies/c0/bookings/c0-1000-0/", now);
    let row = world.go(seq).await;
    assert_eq!(told(&row.counts), [1, 1, 1, 0, 0, 0, 0], "nothing was brought in");
    assert_eq!(world.vendor.asked_for("/bookings/c0-1000-0/"), 2);
}

#[tokio::test]
async fn a_reconcile_reports_and_a_repair_of_it_brings_in() {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 1, 1, 2, 2);
    world.webhook(&booking("c0", "c0-1000-0", "")).await;
    world.webhook(&booking("c0", "c0-1000-1", "only here")).await;
    world.webhook(&booking("c0", "gone", "")).await;
    world.webhook(&booking("c0", "moved", "")).await;
    world.webhook(&booking("other", "of-another-account", "")).await;
    world.vendor.says("/companies/c0/bookings/moved/", json!({ "booking": booking("c0", "moved", "") }));
    world.vendor.says(
        "/companies/other/bookings/of-another-account/",
        json!({ "booking": booking("other", "of-another-account", "") }),
    );
    world.clock.0.fetch_add(1_000, Ordering::SeqCst);
    let report = world.begin(WalkPurpose::Reconcile).await;
    let row = world.go(report).await;
    assert_eq!((row.state, row.note), (WalkState::Done, None));
    assert_eq!((row.counts.here_only, row.counts.elsewhere, row.counts.brought_in), (3, 2, 0));
    let gone = "there is no /companies/c0/bookings/gone/".to_owned();
    let of = |key: &str, outcome, more: &str| (key.to_owned(), outcome, more.to_owned());
    let expected = [
        of("c0-1000-0", WalkOutcome::Same, ""),
        of("c0-1000-1", WalkOutcome::Differs, "note"),
        of("c0-1001-0", WalkOutcome::New, ""),
        of("c0-1001-1", WalkOutcome::New, ""),
        (String::from("gone"), WalkOutcome::Gone, gone),
        of("moved", WalkOutcome::Elsewhere, ""),
        of("of-another-account", WalkOutcome::Elsewhere, ""),
    ];
    assert_eq!(world.found(report).await, expected);
    assert!(world.apply().await.is_empty(), "a report changes nothing");
    let repair = world.begin_over(WalkPurpose::Repair, Some(report)).await;
    let row = world.go(repair).await;
    assert_eq!(told(&row.counts), [4, 4, 0, 2, 1, 0, 3]);
    assert_eq!(row.counts.ended, 1);
    let outcomes: Vec<WalkOutcome> =
        world.found(repair).await.into_iter().map(|(_, outcome, _)| outcome).collect();
    assert_eq!(outcomes, [WalkOutcome::Repaired; 4]);
    assert_eq!(
        world.vendor.asked_for("/availabilities/1000/bookings/"),
        1,
        "a repair asks for what was found only"
    );
    let again = world.begin(WalkPurpose::Reconcile).await;
    let row = world.go(again).await;
    assert_eq!((row.counts.same, row.counts.new, row.counts.differs, row.counts.gone), (4, 0, 0, 0));
}

#[tokio::test]
async fn a_walk_can_be_paused_and_stopped_and_its_places_are_forgotten() {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 1, 2, 2, 2);
    let seq = world.begin(WalkPurpose::Backfill).await;
    let walker = world.walker();
    walker.step(&world.ruleset, seq).await.expect("a step");
    let walks = world.store.walks();
    assert!(walks.act_on_walk(seq, WalkAct::Pause, 1).await.unwrap());
    assert_eq!(walker.step(&world.ruleset, seq).await.unwrap(), Walked::Over);
    assert_eq!(world.vendor.asked_for("/"), 0);
    assert!(walks.act_on_walk(seq, WalkAct::Resume, 1).await.unwrap());
    walker.step(&world.ruleset, seq).await.expect("a step");
    assert!(walks.act_on_walk(seq, WalkAct::Stop, 1).await.unwrap());
    assert!(!walks.act_on_walk(seq, WalkAct::Resume, 1).await.unwrap());
    while walks.tidy_walks().await.unwrap() {}
    assert!(walks.due_places(seq, i64::MAX, 10).await.unwrap().due.is_empty());
}

#[tokio::test]
async fn without_access_to_the_api_or_without_the_source_it_stops_and_says_why() {
    let world = world("connector: fareharbor\n", &[]).await;
    let seq = world.begin(WalkPurpose::Reconcile).await;
    let row = world.go(seq).await;
    assert_eq!(row.state, WalkState::Stopped);
    assert!(row.note.expect("a reason").contains("it can't be known"));
}
