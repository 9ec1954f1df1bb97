//! Paths as manifests write them: dotted paths (`contact.email`) and patterns over them (`**_display`,
//! `customers[].checkin_url`, `availability.*`). A path that is not there is no error, whatever the types on the way.

use crate::document::{Diagnostic, Place};
use serde_json::Value;

/// A dotted path to one value: names, and numbers for the items of a list (`attendees.0.email`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dotted {
    names: Vec<String>,
}

impl std::fmt::Display for Dotted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.names.join("."))
    }
}

impl Dotted {
    /// Reads `contact.email`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        if names.iter().any(|name| name.is_empty() || name.contains(['[', ']', '*', '/'])) {
            return Err(format!("`{text}` is not a path: names with dots between, such as `contact.email`"));
        }
        Ok(Self { names })
    }

    /// The same with its mistake reported.
    pub(super) fn read(
        file: &str,
        text: &str,
        place: Place,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        report(file, place, Self::parse(text), diagnostics)
    }

    /// The names, outermost first.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The value; `None` where something on the way is absent or no map.
    pub(super) fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.names.iter().try_fold(value, |at, name| match at {
            Value::Object(map) => map.get(name),
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The same where keys may be written in any case; one that is written exactly so comes first.
    pub(super) fn get_in<'v>(&self, value: &'v Value, any_case: bool) -> Option<&'v Value> {
        if !any_case {
            return self.get(value);
        }
        self.names.iter().try_fold(value, |at, name| match at {
            Value::Object(map) => map.get(name).or_else(|| map.get(key_in_any_case(map, name)?)),
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The value, to be taken out.
    pub(super) fn get_mut_in<'v>(&self, value: &'v mut Value, any_case: bool) -> Option<&'v mut Value> {
        self.names.iter().try_fold(value, |at, name| step_into(at, name, any_case))
    }
}

/// What stands at a JSON pointer, its keys written in any case where that is said.
pub(super) fn pointed_at<'v>(value: &'v mut Value, pointer: &str, any_case: bool) -> Option<&'v mut Value> {
    if !any_case || pointer.is_empty() {
        return value.pointer_mut(pointer);
    }
    pointer.split('/').skip(1).try_fold(value, |at, part| {
        let name = part.replace("~1", "/").replace("~0", "~");
        match at {
            Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
            at => step_into(at, &name, true),
        }
    })
}

fn step_into<'v>(value: &'v mut Value, name: &str, any_case: bool) -> Option<&'v mut Value> {
    let map = value.as_object_mut()?;
    if !any_case || map.contains_key(name) {
        return map.get_mut(name);
    }
    let key = key_in_any_case(map, name)?.to_owned();
    map.get_mut(&key)
}

fn key_in_any_case<'m>(map: &'m serde_json::Map<String, Value>, name: &str) -> Option<&'m str> {
    map.keys().map(String::as_str).find(|key| key.eq_ignore_ascii_case(name))
}

/// What makes a key: one path, or several whose texts are joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyPath {
    paths: Vec<Dotted>,
}

impl KeyPath {
    /// `None` where nothing is left.
    pub(super) fn of(paths: Vec<Dotted>) -> Option<Self> {
        (!paths.is_empty()).then_some(Self { paths })
    }

    /// Of how many parts it is made.
    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    /// The key; `None` where one of its parts is missing.
    pub(super) fn get(&self, value: &Value, any_case: bool) -> Option<String> {
        let part = |path: &Dotted| path.get_in(value, any_case).and_then(key_text);
        let parts: Option<Vec<String>> = self.paths.iter().map(part).collect();
        Some(parts?.join("/"))
    }
}

impl std::fmt::Display for KeyPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths: Vec<String> = self.paths.iter().map(ToString::to_string).collect();
        f.write_str(&paths.join("` and `"))
    }
}

/// Where one stands in a document while walking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At<'v> {
    /// In the value of a key.
    Key(&'v str),
    /// In an item of a list.
    Item,
}

