//! The orderly stop: SIGTERM takes no more work, lets calls in flight end within a limit, writes all down and exits with 0;
//! a second SIGTERM exits at once. Neither loses or doubles anything.

use crate::post::{GUESTS, Poster};
use crate::process::{Crm, Home, Process};
use crate::support::Booking;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn under_way(home: &Home, crm: &Crm, calls: i64) {
    home.until("calls are in flight", async || crm.stats().await["calls"].as_i64() >= Some(calls)).await;
}

async fn stopping(home: &Home) {
    home.until("it says that it stops", async || home.log().contains("what is in hand is finished first"))
        .await;
}

/// Attempts whose outcome nobody wrote down.
async fn calls_left_open(home: &Home) -> usize {
    let app = home.beside().await;
    let open = app.store.lost_attempts(None, i64::MAX).await.expect("the attempts").len();
    app.store.close().await;
    open
}

async fn calls(crm: &Crm) -> i64 {
    crm.stats().await["calls"].as_i64().expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_calls_in_flight_end_and_writes_them_down() {
    let crm = Crm::start().await;
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let mut process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    crm.behave(json!({ "delay_ms": 2_000 })).await;
    poster.post_all(1..7).await;
    under_way(&home, &crm, 6).await;
    process.signal("TERM");
    assert_eq!(process.end(|| home.log_end()).await.code(), Some(0), "{}", home.log_end());
    assert_eq!(calls_left_open(&home).await, 0);
    assert_eq!(calls(&crm).await, 6, "no new call was made during the stop");
    crm.behave_well().await;
    let process = home.start_ready().await;
    poster.post_all(7..9).await;
    poster.all_arrived_once(&home, &crm).await;
    // Each contact and each note was one call: nothing had to be looked up or sent again.
    assert_eq!(calls(&crm).await, 16);
    drop(process);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_answers_what_is_in_hand_and_loses_nothing() {
    let crm = Crm::start().await;
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let mut process = home.start_ready().await;
    let mut posters = tokio::task::JoinSet::new();
    for part in 0..4_u32 {
        let mut poster = Poster::new(&home);
        posters.spawn(async move {
            for number in part * 10_000 + 1.. {
                // Refused connections, and a 503 at most: never another answer.
                match poster.post(&Booking::new(number)).await.status {
                    200 => {}
                    0 => break,
                    status => assert_eq!(status, 503),
                }
            }
            poster
        });
    }
    under_way(&home, &crm, 20).await;
    process.signal("TERM");
    assert_eq!(process.end(|| home.log_end()).await.code(), Some(0), "{}", home.log_end());
    assert_eq!(calls_left_open(&home).await, 0);
    let mut all = Poster::new(&home);
    for poster in posters.join_all().await {
        all.acked.extend(poster.acked);
        all.unacked.extend(poster.unacked);
    }
    assert!(all.acked.len() >= 10, "{}", all.acked.len());
    let process = home.start_ready().await;
    all.all_arrived_once(&home, &crm).await;
    drop(process);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_waits_for_a_webhook_whose_body_is_half_there() {
    let crm = Crm::start().await;
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let mut process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    let booking = Booking::new(1);
    let body = booking.body.to_string();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: tours\r\nContent-Length: {}\r\n\r\n",
        Home::hook_path(),
        body.len()
    );
    let mut stream = TcpStream::connect(home.address()).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&body.as_bytes()[..1_000]).await.expect("sent");
    // Another one is answered on a connection that came later: this one is in hand by now.
    poster.post_all(2..3).await;
    process.signal("TERM");
    stopping(&home).await;
    stream.write_all(&body.as_bytes()[1_000..]).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    poster.acked.push(booking.uuid().to_owned());
    assert_eq!(process.end(|| home.log_end()).await.code(), Some(0), "{}", home.log_end());
    let process = home.start_ready().await;
    poster.all_arrived_once(&home, &crm).await;
    drop(process);
}

/// Stops while calls are in flight that never answer, with so many signals; gives the exit code.
async fn stopped_with_silent_calls(signals: u32) -> i32 {
    let crm = Crm::start().await;
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let mut process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    // Half of the calls are done and half are not, and none is answered.
    let silent = json!([
        { "match": { "object": "notes" }, "timeout_ms": 300_000, "after_write": true },
        { "match": { "object": "contacts", "key": "guest3@example.org" }, "timeout_ms": 300_000 },
        { "match": { "object": "contacts", "key": "guest4@example.org" }, "timeout_ms": 300_000, "after_write": true },
    ]);
    crm.behave(silent).await;
    poster.post_all(1..5).await;
    under_way(&home, &crm, 6).await;
    process.signal("TERM");
    if signals > 1 {
        stopping(&home).await;
        process.signal("TERM");
    }
    let code = process.end(|| home.log_end()).await.code();
    crm.behave_well().await;
    let process: Process = home.start_ready().await;
    poster.post_all(5..7).await;
    poster.all_arrived_once(&home, &crm).await;
    drop(process);
    code.unwrap_or(-1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_waits_for_silent_calls_only_so_long() {
    assert_eq!(stopped_with_silent_calls(1).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sigterm_ends_at_once_and_loses_nothing() {
    assert_eq!(stopped_with_silent_calls(2).await, 130);
}
