//! What `waypost doctor` and the page of a source say of it: its address, its certificate, its last webhook, the keys of its
//! API, and its subscriptions; each as it should be, missing, refused, out of reach.

use crate::fake_apaleo::{Apaleo, event, reservation};
use crate::fake_http::Reply;
use crate::signed_in::session_of;
use crate::subscriptions::{OUTSIDE, address, subscribe, world};
use crate::support::{Router, client};
use crate::world::{INN, inn, post, settled, tours};
use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use std::sync::Arc;
use waypost::app::{Finding, Subscribing};
use waypost::domain::{CertificateState, Millis, Role};
use waypost::ports::{
    Answer, Certificates, NoCertificate, Outbound, OutboundFailure, OutboundRequest, Secrets,
};

/// A certificate that is good for long.
struct Good;

#[async_trait]
impl Certificates for Good {
    async fn look(&self, _address: &str, now: Millis) -> Result<CertificateState, NoCertificate> {
        Ok(CertificateState::Good { until: Some(now + 40 * 24 * 3_600_000 + 1_000) })
    }
}

/// What stands at the address for webhooks; it leads to Waypost.
struct Door;

#[async_trait]
impl Outbound for Door {
    async fn send(&self, request: OutboundRequest) -> Result<Answer, OutboundFailure> {
        if request.url.ends_with("/_about") {
            // The CRM, which is none of this.
            let body = Bytes::from_static(b"{}");
            return Ok(Answer { status: 200, headers: Vec::new(), body, cut: false });
        }
        assert!(request.url.starts_with(&format!("{OUTSIDE}/hooks/")), "{}", request.url);
        assert!(!request.url.contains(INN), "the secret of an address is not sent: {}", request.url);
        let body = Bytes::from_static(b"This address takes webhooks: booking systems POST to it.");
        Ok(Answer { status: 405, headers: Vec::new(), body, cut: false })
    }
}

/// What is found of the address and of the source.
async fn found(router: &Router, source: &str) -> Vec<Finding> {
    let app = &router.served().app;
    app.look_at_certificates_by(Arc::new(Good));
    let findings = app.check_up(&Door, &router.rules(), false).await.expect("the store answers");
    let about = format!("source {source}");
    findings.into_iter().filter(|one| one.about == about || one.about == "address").collect()
}

/// As it is read aloud; times and ports are left out.
fn read_aloud(findings: &[Finding], apaleo: Option<&Apaleo>) -> String {
    let mut text = String::new();
    for one in findings {
        let at = one.at.map(|_| " (then).").unwrap_or_default();
        text.push_str(&format!("{:?}  {}: {}{at}\n", one.health, one.about, one.text));
        for (arrow, way_out) in [("->", &one.way_out), ("=>", &one.on_page)] {
            if let Some(way_out) = way_out {
                text.push_str(&format!("    {arrow} {way_out}\n"));
            }
        }
    }
    let port = apaleo.map(|apaleo| apaleo.address.to_string()).unwrap_or_default();
    let text = if port.is_empty() { text } else { text.replace(&port, "APALEO") };
    let day = |text: &str| -> String {
        let Some((before, rest)) = text.split_once("days, until ") else { return text.to_owned() };
        let (_, after) = rest.split_once(" UTC").expect("a time");
        format!("{before}days, until then{after}")
    };
    text.lines().map(|line| day(line) + "\n").collect()
}

async fn aloud(router: &Router, apaleo: &Apaleo) -> String {
    read_aloud(&found(router, "inn").await, Some(apaleo))
}

/// The values of the keys of the source `inn`.
struct Keys;

impl Secrets for Keys {
    fn vault(&self, name: &str) -> Option<SecretString> {
        match name {
            "apaleo-id" => Some("client-1".to_owned().into()),
            "apaleo-secret" => Some("secret-1".to_owned().into()),
            _ => None,
        }
    }
    fn environment(&self, _: &str) -> Option<SecretString> {
        None
    }
}

