//! A new or changed rule reaches existing bookings: what is sent, what is not, and that no batch is done twice.

use crate::postgres::TestDatabase;
use crate::support::{Booking, Router};
use serde_json::json;
use waypost::app::{AskError, Days, Foresight};
use waypost::domain::RunState;
use waypost::ports::{ApplyRow, ApplyState, NewApply, RunRow};

fn guests(on: &str, tag: &str) -> String {
    format!(
        "title: Guests\nfrom: tours\non: {on}\nwhen: present(person.email)\nsteps:\n  - id: contact\n    \
         use: crm.upsert_contact\n    with: {{ id: \"{{{{ person.email }}}}\", tag: {tag}, \
         note: \"{{{{ booking.note }}}}\" }}\n"
    )
}

const ALL: &str = "[created, updated, cancelled]";
const NOTES: &str = "title: Notes\nfrom: tours\non: [created]\nsteps:\n  - id: note\n    use: crm.add_note\n    \
                     with: { text: \"Booked {{ booking.uuid }}\" }\n";

fn asked(router: &Router, rule: &str) -> NewApply {
    let at = router.served().app.clock.now();
    NewApply { rule: rule.into(), who: "Ada".into(), at, ..NewApply::default() }
}

/// Applies a rule and waits until the serving instance has been through all bookings.
async fn apply(router: &Router, rule: &str) -> ApplyRow {
    let app = &router.served().app;
    let (row, _) = app.begin_apply(&asked(router, rule)).await.expect("it begins");
    ended(router, &row).await
}

async fn ended(router: &Router, row: &ApplyRow) -> ApplyRow {
    let now = async || router.served().app.apply_row(&row.asked.rule, row.seq).await.expect("it is there");
    router.until("it is applied", async |_| now().await.state != ApplyState::Open).await;
    now().await
}

async fn ahead(router: &Router, rule: &str) -> Foresight {
    let app = &router.served().app;
    app.apply_ahead(rule, &Days::default(), None, |_| {}).await.expect("it can be told")
}

fn applied(runs: &[RunRow]) -> usize {
    runs.iter().filter(|run| run.trigger == "apply").count()
}

