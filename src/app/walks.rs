//! Walks over a source's API as people ask for them: backfill, reconcile, repair. Written down for the runner to go; a
//! command goes itself where nobody serves. Also for others of this program that find a gap (`begin_walk`).

use super::{App, AskError, is_day};
use crate::connectors::{ApiTrouble, Source, Verified};
use crate::domain::Millis;
use crate::ports::{
    FINDINGS_KEPT, FindingQuery, NewWalk, StoreError, WalkAct, WalkFilter, WalkOutcome, WalkPurpose, WalkRow,
    WalkState,
};
use crate::source_api::{ApiCall, ApiClient};
use crate::walk::{SourceCall, SourceCalls, Walked, Walker, walkable};
use async_trait::async_trait;
use jiff::civil::Date;
use jiff::{Span, Timestamp, ToSpan as _};
use serde_json::Value;
use std::sync::Arc;

/// Days of one walk.
const DAYS_MAX: i32 = 3_660;
/// Without days: so long back, and so long ahead.
const DAYS_BACK: i64 = 30;
const DAYS_AHEAD: i64 = 60;
/// Findings of a report that are counted at once.
const FINDINGS_AT_ONCE: i64 = 1_000;
/// Bookings that wait to be read; a walk that brings in more waits.
const UNREAD_MAX: i64 = 2_000;

/// How a source can be walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Walkable {
    /// It can.
    Yes {
        /// What the range of days is about: `tour date`.
        by: String,
        /// How sure we are of how it is done.
        verified: Verified,
    },
    /// It can't: a sentence without its end.
    No(String),
}

impl App {
    /// Whether a source's API can be walked.
    pub fn walkable(source: &Source) -> Walkable {
        match walkable(source) {
            Ok((walk, _)) => Walkable::Yes { by: walk.by.clone(), verified: walk.least_verified() },
            Err(why) => Walkable::No(why),
        }
    }

    /// Begins a walk. Gives how it stands, and whether it began just now (`false`: the same one was under way already).
    pub async fn begin_walk(&self, new: &NewWalk) -> Result<(WalkRow, bool), AskError> {
        let active = self.active();
        let active = active
            .ok_or_else(|| AskError::NotNow("no ruleset is active yet, so no source is known".into()))?;
        let unknown = || AskError::Unknown { what: "source", id: new.source.clone() };
        let source = active.sources.get(&new.source).ok_or_else(unknown)?;
        if let Walkable::No(why) = Self::walkable(source) {
            return Err(AskError::NotNow(why));
        }
        check_days(&new.from_day, &new.to_day).map_err(AskError::NotNow)?;
        self.know_account(&active, source).await?;
        let (row, began) = self.store.walks().begin_walk(new).await?;
        let asked = &row.asked;
        let same = (asked.purpose, &asked.from_day, &asked.to_day, asked.report, asked.end_gone)
            == (new.purpose, &new.from_day, &new.to_day, new.report, new.end_gone);
        if !began && !same {
            return Err(AskError::NotNow(format!(
                "a {} of {} to {} is under way for this source; wait until it is through, or stop it",
                asked.purpose.as_str(),
                asked.from_day,
                asked.to_day
            )));
        }
        self.hints.walks.notify_one();
        Ok((row, began))
    }

    /// Begins to bring in what a report found, and to end what it found to be gone. `end_gone`: also where these are many.
    pub async fn repair_walk(
        &self,
        seq: i64,
        end_gone: bool,
        who: &str,
    ) -> Result<(WalkRow, bool), AskError> {
        let report = self.walk_row(seq).await?;
        if !report.asked.purpose.compares() || report.state != WalkState::Done {
            return Err(AskError::NotNow("only a reconcile that is through can be repaired".into()));
        }
        let ahead = RepairAhead::of(&report);
        if ahead.brings_in + ahead.ends == 0 {
            return Err(AskError::NotNow("it found nothing that could be brought in or ended".into()));
        }
        if ahead.brings_in == 0 && ahead.many && !end_gone {
            return Err(AskError::NotNow(format!(
                "{} of {} bookings here are not known there any more, so many that they end only if it is said that all \
                 of them are to (end_gone)",
                ahead.ends,
                report.counts.here()
            )));
        }
        // What it found may have been forgotten since, or be more than is kept: then all of its days are walked once more.
        let kept = self.keeps_findings(&report).await?;
        let new = NewWalk {
            purpose: WalkPurpose::Repair,
            report: kept.then_some(seq),
            end_gone,
            who: who.to_owned(),
            at: self.clock.now(),
            ..report.asked
        };
        self.begin_walk(&new).await
    }

