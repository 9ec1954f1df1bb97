//! Backfill and reconcile over apaleo: pages of whole reservations by the time of their change, through sign-in and limits.

use crate::fake_apaleo::{Apaleo, event, reservation};
use crate::fake_http::Reply;
use crate::support::Router;
use crate::world::{events, inn, post, settled};
use serde_json::json;
use waypost::app::AskError;
use waypost::domain::{BookingKey, ChangeKind, DocumentHead, EventId, ORIGIN_RECONCILE};
use waypost::ports::{FindingQuery, NewEvent, NewWalk, WalkOutcome, WalkPurpose, WalkRow, WalkState};

/// So many, a few of each second.
const MANY: u32 = 450;

fn id(number: u32) -> String {
    format!("R{number:04}-1")
}

fn modified(number: u32) -> String {
    let second = number / 3;
    format!("2026-11-20T08:{:02}:{:02}Z", second / 60, second % 60)
}

async fn world(lines: &str) -> (Apaleo, Router) {
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    for number in 0..MANY {
        apaleo.put(reservation(&id(number), "Confirmed", &modified(number)));
    }
    apaleo.put(reservation("EARLY-1", "Confirmed", "2026-11-18T23:59:59Z"));
    apaleo.put(reservation("LATE-1", "Confirmed", "2026-11-22T00:00:00Z"));
    let router = inn(&format!("{}{lines}", apaleo.api())).await;
    (apaleo, router)
}

