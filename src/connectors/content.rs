//! What counts as the content of a record: noise left out, lists that are sets taken as sets. Its hash, and which paths
//! differ between two states. Called by `RecordSpec::compare`.

use super::pattern::{At, Pattern, key_text};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// So many paths are told of one change; a further one is `…`.
const PATHS_MAX: usize = 50;
/// So many characters are told of one path.
const PATH_CHARS_MAX: usize = 200;

/// What is left out of comparisons, and which lists are sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// Never makes a change.
    pub noise: Vec<Pattern>,
    /// Lists whose items are known by a key, and that key. The first that fits counts.
    pub sets: Vec<(Pattern, String)>,
}

impl Content {
    /// SHA-256 over canonical JSON: keys sorted, noise left out, sets sorted by key, numbers by their digits.
    pub(super) fn hash(&self, entity: &Value) -> String {
        let mut text = Vec::with_capacity(8 << 10);
        self.canonical(entity, &mut Vec::new(), &mut text);
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(&text) {
            for digit in [byte >> 4, byte & 15] {
                hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        hex
    }

    /// Paths that differ: dotted, items of sets by key, other items by index; sorted, capped.
    pub(super) fn differences(&self, old: &Value, new: &Value) -> Vec<String> {
        let mut found = BTreeSet::new();
        self.compare(old, new, &mut Vec::new(), String::new(), &mut found);
        let more = found.len() > PATHS_MAX;
        let mut paths: Vec<String> = found.into_iter().take(PATHS_MAX).collect();
        if more {
            paths.push("…".to_owned());
        }
        paths
    }

    /// The name of the key of this list's items, where it is a set.
    pub(super) fn set_key(&self, path: &[At<'_>]) -> Option<&str> {
        self.sets.iter().find(|(pattern, _)| pattern.matches(path)).map(|(_, key)| key.as_str())
    }

    /// The items of a list by their keys, where it is a set here and each item has a key of its own.
    pub(super) fn items_by_key<'v>(
        &self,
        path: &[At<'_>],
        items: &'v [Value],
    ) -> Option<BTreeMap<String, &'v Value>> {
        let key = self.set_key(path)?;
        let mut by_key = BTreeMap::new();
        for item in items {
            if by_key.insert(key_text(item.get(key)?)?, item).is_some() {
                return None;
            }
        }
        Some(by_key)
    }

    fn is_noise(&self, path: &[At<'_>]) -> bool {
        self.noise.iter().any(|pattern| pattern.matches(path))
    }

    fn canonical<'v>(&self, value: &'v Value, path: &mut Vec<At<'v>>, out: &mut Vec<u8>) {
        match value {
            Value::Object(map) => {
                let mut entries: Vec<(&String, &Value)> = map.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                out.push(b'{');
                for (key, inner) in entries {
                    path.push(At::Key(key));
                    if !self.is_noise(path) {
                        quote(key, out);
                        out.push(b':');
                        self.canonical(inner, path, out);
                        out.push(b',');
                    }
                    path.pop();
                }
                out.push(b'}');
            }
            Value::Array(items) => {
                let by_key = self.items_by_key(path, items);
                out.push(b'[');
                path.push(At::Item);
                let mut put = |item: &'v Value, path: &mut Vec<At<'v>>| {
                    self.canonical(item, path, out);
                    out.push(b',');
                };
                match by_key {
                    Some(by_key) => by_key.into_values().for_each(|item| put(item, path)),
                    None => items.iter().for_each(|item| put(item, path)),
                }
                path.pop();
                out.push(b']');
            }
            Value::String(text) => quote(text, out),
            Value::Number(number) => out.extend_from_slice(number.as_str().as_bytes()),
            Value::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
            Value::Null => out.extend_from_slice(b"null"),
        }
    }

    fn compare<'v>(
        &self,
        old: &'v Value,
        new: &'v Value,
        path: &mut Vec<At<'v>>,
        text: String,
        found: &mut BTreeSet<String>,
    ) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.compare_maps(old, new, path, &text, found),
            (Value::Array(old), Value::Array(new)) => self.compare_lists(old, new, path, &text, found),
            _ if old == new => {}
            _ => tell(text, found),
        }
    }

    fn compare_maps<'v>(
        &self,
        old: &'v Map<String, Value>,
        new: &'v Map<String, Value>,
        path: &mut Vec<At<'v>>,
        text: &str,
        found: &mut BTreeSet<String>,
    ) {
        for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
            path.push(At::Key(key));
            if !self.is_noise(path) {
                let name = child(text, key);
                match (old.get(key), new.get(key)) {
                    (Some(old), Some(new)) => self.compare(old, new, path, name, found),
                    _ => tell(name, found),
                }
            }
            path.pop();
        }
    }

    fn compare_lists<'v>(
        &self,
        old: &'v [Value],
        new: &'v [Value],
        path: &mut Vec<At<'v>>,
        text: &str,
        found: &mut BTreeSet<String>,
    ) {
        let sets = self.items_by_key(path, old).zip(self.items_by_key(path, new));
        path.push(At::Item);
        if let Some((old, new)) = sets {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let name = format!("{text}[{key}]");
                match (old.get(key), new.get(key)) {
                    (Some(old), Some(new)) => self.compare(old, new, path, name, found),
                    _ => tell(name, found),
                }
            }
        } else {
            for index in 0..old.len().max(new.len()) {
                let name = format!("{text}[{index}]");
                match (old.get(index), new.get(index)) {
                    (Some(old), Some(new)) => self.compare(old, new, path, name, found),
                    _ => tell(name, found),
                }
            }
        }
        path.pop();
    }
}

