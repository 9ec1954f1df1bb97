//! Mapping with traces: what a run's steps send.

use super::{ChangeContext, Rule, Ruleset};
use crate::domain::Verdict;
use crate::expr::Read;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a run's expressions see.
#[derive(Clone, Debug)]
pub struct RunContext {
    /// The change and the states around it.
    pub change: ChangeContext,
    /// `change.kind` as asked for.
    pub asked: String,
    /// Key of the item, else empty.
    pub item: String,
    /// Outputs of the steps done, by step id; a step left out has none.
    pub outputs: BTreeMap<String, BTreeMap<String, Value>>,
    /// Steps that were left out.
    pub left_out: Vec<String>,
}

/// Why a run fails before anything is sent: a sentence naming field, rule file and line, and event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MapError {
    /// The sentence.
    pub message: String,
    /// Line in the rule's file.
    pub line: Option<u32>,
}

/// What one step comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum StepMapping {
    /// Its fields, as the action accepts them.
    Send(Map<String, Value>),
    /// Left out, with a verdict.
    LeftOut(Verdict),
}

/// Why a field has its value.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldTrace {
    /// Name of the field (nested: `address.city`, `tags[0]`).
    pub field: String,
    /// Its value.
    pub value: Value,
    /// File of the rule.
    pub file: String,
    /// Line in it.
    pub line: u32,
    /// The text of the expression or literal.
    pub text: String,
    /// Payload paths that it read, with their values.
    pub reads: Vec<Read>,
}

/// Whether a run is to go on.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapped {
    /// It goes on.
    Go,
    /// `when` is not true (any more), or the item is not there: nothing to send.
    Skip(Verdict),
}

impl Ruleset {
    /// Evaluates `when` and everything that does not read `steps`, of all steps: what fails here fails the run before
    /// anything is sent.
    pub fn begin(&self, _rule: &Rule, _context: &RunContext) -> Result<Mapped, MapError> {
        todo!()
    }

    /// Maps one step with the outputs of those before it.
    pub fn map_step(
        &self,
        _rule: &Rule,
        _step: usize,
        _context: &RunContext,
    ) -> Result<StepMapping, MapError> {
        todo!()
    }

    /// Why each field of a step has its value (the same production code, with the trace kept).
    pub fn trace_step(
        &self,
        _rule: &Rule,
        _step: usize,
        _context: &RunContext,
    ) -> Result<Vec<FieldTrace>, MapError> {
        todo!()
    }
}
