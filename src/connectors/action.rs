//! Actions: what a connection can be asked to do.

use super::answer_rule::AnswerRule;
use super::body::BodyTemplate;
use crate::expr::Template;
use serde_json::Value;
use std::collections::BTreeMap;

/// One action of a connector or of an `http` connection.
pub struct Action {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// What kind of record it writes.
    pub object: String,
    /// Inputs that name the record; empty: rule + step + booking + item. Each is a required input.
    pub key: Vec<String>,
    /// An upsert: repeating is safe. Where nothing is said: true for `PUT`.
    pub repeatable: bool,
    /// Its inputs.
    pub inputs: BTreeMap<String, Input>,
    /// Whether further fields pass (`http`).
    pub open: bool,
    /// What a further field must be.
    pub further: InputKind,
    /// The call.
    pub call: Call,
    /// The call for a record whose key changed, with `{{ link.id }}`.
    pub update: Option<Call>,
    /// Calls made after the main one (or its update) as part of the same step, in order; each is repeat-safe.
    pub after: Vec<After>,
    /// How to look up whether it was done.
    pub find: Option<Find>,
    /// What its answers mean, before the connector's and the common classes.
    pub answers: Vec<AnswerRule>,
    /// Outputs: JSON pointers into the answer, or `header:Name`.
    pub outputs: BTreeMap<String, String>,
    /// Which output is the remote id (`id` where there is one).
    pub id_output: Option<String>,
    /// Where a person sees the record.
    pub record_url: Option<super::RecordUrl>,
    /// How sure we are of it.
    pub verified: super::Verified,
}

/// One input.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// What kind of value.
    pub kind: InputKind,
    /// Must be there.
    pub required: bool,
    /// Texts are trimmed and written in lower case (e-mail addresses that name a record).
    pub lower: bool,
    /// For people.
    pub label: Option<String>,
    /// One line of help.
    pub help: Option<String>,
    /// Sent where the rule maps nothing.
    pub default: Option<Value>,
    /// Fixed choices, where there are any.
    pub choices: Vec<String>,
}

/// What kind of value an input takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputKind {
    /// Anything.
    #[default]
    Any,
    /// A text; numbers and booleans become text.
    String,
    /// A number, or a text that is one.
    Number,
    /// True or false.
    Boolean,
    /// A map.
    Map,
    /// A list.
    List,
}

impl InputKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [Self::Any, Self::String, Self::Number, Self::Boolean, Self::Map, Self::List];

    /// The word that files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Map => "map",
            Self::List => "list",
        }
    }

    /// What it is, for messages.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::String => "a text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Map => "a map",
            Self::List => "a list",
        }
    }
}

/// One HTTP call, as templates.
pub struct Call {
    /// Method.
    pub method: String,
    /// Path below the base URL: literal parts and parts that become one percent-encoded segment each.
    pub path: Template,
    /// Query parameters. One whose value is missing is left out.
    pub query: Vec<(String, Template)>,
    /// Headers.
    pub headers: Vec<(String, Template)>,
    /// Body; `None`: all mapped fields as JSON (for `GET` and `DELETE`: none).
    pub body: Option<BodyTemplate>,
    /// Outputs of this call, where they differ from the action's.
    pub outputs: Option<BTreeMap<String, String>>,
}

/// A further call of a step, made after the main one with the outputs so far in scope (`{{ output.id }}`).
pub struct After {
    /// For people: "the link to the contact".
    pub title: String,
    /// Inputs without which it is not made.
    pub needs: Vec<String>,
    /// The call.
    pub call: Call,
}

/// How to look up whether a create was done.
pub struct Find {
    /// The call.
    pub call: Call,
    /// JSON pointer to the id; nothing there (or a 404) = not done.
    pub id: String,
    /// Further outputs.
    pub outputs: BTreeMap<String, String>,
}

impl Action {
    /// Which of the calls after the main one these fields ask for, as indices for `Which::After`.
    pub fn after_calls(&self, fields: &serde_json::Map<String, Value>) -> Vec<usize> {
        let there = |name: &String| fields.get(name).is_some_and(|value| !super::accept::is_blank(value));
        (0..self.after.len()).filter(|index| self.after[*index].needs.iter().all(there)).collect()
    }

    /// The input of a name, where the rules may map it: a declared one, or a further one of an open action.
    pub fn input(&self, name: &str) -> Option<Input> {
        match self.inputs.get(name) {
            Some(input) => Some(input.clone()),
            None => self.open.then(|| Input { kind: self.further, ..Input::default() }),
        }
    }
}
