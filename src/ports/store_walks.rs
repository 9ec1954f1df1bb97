//! What the store keeps and gives for walks over a source's API (backfill, reconcile, repair): the walk's row, the places
//! that are still to be asked for, and what it found. Filled by the store; `walk`, `app` and the pages go by them.

use super::{StoreError, StoredBooking};
use crate::domain::{BookingId, BookingKey, Millis};
use async_trait::async_trait;

/// The whole of a walk, in shares: each place has its part, and hands it on to what it leads to.
pub const WHOLE_SHARE: i64 = 1 << 60;

/// Findings of a report that are kept.
pub const FINDINGS_KEPT: i64 = 10_000;

/// What a walk is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WalkPurpose {
    /// Brings in what is new or differs.
    #[default]
    Backfill,
    /// Reports what differs, and changes nothing.
    Reconcile,
    /// Reports, brings in what is new or differs, and ends what the source does not know any more.
    Repair,
}

impl WalkPurpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Backfill, Self::Reconcile, Self::Repair];

    /// The word that database, pages and API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Reconcile => "reconcile",
            Self::Repair => "repair",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// Whether what is found goes into the journal.
    pub fn brings_in(self) -> bool {
        self != Self::Reconcile
    }

    /// Whether what is here is looked up there, too.
    pub fn compares(self) -> bool {
        self != Self::Backfill
    }
}

/// How it stands with a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WalkState {
    /// It goes on.
    #[default]
    Open,
    /// A person paused it.
    Paused,
    /// It is through.
    Done,
    /// A person stopped it, or its source is gone.
    Stopped,
}

impl WalkState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Paused, Self::Done, Self::Stopped];

    /// The word that database, pages and API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Stopped => "stopped",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing more comes of it by itself.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Stopped)
    }
}

/// What a walk is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WalkPhase {
    /// Nothing was asked for yet.
    #[default]
    Begin,
    /// What the source has.
    Walk,
    /// What is here and was not found.
    Compare,
    /// What a report found: of an earlier walk, or of this one.
    Repair,
}

impl WalkPhase {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Begin, Self::Walk, Self::Compare, Self::Repair];

    /// The word that the database has.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Walk => "walk",
            Self::Compare => "compare",
            Self::Repair => "repair",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text)
    }
}

/// What became of a record that a walk came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WalkOutcome {
    /// Heard of, not looked at yet.
    Found,
    /// As it is here.
    Same,
    /// In the source only.
    New,
    /// Here and there, and not the same.
    Differs,
    /// What is here is newer than what was fetched.
    Newer,
    /// Here only, as far as the walk went; it is being looked up.
    HereOnly,
    /// Here only: the source does not know it any more.
    Gone,
    /// The walk did not come upon it, and the source knows it all the same.
    Elsewhere,
    /// Its guest was erased here, so it is left alone.
    Erased,
    /// It could not be read.
    Trouble,
    /// It was new or differed and was brought in, or the source does not know it any more and it was ended here.
    Repaired,
}

impl WalkOutcome {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Found,
        Self::Same,
        Self::New,
        Self::Differs,
        Self::Newer,
        Self::HereOnly,
        Self::Gone,
        Self::Elsewhere,
        Self::Erased,
        Self::Trouble,
        Self::Repaired,
    ];

    /// Those that a report tells one by one.
    pub const TOLD: [Self; 5] = [Self::New, Self::Differs, Self::Gone, Self::Trouble, Self::Repaired];

    /// The word that database, pages and API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Same => "same",
            Self::New => "new",
            Self::Differs => "differs",
            Self::Newer => "newer",
            Self::HereOnly => "here_only",
            Self::Gone => "gone",
            Self::Elsewhere => "elsewhere",
            Self::Erased => "erased",
            Self::Trouble => "trouble",
            Self::Repaired => "repaired",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// A walk is to begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewWalk {
    /// Name of the source.
    pub source: String,
    /// What for.
    pub purpose: WalkPurpose,
    /// The first day of the range (`2027-03-14`).
    pub from_day: String,
    /// The last day, which is part of it.
    pub to_day: String,
    /// A repair of what this reconcile found; the range is its range.
    pub report: Option<i64>,
    /// Bookings that the source does not know any more are ended also where they are a large part of all.
    pub end_gone: bool,
    /// Who said so.
    pub who: String,
    /// When.
    pub at: Millis,
}

