//! What an answer means.

use super::action::Action;
use super::connection::Connection;
use crate::ports::{Answer, OutboundFailure};
use serde_json::Value;
use std::collections::BTreeMap;

/// Retry-or-give-up, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerClass {
    /// Done.
    Done,
    /// Something with that key is there already (an `update` falls back to the main call; else refused).
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

/// One rule about answers: status, header, body; first match wins.
pub struct AnswerRule {
    /// The class.
    pub class: AnswerClass,
    /// JSON pointer to the message for people.
    pub message: Option<String>,
    // private: conditions on status (exact, 4xx, ranges), header, body pointer with equals / matches / present
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
/// auth; 404 and 410 gone (on the `update` call of a known record; on others refused); 408, 425 retry; 409 conflict;
/// 429 throttle; 503 with Retry-After retry… 5xx maybe done; 3xx and other 4xx refused. An answer of class done whose
/// outputs can't be found is still done. `now` is for `Retry-After` dates.
pub fn classify(
    _connection: &Connection,
    _action: &Action,
    _which: super::Which,
    _answer: &Answer,
    _now: crate::domain::Millis,
) -> Classified {
    todo!()
}

/// No answer: not sent = retry; unknown = maybe done.
pub fn classify_failure(_failure: &OutboundFailure) -> Classified {
    todo!()
}
