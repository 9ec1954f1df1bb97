//! Why each field has its value, or why nothing was sent: as text for people and as JSON for programs. Used by `explain`,
//! by the lists, and by the demo, which shows the same text.

use super::output::{ago, capital, counted, exact, line_of, rfc3339, time_of_day};
use crate::app::App;
use crate::delivery::Explained;
use crate::domain::{BookingId, ChangeKind, Millis, Position, RunState, StepProgress, StepState};
use crate::ports::{AttemptView, ChangeView, ListFilter, RunRow};
use crate::rules::{FieldTrace, Ruleset};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Characters of a value that are shown to people; programs get all of it.
const VALUE_CHARS_MAX: usize = 120;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 400;

/// Bookings and events by the names that people know.
pub(super) struct Names<'a> {
    app: &'a App,
    bookings: HashMap<BookingId, String>,
    events: HashMap<Position, Option<String>>,
}

impl<'a> Names<'a> {
    /// None looked up yet.
    pub fn new(app: &'a App) -> Self {
        Self { app, bookings: HashMap::new(), events: HashMap::new() }
    }

    /// A booking's key at the source.
    pub async fn booking(&mut self, id: &BookingId) -> anyhow::Result<String> {
        if let Some(known) = self.bookings.get(id) {
            return Ok(known.clone());
        }
        let filter = ListFilter { booking: Some(id.to_string()), limit: 2, ..ListFilter::default() };
        let found = self.app.store.list_bookings(&filter).await?;
        let key =
            found.into_iter().find(|view| view.id == *id).map_or_else(|| id.to_string(), |view| view.key.key);
        self.bookings.insert(id.clone(), key.clone());
        Ok(key)
    }

    /// The id of the event at a position.
    pub async fn event(&mut self, position: Position) -> anyhow::Result<Option<String>> {
        if let Some(known) = self.events.get(&position) {
            return Ok(known.clone());
        }
        let filter = ListFilter { before: Some(position + 1), limit: 1, ..ListFilter::default() };
        let found = self.app.store.list_events(&filter).await?;
        let id = found.into_iter().find(|event| event.position == position).map(|event| event.id.to_string());
        self.events.insert(position, id.clone());
        Ok(id)
    }
}

/// A change for programs.
pub(super) fn json_of_change(change: &ChangeView) -> Value {
    json!({
        "booking": change.booking_key,
        "booking_id": change.booking.as_ref().map(BookingId::as_str),
        "kind": change.kind.as_str(),
        "paths": change.paths,
        "note": change.note,
    })
}

/// A run for programs.
pub(super) fn json_of_run(run: &RunRow, booking: &str, event: Option<&str>) -> Value {
    json!({
        "id": run.id.as_str(),
        "seq": run.seq,
        "rule": run.rule,
        "booking": booking,
        "booking_id": run.booking.as_str(),
        "item": (!run.item.is_empty()).then_some(&run.item),
        "event": event,
        "state": run.state.as_str(),
        "verdict": run.verdict,
        "next_at": run.next_at.map(rfc3339),
        "ruleset": run.ruleset,
        "trigger": run.trigger,
        "created_at": rfc3339(run.created_at),
        "updated_at": rfc3339(run.updated_at),
        "steps": run.steps.iter().map(json_of_step).collect::<Vec<_>>(),
    })
}

fn json_of_step(step: &StepProgress) -> Value {
    json!({
        "id": step.id,
        "use": step.uses,
        "state": step.state,
        "attempts": step.attempts,
        "outputs": step.outputs,
        "verdict": step.verdict,
    })
}

/// A run, explained, for programs.
pub(super) fn json_of_explained(explained: &Explained) -> Value {
    let due = &explained.due;
    let mut object = json_of_run(&due.run, &due.key.key, Some(due.event.as_str()));
    let mut fields = Vec::new();
    let mut left_out = Vec::new();
    for (step, traces) in &explained.steps {
        match traces {
            Ok(traces) => fields.extend(traces.iter().map(|trace| json_of_field(step, trace))),
            Err(why) => left_out.push(json!({ "step": step, "why": why })),
        }
    }
    object["rule_title"] = json!(explained.rule_title);
    object["change"] = json!({ "kind": due.kind.as_str(), "paths": due.paths });
    object["fields"] = Value::Array(fields);
    object["without_fields"] = Value::Array(left_out);
    object["attempts"] = explained.attempts.iter().map(json_of_attempt).collect();
    object
}