/// A pattern over paths: `*` stands for any characters of one name, `**` at a name's start for any depth before it,
/// `[]` for the items of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    segments: Vec<Segment>,
}

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Any number of steps.
    Deep,
    /// A key: what comes before the `*` and what comes after it, or the whole where there is none.
    Name(String, Option<String>),
    /// An item of a list.
    Item,
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("`{text}` is not a pattern of paths: {what}"));
        let mut segments = Vec::new();
        let mut pieces = text.split('.').peekable();
        while let Some(piece) = pieces.next() {
            let mut name = piece;
            let mut items = 0;
            while let Some(shorter) = name.strip_suffix("[]") {
                name = shorter;
                items += 1;
            }
            if let Some(rest) = name.strip_prefix("**") {
                segments.push(Segment::Deep);
                if rest.contains('*') {
                    return wrong("a name has one `*` or `**`");
                }
                // `**.uri`: the next piece is the name.
                if !(rest.is_empty() && pieces.peek().is_some()) {
                    segments.push(Segment::Name(String::new(), Some(rest.to_owned())));
                }
            } else if name.is_empty() && items > 0 && segments.is_empty() {
                // `[].id`: of the items of a body that is a list.
            } else if name.is_empty() || name.contains(['[', ']', '/']) {
                return wrong("write names with dots between, `[]` after a list");
            } else if let Some((before, after)) = name.split_once('*') {
                if after.contains('*') {
                    return wrong("a name has one `*` or `**`");
                }
                segments.push(Segment::Name(before.to_owned(), Some(after.to_owned())));
            } else {
                segments.push(Segment::Name(name.to_owned(), None));
            }
            segments.extend((0..items).map(|_| Segment::Item));
        }
        Ok(Self { segments })
    }

    /// The same with its mistake reported.
    pub(super) fn read(
        file: &str,
        text: &str,
        place: Place,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        report(file, place, Self::parse(text), diagnostics)
    }

    /// Its parts in order.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether it names exactly this place.
    pub(super) fn matches(&self, path: &[At<'_>]) -> bool {
        matches(&self.segments, path)
    }
}

impl Segment {
    /// Whether it names this key.
    pub(super) fn names(&self, key: &str) -> bool {
        match self {
            Self::Name(whole, None) => whole == key,
            Self::Name(before, Some(after)) => {
                key.len() >= before.len() + after.len() && key.starts_with(before) && key.ends_with(after)
            }
            Self::Deep | Self::Item => false,
        }
    }
}

fn matches(segments: &[Segment], path: &[At<'_>]) -> bool {
    let Some((first, rest)) = segments.split_first() else { return path.is_empty() };
    match (first, path.split_first()) {
        (Segment::Deep, None) => matches(rest, path),
        (Segment::Deep, Some((_, deeper))) => matches(rest, path) || matches(segments, deeper),
        (Segment::Item, Some((At::Item, deeper))) => matches(rest, deeper),
        (Segment::Name(..), Some((At::Key(key), deeper))) => first.names(key) && matches(rest, deeper),
        _ => false,
    }
}

fn report<T>(
    file: &str,
    place: Place,
    read: Result<T, String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    read.map_err(|message| diagnostics.push(Diagnostic::error(file, Some(place), format!("{message}.")))).ok()
}

/// The text of a value that may be a key: a text or a number; nothing else, and nothing empty.
pub(super) fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{At, Dotted, Pattern};

    #[test]
    fn patterns_name_places() {
        let key = At::Key;
        let cases: [(&str, &[At<'_>], bool); 13] = [
            ("note", &[key("note")], true),
            ("note", &[key("contact"), key("note")], false),
            ("**_display", &[key("receipt_total_display")], true),
            ("**_display", &[key("payments"), At::Item, key("amount_paid_display")], true),
            ("**_display", &[key("display_id")], false),
            ("**.uri", &[key("a"), At::Item, key("uri")], true),
            ("customers[].checkin_url", &[key("customers"), At::Item, key("checkin_url")], true),
            ("customers.checkin_url", &[key("customers"), At::Item, key("checkin_url")], false),
            ("availability.*", &[key("availability"), key("capacity")], true),
            ("availability.*", &[key("availability"), key("item"), key("pk")], false),
            ("**", &[key("a"), At::Item, key("b")], true),
            ("a_*_z", &[key("a_z")], false),
            ("[].uri", &[At::Item, key("uri")], true),
        ];
        for (text, path, expected) in cases {
            let pattern = Pattern::parse(text).expect("it is a pattern");
            assert_eq!(pattern.matches(path), expected, "{text} {path:?}");
        }
    }

    #[test]
    fn what_is_no_path_says_so() {
        let wrong = ["", "a..b", "a.", "***", "a**b", "a[0]", "a/b"];
        let told: Vec<String> = wrong.iter().map(|text| Pattern::parse(text).unwrap_err()).collect();
        insta::assert_snapshot!(told.join("\n"));
        assert!(Dotted::parse("customers[]").is_err());
    }
}
