//! Payload paths: which of them an expression reads (by its syntax tree), and what stands there.

use super::Scope;
use serde_json::Value;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// `.name`: checked against the source's schema.
    Name(String),
    /// `["name"]`: not checked.
    Key(String),
    /// `[0]`.
    Index(i64),
    /// `[expression]`: the path ends being known here.
    Unknown,
}

/// A path from a name in scope: `booking.contact.email`, `steps.contact.id`, `booking.customers[0].pk`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The name in scope.
    pub root: String,
    /// What follows.
    pub segments: Vec<Segment>,
    /// Byte offset within the expression's text, and length in bytes.
    pub at: (usize, usize),
}

/// One path that an expression read, with what stood there.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// As written: `booking.contact.email`.
    pub path: String,
    /// `None`: missing.
    pub value: Option<Value>,
}

impl Path {
    /// The value at the path; `None` where something on the way is absent.
    pub fn find<'s>(&self, _scope: &'s Scope) -> Option<&'s Value> {
        todo!()
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
