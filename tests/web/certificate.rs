//! The certificate of the address for webhooks: who is told that it ends, that it is not taken, that it is fine again; what a
//! source's page, Today and the API say of it; and what a letter about silence says of it.

use crate::alerts_world::{AlertWorld, Receiver};
use crate::api_program::Program;
use crate::workshop::Workshop;
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use waypost::alerts::World;
use waypost::domain::{CertificateState, CertificateWatch, EventId, Millis, ORIGIN_WEBHOOK, Scope};
use waypost::ports::{Certificates, Clock as _, NewEvent, NoCertificate, Store};
use waypost::rules::{Files, Ruleset, compile};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;
const OPENED: &str = "outage.opened";
const LASTS: &str = "outage.lasts";
const CLOSED: &str = "outage.closed";
const ADDRESS: &str = "https://hooks.example.com";

/// Shows this at the address.
struct Shows(Mutex<Result<CertificateState, NoCertificate>>);

impl Shows {
    fn good_until(until: Millis) -> Arc<Self> {
        let shows = Arc::new(Self(Mutex::new(Err(NoCertificate(String::new())))));
        shows.now(Ok(CertificateState::Good { until: Some(until) }));
        shows
    }

    fn now(&self, state: Result<CertificateState, NoCertificate>) {
        *self.0.lock().expect("a state") = state;
    }
}

#[async_trait]
impl Certificates for Shows {
    async fn look(&self, address: &str, _: Millis) -> Result<CertificateState, NoCertificate> {
        assert_eq!(address, ADDRESS);
        self.0.lock().expect("a state").clone()
    }
}

fn tours() -> Arc<Ruleset> {
    let mut files = Files::default();
    files.texts.insert("sources/tours.yaml".into(), "connector: fareharbor\ntitle: Reef Tours\n".into());
    let made = compile(&files, None);
    made.ruleset.unwrap_or_else(|| panic!("{:#?}", made.diagnostics))
}

async fn webhooks(store: &Arc<dyn Store>, times: impl Iterator<Item = Millis>) {
    let one = |at: Millis| NewEvent {
        id: EventId::new(format!("evt_{at}")),
        source: "tours".into(),
        received_at: at,
        origin: ORIGIN_WEBHOOK,
        headers: "{}".into(),
        body: Bytes::from_static(b"{}"),
    };
    let all: Vec<NewEvent> = times.map(one).collect();
    for some in all.chunks(250) {
        store.append_events(some).await.expect("a store");
    }
    while store.count_up_events(1_000).await.expect("a store") > 0 {}
}

/// A world whose address shows a certificate that is good for so long.
async fn world(good_for: Millis) -> (AlertWorld, Receiver, Arc<Shows>) {
    let mut world = AlertWorld::new().await;
    world.ruleset = tours();
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    let shows = Shows::good_until(world.now() + good_for);
    world.site.app.come_in_at(ADDRESS);
    world.site.app.look_at_certificates_by(shows.clone());
    (world, receiver, shows)
}

fn told(receiver: &Receiver, index: usize) -> (String, String) {
    let letter = receiver.came()[index].json()["data"].clone();
    assert_eq!(letter["about"], "certificate");
    let text = |key: &str| letter[key].as_str().unwrap_or_default().to_owned();
    (text("headline"), text("text"))
}

#[actix_web::test]
async fn a_certificate_that_ends_is_told_two_weeks_before_once_more_when_it_is_urgent_and_when_it_is_renewed()
{
    let (world, receiver, shows) = world(15 * DAY).await;
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [""; 0]);
    world.site.clock.on(DAY + HOUR);
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    let (headline, text) = told(&receiver, 0);
    assert_eq!(headline, "The certificate of hooks.example.com ends soon");
    assert!(
        text.starts_with("The certificate of hooks.example.com is taken, and good for 13 more days, until "),
        "{text}"
    );
    assert!(text.ends_with("What to do: renew it now: whatever renews it seems not to work."), "{text}");
    for _ in 0..20 {
        world.site.clock.on(12 * HOUR);
        world.turn().await;
    }
    assert_eq!(receiver.kinds(), [OPENED]);
    for _ in 0..4 {
        world.site.clock.on(12 * HOUR);
        world.turn().await;
    }
    assert_eq!(receiver.kinds(), [OPENED, LASTS]);
    assert_eq!(told(&receiver, 1).0, "Still: The certificate of hooks.example.com ends within three days");
    // It ends; who was told twice is told no more.
    shows.now(Ok(CertificateState::Expired { at: Some(world.now()) }));
    world.site.clock.on(2 * DAY);
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [OPENED, LASTS]);
    shows.now(Ok(CertificateState::Good { until: Some(world.now() + 90 * DAY) }));
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [OPENED, LASTS, CLOSED]);
    let (headline, text) = told(&receiver, 2);
    assert_eq!(headline, "The certificate of hooks.example.com is fine again");
    assert!(text.contains(" The certificate of hooks.example.com is fine until "), "{text}");
    world.minutes(10).await;
    assert_eq!(receiver.kinds().len(), 3);
}

