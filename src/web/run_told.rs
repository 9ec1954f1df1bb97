//! A run as the pages tell it: how far it is, why, and on demand each field with why it has its value, and each call.
//! Used by the pages of a booking, an event and a run, which all include `parts/run.html`.

use super::booking_words::BookingWords;
use super::diff::{capped, shown};
use super::errors::PageError;
use super::page::in_address;
use super::scene::Scene;
use super::times::{Moment, took};
use super::words::{Mark, call_words, outcome_words, run_mark, step_words, way_out};
use crate::app::{App, Explained};
use crate::domain::{RunState, VerdictCode};
use crate::ports::{AttemptView, BookingView, RunRow};
use crate::rules::FieldTrace;
use serde_json::Value;

/// Characters shown of a request or an answer on a run's own page, and where it is one of many.
const BODY_CHARS_MAX: usize = 4_000;
const BODY_OF_MANY_CHARS_MAX: usize = 1_200;
/// Characters of all requests and answers of a page together.
const PAGE_CHARS_MAX: usize = 10_000;
const PAGE_OF_MANY_CHARS_MAX: usize = 6_000;
/// Calls shown of a run, the last ones.
const ATTEMPTS_MAX: usize = 8;
/// Characters shown of a rule's text.
const TEXT_CHARS_MAX: usize = 200;
/// Fields shown on a run's own page, and on a page with many runs.
const FIELDS_MAX: usize = 60;
const FIELDS_OF_MANY_MAX: usize = 24;
/// Reads shown of a field.
const READS_MAX: usize = 4;
/// Characters of a verdict.
const VERDICT_CHARS_MAX: usize = 300;

/// How much of requests, answers and fields a page has room for, so that it stays light.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    each: usize,
    left: usize,
    fields: usize,
}

impl Room {
    /// A page with many runs.
    pub fn of_page() -> Self {
        Self { each: BODY_OF_MANY_CHARS_MAX, left: PAGE_OF_MANY_CHARS_MAX, fields: FIELDS_OF_MANY_MAX }
    }

    /// A run's own page.
    pub fn of_run() -> Self {
        Self { each: BODY_CHARS_MAX, left: PAGE_CHARS_MAX, fields: FIELDS_MAX }
    }

    fn take(&mut self, text: &str) -> String {
        let cut = capped(text, self.each.min(self.left));
        self.left -= cut.chars().count().min(self.left);
        cut
    }
}

/// A run, told.
#[derive(Clone, Debug)]
pub struct RunTold {
    /// Its id.
    pub id: String,
    /// Its id in an address.
    pub address: String,
    /// Title of its rule.
    pub rule: String,
    /// The item it is about, where there is one.
    pub item: String,
    /// Its booking's address and guest, on pages that are not the booking's.
    pub guest: Option<(String, String)>,
    /// How far it is.
    pub mark: Mark,
    /// Its verdict's sentence.
    pub verdict: Option<String>,
    /// What a person can do.
    pub way_out: Option<String>,
    /// Words of the button that tries it again.
    pub again: Option<&'static str>,
    /// It can be cancelled.
    pub cancels: bool,
    /// It can be held.
    pub holds: bool,
    /// Its current step can be marked as done by hand.
    pub marks: bool,
    /// Which page the button leads back to.
    pub back: &'static str,
    /// When it was last written.
    pub updated: Moment,
    /// The details, where they were asked for.
    pub details: Option<Details>,
    /// Whether the details are open at first.
    pub open: bool,
}

/// The details of a run.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// A sentence where they can't be had.
    pub absent: Option<String>,
    /// Its steps.
    pub steps: Vec<StepTold>,
    /// Its last calls, oldest first.
    pub attempts: Vec<AttemptTold>,
    /// Earlier calls that are not shown.
    pub attempts_more: usize,
}

