//! What applying a rule would come to, for programs. Told by `waypost apply --dry-run --json` and the API.

use crate::app::Foresight;
use crate::ports::ApplyCounts;
use serde::Serialize;
use utoipa::ToSchema;

/// What applying a rule comes to, in bookings.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ApplyFigures {
    /// Looked at.
    pub looked: i64,
    /// Something is sent.
    pub sends: i64,
    /// The mapping fails: somebody must look.
    pub fails: i64,
    /// What would be sent is there already.
    pub unchanged: i64,
    /// The rule does not ask for them.
    pub excluded: i64,
    /// A record was made for them before, and is not made twice.
    pub made_before: i64,
    /// A run of the rule is on its way already.
    pub on_their_way: i64,
}

/// A reason, and for how many bookings.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Reason {
    /// The reason.
    pub why: String,
    /// For how many bookings.
    pub bookings: i64,
}

/// A booking that something would be sent for.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ApplyExample {
    /// Its id.
    pub booking: String,
    /// Who and what, in a line.
    pub told: String,
    /// The steps that are sent.
    pub steps: Vec<String>,
}

/// What applying a rule would come to.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ApplyAhead {
    /// Name of the rule.
    pub rule: String,
    /// Nothing was done.
    pub dry_run: bool,
    /// The figures.
    pub bookings: ApplyFigures,
    /// Runs that would be planned.
    pub runs: i64,
    /// Why bookings are left alone or fail, the most frequent first.
    pub reasons: Vec<Reason>,
    /// Some of those that something is sent for.
    pub examples: Vec<ApplyExample>,
}

impl ApplyFigures {
    /// From the counts.
    pub fn of(counts: &ApplyCounts) -> Self {
        Self {
            looked: counts.looked,
            sends: counts.sends,
            fails: counts.fails,
            unchanged: counts.unchanged,
            excluded: counts.excluded,
            made_before: counts.made,
            on_their_way: counts.open,
        }
    }
}

impl ApplyAhead {
    /// From a look ahead.
    pub fn of(rule: &str, foresight: &Foresight) -> Self {
        let reason = |(why, bookings): &(String, i64)| Reason { why: why.clone(), bookings: *bookings };
        let example = |one: &crate::app::Example| ApplyExample {
            booking: one.booking.clone(),
            told: one.told.clone(),
            steps: one.steps.clone(),
        };
        Self {
            rule: rule.to_owned(),
            dry_run: true,
            bookings: ApplyFigures::of(&foresight.counts),
            runs: foresight.counts.runs,
            reasons: foresight.reasons.iter().map(reason).collect(),
            examples: foresight.examples.iter().map(example).collect(),
        }
    }
}
