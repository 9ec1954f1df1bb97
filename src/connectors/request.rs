//! An action becomes a request.

use super::action::Action;
use super::connection::Connection;
use crate::domain::RecordKey;
use crate::expr::Engine;
use crate::ports::{OutboundRequest, Secrets};
use bytes::Bytes;
use serde_json::{Map, Value};

/// Which of an action's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The call itself.
    Call,
    /// The call for a record whose key changed.
    Update,
    /// The look-up.
    Find,
    /// One of the calls after the main one (index into `Action::after`).
    After(usize),
}

/// What templates of an action see.
#[derive(Clone, Debug, Default)]
pub struct CallContext {
    /// Mapped fields, checked and coerced (see `Action::accept`).
    pub input: Map<String, Value>,
    /// `run.id`, `run.rule`, `run.item`, `run.booking`…
    pub run: Value,
    /// `step.id`, `step.ref`: unique per run and step and the same in all its tries.
    pub step: Value,
    /// `link.id`, or null.
    pub link: Value,
    /// Outputs of the step's calls so far, for `after` calls; null before the main one.
    pub output: Value,
}

/// A request without its credential: may be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedRequest {
    /// Method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<Bytes>,
}

/// Why no request came of it: a sentence naming the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// The sentence.
    pub message: String,
    /// The input that it is about, where it is one.
    pub field: Option<String>,
}

impl Action {
    /// Checks and coerces mapped fields: required ones there and not null or empty, kinds as declared, defaults filled.
    pub fn accept(&self, _fields: Map<String, Value>) -> Result<Map<String, Value>, RenderError> {
        todo!()
    }

    /// The record that these fields write; `own` (rule + step + booking + item) where the action names no key.
    pub fn record(&self, _connection: &Connection, _fields: &Map<String, Value>, _own: &str) -> RecordKey {
        todo!()
    }

    /// The request.
    pub fn render(
        &self,
        _engine: &Engine,
        _connection: &Connection,
        _which: Which,
        _context: &CallContext,
    ) -> Result<RenderedRequest, RenderError> {
        todo!()
    }
}

impl Connection {
    /// Adds the credential. `Err` names the secret that has no value.
    pub fn authorise(
        &self,
        _engine: &Engine,
        _request: RenderedRequest,
        _secrets: &dyn Secrets,
        _about: (String, String),
    ) -> Result<OutboundRequest, super::SecretRef> {
        todo!()
    }

    /// A hash of the credential's present value, to notice that it was changed; `None` without one.
    pub fn credential_fingerprint(&self, _secrets: &dyn Secrets) -> Option<String> {
        todo!()
    }
}
