//! An action becomes a request.

use super::action::{Action, Call};
use super::body::BodyTemplate;
use super::connection::Connection;
use crate::expr::{Engine, Missing, Part, Scope, Template};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

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

impl RenderError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), field: None }
    }
}

impl Action {
    /// One of the action's calls; `None` where it has no such call.
    pub fn call(&self, which: Which) -> Option<&Call> {
        match which {
            Which::Call => Some(&self.call),
            Which::Update => self.update.as_ref(),
            Which::Find => self.find.as_ref().map(|find| &find.call),
            Which::After(index) => self.after.get(index).map(|after| &after.call),
        }
    }

    /// The request.
    pub fn render(
        &self,
        engine: &Engine,
        connection: &Connection,
        which: Which,
        context: &CallContext,
    ) -> Result<RenderedRequest, RenderError> {
        let call = self
            .call(which)
            .ok_or_else(|| RenderError::new(format!("The action {} has no such call.", self.name)))?;
        connection.render(engine, call, context)
    }
}

impl Action {
    /// Whether its call can be made of these fields: what can't is known before anything is sent. (What reads `link` is
    /// known only then.)
    pub fn try_out(
        &self,
        engine: &Engine,
        connection: &Connection,
        fields: &Map<String, Value>,
    ) -> Result<(), RenderError> {
        if self.call.templates().iter().any(|template| template.reads("link")) {
            return Ok(());
        }
        let names = ["id", "rule", "booking", "item", "event", "source"];
        let run: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), Value::from("x"))).collect();
        let step: Map<String, Value> =
            ["id", "ref"].iter().map(|name| ((*name).to_owned(), Value::from("x"))).collect();
        let context = CallContext {
            input: fields.clone(),
            run: Value::Object(run),
            step: Value::Object(step),
            link: Value::Null,
            output: Value::Null,
        };
        connection.render(engine, &self.call, &context).map(|_| ())
    }
}

impl Connection {
    /// The request of any call, also of one that belongs to no action (`Setup`).
    pub fn render(
        &self,
        engine: &Engine,
        call: &Call,
        context: &CallContext,
    ) -> Result<RenderedRequest, RenderError> {
        Rendering::new(engine, self, context).request(call, &self.base_url, &self.headers)
    }
}

/// JSON; or, by the content type, a form or a plain text.
fn write_body(body: &Value, headers: &[(String, String)]) -> Result<Bytes, RenderError> {
    let kind = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.to_ascii_lowercase())
        .unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let Value::Object(map) = body else {
            return Err(RenderError::new("A form's body must be a map."));
        };
        let mut pairs = Vec::new();
        for (name, value) in map {
            let values = match value {
                Value::Array(items) => items.as_slice(),
                value => std::slice::from_ref(value),
            };
            for value in values.iter().filter(|value| !value.is_null()) {
                let Some(text) = plain(value) else {
                    let message = format!("The field `{name}` of a form must be a single value.");
                    return Err(RenderError { message, field: Some(name.clone()) });
                };
                pairs.push(format!("{}={}", encode(name), encode(&text)));
            }
        }
        return Ok(Bytes::from(pairs.join("&")));
    }
    match body {
        Value::String(text) if kind.starts_with("text/") => Ok(Bytes::from(text.clone())),
        body => Ok(Bytes::from(body.to_string())),
    }
}

/// The scope of one call's templates.
pub(super) struct Rendering<'r> {
    engine: &'r Engine,
    scope: Scope,
    input: &'r Map<String, Value>,
}

impl<'r> Rendering<'r> {
    fn new(engine: &'r Engine, connection: &Connection, context: &'r CallContext) -> Self {
        let mut scope = Scope::new();
        let settings: Map<String, Value> = connection
            .spec
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        scope.set("input", Arc::new(Value::Object(context.input.clone())));
        scope.set("run", Arc::new(context.run.clone()));
        scope.set("step", Arc::new(context.step.clone()));
        scope.set("link", Arc::new(context.link.clone()));
        scope.set("output", Arc::new(context.output.clone()));
        scope.set("setting", Arc::new(Value::Object(settings)));
        Self { engine, scope, input: &context.input }
    }

    /// Templates that see the inputs by their own names (`{{ key }}`): calls to source systems.
    pub(super) fn of_inputs(engine: &'r Engine, inputs: &'r Map<String, Value>) -> Self {
        let mut scope = Scope::new();
        for (name, value) in inputs {
            scope.set(name, Arc::new(value.clone()));
        }
        Self { engine, scope, input: inputs }
    }

