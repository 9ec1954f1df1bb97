//! A database that goes away and comes back, and one whose settings would make a 200 a lie.

use crate::cluster::Cluster;
use crate::post::{GUESTS, Poster};
use crate::process::{Crm, Home, Process};
use crate::support::Booking;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarted_in_the_middle_costs_nothing_but_503s() {
    let Some(cluster) = Cluster::start("") else { return };
    let crm = Crm::start().await;
    let home = Home::new(crm.address, Some(&cluster.url()), &[("guests.yaml", GUESTS)]).await;
    let mut process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    for (round, mode) in ["fast", "immediate"].into_iter().enumerate() {
        let first = 1_000 * (round as u32 + 1);
        crm.behave(json!({ "delay_ms": 50 })).await;
        poster.post_all(first..first + 20).await;
        cluster.down(mode);
        let mut number = first + 100;
        let mut refused = 0;
        home.until("webhooks are refused", async || {
            number += 1;
            let answer = poster.post(&Booking::new(number)).await;
            assert!(answer.status == 503 && answer.retry_after, "{answer:?}");
            refused += 1;
            refused >= 3
        })
        .await;
        assert_eq!(process.ended(), None, "{}", home.log_end());
        cluster.up();
        crm.behave_well().await;
        poster.post_until_acked(&home, &Booking::new(first + 500)).await;
        poster.post_all(first + 501..first + 511).await;
        poster.all_arrived_once(&home, &crm).await;
        assert_eq!(process.ended(), None, "{}", home.log_end());
    }
    drop(process);
    drop(cluster);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_without_fsync_is_refused() {
    let Some(cluster) = Cluster::start("fsync = off") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut command = std::process::Command::new(crate::process::binary());
    command
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--ui-listen",
            "127.0.0.1:0",
            "--database",
            &cluster.url(),
        ])
        .arg("--data")
        .arg(folder.path().join("data"))
        .arg("--rules")
        .arg(folder.path().join("rules"))
        .stdout(std::process::Stdio::null())
        .stderr(std::fs::File::create(&log).expect("a log"));
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let status = Process::start(command).end(said).await;
    assert_eq!(status.code(), Some(1), "{}", said());
    assert!(said().contains("fsync=off"), "{}", said());
}

/// Takes webhooks of alerts: each is answered with 200, and its body kept.
fn receiver() -> (u16, std::sync::mpsc::Receiver<String>) {
    use std::io::{BufRead as _, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, bodies) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = std::io::BufReader::new(stream);
            let mut length = 0;
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some((_, value)) = line.to_lowercase().split_once("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if stream.read_exact(&mut body).is_ok() {
                let _ = stream
                    .get_mut()
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = sender.send(String::from_utf8_lossy(&body).into_owned());
            }
        }
    });
    (port, bodies)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_nothing_can_be_stored_is_told_while_the_database_is_away() {
    let Some(cluster) = Cluster::start("") else { return };
    let crm = Crm::start().await;
    let home = Home::new(crm.address, Some(&cluster.url()), &[("guests.yaml", GUESTS)]).await;
    let (port, bodies) = receiver();
    let app = home.beside().await;
    let who = waypost::app::Who::command_line();
    let at_once = waypost::domain::AlertOptions { delay_minutes: 0, ..Default::default() };
    app.set_alert_options(&who, &at_once).await.expect("the options are kept");
    let channel = waypost::app::ChannelDraft {
        kind: "webhook".into(),
        name: "Pager".into(),
        enabled: true,
        address: format!("http://127.0.0.1:{port}/"),
        allow_private: true,
        ..Default::default()
    };
    app.keep_alert_channel(&who, None, &channel).await.expect("a channel");
    app.store.close().await;
    let mut process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    poster.post_all(1..3).await;
    cluster.down("fast");
    let mut number = 100;
    home.until("it is told", async || {
        number += 1;
        let answer = poster.post(&Booking::new(number)).await;
        assert!(answer.status == 503 && answer.retry_after, "{answer:?}");
        bodies.try_iter().any(|body| body.contains("\"about\":\"storing\"") && body.contains("outage.opened"))
    })
    .await;
    assert_eq!(process.ended(), None, "{}", home.log_end());
    cluster.up();
    poster.post_until_acked(&home, &Booking::new(900)).await;
    poster.all_arrived_once(&home, &crm).await;
    drop(process);
    drop(cluster);
}
