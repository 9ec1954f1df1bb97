//! How a record is fetched from its system's API, and the webhooks that only say that something changed.

use super::action::Call;
use super::chain::put;
use super::envelope::Facts;
use super::event_type::TypePattern;
use super::manifest::Verified;
use super::pattern::{Dotted, KeyPath, key_text};
use super::records::{RecordSpec, Told};
use crate::domain::ChangeKind;
use serde_json::Value;
use std::sync::Arc;

/// The status of a record that ended by the word of an event alone.
const DELETED: &str = "deleted";
/// Records of one answer; more are not read.
const SEVERAL_MAX: usize = 1_000;

/// How a record is fetched.
#[derive(Clone)]
pub struct FetchSpec {
    /// The call; sees `key` and `account`.
    pub call: Arc<Call>,
    /// Where in the answer the record is; `None`: where it is in a webhook.
    pub at: Option<String>,
    /// Where in the answer several are.
    pub list: Option<String>,
    /// How sure we are of it.
    pub verified: Verified,
    /// Calls whose answers belong to it: what stands around the record over there, and not in it.
    pub also: Vec<AlsoFetched>,
}

/// A further call of a fetch.
#[derive(Clone)]
pub struct AlsoFetched {
    /// Its answer becomes this key of the record.
    pub name: String,
    /// The call; sees what the first one sees, and its `answer`.
    pub call: Arc<Call>,
    /// How sure we are of it.
    pub verified: Verified,
    /// It is made only where this stands in the first answer.
    pub(super) needs: Option<Dotted>,
    /// Keys of the answer that are kept; empty: all.
    pub(super) keep: Vec<String>,
}

impl std::fmt::Debug for FetchSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchSpec").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Webhooks that only say that something changed.
#[derive(Clone, Debug)]
pub struct HintSpec {
    /// Types of event; empty: any.
    pub(super) on: Vec<TypePattern>,
    /// Types that end the record, which can't be fetched any more.
    pub(super) deleted: Vec<TypePattern>,
    pub(super) key: KeyPath,
    pub(super) account: Option<Dotted>,
    /// How sure we are of it.
    pub verified: Verified,
    /// How what it is about is fetched, where that is not the record itself but several of them.
    pub fetch: Option<FetchSpec>,
}

/// What a webhook says of a record without telling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hinted {
    /// It changed: it is fetched in this way (0: the record itself; else by the hint of that number, from 1).
    Changed(i64),
    /// It was deleted.
    Deleted,
}

impl AlsoFetched {
    /// Whether it is made, by the first answer.
    pub fn is_needed(&self, answer: &Value) -> bool {
        self.needs.as_ref().is_none_or(|path| path.get(answer).is_some_and(|found| !found.is_null()))
    }
}

impl FetchSpec {
    /// What is kept of a further call's answer.
    fn kept(&self, name: &str, told: &Value) -> Value {
        let keep = self.also.iter().find(|also| also.name == name).map(|also| also.keep.as_slice());
        match (told, keep.unwrap_or_default()) {
            (Value::Object(map), keep) if !keep.is_empty() => {
                let kept = map.iter().filter(|(key, _)| keep.contains(key));
                Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
            }
            _ => told.clone(),
        }
    }
}

impl HintSpec {
    /// The types that end a record, as they are written.
    pub fn ending_types(&self) -> impl Iterator<Item = &str> {
        self.deleted.iter().map(TypePattern::as_str)
    }

    fn is_told_by(&self, event_type: Option<&str>) -> bool {
        let names = |patterns: &[TypePattern]| {
            event_type.is_some_and(|told| patterns.iter().any(|pattern| pattern.matches(told)))
        };
        self.on.is_empty() || names(&self.on) || names(&self.deleted)
    }
}

impl RecordSpec {
    /// Whether an event of this type is a hint at it.
    pub(super) fn is_hinted_by(&self, event_type: Option<&str>) -> bool {
        self.hints.iter().any(|hint| hint.is_told_by(event_type))
    }

