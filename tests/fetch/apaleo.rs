//! apaleo: events that only say that something changed.

use crate::fake_apaleo::{Apaleo, event, reservation};
use crate::fake_http::Reply;
use crate::support::Router;
use crate::world::{events, first_is, inn, kinds, post, settled};
use serde_json::{Value, json};
use std::time::Duration;
use waypost::domain::ChangeKind::{
    self, Cancelled, Coalesced, Created, Deleted, Fetching, Ignored, Refused, Unchanged, Updated,
};

const FIRST: &str = "2026-11-20T08:00:00Z";
const LATER: &str = "2026-11-20T09:00:00Z";

async fn world() -> (Apaleo, Router) {
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    let router = inn(&apaleo.api()).await;
    (apaleo, router)
}

fn crm(router: &Router) -> Value {
    router.records("bookings")
}

/// Whose records the CRM has. In order of their names: bookings of their own lanes arrive in any order.
fn ids_in_crm(router: &Router) -> Vec<String> {
    let mut ids: Vec<String> = crm(router).as_object().expect("a map").keys().cloned().collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thin_event_reaches_the_crm_and_no_card_reaches_the_disk() {
    let (apaleo, mut router) = world().await;
    apaleo.put(reservation("XPGM-1", "Confirmed", FIRST));
    assert_eq!(post(&router, &event(1, "Reservation/created", "XPGM-1")).await, 200);
    settled(&router).await;
    assert_eq!(
        crm(&router),
        json!({ "XPGM-1": {
            "id": "XPGM-1", "guest": "xpgm-1@example.org", "name": "Siobhán Mary Ní Bhriain",
            "title": "Inn by the Sea, Double", "status": "Confirmed", "total": 31250, "guests": 3, "kind": "created"
        } })
    );
    assert_eq!(kinds(&router).await, (vec![Coalesced], vec![Created]));
    let of_hint = events(&router).await[0].changes[0].clone();
    assert!(of_hint.booking.is_some(), "the hint stands on the booking's page too: {of_hint:?}");
    // Its webhooks are thin so far; `data` may hold more one day, by its documents.
    let mut fat = event(2, "Reservation/payment-account-set", "XPGM-1");
    fat["Data"] = json!({ "PaymentAccount": { "accountNumber": "411111******1111" }, "kept": [1.10] });
    fat["data"]["registeredCard"] = json!({ "cardNumber": "511111******1118" });
    assert_eq!(post(&router, &fat).await, 200);
    settled(&router).await;
    let came = events(&router).await.into_iter().filter(|event| event.origin != "fetch").next_back();
    let (_, stored) =
        router.served().app.store.event(&came.expect("it came").id).await.expect("it").expect("it");
    let stored: Value = serde_json::from_slice(&stored.body).expect("JSON");
    assert_eq!(
        (&stored["Data"], &stored["data"]),
        (&json!({ "kept": [1.10] }), &json!({ "entityId": "XPGM-1" }))
    );
    let data = router.data();
    router.stop().await;
    for entry in std::fs::read_dir(data).expect("the data folder").flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        for card in ["411111", "511111", "CARD HOLDER", "payer@example.org"] {
            let found = bytes.windows(card.len()).any(|window| window == card.as_bytes());
            assert!(!found, "{card} is in {:?}", entry.path());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_events_of_one_reservation_make_one_fetch_and_a_copy_none() {
    let (apaleo, mut router) = world().await;
    apaleo.put(reservation("XPGM-1", "Confirmed", FIRST));
    for (number, kind) in [(1, "created"), (2, "changed"), (3, "amended"), (3, "amended")] {
        post(&router, &event(number, &format!("Reservation/{kind}"), "XPGM-1")).await;
    }
    settled(&router).await;
    let (hints, fetched) = kinds(&router).await;
    assert_eq!((hints, fetched), (vec![Coalesced, Coalesced, Coalesced, Unchanged], vec![Created]));
    assert_eq!(apaleo.calls("GET /booking/v1/reservations/XPGM-1"), 1);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_one_event_for_ever_and_an_older_document_changes_nothing() {
    let (apaleo, mut router) = world().await;
    apaleo.put(reservation("XPGM-1", "InHouse", LATER));
    post(&router, &event(1, "Reservation/created", "XPGM-1")).await;
    settled(&router).await;
    router.restart().await;
    // apaleo sends it again a day later, written in another way, and it is no news.
    let mut again = event(1, "reservation/CREATED", "XPGM-1");
    again["timestamp"] = json!(1_789_100_000);
    assert_eq!(post(&router, &again).await, 200);
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced, Unchanged], vec![Created]));
    assert_eq!(apaleo.calls("GET /booking"), 1);
    // Of two documents the one that was modified later holds, whatever came when.
    apaleo.put(reservation("XPGM-1", "Confirmed", FIRST));
    post(&router, &event(2, "Reservation/changed", "XPGM-1")).await;
    router.until("it was fetched", async |_| apaleo.calls("GET /booking") > 1).await;
    apaleo.put(reservation("XPGM-1", "InHouse", LATER));
    settled(&router).await;
    let (_, fetched) = kinds(&router).await;
    assert!(fetched[1..].iter().all(|kind| matches!(kind, ChangeKind::Stale | Unchanged)), "{fetched:?}");
    assert_eq!(crm(&router)["XPGM-1"]["status"], "InHouse");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canceled_before_created_ends_canceled() {
    let (apaleo, mut router) = world().await;
    apaleo.put(reservation("XPGM-1", "Canceled", LATER));
    post(&router, &event(2, "Reservation/canceled", "XPGM-1")).await;
    settled(&router).await;
    post(&router, &event(1, "Reservation/created", "XPGM-1")).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced, Coalesced], vec![Cancelled, Unchanged]));
    assert_eq!(crm(&router)["XPGM-1"]["status"], "Canceled");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_read_however_they_are_spelt() {
    let (apaleo, mut router) = world().await;
    for id in ["A-1", "B-1", "C-1"] {
        apaleo.put(reservation(id, "Confirmed", FIRST));
    }
    let pascal = json!({ "Topic": "Reservation", "Type": "Created", "Id": "e1", "AccountId": "ACME",
        "Timestamp": 1_789_100_000, "Data": { "EntityId": "A-1" } });
    let iso = json!({ "topic": "RESERVATIONS", "type": "changed", "id": "e2", "accountId": "ACME",
        "timestamp": "2026-11-20T08:00:00Z", "data": { "entityId": "B-1", "unknown": [1] }, "more": {} });
    let bare = json!({ "topic": "reservation", "type": "from-another-year", "data": { "entityId": "C-1" } });
    for body in [&pascal, &iso, &bare] {
        assert_eq!(post(&router, body).await, 200);
    }
    settled(&router).await;
    // The last one says no account: it is one of the source's own.
    assert_eq!(ids_in_crm(&router), ["A-1", "B-1", "C-1"]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_ends_a_booking_by_the_event_alone() {
    let (apaleo, mut router) = world().await;
    apaleo.put(reservation("XPGM-1", "Confirmed", FIRST));
    post(&router, &event(1, "Reservation/created", "XPGM-1")).await;
    settled(&router).await;
    apaleo.remove("XPGM-1");
    post(&router, &event(2, "Reservation/deleted", "XPGM-1")).await;
    post(&router, &event(3, "Reservation/deleted", "GONE-1")).await;
    // A hint that comes late finds nothing, and changes nothing.
    post(&router, &event(4, "Reservation/changed", "XPGM-1")).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced, Deleted, Ignored, Refused], vec![Created]));
    assert_eq!(crm(&router)["XPGM-1"]["kind"], "cancelled");
    assert_eq!(apaleo.calls("GONE-1"), 0);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_booker_fetches_all_reservations_of_the_booking() {
    let (apaleo, mut router) = world().await;
    for id in ["XPGM-1", "XPGM-2", "OTHER-1"] {
        apaleo.put(reservation(id, "Confirmed", FIRST));
    }
    let changed = json!({ "topic": "Booking", "type": "changed", "id": "e1", "accountId": "ACME",
        "timestamp": 1_789_100_000_000_i64, "data": { "entityId": "XPGM" } });
    post(&router, &changed).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced], vec![Created, Created]));
    assert_eq!(ids_in_crm(&router), ["XPGM-1", "XPGM-2"]);
    let none = json!({ "topic": "Booking", "type": "changed", "id": "e2", "accountId": "ACME", "data": { "entityId": "NONE" } });
    post(&router, &none).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await.0, [Coalesced, Refused]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_and_events_of_other_topics_are_acked_and_kept_nothing_of() {
    let (apaleo, mut router) = world().await;
    let check = json!({ "id": "e1", "topic": "system", "type": "healthcheck", "accountId": "ACME", "propertyIds": [],
        "timestamp": 1_789_100_104_911_i64 });
    assert_eq!(post(&router, &check).await, 200);
    assert_eq!(post(&router, &event(2, "Folio/balance-changed", "F-1")).await, 200);
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Ignored, Ignored], vec![]));
    let notes: Vec<_> = events(&router).await.iter().map(|event| event.changes[0].note.clone()).collect();
    assert_eq!(notes[0].as_deref(), Some("system/healthcheck: apaleo checked this address"));
    assert_eq!(apaleo.state().made, []);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ends_in_the_middle_is_renewed_once() {
    let (apaleo, mut router) = world().await;
    apaleo.put(reservation("XPGM-1", "Confirmed", FIRST));
    post(&router, &event(1, "Reservation/created", "XPGM-1")).await;
    settled(&router).await;
    apaleo.end_tokens();
    apaleo.put(reservation("XPGM-1", "InHouse", LATER));
    post(&router, &event(2, "Reservation/checked-in", "XPGM-1")).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced, Coalesced], vec![Created, Updated]));
    assert_eq!(apaleo.calls("POST /connect/token"), 2);
    assert_eq!(crm(&router)["XPGM-1"]["status"], "InHouse");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_rests_as_long_as_it_says_and_nothing_is_lost() {
    let (apaleo, mut router) = world().await;
    apaleo.put(reservation("XPGM-1", "Confirmed", FIRST));
    apaleo.script("GET /booking", 1, Some(Reply::empty(429).with("retry-after", "1")));
    post(&router, &event(1, "Reservation/created", "XPGM-1")).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced], vec![Created]));
    assert_eq!(apaleo.calls("GET /booking/v1/reservations/XPGM-1"), 2);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_is_kept_by_many_fetches() {
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    apaleo.limit(5, Duration::from_secs(1));
    let api = apaleo.api().replace("allow_private: true", "allow_private: true, limits: development");
    let mut router = inn(&api).await;
    for number in 1..=15 {
        let id = format!("R{number}-1");
        apaleo.put(reservation(&id, "Confirmed", FIRST));
        post(&router, &event(number, "Reservation/created", &id)).await;
    }
    settled(&router).await;
    assert_eq!(crm(&router).as_object().map(serde_json::Map::len), Some(15));
    assert_eq!(apaleo.state().over, 0);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_away_is_waited_for_in_sight() {
    let (mut apaleo, mut router) = world().await;
    apaleo.put(reservation("XPGM-1", "Confirmed", FIRST));
    apaleo.down();
    assert_eq!(post(&router, &event(1, "Reservation/created", "XPGM-1")).await, 200);
    first_is(&router, Fetching).await;
    let store = router.served().app.store.clone();
    router
        .until("it has failed", async |_| {
            let counts = store.fetches().count_fetches().await.expect("the fetches");
            counts
                .first()
                .is_some_and(|count| count.source == "inn" && count.waiting == 1 && count.failing == 1)
        })
        .await;
    let row = store.fetches().fetches_of_source("inn", 9).await.expect("the fetches").remove(0);
    assert_eq!((row.trouble.as_deref(), row.tries), (Some("down"), 1));
    assert_eq!(crm(&router), json!({}));
    apaleo.up().await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced], vec![Created]));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_sign_in_waits_for_another_secret_and_goes_on_at_once() {
    let (apaleo, mut router) = world().await;
    apaleo.takes_secret("secret-2");
    apaleo.put(reservation("XPGM-1", "Confirmed", FIRST));
    post(&router, &event(1, "Reservation/created", "XPGM-1")).await;
    let store = router.served().app.store.clone();
    router
        .until("it is told", async |_| {
            let rows = store.fetches().fetches_of_source("inn", 9).await.expect("the fetches");
            rows.first().is_some_and(|row| row.trouble.as_deref() == Some("needs_auth"))
        })
        .await;
    router.served().app.set_secret("apaleo-secret", "secret-2").await.expect("a secret is kept");
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced], vec![Created]));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_while_it_is_fetched_is_fetched_again() {
    let (apaleo, mut router) = world().await;
    apaleo.put(reservation("XPGM-1", "Confirmed", FIRST));
    // The answer is on its way for long, with what held when it began.
    let mut slow = Reply::json(200, &reservation("XPGM-1", "Confirmed", FIRST));
    slow.after = Duration::from_millis(1_500);
    apaleo.script("GET /booking", 1, Some(slow));
    post(&router, &event(1, "Reservation/created", "XPGM-1")).await;
    router.until("it is under way", async |_| apaleo.calls("GET /booking") == 1).await;
    apaleo.put(reservation("XPGM-1", "Canceled", LATER));
    post(&router, &event(2, "Reservation/canceled", "XPGM-1")).await;
    settled(&router).await;
    let (hints, fetched): (Vec<ChangeKind>, Vec<ChangeKind>) = kinds(&router).await;
    assert_eq!((hints, fetched), (vec![Coalesced, Coalesced], vec![Created, Cancelled]));
    assert_eq!(crm(&router)["XPGM-1"]["status"], "Canceled");
    router.stop().await;
}