    /// The whole request of a call.
    pub(super) fn request(
        &self,
        call: &Call,
        base_url: &str,
        common: &[(String, String)],
    ) -> Result<RenderedRequest, RenderError> {
        let mut url = format!("{base_url}{}", self.path(&call.path)?);
        let mut separator = '?';
        for (name, value) in self.query(&call.query)? {
            url.push(separator);
            url.push_str(&encode(&name));
            url.push('=');
            url.push_str(&encode(&value));
            separator = '&';
        }
        let mut headers = common.to_vec();
        for (name, template) in &call.headers {
            let Some(value) = self.text(template, name)? else { continue };
            if value.chars().any(|c| c.is_control() && c != '\t') {
                return Err(RenderError::new(format!("The header {name} would hold control characters.")));
            }
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value));
        }
        let has = |headers: &[(String, String)], name: &str| {
            headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        let without = matches!(call.method.as_str(), "GET" | "DELETE" | "HEAD");
        let body = match &call.body {
            Some(body) => body.render(self, "body")?,
            None if without => None,
            None => Some(Value::Object(self.input.clone())),
        };
        if !has(&headers, "accept") {
            headers.push(("Accept".to_owned(), "application/json".to_owned()));
        }
        if body.is_some() && !has(&headers, "content-type") {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        let body = body.map(|body| write_body(&body, &headers)).transpose()?;
        Ok(RenderedRequest { method: call.method.clone(), url, headers, body })
    }

    /// The mapped fields.
    pub(super) fn input(&self) -> &Map<String, Value> {
        self.input
    }

    /// The value of a template; `None`: missing.
    pub(super) fn value(&self, template: &Template, name: &str) -> Result<Option<Value>, RenderError> {
        match template.evaluate(self.engine, &self.scope) {
            Ok(Ok(value)) => Ok(Some(value)),
            Ok(Err(Missing)) => Ok(None),
            Err(error) => {
                let message = format!("`{name}` of the call can't be filled: {}", sentence(&error.message));
                Err(RenderError { message, field: self.field_of(template) })
            }
        }
    }

    /// The value of a template as text; `None`: missing or null.
    pub(super) fn text(&self, template: &Template, name: &str) -> Result<Option<String>, RenderError> {
        match self.value(template, name)? {
            None | Some(Value::Null) => Ok(None),
            Some(value) => plain(&value).map(Some).ok_or_else(|| {
                let message =
                    format!("`{name}` of the call must be a single value, and this is a map or a list.");
                RenderError { message, field: self.field_of(template) }
            }),
        }
    }

    fn query(&self, query: &[(String, Template)]) -> Result<Vec<(String, String)>, RenderError> {
        let mut pairs = Vec::new();
        for (name, template) in query {
            // A list is one pair per item.
            let values = match self.value(template, name)? {
                None | Some(Value::Null) => continue,
                Some(Value::Array(items)) => items,
                Some(value) => vec![value],
            };
            for value in values {
                let text = plain(&value).ok_or_else(|| {
                    let message = format!("The query's `{name}` must be a single value.");
                    RenderError { message, field: self.field_of(template) }
                })?;
                pairs.push((name.clone(), text));
            }
        }
        Ok(pairs)
    }

    fn path(&self, template: &Template) -> Result<String, RenderError> {
        let mut path = String::new();
        for part in &template.parts {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Expression { expression, .. } => {
                    let field = expression.lone_path().filter(|path| path.root == "input").map(|path| {
                        let name = path.to_string();
                        name.strip_prefix("input.").unwrap_or(&name).to_owned()
                    });
                    let wrong = |what: &str| {
                        let named = match &field {
                            Some(field) => format!("The field `{field}`"),
                            None => format!("`{}`", expression.text().trim()),
                        };
                        let message = format!("{named} is part of the path, and {what}.");
                        RenderError { message, field: field.clone() }
                    };
                    let value = match self.engine.evaluate(expression, &self.scope) {
                        Ok(Ok(value)) => value,
                        Ok(Err(Missing)) => return Err(wrong("it is missing")),
                        Err(error) => return Err(wrong(error.message.trim_end_matches('.'))),
                    };
                    if value.is_null() {
                        return Err(wrong("it is null"));
                    }
                    let text = plain(&value).ok_or_else(|| wrong("it is a map or a list"))?;
                    match text.trim() {
                        "" => return Err(wrong("it is empty")),
                        "." | ".." => return Err(wrong("it is made of dots only")),
                        _ => path.push_str(&encode(&text)),
                    }
                }
            }
        }
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(RenderError::new("A part of the path is made of dots only."));
        }
        Ok(path)
    }

    /// The mapped field that a template reads, where it is one.
    fn field_of(&self, template: &Template) -> Option<String> {
        let read = super::templates::names_read(template, "input");
        let missing = read.iter().find(|(name, _)| self.input.get(name).is_none_or(Value::is_null));
        missing.or(read.first()).map(|(name, _)| name.clone())
    }
}

/// Percent-encodes one segment, name or value.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A single value as text.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

impl Call {
    /// All templates of the call.
    pub(super) fn templates(&self) -> Vec<&Template> {
        let mut found = vec![&self.path];
        found.extend(self.query.iter().map(|(_, template)| template));
        found.extend(self.headers.iter().map(|(_, template)| template));
        if let Some(body) = &self.body {
            BodyTemplate::templates(body, &mut found);
        }
        found
    }
}
