//! A source that falls silent: who is told, what is said, and what its page, Today, Connections and the API show.

use crate::alerts_world::{AlertWorld, Receiver};
use crate::api_program::Program;
use crate::workshop::Workshop;
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use waypost::app::App;
use waypost::domain::{EventId, Millis, ORIGIN_WEBHOOK, Scope, Stretch};
use waypost::ports::{NewEvent, RefusedWebhooks, Store};
use waypost::rules::{Files, Ruleset, compile};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const WEEK: Millis = 7 * 24 * HOUR;
const OPENED: &str = "outage.opened";
const CLOSED: &str = "outage.closed";

/// One webhook.
async fn webhook(store: &Arc<dyn Store>, name: &str, at: Millis) {
    let event = NewEvent {
        id: EventId::new(format!("evt_{name}_{at}")),
        source: "tours".into(),
        received_at: at,
        origin: ORIGIN_WEBHOOK,
        headers: "{}".into(),
        body: Bytes::from_static(b"{}"),
    };
    store.append_events(&[event]).await.expect("a store");
    while store.count_up_events(1_000).await.expect("a store") > 0 {}
}

/// Three weeks of four webhooks an hour, up to now.
async fn three_weeks(store: &Arc<dyn Store>, now: Millis) {
    let at = |quarter: i64| now - quarter * HOUR / 4;
    let one = |quarter: i64| NewEvent {
        id: EventId::new(format!("evt_{quarter}")),
        source: "tours".into(),
        received_at: at(quarter),
        origin: ORIGIN_WEBHOOK,
        headers: "{}".into(),
        body: Bytes::from_static(b"{}"),
    };
    let all: Vec<NewEvent> = (0..3 * 7 * 24 * 4 + 8).rev().map(one).collect();
    for some in all.chunks(250) {
        store.append_events(some).await.expect("a store");
    }
    while store.count_up_events(1_000).await.expect("a store") > 0 {}
}

fn tours(more: &str) -> Arc<Ruleset> {
    let mut files = Files::default();
    let text = format!("connector: fareharbor\ntitle: Reef Tours\n{more}");
    files.texts.insert("sources/tours.yaml".into(), text);
    let made = compile(&files, None);
    made.ruleset.unwrap_or_else(|| panic!("{:#?}", made.diagnostics))
}

async fn world(more: &str) -> (AlertWorld, Receiver) {
    let mut world = AlertWorld::new().await;
    world.ruleset = tours(more);
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    three_weeks(&world.site.app.store, world.now()).await;
    (world, receiver)
}

#[actix_web::test]
async fn a_silence_is_told_once_with_what_it_may_be_and_once_when_it_is_over() {
    let (world, receiver) = world("").await;
    world.minutes(3 * 60).await;
    assert_eq!(receiver.kinds(), [""; 0], "twelve that are missing may be chance");
    let refused = RefusedWebhooks { source: "tours".into(), status: 503, answers: 3, last_at: world.now() };
    world.site.app.store.pulse().count_refused(&[refused]).await.unwrap();
    world.minutes(60).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    let letter = receiver.came()[0].json()["data"].clone();
    let headline = letter["headline"].as_str().unwrap();
    assert!(headline.starts_with("Reef Tours has sent nothing since "), "{headline}");
    assert_eq!(letter["link"], "https://waypost.example.org/sources/tours");
    let text = letter["text"].as_str().unwrap();
    for told in [
        "usually sends about 4 an hour, and about 13 in such a time.",
        "3 webhooks were answered with 503 (it could not be stored just then) in the last 24 hours. FareHarbor may deactivate",
        "The company is in demo mode, which sends no webhooks.",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains("certificate"), "nobody looked at it: {text}");
    // However long it lasts, it does not become usual.
    for _ in 0..30 {
        world.site.clock.on(WEEK / 2);
        world.turn().await;
    }
    assert_eq!(receiver.kinds(), [OPENED]);
    webhook(&world.site.app.store, "again", world.now()).await;
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [OPENED, CLOSED]);
    let closed = receiver.came()[1].json()["data"].clone();
    assert_eq!(closed["outage"], letter["outage"]);
    assert_eq!(closed["headline"], "Reef Tours sends webhooks again");
}

#[actix_web::test]
async fn what_we_missed_ourselves_is_no_silence_and_is_named_when_there_is_one() {
    let (world, receiver) = world("").await;
    let (store, last) = (world.site.app.store.clone(), world.now());
    let note = async |from: Millis, to: Millis| {
        store.pulse().note_running(Stretch { from: last + from, to: last + to }).await.unwrap();
    };
    note(-HOUR, MINUTE).await;
    world.site.clock.on(30 * HOUR);
    note(30 * HOUR, 31 * HOUR).await;
    world.minutes(3 * 60).await;
    assert_eq!(receiver.kinds(), [""; 0], "most of that time nobody was there to take them");
    world.minutes(60).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    let letter = receiver.came()[0].json();
    let text = letter["data"]["text"].as_str().unwrap();
    assert!(text.contains("Waypost itself was not running from "), "{text}");
}

