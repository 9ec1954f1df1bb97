//! The source side: what a webhook's body tells of which records, and what that changes.

use super::content::Content;
use super::envelope::Facts;
use super::event_type::TypePattern;
use super::fetch_spec::{FetchSpec, HintSpec, Hinted};
use super::kind::{Condition, States};
use super::pattern::{At, Dotted, KeyPath, Pattern, key_text};
use super::schema::Schema;
use super::shape::Shape;
use super::version::Version;
use super::view::ViewSpec;
use super::words::Words;
use crate::domain::{ChangeKind, Millis, View, search_terms};
use serde_json::Value;

/// Characters of a key or an account; more is no key.
pub(super) const KEY_CHARS_MAX: usize = 500;
/// Characters that are kept of a status.
const STATUS_CHARS_MAX: usize = 60;

/// How one kind of record is read from bodies (`booking`, `item`).
#[derive(Clone, Debug)]
pub struct RecordSpec {
    /// `booking`, `item`.
    pub kind: String,
    /// Known paths.
    pub schema: Schema,
    /// Children that `each:` and `customer.…` changes are about: list path, key, and the name in scope.
    pub children: Vec<Children>,
    /// Where rebookings are told, where this kind has them.
    pub chain: Option<super::ChainSpec>,
    /// How sure we are of this part.
    pub verified: super::Verified,
    /// Types of event that tell of it; empty: any.
    pub(super) on: Vec<TypePattern>,
    /// Keys are found whatever their case.
    pub(super) any_case: bool,
    pub(super) version: Version,
    /// The status that an event's type says by itself; the first that fits counts.
    pub(super) status_on: Vec<(TypePattern, String)>,
    pub(super) at: String,
    pub(super) key: KeyPath,
    pub(super) account: Option<Dotted>,
    pub(super) status: Option<Dotted>,
    /// What the system's codes for it are called.
    pub(super) status_words: Words,
    pub(super) changes: Vec<Condition>,
    pub(super) content: Content,
    pub(super) shapes: Vec<Shape>,
    pub(super) never_stored: Vec<Pattern>,
    /// The same as its manifest writes it.
    pub(super) never_stored_texts: Vec<String>,
    pub(super) view: ViewSpec,
    /// What bookings are found by beside the common view: custom fields.
    pub(super) search: Vec<Pattern>,
    /// Webhooks that only say that one changed.
    pub hints: Vec<HintSpec>,
    /// How one is fetched from the source's API, where it can be.
    pub fetch: Option<FetchSpec>,
}

/// Children of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Children {
    /// Dotted path of the list (`customers`).
    pub list: String,
    /// Dotted path of the key within an item (`pk`).
    pub key: String,
    /// Name of one in scope and in `on:` (`customer`).
    pub name: String,
}

/// What a body told of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Kind of record (`booking`).
    pub kind: String,
    /// Account within the source system, where the body says one.
    pub account: Option<String>,
    /// The source's own key.
    pub key: String,
    /// The record itself, without what is never stored.
    pub entity: Value,
    /// Word of its status (empty where it has none).
    pub status: String,
    /// When it happened, by the system's word.
    pub happened_at: Option<Millis>,
    /// The body only hints at it: there is no record in it (`entity` is null).
    pub hint: Option<Hinted>,
}

/// Why a body could not be read, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not what the connector knows; the event is `unreadable`.
    #[error("{0}")]
    Body(String),
    /// Readable, but about nothing that we keep; the event is `ignored`.
    #[error("{0}")]
    Nothing(String),
}

/// The present state of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Present {
    /// Its JSON.
    pub entity: Value,
    /// Hash of the content without noise.
    pub hash: String,
    /// Word of its status.
    pub status: String,
    /// When the event that made it happened, by the system's word.
    pub happened_at: Option<Millis>,
}

/// What was told, against the present state.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// What it did. Never `refused` or `unreadable`.
    pub kind: ChangeKind,
    /// Changed paths: dotted, items of sets by key (`customers[9000001].checkin_status`), sorted; empty at first sight.
    pub paths: Vec<String>,
    /// The new state (merged over shapes); the present one where the change is without effect.
    pub entity: Value,
    /// Hash of it without noise.
    pub hash: String,
    /// A sentence where there is something to say.
    pub note: Option<String>,
    /// Whether the content must be looked up among earlier versions: if one had the same hash, the change is flagged
    /// `possible late copy`.
    pub flag_if_known: bool,
    /// The manifest says that it may be a late copy (`verify: true` at a kind of change).
    pub doubtful: bool,
}

