//! The stage by itself: a store in memory, a clock of its own, answers by hand.

use crate::support::Booking;
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use waypost::bookings::Applier;
use waypost::clock::OsEntropy;
use waypost::connectors::{ApiAnswer, ApiTrouble};
use waypost::domain::ChangeKind::{self, Coalesced, Created, Fetching, Stale, Unchanged, Updated};
use waypost::domain::{Millis, ORIGIN_WEBHOOK};
use waypost::fetch::{FetchOutcome, FetchWork, Fetched, Fetcher};
use waypost::ports::{Entropy as _, ListFilter, NewEvent, Secrets, Store, Think};
use waypost::rules::{Files, Ruleset, compile};

struct Known;

impl Secrets for Known {
    fn vault(&self, name: &str) -> Option<SecretString> {
        Some(name.to_owned().into())
    }
    fn environment(&self, _: &str) -> Option<SecretString> {
        None
    }
}

struct HereAndNow;

impl Think for HereAndNow {
    fn run(&self, work: &mut dyn FnMut()) {
        work();
    }
    fn deadline(&self) -> Box<dyn Fn() -> bool> {
        Box::new(|| false)
    }
}

struct World {
    store: Arc<dyn Store>,
    applier: Applier,
    fetcher: Fetcher,
    ruleset: Arc<Ruleset>,
    now: Millis,
}

impl World {
    async fn new(verify: &str) -> Self {
        let source = format!(
            "connector: fareharbor\napi: {{ app: {{ secret: a }}, user: {{ secret: b }} }}\nverify: {verify}\n"
        );
        Self::of(source).await
    }

    async fn of(source: String) -> Self {
        let texts = BTreeMap::from([("sources/tours.yaml".to_owned(), source)]);
        let compiled = compile(&Files { texts }, None);
        let ruleset = compiled.ruleset.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let store = waypost::store::open_in_memory().await.expect("a store");
        let entropy = Arc::new(OsEntropy);
        Self {
            applier: Applier::new(store.clone(), entropy.clone()),
            fetcher: Fetcher::new(store.clone(), entropy, Arc::new(Known)),
            store,
            ruleset,
            now: 1_000_000_000,
        }
    }

    async fn comes_in(&mut self, booking: &Booking) {
        self.posted(&booking.body).await;
    }

    async fn posted(&mut self, body: &Value) {
        self.now += 1_000;
        let event = NewEvent {
            id: OsEntropy.event_id(self.now),
            source: "tours".to_owned(),
            received_at: self.now,
            origin: ORIGIN_WEBHOOK,
            headers: "{}".to_owned(),
            body: Bytes::from(body.to_string()),
        };
        self.store.append_events(&[event]).await.expect("it is kept");
        self.apply().await;
    }

    async fn apply(&self) {
        while self.applier.step(&self.ruleset, self.now, &HereAndNow).await.expect("it is applied").events > 0
        {
        }
    }

    async fn claim(&mut self) -> Vec<FetchWork> {
        self.now += 1_000;
        let claim = self.fetcher.claim(&self.ruleset, 16, self.now).await.expect("a claim");
        self.apply().await;
        claim.work
    }

    /// The next fetch, answered so.
    async fn answered(&mut self, result: Result<Value, ApiTrouble>) -> FetchOutcome {
        let work = self.claim().await.pop().expect("something to fetch");
        self.settle(work, result).await
    }

    async fn settle(&mut self, work: FetchWork, result: Result<Value, ApiTrouble>) -> FetchOutcome {
        let result = result.map(|body| ApiAnswer { status: 200, body });
        let fetched = Fetched { row: work.row, result, also: Vec::new() };
        let outcome = self.fetcher.settle(&self.ruleset, fetched, self.now).await.expect("it is written");
        self.apply().await;
        outcome
    }

    async fn kinds(&self) -> Vec<ChangeKind> {
        let filter = ListFilter { limit: 100, ..ListFilter::default() };
        let mut events = self.store.list_events(&filter).await.expect("the events");
        events.reverse();
        events.iter().flat_map(|event| event.changes.iter().map(|change| change.kind)).collect()
    }

    async fn waiting(&self) -> i64 {
        self.store
            .fetches()
            .count_fetches()
            .await
            .expect("the fetches")
            .iter()
            .map(|count| count.waiting)
            .sum()
    }

    async fn notes(&self) -> Vec<String> {
        let filter = ListFilter { limit: 100, ..ListFilter::default() };
        let mut events = self.store.list_events(&filter).await.expect("the events");
        events.reverse();
        let note = |note: Option<String>| {
            let words = note.unwrap_or_default();
            words
                .split(' ')
                .map(|word| if word.starts_with("evt_") { "EVENT" } else { word })
                .collect::<Vec<_>>()
                .join(" ")
        };
        events
            .into_iter()
            .flat_map(|event| event.changes.into_iter().map(|change| note(change.note)))
            .collect()
    }
}

fn down() -> ApiTrouble {
    ApiTrouble::Down { until: None, why: "nobody answers".to_owned() }
}

