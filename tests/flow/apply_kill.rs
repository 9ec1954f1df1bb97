//! `kill -9` again and again while a rule is applied to existing bookings by the command: it goes on where it was, and each
//! booking is planned once.

use crate::support::Booking;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use waypost::app::{App, Places};
use waypost::bookings::Applier;
use waypost::clock::{OsEntropy, SystemClock};
use waypost::domain::ORIGIN_WEBHOOK;
use waypost::ports::{ApplyFilter, ApplyRow, ApplyState, ListFilter, NewEvent};
use waypost::runner::BlockingThink;

const BOOKINGS: u32 = 1_500;
const KILLS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);
const RULE: &str = "title: Guests\nfrom: tours\nsteps:\n  - use: crm.upsert_contact\n    \
                    with: { id: \"{{ booking.contact.email }}\" }\n";

async fn bookings_come_in(app: &App) {
    let applier = Applier::new(app.store.clone(), app.entropy.clone());
    let think = BlockingThink { clock: app.clock.clone() };
    let active = app.active().expect("rules");
    for first in (1..=BOOKINGS).step_by(250) {
        let now = app.clock.now();
        let events: Vec<NewEvent> = (first..first + 250)
            .map(|number| NewEvent {
                id: app.entropy.event_id(now),
                source: "tours".into(),
                received_at: now,
                origin: ORIGIN_WEBHOOK,
                headers: "{}".into(),
                body: Bytes::from(Booking::new(number).body.to_string()),
            })
            .collect();
        app.store.append_events(&events).await.expect("they are stored");
        while applier.step(&active, now, &think).await.expect("they are applied").events > 0 {}
    }
}

async fn stands(app: &App) -> Option<ApplyRow> {
    let filter = ApplyFilter { rule: Some("guests".into()), open: false, limit: 1 };
    app.store.applies(&filter).await.expect("the applyings").pop()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_applying_that_is_killed_again_and_again_plans_each_booking_once() {
    let home = tempfile::tempdir().expect("a folder");
    let (rules, data) = (home.path().join("rules"), home.path().join("data"));
    for folder in ["sources", "connections"] {
        std::fs::create_dir_all(rules.join(folder)).expect("a folder");
    }
    std::fs::write(rules.join("sources/tours.yaml"), "connector: fareharbor\n").expect("a file");
    let crm = "connector: sandbox\nbase_url: http://127.0.0.1:9\nallow_private: true\n";
    std::fs::write(rules.join("connections/crm.yaml"), crm).expect("a file");
    let places = Places { data: data.clone(), database: None, exclusive: false };
    let app = App::open(places, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await.expect("an app");
    app.watch(&rules).await;
    bookings_come_in(&app).await;
    std::fs::write(rules.join("guests.yaml"), RULE).expect("a file");
    let read = waypost::workspace::read_folder(&rules).expect("the folder");
    assert!(app.try_files(&read.files, Vec::new()).await.0, "the rule is at work");
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        command.args(["apply", "guests", "--data"]).arg(&data).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut kills = 0;
    for _ in 0..KILLS {
        let before = stands(&app).await.map_or(0, |row| row.counts.looked);
        let mut process = command().spawn().expect("the command starts");
        let began = tokio::time::Instant::now();
        let further = async || stands(&app).await.is_some_and(|row| row.counts.looked > before);
        while !further().await {
            assert!(began.elapsed() < PATIENCE, "it got on");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        kills += usize::from(process.try_wait().expect("its state").is_none());
        let _ = process.kill();
        let _ = process.wait();
    }
    assert!(kills > 0, "it was over before it could be killed");
    let row = stands(&app).await.expect("it is there");
    if row.state == ApplyState::Open {
        assert!(command().status().expect("it runs").success());
    }
    let row = stands(&app).await.expect("it is there");
    assert_eq!((row.state, row.counts.looked, row.counts.runs), (ApplyState::Done, 1_500, 1_500));
    let mut planned: BTreeMap<String, usize> = BTreeMap::new();
    let mut filter = ListFilter { limit: 1_000, ..ListFilter::default() };
    loop {
        let runs = app.store.list_runs(&filter).await.expect("the runs");
        let Some(last) = runs.last() else { break };
        filter.before = Some(last.seq);
        for run in &runs {
            *planned.entry(run.booking.to_string()).or_default() += 1;
        }
    }
    assert_eq!(planned.len(), BOOKINGS as usize);
    assert!(planned.values().all(|runs| *runs == 1), "a booking was planned twice");
    app.store.close().await;
}
