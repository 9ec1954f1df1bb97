//! The doctor against a HubSpot that answers from a list.

use super::super::{App, Finding, Health, Places};
use crate::clock::{OsEntropy, SystemClock};
use crate::ports::{Answer, Outbound, OutboundFailure, OutboundRequest};
use crate::store::open_in_memory;
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::{Arc, Mutex};

/// Answers by method and the end of the path: status and body. What is not listed is `200 {}`.
#[derive(Default)]
struct Listed {
    answers: Vec<(&'static str, &'static str, u16, &'static str)>,
    called: Mutex<Vec<String>>,
}

#[async_trait]
impl Outbound for Listed {
    async fn send(&self, request: OutboundRequest) -> Result<Answer, OutboundFailure> {
        let path = request.url.split('?').next().unwrap_or_default().to_owned();
        assert!(
            request.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("authorization")
                && value == "Bearer pat-test"),
            "every call has the credential"
        );
        self.called.lock().unwrap().push(format!("{} {path}", request.method));
        let listed =
            self.answers.iter().find(|(method, end, ..)| *method == request.method && path.ends_with(end));
        let (status, body) = listed.map_or((200, "{}"), |(_, _, status, body)| (*status, *body));
        Ok(Answer { status, headers: Vec::new(), body: Bytes::from_static(body.as_bytes()), cut: false })
    }
}

struct Place {
    app: Arc<App>,
    folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connections = folder.path().join("rules/connections");
        std::fs::create_dir_all(&connections).unwrap();
        std::fs::create_dir_all(folder.path().join("data")).unwrap();
        let text = "connector: hubspot\ntitle: Our HubSpot\nauth: { token: { secret: hubspot-token } }\n";
        std::fs::write(connections.join("our-hubspot.yaml"), text).unwrap();
        let places = Places { data: folder.path().join("data"), database: None, exclusive: false };
        let store = open_in_memory().await.unwrap();
        let app = App::over(store, places, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await.unwrap();
        Self { app, folder }
    }

    async fn about_hubspot(&self, outbound: &Listed, fix: bool) -> Vec<Finding> {
        let rules = self.folder.path().join("rules");
        let mut findings = self.app.check_up(outbound, &rules, fix).await.unwrap();
        findings.retain(|finding| finding.about == "connection our-hubspot");
        findings
    }
}

fn told(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let way_out = finding.way_out.as_deref().unwrap_or("-");
        format!("{:?}: {} -> {way_out}\n", finding.health, finding.text)
    };
    findings.iter().map(line).collect()
}

const FOUND: (&str, &str, u16, &str) =
    ("GET", "/properties/deals/waypost_booking_id", 200, r#"{"hasUniqueValue":true}"#);
const REACHED: (&str, &str, u16, &str) = ("GET", "/account-info/v3/details", 200, r#"{"portalId":1234}"#);

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_its_secret_is_not_called() {
    let place = Place::new().await;
    let outbound = Listed::default();
    let findings = place.about_hubspot(&outbound, false).await;
    insta::assert_snapshot!(told(&findings));
    assert!(outbound.called.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_well_says_whom_it_reached() {
    let place = Place::new().await;
    place.app.set_secret("hubspot-token", "pat-test").await.unwrap();
    // An empty batch is refused as such, which says that the scope is there.
    let batch = ("POST", "/contacts/batch/upsert", 400, r#"{"message":"no inputs"}"#);
    let outbound = Listed { answers: vec![REACHED, FOUND, batch], ..Listed::default() };
    let findings = place.about_hubspot(&outbound, false).await;
    insta::assert_snapshot!(told(&findings));
    assert!(findings.iter().all(|finding| finding.health != Health::Amiss));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_scopes_and_what_must_be_there_are_named_and_made_when_asked() {
    let place = Place::new().await;
    place.app.set_secret("hubspot-token", "pat-test").await.unwrap();
    let answers = vec![
        REACHED,
        ("POST", "/contacts/batch/upsert", 403, "{}"),
        ("GET", "/properties/deals/waypost_booking_id", 404, "{}"),
        ("POST", "/crm/v3/properties/deals", 201, "{}"),
    ];
    let outbound = Listed { answers, ..Listed::default() };
    let findings = place.about_hubspot(&outbound, false).await;
    insta::assert_snapshot!(told(&findings));
    let made = |call: &String| call.starts_with("POST") && call.ends_with("/crm/v3/properties/deals");
    assert!(!outbound.called.lock().unwrap().iter().any(made), "nothing is made unasked");
    let findings = place.about_hubspot(&outbound, true).await;
    assert!(findings.iter().any(|finding| finding.text.starts_with("Made ")), "{}", told(&findings));
    assert!(outbound.called.lock().unwrap().iter().any(made));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_is_told_and_nothing_more_is_tried() {
    let place = Place::new().await;
    place.app.set_secret("hubspot-token", "pat-test").await.unwrap();
    let refused = ("GET", "/account-info/v3/details", 401, r#"{"message":"The token is expired."}"#);
    let outbound = Listed { answers: vec![refused], ..Listed::default() };
    let findings = place.about_hubspot(&outbound, true).await;
    insta::assert_snapshot!(told(&findings));
    assert_eq!(outbound.called.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_said_back_is_not_told() {
    let place = Place::new().await;
    place.app.set_secret("hubspot-token", "pat-test").await.unwrap();
    let echo = r#"{"message":"Bearer pat-test is not known, pat-test"}"#;
    let outbound =
        Listed { answers: vec![("GET", "/account-info/v3/details", 401, echo)], ..Listed::default() };
    let findings = place.about_hubspot(&outbound, false).await;
    assert!(told(&findings).contains("Bearer ••• is not known, •••"), "{}", told(&findings));
    assert!(!told(&findings).contains("pat-test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_are_listed_with_those_within_them() {
    let place = Place::new().await;
    place.app.set_secret("hubspot-token", "pat-test").await.unwrap();
    let body = r#"{"results":[{"id":"default","label":"Sales","stages":[{"id":"won","label":"Won"}]}]}"#;
    let outbound = Listed { answers: vec![("GET", "/pipelines/deals", 200, body)], ..Listed::default() };
    let ruleset = place.app.ruleset_of_folder(&place.folder.path().join("rules")).unwrap();
    let told = place.app.choices_of(&outbound, &ruleset, "our-hubspot").await.unwrap();
    let (input, choices) = &told[0];
    let choices = choices.as_ref().unwrap();
    assert_eq!((input.as_str(), choices[0].value.as_str()), ("pipeline", "default"));
    assert_eq!(choices[0].nested[0].value, "won");
    assert!(place.app.choices_of(&outbound, &ruleset, "nobody").await.is_err());
}
