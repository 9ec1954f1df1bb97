//! HubSpot, the whole way: webhooks in, and a fake of HubSpot's API at the other end.

use crate::fake_hubspot::{Hubspot, Then};
use crate::postgres::TestDatabase;
use crate::support::{Booking, Router};
use serde_json::{Value, json};
use std::time::Duration;
use waypost::domain::RunState;
use waypost::ports::RunRow;

const RULE: &str = r#"
title: Guests into HubSpot
from: tours
on: [created, updated, cancelled]
when: present(booking.contact.email)
steps:
  - id: contact
    use: hubspot.upsert_contact
    with:
      email: "{{ booking.contact.email }}"
      firstname: "{{ person.first_name }}"
      phone: "{{ booking.contact.normalized_phone }}"
  - id: deal
    use: hubspot.upsert_deal
    with:
      external_id: "{{ booking.uuid }}"
      dealname: "{{ trip.title }}"
      amount: "{{ booking.receipt_total }}"
      contact: "{{ steps.contact.id }}"
"#;

/// A router that brings bookings into a fake HubSpot.
struct Trial {
    router: Router,
    hubspot: Hubspot,
}

impl Trial {
    async fn start() -> Self {
        Self::start_on(None).await
    }

    async fn start_on(database: Option<String>) -> Self {
        let hubspot = Hubspot::start("pat-one").await;
        hubspot.define("deals", "waypost_booking_id", true);
        let connection = format!(
            "connector: hubspot\nbase_url: {}\nallow_private: true\ntimeout: 700ms\n\
             auth: {{ token: {{ secret: hubspot-token }} }}\nlimits: {{ per_second: 200, concurrency: 4 }}\n\
             retry: {{ schedule: [200ms, 500ms], give_up_after: 72h }}\n",
            hubspot.url()
        );
        let files = [("connections/hubspot.yaml", connection.as_str()), ("guests.yaml", RULE)];
        let router = Router::start_with(&files, "", database).await;
        router.served().app.set_secret("hubspot-token", "pat-one").await.expect("a secret");
        Self { router, hubspot }
    }

    async fn post(&self, booking: &Booking) {
        assert_eq!(self.router.post(booking).await, 200);
    }

    /// Posts and waits; gives the last run.
    async fn through(&self, booking: &Booking) -> RunRow {
        self.post(booking).await;
        self.router.quiet().await.pop().expect("a run")
    }

    fn contacts(&self) -> Vec<(u64, Value)> {
        let records = self.hubspot.records("contacts");
        records.into_iter().map(|(id, fields)| (id, Value::Object(fields))).collect()
    }

    fn calls(&self, on: &str) -> usize {
        let made = self.hubspot.made();
        made.iter().filter(|made| format!("{} {}", made.method, made.target).contains(on)).count()
    }
}

fn text(run: &RunRow) -> &str {
    run.verdict.as_ref().map(|verdict| verdict.text.as_str()).unwrap_or_default()
}

