//! A flood: ten thousand connections, each with a body of 5 MiB, half of them slow and half at once. Memory stays within
//! its bound, whoever can't be served is told 503 with `Retry-After`, and a small honest webhook gets a quick answer.

use crate::neighbours::{rss_kib, rss_most_kib};
use crate::post::{GUESTS, Poster};
use crate::process::{Crm, Home, PATIENCE, Process};
use crate::support::Booking;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Connections, where the machine has that many files to open.
const CONNECTIONS: usize = 10_000;
/// Files that the test itself and the router need beside them.
const FILES_BESIDE: usize = 400;
/// Bytes of each body: the most that is taken.
const BODY_BYTES: usize = 5 << 20;
/// What a slow sender sends at first. Then it waits until it is told to go on.
const FIRST_BYTES: usize = 96 << 10;
/// Bodies that are read or wait for their commit.
const BODIES_KIB: u64 = 256 << 10;
/// The same once more in a commit: the values that are bound to it.
const COMMIT_KIB: u64 = 96 << 10;
/// What one connection may cost: up to 32 KiB that were read, as much of a body that nobody took yet, and the state of its
/// request, which is large in a build without optimisation. (It is some 60 where all of them come within the same seconds.)
const CONNECTION_KIB: u64 = 72;

/// How many files a process may have open.
fn files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1_024)
}

/// What came of one connection.
async fn one(address: SocketAddr, slow: bool, mut go: watch::Receiver<bool>) -> &'static str {
    let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await else {
        return "not connected";
    };
    let (mut read, mut write) = stream.into_split();
    let writing = async move {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: tours\r\nContent-Length: {BODY_BYTES}\r\n\r\n",
            Home::hook_path()
        );
        write.write_all(head.as_bytes()).await?;
        let piece = vec![b' '; 32 << 10];
        let mut sent = 0;
        while sent < BODY_BYTES {
            if slow && sent >= FIRST_BYTES && !*go.borrow() {
                let _ = go.wait_for(|go| *go).await;
            }
            let now = piece.len().min(BODY_BYTES - sent);
            write.write_all(&piece[..now]).await?;
            sent += now;
        }
        // Held open until the answer has come.
        std::future::pending::<()>().await;
        std::io::Result::Ok(())
    };
    let reading = async move {
        let mut answer = Vec::new();
        while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
            if read.read_buf(&mut answer).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(String::from_utf8_lossy(&answer).to_ascii_lowercase())
    };
    tokio::pin!(reading);
    let answer = tokio::select! {
        answer = &mut reading => answer,
        // The other side closed while we wrote: its answer may be there all the same.
        _ = writing => reading.await,
    };
    let Ok(answer) = answer else { return "closed" };
    match answer.get(9..12) {
        Some("200") => "200",
        Some("503") if answer.contains("retry-after:") => "503",
        Some("503") => "503 without retry-after",
        Some("408") => "408",
        Some("413") => "413",
        None => "closed",
        _ => "another answer",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_ten_thousand_large_bodies_is_answered_with_503_within_bounded_memory() {
    let crm = Crm::start().await;
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let mut process: Process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    poster.post_all(1..6).await;
    home.quiet().await;
    let idle_kib = rss_kib(process.id());
    let count = CONNECTIONS.min(files_max().saturating_sub(FILES_BESIDE));
    if count < CONNECTIONS {
        println!("only {count} connections: this process may not open more files (ulimit -n)");
    }
    let (go, waits) = watch::channel(false);
    let mut all = tokio::task::JoinSet::new();
    for number in 0..count {
        all.spawn(one(home.address(), number % 2 == 0, waits.clone()));
    }
    // Honest ones in the middle of it: each gets an answer, and it is never another than these.
    let mut honest: BTreeMap<u16, usize> = BTreeMap::new();
    for number in 101..121 {
        let answer = poster.post(&Booking::new(number)).await;
        assert!(answer.status == 200 || (answer.status == 503 && answer.retry_after), "{answer:?}");
        *honest.entry(answer.status).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _ = go.send(true);
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    let collected = tokio::time::timeout(PATIENCE, async {
        while let Some(outcome) = all.join_next().await {
            *outcomes.entry(outcome.expect("no panic")).or_default() += 1;
        }
    });
    assert!(collected.await.is_ok(), "some never got an answer: {outcomes:?}");
    let most_kib = rss_most_kib(process.id());
    println!(
        "{count} connections: {outcomes:?}; honest ones {honest:?}; memory {} MiB idle, {} MiB at most",
        idle_kib >> 10,
        most_kib >> 10
    );
    assert_eq!(process.ended(), None, "{}", home.log_end());
    let answered: usize = ["200", "503", "408", "413"].iter().filter_map(|kind| outcomes.get(kind)).sum();
    for wrong in ["503 without retry-after", "another answer"] {
        assert!(!outcomes.contains_key(wrong), "{outcomes:?}");
    }
    assert!(answered * 10 >= count * 9, "hardly anybody was answered: {outcomes:?}");
    assert!(outcomes.contains_key("503"), "there was no flood: {outcomes:?}");
    let bound_kib = idle_kib + BODIES_KIB + COMMIT_KIB + CONNECTION_KIB * count as u64;
    assert!(most_kib < bound_kib, "{most_kib} KiB at most, and {bound_kib} KiB are the bound");
    // Afterwards it works as before.
    poster.post_until_acked(&home, &Booking::new(201)).await;
    poster.post_all(202..212).await;
    println!("memory {} MiB afterwards", rss_kib(process.id()) >> 10);
    poster.all_arrived_once(&home, &crm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_would_take_all_open_files_leaves_enough_for_the_work() {
    let crm = Crm::start().await;
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let few_files = ["/bin/sh", "-c", "ulimit -n 320; exec \"$0\" \"$@\""];
    let mut process = Process::start(home.command_under(&few_files));
    home.ready(&mut process).await;
    let mut poster = Poster::new(&home);
    // Work that lasts while the crowd is there, on ever new connections to the CRM.
    crm.behave(serde_json::json!({ "delay_ms": 50 })).await;
    poster.post_all(1..31).await;
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..600 {
        let address = home.address();
        crowd.spawn(async move {
            // Says nothing, and comes back whenever it is sent away.
            while let Ok(mut stream) = TcpStream::connect(address).await {
                let _ = stream.read(&mut [0; 64]).await;
            }
        });
    }
    home.until("the work is done beside the crowd", async || crm.records("notes").await.len() == 30).await;
    home.quiet().await;
    assert!(!home.log().contains("Too many open files"), "{}", home.log_end());
    crowd.shutdown().await;
    poster.post_until_acked(&home, &Booking::new(101)).await;
    poster.all_arrived_once(&home, &crm).await;
    assert_eq!(process.ended(), None, "{}", home.log_end());
}
