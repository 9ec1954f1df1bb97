//! Maps the fields of one step: literals, `{{ }}` values, nested maps and lists. Knows why something came to nothing:
//! the payload lacks it, an earlier step was left out, or an answer lacked an output. Used by `map` only.

use super::map::{FieldTrace, MapError, RunContext, StepMapping};
use super::plan::{holds, in_event, shown};
use super::rule::{Condition, FieldTemplate, FieldValue, Rule, Ruleset, Step};
use super::scope;
use crate::connectors::{Action, Connection, Input, InputKind, RenderError};
use crate::domain::{Verdict, VerdictCode};
use crate::expr::{Expression, Part, Path, Scope, Segment, Template};
use serde_json::{Map, Value, json};

/// Why a step's mapping ended.
pub(super) enum Stop {
    /// The run fails.
    Fail(MapError),
    /// The step is left out.
    LeftOut(Verdict),
}

impl From<MapError> for Stop {
    fn from(error: MapError) -> Self {
        Self::Fail(error)
    }
}

/// Why an expression came to nothing.
enum Cause {
    /// The payload has nothing there.
    Payload,
    /// It reads a step that was left out.
    LeftOut(String),
    /// It reads an output that the answer of a step lacked.
    Lacked { step: String, output: String },
}

/// One field on its way.
#[derive(Clone, Copy)]
struct Place<'f> {
    field: &'f FieldTemplate,
    /// Its name with those around it.
    name: &'f str,
    /// Whether the action needs it.
    required: bool,
}

/// Maps one step of one run.
pub(super) struct Mapper<'m> {
    ruleset: &'m Ruleset,
    rule: &'m Rule,
    step: &'m Step,
    context: &'m RunContext,
    scope: &'m Scope,
}

impl<'m> Mapper<'m> {
    pub(super) fn new(
        ruleset: &'m Ruleset,
        rule: &'m Rule,
        step: &'m Step,
        context: &'m RunContext,
        scope: &'m Scope,
    ) -> Self {
        Self { ruleset, rule, step, context, scope }
    }

    /// Whether the step's `if` is true; for one that does not read `steps`.
    pub(super) fn condition(&self, condition: &Condition) -> Result<bool, MapError> {
        holds(&self.ruleset.engine, condition, self.scope).map_err(|error| {
            let sentence =
                format!("the condition `if` of the step {} failed{}: {error}", self.step.id, self.event());
            MapError::at(&self.rule.file, condition.line, &sentence)
        })
    }

