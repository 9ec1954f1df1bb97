//! Calls around a connection that belong to no rule: testing the credential, making what must be there, listing
//! choices. Rendered by `Connection::render` with an empty `CallContext`.

use super::action::Call;
use super::action_read::read_call;
use super::answer_read::pointer_is_well;
use super::answer_rule::Seen;
use super::request::plain;
use super::templates::Compiling;
use crate::document::{Diagnostic, Fields, Node, Yaml};
use crate::ports::Answer;
use serde_json::Value;
use std::collections::BTreeMap;

/// Choices that are read of one answer.
const CHOICES_MAX: usize = 1_000;

/// Calls around a connection that belong to no rule.
#[derive(Default)]
pub struct Setup {
    /// Tests the credential: whom it reached (JSON pointer), and which scopes it names as missing.
    pub test: Option<SetupTest>,
    /// Things that must be there: looked for, and made where they are not.
    pub ensure: Vec<SetupEnsure>,
    /// Calls that list the choices of an input (`pipeline`, `stage`).
    pub choices: BTreeMap<String, SetupChoices>,
}

/// A call that tests the credential.
pub struct SetupTest {
    /// The call.
    pub call: Call,
    /// JSON pointers whose values say whom it reached.
    pub reached: Vec<String>,
    /// The same as a sentence's end, with `{/pointer}`s in it: `account {/portalId}`.
    pub whom: Option<String>,
    /// Further probing calls, each with the scope that a 403 shows as missing.
    pub scopes: Vec<(String, Call)>,
}

/// Something that must be there.
pub struct SetupEnsure {
    /// For people: "the deal property waypost_booking_id".
    pub title: String,
    /// Looks for it: 2xx = there, 404 = not.
    pub find: Call,
    /// What its answer must hold, else it is there and not as it should be.
    pub must: Vec<(String, Value)>,
    /// Makes it.
    pub make: Call,
}

/// A call that lists choices.
pub struct SetupChoices {
    /// The call.
    pub call: Call,
    /// Pointer to the list.
    pub list: String,
    /// Pointer within an item to the value.
    pub value: String,
    /// Pointer within an item to the label.
    pub label: String,
    /// Pointer within an item to a list of nested choices (stages of a pipeline), where there is one.
    pub nested: Option<String>,
}

/// One choice of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What a rule writes.
    pub value: String,
    /// What people call it.
    pub label: String,
    /// Choices within it (stages of a pipeline).
    pub nested: Vec<Choice>,
}

impl SetupTest {
    /// The same of a booking system's answer.
    pub fn reached_in(&self, answer: &super::ApiAnswer) -> String {
        let body = bytes::Bytes::from(answer.body.to_string());
        self.reached(&Answer { status: answer.status, headers: Vec::new(), body, cut: false })
    }

    /// Whom the credential reached, from an answer of class done: `portalId 1234, uiDomain app.example.com`.
    pub fn reached(&self, answer: &Answer) -> String {
        let seen = Seen::new(answer);
        if let Some(whom) = self.whom.as_deref().and_then(|whom| filled(whom, &seen)) {
            return whom;
        }
        let parts: Vec<String> = self
            .reached
            .iter()
            .filter_map(|at| {
                let text = plain(&seen.output(at)?)?;
                let name = at.rsplit('/').next().unwrap_or(at);
                Some(format!("{name} {text}"))
            })
            .collect();
        parts.join(", ")
    }
}

/// A text with the values of its pointers; `None` where one is not in the answer.
fn filled(text: &str, seen: &Seen<'_>) -> Option<String> {
    let mut parts = text.split('{');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (at, rest) = part.split_once('}')?;
        whole.push_str(&plain(&seen.output(at)?)?);
        whole.push_str(rest);
    }
    Some(whole)
}

impl SetupEnsure {
    /// What of a found thing is not as it should be: places, in words.
    pub fn amiss(&self, answer: &Answer) -> Vec<String> {
        let seen = Seen::new(answer);
        self.must
            .iter()
            .filter(|(at, wanted)| seen.output(at).as_ref() != Some(wanted))
            .map(|(at, wanted)| format!("{} must be {wanted}", at.trim_start_matches('/')))
            .collect()
    }
}

