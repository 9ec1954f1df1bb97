//! What people do: pause, resume, try again, replay, set secrets, switch rules off, delete and rename things, also from a
//! command line beside the router.

use crate::postgres::TestDatabase;
use crate::support::{Booking, Router, TOKEN};
use serde_json::json;
use std::time::Duration;
use waypost::domain::{RunState, VerdictCode};
use waypost::ports::RunRow;

/// Sends the e-mail as key, and a fixed tag.
fn guests(tag: &str) -> String {
    format!(
        "title: Guests\nfrom: tours\non: [created, updated, cancelled]\nsteps:\n  - id: contact\n    \
         use: crm.upsert_contact\n    with: {{ id: \"{{{{ booking.contact.email }}}}\", tag: {tag}, \
         note: \"{{{{ booking.note }}}}\" }}\n"
    )
}

/// The same rule, each of whose runs counts: a newer one takes nobody's place.
fn each_counts(tag: &str) -> String {
    format!("latest_only: false\n{}", guests(tag))
}

const NOTES: &str = "title: Notes\nfrom: tours\nsteps:\n  - id: note\n    use: crm.add_note\n    \
                     with: { text: \"Booked {{ booking.uuid }}\" }\n";

fn states(runs: &[RunRow]) -> Vec<&'static str> {
    runs.iter().map(|run| run.state.as_str()).collect()
}

fn code(run: &RunRow) -> Option<VerdictCode> {
    run.verdict.as_ref().map(|verdict| verdict.code)
}

async fn planned(router: &Router, count: usize) {
    router.until("all are planned", async |router| router.runs().await.len() == count).await;
}

async fn all_are(router: &Router, state: RunState) {
    let what = format!("all are {state}");
    router.until(&what, async |router| router.runs().await.iter().all(|run| run.state == state)).await;
}

