//! Reads the tests of a rule: what is given, what steps answer, what is expected.

use crate::connectors::KeptHeaders;
use crate::document::{Diagnostic, Fields, Node, Severity, Yaml, parse};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One test of a `*.test.yaml`.
pub struct Case {
    /// Its sentence.
    pub name: String,
    /// Line in the file.
    pub line: u32,
    pub(super) source: Option<String>,
    pub(super) given: Vec<Given>,
    pub(super) outputs: BTreeMap<String, Map<String, Value>>,
    pub(super) sends: Option<u64>,
    pub(super) steps: BTreeMap<String, Expected>,
}

/// What a step is to send.
pub(super) struct Expected {
    pub fields: Map<String, Value>,
    pub exactly: bool,
}

/// One payload that is given.
pub(super) struct Given {
    /// A file of the rules folder.
    pub payload: String,
    /// The headers that it comes with, by their lower-case names.
    pub headers: Vec<(String, String)>,
}

/// A body, and the headers that are kept of it.
pub(super) type WithHeaders = (Vec<u8>, KeptHeaders);

/// Reads a test file. Reports all that is wrong.
pub fn read_cases(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Case> {
    let node = match parse(file, text) {
        Ok(node) => node,
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return Vec::new();
        }
    };
    let Yaml::List(items) = &node.yaml else {
        let message = format!("a test file is a list of tests, and this is {}", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message).hint("begin each test with \"- name:\""),
        );
        return Vec::new();
    };
    items.iter().filter_map(|item| read_case(file, item, diagnostics)).collect()
}

fn read_case(file: &str, item: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Case> {
    let mut found = Vec::new();
    let mut fields = Fields::new(file, "a test", item, &mut found);
    let name = fields.required_text("name");
    let source = fields.text("source");
    let given = fields.node("given");
    let outputs = fields.node("outputs");
    let expect = fields.node("expect");
    fields.finish();
    let given = given.map(|node| read_given(file, node, &mut found)).unwrap_or_default();
    if given.is_empty() && found.is_empty() {
        found.push(
            Diagnostic::error(file, Some(item.place), "a test needs payloads to be given")
                .hint("say given: payloads/created.json, or a list of files of the rules folder"),
        );
    }
    let mut sends = None;
    let mut steps = BTreeMap::new();
    match expect {
        None => found.push(
            Diagnostic::error(file, Some(item.place), "a test needs something to expect")
                .hint("say expect: { sends: 1 }, or expect: { steps: { contact: { email: ... } } }"),
        ),
        Some(expect) => {
            let mut fields = Fields::new(file, "what a test expects", expect, &mut found);
            sends = fields.count("sends");
            let parts = fields.node("steps");
            let exactly = fields.node("exactly");
            fields.finish();
            for (id, fields) in parts.map(entries).unwrap_or_default() {
                steps.insert(id, expected_of(fields));
            }
            for (id, fields) in exactly.map(entries).unwrap_or_default() {
                steps.insert(id, Expected { fields, exactly: true });
            }
        }
    }
    let broken = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    diagnostics.append(&mut found);
    if broken {
        return None;
    }
    Some(Case {
        name: name?,
        line: item.place.line,
        source,
        given,
        outputs: outputs.map(entries).unwrap_or_default().into_iter().collect(),
        sends,
        steps,
    })
}

/// A payload or a list of them: a file's name, or `{ payload: FILE, headers: { x-topic: … } }`.
fn read_given(file: &str, node: &Node, found: &mut Vec<Diagnostic>) -> Vec<Given> {
    let items = match &node.yaml {
        Yaml::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter_map(|item| read_one_given(file, item, found)).collect()
}

fn read_one_given(file: &str, item: &Node, found: &mut Vec<Diagnostic>) -> Option<Given> {
    match &item.yaml {
        Yaml::Text(payload) => Some(Given { payload: payload.clone(), headers: Vec::new() }),
        Yaml::Map(_) => {
            let mut fields = Fields::new(file, "a payload that is given", item, found);
            let payload = fields.required_text("payload");
            let headers = fields.node("headers");
            fields.finish();
            let headers = headers.map(|node| read_headers(file, node, found)).unwrap_or_default();
            Some(Given { payload: payload?, headers })
        }
        _ => {
            let message = format!("what is given is a file of the rules folder, and this is {}", item.kind());
            found.push(Diagnostic::error(file, Some(item.place), message).hint(
                "say payloads/created.json, or { payload: payloads/created.json, headers: { x-topic: bookings/create } }",
            ));
            None
        }
    }
}

fn read_headers(file: &str, node: &Node, found: &mut Vec<Diagnostic>) -> Vec<(String, String)> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`headers` must be a map of names to texts, and this is {}", node.kind());
        found.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("say headers: { x-topic: bookings/create }"),
        );
        return Vec::new();
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    for entry in entries {
        let name = entry.key.trim().to_ascii_lowercase();
        let value = match &entry.value.yaml {
            Yaml::Text(text) => Some(text.clone()),
            Yaml::Number(number) => Some(number.to_string()),
            Yaml::Bool(truth) => Some(truth.to_string()),
            _ => None,
        };
        let twice = headers.iter().any(|(known, _)| *known == name);
        match value.filter(|value| !value.chars().any(char::is_control)) {
            Some(_) if twice => found.push(
                Diagnostic::error(file, Some(entry.place), format!("the header {name} stands here twice"))
                    .hint("keep one of the two; case makes no difference in the name of a header"),
            ),
            Some(value) => headers.push((name, value)),
            None => found.push(
                Diagnostic::error(
                    file,
                    Some(entry.value.place),
                    format!("the header {name} is no text of one line"),
                )
                .hint(format!("say {name}: bookings/create")),
            ),
        }
    }
    headers
}

/// `contact: { email: … }` asks for these fields; `contact: { exactly: { … } }` for all.
fn expected_of(mut fields: Map<String, Value>) -> Expected {
    if fields.len() == 1
        && let Some(Value::Object(_)) = fields.get("exactly")
        && let Some(Value::Object(all)) = fields.remove("exactly")
    {
        return Expected { fields: all, exactly: true };
    }
    Expected { fields, exactly: false }
}

fn entries(node: &Node) -> Vec<(String, Map<String, Value>)> {
    let Yaml::Map(entries) = &node.yaml else { return Vec::new() };
    entries
        .iter()
        .filter_map(|entry| match entry.value.to_json() {
            Value::Object(map) => Some((entry.key.clone(), map)),
            Value::Null => Some((entry.key.clone(), Map::new())),
            _ => None,
        })
        .collect()
}
