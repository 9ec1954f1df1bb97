//! Bodies as the vendors' own documents show them, shortened, through the manifests that come with Waypost.

use super::tests::{catalogue, engine, try_source};
use super::{Connector, KeptHeaders, Present};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// What became of a booking, and the common view of it: one line for each body.
fn story(name: &str, bodies: &[(Value, Value)]) -> String {
    let connector: Arc<Connector> = catalogue(&engine()).connectors[name].clone();
    let spec = connector.source.as_ref().expect("a source side");
    let mut present: Option<(String, Present)> = None;
    let mut lines = String::new();
    for (body, headers) in bodies {
        let headers = KeptHeaders::read(&headers.to_string());
        let mut messages = spec.read(body.clone(), &headers).expect("it is a body of theirs");
        let message = messages.remove(0);
        let facts = format!("{:?} {:?} {:?}", message.id, message.event_type, message.time);
        let told = match message.told {
            Ok(told) => told,
            Err(why) => {
                let _ = writeln!(lines, "{facts}\n  {why}");
                continue;
            }
        };
        let mut told = told.into_iter().next().expect("it tells of something");
        let record = spec.record(&told.kind).expect("it is known");
        let (key, account) = (told.key.clone(), told.account.clone());
        let before = present.as_ref().filter(|(known, _)| *known == key).map(|(_, present)| present);
        record.keep_status(before, &mut told);
        let (status, happened_at) = (told.status.clone(), told.happened_at);
        let compared = record.compare(before, told);
        let view = record.view(&compared.entity);
        let note = compared.note.as_deref().unwrap_or_default();
        let step = |key: Option<String>, word| key.map(|key| format!("\n  {word} {key}")).unwrap_or_default();
        let chain = record.chain.as_ref().map_or_else(String::new, |chain| {
            let (from, to) = (chain.from(&compared.entity), chain.to(&compared.entity));
            format!("{}{}", step(from, "took the place of"), step(to, "its place was taken by"))
        });
        let _ = writeln!(
            lines,
            "{facts}\n  {} {key} of {account:?} {status} {note}\n  {} {}{chain}",
            compared.kind, view.person, view.trip
        );
        if compared.kind.has_effect() {
            let state = Present { entity: compared.entity, hash: compared.hash, status, happened_at };
            present = Some((key, state));
        }
    }
    lines
}

fn plain(bodies: Vec<Value>) -> Vec<(Value, Value)> {
    bodies.into_iter().map(|body| (body, json!({}))).collect()
}

fn with(mut body: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        body.pointer_mut(parent).expect("it is there")[key] = value.clone();
    }
    body
}

#[test]
fn stripe() {
    let completed = json!({
        "id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1_700_000_000,
        "livemode": false, "api_version": "2024-06-20",
        "data": { "object": {
            "id": "cs_test_1", "object": "checkout.session", "status": "complete", "payment_status": "paid",
            "amount_total": 4900, "currency": "eur", "client_reference_id": "R-17", "locale": "de",
            "customer_details": {
                "name": "Ada Lind", "email": "guest1@example.org", "phone": "030 123456",
                "address": { "country": "DE" }
            },
            "metadata": { "tour": "Harbour tour" }
        } }
    });
    let expired = with(
        completed.clone(),
        &[
            ("/id", json!("evt_2")),
            ("/type", json!("checkout.session.expired")),
            ("/data/object/status", json!("expired")),
            ("/created", json!(1_700_000_100)),
        ],
    );
    let late = with(
        completed.clone(),
        &[("/created", json!(1_699_999_000)), ("/data/object/status", json!("open"))],
    );
    let other = json!({ "id": "evt_3", "type": "charge.refunded", "created": 1, "data": { "object": { "id": "ch_1" } } });
    insta::assert_snapshot!(story("stripe", &plain(vec![completed, late, expired, other])));
}