/// A step, told.
#[derive(Clone, Debug)]
pub struct StepTold {
    /// Its id.
    pub id: String,
    /// `connection.action`, where known.
    pub uses: String,
    /// How far it is; `None`: not begun.
    pub mark: Option<Mark>,
    /// What the answer gave.
    pub outputs: Vec<(String, String)>,
    /// Why there are no fields, or why nothing was sent.
    pub note: Option<String>,
    /// Its fields.
    pub fields: Vec<FieldTold>,
    /// Fields that are not shown.
    pub more: usize,
}

/// A field, told.
#[derive(Clone, Debug)]
pub struct FieldTold {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The rule's text that fills it.
    pub text: String,
    /// `guests.yaml, line 12`.
    pub place: String,
    /// Paths that it read, with their values.
    pub reads: Vec<(String, String)>,
}

/// A call, told.
#[derive(Clone, Debug)]
pub struct AttemptTold {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Moment,
    /// Step and what it was for: `contact, sent`.
    pub what: String,
    /// How it ended.
    pub mark: Mark,
    /// `200 in 180 ms`.
    pub figures: String,
    /// A sentence.
    pub message: Option<String>,
    /// The request.
    pub request: String,
    /// The answer.
    pub answer: Option<String>,
}

impl RunTold {
    /// A run without its details.
    pub fn of(run: &RunRow, scene: &Scene, back: &'static str) -> Self {
        let crm = scene.connection(&run.connection);
        Self {
            id: run.id.to_string(),
            address: in_address(run.id.as_str()),
            rule: scene.rule(&run.rule),
            item: run.item.clone(),
            guest: None,
            mark: run_mark(run, scene),
            verdict: run.verdict.as_ref().map(|verdict| sentence(&verdict.text)),
            way_out: way_out(run, &crm),
            again: again(run),
            cancels: matches!(
                run.state,
                RunState::Waiting | RunState::Paused | RunState::Held | RunState::Failed
            ),
            holds: matches!(run.state, RunState::Waiting | RunState::Paused),
            marks: matches!(
                run.state,
                RunState::Waiting | RunState::Paused | RunState::Held | RunState::Failed
            ),
            back,
            updated: Moment::of(run.updated_at, scene.now),
            details: None,
            open: false,
        }
    }

    /// The same with its booking's guest.
    pub fn of_guest(mut self, booking: &BookingView) -> Self {
        let words = BookingWords::of(booking);
        self.guest = Some((in_address(booking.id.as_str()), words.guest));
        self
    }

    /// The same with its details, by the production code.
    pub async fn explained(
        mut self,
        app: &App,
        run: &RunRow,
        scene: &Scene,
        room: &mut Room,
    ) -> Result<Self, PageError> {
        let explained = app.explain_run(&run.id).await?;
        if let Some(title) = &explained.rule_title {
            self.rule.clone_from(title);
        }
        self.details = Some(Details::of(&explained, scene, room));
        Ok(self)
    }
}

fn sentence(text: &str) -> String {
    super::errors::capital(&capped(text, VERDICT_CHARS_MAX))
}

/// Whether a person can try it again, and in which words.
fn again(run: &RunRow) -> Option<&'static str> {
    match run.state {
        RunState::Failed | RunState::Cancelled => Some("Try again"),
        RunState::Held => match run.verdict.as_ref().map(|verdict| verdict.code) {
            Some(VerdictCode::OutcomeUnknown) => Some("It is not there: try again"),
            Some(VerdictCode::ByHand) => Some("Let it go on"),
            _ => Some("Try again"),
        },
        RunState::Waiting if run.failures > 0 && run.next_at.is_some() => Some("Try now"),
        _ => None,
    }
}

impl Details {
    fn of(explained: &Explained, scene: &Scene, room: &mut Room) -> Self {
        let attempts_more = explained.attempts.len().saturating_sub(ATTEMPTS_MAX);
        // The last call has the first claim to the room.
        let last = explained.attempts[attempts_more..].iter().rev();
        let mut attempts: Vec<AttemptTold> =
            last.map(|attempt| AttemptTold::of(attempt, scene, room)).collect();
        attempts.reverse();
        let mut details = Self { attempts, attempts_more, ..Self::default() };
        for (id, fields) in &explained.steps {
            match fields {
                // A step without a name is a word on the whole.
                Err(why) if id.is_empty() => details.absent = Some(sentence(why)),
                _ => details.steps.push(StepTold::of(id, fields.as_deref(), &explained.due.run, room)),
            }
        }
        for progress in &explained.due.run.steps {
            if !details.steps.iter().any(|step| step.id == progress.id) {
                details.steps.push(StepTold::of(&progress.id, Ok(&[]), &explained.due.run, room));
            }
        }
        details
    }
}

