//! A rebooking through a whole router: what the CRM, the commands' shapes and the pages' words come to. Reschedules of other
//! systems, and items, too.

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
    assert_eq!(
        app.store.booking_hours(0).await.expect("hours"),
        [],
        "they are not counted among the bookings"
    );
    app.store.close().await;
    router.stop().await;
}

/// What a reschedule of another system comes to, told in the order of the old booking, its end, and the new one.
struct Reschedule {
    connector: &'static str,
    key: &'static str,
    old_key: &'static str,
    new_key: &'static str,
    old: Value,
    end: Option<Value>,
    new: Value,
}

fn calendly() -> Reschedule {
    const OLD: &str = "https://api.calendly.com/scheduled_events/E1/invitees/I1";
    const NEW: &str = "https://api.calendly.com/scheduled_events/E2/invitees/I2";
    let body = |event: &str, uri: &str, starts: &str, more: Value| {
        let mut payload = json!({
            "uri": uri, "name": "Ada Lind", "email": "guest1@example.org", "status": "active",
            "created_at": "2026-03-02T10:00:00.000000Z", "updated_at": "2026-03-02T10:00:00.000000Z",
            "rescheduled": false, "old_invitee": null, "new_invitee": null,
            "scheduled_event": { "name": "Harbour tour", "start_time": starts }
        });
        for (name, value) in more.as_object().expect("a map") {
            payload[name] = value.clone();
        }
        json!({ "event": event, "created_at": "2026-03-02T10:00:00.000000Z", "payload": payload })
    };
    Reschedule {
        connector: "calendly",
        key: "uri",
        old_key: OLD,
        new_key: NEW,
        old: body("invitee.created", OLD, "2026-05-02T08:00:00.000000Z", json!({})),
        end: Some(body(
            "invitee.canceled",
            OLD,
            "2026-05-02T08:00:00.000000Z",
            json!({
                "status": "canceled", "rescheduled": true, "new_invitee": NEW, "updated_at": "2026-03-03T10:00:00.000000Z"
            }),
        )),
        new: body("invitee.created", NEW, "2026-05-03T08:00:00.000000Z", json!({ "old_invitee": OLD })),
    }
}

fn cal_com() -> Reschedule {
    let body = |event: &str, at: &str, uid: &str, starts: &str, from: Value| {
        json!({ "triggerEvent": event, "createdAt": at, "payload": {
            "uid": uid, "bookingId": 91, "eventTitle": "Harbour tour", "status": "ACCEPTED", "startTime": starts,
            "seatsPerTimeSlot": null, "rescheduleUid": from,
            "attendees": [{ "name": "Ada Lind", "email": "guest1@example.org" }]
        } })
    };
    Reschedule {
        connector: "cal-com",
        key: "uid",
        old_key: "old",
        new_key: "new",
        old: body("BOOKING_CREATED", "2026-03-02T10:00:00.000Z", "old", "2026-05-02T08:00:00Z", json!(null)),
        end: None,
        new: body(
            "BOOKING_RESCHEDULED",
            "2026-03-03T10:00:00.000Z",
            "new",
            "2026-05-03T08:00:00Z",
            json!("old"),
        ),
    }
}

/// Whatever the order, and where the new booking's webhook comes alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reschedules_of_other_systems_end_the_old_booking_or_keep_its_record() {
    for story in [calendly(), cal_com()] {
        let Reschedule { connector, key, old_key, new_key, old, end, new } = story;
        let rule = |object: &str, more: &str| {
            format!(
                "title: Told\nfrom: door\n{more}steps:\n  - use: crm.{object}\n    with: {{ id: \"{{{{ booking.{key} }}}}\", \
                 status: \"{{{{ trip.status }}}}\", starts: \"{{{{ trip.starts_at }}}}\" }}\n"
            )
        };
        let (each, kept) = (rule("upsert_contact", ""), rule("upsert_booking", "rebooking: move\n"));
        let source = format!("connector: {connector}\ntoken: {{ secret: tours-token }}\n");
        let bodies: Vec<&Value> = [&old].into_iter().chain(end.as_ref()).chain([&new]).collect();
        let orders: Vec<Vec<&Value>> = match bodies.as_slice() {
            [old, new] => vec![vec![old, new], vec![new, old]],
            [old, end, new] => vec![
                vec![old, end, new],
                vec![old, new, end],
                vec![end, old, new],
                vec![new, old, end],
                vec![new, end, old],
                vec![end, new, old],
                vec![old, new],
            ],
            other => panic!("no story of {} webhooks", other.len()),
        };
        for order in orders {
            let files = [
                ("sources/door.yaml", source.as_str()),
                ("each.yaml", each.as_str()),
                ("kept.yaml", kept.as_str()),
            ];
            let mut router = Router::start(&files).await;
            let path = format!("/hooks/door/{}", crate::support::TOKEN);
            for body in &order {
                let sent =
                    router.request("POST", &path).body(body.to_string()).send().await.expect("an answer");
                assert_eq!(sent.status().as_u16(), 200);
                router.quiet().await;
            }
            let told = format!("{connector}: {order:#?}");
            let (each, kept) = (router.records("contacts"), router.records("bookings"));
            let word = |record: &Value| record["status"].as_str().unwrap_or_default().to_lowercase();
            assert!(word(&each[old_key]).starts_with("cancel"), "{each} {told}");
            assert!(["active", "accepted"].contains(&word(&each[new_key]).as_str()), "{each} {told}");
            assert_eq!(each[new_key]["starts"].as_str().map(|at| &at[..10]), Some("2026-05-03"), "{told}");
            let records = kept.as_object().expect("records");
            assert_eq!(records.len(), 1, "{kept} {told}");
            assert_eq!(records[new_key]["starts"].as_str().map(|at| &at[..10]), Some("2026-05-03"), "{told}");
            router.stop().await;
        }
    }
}
