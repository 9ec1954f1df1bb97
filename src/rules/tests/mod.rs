//! Rules from their files to what is planned and sent, against a FareHarbor booking.

mod mapping;
mod mistakes;
mod people;
mod planning;

use super::{ChangeContext, Files, Neighbours, Ruleset, RunContext, compile};
use crate::connectors::{Present, RecordSpec, Told};
use crate::document::render;
use crate::domain::ChangeKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A connection whose first action is an upsert, whose second is a create.
const CRM: &str = r#"
connector: http
base_url: http://127.0.0.1:9900
allow_private: true
actions:
  upsert_contact:
    method: PUT
    path: "/contacts/{{ input.email }}"
    key: [email]
    repeatable: true
    inputs: { email: { type: string, required: true }, age: { type: number } }
    outputs: { id: /id, url: /url }
  add_note:
    method: POST
    path: /notes
    repeatable: false
    inputs: { contact: { required: true } }
    outputs: { id: /id }
"#;

/// A folder with one FareHarbor source, one connection `crm`, and these files.
fn files(more: &[(&str, &str)]) -> Files {
    let mut texts = BTreeMap::from([
        ("sources/harbour.yaml".to_owned(), "connector: fareharbor\ntitle: Harbour Tours\n".to_owned()),
        ("connections/crm.yaml".to_owned(), CRM.to_owned()),
    ]);
    texts.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    Files { texts }
}

fn told(files: &Files) -> String {
    let compiled = compile(files, None);
    let shown = |told| render(told, files.texts.get(&told.file).map(String::as_str));
    compiled.diagnostics.iter().map(shown).collect::<Vec<_>>().join("\n\n")
}

fn ruleset(more: &[(&str, &str)]) -> Arc<Ruleset> {
    let files = files(more);
    match compile(&files, None).ruleset {
        Some(ruleset) => ruleset,
        None => panic!("{}", told(&files)),
    }
}

/// A ruleset of one rule, `rule.yaml`, from the one source.
fn one_rule(rule: &str) -> Arc<Ruleset> {
    ruleset(&[("rule.yaml", &format!("from: harbour\n{rule}"))])
}

/// The booking of the shipped example, changed.
fn booking(change: impl FnOnce(&mut Value)) -> Value {
    let body: Value = serde_json::from_str(include_str!("../../../rules/payloads/created.json"))
        .expect("the shipped payload is JSON");
    let mut booking = body["booking"].clone();
    change(&mut booking);
    booking
}

/// A change that came in by the one source.
fn change(ruleset: &Ruleset, kind: ChangeKind, booking: Value, previous: Option<Value>) -> ChangeContext {
    let spec = ruleset.catalogue.connectors["fareharbor"].source.as_ref().expect("it is a source");
    let spec = spec.record("booking").expect("it knows bookings");
    let view = spec.view(&booking);
    let paths = match &previous {
        None => vec!["note".to_owned()],
        Some(previous) => changed(spec, previous, &booking),
    };
    ChangeContext {
        source: "harbour".to_owned(),
        doors: Vec::new(),
        account: "harbourtours".to_owned(),
        about: "booking".to_owned(),
        chain: Neighbours::default(),
        kind,
        paths,
        booking: Arc::new(booking),
        previous: previous.map(Arc::new),
        view,
        at: 1_800_000_000_000,
        event: "evt_1".to_owned(),
    }
}

/// The paths that differ, as the connector tells them.
fn changed(spec: &RecordSpec, previous: &Value, booking: &Value) -> Vec<String> {
    let present = Present {
        entity: previous.clone(),
        hash: String::new(),
        status: "booked".to_owned(),
        happened_at: None,
    };
    let told = Told {
        kind: "booking".to_owned(),
        account: None,
        key: "key".to_owned(),
        entity: booking.clone(),
        status: "booked".to_owned(),
        happened_at: None,
        hint: None,
    };
    spec.compare(Some(&present), told).paths
}

/// A run of a created booking.
fn run(ruleset: &Ruleset, booking: Value) -> RunContext {
    RunContext {
        change: change(ruleset, ChangeKind::Created, booking, None),
        asked: "created".to_owned(),
        item: String::new(),
        outputs: BTreeMap::new(),
        left_out: Vec::new(),
    }
}

/// Outputs of one step.
fn outputs(step: &str, outputs: Value) -> BTreeMap<String, BTreeMap<String, Value>> {
    let outputs = serde_json::from_value(outputs).expect("a map");
    BTreeMap::from([(step.to_owned(), outputs)])
}

#[test]
fn the_hash_names_the_ruleset() {
    let rule = "steps: [{ use: crm.upsert_contact, with: { email: a@example.org } }]";
    let one = one_rule(rule);
    assert_eq!(one.hash, files(&[("rule.yaml", &format!("from: harbour\n{rule}"))]).hash());
    assert_ne!(one.hash, one_rule(&format!("title: x\n{rule}")).hash);
    assert_eq!(json!(one.rules["rule"].title), json!("rule"));
}