fn json_of_field(step: &str, trace: &FieldTrace) -> Value {
    let reads: Vec<Value> =
        trace.reads.iter().map(|read| json!({ "path": read.path, "value": read.value })).collect();
    json!({
        "step": step,
        "field": trace.field,
        "value": trace.value,
        "rule": { "file": trace.file, "line": trace.line },
        "text": trace.text,
        "reads": reads,
    })
}

fn json_of_attempt(attempt: &AttemptView) -> Value {
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    json!({
        "id": attempt.id.as_str(),
        "step": attempt.step,
        "kind": attempt.kind,
        "number": attempt.number,
        "started_at": rfc3339(attempt.started_at),
        "outcome": attempt.outcome,
        "status": attempt.status,
        "message": attempt.message,
        "duration_ms": attempt.duration_ms,
        "request": parsed(&attempt.request),
        "answer": attempt.answer.as_deref().map(parsed),
    })
}

/// A change for people, for lists: `updated 5b1f6a52: contact.phone`.
pub(super) fn change_in_a_line(change: &ChangeView) -> String {
    let mut line = change.kind.to_string();
    if let Some(key) = &change.booking_key {
        line.push(' ');
        line.push_str(&line_of(key, 80));
    }
    if !change.paths.is_empty() {
        line.push_str(": ");
        line.push_str(&paths_in_words(&change.paths));
    }
    if let Some(note) = &change.note {
        line.push_str(&format!("  ({})", line_of(note, REASON_CHARS_MAX)));
    }
    line
}

fn paths_in_words(paths: &[String]) -> String {
    /// Paths that are named; a booking with more has changed all over.
    const NAMED: usize = 6;
    let mut words = paths.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if paths.len() > NAMED {
        words.push_str(&format!(" and {} more", paths.len() - NAMED));
    }
    line_of(&words, REASON_CHARS_MAX)
}

/// What a change was, as a sentence, and for one without effect why nothing is sent.
pub(super) fn change_as_sentence(change: &ChangeView) -> String {
    let key = line_of(change.booking_key.as_deref().unwrap_or("?"), 80);
    let sentence = match change.kind {
        ChangeKind::Created => format!("Created: booking {key} was seen for the first time."),
        ChangeKind::Updated if change.paths.is_empty() => format!("Updated: booking {key} changed."),
        ChangeKind::Updated => {
            format!("Updated: booking {key} changed in {}.", paths_in_words(&change.paths))
        }
        ChangeKind::Cancelled => format!("Cancelled: booking {key} was cancelled."),
        ChangeKind::Rebooked => format!("Rebooked: booking {key} was replaced by another one."),
        ChangeKind::Deleted => format!("Deleted: booking {key} was deleted at the source."),
        ChangeKind::Unchanged => {
            format!("Unchanged, nothing to send: the same content as the present state of booking {key}.")
        }
        ChangeKind::Stale => {
            format!("Stale, nothing to send: older than the present state of booking {key}.")
        }
        ChangeKind::Coalesced => {
            "Coalesced, nothing to send by itself: it shared a fetch with another event.".into()
        }
        ChangeKind::Refused => "Refused, nothing to send: it is of another account than the source's.".into(),
        ChangeKind::Ignored => "Ignored, nothing to send: it is about nothing that is kept.".into(),
        ChangeKind::Unreadable => "Unreadable, nothing to send. The body is stored as it came.".into(),
    };
    match &change.note {
        Some(note) => format!("{sentence} {}", capital(&line_of(note, REASON_CHARS_MAX))),
        None => sentence,
    }
}