    /// Whether all that a report found is still there, and will be.
    async fn keeps_findings(&self, report: &WalkRow) -> Result<bool, StoreError> {
        let counts = &report.counts;
        let told = counts.new + counts.differs + counts.gone;
        if told + counts.trouble > FINDINGS_KEPT {
            return Ok(false);
        }
        let outcomes = vec![WalkOutcome::New, WalkOutcome::Differs, WalkOutcome::Gone];
        let (mut there, mut after) = (0, None);
        while there < told {
            let query =
                FindingQuery { walk: report.seq, outcomes: outcomes.clone(), after, limit: FINDINGS_AT_ONCE };
            let found = self.store.walks().findings(&query).await?;
            let Some(last) = found.last() else { return Ok(false) };
            after = Some((last.account.clone(), last.key.clone()));
            there += found.len() as i64;
        }
        Ok(true)
    }

    /// Pauses, resumes or stops a walk.
    pub async fn act_on_walk(&self, seq: i64, act: WalkAct) -> Result<WalkRow, AskError> {
        let before = self.walk_row(seq).await?;
        if !self.store.walks().act_on_walk(seq, act, self.clock.now()).await? {
            let what = match act {
                WalkAct::Pause => "paused",
                WalkAct::Resume => "resumed",
                WalkAct::Stop => "stopped",
            };
            let stands = match before.state {
                WalkState::Open => "it is under way",
                WalkState::Paused => "it is paused",
                WalkState::Done => "it is through",
                WalkState::Stopped => "it was stopped",
            };
            return Err(AskError::NotNow(format!("it can't be {what}: {stands}")));
        }
        self.hints.walks.notify_one();
        self.walk_row(seq).await
    }

    /// How a walk stands.
    pub async fn walk_row(&self, seq: i64) -> Result<WalkRow, AskError> {
        let unknown = || AskError::Unknown { what: "walk", id: seq.to_string() };
        self.store.walks().walk(seq).await?.ok_or_else(unknown)
    }

    /// The walk of a source that is under way.
    pub async fn open_walk(&self, source: &str) -> Result<Option<WalkRow>, StoreError> {
        let filter = WalkFilter { source: Some(source.to_owned()), open: true, limit: 1 };
        Ok(self.store.walks().walks(&filter).await?.pop())
    }

    /// The walk that a person means who wants this done with a source's: the one under way, or the last one, which may go on.
    pub async fn last_walk(&self, source: &str, act: WalkAct) -> Result<Option<WalkRow>, StoreError> {
        let filter = WalkFilter { source: Some(source.to_owned()), open: act != WalkAct::Resume, limit: 1 };
        Ok(self.store.walks().walks(&filter).await?.pop())
    }

    /// The walker over this app's ports.
    pub fn walker(&self) -> Walker {
        let calls = Arc::new(Calls { client: self.api_client() });
        Walker::new(self.store.clone(), self.entropy.clone(), self.clock.clone(), calls)
    }