impl RecordSpec {
    /// What a body tells of this kind of record, by what stands at `at`. `Err` is a sentence.
    pub(super) fn read(&self, found: Value, facts: &Facts) -> Result<Vec<Told>, String> {
        match found {
            Value::Array(items) => items.into_iter().map(|item| self.read_one(item, facts)).collect(),
            item => Ok(vec![self.read_one(item, facts)?]),
        }
    }

    /// Whether events of this type tell of it.
    pub fn is_told_by(&self, event_type: Option<&str>) -> bool {
        if !self.hints.is_empty() {
            return self.is_hinted_by(event_type);
        }
        self.on.is_empty()
            || event_type.is_some_and(|told| self.on.iter().any(|pattern| pattern.matches(told)))
    }

    /// Whether it tells of rebookings.
    pub fn tells_of_rebookings(&self) -> bool {
        self.chain.is_some() || self.changes.iter().any(|condition| condition.kind == ChangeKind::Rebooked)
    }

    /// Whether nothing but its arrival says which of two states is the newer one.
    pub fn goes_by_arrival(&self) -> bool {
        self.version == Version::Arrival
    }

    /// Whether one of the two is read from within the other.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.at.starts_with(&other.at) || other.at.starts_with(&self.at)
    }

    pub(super) fn read_one(&self, mut told: Value, facts: &Facts) -> Result<Told, String> {
        let kind = &self.kind;
        if !told.is_object() {
            let what = match &told {
                Value::Null => "null",
                Value::Array(_) => "a list",
                Value::String(_) => "a text",
                _ => "a single value",
            };
            return Err(format!("The body's {kind} is {what} where a map was expected."));
        }
        let text_at = |path: &Dotted| path.get_in(&told, self.any_case).and_then(key_text);
        let key = self.key.get(&told, self.any_case).ok_or_else(|| {
            format!("The body tells of a {kind} without a key: it has no usable `{}`.", self.key)
        })?;
        let account = self.account.as_ref().and_then(text_at).or_else(|| facts.account.clone());
        self.check_names(&key, account.as_ref())?;
        let said = facts.event_type.as_deref().and_then(|told| {
            self.status_on.iter().find(|(pattern, _)| pattern.matches(told)).map(|(_, word)| word.clone())
        });
        let written = || self.status.as_ref().and_then(text_at);
        let status = said.or_else(|| Some(self.status_words.of(&written()?).to_owned())).unwrap_or_default();
        let status = status.chars().filter(|c| !c.is_control()).take(STATUS_CHARS_MAX).collect();
        if !self.never_stored.is_empty() {
            remove(&mut told, &self.never_stored, &mut Vec::new());
        }
        Ok(Told {
            kind: kind.clone(),
            account,
            key,
            entity: told,
            status,
            happened_at: facts.time,
            hint: None,
        })
    }

    /// Whether key and account can be names of anything. `Err` is a sentence.
    pub(super) fn check_names(&self, key: &String, account: Option<&String>) -> Result<(), String> {
        let kind = &self.kind;
        for (what, text) in [("key", Some(key)), ("account", account)] {
            if text.is_some_and(|text| {
                text.chars().count() > KEY_CHARS_MAX || text.chars().any(char::is_control)
            }) {
                return Err(format!(
                    "The {what} of the body's {kind} is longer than {KEY_CHARS_MAX} characters or holds control characters."
                ));
            }
        }
        Ok(())
    }

    /// Where the types of events say the status, one that says nothing of it leaves it as it is.
    pub fn keep_status(&self, present: Option<&Present>, told: &mut Told) {
        if let Some(present) = present.filter(|_| told.status.is_empty() && !self.status_on.is_empty()) {
            told.status.clone_from(&present.status);
        }
    }

    /// Whether what was fetched is older than what a webhook told, or than the moment that it told of, by the system's own word.
    pub fn is_behind(&self, fetched: &Told, told: &Told) -> bool {
        self.version.is_behind(fetched, told, self.any_case)
    }

    /// Compares what was told with the present state.
    pub fn compare(&self, present: Option<&Present>, told: Told) -> Compared {
        let older = present.and_then(|present| self.version.older(present, &told, self.any_case));
        let Told { mut entity, status, .. } = told;
        let Some(present) = present else {
            let states = States { present: None, told: (&entity, &status) };
            let (kind, note) = self.kind_of(&states, ChangeKind::Created);
            let hash = self.content.hash(&entity);
            return Compared {
                kind,
                paths: Vec::new(),
                entity,
                hash,
                note,
                flag_if_known: false,
                doubtful: false,
            };
        };
        if let Some(note) = older {
            return Compared {
                kind: ChangeKind::Stale,
                paths: Vec::new(),
                entity: present.entity.clone(),
                hash: present.hash.clone(),
                note: Some(note),
                flag_if_known: false,
                doubtful: false,
            };
        }
        let shapes: Vec<_> = self.shapes.iter().filter(|shape| shape.fits(&entity)).collect();
        for shape in shapes {
            shape.keep(&self.content, &present.entity, &mut entity);
        }
        let hash = self.content.hash(&entity);
        let paths = if hash == present.hash {
            Vec::new()
        } else {
            self.content.differences(&present.entity, &entity)
        };
        let without_effect = |kind, paths, note| Compared {
            kind,
            paths,
            entity: present.entity.clone(),
            hash: present.hash.clone(),
            note,
            flag_if_known: false,
            doubtful: false,
        };
        // A hash of another time's manifest may differ where the content does not. Where the event's type says the status,
        // the status may differ alone.
        let same = paths.is_empty();
        // One that ended by a word alone, and is told of all the same, is there again.
        let again = Self::is_ended(&present.status) && !Self::is_ended(&status);
        if same && !again && (self.status_on.is_empty() || status == present.status) {
            return without_effect(ChangeKind::Unchanged, paths, None);
        }
        let states = States { present: Some((&present.entity, &present.status)), told: (&entity, &status) };
        let (kind, note) = self.kind_of(&states, ChangeKind::Updated);
        if !kind.has_effect() {
            return without_effect(kind, paths, note);
        }
        let doubtful = again
            || self.changes.iter().find(|condition| condition.holds(&states)).is_some_and(|one| one.verify);
        let back = again && kind == ChangeKind::Updated;
        let note = note.or_else(|| back.then(|| "it was deleted, and is there again".to_owned()));
        Compared { kind, paths, entity, hash, note, flag_if_known: !same, doubtful }
    }

    /// What a state would be if it were told for the first time: `created`, or `cancelled` and the like.
    pub fn kind_at_first_sight(&self, entity: &Value, status: &str) -> ChangeKind {
        self.kind_of(&States { present: None, told: (entity, status) }, ChangeKind::Created).0
    }

    fn kind_of(&self, states: &States<'_>, otherwise: ChangeKind) -> (ChangeKind, Option<String>) {
        match self.changes.iter().find(|condition| condition.holds(states)) {
            Some(condition) => (condition.kind, condition.note.clone()),
            None => (otherwise, None),
        }
    }

    /// Where a name of the common view (`person.phone`) comes from in this state: a path and what stands there.
    pub fn view_origin<'v>(&self, path: &str, entity: &'v Value) -> Option<(String, &'v Value)> {
        self.view.origin(path, entity)
    }

    /// The words that a state is found by.
    pub fn terms(&self, view: &View, entity: &Value) -> Vec<String> {
        let mut found = Vec::new();
        if !self.search.is_empty() {
            collect(entity, &self.search, &mut Vec::new(), &mut found);
        }
        search_terms(view, &found)
    }

    /// The common view of a state.
    pub fn view(&self, entity: &Value) -> View {
        self.view.of(entity)
    }
}

