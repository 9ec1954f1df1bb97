//! pretix: a webhook says which order something happened to, and the order is fetched, with the event that it is of.

use crate::fake_http::Reply;
use crate::support::Router;
use crate::vendor::Vendor;
use crate::world::{RULE, kinds, post, settled, with};
use serde_json::{Value, json};
use waypost::domain::ChangeKind::{
    Cancelled, Coalesced, Created, Deleted, Fetching, Ignored, Refused, Updated,
};

const EVENT: &str = "/api/v1/organizers/acme/events/democon/";
const ORDER: &str = "/api/v1/organizers/acme/events/democon/orders/ABC23/";

/// Tells of each ticket that is bought.
const TICKETS: &str = r#"
title: Tickets
from: inn
on: [created, updated]
each: booking.positions
steps:
  - id: ticket
    use: crm.upsert_contact
    with:
      id: "{{ position.attendee_email }}"
      name: "{{ position.attendee_name }}"
"#;

async fn world() -> (Vendor, Router) {
    let vendor = Vendor::start("Token pretix-1").await;
    let source = format!(
        "connector: pretix\ntitle: Demo Con\ntoken: {{ secret: inn-token }}\napi: {{ token: {{ secret: pretix-token }}, \
         base_url: \"http://{}/api/v1\", allow_private: true }}\n",
        vendor.address
    );
    let rule = RULE.replace("SOURCE", "inn");
    let files = [("sources/inn.yaml", source.as_str()), ("guests.yaml", &rule), ("tickets.yaml", TICKETS)];
    let router = with(&files).await;
    let event = json!({ "name": { "en": "Demo Con" }, "slug": "democon", "currency": "EUR", "live": true,
        "date_from": "2026-05-02T10:00:00Z", "date_to": null, "has_subevents": false });
    vendor.put(EVENT, event);
    (vendor, router)
}

fn order(status: &str) -> Value {
    let position = |id: u32, name: &str, email: &str| {
        json!({ "id": id, "order": "ABC23", "positionid": id, "item": 5, "price": "23.25", "attendee_name": name,
            "attendee_email": email, "secret": "z3fsn8jyufm5kpk7", "subevent": null, "checkins": [] })
    };
    json!({
        "code": "ABC23", "event": "democon", "status": status, "secret": "k24fiuwvu8kxz3y1",
        "url": "https://tickets.example.com/acme/democon/order/ABC23/k24fiuwvu8kxz3y1/",
        "email": "guest1@example.org", "phone": null, "locale": "en", "total": "46.50",
        "invoice_address": { "name": "Ada Lind", "name_parts": {}, "country": "IE" },
        "positions": [position(1, "Ada Lind", "ada@example.org"), position(2, "Bo Lind", "bo@example.org")],
        "payments": [], "refunds": [], "fees": [], "downloads": [], "last_modified": "2026-03-01T10:00:00Z"
    })
}

fn notified(id: u32, action: &str, event: &str, code: &str) -> Value {
    json!({ "notification_id": id, "organizer": "acme", "event": event, "code": code, "action": format!("pretix.{action}") })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_fetched_with_its_guest_its_tickets_its_money_and_its_state() {
    let (vendor, mut router) = world().await;
    vendor.put(ORDER, order("n"));
    assert_eq!(post(&router, &notified(1, "event.order.placed", "democon", "ABC23")).await, 200);
    settled(&router).await;
    assert_eq!(
        router.records("bookings"),
        json!({ "ABC23": {
            "id": "ABC23", "guest": "guest1@example.org", "name": "Ada Lind", "title": "Demo Con", "status": "pending",
            "total": 4650, "guests": 2, "kind": "created"
        } })
    );
    let mut contacts: Vec<String> =
        router.records("contacts").as_object().expect("a map").keys().cloned().collect();
    contacts.sort();
    assert_eq!(contacts, ["ada@example.org", "bo@example.org"]);
    vendor.put(ORDER, order("p"));
    post(&router, &notified(2, "event.order.paid", "democon", "ABC23")).await;
    settled(&router).await;
    assert_eq!(router.records("bookings")["ABC23"]["status"], "paid");
    vendor.put(ORDER, order("c"));
    post(&router, &notified(3, "event.order.canceled", "democon", "ABC23")).await;
    settled(&router).await;
    post(&router, &notified(4, "event.live.activated", "democon", "")).await;
    settled(&router).await;
    assert_eq!(
        kinds(&router).await,
        (vec![Coalesced, Coalesced, Coalesced, Ignored], vec![Created, Updated, Cancelled])
    );
    let data = router.data();
    router.stop().await;
    for entry in std::fs::read_dir(data).expect("the data folder").flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        for secret in ["k24fiuwvu8kxz3y1", "z3fsn8jyufm5kpk7"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {:?}", entry.path());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_a_series_has_the_date_that_it_is_for() {
    let (vendor, mut router) = world().await;
    let mut of_a_date = order("p");
    of_a_date["positions"][0]["subevent"] = json!(7);
    vendor.put(ORDER, of_a_date);
    let date = json!({ "id": 7, "name": { "en": "Second day" }, "date_from": "2026-05-03T10:00:00Z" });
    vendor.put(&format!("{EVENT}subevents/7/"), date);
    post(&router, &notified(1, "event.order.placed", "democon", "ABC23")).await;
    settled(&router).await;
    assert_eq!(router.records("bookings")["ABC23"]["title"], "Second day");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_the_token_may_not_see_keeps_no_other_from_being_fetched() {
    let (vendor, mut router) = world().await;
    vendor.put(ORDER, order("p"));
    vendor.script(
        "/events/hidden/",
        99,
        Reply::json(403, &json!({ "detail": "You do not have permission." })),
    );
    post(&router, &notified(1, "event.order.placed", "hidden", "XYZ99")).await;
    let store = router.served().app.store.clone();
    router
        .until("it is told", async |_| {
            let rows = store.fetches().fetches_of_source("inn", 9).await.expect("the fetches");
            rows.first().is_some_and(|row| row.trouble.as_deref() == Some("refused"))
        })
        .await;
    post(&router, &notified(2, "event.order.placed", "democon", "ABC23")).await;
    // An order that nobody placed, and one of test mode that was deleted before it could be read.
    post(&router, &notified(3, "event.order.placed", "democon", "NONE1")).await;
    post(&router, &notified(4, "event.order.deleted", "democon", "TEST1")).await;
    router
        .until("all others are told of", async |router| {
            let hints = kinds(router).await.0;
            hints.len() == 4 && hints.iter().filter(|kind| **kind == Fetching).count() == 1
        })
        .await;
    assert_eq!(kinds(&router).await, (vec![Fetching, Coalesced, Refused, Ignored], vec![Created]));
    post(&router, &notified(5, "event.order.deleted", "democon", "ABC23")).await;
    router.until("the order has ended", async |router| kinds(router).await.0.last() == Some(&Deleted)).await;
    router.stop().await;
}
