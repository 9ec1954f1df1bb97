//! One step's calls: some places are asked for at once, and each answer leads to further places, to records, or to trouble.
//! What concerns the API as a whole (limit, sign-in, no answer) rests the walk; what concerns one place only rests that.

use super::look::Document;
use super::note::Noting;
use super::{Scene, SourceCall, Walked, Walker, place_of};
use crate::connectors::{ApiTrouble, WalkCall, WalkPlace, WalkRecord};
use crate::domain::Position;
use crate::ports::{PlaceRow, StoreError};
use futures::future::join_all;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Signing in is tried again after this, as soon as somebody may have done something about it.
const SIGN_IN_MS: i64 = 60_000;

/// A place with its answer.
type Asked = (PlaceRow, WalkPlace, Result<Value, ApiTrouble>);

impl Walker {
    /// Asks for places, and notes what came of it.
    pub(super) async fn ask(
        &self,
        scene: &Scene<'_>,
        mut noting: Noting,
        places: Vec<PlaceRow>,
    ) -> Result<Walked, StoreError> {
        // What comes in from now on is newer than what is answered now.
        let begun = self.store.fetches().last_position().await?;
        let mut calls = Vec::new();
        for place in places {
            match place_of(&place) {
                Some(what) => calls.push(async move {
                    let answer = self.answer(scene, &what).await;
                    (place, what, answer)
                }),
                None => noting.put_aside(scene.spec, place, "it can't be read back"),
            }
        }
        let asked: Vec<Asked> = join_all(calls).await;
        let others = asked.iter().any(|(_, _, answer)| answer.is_ok());
        if others || asked.iter().any(|(_, _, answer)| matches!(answer, Err(ApiTrouble::NotThere(_)))) {
            noting.answered();
        }
        let mut documents = Vec::new();
        let mut unknown = Vec::new();
        for (place, what, answer) in asked {
            if let (Ok(_), Some(account)) = (&answer, scene.account_at(&what)) {
                noting.answered_of(account);
            }
            match (answer, what) {
                (Ok(body), WalkPlace::Call(call)) => {
                    noting.walk.counts.calls += 1;
                    documents.extend(self.list(scene, &mut noting, &place, &call, body).await?);
                }
                (Ok(body), WalkPlace::Record(record)) => {
                    noting.walk.counts.calls += 1;
                    match scene.record.read_fetched(body) {
                        Ok(told) => documents.push(Document::Fetched(Box::new(place), record, told)),
                        Err(why) => noting.failed(scene.spec, &place, &why, true),
                    }
                }
                (Err(ApiTrouble::NotThere(why)), WalkPlace::Record(record)) => {
                    noting.walk.counts.calls += 1;
                    unknown.push((place, record, why));
                }
                // The list is gone, or was never there: what it holds was not looked at, and that is told.
                (Err(ApiTrouble::NotThere(why)), WalkPlace::Call(_)) => {
                    noting.walk.counts.calls += 1;
                    noting.put_aside(scene.spec, place, &why);
                }
                (Err(trouble), _) => in_vain(&mut noting, scene, &place, trouble, others),
            }
        }
        self.look_at(scene, &mut noting, documents, begun).await?;
        for (place, record, why) in unknown {
            self.not_known(scene, &mut noting, (&place, &record), &why, begun).await?;
        }
        self.write(noting).await
    }

    async fn answer(&self, scene: &Scene<'_>, place: &WalkPlace) -> Result<Value, ApiTrouble> {
        let account = scene.source.account.as_deref();
        let missing = || ApiTrouble::Refused("the connector has changed since the walk began".into());
        let mut inputs = Map::new();
        let call = match place {
            WalkPlace::Call(at) => {
                let (call, seen) = scene.spec.call(at, account).ok_or_else(missing)?;
                inputs = seen;
                call
            }
            WalkPlace::Record(record) => {
                let fetch = scene.record.fetch.as_ref().ok_or_else(missing)?;
                let account = record.account.as_deref().or(scene.account.as_deref());
                inputs.insert("key".to_owned(), json!(record.key));
                inputs.insert("account".to_owned(), json!(account));
                &*fetch.call
            }
        };
        self.calls
            .call(SourceCall { ruleset: scene.ruleset, source: scene.source, call, inputs: &inputs })
            .await
    }

