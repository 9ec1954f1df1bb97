//! How values are written into YAML by `splice`: plain where a text reads back as itself, in the quotes that need no
//! escapes else, long texts behind `|`. What is written is read again by whoever asked.

use super::parse;
use serde_json::Value;
use std::fmt::Write as _;

/// What stands below a key.
pub(super) enum Below {
    /// Lines of their own.
    Lines(String),
    /// `|` with its lines.
    Headed(String),
}

/// A value in one line. `flow`: within brackets.
pub(super) fn inline(value: &Value, flow: bool) -> String {
    match value {
        Value::String(text) => scalar(text, flow),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(item, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(name, value)| format!("{}: {}", key(name), inline(value, true))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// The same in the quotes that were there.
pub(super) fn inline_like(old: &str, value: &Value, flow: bool) -> String {
    let Value::String(text) = value else { return inline(value, flow) };
    let fits = !text.chars().any(char::is_control);
    match old.as_bytes().first() {
        Some(b'"') if fits && !text.contains(['"', '\\']) => format!("\"{text}\""),
        Some(b'\'') if fits => format!("'{}'", text.replace('\'', "''")),
        _ => inline(value, flow),
    }
}

/// Whether a value is better written in lines of its own than in one.
pub(super) fn takes_lines(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => items.iter().any(|item| matches!(item, Value::Object(_) | Value::Array(_))),
        Value::String(text) => is_long(text),
        _ => false,
    }
}

/// Whether it begins on the line of its key.
pub(super) fn heads_line(value: &Value) -> bool {
    value.is_string()
}

/// Whether `|` can hold it as it is.
fn is_long(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let shown = |c: char| c == '\n' || !c.is_control();
    text.contains('\n')
        && body.chars().all(shown)
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body.lines().all(|line| line.trim_end() == line)
}

/// What stands below a key, indented by so many blanks.
pub(super) fn below(value: &Value, indent: usize, line_break: &str) -> Below {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            let entries =
                map.iter().map(|(name, value)| format!("{margin}{}", entry(name, value, indent, line_break)));
            Below::Lines(entries.collect::<Vec<_>>().join(line_break))
        }
        Value::Array(items) => {
            let items = items.iter().map(|value| format!("{margin}{}", item(value, indent, line_break)));
            Below::Lines(items.collect::<Vec<_>>().join(line_break))
        }
        Value::String(text) => {
            let (sign, body) = match text.strip_suffix('\n') {
                Some(body) => ("|", body),
                None => ("|-", text.as_str()),
            };
            let mut headed = sign.to_owned();
            for line in body.split('\n') {
                let margin = if line.is_empty() { "" } else { margin.as_str() };
                let _ = write!(headed, "{line_break}{margin}{line}");
            }
            Below::Headed(headed)
        }
        other => Below::Headed(inline(other, false)),
    }
}

/// An entry of a map whose keys stand behind so many blanks; the first line without them.
pub(super) fn entry(name: &str, value: &Value, indent: usize, line_break: &str) -> String {
    if !takes_lines(value) {
        return format!("{}: {}", key(name), inline(value, false));
    }
    match below(value, indent + 2, line_break) {
        Below::Lines(lines) => format!("{}:{line_break}{lines}", key(name)),
        Below::Headed(headed) => format!("{}: {headed}", key(name)),
    }
}

/// An item of a list whose dashes stand behind so many blanks; the first line without them.
pub(super) fn item(value: &Value, indent: usize, line_break: &str) -> String {
    let Value::Object(map) = value else { return format!("- {}", inline(value, false)) };
    if map.is_empty() {
        return "- {}".to_owned();
    }
    let margin = " ".repeat(indent + 2);
    let entries: Vec<String> =
        map.iter().map(|(name, value)| entry(name, value, indent + 2, line_break)).collect();
    format!("- {}", entries.join(&format!("{line_break}{margin}")))
}

/// A key.
pub(super) fn key(name: &str) -> String {
    let simple = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let plain = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(simple);
    if plain && reads_as(&format!("{name}: 1"), &serde_json::json!({ name: 1 })) {
        return name.to_owned();
    }
    Value::from(name).to_string()
}

fn scalar(text: &str, flow: bool) -> String {
    let starts = text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let plain = starts
        && !text.chars().any(char::is_control)
        && !(flow && text.contains(['[', ']', '{', '}', ',']))
        && if flow {
            reads_as(&format!("[{text}]"), &Value::from(vec![text]))
        } else {
            reads_as(&format!("x: {text}"), &serde_json::json!({ "x": text }))
        };
    if plain {
        return text.to_owned();
    }
    let fits = !text.chars().any(char::is_control);
    if fits && text.contains(['"', '\\']) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    Value::from(text).to_string()
}

fn reads_as(line: &str, wanted: &Value) -> bool {
    parse("", line).is_ok_and(|node| node.to_json() == *wanted)
}
