//! Kinds of change as a manifest declares them: an ordered list of conditions, the first that holds says the kind.

use super::pattern::Dotted;
use crate::document::{Diagnostic, Fields, Node, Yaml, suggest};
use crate::domain::ChangeKind;
use serde_json::Value;

/// One condition; all that it names must hold.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// What it is then.
    pub kind: ChangeKind,
    /// Only at (or only after) first sight.
    first: Option<bool>,
    /// The status told is one of these.
    status: Vec<String>,
    /// The present status is one of these.
    was: Vec<String>,
    /// The status told is one of these, and the present one is another.
    becomes: Vec<String>,
    /// One of these was missing, null or empty, and is not any more; with `first: true`, it is there at first sight.
    set: Vec<Dotted>,
    /// What to say about it.
    pub note: Option<String>,
    /// Where the source has keys, its API is asked whether it is so.
    pub verify: bool,
}

/// The two states that conditions look at.
pub(super) struct States<'s> {
    /// The present state and its status; `None` at first sight.
    pub present: Option<(&'s Value, &'s str)>,
    /// The state told and its status.
    pub told: (&'s Value, &'s str),
}

/// Kinds that a manifest may name.
const KINDS: [ChangeKind; 7] = [
    ChangeKind::Created,
    ChangeKind::Updated,
    ChangeKind::Cancelled,
    ChangeKind::Rebooked,
    ChangeKind::Deleted,
    ChangeKind::Stale,
    ChangeKind::Ignored,
];

impl Condition {
    /// Whether it holds.
    pub(super) fn holds(&self, states: &States<'_>) -> bool {
        let is = |words: &[String], status: &str| words.iter().any(|word| word.eq_ignore_ascii_case(status));
        let (told, now) = states.told;
        let before = states.present.map(|(_, status)| status);
        self.first.is_none_or(|first| first == before.is_none())
            && (self.status.is_empty() || is(&self.status, now))
            && (self.was.is_empty() || before.is_some_and(|before| is(&self.was, before)))
            && (self.becomes.is_empty()
                || (is(&self.becomes, now) && before.is_some_and(|before| !before.eq_ignore_ascii_case(now))))
            && (self.set.is_empty()
                || self.set.iter().any(|path| {
                    is_set(path, told)
                        && states
                            .present
                            .map_or(self.first == Some(true), |(present, _)| !is_set(path, present))
                }))
    }
}

/// Whether something stands there: not missing, null, blank or empty.
pub(super) fn is_set(path: &Dotted, entity: &Value) -> bool {
    match path.get(entity) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

/// Reads the list of conditions.
pub(super) fn read_conditions(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Condition> {
    let Yaml::List(items) = &node.yaml else {
        let message = format!("`changes` must be a list of conditions, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("write `- { is: cancelled, becomes: cancelled }`, one line each"),
        );
        return Vec::new();
    };
    items.iter().filter_map(|item| read_condition(file, item, diagnostics)).collect()
}

fn read_condition(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Condition> {
    let mut fields = Fields::new(file, "a kind of change", node, diagnostics);
    let is = fields.required_text("is");
    let first = fields.boolean("first");
    let words = |texts: Vec<(String, _)>| texts.into_iter().map(|(text, _)| text).collect::<Vec<String>>();
    let status = words(fields.texts("status"));
    let was = words(fields.texts("was"));
    let becomes = words(fields.texts("becomes"));
    let set = fields.texts("set");
    let note = fields.text("note");
    let verify = fields.boolean("verify").unwrap_or(false);
    fields.finish();
    let set = set.iter().filter_map(|(text, place)| Dotted::read(file, text, *place, diagnostics)).collect();
    let is = is?;
    let Some(kind) = KINDS.into_iter().find(|kind| kind.as_str() == is) else {
        let names = KINDS.map(ChangeKind::as_str);
        let hint = suggest(&is, names).map_or_else(
            || format!("it is one of {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("`{is}` is no kind of change.");
        diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint(hint));
        return None;
    };
    Some(Condition { kind, first, status, was, becomes, set, note, verify })
}
