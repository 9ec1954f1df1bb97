//! One YAML document as a tree in which every key and value knows its place.

use super::{Place, within};
use serde_json::{Map, Number, Value};

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub yaml: Yaml,
    /// Where it stands (for a map or list: its first character).
    pub place: Place,
    /// The bytes of the file's text that it takes: with its quotes or brackets; a map or list written in lines ends with
    /// its last value, a text behind `|` or `>` with the last line that has something. An alias takes its own few bytes,
    /// though its `place` is that of what it repeats.
    pub span: Span,
}

/// A range of bytes of a file's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub start: usize,
    /// The one behind the last.
    pub end: usize,
}

/// Strict YAML 1.2: only `true` and `false` are booleans; `NO`, `on`, `012` are texts; `1.10` is a number
/// that keeps its digits. No tags, no merge keys, no duplicate keys, aliases capped.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    /// `null`, `~`, or nothing.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number; `serde_json`'s arbitrary precision keeps its digits.
    Number(Number),
    /// Everything else.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in its order.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as text.
    pub key: String,
    /// Place of the key.
    pub place: Place,
    /// The byte at which the key begins.
    pub at: usize,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        match &self.yaml {
            Yaml::Null => Value::Null,
            Yaml::Bool(truth) => Value::Bool(*truth),
            Yaml::Number(number) => Value::Number(number.clone()),
            Yaml::Text(text) => Value::String(text.clone()),
            Yaml::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Yaml::Map(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// The place of the `offset`-th byte of a text value within its file (`source` is the whole file's
    /// text): exact for plain scalars and block scalars, near for quoted ones with escapes.
    pub fn place_within(&self, source: &str, offset: usize, length: usize) -> Place {
        let Some(text) = self.as_text() else { return self.place };
        within::place(self.place, source, text, offset, length)
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.yaml {
            Yaml::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for messages: `a text`, `a list`, `a map`, `a number`, `true or false`, `nothing`.
    pub fn kind(&self) -> &'static str {
        match &self.yaml {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "true or false",
            Yaml::Number(_) => "a number",
            Yaml::Text(_) => "a text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a map",
        }
    }
}