    /// The whole step.
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        action: &Action,
        mut traces: Option<&mut Vec<FieldTrace>>,
    ) -> Result<StepMapping, Stop> {
        if let Some(condition) = &self.step.condition
            && !self.late_condition(condition)?
        {
            let text = format!(
                "The condition of the step {} is not true: `{}` ({}, line {}).",
                self.step.id,
                shown(condition.expression.text()),
                self.rule.file,
                condition.line
            );
            return Ok(StepMapping::LeftOut(Verdict::new(VerdictCode::If, text)));
        }
        let mut fields = Map::new();
        for field in &self.step.with {
            let place = Place { field, name: &field.name, required: required(action, field) };
            if let Some(value) = self.value(place, &mut traces)? {
                fields.insert(field.name.clone(), value);
            }
        }
        Ok(StepMapping::Send(self.accepted(connection, action, fields)?))
    }

    /// Everything of the step that does not read `steps`, so that it fails before anything is sent. Where that is all of
    /// it, its fields.
    pub(super) fn early(
        &mut self,
        connection: &Connection,
        action: &Action,
    ) -> Result<Option<Map<String, Value>>, MapError> {
        let mut fields = Map::new();
        for field in &self.step.with {
            let place = Place { field, name: &field.name, required: required(action, field) };
            let value = if field.reads_steps {
                self.early_parts(place)?;
                action.inputs.get(&field.name).map(stand_in)
            } else {
                self.value(place, &mut None).map_err(only_failures)?
            };
            if let Some(value) = value {
                fields.insert(field.name.clone(), value);
            }
        }
        let accepted = self.accepted(connection, action, fields)?;
        let later = self.step.with.iter().any(|field| field.reads_steps)
            || self.step.condition.as_ref().is_some_and(|condition| condition.expression.reads(scope::STEPS));
        if later {
            return Ok(None);
        }
        let tried = action.try_out(&self.ruleset.engine, connection, &accepted);
        tried.map_err(|error| self.refused(connection, action, &error))?;
        Ok(Some(accepted))
    }

    /// Within a field that reads `steps`: those parts that don't.
    fn early_parts(&self, place: Place<'_>) -> Result<(), MapError> {
        match &place.field.value {
            FieldValue::Literal(_) => {}
            FieldValue::Template(template) if template.lone().is_some() => {}
            FieldValue::Template(template) => {
                for expression in expressions(template).filter(|part| !part.reads(scope::STEPS)) {
                    self.part(place, expression).map_err(only_failures)?;
                }
            }
            FieldValue::List(inner) | FieldValue::Map(inner) => {
                for field in inner {
                    let name = nested(place, field);
                    let place = Place { field, name: &name, required: false };
                    if field.reads_steps {
                        self.early_parts(place)?;
                    } else {
                        self.value(place, &mut None).map_err(only_failures)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Like `condition`; one that fails because it reads a step that was left out leaves its own step out.
    fn late_condition(&self, condition: &Condition) -> Result<bool, Stop> {
        self.condition(condition).map_err(|error| match self.cause(&condition.expression) {
            Cause::Payload => Stop::Fail(error),
            Cause::LeftOut(step) => self.left_out("its condition", &step),
            Cause::Lacked { step, output } => self.lacked(condition.line, "its condition", &step, &output),
        })
    }

    /// The value of a field; `None`: the field is left out.
    fn value(
        &self,
        place: Place<'_>,
        traces: &mut Option<&mut Vec<FieldTrace>>,
    ) -> Result<Option<Value>, Stop> {
        let (value, template) = match &place.field.value {
            FieldValue::Literal(value) => (Some(value.clone()), None),
            FieldValue::Template(template) => (self.template(place, template)?, Some(template)),
            FieldValue::List(inner) => {
                let mut list = Vec::with_capacity(inner.len());
                for field in inner {
                    let name = nested(place, field);
                    let place = Place { field, name: &name, required: false };
                    list.extend(self.value(place, traces)?);
                }
                return Ok(Some(Value::Array(list)));
            }
            FieldValue::Map(inner) => {
                let mut map = Map::new();
                for field in inner {
                    let name = nested(place, field);
                    let place = Place { field, name: &name, required: false };
                    if let Some(value) = self.value(place, traces)? {
                        map.insert(field.name.clone(), value);
                    }
                }
                return Ok(Some(Value::Object(map)));
            }
        };
        if let (Some(traces), Some(value)) = (traces, &value) {
            traces.push(FieldTrace {
                field: place.name.to_owned(),
                value: value.clone(),
                file: self.rule.file.clone(),
                line: place.field.line,
                text: place.field.text.clone(),
                reads: template.map(|template| template.trace(self.scope)).unwrap_or_default(),
            });
        }
        Ok(value)
    }

    fn template(&self, place: Place<'_>, template: &Template) -> Result<Option<Value>, Stop> {
        let engine = &self.ruleset.engine;
        let Some(expression) = template.lone() else {
            if let Ok(Ok(value)) = template.evaluate(engine, self.scope) {
                return Ok(Some(value));
            }
            for expression in expressions(template) {
                self.part(place, expression)?;
            }
            // Each part is there and the whole is not: the text grew beyond its limit.
            let why = match template.evaluate(engine, self.scope) {
                Err(error) => error.to_string(),
                Ok(_) => "it came to nothing".to_owned(),
            };
            return Err(self.failed(place, &why).into());
        };
        match engine.evaluate(expression, self.scope) {
            Ok(Ok(Value::Null)) if place.required => Err(self.nothing(place, expression).into()),
            Ok(Ok(value)) => Ok(Some(value)),
            Ok(Err(_)) => match self.cause(expression) {
                Cause::Lacked { step, output } => {
                    Err(self.lacked(place.field.line, &quoted(place), &step, &output))
                }
                Cause::LeftOut(step) if place.required => Err(self.left_out(&quoted(place), &step)),
                Cause::Payload if place.required => Err(self.nothing(place, expression).into()),
                Cause::LeftOut(_) | Cause::Payload => Ok(None),
            },
            Err(error) => match self.cause(expression) {
                Cause::Lacked { step, output } => {
                    Err(self.lacked(place.field.line, &quoted(place), &step, &output))
                }
                Cause::LeftOut(step) if place.required => Err(self.left_out(&quoted(place), &step)),
                Cause::LeftOut(_) => Ok(None),
                Cause::Payload => Err(self.failed(place, &error.to_string()).into()),
            },
        }
    }

    /// One part of a mixed text: it must be there.
    fn part(&self, place: Place<'_>, expression: &Expression) -> Result<(), Stop> {
        let why = match self.ruleset.engine.evaluate(expression, self.scope) {
            Ok(Ok(value)) if !value.is_null() => return Ok(()),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        match (self.cause(expression), why) {
            (Cause::Lacked { step, output }, _) => {
                Err(self.lacked(place.field.line, &quoted(place), &step, &output))
            }
            (Cause::LeftOut(step), _) => Err(self.left_out(&quoted(place), &step)),
            (Cause::Payload, Some(why)) => Err(self.failed(place, &why).into()),
            (Cause::Payload, None) => {
                let sentence = format!(
                    "the field \"{}\" is a text that needs `{}`, and {}",
                    place.name,
                    shown(expression.text()),
                    self.absent(expression)
                );
                Err(MapError::at(&self.rule.file, place.field.line, &sentence).into())
            }
        }
    }

    /// Why something that reads steps may have come to nothing.
    fn cause(&self, expression: &Expression) -> Cause {
        for path in expression.paths().iter().filter(|path| path.root == scope::STEPS) {
            let Some(step) = name_of(path, 0) else { continue };
            if self.context.outputs.contains_key(step) {
                if let Some(output) = name_of(path, 1)
                    && path.find(self.scope).is_none()
                {
                    return Cause::Lacked { step: step.to_owned(), output: output.to_owned() };
                }
            } else {
                return Cause::LeftOut(step.to_owned());
            }
        }
        Cause::Payload
    }

    fn left_out(&self, what: &str, step: &str) -> Stop {
        let text = format!(
            "The step {} was left out: {what} reads what the step {step} answered, and {step} was left out.",
            self.step.id
        );
        Stop::LeftOut(Verdict::new(VerdictCode::LeftOut, text))
    }

    fn lacked(&self, line: u32, what: &str, step: &str, output: &str) -> Stop {
        let sentence = format!(
            "{what} of the step {} reads steps.{step}.{output}, and the answer that the step {step} got had no \
             {output}{}",
            self.step.id,
            self.event()
        );
        let error = MapError::at(&self.rule.file, line, &sentence);
        Stop::Fail(MapError { code: VerdictCode::OutputMissing, ..error })
    }

    fn failed(&self, place: Place<'_>, why: &str) -> MapError {
        let sentence = format!("{} could not be worked out{}: {why}", quoted(place), self.event());
        MapError::at(&self.rule.file, place.field.line, &sentence)
    }

    /// A required field that is missing or null.
    fn nothing(&self, place: Place<'_>, expression: &Expression) -> MapError {
        let sentence = format!(
            "the field \"{}\" is required by {}.{}, and {}",
            place.name,
            self.step.connection,
            self.step.action,
            self.absent(expression)
        );
        MapError::at(&self.rule.file, place.field.line, &sentence)
    }

    /// `booking.contact.email is missing in evt_…`.
    fn absent(&self, expression: &Expression) -> String {
        let event = self.event();
        let of = |wanted: fn(Option<&Value>) -> bool| -> Vec<String> {
            let mut found: Vec<String> = expression
                .paths()
                .iter()
                .filter(|path| wanted(path.find(self.scope)))
                .map(ToString::to_string)
                .collect();
            found.dedup();
            found.truncate(4);
            found
        };
        let missing = of(|value| value.is_none());
        if !missing.is_empty() {
            let verb = if missing.len() == 1 { "is" } else { "are" };
            return format!("{} {verb} missing{event}", missing.join(" and "));
        }
        let null = of(|value| value.is_some_and(Value::is_null));
        if !null.is_empty() {
            let verb = if null.len() == 1 { "is" } else { "are" };
            return format!("{} {verb} null{event}", null.join(" and "));
        }
        format!("`{}` comes to nothing{event}", shown(expression.text()))
    }

    /// What the action accepts of the fields.
    fn accepted(
        &self,
        connection: &Connection,
        action: &Action,
        fields: Map<String, Value>,
    ) -> Result<Map<String, Value>, MapError> {
        action.accept(fields).map_err(|error| self.refused(connection, action, &error))
    }

    /// What the action does not take, at the line of the field that it is about.
    fn refused(&self, connection: &Connection, action: &Action, error: &RenderError) -> MapError {
        let line = self.step.line_of(error.field.as_deref());
        let why = error.message.trim_end_matches('.');
        let sentence = format!("{why} ({}.{}{})", connection.name, action.name, self.event());
        MapError::at(&self.rule.file, line, &sentence)
    }

    fn event(&self) -> String {
        in_event(&self.context.change.event)
    }
}

fn quoted(place: Place<'_>) -> String {
    format!("the field \"{}\"", place.name)
}

/// `address.city`, `tags[0]`.
fn nested(place: Place<'_>, field: &FieldTemplate) -> String {
    match place.field.value {
        FieldValue::List(_) => format!("{}{}", place.name, field.name),
        _ => format!("{}.{}", place.name, field.name),
    }
}

fn required(action: &Action, field: &FieldTemplate) -> bool {
    action.inputs.get(&field.name).is_some_and(|input| input.required && input.default.is_none())
}

fn expressions(template: &Template) -> impl Iterator<Item = &Expression> {
    template.parts.iter().filter_map(|part| match part {
        Part::Expression { expression, .. } => Some(expression),
        Part::Text(_) => None,
    })
}

fn name_of(path: &Path, segment: usize) -> Option<&str> {
    match path.segments.get(segment)? {
        Segment::Name(name) | Segment::Key(name) => Some(name),
        Segment::Index(_) | Segment::Unknown => None,
    }
}

/// A value of the right kind in the place of one that is only known later, so that the rest can be checked now.
fn stand_in(input: &Input) -> Value {
    if let Some(choice) = input.choices.first() {
        return Value::String(choice.clone());
    }
    match input.kind {
        InputKind::Any | InputKind::String => json!("x"),
        InputKind::Number => json!(1),
        InputKind::Boolean => json!(true),
        InputKind::Map => json!({ "x": 1 }),
        InputKind::List => json!([1]),
    }
}

/// Without `steps` nothing can be left out because of a step.
fn only_failures(stop: Stop) -> MapError {
    match stop {
        Stop::Fail(error) => error,
        Stop::LeftOut(verdict) => MapError { message: verdict.text, line: None, code: verdict.code },
    }
}
