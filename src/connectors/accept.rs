//! Mapped fields against an action's inputs: what must be there is, and has its kind.

use super::action::{Action, Input, InputKind};
use super::connection::Connection;
use super::request::RenderError;
use crate::document::suggest;
use crate::domain::RecordKey;
use serde_json::{Map, Number, Value};

impl Action {
    /// Checks and coerces mapped fields: required ones there and not null or empty, kinds as declared, defaults filled.
    pub fn accept(&self, fields: Map<String, Value>) -> Result<Map<String, Value>, RenderError> {
        let mut accepted = Map::new();
        for (name, value) in fields {
            let Some(input) = self.input(&name) else {
                let known = self.inputs.keys().map(String::as_str);
                let message = match suggest(&name, known) {
                    Some(near) => {
                        format!("The action {} has no input `{name}`. Did you mean `{near}`?", self.name)
                    }
                    None => format!("The action {} has no input `{name}`.", self.name),
                };
                return Err(RenderError { message, field: Some(name) });
            };
            let value = coerce(&name, &input, value)?;
            accepted.insert(name, value);
        }
        for (name, input) in &self.inputs {
            if !accepted.contains_key(name)
                && let Some(default) = &input.default
            {
                accepted.insert(name.clone(), default.clone());
            }
            if input.required && accepted.get(name).is_none_or(is_blank) {
                let what = match accepted.get(name) {
                    None => "is missing",
                    Some(Value::Null) => "is null",
                    Some(_) => "is empty",
                };
                let message = format!("The field `{name}` {what}, and {} needs it.", self.name);
                return Err(RenderError { message, field: Some(name.clone()) });
            }
        }
        Ok(accepted)
    }

    /// The record that these fields write; `own` (rule + step + booking + item) where the action names no key.
    pub fn record(&self, connection: &Connection, fields: &Map<String, Value>, own: &str) -> RecordKey {
        let key = if self.key.is_empty() {
            own.to_owned()
        } else {
            let parts = self.key.iter().map(|name| match fields.get(name) {
                // 7 and "7" name one record: in a path or a query they are the same.
                Some(Value::Number(number)) => Value::String(number.to_string()),
                Some(value) => value.clone(),
                None => Value::Null,
            });
            Value::Array(parts.collect()).to_string()
        };
        RecordKey {
            connection: connection.name.clone(),
            account: connection.account.clone(),
            object: self.object.clone(),
            key,
        }
    }
}

/// Null, or a text of blanks.
pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn coerce(name: &str, input: &Input, value: Value) -> Result<Value, RenderError> {
    let value = match (input.kind, value) {
        (_, Value::Null) => return Ok(Value::Null),
        (InputKind::String, Value::Number(number)) => Value::String(number.to_string()),
        (InputKind::String, Value::Bool(truth)) => Value::String(truth.to_string()),
        (InputKind::Number, Value::String(text)) => match text.trim().parse::<Number>() {
            Ok(number) => Value::Number(number),
            // An empty text says that there is none.
            Err(_) if text.trim().is_empty() => Value::Null,
            Err(_) => return Err(wrong_kind(name, input.kind, &Value::String(text))),
        },
        (InputKind::Boolean, Value::String(text)) => match text.trim() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(wrong_kind(name, input.kind, &Value::String(text))),
        },
        (_, value) => value,
    };
    let fits = match input.kind {
        InputKind::Any => true,
        InputKind::String => value.is_string(),
        InputKind::Number => value.is_number() || value.is_null(),
        InputKind::Boolean => value.is_boolean(),
        InputKind::Map => value.is_object(),
        InputKind::List => value.is_array(),
    };
    if !fits {
        return Err(wrong_kind(name, input.kind, &value));
    }
    let value = match value {
        Value::String(text) if input.lower => Value::String(text.trim().to_lowercase()),
        value => value,
    };
    if let Some(text) = value.as_str()
        && !input.choices.is_empty()
        && !text.is_empty()
        && !input.choices.iter().any(|choice| choice == text)
    {
        let message = match suggest(text, input.choices.iter().map(String::as_str)) {
            Some(near) => format!("The field `{name}` takes no `{text}`. Did you mean `{near}`?"),
            None => format!("The field `{name}` takes no `{text}`, but one of {}.", input.choices.join(", ")),
        };
        return Err(RenderError { message, field: Some(name.to_owned()) });
    }
    Ok(value)
}

fn wrong_kind(name: &str, kind: InputKind, value: &Value) -> RenderError {
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "another text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    };
    let message = format!("The field `{name}` takes {}, and this is {is}.", kind.in_words());
    RenderError { message, field: Some(name.to_owned()) }
}