/// A wait that the API asked for is kept over a start; here it is over.
async fn forget_the_wait(router: &Router) {
    let app = &router.served().app;
    let active = app.active().expect("a ruleset");
    let credential = active.sources["inn"].reach.as_ref().and_then(|api| api.credential(&Keys));
    let fact = format!("api.calls.{}", credential.expect("all keys have values"));
    let book = app.store.fact(&fact).await.expect("the fact").expect("calls were written down");
    let mut book: serde_json::Value = serde_json::from_str(&book).expect("JSON");
    assert!(book.as_object_mut().and_then(|book| book.remove("rests_until")).is_some(), "{book}");
    app.store.set_fact(&fact, &book.to_string()).await.expect("it is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_with_keys_is_told_of_line_by_line() {
    let (mut apaleo, mut router) = world("").await;
    let mut told = String::new();
    let mut tell = async |what: &str, router: &Router, apaleo: &Apaleo| {
        told.push_str(&format!("## {what}\n{}\n", aloud(router, apaleo).await));
    };
    tell("nothing has come, and nothing is subscribed", &router, &apaleo).await;
    subscribe(&router, Subscribing::BringInLine).await;
    assert_eq!(post(&router, &event(1, "Folio/balance-changed", "F-1")).await, 200);
    apaleo.put(reservation("XPGM-1", "Confirmed", "2026-11-20T08:00:00Z"));
    assert_eq!(post(&router, &event(2, "Reservation/created", "XPGM-1")).await, 200);
    settled(&router).await;
    tell("all is well", &router, &apaleo).await;
    let shown = page(&router, "inn").await;
    assert!(shown.contains("apaleo checked this address <time"), "{shown}");
    apaleo.subscribe("sub-1", &address(INN), &["reservation/*"]);
    tell("the subscription is not what is needed", &router, &apaleo).await;
    apaleo.script("GET /v1/subscriptions", 1, Some(Reply::empty(500)));
    tell("the subscriptions can't be listed", &router, &apaleo).await;
    apaleo.script("GET /v1/subscriptions", 1, Some(Reply::empty(403)));
    tell("the client may not see subscriptions", &router, &apaleo).await;
    apaleo.script("GET /account", 1, Some(Reply::empty(429).with("retry-after", "3600")));
    tell("the API asks to wait", &router, &apaleo).await;
    forget_the_wait(&router).await;
    router.restart().await;
    apaleo.reaches(OUTSIDE, router.served().listen);
    apaleo.script("GET /account", 1, Some(Reply::empty(403)));
    tell("the keys may not do it", &router, &apaleo).await;
    router.restart().await;
    apaleo.end_tokens();
    apaleo.takes_secret("another");
    tell("the keys are refused", &router, &apaleo).await;
    apaleo.down();
    router.restart().await;
    tell("the API can't be reached", &router, &apaleo).await;
    insta::assert_snapshot!(told);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_without_a_value_are_named() {
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    let api = apaleo.api().replace("apaleo-secret", "apaleo-other");
    let mut router = inn(&api).await;
    insta::assert_snapshot!(aloud(&router, &apaleo).await);
    assert_eq!(apaleo.state().made, []);
    router.stop().await;
}

/// The page of a source, as an editor sees it.
async fn page(router: &Router, source: &str) -> String {
    let app = router.served().app.clone();
    let email = format!("ciara{}@example.org", app.clock.monotonic());
    let session = session_of(&app, &email, Role::Editor).await;
    let url = format!("http://{}/sources/{source}", router.served().ui_listen);
    let request = client().get(url).header("cookie", format!("waypost={session}"));
    request.send().await.expect("an answer").text().await.expect("a page")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_api_access_doctor_and_the_page_say_that_what_never_came_can_not_be_known() {
    let mut router = tours("").await;
    let findings = found(&router, "tours").await;
    insta::assert_snapshot!(read_aloud(&findings, None));
    let shown = page(&router, "tours").await;
    let told = "Without API access Waypost can’t know of a webhook that never came.";
    assert!(shown.contains(told), "{shown}");
    router.stop().await;

    let mut router = inn("").await;
    let findings = found(&router, "inn").await;
    assert!(findings.iter().any(|one| one.text.starts_with("Without API access")), "{findings:#?}");
    assert!(page(&router, "inn").await.contains(told));
    router.stop().await;

    // With keys it is not said.
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    let mut router = inn(&apaleo.api()).await;
    let findings = found(&router, "inn").await;
    assert!(!findings.iter().any(|one| one.text.starts_with("Without API access")), "{findings:#?}");
    assert!(!page(&router, "inn").await.contains(told));
    router.stop().await;
}