/// Why no rule made a run of a change with effect.
pub(super) fn why_no_run(ruleset: Option<&Ruleset>, source: &str, change: &ChangeView) -> String {
    let kind = change.kind;
    let Some(ruleset) = ruleset else {
        return "Nothing to send: no rules are at work.".into();
    };
    let doors: Vec<_> =
        ruleset.rules.values().filter(|rule| rule.from.iter().any(|from| from == source)).collect();
    if doors.is_empty() {
        return format!("Nothing to send: no rule is `from: {source}`.");
    }
    let on: Vec<_> = doors.iter().filter(|rule| rule.enabled).collect();
    if on.is_empty() {
        return format!("Nothing to send: the rules from {source} are switched off (`enabled: false`).");
    }
    if on.iter().any(|rule| rule.asks_for(kind).is_some()) {
        return "Nothing was sent: no rule asked for it when it came. `waypost replay EVENT` plans it by the present \
                rules."
            .into();
    }
    format!("Nothing to send: no rule from {source} is `on:` {kind}.")
}

/// Values by step and field: what was told before, so that only the differences need to be told.
pub(super) type Told = HashMap<(String, String), Value>;

/// A run, explained, for people. Each line is indented by `margin`. With `before`, fields that have the same value as
/// there are counted only.
pub(super) fn text_of_explained(
    explained: &Explained,
    now: Millis,
    margin: &str,
    before: Option<&Told>,
) -> String {
    let mut text = Text { margin, lines: String::new(), before };
    let due = &explained.due;
    let run = &due.run;
    let title = explained.rule_title.as_deref().unwrap_or(&run.rule);
    text.line(0, &format!("Run {}  {}", run.id, run.state));
    text.line(1, &format!("rule     {} ({})", line_of(title, 80), run.rule));
    let item = if run.item.is_empty() { String::new() } else { format!(", item {}", line_of(&run.item, 80)) };
    text.line(1, &format!("booking  {}{item}", line_of(&due.key.key, 80)));
    let why = match run.trigger.as_str() {
        "replay" => "planned again by hand".to_owned(),
        "apply" => "planned for a new or changed rule".to_owned(),
        _ => format!("{}, by event {}", due.kind, due.event),
    };
    text.line(1, &format!("because  {why}, {} ({})", ago(run.created_at, now), exact(run.created_at)));
    if let Some(verdict) = &run.verdict {
        text.line(1, &format!("why      {}", line_of(&verdict.text, REASON_CHARS_MAX)));
    }
    if let Some(at) = run.next_at.filter(|_| !run.state.is_end()) {
        text.line(1, &format!("next     {} ({})", ago(at, now), exact(at)));
    } else if run.state == RunState::Waiting {
        text.line(1, "next     after the run before it in its lane");
    }
    for (step, traces) in &explained.steps {
        text.step(explained, step, traces);
    }
    text.lines
}

/// What a run's text tells, to be left out of a later one's.
pub(super) fn remember(explained: &Explained, told: &mut Told) {
    for (step, traces) in &explained.steps {
        for trace in traces.iter().flatten() {
            told.insert((step.clone(), trace.field.clone()), trace.value.clone());
        }
    }
}

struct Text<'m> {
    margin: &'m str,
    lines: String,
    before: Option<&'m Told>,
}