#[tokio::test]
async fn a_hint_that_comes_in_while_it_is_fetched_makes_another_fetch() {
    let mut world = World::new("always").await;
    let (first, second) = (Booking::new(1), Booking::new(1).with("/note", "more"));
    world.comes_in(&first).await;
    let work = world.claim().await.pop().expect("a fetch");
    world.comes_in(&second).await;
    assert!(world.claim().await.is_empty(), "one at a time");
    world.settle(work, Ok(first.body.clone())).await;
    assert_eq!(world.kinds().await, [Coalesced, Fetching, Created]);
    world.answered(Ok(second.body.clone())).await;
    assert_eq!(world.kinds().await, [Coalesced, Coalesced, Created, Updated]);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_document_that_is_older_than_what_is_known_changes_nothing_and_is_fetched_again() {
    // Another door of the account believes its webhooks.
    let mut world = World::new("never").await;
    let (old, new) = (Booking::new(1), Booking::new(1).with("/note", "new"));
    world.comes_in(&old).await;
    world.comes_in(&new).await;
    world.comes_in(&old).await;
    let work = world.claim().await.pop().expect("the late copy is asked about");
    let newest = Booking::new(1).with("/note", "newest");
    world.comes_in(&newest).await;
    world.settle(work, Ok(new.body.clone())).await;
    assert_eq!(world.kinds().await, [Created, Updated, Coalesced, Updated, Stale]);
    world.answered(Ok(newest.body.clone())).await;
    assert_eq!(world.kinds().await, [Created, Updated, Coalesced, Updated, Stale, Unchanged]);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn with_hold_nothing_is_gone_by_however_long_the_api_is_away() {
    let mut world = World::new("{ always: true, when_down: hold }").await;
    world.comes_in(&Booking::new(1)).await;
    for _ in 0..10 {
        assert_eq!(world.answered(Err(down())).await, FetchOutcome::Again);
        world.now += 3_600_000;
    }
    assert_eq!(world.kinds().await, [Fetching]);
    world.answered(Ok(Booking::new(1).body)).await;
    assert_eq!(world.kinds().await, [Coalesced, Created]);
}

#[tokio::test]
async fn with_payload_the_webhook_is_gone_by_unverified_and_fetched_later() {
    let mut world = World::new("{ when_down: payload }").await;
    let told = Booking::new(1).with("/contact/email", "told@example.org");
    world.comes_in(&told).await;
    world.answered(Err(down())).await;
    world.now += 20_000;
    world.answered(Err(down())).await;
    assert_eq!(world.kinds().await, [Fetching]);
    world.now += 40_000;
    let work = world.claim().await;
    assert_eq!(world.kinds().await, [Coalesced, Created]);
    assert_eq!(
        world.notes().await,
        [
            "it could not be verified so far; the booking goes by it, see EVENT",
            "unverified: FareHarbor did not answer, so this is what its webhook said"
        ]
    );
    let counts = world.store.fetches().count_fetches().await.expect("the fetches");
    assert_eq!((counts[0].waiting, counts[0].unverified), (1, 1));
    // It is gone by once, and fetched when the API is back.
    for one in work {
        world.settle(one, Err(down())).await;
        world.now += 60_000;
    }
    world.answered(Ok(Booking::new(1).body)).await;
    assert_eq!(world.kinds().await, [Coalesced, Created, Updated]);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn an_answer_about_another_booking_is_not_believed() {
    let mut world = World::new("always").await;
    world.comes_in(&Booking::new(1)).await;
    assert_eq!(world.answered(Ok(Booking::new(2).body)).await, FetchOutcome::Again);
    world.now += 60_000;
    assert_eq!(world.answered(Ok(json!({ "error": "x" }))).await, FetchOutcome::Again);
    assert_eq!(world.kinds().await, [Fetching]);
}

#[tokio::test]
async fn what_was_under_way_at_a_stop_is_fetched_again() {
    let mut world = World::new("always").await;
    world.comes_in(&Booking::new(1)).await;
    let lost = world.claim().await.pop().expect("a fetch");
    assert_eq!(world.fetcher.recover(world.now).await.expect("a start"), 1);
    world.answered(Ok(Booking::new(1).body)).await;
    // The answer of before the stop, should it come all the same, tells nothing new.
    world.settle(lost, Err(ApiTrouble::NotThere("404".to_owned()))).await;
    assert_eq!(world.kinds().await, [Coalesced, Created]);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn one_trouble_speaks_for_all_fetches_of_its_source() {
    let mut world = World::new("always").await;
    for number in 1..=40 {
        world.comes_in(&Booking::new(number)).await;
    }
    let rests = || ApiTrouble::Rests { until: 2_000_000_000, why: "the limit is used up".to_owned() };
    for work in world.claim().await {
        world.settle(work, Err(rests())).await;
    }
    world.now = 1_999_990_000;
    assert!(world.claim().await.is_empty(), "it rests");
    world.now = 2_000_000_000;
    assert_eq!(world.claim().await.len(), 16);
    assert_eq!(world.waiting().await, 40);
}

#[tokio::test]
async fn a_source_of_its_own_goes_by_the_webhook_too_where_its_file_says_so() {
    let source = "connector: webhook\ntitle: Quay Boats\nverify: { always: true, when_down: payload }\n\
                  api: { base_url: https://api.example.com }\n\
                  records: [ { kind: booking, key: id, fetch: { method: GET, path: \"/b/{{ key }}\", at: \"\" } } ]\n";
    let mut world = World::of(source.to_owned()).await;
    world.posted(&json!({ "id": 1, "guest": "told" })).await;
    world.answered(Err(down())).await;
    world.now += 60_000;
    let work = world.claim().await;
    assert_eq!(world.kinds().await, [Coalesced, Created]);
    assert!(world.notes().await[1].starts_with("unverified: Quay Boats did not answer"));
    for one in work {
        world.settle(one, Err(down())).await;
        world.now += 60_000;
    }
    world.answered(Ok(json!({ "id": 1, "guest": "true" }))).await;
    assert_eq!(world.kinds().await, [Coalesced, Created, Updated]);
    assert_eq!(world.waiting().await, 0);
}
