//! Why each field has its value, or why nothing was sent, as text for people (`told` has it for programs). Used by
//! `explain`, by the lists, and by the demo, which shows the same text.

use super::output::{ago, counted, exact, line_of, time_of_day};
use crate::delivery::Explained;
use crate::domain::{BY_REBOOKING, Millis, RunState, StepProgress, StepState};
use crate::ports::{AttemptView, ChangeView};
use crate::rules::FieldTrace;
use crate::told::paths_in_words;
use serde_json::Value;
use std::collections::HashMap;

/// Characters of a value that are shown to people; programs get all of it.
const VALUE_CHARS_MAX: usize = 120;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 400;

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
    for (what, key) in [("from", &due.chain.before_key), ("to", &due.chain.after_key)] {
        if let Some(key) = key {
            text.line(1, &format!("rebooked {what} {}", line_of(key, 80)));
        }
    }
    let why = match run.trigger.as_str() {
        "replay" => "planned again by hand".to_owned(),
        "apply" => "planned for a new or changed rule".to_owned(),
        BY_REBOOKING => format!("a newer booking turned out to have taken its place, by event {}", due.event),
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
