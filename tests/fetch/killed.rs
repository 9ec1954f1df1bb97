//! `kill -9` in the middle of a fetch: after the restart it is made again, and what was hinted at arrives once; and in the
//! middle of subscribing: there is one subscription afterwards. The router is the real binary; the booking system and the CRM
//! live on.

use crate::fake_apaleo::{Apaleo, event, reservation};
use crate::fake_http::Reply;
use crate::subscriptions::{OUTSIDE, POST};
use crate::support::client;
use crate::world::{INN, RULE};
use serde_json::json;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use waypost::app::{App, Places};
use waypost::clock::{OsEntropy, SystemClock};
use waypost::sandbox::{self, SandboxState};

const PATIENCE: Duration = Duration::from_secs(60);

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(home: &Path, port: u16) -> Process {
    start_with(home, port, &[])
}

fn start_with(home: &Path, port: u16, options: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command
        .arg("serve")
        .args(["--rules", home.join("rules").to_str().expect("a path")])
        .args(["--data", home.join("data").to_str().expect("a path")])
        .args(["--listen", &format!("127.0.0.1:{port}"), "--ui-listen", "127.0.0.1:0"])
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Process(command.spawn().expect("the router starts"))
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = tokio::time::Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "not after {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The app beside the router, as a command makes it.
async fn beside(home: &Path) -> Arc<App> {
    let places = Places { data: home.join("data"), database: None, exclusive: false };
    let app = App::open(places, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await;
    app.expect("the store opens")
}

async fn keep_secrets(home: &Path) {
    let app = beside(home).await;
    for (name, value) in [("inn-token", INN), ("apaleo-id", "client-1"), ("apaleo-secret", "secret-1")] {
        app.set_secret(name, value).await.expect("a secret");
    }
    app.store.close().await;
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port").port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn subscribing_survives_kill_9_with_one_subscription() {
    let home = tempfile::tempdir().expect("a home");
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    std::fs::create_dir_all(home.path().join("rules/sources")).expect("a folder");
    let source =
        format!("connector: apaleo\ntoken: {{ secret: inn-token }}\nsubscribe: auto\n{}", apaleo.api());
    std::fs::write(home.path().join("rules/sources/inn.yaml"), source).expect("a file");
    keep_secrets(home.path()).await;
    let port = free_port();
    apaleo.reaches(OUTSIDE, std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    // It is made there, and whoever made it does not live to hear so.
    apaleo.late(POST, 1, Some(Duration::from_secs(600)));
    let router = start_with(home.path(), port, &["--hooks-url", OUTSIDE]);
    until("it is made", async || apaleo.subscriptions().len() == 1).await;
    drop(router);
    let asked = apaleo.calls("GET /v1/subscriptions");
    let router = start_with(home.path(), port, &["--hooks-url", OUTSIDE]);
    until("it was looked at again", async || apaleo.calls("GET /v1/subscriptions") > asked).await;
    let app = beside(home.path()).await;
    let active = app.active().expect("a ruleset");
    until("all is in line", async || {
        let told = app.subscriptions(&active.sources["inn"]).await.expect("the fact");
        told.and_then(|told| told.seen).is_some_and(|seen| seen.matches())
    })
    .await;
    assert_eq!((apaleo.calls(POST), apaleo.subscriptions().len()), (1, 1));
    app.store.close().await;
    drop(router);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_survives_kill_9() {
    let home = tempfile::tempdir().expect("a home");
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    let state = SandboxState::new(None, Arc::new(SystemClock::new()));
    let crm =
        sandbox::start_with("127.0.0.1:0".parse().expect("an address"), state.clone()).await.expect("a CRM");
    for folder in ["rules/sources", "rules/connections"] {
        std::fs::create_dir_all(home.path().join(folder)).expect("a folder");
    }
    let write = |path: &str, text: &str| std::fs::write(home.path().join(path), text).expect("a file");
    write("rules/guests.yaml", &RULE.replace("SOURCE", "inn"));
    write(
        "rules/sources/inn.yaml",
        &format!("connector: apaleo\ntoken: {{ secret: inn-token }}\n{}", apaleo.api()),
    );
    write(
        "rules/connections/crm.yaml",
        &format!("connector: sandbox\ntitle: CRM\nbase_url: {}\nallow_private: true\n", crm.url()),
    );
    keep_secrets(home.path()).await;
    for number in 1..=20 {
        apaleo.put(reservation(&format!("R{number}-1"), "Confirmed", "2026-11-20T08:00:00Z"));
    }
    // What is asked for before the kill gets no answer in time.
    let mut late = Reply::empty(503);
    late.after = Duration::from_secs(600);
    apaleo.script("GET /booking", 5, Some(late));
    let port = free_port();
    let ready = async || {
        let answer = client().get(format!("http://127.0.0.1:{port}/readyz")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    };
    let router = start(home.path(), port);
    until("the router is ready", ready).await;
    for number in 1..=20 {
        let body = event(number, "Reservation/created", &format!("R{number}-1")).to_string();
        let posted =
            client().post(format!("http://127.0.0.1:{port}/hooks/inn/{INN}")).body(body).send().await;
        assert_eq!(posted.expect("an answer").status().as_u16(), 200);
    }
    until("fetches are under way", async || apaleo.calls("GET /booking") >= 5).await;
    drop(router);
    let router = start(home.path(), port);
    until("all have arrived", async || state.stats()["objects"]["bookings"]["effects"].as_i64() >= Some(20))
        .await;
    assert_eq!(state.stats()["objects"]["bookings"]["doubled"], json!(0));
    drop(router);
    crm.stop().await;
}
