//! How the sandbox misbehaves when told to. PURE: a call goes in, what to do with it comes out. Used by `state`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The longest that a call is delayed or held: a forgotten behaviour must not keep connections for ever.
const WAIT_MS_MAX: u64 = 10 * 60 * 1_000;

/// What `POST /_behave` takes: one of these, or a list of them. It replaces what was told before. A call goes to the
/// first that matches it and has something to do; delays add up. What is absent doesn't happen.
///
/// ```json
/// { "match": {"object": "contacts"}, "fail": {"status": 500, "times": 3}, "after_write": true }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Which calls it is about; absent: all that are for an object.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Waits so long before anything else.
    pub delay_ms: u64,
    /// Refuses writes with one of these fields (present and not null): 422 with this message.
    pub refuse_fields: BTreeMap<String, String>,
    /// Answers 429 without doing anything.
    pub throttle: Option<Throttle>,
    /// Answers with an error status: without doing anything, or `after_write`.
    pub fail: Option<Fail>,
    /// So many calls are done and then their connection is closed without an answer (after `timeout_ms`, where given).
    pub lose_answers: Option<u32>,
    /// Never answers: holds the call so long, then closes the connection. Done only with `after_write`.
    pub timeout_ms: Option<u64>,
    /// Does what was asked before failing or going silent.
    pub after_write: bool,
}

/// Which calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// For this object.
    pub object: Option<String>,
    /// For this key (or id), as it is in the path.
    pub key: Option<String>,
    /// With this method.
    pub method: Option<String>,
}

/// Answering 429.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Throttle {
    /// So many calls; absent or null: until told otherwise.
    pub times: Option<u32>,
    /// `Retry-After`: seconds, or a text as it is; absent: no such header.
    pub retry_after: Option<Value>,
}

/// Answering with an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// The status.
    pub status: u16,
    /// So many calls; absent or null: until told otherwise.
    #[serde(default)]
    pub times: Option<u32>,
    /// What the answer says in `error`.
    #[serde(default)]
    pub message: Option<String>,
    /// `Retry-After`, as in `throttle`.
    #[serde(default)]
    pub retry_after: Option<Value>,
}

/// A call, as far as behaviours look at it.
pub(super) struct Call<'a> {
    pub method: &'a str,
    pub object: &'a str,
    pub key: Option<&'a str>,
    pub fields: &'a Map<String, Value>,
}

/// What to do with a call.
#[derive(Debug, PartialEq)]
pub(super) struct Decision {
    /// Wait so long first.
    pub delay_ms: u64,
    /// Whether to do what was asked.
    pub perform: bool,
    /// What to answer.
    pub then: Then,
}

/// What to answer.
#[derive(Debug, PartialEq)]
pub(super) enum Then {
    /// What came of it.
    Answer,
    /// This.
    Say { status: u16, retry_after: Option<String>, body: Value },
    /// Nothing: hold the call, then close the connection.
    Lose { hold_ms: u64 },
}

/// Decides, and uses up a turn of the behaviour that does.
pub(super) fn decide(behaviours: &mut [Behaviour], call: &Call<'_>) -> Decision {
    let mut delay_ms = 0_u64;
    for behaviour in behaviours.iter_mut().filter(|behaviour| behaviour.matches.includes(call)) {
        delay_ms = delay_ms.saturating_add(behaviour.delay_ms).min(WAIT_MS_MAX);
        if let Some((perform, then)) = behaviour.turn(call) {
            return Decision { delay_ms, perform, then };
        }
    }
    Decision { delay_ms, perform: true, then: Then::Answer }
}

impl Match {
    fn includes(&self, call: &Call<'_>) -> bool {
        self.object.as_deref().is_none_or(|object| object == call.object)
            && self.key.as_deref().is_none_or(|key| Some(key) == call.key)
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(call.method))
    }
}