impl StepTold {
    fn of(id: &str, fields: Result<&[FieldTrace], &String>, run: &RunRow, room: &mut Room) -> Self {
        let progress = run.steps.iter().find(|progress| progress.id == id);
        let verdict = progress.and_then(|progress| progress.verdict.as_ref());
        let traced = fields.unwrap_or_default();
        let shown_fields = traced.len().min(room.fields);
        room.fields -= shown_fields;
        Self {
            id: id.to_owned(),
            uses: progress.map(|progress| progress.uses.clone()).unwrap_or_default(),
            mark: progress.map(|progress| step_words(progress.state)),
            outputs: progress
                .into_iter()
                .flat_map(|progress| &progress.outputs)
                .map(|(name, value)| (name.clone(), shown(Some(value))))
                .collect(),
            note: fields.err().or(verdict.map(|verdict| &verdict.text)).map(|text| sentence(text)),
            fields: traced[..shown_fields].iter().map(FieldTold::of).collect(),
            more: traced.len() - shown_fields,
        }
    }
}

impl FieldTold {
    fn of(trace: &FieldTrace) -> Self {
        let read = |read: &crate::expr::Read| {
            let value = read.value.as_ref().map_or_else(|| "missing".to_owned(), |value| shown(Some(value)));
            (read.path.clone(), value)
        };
        Self {
            name: trace.field.clone(),
            value: match &trace.value {
                Value::Null => "null (emptied)".to_owned(),
                value => shown(Some(value)),
            },
            text: capped(&trace.text, TEXT_CHARS_MAX),
            place: format!("{}, line {}", trace.file, trace.line),
            reads: trace.reads.iter().take(READS_MAX).map(read).collect(),
        }
    }
}

impl AttemptTold {
    fn of(attempt: &AttemptView, scene: &Scene, room: &mut Room) -> Self {
        let number = if attempt.number > 1 { format!(", call {}", attempt.number) } else { String::new() };
        let figures = match (attempt.status, attempt.duration_ms) {
            (Some(status), Some(ms)) => format!("{status} in {}", took(ms)),
            (None, Some(ms)) => format!("no answer within {}", took(ms)),
            (Some(status), None) => status.to_string(),
            (None, None) => String::new(),
        };
        Self {
            id: attempt.id.to_string(),
            at: Moment::of(attempt.started_at, scene.now),
            what: format!("{}: {}{number}", attempt.step, call_words(&attempt.kind)),
            mark: outcome_words(&attempt.outcome),
            figures,
            message: attempt.message.as_deref().map(sentence),
            request: room.take(&exchange(&attempt.request)),
            answer: attempt.answer.as_deref().map(|answer| room.take(&exchange(answer))),
        }
    }
}

/// A stored request or answer as people read HTTP: first line, headers, an empty line, the body laid out.
fn exchange(stored: &str) -> String {
    let Ok(Value::Object(parts)) = serde_json::from_str::<Value>(stored) else {
        return capped(stored, BODY_CHARS_MAX);
    };
    // Retention, or an erasure, left a sentence.
    if let Some(Value::String(why)) = parts.get("removed") {
        return why.clone();
    }
    let mut lines: Vec<String> = Vec::new();
    if let (Some(Value::String(method)), Some(Value::String(url))) = (parts.get("method"), parts.get("url")) {
        lines.push(format!("{method} {url}"));
    }
    match parts.get("headers") {
        Some(Value::Array(headers)) => lines.extend(headers.iter().filter_map(|pair| {
            let name = pair.get(0)?.as_str()?;
            Some(format!("{name}: {}", shown(pair.get(1))))
        })),
        Some(Value::Object(headers)) => {
            lines.extend(headers.iter().map(|(name, value)| format!("{name}: {}", shown(Some(value)))));
        }
        _ => {}
    }
    let body = match parts.get("body") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
            Ok(value) => laid_out(&value),
            Err(_) => text.clone(),
        },
        Some(value) => laid_out(value),
    };
    if !body.is_empty() {
        lines.push(String::new());
        lines.push(capped(&body, BODY_CHARS_MAX));
    }
    if parts.get("cut") == Some(&Value::Bool(true)) {
        lines.push(String::from("(the rest was not kept)"));
    }
    lines.join("\n")
}