    /// Does one step of a walk by the active ruleset. What it brings in is read beside what comes in by itself, which must not
    /// wait long behind it; where nobody reads (`alone`), it waits for nobody.
    pub async fn walk_further(&self, walker: &Walker, seq: i64, alone: bool) -> Result<Walked, StoreError> {
        let Some(ruleset) = self.active() else { return Ok(Walked::Rests(self.clock.now() + 1_000)) };
        if !alone && self.store.glance().await?.unapplied > UNREAD_MAX {
            return Ok(Walked::Rests(self.clock.now() + 200));
        }
        let walked = walker.step(&ruleset, seq).await?;
        if matches!(walked, Walked::On(brought_in) if brought_in > 0) {
            self.hints.apply.notify_one();
        }
        Ok(walked)
    }

    /// The days of a walk that names none: lately, and a while ahead.
    pub fn usual_days(&self) -> (String, String) {
        let day = |span: Span| {
            let now = Timestamp::from_millisecond(self.clock.now()).unwrap_or_default();
            let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
            today.checked_add(span).unwrap_or(today).to_string()
        };
        (day((-DAYS_BACK).days()), day(DAYS_AHEAD.days()))
    }
}

/// Why no walk can be over these days: a sentence without its end.
pub fn check_days(from: &str, to: &str) -> Result<(), String> {
    if !is_day(from) || !is_day(to) {
        return Err("days are written as in 2027-03-14".into());
    }
    let (Ok(first), Ok(last)) = (from.parse::<Date>(), to.parse::<Date>()) else {
        return Err("days are written as in 2027-03-14".into());
    };
    if first > last {
        return Err("the first day is later than the last, so that no booking fits".into());
    }
    let days = first.until(last).map_or(i32::MAX, |span| span.get_days());
    if days >= DAYS_MAX {
        return Err("a walk is over ten years at most; take them one after the other".into());
    }
    Ok(())
}

/// The walk's way to the source's API.
struct Calls {
    client: Arc<ApiClient>,
}

#[async_trait]
impl SourceCalls for Calls {
    async fn call(&self, asked: SourceCall<'_>) -> Result<Value, ApiTrouble> {
        let Some(api) = &asked.source.reach else {
            return Err(ApiTrouble::NeedsAuth("the source's file gives no access to its API".into()));
        };
        let call = ApiCall { api, call: asked.call, inputs: asked.inputs, patient: true };
        self.client.call(&asked.ruleset.engine, call).await.map(|answer| answer.body)
    }
}

/// What a repair of a report would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairAhead {
    /// Bookings that are brought in.
    pub brings_in: i64,
    /// Bookings that end, where the booking system does not know them the next time either.
    pub ends: i64,
    /// These are so many that they end only if a person says so.
    pub many: bool,
}

impl RepairAhead {
    /// Of a walk as it stands; nothing where it is no report, or not through.
    pub fn of(row: &WalkRow) -> Self {
        if row.state != WalkState::Done || !row.asked.purpose.compares() {
            return Self::default();
        }
        let counts = &row.counts;
        let reports = row.asked.purpose == WalkPurpose::Reconcile;
        // What a repair left because it was much; what it ended is not gone any more.
        let ends = counts.endable.min(counts.gone);
        Self {
            brings_in: if reports { counts.new + counts.differs } else { 0 },
            ends,
            many: ends > 0 && counts.ends_many(),
        }
    }
}

/// How far a walk is, and how long it may still take, as far as that can be known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WalkProgress {
    /// From 0 to 1.
    pub share: f64,
    /// Calls in a minute of work; `None`: too early to say.
    pub calls_per_minute: Option<i64>,
    /// How many records there are in all, told by the source or guessed from what was found so far.
    pub records: Option<i64>,
    /// Whether the source tells that by itself.
    pub records_are_told: bool,
    /// Seconds that are left.
    pub seconds_left: Option<i64>,
}

impl WalkProgress {
    /// Below this share nothing is said of the whole.
    const SHARE_MIN: f64 = 0.01;
    /// Nor before so much work.
    const WORK_MS_MIN: i64 = 5_000;

