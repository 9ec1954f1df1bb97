//! (change, ruleset) → plan. Evaluates `each:` and `when:` only; mapping happens when a run is claimed.

use super::{Rule, Ruleset};
use crate::domain::{ChangeKind, Verdict, View};
use serde_json::Value;
use std::sync::Arc;

/// A change with effect, and the states around it.
#[derive(Clone, Debug)]
pub struct ChangeContext {
    /// Name of the source.
    pub source: String,
    /// The source's account (`source.account`).
    pub account: String,
    /// What it was.
    pub kind: ChangeKind,
    /// Changed paths.
    pub paths: Vec<String>,
    /// The booking after it.
    pub booking: Arc<Value>,
    /// The booking before.
    pub previous: Option<Arc<Value>>,
    /// Common view of it.
    pub view: View,
    /// The run's fixed `now`.
    pub at: crate::domain::Millis,
    /// Id of the event, for messages.
    pub event: String,
}

/// One run that a change leads to.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Name of the rule.
    pub rule: String,
    /// Key of the item, else empty.
    pub item: String,
    /// `change.kind` as asked for (`cancelled` for a rebooked one; `removed`, `added`, `changed` for items).
    pub asked: String,
    /// What `lane:` gave, where the rule has one.
    pub lane: Option<String>,
    /// Connection of its first step.
    pub connection: String,
    /// Whether it supersedes.
    pub supersedes: bool,
    /// Run, or an end at once.
    pub state: PlannedState,
}

/// How it starts.
#[derive(Clone, Debug, PartialEq)]
pub enum PlannedState {
    /// It waits.
    Wait,
    /// Nothing to send.
    Skip(Verdict),
    /// An expression failed.
    Fail(Verdict),
}

impl Ruleset {
    /// All runs that a change leads to, rules in the order of their names, items in their order. Rules that don't ask
    /// for this kind of change give nothing.
    pub fn plan(&self, _change: &ChangeContext) -> Vec<Planned> {
        todo!()
    }

    /// The same for one rule, whatever its `on:` says (apply, replay of a kind: see `asked`).
    pub fn plan_rule(&self, _rule: &Arc<Rule>, _change: &ChangeContext) -> Vec<Planned> {
        todo!()
    }
}