/// So many bookings that the source does not know any more are ended, whatever part of all they are.
const END_FREELY: i64 = 10;
/// Of more, at most one in so many of the bookings that were looked at; else a person says so first.
const END_ONE_IN: i64 = 5;

/// What a walk came to so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct WalkCounts {
    /// Calls that were answered.
    pub calls: i64,
    /// Records that it heard of.
    pub found: i64,
    /// How many there are, as far as the source says so by itself.
    pub told: i64,
    /// Records that were looked at.
    pub looked: i64,
    /// As they are here.
    pub same: i64,
    /// In the source only.
    pub new: i64,
    /// Here and there, and not the same.
    pub differs: i64,
    /// What is here is newer.
    pub newer: i64,
    /// Here only, as far as the walk went: each is looked up.
    pub here_only: i64,
    /// Here only: the source does not know them any more.
    pub gone: i64,
    /// Those of them that a repair may end: the source said so by itself, and knows others of their account.
    pub endable: i64,
    /// Ended here, since the source does not know them any more.
    pub ended: i64,
    /// Not known to the source any more, and ended here before.
    pub past: i64,
    /// Known to the source, but not where the walk looked.
    pub elsewhere: i64,
    /// Left alone, since their guests were erased.
    pub erased: i64,
    /// Could not be understood, or not be found where a list names them.
    pub trouble: i64,
    /// Records that were put aside.
    pub aside: i64,
    /// Lists that were put aside: what they hold was not looked at.
    pub unseen: i64,
    /// Documents that went into the journal.
    pub brought_in: i64,
    /// Places made: the next one's number.
    pub places: i64,
    /// The share of the whole that is done.
    pub share_done: i64,
    /// So long it has been at work.
    pub worked_ms: i64,
    /// Accounts that it came through.
    pub accounts: Vec<String>,
    /// Accounts that something was answered of.
    pub answering: Vec<String>,
    /// When something was last answered.
    pub answered_at: Millis,
    /// As it was asked for.
    pub end_gone: bool,
}

impl WalkCounts {
    /// Bookings that are here and were looked at.
    pub fn here(&self) -> i64 {
        self.same
            + self.differs
            + self.newer
            + self.gone
            + self.ended
            + self.past
            + self.elsewhere
            + self.erased
    }

    /// Whether so many bookings would end that something else is more likely, so that a person has to say so.
    pub fn ends_many(&self) -> bool {
        self.endable > END_FREELY && self.endable * END_ONE_IN > self.here()
    }

    /// Records and lists that could not be read.
    pub fn unread(&self) -> i64 {
        self.trouble + self.aside + self.unseen
    }
}

/// A walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalkRow {
    /// Its number.
    pub seq: i64,
    /// What was asked for.
    pub asked: NewWalk,
    /// How it stands.
    pub state: WalkState,
    /// What it is at.
    pub phase: WalkPhase,
    /// How far `Compare` and `Repair` got.
    pub cursor: String,
    /// When it last got on.
    pub updated_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Nothing is asked for until then.
    pub rests_until: Option<Millis>,
    /// Steps in a row in which nothing was answered.
    pub failures: i64,
    /// Why it rests, or was stopped.
    pub note: Option<String>,
    /// What it came to so far.
    pub counts: WalkCounts,
    /// Counts writes; a write of an older revision does nothing.
    pub revision: i64,
}

/// A place that is to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRow {
    /// Its number.
    pub place: i64,
    /// How deep it is; the deepest come first.
    pub level: i64,
    /// Its part of the whole.
    pub share: i64,
    /// What it is, as JSON text.
    pub what: String,
    /// How often it failed.
    pub tries: i64,
    /// Since when.
    pub failing_since: Option<Millis>,
    /// Not before then.
    pub due_at: Millis,
    /// Put aside, and why.
    pub aside: Option<String>,
}

/// Places that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DuePlaces {
    /// The deepest first, then in the order in which they were made.
    pub due: Vec<PlaceRow>,
    /// When the next one is due, where none is.
    pub next_at: Option<Millis>,
}

/// What a walk found of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkFinding {
    /// The account.
    pub account: String,
    /// The source's own key.
    pub key: String,
    /// What became of it.
    pub outcome: WalkOutcome,
    /// The booking here.
    pub booking: Option<BookingId>,
    /// What differs.
    pub paths: Vec<String>,
    /// A sentence, where there is something to say.
    pub note: Option<String>,
    /// When.
    pub at: Millis,
}

