//! Rules about answers: by status, header and body; the first that holds says what an answer means.

use super::answer::{AnswerClass, WAIT_MS_MAX, http_date};
use super::manifest::Verified;
use super::request::{Which, plain};
use crate::domain::Millis;
use crate::ports::Answer;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// One rule about answers: status, header, body; all that it names must hold, the first rule that does wins.
#[derive(Clone, Debug)]
pub struct AnswerRule {
    /// The class.
    pub class: AnswerClass,
    /// How sure we are of it, where it says so.
    pub verified: Option<Verified>,
    /// Which of an action's calls it is about; none: all.
    pub(super) of: Vec<CallKind>,
    pub(super) status: Vec<RangeInclusive<u16>>,
    pub(super) headers: Vec<(String, Test)>,
    pub(super) body: Vec<(String, Test)>,
    /// The first whose parts are all there.
    pub(super) messages: Vec<String>,
    pub(super) wait: Option<Wait>,
    pub(super) outputs: BTreeMap<String, Taken>,
}

/// Which of an action's calls an answer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    Call,
    Update,
    Find,
    After,
}

impl CallKind {
    pub(super) const ALL: [(&'static str, Self); 4] =
        [("call", Self::Call), ("update", Self::Update), ("find", Self::Find), ("after", Self::After)];

    fn of(which: Which) -> Self {
        match which {
            Which::Call => Self::Call,
            Which::Update => Self::Update,
            Which::Find => Self::Find,
            Which::After(_) => Self::After,
        }
    }
}

/// What a value must be.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Equals(String),
    AnyOf(Vec<String>),
    Contains(String),
    StartsWith(String),
    Present(bool),
    AtLeast(f64),
}

/// Where a wait is told.
#[derive(Clone, Debug)]
pub(super) enum Wait {
    Fixed(i64),
    /// `header:Name` or a pointer, and how it is written.
    At(String, WaitForm),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitForm {
    Seconds,
    Epoch,
    Date,
}

/// An output that a rule takes: at a place, where given the word after a text.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub at: String,
    pub after: Option<String>,
}

/// An answer with its body read once.
pub(super) struct Seen<'a> {
    /// The answer.
    pub answer: &'a Answer,
    body: Option<Value>,
}

impl<'a> Seen<'a> {
    /// Reads the body, where it is JSON.
    pub(super) fn new(answer: &'a Answer) -> Self {
        let bytes = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
        Self { answer, body: serde_json::from_slice(bytes).ok() }
    }

    /// The body as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.answer.body)
    }

    /// A value: `header:Name`, a JSON pointer, or a pointer to a text with JSON in it and a pointer within that
    /// (`/message#/0/name`).
    pub(super) fn output(&self, at: &str) -> Option<Value> {
        if let Some(name) = at.strip_prefix("header:") {
            let name = name.trim().to_ascii_lowercase();
            return self.answer.header(&name).map(Value::from);
        }
        match (&self.body, at.split_once('#')) {
            (Some(body), None) => body.pointer(at).cloned(),
            (Some(body), Some((outer, inner))) => {
                let text = body.pointer(outer)?.as_str()?;
                let start = text.find(['[', '{'])?;
                let mut documents = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
                documents.next()?.ok()?.pointer(inner).cloned()
            }
            (None, _) if at.is_empty() => Some(Value::from(self.text().trim())),
            (None, _) => None,
        }
    }

    /// What the body says, where it says it in one of the usual places.
    pub(super) fn told(&self) -> Option<String> {
        const USUAL: [&str; 11] = [
            "/message",
            "/error/message",
            "/error",
            "/errors/0/message",
            "/errors/0/detail",
            "/errors/0/title",
            "/errors/0",
            "/detail",
            "/title",
            "/error_description",
            "/0/message",
        ];
        let text =
            |at: &&str| self.output(at)?.as_str().map(str::to_owned).filter(|text| !text.trim().is_empty());
        USUAL.iter().find_map(text)
    }
}

