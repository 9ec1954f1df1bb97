//! How fast it is on this machine. Not run with the others: `cargo nextest run --test contract --run-ignored only`
//! prints figures; add `--cargo-profile release` for honest ones.

use crate::place::Place;
use crate::samples::{CRM, begin, created, end, event, put, run, write};
use std::time::Instant;
use waypost::domain::RunState;
use waypost::ports::DueQuery;

const BATCH: usize = 64;
const BATCHES: usize = 60;

async fn measure(name: &str, place: &Place) {
    let store = place.open().await;
    let body = vec![b'x'; 5_600];
    let total = (BATCH * BATCHES) as f64;
    #[expect(clippy::disallowed_methods, reason = "this file measures")]
    let now = Instant::now;
    let start = now();
    let mut positions = Vec::new();
    for batch in 0..BATCHES {
        let events: Vec<_> = (0..BATCH).map(|n| event(&format!("{batch}-{n}"), &body)).collect();
        positions.push(store.append_events(&events).await.unwrap());
    }
    let appended = total / start.elapsed().as_secs_f64();
    let start = now();
    for n in 0..500 {
        store.append_events(&[event(&format!("single-{n}"), &body)]).await.unwrap();
    }
    let single = 500.0 / start.elapsed().as_secs_f64();
    let start = now();
    for (batch, positions) in positions.iter().enumerate() {
        let applied: Vec<_> = positions
            .iter()
            .enumerate()
            .map(|(n, position)| {
                let name = format!("{batch}-{n}");
                created(&name, *position, vec![run(&name, &name, *position)])
            })
            .collect();
        store.apply_events(&applied).await.unwrap();
    }
    let applied = total / start.elapsed().as_secs_f64();
    let start = now();
    let mut writes = 0.0;
    for _ in 0..BATCHES {
        let query = DueQuery {
            connection: CRM.to_owned(),
            due_by: Some(i64::MAX),
            limit: BATCH as i64,
            body_bytes_max: i64::MAX,
        };
        let due = store.due_runs(&query).await.unwrap();
        for state in [RunState::Working, RunState::Done] {
            let batch: Vec<_> = due
                .iter()
                .map(|due| {
                    let name = due.run.id.as_str().trim_start_matches("run_");
                    let mut delivery = write(&due.run, state, 9_000);
                    if state == RunState::Working {
                        delivery.begin = Some(begin(name, &due.run.id));
                        delivery.links = vec![put(name, name, None)];
                    } else {
                        delivery.run.revision += 1;
                        delivery.end = Some(end(name, "done"));
                        delivery.links = vec![put(name, name, Some("sent"))];
                    }
                    delivery
                })
                .collect();
            writes += batch.len() as f64;
            store.write_delivery(&batch).await.unwrap();
        }
    }
    let delivered = writes / start.elapsed().as_secs_f64();
    println!(
        "{name}: appends {appended:.0}/s in batches of {BATCH}, {single:.0}/s one by one; applied {applied:.0}/s; \
         write_delivery {delivered:.0}/s (two per run, with claiming)"
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn figures_on_sqlite() {
    measure("SQLite", &Place::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn figures_on_postgres() {
    let place = Place::on_postgres().await;
    measure("Postgres", &place).await;
    place.remove().await;
}
