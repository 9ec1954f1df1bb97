//! One event while it is being applied: what came of it so far, what is planned once all of it is known, and which runs end
//! since a newer booking takes over.

use super::chain::Batch;
use super::{Candidate, doors};
use crate::connectors::RecordSpec;
use crate::domain::{
    BY_REBOOKING, BookingId, BookingKey, ChangeRef, DocumentHead, Millis, RunState, Verdict, VerdictCode,
};
use crate::ports::{AppliedEvent, SeenEvent, StoredEvent, TakenOver};
use crate::rules::{ChangeContext, Ruleset};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The kind of record as the event's source reads it.
pub(super) fn spec_of<'r>(ruleset: &'r Ruleset, event: &StoredEvent, kind: &str) -> Option<&'r RecordSpec> {
    ruleset.sources.get(&event.source)?.connector.source.as_ref()?.record(kind)
}

/// An event while it is being applied.
pub(super) struct Applying<'a> {
    pub ruleset: &'a Arc<Ruleset>,
    pub event: &'a StoredEvent,
    pub doors: &'a doors::Known,
    pub now: Millis,
    pub one: AppliedEvent,
    /// What is to be looked up among earlier versions.
    pub candidates: Vec<Candidate>,
    pub planned_later: Vec<Later>,
    /// Older bookings of chains that come out now, while newer ones went their own way.
    pub parted: BTreeSet<BookingKey>,
    /// Of the next change.
    pub ordinal: i64,
}

/// A change of a booking in a chain, to be planned.
pub(super) struct Later {
    pub context: ChangeContext,
    pub key: BookingKey,
    pub id: BookingId,
    pub change: ChangeRef,
    pub again: bool,
}

/// How something came to be told.
#[derive(Default)]
pub(super) struct How {
    pub note: Option<String>,
    /// A booking that was known as rebooked already tells it itself.
    pub again: bool,
    /// By the record's own body; else by another one's.
    pub own: bool,
    /// It looks like a late copy.
    pub doubted: bool,
    /// Where it was fetched: for what.
    pub head: Option<DocumentHead>,
    /// The event, where it is to be remembered.
    pub seen: Option<SeenEvent>,
    /// When it happened, by the system's word.
    pub happened_at: Option<Millis>,
}

impl<'a> Applying<'a> {
    pub fn new(
        ruleset: &'a Arc<Ruleset>,
        event: &'a StoredEvent,
        doors: &'a doors::Known,
        now: Millis,
    ) -> Self {
        let one = AppliedEvent { position: event.position, ..AppliedEvent::default() };
        Self {
            ruleset,
            event,
            doors,
            now,
            one,
            candidates: Vec::new(),
            planned_later: Vec::new(),
            parted: BTreeSet::new(),
            ordinal: 0,
        }
    }

    /// Where a rule moves records, the runs of bookings that were replaced end.
    pub fn take_over(&mut self, batch: &Batch, key: &BookingKey) {
        let mut moves = self
            .ruleset
            .rules
            .values()
            .filter(|rule| rule.moves && rule.each.is_none() && rule.about == key.kind)
            .peekable();
        if moves.peek().is_none() {
            return;
        }
        let replaced = batch.replaced(key);
        for rule in moves {
            for old in &replaced {
                let (Some(state), Some(new)) = (batch.states.get(old), batch.chains.after(old)) else {
                    continue;
                };
                self.one.taken_over.push(TakenOver {
                    booking: state.id.clone(),
                    rule: rule.name.clone(),
                    why: format!("The booking was rebooked: {} takes over its record.", new.key),
                    at: self.now,
                });
            }
        }
    }
}

/// Ends the runs of a batch that a newer booking of it takes over; those before it, the store ends.
pub(super) fn end_taken_over(applied: &mut [AppliedEvent], taken: &TakenOver) {
    let runs = applied.iter_mut().flat_map(|one| &mut one.runs);
    for run in runs.filter(|run| run.booking == taken.booking && run.rule == taken.rule) {
        if run.state == RunState::Waiting && run.trigger != BY_REBOOKING {
            run.state = RunState::Superseded;
            run.verdict = Some(Verdict::new(VerdictCode::Superseded, taken.why.clone()));
        }
    }
}
