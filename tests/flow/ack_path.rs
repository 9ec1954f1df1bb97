//! The ack waits for nobody: not for a slow reader, a locked database behind the journal, a backlog, pages over it, or
//! rules that are loaded anew. What can be held up for ever is held up for ever here: an ack that waited for it would not
//! come at all. The times beside are printed as a ratio within one run, and fail nothing.

use crate::support::{Booking, Router};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const GUESTS: &str = "title: Guests\nfrom: tours\nsteps:\n  - id: contact\n    use: crm.upsert_contact\n    \
                      with: { id: \"{{ booking.contact.email }}\", note: \"{{ booking.note }}\" }\n";
/// Webhooks of each measurement.
const POSTS: u32 = 300;

/// Posts one after the other, each of which must be acked; how long the slowest hundredth took, at least.
#[expect(clippy::disallowed_methods, reason = "it measures")]
async fn p99(router: &Router, first: u32) -> Duration {
    let mut took = Vec::new();
    for number in first..first + POSTS {
        let booking = Booking::new(number);
        let began = Instant::now();
        assert_eq!(router.post(&booking).await, 200);
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

async fn open(router: &Router, file: &str) -> SqliteConnection {
    let path = router.data().join(file);
    SqliteConnectOptions::new().filename(path).connect().await.expect("it opens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ack_waits_for_no_reader_lock_backlog_page_or_reload() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    p99(&router, 1).await;
    let quiet = p99(&router, 1_001).await;

    // Somebody reads both files and does not come to an end, and somebody else holds the lock of the database behind.
    let mut readers = Vec::new();
    for file in ["events.db", "waypost.db"] {
        let mut reader = open(&router, file).await;
        sqlx::query("BEGIN").execute(&mut reader).await.expect("it reads");
        sqlx::query("SELECT COUNT(*) FROM sqlite_master").execute(&mut reader).await.expect("it reads");
        readers.push(reader);
    }
    let mut writer = open(&router, "waypost.db").await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut writer).await.expect("it locks");

    // Pages are asked for and rules change all the while.
    let going = Arc::new(AtomicBool::new(true));
    let pages = Arc::new(AtomicUsize::new(0));
    let asking = tokio::spawn({
        let (going, pages, page) = (going.clone(), pages.clone(), router.request("GET", "/"));
        async move {
            while going.load(Ordering::Relaxed) {
                let page = page.try_clone().expect("it has no body");
                if page.send().await.is_ok() {
                    pages.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    let rule = router.rules().join("guests.yaml");
    let changing = tokio::spawn({
        let going = going.clone();
        async move {
            for number in 0.. {
                if !going.load(Ordering::Relaxed) {
                    return;
                }
                std::fs::write(&rule, format!("{GUESTS}# {number}\n")).expect("it is written");
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
        }
    });

    let busy = p99(&router, 2_001).await;
    let backlog = router.served().app.store.counts().await.expect("it counts").unapplied;
    assert!(backlog >= i64::from(POSTS) - 1, "the lock holds up what is behind the journal: {backlog}");
    going.store(false, Ordering::Relaxed);
    asking.await.expect("it asks");
    changing.await.expect("it changes");
    assert!(pages.load(Ordering::Relaxed) > 0);
    println!(
        "ack p99: quiet {quiet:?}, with readers, a lock, a backlog, pages and reloads {busy:?}, ratio {:.1}",
        busy.as_secs_f64() / quiet.as_secs_f64()
    );

    sqlx::query("ROLLBACK").execute(&mut writer).await.expect("it lets go");
    for connection in readers.into_iter().chain([writer]) {
        connection.close().await.expect("it closes");
    }
    assert_eq!(router.quiet().await.len(), 3 * POSTS as usize);
    router.stop().await;
}
