//! Mapping: what a run's steps send, and why. One body of code maps for delivery, rehearsal and explanation.
//! It promises: what does not read `steps` is evaluated for all steps before anything is sent; a field is sent, left
//! out, or the reason is a sentence that names field, place and event. Called when a run is claimed, and by `explain`.

use super::fields::{Mapper, Stop};
use super::plan::{self, ChangeContext, REMOVED};
use super::rule::{Each, Rule, Ruleset, Step};
use super::{items, scope};
use crate::connectors::{Action, Connection};
use crate::domain::{Verdict, VerdictCode};
use crate::expr::{Read, Scope};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// What a verdict says of it: `Mapping`, or `OutputMissing` where an answer lacked what a step reads.
    pub code: VerdictCode,
}

impl MapError {
    /// A sentence about a line of a rule's file.
    pub(super) fn at(file: &str, line: u32, sentence: &str) -> Self {
        Self { message: plan::told(file, line, sentence), line: Some(line), code: VerdictCode::Mapping }
    }
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
    /// The text of the expression or literal; of a default, where it comes from.
    pub text: String,
    /// Payload paths that it read, with their values.
    pub reads: Vec<Read>,
}

/// Whether a run is to go on.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapped {
    /// It goes on, with the fields of those steps, by their index, that nothing later can change.
    Go(BTreeMap<usize, Map<String, Value>>),
    /// `when` is not true (any more), or the item is not there: nothing to send.
    Skip(Verdict),
}

impl Ruleset {
    /// Evaluates `when` and everything that does not read `steps`, of all steps: what fails here fails the run before
    /// anything is sent. A step whose `if` (not reading `steps`) is not true is left out of it, and so is one that is
    /// done.
    pub fn begin(&self, rule: &Rule, context: &RunContext) -> Result<Mapped, MapError> {
        let Some(scope) = self.run_scope(rule, context)? else {
            return Ok(Mapped::Skip(item_gone(rule, context)));
        };
        if let Some(when) = &rule.when {
            match plan::holds(&self.engine, when, &scope) {
                Ok(true) => {}
                Ok(false) => return Ok(Mapped::Skip(plan::when_verdict(rule, when))),
                Err(error) => {
                    let message = plan::when_failed(rule, when, &context.change.event, &error);
                    return Err(MapError { message, line: Some(when.line), code: VerdictCode::Mapping });
                }
            }
        }
        let mut ready = BTreeMap::new();
        for (index, step) in rule.steps.iter().enumerate() {
            if context.outputs.contains_key(&step.id) || context.left_out.contains(&step.id) {
                continue;
            }
            let (connection, action) = self.known_action(rule, step)?;
            let mut mapper = Mapper::new(self, rule, step, context, &scope);
            if let Some(condition) = &step.condition
                && !condition.expression.reads(scope::STEPS)
                && !mapper.condition(condition)?
            {
                continue;
            }
            if let Some(fields) = mapper.early(connection, action)? {
                ready.insert(index, fields);
            }
        }
        Ok(Mapped::Go(ready))
    }

    /// Maps one step with the outputs of those before it.
    pub fn map_step(&self, rule: &Rule, step: usize, context: &RunContext) -> Result<StepMapping, MapError> {
        self.map(rule, step, context, None)
    }

    /// Why each field of a step has its value (the same production code, with the trace kept). A step left out has no
    /// fields.
    pub fn trace_step(
        &self,
        rule: &Rule,
        step: usize,
        context: &RunContext,
    ) -> Result<Vec<FieldTrace>, MapError> {
        let mut traces = Vec::new();
        match self.map(rule, step, context, Some(&mut traces))? {
            StepMapping::LeftOut(_) => Ok(Vec::new()),
            StepMapping::Send(accepted) => {
                let step = &rule.steps[step];
                // What is sent is what the action accepted: a number as a text, say.
                for trace in &mut traces {
                    self.add_origins(context, &mut trace.reads);
                    if let Some(value) = accepted.get(&trace.field) {
                        trace.value = value.clone();
                    }
                }
                let mapped = |name: &str| step.with.iter().any(|field| field.name == name);
                let defaults = accepted.into_iter().filter(|(name, _)| !mapped(name));
                traces.extend(defaults.map(|(field, value)| FieldTrace {
                    field,
                    value,
                    file: rule.file.clone(),
                    line: step.line,
                    text: format!("default of {}.{}", step.connection, step.action),
                    reads: Vec::new(),
                }));
                Ok(traces)
            }
        }
    }

