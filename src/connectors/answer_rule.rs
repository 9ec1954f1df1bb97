//! Rules about answers: by status, header and body; the first that holds says what an answer means.

use super::answer::{AnswerClass, WAIT_MS_MAX, http_date};
use super::manifest::{Verified, read_verified};
use super::request::plain;
use crate::document::{Diagnostic, Fields, Node, Place, Yaml, suggest};
use crate::domain::Millis;
use crate::ports::Answer;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// One rule about answers: status, header, body; all that it names must hold, the first rule that does wins.
#[derive(Clone, Debug)]
pub struct AnswerRule {
    /// The class.
    pub class: AnswerClass,
    /// How sure we are of it, where it says so.
    pub verified: Option<Verified>,
    status: Vec<RangeInclusive<u16>>,
    headers: Vec<(String, Test)>,
    body: Vec<(String, Test)>,
    /// The first whose parts are all there.
    messages: Vec<String>,
    wait: Option<Wait>,
    outputs: BTreeMap<String, Taken>,
}

/// What a value must be.
#[derive(Clone, Debug)]
enum Test {
    Equals(String),
    AnyOf(Vec<String>),
    Contains(String),
    StartsWith(String),
    Present(bool),
    AtLeast(f64),
}

/// Where a wait is told.
#[derive(Clone, Debug)]
enum Wait {
    Fixed(i64),
    /// `header:Name` or a pointer, and how it is written.
    At(String, WaitForm),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitForm {
    Seconds,
    Epoch,
    Date,
}

/// An output that a rule takes: at a place, where given the word after a text.
#[derive(Clone, Debug)]
struct Taken {
    at: String,
    after: Option<String>,
}

/// An answer with its body read once.
pub(super) struct Seen<'a> {
    /// The answer.
    pub answer: &'a Answer,
    body: Option<Value>,
}

impl<'a> Seen<'a> {
    /// Reads the body, where it is JSON.
    pub(super) fn new(answer: &'a Answer) -> Self {
        let bytes = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
        Self { answer, body: serde_json::from_slice(bytes).ok() }
    }

    /// The body as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.answer.body)
    }

    /// A value: `header:Name`, a JSON pointer, or a pointer to a text with JSON in it and a pointer within that
    /// (`/message#/0/name`).
    pub(super) fn output(&self, at: &str) -> Option<Value> {
        if let Some(name) = at.strip_prefix("header:") {
            let name = name.trim().to_ascii_lowercase();
            return self.answer.header(&name).map(Value::from);
        }
        match (&self.body, at.split_once('#')) {
            (Some(body), None) => body.pointer(at).cloned(),
            (Some(body), Some((outer, inner))) => {
                let text = body.pointer(outer)?.as_str()?;
                let start = text.find(['[', '{'])?;
                let mut documents = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
                documents.next()?.ok()?.pointer(inner).cloned()
            }
            (None, _) if at.is_empty() => Some(Value::from(self.text().trim())),
            (None, _) => None,
        }
    }

    /// What the body says, where it says it in one of the usual places.
    pub(super) fn told(&self) -> Option<String> {
        const USUAL: [&str; 11] = [
            "/message",
            "/error/message",
            "/error",
            "/errors/0/message",
            "/errors/0/detail",
            "/errors/0/title",
            "/errors/0",
            "/detail",
            "/title",
            "/error_description",
            "/0/message",
        ];
        let text =
            |at: &&str| self.output(at)?.as_str().map(str::to_owned).filter(|text| !text.trim().is_empty());
        USUAL.iter().find_map(text)
    }
}

impl AnswerRule {
    /// Whether all that it names holds.
    pub(super) fn holds(&self, seen: &Seen<'_>) -> bool {
        let status = seen.answer.status;
        (self.status.is_empty() || self.status.iter().any(|range| range.contains(&status)))
            && self
                .headers
                .iter()
                .all(|(name, test)| test.holds(seen.answer.header(name).map(Value::from).as_ref()))
            && self.body.iter().all(|(at, test)| test.holds(seen.output(at).as_ref()))
    }

