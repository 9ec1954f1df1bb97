//! A bad neighbour stays alone: rules that never end, huge fields, crowds around one record, a database that goes away.

use crate::postgres::TestDatabase;
use crate::support::{Booking, Router, TOKEN};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use waypost::domain::{RunState, VerdictCode};

const GUESTS: &str = "title: Guests\nfrom: tours\nsteps:\n  - id: contact\n    use: crm.upsert_contact\n    \
                      with: { id: \"{{ booking.contact.email }}\", note: \"{{ booking.note }}\" }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_never_ends_fails_its_own_runs_only() {
    let endless = "title: Endless\nfrom: tours\nsteps:\n  - use: crm.upsert_contact\n    with: { id: \"{{ spin(booking.pk) }}\" }\n";
    let spin = "fn spin(n) { let i = n; while true { i += 1; } i }\n";
    let when = GUESTS.replace("from: tours\n", "from: tours\nwhen: spin(1) > 0\n");
    let mut router = Router::start(&[
        ("guests.yaml", GUESTS),
        ("endless.yaml", endless),
        ("when.yaml", &when),
        ("lib/spin.rhai", spin),
    ])
    .await;
    for number in 1..=3 {
        assert_eq!(router.post(&Booking::new(number)).await, 200);
    }
    let runs = router.quiet().await;
    assert_eq!(runs.len(), 9);
    for run in runs {
        let expected = if run.rule == "guests" { RunState::Done } else { RunState::Failed };
        assert_eq!(run.state, expected, "{run:?}");
        if run.rule != "guests" {
            assert_eq!(run.verdict.as_ref().map(|verdict| verdict.code), Some(VerdictCode::Mapping));
        }
    }
    router.stop().await;
}

/// Twenty senders, each of which goes on at once: the stages behind the ack rest for most of the time meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_does_not_end_slows_deliveries_and_stops_none() {
    const SENDERS: u32 = 20;
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    let going = Arc::new(AtomicBool::new(true));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (going, hook) = (going.clone(), router.request("POST", &format!("/hooks/tours/{TOKEN}")));
            tokio::spawn(async move {
                let mut sent = 0;
                while going.load(Ordering::Relaxed) {
                    let booking = Booking::new(sender * 100_000 + sent + 1);
                    let hook = hook.try_clone().expect("it has no body yet");
                    let answer = hook.body(booking.body.to_string()).send().await.expect("it is answered");
                    assert_eq!(answer.status(), 200);
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    router
        .until("some arrived while the crowd goes on", async |router| {
            router.records("contacts").as_object().is_some_and(|contacts| contacts.len() >= 40)
        })
        .await;
    going.store(false, Ordering::Relaxed);
    let mut sent = 0;
    for sender in senders {
        sent += sender.await.expect("it sends");
    }
    router.quiet().await;
    assert_eq!(router.records("contacts").as_object().map(serde_json::Map::len), Some(sent as usize));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_bookings_of_one_guest_do_not_starve_the_others() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    router.behave(json!({ "delay_ms": 1_000, "match": { "key": "agency@example.org" } }));
    for number in 1..=60 {
        let note = format!("number {number}");
        router
            .post(&Booking::new(number).with("/contact/email", "agency@example.org").with("/note", note))
            .await;
    }
    for number in 101..=110 {
        router.post(&Booking::new(number)).await;
    }
    router
        .until("the others are there", async |router| {
            router.records("contacts").as_object().is_some_and(|contacts| contacts.len() == 11)
        })
        .await;
    let waiting = router.runs().await.iter().filter(|run| run.state == RunState::Waiting).count();
    assert!(waiting > 20, "{waiting} still wait for the agency's record");
    router.behave(json!({}));
    let runs = router.quiet().await;
    assert!(runs.iter().all(|run| run.state == RunState::Done));
    assert_eq!(router.records("contacts")["agency@example.org"]["note"], "number 60");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_field_goes_through() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    let note = "å".repeat(100_000);
    assert_eq!(router.post(&Booking::new(1).with("/note", note.clone())).await, 200);
    let runs = router.quiet().await;
    assert_eq!(runs[0].state, RunState::Done, "{:?}", runs[0].verdict);
    assert_eq!(router.records("contacts")["guest1@example.org"]["note"], json!(note));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_of_several_connections_and_many_steps_without_a_call_come_to_an_end() {
    let mut steps = String::new();
    for number in 0..45 {
        steps.push_str(&format!(
            "  - id: s{number}\n    use: crm.upsert_contact\n    with: {{ id: \"k{number}\" }}\n"
        ));
    }
    let many = format!("title: Many\nfrom: tours\nsteps:\n{steps}");
    let mut router = Router::start(&[("many.yaml", &many)]).await;
    let crm = std::fs::read_to_string(router.rules().join("connections/crm.yaml")).expect("the file");
    router.write("connections/second.yaml", &crm);
    router.write(
        "two.yaml",
        "title: Two\nfrom: tours\nsteps:\n  - id: one\n    use: crm.upsert_contact\n    with: { id: a }\n  \
         - id: other\n    use: second.upsert_booking\n    with: { id: b, contact: \"{{ steps.one.id }}\" }\n  \
         - id: last\n    use: crm.upsert_contact\n    with: { id: c, note: \"{{ steps.other.id }}\" }\n",
    );
    router.taken_up().await;
    router.post(&Booking::new(1)).await;
    let runs = router.quiet().await;
    assert!(runs.iter().all(|run| run.state == RunState::Done), "{runs:?}");
    router.post(&Booking::new(1).with("/note", "nothing that is sent")).await;
    let runs = router.quiet().await;
    assert!(runs[2..].iter().all(|run| run.state == RunState::Skipped), "{:?}", runs[2..].to_vec());
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_again_and_again_loses_and_doubles_nothing() {
    let database = TestDatabase::create().await;
    let notes = "title: Notes\nfrom: tours\nsteps:\n  - use: crm.add_note\n    with: { text: \"{{ booking.uuid }}\" }\n";
    let url = Some(database.url.clone());
    let mut router = Router::start_with(&[("guests.yaml", GUESTS), ("notes.yaml", notes)], "", url).await;
    let kill = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
        database.name()
    );
    let killer = tokio::spawn(async move {
        for _ in 0..25 {
            TestDatabase::run(&kill).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut acked = 0;
    for number in 1..=60 {
        // A 503 is said honestly, and the booking system sends it again.
        while router.post(&Booking::new(number)).await != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        acked += 1;
    }
    killer.await.expect("it killed");
    assert_eq!(acked, 60);
    let runs = router.quiet().await;
    let odd: Vec<_> = runs.iter().filter(|run| run.state != RunState::Done).collect();
    assert!(odd.is_empty(), "{odd:?}");
    let stats = router.stats();
    assert_eq!(stats["objects"]["contacts"]["effects"], 60, "{stats}");
    assert_eq!(
        (&stats["objects"]["notes"]["effects"], &stats["objects"]["notes"]["doubled"]),
        (&json!(60), &json!(0))
    );
    router.stop().await;
    database.remove().await;
}
