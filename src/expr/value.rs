//! Values between JSON and rhai. Numbers keep their digits on a lone path; in rhai whole numbers are i64, others f64,
//! and those beyond i64 a type of their own that prints and passes through unharmed.

use serde_json::Value;
use std::sync::Arc;

/// The names an expression can read, each a JSON value. Cheap to clone. Conversion to rhai is done once per name, when
/// an expression first needs it.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub(super) roots: Vec<(String, Arc<Value>)>,
}

impl Scope {
    /// An empty scope.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same scope with one more name (or another value for it).
    pub fn set(&mut self, name: &str, value: Arc<Value>) {
        self.roots.retain(|(known, _)| known != name);
        self.roots.push((name.to_owned(), value));
    }

    /// The value of a name; a name that is not set is missing.
    pub fn get(&self, name: &str) -> Option<&Arc<Value>> {
        self.roots.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Marks that nothing was there (which is not null).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing;

/// What a template came to.
pub type Outcome = Result<Value, Missing>;
