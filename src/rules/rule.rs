//! A ruleset, compiled.

use crate::connectors::{Catalogue, Connection, Source};
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
    /// Sources.
    pub from: Vec<String>,
    /// What it asks for: kinds of change, and `customer.added|changed|removed`.
    pub on: Vec<String>,
    /// Condition.
    pub when: Option<Expression>,
    /// One run per item.
    pub each: Option<Each>,
    /// Lane template; absent: rule + booking (+ item).
    pub lane: Option<Template>,
    /// `latest_only:`, where given.
    pub latest_only: Option<bool>,
    /// Its own retry schedule, where given; else the connection's.
    pub retry: Option<crate::connectors::RetrySchedule>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// All steps are upserts and nothing reads `change`, `previous` or `now` (or `latest_only: true`): a newer change
    /// supersedes older runs.
    pub supersedes: bool,
}

/// `each:`.
pub struct Each {
    /// The list: a lone path such as `booking.customers`, or any expression that gives a list.
    pub list: Expression,
    /// Name of one in scope (`customer`).
    pub name: String,
    /// Dotted path of the key within an item (`pk`); where the connector knows no children there, the index is the key.
    pub key: Option<String>,
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
    pub condition: Option<Expression>,
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
    pub fn asks_for(&self, _kind: ChangeKind) -> Option<&'static str> {
        todo!()
    }
}