#[test]
fn calendly() {
    let created = json!({
        "event": "invitee.created", "created_at": "2026-03-02T10:00:00.000000Z",
        "created_by": "https://api.calendly.com/users/AAA",
        "payload": {
            "uri": "https://api.calendly.com/scheduled_events/E1/invitees/I1", "name": "Ada Lind",
            "first_name": null, "last_name": null, "email": "guest1@example.org", "status": "active",
            "created_at": "2026-03-02T10:00:00.000000Z", "updated_at": "2026-03-02T10:00:00.000000Z",
            "rescheduled": false, "old_invitee": null, "new_invitee": null, "text_reminder_number": null,
            "questions_and_answers": [{ "question": "Shoe size", "answer": "42", "position": 0 }],
            "scheduled_event": {
                "uri": "https://api.calendly.com/scheduled_events/E1", "name": "Harbour tour", "status": "active",
                "start_time": "2026-05-02T08:00:00.000000Z", "end_time": "2026-05-02T09:00:00.000000Z"
            }
        }
    });
    let moved = with(
        created.clone(),
        &[
            ("/event", json!("invitee.canceled")),
            ("/payload/status", json!("canceled")),
            ("/payload/rescheduled", json!(true)),
            ("/payload/new_invitee", json!("https://api.calendly.com/scheduled_events/E2/invitees/I2")),
            ("/payload/updated_at", json!("2026-03-03T10:00:00.000000Z")),
        ],
    );
    let new = with(
        created.clone(),
        &[
            ("/payload/uri", json!("https://api.calendly.com/scheduled_events/E2/invitees/I2")),
            ("/payload/old_invitee", json!("https://api.calendly.com/scheduled_events/E1/invitees/I1")),
            ("/payload/scheduled_event/start_time", json!("2026-05-03T08:00:00.000000Z")),
        ],
    );
    let only_the_end = with(moved.clone(), &[("/payload/uri", json!("I4"))]);
    let cancelled =
        with(moved.clone(), &[("/payload/uri", json!("I3")), ("/payload/new_invitee", json!(null))]);
    let bodies = vec![created.clone(), moved, created, cancelled, new, only_the_end];
    insta::assert_snapshot!(story("calendly", &plain(bodies)));
}

#[test]
fn cal_com() {
    let created = json!({
        "triggerEvent": "BOOKING_CREATED", "createdAt": "2026-05-24T09:30:00.538Z",
        "payload": {
            "type": "60min", "title": "60min between Pro and John", "startTime": "2026-05-25T09:30:00Z",
            "endTime": "2026-05-25T10:30:00Z", "uid": "bFJeNb2uX8ANpT3JL5EfXw", "bookingId": 91,
            "eventTitle": "60min", "status": "ACCEPTED", "length": 60, "price": 0, "currency": "usd",
            "attendees": [{ "name": "John Doe", "email": "guest2@example.org", "language": { "locale": "en" } }],
            "responses": { "name": { "label": "your_name", "value": "John Doe" } }
        }
    });
    let cancelled = with(
        created.clone(),
        &[("/triggerEvent", json!("BOOKING_CANCELLED")), ("/createdAt", json!("2026-05-24T10:30:00.538Z"))],
    );
    let moved = with(
        created.clone(),
        &[
            ("/triggerEvent", json!("BOOKING_RESCHEDULED")),
            ("/payload/uid", json!("qL2sJdT5rWmPa7XkV9cEbn")),
            ("/payload/rescheduleUid", json!("bFJeNb2uX8ANpT3JL5EfXw")),
            ("/payload/startTime", json!("2026-05-26T09:30:00Z")),
        ],
    );
    let one_of_several = with(moved.clone(), &[("/payload/seatsPerTimeSlot", json!(20))]);
    let asked_to_choose_again = with(
        created.clone(),
        &[
            ("/triggerEvent", json!("BOOKING_CANCELLED")),
            ("/payload/uid", json!("u3")),
            ("/payload/rescheduledToUid", json!(null)),
        ],
    );
    let ping = json!({ "triggerEvent": "PING", "createdAt": "2026-05-24T09:30:00.538Z", "payload": {} });
    let ended = json!({ "triggerEvent": "MEETING_ENDED", "id": 1, "uid": "x" });
    insta::assert_snapshot!(story(
        "cal-com",
        &plain(vec![
            created,
            cancelled.clone(),
            cancelled,
            moved,
            one_of_several,
            asked_to_choose_again,
            ping,
            ended
        ])
    ));
}

