//! Walks over a source's API, for programs. Told by `waypost backfill --json`, `waypost reconcile --json` and the API.

use super::rfc3339;
use crate::app::{RepairAhead, WalkProgress, rests_until};
use crate::domain::Millis;
use crate::ports::{WalkFinding, WalkRow};
use serde::Serialize;
use utoipa::ToSchema;

/// How far a walk is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WalkEstimate {
    /// The part that is done, from 0 to 1.
    #[schema(example = 0.42)]
    pub share: f64,
    /// Calls in a minute of work; null: too early to say.
    pub calls_per_minute: Option<i64>,
    /// How many records there are in all; null: not known yet.
    pub records: Option<i64>,
    /// Whether the booking system tells that by itself; else it is guessed from what was found so far.
    pub records_are_told: bool,
    /// Seconds that are left; null: not known yet, or nothing is left.
    pub seconds_left: Option<i64>,
}

/// What a walk came to so far, in records.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WalkFigures {
    /// Heard of.
    pub found: i64,
    /// Looked at.
    pub looked: i64,
    /// As they are here.
    pub same: i64,
    /// In the source only.
    pub source_only: i64,
    /// Here and there, and not the same.
    pub differs: i64,
    /// What is here is newer.
    pub newer_here: i64,
    /// Here, and not come upon: each is looked up.
    pub looked_up: i64,
    /// Here only: the booking system does not know them any more.
    pub here_only: i64,
    /// Those of them that a repair would end, where the booking system does not know them the next time either.
    pub would_end: i64,
    /// Ended here, since the booking system does not know them any more.
    pub ended: i64,
    /// Not known to the booking system any more, and ended here before: nothing is to be done.
    pub ended_before: i64,
    /// Here, not come upon, and known to the booking system all the same.
    pub elsewhere: i64,
    /// Left alone, since their guests were erased here.
    pub erased: i64,
    /// Could not be read.
    pub trouble: i64,
    /// Lists that could not be read; what they hold was not looked at. Not in records.
    pub unseen_lists: i64,
    /// Brought in.
    pub brought_in: i64,
}

/// A walk over what a source's API has of a range of days.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Walk {
    /// Its number.
    pub id: i64,
    /// Name of the source.
    #[schema(example = "harbour-tours")]
    pub source: String,
    /// `backfill`: brings in. `reconcile`: reports. `repair`: does both.
    #[schema(example = "backfill")]
    pub purpose: &'static str,
    /// The first day.
    #[schema(format = Date)]
    pub from_day: String,
    /// The last day.
    #[schema(format = Date)]
    pub to_day: String,
    /// The reconcile whose findings it brings in, where it does only that.
    pub of_report: Option<i64>,
    /// Whether bookings that the booking system does not know any more end also where they are a large part of all.
    pub end_gone: bool,
    /// Whether those that a repair would end are so many that it needs `end_gone`.
    pub ends_many: bool,
    /// Who began it.
    pub who: String,
    /// `open`, `paused`, `done`, `stopped`.
    #[schema(example = "open")]
    pub state: &'static str,
    /// What it is at: `begin`, `walk`, `compare`, `repair`.
    pub phase: &'static str,
    /// Why it rests, was stopped, or is not complete.
    pub note: Option<String>,
    /// Nothing is asked for until then: the limit is used up, or the API does not answer.
    #[schema(format = DateTime)]
    pub rests_until: Option<String>,
    /// When it began.
    #[schema(format = DateTime)]
    pub began_at: String,
    /// When it last got on.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// Calls that were answered.
    pub calls: i64,
    /// How far it is.
    pub progress: WalkEstimate,
    /// What it came to.
    pub records: WalkFigures,
}

/// What a walk found of one record.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WalkFound {
    /// Its account; empty where the booking system tells none.
    pub account: String,
    /// Its key at the booking system.
    pub key: String,
    /// `new`: in the source only. `differs`. `gone`: here only. `trouble`: could not be read. `repaired`: brought in, or
    /// ended here.
    #[schema(example = "differs")]
    pub outcome: &'static str,
    /// The booking here, where there is one.
    pub booking: Option<String>,
    /// What differs.
    pub paths: Vec<String>,
    /// A sentence, where there is something to say.
    pub note: Option<String>,
}

impl Walk {
    /// A walk as it stands now.
    pub fn of(row: &WalkRow, now: Millis) -> Self {
        let counts = &row.counts;
        let progress = WalkProgress::of(row);
        Self {
            id: row.seq,
            source: row.asked.source.clone(),
            purpose: row.asked.purpose.as_str(),
            from_day: row.asked.from_day.clone(),
            to_day: row.asked.to_day.clone(),
            of_report: row.asked.report,
            end_gone: row.asked.end_gone,
            ends_many: RepairAhead::of(row).many,
            who: row.asked.who.clone(),
            state: row.state.as_str(),
            phase: row.phase.as_str(),
            note: row.note.clone(),
            rests_until: rests_until(row, now).map(rfc3339),
            began_at: rfc3339(row.asked.at),
            updated_at: rfc3339(row.updated_at),
            ended_at: row.ended_at.map(rfc3339),
            calls: counts.calls,
            progress: WalkEstimate {
                share: (progress.share * 10_000.0).floor() / 10_000.0,
                calls_per_minute: progress.calls_per_minute,
                records: progress.records,
                records_are_told: progress.records_are_told,
                seconds_left: progress.seconds_left,
            },
            records: WalkFigures {
                found: counts.found,
                looked: counts.looked,
                same: counts.same,
                source_only: counts.new,
                differs: counts.differs,
                newer_here: counts.newer,
                looked_up: counts.here_only,
                here_only: counts.gone,
                would_end: RepairAhead::of(row).ends,
                ended: counts.ended,
                ended_before: counts.past,
                elsewhere: counts.elsewhere,
                erased: counts.erased,
                trouble: counts.trouble + counts.aside,
                unseen_lists: counts.unseen,
                brought_in: counts.brought_in,
            },
        }
    }
}

impl WalkFound {
    /// One finding.
    pub fn of(finding: &WalkFinding) -> Self {
        Self {
            account: finding.account.clone(),
            key: finding.key.clone(),
            outcome: finding.outcome.as_str(),
            booking: finding.booking.as_ref().map(ToString::to_string),
            paths: finding.paths.clone(),
            note: finding.note.clone(),
        }
    }
}
