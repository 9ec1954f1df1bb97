//! A rules folder as data.

use std::collections::BTreeMap;

/// All files of a rules folder that belong to the ruleset: path within the folder (with `/`) to text. Rules at the top,
/// `sources/`, `connections/`, `connectors/` (`*.yaml`), `lib/*.rhai`, `tables/*.csv`. Tests, payloads and recipes are
/// not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Path to text.
    pub texts: BTreeMap<String, String>,
}

impl Files {
    /// Whether a path belongs to the ruleset.
    pub fn belongs(_path: &str) -> bool {
        todo!()
    }

    /// Content hash: SHA-256 over paths and texts, the first 12 hex digits.
    pub fn hash(&self) -> String {
        todo!()
    }

    /// As one JSON text, for the database.
    pub fn to_json(&self) -> String {
        todo!()
    }

    /// Back from the database.
    pub fn from_json(_text: &str) -> Result<Self, String> {
        todo!()
    }
}
