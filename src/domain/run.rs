//! The life of a run, in one table.
//!
//! ```text
//!            ┌───────────── release / retry later ──────────────┐
//!            ▼                                                  │
//!  (plan) waiting ── begin ──► working ── done ──► done         │
//!            │  ▲                 │ └──── retry ────────────────┘
//!      pause │  │ resume          ├──── refused ─► failed
//!            ▼  │                 └──── hold ────► held
//!         paused
//!  waiting, working, paused ── skip ─► skipped
//!  waiting, working, paused, held, failed ── supersede ─► superseded
//!  by a person, or the end of a rule:
//!  waiting, paused, held, failed ── cancel ─► cancelled     waiting, paused ── hold ─► held
//!  waiting, paused, held, failed ── done by hand ─► done (waiting, where steps are left)
//!  failed, held, cancelled ── try again ─► waiting          superseded too ── try as it was ─► waiting
//! ```

use super::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;

/// Why a run was planned, where it came out late that its booking was rebooked: a newer one of the chain may have a record of
/// its own by then, so that nobody takes over the old one's.
pub const BY_REBOOKING: &str = "rebooking";

/// State of a run. The last five are ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Due at a time, or behind another run of its lane.
    Waiting,
    /// A call is in flight.
    Working,
    /// Its connection is paused or needs to be signed in again.
    Paused,
    /// Needs a person.
    Held,
    /// All steps done.
    Done,
    /// Nothing to send, with a verdict.
    Skipped,
    /// Failed for ever, with a verdict.
    Failed,
    /// Cancelled, with a verdict.
    Cancelled,
    /// A newer change took over.
    Superseded,
}

impl RunState {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Working,
        Self::Paused,
        Self::Held,
        Self::Done,
        Self::Skipped,
        Self::Failed,
        Self::Cancelled,
        Self::Superseded,
    ];

    /// The word that files, database and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Working => "working",
            Self::Paused => "paused",
            Self::Held => "held",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// An end: nothing more happens by itself.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Skipped | Self::Failed | Self::Cancelled | Self::Superseded)
    }

    /// Stands in the way of later runs of its lane. Failed and held runs never do.
    pub fn blocks_lane(self) -> bool {
        matches!(self, Self::Waiting | Self::Working | Self::Paused)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What can happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunEvent {
    /// A call begins.
    Begin,
    /// The last step is done.
    Finish,
    /// Nothing is to be sent.
    Skip,
    /// Later again: the next step, or the next try.
    Later,
    /// Failed for ever.
    Fail,
    /// A person is needed.
    Hold,
    /// The connection does not take calls.
    Pause,
    /// The connection takes calls again.
    Resume,
    /// A newer change took over.
    Supersede,
    /// A person, or the end of its rule, took it out.
    Cancel,
    /// A person tries it again.
    TryAgain,
    /// A person tries it again as it was, also over something newer.
    TryAsItWas,
    /// A person did its last step by hand.
    DoneByHand,
    /// A person did a step by hand, and others are left.
    StepByHand,
}

/// The one function that says what may follow on what. `None`: impossible, and the caller has a mistake.
pub fn transition(state: RunState, event: RunEvent) -> Option<RunState> {
    use RunEvent as E;
    use RunState as S;
    match (state, event) {
        (S::Waiting, E::Begin) => Some(S::Working),
        (S::Waiting | S::Working, E::Finish)
        | (S::Waiting | S::Paused | S::Held | S::Failed, E::DoneByHand) => Some(S::Done),
        (S::Waiting | S::Working | S::Paused, E::Skip) => Some(S::Skipped),
        (S::Waiting | S::Working | S::Paused, E::Later)
        | (S::Paused, E::Resume)
        | (S::Failed | S::Held | S::Cancelled, E::TryAgain)
        | (S::Failed | S::Held | S::Cancelled | S::Superseded, E::TryAsItWas)
        | (S::Waiting | S::Paused | S::Held | S::Failed, E::StepByHand) => Some(S::Waiting),
        (S::Waiting | S::Working | S::Paused, E::Fail) => Some(S::Failed),
        (S::Waiting | S::Working | S::Paused, E::Hold) => Some(S::Held),
        (S::Waiting | S::Working, E::Pause) => Some(S::Paused),
        (S::Waiting | S::Working | S::Paused | S::Held | S::Failed, E::Supersede) => Some(S::Superseded),
        (S::Waiting | S::Paused | S::Held | S::Failed, E::Cancel) => Some(S::Cancelled),
        _ => None,
    }
}

/// State of one step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Not tried, or between two tries.
    Waiting,
    /// Done: sent, or the CRM held the same already.
    Done,
    /// Left out, with a verdict.
    Skipped,
    /// Refused for ever.
    Failed,
}

/// What a run knows of one of its steps. Kept as JSON in the run's row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepProgress {
    /// Id of the step within its rule.
    pub id: String,
    /// `connection.action`.
    #[serde(rename = "use")]
    pub uses: String,
    /// How far it is.
    pub state: StepState,
    /// Calls made so far.
    pub attempts: i64,
    /// How many of its calls are done, where an action has further calls `after:` the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls_done: usize,
    /// What the answer gave, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    /// The CRM said that the record is there already, under this id: that one is updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_id: Option<String>,
    /// A record was gone and the step began anew: it does so once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub started_over: bool,
    /// Why nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [RunEvent; 14] = [
        RunEvent::Begin,
        RunEvent::Finish,
        RunEvent::Skip,
        RunEvent::Later,
        RunEvent::Fail,
        RunEvent::Hold,
        RunEvent::Pause,
        RunEvent::Resume,
        RunEvent::Supersede,
        RunEvent::Cancel,
        RunEvent::TryAgain,
        RunEvent::TryAsItWas,
        RunEvent::DoneByHand,
        RunEvent::StepByHand,
    ];

    #[test]
    fn all_pairs_of_state_and_event_are_as_drawn() {
        let mut table = String::new();
        for state in RunState::ALL {
            for event in EVENTS {
                let next = transition(state, event).map_or("-", RunState::as_str);
                table.push_str(&format!("{state} {event:?} {next}\n"));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn ends_stay_ends_unless_a_person_acts_or_a_newer_change_takes_over() {
        for state in RunState::ALL.into_iter().filter(|s| s.is_end()) {
            for event in EVENTS {
                if let Some(next) = transition(state, event) {
                    let by_a_person = matches!(
                        event,
                        RunEvent::TryAgain
                            | RunEvent::TryAsItWas
                            | RunEvent::Cancel
                            | RunEvent::DoneByHand
                            | RunEvent::StepByHand
                    );
                    assert!(by_a_person || event == RunEvent::Supersede, "{state} {event:?} {next}");
                    let over = matches!(state, RunState::Failed | RunState::Cancelled);
                    assert!(over || event == RunEvent::TryAsItWas, "{state} {event:?} {next}");
                }
            }
        }
    }

    #[test]
    fn words_are_read_back() {
        for state in RunState::ALL {
            assert_eq!(RunState::parse(state.as_str()), Some(state));
        }
    }
}
