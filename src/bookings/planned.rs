//! Plans as rows of runs: their ids, lanes and first states. Used by the stage, and by whoever plans existing bookings.

use crate::domain::{BookingId, ChangeRef, Millis, Position, RunState};
use crate::ports::{Entropy, NewRun};
use crate::rules::PlannedState;

/// Where planned runs belong.
pub struct RunPlace<'a> {
    /// The booking.
    pub booking: &'a BookingId,
    /// The booking of its chain that was known here first, itself where there is none: rules that move records go in that
    /// one's lane.
    pub root: &'a BookingId,
    /// The change that they are about.
    pub change: ChangeRef,
    /// The position that decides what is newer.
    pub position: Position,
    /// `change`, `replay`, `apply`, `rebooking`.
    pub trigger: &'a str,
}

impl<'a> RunPlace<'a> {
    pub(super) fn of(booking: &'a BookingId, root: &'a BookingId, change: ChangeRef) -> Self {
        Self { booking, root, change, position: change.position, trigger: "change" }
    }
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
                None => {
                    let owner = if planned.moves { place.root } else { place.booking };
                    format!("{}|{owner}|{}", planned.rule, planned.item)
                }
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