fn tell(path: String, found: &mut BTreeSet<String>) {
    let path = if path.is_empty() { "(the whole)".to_owned() } else { path };
    found.insert(path.chars().take(PATH_CHARS_MAX).collect());
}

fn child(parent: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    match (plain, parent.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{parent}.{key}"),
        (false, _) => format!("{parent}[{}]", Value::from(key)),
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::{Content, Pattern};
    use serde_json::{Value, json};

    fn content() -> Content {
        let pattern = |text| Pattern::parse(text).expect("it is a pattern");
        Content {
            noise: vec![pattern("**_display"), pattern("guests[].url")],
            sets: vec![(pattern("**"), "pk".to_owned())],
        }
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("it is JSON")
    }

    #[test]
    fn order_and_noise_make_no_difference() {
        let one = json!({"a": 1, "guests": [{"pk": 1, "url": "x"}, {"pk": 2}], "a_display": "1,00"});
        let two = json!({"guests": [{"pk": 2}, {"pk": 1, "url": "y"}], "a_display": "1.00", "a": 1});
        assert_eq!(content().hash(&one), content().hash(&two));
        assert_eq!(content().differences(&one, &two), Vec::<String>::new());
    }

    #[test]
    fn numbers_differ_by_their_digits() {
        let (one, two) = (json(r#"{"a": 1.10}"#), json(r#"{"a": 1.1}"#));
        assert_ne!(content().hash(&one), content().hash(&two));
        assert_eq!(content().differences(&one, &two), ["a"]);
        let big = json(r#"{"a": 123456789012345678901234567890}"#);
        assert_eq!(content().differences(&big, &big.clone()), Vec::<String>::new());
    }

    #[test]
    fn paths_name_what_differs() {
        let old = json!({
            "note": "", "tags": ["a", "b"], "guests": [{"pk": 1, "in": null}, {"pk": 2}],
            "odd.key": 1, "gone": {"x": 1}, "twins": [{"pk": 1}, {"pk": 1}]
        });
        let new = json!({
            "note": "x", "tags": ["a"], "guests": [{"pk": 3}, {"pk": 1, "in": "yes"}],
            "odd.key": 2, "new": null, "twins": [{"pk": 1}, {"pk": 2}]
        });
        insta::assert_snapshot!(content().differences(&old, &new).join("\n"));
        assert_eq!(content().differences(&json!([1]), &json!({})), ["(the whole)"]);
    }

    #[test]
    fn many_paths_are_cut() {
        let new: Value =
            (0..200).map(|n| (format!("k{n:03}"), json!(n))).collect::<serde_json::Map<_, _>>().into();
        let paths = content().differences(&json!({}), &new);
        assert_eq!((paths.len(), paths.last().map(String::as_str)), (51, Some("…")));
    }
}
