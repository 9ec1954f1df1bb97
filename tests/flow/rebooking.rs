//! A rebooking through a whole router: what the CRM, the commands' shapes and the pages' words come to. Items too.

use crate::postgres::TestDatabase;
use crate::support::{Booking, Router};
use serde_json::{Value, json};
use waypost::told;

const KEPT: &str = r#"
title: Kept
from: tours
rebooking: move
steps:
  - id: booking
    use: crm.upsert_booking
    with:
      id: "{{ booking.uuid }}"
      status: "{{ trip.status }}"
      starts: "{{ trip.starts_at }}"
"#;

const ITEMS: &str = r#"
title: Items
from: tours
about: item
on: [created, updated]
steps:
  - id: item
    use: crm.upsert_contact
    with: { id: "item-{{ item.pk }}", name: "{{ item.name }}", before: "{{ previous.name }}" }
"#;

fn old() -> Booking {
    Booking::new(1)
}

fn new() -> Booking {
    let old = old().uuid().to_owned();
    Booking::new(2)
        .with("/contact/email", "guest1@example.org")
        .with("/rebooked_from", old)
        .with("/availability/start_at", "2027-03-20T09:30:00-1000")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebooked_bookings_record_is_kept_and_both_know_of_each_other() {
    goes_on(Router::start(&[("kept.yaml", KEPT)]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebooked_bookings_record_is_kept_on_postgres_too() {
    let database = TestDatabase::create().await;
    goes_on(Router::start_with(&[("kept.yaml", KEPT)], "", Some(database.url.clone())).await).await;
    database.remove().await;
}

async fn goes_on(mut router: Router) {
    router.post(&old()).await;
    router.quiet().await;
    router.post(&new()).await;
    router.quiet().await;
    let (old_key, new_key) = (old().uuid().to_owned(), new().uuid().to_owned());
    let records = router.records("bookings");
    assert_eq!(records.as_object().map(serde_json::Map::len), Some(1), "{records}");
    assert_eq!(records[&new_key]["starts"], "2027-03-20T09:30:00-1000");
    assert_eq!(records[&new_key]["status"], "booked");

    let app = router.beside().await;
    let filter = waypost::ports::ListFilter { limit: 10, ..waypost::ports::ListFilter::default() };
    let bookings = app.store.list_bookings(&filter).await.expect("bookings");
    let neighbours = app.neighbour_keys(&bookings).await.expect("neighbours");
    let mut told: Vec<Value> = bookings
        .iter()
        .map(|booking| json!(told::Booking::of(booking, neighbours.get(&booking.key))))
        .map(|booking| {
            json!([booking["key"], booking["status"], booking["rebooked_from"], booking["rebooked_to"]])
        })
        .collect();
    told.sort_by_key(|booking| booking[0].to_string());
    assert_eq!(
        told,
        [json!([old_key, "rebooked", null, new_key]), json!([new_key, "booked", old_key, null])]
    );
    let around = app.chain_around(&bookings[0].key).await.expect("a chain");
    assert_eq!((around.before.len() + around.after.len(), around.is_empty()), (1, false));
    app.store.close().await;
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_are_records_of_their_own_that_rules_can_use_and_no_list_of_bookings_has() {
    let mut router = Router::start(&[("items.yaml", ITEMS), ("kept.yaml", KEPT)]).await;
    let item = |name: &str| Booking {
        body: json!({ "item": {
            "pk": 1867, "name": name, "company": { "shortname": "reeftours", "name": "Reef Tours", "currency": "eur" }
        } }),
    };
    router.post(&item("Reef dive")).await;
    router.post(&item("Reef dive by night")).await;
    let runs = router.quiet().await;
    assert!(runs.iter().all(|run| run.rule == "items"), "{runs:?}");
    let contact = &router.records("contacts")["item-1867"];
    assert_eq!((&contact["name"], &contact["before"]), (&json!("Reef dive by night"), &json!("Reef dive")));
    let app = router.beside().await;
    let query = waypost::ports::BookingQuery { limit: 10, ..waypost::ports::BookingQuery::default() };
    assert_eq!(app.store.find_bookings(&query).await.expect("a page").bookings, []);
    app.store.close().await;
    router.stop().await;
}
