//! What the store keeps and gives for rules over existing bookings: bookings as they stand, how far the applying of a
//! rule got, and which rulesets were at work when. Filled by the store; `app` and the pages go by them.

use super::{BookingView, NewRun};
use crate::domain::{BookingId, ChangeKind, ChangeRef, EventId, Millis};

/// Which bookings are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresentQuery {
    /// Those behind this id, in the order of their ids, at most so many.
    After(String, i64),
    /// Those that changed last, newest first, at most so many.
    Newest(i64),
    /// This one.
    One(BookingId),
}

/// A booking as it stands, with the change that made it so.
#[derive(Clone, Debug, PartialEq)]
pub struct PresentBooking {
    /// The booking.
    pub booking: BookingView,
    /// The change.
    pub change: ChangeRef,
    /// What it was.
    pub kind: ChangeKind,
    /// Changed paths.
    pub paths: Vec<String>,
    /// When it was applied.
    pub at: Millis,
    /// When its event came in; the same where the event is not known any more.
    pub received_at: Millis,
    /// The event; empty where it is not known any more.
    pub event: EventId,
    /// The booking's JSON.
    pub body: String,
    /// The booking's JSON before that change.
    pub previous: Option<String>,
}

/// A rule is to be applied to existing bookings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewApply {
    /// Name of the rule.
    pub rule: String,
    /// Who said so.
    pub who: String,
    /// Only bookings whose trip starts on this day or later (`2027-03-14`).
    pub from_day: Option<String>,
    /// Only bookings whose trip starts on this day or earlier.
    pub to_day: Option<String>,
    /// When. Bookings that are first seen later are not its business.
    pub at: Millis,
}

/// What applying a rule came to so far, in bookings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ApplyCounts {
    /// Looked at.
    pub looked: i64,
    /// Something is sent.
    pub sends: i64,
    /// The mapping fails: somebody must look.
    pub fails: i64,
    /// What would be sent is there already.
    pub unchanged: i64,
    /// The rule does not ask for them: condition, cancelled, another source, outside of the days.
    pub excluded: i64,
    /// A record was made for them before, and would be made a second time.
    pub made: i64,
    /// A run of the rule is on its way already.
    pub open: i64,
    /// Runs planned.
    pub runs: i64,
}

/// How far the applying of a rule got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyRow {
    /// Its number.
    pub seq: i64,
    /// What was asked for.
    pub asked: NewApply,
    /// `open`, `done`, `stopped`.
    pub state: ApplyState,
    /// The last booking looked at; empty: none yet.
    pub last_booking: String,
    /// Why it was stopped.
    pub note: Option<String>,
    /// What it came to so far.
    pub counts: ApplyCounts,
    /// When it last got on.
    pub updated_at: Millis,
}

/// How it stands with an applying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyState {
    /// It goes on.
    Open,
    /// All bookings were looked at.
    Done,
    /// The rule is not there or not on any more.
    Stopped,
}

impl ApplyState {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Stopped => "stopped",
        }
    }
}

/// One batch of an applying.
#[derive(Clone, Debug, PartialEq)]
pub struct ApplyStep {
    /// Its number.
    pub seq: i64,
    /// The last booking looked at before this batch: whoever comes second finds another one there.
    pub after: String,
    /// The last booking of this batch.
    pub last_booking: String,
    /// The state then.
    pub state: ApplyState,
    /// Why it is stopped.
    pub note: Option<String>,
    /// All counts until now.
    pub counts: ApplyCounts,
    /// The runs to plan.
    pub runs: Vec<NewRun>,
    /// Now.
    pub at: Millis,
}

/// Which applyings are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplyFilter {
    /// Of this rule.
    pub rule: Option<String>,
    /// Only those that go on.
    pub open: bool,
    /// At most so many.
    pub limit: i64,
}

/// Who made a ruleset the active one, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesetNote {
    /// The ruleset.
    pub hash: String,
    /// The person's name.
    pub who: String,
    /// Their e-mail address.
    pub email: String,
    /// Why, in their words.
    pub reason: String,
    /// The git commit, where there was one.
    pub commit: Option<String>,
}

/// A ruleset was made the active one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesetEntry {
    /// Its place in the history.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// Which, who and why; nobody where the folder was changed by other means.
    pub note: RulesetNote,
}
