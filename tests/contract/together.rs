//! Several at once: appending beside applying, callers that go away half-way, and lanes under random use.

use crate::place::{Place, on_both};
use crate::samples::{CRM, created, event, run, write};
use std::collections::BTreeMap;
use std::sync::Arc;
use waypost::domain::{RunId, RunState, Verdict, VerdictCode};
use waypost::ports::{ListFilter, NewRun, RunRow, Store};

/// Applies what is there, each event as a booking of its own with one run.
async fn apply_what_is_there(store: &Arc<dyn Store>) -> usize {
    let events = store.unapplied_events(50, 1_000_000).await.unwrap();
    let applied: Vec<_> = events
        .iter()
        .map(|event| {
            let name = event.id.as_str().trim_start_matches("evt_").to_owned();
            created(&name, event.position, vec![run(&name, &name, event.position)])
        })
        .collect();
    store.apply_events(&applied).await.unwrap();
    applied.len()
}

on_both! {
    async fn appending_and_applying_go_on_beside_each_other(place: &Place) {
        let store = place.open().await;
        let appending: Vec<_> = ["x", "y"]
            .map(|who| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut positions = Vec::new();
                    for batch in 0..20 {
                        let events: Vec<_> =
                            (0..10).map(|n| event(&format!("{who}{batch:02}{n}"), b"{}")).collect();
                        positions.extend(store.append_events(&events).await.unwrap());
                    }
                    positions
                })
            })
            .into();
        let mut applied = 0;
        while appending.iter().any(|task| !task.is_finished()) {
            applied += apply_what_is_there(&store).await;
        }
        let mut positions = Vec::new();
        for task in appending {
            let own = task.await.unwrap();
            assert!(own.is_sorted());
            positions.extend(own);
        }
        while applied < 400 {
            applied += apply_what_is_there(&store).await;
        }
        positions.sort_unstable();
        positions.dedup();
        assert_eq!((positions.len(), applied), (400, 400));
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.events, counts.unapplied, counts.bookings), (400, 0, 400));
    }

    async fn a_caller_that_goes_away_leaves_whole_batches_only(place: &Place) {
        let store = place.open().await;
        for round in 0..40_u64 {
            let appending = store.clone();
            let task = tokio::spawn(async move {
                let events: Vec<_> = (0..20).map(|n| event(&format!("{round:02}{n:02}"), b"{}")).collect();
                appending.append_events(&events).await
            });
            tokio::time::sleep(std::time::Duration::from_micros(round * 150)).await;
            task.abort();
            let _ = task.await;
        }
        store.append_events(&[event("last", b"{}")]).await.unwrap();
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.events - 1) % 20, 0, "{counts:?}");
    }

    async fn random_use_never_breaks_a_lane(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("1", b"{}")]).await.unwrap();
        store.apply_events(&[created("a", 1, vec![])]).await.unwrap();
        let mut chance = Chance(0x5EED_CAFE);
        for step in 0..150 {
            random_step(&store, &mut chance, step).await;
            let all = ListFilter { limit: 1_000, ..ListFilter::default() };
            let runs = store.list_runs(&all).await.unwrap();
            assert_lanes(&runs, step);
            assert_counts(&store, &runs).await;
        }
        assert_eq!(store.mend_lanes(9_999_999).await.unwrap(), 0);
    }
}

/// Numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

async fn random_step(store: &Arc<dyn Store>, chance: &mut Chance, step: i64) {
    let now = 10_000 + step * 100;
    let all = ListFilter { limit: 1_000, ..ListFilter::default() };
    let runs = store.list_runs(&all).await.unwrap();
    let some = (!runs.is_empty()).then(|| runs[chance.below(runs.len())].clone());
    match (chance.below(10), some) {
        (0..=2, _) | (_, None) => {
            let planned: Vec<NewRun> = (0..=chance.below(3))
                .map(|n| NewRun {
                    lane: format!("lane-{}", chance.below(4)),
                    supersedes: chance.below(2) == 0,
                    at: now,
                    ..run(&format!("{step}-{n}"), "a", 1)
                })
                .collect();
            store.plan_runs(&planned).await.unwrap();
        }
        (3..=6, Some(run)) => {
            let next = match run.state {
                RunState::Waiting if run.next_at.is_some() => RunState::Working,
                RunState::Working => {
                    [RunState::Waiting, RunState::Done, RunState::Failed, RunState::Held, RunState::Paused]
                        [chance.below(5)]
                }
                _ => return,
            };
            let mut delivery = write(&run, next, now + 5_000);
            delivery.run.uncertain = next == RunState::Waiting && chance.below(2) == 0;
            store.write_delivery(&[delivery]).await.unwrap();
        }
        (7, Some(run)) => {
            let other = runs[chance.below(runs.len())].id.clone();
            store.retry_runs(&[run.id, other, RunId::new("run_none")], false, now).await.unwrap();
        }
        (8, _) => {
            store.pause_runs(CRM, chance.below(3) == 0, now, 3).await.unwrap();
        }
        _ => {
            store.hurry_connection(CRM, now, 2).await.unwrap();
            if chance.below(4) == 0 {
                let verdict = Verdict::new(VerdictCode::RuleOff, "The rule was switched off.");
                store.cancel_runs_of_rule("guests", &verdict, now, 1).await.unwrap();
            }
        }
    }
}

/// A run with a time is the first of its lane with none in a call, and such a first one that waits has a time.
fn assert_lanes(runs: &[RunRow], step: i64) {
    let mut lanes: BTreeMap<&str, Vec<&RunRow>> = BTreeMap::new();
    for run in runs.iter().rev().filter(|run| run.state.blocks_lane()) {
        lanes.entry(&run.lane).or_default().push(run);
    }
    for (lane, runs) in lanes {
        let calling = runs.iter().filter(|run| run.state == RunState::Working).count();
        assert!(calling <= 1, "step {step}: {lane} has {calling} calls");
        for (place, run) in runs.iter().enumerate() {
            let timed = place == 0 && calling == 0 && run.state == RunState::Waiting;
            assert_eq!(run.next_at.is_some(), timed, "step {step}: {lane} {place} {run:?}");
        }
    }
}

async fn assert_counts(store: &Arc<dyn Store>, runs: &[RunRow]) {
    let mut counted: BTreeMap<(String, String), i64> = BTreeMap::new();
    for run in runs {
        *counted.entry((run.state.to_string(), run.connection.clone())).or_default() += 1;
    }
    let counted: Vec<_> =
        counted.into_iter().map(|((state, connection), n)| (state, connection, n)).collect();
    assert_eq!(store.counts().await.unwrap().runs, counted);
}

/// The CLI and the running node write at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_openings_of_one_sqlite_file_write_beside_each_other() {
    let place = Place::on_sqlite();
    let stores = [place.open().await, place.open().await];
    let tasks = [("x", stores[0].clone()), ("y", stores[1].clone())].map(|(who, store)| {
        tokio::spawn(async move {
            for n in 0..50 {
                store.append_events(&[event(&format!("{who}{n}"), b"{}")]).await.unwrap();
                store.set_fact(who, &n.to_string()).await.unwrap();
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(stores[0].counts().await.unwrap().events, 100);
}
