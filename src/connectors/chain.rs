//! `chain:` of a kind of record: where a body says whose place the record took, and who took its own. What one body of a
//! rebooking tells is true of the other record too, so it can be written into that one before its own body comes.

use super::kind::is_set;
use super::pattern::{Dotted, key_text};
use crate::document::{Diagnostic, Fields, Node};
use serde_json::{Map, Value};

/// Characters of a key; more is no key.
const KEY_CHARS_MAX: usize = 500;

/// Where rebookings are told.
#[derive(Clone, Debug, Default)]
pub struct ChainSpec {
    from: Option<Dotted>,
    to: Option<Dotted>,
    /// The word that the status of a rebooked one has, and of no other.
    rebooked: Option<String>,
    /// The word that its status has then, as that of others may.
    becomes: Option<String>,
    /// Where the status stands.
    status: Option<Dotted>,
    /// Where this is set, a body tells of no rebooking: one booking is that of several people, and one of them moved.
    unless: Option<Dotted>,
}

impl ChainSpec {
    /// Key of the record whose place this one took.
    pub fn from(&self, entity: &Value) -> Option<String> {
        self.key_at(self.from.as_ref()?, entity)
    }

    /// Key of the record that took its place.
    pub fn to(&self, entity: &Value) -> Option<String> {
        self.key_at(self.to.as_ref()?, entity)
    }

    fn key_at(&self, path: &Dotted, entity: &Value) -> Option<String> {
        if self.unless.as_ref().is_some_and(|unless| is_set(unless, entity)) {
            return None;
        }
        let key = key_text(path.get(entity)?)?;
        let key = key.trim();
        let fits =
            !key.is_empty() && key.chars().count() <= KEY_CHARS_MAX && !key.chars().any(char::is_control);
        fits.then(|| key.to_owned())
    }

    /// Whether a record with this status and body was rebooked.
    pub fn is_rebooked(&self, entity: &Value, status: &str) -> bool {
        match &self.rebooked {
            Some(word) => word.eq_ignore_ascii_case(status),
            None => self.to(entity).is_some(),
        }
    }

    /// The body as it would be had it told that `key` took its place, and its status then.
    pub fn rebooked(&self, mut entity: Value, status: &str, key: &str) -> (Value, String) {
        if let Some(path) = &self.to {
            put(&mut entity, path, key);
        }
        let word = self.rebooked.as_ref().or(self.becomes.as_ref());
        if let (Some(path), Some(word)) = (&self.status, word) {
            put(&mut entity, path, word);
        }
        (entity, word.map_or_else(|| status.to_owned(), String::clone))
    }
}

/// Writes a text; where something on the way is no map, nothing.
fn put(entity: &mut Value, path: &Dotted, text: &str) {
    let Some((last, way)) = path.names().split_last() else { return };
    let mut at = entity;
    for name in way {
        let Value::Object(map) = at else { return };
        at = map.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
    }
    if let Value::Object(map) = at {
        map.insert(last.clone(), Value::String(text.to_owned()));
    }
}

/// Reads `chain: { from: rebooked_from, to: rebooked_to, status: rebooked }`; `becomes: canceled` where others may have that
/// status too.
pub(super) fn read_chain(
    file: &str,
    node: &Node,
    status: Option<&Dotted>,
    diagnostics: &mut Vec<Diagnostic>,
) -> ChainSpec {
    let mut fields = Fields::new(file, "a chain of rebookings", node, diagnostics);
    let from = fields.text("from");
    let to = fields.text("to");
    let rebooked = fields.text("status");
    let becomes = fields.text("becomes");
    let unless = fields.text("unless");
    if rebooked.is_some() && becomes.is_some() {
        fields.report(
            Diagnostic::error(file, Some(node.place), "A chain says twice what becomes of a status.").hint(
                "write `status:` where only rebooked ones have it, and `becomes:` where others may, too",
            ),
        );
    }
    if from.is_some() && rebooked.is_none() && to.is_none() {
        fields.report(
            Diagnostic::error(file, Some(node.place), "Nothing tells a rebooked record from others.")
                .hint("say where its body names the new one, `to: rebooked_to`, or which status only rebooked ones have"),
        );
    }
    if from.is_none() && to.is_none() {
        fields.report(
            Diagnostic::error(file, Some(node.place), "A chain does not say where rebookings are told.")
                .hint("write `chain: { from: rebooked_from, to: rebooked_to }`"),
        );
    }
    fields.finish();
    let mut dotted =
        |text: Option<String>| text.and_then(|text| Dotted::read(file, &text, node.place, diagnostics));
    ChainSpec {
        from: dotted(from),
        to: dotted(to),
        rebooked,
        becomes,
        status: status.cloned(),
        unless: dotted(unless),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chain() -> ChainSpec {
        let path = |text: &str| Dotted::parse(text).ok();
        ChainSpec {
            from: path("rebooked_from"),
            to: path("rebooked_to"),
            rebooked: Some("rebooked".to_owned()),
            becomes: None,
            status: path("status"),
            unless: path("seats"),
        }
    }

    #[test]
    fn both_sides_of_a_rebooking_are_read_and_nothing_odd_is_a_key() {
        let chain = chain();
        let body = json!({ "rebooked_from": "a", "rebooked_to": " " });
        assert_eq!((chain.from(&body).as_deref(), chain.to(&body)), (Some("a"), None));
        for odd in [json!(null), json!({}), json!([1]), json!(""), json!("a\nb"), json!("x".repeat(501))] {
            assert_eq!(chain.to(&json!({ "rebooked_to": odd })), None);
        }
        assert_eq!(chain.to(&json!("no map")), None);
        assert_eq!(chain.from(&json!({ "rebooked_from": "a", "seats": null })).as_deref(), Some("a"));
        assert_eq!(
            chain.from(&json!({ "rebooked_from": "a", "seats": 20 })),
            None,
            "somebody moved, not all"
        );
    }

    #[test]
    fn what_the_new_one_told_is_written_into_the_old_one() {
        let (body, status) = chain().rebooked(json!({ "status": "booked", "note": "n" }), "booked", "b");
        assert_eq!(body, json!({ "status": "rebooked", "note": "n", "rebooked_to": "b" }));
        assert_eq!(status, "rebooked");
        assert!(chain().is_rebooked(&body, "Rebooked"));
        assert!(!chain().is_rebooked(&body, "booked"));
        let (odd, _) = chain().rebooked(json!([1]), "", "b");
        assert_eq!(odd, json!([1]));
        let chain = ChainSpec { rebooked: None, becomes: Some("canceled".to_owned()), ..chain() };
        let (body, status) = chain.rebooked(json!({ "status": "active" }), "active", "b");
        assert_eq!((&body["status"], status.as_str()), (&json!("canceled"), "canceled"));
        assert!(chain.is_rebooked(&body, "canceled"));
        assert!(!chain.is_rebooked(&json!({ "status": "canceled" }), "canceled"));
    }
}