    /// What a list leads to. Gives the records that it holds whole.
    async fn list(
        &self,
        scene: &Scene<'_>,
        noting: &mut Noting,
        place: &PlaceRow,
        call: &WalkCall,
        body: Value,
    ) -> Result<Vec<Document>, StoreError> {
        let found = match scene.spec.read(call, body, scene.source.account.as_deref()) {
            Ok(found) => found,
            Err(unreadable) => {
                noting.failed(scene.spec, place, &unreadable.to_string(), true);
                return Ok(Vec::new());
            }
        };
        noting.done(place);
        noting.come_through(found.accounts);
        noting.walk.counts.told += found.told.unwrap_or(0);
        let mut share = place.share;
        if let Some(next) = found.next {
            let behind = ((share as f64 * found.behind) as i64).clamp(0, share);
            share -= behind;
            noting.make(scene.spec, vec![WalkPlace::Call(next)], behind)?;
        }
        let mut places = found.places;
        for record in self.first_seen(noting, found.records).await? {
            noting.hear_of(&record);
            places.push(WalkPlace::Record(record));
        }
        noting.make(scene.spec, places, share)?;
        Ok(found.documents.into_iter().map(|document| Document::Listed(place.place, document)).collect())
    }

    /// Those of the records that the walk has not come upon yet.
    pub(super) async fn first_seen(
        &self,
        noting: &mut Noting,
        records: Vec<WalkRecord>,
    ) -> Result<Vec<WalkRecord>, StoreError> {
        if records.is_empty() {
            return Ok(records);
        }
        let keys: Vec<(String, String)> = records.iter().map(named).collect();
        let known = self.store.walks().findings_of(noting.walk.seq, &keys).await?;
        let known: BTreeSet<(String, String)> =
            known.into_iter().map(|finding| (finding.account, finding.key)).collect();
        let mut first = Vec::new();
        for record in records {
            let (account, key) = named(&record);
            if !known.contains(&(account.clone(), key.clone())) && noting.is_first_sight(&account, &key) {
                first.push(record);
            }
        }
        Ok(first)
    }
}

/// A place was asked for in vain.
fn in_vain(noting: &mut Noting, scene: &Scene<'_>, place: &PlaceRow, trouble: ApiTrouble, others: bool) {
    match trouble {
        ApiTrouble::Rests { until, said, why } => {
            noting.rest(until.max(scene.now + 1), why.clone());
            // What was not asked for at all stays as it is.
            if said {
                noting.troubled(scene.spec, place, &why, false);
            }
        }
        ApiTrouble::NeedsAuth(why) => {
            if noting.walk.rests_until.is_none() && !others {
                noting.rest_longer(Some(scene.now + SIGN_IN_MS), format!("it needs sign-in: {why}"));
            }
            noting.troubled(scene.spec, place, &why, false);
        }
        ApiTrouble::Down { until, why } => {
            if noting.walk.rests_until.is_none() && !others {
                noting.rest_longer(until, why.clone());
            }
            noting.troubled(scene.spec, place, &why, others);
        }
        ApiTrouble::Refused(why) => noting.failed(scene.spec, place, &why, true),
        // Handled where it is known what it is about.
        ApiTrouble::NotThere(_) => {}
    }
}

/// Account and key, as findings have them.
pub(super) fn named(record: &WalkRecord) -> (String, String) {
    (record.account.clone().unwrap_or_default(), record.key.clone())
}

/// Where in the journal a step began.
pub(super) type Begun = Position;
