//! One event against what is known so far: what it tells of each record, what that changes, what is to be fetched first, and
//! the runs that come of it.

use super::applying::{Applying, How, Later, spec_of};
use super::chain::Batch;
use super::copies::Copies;
use super::fetching::{self, Late};
use super::planned::{RunPlace, planned_runs};
use super::read::{ReadItem, ReadWhat, Reading};
use super::{Applier, Candidate, Told, doors, plain_change};
use crate::connectors::{Compared, Hinted, Present, RecordSpec};
use crate::domain::{BY_REBOOKING, BookingId, BookingKey, ChangeKind, ChangeRef, Millis};
use crate::ports::{AppliedEvent, BookingWrite, FetchWrite, NewChange, StoredEvent};
use crate::rules::{ChangeContext, Neighbours, Planned, PlannedState, Ruleset};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// A record that an event told of, and whether that put something new into its chain.
type SeenInChain<'a> = (BookingKey, &'a RecordSpec, bool);

impl Applier {
    /// One event against the states so far. Also gives what is to be looked up among earlier versions.
    pub(super) fn apply_one(
        &self,
        ruleset: &Arc<Ruleset>,
        event: &StoredEvent,
        reading: Reading,
        (batch, copies, doors, late): (&mut Batch, &mut Copies, &doors::Known, &Late),
        now: Millis,
    ) -> (AppliedEvent, Vec<Candidate>) {
        let mut applying = Applying::new(ruleset, event, doors, now);
        let mut seen = Vec::new();
        for item in reading.items {
            seen.extend(self.apply_item(&mut applying, batch, (copies, late), item));
            applying.ordinal += 1;
        }
        // What is told of others comes after what the body itself tells of them.
        for (key, spec, _) in &seen {
            for (old, told, note) in batch.told_of_old(spec.chain.as_ref(), key) {
                let how = How { note: Some(note), ..How::default() };
                self.apply_told(&mut applying, batch, (spec, &old), told, how);
                applying.ordinal += 1;
            }
        }
        let parted = std::mem::take(&mut applying.parted);
        let mut left: Vec<&BookingKey> = parted.iter().collect();
        for later in std::mem::take(&mut applying.planned_later) {
            left.retain(|key| **key != later.key);
            self.plan_in_chain(&mut applying, batch, later, &parted);
        }
        for key in left {
            self.plan_parted(&mut applying, batch, key);
        }
        for (key, _, _) in seen.iter().filter(|(.., news)| *news) {
            applying.take_over(batch, key);
        }
        let Applying { mut one, candidates, .. } = applying;
        if one.changes.is_empty() {
            let note = "the body tells of nothing that its connector keeps".to_owned();
            one.changes.push(plain_change(0, None, ChangeKind::Ignored, Some(note), now));
        }
        (one, candidates)
    }