#[actix_web::test]
async fn one_that_is_not_taken_is_told_once_also_across_a_restart() {
    let (mut world, receiver, shows) = world(60 * DAY).await;
    world.minutes(10).await;
    shows.now(Ok(CertificateState::OtherName { names: vec!["other.example.com".into()] }));
    world.minutes(70).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    let (headline, text) = told(&receiver, 0);
    assert_eq!(headline, "The certificate of hooks.example.com is not taken");
    assert!(text.contains("shows is for other.example.com: no webhook is delivered."), "{text}");
    assert!(text.contains("let the proxy show one for this name, or correct --hooks-url"), "{text}");
    world.restart();
    // After a start it is not known for a moment: neither is told.
    for _ in 0..20 {
        world.site.clock.on(30_000);
        let seen = World {
            ruleset: Some(&world.ruleset),
            disk_free: Some(u64::MAX),
            certificate: Some(&CertificateWatch::NotYet),
        };
        world.watcher.look(&seen, world.now()).await.expect("it looks");
        world.watcher.send(world.now()).await.expect("letters are sent");
    }
    world.minutes(60).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    // From now on there is no address with TLS.
    for _ in 0..4 {
        world.site.clock.on(30_000);
        let seen =
            World { ruleset: None, disk_free: Some(u64::MAX), certificate: Some(&CertificateWatch::Off) };
        world.watcher.look(&seen, world.now()).await.expect("it looks");
        world.watcher.send(world.now()).await.expect("letters are sent");
    }
    assert_eq!(receiver.kinds(), [OPENED, CLOSED]);
    let (headline, _) = told(&receiver, 1);
    assert_eq!(headline, "The certificate of the address for webhooks is not looked at any more");
}

#[actix_web::test]
async fn an_address_that_does_not_answer_is_told_where_no_webhook_shows_that_it_does() {
    let (world, receiver, shows) = world(60 * DAY).await;
    world.minutes(1).await;
    shows.now(Err(NoCertificate("hooks.example.com:443 shows no certificate: nobody is there.".into())));
    world.site.clock.on(HOUR);
    world.minutes(4).await;
    assert_eq!(receiver.kinds(), [""; 0], "it may be a moment only");
    world.minutes(6).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    let (headline, text) = told(&receiver, 0);
    assert_eq!(headline, "hooks.example.com shows no certificate");
    assert!(text.starts_with("hooks.example.com:443 shows no certificate: nobody is there."), "{text}");
    webhooks(&world.site.app.store, std::iter::once(world.now())).await;
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [OPENED, CLOSED]);
    assert_eq!(told(&receiver, 1).0, "Webhooks come in again at hooks.example.com");
}

#[actix_web::test]
async fn a_letter_about_silence_says_of_the_certificate_what_was_seen() {
    for ended in [false, true] {
        let (world, receiver, shows) = world(60 * DAY).await;
        let now = world.now();
        webhooks(
            &world.site.app.store,
            (0..3 * 7 * 24 * 4 + 8).rev().map(|quarter| now - quarter * HOUR / 4),
        )
        .await;
        if ended {
            shows.now(Ok(CertificateState::Expired { at: Some(now) }));
        }
        world.minutes(5 * 60).await;
        let letters = receiver.came();
        let silence =
            letters.iter().map(|came| came.json()["data"].clone()).find(|one| one["about"] == "silence");
        let text = silence.expect("a letter")["text"].as_str().unwrap_or_default().to_owned();
        let cause = "What it may be: The certificate of hooks.example.com ended on ";
        let asks = "FareHarbor delivers to a valid certificate only.";
        let fine = "The certificate of hooks.example.com is fine until ";
        assert_eq!(
            (text.contains(cause), text.contains(asks), text.contains(fine)),
            (ended, ended, !ended),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_and_the_api_say_what_was_seen() {
    let shop = Workshop::open(0).await;
    let program = Program::with(&shop.app, Scope::Read).await;
    assert!(program.get("/api/v1/sources/tours").await["certificate"].is_null());
    let shows = Shows::good_until(shop.clock.now() + 60 * DAY + HOUR);
    shop.app.come_in_at(ADDRESS);
    shop.app.look_at_certificates_by(shows.clone());
    assert!(!shop.get("/sources/tours").await.text.contains("certificate of hooks"), "not looked at yet");
    assert!(shop.app.keep_certificate_in_sight().await);
    let well = shop.get("/sources/tours").await.text;
    assert!(
        well.contains("The certificate of hooks.example.com is taken, and good for 60 more days, until "),
        "{well}"
    );
    assert!(!shop.get("/").await.text.contains("The certificate of"), "what is well is not told there");
    let told = program.get("/api/v1/sources/tours").await["certificate"].clone();
    assert_eq!((&told["well"], &told["way_out"]), (&true.into(), &serde_json::Value::Null), "{told}");
    assert!(told["until"].is_string() && told["looked_at"].is_string(), "{told}");

    shows.now(Ok(CertificateState::Expired { at: None }));
    shop.clock.on(HOUR);
    assert!(shop.app.keep_certificate_in_sight().await);
    let ended = "has ended: no webhook is delivered. Renew it, and let the proxy take up the new one.";
    for address in ["/", "/sources/tours"] {
        let text = shop.get(address).await.text;
        assert!(text.contains(ended), "{address}: {text}");
        assert!(!text.contains("All is well"), "{address}");
    }
    let told = program.get("/api/v1/sources/tours").await["certificate"].clone();
    assert_eq!((&told["well"], &told["until"]), (&false.into(), &serde_json::Value::Null), "{told}");
    let health = program.get("/api/v1/health").await;
    assert_eq!(health["well"], false, "{health}");
    // A person who looks it over sees it mended at once, and so does the page.
    shows.now(Ok(CertificateState::Good { until: Some(shop.clock.now() + 9 * DAY + HOUR) }));
    shop.app.look_over("tours").await.expect("it is looked over");
    let soon = shop.get("/").await.text;
    assert!(soon.contains("good for 9 more days, until ") && soon.contains("Renew it now"), "{soon}");
}
