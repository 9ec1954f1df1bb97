//! What the documents of a step come to, each beside the booking that is here: the same, new, different, or older than what
//! came in meanwhile. What is to be brought in goes into the journal before the step is noted: a kill in between asks and
//! appends once more, and the second copy changes nothing.

use super::ask::{Begun, named};
use super::note::Noting;
use super::{Scene, Walker};
use crate::connectors::{Compared, Present, Told, WalkPlace, WalkRecord};
use crate::domain::{BookingKey, ChangeKind, DocumentHead, ORIGIN_BACKFILL, ORIGIN_RECONCILE};
use crate::ports::{
    HereBooking, NewEvent, PlaceRow, StoreError, StoredBooking, WalkFinding, WalkOutcome, WalkPurpose,
};
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes of an account or a key; more is none.
const NAME_BYTES_MAX: usize = 512;
/// So often a document is fetched again because something came in meanwhile.
const AGAIN_MAX: i64 = 5;

/// A record, as the API gave it.
pub(super) enum Document {
    /// It was asked for by its key.
    Fetched(Box<PlaceRow>, WalkRecord, Told),
    /// An item of the list of this place.
    Listed(i64, Value),
}

/// A document that was understood.
struct Read {
    place: Option<PlaceRow>,
    record: WalkRecord,
    key: BookingKey,
    told: Told,
}

impl Walker {
    /// Compares documents with what is here, brings in what is to be, and notes what each came to.
    pub(super) async fn look_at(
        &self,
        scene: &Scene<'_>,
        noting: &mut Noting,
        documents: Vec<Document>,
        begun: Begun,
    ) -> Result<(), StoreError> {
        let mut read = Vec::new();
        for (index, document) in documents.into_iter().enumerate() {
            read.extend(scene.read(noting, document, index));
        }
        let read = self.new_to_the_walk(noting, read).await?;
        if read.is_empty() {
            return Ok(());
        }
        let keys: Vec<BookingKey> = read.iter().map(|one| one.key.clone()).collect();
        let records: Vec<(String, String)> = read.iter().map(|one| named(&one.record)).collect();
        let here = self.store.walks().here_by_key(&keys).await?;
        let mut here: BTreeMap<BookingKey, HereBooking> =
            here.into_iter().map(|one| (one.booking.key.clone(), one)).collect();
        let known = self.store.walks().findings_of(noting.walk.seq, &records).await?;
        let known: BTreeMap<(String, String), WalkOutcome> =
            known.into_iter().map(|finding| ((finding.account, finding.key), finding.outcome)).collect();
        let mut events = Vec::new();
        for one in read {
            let known = known.get(&named(&one.record)).copied();
            let here = here.remove(&one.key);
            if let Some(event) = self.one(scene, noting, one, (here, known), begun)? {
                events.push(event);
            }
        }
        if !events.is_empty() {
            self.store.append_events(&events).await?;
            noting.brought_in += events.len();
            noting.walk.counts.brought_in += events.len() as i64;
        }
        Ok(())
    }

    /// Items of lists may come twice where the list changes meanwhile; the second is passed over.
    async fn new_to_the_walk(&self, noting: &mut Noting, read: Vec<Read>) -> Result<Vec<Read>, StoreError> {
        let listed: Vec<WalkRecord> =
            read.iter().filter(|one| one.place.is_none()).map(|one| one.record.clone()).collect();
        let first = self.first_seen(noting, listed).await?;
        noting.walk.counts.found += first.len() as i64;
        let mut first: Vec<(String, String)> = first.iter().map(named).collect();
        first.sort_unstable();
        let kept = read
            .into_iter()
            .filter(|one| one.place.is_some() || first.binary_search(&named(&one.record)).is_ok());
        // The same record twice in one answer: the later item is the newer one.
        let mut by_key: BTreeMap<BookingKey, Read> = BTreeMap::new();
        let mut asked_for = Vec::new();
        for one in kept {
            if one.place.is_some() {
                asked_for.push(one);
            } else {
                by_key.insert(one.key.clone(), one);
            }
        }
        asked_for.extend(by_key.into_values());
        Ok(asked_for)
    }

