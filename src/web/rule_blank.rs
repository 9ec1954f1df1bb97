//! The rule that "An empty rule" begins with: off, for the first source, with one action that fits and has no mistake in it.
//! Where no action fits by itself it has no step, and the builder asks for the first one. Pure.

use crate::connectors::{Action, InputKind};
use crate::rules::Ruleset;
use std::fmt::Write as _;

/// What fills an input of this name, from the view that every source gives.
fn fill(name: &str) -> Option<&'static str> {
    Some(match name {
        "email" | "e_mail" | "email_address" => "{{ person.email }}",
        "phone" => "{{ person.phone }}",
        "name" => "{{ person.name }}",
        "first_name" | "firstname" => "{{ person.first_name }}",
        "last_name" | "lastname" => "{{ person.last_name }}",
        "id" | "key" | "external_id" | "reference" | "code" => "{{ trip.code }}",
        _ => return None,
    })
}

/// Its fields: each that must be there, where all of them can be filled.
fn fields(action: &Action) -> Option<Vec<(&str, &'static str)>> {
    let mut fields = Vec::new();
    let needed = action.inputs.iter().filter(|(_, input)| input.required && input.default.is_none());
    for (name, input) in needed {
        let takes_text = matches!(input.kind, InputKind::Any | InputKind::String) && input.choices.is_empty();
        fields.push((name.as_str(), fill(name).filter(|_| takes_text)?));
    }
    Some(fields)
}

/// The first action that may be repeated, names its record by what it is given, and can be filled.
fn action(ruleset: &Ruleset) -> Option<(String, Vec<(&str, &'static str)>)> {
    let all =
        ruleset.connections.values().flat_map(|one| one.actions.values().map(move |action| (one, action)));
    all.filter(|(_, action)| action.repeatable && !action.key.is_empty()).find_map(|(connection, action)| {
        Some((format!("{}.{}", connection.name, action.name), fields(action)?))
    })
}

/// A rule to begin with, by what is there.
pub fn blank(ruleset: Option<&Ruleset>) -> String {
    let source = ruleset.and_then(|ruleset| ruleset.sources.keys().next());
    let source = source.map_or("source", String::as_str);
    let mut text =
        format!("title: A new rule\nenabled: false\nfrom: {source}\non: [created, updated, cancelled]\n");
    match ruleset.and_then(action) {
        Some((uses, fields)) => {
            // What names the record has to be there.
            let present: Vec<String> = fields
                .iter()
                .map(|(_, value)| value.trim_matches(['{', '}', ' ']))
                .map(|path| format!("present({path})"))
                .collect();
            if !present.is_empty() {
                let _ = writeln!(text, "when: {}", present.join(" && "));
            }
            let _ = write!(text, "steps:\n  - use: {uses}\n    with:\n");
            for (name, value) in fields {
                let _ = writeln!(text, "      {name}: \"{value}\"");
            }
        }
        None => text.push_str("steps: []\n"),
    }
    text
}