    /// Behind each name of the common view, the payload path that it comes from.
    fn add_origins(&self, context: &RunContext, reads: &mut Vec<Read>) {
        let source = self.sources.get(&context.change.source);
        let records = source.and_then(|source| source.connector.source.as_ref());
        let Some(spec) = records.and_then(|records| records.record(&context.change.about)) else { return };
        let mut index = 0;
        while index < reads.len() {
            if let Some((path, value)) = spec.view_origin(&reads[index].path, &context.change.booking) {
                index += 1;
                reads.insert(index, Read { path: format!("booking.{path}"), value: Some(value.clone()) });
            }
            index += 1;
        }
    }

    fn map(
        &self,
        rule: &Rule,
        step: usize,
        context: &RunContext,
        traces: Option<&mut Vec<FieldTrace>>,
    ) -> Result<StepMapping, MapError> {
        let Some(step) = rule.steps.get(step) else {
            let message = format!("The rule {} has no step number {}.", rule.name, step + 1);
            return Err(MapError { message, line: None, code: VerdictCode::Mapping });
        };
        let (connection, action) = self.known_action(rule, step)?;
        let Some(mut scope) = self.run_scope(rule, context)? else {
            let verdict = item_gone(rule, context);
            let line = rule.each.as_ref().map(|each| each.line);
            return Err(MapError { message: verdict.text, line, code: verdict.code });
        };
        scope.set(scope::STEPS, Arc::new(outputs(context)));
        let mut mapper = Mapper::new(self, rule, step, context, &scope);
        match mapper.step(connection, action, traces) {
            Ok(mapping) => Ok(mapping),
            Err(Stop::LeftOut(verdict)) => Ok(StepMapping::LeftOut(verdict)),
            Err(Stop::Fail(error)) => Err(error),
        }
    }

    fn known_action(&self, rule: &Rule, step: &Step) -> Result<(&Connection, &Action), MapError> {
        self.action_of(step).map(|(connection, action)| (&**connection, &**action)).ok_or_else(|| {
            let sentence = format!("there is no {}.{} any more", step.connection, step.action);
            MapError::at(&rule.file, step.line, &sentence)
        })
    }

    /// The scope of a run, with its item and without steps; `None` where the item is not there.
    fn run_scope(&self, rule: &Rule, context: &RunContext) -> Result<Option<Scope>, MapError> {
        let mut scope = scope::of_change(self, &context.change, &context.asked);
        let Some(each) = &rule.each else { return Ok(Some(scope)) };
        let found = if context.asked == REMOVED {
            let previous = context.change.previous.as_ref().unwrap_or(&context.change.booking);
            let former = items::former_scope(&scope, &context.change.about, previous);
            // Where the booking was rebooked and its items left with it, they are in its present state still.
            match self.item(rule, each, context, &former)? {
                Some(item) => Some(item),
                None => self.item(rule, each, context, &scope)?,
            }
        } else {
            self.item(rule, each, context, &scope)?
        };
        Ok(found.map(|item| {
            scope.set(&each.name, Arc::new(item));
            scope.set("change", plan::of_item(rule, &context.change, &context.asked, &context.item));
            scope
        }))
    }

    fn item(
        &self,
        rule: &Rule,
        each: &Each,
        context: &RunContext,
        scope: &Scope,
    ) -> Result<Option<Value>, MapError> {
        match items::read(&self.engine, each, scope) {
            Ok(items) => Ok(items.find(&context.item).cloned()),
            Err(sentence) => {
                let sentence = format!("{sentence}{}", plan::in_event(&context.change.event));
                Err(MapError::at(&rule.file, each.line, &sentence))
            }
        }
    }
}

fn item_gone(rule: &Rule, context: &RunContext) -> Verdict {
    let name = rule.each.as_ref().map_or(scope::ITEM, |each| each.name.as_str());
    let text = match context.item.as_str() {
        "" => format!("This booking has no {name}."),
        item => format!("The {name} {item} is not in the booking any more."),
    };
    Verdict::new(VerdictCode::ItemRemoved, text)
}

/// The value of `steps`.
fn outputs(context: &RunContext) -> Value {
    let of = |outputs: &BTreeMap<String, Value>| {
        Value::Object(outputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    Value::Object(context.outputs.iter().map(|(id, outputs)| (id.clone(), of(outputs))).collect())
}