    /// What it says for people.
    pub(super) fn message(&self, seen: &Seen<'_>) -> Option<String> {
        self.messages.iter().find_map(|message| fill(message, seen))
    }

    /// For how long it asks to wait.
    pub(super) fn wait_ms(&self, seen: &Seen<'_>, now: Millis) -> Option<i64> {
        let (at, form) = match self.wait.as_ref()? {
            Wait::Fixed(ms) => return Some(*ms),
            Wait::At(at, form) => (at, form),
        };
        let text = plain(&seen.output(at)?)?;
        let number = || text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let wait = match form {
            WaitForm::Seconds => (number()? * 1000.0) as i64,
            WaitForm::Epoch => ((number()? * 1000.0) as i64).saturating_sub(now),
            WaitForm::Date => http_date(text.trim())?.saturating_sub(now),
        };
        Some(wait.clamp(0, WAIT_MS_MAX))
    }

    /// Outputs that it takes.
    pub(super) fn outputs(&self, seen: &Seen<'_>) -> BTreeMap<String, Value> {
        let mut outputs = BTreeMap::new();
        for (name, taken) in &self.outputs {
            let Some(value) = seen.output(&taken.at) else { continue };
            match &taken.after {
                None => {
                    outputs.insert(name.clone(), value);
                }
                Some(after) => {
                    let text = plain(&value).unwrap_or_default();
                    let Some((_, rest)) = text.split_once(after.as_str()) else { continue };
                    let word: String = rest
                        .trim_start()
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || "-_".contains(*c))
                        .collect();
                    if !word.is_empty() {
                        outputs.insert(name.clone(), Value::from(word));
                    }
                }
            }
        }
        outputs
    }
}

/// A message: a place (`/message`), or a sentence with places in braces (`no property {/name}`). `None` where one of its
/// places has nothing.
fn fill(message: &str, seen: &Seen<'_>) -> Option<String> {
    let at = |at: &str| {
        let words = match seen.output(at)? {
            Value::Array(items) => items.iter().filter_map(plain).collect::<Vec<_>>().join(", "),
            value => plain(&value)?,
        };
        Some(words).filter(|words| !words.trim().is_empty())
    };
    if message.starts_with('/') || message.starts_with("header:") {
        return at(message);
    }
    let mut filled = String::new();
    let mut rest = message;
    while let Some((before, behind)) = rest.split_once('{') {
        let (place, after) = behind.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&at(place)?);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        let is_there = value.is_some_and(|value| !value.is_null());
        if let Self::Present(present) = self {
            return *present == is_there;
        }
        let Some(value) = value else { return false };
        if let Self::AtLeast(least) = self {
            return plain(value)
                .and_then(|text| text.trim().parse::<f64>().ok())
                .is_some_and(|n| n >= *least);
        }
        let text = match value {
            Value::Null => "null".to_owned(),
            value => plain(value).unwrap_or_else(|| value.to_string()),
        };
        match self {
            Self::Equals(wanted) => text == *wanted,
            Self::AnyOf(wanted) => wanted.contains(&text),
            Self::Contains(wanted) => text.contains(wanted.as_str()),
            Self::StartsWith(wanted) => text.starts_with(wanted.as_str()),
            Self::Present(_) | Self::AtLeast(_) => false,
        }
    }
}