async fn resumed_while_stopped(mut router: Router) {
    router.served().app.pause("crm", true).await.expect("it is paused");
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    for number in 1..=3 {
        router.post(&Booking::new(number)).await;
    }
    planned(&router, 3).await;
    all_are(&router, RunState::Paused).await;
    // A change that comes meanwhile takes the place of the older.
    router.post(&Booking::new(1).with("/note", "later")).await;
    router
        .until("the older is superseded", async |router| states(&router.runs().await)[0] == "superseded")
        .await;
    assert_eq!(router.stats()["calls"], 0);
    router.stop().await;
    let beside = router.beside().await;
    beside.pause("crm", false).await.expect("it is resumed");
    beside.store.close().await;
    router.restart().await;
    let runs = router.quiet().await;
    assert_eq!(states(&runs), ["superseded", "done", "done", "done"]);
    assert_eq!(router.records("contacts")["guest1@example.org"]["note"], "later");
    // And while it runs.
    let beside = router.beside().await;
    beside.pause("crm", true).await.expect("it is paused");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    router.post(&Booking::new(9)).await;
    router
        .until("it is paused", async |router| {
            router.runs().await.last().is_some_and(|run| run.state == RunState::Paused)
        })
        .await;
    beside.pause("crm", false).await.expect("it is resumed");
    beside.store.close().await;
    assert_eq!(states(&router.quiet().await).last(), Some(&"done"));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_resumed_while_the_router_was_stopped_goes_on() {
    resumed_while_stopped(Router::start(&[("guests.yaml", &guests("one"))]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_resumed_while_the_router_was_stopped_goes_on_on_postgres() {
    let database = TestDatabase::create().await;
    let url = Some(database.url.clone());
    resumed_while_stopped(Router::start_with(&[("guests.yaml", &guests("one"))], "", url).await).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unbegun_run_takes_the_present_rule_and_a_begun_one_its_own() {
    let mut router = Router::start(&[("guests.yaml", &guests("one"))]).await;
    router.behave(json!({ "fail": { "status": 500 }, "match": { "key": "guest1@example.org" } }));
    router.post(&Booking::new(1)).await;
    router
        .until("the first has begun", async |router| {
            router.runs().await.first().is_some_and(|run| run.ruleset.is_some() && run.failures > 0)
        })
        .await;
    router.served().app.pause("crm", true).await.expect("it is paused");
    all_are(&router, RunState::Paused).await;
    router.post(&Booking::new(2)).await;
    planned(&router, 2).await;
    all_are(&router, RunState::Paused).await;
    router.write("guests.yaml", &guests("two"));
    router.taken_up().await;
    router.behave(json!({}));
    router.served().app.pause("crm", false).await.expect("it is resumed");
    assert_eq!(states(&router.quiet().await), ["done", "done"]);
    let records = router.records("contacts");
    assert_eq!(records["guest1@example.org"]["tag"], "one");
    assert_eq!(records["guest2@example.org"]["tag"], "two");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_tried_again_takes_the_present_rule_and_an_older_run_changes_nothing_back() {
    let mut router = Router::start(&[("guests.yaml", &each_counts("one"))]).await;
    router.behave(json!({ "refuse_fields": { "tag": "no such tag" } }));
    router.post(&Booking::new(1)).await;
    router.post(&Booking::new(2)).await;
    assert_eq!(states(&router.quiet().await), ["failed", "failed"]);
    router.behave(json!({}));
    router.write("guests.yaml", &each_counts("two"));
    router.taken_up().await;
    // The second changed since: its e-mail address too.
    router.post(&Booking::new(2).with("/contact/email", "new@example.org")).await;
    let runs = router.quiet().await;
    let failed: Vec<_> = runs[..2].iter().map(|run| run.id.clone()).collect();
    let taken = router.served().app.retry(&failed, false).await.expect("they are tried again");
    assert_eq!(taken, failed);
    let runs = router.quiet().await;
    assert_eq!(states(&runs), ["done", "superseded", "done"], "{:?}", runs[1]);
    let records = router.records("contacts");
    assert_eq!(records["guest1@example.org"]["tag"], "two");
    assert_eq!(records.as_object().map(serde_json::Map::len), Some(2));
    assert_eq!(records["new@example.org"]["tag"], "two");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_run_as_it_was_is_sent_all_the_same() {
    let mut router = Router::start(&[("guests.yaml", &guests("one"))]).await;
    router.behave(json!({ "refuse_fields": { "tag": "no such tag" } }));
    router.post(&Booking::new(1).with("/note", "older")).await;
    router.quiet().await;
    router.behave(json!({}));
    router.post(&Booking::new(1).with("/note", "newer")).await;
    let older = router.quiet().await[0].id.clone();
    router.served().app.retry(std::slice::from_ref(&older), true).await.expect("it is tried again");
    assert_eq!(states(&router.quiet().await), ["done", "done"]);
    assert_eq!(router.records("contacts")["guest1@example.org"]["note"], "older");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_sends_nothing_new_for_upserts_and_one_more_create() {
    let mut router = Router::start(&[("guests.yaml", &guests("one")), ("notes.yaml", NOTES)]).await;
    router.post(&Booking::new(1).with("/note", "first")).await;
    router.quiet().await;
    router.post(&Booking::new(1).with("/note", "second")).await;
    router.quiet().await;
    assert_eq!((router.calls("contacts"), router.calls("notes")), (2, 2));
    let filter = waypost::ports::ListFilter { limit: 5, ..Default::default() };
    let events = router.served().app.store.list_events(&filter).await.expect("the events");
    let first = events.last().expect("an event").id.clone();
    let replayed = router.served().app.replay(&first).await.expect("it is replayed");
    assert_eq!(replayed.runs.len(), 2);
    router.quiet().await;
    let runs = router.served().app.runs_of_event(&first).await.expect("its runs");
    assert_eq!(states(&runs), ["done", "done", "skipped", "done"], "{runs:?}");
    assert_eq!(code(&runs[2]), Some(VerdictCode::Unchanged));
    assert_eq!((router.calls("contacts"), router.calls("notes")), (2, 3));
    assert_eq!(router.records("contacts")["guest1@example.org"]["note"], "second");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_ends_cancels_what_it_did_not_begin_and_a_renamed_one_goes_on() {
    let files =
        [("guests.yaml", guests("one")), ("notes.yaml", NOTES.to_owned()), ("old.yaml", guests("old"))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let mut router = Router::start(&files).await;
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    router.served().app.pause("crm", true).await.expect("it is paused");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    router.post(&Booking::new(2)).await;
    planned(&router, 6).await;
    router.write("notes.yaml", &format!("enabled: false\n{NOTES}"));
    router.write("new.yaml", &format!("was: old\n{}", guests("old")));
    // A file that is renamed ends at once: another one says that it was it.
    std::fs::remove_file(router.rules().join("old.yaml")).expect("it is removed");
    let renamed = async |router: &Router| {
        router
            .served()
            .app
            .active()
            .is_some_and(|active| active.rules.contains_key("new") && !active.rules["notes"].enabled)
    };
    router.until("the new rules are active", renamed).await;
    router.served().app.pause("crm", false).await.expect("it is resumed");
    let runs = router.quiet().await;
    let by_rule = |rule: &str| runs.iter().filter(|run| run.rule == rule).collect::<Vec<_>>();
    assert_eq!(by_rule("notes")[1].state, RunState::Cancelled);
    assert_eq!(code(by_rule("notes")[1]), Some(VerdictCode::RuleOff));
    assert_eq!(by_rule("guests")[1].state, RunState::Done);
    assert_eq!(by_rule("old")[1].state, RunState::Done, "{:?}", by_rule("old")[1]);
    // The links went along: the same fields are not sent again.
    let calls = router.calls("contacts");
    router.post(&Booking::new(1).with("/customer_count", 3)).await;
    let runs = router.quiet().await;
    let last = runs.iter().rfind(|run| run.rule == "new").expect("a run of the renamed rule");
    assert_eq!(code(last), Some(VerdictCode::Unchanged), "{last:?}");
    assert_eq!(router.calls("contacts"), calls);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_create_that_cannot_be_looked_up_is_held_until_a_person_tries_it_again() {
    let mut router = Router::start(&[]).await;
    let base = router.crm.as_ref().expect("a CRM").url();
    router.write(
        "connections/own.yaml",
        &format!(
            "connector: http\ntitle: Own\nbase_url: {base}\nallow_private: true\nretry: {{ schedule: [200ms] }}\n\
             actions:\n  add:\n    method: POST\n    path: /notes\n    repeatable: false\n    outputs: {{ id: /id }}\n"
        ),
    );
    router.write(
        "notes.yaml",
        "title: Notes\nfrom: tours\nsteps:\n  - use: own.add\n    with: { text: hello }\n",
    );
    router.taken_up().await;
    router.behave(json!({ "lose_answers": 1 }));
    router.post(&Booking::new(1)).await;
    let runs = router.quiet().await;
    assert_eq!((states(&runs), code(&runs[0])), (vec!["held"], Some(VerdictCode::OutcomeUnknown)));
    assert_eq!(router.calls("notes"), 1);
    router.served().app.retry(&[runs[0].id.clone()], false).await.expect("it is tried again");
    assert_eq!(states(&router.quiet().await), ["done"]);
    assert_eq!(router.calls("notes"), 2);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_without_a_value_pauses_and_goes_on_when_it_is_set() {
    let mut router = Router::start_with(
        &[("guests.yaml", &guests("one"))],
        "auth: { token: { secret: crm-token } }\n",
        None,
    )
    .await;
    for number in 1..=3 {
        router.post(&Booking::new(number)).await;
    }
    planned(&router, 3).await;
    all_are(&router, RunState::Paused).await;
    let states_now = router.served().app.store.connections().await.expect("the connections");
    assert!(
        states_now[0].needs_auth.as_deref().is_some_and(|why| why.contains("crm-token")),
        "{states_now:?}"
    );
    router.restart().await;
    let beside = router.beside().await;
    beside.set_secret("crm-token", "anything").await.expect("a secret");
    beside.store.close().await;
    assert_eq!(states(&router.quiet().await), ["done", "done", "done"]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_connection_holds_what_had_begun_and_another_account_starts_new_links() {
    let mut router = Router::start(&[("guests.yaml", &guests("one"))]).await;
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    // The same CRM by another name is another account, as far as links go.
    let port = router.crm.as_ref().expect("a CRM").address.port();
    let file = std::fs::read_to_string(router.rules().join("connections/crm.yaml")).expect("the file");
    router.write("connections/crm.yaml", &file.replace("127.0.0.1", "localhost"));
    router.taken_up().await;
    router.post(&Booking::new(1).with("/customer_count", 3)).await;
    router.quiet().await;
    assert_eq!(router.calls("contacts"), 2, "port {port}");
    router.behave(json!({ "fail": { "status": 500 } }));
    router.post(&Booking::new(2)).await;
    router
        .until("it has begun", async |router| router.runs().await.last().is_some_and(|run| run.failures > 0))
        .await;
    std::fs::remove_file(router.rules().join("connections/crm.yaml")).expect("it is removed");
    std::fs::remove_file(router.rules().join("guests.yaml")).expect("it is removed");
    router.write("other.yaml", "title: Other\nfrom: tours\nenabled: false\nsteps: []\n");
    router.served().app.try_files(&waypost::rules::Files::default(), Vec::new()).await;
    let runs = router.quiet().await;
    let last = runs.last().expect("a run");
    assert_eq!((last.state, code(last)), (RunState::Held, Some(VerdictCode::ConnectionGone)), "{last:?}");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_without_its_tokens_value_answers_503_and_a_removed_one_keeps_acking() {
    let mut router = Router::start(&[("guests.yaml", &guests("one"))]).await;
    router.write(
        "sources/rooms.yaml",
        "connector: fareharbor\ntitle: Rooms\ntoken: { env: WAYPOST_TEST_NO_SUCH_TOKEN }\n",
    );
    router.taken_up().await;
    let answer = router.request("POST", &format!("/hooks/rooms/{TOKEN}")).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    let mut files = waypost::rules::Files::default();
    files.texts.insert(
        "connections/crm.yaml".into(),
        "connector: sandbox\nbase_url: http://127.0.0.1:1\nallow_private: true\n".into(),
    );
    let (activated, diagnostics) = router.served().app.try_files(&files, Vec::new()).await;
    assert!(activated, "{diagnostics:?}");
    assert_eq!(router.post(&Booking::new(1)).await, 200);
    router.quiet().await;
    let filter = waypost::ports::ListFilter { limit: 5, ..Default::default() };
    let events = router.served().app.store.list_events(&filter).await.expect("the events");
    assert_eq!(events[0].changes[0].note.as_deref(), Some("source removed"));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_deleted_while_it_was_paused_holds_what_had_begun() {
    let mut router = Router::start(&[("guests.yaml", &guests("one"))]).await;
    router.behave(json!({ "fail": { "status": 500 } }));
    router.post(&Booking::new(1)).await;
    router.until("it has begun", async |router| router.stats()["calls"].as_i64() > Some(0)).await;
    router.served().app.pause("crm", true).await.expect("it is paused");
    router.until("it is paused", async |router| states(&router.runs().await) == ["paused"]).await;
    std::fs::remove_file(router.rules().join("connections/crm.yaml")).expect("it was there");
    router.write(
        "connections/other.yaml",
        "connector: sandbox\nbase_url: http://127.0.0.1:9\nallow_private: true\n",
    );
    router.write("guests.yaml", &guests("one").replace("crm.upsert", "other.upsert"));
    router.until("it is held", async |router| states(&router.runs().await) == ["held"]).await;
    assert_eq!(code(&router.runs().await[0]), Some(VerdictCode::ConnectionGone));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_that_share_a_lane_do_not_end_each_others_runs() {
    let shared = guests("one").replace("steps:", "lane: \"{{ booking.company.shortname }}\"\nsteps:");
    let mut router = Router::start(&[("guests.yaml", &shared)]).await;
    router.served().app.pause("crm", true).await.expect("it is paused");
    for number in 1..=3 {
        router.post(&Booking::new(number)).await;
    }
    planned(&router, 3).await;
    router.served().app.pause("crm", false).await.expect("it is resumed");
    let runs = router.quiet().await;
    assert_eq!(states(&runs), ["done", "done", "done"]);
    assert_eq!(router.records("contacts").as_object().map(serde_json::Map::len), Some(3));
    router.stop().await;
}
