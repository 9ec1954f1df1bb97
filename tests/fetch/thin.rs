//! A source that is described in its own file and is thin: what it hints at is fetched, as its file says.

use crate::fake_http::Reply;
use crate::signed_in::session_of;
use crate::support::{Router, client};
use crate::vendor::Vendor;
use crate::world::{RULE, events, first_is, kinds, post, settled, with};
use serde_json::{Value, json};
use waypost::app::Health;
use waypost::domain::ChangeKind::{
    Cancelled, Coalesced, Created, Deleted, Fetching, Ignored, Refused, Unchanged,
};
use waypost::domain::Role;
use waypost::outbound::HttpOutbound;
use waypost::ports::{NewWalk, WalkPurpose, WalkState};

/// What the vendor takes.
const BEARER: &str = "Bearer quay-1";
const AUTH: &str = "{ headers: { Authorization: \"Bearer {{ secret.token }}\" } }";

/// The source's file.
const SOURCE: &str = r#"connector: webhook
title: Quay Boats
token: { secret: inn-token }
api:
  base_url: BASE
  allow_private: true
  secrets: { token: { secret: quay-token, label: API token } }
  auth: AUTH
  limits: { per_second: 5 }
  test: { call: { method: GET, path: /me }, whom: "the account {/name}" }
event:
  id: id
  type: kind
  ignore: [ { type: ping, note: Quay Boats checked this address } ]
records:
  - kind: booking
    key: number
    status: { from: state, words: { b: booked, x: cancelled } }
    changes: [ { is: cancelled, becomes: cancelled } ]
    never_stored: ["**.card"]
    hint:
      - { on: "trip.*", deleted: trip.deleted, key: ref }
      - { on: boat.moved, key: boat, fetch: { method: GET, path: "/boats/{{ key }}/bookings", list: /bookings } }
    fetch:
      method: GET
      path: "/bookings/{{ key }}"
      at: /booking
      also:
        vessel: { needs: booking.boat, method: GET, path: "/boats/{{ answer.booking.boat }}", keep: [name] }
    view:
      person: { name: guest.name, email: guest.email }
      trip:
        code: number
        title: vessel.name
        party_size: seats
        status: { from: state, words: { b: booked, x: cancelled } }
        total: { from: price, currency: currency }
"#;

async fn world_with(auth: &str, lines: &str) -> (Vendor, Router) {
    let vendor = Vendor::start(BEARER).await;
    let base = format!("http://{}", vendor.address);
    let source = SOURCE.replace("BASE", &base).replace("AUTH", &auth.replace("BASE", &base));
    let rule = RULE.replace("SOURCE", "inn");
    let files = [("sources/inn.yaml", format!("{source}{lines}")), ("guests.yaml", rule)];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    vendor.put("/boats/7", json!({ "name": "Gannet", "captain": "nobody's business" }));
    (vendor, with(&files).await)
}

async fn world() -> (Vendor, Router) {
    world_with(AUTH, "").await
}

fn booking(number: &str, state: &str) -> Value {
    json!({
        "number": number, "state": state, "boat": 7, "seats": 2, "price": "49.50", "currency": "EUR",
        "guest": { "name": "Ada Lind", "email": format!("{number}@example.org"), "card": "4111111111111111" }
    })
}

fn put(vendor: &Vendor, number: &str, state: &str) {
    vendor.put(&format!("/bookings/{number}"), json!({ "booking": booking(number, state) }));
}

