//! What changed, value by value: the changed paths of a change, looked up in the JSON before and after. Pure, capped.

use super::text_order::shown_in_order;
use super::words::path_words;
use serde_json::Value;

/// Values shown of one change; the rest is counted.
const SHOWN_MAX: usize = 12;
/// Characters shown of one value.
const VALUE_CHARS_MAX: usize = 160;

/// One value, old and new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The path in words.
    pub name: String,
    /// The path as it stands in the payload.
    pub path: String,
    /// The old value; `—` where it was absent.
    pub before: String,
    /// The new value.
    pub after: String,
}

/// The values of these paths, and how many more there are.
pub fn changed(paths: &[String], before: &Value, after: &Value) -> (Vec<Changed>, usize) {
    let told = |path: &String| Changed {
        name: path_words(path),
        path: path.clone(),
        before: shown(find(before, path)),
        after: shown(find(after, path)),
    };
    let shown: Vec<Changed> =
        paths.iter().filter(|path| !is_technical(path, after)).take(SHOWN_MAX).map(told).collect();
    let more = paths.len() - shown.len();
    (shown, more)
}

/// Whether only a program has a use for it: a key of the booking system.
fn is_technical(path: &str, after: &Value) -> bool {
    is_key_name(path) || find(after, path).and_then(Value::as_str).is_some_and(is_uuid)
}

/// Whether a path ends with a name that such keys have.
pub(super) fn is_key_name(path: &str) -> bool {
    matches!(path.rsplit('.').next(), Some("pk" | "uuid"))
}

/// `8-4-4-4-12` digits.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The value at a dotted path; `list[key]` is the item with that key.
pub(super) fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = value;
    for part in path.split('.') {
        let (name, key) = match part.split_once('[') {
            Some((name, key)) => (name, key.strip_suffix(']')),
            None => (part, None),
        };
        if !name.is_empty() {
            value = value.get(name)?;
        }
        if let Some(key) = key {
            let items = value.as_array()?;
            value = items
                .iter()
                .find(|item| ["pk", "id", "uuid", "key"].iter().any(|name| is_key(item.get(name), key)))
                .or_else(|| items.get(key.parse::<usize>().ok()?))?;
        }
    }
    Some(value)
}

fn is_key(value: Option<&Value>, key: &str) -> bool {
    match value {
        Some(Value::String(text)) => text == key,
        Some(Value::Number(number)) => number.to_string() == key,
        _ => false,
    }
}

/// A value as a page shows it.
pub fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::from("—"),
        Some(Value::String(text)) if text.trim().is_empty() => String::from("(empty)"),
        Some(Value::String(text)) => capped(text, VALUE_CHARS_MAX),
        Some(Value::Bool(true)) => String::from("yes"),
        Some(Value::Bool(false)) => String::from("no"),
        // A thing with a name is told by it; the rest of it is one click away.
        Some(Value::Object(map)) if map.get("name").is_some_and(|name| !is_blank(name)) => {
            shown(map.get("name"))
        }
        Some(other) => capped(&other.to_string(), VALUE_CHARS_MAX),
    }
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_none_or(|text| text.trim().is_empty())
}

/// At most so many characters, and a mark where something was cut. Nothing in it turns the order of what stands beside it.
pub fn capped(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}…", shown_in_order(&text[..at])),
        None => shown_in_order(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{changed, shown};
    use serde_json::json;

    #[test]
    fn values_are_found_by_path_and_key() {
        let before = json!({ "contact": { "phone": null }, "customers": [{ "pk": 2, "in": false }, { "pk": 1 }], "tags": ["a"] });
        let after = json!({ "contact": { "phone": "+49" }, "customers": [{ "pk": 1 }, { "pk": 2, "in": true }], "tags": [""] });
        let paths: Vec<String> =
            ["contact.phone", "customers[2].in", "customers[3]", "tags[0]", "absent.far"]
                .map(str::to_owned)
                .into();
        let (values, more) = changed(&paths, &before, &after);
        let told: Vec<String> =
            values.iter().map(|one| format!("{}: {} → {}", one.name, one.before, one.after)).collect();
        assert_eq!(
            told,
            [
                "contact › phone: — → +49",
                "customers 2 › in: no → yes",
                "customers 3: — → —",
                "tags 0: a → (empty)",
                "absent › far: — → —"
            ]
        );
        assert_eq!(more, 0);
        let after = json!({ "pk": 7, "rebooked_to": "0b8e5a44-6e2f-4d0c-9a57-0d4f6f1c8e21", "note": "x" });
        let paths = ["pk", "rebooked_to", "note"].map(str::to_owned);
        let (values, more) = changed(&paths, &json!({}), &after);
        assert_eq!((values.len(), values[0].name.as_str(), more), (1, "note", 2), "keys are for programs");
        let many: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
        assert_eq!(changed(&many, &before, &after).1, 8);
        assert_eq!(shown(Some(&json!("ü".repeat(500)))).chars().count(), 161);
    }
}
