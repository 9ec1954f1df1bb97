//! What a system's codes are called: `words: { n: pending, p: paid }`. A code without a word stays as it is.

use crate::document::{Diagnostic, Node, Yaml};
use std::collections::BTreeMap;

/// Codes, and what they are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(BTreeMap<String, String>);

impl Words {
    /// What a code is called.
    pub(super) fn of<'w>(&'w self, code: &'w str) -> &'w str {
        self.0.get(code).map_or(code, String::as_str)
    }

    /// Reads `words:`.
    pub(super) fn read(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut words = BTreeMap::new();
        let Yaml::Map(entries) = &node.yaml else {
            let message = format!("`words` must be a map of codes to words, and this is {}.", node.kind());
            diagnostics.push(
                Diagnostic::error(file, Some(node.place), message)
                    .hint("write `words: { p: paid, c: canceled }`"),
            );
            return Self::default();
        };
        for entry in entries {
            match entry.value.as_text().filter(|word| !word.trim().is_empty()) {
                Some(word) => {
                    words.insert(entry.key.clone(), word.to_owned());
                }
                None => diagnostics.push(
                    Diagnostic::error(
                        file,
                        Some(entry.value.place),
                        format!("The word for `{}` is no text.", entry.key),
                    )
                    .hint(format!("write `{}: paid`", entry.key)),
                ),
            }
        }
        Self(words)
    }
}