impl Text<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        self.lines.push_str(self.margin);
        self.lines.push_str(&"  ".repeat(depth));
        self.lines.push_str(line);
        self.lines.push('\n');
    }

    fn step(&mut self, explained: &Explained, step: &str, traces: &Result<Vec<FieldTrace>, String>) {
        let progress = explained.due.run.steps.iter().find(|progress| progress.id == step);
        if !step.is_empty() {
            let (uses, state) = match progress {
                Some(progress) => (progress.uses.as_str(), step_in_words(progress)),
                None => ("", "not begun".to_owned()),
            };
            let uses = if uses.is_empty() { String::new() } else { format!(" ({uses})") };
            self.line(1, &format!("step {step}{uses}: {state}"));
        }
        match traces {
            Err(why) => self.line(2, &line_of(why, REASON_CHARS_MAX)),
            Ok(traces) => {
                let width = traces.iter().map(|trace| trace.field.chars().count()).max().unwrap_or(0);
                let differ: Vec<&FieldTrace> =
                    traces.iter().filter(|trace| !self.was_told(step, trace)).collect();
                for trace in &differ {
                    self.field(trace, width);
                }
                let same = traces.len() - differ.len();
                if same > 0 {
                    self.line(2, &format!("{} as before", counted(same, "field")));
                }
            }
        }
        for attempt in explained.attempts.iter().filter(|attempt| attempt.step == step) {
            self.line(2, &attempt_in_words(attempt));
        }
        if let Some(progress) = progress.filter(|progress| !progress.outputs.is_empty()) {
            let outputs: Vec<String> =
                progress.outputs.iter().map(|(name, value)| format!("{name} = {}", shown(value))).collect();
            self.line(2, &format!("gave {}", outputs.join(", ")));
        }
    }

    fn was_told(&self, step: &str, trace: &FieldTrace) -> bool {
        let known = |told: &Told| told.get(&(step.to_owned(), trace.field.clone())) == Some(&trace.value);
        self.before.is_some_and(known)
    }

    fn field(&mut self, trace: &FieldTrace, width: usize) {
        let pad = |text: &str| format!("{text}{}", " ".repeat(width.saturating_sub(text.chars().count())));
        self.line(2, &format!("{}  {}", pad(&trace.field), shown(&trace.value)));
        let place = format!("{}:{}", trace.file, trace.line);
        let written = if trace.text.is_empty() { "as written" } else { trace.text.trim() };
        let blank = pad("");
        self.line(2, &format!("{blank}    <- {}  ({place})", line_of(written, VALUE_CHARS_MAX)));
        let lone = written.trim_start_matches("{{").trim_end_matches("}}").trim();
        for read in &trace.reads {
            // What is that path alone, and has its value, is said already.
            if read.path == lone && read.value.as_ref() == Some(&trace.value) {
                continue;
            }
            let value = read.value.as_ref().map_or_else(|| "missing".to_owned(), shown);
            self.line(2, &format!("{blank}    <- {} = {value}", line_of(&read.path, VALUE_CHARS_MAX)));
        }
    }
}

fn step_in_words(step: &StepProgress) -> String {
    let calls = counted(step.attempts, "call");
    match (step.state, &step.verdict) {
        (StepState::Done, None) => format!("done, {calls}"),
        (StepState::Done | StepState::Skipped, Some(verdict)) => {
            let why = line_of(&verdict.text, REASON_CHARS_MAX);
            if why.starts_with("nothing") { why } else { format!("nothing sent: {why}") }
        }
        (StepState::Skipped, None) => "nothing sent".into(),
        (StepState::Waiting, _) if step.attempts == 0 => "not sent yet".into(),
        (StepState::Waiting, _) => format!("not done yet, {calls}"),
        (StepState::Failed, verdict) => {
            let why =
                verdict.as_ref().map(|verdict| format!(". {}", line_of(&verdict.text, REASON_CHARS_MAX)));
            format!("failed, {calls}{}", why.unwrap_or_default())
        }
    }
}

fn attempt_in_words(attempt: &AttemptView) -> String {
    let kind = match attempt.kind.as_str() {
        "find" => "looked up",
        _ => "sent",
    };
    let mut line =
        format!("{kind} {}  {}", time_of_day(attempt.started_at), attempt.outcome.replace('_', " "));
    if let Some(status) = attempt.status {
        line.push_str(&format!(" · {status}"));
    }
    if let Some(duration) = attempt.duration_ms {
        line.push_str(&format!(" in {duration} ms"));
    }
    if let Some(message) = attempt.message.as_deref().filter(|_| attempt.outcome != "done") {
        line.push_str(&format!(" · {}", line_of(message, REASON_CHARS_MAX)));
    }
    line
}

/// A value for people: texts as they are, the rest as JSON.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => line_of(text, VALUE_CHARS_MAX),
        other => line_of(&other.to_string(), VALUE_CHARS_MAX),
    }
}
