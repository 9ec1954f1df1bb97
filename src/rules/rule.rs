//! A ruleset, compiled: what the files came to, ready to plan and to map. Made by `compile` only, never changed after.

use super::scope;
use crate::connectors::{Action, Catalogue, Children, Connection, RetrySchedule, Source};
use crate::document::Place;
use crate::domain::ChangeKind;
use crate::expr::{Engine, Expression, Template};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All rule files, scripts and tables together, validated as one.
pub struct Ruleset {
    /// Content hash.
    pub hash: String,
    /// Connectors that it knows.
    pub catalogue: Catalogue,
    /// Sources by name.
    pub sources: BTreeMap<String, Arc<Source>>,
    /// Connections by name.
    pub connections: BTreeMap<String, Arc<Connection>>,
    /// Rules by name.
    pub rules: BTreeMap<String, Arc<Rule>>,
    /// The engine that its expressions were compiled with.
    pub engine: Arc<Engine>,
}

/// One rule.
pub struct Rule {
    /// Its name: that of its file.
    pub name: String,
    /// Its file.
    pub file: String,
    /// For people.
    pub title: String,
    /// `enabled: false` plans nothing.
    pub enabled: bool,
    /// Former name, whose links are carried over.
    pub was: Option<String>,
    /// The same with its place, for diagnostics.
    pub(super) was_at: Option<(String, Place)>,
    /// Sources.
    pub from: Vec<String>,
    /// The kind of record that it is about: `booking`, unless `about:` names another (`item`).
    pub about: String,
    /// What it asks for: kinds of change, and `customer.added|changed|removed`.
    pub on: Vec<String>,
    /// Condition.
    pub when: Option<Condition>,
    /// One run per item.
    pub each: Option<Each>,
    /// Lists whose items `on:` names although there is no `each:`: one run for all that became of them.
    pub lists: Vec<Children>,
    /// `rebooking: move`: a booking that takes the place of another takes over its records and its lane.
    pub moves: bool,
    /// Lane template; absent: rule + booking (+ item).
    pub lane: Option<Lane>,
    /// `latest_only:`, where given.
    pub latest_only: Option<bool>,
    /// Its own retry schedule, where given; else the connection's.
    pub retry: Option<RetrySchedule>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// All steps are upserts and nothing reads `change`, `previous` or `now` (or `latest_only: true`): a newer change
    /// supersedes older runs.
    pub supersedes: bool,
    /// All steps are upserts: what was sent can be sent again.
    pub repeatable: bool,
}

/// `when:` or `if:`.
pub struct Condition {
    /// The expression.
    pub expression: Expression,
    /// Line in the rule's file.
    pub line: u32,
}

/// `lane:`.
pub struct Lane {
    /// The template.
    pub template: Template,
    /// Line in the rule's file.
    pub line: u32,
}

/// `each:`.
pub struct Each {
    /// The list: a lone path such as `booking.customers`, or any expression that gives a list.
    pub list: Expression,
    /// Name of one in scope (`customer`).
    pub name: String,
    /// Dotted path of the list, where it is a list of the record by itself.
    pub path: Option<String>,
    /// Dotted path of the key within an item (`pk`); where the connector knows no children there, the index is the key.
    pub key: Option<String>,
    /// Line in the rule's file.
    pub line: u32,
}

/// One step.
pub struct Step {
    /// Its id.
    pub id: String,
    /// Former id.
    pub was: Option<String>,
    /// Connection.
    pub connection: String,
    /// Action.
    pub action: String,
    /// Condition.
    pub condition: Option<Condition>,
    /// Fields.
    pub with: Vec<FieldTemplate>,
    /// Line of `use:` in the file.
    pub line: u32,
}

/// One field of `with:`.
pub struct FieldTemplate {
    /// Name of the field.
    pub name: String,
    /// Line in the rule's file.
    pub line: u32,
    /// What fills it.
    pub value: FieldValue,
    /// The text of the literal or template, as written (empty for maps and lists).
    pub text: String,
    /// Whether anything in it reads `steps`: then it waits for the steps before it.
    pub reads_steps: bool,
}

