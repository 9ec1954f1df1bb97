//! FareHarbor's bodies, through its manifest.

use super::tests::{catalogue, engine};
use super::{Compared, Connector, KeptHeaders, Known, Present, RecordSpec, Told, Unreadable};
use crate::domain::ChangeKind;
use crate::expr::{Path, Segment};
use serde_json::{Value, json};
use std::sync::Arc;

const UUID: &str = "1f0c9a52-8f0d-4b58-9d0c-3f7a3c1d2e4f";

fn fareharbor() -> Arc<Connector> {
    catalogue(&engine()).connectors["fareharbor"].clone()
}

fn booking() -> Value {
    json!({
        "pk": 4_410_021, "uuid": UUID, "display_id": "#4410021", "status": "booked",
        "rebooked_from": null, "rebooked_to": null, "note": "", "note_safe_html": "",
        "company": { "shortname": "corribsails", "name": "Corrib Sails", "currency": "eur" },
        "affiliate_company": null,
        "contact": {
            "name": "Siobhán Ní Bhriain", "email": "guest1@example.org", "phone": "091 555 123",
            "phone_country": "IE", "normalized_phone": "+35391555123", "language": "en-ie"
        },
        "availability": {
            "pk": 771, "start_at": "2026-05-02T10:00:00+0100", "end_at": "2026-05-02T13:00:00+0100",
            "capacity": 12, "headline": "", "item": { "pk": 88, "name": "Lough Corrib by sail" },
            "customer_type_rates": [{ "pk": 501, "total": 4500 }, { "pk": 502, "total": 2500 }],
            "custom_field_instances": []
        },
        "customers": [
            { "pk": 9_000_001, "checkin_url": "https://fh.example/a", "checkin_status": null,
              "customer_type_rate": { "pk": 501, "total": 4500, "customer_type": { "pk": 7, "singular": "Adult", "plural": "Adults", "note": "18+" } } },
            { "pk": 9_000_002, "checkin_url": "https://fh.example/b", "checkin_status": null,
              "customer_type_rate": { "pk": 502, "total": 2500, "customer_type": { "pk": 8, "singular": "Child", "plural": "Children", "note": "" } } }
        ],
        "customer_count": 2, "receipt_total": 7000, "receipt_total_display": "70,00\u{a0}", "amount_paid": 7000,
        "custom_field_values": [{ "pk": 31, "name": "Diet", "value": "", "display_value": "" }],
        "dashboard_url": "https://fareharbor.example/dashboard/1"
    })
}

/// The same as the optimized webhook tells it.
fn optimized() -> Value {
    let mut body = booking();
    let availability = &mut body["availability"];
    *availability = json!({
        "pk": 771, "start_at": availability["start_at"], "end_at": availability["end_at"], "item": availability["item"]
    });
    for customer in body["customers"].as_array_mut().expect("a list") {
        let rate = &mut customer["customer_type_rate"];
        rate.as_object_mut().expect("a map").shift_remove("total");
        rate["customer_type"].as_object_mut().expect("a map").shift_remove("note");
    }
    body
}

fn with(mut body: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        body.pointer_mut(parent).expect("it is there")[key] = value.clone();
    }
    body
}

fn read(connector: &Connector, body: Value) -> Result<Vec<Told>, Unreadable> {
    let spec = connector.source.as_ref().expect("a source side");
    let mut told = Vec::new();
    for message in spec.read(body, &KeptHeaders::default())? {
        told.extend(message.told?);
    }
    Ok(told)
}

fn spec(connector: &Connector) -> &RecordSpec {
    connector.source.as_ref().and_then(|source| source.record("booking")).expect("it has bookings")
}

/// Applies bodies in order; what each of them did.
fn apply(bodies: impl IntoIterator<Item = Value>) -> Vec<Compared> {
    let connector = fareharbor();
    let mut present: Option<Present> = None;
    let mut done = Vec::new();
    for body in bodies {
        let told = read(&connector, json!({ "booking": body })).expect("it is readable").remove(0);
        let status = told.status.clone();
        let compared = spec(&connector).compare(present.as_ref(), told);
        if compared.kind.has_effect() {
            let (entity, hash) = (compared.entity.clone(), compared.hash.clone());
            present = Some(Present { entity, hash, status, happened_at: None });
        }
        done.push(compared);
    }
    done
}

