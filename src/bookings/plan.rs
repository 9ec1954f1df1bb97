//! What rules plan becomes rows: ids, lanes, first states. Also for what people ask for (replay, apply).

use crate::domain::{BookingId, ChangeRef, Millis, Position, RunState};
use crate::ports::{Entropy, NewRun};
use crate::rules::PlannedState;

/// Where planned runs belong.
pub struct RunPlace<'a> {
    /// The booking.
    pub booking: &'a BookingId,
    /// The change that they are about.
    pub change: ChangeRef,
    /// The position that decides what is newer.
    pub position: Position,
    /// `change`, `replay`, `apply`.
    pub trigger: &'a str,
}

/// Plans as rows: ids, lanes, first states.
pub fn planned_runs(
    entropy: &dyn Entropy,
    planned: Vec<crate::rules::Planned>,
    place: &RunPlace<'_>,
    now: Millis,
) -> Vec<NewRun> {
    planned
        .into_iter()
        .map(|planned| {
            let lane = match &planned.lane {
                Some(lane) => format!("{}|={lane}", planned.rule),
                None => format!("{}|{}|{}", planned.rule, place.booking, planned.item),
            };
            let (state, verdict) = match planned.state {
                PlannedState::Wait => (RunState::Waiting, None),
                PlannedState::Skip(verdict) => (RunState::Skipped, Some(verdict)),
                PlannedState::Fail(verdict) => (RunState::Failed, Some(verdict)),
            };
            NewRun {
                id: entropy.run_id(now),
                rule: planned.rule,
                booking: place.booking.clone(),
                item: planned.item,
                lane,
                change: place.change,
                position: place.position,
                asked: planned.asked,
                trigger: place.trigger.to_owned(),
                state,
                verdict,
                connection: planned.connection,
                supersedes: planned.supersedes,
                at: now,
            }
        })
        .collect()
}
