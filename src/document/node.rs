//! One YAML document as a tree in which every key and value knows its place.

use super::{Diagnostic, Place};
use serde_json::{Number, Value};

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub yaml: Yaml,
    /// Where it stands (for a map or list: its first character).
    pub place: Place,
}

/// Strict YAML 1.2: only `true` and `false` are booleans; `NO`, `on`, `012` are texts; `1.10` is a number that keeps
/// its digits. No tags, no merge keys, no duplicate keys, aliases capped.
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
    /// Its value.
    pub value: Node,
}

/// Parses one document. `file` is only named in diagnostics. An empty document is an error.
pub fn parse(_file: &str, _text: &str) -> Result<Node, Diagnostic> {
    todo!()
}

impl Node {
    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        todo!()
    }

    /// The place of the `offset`-th byte of a text value within its file (`source` is the whole file's text): exact for
    /// plain scalars and block scalars, near for quoted ones with escapes.
    pub fn place_within(&self, _source: &str, _offset: usize, _length: usize) -> Place {
        todo!()
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