#[actix_web::test]
async fn a_source_whose_season_is_over_can_be_left_alone() {
    let (mut world, receiver) = world("on_silence: ignore\n").await;
    world.minutes(12 * 60).await;
    assert_eq!(receiver.kinds(), [""; 0]);
    world.ruleset = tours("on_silence: tell\n");
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    world.ruleset = tours("enabled: false\n");
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [OPENED, CLOSED]);
    let closed = receiver.came()[1].json();
    assert_eq!(closed["data"]["headline"], "Reef Tours is not listened for any more");
}

/// Says to whoever looks what Waypost would say, or something else; its address.
async fn door(answer: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 2_048];
            let read = stream.read(&mut asked).await.unwrap_or_default();
            assert!(
                asked[..read].starts_with(b"GET /hooks/tours "),
                "{:?}",
                String::from_utf8_lossy(&asked[..read])
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}")
}

const GOOD: &str = "HTTP/1.1 405 Method Not Allowed\r\nallow: POST\r\ncontent-length: 27\r\nconnection: close\r\n\r\nThis address takes webhooks";
const OTHER: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

async fn told(app: &Arc<App>) -> Vec<(String, String)> {
    let program = Program::with(app, Scope::Write).await;
    let (status, answer) = program.post("/api/v1/sources/tours/doctor", &json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let findings = answer["findings"].as_array().expect("findings").clone();
    let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    findings.iter().map(|one| (text(one, "health"), text(one, "text"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_say_that_it_is_silent_and_a_look_over_it_says_more() {
    let shop = Workshop::open(0).await;
    let store = shop.app.store.clone();
    three_weeks(&store, shop.app.clock.now()).await;
    let calm = shop.get("/connections").await.text;
    assert!(calm.contains("Reef Tours sent the last webhook just now."), "{calm}");
    let calm = shop.get("/sources/tours").await.text;
    assert!(
        calm.contains("<dt>Usual at this hour</dt><dd>4 an hour</dd>") && !calm.contains("What it may be"),
        "{calm}"
    );
    let now = shop.app.clock.now();
    let refused = |status, answers| RefusedWebhooks { source: "tours".into(), status, answers, last_at: now };
    store.pulse().count_refused(&[refused(503, 3), refused(404, 1)]).await.unwrap();
    for (from, to) in [(now - HOUR, now), (now + 2 * HOUR, now + 3 * HOUR)] {
        store.pulse().note_running(Stretch { from, to }).await.unwrap();
    }
    shop.clock.on(6 * HOUR);
    let silence = "Reef Tours has been silent for 6 hours; on a";
    for address in ["/", "/connections", "/sources", "/sources/tours"] {
        let text = shop.get(address).await.text;
        assert!(text.contains(silence), "{address}: {text}");
        assert!(!text.contains("All is well"), "{address}");
    }
    let today = shop.get("/").await.text;
    assert!(today.contains("<a href=\"/sources/tours\">See what it may be</a>"), "{today}");
    let page = shop.get("/sources/tours").await.text;
    for shown in [
        "The company is in demo mode, which sends no webhooks.",
        "About 16 webhooks usually come in such a time.",
        "3 webhooks were answered with 503 (it could not be stored just then) and 1 with 404 (a wrong or old address)",
        "FareHarbor may deactivate the webhook after too many",
        "(2 hours). About 8 webhooks usually come in such a time; what was not sent again is missing.",
        "Look it over",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let program = Program::with(&shop.app, Scope::Read).await;
    let source = program.get("/api/v1/sources/tours").await;
    assert_eq!(source["missed"], 16);
    assert_eq!(source["refused_by_status"][1]["webhooks"], 3);
    assert_eq!(source["not_running"].as_array().map(Vec::len), Some(1));
    assert_eq!(source["causes"].as_array().map(Vec::len), Some(4));

    let look = shop.post("/sources/tours/look", &[]).await.text;
    for shown in ["What was found", "where webhooks come in from outside", "can’t know of a webhook"] {
        let shown = shown.replace('’', "&#39;");
        assert!(look.contains(&shown), "{shown}: {look}");
    }
    assert_eq!(shop.post("/sources/none/look", &[]).await.status.as_u16(), 404);
    shop.app.come_in_at(&door(GOOD).await);
    let found = told(&shop.app).await;
    let of = |health: &str, text: &str| found.iter().any(|(one, said)| one == health && said.contains(text));
    assert!(of("notice", "does not begin with https://"), "{found:#?}");
    assert!(of("ok", "Its address answers as it should, seen from this machine"), "{found:#?}");
    assert!(of(
        "amiss",
        "It is silent for longer than usual: in such a time about 16 webhooks come, some 4 an hour."
    ));
    assert!(of("notice", "3 webhooks were answered with 503"), "{found:#?}");
    assert!(of("notice", "Waypost was not running from "), "{found:#?}");
    assert!(
        of("notice", "Without API access Waypost can't know of a webhook that never came."),
        "{found:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_where_somebody_else_answers_is_told() {
    let shop = Workshop::open(0).await;
    shop.app.come_in_at(&door(OTHER).await);
    let found = told(&shop.app).await;
    let of = |health: &str, text: &str| found.iter().any(|(one, said)| one == health && said.contains(text));
    assert!(
        of("amiss", "answers 404, and not as Waypost does: something else is reached there."),
        "{found:#?}"
    );
    assert!(of("notice", "No webhook has come yet."), "{found:#?}");
}
