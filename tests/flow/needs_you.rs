//! What needs a person, the whole way: groups that close by themselves, many runs tried again through a kill, and a record
//! that a person made by hand.

use crate::postgres::TestDatabase;
use crate::signed_in::session_of;
use crate::support::{Booking, Router, TOKEN, client};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use waypost::app::{App, DoneByHand, NewAct, Places, WhyNot};
use waypost::clock::{OsEntropy, SystemClock};
use waypost::domain::*;
use waypost::ports::*;
use waypost::sandbox::{self, SandboxState};

const GUESTS: &str = r#"
title: Guests into our CRM
from: tours
on: [created, updated, cancelled]
steps:
  - id: contact
    use: crm.upsert_contact
    with:
      id: "{{ booking.contact.email }}"
      phone: "{{ booking.contact.phone }}"
      note: "{{ booking.note }}"
"#;

/// A connection whose answers mean what they commonly do.
const OWN: &str = r#"
connector: http
title: Own
base_url: BASE
allow_private: true
actions:
  upsert:
    method: PUT
    path: "/contacts/{{ input.id }}"
    object: contact
    key: [id]
    repeatable: true
    inputs: { id: { type: string, required: true } }
    outputs: { id: /id }
    update: { method: PATCH, path: "/contacts/{{ link.id }}", query: { key: "{{ input.id }}" } }
"#;

/// An upsert, and a create that reads its output.
const CHAIN: &str = r#"
title: Chain
from: tours
steps:
  - id: contact
    use: crm.upsert_contact
    with: { id: "{{ booking.contact.email }}", phone: "{{ booking.contact.phone }}" }
  - id: note
    use: crm.add_note
    with: { text: "Booked by {{ steps.contact.id }}" }
"#;

async fn open(router: &Router) -> Vec<CauseGroup> {
    router.served().app.store.open_causes(None, 100).await.expect("the groups")
}

async fn page(router: &Router, session: &str, path: &str) -> String {
    let address = router.served().ui_listen;
    let asked =
        client().get(format!("http://{address}{path}")).header("cookie", format!("waypost={session}"));
    let answer = asked.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.text().await.expect("a page")
}

fn act(act: BulkAct, filter: TroubleFilter) -> NewAct {
    NewAct { id: None, act, filter, who: "Mary".into() }
}

