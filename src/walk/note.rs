//! What a step comes to, gathered until it is written in one transaction: new places with their shares, places that are done
//! or stay, findings, counts.

use super::{place_of, worked};
use crate::connectors::{WalkPlace, WalkRecord, WalkSpec};
use crate::domain::Millis;
use crate::ports::{
    PlaceRow, StoreError, WHOLE_SHARE, WalkFinding, WalkOutcome, WalkRow, WalkState, WalkWrite,
};
use std::collections::BTreeSet;

/// Waits after steps in which nothing was answered, in seconds; the last repeats.
const RESTS_S: [i64; 8] = [2, 5, 15, 30, 60, 120, 300, 600];
/// A place that fails while others are answered is put aside after so many tries.
const TRIES_MAX: i64 = 4;
/// One that nothing else is answered beside, after so long: the whole API is away.
const FAILING_MS_MAX: i64 = 6 * 3_600_000;
/// The same of one that failed beside others that were answered, where hardly anything else is left to be asked for, so that
/// a walk does not hang on it.
const LAST_MS_MAX: i64 = 20 * 60_000;
/// Between two tries of one place.
const TRY_AGAIN_MS: i64 = 15_000;
/// What is told of a place that was put aside.
const ASIDE_CHARS_MAX: usize = 400;
/// Accounts that are remembered.
const ACCOUNTS_MAX: usize = 1_000;

/// A step under way.
pub(super) struct Noting {
    /// The walk as it will stand.
    pub walk: WalkRow,
    /// Documents that went into the journal.
    pub brought_in: usize,
    now: Millis,
    among_the_last: bool,
    made: Vec<PlaceRow>,
    kept: Vec<PlaceRow>,
    done: Vec<i64>,
    findings: Vec<WalkFinding>,
    /// Records that are new to the walk in this step.
    seen: BTreeSet<(String, String)>,
}

