//! What goes in and out of the store about runs that need a person: their groups, filters over them, and what was asked
//! to be done with many of them. Filled by the store, asked for by `app`.

use super::RunRow;
use crate::domain::{Cause, Millis, RunId, RunState, Seq, Verdict};
use serde::{Deserialize, Serialize};

/// A group: the runs that need a person for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct CauseGroup {
    /// Its key.
    pub key: String,
    /// The reason.
    pub cause: Cause,
    /// The message as the last run had it.
    pub message: String,
    /// Runs that need a person.
    pub needs: i64,
    /// Runs that are being tried again.
    pub under_way: i64,
    /// Different bookings of its runs, counted up to [`GUESTS_MAX`] + 1.
    pub guests: i64,
    /// Since when it is open.
    pub first_at: Millis,
    /// When the last run came to it.
    pub last_at: Millis,
    /// When a run of it last moved; of a closed one: when it closed.
    pub moved_at: Millis,
}

/// Bookings of a group that are counted one by one.
pub const GUESTS_MAX: i64 = 1_000;

impl CauseGroup {
    /// No run of it needs a person or is being tried again.
    pub fn is_closed(&self) -> bool {
        self.needs + self.under_way <= 0
    }
}

/// Which runs that need a person (`failed`, `held`) are meant. All that are set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TroubleFilter {
    /// Key of their group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Name of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Name of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// `failed` or `held`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// Failed or held at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
    /// Failed or held at or before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

/// A page of runs that need a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroublePage {
    /// Oldest first, behind this seq.
    After(Seq),
    /// Newest first, before this seq.
    Before(Seq),
}

/// A run of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct TroubledRun {
    /// The run.
    pub run: RunRow,
    /// Key of its group.
    pub cause: String,
    /// When it came to the group.
    pub at: Millis,
}

/// What is done with many runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkAct {
    /// Try again (or let go on, what was held by hand).
    Retry,
    /// Cancel: they are not sent.
    Cancel,
}

impl BulkAct {
    /// The word that database and addresses use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Retry, Self::Cancel].into_iter().find(|act| act.as_str() == text)
    }
}

/// What a person asked to be done with many runs, and how far it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Bulk {
    /// Its id: `blk_…`.
    pub id: String,
    /// What is done.
    pub act: BulkAct,
    /// With which runs: those that were so when it was asked.
    pub filter: TroubleFilter,
    /// Who asked.
    pub who: String,
    /// When. Runs that came to trouble later are left alone.
    pub asked_at: Millis,
    /// How many runs its plan had.
    pub planned: i64,
    /// Seq of the last run that was looked at: none up to it is looked at again.
    pub position: Seq,
    /// Runs that it was done with.
    pub done: i64,
    /// Runs that it could not be done with.
    pub left_out: i64,
    /// When it had looked at all.
    pub ended_at: Option<Millis>,
}

/// One bounded piece of a bulk: written in one transaction with its new position.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkPiece {
    /// The bulk.
    pub id: String,
    /// What is done.
    pub act: BulkAct,
    /// Its position as it was read: where it has another, somebody else went on with it.
    pub from: Seq,
    /// Its new position.
    pub to: Seq,
    /// The runs.
    pub runs: Vec<RunId>,
    /// The verdict of those that are cancelled.
    pub verdict: Verdict,
    /// Runs that it can't be done with.
    pub left_out: i64,
    /// Nothing is left.
    pub ends: bool,
    /// Now.
    pub at: Millis,
}
