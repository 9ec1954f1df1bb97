//! What a rule sent, against what its test expects.

use super::{Case, Sent};
use crate::rules::Rule;
use serde_json::Value;

/// What is not as expected, each as a few lines.
pub(super) fn differences(rule: &Rule, case: &Case, sent: &Sent) -> Vec<String> {
    let mut differences = sent.unusable.clone();
    let known: Vec<&str> = rule.steps.iter().map(|step| step.id.as_str()).collect();
    let unknown = |step: &str| {
        let near = crate::document::suggest(step, known.iter().copied());
        let hint = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        format!("the rule has no step \"{step}\"{hint}")
    };
    let strange = case.outputs.keys().filter(|step| !known.contains(&step.as_str()));
    differences.extend(strange.map(|step| format!("outputs: {}", unknown(step))));
    if let Some(expected) = case.sends
        && expected != sent.calls
    {
        differences.push(format!("sends: expected {expected}, made {}", sent.calls));
    }
    for (step, expected) in &case.steps {
        if !known.contains(&step.as_str()) {
            differences.push(unknown(step));
            continue;
        }
        let Some(actual) = sent.last.get(step) else {
            differences.push(format!("step {step}: expected to be sent, and nothing was"));
            continue;
        };
        let mut lines = Vec::new();
        for (name, value) in &expected.fields {
            match actual.get(name) {
                Some(found) if same(found, value) => {}
                Some(found) => lines.extend([format!("  - {name}: {value}"), format!("  + {name}: {found}")]),
                None => lines.extend([format!("  - {name}: {value}"), format!("  + {name} was not sent")]),
            }
        }
        if expected.exactly {
            for (name, value) in actual.iter().filter(|(name, _)| !expected.fields.contains_key(*name)) {
                lines.extend([format!("  - {name} not expected"), format!("  + {name}: {value}")]);
            }
        }
        if !lines.is_empty() {
            let head = format!("step {step}: - expected, + sent");
            differences.push(std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n"));
        }
    }
    if !differences.is_empty() && !sent.notes.is_empty() {
        differences.push(format!("what happened:\n  {}", sent.notes.join("\n  ")));
    }
    differences
}

/// Whether two values are the same: numbers by what they are worth (1.10 is 1.1), digit by digit where they are whole.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let whole = |number: &serde_json::Number| !number.to_string().contains(['.', 'e', 'E']);
            one == other
                || (!(whole(one) && whole(other))
                    && one.as_f64().is_some_and(|one| other.as_f64() == Some(one)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|found| same(value, found)))
        }
        _ => one == other,
    }
}
