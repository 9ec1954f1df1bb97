//! Runs for programs: how far each is, and explained: why each field has its value, each call. Told by `waypost runs --json`,
//! `explain RUN --json` and the API.

use super::rfc3339;
use crate::app::Explained;
use crate::domain::{ChangeKind, RunState, StepProgress, StepState, Verdict, VerdictCode};
use crate::ports::{AttemptView, RunRow};
use crate::rules::FieldTrace;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One rule applied to one change.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Run {
    /// Its id: `run_…`.
    #[schema(example = "run_01m827nrzq3v6k1d2h8x7w5t9c")]
    pub id: String,
    /// Its place in the order of planning.
    pub seq: i64,
    /// Name of the rule.
    #[schema(example = "guests-to-hubspot")]
    pub rule: String,
    /// The booking's key at the source.
    pub booking: String,
    /// The booking's id here.
    pub booking_id: String,
    /// Key of the item that it is about (`each:`).
    pub item: Option<String>,
    /// The event that led to it.
    pub event: Option<String>,
    /// How it stands.
    #[schema(value_type = RunState)]
    pub state: &'static str,
    /// Why nothing was sent, or what failed.
    pub verdict: Option<Why>,
    /// When it is due; null behind another run of its lane, and where it does not wait.
    #[schema(format = DateTime)]
    pub next_at: Option<String>,
    /// The hash of the ruleset that it goes by, once it has begun.
    pub ruleset: Option<String>,
    /// Why it was planned: `change`, `replay`, `apply`, `rebooking` (its booking turned out to be an older one of a chain).
    #[schema(example = "change")]
    pub trigger: String,
    /// When it was planned.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it last got on.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Its steps, once it has begun.
    pub steps: Vec<Step>,
}

/// Why something was not sent.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Why {
    /// For programs.
    #[schema(value_type = VerdictCode)]
    pub code: &'static str,
    /// The sentence for people.
    pub text: String,
}

/// How far a step of a run is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Step {
    /// Its id within the rule.
    #[schema(example = "contact")]
    pub id: String,
    /// `connection.action`.
    #[serde(rename = "use")]
    #[schema(example = "hubspot.upsert_contact")]
    pub uses: String,
    /// How far it is.
    pub state: StepState,
    /// Calls that it made.
    pub attempts: i64,
    /// What the answer gave.
    pub outputs: BTreeMap<String, Value>,
    /// Why nothing was sent.
    pub verdict: Option<Why>,
}

/// A run with why each field has its value, and each call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RunExplained {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// Title of the rule, where it is known.
    pub rule_title: Option<String>,
    /// The change that it is about.
    pub change: RunChange,
    /// Each field with its value and why.
    pub fields: Vec<Field>,
    /// Steps that have no fields, and why.
    pub without_fields: Vec<StepWithout>,
    /// Its calls, oldest first. Secrets are masked.
    pub attempts: Vec<Attempt>,
}

/// The change that a run is about.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RunChange {
    /// What it was.
    #[schema(value_type = ChangeKind)]
    pub kind: &'static str,
    /// The paths that changed.
    pub paths: Vec<String>,
    /// Key of the booking whose place this one took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebooked_from: Option<String>,
    /// Key of the booking that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebooked_to: Option<String>,
}

/// A field with why it has its value.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Field {
    /// Id of the step.
    pub step: String,
    /// Its name.
    pub field: String,
    /// What is sent.
    pub value: Value,
    /// Where the rule says so.
    pub rule: FieldPlace,
    /// What the rule says.
    pub text: String,
    /// The paths that were read for it.
    pub reads: Vec<FieldRead>,
}

/// A place in a rule's file.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FieldPlace {
    /// Path within the rules folder.
    #[schema(example = "guests-to-hubspot.yaml")]
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

/// A path that was read, and what was there.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FieldRead {
    /// The path.
    #[schema(example = "booking.contact.phone")]
    pub path: String,
    /// The value; null where it is missing.
    pub value: Option<Value>,
}

/// A step that has no fields.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct StepWithout {
    /// Its id; empty where it is about the whole run.
    pub step: String,
    /// Why.
    pub why: String,
}

