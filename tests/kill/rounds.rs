//! The rounds: start, load, `kill -9` at a random moment; at last all becomes quiet, and everything is counted.

use crate::chance::Chance;
use crate::load::{Load, Sent};
use crate::model::{Records, judge};
use crate::postgres::TestDatabase;
use crate::process::{Crm, Home, Process};
use crate::support::client;
use serde_json::{Value, json};
use std::time::Duration;
use waypost::domain::RunState;
use waypost::ports::{ListFilter, RunRow, Store};

/// Rounds where nothing else is said: enough to see each kind of moment in a CI run.
const ROUNDS: u32 = 8;
/// Each so many rounds one waits for the CRM.
const PROGRESS_EVERY: u64 = 8;
/// Bodies per round.
const BODIES_MIN: u64 = 12;
const BODIES_MORE: u64 = 24;
/// A killed life lasts so long at most: before it answers, and after its first 200.
const EARLY_MS: u64 = 250;
const LATE_MS: u64 = 500;

/// Upserts: the guest's record, which two bookings share, and the booking's own.
const GUESTS: &str = r#"
title: Guests
from: tours
on: [created, updated, cancelled]
steps:
  - id: contact
    use: crm.upsert_contact
    with: { id: "{{ booking.contact.email }}", last: "{{ booking.note }}" }
  - id: booking
    use: crm.upsert_booking
    with:
      id: "{{ booking.uuid }}"
      note: "{{ booking.note }}"
      status: "{{ booking.status }}"
      contact: "{{ steps.contact.id }}"
"#;

/// A create: one note per change, looked up where it is open whether it was made.
const NOTES: &str = r#"
title: Notes
from: tours
on: [created, updated, cancelled]
steps:
  - id: note
    use: crm.add_note
    with: { text: "{{ booking.note }}" }
"#;

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// After what a life ends.
enum Moment {
    /// So long after the process was started, whatever it does: opening, recovering, the first acks.
    Start(Duration),
    /// So long after its first 200.
    Ack(Duration),
    /// After something new came to the CRM. Without these, a slow machine could spend all its lives on starting.
    Effect,
}

impl Moment {
    fn any(chance: &mut Chance) -> Self {
        if chance.percent(35) {
            Self::Start(Duration::from_millis(chance.below(EARLY_MS)))
        } else if chance.percent(30) {
            Self::Ack(Duration::from_micros(chance.below(20_000)))
        } else {
            Self::Ack(Duration::from_millis(chance.below(LATE_MS)))
        }
    }
}

/// How the CRM behaves in a round: slow enough for calls to be in flight, and now and then out of order.
fn mood(chance: &mut Chance) -> Value {
    let mut moods = vec![json!({ "delay_ms": chance.below(25) })];
    if chance.percent(30) {
        moods.push(
            json!({ "match": { "object": "notes", "method": "POST" }, "lose_answers": 1 + chance.below(2) }),
        );
    }
    if chance.percent(20) {
        moods.push(json!({ "match": { "object": "bookings" }, "fail": { "status": 500, "times": 1 } }));
    }
    if chance.percent(20) {
        moods.push(json!({ "match": { "object": "contacts" }, "after_write": true,
                           "fail": { "status": 502, "times": 1 } }));
    }
    Value::Array(moods)
}

async fn notes_made(crm: &Crm) -> i64 {
    crm.stats().await["objects"]["notes"]["effects"].as_i64().unwrap_or(0)
}

async fn one_round(home: &Home, crm: &Crm, load: &Load, chance: &mut Chance, round: u64) {
    crm.behave(mood(chance)).await;
    let progress = round % PROGRESS_EVERY == PROGRESS_EVERY - 1;
    let moment = if progress { Moment::Effect } else { Moment::any(chance) };
    let notes = if progress { notes_made(crm).await } else { 0 };
    let acks = load.acks();
    let mut process = home.start();
    load.allow((BODIES_MIN + chance.below(BODIES_MORE)) as usize);
    match moment {
        Moment::Start(time) => tokio::time::sleep(time).await,
        Moment::Ack(time) => {
            let first = tokio::time::timeout(crate::process::PATIENCE, load.more_acks_than(acks)).await;
            assert!(first.is_ok(), "nothing was acked:\n{}", home.log_end());
            tokio::time::sleep(time).await;
        }
        Moment::Effect => {
            home.until("the CRM gets a new note", async || notes_made(crm).await > notes).await;
        }
    }
    assert_eq!(process.ended(), None, "it ended by itself:\n{}", home.log_end());
    process.kill();
}

