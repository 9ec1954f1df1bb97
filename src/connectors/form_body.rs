//! Form fields as a record: `name=Ada&guest[email]=a%40example.org`. Where a field holds the JSON of the whole message, as
//! some systems send it, that is the body.

use super::letters::western;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

/// Fields of a form.
const FIELDS_MAX: usize = 2_000;
/// Levels of `a[b][c]`.
const LEVELS_MAX: usize = 8;
/// Fields whose JSON is the message. What others hold is looked at where the form itself tells nothing (`otherwise`).
const MESSAGES: [&str; 6] = ["payload", "data", "json", "body", "event", "message"];

/// Whether a text that nothing is said about is a form.
pub(super) fn looks_like_form(text: &str) -> bool {
    let name = text.split('=').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.%+[]".contains(c);
    text.contains('=') && !name.is_empty() && name.len() <= 200 && name.chars().all(plain)
}

/// Reads form fields. `Err` is a sentence.
pub(super) fn read_form(text: &str) -> Result<Value, String> {
    let pairs: Vec<&str> = text.trim().split('&').filter(|pair| !pair.is_empty()).collect();
    if pairs.len() > FIELDS_MAX {
        return Err(format!("the form has more than {FIELDS_MAX} fields"));
    }
    let fields = pairs.into_iter().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    });
    record_of(fields.collect())
}

/// Fields by name and value as the record that they make, or as the message that one of them holds.
pub(super) fn record_of(fields: Vec<(String, String)>) -> Result<Value, String> {
    let message = fields.iter().find_map(|(name, value)| {
        let may_be = MESSAGES.contains(&name.to_ascii_lowercase().as_str());
        if !may_be || !value.trim_start().starts_with(['{', '[']) {
            return None;
        }
        serde_json::from_str::<Value>(value).ok()
    });
    if let Some(message) = message {
        return Ok(message);
    }
    let mut record = Map::new();
    for (name, value) in fields {
        put(&mut record, &name, value);
    }
    if record.is_empty() { Err("the form has no fields".into()) } else { Ok(Value::Object(record)) }
}

/// What is written with `%41` and `+`.
pub(super) fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let bytes: Vec<u8> = percent_decode(spaced.as_bytes()).collect();
    String::from_utf8(bytes).unwrap_or_else(|error| western(error.as_bytes()))
}

/// `a[b][c]` goes into maps, `a[]` into a list, and a name that comes again makes a list of its values. What does not fit
/// stands under the whole name as it came.
fn put(record: &mut Map<String, Value>, name: &str, value: String) {
    let levels = levels_of(name);
    let fits = levels.as_ref().is_some_and(|levels| has_room(record, levels));
    let Some(levels) = levels.filter(|_| fits) else {
        add(record, name, value, false);
        return;
    };
    let is_list = levels.last().is_some_and(|last| last.is_empty());
    let names = if is_list { &levels[..levels.len() - 1] } else { &levels[..] };
    let Some((last, before)) = names.split_last() else { return };
    let mut map = record;
    for level in before {
        let inner = map.entry(*level).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = inner else { return };
        map = inner;
    }
    add(map, last, value, is_list);
}

fn add(map: &mut Map<String, Value>, name: &str, value: String, is_list: bool) {
    let value = Value::String(value);
    match map.get_mut(name) {
        Some(Value::Array(items)) => items.push(value),
        Some(present) => *present = Value::Array(vec![present.take(), value]),
        None => {
            map.insert(name.to_owned(), if is_list { Value::Array(vec![value]) } else { value });
        }
    }
}

/// The names of `a[b][]`: `a`, `b` and an empty one. `None` where it is a plain name or written otherwise.
pub(super) fn levels_of(name: &str) -> Option<Vec<&str>> {
    let (first, rest) = name.split_once('[')?;
    let inner: Vec<&str> = rest.strip_suffix(']')?.split("][").collect();
    let well = |(at, level): (usize, &&str)| {
        !level.contains(['[', ']']) && (!level.is_empty() || at + 1 == inner.len())
    };
    if first.is_empty() || inner.len() >= LEVELS_MAX || !inner.iter().enumerate().all(well) {
        return None;
    }
    Some(std::iter::once(first).chain(inner).collect())
}

/// Whether nothing else stands on the way already.
fn has_room(record: &Map<String, Value>, levels: &[&str]) -> bool {
    let mut map = record;
    for (at, level) in levels.iter().enumerate() {
        let is_last = at + 1 == levels.len() || levels[at + 1].is_empty();
        match map.get(*level) {
            None => return true,
            Some(Value::Object(inner)) if !is_last => map = inner,
            Some(Value::Object(_)) => return false,
            Some(_) => return is_last,
        }
    }
    true
}