    /// What one document comes to. Gives the event that brings it in, where it is to be.
    fn one(
        &self,
        scene: &Scene<'_>,
        noting: &mut Noting,
        read: Read,
        (here, known): (Option<HereBooking>, Option<WalkOutcome>),
        begun: Begun,
    ) -> Result<Option<NewEvent>, StoreError> {
        let Read { place, record, key, told } = read;
        // Something came in for it after the request began: what counts is what is there now.
        let overtaken = here.as_ref().is_some_and(|here| here.booking.as_of > begun);
        if overtaken
            && place.as_ref().is_none_or(|place| place.tries < AGAIN_MAX)
            && scene.record.fetch.is_some()
        {
            match &place {
                Some(place) => noting.again(place),
                None => noting.make(scene.spec, vec![WalkPlace::Record(record.clone())], 0)?,
            }
            if place.is_none() {
                noting.find(finding(scene, &record, WalkOutcome::Found, here.as_ref()));
            }
            return Ok(None);
        }
        if let Some(place) = &place {
            noting.done(place);
            noting.share_done(place.share);
        }
        // Said to be gone by this very walk, and there again: it is not counted twice.
        if known == Some(WalkOutcome::Gone) {
            noting.walk.counts.gone -= 1;
            noting.walk.counts.looked -= 1;
        }
        let looked_up = matches!(known, Some(WalkOutcome::HereOnly | WalkOutcome::Gone));
        let document = told.entity.clone();
        let (outcome, paths, note) = if overtaken {
            (WalkOutcome::Newer, Vec::new(), None)
        } else {
            compare(scene, here.as_ref(), told, looked_up)?
        };
        let counts = &mut noting.walk.counts;
        counts.looked += 1;
        *match outcome {
            WalkOutcome::Same => &mut counts.same,
            WalkOutcome::New => &mut counts.new,
            WalkOutcome::Differs => &mut counts.differs,
            WalkOutcome::Newer => &mut counts.newer,
            WalkOutcome::Elsewhere => &mut counts.elsewhere,
            WalkOutcome::Erased => &mut counts.erased,
            _ => &mut counts.trouble,
        } += 1;
        let brings_in = noting.walk.asked.purpose.brings_in()
            && matches!(outcome, WalkOutcome::New | WalkOutcome::Differs);
        let repaired = brings_in && noting.walk.asked.purpose == WalkPurpose::Repair;
        let is_new = outcome == WalkOutcome::New;
        let outcome = if repaired { WalkOutcome::Repaired } else { outcome };
        let mut found = finding(scene, &record, outcome, here.as_ref());
        found.note = if repaired && is_new { Some("it was in the source only".into()) } else { note };
        found.paths = paths;
        noting.find(found);
        Ok(brings_in.then(|| self.event(scene, noting, (&key, document), begun)))
    }

    fn event(
        &self,
        scene: &Scene<'_>,
        noting: &Noting,
        (key, document): (&BookingKey, Value),
        begun: Begun,
    ) -> NewEvent {
        let now = self.clock.now();
        let backfill = noting.walk.asked.purpose == WalkPurpose::Backfill;
        let head = DocumentHead::of(key.clone(), begun);
        NewEvent {
            id: self.entropy.event_id(now),
            source: scene.source.name.clone(),
            received_at: now,
            origin: if backfill { ORIGIN_BACKFILL } else { ORIGIN_RECONCILE },
            headers: head.to_headers(),
            body: Bytes::from(document.to_string()),
        }
    }
}