/// Bodies in the order of their positions.
async fn journal(store: &dyn Store) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut before = None;
    loop {
        let filter = ListFilter { before, limit: 500, ..ListFilter::default() };
        let page = store.list_events(&filter).await.expect("the events");
        let Some(last) = page.last() else { break };
        before = Some(last.position);
        for view in &page {
            let (_, event) = store.event(&view.id).await.expect("an event").expect("it is there");
            bodies.push(String::from_utf8(event.body).expect("what was sent is text"));
        }
    }
    bodies.reverse();
    bodies
}

/// Runs that did not end as they should.
async fn odd_runs(store: &dyn Store) -> (usize, Vec<RunRow>) {
    let (mut all, mut odd, mut before) = (0, Vec::new(), None);
    loop {
        let filter = ListFilter { before, limit: 500, ..ListFilter::default() };
        let page = store.list_runs(&filter).await.expect("the runs");
        let Some(last) = page.last() else { return (all, odd) };
        before = Some(last.seq);
        all += page.len();
        odd.extend(page.into_iter().filter(|run| match run.state {
            RunState::Done => false,
            // Creates each count; only upserts are overtaken or hold the same already.
            RunState::Superseded | RunState::Skipped => run.rule != "guests",
            _ => true,
        }));
    }
}

async fn rounds(database: &str, url: Option<&str>) {
    let rounds = number_from("WAYPOST_KILL_ROUNDS").unwrap_or(u64::from(ROUNDS));
    let since = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_micros() as u64);
    let seed = number_from("WAYPOST_KILL_SEED").unwrap_or(since);
    println!("db={database} seed={seed} (again with WAYPOST_KILL_SEED={seed})");
    let mut chance = Chance::new(seed);
    let crm = Crm::start().await;
    let home = Home::new(crm.address, url, &[("guests.yaml", GUESTS), ("notes.yaml", NOTES)]).await;
    // The first start takes up the rules.
    home.start_ready().await.kill();
    let load = Load::start(client(), home.hook(), &chance);
    let began = tokio::time::Instant::now();
    for round in 0..rounds {
        one_round(&home, &crm, &load, &mut chance, round).await;
    }
    let per_round = began.elapsed() / rounds.max(1) as u32;
    crm.behave_well().await;
    let process: Process = home.start_ready().await;
    let acked = load.acks();
    let sent: Vec<Sent> = load.finish().await;
    home.quiet().await;

    let app = home.beside().await;
    let journal = journal(&*app.store).await;
    let (runs, odd) = odd_runs(&*app.store).await;
    app.store.close().await;
    let records = Records {
        notes: crm.records("notes").await,
        bookings: crm.records("bookings").await,
        contacts: crm.records("contacts").await,
    };
    drop(process);
    let verdict = judge(&sent, &journal, &records);
    println!(
        "db={database} rounds={rounds} acked={} lost={} doubled={} diverged={}",
        sent.iter().map(|sent| sent.acked).sum::<usize>(),
        verdict.lost.len(),
        verdict.doubled.len(),
        verdict.diverged.len()
    );
    println!(
        "  {} bodies, {acked} acks before the last life, {} events, {runs} runs, {} notes, {} bookings, {} contacts; \
         {per_round:?} a round",
        sent.len(),
        journal.len(),
        records.notes.len(),
        records.bookings.len(),
        records.contacts.len()
    );
    assert!(
        verdict.lost.is_empty() && verdict.doubled.is_empty() && verdict.diverged.is_empty(),
        "{verdict:#?}\n{}",
        home.log_end()
    );
    assert!(odd.is_empty(), "runs that did not end well: {odd:#?}");
    assert!(records.notes.len() as u64 >= rounds, "too little was under way to show anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_random_moments_loses_doubles_and_diverges_nothing_on_postgres() {
    let database = TestDatabase::create().await;
    rounds("postgres", Some(&database.url)).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_random_moments_loses_doubles_and_diverges_nothing_on_sqlite() {
    rounds("sqlite", None).await;
}
