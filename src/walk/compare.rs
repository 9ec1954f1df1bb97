//! The other way round: bookings that are here and that the walk did not come upon are looked up one by one before anything
//! is said of them.

use super::ask::named;
use super::note::Noting;
use super::{Scene, Walked, Walker};
use crate::connectors::{RecordSpec, Source, WalkPlace, WalkRecord};
use crate::ports::{HereBooking, StoreError, WalkFinding, WalkOutcome, WalkPhase, WalkPurpose};
use serde_json::Value;

/// Bookings that are looked at in one step.
const BOOKINGS: i64 = 200;

impl Walker {
    /// A page of the bookings here.
    pub(super) async fn compare_more(
        &self,
        scene: &Scene<'_>,
        mut noting: Noting,
    ) -> Result<Walked, StoreError> {
        let here = self.store.walks().here_after(&noting.walk.cursor, BOOKINGS).await?;
        let Some(last) = here.last() else {
            if noting.walk.asked.purpose != WalkPurpose::Repair {
                return self.through(noting, None).await;
            }
            noting.walk.phase = WalkPhase::Repair;
            noting.walk.cursor = String::new();
            return self.write(noting).await;
        };
        noting.walk.cursor = last.booking.id.to_string();
        let mut wanted = Vec::new();
        for one in here {
            if scene.is_of_the_walk(&noting, &one) {
                let account = Some(one.booking.key.account.clone());
                let key = one.booking.key.key.clone();
                wanted.push((
                    WalkRecord { account: account.clone(), key: key.clone() },
                    one.booking.id.clone(),
                ));
            }
        }
        // Those that the walk came upon are known by the account that it went through, or by none.
        let records = wanted.iter().map(|(record, _)| record.clone()).collect();
        let first = self.first_seen(&mut noting, records).await?;
        let nameless: Vec<(String, String)> =
            first.iter().map(|one| (String::new(), one.key.clone())).collect();
        let known = self.store.walks().findings_of(noting.walk.seq, &nameless).await?;
        for record in first {
            if known.iter().any(|finding| finding.key == record.key) {
                continue;
            }
            let booking = wanted.iter().find(|(one, _)| *one == record).map(|(_, id)| id.clone());
            let (account, key) = named(&record);
            noting.walk.counts.here_only += 1;
            let can_look = scene.record.fetch.is_some();
            if !can_look {
                noting.walk.counts.gone += 1;
            }
            noting.find(WalkFinding {
                account,
                key,
                outcome: if can_look { WalkOutcome::HereOnly } else { WalkOutcome::Gone },
                booking,
                paths: Vec::new(),
                note: (!can_look).then(|| "the walk did not come upon it, and it can't be looked up".into()),
                at: scene.now,
            });
            if can_look {
                noting.make(scene.spec, vec![WalkPlace::Record(record)], 0)?;
            }
        }
        self.write(noting).await
    }
}

impl Scene<'_> {
    /// Whether bookings of that source are asked for at another API than the one that is walked: of one company, two systems may
    /// tell, and neither knows what the other has.
    fn is_told_elsewhere(&self, source: &str) -> bool {
        let base = |source: &Source| source.reach.as_ref().map(|reach| reach.base_url.clone());
        let other = self.ruleset.sources.get(source).filter(|other| other.name != self.source.name);
        other
            .and_then(|other| base(other))
            .is_some_and(|other| base(self.source).is_some_and(|own| own != other))
    }

    /// Whether a booking here is one that the walk should have come upon.
    fn is_of_the_walk(&self, noting: &Noting, here: &HereBooking) -> bool {
        let asked = &noting.walk.asked;
        let key = &here.booking.key;
        let of_source = here.source == self.source.name
            || self.account.as_ref() == Some(&key.account)
            || noting.walk.counts.accounts.contains(&key.account);
        if key.connector != self.source.connector.name
            || key.kind != self.record.kind
            || !of_source
            || self.is_told_elsewhere(&here.source)
            || here.erased
            // It has ended here, and its system need not know it any more.
            || RecordSpec::is_ended(&here.booking.status)
            // What came in since is none of its business.
            || here.created_at > asked.at
        {
            return false;
        }
        let entity: Value = serde_json::from_str(&here.booking.body).unwrap_or_default();
        self.spec.within(&entity, &asked.from_day, &asked.to_day)
    }
}
