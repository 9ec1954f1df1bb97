//! Changes entries at the top of a YAML file, and leaves the rest as it stands: comments, order, other entries. For the
//! forms of the pages, whose values are anybody's.
//!
//! Promises: what is written reads back as exactly the values that were handed in, whatever they hold; a file that can't
//! be changed so is refused, never guessed at.

use super::{Entry, Yaml, parse};
use serde_json::{Map, Value};

/// Why a file is not changed here.
pub const BY_HAND: &str =
    "This file is written in a way that can't be changed by this form. Change the file itself.";

/// The text with these entries set (`None`: taken out). New ones go to the end, in their order. An empty text is an empty
/// map.
pub fn with_entries(text: &str, changes: &[(&str, Option<Value>)]) -> Result<String, String> {
    let mut expected = read(text)?;
    let mut now = text.to_owned();
    for (key, value) in changes {
        let same = match value {
            None => expected.shift_remove(*key).is_none(),
            Some(value) => expected.insert((*key).to_owned(), value.clone()).as_ref() == Some(value),
        };
        if !same {
            now = with_entry(&now, key, value.as_ref())?;
        }
    }
    if read(&now)? == expected { Ok(now) } else { Err(BY_HAND.to_owned()) }
}

fn read(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match parse("", text).map_err(|told| told.message)?.to_json() {
        Value::Object(map) => Ok(map),
        _ => Err(BY_HAND.to_owned()),
    }
}

fn with_entry(text: &str, key: &str, value: Option<&Value>) -> Result<String, String> {
    let entries = if text.trim().is_empty() { Vec::new() } else { entries_of(text)? };
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let written = match value {
        Some(value) => vec![format!("{}: {}{end}", scalar(key, true), written(value, false))],
        None => Vec::new(),
    };
    match entries.iter().position(|entry| entry.key == key) {
        Some(at) => {
            let from = line_of(&entries[at]);
            let next = entries.get(at + 1).map_or(lines.len(), line_of);
            // Comments that stand over the next entry, and blank lines, belong to what follows.
            let own = lines.get(from..next).ok_or(BY_HAND)?;
            let behind = own.iter().rev().take_while(|line| is_between(line)).count();
            let to = next.saturating_sub(behind).max(from + 1);
            if to > lines.len() {
                return Err(BY_HAND.to_owned());
            }
            lines.splice(from..to, written);
        }
        None => {
            if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
                last.push_str(end);
            }
            lines.extend(written);
        }
    }
    Ok(lines.concat())
}

fn entries_of(text: &str) -> Result<Vec<Entry>, String> {
    match parse("", text).map_err(|told| told.message)?.yaml {
        Yaml::Map(entries) => Ok(entries),
        _ => Err(BY_HAND.to_owned()),
    }
}

fn line_of(entry: &Entry) -> usize {
    entry.place.line.saturating_sub(1) as usize
}

