//! Reads rules about answers (`answers:`) and places in answers.

use super::answer::{AnswerClass, WAIT_MS_MAX};
use super::answer_rule::{AnswerRule, CallKind, Taken, Test, Wait, WaitForm};
use super::manifest::read_verified;
use crate::document::{Diagnostic, Entry, Fields, Node, Place, Yaml, suggest};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

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
    let of = fields.texts("of");
    fields.finish();
    let verified = read_verified(file, verified.as_deref(), node.place, diagnostics);
    let of = read_of(file, of, diagnostics);
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
    Some(AnswerRule { class, verified, of, status, headers, body, messages, wait, outputs })
}

fn read_of(file: &str, words: Vec<(String, Place)>, diagnostics: &mut Vec<Diagnostic>) -> Vec<CallKind> {
    let mut of = Vec::new();
    for (word, place) in words {
        match CallKind::ALL.into_iter().find(|(known, _)| *known == word) {
            Some((_, kind)) => of.push(kind),
            None => diagnostics.push(
                Diagnostic::error(file, Some(place), format!("An action has no call `{word}`."))
                    .hint("`of` is one of call, update, find and after, or a list of such"),
            ),
        }
    }
    of
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
    if let (Some(test), None) = (given.next(), given.next()) {
        Some(test)
    } else {
        diagnostics.push(
            Diagnostic::error(file, Some(place), "A test says one thing of a value.")
                .hint("write the value itself, or one of equals, contains, starts_with, present, at_least"),
        );
        None
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
        let entry =
            Entry { key: "wait".to_owned(), place: node.place, at: node.span.start, value: node.clone() };
        let map = Node { yaml: Yaml::Map(vec![entry]), place: node.place, span: node.span };
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
        let (at, after) = if let Yaml::Text(at) = &entry.value.yaml {
            (Some(at.clone()), None)
        } else {
            let mut fields = Fields::new(file, "an output", &entry.value, diagnostics);
            let (at, after) = (fields.required_text("at"), fields.text("after"));
            fields.finish();
            (at, after)
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