async fn reaches_existing_bookings(mut router: Router) {
    for number in 1..=3 {
        router.post(&Booking::new(number)).await;
    }
    router.post(&Booking::new(4).with("/contact/email", "")).await;
    router.post(&Booking::new(5).with("/status", "cancelled")).await;
    router.quiet().await;
    assert_eq!(router.stats()["calls"], 0, "no rule is there yet");
    router.write("guests.yaml", &guests("[created, updated]", "one"));
    router.taken_up().await;
    let told = ahead(&router, "guests").await;
    let counts = told.counts;
    assert_eq!((counts.looked, counts.sends, counts.excluded, counts.runs), (5, 3, 2, 3));
    let reasons: Vec<(&str, i64)> = told.reasons.iter().map(|(why, count)| (why.as_str(), *count)).collect();
    assert_eq!(
        reasons,
        [
            ("The rule's condition is not true: `present(person.email)` (guests.yaml, line 4).", 1),
            ("it is cancelled, and the rule does not ask for that", 1),
        ]
    );
    assert_eq!(told.examples.len(), 3);
    assert_eq!(told.examples[0].steps, ["crm.upsert_contact"]);
    assert!(router.runs().await.is_empty(), "a look ahead plans nothing");
    let row = apply(&router, "guests").await;
    assert_eq!((row.state, row.counts), (ApplyState::Done, counts), "it comes to what was told");
    let runs = router.quiet().await;
    assert_eq!(applied(&runs), 3);
    assert!(runs.iter().all(|run| run.asked == "created" && run.state == RunState::Done), "{runs:?}");
    let contacts = router.records("contacts");
    assert_eq!(contacts.as_object().map(serde_json::Map::len), Some(3));
    assert_eq!(contacts["guest1@example.org"]["tag"], "one");
    // Again: nothing is new, so nothing is planned.
    let calls = router.stats()["calls"].clone();
    let row = apply(&router, "guests").await;
    assert_eq!((row.counts.unchanged, row.counts.sends, row.counts.runs), (3, 0, 0));
    assert_eq!(router.quiet().await.len(), runs.len());
    assert_eq!(router.stats()["calls"], calls);
    // Changed: all three, each once.
    router.write("guests.yaml", &guests(ALL, "two"));
    router.taken_up().await;
    assert_eq!(ahead(&router, "guests").await.counts.sends, 4, "now with the cancelled one");
    apply(&router, "guests").await;
    router.quiet().await;
    assert_eq!(router.records("contacts")["guest5@example.org"]["tag"], "two");
    assert_eq!(router.calls("contacts"), 7);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_rule_reaches_existing_bookings_and_what_is_there_is_not_sent_again() {
    reaches_existing_bookings(Router::start(&[]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_rule_reaches_existing_bookings_on_postgres_too() {
    let database = TestDatabase::create().await;
    reaches_existing_bookings(Router::start_with(&[], "", Some(database.url.clone())).await).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_its_way_is_not_planned_twice() {
    let mut router = Router::start(&[]).await;
    for number in 1..=3 {
        router.post(&Booking::new(number)).await;
    }
    router.quiet().await;
    router.served().app.pause("crm", true).await.expect("it is paused");
    router.write("guests.yaml", &guests(ALL, "one"));
    router.taken_up().await;
    assert_eq!(apply(&router, "guests").await.counts.runs, 3);
    let row = apply(&router, "guests").await;
    assert_eq!((row.counts.open, row.counts.runs), (3, 0), "{row:?}");
    assert_eq!(router.runs().await.len(), 3);
    router.served().app.pause("crm", false).await.expect("it is resumed");
    router.quiet().await;
    assert_eq!(router.calls("contacts"), 3);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_made_twice_is_not() {
    let mut router = Router::start(&[]).await;
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    router.write("notes.yaml", NOTES);
    router.taken_up().await;
    router.post(&Booking::new(2)).await;
    router.quiet().await;
    assert_eq!(router.calls("notes"), 1);
    let told = ahead(&router, "notes").await;
    assert_eq!((told.counts.made, told.counts.sends), (1, 1), "{told:?}");
    apply(&router, "notes").await;
    router.quiet().await;
    apply(&router, "notes").await;
    router.quiet().await;
    assert_eq!(router.calls("notes"), 2);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_applying_goes_on_after_a_stop_and_two_who_drive_it_plan_nothing_twice() {
    let mut router = Router::start(&[("guests.yaml", &guests(ALL, "one"))]).await;
    router
        .write("guests.yaml", &guests(ALL, "one").replace("title: Guests", "title: Guests\nenabled: false"));
    router.taken_up().await;
    for number in 1..=130 {
        router.post(&Booking::new(number)).await;
    }
    router.quiet().await;
    router.write("guests.yaml", &guests(ALL, "one"));
    router.taken_up().await;
    router.stop().await;
    // Begun by a command, which got through one batch and no further.
    let beside = router.beside().await;
    let new = NewApply { rule: "guests".into(), at: beside.clock.now(), ..NewApply::default() };
    let (row, began) = beside.begin_apply(&new).await.expect("it begins");
    assert!(began);
    let after = beside.apply_further(&row).await.expect("one batch");
    assert_eq!((after.counts.looked, after.counts.runs, after.state), (100, 100, ApplyState::Open));
    // Somebody who did not see that does the first batch again: nothing comes of it.
    let same = beside.apply_further(&row).await.expect("one batch");
    assert_eq!(same, after);
    beside.store.close().await;
    router.restart().await;
    let row = ended(&router, &row).await;
    assert_eq!((row.counts.looked, row.counts.runs, row.state), (130, 130, ApplyState::Done));
    assert_eq!(router.quiet().await.len(), 130);
    assert_eq!(router.calls("contacts"), 130);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_is_off_or_not_there_is_not_applied_and_one_switched_off_stops() {
    let mut router = Router::start(&[("guests.yaml", &guests(ALL, "one"))]).await;
    let app = router.served().app.clone();
    let unknown = app.begin_apply(&asked(&router, "nobody")).await.expect_err("there is none");
    assert!(matches!(unknown, AskError::Unknown { what: "rule", .. }));
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    let off = guests(ALL, "one").replace("title: Guests", "title: Guests\nenabled: false");
    // Begun behind the back of the one who serves, and switched off before it takes it up.
    drop(app);
    router.stop().await;
    let beside = router.beside().await;
    let new = NewApply { rule: "guests".into(), at: beside.clock.now(), ..NewApply::default() };
    beside.store.begin_apply(&new).await.expect("it begins");
    let files = json!({
        "guests.yaml": off, "connections/crm.yaml": std::fs::read_to_string(router.rules().join("connections/crm.yaml")).unwrap(),
        "sources/tours.yaml": std::fs::read_to_string(router.rules().join("sources/tours.yaml")).unwrap(),
    });
    let hash = waypost::rules::Files::from_json(&files.to_string()).unwrap().hash();
    beside.store.activate_ruleset(&hash, &files.to_string(), beside.clock.now()).await.expect("it is kept");
    beside.store.close().await;
    router.write("guests.yaml", &off);
    router.restart().await;
    router.taken_up().await;
    let app = router.served().app.clone();
    let refused = app.begin_apply(&asked(&router, "guests")).await.expect_err("it is off");
    assert!(refused.to_string().contains("switched off"), "{refused}");
    let row = app.apply_row("guests", 1).await.expect("it is there");
    let row = ended(&router, &row).await;
    assert_eq!(row.state, ApplyState::Stopped);
    assert!(row.note.is_some_and(|why| why.contains("switched off")));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_those_of_the_place_where_the_trip_starts() {
    let mut router = Router::start(&[]).await;
    router.post(&Booking::new(1)).await;
    router.post(&Booking::new(2).with("/availability/start_at", "2027-03-15T00:30:00+1300")).await;
    router.quiet().await;
    router.write("guests.yaml", &guests(ALL, "one"));
    router.taken_up().await;
    let app = router.served().app.clone();
    let sends = async |from: Option<&str>, to: Option<&str>| {
        let days = Days { from: from.map(str::to_owned), to: to.map(str::to_owned) };
        app.apply_ahead("guests", &days, None, |_| {}).await.expect("it can be told").counts.sends
    };
    assert_eq!(sends(None, None).await, 2);
    assert_eq!(sends(Some("2027-03-15"), None).await, 1);
    assert_eq!(sends(None, Some("2027-03-14")).await, 1);
    assert_eq!(sends(Some("2027-03-14"), Some("2027-03-15")).await, 2);
    assert_eq!(sends(Some("2027-03-16"), None).await, 0);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_fails_is_told_before_and_seen_after() {
    let mut router = Router::start(&[]).await;
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    let rule = guests(ALL, "one").replace("{{ booking.note }}", "{{ booking.agent.name.first }} and more");
    router.write("guests.yaml", &rule);
    router.taken_up().await;
    let told = ahead(&router, "guests").await;
    assert_eq!(told.counts.fails, 1, "{told:?}");
    assert!(!told.reasons[0].0.contains("evt_"), "{:?}", told.reasons);
    apply(&router, "guests").await;
    let runs = router.quiet().await;
    assert_eq!(runs.iter().map(|run| run.state).collect::<Vec<_>>(), [RunState::Failed]);
    router.stop().await;
}