/// A blank line, or a comment at the margin.
fn is_between(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

/// A value in one line.
fn written(value: &Value, within: bool) -> String {
    match value {
        Value::String(text) => scalar(text, within),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| written(item, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key, true), written(value, true)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text: plain where that reads back as itself, else as JSON writes it, which YAML reads the same.
fn scalar(text: &str, within: bool) -> String {
    let known = |c: char| {
        c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/') || (!within && matches!(c, ':' | '@'))
    };
    let simple = text.starts_with(char::is_alphabetic)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && text.chars().all(known);
    let reads_back = || {
        let line = if within { format!("x: [{text}]") } else { format!("x: {text}") };
        let read = parse("", &line).map(|node| node.to_json());
        let wanted = if within { Value::from(vec![text]) } else { Value::from(text) };
        read.is_ok_and(|read| read["x"] == wanted)
    };
    if simple && reads_back() { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::with_entries;
    use crate::document::parse;
    use serde_json::{Value, json};

    const HAND: &str = "# Ours.\nconnector: hubspot # the CRM\n\n# What people call it.\ntitle: Our HubSpot\nauth:\n  token:\n    secret: a # in the vault\nlimits: { per_second: 9 }\n# the end\n";

    fn changed(text: &str, changes: &[(&str, Option<Value>)]) -> String {
        with_entries(text, changes).expect("it can be changed")
    }

    #[test]
    fn what_is_not_meant_stays_as_it_is() {
        assert_eq!(changed(HAND, &[("title", Some(json!("Our HubSpot")))]), HAND);
        assert_eq!(
            changed(
                HAND,
                &[("title", Some(json!("Theirs"))), ("auth", None), ("account", Some(json!("12")))]
            ),
            "# Ours.\nconnector: hubspot # the CRM\n\n# What people call it.\ntitle: Theirs\nlimits: { per_second: 9 }\n\
             # the end\naccount: \"12\"\n"
        );
        assert_eq!(
            changed(HAND, &[("auth", Some(json!({ "token": { "secret": "b" } })))]),
            HAND.replace(
                "auth:\n  token:\n    secret: a # in the vault\n",
                "auth: { token: { secret: b } }\n"
            )
        );
        assert_eq!(changed("a: 1\r\nb: 2", &[("c", Some(json!(true))), ("a", None)]), "b: 2\r\nc: true\r\n");
        let text = "note: |\n  # no comment\n\n  more\n\n# of b\nb: 1\n";
        assert_eq!(changed(text, &[("note", Some(json!("short")))]), "note: short\n\n# of b\nb: 1\n");
    }

    #[test]
    fn a_new_file_reads_well() {
        let text = changed(
            "",
            &[
                ("connector", Some(json!("http"))),
                ("title", Some(json!("Siobhán's CRM"))),
                ("base_url", Some(json!("https://crm.example.com/api"))),
                ("allow_private", Some(json!(true))),
                ("settings", Some(json!({ "deal_key": "waypost_booking_id", "portal": "123" }))),
                ("token", Some(json!([{ "secret": "a" }, { "env": "B_C" }]))),
                ("nothing", None),
            ],
        );
        assert_eq!(
            text,
            "connector: http\ntitle: \"Siobhán's CRM\"\nbase_url: https://crm.example.com/api\nallow_private: true\n\
             settings: { deal_key: waypost_booking_id, portal: \"123\" }\ntoken: [{ secret: a }, { env: B_C }]\n"
        );
    }

    #[test]
    fn whatever_a_value_holds_it_reads_back_as_itself() {
        let hostile = [
            "",
            " ",
            "a: b",
            "a #b",
            "true",
            "null",
            "~",
            "yes",
            "1.10",
            "0x1f",
            "- a",
            "? a",
            "&a",
            "*a",
            "!a",
            "a\nconnector: evil",
            "a\r\nb",
            "\"",
            "'",
            "\\",
            "{{ secret }}",
            "}",
            "]",
            "[a",
            ",",
            "a, b",
            "%a",
            "@a",
            "`a",
            "|",
            ">",
            "---",
            "...",
            "a:",
            "https://x:8/y",
            "ünï",
            "\u{feff}a",
            "\u{2028}",
            "\t",
            "a\u{0}b",
            "\u{7f}",
            "\u{85}",
            "😀",
            "a: {b: c}",
            "<<",
            "=",
        ];
        for text in hostile {
            let inside = json!({ "k": text, text: [text] });
            for value in [json!(text), inside, json!([text])] {
                let changes = [("value", Some(value.clone())), ("other", Some(json!(1)))];
                match with_entries("# kept\nfirst: 1\n", &changes) {
                    Ok(written) => {
                        let read = parse("", &written).expect("it is YAML").to_json();
                        assert_eq!(read, json!({ "first": 1, "value": value, "other": 1 }), "{written}");
                        assert!(written.starts_with("# kept\nfirst: 1\n"), "{written}");
                    }
                    Err(why) => assert!(text.chars().any(char::is_control), "{text:?}: {why}"),
                }
            }
        }
    }

    #[test]
    fn files_of_another_form_are_refused() {
        for text in ["{ a: 1, b: 2 }", "- a", "a: [", "a: 1\na: 2"] {
            assert!(with_entries(text, &[("a", Some(json!("x")))]).is_err(), "{text}");
        }
        // An anchor that something else needs.
        assert!(with_entries("a: &x 1\nb: *x\n", &[("a", None)]).is_err());
    }
}