async fn walk(router: &Router, purpose: WalkPurpose) -> WalkRow {
    let app = &router.served().app;
    let new = NewWalk {
        source: "inn".into(),
        purpose,
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
    settled(router).await;
    now().await
}

async fn found(router: &Router, row: &WalkRow) -> Vec<(String, WalkOutcome, Vec<String>)> {
    let query = FindingQuery { walk: row.seq, outcomes: WalkOutcome::TOLD.to_vec(), after: None, limit: 100 };
    let found = router.served().app.store.walks().findings(&query).await.expect("the findings");
    found.into_iter().map(|one| (one.key, one.outcome, one.paths)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_reservations_of_a_time_come_in_by_pages_and_the_others_do_not() {
    let (apaleo, mut router) = world("account: ACME\n").await;
    apaleo.script("GET /booking/v1/reservations", 1, Some(Reply::json(503, &json!({}))));
    let row = walk(&router, WalkPurpose::Backfill).await;
    assert_eq!((row.state, row.note.as_deref()), (WalkState::Done, None));
    let counts = &row.counts;
    assert_eq!((counts.found, counts.new, counts.brought_in, counts.told), (450, 450, 450, 450));
    // One that failed, and three pages; none of the reservations is fetched by itself.
    assert_eq!(apaleo.calls("GET /booking/v1/reservations"), 4);
    let crm = router.records("bookings");
    assert_eq!(crm.as_object().map(serde_json::Map::len), Some(450));
    // A webhook of the same reservation is about the same booking.
    apaleo.put(reservation(&id(7), "Canceled", "2026-11-21T08:00:00Z"));
    assert_eq!(post(&router, &event(1, "Reservation/canceled", &id(7))).await, 200);
    settled(&router).await;
    let again = walk(&router, WalkPurpose::Backfill).await;
    assert_eq!((again.counts.same, again.counts.brought_in), (450, 0));
    assert_eq!(router.records("bookings").as_object().map(serde_json::Map::len), Some(450));
    let data = router.data();
    router.stop().await;
    for entry in std::fs::read_dir(data).expect("the data folder").flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        assert!(!bytes.windows(6).any(|window| window == b"411111"), "a card is in {:?}", entry.path());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_names_what_differs_and_a_repair_brings_it_in() {
    let (apaleo, router) = world("account: ACME\n").await;
    walk(&router, WalkPurpose::Backfill).await;
    let mut changed = reservation(&id(3), "Confirmed", "2026-11-20T12:00:00Z");
    changed["comment"] = json!("late arrival");
    apaleo.put(changed);
    apaleo.put(reservation("NEW-1", "Confirmed", "2026-11-20T12:00:01Z"));
    apaleo.remove(&id(5));
    // Changed after the range: the walk does not come upon it, and looking it up says that it is there.
    apaleo.put(reservation(&id(9), "Confirmed", "2026-11-25T12:00:00Z"));
    let report = walk(&router, WalkPurpose::Reconcile).await;
    assert_eq!(
        found(&router, &report).await,
        [
            ("NEW-1".to_owned(), WalkOutcome::New, vec![]),
            (id(3), WalkOutcome::Differs, vec!["comment".to_owned()]),
            (id(5), WalkOutcome::Gone, vec![]),
        ]
    );
    assert_eq!((report.counts.elsewhere, report.counts.brought_in), (1, 0));
    let repaired = walk(&router, WalkPurpose::Repair).await;
    assert_eq!((repaired.counts.brought_in, repaired.counts.gone, repaired.counts.ended), (2, 0, 1));
    let all = router.records("bookings");
    assert!(all.get("NEW-1").is_some(), "{all}");
    // What apaleo does not know any more has ended, and the rule, which does not ask for more, says so as of one cancelled.
    assert_eq!(all[id(5)]["kind"], "cancelled", "{}", all[id(5)]);
    let again = walk(&router, WalkPurpose::Reconcile).await;
    assert_eq!((found(&router, &again).await, again.counts.unread()), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_reservations_they_are_is_asked_where_nobody_said_so() {
    let (apaleo, router) = world("").await;
    let app = &router.served().app;
    let new = NewWalk {
        source: "inn".into(),
        from_day: "2026-11-19".into(),
        to_day: "2026-11-21".into(),
        ..NewWalk::default()
    };
    let call = "GET /account/v1/accounts/current";
    for (reply, why) in [
        (Reply::json(500, &json!({})), "could not be asked of which account its keys are"),
        (Reply::json(200, &json!({ "name": "Inn" })), "did not say of which account its keys are"),
    ] {
        apaleo.script(call, 1, Some(reply));
        let refused = app.begin_walk(&new).await.expect_err("it can't be begun");
        assert!(matches!(&refused, AskError::NotNow(told) if told.contains(why)), "{refused}");
    }
    // The first backfill needs neither a webhook nor the account in the file, and it is asked for once.
    let row = walk(&router, WalkPurpose::Backfill).await;
    assert_eq!((row.counts.new, row.counts.brought_in), (450, 450));
    let row = walk(&router, WalkPurpose::Backfill).await;
    assert_eq!((row.counts.same, apaleo.calls(call)), (450, 3));
    // A webhook of a reservation is about the same booking.
    apaleo.put(reservation(&id(7), "Canceled", "2026-11-21T08:00:00Z"));
    assert_eq!(post(&router, &event(1, "Reservation/canceled", &id(7))).await, 200);
    settled(&router).await;
    assert_eq!(router.records("bookings").as_object().map(serde_json::Map::len), Some(450));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_webhooks_told_is_not_asked_for() {
    let (apaleo, router) = world("").await;
    assert_eq!(post(&router, &event(1, "Reservation/created", &id(1))).await, 200);
    settled(&router).await;
    let row = walk(&router, WalkPurpose::Backfill).await;
    assert_eq!((row.counts.same, row.counts.new), (1, 449));
    assert_eq!(apaleo.calls("GET /account/v1/accounts/current"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_of_the_time_before_what_came_in_ends_nothing() {
    let (_apaleo, router) = world("account: ACME\n").await;
    assert_eq!(post(&router, &event(1, "Reservation/created", &id(1))).await, 200);
    settled(&router).await;
    let store = &router.served().app.store;
    let [connector, account, kind] = ["apaleo", "ACME", "booking"].map(str::to_owned);
    let end = async |name: &str, begun| {
        let key = BookingKey {
            connector: connector.clone(),
            account: account.clone(),
            kind: kind.clone(),
            key: id(1),
        };
        let head = DocumentHead { gone: true, ..DocumentHead::of(key, begun) };
        let event = NewEvent {
            id: EventId::new(name),
            source: "inn".into(),
            received_at: 1,
            origin: ORIGIN_RECONCILE,
            headers: head.to_headers(),
            body: bytes::Bytes::from_static(b"{}"),
        };
        store.append_events(&[event]).await.expect("it is stored");
        settled(&router).await;
        let last = events(&router).await.pop().expect("an event");
        (last.changes[0].kind, last.changes[0].note.clone().unwrap_or_default())
    };
    let late = "something newer came in while it was asked for, so it does not end".to_owned();
    assert_eq!(end("evt_end1", 0).await, (ChangeKind::Stale, late));
    assert_eq!(router.records("bookings")[id(1)]["status"], "Confirmed");
    let now = store.fetches().last_position().await.expect("the journal");
    let twice = "apaleo does not know it any more: it was asked twice".to_owned();
    assert_eq!(end("evt_end2", now).await, (ChangeKind::Deleted, twice));
    assert_eq!(router.records("bookings")[id(1)]["kind"], "cancelled");
    assert_eq!(end("evt_end3", now + 1).await.0, ChangeKind::Unchanged, "it ends once");
}
