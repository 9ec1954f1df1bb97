//! Bodies and rules that are poison: a string of 1 MiB, JSON nested 10,000 deep, a script without an end.

use crate::post::{GUESTS, Poster};
use crate::process::{Crm, Home};
use crate::support::{Booking, client};
use serde_json::Value;
use std::collections::BTreeMap;
use waypost::domain::{ChangeKind, Role};
use waypost::ports::ListFilter;

const BIG: &str = "title: Big\nfrom: tours\nsteps:\n  - id: booking\n    use: crm.upsert_booking\n    \
                   with: { id: \"{{ booking.uuid }}\", note: \"{{ booking.note }}\" }\n";
const ENDLESS: &str = "title: Endless\nfrom: tours\nwhen: spin(1) > 0\nsteps:\n  - id: booking\n    \
                       use: crm.upsert_booking\n    with: { id: \"never\" }\n";
const SPIN: &str = "fn spin(n) { let i = n; while true { i += 1; } i }\n";
const DEPTH: usize = 10_000;

async fn post_bytes(home: &Home, body: String) -> u16 {
    client().post(home.hook()).body(body).send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_in_bodies_and_rules_stops_nobody_else() {
    let crm = Crm::start().await;
    let files = [("guests.yaml", GUESTS), ("big.yaml", BIG)];
    let home = Home::new(crm.address, None, &files).await;
    let mut process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    poster.post_all(1..4).await;

    // A string of 1 MiB, of letters with two bytes each.
    let long = "å".repeat(512 * 1024);
    let answer = poster.post(&Booking::new(4).with("/note", long.clone())).await;
    assert_eq!(answer.status, 200);
    // Nested 10,000 deep: as the whole body, and as a field of a booking that is fine else.
    let deep = format!("{}1{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    assert_eq!(post_bytes(&home, deep.clone()).await, 200);
    let mut fine = Booking::new(5).body.to_string();
    fine = fine.replace("\"pickup\":null", &format!("\"pickup\":{deep}"));
    assert!(fine.len() > 2 * DEPTH);
    assert_eq!(post_bytes(&home, fine).await, 200);
    poster.post_all(6..9).await;
    poster.all_arrived_once(&home, &crm).await;
    let bookings = crm.records("bookings").await;
    let noted = bookings.iter().find(|booking| booking["fields"]["note"].as_str() == Some(long.as_str()));
    assert!(noted.is_some(), "the long note is in the CRM, every letter of it");

    let app = home.beside().await;
    let session = crate::signed_in::session_of(&app, "admin@example.org", Role::Viewer).await;
    let cookie = format!("waypost={session}");
    let events = app.store.list_events(&ListFilter::default()).await.expect("the events");
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &events {
        let change = event.changes.first().expect("each event ends with a change");
        *kinds.entry(change.kind.as_str()).or_default() += 1;
        // The page of each of them can be shown.
        let url = home.page(&format!("/events/{}", event.id));
        let page = client().get(url).header("cookie", &cookie).send().await.expect("an answer");
        assert_eq!(page.status().as_u16(), 200, "{:?}", change.kind);
        if change.kind == ChangeKind::Unreadable {
            assert!(change.note.as_deref().is_some_and(|note| note.contains("nest")), "{:?}", change.note);
        }
    }
    assert_eq!(kinds, BTreeMap::from([("created", 7), ("unreadable", 2)]));
    app.store.close().await;

    // A rule that loops for ever fails its own runs only.
    home.write("lib/spin.rhai", SPIN);
    home.write("endless.yaml", ENDLESS);
    let rules = |runs: &[waypost::ports::RunRow]| runs.iter().any(|run| run.rule == "endless");
    let mut number = 100;
    home.until("the endless rule is at work", async || {
        number += 1;
        poster.post_all(number..number + 1).await;
        home.quiet().await;
        let app = home.beside().await;
        let runs = app.store.list_runs(&ListFilter::default()).await.expect("the runs");
        app.store.close().await;
        rules(&runs)
    })
    .await;
    poster.post_all(201..206).await;
    home.quiet().await;
    let app = home.beside().await;
    let filter = ListFilter { limit: 500, ..ListFilter::default() };
    let runs = app.store.list_runs(&filter).await.expect("the runs");
    app.store.close().await;
    for run in &runs {
        let expected = if run.rule == "endless" { "failed" } else { "done" };
        assert_eq!(run.state.as_str(), expected, "{run:?}");
    }
    assert!(runs.iter().filter(|run| run.rule == "endless").count() >= 5);
    let notes: Vec<Value> = crm.records("notes").await;
    assert_eq!(notes.len(), poster.acked.len());
    assert_eq!(process.ended(), None, "{}", home.log_end());
}