/// One step of a walk: all of it is one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalkWrite {
    /// The walk as it stands after the step; its `revision` is the one that was read.
    pub walk: WalkRow,
    /// New places.
    pub made: Vec<PlaceRow>,
    /// Places that stay: tried in vain, or put aside.
    pub kept: Vec<PlaceRow>,
    /// Places that are done.
    pub done: Vec<i64>,
    /// What was found, and what became of it.
    pub findings: Vec<WalkFinding>,
}

/// What a person does with a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkAct {
    /// It waits until it is resumed.
    Pause,
    /// It goes on; what was put aside is tried again.
    Resume,
    /// It ends as it is.
    Stop,
}

/// Which walks are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalkFilter {
    /// Of this source.
    pub source: Option<String>,
    /// Only those that go on.
    pub open: bool,
    /// At most so many, newest first.
    pub limit: i64,
}

/// Which findings are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingQuery {
    /// Of this walk.
    pub walk: i64,
    /// Of these outcomes.
    pub outcomes: Vec<WalkOutcome>,
    /// Behind this account and key.
    pub after: Option<(String, String)>,
    /// At most so many, by account and key.
    pub limit: i64,
}

/// A booking as it is here, for comparing.
#[derive(Clone, Debug, PartialEq)]
pub struct HereBooking {
    /// Its present state.
    pub booking: StoredBooking,
    /// The source through which it was last told.
    pub source: String,
    /// When it was first seen.
    pub created_at: Millis,
    /// Its guest was erased, and nothing came since.
    pub erased: bool,
}

/// The part of the store about walks.
#[async_trait]
pub trait WalkStore: Send + Sync {
    /// Begins a walk. Where one of the source is under way, gives that one instead, and `false`.
    async fn begin_walk(&self, new: &NewWalk) -> Result<(WalkRow, bool), StoreError>;
    /// One walk.
    async fn walk(&self, seq: i64) -> Result<Option<WalkRow>, StoreError>;
    /// Walks, newest first.
    async fn walks(&self, filter: &WalkFilter) -> Result<Vec<WalkRow>, StoreError>;
    /// Pauses, resumes or stops a walk. `false`: it does not stand so that it could be.
    async fn act_on_walk(&self, seq: i64, act: WalkAct, now: Millis) -> Result<bool, StoreError>;
    /// Places that are due.
    async fn due_places(&self, walk: i64, now: Millis, limit: i64) -> Result<DuePlaces, StoreError>;
    /// Places that were put aside.
    async fn aside_places(&self, walk: i64, limit: i64) -> Result<Vec<PlaceRow>, StoreError>;
    /// What the walk knows of these records (account, key) already; in no order.
    async fn findings_of(&self, walk: i64, keys: &[(String, String)])
    -> Result<Vec<WalkFinding>, StoreError>;
    /// Findings in the order of account and key.
    async fn findings(&self, query: &FindingQuery) -> Result<Vec<WalkFinding>, StoreError>;
    /// Bookings as they are here, for those of the keys that are known.
    async fn here_by_key(&self, keys: &[BookingKey]) -> Result<Vec<HereBooking>, StoreError>;
    /// Bookings behind this id, of whatever connector, in the order of their ids.
    async fn here_after(&self, after: &str, limit: i64) -> Result<Vec<HereBooking>, StoreError>;
    /// Notes a step. `false`: somebody else did it meanwhile, or the walk does not go on; nothing was noted.
    async fn write_walk(&self, write: &WalkWrite) -> Result<bool, StoreError>;
    /// Forgets a piece of what ended walks leave behind. True where there is more.
    async fn tidy_walks(&self) -> Result<bool, StoreError>;
    /// Whether a node serves this database now: it goes the walks that are open.
    async fn a_node_walks(&self) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::WalkCounts;

    #[test]
    fn more_than_ten_and_more_than_a_fifth_are_many() {
        let counts = |gone, same| WalkCounts { gone, endable: gone, same, ..WalkCounts::default() };
        assert!(!counts(10, 0).ends_many(), "a few always end");
        assert!(counts(11, 0).ends_many());
        assert!(!counts(11, 44).ends_many(), "a fifth");
        assert!(counts(11, 43).ends_many());
        let ended = WalkCounts { ended: 5, ..counts(6, 43) };
        assert!(!WalkCounts { endable: 6, ..ended.clone() }.ends_many());
        assert!(WalkCounts { endable: 11, ..ended }.ends_many(), "while it ends them, they count on");
    }
}