    /// One thing that the event tells. Gives the record where its new state was told.
    fn apply_item<'a>(
        &self,
        applying: &mut Applying<'a>,
        batch: &mut Batch,
        (copies, late): (&mut Copies, &Late),
        item: ReadItem,
    ) -> Option<SeenInChain<'a>> {
        let ReadItem { message, seen, happened_at, what } = item;
        let (ruleset, event, now, ordinal) =
            (applying.ruleset, applying.event, applying.now, applying.ordinal);
        let plain = |booking, kind, note| NewChange {
            happened_at,
            ..plain_change(ordinal, booking, kind, note, now)
        };
        let (key, told, head) = match what {
            ReadWhat::Record(key, told) => (key, told, None),
            ReadWhat::Document(head, told) => (head.key.clone(), told, Some(head)),
            ReadWhat::Unfit(head, kind, note) => {
                applying.one.fetches.extend(fetching::unfit(&head, now));
                applying.one.changes.push(plain(None, kind, Some(note)));
                return None;
            }
            ReadWhat::WithoutEffect(kind, note) => {
                applying.one.changes.push(plain(None, kind, Some(note)));
                return None;
            }
        };
        let known = batch.known(&key);
        let seen = match seen.map(|key| copies.take(key, event, message)) {
            None => None,
            Some(Ok(seen)) => seen,
            Some(Err(note)) => {
                applying.one.changes.push(plain(known, ChangeKind::Unchanged, Some(note)));
                return None;
            }
        };
        let source = ruleset.sources.get(&event.source)?;
        let spec = spec_of(ruleset, event, &told.kind)?;
        let place = fetching::Place { key: &key, event, ordinal, now };
        if let Some(way) = fetching::asks_first(source, spec, &told, event) {
            applying.one.fetches.push(fetching::hint(source, way, &place));
            let note = fetching::waits(source);
            applying.one.changes.push(NewChange { seen, ..plain(known, ChangeKind::Fetching, Some(note)) });
            return None;
        }
        let as_of = batch.states.get(&key).map_or(0, |state| state.as_of);
        if head.as_ref().is_some_and(|head| head.begun < as_of) {
            let note = match head.as_ref() {
                Some(head) if head.gone => fetching::ENDS_NOT,
                _ if known.is_some() => fetching::TOO_LATE,
                _ => fetching::ENDED_SINCE,
            };
            let asks = (note == fetching::TOO_LATE).then_some((&**source, spec));
            let (kind, again) = fetching::came_too_late(head.as_ref(), asks, &place);
            applying.one.fetches.extend(again);
            applying.one.changes.push(plain(known, kind, Some(note.to_owned())));
            return None;
        }
        if let Some(Hinted::Deleted) = told.hint {
            let unknown_there = head.as_ref().map(|head| fetching::unknown_there(source, head));
            applying.one.fetches.extend(match &head {
                Some(head) => fetching::disowned(head, source, &place, known.as_ref()),
                None => Some(fetching::ended(&place, known.as_ref())),
            });
            let ended = batch
                .states
                .get(&key)
                .and_then(|state| state.present.as_ref())
                .map(|present| spec.ended(present));
            match ended {
                Some(Some(ended)) => {
                    let how =
                        How { note: unknown_there, head, seen, happened_at, own: true, ..How::default() };
                    let status = RecordSpec::ended_status().to_owned();
                    self.apply_compared(applying, batch, (spec, &key), (ended, status), how);
                }
                Some(None) => {
                    applying
                        .one
                        .changes
                        .push(NewChange { seen, ..plain(known, ChangeKind::Unchanged, None) });
                }
                None => {
                    if head.is_none() {
                        applying.one.fetches.push(fetching::ended_unknown(&place));
                        batch.ended_unknown(&key, event.position);
                    }
                    let note = Some(fetching::NEVER_READ.to_owned());
                    applying.one.changes.push(NewChange { seen, ..plain(None, ChangeKind::Ignored, note) });
                }
            }
            return None;
        }
        let first = known.is_none();
        let in_chain = batch.see(spec.chain.as_ref(), &key, told);
        let how = How {
            note: in_chain.note,
            again: in_chain.again,
            own: true,
            doubted: late.doubts(event, ordinal),
            head,
            seen,
            happened_at,
        };
        if !self.apply_told(applying, batch, (spec, &key), in_chain.told, how) {
            return None;
        }
        let news = first || !in_chain.news.is_empty();
        if !in_chain.news.is_empty()
            && let Some(new) = batch.unknown_after(&key)
        {
            let place = fetching::Place { key: new, ..place };
            applying.one.fetches.extend(fetching::successor(source, spec, &place));
        }
        applying.one.rebookings.extend(in_chain.news);
        applying.parted.extend(in_chain.parted);
        Some((key, spec, news))
    }

    /// What was told of one record, against its present state. False where that is doubted, and its system is asked.
    fn apply_told(
        &self,
        applying: &mut Applying<'_>,
        batch: &mut Batch,
        (spec, key): (&RecordSpec, &BookingKey),
        told: Told,
        how: How,
    ) -> bool {
        let (event, ordinal) = (applying.event, applying.ordinal);
        let (Some(state), Some(source)) =
            (batch.states.get(key), applying.ruleset.sources.get(&event.source))
        else {
            return true;
        };
        let mut told = told;
        spec.keep_status(state.present.as_ref(), &mut told);
        let status = told.status.clone();
        let mut compared = spec.compare(state.present.as_ref(), told);
        if how.again && compared.kind == ChangeKind::Updated {
            compared.kind = ChangeKind::Rebooked;
        }
        if how.own && (how.doubted || (compared.doubtful && fetching::can_ask(source, spec, event))) {
            let place = fetching::Place { key, event, ordinal, now: applying.now };
            applying.one.fetches.push(fetching::hint(source, 0, &place));
            let note = Some(fetching::LATE_COPY.to_owned());
            let change = plain_change(ordinal, batch.known(key), ChangeKind::Fetching, note, applying.now);
            applying.one.changes.push(NewChange { seen: how.seen, happened_at: how.happened_at, ..change });
            return false;
        }
        self.apply_compared(applying, batch, (spec, key), (compared, status), how);
        true
    }

    /// A record's change, its new state, and the runs.
    fn apply_compared(
        &self,
        applying: &mut Applying<'_>,
        batch: &mut Batch,
        (spec, key): (&RecordSpec, &BookingKey),
        (compared, status): (Compared, String),
        how: How,
    ) {
        let (event, now, ordinal) = (applying.event, applying.now, applying.ordinal);
        let known = batch.known(key);
        let (Some(state), Some(source)) =
            (batch.states.get_mut(key), applying.ruleset.sources.get(&event.source))
        else {
            return;
        };
        let How { note, again, own, head, seen, happened_at, .. } = how;
        let place = fetching::Place { key, event, ordinal, now };
        let note = fetching::noted(head.as_ref(), source, note.or(compared.note));
        if !compared.kind.has_effect() {
            applying.one.fetches.extend(fetching::came(head.as_ref(), &place, known.as_ref()));
            // What was asked for before this is older, also where this told nothing new.
            let as_of = head.as_ref().map_or(event.position, |head| head.begun);
            if let Some(booking) = known.clone().filter(|_| {
                own && compared.kind == ChangeKind::Unchanged && source.reach.is_some() && as_of > state.as_of
            }) {
                state.as_of = as_of;
                applying.one.fetches.push(FetchWrite::Confirmed { booking, as_of });
            }
            let change = plain_change(ordinal, known, compared.kind, note, now);
            applying.one.changes.push(NewChange { happened_at, seen, ..change });
            return;
        }
        let as_of = head.as_ref().map_or(event.position, |head| head.begun);
        applying.one.fetches.extend(fetching::came(head.as_ref(), &place, Some(&state.id)));
        let reference = ChangeRef { position: event.position, ordinal };
        if own && compared.flag_if_known && known.is_some() && head.is_none() {
            let asks = fetching::can_ask(source, spec, event);
            let of = (state.id.clone(), compared.hash.clone());
            applying.candidates.push(Candidate { ordinal, of, asks });
        }
        let view = spec.view(&compared.entity);
        applying.one.changes.push(NewChange {
            ordinal,
            booking: Some(state.id.clone()),
            kind: compared.kind,
            paths: compared.paths.clone(),
            note,
            previous: state.change,
            body: Some(compared.entity.to_string()),
            hash: Some(compared.hash.clone()),
            at: now,
            happened_at,
            seen,
        });
        applying.one.bookings.push(BookingWrite {
            id: state.id.clone(),
            key: key.clone(),
            source: event.source.clone(),
            change: reference,
            status: status.clone(),
            view: view.clone(),
            hash: compared.hash.clone(),
            terms: spec.terms(&view, &compared.entity),
            at: now,
            as_of,
        });
        let booking = Arc::new(compared.entity);
        let context = ChangeContext {
            source: event.source.clone(),
            doors: applying.doors.of(key, &event.source),
            account: key.account.clone(),
            about: key.kind.clone(),
            kind: compared.kind,
            paths: compared.paths,
            booking: booking.clone(),
            previous: state.present.take().map(|present| Arc::new(present.entity)),
            chain: Neighbours::default(),
            view,
            at: now,
            event: event.id.to_string(),
        };
        state.change = Some(reference);
        state.as_of = as_of;
        let id = state.id.clone();
        if batch.chains.before(key).is_some() || batch.chains.after(key).is_some() {
            let later = Later { context, key: key.clone(), id, change: reference, again };
            applying.planned_later.push(later);
        } else {
            let place = RunPlace::of(&id, &id, reference);
            let planned = applying.ruleset.plan(&context);
            applying.one.runs.extend(planned_runs(&*self.entropy, planned, &place, now));
            drop(context);
        }
        let entity = Arc::try_unwrap(booking).unwrap_or_else(|shared| (*shared).clone());
        if let Some(state) = batch.states.get_mut(key) {
            state.present = Some(Present { entity, hash: compared.hash, status, happened_at });
        }
    }

    /// Plans for a booking of a chain, once all that the event tells of the chain is known.
    fn plan_in_chain(
        &self,
        applying: &mut Applying<'_>,
        batch: &Batch,
        later: Later,
        parted: &BTreeSet<BookingKey>,
    ) {
        let Later { mut context, key, id, change, again } = later;
        context.chain = batch.neighbours(&key, again);
        context.chain.parted = parted.contains(&key);
        let root = batch.root(&key).map_or(&id, |root| &root.id);
        let place = RunPlace::of(&id, root, change);
        let mut planned = applying.ruleset.plan(&context);
        let ends = planned.extract_if(.., |planned| context.chain.parted && planned.moves).collect();
        applying.one.runs.extend(planned_runs(&*self.entropy, planned, &place, applying.now));
        self.plan_ends(applying, batch, (&key, &id, change), ends);
    }

    /// Plans the end of a booking's own record, where it comes out by what was told of others that a newer booking of its
    /// chain may have one too.
    fn plan_parted(&self, applying: &mut Applying<'_>, batch: &Batch, key: &BookingKey) {
        let (Some(state), Some(spec)) =
            (batch.states.get(key), spec_of(applying.ruleset, applying.event, &key.kind))
        else {
            return;
        };
        let (Some(present), Some(change)) = (&state.present, state.change) else { return };
        let context = ChangeContext {
            source: applying.event.source.clone(),
            doors: applying.doors.of(key, &applying.event.source),
            account: key.account.clone(),
            about: key.kind.clone(),
            kind: ChangeKind::Rebooked,
            paths: Vec::new(),
            booking: Arc::new(present.entity.clone()),
            previous: None,
            chain: Neighbours { parted: true, ..batch.neighbours(key, true) },
            view: spec.view(&present.entity),
            at: applying.now,
            event: applying.event.id.to_string(),
        };
        let mut planned = applying.ruleset.plan(&context);
        planned.retain(|planned| planned.moves);
        self.plan_ends(applying, batch, (key, &state.id, change), planned);
    }

    /// What was under way when the chain came out goes on in the lanes of its bookings. So the end of an old one's record
    /// goes behind all of it: in each of these lanes. The last of them sees what there is, and the others send nothing.
    fn plan_ends(
        &self,
        applying: &mut Applying<'_>,
        batch: &Batch,
        (key, id, change): (&BookingKey, &BookingId, ChangeRef),
        mut ends: Vec<Planned>,
    ) {
        let mut lanes = HashSet::new();
        for root in batch.known_of(key) {
            let place = RunPlace { trigger: BY_REBOOKING, ..RunPlace::of(id, &root, change) };
            let mut runs = planned_runs(&*self.entropy, ends.clone(), &place, applying.now);
            runs.retain(|run| lanes.insert(run.lane.clone()));
            applying.one.runs.extend(runs);
            ends.retain(|planned| planned.state == PlannedState::Wait);
        }
    }
}