fn hint(id: u32, kind: &str, number: &str) -> Value {
    json!({ "id": id, "kind": kind, "ref": number })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_hints_of_a_source_of_its_own_make_one_fetch_and_a_whole_booking() {
    let (vendor, mut router) = world().await;
    put(&vendor, "Q1", "b");
    for body in [hint(1, "trip.booked", "Q1"), hint(2, "trip.changed", "Q1"), hint(2, "trip.changed", "Q1")] {
        assert_eq!(post(&router, &body).await, 200);
    }
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced, Coalesced, Unchanged], vec![Created]));
    assert_eq!((vendor.calls("/bookings/Q1"), vendor.calls("/boats/7")), (1, 1));
    assert_eq!(
        router.records("bookings"),
        json!({ "Q1": {
            "id": "Q1", "guest": "Q1@example.org", "name": "Ada Lind", "title": "Gannet", "status": "booked",
            "total": 4950, "guests": 2, "kind": "created"
        } })
    );
    put(&vendor, "Q1", "x");
    post(&router, &hint(3, "trip.changed", "Q1")).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await.1, [Created, Cancelled]);
    assert_eq!(router.records("bookings")["Q1"]["status"], "cancelled");
    // Why each field has its value is told as of any other booking.
    let run = router.runs().await.remove(0);
    let explained = router.served().app.explain_run(&run.id).await.expect("it is known");
    let fields = explained.steps[0].1.as_ref().expect("its fields").clone();
    let title = fields.iter().find(|one| one.field == "title").expect("a title");
    assert_eq!((&title.value, title.reads[0].path.as_str()), (&json!("Gannet"), "trip.title"));
    let data = router.data();
    router.stop().await;
    for entry in std::fs::read_dir(data).expect("the data folder").flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        for gone in ["411111", "nobody's business"] {
            let found = bytes.windows(gone.len()).any(|window| window == gone.as_bytes());
            assert!(!found, "{gone} is in {:?}", entry.path());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_api_does_not_know_is_refused_and_what_was_deleted_ends() {
    let (vendor, mut router) = world().await;
    put(&vendor, "Q1", "b");
    post(&router, &hint(1, "trip.booked", "Q1")).await;
    settled(&router).await;
    post(&router, &hint(2, "trip.booked", "FORGED")).await;
    post(&router, &hint(3, "trip.booked", "../me")).await;
    post(&router, &hint(4, "ping", "")).await;
    post(&router, &hint(5, "trip.deleted", "Q1")).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced, Refused, Refused, Ignored, Deleted], vec![Created]));
    let note = events(&router).await[2].changes[0].note.clone();
    assert_eq!(note.as_deref(), Some("Quay Boats's API knows no such booking: nothing was changed"));
    assert!(vendor.state().made.iter().all(|(path, _)| path != "/me"));
    assert_eq!(router.records("bookings").as_object().map(serde_json::Map::len), Some(1));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_at_several_fetches_all_of_them() {
    let (vendor, mut router) = world().await;
    vendor.put("/boats/7/bookings", json!({ "bookings": [booking("Q1", "b"), booking("Q2", "b")] }));
    post(&router, &json!({ "id": 1, "kind": "boat.moved", "boat": 7 })).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced], vec![Created, Created]));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_its_api_is_away_nothing_goes_out_and_the_page_says_why() {
    let (mut vendor, mut router) = world().await;
    put(&vendor, "Q1", "b");
    vendor.down();
    post(&router, &hint(1, "trip.booked", "Q1")).await;
    first_is(&router, Fetching).await;
    let app = router.served().app.clone();
    router
        .until("it has failed", async |_| {
            let rows = app.store.fetches().fetches_of_source("inn", 9).await.expect("the fetches");
            rows.first().is_some_and(|row| row.trouble.as_deref() == Some("down"))
        })
        .await;
    let session = session_of(&app, "ciara@example.org", Role::Editor).await;
    let page = client()
        .get(format!("http://{}/sources/inn", router.served().ui_listen))
        .header("cookie", format!("waypost={session}"));
    let page = page.send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("One booking waits to be fetched from Quay Boats"), "{page}");
    assert!(page.contains("API token"), "its key can be set here: {page}");
    assert_eq!(router.records("bookings"), json!({}));
    vendor.up().await;
    settled(&router).await;
    assert_eq!(router.records("bookings")["Q1"]["status"], "booked");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_a_booking_and_does_not_come_keeps_it_waiting() {
    let (vendor, mut router) = world().await;
    put(&vendor, "Q1", "b");
    vendor.script("/boats/7", 1, Reply::empty(404));
    post(&router, &hint(1, "trip.booked", "Q1")).await;
    settled(&router).await;
    // It was not taken for a booking that is not there, nor kept without its boat.
    assert_eq!(kinds(&router).await, (vec![Coalesced], vec![Created]));
    assert_eq!(router.records("bookings")["Q1"]["title"], "Gannet");
    assert_eq!((vendor.calls("/bookings/Q1"), vendor.calls("/boats/7")), (2, 2));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_key_waits_for_another_and_the_doctor_says_so() {
    let (vendor, mut router) = world().await;
    vendor.takes("Bearer quay-2");
    vendor.put("/me", json!({ "name": "Quay" }));
    put(&vendor, "Q1", "b");
    let app = router.served().app.clone();
    let rules = router.rules();
    let looked = async || {
        let findings = app.check_up(&HttpOutbound::new(), &rules, false).await.expect("it is looked over");
        let about =
            findings.into_iter().filter(|one| one.about == "source inn" && one.text.contains("Its API"));
        about.map(|one| (one.health, one.text)).collect::<Vec<_>>()
    };
    let told = looked().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == Health::Amiss && told[0].1.contains("does not take the keys"), "{told:?}");
    post(&router, &hint(1, "trip.booked", "Q1")).await;
    router
        .until("it is told", async |_| {
            let rows = app.store.fetches().fetches_of_source("inn", 9).await.expect("the fetches");
            rows.first().is_some_and(|row| row.trouble.as_deref() == Some("needs_auth"))
        })
        .await;
    app.set_secret("quay-token", "quay-2").await.expect("a secret is kept");
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced], vec![Created]));
    let well = (Health::Well, "Its API takes the keys. Reached: the account Quay.".to_owned());
    assert_eq!(looked().await, [well]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_that_its_file_says_is_kept_and_a_429_rests() {
    let (vendor, mut router) = world().await;
    vendor.limit(5);
    for number in 1..=8 {
        let key = format!("Q{number}");
        put(&vendor, &key, "b");
        post(&router, &hint(number, "trip.booked", &key)).await;
    }
    settled(&router).await;
    assert_eq!(router.records("bookings").as_object().map(serde_json::Map::len), Some(8));
    assert_eq!(vendor.state().over, 0);
    vendor.state().made.clear();
    vendor.script("/bookings/Q9", 1, Reply::empty(429).with("retry-after", "1"));
    put(&vendor, "Q9", "b");
    post(&router, &hint(9, "trip.booked", "Q9")).await;
    settled(&router).await;
    let made: Vec<u16> = vendor
        .state()
        .made
        .iter()
        .filter(|(path, _)| path == "/bookings/Q9")
        .map(|(_, status)| *status)
        .collect();
    assert_eq!(made, [429, 200]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_its_own_sign_in_is_asked_for_once() {
    let auth = "{ oauth2: { token_url: BASE/token, client_id: token, client_secret: token } }";
    let (vendor, mut router) = world_with(auth, "").await;
    vendor.takes("Bearer token-1");
    put(&vendor, "Q1", "b");
    put(&vendor, "Q2", "b");
    post(&router, &hint(1, "trip.booked", "Q1")).await;
    post(&router, &hint(2, "trip.booked", "Q2")).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await.1, [Created, Created]);
    assert_eq!(vendor.calls("/token"), 1);
    router.stop().await;
}

/// The same system where it tells the whole.
fn fat(source: &str) -> String {
    let (before, rest) = source.split_once("    hint:").expect("hints");
    let (_, after) = rest.split_once("    fetch:\n").expect("a fetch");
    format!("{before}    at: /told\n    fetch:\n{after}verify: always\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_source_of_its_own_tells_is_verified_where_its_file_says_so() {
    let vendor = Vendor::start(BEARER).await;
    vendor.put("/boats/7", json!({ "name": "Gannet" }));
    let source = SOURCE.replace("BASE", &format!("http://{}", vendor.address)).replace("AUTH", AUTH);
    let rule = RULE.replace("SOURCE", "inn");
    let mut router = with(&[("sources/inn.yaml", &fat(&source)), ("guests.yaml", &rule)]).await;
    put(&vendor, "Q1", "b");
    let told = |number: &str| {
        let mut told = booking(number, "b");
        told["guest"]["email"] = json!("forged@example.org");
        json!({ "id": number, "kind": "trip.booked", "told": told })
    };
    post(&router, &told("Q1")).await;
    post(&router, &told("Q2")).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced, Refused], vec![Created]));
    assert_eq!(router.records("bookings")["Q1"]["guest"], "Q1@example.org");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_is_found_where_the_file_says_how_all_are_listed() {
    let vendor = Vendor::start(BEARER).await;
    let source = SOURCE.replace("BASE", &format!("http://{}", vendor.address)).replace("AUTH", AUTH);
    let (before, after) = source.split_once("      also:\n").expect("further calls");
    let after = after.split_once("    view:\n").expect("a view").1;
    let walk = "walk:\n  by: { what: change, at: changed }\n  levels:\n    - as: booking\n      \
                call: { method: GET, path: /bookings, query: { from: \"{{ range.from }}\" } }\n      \
                each: /bookings\n      emit: document\n";
    let source = format!("{before}    view:\n{after}{walk}");
    let rule = RULE.replace("SOURCE", "inn");
    let mut router = with(&[("sources/inn.yaml", &source), ("guests.yaml", &rule)]).await;
    put(&vendor, "Q1", "b");
    post(&router, &hint(1, "trip.booked", "Q1")).await;
    settled(&router).await;
    vendor.put("/bookings", json!({ "bookings": [booking("Q1", "b"), booking("Q2", "b")] }));
    let app = router.served().app.clone();
    let new = NewWalk {
        source: "inn".into(),
        purpose: WalkPurpose::Backfill,
        from_day: "2026-11-19".into(),
        to_day: "2026-11-21".into(),
        report: None,
        end_gone: false,
        who: "a test".into(),
        at: app.clock.now(),
    };
    let (row, began) = app.begin_walk(&new).await.expect("it begins");
    assert!(began);
    let now = async || app.walk_row(row.seq).await.expect("it is there");
    router.until("the walk is through", async |_| now().await.state != WalkState::Open).await;
    settled(&router).await;
    let counts = now().await.counts;
    assert_eq!((counts.found, counts.new, counts.same), (2, 1, 1));
    assert_eq!(router.records("bookings").as_object().map(serde_json::Map::len), Some(2));
    router.stop().await;
}