impl Scene<'_> {
    /// The identity of a record here.
    pub(super) fn key_of(&self, record: &WalkRecord, told: Option<&Told>) -> BookingKey {
        let told = told.and_then(|told| told.account.clone());
        let account = told
            .or_else(|| record.account.clone())
            .or_else(|| self.account.clone())
            .unwrap_or_else(|| self.source.name.clone());
        BookingKey {
            connector: self.source.connector.name.clone(),
            account,
            kind: self.record.kind.clone(),
            key: record.key.clone(),
        }
    }

    /// A document that is understood; one that is not is noted as trouble.
    fn read(&self, noting: &mut Noting, document: Document, index: usize) -> Option<Read> {
        match document {
            Document::Fetched(place, record, told) => {
                if let Err(why) = self.fits(&told, Some(&record)) {
                    noting.failed(self.spec, &place, &why, true);
                    return None;
                }
                let key = self.key_of(&record, Some(&told));
                Some(Read { place: Some(*place), record, key, told })
            }
            Document::Listed(place, document) => {
                let told = self.record.read_listed(document);
                match told.and_then(|told| self.fits(&told, None).map(|()| told)) {
                    Ok(told) => {
                        let account = told.account.clone().or_else(|| self.account.clone());
                        let record = WalkRecord { account, key: told.key.clone() };
                        let key = self.key_of(&record, Some(&told));
                        Some(Read { place: None, record, key, told })
                    }
                    Err(why) => {
                        // It has no key of its own; the place in the walk stands for it.
                        let record =
                            WalkRecord { account: None, key: format!("item {index} of list {place}") };
                        let mut found = finding(self, &record, WalkOutcome::Trouble, None);
                        found.note = Some(why);
                        noting.find(found);
                        noting.walk.counts.trouble += 1;
                        None
                    }
                }
            }
        }
    }

    /// Whether a document is about what was asked for, and about the source's account.
    fn fits(&self, told: &Told, record: Option<&WalkRecord>) -> Result<(), String> {
        let kind = &told.kind;
        if let Some(record) = record.filter(|record| record.key != told.key) {
            return Err(format!(
                "The answer is about the {kind} {}, and {} was asked for.",
                told.key, record.key
            ));
        }
        if let (Some(expected), Some(found)) = (&self.source.account, &told.account)
            && expected != found
        {
            return Err(format!("It is of the account \"{found}\", and this source is for \"{expected}\"."));
        }
        let odd =
            |name: &str| name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control);
        if odd(&told.key) || told.account.as_deref().is_some_and(odd) {
            return Err(format!("The {kind} has a key or an account that is no name."));
        }
        Ok(())
    }
}

fn compare(
    scene: &Scene<'_>,
    here: Option<&HereBooking>,
    told: Told,
    looked_up: bool,
) -> Result<(WalkOutcome, Vec<String>, Option<String>), StoreError> {
    let Some(here) = here else { return Ok((WalkOutcome::New, Vec::new(), None)) };
    if here.erased {
        return Ok((WalkOutcome::Erased, Vec::new(), None));
    }
    let entity = serde_json::from_str(&here.booking.body).map_err(|error| StoreError::Corrupt {
        what: format!("booking {}", here.booking.id),
        why: error.to_string(),
    })?;
    let StoredBooking { hash, status, happened_at, .. } = here.booking.clone();
    let present = Present { entity, hash, status, happened_at };
    let Compared { kind, paths, note, .. } = scene.record.compare(Some(&present), told);
    // A sentence is told where no field says what differs.
    let note = note.filter(|_| paths.is_empty());
    Ok(match kind {
        ChangeKind::Unchanged if looked_up => (WalkOutcome::Elsewhere, Vec::new(), None),
        ChangeKind::Unchanged => (WalkOutcome::Same, Vec::new(), None),
        ChangeKind::Stale => (WalkOutcome::Newer, paths, None),
        _ => (WalkOutcome::Differs, paths, note),
    })
}

fn finding(
    scene: &Scene<'_>,
    record: &WalkRecord,
    outcome: WalkOutcome,
    here: Option<&HereBooking>,
) -> WalkFinding {
    let (account, key) = named(record);
    let booking = here.map(|here| here.booking.id.clone());
    WalkFinding { account, key, outcome, booking, paths: Vec::new(), note: None, at: scene.now }
}
