//! Everything that a sandbox holds, behind one lock: records, counts, behaviours. Shared by its handlers, and by tests
//! that look at it without a call or start it anew after an outage.

use super::behaviour::{Behaviour, Call, Decision, Then, decide};
use super::crm::{Crm, Reply};
use super::stats::{Arrival, Stats};
use crate::ports::Clock;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a call's body that the list of the last calls shows.
const SHOWN_BYTES_MAX: usize = 4 * 1024;

/// The state of a sandbox. Clones share it.
#[derive(Clone)]
pub struct SandboxState {
    token: Option<Arc<str>>,
    clock: Arc<dyn Clock>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    crm: Crm,
    stats: Stats,
    behaviours: Vec<Behaviour>,
}

impl std::fmt::Debug for SandboxState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxState").finish_non_exhaustive()
    }
}

/// One call for an object, as it came.
pub(super) struct Received {
    pub method: String,
    pub object: String,
    pub key: Option<String>,
    pub query: Vec<(String, String)>,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// The body as JSON, or why it is none.
    pub fields: Result<Map<String, Value>, String>,
}

/// How a call ends.
pub(super) enum Outcome {
    /// With an answer.
    Answered { status: u16, retry_after: Option<String>, body: Value },
    /// With its connection closed, after a while.
    Lost { hold_ms: u64 },
}

impl SandboxState {
    /// Nothing in it. `token` is asked for as `Authorization: Bearer …`.
    pub fn new(token: Option<String>, clock: Arc<dyn Clock>) -> Self {
        Self { token: token.map(Into::into), clock, inner: Arc::default() }
    }

    /// The counts, as `GET /_stats` gives them.
    pub fn stats(&self) -> Value {
        self.lock().stats.to_json()
    }

    /// The last calls, as `GET /_calls` gives them.
    pub fn calls(&self) -> Value {
        self.lock().stats.last_calls()
    }

    /// All records per object, as `GET /_records` gives them.
    pub fn records(&self) -> Value {
        let inner = self.lock();
        let object = |(name, records): (&str, Vec<&super::crm::Record>)| {
            (name.to_owned(), records.into_iter().map(super::crm::Record::to_json).collect())
        };
        Value::Object(inner.crm.all().map(object).collect())
    }

    /// How to behave from now on; none: well.
    pub fn behave(&self, behaviours: Vec<Behaviour>) {
        self.lock().behaviours = behaviours;
    }

    /// How it was told to behave, with what is left of it.
    pub fn behaviours(&self) -> Vec<Behaviour> {
        self.lock().behaviours.clone()
    }

    /// Forgets records, counts and behaviours.
    pub fn reset(&self) {
        *self.lock() = Inner::default();
    }

    /// A call came: how long it is to wait, and what is to be done then.
    pub(super) fn arrived(&self, call: &Received) -> Decision {
        let empty = Map::new();
        let mut inner = self.lock();
        inner.stats.arrived(&Arrival {
            at: self.clock.now(),
            monotonic: self.clock.monotonic(),
            object: &call.object,
            key: call.key.as_deref(),
        });
        if let Some(refused) = self.refusal(call) {
            return Decision { delay_ms: 0, perform: false, then: refused };
        }
        let looked_at = Call {
            method: &call.method,
            object: &call.object,
            key: call.key.as_deref(),
            fields: call.fields.as_ref().unwrap_or(&empty),
        };
        decide(&mut inner.behaviours, &looked_at)
    }

    /// Does what was decided.
    pub(super) fn perform(&self, call: Received, decision: Decision) -> Outcome {
        let mut inner = self.lock();
        let fields = call.fields.unwrap_or_default();
        let shown = shown(&fields);
        let mut reply = None;
        if decision.perform {
            let done = inner.crm.call(&call.method, &call.object, call.key.as_deref(), &call.query, fields);
            if let Some(key) = &done.wrote {
                inner.stats.took_effect(&call.object, key, done.doubled);
            }
            reply = Some(done);
        }
        let outcome = match (decision.then, reply) {
            (Then::Say { status, retry_after, body }, _) => Outcome::Answered { status, retry_after, body },
            (Then::Lose { hold_ms }, _) => Outcome::Lost { hold_ms },
            (Then::Answer, Some(Reply { status, body, .. })) => {
                Outcome::Answered { status, retry_after: None, body }
            }
            (Then::Answer, None) => Outcome::Answered { status: 500, retry_after: None, body: Value::Null },
        };
        let status = match &outcome {
            Outcome::Answered { status, .. } => Some(*status),
            Outcome::Lost { .. } => None,
        };
        let told = json!({
            "at": self.clock.now(), "method": call.method, "object": call.object, "key": call.key,
            "fields": shown, "performed": decision.perform, "status": status,
        });
        inner.stats.ended(status, told);
        outcome
    }

    /// Why a call is not for the CRM at all: the wrong token, or a body that is no JSON object.
    fn refusal(&self, call: &Received) -> Option<Then> {
        let say =
            |status, why: &str| Some(Then::Say { status, retry_after: None, body: json!({ "error": why }) });
        if let Some(token) = &self.token {
            let given = call.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
            if given != Some(token) {
                return say(401, "this sandbox wants its token as Authorization: Bearer TOKEN");
            }
        }
        match &call.fields {
            Err(why) if call.method != "GET" && call.method != "DELETE" => say(400, why),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body as the list of the last calls shows it.
fn shown(fields: &Map<String, Value>) -> Value {
    let text = serde_json::to_string(fields).unwrap_or_default();
    if text.len() > SHOWN_BYTES_MAX { json!(format!("{} bytes", text.len())) } else { json!(fields) }
}