fn laid_out(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// The marks of a booking: for each lane how far its newest run is, and whatever needs a person; alike ones counted.
pub fn marks_of(runs: &[RunRow], scene: &Scene) -> Vec<Mark> {
    let mut lanes: Vec<&str> = Vec::new();
    let mut marks: Vec<(Mark, i64)> = Vec::new();
    let mut newest_first: Vec<&RunRow> = runs.iter().collect();
    newest_first.sort_by_key(|run| std::cmp::Reverse(run.seq));
    for run in newest_first {
        let newest = !lanes.contains(&run.lane.as_str());
        lanes.push(&run.lane);
        let needs_you = matches!(run.state, RunState::Failed | RunState::Held);
        if !newest && !needs_you {
            continue;
        }
        let mark = run_mark(run, scene);
        match marks.iter_mut().find(|(known, _)| *known == mark) {
            Some((_, count)) => *count += 1,
            None => marks.push((mark, 1)),
        }
    }
    // "Nothing to send" is only worth a word where there is nothing else.
    if marks.iter().any(|(mark, _)| mark.words != NOTHING) {
        marks.retain(|(mark, _)| mark.words != NOTHING);
    }
    marks.sort();
    marks
        .into_iter()
        .map(|(mark, count)| match count {
            1 => mark,
            many => Mark::new(mark.tone, format!("{} ({many}×)", mark.words)),
        })
        .collect()
}

const NOTHING: &str = "nothing to send";

/// Details in which every value is `text`.
#[cfg(test)]
pub(super) fn sample_details(text: &str, scene: &Scene) -> Details {
    use serde_json::json;
    let trace = FieldTrace {
        field: text.to_owned(),
        value: json!(text),
        file: text.to_owned(),
        line: 12,
        text: text.to_owned(),
        reads: vec![
            crate::expr::Read { path: text.to_owned(), value: None },
            crate::expr::Read { path: "booking.contact.email".to_owned(), value: Some(json!(text)) },
        ],
    };
    let attempt = |outcome: &str, status: Option<i64>| {
        AttemptView {
        id: crate::domain::AttemptId::new("att_1"),
        run: crate::domain::RunId::new("run_1"),
        step: text.to_owned(),
        kind: "call".to_owned(),
        number: 2,
        started_at: scene.now,
        request: json!({ "method": "PUT", "url": text, "headers": [["x", text]], "body": json!({ "a": text }).to_string() })
            .to_string(),
        outcome: outcome.to_owned(),
        status,
        answer: status.map(|_| json!({ "headers": [], "body": text, "cut": true }).to_string()),
        message: Some(text.to_owned()),
        duration_ms: Some(180),
    }
    };
    let runs = super::samples::runs();
    Details {
        absent: Some(text.to_owned()),
        steps: vec![
            StepTold::of("contact", Ok(&[trace]), &runs[0], &mut Room::of_page()),
            StepTold::of("deal", Err(&text.to_owned()), &runs[0], &mut Room::of_page()),
        ],
        attempts: vec![
            AttemptTold::of(&attempt("done", Some(200)), scene, &mut Room::of_page()),
            AttemptTold::of(&attempt("maybe_done", None), scene, &mut Room::of_page()),
        ],
        attempts_more: 3,
    }
}