/// One call that a step made.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Attempt {
    /// Its id.
    pub id: String,
    /// Id of the step.
    pub step: String,
    /// `call`, `update` or `find`.
    pub kind: String,
    /// Which call of the step, from 1.
    pub number: i64,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// `sending`, `done`, `conflict`, `retry`, `throttled`, `maybe_done`, `refused`, `gone`, `needs_auth`, `not_found`.
    #[schema(example = "done")]
    pub outcome: String,
    /// HTTP status of the answer.
    pub status: Option<i64>,
    /// A sentence for people.
    pub message: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// What was sent: `method`, `url`, `headers`, `body`. Secrets are masked, long bodies cut.
    pub request: Value,
    /// What came back: `headers`, `body`. Long bodies are cut.
    pub answer: Option<Value>,
}

impl Run {
    /// From what the store gives, with the booking's key at the source and the event's id.
    pub fn of(run: &RunRow, booking: &str, event: Option<&str>) -> Self {
        Self {
            id: run.id.to_string(),
            seq: run.seq,
            rule: run.rule.clone(),
            booking: booking.to_owned(),
            booking_id: run.booking.to_string(),
            item: (!run.item.is_empty()).then(|| run.item.clone()),
            event: event.map(str::to_owned),
            state: run.state.as_str(),
            verdict: run.verdict.as_ref().map(Why::of),
            next_at: run.next_at.map(rfc3339),
            ruleset: run.ruleset.clone(),
            trigger: run.trigger.clone(),
            created_at: rfc3339(run.created_at),
            updated_at: rfc3339(run.updated_at),
            steps: run.steps.iter().map(Step::of).collect(),
        }
    }
}

impl Why {
    /// A verdict.
    pub fn of(verdict: &Verdict) -> Self {
        Self { code: verdict.code.as_str(), text: verdict.text.clone() }
    }
}

impl Step {
    /// How far a step is.
    pub fn of(step: &StepProgress) -> Self {
        Self {
            id: step.id.clone(),
            uses: step.uses.clone(),
            state: step.state,
            attempts: step.attempts,
            outputs: step.outputs.clone(),
            verdict: step.verdict.as_ref().map(Why::of),
        }
    }
}

impl RunExplained {
    /// A run, explained.
    pub fn of(explained: &Explained) -> Self {
        let due = &explained.due;
        let mut fields = Vec::new();
        let mut without_fields = Vec::new();
        for (step, traces) in &explained.steps {
            match traces {
                Ok(traces) => fields.extend(traces.iter().map(|trace| Field::of(step, trace))),
                Err(why) => without_fields.push(StepWithout { step: step.clone(), why: why.clone() }),
            }
        }
        Self {
            run: Run::of(&due.run, &due.key.key, Some(due.event.as_str())),
            rule_title: explained.rule_title.clone(),
            change: RunChange {
                kind: due.kind.as_str(),
                paths: due.paths.clone(),
                rebooked_from: due.chain.before_key.clone(),
                rebooked_to: due.chain.after_key.clone(),
            },
            fields,
            without_fields,
            attempts: explained.attempts.iter().map(Attempt::of).collect(),
        }
    }
}

impl Field {
    /// A field of this step.
    pub fn of(step: &str, trace: &FieldTrace) -> Self {
        let reads = trace.reads.iter();
        Self {
            step: step.to_owned(),
            field: trace.field.clone(),
            value: trace.value.clone(),
            rule: FieldPlace { file: trace.file.clone(), line: trace.line },
            text: trace.text.clone(),
            reads: reads
                .map(|read| FieldRead { path: read.path.clone(), value: read.value.clone() })
                .collect(),
        }
    }
}

impl Attempt {
    /// From what the store gives.
    pub fn of(attempt: &AttemptView) -> Self {
        let parsed = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        Self {
            id: attempt.id.to_string(),
            step: attempt.step.clone(),
            kind: attempt.kind.clone(),
            number: attempt.number,
            started_at: rfc3339(attempt.started_at),
            outcome: attempt.outcome.clone(),
            status: attempt.status,
            message: attempt.message.clone(),
            duration_ms: attempt.duration_ms,
            request: parsed(&attempt.request),
            answer: attempt.answer.as_deref().map(parsed),
        }
    }
}
