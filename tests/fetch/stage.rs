//! The stage by itself: a store in memory, a clock of its own, answers by hand.

use crate::support::Booking;
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;
use waypost::bookings::Applier;
use waypost::clock::OsEntropy;
use waypost::connectors::{ApiAnswer, ApiTrouble};
use waypost::domain::ChangeKind::{
    self, Coalesced, Created, Fetching, Ignored, Refused, Stale, Unchanged, Unreadable, Updated,
};
use waypost::domain::{Millis, ORIGIN_WEBHOOK};
use waypost::fetch::{FetchOutcome, FetchWork, Fetched, Fetcher};
use waypost::ports::{Entropy as _, ListFilter, NewEvent, Secrets, Store, Think};
use waypost::rules::{Files, Ruleset, compile};

pub struct Known;

impl Secrets for Known {
    fn vault(&self, name: &str) -> Option<SecretString> {
        Some(name.to_owned().into())
    }
    fn environment(&self, _: &str) -> Option<SecretString> {
        None
    }
}

pub struct HereAndNow;

impl Think for HereAndNow {
    fn run(&self, work: &mut dyn FnMut()) {
        work();
    }
    fn deadline(&self) -> Box<dyn Fn() -> bool> {
        Box::new(|| false)
    }
}

/// A mistake comes up while something is applied.
struct Mistaken;

impl Think for Mistaken {
    fn run(&self, work: &mut dyn FnMut()) {
        work();
    }
    fn deadline(&self) -> Box<dyn Fn() -> bool> {
        panic!("a mistake of the test")
    }
}

pub struct World {
    pub store: Arc<dyn Store>,
    pub applier: Applier,
    pub fetcher: Fetcher,
    pub ruleset: Arc<Ruleset>,
    pub now: Millis,
}

