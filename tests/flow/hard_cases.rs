//! The design's decisions for the hard cases, end to end.

use crate::postgres::TestDatabase;
use crate::support::{Booking, Router};
use serde_json::json;
use waypost::domain::{RunState, VerdictCode};

const GUESTS: &str = r#"
title: Guests
from: tours
on: [created, updated, cancelled]
when: present(booking.contact.email)
steps:
  - id: contact
    use: crm.upsert_contact
    with:
      id: "{{ booking.contact.email }}"
      name: "{{ person.name }}"
      phone: "{{ first_of(booking.contact.normalized_phone, booking.contact.phone) }}"
      last_tour: '{{ trip.title }} on {{ date(trip.starts_at, "%-d %B %Y", "Pacific/Honolulu") }}'
  - id: booking
    use: crm.upsert_booking
    if: booking.receipt_total > 0
    with:
      id: "{{ booking.uuid }}"
      amount: "{{ money(booking.receipt_total, booking.company.currency) }}"
      status: "{{ trip.status }}"
      contact: "{{ steps.contact.id }}"
"#;

fn states(runs: &[waypost::ports::RunRow]) -> Vec<&'static str> {
    runs.iter().map(|run| run.state.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_created_updated_checked_in_repeated_and_cancelled() {
    goes_all_the_way(Router::start(&[("guests.yaml", GUESTS)]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_goes_the_same_way_on_postgres() {
    let database = TestDatabase::create().await;
    let url = Some(database.url.clone());
    goes_all_the_way(Router::start_with(&[("guests.yaml", GUESTS)], "", url).await).await;
    database.remove().await;
}

async fn goes_all_the_way(mut router: Router) {
    let booking = || Booking::new(1);
    assert_eq!(router.post(&booking()).await, 200);
    router.quiet().await;
    assert_eq!(
        router.records("contacts"),
        json!({ "guest1@example.org": {
            "id": "guest1@example.org", "name": "Siobhán Ní Bhriain", "phone": "+49123456789",
            "last_tour": "Whale watch on 14 March 2027"
        } })
    );
    let uuid = booking().uuid().to_owned();
    assert_eq!(router.records("bookings")[&uuid]["amount"], "99.00");
    assert_eq!(router.records("bookings")[&uuid]["contact"], "contact-1");

    // A changed phone: one contact call, and nothing for the booking.
    let updated = || booking().with("/contact/normalized_phone", "+49123456700");
    assert_eq!(router.post(&updated()).await, 200);
    router.quiet().await;
    assert_eq!(router.records("contacts")["guest1@example.org"]["phone"], "+49123456700");
    assert_eq!((router.calls("contacts"), router.calls("bookings")), (2, 1));

    // A check-in: a change, but nothing to send.
    let checked_in =
        || updated().with("/customers/0/checkin_status", json!({ "pk": 3, "type": "checked-in" }));
    assert_eq!(router.post(&checked_in()).await, 200);
    let runs = router.quiet().await;
    let last = runs.last().expect("a run");
    assert_eq!(last.state, RunState::Skipped);
    assert_eq!(last.verdict.as_ref().map(|verdict| verdict.code), Some(VerdictCode::Unchanged));

    // The same again: no change, no run.
    assert_eq!(router.post(&checked_in()).await, 200);
    assert_eq!(router.quiet().await.len(), 3);

    let cancelled = checked_in().with("/status", "cancelled");
    assert_eq!(router.post(&cancelled).await, 200);
    router.quiet().await;
    assert_eq!(router.records("bookings")[&uuid]["status"], "cancelled");
    assert_eq!((router.calls("contacts"), router.calls("bookings")), (2, 2));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_bookings_of_one_guest_do_not_overwrite_each_other_without_need() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    let one = || Booking::new(1).with("/contact/email", "lee@example.org");
    let other = || {
        Booking::new(2).with("/contact/email", "lee@example.org").with("/availability/item/name", "Reef dive")
    };
    router.post(&one()).await;
    router.quiet().await;
    router.post(&other()).await;
    router.quiet().await;
    assert_eq!(router.records("contacts")["lee@example.org"]["last_tour"], "Reef dive on 14 March 2027");
    // A note on the first booking: its own fields are as it sent them, so the record stays with the second's.
    router.post(&one().with("/note", "Brings a dog")).await;
    let runs = router.quiet().await;
    assert_eq!(states(&runs), ["done", "done", "skipped"]);
    assert_eq!(router.records("contacts")["lee@example.org"]["last_tour"], "Reef dive on 14 March 2027");
    assert_eq!(router.calls("contacts"), 2);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_to_b_to_a_is_sent_three_times_and_ends_at_a() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    for phone in ["+491111111111", "+492222222222", "+491111111111"] {
        router.post(&Booking::new(1).with("/contact/normalized_phone", phone)).await;
        router.quiet().await;
    }
    assert_eq!(router.records("contacts")["guest1@example.org"]["phone"], "+491111111111");
    assert_eq!(router.calls("contacts"), 3);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_null_email_skips_by_when_or_fails_naming_the_field() {
    let needs = GUESTS.replace("when: present(booking.contact.email)\n", "");
    let mut router = Router::start(&[("guests.yaml", GUESTS), ("strict.yaml", &needs)]).await;
    router.post(&Booking::new(1).with("/contact/email", json!(null))).await;
    let runs = router.quiet().await;
    assert_eq!(states(&runs), ["skipped", "failed"]);
    let failed = runs[1].verdict.as_ref().expect("a verdict");
    for part in ["strict.yaml", "id", "booking.contact.email"] {
        assert!(failed.text.contains(part), "{part} in {}", failed.text);
    }
    assert_eq!(router.stats()["calls"], 0);
    // The next change, with an e-mail, goes through.
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    assert_eq!(router.records("contacts").as_object().map(serde_json::Map::len), Some(1));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_customer_has_a_run_and_a_removed_one_says_so() {
    let rule = r#"
title: Customers
from: tours
each: booking.customers
steps:
  - id: person
    use: crm.upsert_contact
    with:
      id: "{{ customer.pk }}"
      kind: "{{ customer.customer_type_rate.customer_type.singular }}"
      guest_of: "{{ booking.uuid }}"
"#;
    let mut router = Router::start(&[("customers.yaml", rule)]).await;
    router.post(&Booking::new(1)).await;
    let runs = router.quiet().await;
    assert_eq!(runs.iter().map(|run| run.item.as_str()).collect::<Vec<_>>(), ["101", "102"]);
    assert_eq!(router.records("contacts")["101"]["kind"], "Adult");
    let mut fewer = Booking::new(1);
    fewer.body["booking"]["customers"].as_array_mut().expect("a list").remove(1);
    router.post(&fewer).await;
    let runs = router.quiet().await;
    let removed = runs.iter().rfind(|run| run.item == "102").expect("a run");
    assert_eq!(removed.state, RunState::Skipped);
    assert_eq!(removed.verdict.as_ref().map(|verdict| verdict.code), Some(VerdictCode::ItemRemoved));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_left_out_leaves_its_readers_field_out() {
    let rule = r#"
title: Left out
from: tours
steps:
  - id: contact
    use: crm.upsert_contact
    if: booking.receipt_total > 100000
    with: { id: "{{ booking.contact.email }}" }
  - id: booking
    use: crm.upsert_booking
    with: { id: "{{ booking.uuid }}", contact: "{{ steps.contact.id }}" }
  - id: note
    use: crm.add_note
    with: { text: "For {{ steps.contact.id }}" }
"#;
    let mut router = Router::start(&[("left-out.yaml", rule)]).await;
    let booking = Booking::new(1);
    router.post(&booking).await;
    let runs = router.quiet().await;
    assert_eq!(states(&runs), ["done"]);
    let steps: Vec<_> = runs[0].steps.iter().map(|step| format!("{} {:?}", step.id, step.state)).collect();
    assert_eq!(steps, ["contact Skipped", "booking Done", "note Skipped"]);
    assert_eq!(router.records("bookings")[booking.uuid()], json!({ "id": booking.uuid() }));
    assert_eq!(router.calls("notes"), 0);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_failed_for_ever_does_not_stand_in_the_way() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    router.behave(json!({ "refuse_fields": { "phone": "the phone has no country code" } }));
    router.post(&Booking::new(1)).await;
    let runs = router.quiet().await;
    assert_eq!(states(&runs), ["failed"]);
    assert!(
        runs[0].verdict.as_ref().is_some_and(|v| v.text.contains("country code")),
        "{:?}",
        runs[0].verdict
    );
    router.behave(json!({}));
    router.post(&Booking::new(1).with("/note", "Brings a dog")).await;
    let runs = router.quiet().await;
    // What failed is overtaken: nobody has to look at it any more.
    assert_eq!(states(&runs), ["superseded", "done"]);
    assert_eq!(router.records("contacts")["guest1@example.org"]["phone"], "+49123456789");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rules_on_one_record_never_call_at_once() {
    let tags = r#"
title: Tags
from: tours
steps:
  - use: crm.upsert_contact
    with: { id: "{{ booking.contact.email }}", tag: "guest" }
"#;
    // Of the contact only: the bookings are records of their own, and the CRM counts calls of all records together.
    let guests = GUESTS.split("  - id: booking").next().expect("a text has a first part");
    let mut router = Router::start(&[("guests.yaml", guests), ("tags.yaml", tags)]).await;
    router.behave(json!({ "delay_ms": 50, "match": { "object": "contacts" } }));
    for number in 1..=4 {
        router.post(&Booking::new(number).with("/contact/email", "lee@example.org")).await;
    }
    router.quiet().await;
    let record = &router.records("contacts")["lee@example.org"];
    assert_eq!((&record["tag"], &record["phone"]), (&json!("guest"), &json!("+49123456789")));
    assert_eq!(router.stats()["max_in_flight"], 1, "calls that write one record go one after the other");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_repeated_for_an_upsert_and_looked_up_for_a_create() {
    let rule = r#"
title: Notes
from: tours
steps:
  - id: contact
    use: crm.upsert_contact
    with: { id: "{{ booking.contact.email }}" }
  - id: note
    use: crm.add_note
    with: { text: "Booked {{ trip.title }}" }
"#;
    let mut router = Router::start(&[("notes.yaml", rule)]).await;
    router.behave(json!([
        { "lose_answers": 1, "match": { "object": "contacts" } },
        { "lose_answers": 1, "match": { "object": "notes", "method": "POST" } },
    ]));
    router.post(&Booking::new(1)).await;
    let runs = router.quiet().await;
    assert_eq!(states(&runs), ["done"], "{:?}", runs[0]);
    assert_eq!(router.calls("contacts"), 2);
    let notes = &router.stats()["objects"]["notes"];
    assert_eq!((&notes["effects"], &notes["doubled"]), (&json!(1), &json!(0)), "{notes}");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_crm_is_down_newer_changes_supersede_older_ones() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    router.behave(json!({ "fail": { "status": 500 } }));
    for version in 0..5 {
        let note = format!("note {version}");
        let phone = format!("+4912345670{version}");
        router.post(&Booking::new(1).with("/note", note).with("/contact/normalized_phone", phone)).await;
        router.until("the change is planned", async |router| router.runs().await.len() == version + 1).await;
    }
    router.behave(json!({}));
    let runs = router.quiet().await;
    assert_eq!(runs.last().map(|run| run.state), Some(RunState::Done));
    let superseded = runs.iter().filter(|run| run.state == RunState::Superseded).count();
    assert!(superseded >= 3, "{:?}", states(&runs));
    assert_eq!(router.records("contacts")["guest1@example.org"]["phone"], "+49123456704");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_makes_few_calls_and_everything_arrives_once_after_it() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    router.crm_down().await;
    for number in 1..=40 {
        assert_eq!(router.post(&Booking::new(number)).await, 200);
    }
    router.until("all are planned", async |router| router.runs().await.len() == 40).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    router.restart().await;
    router.crm_up().await;
    let runs = router.quiet().await;
    assert!(runs.iter().all(|run| run.state == RunState::Done), "{:?}", states(&runs));
    let attempts: i64 = runs.iter().flat_map(|run| &run.steps).map(|step| step.attempts).sum();
    assert!(attempts <= 80 + 20, "{attempts} attempts for 80 calls");
    assert_eq!(router.stats()["objects"]["contacts"]["effects"], 40);
    assert_eq!(router.stats()["objects"]["contacts"]["doubled"], 0);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_of_a_connection_is_never_passed() {
    let mut router =
        Router::start_with(&[("guests.yaml", GUESTS)], "limits: { per_second: 10 }\n", None).await;
    for number in 1..=12 {
        router.post(&Booking::new(number)).await;
    }
    router.quiet().await;
    let most = router.stats()["max_in_1s"].as_i64().expect("a count");
    assert!(most <= 10, "{most} calls in one second");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_rests_the_connection_for_as_long_as_it_says() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    router.behave(json!({ "throttle": { "times": 1, "retry_after": 2 } }));
    let began = tokio::time::Instant::now();
    router.post(&Booking::new(1)).await;
    let runs = router.quiet().await;
    assert_eq!(states(&runs), ["done"]);
    assert!(began.elapsed().as_millis() >= 2_000, "{:?}", began.elapsed());
    assert_eq!(runs[0].failures, 0);
    router.stop().await;
}