impl SetupChoices {
    /// The choices of an answer of class done. What has no value is passed over.
    pub fn read(&self, answer: &Answer) -> Vec<Choice> {
        let seen = Seen::new(answer);
        self.items(seen.output(&self.list).as_ref(), self.nested.as_deref())
    }

    fn items(&self, list: Option<&Value>, nested: Option<&str>) -> Vec<Choice> {
        let Some(Value::Array(items)) = list else { return Vec::new() };
        let choice = |item: &Value| {
            let value = item.pointer(&self.value).and_then(plain)?;
            let label = item.pointer(&self.label).and_then(plain).unwrap_or_else(|| value.clone());
            let nested = nested.map(|at| self.items(item.pointer(at), None)).unwrap_or_default();
            Some(Choice { value, label, nested })
        };
        items.iter().take(CHOICES_MAX).filter_map(choice).collect()
    }
}

/// Reads a manifest's `setup:`.
pub(super) fn read_setup(compiling: Compiling<'_>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Setup {
    let mut fields = Fields::new(compiling.file, "the set-up", node, diagnostics);
    let (test, ensure, choices) = (fields.node("test"), fields.node("ensure"), fields.node("choices"));
    fields.finish();
    Setup {
        test: test.and_then(|node| read_test(compiling, node, diagnostics)),
        ensure: list(ensure).iter().filter_map(|item| read_ensure(compiling, item, diagnostics)).collect(),
        choices: entries(choices)
            .filter_map(|(name, node)| Some((name, read_choices(compiling, node, diagnostics)?)))
            .collect(),
    }
}

fn list(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.yaml) {
        Some(Yaml::List(items)) => items,
        _ => &[],
    }
}

fn entries(node: Option<&Node>) -> impl Iterator<Item = (String, &Node)> {
    let entries = match node.map(|node| &node.yaml) {
        Some(Yaml::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().map(|entry| (entry.key.clone(), &entry.value))
}

/// Reads a call that tests the credential.
pub(super) fn read_test(
    compiling: Compiling<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SetupTest> {
    let mut fields = Fields::new(compiling.file, "the test", node, diagnostics);
    let call = fields.node("call");
    let reached = fields.texts("reached");
    let scopes = fields.node("scopes");
    let whom = fields.text("whom");
    let _ = fields.text("verified");
    fields.finish();
    let call = read_call(compiling, "a call", call?, diagnostics)?;
    let reached = reached
        .into_iter()
        .filter(|(at, place)| pointer_is_well(compiling.file, at, *place, diagnostics))
        .map(|(at, _)| at)
        .collect();
    let scopes = entries(scopes)
        .filter_map(|(scope, node)| Some((scope, read_call(compiling, "a call", node, diagnostics)?)))
        .collect();
    Some(SetupTest { call, reached, whom, scopes })
}

fn read_ensure(
    compiling: Compiling<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SetupEnsure> {
    let mut fields = Fields::new(compiling.file, "something that must be there", node, diagnostics);
    let title = fields.required_text("title");
    let find = fields.node("find");
    let make = fields.node("make");
    let must = fields.node("must");
    let _ = fields.text("verified");
    fields.finish();
    let find = read_call(compiling, "a call", find?, diagnostics);
    let make = read_call(compiling, "a call", make?, diagnostics);
    let must = entries(must).map(|(at, value)| (at, value.to_json())).collect();
    Some(SetupEnsure { title: title?, find: find?, must, make: make? })
}

fn read_choices(
    compiling: Compiling<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SetupChoices> {
    let mut fields = Fields::new(compiling.file, "choices", node, diagnostics);
    let call = fields.node("call");
    let list = fields.required_text("list");
    let value = fields.required_text("value");
    let label = fields.required_text("label");
    let nested = fields.text("nested");
    let _ = fields.text("verified");
    fields.finish();
    let call = read_call(compiling, "a call", call?, diagnostics)?;
    Some(SetupChoices { call, list: list?, value: value?, label: label?, nested })
}