impl AnswerRule {
    /// Whether all that it names holds.
    pub(super) fn holds(&self, which: Which, seen: &Seen<'_>) -> bool {
        let status = seen.answer.status;
        (self.of.is_empty() || self.of.contains(&CallKind::of(which)))
            && (self.status.is_empty() || self.status.iter().any(|range| range.contains(&status)))
            && self
                .headers
                .iter()
                .all(|(name, test)| test.holds(seen.answer.header(name).map(Value::from).as_ref()))
            && self.body.iter().all(|(at, test)| test.holds(seen.output(at).as_ref()))
    }

    /// What it says for people.
    pub(super) fn message(&self, seen: &Seen<'_>) -> Option<String> {
        self.messages.iter().find_map(|message| fill(message, seen))
    }

    /// For how long it asks to wait.
    pub(super) fn wait_ms(&self, seen: &Seen<'_>, now: Millis) -> Option<i64> {
        let (at, form) = match self.wait.as_ref()? {
            Wait::Fixed(ms) => return Some(*ms),
            Wait::At(at, form) => (at, form),
        };
        let text = plain(&seen.output(at)?)?;
        let number = || text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let wait = match form {
            WaitForm::Seconds => (number()? * 1000.0) as i64,
            WaitForm::Epoch => ((number()? * 1000.0) as i64).saturating_sub(now),
            WaitForm::Date => http_date(text.trim())?.saturating_sub(now),
        };
        Some(wait.clamp(0, WAIT_MS_MAX))
    }

    /// Outputs that it takes.
    pub(super) fn outputs(&self, seen: &Seen<'_>) -> BTreeMap<String, Value> {
        let mut outputs = BTreeMap::new();
        for (name, taken) in &self.outputs {
            let Some(value) = seen.output(&taken.at) else { continue };
            match &taken.after {
                None => {
                    outputs.insert(name.clone(), value);
                }
                Some(after) => {
                    let text = plain(&value).unwrap_or_default();
                    let Some((_, rest)) = text.split_once(after.as_str()) else { continue };
                    let word: String = rest
                        .trim_start()
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || "-_".contains(*c))
                        .collect();
                    if !word.is_empty() {
                        outputs.insert(name.clone(), Value::from(word));
                    }
                }
            }
        }
        outputs
    }
}

/// A message: a place (`/message`), or a sentence with places in braces (`no property {/name}`). `None` where one of its
/// places has nothing.
fn fill(message: &str, seen: &Seen<'_>) -> Option<String> {
    let at = |at: &str| {
        let words = match seen.output(at)? {
            Value::Array(items) => items.iter().filter_map(plain).collect::<Vec<_>>().join(", "),
            value => plain(&value)?,
        };
        Some(words).filter(|words| !words.trim().is_empty())
    };
    if message.starts_with('/') || message.starts_with("header:") {
        return at(message);
    }
    let mut filled = String::new();
    let mut rest = message;
    while let Some((before, behind)) = rest.split_once('{') {
        let (place, after) = behind.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&at(place)?);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        let is_there = value.is_some_and(|value| !value.is_null());
        if let Self::Present(present) = self {
            return *present == is_there;
        }
        let Some(value) = value else { return false };
        if let Self::AtLeast(least) = self {
            return plain(value)
                .and_then(|text| text.trim().parse::<f64>().ok())
                .is_some_and(|n| n >= *least);
        }
        let text = match value {
            Value::Null => "null".to_owned(),
            value => plain(value).unwrap_or_else(|| value.to_string()),
        };
        match self {
            Self::Equals(wanted) => text == *wanted,
            Self::AnyOf(wanted) => wanted.contains(&text),
            Self::Contains(wanted) => text.contains(wanted.as_str()),
            Self::StartsWith(wanted) => text.starts_with(wanted.as_str()),
            Self::Present(_) | Self::AtLeast(_) => false,
        }
    }
}
