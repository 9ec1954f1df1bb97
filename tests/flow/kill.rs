//! `kill -9` while the CRM is down and hundreds of bookings wait: after the restart all arrive, each once. The router is
//! the real binary; the CRM is a process's part of its own that lives on.

use crate::postgres::TestDatabase;
use crate::support::{Booking, TOKEN, client};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use waypost::clock::{OsEntropy, SystemClock};
use waypost::sandbox::{self, SandboxState};

const PATIENCE: Duration = Duration::from_secs(60);
const BOOKINGS: u32 = 300;
const RULE: &str = r#"
title: Guests
from: tours
steps:
  - id: contact
    use: crm.upsert_contact
    with: { id: "{{ booking.contact.email }}", name: "{{ person.name }}" }
  - id: note
    use: crm.add_note
    with: { text: "Booked by {{ steps.contact.id }}" }
"#;

/// The router as a process; killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(home: &Path, port: u16, database: Option<&str>) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command
        .arg("serve")
        .args(["--rules", home.join("rules").to_str().expect("a path")])
        .args(["--data", home.join("data").to_str().expect("a path")])
        .args(["--listen", &format!("127.0.0.1:{port}"), "--ui-listen", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(home.join("serve.log")).expect("a log"));
    if let Some(url) = database {
        command.args(["--database", url]);
    }
    Process(command.spawn().expect("the router starts"))
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

async fn until(what: &str, log: &Path, mut holds: impl AsyncFnMut() -> bool) {
    let began = tokio::time::Instant::now();
    while !holds().await {
        assert!(
            began.elapsed() < PATIENCE,
            "not after {PATIENCE:?}: {what}\n{}",
            std::fs::read_to_string(log.join("serve.log")).unwrap_or_default()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn ready(port: u16, home: &Path) {
    let client = client();
    until("the router is ready", home, async || {
        let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
}

async fn killed_while_the_crm_is_down(database: Option<&str>) {
    let home = tempfile::tempdir().expect("a home");
    let state = SandboxState::new(None, Arc::new(SystemClock::new()));
    let crm =
        sandbox::start_with("127.0.0.1:0".parse().expect("an address"), state.clone()).await.expect("a CRM");
    std::fs::create_dir_all(home.path().join("rules/sources")).expect("a folder");
    std::fs::create_dir_all(home.path().join("rules/connections")).expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(home.path().join(path), text).expect("a file");
    write("rules/guests.yaml", RULE);
    write(
        "rules/sources/tours.yaml",
        "connector: fareharbor\ntitle: Tours\ntoken: { secret: tours-token }\n",
    );
    let crm_file = format!("connector: sandbox\ntitle: CRM\nbase_url: {}\nallow_private: true\n", crm.url());
    write("rules/connections/crm.yaml", &crm_file);
    {
        let places = waypost::app::Places {
            data: home.path().join("data"),
            database: database.map(str::to_owned),
            exclusive: false,
        };
        let app = waypost::app::App::open(places, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await;
        let app = app.expect("the store opens");
        app.set_secret("tours-token", TOKEN).await.expect("a secret");
        app.store.close().await;
    }

    let behave = |behaviour: Value| {
        state.behave(vec![serde_json::from_value(behaviour).expect("a behaviour")]);
    };
    behave(json!({ "fail": { "status": 503 } }));
    let port = free_port();
    let mut router = start(home.path(), port, database);
    ready(port, home.path()).await;
    let client = client();
    let url = format!("http://127.0.0.1:{port}/hooks/tours/{TOKEN}");
    let mut posts = tokio::task::JoinSet::new();
    for number in 1..=BOOKINGS {
        let body = Booking::new(number).body.to_string();
        let post = client.post(&url).body(body);
        posts.spawn(async move { post.send().await.is_ok_and(|answer| answer.status().as_u16() == 200) });
    }
    let acked = posts.join_all().await.into_iter().filter(|acked| *acked).count();
    assert_eq!(acked, BOOKINGS as usize);
    // Killed at once, with events not applied and calls in flight; and once more a little later.
    drop(router);
    router = start(home.path(), port, database);
    ready(port, home.path()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(router);
    router = start(home.path(), port, database);
    ready(port, home.path()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let calls_while_down = state.stats()["max_in_60s"].as_i64().expect("a count");
    assert!(calls_while_down <= 20, "{calls_while_down} calls in a minute while the CRM was down");

    behave(json!({}));
    until("all have arrived within 60 s of the CRM's recovery", home.path(), async || {
        state.stats()["objects"]["notes"]["effects"].as_i64() >= Some(i64::from(BOOKINGS))
    })
    .await;
    // Anything more that were to come would come within the next seconds.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stats = state.stats();
    assert_eq!(
        stats["objects"]["contacts"]["effects"], BOOKINGS,
        "{}",
        stats["objects"]["contacts"]["doubled"]
    );
    assert_eq!(stats["objects"]["notes"]["effects"], BOOKINGS);
    assert_eq!(stats["objects"]["notes"]["doubled"], 0);
    drop(router);
    crm.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_bookings_survive_kill_9_on_postgres() {
    let database = TestDatabase::create().await;
    killed_while_the_crm_is_down(Some(&database.url)).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_bookings_survive_kill_9_on_sqlite() {
    killed_while_the_crm_is_down(None).await;
}