/// Reads `answers:`.
pub(super) fn read_answers(
    file: &str,
    node: Option<&Node>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<AnswerRule> {
    let items = match node.map(|node| (&node.yaml, node)) {
        None => return Vec::new(),
        Some((Yaml::List(items), _)) => items,
        Some((_, node)) => {
            let message = format!("`answers` must be a list, and this is {}.", node.kind());
            diagnostics.push(
                Diagnostic::error(file, Some(node.place), message)
                    .hint("write `answers: [ { status: 409, is: done } ]`"),
            );
            return Vec::new();
        }
    };
    items.iter().filter_map(|item| read_answer(file, item, diagnostics)).collect()
}

fn read_answer(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<AnswerRule> {
    let mut fields = Fields::new(file, "an answer", node, diagnostics);
    let status = fields.node("status");
    let header = fields.node("header");
    let body = fields.node("body");
    let is = fields.required_text("is");
    let messages = fields.texts("message");
    let wait = fields.node("wait");
    let outputs = fields.node("outputs");
    let verified = fields.text("verified");
    fields.finish();
    let verified = read_verified(file, verified.as_deref(), node.place, diagnostics);
    let status = read_status(file, status, diagnostics);
    let headers: Vec<(String, Test)> = read_tests(file, "header", header, diagnostics)
        .into_iter()
        .map(|(name, _, test)| (name.to_ascii_lowercase(), test))
        .collect();
    let body = read_tests(file, "body", body, diagnostics)
        .into_iter()
        .filter(|(at, place, _)| pointer_is_well(file, at, *place, diagnostics))
        .map(|(at, _, test)| (at, test))
        .collect();
    let wait = wait.and_then(|wait| read_wait(file, wait, diagnostics));
    let outputs = read_taken(file, outputs, diagnostics);
    let class = read_class(file, node.place, &is?, diagnostics)?;
    let messages = messages.into_iter().map(|(text, _)| text).collect();
    Some(AnswerRule { class, verified, status, headers, body, messages, wait, outputs })
}

fn read_class(
    file: &str,
    place: Place,
    word: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<AnswerClass> {
    let found = AnswerClass::ALL.into_iter().find(|class| class.as_str() == word);
    if found.is_none() {
        let names = AnswerClass::ALL.map(AnswerClass::as_str);
        let hint = suggest(word, names).map_or_else(
            || format!("it is one of {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("An answer is never `{word}`.");
        diagnostics.push(Diagnostic::error(file, Some(place), message).hint(hint));
    }
    found
}

/// `409`, `4xx`, `500-599`, or a list of such.
fn read_status(
    file: &str,
    node: Option<&Node>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<RangeInclusive<u16>> {
    let Some(node) = node else { return Vec::new() };
    let items = match &node.yaml {
        Yaml::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut ranges = Vec::new();
    for item in items {
        let text = match &item.yaml {
            Yaml::Number(number) => number.to_string(),
            Yaml::Text(text) => text.trim().to_ascii_lowercase(),
            _ => String::new(),
        };
        let number =
            |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..=599).contains(status));
        let range = match (text.strip_suffix("xx"), text.split_once('-')) {
            (Some(class), _) => class
                .parse::<u16>()
                .ok()
                .filter(|class| (1..=5).contains(class))
                .map(|class| class * 100..=class * 100 + 99),
            (None, Some((from, to))) => {
                number(from).zip(number(to)).filter(|(from, to)| from <= to).map(|(from, to)| from..=to)
            }
            (None, None) => number(&text).map(|status| status..=status),
        };
        match range {
            Some(range) => ranges.push(range),
            None => diagnostics.push(
                Diagnostic::error(file, Some(item.place), "This is no HTTP status.")
                    .hint("write `409`, `4xx`, `500-599`, or a list of such"),
            ),
        }
    }
    ranges
}

fn read_tests(
    file: &str,
    key: &str,
    node: Option<&Node>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(String, Place, Test)> {
    let entries = match node.map(|node| (&node.yaml, node)) {
        None => return Vec::new(),
        Some((Yaml::Map(entries), _)) => entries,
        Some((_, node)) => {
            let message = format!("`{key}` must be a map, and this is {}.", node.kind());
            let hint = if key == "body" {
                "write `body: { /error/code: E42 }`"
            } else {
                "write `header: { X-Reason: duplicate }`"
            };
            diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint(hint));
            return Vec::new();
        }
    };
    let mut tests = Vec::new();
    for entry in entries {
        tests.extend(
            read_test(file, &entry.value, diagnostics).map(|test| (entry.key.clone(), entry.place, test)),
        );
    }
    tests
}

fn read_test(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Test> {
    if let Some(text) = scalar(node) {
        return Some(Test::Equals(text));
    }
    if let Yaml::List(items) = &node.yaml {
        return Some(Test::AnyOf(items.iter().filter_map(scalar).collect()));
    }
    let mut fields = Fields::new(file, "a test of a value", node, diagnostics);
    let equals = fields.node("equals").and_then(scalar).map(Test::Equals);
    let contains = fields.text("contains").map(Test::Contains);
    let starts = fields.text("starts_with").map(Test::StartsWith);
    let present = fields.boolean("present").map(Test::Present);
    let least =
        fields.node("at_least").and_then(scalar).and_then(|text| text.parse().ok()).map(Test::AtLeast);
    let place = fields.place();
    fields.finish();
    let mut given = [equals, contains, starts, present, least].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(test), None) => Some(test),
        _ => {
            diagnostics.push(
                Diagnostic::error(file, Some(place), "A test says one thing of a value.").hint(
                    "write the value itself, or one of equals, contains, starts_with, present, at_least",
                ),
            );
            None
        }
    }
}

fn scalar(node: &Node) -> Option<String> {
    match &node.yaml {
        Yaml::Text(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(truth) => Some(truth.to_string()),
        Yaml::Null => Some("null".to_owned()),
        Yaml::List(_) | Yaml::Map(_) => None,
    }
}

fn read_wait(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Wait> {
    let Yaml::Map(_) = &node.yaml else {
        // One duration, read as any other is.
        let entry = crate::document::Entry { key: "wait".to_owned(), place: node.place, value: node.clone() };
        let map = Node { yaml: Yaml::Map(vec![entry]), place: node.place };
        let mut fields = Fields::new(file, "an answer", &map, diagnostics);
        let duration = fields.duration("wait");
        fields.finish();
        return duration.map(|duration| Wait::Fixed((duration.as_millis() as i64).min(WAIT_MS_MAX)));
    };
    let mut fields = Fields::new(file, "a wait", node, diagnostics);
    let at = fields.required_text("at");
    let form = fields.text("as").unwrap_or_else(|| "seconds".to_owned());
    let place = fields.place();
    fields.finish();
    let form = match form.as_str() {
        "seconds" => WaitForm::Seconds,
        "epoch" => WaitForm::Epoch,
        "date" => WaitForm::Date,
        other => {
            diagnostics.push(
                Diagnostic::error(file, Some(place), format!("A wait is never written as `{other}`."))
                    .hint("it is one of seconds, epoch (seconds since 1970) and date"),
            );
            return None;
        }
    };
    let at = at?;
    pointer_is_well(file, &at, place, diagnostics).then_some(Wait::At(at, form))
}

fn read_taken(file: &str, node: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<String, Taken> {
    let Some(Yaml::Map(entries)) = node.map(|node| &node.yaml) else {
        if let Some(node) = node {
            diagnostics.push(
                Diagnostic::error(file, Some(node.place), "`outputs` must be a map.")
                    .hint("write `outputs: { id: /0/id }`"),
            );
        }
        return BTreeMap::new();
    };
    let mut taken = BTreeMap::new();
    for entry in entries {
        let (at, after) = match &entry.value.yaml {
            Yaml::Text(at) => (Some(at.clone()), None),
            _ => {
                let mut fields = Fields::new(file, "an output", &entry.value, diagnostics);
                let (at, after) = (fields.required_text("at"), fields.text("after"));
                fields.finish();
                (at, after)
            }
        };
        if let Some(at) = at
            && pointer_is_well(file, &at, entry.value.place, diagnostics)
        {
            taken.insert(entry.key.clone(), Taken { at, after });
        }
    }
    taken
}

/// Whether this can be a place in an answer; told where it can't.
pub(super) fn pointer_is_well(file: &str, at: &str, place: Place, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let well = at.is_empty()
        || at.starts_with('/')
        || at.strip_prefix("header:").is_some_and(|n| !n.trim().is_empty());
    if !well {
        let hint = format!(
            "write `/{}` for a place in the JSON, or `header:Name` for a header",
            at.trim_start_matches(['.', '$']).replace('.', "/")
        );
        let message = format!("`{at}` is no place in an answer.");
        diagnostics.push(Diagnostic::error(file, Some(place), message).hint(hint));
    }
    well
}
