//! A person did a step by hand: the step is done, the record that they made is linked by its id, and the run goes on with
//! its next step or is done. Called by `app` only; works out what to write by the production code and writes it in one
//! transaction.
//!
//! Invariant: nobody knows what the person wrote, so the link's hash is empty and the next change is sent in any case.

use super::Rulesets;
use super::chain;
use super::links::{link_key, made_by_hand};
use super::rows::{own_pointer, write_of};
use super::work::{Next, Work, mark_done};
use crate::domain::{Millis, RunEvent, RunId, RunState, StepState, Verdict, VerdictCode};
use crate::ports::{LinkBooking, LinkWrite, Store, StoreError, Written};
use crate::rules::Ruleset;
use serde_json::Value;
use std::sync::Arc;

/// What a person says of the step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoneByHand {
    /// Who did it, as the verdict names them.
    pub who: String,
    /// What they did, in their words.
    pub note: String,
    /// Id of the record in the CRM, where they know it.
    pub remote_id: Option<String>,
}

/// What was marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Id of the step.
    pub step: String,
    /// Other steps are left: the run goes on with them.
    pub goes_on: bool,
    /// The record is known by its key and linked.
    pub linked: bool,
}

/// Why it was not.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such run.
    #[error("there is no such run")]
    Unknown,
    /// It is done, or in a call.
    #[error("it is {0}, so there is nothing to mark as done by hand")]
    State(RunState),
    /// Neither the rules of now nor those that it went by have it.
    #[error("its rule is not there any more, so nobody knows which step is next")]
    NoRule,
    /// No step is left.
    #[error("all its steps are done or left out already")]
    NoStep,
    /// An id was given, and the record has no key to link it by.
    #[error(
        "the id can't be kept: the record's key is not known, since {0}. Mark it without the id, or mend the rule first"
    )]
    NoRecord(String),
    /// No id was given, and a later step needs it.
    #[error(
        "a later step of the rule needs the id of the record that you made: give it too. In most CRMs it stands in the \
         address of the record's page"
    )]
    NeedsId,
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile; look at it again")]
    Overtaken,
}

/// Marks the run's current step as done.
pub async fn done_by_hand(
    store: &Arc<dyn Store>,
    rulesets: &dyn Rulesets,
    active: Option<&Arc<Ruleset>>,
    (run, told): (&RunId, &DoneByHand),
    now: Millis,
) -> Result<Marked, MarkError> {
    let due = store.run_with_context(run).await?.ok_or(MarkError::Unknown)?;
    let state = due.run.state;
    if !matches!(state, RunState::Waiting | RunState::Paused | RunState::Held | RunState::Failed) {
        return Err(MarkError::State(state));
    }
    let pinned = match &due.run.ruleset {
        Some(hash) => rulesets.by_hash(hash).await,
        None => None,
    };
    // What is left to do goes by the rules of now, as when a run is tried again.
    let has_rule = |ruleset: &&Arc<Ruleset>| {
        ruleset.rules.contains_key(&due.run.rule)
            || ruleset.rules.values().any(|rule| rule.was.as_deref() == Some(&due.run.rule))
    };
    let ruleset =
        active.filter(has_rule).or(pinned.as_ref().filter(has_rule)).ok_or(MarkError::NoRule)?.clone();
    let mut taken = due.clone();
    chain::fill(&**store, vec![(&mut taken, &ruleset)]).await?;
    let mut work = match Work::take(taken, &ruleset, Some(ruleset.clone())) {
        Ok(work) => work,
        // Its booking can't be read: there is no key, and no step to find.
        Err((_, Next::End(_, verdict))) => {
            return Err(MarkError::NoRecord(verdict.map_or_else(String::new, |verdict| verdict.text)));
        }
        Err((_, Next::Send(_))) => return Err(MarkError::NoStep),
    };
    chain::inherit(&**store, vec![&mut work]).await?;
    let (index, record) = match work.next() {
        Next::Send(sending) => {
            let record = work.connection_now(sending.step, &ruleset).map(|connection| {
                sending.action.record(connection, &sending.fields, &work.own_key(sending.step))
            });
            let id_output = sending.action.id_output.clone();
            (
                sending.step,
                record
                    .map(|record| (record, id_output))
                    .ok_or_else(|| "its connection was deleted".to_owned()),
            )
        }
        Next::End(_, verdict) => {
            let open = |state| !matches!(state, StepState::Done | StepState::Skipped);
            let index = work.steps.iter().position(|step| open(step.state)).ok_or(MarkError::NoStep)?;
            (
                index,
                Err(verdict.map_or_else(|| "its fields can't be filled".to_owned(), |verdict| verdict.text)),
            )
        }
    };
    let record = match (record, &told.remote_id) {
        (Ok(record), _) => Some(record),
        (Err(why), Some(_)) => return Err(MarkError::NoRecord(why)),
        (Err(_), None) => None,
    };
    let verdict =
        Verdict::new(VerdictCode::ByHand, format!("Marked as done by {}: {}", told.who, told.note.trim()));
    let mut outputs = work.steps[index].outputs.clone();
    if let (Some(id), Some((_, id_output))) = (&told.remote_id, &record) {
        outputs.insert(id_output.clone().unwrap_or_else(|| "id".to_owned()), Value::String(id.clone()));
    }
    if told.remote_id.is_none() {
        let mut goes_on = work.clone();
        goes_on.step_done(index, outputs.clone(), None);
        if let Next::End(_, Some(verdict)) = goes_on.next()
            && verdict.code == VerdictCode::OutputMissing
        {
            return Err(MarkError::NeedsId);
        }
    }
    work.steps[index].calls_done = 0;
    mark_done(&mut work.steps[index], outputs.clone(), Some(verdict.clone()));
    let next = work.steps.iter().position(|step| !matches!(step.state, StepState::Done | StepState::Skipped));
    let event = if next.is_some() { RunEvent::StepByHand } else { RunEvent::DoneByHand };
    let end = next.is_none().then_some(verdict);
    let mut write = write_of(&due.run, work.steps.clone(), event, end, now);
    write.run.next_at = next.map(|_| now);
    write.run.ruleset = if next.is_some() { None } else { Some(ruleset.hash.clone()) };
    write.run.failures = 0;
    write.run.failing_since = None;
    write.run.failing_stopped_ms = 0;
    write.run.uncertain = false;
    if let Some(next) = next {
        let step = &mut write.run.steps[next];
        step.state = StepState::Waiting;
        write.run.connection.clone_from(&work.rule.steps[next].connection);
    }
    let linked = record.is_some();
    if let Some((record, _)) = record {
        let key = link_key(&work, index, &record);
        let known = store.links_of_records(std::slice::from_ref(&record)).await?;
        let known = known.into_iter().find(|link| link.key == key);
        let at = |position: i64| position.max(due.run.position);
        let own = known.as_ref().and_then(|link| own_pointer(link, &due.run)).map_or(0, |own| own.position);
        write.links.push(LinkWrite::Put {
            key,
            remote_id: told.remote_id.clone(),
            position: at(known.as_ref().map_or(0, |link| link.position)),
            hash: None,
            outputs: told.remote_id.is_some().then(|| made_by_hand(outputs)),
            booking: Some(LinkBooking {
                booking: due.run.booking.clone(),
                item: due.run.item.clone(),
                hash: None,
                position: at(own),
            }),
            at: now,
        });
    }
    let step = work.steps[index].id.clone();
    match store.write_delivery(&[write]).await?.as_slice() {
        [Written::Yes] => Ok(Marked { step, goes_on: next.is_some(), linked }),
        _ => Err(MarkError::Overtaken),
    }
}
