//! Reads what an action takes: `inputs:` and `open:`.

use super::action::{Input, InputKind};
use crate::document::{Diagnostic, Fields, Node, Yaml, suggest};
use std::collections::BTreeMap;

/// `open: true`, `open: false`, or `open: { type: string }`.
pub(super) fn read_open(
    file: &str,
    node: Option<&Node>,
    otherwise: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> (bool, InputKind) {
    match node.map(|node| (&node.yaml, node)) {
        None => (otherwise, InputKind::Any),
        Some((Yaml::Bool(open), _)) => (*open, InputKind::Any),
        Some((_, node)) => {
            let mut fields = Fields::new(file, "`open`", node, diagnostics);
            let kind = fields.node("type");
            fields.finish();
            (true, kind.map(|kind| read_kind(file, kind, diagnostics)).unwrap_or_default())
        }
    }
}

fn read_kind(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> InputKind {
    let word = node.as_text().unwrap_or_default();
    if let Some(kind) = InputKind::ALL.into_iter().find(|kind| kind.as_str() == word) {
        return kind;
    }
    let names = InputKind::ALL.map(InputKind::as_str);
    let meant = match word {
        "text" => Some("string"),
        "integer" | "int" | "float" => Some("number"),
        "bool" => Some("boolean"),
        "object" => Some("map"),
        "array" => Some("list"),
        other => suggest(other, names),
    };
    let hint = meant.map_or_else(
        || format!("it is one of {}", names.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    let message = match node.as_text() {
        Some(word) => format!("`{word}` is no type of an input."),
        None => format!("A type is a word, and this is {}.", node.kind()),
    };
    diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint(hint));
    InputKind::Any
}

/// Reads `inputs:`.
pub(super) fn read_inputs(
    file: &str,
    node: Option<&Node>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Input> {
    let Some(node) = node else { return BTreeMap::new() };
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`inputs` must be a map, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("write `inputs: { id: { type: string, required: true } }`"),
        );
        return BTreeMap::new();
    };
    let mut inputs = BTreeMap::new();
    for entry in entries {
        if let Yaml::Text(_) = entry.value.yaml {
            let kind = read_kind(file, &entry.value, diagnostics);
            inputs.insert(entry.key.clone(), Input { kind, ..Input::default() });
            continue;
        }
        let mut fields = Fields::new(file, "an input", &entry.value, diagnostics);
        let kind = fields.node("type");
        let required = fields.boolean("required").unwrap_or(false);
        let lower = fields.boolean("lower").unwrap_or(false);
        let label = fields.text("label");
        let help = fields.text("help");
        let default = fields.node("default").map(Node::to_json);
        let choices = fields.texts("choices").into_iter().map(|(choice, _)| choice).collect();
        fields.finish();
        let kind = kind.map(|kind| read_kind(file, kind, diagnostics)).unwrap_or_default();
        inputs.insert(entry.key.clone(), Input { kind, required, lower, label, help, default, choices });
    }
    inputs
}
