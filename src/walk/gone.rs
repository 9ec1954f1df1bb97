//! Bookings that are here and that the source's API does not know any more, and what a repair does: what a report found is
//! fetched once more, to be brought in, and what is gone is asked for once more, to be ended.
//!
//! Promises: nothing ends by its absence in a list. A booking ends where the API said of it twice, in calls of its own and at
//! two times, that it does not know it, and answered well about others of the same account; where nothing came in for it
//! since; and where it has not ended here before. Where so many would end that something else is more likely (the keys are of
//! another account, say), none does, and a person is told: `WalkCounts::ends_many`.

use super::ask::{Begun, named};
use super::note::Noting;
use super::{Scene, Walked, Walker};
use crate::connectors::{WalkPlace, WalkRecord};
use crate::domain::{BookingKey, DocumentHead, ORIGIN_RECONCILE};
use crate::ports::{
    FindingQuery, HereBooking, NewEvent, PlaceRow, StoreError, WHOLE_SHARE, WalkCounts, WalkFinding,
    WalkOutcome, WalkPhase,
};
use bytes::Bytes;
use serde_json::{Value, json};

/// Findings of a report that are taken up in one step.
const FINDINGS: i64 = 100;
/// So often a record is asked for again because something came in meanwhile.
const AGAIN_MAX: i64 = 5;

/// What it comes to that the API does not know a record.
enum Unknown {
    /// Asked for once more, since something came in for it meanwhile.
    Again,
    /// It is gone; it may be ended by a repair.
    Gone { endable: bool },
    /// It was gone already, and ends now.
    Ends,
    /// It had ended here before.
    Past,
    /// A list names it, or it is not here either.
    Odd(&'static str),
}

impl Walker {
    /// The API does not know a record.
    pub(super) async fn not_known(
        &self,
        scene: &Scene<'_>,
        noting: &mut Noting,
        (place, record): (&PlaceRow, &WalkRecord),
        why: &str,
        begun: Begun,
    ) -> Result<(), StoreError> {
        let key = scene.key_of(record, None);
        let walks = self.store.walks();
        let here = walks.here_by_key(std::slice::from_ref(&key)).await?.pop();
        let known = walks.findings_of(noting.walk.seq, &[named(record)]).await?.pop();
        let known = known.map(|finding| finding.outcome);
        let unknown = judge(scene, noting, (place, known, here.as_ref()), begun);
        if matches!(unknown, Unknown::Again) {
            noting.again(place);
            return Ok(());
        }
        noting.done(place);
        noting.share_done(place.share);
        let counts = &mut noting.walk.counts;
        // In the walk that found it to be gone it was counted already.
        if known == Some(WalkOutcome::Gone) {
            counts.looked -= 1;
            counts.gone -= 1;
        }
        counts.looked += 1;
        let mut note = why.to_owned();
        let outcome = match unknown {
            Unknown::Again => return Ok(()),
            Unknown::Gone { endable } => {
                counts.gone += 1;
                counts.endable += i64::from(endable);
                WalkOutcome::Gone
            }
            Unknown::Ends => {
                counts.ended += 1;
                note = format!("it was here only, and was ended: {why}");
                self.store.append_events(&[self.end_of(scene, &key, why, begun)]).await?;
                noting.brought_in += 1;
                WalkOutcome::Repaired
            }
            Unknown::Past => {
                counts.past += 1;
                WalkOutcome::Elsewhere
            }
            Unknown::Odd(odd) => {
                counts.trouble += 1;
                note = format!("{odd}: {why}");
                WalkOutcome::Trouble
            }
        };
        let (account, key) = named(record);
        let booking = here.map(|here| here.booking.id);
        let note = Some(note);
        noting.find(WalkFinding { account, key, outcome, booking, paths: Vec::new(), note, at: scene.now });
        Ok(())
    }

    /// The event that ends a booking.
    fn end_of(&self, scene: &Scene<'_>, key: &BookingKey, why: &str, begun: Begun) -> NewEvent {
        let now = self.clock.now();
        let head = DocumentHead { gone: true, ..DocumentHead::of(key.clone(), begun) };
        NewEvent {
            id: self.entropy.event_id(now),
            source: scene.source.name.clone(),
            received_at: now,
            origin: ORIGIN_RECONCILE,
            headers: head.to_headers(),
            body: Bytes::from(json!({ "not_known": key.key, "answer": why }).to_string()),
        }
    }

