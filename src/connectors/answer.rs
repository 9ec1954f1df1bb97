//! What an answer means.

use super::action::Action;
use super::answer_rule::{AnswerRule, Seen};
use super::connection::Connection;
use super::request::Which;
use crate::domain::Millis;
use crate::ports::{Answer, OutboundFailure};
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest wait that an answer can ask for.
pub const WAIT_MS_MAX: i64 = 3_600_000;
/// Characters of a message for people.
const MESSAGE_CHARS_MAX: usize = 300;
/// Characters of a body that a message quotes.
const EXCERPT_CHARS_MAX: usize = 200;

/// Retry-or-give-up, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerClass {
    /// Done.
    Done,
    /// Something with that key is there already. An `update` falls back to the main call; where the answer to the main call
    /// named it (output `id`), the `update` with that id is made; else it counts as refused.
    Conflict,
    /// Certainly not done; try again later.
    Retry,
    /// 429: the connection rests.
    Throttle,
    /// It may have been done (5xx, time-out): upserts repeat, creates look up.
    MaybeDone,
    /// Refused for ever.
    Refused,
    /// The record is not there any more.
    Gone,
    /// The credential is not accepted (any more).
    NeedsAuth,
}

impl AnswerClass {
    /// All classes.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Conflict,
        Self::Retry,
        Self::Throttle,
        Self::MaybeDone,
        Self::Refused,
        Self::Gone,
        Self::NeedsAuth,
    ];

    /// The word that files, database and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Conflict => "conflict",
            Self::Retry => "retry",
            Self::Throttle => "throttle",
            Self::MaybeDone => "maybe_done",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::NeedsAuth => "needs_auth",
        }
    }
}

/// An answer, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// What it means.
    pub class: AnswerClass,
    /// For how long to wait at least, where the answer says (capped at 1 h): `Retry-After` seconds or date.
    pub wait_ms: Option<i64>,
    /// Outputs that the answer had.
    pub outputs: BTreeMap<String, Value>,
    /// A sentence for people, from the answer where it has one, capped.
    pub message: String,
}

/// Understands an answer: the action's own rules, then the connector's, then the common classes: 2xx done; 401 needs
/// auth; 404 and 410 gone (on the `update` call of a known record, and on calls `after:` the main one; on others
/// refused); 408, 425 retry; 409 conflict;
/// 429 throttle; 503 with Retry-After retry, other 5xx maybe done; 3xx and other 4xx refused. An answer of class done
/// whose outputs can't be found is still done. A look-up that found nothing (also by 404) is done without the id's
/// output; one whose answer says nothing is to be tried again. `now` is for `Retry-After` dates.
pub fn classify(
    connection: &Connection,
    action: &Action,
    which: Which,
    answer: &Answer,
    now: Millis,
) -> Classified {
    let seen = Seen::new(answer);
    let connectors = connection.connector.destination.iter().flat_map(|destination| &destination.answers);
    let rule = action.answers.iter().chain(connectors).find(|rule| rule.holds(which, &seen));
    let class = rule.map_or_else(|| common(answer), |rule| rule.class);
    let class = match (which, class) {
        (Which::Find, AnswerClass::Gone) => AnswerClass::Done,
        (Which::Find, AnswerClass::Refused) if matches!(answer.status, 404 | 410) => AnswerClass::Done,
        (Which::Find, AnswerClass::MaybeDone) => AnswerClass::Retry,
        (Which::Find, AnswerClass::Conflict) => AnswerClass::Refused,
        (Which::Update | Which::After(_), AnswerClass::Refused)
            if rule.is_none() && matches!(answer.status, 404 | 410) =>
        {
            AnswerClass::Gone
        }
        (_, class) => class,
    };
    let mut outputs = match class {
        AnswerClass::Done => action.outputs_of(which, &seen),
        _ => BTreeMap::new(),
    };
    if let Some(rule) = rule {
        outputs.extend(rule.outputs(&seen));
    }
    let waits = matches!(class, AnswerClass::Throttle | AnswerClass::Retry | AnswerClass::MaybeDone);
    let told = waits.then(|| retry_after(answer, now)).flatten();
    let wait_ms = rule
        .and_then(|rule| rule.wait_ms(&seen, now))
        .max(told)
        .map(|wait| wait.clamp(0, WAIT_MS_MAX))
        .filter(|wait| *wait > 0);
    Classified { class, wait_ms, outputs, message: message(class, rule, &seen) }
}

