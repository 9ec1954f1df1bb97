//! A rules folder as data: which of its files belong to the ruleset, its content hash, and its form in the database.
//! The reader of the folder on disk, the compiler and the store all go through this one list.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// All files of a rules folder that belong to the ruleset: path within the folder (with `/`) to text. Rules at the top,
/// `sources/`, `connections/`, `connectors/` (`*.yaml`), `lib/*.rhai`, `tables/*.csv`. Tests, payloads and recipes are
/// not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Path to text.
    pub texts: BTreeMap<String, String>,
}

/// Hex digits of a ruleset's name: 48 bits, enough for the few thousand rulesets of a lifetime.
const HASH_DIGITS: usize = 12;

impl Files {
    /// Whether a path belongs to the ruleset.
    pub fn belongs(path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let ending = |ending: &str| {
            name.strip_suffix(ending).is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.'))
        };
        match folder {
            "" => ending(".yaml") && !name.ends_with(".test.yaml"),
            "sources" | "connections" | "connectors" => ending(".yaml"),
            "lib" => ending(".rhai"),
            "tables" => ending(".csv"),
            _ => false,
        }
    }

    /// Content hash: SHA-256 over paths and texts, the first 12 hex digits.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (path, text) in &self.texts {
            // Lengths first, so that no two folders look the same when written one after the other.
            for part in [path, text] {
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part.as_bytes());
            }
        }
        let digest = hasher.finalize();
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
        let digits = digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        digits.take(HASH_DIGITS).collect()
    }

    /// As one JSON text, for the database.
    pub fn to_json(&self) -> String {
        let texts: serde_json::Map<String, serde_json::Value> =
            self.texts.iter().map(|(path, text)| (path.clone(), text.clone().into())).collect();
        serde_json::Value::Object(texts).to_string()
    }

    /// Back from the database.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str::<BTreeMap<String, String>>(text)
            .map(|texts| Self { texts })
            .map_err(|error| format!("The stored ruleset can't be read: {error}."))
    }

    /// Files of one folder (`""`: the top) as name without its ending, path and text.
    pub(super) fn within<'f>(
        &'f self,
        folder: &'static str,
    ) -> impl Iterator<Item = (&'f str, &'f str, &'f str)> {
        self.texts.iter().filter(|(path, _)| Self::belongs(path)).filter_map(move |(path, text)| {
            let (found, name) = path.rsplit_once('/').unwrap_or(("", path));
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            (found == folder).then_some((stem, path.as_str(), text.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Files;

    #[test]
    fn only_the_files_of_the_ruleset_belong() {
        let cases = [
            ("guests.yaml", true),
            ("guests.test.yaml", false),
            ("guests.yml", false),
            (".yaml", false),
            (".hidden.yaml", false),
            ("sources/harbour-tours.yaml", true),
            ("connections/crm.yaml", true),
            ("connectors/acme.yaml", true),
            ("connectors/old/acme.yaml", false),
            ("lib/names.rhai", true),
            ("lib/names.yaml", false),
            ("tables/codes.csv", true),
            ("recipes/guests.yaml", false),
            ("payloads/created.json", false),
            ("README.md", false),
        ];
        for (path, expected) in cases {
            assert_eq!(Files::belongs(path), expected, "{path}");
        }
    }

    #[test]
    fn the_hash_tells_paths_and_texts_apart() {
        let files = |pairs: &[(&str, &str)]| Files {
            texts: pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(),
        };
        let one = files(&[("a.yaml", "x"), ("b.yaml", "")]);
        assert_eq!(one.hash().len(), 12);
        assert_eq!(one.hash(), one.clone().hash());
        assert_ne!(one.hash(), files(&[("a.yaml", ""), ("b.yaml", "x")]).hash());
        assert_ne!(one.hash(), files(&[("a.yaml", "x")]).hash());
        assert_eq!(Files::from_json(&one.to_json()), Ok(one));
        assert!(Files::from_json("[]").is_err());
    }
}