async fn contact_and_deal(mut trial: Trial) {
    let booking = Booking::new(1);
    let run = trial.through(&booking).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    let contacts = trial.contacts();
    assert_eq!(contacts.len(), 1);
    assert_eq!(contacts[0].1["email"], "guest1@example.org");
    let deals = trial.hubspot.records("deals");
    let (deal, fields) = deals.first_key_value().expect("a deal");
    assert_eq!((&fields["amount"], &fields["waypost_booking_id"]), (&json!("9900"), &json!(booking.uuid())));
    assert_eq!(trial.hubspot.links(), [(contacts[0].0.to_string(), deal.to_string())]);

    // The e-mail address changes: the same contact, by its id, and nothing for the deal.
    let before = trial.hubspot.made().len();
    let run = trial.through(&Booking::new(1).with("/contact/email", "new@example.org")).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    let now = trial.contacts();
    assert_eq!((now.len(), now[0].0, &now[0].1["email"]), (1, contacts[0].0, &json!("new@example.org")));
    let made = &trial.hubspot.made()[before..];
    assert_eq!(made.iter().map(|made| made.method.as_str()).collect::<Vec<_>>(), ["PATCH"], "{made:?}");

    // A note: nothing to send.
    let noted = Booking::new(1).with("/contact/email", "new@example.org").with("/note", "A dog");
    assert_eq!(trial.through(&noted).await.state, RunState::Skipped);
    trial.router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_and_a_deal_are_made_linked_and_kept() {
    contact_and_deal(Trial::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_and_a_deal_are_made_linked_and_kept_on_postgres() {
    let database = TestDatabase::create().await;
    contact_and_deal(Trial::start_on(Some(database.url.clone())).await).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_address_that_somebody_else_has_goes_to_their_contact() {
    let mut trial = Trial::start().await;
    trial.through(&Booking::new(1)).await;
    trial.through(&Booking::new(2)).await;
    let run = trial.through(&Booking::new(1).with("/contact/email", "guest2@example.org")).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    assert_eq!(trial.contacts().len(), 2);
    trial.router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_address_that_hubspot_has_from_elsewhere_goes_there_after_the_409() {
    let mut trial = Trial::start().await;
    trial.through(&Booking::new(1)).await;
    // Made by somebody in HubSpot: no link of ours knows it.
    trial.hubspot.script(
        "PATCH /crm/v3/objects/contacts",
        1,
        Then::Answer {
            status: 409,
            headers: vec![],
            body: json!({ "category": "CONFLICT", "message": "Contact already exists. Existing ID: 7" }),
        },
    );
    let run = trial.through(&Booking::new(1).with("/contact/email", "new@example.org")).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    let emails: Vec<Value> =
        trial.contacts().into_iter().map(|(_, fields)| fields["email"].clone()).collect();
    assert_eq!(emails, ["guest1@example.org", "new@example.org"]);
    trial.router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_409_that_names_the_contact_updates_that_one() {
    let mut trial = Trial::start().await;
    trial.through(&Booking::new(2)).await;
    let known = trial.contacts()[0].0;
    trial.hubspot.script(
        "contacts/batch/upsert",
        1,
        Then::Answer {
            status: 409,
            headers: vec![],
            body: json!({ "category": "CONFLICT", "message": format!("Contact already exists. Existing ID: {known}") }),
        },
    );
    let run = trial.through(&Booking::new(1)).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    assert_eq!(run.steps[0].outputs["id"], json!(known.to_string()));
    let contacts = trial.contacts();
    assert_eq!((contacts.len(), &contacts[0].1["email"]), (1, &json!("guest1@example.org")));
    // And where the contact that it names is not there, the run comes to an end too.
    let gone = json!({ "category": "CONFLICT", "message": "Contact already exists. Existing ID: 9999999" });
    let conflict = Then::Answer { status: 409, headers: vec![], body: gone };
    trial.hubspot.script("contacts/batch/upsert", 5, conflict);
    let run = trial.through(&Booking::new(3)).await;
    assert_eq!(run.state, RunState::Held, "{run:?}");
    assert!(trial.hubspot.made().len() < 30);
    trial.router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_row_and_a_bad_field_fail_the_run_and_say_why() {
    let mut trial = Trial::start().await;
    let row = Then::RowError { category: "VALIDATION_ERROR", message: "Email address is invalid" };
    trial.hubspot.script("contacts/batch/upsert", 1, row);
    let run = trial.through(&Booking::new(1)).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(text(&run).contains("Email address is invalid"), "{}", text(&run));
    assert_eq!(trial.calls("0-3"), 0, "no deal without its contact");
    let run = trial.through(&Booking::new(2).with("/receipt_total", json!("ninety"))).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(text(&run).contains("amount"), "{}", text(&run));
    // Mended in the booking: the contact is there already, the deal follows.
    let run = trial.through(&Booking::new(2)).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    trial.router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_rests_the_connection_with_and_without_a_time() {
    let mut trial = Trial::start().await;
    let body = json!({ "category": "RATE_LIMITS", "message": "You have reached your limit." });
    let began = tokio::time::Instant::now();
    let told = Then::Answer { status: 429, headers: vec![("Retry-After", "1".into())], body: body.clone() };
    trial.hubspot.script("contacts/batch/upsert", 1, told);
    let run = trial.through(&Booking::new(1)).await;
    assert_eq!((run.state, run.failures), (RunState::Done, 0));
    assert!(began.elapsed() >= Duration::from_secs(1));
    let began = tokio::time::Instant::now();
    trial.hubspot.script("contacts/batch/upsert", 1, Then::Answer { status: 429, headers: vec![], body });
    let run = trial.through(&Booking::new(2)).await;
    assert_eq!((run.state, run.failures), (RunState::Done, 0));
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(trial.calls("contacts/batch/upsert"), 4);
    trial.router.stop().await;
}

async fn signed_in_again(mut trial: Trial) {
    trial.through(&Booking::new(1)).await;
    trial.hubspot.change_token("pat-two");
    for number in 2..=6 {
        trial.post(&Booking::new(number)).await;
    }
    trial
        .router
        .until("all are paused", async |router| {
            let runs = router.runs().await;
            let states = router.served().app.store.connections().await.expect("the connections");
            // The runs first, then why.
            runs.iter().filter(|run| run.state == RunState::Paused).count() == 5
                && states.iter().any(|state| state.name == "hubspot" && state.needs_auth.is_some())
        })
        .await;
    let states = trial.router.served().app.store.connections().await.expect("the connections");
    let state = states.iter().find(|state| state.name == "hubspot").expect("it is remembered");
    assert!(state.needs_auth.as_deref().is_some_and(|why| why.contains("token")), "{state:?}");
    let refused = trial.hubspot.made().iter().filter(|made| made.status == 401).count();
    assert!(refused <= 5, "{refused} calls with a token that is not accepted");
    // Also over a restart it stays so.
    trial.router.restart().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(trial.hubspot.made().iter().filter(|made| made.status == 401).count(), refused);
    // Set by a command beside it.
    let beside = trial.router.beside().await;
    beside.set_secret("hubspot-token", "pat-two").await.expect("a secret");
    beside.store.close().await;
    let runs = trial.router.quiet().await;
    assert!(runs.iter().all(|run| run.state == RunState::Done), "{runs:?}");
    assert_eq!((trial.contacts().len(), trial.hubspot.links().len()), (6, 6));
    trial.router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_pauses_until_there_is_a_new_token() {
    signed_in_again(Trial::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_pauses_until_there_is_a_new_token_on_postgres() {
    let database = TestDatabase::create().await;
    signed_in_again(Trial::start_on(Some(database.url.clone())).await).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_for_a_call_that_went_out_with_the_old_token_does_not_refuse_the_new_one() {
    let mut trial = Trial::start().await;
    // Answered late, with a token that was replaced meanwhile.
    let body = json!({ "category": "INVALID_AUTHENTICATION", "message": "no" });
    trial.hubspot.script("contacts/batch/upsert", 1, Then::Late(Duration::from_millis(500)));
    trial.hubspot.change_token("pat-two");
    trial.post(&Booking::new(1)).await;
    trial.router.until("the call is made", async |_| trial.calls("contacts/batch/upsert") == 1).await;
    trial.router.served().app.set_secret("hubspot-token", "pat-two").await.expect("a secret");
    drop(body);
    let runs = trial.router.quiet().await;
    assert!(runs.iter().all(|run| run.state == RunState::Done), "{runs:?}");
    trial.router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_scope_fails_the_run_and_names_it() {
    let mut trial = Trial::start().await;
    trial.hubspot.without_scope("crm.objects.contacts.write");
    let run = trial.through(&Booking::new(1)).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(text(&run).contains("crm.objects.contacts.write"), "{}", text(&run));
    trial.router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_and_late_answers_and_failures_write_nothing_twice() {
    let mut trial = Trial::start().await;
    trial.hubspot.script("contacts/batch/upsert", 1, Then::LoseAnswer);
    trial.hubspot.script("contacts/batch/upsert", 1, Then::DoneButSays(502));
    trial.hubspot.script("0-3/batch/upsert", 1, Then::Late(Duration::from_millis(1_200)));
    trial.hubspot.script("0-3/batch/upsert", 1, Then::LoseCall);
    trial.hubspot.script("associations", 1, Then::DoneButSays(500));
    let run = trial.through(&Booking::new(1)).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    let deals = trial.hubspot.records("deals");
    assert_eq!((trial.contacts().len(), deals.len(), trial.hubspot.links().len()), (1, 1, 1));
    assert_eq!(trial.calls("associations"), 2);
    assert_eq!(trial.calls("0-3/batch/upsert"), 3, "the deal is not written again for its link");
    trial.router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_somebody_removed_are_made_again() {
    let mut trial = Trial::start().await;
    trial.through(&Booking::new(1)).await;
    let id = trial.contacts()[0].0;
    trial.hubspot.remove("contacts", id);
    let run = trial.through(&Booking::new(1).with("/contact/email", "new@example.org")).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    let contacts = trial.contacts();
    assert_eq!((contacts.len(), &contacts[0].1["email"]), (1, &json!("new@example.org")));
    assert_eq!(trial.hubspot.links().len(), 2, "the deal is linked to the new contact");
    // A contact that vanished unnoticed: the deal's link says so, and both are written again.
    trial.hubspot.remove("contacts", contacts[0].0);
    let changed = Booking::new(1).with("/contact/email", "new@example.org").with("/receipt_total", 12_300);
    let run = trial.through(&changed).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    assert_eq!(trial.contacts().len(), 1);
    trial.router.stop().await;
}