    /// A page of what a report found: one of before, or this walk's own.
    pub(super) async fn repair_more(
        &self,
        scene: &Scene<'_>,
        mut noting: Noting,
    ) -> Result<Walked, StoreError> {
        let report = match noting.walk.asked.report {
            Some(seq) => match self.store.walks().walk(seq).await? {
                Some(report) => Some(report),
                None => return self.through(noting, Some("its report is not there any more".into())).await,
            },
            None => None,
        };
        let own = report.is_none();
        let (seq, counts) = report.map_or_else(
            || (noting.walk.seq, noting.walk.counts.clone()),
            |report| (report.seq, report.counts),
        );
        let many = counts.ends_many() && !noting.walk.asked.end_gone;
        let ends = counts.endable > 0 && scene.record.fetch.is_some() && !many;
        let stays = (many && counts.endable > 0).then(|| none_was_ended(scene, &counts));
        let outcomes = match (own, ends) {
            (true, false) => return self.through(noting, stays).await,
            (true, true) => vec![WalkOutcome::Gone],
            (false, _) => vec![WalkOutcome::New, WalkOutcome::Differs, WalkOutcome::Gone],
        };
        let after = serde_json::from_str::<(String, String)>(&noting.walk.cursor).ok();
        let found = self
            .store
            .walks()
            .findings(&FindingQuery { walk: seq, outcomes, after, limit: FINDINGS })
            .await?;
        let Some(last) = found.last() else { return self.through(noting, stays).await };
        noting.walk.cursor = Value::from(vec![last.account.clone(), last.key.clone()]).to_string();
        let whole = (counts.new + counts.differs + counts.gone).max(found.len() as i64);
        if !own {
            noting.walk.counts.told = whole;
        }
        let share = if own { 0 } else { WHOLE_SHARE / whole };
        let mut fetched = Vec::new();
        for one in found {
            let account = Some(one.account.clone()).filter(|account| !account.is_empty());
            let record = WalkRecord { account, key: one.key.clone() };
            if one.outcome != WalkOutcome::Gone {
                fetched.push(record);
            } else if ends && counts.answering.contains(&one.account) {
                if !own {
                    noting.walk.counts.found += 1;
                    noting.find(WalkFinding { outcome: WalkOutcome::HereOnly, at: scene.now, ..one });
                }
                noting.make(scene.spec, vec![WalkPlace::Record(record)], share)?;
            } else if !own {
                let endable = i64::from(counts.answering.contains(&one.account));
                noting.walk.counts.found += 1;
                noting.walk.counts.looked += 1;
                noting.walk.counts.gone += 1;
                noting.walk.counts.endable += endable;
                if endable > 0 {
                    noting.answered_of(one.account.clone());
                }
                noting.share_done(share);
                noting.find(WalkFinding { at: scene.now, ..one });
            }
        }
        for record in self.first_seen(&mut noting, fetched).await? {
            noting.hear_of(&record);
            noting.make(scene.spec, vec![WalkPlace::Record(record)], share)?;
        }
        self.write(noting).await
    }
}

fn judge(
    scene: &Scene<'_>,
    noting: &Noting,
    (place, known, here): (&PlaceRow, Option<WalkOutcome>, Option<&HereBooking>),
    begun: Begun,
) -> Unknown {
    let Some(here) = here else { return Unknown::Odd("a list names it, and by itself it is not there") };
    if here.booking.as_of > begun && place.tries < AGAIN_MAX {
        return Unknown::Again;
    }
    let entity: Value = serde_json::from_str(&here.booking.body).unwrap_or_default();
    let over = scene.record.is_over(&entity, &here.booking.status);
    let account = &here.booking.key.account;
    match (noting.walk.phase, known) {
        (_, Some(WalkOutcome::HereOnly | WalkOutcome::Gone)) if over => Unknown::Past,
        (WalkPhase::Repair, Some(WalkOutcome::HereOnly | WalkOutcome::Gone)) => Unknown::Ends,
        (_, Some(WalkOutcome::HereOnly | WalkOutcome::Gone)) => {
            Unknown::Gone { endable: noting.walk.counts.answering.contains(account) }
        }
        _ => Unknown::Odd("a list names it, and by itself it is not there"),
    }
}

/// Why a repair ended nothing: a sentence without its end.
fn none_was_ended(scene: &Scene<'_>, counts: &WalkCounts) -> String {
    format!(
        "{} of {} bookings here are not known to {} any more; these are so many that none was ended, since it may be that \
         its keys are of another account now",
        counts.endable,
        counts.here(),
        scene.source.connector.title
    )
}

impl Scene<'_> {
    /// The account that a place is of.
    pub(super) fn account_at(&self, place: &WalkPlace) -> Option<String> {
        let of_place = self.spec.account_at(place).or_else(|| self.account.clone());
        // A list of accounts says nothing of any of them.
        let of_records = place_is_of_records(self, place).then(|| self.source.name.clone());
        of_place.or(of_records)
    }
}

/// Whether a place is a record, or a list of records.
fn place_is_of_records(scene: &Scene<'_>, place: &WalkPlace) -> bool {
    scene.spec.depth(place) + 1 >= scene.spec.depth_of_records()
}