/// No answer: not sent = retry; unknown = maybe done.
pub fn classify_failure(failure: &OutboundFailure) -> Classified {
    let class = match failure {
        OutboundFailure::NotSent(_) => AnswerClass::Retry,
        OutboundFailure::Unknown(_) => AnswerClass::MaybeDone,
    };
    let message = clean(&failure.to_string(), MESSAGE_CHARS_MAX);
    Classified { class, wait_ms: None, outputs: BTreeMap::new(), message }
}

/// The common classes; what `Which` changes comes after.
pub(super) fn common(answer: &Answer) -> AnswerClass {
    match answer.status {
        200..=299 => AnswerClass::Done,
        401 => AnswerClass::NeedsAuth,
        408 | 425 => AnswerClass::Retry,
        409 => AnswerClass::Conflict,
        429 => AnswerClass::Throttle,
        503 if answer.header("retry-after").is_some() => AnswerClass::Retry,
        500..=599 => AnswerClass::MaybeDone,
        _ => AnswerClass::Refused,
    }
}

/// `Retry-After` in milliseconds: seconds, or an HTTP date.
pub(super) fn retry_after(answer: &Answer, now: Millis) -> Option<i64> {
    let text = answer.header("retry-after")?.trim();
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => Some((seconds * 1000.0) as i64),
        _ => http_date(text).map(|date| date - now),
    }
}

/// An HTTP date as milliseconds since 1970.
pub(super) fn http_date(text: &str) -> Option<Millis> {
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

impl Action {
    fn outputs_of(&self, which: Which, seen: &Seen<'_>) -> BTreeMap<String, Value> {
        let id = self.id_output.as_deref().unwrap_or("id");
        let own = self.call(which).and_then(|call| call.outputs.as_ref());
        let mut pointers: Vec<(&str, &str)> = Vec::new();
        let mut add = |outputs: &'_ BTreeMap<String, String>| {
            outputs.iter().map(|(name, at)| (name.clone(), at.clone())).collect::<Vec<_>>()
        };
        let from = match (which, &self.find) {
            (Which::Find, Some(find)) => {
                pointers.push((id, &find.id));
                add(&find.outputs)
            }
            (Which::Find, None) => Vec::new(),
            (Which::Call | Which::Update, _) => add(own.unwrap_or(&self.outputs)),
            (Which::After(_), _) => own.map(&mut add).unwrap_or_default(),
        };
        let mut outputs = BTreeMap::new();
        let found = pointers.into_iter().map(|(name, at)| (name.to_owned(), at.to_owned())).chain(from);
        for (name, at) in found {
            match seen.output(&at) {
                // An id that is null is none.
                Some(Value::Null) if name == id => {}
                Some(value) => {
                    outputs.entry(name).or_insert(value);
                }
                None => {}
            }
        }
        outputs
    }
}

pub(super) fn message(class: AnswerClass, rule: Option<&AnswerRule>, seen: &Seen<'_>) -> String {
    let status = seen.answer.status;
    if let Some(told) = rule.and_then(|rule| rule.message(seen)) {
        return clean(&told, MESSAGE_CHARS_MAX);
    }
    if class == AnswerClass::Done {
        return format!("HTTP {status}");
    }
    if let Some(told) = seen.told() {
        return clean(&format!("HTTP {status}: {told}"), MESSAGE_CHARS_MAX);
    }
    let text = seen.text();
    let text = text.trim();
    if text.is_empty() {
        format!("HTTP {status}, with nothing said")
    } else if text.starts_with('<') {
        format!("HTTP {status}, with a page that is not for programs")
    } else {
        format!("HTTP {status}: {}", clean(text, EXCERPT_CHARS_MAX))
    }
}

/// One line without control characters, at most so many characters.
pub(super) fn clean(text: &str, chars_max: usize) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= chars_max {
        return line;
    }
    let cut: String = line.chars().take(chars_max - 1).collect();
    format!("{}…", cut.trim_end())
}