#[test]
fn square() {
    let updated = json!({
        "merchant_id": "GQQWA3J6A3AEZ", "location_id": "L9R0X9X5SGDBJ", "type": "booking.updated",
        "event_id": "d954ea4e-a393-52d4-bda6-bfd10cbd571f", "created_at": "2020-12-08T20:05:00Z",
        "data": { "type": "booking", "id": "i2id2g3enyspi7:1", "object": { "booking": {
            "id": "i2id2g3enyspi7", "status": "ACCEPTED", "customer_note": "near the window", "seller_note": "",
            "start_at": "2020-12-17T16:00:00Z", "created_at": "2020-12-08T19:56:53Z",
            "updated_at": "2020-12-08T20:05:00Z", "version": 1, "customer_id": "SSKBT02ECWZXK6W3VWYC78E52R",
            "location_id": "L9R0X9X5SGDBJ",
            "appointment_segments": [{ "duration_minutes": 30, "team_member_id": "T1" }]
        } } }
    });
    let older =
        with(updated.clone(), &[("/event_id", json!("e0")), ("/data/object/booking/version", json!(0))]);
    let cancelled = with(
        updated.clone(),
        &[
            ("/event_id", json!("e2")),
            ("/data/object/booking/version", json!(2)),
            ("/data/object/booking/status", json!("CANCELLED_BY_CUSTOMER")),
        ],
    );
    insta::assert_snapshot!(story("square", &plain(vec![updated, older, cancelled])));
}

#[test]
fn pretix() {
    let of = |id: i64, action: &str| {
        json!({
            "notification_id": id, "organizer": "acmecorp", "event": "democon", "code": "ABC23",
            "action": format!("pretix.event.{action}")
        })
    };
    let bodies = vec![
        of(123_455, "order.placed"),
        of(123_456, "order.paid"),
        of(123_457, "order.modified"),
        of(123_458, "order.canceled"),
        of(123_459, "checkin"),
    ];
    insta::assert_snapshot!(story("pretix", &plain(bodies)));
}

#[test]
fn bokun() {
    let of = |topic: &str, at: &str| {
        let body = json!({ "timestamp": at, "bookingId": "77" });
        (body, json!({ "x-bokun-topic": topic, "x-bokun-vendor-id": "9" }))
    };
    let bodies = [
        of("bookings/create", "2026-03-02T10:00:00.000"),
        of("bookings/cancel", "2026-03-02T12:00:00.000"),
        of("bookings/update", "2026-03-02T11:00:00.000"),
        of("apps/uninstall", "2026-03-02T13:00:00.000"),
        (json!({ "bookingId": 1 }), json!({})),
    ];
    insta::assert_snapshot!(story("bokun", &bodies));
}

#[test]
fn mistakes_in_a_chain_name_the_place_and_the_way_out() {
    let engine = engine();
    let mut told = String::new();
    for chain in [
        "{ status: rebooked }",
        "{ from: old, becomes: cancelled }",
        "{ from: old, to: new, status: rebooked, becomes: cancelled }",
        "{ from: old, to: new, unles: seats }",
        "{ from: old, to: new, unless: \"a[b\" }",
    ] {
        let (_, said) = try_source(
            &engine,
            &format!("connector: webhook\nrecords: [{{ kind: booking, key: id, chain: {chain} }}]\n"),
        );
        let _ = writeln!(told, "{said}\n----");
    }
    insta::assert_snapshot!(told);
}