    /// Of a walk as it stands.
    pub fn of(row: &WalkRow) -> Self {
        let counts = &row.counts;
        let walked = (counts.share_done as f64 / crate::ports::WHOLE_SHARE as f64).clamp(0.0, 1.0);
        // Comparing comes after the walk, and how much of it there is shows then only.
        let share = match row.state {
            WalkState::Done => 1.0,
            _ if row.asked.purpose.compares() && row.asked.report.is_none() => walked * 0.95,
            _ => walked,
        };
        let known = walked >= Self::SHARE_MIN && counts.worked_ms >= Self::WORK_MS_MIN;
        let told = counts.told > 0;
        let guessed = (counts.looked as f64 / walked.max(Self::SHARE_MIN)) as i64;
        let records = match row.state {
            WalkState::Done => Some(counts.found),
            _ if told => Some(counts.told.max(counts.found)),
            _ => known.then_some(guessed.max(counts.found)),
        };
        let left = || (counts.worked_ms as f64 * (1.0 - share) / share.max(Self::SHARE_MIN) / 1_000.0) as i64;
        let minutes = counts.worked_ms as f64 / 60_000.0;
        Self {
            share,
            calls_per_minute: (counts.worked_ms >= Self::WORK_MS_MIN)
                .then(|| (counts.calls as f64 / minutes) as i64),
            records,
            records_are_told: told || row.state == WalkState::Done,
            seconds_left: (known && !row.state.is_end()).then(left),
        }
    }
}

/// Whether a walk is resting now, and until when.
pub fn rests_until(row: &WalkRow, now: Millis) -> Option<Millis> {
    row.rests_until.filter(|until| *until > now && row.state == WalkState::Open)
}

#[cfg(test)]
mod tests {
    use super::{WalkProgress, check_days};
    use crate::ports::{NewWalk, WHOLE_SHARE, WalkCounts, WalkPurpose, WalkRow, WalkState};

    fn row(share: f64, counts: WalkCounts) -> WalkRow {
        let share_done = (WHOLE_SHARE as f64 * share) as i64;
        WalkRow { counts: WalkCounts { share_done, ..counts }, ..WalkRow::default() }
    }

    #[test]
    fn an_estimate_is_given_when_there_is_something_to_go_by() {
        let early = row(
            0.005,
            WalkCounts { calls: 10, looked: 3, found: 5, worked_ms: 1_000, ..WalkCounts::default() },
        );
        let told = WalkProgress::of(&early);
        assert_eq!((told.records, told.seconds_left, told.calls_per_minute), (None, None, None));
        let later = row(
            0.25,
            WalkCounts { calls: 600, looked: 200, found: 230, worked_ms: 60_000, ..WalkCounts::default() },
        );
        let told = WalkProgress::of(&later);
        assert_eq!(
            (told.records, told.seconds_left, told.calls_per_minute),
            (Some(800), Some(180), Some(600))
        );
        assert!(!told.records_are_told);
        let counted = WalkCounts { told: 1_000, ..later.counts.clone() };
        assert_eq!(WalkProgress::of(&WalkRow { counts: counted, ..later.clone() }).records, Some(1_000));
        let done = WalkRow { state: WalkState::Done, ..later };
        let told = WalkProgress::of(&done);
        assert_eq!((told.share, told.records, told.seconds_left), (1.0, Some(230), None));
    }

    #[test]
    fn a_reconcile_is_not_through_before_it_has_compared() {
        let asked = NewWalk { purpose: WalkPurpose::Reconcile, ..NewWalk::default() };
        let walked = WalkRow { asked, ..row(1.0, WalkCounts::default()) };
        assert!(WalkProgress::of(&walked).share < 1.0);
    }

    #[test]
    fn days_that_no_walk_can_be_over_are_told() {
        assert_eq!(check_days("2027-03-01", "2027-03-01"), Ok(()));
        for (from, to) in [
            ("2027-03-02", "2027-03-01"),
            ("today", "2027-03-01"),
            ("2010-01-01", "2027-01-01"),
            ("2027-02-30", "2027-03-01"),
        ] {
            assert!(check_days(from, to).is_err(), "{from} to {to}");
        }
    }
}
