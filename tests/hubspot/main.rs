//! HubSpot's connector against a fake of its API, call by call over real sockets: requests that the fake takes, answers
//! that are understood. The engine's way with them is tried elsewhere.

#[expect(dead_code, reason = "the flow tests use the rest")]
#[path = "../support/hubspot.rs"]
mod hubspot;

use hubspot::{Hubspot, Then};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use std::time::Duration;
use waypost::connectors::{
    AnswerClass, CallContext, Catalogue, Classified, Connection, Which, classify, classify_failure,
    read_connection,
};
use waypost::document::parse;
use waypost::expr::{Engine, Limits, Scripts};
use waypost::outbound::HttpOutbound;
use waypost::ports::{Outbound, Secrets};

const NOW: i64 = 1_777_622_400_000;

struct Token;

impl Secrets for Token {
    fn vault(&self, _name: &str) -> Option<SecretString> {
        Some(SecretString::from("pat-test"))
    }

    fn environment(&self, _name: &str) -> Option<SecretString> {
        None
    }
}

/// A fake, and a connection to it.
struct Trial {
    hubspot: Hubspot,
    engine: Engine,
    connection: Connection,
    outbound: HttpOutbound,
}

impl Trial {
    async fn start() -> Self {
        let hubspot = Hubspot::start("pat-test").await;
        let (engine, _) = Engine::build(&Scripts::default(), Limits::default());
        let mut diagnostics = Vec::new();
        let catalogue = Catalogue::builtin(&engine, &mut diagnostics);
        let text = format!(
            "connector: hubspot\nbase_url: {}\nallow_private: true\ntimeout: 500ms\nauth: {{ token: {{ secret: t }} }}\n",
            hubspot.url()
        );
        let node = parse("connections/hubspot.yaml", &text).expect("it is YAML");
        let connection = read_connection(
            "connections/hubspot.yaml",
            "hubspot",
            &node,
            &catalogue,
            &engine,
            &mut diagnostics,
        );
        assert_eq!(diagnostics, []);
        let connection = connection.expect("it is well");
        Self { hubspot, engine, connection, outbound: HttpOutbound::new() }
    }

    /// With the unique property of deals made.
    async fn with_deal_key() -> Self {
        let trial = Self::start().await;
        trial.hubspot.define("deals", "waypost_booking_id", true);
        trial
    }

    async fn call(&self, action: &str, which: Which, input: Value, ids: (&str, &str)) -> Classified {
        let action = &self.connection.actions[action];
        let Value::Object(input) = input else { panic!("{input} is no map") };
        let input: Map<String, Value> = action.accept(input).expect("it is accepted");
        let context = CallContext {
            input,
            link: json!({ "id": ids.0 }),
            output: json!({ "id": ids.1 }),
            ..CallContext::default()
        };
        let request = action.render(&self.engine, &self.connection, which, &context).expect("it is rendered");
        let about = (action.name.clone(), "step".to_owned());
        let request =
            self.connection.authorise(&self.engine, request, &Token, about).expect("the secret is there");
        match self.outbound.send(request).await {
            Ok(answer) => classify(&self.connection, action, which, &answer, NOW),
            Err(failure) => classify_failure(&failure),
        }
    }

    async fn contact(&self, input: Value) -> Classified {
        self.call("upsert_contact", Which::Call, input, ("", "")).await
    }
}

fn guest() -> Value {
    json!({ "email": "guest1@example.org", "firstname": "Siobhán", "phone": "+35391555123" })
}