fn kinds(bodies: impl IntoIterator<Item = Value>) -> Vec<&'static str> {
    apply(bodies).into_iter().map(|compared| compared.kind.as_str()).collect()
}

#[test]
fn a_body_tells_of_one_booking() {
    let told = read(&fareharbor(), json!({ "booking": booking() })).expect("it is readable");
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind.as_str(), told[0].key.as_str()), ("booking", UUID));
    assert_eq!((told[0].account.as_deref(), told[0].status.as_str()), (Some("corribsails"), "booked"));
}

#[test]
fn an_item_body_tells_of_an_item() {
    let body = json!({ "item": { "pk": 88, "name": "Sailing", "company": { "shortname": "corribsails" } } });
    let told = read(&fareharbor(), body).expect("it is readable");
    assert_eq!((told[0].kind.as_str(), told[0].key.as_str()), ("item", "88"));
}

#[test]
fn bodies_that_tell_of_nothing_say_why() {
    let long = "x".repeat(600);
    let bodies = [
        json!({}),
        json!([]),
        json!("booking"),
        json!({ "availability": {} }),
        json!({ "booking": null }),
        json!({ "booking": "x" }),
        json!({ "booking": {} }),
        json!({ "booking": { "uuid": "" } }),
        json!({ "booking": { "uuid": {} } }),
        json!({ "booking": { "uuid": "a\u{0}b" } }),
        json!({ "booking": { "uuid": long } }),
        json!({ "item": { "name": "no pk" } }),
    ];
    let said: Vec<String> = bodies
        .into_iter()
        .map(|body| match read(&fareharbor(), body).unwrap_err() {
            Unreadable::Body(why) => format!("unreadable: {why}"),
            Unreadable::Nothing(why) => format!("ignored: {why}"),
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn the_life_of_a_booking_is_told_in_kinds() {
    let status = |status: &str| with(booking(), &[("/status", json!(status))]);
    let note = with(booking(), &[("/note", json!("window seat"))]);
    assert_eq!(
        kinds([booking(), note.clone(), note, status("cancelled")]),
        ["created", "updated", "unchanged", "cancelled"]
    );
    assert_eq!(kinds([status("cancelled")]), ["cancelled"]);
    assert_eq!(kinds([status("rebooked")]), ["rebooked"]);
    let rebooked = with(status("rebooked"), &[("/rebooked_to", json!("other"))]);
    assert_eq!(kinds([booking(), rebooked.clone(), booking()]), ["created", "rebooked", "stale"]);
    assert_eq!(kinds([rebooked.clone(), status("cancelled")]), ["rebooked", "stale"]);
    let noted = with(rebooked.clone(), &[("/note", json!("x"))]);
    assert_eq!(kinds([rebooked, noted]), ["rebooked", "updated"]);
    let only_to = with(booking(), &[("/rebooked_to", json!("other"))]);
    assert_eq!(kinds([booking(), only_to]), ["created", "rebooked"]);
    let new = with(booking(), &[("/rebooked_from", json!("other"))]);
    assert_eq!(kinds([new]), ["created"]);
    assert_eq!(kinds([status("cancelled"), status("cancelled")]), ["cancelled", "unchanged"]);
}

#[test]
fn cancelled_is_cancelled_spelt_with_one_l_too() {
    let status = |word: &str| with(booking(), &[("/status", json!(word))]);
    assert_eq!(kinds([status("canceled")]), ["cancelled"], "at first sight");
    assert_eq!(kinds([booking(), status("canceled")]), ["created", "cancelled"]);
    assert_eq!(kinds([booking(), status("rebooked"), status("canceled")])[2], "stale");
    let told = read(&fareharbor(), json!({ "booking": status("canceled") })).expect("it is readable");
    assert_eq!(told[0].status, "cancelled");
    assert_eq!(spec(&fareharbor()).view(&told[0].entity).trip["status"], "cancelled");
}

#[test]
fn booked_after_cancelled_is_applied_and_flagged() {
    let done = apply([booking(), with(booking(), &[("/status", json!("cancelled"))]), booking()]);
    let last = &done[2];
    assert_eq!((last.kind, last.paths.as_slice()), (ChangeKind::Updated, &["status".to_owned()][..]));
    assert_eq!((last.note.as_deref(), last.flag_if_known), (Some("possible late copy"), true));
    assert!(done[1].flag_if_known && !done[0].flag_if_known);
}

#[test]
fn a_stale_body_leaves_the_present_state() {
    let rebooked = with(booking(), &[("/status", json!("rebooked"))]);
    let done = apply([rebooked.clone(), booking()]);
    assert_eq!((done[1].kind, &done[1].entity, &done[1].hash), (ChangeKind::Stale, &rebooked, &done[0].hash));
}

#[test]
fn changed_paths_name_customers_by_their_key() {
    let changed = with(
        booking(),
        &[
            ("/customers/0/checkin_status", json!({ "pk": 1, "type": "checked-in" })),
            ("/contact/email", json!("guest2@example.org")),
        ],
    );
    assert_eq!(apply([booking(), changed])[1].paths, ["contact.email", "customers[9000001].checkin_status"]);
    let mut fewer = booking();
    fewer["customers"].as_array_mut().expect("a list").remove(0);
    assert_eq!(apply([booking(), fewer])[1].paths, ["customers[9000001]"]);
}

#[test]
fn noise_and_order_make_no_change_and_noise_is_taken_over_with_one() {
    let noisy = with(
        booking(),
        &[
            ("/receipt_total_display", json!("€70.00")),
            ("/customers/0/checkin_url", json!("https://fh.example/c")),
        ],
    );
    let mut turned = noisy.clone();
    turned["customers"].as_array_mut().expect("a list").reverse();
    turned["availability"]["customer_type_rates"].as_array_mut().expect("a list").reverse();
    assert_eq!(kinds([booking(), noisy.clone(), turned]), ["created", "unchanged", "unchanged"]);
    let noted = with(noisy, &[("/note", json!("x"))]);
    let done = apply([booking(), noted]);
    assert_eq!(
        (done[1].paths.as_slice(), &done[1].entity["receipt_total_display"]),
        (&["note".to_owned()][..], &json!("€70.00"))
    );
}

#[test]
fn what_an_optimized_body_leaves_out_is_kept() {
    assert_eq!(kinds([booking(), optimized(), booking()]), ["created", "unchanged", "unchanged"]);
    let noted = with(optimized(), &[("/note", json!("x"))]);
    let done = apply([booking(), noted]);
    assert_eq!(done[1].paths, ["note"]);
    assert_eq!(done[1].entity["availability"]["capacity"], json!(12));
    assert_eq!(done[1].entity["customers"][1]["customer_type_rate"]["total"], json!(2500));
    let moved = with(optimized(), &[("/availability/pk", json!(772))]);
    let done = apply([booking(), moved]);
    assert_eq!(done[1].entity["availability"].get("capacity"), None, "another availability has its own");
}

#[test]
fn payments_stay_where_a_body_has_none() {
    let paid = with(
        booking(),
        &[("/payments", json!([{ "pk": 1, "amount_paid": 10 }, { "pk": 2, "amount_paid": 5 }]))],
    );
    let done = apply([paid.clone(), booking(), with(optimized(), &[("/note", json!("x"))])]);
    assert_eq!(done[1].kind, ChangeKind::Unchanged);
    assert_eq!(
        (&done[2].entity["payments"], done[2].paths.as_slice()),
        (&paid["payments"], &["note".to_owned()][..])
    );
    let refunded = with(
        paid.clone(),
        &[("/payments", json!([{ "pk": 2, "amount_paid": 5 }, { "pk": 1, "amount_paid": 7 }]))],
    );
    assert_eq!(apply([paid, refunded])[1].paths, ["payments[1].amount_paid"]);
}

#[test]
fn bodies_of_wrong_types_are_taken_as_they_are() {
    let connector = fareharbor();
    for value in
        [json!(null), json!(7), json!("x"), json!([]), json!([1, "a", null]), json!({ "a": [] }), json!(true)]
    {
        for pointer in [
            "contact",
            "customers",
            "availability",
            "company",
            "status",
            "payments",
            "rebooked_to",
            "customer_count",
            "receipt_total",
        ] {
            let mut odd = booking();
            odd[pointer] = value.clone();
            apply([booking(), odd.clone(), booking(), optimized(), odd.clone()]);
            spec(&connector).view(&odd);
        }
    }
}

#[test]
fn the_common_view_says_who_and_what() {
    let view = spec(&fareharbor()).view(&booking());
    insta::assert_snapshot!(serde_json::to_string_pretty(&view).expect("it is JSON"));
}

#[test]
fn the_common_view_keeps_absent_null_and_blank_apart() {
    let body = json!({ "contact": { "name": "", "email": null, "normalized_phone": "", "phone": "(415) 789-4563", "phone_country": "US" },
        "customers": [{}, {}], "receipt_total": null, "company": { "currency": "usdollar" }, "amount_paid": "1250" });
    let view = spec(&fareharbor()).view(&body);
    insta::assert_snapshot!(serde_json::to_string_pretty(&view).expect("it is JSON"));
}

fn path(text: &str) -> Path {
    let segments = text
        .split('.')
        .map(|name| name.parse().map_or_else(|_| Segment::Name(name.to_owned()), Segment::Index))
        .collect();
    Path { root: "booking".to_owned(), segments, at: (0, 0) }
}

#[test]
fn the_schema_knows_the_paths_of_the_published_payloads() {
    let connector = fareharbor();
    let schema = &spec(&connector).schema;
    for known in [
        "contact.email",
        "contact.normalized_phone",
        "contact.phone",
        "receipt_total",
        "company.currency",
        "uuid",
        "customers",
        "customers.0.pk",
        "customers.0.customer_type_rate.customer_type.singular",
        "affiliate_company.short_name",
        "customers.0.total_cost.tax_by_type.53558",
        "availability.item.name",
        "payments.0.refunds.0.amount_refunded",
        "custom_field_values.0.custom_field.extended_options.0.name",
        "booked_by.name",
        "lodging.anything.below",
    ] {
        assert_eq!(schema.check(&path(known)), Known::Yes, "{known}");
    }
    let near = |text| match schema.check(&path(text)) {
        Known::Yes => None,
        Known::No { segment, near } => Some((segment, near)),
    };
    assert_eq!(near("contact.emial"), Some((1, Some("email".to_owned()))));
    assert_eq!(near("is_cancelled_by_robots"), Some((0, None)));
    assert_eq!(near("uuid.length"), Some((1, None)));
    let child = schema.child("customers").expect("customers are children");
    assert_eq!(child.check(&path("checkin_status.type")), Known::Yes);
    assert!(schema.child("contact").is_none());
}

#[test]
fn extra_fields_of_a_source_are_known() {
    let connector = fareharbor();
    let extra = ["waiver.signed_at".to_owned(), "customers[].shoe_size".to_owned()];
    let schema = spec(&connector).schema.with_extra(&extra);
    for known in ["waiver.signed_at", "customers.0.shoe_size", "customers.0.pk"] {
        assert_eq!(schema.check(&path(known)), Known::Yes, "{known}");
    }
    assert!(matches!(schema.check(&path("waiver.signed_by")), Known::No { .. }));
}

#[test]
fn every_path_of_our_booking_is_known() {
    fn walk(value: &Value, path: &mut Vec<Segment>, found: &mut Vec<Vec<Segment>>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, inner)| {
                path.push(Segment::Name(key.clone()));
                walk(inner, path, found);
                path.pop();
            }),
            Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| {
                path.push(Segment::Index(index as i64));
                walk(inner, path, found);
                path.pop();
            }),
            _ => found.push(path.clone()),
        }
    }
    let connector = fareharbor();
    let mut found = Vec::new();
    walk(&booking(), &mut Vec::new(), &mut found);
    for segments in found {
        let path = Path { root: "booking".to_owned(), segments, at: (0, 0) };
        assert_eq!(spec(&connector).schema.check(&path), Known::Yes, "{path:?}");
    }
}
