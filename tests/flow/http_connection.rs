//! A connection of connector `http`, as the design writes it, against the sandbox: key inputs, `update:` for a changed key,
//! `find:` for a lost create, answers of its own.

use crate::support::{Booking, Router};
use serde_json::json;
use waypost::domain::RunState;

fn connection(router: &Router) -> String {
    let base = router.crm.as_ref().expect("a CRM").url();
    format!(
        r#"
connector: http
title: Our own CRM
base_url: {base}
allow_private: true
headers: {{ Accept: application/json }}
limits: {{ per_second: 50, concurrency: 8 }}
retry: {{ schedule: [200ms, 500ms], give_up_after: 72h }}
actions:
  upsert_guest:
    method: PUT
    path: "/guests/{{{{ input.id }}}}"
    object: guest
    key: [id]
    repeatable: true
    inputs: {{ id: {{ type: string, required: true }} }}
    update: {{ method: PATCH, path: "/guests/{{{{ link.id }}}}", query: {{ key: "{{{{ input.id }}}}" }} }}
    outputs: {{ id: /id }}
  add_note:
    method: POST
    path: "/notes"
    query: {{ source: waypost }}
    body: {{ guest: "{{{{ input.guest }}}}", text: "{{{{ input.text }}}}", ref: "{{{{ step.ref }}}}" }}
    repeatable: false
    find: {{ method: GET, path: "/notes", query: {{ ref: "{{{{ step.ref }}}}" }}, id: /0/id }}
    answers: [ {{ status: 409, is: done }}, {{ status: 422, is: refused, message: /error }} ]
    outputs: {{ id: /id }}
"#
    )
}

const RULE: &str = r#"
title: Guests into our CRM
from: tours
on: [created, updated, cancelled]
when: present(booking.contact.email)
steps:
  - id: guest
    use: own.upsert_guest
    with:
      id: "{{ booking.contact.email }}"
      name: "{{ person.first_name }}"
"#;

async fn router() -> Router {
    let router = Router::start(&[]).await;
    router.write("connections/own.yaml", &connection(&router));
    router.write("guests.yaml", RULE);
    router
        .until("the rule is active", async |router| {
            router.served().app.active().is_some_and(|ruleset| ruleset.rules.contains_key("guests"))
        })
        .await;
    router
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_email_updates_the_record_that_the_booking_had() {
    let mut router = router().await;
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    router.post(&Booking::new(1).with("/contact/email", "new@example.org")).await;
    let runs = router.quiet().await;
    assert!(runs.iter().all(|run| run.state == RunState::Done), "{runs:?}");
    let guests = router.records("guests");
    assert_eq!(guests, json!({ "new@example.org": { "id": "new@example.org", "name": "Siobhán" } }));
    // And back again, and a change of something else: by the key, the same record.
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    assert_eq!(router.records("guests").as_object().map(serde_json::Map::len), Some(1));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_email_of_one_of_two_bookings_makes_a_record_of_its_own() {
    let mut router = router().await;
    for number in [1, 2] {
        router.post(&Booking::new(number).with("/contact/email", "lee@example.org")).await;
        router.quiet().await;
    }
    router.post(&Booking::new(2).with("/contact/email", "new@example.org")).await;
    router.quiet().await;
    let guests = router.records("guests");
    let keys: Vec<_> = guests.as_object().expect("a map").keys().cloned().collect();
    assert_eq!(keys, ["lee@example.org", "new@example.org"]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_gone_is_made_again_by_an_upsert() {
    let mut router = router().await;
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    let base = router.crm.as_ref().expect("a CRM").url();
    let deleted = crate::support::client().delete(format!("{base}/guests/guest1@example.org")).send().await;
    assert!(deleted.expect("an answer").status().is_success());
    router.post(&Booking::new(1).with("/contact/email", "new@example.org")).await;
    let runs = router.quiet().await;
    assert_eq!(runs.last().map(|run| run.state), Some(RunState::Done), "{runs:?}");
    assert_eq!(router.records("guests")["new@example.org"]["name"], "Siobhán");
    router.stop().await;
}
