//! The envelope: what stands around the records of a body. One event or a batch of them, each with an id, a type, a time
//! and an account, wherever the system writes these. Without an envelope the body is one event that says none of it.
//!
//! Promise: one event of a batch that can't be read keeps none of the others from being read.

use super::event_type::{TypePattern, clean_type};
use super::moment::read_moment;
use super::pattern::{Dotted, key_text};
use super::records::{KEY_CHARS_MAX, Told, Unreadable};
use crate::domain::{Millis, SIGNED_ACCOUNT};
use serde_json::{Map, Value};

/// Events of one batch; a body with more is not read.
pub(super) const BATCH_MAX: usize = 10_000;

/// How the envelope is read.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// Where a batch's list is; `None`: the body is one event.
    pub(super) list: Option<Dotted>,
    /// What the system knows an event by.
    pub(super) id: Option<Spot>,
    /// Parts of the type, joined by `/`.
    pub(super) types: Vec<Spot>,
    /// When it happened.
    pub(super) time: Option<Spot>,
    /// The account that it is about.
    pub(super) account: Option<Spot>,
    /// Keys are found whatever their case, here and in the places that records name.
    pub(super) any_case: bool,
    /// Types that are acknowledged and kept nothing of, each with what is said about it.
    pub(super) ignore: Vec<(TypePattern, Option<String>)>,
}

/// Where something of an event stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In the body.
    Body(SpotPath),
    /// In a header (lower case).
    Header(String),
}

/// A path in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotPath(pub(super) Dotted);

/// The headers that were kept of a webhook, by their lower-case names.
#[derive(Clone, Debug, Default)]
pub struct KeptHeaders(Map<String, Value>);

impl KeptHeaders {
    /// Reads the JSON text that ingest wrote. Anything else holds no headers.
    pub fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// Headers by their lower-case names.
    pub fn of(headers: &[(String, String)]) -> Self {
        Self(headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect())
    }

    /// The JSON text that `read` takes.
    pub fn to_text(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// The account that the sender signed in for.
    pub fn signed_account(&self) -> Option<&str> {
        self.get(SIGNED_ACCOUNT)
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }
}

/// One event of a body.
#[derive(Debug)]
pub struct Message {
    /// What the system knows it by.
    pub id: Option<String>,
    /// Its type, as the system writes it.
    pub event_type: Option<String>,
    /// When it happened, by the system's word.
    pub time: Option<Millis>,
    /// The account that its envelope names.
    pub account: Option<String>,
    /// The records that it tells of.
    pub told: Result<Vec<Told>, Unreadable>,
}

/// What the envelope says of one event, before its records are read.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub id: Option<String>,
    pub event_type: Option<String>,
    pub time: Option<Millis>,
    pub account: Option<String>,
}

impl Envelope {
    /// Header names that it needs.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        let spots = self.id.iter().chain(&self.types).chain(&self.time).chain(&self.account);
        spots.filter_map(|spot| match spot {
            Spot::Header(name) => Some(name.as_str()),
            Spot::Body(_) => None,
        })
    }

    /// Where a batch's list is, as it is written.
    pub(super) fn list_path(&self) -> Option<String> {
        self.list.as_ref().map(ToString::to_string)
    }

    /// The events of a body, each with what the envelope says of it.
    pub(super) fn events(
        &self,
        mut body: Value,
        headers: &KeptHeaders,
    ) -> Result<Vec<(Facts, Value)>, Unreadable> {
        let Some(list) = &self.list else {
            let facts = self.facts(&body, None, headers);
            return Ok(vec![(facts, body)]);
        };
        let items = match list.get_mut_in(&mut body, self.any_case).map(Value::take) {
            Some(Value::Array(items)) => items,
            Some(Value::Null) | None => {
                return Err(Unreadable::Body(format!("The body has no list of events at `{list}`.")));
            }
            Some(_) => {
                return Err(Unreadable::Body(format!(
                    "What stands at `{list}` of the body is no list of events."
                )));
            }
        };
        if items.is_empty() {
            return Err(Unreadable::Nothing("The body's list of events is empty.".to_owned()));
        }
        if items.len() > BATCH_MAX {
            return Err(Unreadable::Body(format!("The body holds more than {BATCH_MAX} events.")));
        }
        let events = items.into_iter().enumerate();
        Ok(events.map(|(index, item)| (self.facts(&item, Some((&body, index)), headers), item)).collect())
    }

    /// Bodies of events that came together, each with what the envelope says of it; nothing of too many.
    pub(super) fn several(&self, bodies: Vec<Value>, headers: &KeptHeaders) -> Vec<(Facts, Value)> {
        if bodies.len() > BATCH_MAX {
            return Vec::new();
        }
        let alone = bodies.len() == 1;
        let facts = |(index, body): (usize, Value)| {
            let around = Some((&Value::Null, index)).filter(|_| !alone);
            (self.facts(&body, around, headers), body)
        };
        bodies.into_iter().enumerate().map(facts).collect()
    }

    /// Of an event of a batch, what it does not say itself is looked for around the list.
    fn facts(&self, event: &Value, around: Option<(&Value, usize)>, headers: &KeptHeaders) -> Facts {
        let find = |spot: &Spot| -> Option<(Value, bool)> {
            match spot {
                Spot::Header(name) => Some((Value::from(headers.get(name)?), around.is_some())),
                Spot::Body(SpotPath(path)) => match path.get_in(event, self.any_case) {
                    Some(value) if !value.is_null() => Some((value.clone(), false)),
                    _ => Some((path.get_in(around?.0, self.any_case)?.clone(), true)),
                },
            }
        };
        let text = |spot: &Spot| find(spot).and_then(|(value, _)| key_text(&value));
        let id = self.id.as_ref().and_then(|spot| {
            let (value, shared) = find(spot)?;
            let id = key_text(&value).filter(|id| is_name(id))?;
            // An id of the whole batch is each of its events' with their place in it.
            Some(if shared { format!("{id}/{}", around.map_or(0, |(_, index)| index)) } else { id })
        });
        let parts: Vec<String> = self.types.iter().filter_map(text).collect();
        let event_type = Some(clean_type(&parts.join("/"))).filter(|text| !text.is_empty());
        let time = self.time.as_ref().and_then(|spot| read_moment(&find(spot)?.0));
        let account = self.account.as_ref().and_then(text).filter(|account| is_name(account));
        Facts { id, event_type, time, account }
    }

    /// Whether the system checks the address from time to time.
    pub fn checks(&self) -> bool {
        self.ignore
            .iter()
            .any(|(_, note)| note.as_ref().is_some_and(|note| note.contains("checked this address")))
    }

    /// What is said of an event whose type is to be passed over.
    pub(super) fn ignored(&self, event_type: Option<&str>) -> Option<String> {
        let event_type = event_type?;
        let (_, note) = self.ignore.iter().find(|(pattern, _)| pattern.matches(event_type))?;
        Some(match note {
            Some(note) => format!("{event_type}: {note}"),
            None => format!("{event_type}: such messages are acknowledged, and no booking is made of them"),
        })
    }
}

fn is_name(text: &str) -> bool {
    text.chars().count() <= KEY_CHARS_MAX && !text.chars().any(char::is_control)
}