/// Values that are looked for beside the view; more of them make no further terms.
const SEARCHED_MAX: usize = 32;

/// The values at these places, in the order of the document.
fn collect<'v>(value: &'v Value, patterns: &[Pattern], path: &mut Vec<At<'v>>, found: &mut Vec<&'v Value>) {
    if found.len() >= SEARCHED_MAX {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                path.push(At::Key(key));
                collect(inner, patterns, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            path.push(At::Item);
            for item in items {
                collect(item, patterns, path, found);
            }
            path.pop();
        }
        Value::String(_) | Value::Number(_) if patterns.iter().any(|pattern| pattern.matches(path)) => {
            found.push(value);
        }
        _ => {}
    }
}

/// Takes out what is never stored.
fn remove<'v>(value: &'v mut Value, patterns: &[Pattern], path: &mut Vec<At<'v>>) {
    // The path borrows the keys, so the doomed ones are found first.
    match value {
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            for key in keys {
                let doomed = {
                    let mut here: Vec<At<'_>> = path.clone();
                    here.push(At::Key(&key));
                    patterns.iter().any(|pattern| pattern.matches(&here))
                };
                if doomed {
                    map.shift_remove(&key);
                }
            }
            for (key, inner) in map.iter_mut() {
                path.push(At::Key(key));
                remove(inner, patterns, path);
                path.pop();
            }
        }
        Value::Array(items) => {
            path.push(At::Item);
            for item in items {
                remove(item, patterns, path);
            }
            path.pop();
        }
        _ => {}
    }
}