/// What fills a field.
pub enum FieldValue {
    /// A literal.
    Literal(serde_json::Value),
    /// A text with `{{ }}`.
    Template(Template),
    /// A list.
    List(Vec<FieldTemplate>),
    /// A map.
    Map(Vec<FieldTemplate>),
}

impl Rule {
    /// How this rule asks for a kind of change: `rebooked` counts as `cancelled` and `deleted` as `cancelled` unless
    /// named. `None`: it does not.
    pub fn asks_for(&self, kind: ChangeKind) -> Option<&'static str> {
        let named = |word: &str| self.on.iter().any(|asked| asked == word);
        if kind.has_effect() && named(kind.as_str()) {
            return Some(kind.as_str());
        }
        match kind {
            ChangeKind::Rebooked | ChangeKind::Deleted => {
                let word = ChangeKind::Cancelled.as_str();
                named(word).then_some(word)
            }
            _ => None,
        }
    }

    /// How this rule asks for a booking as it stands: one that was `created`, or has come to its end. `None`: it does not.
    pub fn asks_for_present(&self, at_first_sight: ChangeKind) -> Option<&str> {
        match at_first_sight {
            ChangeKind::Cancelled | ChangeKind::Rebooked | ChangeKind::Deleted => {
                self.asks_for(at_first_sight)
            }
            _ => self
                .asks_for(ChangeKind::Created)
                .or_else(|| self.asks_for(ChangeKind::Updated))
                .or_else(|| ["added", "changed"].into_iter().find(|what| self.asks_for_items(what)))
                .or_else(|| self.asks_for_list()),
        }
    }

    /// The first word of `on:` that is about items, where there is no `each:` (`customer.added`).
    fn asks_for_list(&self) -> Option<&str> {
        let words = self.on.iter().map(String::as_str);
        words.filter(|_| self.each.is_none()).find(|word| word.contains('.'))
    }

    /// Whether it asks for a change of its items (`added`, `changed`, `removed`).
    pub fn asks_for_items(&self, what: &str) -> bool {
        self.each.as_ref().is_some_and(|each| self.asks_for_items_of(&each.name, what))
    }

    /// The same of a list by the name of its items, with `each:` or without.
    pub(super) fn asks_for_items_of(&self, name: &str, what: &str) -> bool {
        self.on.iter().any(|asked| asked.split_once('.') == Some((name, what)))
    }
}

impl Rule {
    /// Whether it reads the bookings before or after in a chain of rebookings.
    pub fn reads_neighbours(&self) -> bool {
        self.reads(scope::BEFORE) || self.reads(scope::AFTER)
    }

    /// Whether anything in it reads a name.
    pub(super) fn reads(&self, name: &str) -> bool {
        let condition = |condition: &Option<Condition>| {
            condition.as_ref().is_some_and(|found| found.expression.reads(name))
        };
        condition(&self.when)
            || self.each.as_ref().is_some_and(|each| each.list.reads(name))
            || self.lane.as_ref().is_some_and(|lane| lane.template.reads(name))
            || self
                .steps
                .iter()
                .any(|step| condition(&step.condition) || step.with.iter().any(|field| field.reads(name)))
    }
}

impl Step {
    /// The line of a field, else the step's own.
    pub fn line_of(&self, field: Option<&str>) -> u32 {
        let found = field.and_then(|name| self.with.iter().find(|field| field.name == name));
        found.map_or(self.line, |field| field.line)
    }
}

impl FieldTemplate {
    fn reads(&self, name: &str) -> bool {
        match &self.value {
            FieldValue::Literal(_) => false,
            FieldValue::Template(template) => template.reads(name),
            FieldValue::List(inner) | FieldValue::Map(inner) => inner.iter().any(|field| field.reads(name)),
        }
    }
}

impl Ruleset {
    /// The connection and the action of a step; `None` where the step is not of this ruleset.
    pub fn action_of(&self, step: &Step) -> Option<(&Arc<Connection>, &Arc<Action>)> {
        let connection = self.connections.get(&step.connection)?;
        Some((connection, connection.actions.get(&step.action)?))
    }
}