async fn refused_and_then_taken(mut router: Router) {
    let app = &router.served().app;
    let session = session_of(app, "siobhan@example.org", Role::Editor).await;
    router.behave(json!({ "refuse_fields": { "phone": "phone: it has no country code (0123 456789)" } }));
    for number in 1..=3 {
        router.post(&Booking::new(number)).await;
    }
    router.quiet().await;
    let groups = open(&router).await;
    assert_eq!((groups.len(), groups[0].needs, groups[0].guests), (1, 3, 3), "{groups:?}");
    assert_eq!(groups[0].cause.pattern, "phone: it has no country code (…)");
    let key = groups[0].key.clone();
    let told = page(&router, &session, "/needs-you").await;
    let sentence = "Our CRM refuses the phone of 3 guests: it has no country code (…).";
    assert!(told.contains(sentence), "{told}");
    assert!(told.contains("Rule “Guests into our CRM”, line 10"), "{told}");
    let told = page(&router, &session, &format!("/needs-you/{key}")).await;
    assert!(told.contains("Siobhán Ní Bhriain") && told.contains("Try these 3 again"), "{told}");

    // A newer change of the first guest goes through without the phone: the older run is overtaken.
    router.post(&Booking::new(1).with("/contact/phone", Value::Null)).await;
    router.until("the older one is overtaken", async |router| open(router).await[0].needs == 2).await;
    assert_eq!(router.quiet().await[0].state, RunState::Superseded);

    // The CRM takes it now, and a person tries the others again.
    router.behave(json!({}));
    let app = router.served().app.clone();
    let filter = TroubleFilter { cause: Some(key.clone()), ..TroubleFilter::default() };
    let plan = app.plan_act(BulkAct::Retry, &filter).await.expect("a plan");
    assert_eq!((plan.runs, plan.first.len(), plan.left_out.len()), (2, 2, 0));
    let asked = app.ask_act(act(BulkAct::Retry, filter)).await.expect("it is asked");
    assert_eq!((asked.planned, asked.who.as_str()), (2, "Mary"));
    router.until("the group is closed", async |router| open(router).await.is_empty()).await;
    let closed = app.store.closed_causes(0, 10).await.expect("the groups");
    assert_eq!(closed.iter().map(|group| &group.key).collect::<Vec<_>>(), [&key]);
    let told = page(&router, &session, "/needs-you").await;
    assert!(told.contains("Nothing needs you.") && told.contains("Closed lately (1)"), "{told}");
    assert_eq!(router.records("contacts").as_object().expect("records").len(), 3);
    let asked = app.store.bulk(&asked.id).await.expect("a store").expect("it is kept");
    assert_eq!((asked.done, asked.left_out, asked.ended_at.is_some()), (2, 0, true));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_closes_by_itself_when_the_crm_takes_what_it_refused() {
    refused_and_then_taken(Router::start(&[("guests.yaml", GUESTS)]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_closes_by_itself_when_the_crm_takes_what_it_refused_on_postgres() {
    let database = TestDatabase::create().await;
    let url = Some(database.url.clone());
    refused_and_then_taken(Router::start_with(&[("guests.yaml", GUESTS)], "", url).await).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_made_by_hand_is_changed_by_its_id_later() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    router.behave(json!({ "refuse_fields": { "phone": "no phones today" } }));
    router.post(&Booking::new(1)).await;
    let failed = router.quiet().await.remove(0);
    assert_eq!(failed.state, RunState::Failed);
    // The person makes it under a key of their own.
    let crm = router.crm.as_ref().expect("a CRM").url();
    let made = client().put(format!("{crm}/contacts/siobhan")).body(r#"{"name":"Siobhán"}"#);
    let made: Value =
        serde_json::from_str(&made.send().await.expect("an answer").text().await.expect("a text"))
            .expect("an answer in JSON");
    let id = made["id"].as_str().expect("an id").to_owned();
    let calls = router.calls("contacts");
    let app = router.served().app.clone();
    let told = |note: &str, id: &str| DoneByHand {
        who: "Mary".into(),
        note: note.into(),
        remote_id: Some(id.into()),
    };
    for (note, id) in [("", "1"), ("made it", "1\n2"), ("made it", &"9".repeat(201))] {
        assert!(app.mark_done(&failed.id, told(note, id)).await.is_err(), "{note:?} {id:?}");
    }
    let marked = app.mark_done(&failed.id, told("  made it\nmyself ", &id)).await.expect("it is marked");
    assert_eq!((marked.step.as_str(), marked.goes_on, marked.linked), ("contact", false, true));
    let done = router.quiet().await.remove(0);
    assert_eq!(done.state, RunState::Done);
    assert_eq!(done.verdict.expect("a verdict").text, "Marked as done by Mary: made it myself");
    assert!(app.mark_done(&failed.id, told("again", &id)).await.is_err(), "what is done stays done");
    assert!(open(&router).await.is_empty());
    assert_eq!(router.calls("contacts"), calls, "nothing was sent");
    // A later change goes to that record, and the next one by its key as ever.
    router.behave(json!({}));
    router.post(&Booking::new(1).with("/note", "later")).await;
    assert_eq!(router.quiet().await[1].state, RunState::Done);
    let records = router.records("contacts");
    assert_eq!(records.as_object().expect("records").len(), 1, "{records}");
    assert_eq!(records["guest1@example.org"]["note"], "later");
    assert_eq!(records["guest1@example.org"]["name"], "Siobhán");
    // The e-mail changes: it is still that record.
    router.post(&Booking::new(1).with("/contact/email", "siobhan@example.org")).await;
    router.quiet().await;
    let records = router.records("contacts");
    assert_eq!(records.as_object().expect("records").keys().collect::<Vec<_>>(), ["siobhan@example.org"]);
    assert_eq!(records["siobhan@example.org"]["name"], "Siobhán");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_told_by_hand_that_is_of_no_use_is_given_up_and_the_record_written_by_its_key() {
    let mut router = Router::start(&[]).await;
    let base = router.crm.as_ref().expect("a CRM").url();
    router.write("connections/own.yaml", &OWN.replace("BASE", &base));
    router.write("guests.yaml", &GUESTS.replace("crm.upsert_contact", "own.upsert"));
    router.taken_up().await;
    router.behave(json!({ "refuse_fields": { "phone": "no phones today" } }));
    for number in 1..=2 {
        router.post(&Booking::new(number)).await;
    }
    let failed = router.quiet().await;
    let crm = router.crm.as_ref().expect("a CRM").url();
    for key in ["siobhan", "guest2@example.org"] {
        client().put(format!("{crm}/contacts/{key}")).body("{}").send().await.expect("an answer");
    }
    let app = router.served().app.clone();
    // One that is not there, and one whose record can't take the key since another has it.
    for (run, id) in failed.iter().zip(["contact-77", "contact-1"]) {
        let told = DoneByHand { who: "Mary".into(), note: "made it".into(), remote_id: Some(id.into()) };
        app.mark_done(&run.id, told).await.expect("it is marked");
    }
    router.behave(json!({}));
    for number in 1..=2 {
        router.post(&Booking::new(number).with("/note", "later")).await;
    }
    let runs = router.quiet().await;
    assert!(runs.iter().all(|run| run.state == RunState::Done), "{runs:?}");
    let records = router.records("contacts");
    for key in ["guest1@example.org", "guest2@example.org"] {
        assert_eq!(records[key]["note"], "later", "{records}");
    }
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_with_its_next_step_after_one_was_done_by_hand() {
    let mut router = Router::start(&[("chain.yaml", CHAIN)]).await;
    router.behave(json!({ "refuse_fields": { "phone": "no phones today" } }));
    router.post(&Booking::new(1)).await;
    let failed = router.quiet().await.remove(0);
    let told = |id: Option<&str>| DoneByHand {
        who: "Mary".into(),
        note: "made it".into(),
        remote_id: id.map(str::to_owned),
    };
    // The next step reads the id: without it the run could never go on.
    let refused = router.served().app.mark_done(&failed.id, told(None)).await.expect_err("the id is missing");
    assert!(refused.to_string().contains("needs the id of the record"), "{refused}");
    let marked = router.served().app.mark_done(&failed.id, told(Some("c-9"))).await.expect("it is marked");
    assert!(marked.goes_on);
    let run = router.quiet().await.remove(0);
    assert_eq!((run.state, run.verdict), (RunState::Done, None));
    let notes = router.records("notes");
    assert!(notes.to_string().contains("Booked by c-9"), "{notes}");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_t_be_tried_again_is_left_out_with_the_reason() {
    let mut router = Router::start(&[("guests.yaml", GUESTS), ("other.yaml", GUESTS)]).await;
    router.behave(json!({ "refuse_fields": { "phone": "no phones today" } }));
    router.post(&Booking::new(1)).await;
    router.quiet().await;
    router.write("other.yaml", &format!("enabled: false\n{GUESTS}"));
    router.taken_up().await;
    let app = router.served().app.clone();
    let none = TroubleFilter::default();
    let plan = app.plan_act(BulkAct::Retry, &none).await.expect("a plan");
    assert_eq!((plan.runs, plan.left_out), (1, vec![(WhyNot::RuleOff, 1)]));
    router.behave(json!({}));
    let id = app.ask_act(act(BulkAct::Retry, none.clone())).await.expect("it is asked").id;
    let through = async |router: &Router| {
        let told = router.served().app.store.bulk(&id).await.expect("a store").expect("it is kept");
        told.ended_at.is_some()
    };
    router.until("it is through", through).await;
    let told = app.store.bulk(&id).await.expect("a store").expect("it is kept");
    assert_eq!((told.done, told.left_out), (1, 1));
    let states: Vec<_> = router.quiet().await.iter().map(|run| run.state).collect();
    assert!(states.contains(&RunState::Done) && states.contains(&RunState::Failed), "{states:?}");
    // Cancelling can be done with all.
    assert_eq!(app.plan_act(BulkAct::Cancel, &none).await.expect("a plan").runs, 1);
    app.ask_act(act(BulkAct::Cancel, none)).await.expect("it is asked");
    router.until("it is cancelled", async |router| open(router).await.is_empty()).await;
    router.stop().await;
}

const RUNS: i64 = 5_000;

/// The router as a process; killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(home: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command
        .arg("serve")
        .args(["--rules", home.join("rules").to_str().expect("a path")])
        .args(["--data", home.join("data").to_str().expect("a path")])
        .args(["--listen", "127.0.0.1:0", "--ui-listen", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Process(command.spawn().expect("the router starts"))
}

/// Bookings whose runs all failed, as the stages would have left them.
async fn fill(store: &Arc<dyn Store>) {
    for batch in 0..RUNS / 250 {
        let numbers: Vec<i64> = (batch * 250..(batch + 1) * 250).collect();
        let event = |number: &i64| NewEvent {
            id: EventId::new(format!("evt_{number}")),
            source: "tours".into(),
            received_at: 1_000,
            origin: ORIGIN_WEBHOOK,
            headers: "{}".into(),
            body: bytes::Bytes::from_static(b"{}"),
        };
        let events: Vec<NewEvent> = numbers.iter().map(event).collect();
        let positions = store.append_events(&events).await.expect("they are stored");
        let applied: Vec<AppliedEvent> =
            numbers.iter().zip(positions).map(|(number, position)| failed(*number, position)).collect();
        store.apply_events(&applied).await.expect("they are applied");
    }
}

fn failed(number: i64, position: Position) -> AppliedEvent {
    let booking = BookingId::new(format!("bkg_{number}"));
    let body = Booking::new(number as u32).body["booking"].clone();
    let change = ChangeRef { position, ordinal: 0 };
    let key = body["uuid"].as_str().expect("a uuid").to_owned();
    AppliedEvent {
        position,
        changes: vec![NewChange {
            ordinal: 0,
            booking: Some(booking.clone()),
            kind: ChangeKind::Created,
            paths: Vec::new(),
            note: None,
            previous: None,
            body: Some(body.to_string()),
            hash: Some("h".into()),
            at: 2_000,
            happened_at: None,
            seen: None,
        }],
        bookings: vec![BookingWrite {
            terms: Vec::new(),
            id: booking.clone(),
            key: BookingKey {
                connector: "fareharbor".into(),
                account: "reeftours".into(),
                kind: "booking".into(),
                key,
            },
            source: "tours".into(),
            as_of: position,
            change,
            status: "booked".into(),
            view: View { person: json!({}), trip: json!({}) },
            hash: "h".into(),
            at: 2_000,
        }],
        runs: vec![NewRun {
            id: RunId::new(format!("run_{number:05}")),
            rule: "guests".into(),
            booking,
            item: String::new(),
            lane: format!("guests|{number}"),
            change,
            position,
            asked: "created".into(),
            trigger: "change".into(),
            state: RunState::Failed,
            verdict: Some(Verdict::new(VerdictCode::Refused, format!("no guest {number}"))),
            connection: "crm".into(),
            supersedes: true,
            at: 3_000,
        }],
        ..AppliedEvent::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_runs_are_tried_again_once_each_through_kill_9() {
    let home = tempfile::tempdir().expect("a home");
    let state = SandboxState::new(None, Arc::new(SystemClock::new()));
    let crm =
        sandbox::start_with("127.0.0.1:0".parse().expect("an address"), state.clone()).await.expect("a CRM");
    // It refuses them again: so each try leaves one attempt that says so.
    let refuse = json!({ "refuse_fields": { "phone": "no phones today" } });
    state.behave(vec![serde_json::from_value(refuse).expect("a behaviour")]);
    for folder in ["rules/sources", "rules/connections"] {
        std::fs::create_dir_all(home.path().join(folder)).expect("a folder");
    }
    let write = |path: &str, text: &str| std::fs::write(home.path().join(path), text).expect("a file");
    write("rules/guests.yaml", GUESTS);
    write(
        "rules/sources/tours.yaml",
        "connector: fareharbor\ntitle: Tours\ntoken: { secret: tours-token }\n",
    );
    let crm_file = format!("connector: sandbox\ntitle: CRM\nbase_url: {}\nallow_private: true\n", crm.url());
    write("rules/connections/crm.yaml", &crm_file);
    let places = Places { data: home.path().join("data"), database: None, exclusive: false };
    let app =
        App::open(places, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await.expect("the store opens");
    app.set_secret("tours-token", TOKEN).await.expect("a secret");
    fill(&app.store).await;
    let groups = app.store.open_causes(None, 10).await.expect("the groups");
    assert_eq!(groups.iter().map(|group| group.needs).collect::<Vec<_>>(), [RUNS]);
    assert_eq!(groups[0].guests, GUESTS_MAX + 1);
    let id = app.ask_act(act(BulkAct::Retry, TroubleFilter::default())).await.expect("it is asked").id;
    // Some of it is done by a process that goes away, some by one that is killed, the rest by the next.
    for _ in 0..10 {
        assert!(app.carry_out_a_piece().await.expect("a piece"));
    }
    let told = async || app.store.bulk(&id).await.expect("a store").expect("it is kept");
    assert_eq!((told().await.done, told().await.ended_at), (1_000, None));
    let began = tokio::time::Instant::now();
    let patience = |what: &str| assert!(began.elapsed() < Duration::from_secs(180), "{what}");
    let mut router = start(home.path());
    while told().await.done < 2_000 {
        patience("it goes on after the first start");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(router);
    let at_the_kill = told().await;
    println!("killed with {} of {RUNS} done", at_the_kill.done);
    router = start(home.path());
    loop {
        let counts = app.store.counts().await.expect("the counts");
        let of = |state: &str| -> i64 {
            counts.runs.iter().filter(|(known, _, _)| known == state).map(|(_, _, count)| count).sum()
        };
        if told().await.ended_at.is_some() && of("failed") == RUNS {
            break;
        }
        patience("all are tried");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(router);
    let told = told().await;
    assert_eq!((told.done, told.left_out, told.planned), (RUNS, 0, RUNS));
    let mut before = None;
    let mut seen = 0;
    loop {
        let runs = app
            .store
            .list_runs(&ListFilter { limit: 500, before, ..ListFilter::default() })
            .await
            .expect("runs");
        for run in &runs {
            let attempts = app.store.attempts(&run.id).await.expect("the attempts");
            let refused = attempts.iter().filter(|attempt| attempt.outcome == "refused").count();
            assert_eq!(refused, 1, "each is tried once: {:?} {attempts:?}", run.id);
        }
        seen += runs.len() as i64;
        before = runs.last().map(|run| run.seq);
        if runs.is_empty() {
            break;
        }
    }
    assert_eq!(seen, RUNS);
    let groups = app.store.open_causes(None, 10).await.expect("the groups");
    assert_eq!(groups.iter().map(|group| (group.needs, group.under_way)).collect::<Vec<_>>(), [(RUNS, 0)]);
    app.store.close().await;
    crm.stop().await;
}