pub fn ruleset(files: &[(&str, &str)]) -> Arc<Ruleset> {
    let texts = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let compiled = compile(&Files { texts }, None);
    compiled.ruleset.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

impl World {
    pub async fn new(verify: &str) -> Self {
        let source = format!(
            "connector: fareharbor\napi: {{ app: {{ secret: a }}, user: {{ secret: b }} }}\nverify: {verify}\n"
        );
        Self::of(source).await
    }

    /// With this source.
    pub async fn of(source: String) -> Self {
        let ruleset = ruleset(&[("sources/tours.yaml", &source)]);
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

    pub async fn comes_in(&mut self, booking: &Booking) {
        self.hears(&booking.body).await;
    }

    pub async fn hears(&mut self, body: &Value) {
        self.keeps(body).await;
        self.apply().await;
    }

    /// A webhook that is not applied yet.
    pub async fn keeps(&mut self, body: &Value) {
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
    }

    pub async fn apply(&self) {
        while self.applier.step(&self.ruleset, self.now, &HereAndNow).await.expect("it is applied").events > 0
        {
        }
    }

    /// The next fetch is answered, and its document stands in the journal, not applied yet.
    pub async fn appended(&mut self, body: Value) {
        let work = self.claim().await.pop().expect("something to fetch");
        let result = Ok(ApiAnswer { status: 200, body });
        let fetched = Fetched { row: work.row, result, also: Vec::new() };
        self.fetcher.settle(&self.ruleset, fetched, self.now).await.expect("it is written");
    }

    pub async fn claim(&mut self) -> Vec<FetchWork> {
        self.now += 1_000;
        let claim = self.fetcher.claim(&self.ruleset, 16, self.now).await.expect("a claim");
        self.apply().await;
        claim.work
    }

    /// The next fetch, answered so.
    pub async fn answered(&mut self, result: Result<Value, ApiTrouble>) -> FetchOutcome {
        let work = self.claim().await.pop().expect("something to fetch");
        self.settle(work, result).await
    }

    pub async fn settle(&mut self, work: FetchWork, result: Result<Value, ApiTrouble>) -> FetchOutcome {
        let result = result.map(|body| ApiAnswer { status: 200, body });
        let fetched = Fetched { row: work.row, result, also: Vec::new() };
        let outcome = self.fetcher.settle(&self.ruleset, fetched, self.now).await.expect("it is written");
        self.apply().await;
        outcome
    }

    pub async fn kinds(&self) -> Vec<ChangeKind> {
        let filter = ListFilter { limit: 100, ..ListFilter::default() };
        let mut events = self.store.list_events(&filter).await.expect("the events");
        events.reverse();
        events.iter().flat_map(|event| event.changes.iter().map(|change| change.kind)).collect()
    }

    pub async fn waiting(&self) -> i64 {
        self.store
            .fetches()
            .count_fetches()
            .await
            .expect("the fetches")
            .iter()
            .map(|count| count.waiting)
            .sum()
    }

    pub async fn notes(&self) -> Vec<String> {
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

pub fn down() -> ApiTrouble {
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
    let rests =
        || ApiTrouble::Rests { until: 2_000_000_000, said: false, why: "the limit is used up".to_owned() };
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
async fn a_mistake_while_a_document_is_applied_leaves_no_fetch_under_way() {
    let mut world = World::new("always").await;
    world.comes_in(&Booking::new(1)).await;
    world.appended(Booking::new(1).body).await;
    world.applier.step(&world.ruleset, world.now, &Mistaken).await.expect("it is put aside");
    assert_eq!(world.kinds().await, [Fetching, Unreadable]);
    assert!(world.claim().await.is_empty(), "it would come up again at once");
    world.now += 3_600_000;
    world.answered(Ok(Booking::new(1).body)).await;
    assert_eq!(world.kinds().await, [Coalesced, Unreadable, Created]);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_document_that_was_put_aside_ends_its_fetch_and_the_next_hint_makes_another() {
    let mut world = World::new("always").await;
    world.comes_in(&Booking::new(1)).await;
    world.appended(Booking::new(1).body).await;
    let document = world.store.unapplied_events(9, 1 << 20).await.expect("the document").remove(0);
    for _ in 0..3 {
        world.store.count_crash(document.position).await.expect("it is counted");
    }
    // As after a start.
    world.applier = Applier::new(world.store.clone(), Arc::new(OsEntropy));
    world.applier.recover().await.expect("a start");
    world.apply().await;
    assert_eq!(world.kinds().await, [Coalesced, Unreadable]);
    let notes = world.notes().await;
    assert!(notes[0].starts_with("what was fetched for it could not be used, see"), "{notes:?}");
    assert_eq!(world.waiting().await, 0);
    world.comes_in(&Booking::new(1).with("/note", "more")).await;
    world.answered(Ok(Booking::new(1).body)).await;
    assert_eq!(world.kinds().await, [Coalesced, Unreadable, Coalesced, Created]);
}

#[tokio::test]
async fn a_document_of_a_source_that_was_removed_leaves_no_fetch_under_way() {
    let mut world = World::new("always").await;
    world.comes_in(&Booking::new(1)).await;
    world.appended(Booking::new(1).body).await;
    let there = world.ruleset.clone();
    world.ruleset = compile(&Files::default(), None).ruleset.expect("no rules at all");
    world.apply().await;
    assert_eq!(world.kinds().await, [Fetching, Ignored]);
    world.ruleset = there;
    world.now += 60_000;
    world.answered(Ok(Booking::new(1).body)).await;
    assert_eq!(world.kinds().await, [Coalesced, Ignored, Created]);
    assert_eq!(world.waiting().await, 0);
}

/// An event of apaleo about its one reservation.
pub fn event(id: u32, word: &str) -> Value {
    json!({
        "topic": "Reservation", "type": word, "id": format!("00000000-0000-4000-8000-{id:012}"), "accountId": "ACME",
        "timestamp": 1_767_225_600_000_i64 + i64::from(id), "data": { "entityId": "XPGMSXGF-1" },
    })
}

pub fn inn() -> String {
    "connector: apaleo\naccount: ACME\napi: { client_id: { secret: a }, client_secret: { secret: b } }\n"
        .to_owned()
}

pub fn reservation() -> Value {
    json!({
        "id": "XPGMSXGF-1", "bookingId": "XPGMSXGF", "status": "Confirmed", "modified": "2026-01-01T00:00:00Z",
        "arrival": "2027-03-14T15:00:00+01:00", "departure": "2027-03-16T11:00:00+01:00",
    })
}

#[tokio::test]
async fn what_is_deleted_while_it_is_fetched_for_the_first_time_is_not_brought_to_life() {
    let mut world = World::of(inn()).await;
    world.hears(&event(1, "created")).await;
    let work = world.claim().await.pop().expect("a fetch");
    world.hears(&event(2, "deleted")).await;
    world.settle(work, Ok(reservation())).await;
    assert_eq!(world.kinds().await, [Coalesced, Ignored, Stale]);
    assert_eq!(world.waiting().await, 0);
    // Where it is there after all, somebody says so later, and it is asked for then.
    world.hears(&event(3, "changed")).await;
    world.answered(Ok(reservation())).await;
    assert_eq!(world.kinds().await, [Coalesced, Ignored, Stale, Coalesced, Created]);
}

#[tokio::test]
async fn what_is_deleted_in_the_same_breath_as_its_document_comes_is_not_brought_to_life() {
    let mut world = World::of(inn()).await;
    world.hears(&event(1, "created")).await;
    let work = world.claim().await.pop().expect("a fetch");
    // Neither has been applied when the other comes.
    world.keeps(&event(2, "deleted")).await;
    world.settle(work, Ok(reservation())).await;
    assert_eq!(world.kinds().await, [Coalesced, Ignored, Stale]);
}

/// Bookings come in, one a minute, and the first of them is never let in. Gives after how many minutes that ended.
async fn one_is_not_let_in(world: &mut World, trouble: impl Fn(Millis) -> ApiTrouble) -> Option<u32> {
    world.comes_in(&Booking::new(1)).await;
    let secret = Booking::new(1).body["booking"]["uuid"].clone();
    for minute in 2..=30 {
        world.comes_in(&Booking::new(minute)).await;
        for _ in 0..20 {
            for work in world.claim().await {
                if secret == json!(work.row.key.key) {
                    let trouble = trouble(world.now);
                    if world.settle(work, Err(trouble)).await == FetchOutcome::Refused {
                        return Some(minute);
                    }
                    continue;
                }
                let all = (2..=minute).map(|number| Booking::new(number).body);
                let found = all.into_iter().find(|body| body["booking"]["uuid"] == json!(work.row.key.key));
                assert_eq!(world.settle(work, Ok(found.expect("a booking"))).await, FetchOutcome::Came(1));
            }
            world.now += 2_000;
        }
    }
    None
}

#[tokio::test]
async fn a_booking_that_the_keys_may_not_read_holds_up_no_other_and_ends() {
    let limit = |now| ApiTrouble::Rests { until: now + 5_000, said: true, why: "HTTP 403: no".to_owned() };
    let mut world = World::new("always").await;
    assert_eq!(one_is_not_let_in(&mut world, limit).await, Some(7));
    assert_eq!(
        world.notes().await[0],
        "FareHarbor's API answers for others, and does not let us read this booking: HTTP 403: no. Nothing was changed"
    );
    let mut world = World::new("always").await;
    assert_eq!(one_is_not_let_in(&mut world, |_| ApiTrouble::NeedsAuth("no".to_owned())).await, Some(8));
    // What is about the limit for sure never ends anything.
    let sure = |now| ApiTrouble::Rests { until: now + 5_000, said: false, why: "HTTP 429".to_owned() };
    let mut world = World::new("always").await;
    assert_eq!(one_is_not_let_in(&mut world, sure).await, None);
    assert_eq!(world.waiting().await, 1);
}

#[tokio::test]
async fn what_is_turned_away_is_not_the_first_to_be_asked_for_again() {
    let mut world = World::new("always").await;
    world.comes_in(&Booking::new(1)).await;
    let rests = ApiTrouble::Rests { until: world.now + 5_000, said: true, why: "HTTP 403".to_owned() };
    let turned = world.claim().await.pop().expect("a fetch");
    let key = turned.row.key.clone();
    world.settle(turned, Err(rests)).await;
    world.comes_in(&Booking::new(2)).await;
    world.now += 7_000;
    let next = world.claim().await;
    assert_eq!(next.len(), 1);
    assert_ne!(next[0].row.key, key);
}

#[tokio::test]
async fn a_webhook_that_is_gone_by_is_appended_once_however_long_it_waits_to_be_applied() {
    let mut world = World::new("{ when_down: payload }").await;
    world.comes_in(&Booking::new(1)).await;
    world.answered(Err(down())).await;
    world.now += 40_000;
    let mut appended = Vec::new();
    for _ in 0..5 {
        world.now += 500;
        let claim = world.fetcher.claim(&world.ruleset, 0, world.now).await.expect("a claim");
        appended.push(claim.appended);
    }
    assert_eq!(appended, [true, false, false, false, false]);
    assert_eq!(world.store.unapplied_events(100, 1 << 20).await.expect("the events").len(), 1);
    world.apply().await;
    assert_eq!(world.kinds().await, [Coalesced, Created]);
    // What comes in later, and can't be verified either, is gone by too.
    world.comes_in(&Booking::new(1).with("/note", "more")).await;
    world.now += 40_000;
    world.claim().await;
    assert_eq!(world.kinds().await, [Coalesced, Created, Coalesced, Updated]);
}

#[tokio::test]
async fn a_source_that_cant_be_asked_leaves_the_database_in_peace_and_is_asked_once_it_has_keys() {
    const HOUR: Millis = 3_600_000;
    let mut world = World::of("connector: apaleo\naccount: ACME\n".to_owned()).await;
    for number in 1..=40 {
        let mut hint = event(number, "changed");
        hint["data"]["entityId"] = json!(format!("R-{number}"));
        world.hears(&hint).await;
    }
    assert!(world.claim().await.is_empty());
    // None of the others is as much as looked at, although they have been due for long.
    for _ in 0..3 {
        world.now += 1_000;
        let claim = world.fetcher.claim(&world.ruleset, 16, world.now).await.expect("a claim");
        assert!(claim.work.is_empty());
        assert!(claim.again_at.is_some_and(|at| at > world.now + 200_000), "{:?}", claim.again_at);
    }
    let rows = world.store.fetches().fetches_of_source("tours", 50).await.expect("the fetches");
    let told: Vec<&str> = rows.iter().filter_map(|row| row.told.as_deref()).collect();
    assert_eq!(told, ["the source has no keys for the booking system's API: add `api:` to its file"; 16]);
    world.ruleset = ruleset(&[("sources/tours.yaml", &inn())]);
    assert_eq!(world.claim().await.len(), 16);
    assert_eq!(world.fetcher.recover(world.now).await.expect("a start"), 16);
    // Without keys they wait however long; where the source is gone, a day.
    world.ruleset = ruleset(&[("sources/tours.yaml", "connector: apaleo\naccount: ACME\n")]);
    for _ in 0..30 {
        world.now += HOUR;
        assert!(world.claim().await.is_empty());
    }
    assert_eq!(world.waiting().await, 40);
    world.ruleset = ruleset(&[("sources/other.yaml", &inn())]);
    for _ in 0..40 {
        world.now += HOUR;
        assert!(world.claim().await.is_empty());
    }
    assert_eq!(world.waiting().await, 0);
    assert_eq!(world.notes().await, ["its source was removed: nothing was changed"; 40]);
}

#[tokio::test]
async fn an_answer_about_another_account_is_not_kept_again_and_again() {
    let mut world = World::new("always").await;
    world.comes_in(&Booking::new(1)).await;
    let other = Booking::new(1).with("/company/shortname", "another");
    for _ in 0..3 {
        assert_eq!(world.answered(Ok(other.body.clone())).await, FetchOutcome::Again);
        world.now += 60_000;
    }
    assert_eq!(world.kinds().await, [Fetching]);
    let row = world.store.fetches().fetches_of_source("tours", 1).await.expect("the fetches").remove(0);
    let why = "the answer is about another account than the one that was asked for";
    assert_eq!((row.tries, row.told.as_deref()), (3, Some(why)));
}

#[tokio::test]
async fn what_the_api_does_not_know_yet_is_asked_for_once_more() {
    let not_there = || ApiTrouble::NotThere("404".to_owned());
    let mut world = World::new("always").await;
    // One is known to the API a little later than its webhook comes in, and one is made up.
    world.comes_in(&Booking::new(1)).await;
    assert_eq!(world.answered(Err(not_there())).await, FetchOutcome::Again);
    world.now += 10_000;
    assert_eq!(world.answered(Ok(Booking::new(1).body)).await, FetchOutcome::Came(1));
    world.comes_in(&Booking::new(2)).await;
    assert_eq!(world.answered(Err(not_there())).await, FetchOutcome::Again);
    world.now += 10_000;
    assert_eq!(world.answered(Err(not_there())).await, FetchOutcome::Refused);
    assert_eq!(world.kinds().await, [Coalesced, Created, Refused]);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn an_api_that_knows_nothing_of_one_thing_is_well() {
    let mut world = World::new("{ when_down: payload }").await;
    world.comes_in(&Booking::new(1)).await;
    world.answered(Err(down())).await;
    world.now += 20_000;
    world.answered(Err(ApiTrouble::NotThere("404".to_owned()))).await;
    // Neither the one that was in trouble nor the next one is gone by its webhook.
    world.now += 15_000;
    assert_eq!(world.claim().await.len(), 1);
    assert_eq!(world.kinds().await, [Fetching]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_nothing_waiting_for_as_long() {
    const DAY: Millis = 86_400_000;
    let mut world = World::new("always").await;
    for number in 1..=3 {
        world.comes_in(&Booking::new(number)).await;
    }
    let rests = ApiTrouble::Rests { until: world.now + 60_000, said: false, why: "HTTP 429".to_owned() };
    let mut work = world.claim().await;
    world.settle(work.pop().expect("a fetch"), Err(rests)).await;
    world.settle(work.pop().expect("a fetch"), Err(down())).await;
    world.settle(work.pop().expect("a fetch"), Ok(json!({ "error": "x" }))).await;
    world.now -= DAY;
    assert_eq!(world.claim().await.len(), 3);
}

#[tokio::test]
async fn a_source_of_its_own_goes_by_the_webhook_too_where_its_file_says_so() {
    let source = "connector: webhook\ntitle: Quay Boats\nverify: { when_down: payload }\napi: { base_url: https://a.example }\n\
                  records: [ { kind: booking, key: id, fetch: { method: GET, path: \"/b/{{ key }}\", at: \"\" } } ]\n";
    let mut world = World::of(source.to_owned()).await;
    world.hears(&json!({ "id": 1, "guest": "told" })).await;
    world.answered(Err(down())).await;
    world.now += 60_000;
    world.answered(Err(down())).await;
    world.now += 60_000;
    assert_eq!(world.kinds().await, [Coalesced, Created]);
    assert!(world.notes().await[1].starts_with("unverified: Quay Boats did not answer"));
    world.answered(Ok(json!({ "id": 1, "guest": "true" }))).await;
    assert_eq!(world.kinds().await, [Coalesced, Created, Updated]);
}