impl Noting {
    /// Nothing yet.
    pub fn begin(row: WalkRow, now: Millis) -> Self {
        let mut walk = worked(row, now);
        walk.updated_at = now;
        walk.rests_until = None;
        Self {
            walk,
            brought_in: 0,
            now,
            among_the_last: false,
            made: Vec::new(),
            kept: Vec::new(),
            done: Vec::new(),
            findings: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Hardly anything else is left.
    pub fn is_among_the_last(&mut self) {
        self.among_the_last = true;
    }

    /// So long a place may fail while nothing else is answered.
    fn patience_ms(&self, place: &PlaceRow) -> i64 {
        // One that failed while others were answered is likely to be the trouble itself.
        if self.among_the_last && place.tries > 0 { LAST_MS_MAX } else { FAILING_MS_MAX }
    }

    /// Makes places, which have this share together. Gives it back to the whole where there are none.
    pub fn make(&mut self, spec: &WalkSpec, places: Vec<WalkPlace>, share: i64) -> Result<(), StoreError> {
        let many = places.len() as i64;
        if many == 0 {
            self.walk.counts.share_done += share;
            return Ok(());
        }
        for (index, place) in places.into_iter().enumerate() {
            let rest = if index == 0 { share % many } else { 0 };
            let number = self.walk.counts.places;
            self.walk.counts.places += 1;
            self.made.push(PlaceRow {
                place: number,
                level: spec.depth(&place),
                share: share / many + rest,
                what: written(&place)?,
                tries: 0,
                failing_since: None,
                due_at: 0,
                aside: None,
            });
        }
        Ok(())
    }

    /// A place is done, and its share with it where it led to nothing that has it.
    pub fn done(&mut self, place: &PlaceRow) {
        self.done.push(place.place);
    }

    /// A place's share is done.
    pub fn share_done(&mut self, share: i64) {
        self.walk.counts.share_done += share;
    }

    /// Whether a record is new to the walk, as far as this step knows. It is not any more.
    pub fn is_first_sight(&mut self, account: &str, key: &str) -> bool {
        self.seen.insert((account.to_owned(), key.to_owned()))
    }

    /// Says what became of a record.
    pub fn find(&mut self, finding: WalkFinding) {
        self.findings.push(finding);
    }

    /// A record was heard of.
    pub fn hear_of(&mut self, record: &WalkRecord) {
        self.walk.counts.found += 1;
        self.findings.push(WalkFinding {
            account: record.account.clone().unwrap_or_default(),
            key: record.key.clone(),
            outcome: WalkOutcome::Found,
            booking: None,
            paths: Vec::new(),
            note: None,
            at: self.now,
        });
    }

    /// Accounts that it came through.
    pub fn come_through(&mut self, accounts: Vec<String>) {
        let known = &mut self.walk.counts.accounts;
        for account in accounts {
            if known.len() < ACCOUNTS_MAX && !known.contains(&account) {
                known.push(account);
            }
        }
    }

    /// A place was asked for in vain. `others` says whether anything else was answered in this step.
    pub fn failed(&mut self, spec: &WalkSpec, place: &PlaceRow, why: &str, others: bool) {
        let mut kept = place.clone();
        let since = *kept.failing_since.get_or_insert(self.now);
        if others {
            kept.tries += 1;
        }
        if kept.tries >= TRIES_MAX || self.now - since > self.patience_ms(&kept) {
            self.put_aside(spec, kept, why);
            return;
        }
        kept.due_at = self.now + TRY_AGAIN_MS * kept.tries.max(i64::from(others));
        self.kept.push(kept);
    }

    /// What was answered to a place sounds like trouble of the whole API (sign-in, limit, no answer). Where it comes again
    /// although other places were answered in between, it is the place's own. Others come first meanwhile.
    pub fn troubled(&mut self, spec: &WalkSpec, place: &PlaceRow, why: &str, others: bool) {
        let between = place.failing_since.is_some_and(|since| self.walk.counts.answered_at > since);
        if !(others || between) {
            let mut kept = place.clone();
            let since = *kept.failing_since.get_or_insert(self.now);
            kept.due_at = self.walk.rests_until.unwrap_or(self.now) + TRY_AGAIN_MS;
            if self.now - since > self.patience_ms(&kept) {
                self.put_aside(spec, kept, why);
            } else {
                self.kept.push(kept);
            }
            return;
        }
        // Each try counts only where others were answered since the one before.
        let place = PlaceRow { failing_since: place.failing_since.map(|_| self.now), ..place.clone() };
        self.failed(spec, &place, why, true);
    }

    /// A place can't be read. Where it is a list, what it holds is not looked at.
    pub fn put_aside(&mut self, spec: &WalkSpec, mut place: PlaceRow, why: &str) {
        let what = place_of(&place);
        if matches!(what, Some(WalkPlace::Record(_))) {
            self.walk.counts.aside += 1;
        } else {
            self.walk.counts.unseen += 1;
        }
        self.walk.counts.share_done += place.share;
        place.share = 0;
        let told = what.map_or_else(|| why.to_owned(), |what| format!("{}: {why}", spec.in_words(&what)));
        place.aside = Some(told.chars().take(ASIDE_CHARS_MAX).collect());
        self.kept.push(place);
    }

    /// A place is to be asked for once more, at once.
    pub fn again(&mut self, place: &PlaceRow) {
        self.kept.push(PlaceRow { tries: place.tries + 1, ..place.clone() });
    }

    /// Nothing is asked for until then.
    pub fn rest(&mut self, until: Millis, why: String) {
        self.walk.rests_until = Some(self.walk.rests_until.unwrap_or(0).max(until));
        self.walk.note = Some(why);
    }

    /// Nothing was answered: it rests for longer each time.
    pub fn rest_longer(&mut self, until: Option<Millis>, why: String) {
        let index = usize::try_from(self.walk.failures).unwrap_or(0).min(RESTS_S.len() - 1);
        self.walk.failures += 1;
        let own = self.now + RESTS_S[index] * 1_000;
        self.rest(until.unwrap_or(0).max(own), why);
    }

    /// Something was answered.
    pub fn answered(&mut self) {
        self.walk.failures = 0;
        self.walk.note = None;
        self.walk.counts.answered_at = self.now;
    }

    /// Something was answered of this account.
    pub fn answered_of(&mut self, account: String) {
        let known = &mut self.walk.counts.answering;
        if known.len() < ACCOUNTS_MAX && !known.contains(&account) {
            known.push(account);
        }
    }

    /// The walk ends.
    pub fn end(&mut self, state: WalkState, note: Option<String>) {
        self.walk.state = state;
        self.walk.ended_at = Some(self.now);
        self.walk.note = note;
        self.walk.rests_until = None;
        if state == WalkState::Done {
            self.walk.counts.share_done = WHOLE_SHARE;
        }
    }

    /// All of it.
    pub fn into_write(self) -> WalkWrite {
        WalkWrite {
            walk: self.walk,
            made: self.made,
            kept: self.kept,
            done: self.done,
            findings: self.findings,
        }
    }
}

/// A place as it is stored.
fn written(place: &WalkPlace) -> Result<String, StoreError> {
    serde_json::to_string(place)
        .map_err(|error| StoreError::Corrupt { what: "place of a walk".into(), why: error.to_string() })
}