fn id(told: &Classified) -> String {
    told.outputs["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_contact_and_a_deal_are_written_once_and_linked() {
    let trial = Trial::with_deal_key().await;
    let first = trial.contact(guest()).await;
    let again = trial.contact(guest()).await;
    assert_eq!(
        (first.class, &first.outputs["new"], &again.outputs["new"]),
        (AnswerClass::Done, &json!(true), &json!(false))
    );
    assert_eq!(id(&first), id(&again));
    let input =
        json!({ "external_id": "uuid-1", "amount": "70.50", "dealname": "Corrib", "contact": id(&first) });
    let deal = trial.call("upsert_deal", Which::Call, input.clone(), ("", "")).await;
    assert_eq!(deal.class, AnswerClass::Done, "{}", deal.message);
    let linked = trial.call("upsert_deal", Which::After(0), input, ("", &id(&deal))).await;
    assert_eq!(linked.class, AnswerClass::Done, "{}", linked.message);
    assert_eq!(trial.hubspot.links(), [(id(&first), id(&deal))]);
    let deals = trial.hubspot.records("deals");
    let deal = deals.values().next().expect("one deal");
    assert_eq!(
        (deals.len(), &deal["amount"], &deal["waypost_booking_id"]),
        (1, &json!("70.50"), &json!("uuid-1"))
    );
}

#[tokio::test]
async fn a_changed_address_changes_the_contact_that_is_there() {
    let trial = Trial::start().await;
    let first = id(&trial.contact(guest()).await);
    let other = id(&trial.contact(json!({ "email": "guest2@example.org" })).await);
    let moved = json!({ "email": "guest3@example.org" });
    let told = trial.call("upsert_contact", Which::Update, moved, (&first, "")).await;
    assert_eq!((told.class, id(&told)), (AnswerClass::Done, first.clone()));
    assert_eq!(trial.hubspot.records("contacts").len(), 2);
    let taken = json!({ "email": "guest2@example.org" });
    let told = trial.call("upsert_contact", Which::Update, taken, (&first, "")).await;
    assert_eq!((told.class, id(&told)), (AnswerClass::Conflict, other));
    let told = trial.call("upsert_contact", Which::Update, guest(), ("999999", "")).await;
    assert_eq!(told.class, AnswerClass::Gone);
}

#[tokio::test]
async fn refusals_say_what_is_to_be_done() {
    let trial = Trial::start().await;
    let mut said = Vec::new();
    said.push(trial.contact(json!({ "email": "no address" })).await);
    said.push(trial.contact(json!({ "email": "guest1@example.org", "last_tour": "Corrib" })).await);
    said.push(trial.call("upsert_deal", Which::Call, json!({ "external_id": "x" }), ("", "")).await);
    trial.hubspot.define("deals", "waypost_booking_id", true);
    let amount = json!({ "external_id": "x", "amount": "seventy" });
    said.push(trial.call("upsert_deal", Which::Call, amount, ("", "")).await);
    said.push(trial.call("associate", Which::Call, json!({ "contact": "1", "deal": "2" }), ("", "")).await);
    trial.hubspot.without_scope("crm.objects.contacts.write");
    said.push(trial.contact(guest()).await);
    trial.hubspot.change_token("another");
    said.push(trial.contact(guest()).await);
    let said: Vec<String> =
        said.iter().map(|told| format!("{}: {}", told.class.as_str(), told.message)).collect();
    insta::assert_snapshot!(said.join("\n"));
    assert!(trial.hubspot.records("contacts").is_empty());
}

#[tokio::test]
async fn failures_on_the_way_are_classified() {
    let trial = Trial::start().await;
    let on = "POST /crm/v3/objects/contacts/batch/upsert";
    let answer = |status, headers, body| Then::Answer { status, headers, body };
    let scripts = [
        Then::RowError { category: "VALIDATION_ERROR", message: "Email address is invalid" },
        answer(
            409,
            vec![],
            json!({ "category": "CONFLICT", "message": "Contact already exists. Existing ID: 1551" }),
        ),
        answer(429, vec![("Retry-After", "3".to_owned())], json!({ "policyName": "OTHER" })),
        answer(429, vec![], json!({ "policyName": "TEN_SECONDLY_ROLLING" })),
        answer(429, vec![], json!({ "policyName": "DAILY" })),
        answer(500, vec![], json!({ "message": "internal error" })),
        Then::DoneButSays(502),
        Then::LoseAnswer,
        Then::LoseCall,
        Then::Late(Duration::from_secs(2)),
    ];
    let mut said = Vec::new();
    for script in scripts {
        trial.hubspot.script(on, 1, script);
        let told = trial.contact(guest()).await;
        said.push(format!("{} {:?} {:?}", told.class.as_str(), told.wait_ms, told.outputs));
    }
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(trial.hubspot.records("contacts").len(), 1, "what was done without an answer was done once");
    assert_eq!(trial.contact(guest()).await.outputs["new"], json!(false));
    assert_eq!(trial.hubspot.made().len(), 11);
}

#[tokio::test]
async fn the_set_up_makes_the_deal_property_once() {
    let trial = Trial::start().await;
    let setup = &trial.connection.connector.destination.as_ref().expect("it can be called").setup;
    let send = async |call| {
        let request =
            trial.connection.render(&trial.engine, call, &CallContext::default()).expect("it is rendered");
        let about = ("hubspot".to_owned(), "set-up".to_owned());
        let request =
            trial.connection.authorise(&trial.engine, request, &Token, about).expect("the secret is there");
        trial.outbound.send(request).await.expect("it answers")
    };
    let ensure = &setup.ensure[0];
    assert_eq!(send(&ensure.find).await.status, 404);
    assert_eq!(send(&ensure.make).await.status, 201);
    let found = send(&ensure.find).await;
    assert_eq!((found.status, ensure.amiss(&found)), (200, Vec::new()));
    let test = setup.test.as_ref().expect("it has a test");
    assert_eq!(test.reached(&send(&test.call).await), "the HubSpot account 4711 at app.hubspot.example");
    trial.hubspot.without_scope("crm.objects.deals.write");
    let mut missing = Vec::new();
    for (scope, call) in &test.scopes {
        if send(call).await.status == 403 {
            missing.push(scope.as_str());
        }
    }
    assert_eq!(missing, ["crm.objects.deals.write"]);
    let pipelines = setup.choices["pipeline"].read(&send(&setup.choices["pipeline"].call).await);
    assert_eq!((pipelines[0].value.as_str(), pipelines[0].nested.len()), ("default", 2));
}
