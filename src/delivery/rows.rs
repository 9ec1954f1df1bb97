//! What claims and answers write: a run's row after an event, its link while a call is in flight, what becomes of a lost
//! attempt, and the words of an attempt.

use super::schedule::LOOK_UP_MS_MIN;
use super::work::{Sending, Work};
use crate::connectors::Which;
use crate::domain::{
    AttemptId, Cause, CausePlace, Millis, RunEvent, RunState, StepProgress, Verdict, transition,
};
use crate::ports::{
    Answer, AttemptEnd, DeliveryWrite, DueRun, LinkBooking, LinkRow, LinkWrite, LostAttempt, RunRow, RunWrite,
};
use serde_json::json;

/// Bytes of a request's body that an attempt keeps.
const REQUEST_BYTES_KEPT: usize = 16 << 10;
/// Bytes of an answer's body that an attempt keeps.
const ANSWER_BYTES_KEPT: usize = 16 << 10;

/// A run that ends, moves on, or begins a call: its row as it will be.
pub(super) fn end_of(
    work: &mut Work,
    event: RunEvent,
    verdict: Option<Verdict>,
    now: Millis,
) -> DeliveryWrite {
    let mut write = write_of(&work.due.run, work.steps.clone(), event, verdict, now);
    write.links = std::mem::take(&mut work.pending_links);
    write
}

/// The same for a run that was never taken apart.
pub(super) fn end_of_row(
    due: &DueRun,
    event: RunEvent,
    verdict: Option<Verdict>,
    now: Millis,
) -> DeliveryWrite {
    write_of(&due.run, due.run.steps.clone(), event, verdict, now)
}

/// A run's row after an event, with these steps.
pub(super) fn write_of(
    row: &RunRow,
    steps: Vec<StepProgress>,
    event: RunEvent,
    verdict: Option<Verdict>,
    now: Millis,
) -> DeliveryWrite {
    let from = if event == RunEvent::Begin || row.state != RunState::Working {
        row.state
    } else {
        RunState::Working
    };
    let state = transition(from, event);
    assert!(state.is_some(), "a run that is {from} can't {event:?}");
    let state = state.unwrap_or(from);
    let cause = matches!(state, RunState::Failed | RunState::Held).then(|| {
        let place = CausePlace { connection: &row.connection, rule: &row.rule, steps: &steps };
        Cause::of(place, verdict.as_ref(), &[])
    });
    DeliveryWrite {
        run: RunWrite {
            id: row.id.clone(),
            revision: row.revision,
            lane: row.lane.clone(),
            state,
            verdict,
            next_at: None,
            connection: row.connection.clone(),
            ruleset: row.ruleset.clone(),
            steps,
            failures: row.failures,
            failing_since: row.failing_since,
            failing_stopped_ms: row.failing_stopped_ms,
            uncertain: row.uncertain,
            cause,
            at: now,
        },
        begin: None,
        end: None,
        links: Vec::new(),
    }
}

/// The link while a call is in flight: it says nothing of what the CRM holds.
pub(super) fn emptied(work: &Work, link: LinkRow, now: Millis) -> LinkWrite {
    let run = &work.due.run;
    let position = own_pointer(&link, run).map_or(0, |own| own.position);
    let pointer = LinkBooking { booking: run.booking.clone(), item: run.item.clone(), hash: None, position };
    LinkWrite::Put {
        key: link.key,
        remote_id: None,
        position: link.position,
        hash: None,
        outputs: None,
        booking: Some(pointer),
        at: now,
    }
}

/// The pointer of a run's booking and item.
pub(super) fn own_pointer<'l>(link: &'l LinkRow, run: &RunRow) -> Option<&'l LinkBooking> {
    link.bookings.iter().find(|pointer| pointer.booking == run.booking && pointer.item == run.item)
}

/// A link to a record that is about to get another key: what it holds under the old one is not known any more.
pub(super) fn hash_emptied(link: LinkRow, now: Millis) -> LinkWrite {
    LinkWrite::Put {
        key: link.key,
        remote_id: None,
        position: link.position,
        hash: None,
        outputs: None,
        booking: None,
        at: now,
    }
}

/// The next of the calls after the main one whose inputs are there (`calls_done` counts the main one as 1).
pub(super) fn next_after(sending: &Sending, calls_done: usize) -> Option<usize> {
    next_after_of(&sending.action, &sending.fields, calls_done)
}

pub(super) fn next_after_of(
    action: &crate::connectors::Action,
    fields: &serde_json::Map<String, serde_json::Value>,
    calls_done: usize,
) -> Option<usize> {
    (calls_done.saturating_sub(1)..action.after.len()).find(|index| {
        let needs = &action.after[*index].needs;
        needs.iter().all(|name| fields.get(name).is_some_and(|value| !value.is_null()))
    })
}

pub(super) fn kind_of(which: Which) -> &'static str {
    match which {
        Which::Call => "call",
        Which::Update => "update",
        Which::Find => "find",
        Which::After(_) => "after",
    }
}

/// The request as an attempt keeps it: without credential, body capped.
pub(super) fn request_text(request: &crate::connectors::RenderedRequest) -> String {
    let body = request.body.as_ref().map(|body| {
        let kept = &body[..body.len().min(REQUEST_BYTES_KEPT)];
        String::from_utf8_lossy(kept).into_owned()
    });
    json!({ "method": request.method, "url": request.url, "headers": request.headers, "body": body })
        .to_string()
}

pub(super) fn secret_name(secret: &crate::connectors::SecretRef) -> String {
    match secret {
        crate::connectors::SecretRef::Vault(name) => {
            format!("\"{name}\" (set it: waypost secret set {name})")
        }
        crate::connectors::SecretRef::Env(name) => format!("\"{name}\" of the environment"),
    }
}

/// An attempt without an answer: its call may have been `made`, or certainly was not.
pub(super) fn lost_write(lost: &LostAttempt, made: bool, now: Millis) -> DeliveryWrite {
    let run = &lost.run;
    // A look-up changes nothing, and further calls are repeat-safe; the main one may have been done.
    let uncertain = run.uncertain || (made && matches!(lost.kind.as_str(), "call" | "update"));
    let look_up_at = lost.at + LOOK_UP_MS_MIN;
    let (outcome, message) = if made {
        ("maybe_done", "Waypost stopped while the call was in flight")
    } else {
        ("retry", "the database was in the way, so the call was not made")
    };
    DeliveryWrite {
        run: RunWrite {
            id: run.id.clone(),
            revision: run.revision,
            lane: run.lane.clone(),
            state: RunState::Waiting,
            verdict: None,
            next_at: Some(now.max(look_up_at)),
            connection: run.connection.clone(),
            ruleset: run.ruleset.clone(),
            steps: run.steps.clone(),
            failures: run.failures,
            failing_since: run.failing_since,
            failing_stopped_ms: run.failing_stopped_ms,
            uncertain,
            cause: None,
            at: now,
        },
        begin: None,
        end: Some(AttemptEnd {
            id: AttemptId::new(lost.id.as_str()),
            outcome: outcome.into(),
            status: None,
            answer: None,
            message: Some(message.into()),
            duration_ms: (now - lost.at).max(0),
            at: now,
        }),
        links: Vec::new(),
    }
}

pub(super) fn answer_text(answer: &Answer) -> String {
    let kept = &answer.body[..answer.body.len().min(ANSWER_BYTES_KEPT)];
    let headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "set-cookie" | "authorization"))
        .take(40)
        .collect();
    json!({ "headers": headers, "body": String::from_utf8_lossy(kept), "cut": answer.cut || kept.len() < answer.body.len() })
        .to_string()
}
