//! What tells which of two states of a record is the newer one: the order of arrival, a value of the record (a moment, a
//! number, a text), or the moment that the event around it names. Called by `RecordSpec::compare`.

use super::moment::read_moment;
use super::pattern::{Dotted, key_text};
use super::records::{Present, Told};
use crate::document::{Diagnostic, Fields, Node, Yaml};
use rust_decimal::Decimal;
use serde_json::Value;
use std::cmp::Ordering;

/// Characters of a version that are told.
const TOLD_CHARS_MAX: usize = 60;

/// A record's own moment of change and the moment of the event that tells of it lie so close together: whole seconds, and
/// two clocks of one system.
const TOGETHER_MS: i64 = 2_000;

/// How versions are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Version {
    /// What came last is the latest.
    #[default]
    Arrival,
    /// The moment of the event.
    Event,
    /// A value of the record.
    At(Dotted, Reading),
}

/// How the value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// By its shape: numbers as numbers, dates as moments, else nothing can be said.
    Shape,
    /// As a moment, whatever its notation.
    Time,
    /// As a number.
    Number,
    /// As a text, by the order of its bytes.
    Text,
}

impl Version {
    /// Whether what was fetched is older than a webhook about it: than the state in it, or, where it only says that something
    /// changed, than the moment that it gives for that.
    pub(super) fn is_behind(&self, fetched: &Told, told: &Told, any_case: bool) -> bool {
        let Self::At(path, reading) = self else { return false };
        let Some(now) = path.get_in(&fetched.entity, any_case) else { return false };
        match told.hint {
            None => {
                let of_webhook = path.get_in(&told.entity, any_case);
                of_webhook.and_then(|was| reading.order(now, was)) == Some(Ordering::Less)
            }
            // Of numbers and texts nobody knows which moment they stand for.
            Some(_) if !matches!(reading, Reading::Time | Reading::Shape) || !now.is_string() => false,
            Some(_) => read_moment(now)
                .zip(told.happened_at)
                .is_some_and(|(modified, happened_at)| modified + TOGETHER_MS < happened_at),
        }
    }

    /// Why what was told is older than the present state; `None` where it is not, or can't be known to be.
    pub(super) fn older(&self, present: &Present, told: &Told, any_case: bool) -> Option<String> {
        match self {
            Self::Arrival => None,
            Self::Event => {
                let (was, now) = (present.happened_at?, told.happened_at?);
                (now < was).then(|| {
                    "older than the present state, by the time that the booking system gives for it"
                        .to_owned()
                })
            }
            Self::At(path, reading) => {
                let was = path.get_in(&present.entity, any_case)?;
                let now = path.get_in(&told.entity, any_case)?;
                (reading.order(now, was)? == Ordering::Less).then(|| {
                    let words = |value| told_of(value).unwrap_or_default();
                    format!(
                        "older than the present state: its `{path}` is {}, and the present one is {}",
                        words(now),
                        words(was)
                    )
                })
            }
        }
    }
}

impl Reading {
    fn order(self, now: &Value, was: &Value) -> Option<Ordering> {
        let moments = || Some(read_moment(now)?.cmp(&read_moment(was)?));
        let numbers = || Some(number(now)?.cmp(&number(was)?));
        match self {
            Self::Time => moments(),
            Self::Number => numbers(),
            Self::Text => Some(key_text(now)?.as_bytes().cmp(key_text(was)?.as_bytes())),
            Self::Shape => numbers().or_else(moments),
        }
    }
}

fn number(value: &Value) -> Option<Decimal> {
    let text = key_text(value)?;
    let text = text.trim();
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok())
}

fn told_of(value: &Value) -> Option<String> {
    Some(key_text(value)?.chars().filter(|c| !c.is_control()).take(TOLD_CHARS_MAX).collect())
}

/// Reads `version:`.
pub(super) fn read_version(file: &str, node: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) -> Version {
    let Some(node) = node else { return Version::Arrival };
    if let Some(word) = node.as_text() {
        return match word {
            "arrival" => Version::Arrival,
            "event" => Version::Event,
            path => Dotted::read(file, path, node.place, diagnostics)
                .map_or(Version::Arrival, |path| Version::At(path, Reading::Shape)),
        };
    }
    if !matches!(node.yaml, Yaml::Map(_)) {
        let message = format!("`version` is a path, `arrival` or `event`, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("write `version: modified`, or `version: { path: modified, as: time }`"),
        );
        return Version::Arrival;
    }
    let mut fields = Fields::new(file, "a version", node, diagnostics);
    let path = fields.required_text("path");
    let reading = fields.node("as");
    fields.finish();
    let reading = match reading.map(|node| (node.as_text(), node)) {
        None => Reading::Shape,
        Some((Some("time"), _)) => Reading::Time,
        Some((Some("number"), _)) => Reading::Number,
        Some((Some("text"), _)) => Reading::Text,
        Some((_, node)) => {
            diagnostics.push(
                Diagnostic::error(
                    file,
                    Some(node.place),
                    "A version is read as one of time, number and text.",
                )
                .hint("write `as: time`, or leave the key out"),
            );
            Reading::Shape
        }
    };
    path.and_then(|path| Dotted::read(file, &path, node.place, diagnostics))
        .map_or(Version::Arrival, |path| Version::At(path, reading))
}

#[cfg(test)]
mod tests {
    use super::Reading;
    use serde_json::{Value, json};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_are_compared_by_what_they_are() {
        let cases: [(Reading, Value, Value, Option<std::cmp::Ordering>); 14] = [
            (Reading::Shape, json!(9), json!(10), Some(Less)),
            (Reading::Shape, json!("9"), json!(10), Some(Less)),
            (Reading::Shape, json!(1.10), json!(1.1), Some(Equal)),
            (
                Reading::Shape,
                json!(12_345_678_901_234_567_890_u64),
                json!(12_345_678_901_234_567_891_u64),
                Some(Less),
            ),
            (Reading::Shape, json!("2026-01-01T10:00:00+02:00"), json!("2026-01-01T09:00:00Z"), Some(Less)),
            (Reading::Shape, json!("b"), json!("a"), None),
            (Reading::Shape, json!(null), json!(1), None),
            (Reading::Time, json!(1_600_000_001), json!(1_600_000_000_000_i64), Some(Greater)),
            (Reading::Time, json!(1_600_000_000), json!("2020-09-13T12:26:40Z"), Some(Equal)),
            (Reading::Time, json!("soon"), json!(1_600_000_000), None),
            (Reading::Number, json!("1e3"), json!(999), Some(Greater)),
            (Reading::Number, json!("x"), json!(1), None),
            (Reading::Text, json!("a9"), json!("a10"), Some(Greater)),
            (Reading::Text, json!({}), json!("a"), None),
        ];
        for (reading, now, was, expected) in cases {
            assert_eq!(reading.order(&now, &was), expected, "{reading:?} {now} {was}");
        }
    }
}
