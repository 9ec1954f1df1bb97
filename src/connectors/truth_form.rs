//! PURE: what a source's settings ask beside its account: whether its webhooks are verified, and what is done when it is
//! silent; and the entries of its file that these become.
//!
//! Promise: what was left as it is keeps the words of the file, whatever way they are written.

use super::form::{Entries, FieldKind, FormField, FormValues, WrongField};
use super::manifest::Connector;
use super::silence::OnSilence;
use super::source_spec::SourceSpec;
use serde_json::{Value, json};

/// Keys of the form and of the file.
const VERIFY: &str = "verify";
const ON_SILENCE: &str = "on_silence";

/// What the settings of a source that is there ask beside `source_fields`.
pub fn truth_fields(connector: &Connector) -> Vec<FormField> {
    let Some(spec) = &connector.source else { return Vec::new() };
    let mut fields = Vec::new();
    if can_be_verified(spec) {
        let help = "Verified, a webhook only says that something changed: the booking is fetched, and that counts. It needs the \
                    keys of the API.";
        let choices = [
            ("never", "Believe what a webhook says"),
            ("always", "Verify each; what can't be verified waits"),
            ("payload", "Verify each; go by the webhook while the API does not answer"),
        ];
        fields.push(choice(VERIFY, "Are its webhooks verified?", help, &choices));
    }
    let mut choices = vec![(OnSilence::Tell.as_str(), "Tell somebody")];
    if spec.walk.is_some() {
        choices.push((OnSilence::Backfill.as_str(), "Tell somebody, and fetch what was missed"));
    }
    choices.push((OnSilence::Ignore.as_str(), "Nothing: its season is over, say"));
    fields.push(choice(ON_SILENCE, "When it is silent for longer than usual", "", &choices));
    fields
}

/// Whether webhooks tell the whole, and the system can be asked whether it is so.
pub fn can_be_verified(spec: &SourceSpec) -> bool {
    spec.api.is_some() && spec.records.iter().any(|record| record.fetch.is_some() && record.hints.is_empty())
}

fn choice(key: &str, label: &str, help: &str, choices: &[(&str, &str)]) -> FormField {
    FormField {
        key: key.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        kind: FieldKind::Choice(
            choices.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect(),
        ),
        required: false,
        default: choices.first().map(|(value, _)| (*value).to_owned()).unwrap_or_default(),
        pattern: String::new(),
    }
}

/// What a file says now, in the words of the form.
pub fn truth_values(connector: &Connector, file: &Value) -> FormValues {
    let value = |field: FormField| {
        let said = file.get(&field.key);
        let word = match said {
            Some(Value::String(word)) => Some(word.clone()),
            Some(Value::Object(verify)) if field.key == VERIFY => Some(
                match (verify.get("always"), verify.get("when_down").and_then(Value::as_str)) {
                    (Some(Value::Bool(false)), _) => "never",
                    (_, Some("payload")) => "payload",
                    _ => "always",
                }
                .to_owned(),
            ),
            _ => None,
        };
        (field.key, word.unwrap_or(field.default))
    };
    truth_fields(connector).into_iter().map(value).collect()
}

/// The entries that differ from what the file says. A value that was not sent stays as it is.
pub fn truth_entries(
    connector: &Connector,
    file: &Value,
    values: &FormValues,
) -> Result<Entries, Vec<WrongField>> {
    let present = truth_values(connector, file);
    let (mut entries, mut wrong): (Entries, Vec<WrongField>) = (Vec::new(), Vec::new());
    for field in truth_fields(connector) {
        let Some(value) = values.get(&field.key).map(|value| value.trim()) else { continue };
        let value = if value.is_empty() { field.default.as_str() } else { value };
        if present.get(&field.key).is_some_and(|present| present == value) {
            continue;
        }
        let known = match &field.kind {
            FieldKind::Choice(choices) => choices.iter().any(|(known, _)| known == value),
            _ => true,
        };
        if !known {
            wrong.push((field.key.clone(), "Choose one of these.".to_owned()));
            continue;
        }
        let written = match value {
            value if value == field.default => None,
            "payload" => Some(json!({ "always": true, "when_down": "payload" })),
            value => Some(json!(value)),
        };
        entries.push((if field.key == VERIFY { VERIFY } else { ON_SILENCE }, written));
    }
    if wrong.is_empty() { Ok(entries) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, engine};
    use super::{FormValues, truth_entries, truth_values};
    use crate::document::{parse, with_entries};

    fn changed(text: &str, pairs: &[(&str, &str)]) -> Result<String, Vec<String>> {
        let catalogue = catalogue(&engine());
        let file = parse("", text).expect("yaml").to_json();
        let values: FormValues =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let entries = truth_entries(&catalogue.connectors["fareharbor"], &file, &values);
        let entries =
            entries.map_err(|wrong| wrong.into_iter().map(|(field, _)| field).collect::<Vec<_>>())?;
        Ok(with_entries(text, &entries).expect("a file"))
    }

    #[test]
    fn what_is_chosen_stands_in_the_file_and_what_is_left_keeps_its_words() {
        let plain = "connector: fareharbor\n";
        let verified = "connector: fareharbor\nverify: { when_down: payload } # since the outage\n";
        for (text, pairs, expected) in [
            (plain, vec![("verify", "never"), ("on_silence", "tell")], plain),
            (plain, vec![("verify", "always")], "connector: fareharbor\nverify: always\n"),
            (plain, vec![("on_silence", "backfill")], "connector: fareharbor\non_silence: backfill\n"),
            (verified, vec![("verify", "payload")], verified),
            (verified, vec![], verified),
            (
                "connector: fareharbor\nverify: never\n",
                vec![("verify", "")],
                "connector: fareharbor\nverify: never\n",
            ),
            ("connector: fareharbor\non_silence: ignore\n", vec![("on_silence", "tell")], plain),
        ] {
            assert_eq!(changed(text, &pairs).as_deref(), Ok(expected), "{text} {pairs:?}");
        }
        let to_payload = changed(plain, &[("verify", "payload")]).expect("well");
        let read = parse("", &to_payload).expect("yaml").to_json();
        assert_eq!(read["verify"], serde_json::json!({ "always": true, "when_down": "payload" }));
        assert_eq!(changed(plain, &[("verify", "perhaps")]), Err(vec!["verify".to_owned()]));
    }

    #[test]
    fn only_what_can_be_verified_is_asked_about() {
        let catalogue = catalogue(&engine());
        let keys = |name: &str| {
            let values = truth_values(&catalogue.connectors[name], &serde_json::json!({}));
            values.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(keys("fareharbor"), ["on_silence=tell", "verify=never"]);
        assert_eq!(keys("apaleo"), ["on_silence=tell"], "its webhooks are always asked about");
        assert_eq!(keys("stripe"), ["on_silence=tell"]);
        assert_eq!(keys("hubspot"), [""; 0], "no source");
    }
}