impl Behaviour {
    fn turn(&mut self, call: &Call<'_>) -> Option<(bool, Then)> {
        for (field, message) in &self.refuse_fields {
            if call.fields.get(field).is_some_and(|value| !value.is_null()) {
                let body = json!({ "error": message, "field": field });
                return Some((false, Then::Say { status: 422, retry_after: None, body }));
            }
        }
        if let Some(throttle) = &mut self.throttle
            && use_up(&mut throttle.times)
        {
            let retry_after = throttle.retry_after.as_ref().map(header_text);
            let body = json!({ "error": "too many calls; come back later" });
            return Some((false, Then::Say { status: 429, retry_after, body }));
        }
        if let Some(fail) = &mut self.fail
            && use_up(&mut fail.times)
        {
            let message = fail.message.as_deref().unwrap_or("the sandbox was told to fail");
            let retry_after = fail.retry_after.as_ref().map(header_text);
            let then = Then::Say { status: fail.status, retry_after, body: json!({ "error": message }) };
            return Some((self.after_write, then));
        }
        let hold_ms = self.timeout_ms.map(|ms| ms.min(WAIT_MS_MAX));
        if self.lose_answers.is_some() {
            return use_up(&mut self.lose_answers)
                .then_some((true, Then::Lose { hold_ms: hold_ms.unwrap_or(0) }));
        }
        hold_ms.map(|hold_ms| (self.after_write, Then::Lose { hold_ms }))
    }
}

/// Takes one of a number of turns; `None` is without end.
fn use_up(times: &mut Option<u32>) -> bool {
    match times {
        None => true,
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
    }
}

fn header_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Behaviour, Call, Decision, Then, decide};
    use serde_json::{Value, json};

    fn behaviours(value: Value) -> Vec<Behaviour> {
        serde_json::from_value(value).unwrap()
    }

    fn asked(behaviours: &mut [Behaviour], object: &str, fields: &Value) -> Decision {
        let fields = fields.as_object().unwrap();
        decide(behaviours, &Call { method: "PUT", object, key: Some("1"), fields })
    }

    #[test]
    fn a_behaviour_is_used_up_and_the_next_one_takes_over() {
        let mut told = behaviours(json!([
            { "match": { "object": "contacts", "method": "put" }, "fail": { "status": 500, "times": 1 } },
            { "throttle": { "times": 1, "retry_after": 3 }, "delay_ms": 5 },
        ]));
        let status = |decision: Decision| match decision.then {
            Then::Say { status, retry_after, .. } => (decision.delay_ms, status, retry_after),
            other => panic!("{other:?}"),
        };
        assert_eq!(status(asked(&mut told, "contacts", &json!({}))), (0, 500, None));
        assert_eq!(status(asked(&mut told, "contacts", &json!({}))), (5, 429, Some("3".to_owned())));
        let well = Decision { delay_ms: 5, perform: true, then: Then::Answer };
        assert_eq!(asked(&mut told, "contacts", &json!({})), well);
    }

    #[test]
    fn lost_answers_are_done_and_a_time_out_is_not_unless_after_write() {
        let mut told = behaviours(json!([{ "lose_answers": 1, "timeout_ms": 7 }]));
        let lost = Decision { delay_ms: 0, perform: true, then: Then::Lose { hold_ms: 7 } };
        assert_eq!(asked(&mut told, "x", &json!({})), lost);
        assert_eq!(asked(&mut told, "x", &json!({})).then, Then::Answer);
        let mut told = behaviours(json!([{ "timeout_ms": 7 }]));
        assert!(!asked(&mut told, "x", &json!({})).perform);
        let mut told = behaviours(json!([{ "timeout_ms": 7, "after_write": true }]));
        assert!(asked(&mut told, "x", &json!({})).perform);
    }

    #[test]
    fn a_field_is_refused_where_it_has_a_value() {
        let mut told = behaviours(json!([{ "refuse_fields": { "phone": "is not a phone number" } }]));
        assert_eq!(asked(&mut told, "x", &json!({ "phone": null })).then, Then::Answer);
        let body = json!({ "error": "is not a phone number", "field": "phone" });
        let refused = Then::Say { status: 422, retry_after: None, body };
        assert_eq!(asked(&mut told, "x", &json!({ "phone": "12" })).then, refused);
    }

    #[test]
    fn a_misspelt_behaviour_is_told() {
        let error = serde_json::from_value::<Behaviour>(json!({ "fial": {} })).unwrap_err();
        assert!(error.to_string().starts_with("unknown field `fial`"), "{error}");
    }
}
