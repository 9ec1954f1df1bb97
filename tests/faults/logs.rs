//! The log of the whole program at its default level, while all goes wrong that a guest's data can be part of: nothing of
//! the guest or of a token is in it, and it has no more lines than there were webhooks.

use crate::cluster::Cluster;
use crate::process::{Crm, Home};
use crate::support::{Booking, TOKEN, client};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use waypost::domain::Role;
use waypost::ports::ListFilter;

/// Words that stand nowhere but in the bodies and addresses of this test.
const NAME: &str = "Zuzana Quartermaine";
const EMAIL: &str = "zuzana.quartermaine@guest.example";
const PHONE: &str = "+4915112345678";
const WORDS: [&str; 9] = [
    "zuzana",
    "quartermaine",
    "guest.example",
    "15112345678",
    TOKEN,
    "hush-hush",
    "whale",
    "passport",
    "X7734421",
];

const GUESTS: &str = r#"
title: Guests
from: tours
steps:
  - id: contact
    use: crm.upsert_contact
    with: { id: "{{ booking.contact.email }}", name: "{{ person.name }}", phone: "{{ booking.contact.phone }}" }
"#;
/// Each fails with the value that it could not work with in its message.
const FAILS: &str = r#"
title: Fails as it maps
from: tours
steps:
  - id: note
    use: crm.add_note
    with: { text: '{{ date(booking.contact.email, "%Y") }}' }
"#;
const FAILS_AT_ONCE: &str = r#"
title: Fails as it is planned
from: tours
when: 'date(booking.contact.name, "%Y") == "2027"'
steps:
  - id: note
    use: crm.add_note
    with: { text: never }
"#;

fn guest(number: u32) -> Booking {
    Booking::new(number)
        .with("/contact/name", NAME)
        .with("/contact/email", EMAIL)
        .with("/contact/phone", PHONE)
        .with("/contact/normalized_phone", PHONE)
        .with("/note", "passport X7734421")
}

async fn post(url: &str, body: impl Into<reqwest::Body>) -> u16 {
    client().post(url).body(body).send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_nothing_of_a_guest_and_no_more_lines_than_webhooks() {
    nothing_of_a_guest(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_nothing_of_a_guest_on_postgres() {
    let Some(cluster) = Cluster::start("") else { return };
    nothing_of_a_guest(Some(&cluster.url())).await;
}

async fn nothing_of_a_guest(database: Option<&str>) {
    let crm = Crm::start().await;
    let files = [("guests.yaml", GUESTS), ("fails.yaml", FAILS), ("fails-at-once.yaml", FAILS_AT_ONCE)];
    let home = Home::new(crm.address, database, &files).await;
    let said = home.folder().join("said.log");
    let mut command = home.command();
    command.stdout(File::create(&said).expect("a file")).env_remove("RUST_LOG").env_remove("WAYPOST_LOG");
    let mut process = crate::process::Process::start(command);
    home.ready(&mut process).await;
    let hook = home.hook();
    let mut webhooks = 0;
    let mut send = async |body: Vec<u8>| {
        webhooks += 1;
        post(&hook, body).await
    };
    let body = |booking: Booking| booking.body.to_string().into_bytes();

    // All is well; then the CRM refuses with the guest's data in its words; then it fails until calls are stopped.
    assert_eq!(send(body(guest(1))).await, 200);
    home.quiet().await;
    let words = format!("{NAME} <{EMAIL}> has no valid phone: {PHONE}");
    crm.behave(json!({ "refuse_fields": { "name": words } })).await;
    assert_eq!(send(body(guest(2).with("/contact/name", "Zuzana Q. Quartermaine"))).await, 200);
    home.quiet().await;
    crm.behave(json!({ "fail": { "status": 500, "times": 6, "message": words } })).await;
    assert_eq!(send(body(guest(3).with("/contact/name", "Zuzana R. Quartermaine"))).await, 200);
    home.quiet().await;
    // Bodies that can't be read, that tell of nothing known, of another account, with a letter that Postgres can't keep.
    for text in [
        format!("{{\"name\": \"{NAME}\", "),
        format!("name={NAME}&email={EMAIL}"),
        format!("{}\"{EMAIL}\"{}", "[".repeat(2_000), "]".repeat(2_000)),
        json!({ "guest": EMAIL }).to_string(),
    ] {
        assert_eq!(send(text.into_bytes()).await, 200);
    }
    assert_eq!(send(body(guest(4).with("/company/shortname", "zuzana-quartermaine"))).await, 200);
    assert_eq!(send(body(guest(5).with("/note", "passport\u{0} X7734421"))).await, 200);
    assert_eq!(send(body(guest(6).with("/availability/start_at", "whale"))).await, 200);
    assert_eq!(send(vec![b'X'; 6 << 20]).await, 413);
    // Requests that are not let in, or are no HTTP.
    let base = format!("http://{}", home.address());
    assert_eq!(post(&format!("{base}/hooks/tours/hush-hush?guest={EMAIL}"), "{}").await, 404);
    assert_eq!(post(&format!("{base}/hooks/{EMAIL}/{TOKEN}"), "{}").await, 404);
    let broken = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\n{NAME}\r\ncontent-length: x\r\n\r\n{EMAIL}",
        Home::hook_path()
    );
    let mut socket = TcpStream::connect(home.address()).expect("a connection");
    socket.write_all(broken.as_bytes()).expect("it is sent");
    let _ = socket.read_to_end(&mut Vec::new());
    home.quiet().await;
    // The pages of it all, and one that is not there.
    let app = home.beside().await;
    let runs = app.store.list_runs(&ListFilter::default()).await.expect("the runs");
    let session = crate::signed_in::session_of(&app, "admin@example.org", Role::Viewer).await;
    let cookie = format!("waypost={session}");
    app.store.close().await;
    let states: Vec<&str> = runs.iter().map(|run| run.state.as_str()).collect();
    assert!(states.contains(&"done") && states.contains(&"failed"), "{states:?}");
    for run in &runs {
        let page = client().get(home.page(&format!("/runs/{}", run.id))).header("cookie", &cookie);
        assert_eq!(page.send().await.expect("a page").status().as_u16(), 200);
    }
    let missing = client().get(home.page(&format!("/bookings/{EMAIL}"))).header("cookie", &cookie);
    assert_eq!(missing.send().await.expect("a page").status().as_u16(), 404);
    // Somebody tries to sign in with what is the guest's, and with what is nobody's.
    client().get(home.page(&format!("/sign-in?next=/{EMAIL}"))).send().await.expect("a page");
    client().get(home.page(&format!("/welcome/{TOKEN}"))).send().await.expect("a page");
    process.signal("TERM");
    assert_eq!(process.end(|| home.log_end()).await.code(), Some(0));

    let log = home.log();
    let said = std::fs::read_to_string(said).expect("what it said");
    for word in WORDS {
        for (place, text) in [("the log", &log), ("its output", &said)] {
            assert!(!text.to_lowercase().contains(&word.to_lowercase()), "{word} is in {place}:\n{text}");
        }
    }
    for line in log.lines() {
        let told: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(told["level"].is_string() && told["message"].is_string(), "{line}");
    }
    assert!(log.contains("calls are stopped"), "the failures were told: {log}");
    assert!(!log.contains("stream error"), "a stranger wrote into it: {log}");
    assert!(log.lines().count() <= webhooks, "{webhooks} webhooks:\n{log}");
}