    /// What an event hints at. `Err` is a sentence.
    pub(super) fn hinted(&self, body: &Value, facts: &Facts) -> Result<Option<Told>, String> {
        let event_type = facts.event_type.as_deref();
        let found = self.hints.iter().enumerate().find(|(_, hint)| hint.is_told_by(event_type));
        let Some((index, hint)) = found else { return Ok(None) };
        let text_at = |path: &Dotted| path.get_in(body, self.any_case).and_then(key_text);
        let key = hint.key.get(body, self.any_case).ok_or_else(|| {
            format!("The body hints at a {} without a key: it has no usable `{}`.", self.kind, hint.key)
        })?;
        let account = hint.account.as_ref().and_then(text_at).or_else(|| facts.account.clone());
        self.check_names(&key, account.as_ref())?;
        let deleted = event_type.is_some_and(|told| hint.deleted.iter().any(|pattern| pattern.matches(told)));
        let way = if hint.fetch.is_some() { index as i64 + 1 } else { 0 };
        Ok(Some(Told {
            kind: self.kind.clone(),
            account,
            key,
            entity: Value::Null,
            status: String::new(),
            happened_at: facts.time,
            hint: Some(if deleted { Hinted::Deleted } else { Hinted::Changed(way) }),
        }))
    }

    /// How it is fetched in this way.
    pub fn fetch_in(&self, way: i64) -> Option<&FetchSpec> {
        match usize::try_from(way).ok()?.checked_sub(1) {
            None => self.fetch.as_ref(),
            Some(index) => self.hints.get(index)?.fetch.as_ref(),
        }
    }

    /// The parts of a key, in the order in which the manifest names them, for the fetch in this way.
    pub fn parts_of<'k>(&self, key: &'k str, way: i64) -> Vec<&'k str> {
        let hint = usize::try_from(way).ok().and_then(|way| self.hints.get(way.checked_sub(1)?));
        let paths = hint.map_or(&self.key, |hint| &hint.key).len();
        key.splitn(paths, '/').collect()
    }

    /// The records of an answer, with what else was fetched for them (`AlsoFetched`), and without what is never stored.
    /// `Err` is a sentence.
    pub fn documents(
        &self,
        fetch: &FetchSpec,
        mut answer: Value,
        also: &[(String, Value)],
    ) -> Result<Vec<Told>, String> {
        let found = match &fetch.list {
            Some(_) if answer.is_null() => Vec::new(),
            Some(list) => match answer.pointer_mut(list).map(Value::take) {
                Some(Value::Array(items)) if items.len() <= SEVERAL_MAX => items,
                Some(Value::Array(_)) => {
                    return Err(format!("the answer holds more than {SEVERAL_MAX} records"));
                }
                _ => return Err(format!("the answer has no list at {list}")),
            },
            None => {
                let at = fetch.at.as_ref().unwrap_or(&self.at);
                let found = answer.pointer_mut(at).map(Value::take);
                vec![found.ok_or_else(|| format!("the answer has no {} at {at}", self.kind))?]
            }
        };
        let kept: Vec<(&String, Value)> =
            also.iter().map(|(name, told)| (name, fetch.kept(name, told))).collect();
        let whole = |mut document: Value| {
            if let Value::Object(map) = &mut document {
                map.extend(kept.iter().map(|(name, told)| ((*name).clone(), told.clone())));
            }
            self.document(document)
        };
        found.into_iter().map(whole).collect()
    }

    /// One record as its system's API gives it, without what is never stored. `Err` is a sentence.
    pub fn document(&self, document: Value) -> Result<Told, String> {
        self.read_one(document, &Facts::default())
    }

    /// What a document that was fetched tells. `Err` is a sentence.
    pub fn fetched(&self, document: Value, account: &str) -> Result<Told, String> {
        let facts = Facts { account: Some(account.to_owned()), ..Facts::default() };
        self.read_one(document, &facts)
    }

    /// The record ends by the word of an event alone: its last state stays, with the status of a deleted one where a body
    /// says it, so that a rule that sends the status does not go on sending that of a live one. `None` where it has ended so
    /// already.
    pub fn ended(&self, present: &super::Present) -> Option<super::Compared> {
        if Self::is_ended(&present.status) {
            return None;
        }
        let mut entity = present.entity.clone();
        if let Some(path) = &self.status {
            put(&mut entity, path, DELETED);
        }
        Some(super::Compared {
            kind: ChangeKind::Deleted,
            paths: self.content.differences(&present.entity, &entity),
            hash: self.content.hash(&entity),
            entity,
            note: None,
            flag_if_known: false,
            doubtful: false,
        })
    }

    /// The word of a status that `ended` leaves.
    pub fn ended_status() -> &'static str {
        DELETED
    }

    /// Whether a status is the one that `ended` leaves.
    pub fn is_ended(status: &str) -> bool {
        status == DELETED
    }

    /// Whether a state is one that a booking ends in: cancelled, rebooked, deleted.
    pub fn is_over(&self, entity: &Value, status: &str) -> bool {
        let kind = self.kind_at_first_sight(entity, status);
        Self::is_ended(status)
            || matches!(kind, ChangeKind::Cancelled | ChangeKind::Rebooked | ChangeKind::Deleted)
    }
}
