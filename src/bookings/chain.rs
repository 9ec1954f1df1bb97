//! Rebookings while events are applied. A booking's body tells whose place it took, or who took its own; the two bodies come
//! in either order, or only one of them. So what the new one's body tells is told of the old one too, once; and of what is
//! told of an old one afterwards, that it was rebooked is never taken back.

use super::State;
use super::read::Reading;
use crate::connectors::{ChainSpec, Told};
use crate::domain::{BookingId, BookingKey, Chains, Position, Rebooking};
use crate::ports::{Store, StoreError};
use crate::rules::Neighbours;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// What is known of the bookings of a batch.
#[derive(Default)]
pub(super) struct Batch {
    /// Present states of the bookings told of, and of those in their chains that are known here.
    pub states: HashMap<BookingKey, State>,
    /// Their chains, with what the batch told so far.
    pub chains: Chains,
}

/// A booking as it was told, seen in its chain.
pub(super) struct Seen {
    /// What it told, with what is known of its rebooking.
    pub told: Told,
    /// Steps that nobody told before.
    pub news: Vec<Rebooking>,
    /// A sentence, where its status is not as its own body told.
    pub note: Option<String>,
    /// Its own body tells what was known by the new booking's already.
    pub again: bool,
    /// Bookings known before that turn out to be older ones of a chain, of which a newer one is known already: both went
    /// their own ways until now.
    pub parted: Vec<BookingKey>,
}

/// The steps that a body tells of.
pub(super) fn steps(chain: &ChainSpec, key: &BookingKey, entity: &Value) -> Vec<Rebooking> {
    let other = |name: String| BookingKey { key: name, ..key.clone() };
    let from = chain.from(entity).map(other);
    let to = chain.to(entity).map(other);
    let from = from.map(|old| Rebooking { old, new: key.clone(), told_by_old: false });
    let to = to.map(|new| Rebooking { old: key.clone(), new, told_by_old: true });
    from.into_iter().chain(to).filter(|step| step.old != step.new).collect()
}

impl Batch {
    /// The id of a booking that is known here.
    pub fn known(&self, key: &BookingKey) -> Option<BookingId> {
        self.states.get(key).filter(|state| state.change.is_some()).map(|state| state.id.clone())
    }

    /// What is remembered of records that ended before they were known, where there are documents of them now.
    pub async fn recall_ended(&mut self, store: &dyn Store, readings: &[Reading]) -> Result<(), StoreError> {
        let documents = readings.iter().flat_map(Reading::documents);
        let unknown: Vec<BookingKey> = documents.filter(|key| self.known(key).is_none()).cloned().collect();
        for (key, at) in store.fetches().ended_unknown(&unknown).await? {
            self.ended_unknown(&key, at);
        }
        Ok(())
    }

    /// A record that is not known here ended: what was asked before then tells nothing of it.
    pub fn ended_unknown(&mut self, key: &BookingKey, at: Position) {
        if let Some(state) = self.states.get_mut(key) {
            state.as_of = at;
        }
    }

    /// Puts what was told into its chain.
    pub fn see(&mut self, chain: Option<&ChainSpec>, key: &BookingKey, told: Told) -> Seen {
        let mut seen = Seen { told, news: Vec::new(), note: None, again: false, parted: Vec::new() };
        let Some(chain) = chain else { return seen };
        let before = self.states.get(key).and_then(|state| state.present.as_ref());
        let was_rebooked = before.is_some_and(|present| chain.is_rebooked(&present.entity, &present.status));
        let tells_so = chain.is_rebooked(&seen.told.entity, &seen.told.status);
        seen.again = was_rebooked && tells_so && !self.chains.told_by_itself(key);
        for step in steps(chain, key, &seen.told.entity) {
            let parted = self.parted(&step);
            if self.chains.add(step.clone()) {
                seen.parted.extend(parted);
                seen.news.push(step);
            }
        }
        if let Some(new) = self.chains.after(key).filter(|_| !was_rebooked && !tells_so) {
            let entity = std::mem::take(&mut seen.told.entity);
            (seen.told.entity, seen.told.status) = chain.rebooked(entity, &seen.told.status, &new.key);
            seen.note = Some(format!("it was rebooked already: {} took its place", new.key));
        }
        seen
    }

    /// The older bookings that are known here, where a step joins them with newer ones that are known too.
    fn parted(&self, step: &Rebooking) -> Vec<BookingKey> {
        let known = |key: &BookingKey| self.known(key).is_some();
        let newer = self.chains.newer(&step.new);
        let joined = self.chains.newer(&step.old).contains(&step.new);
        if joined || !std::iter::once(&step.new).chain(&newer).any(known) {
            return Vec::new();
        }
        let mut older = self.chains.older(&step.old);
        older.push(step.old.clone());
        older.retain(known);
        older
    }

    /// The old bookings that are told to be rebooked by what a new one told, and are not known to be so.
    pub fn told_of_old(
        &self,
        chain: Option<&ChainSpec>,
        key: &BookingKey,
    ) -> Vec<(BookingKey, Told, String)> {
        let (Some(chain), Some(old)) = (chain, self.chains.before(key)) else { return Vec::new() };
        let Some(present) = self.states.get(old).and_then(|state| state.present.as_ref()) else {
            return Vec::new();
        };
        if chain.is_rebooked(&present.entity, &present.status) {
            return Vec::new();
        }
        let (entity, status) = chain.rebooked(present.entity.clone(), &present.status, &key.key);
        let told = Told {
            kind: old.kind.clone(),
            account: Some(old.account.clone()),
            key: old.key.clone(),
            entity,
            status,
            happened_at: None,
            hint: None,
        };
        let note = format!("told by the webhook of {}, which took its place", key.key);
        vec![(old.clone(), told, note)]
    }

    /// The booking that took this one's place, where nothing has been told of it yet.
    pub fn unknown_after(&self, key: &BookingKey) -> Option<&BookingKey> {
        let unknown = |new: &&BookingKey| self.states.get(*new).is_none_or(|state| state.change.is_none());
        self.chains.after(key).filter(unknown)
    }

    /// What a rule sees of a booking's neighbours.
    pub fn neighbours(&self, key: &BookingKey, again: bool) -> Neighbours {
        let state = |key: &BookingKey| {
            let present = self.states.get(key)?.present.as_ref()?;
            Some(Arc::new(present.entity.clone()))
        };
        let (before, after) = (self.chains.before(key), self.chains.after(key));
        Neighbours {
            before_key: before.map(|key| key.key.clone()),
            after_key: after.map(|key| key.key.clone()),
            before: before.and_then(state),
            after: after.and_then(state),
            again,
            parted: false,
        }
    }

    /// The booking of a chain that was known here first (`Applier::load` keeps ids in that order): its lane is the chain's.
    /// That stays so when older ones become known, whose calls would else go beside those of the chain.
    pub fn root(&self, key: &BookingKey) -> Option<&State> {
        let whole = self.chains.whole(key);
        let known = whole.iter().filter_map(|key| self.states.get(key));
        known.filter(|state| state.change.is_some()).min_by_key(|state| state.id.as_str())
    }

    /// The bookings of a chain that are known here: in the lane of each there may be runs from before it was known as one.
    pub fn known_of(&self, key: &BookingKey) -> Vec<BookingId> {
        self.chains.whole(key).iter().filter_map(|key| self.known(key)).collect()
    }

    /// The bookings of a chain that a newer one, known here, took the place of.
    pub fn replaced(&self, key: &BookingKey) -> Vec<BookingKey> {
        let known = |key: &BookingKey| self.states.get(key).is_some_and(|state| state.change.is_some());
        let mut whole = self.chains.whole(key);
        whole.retain(known);
        whole.pop();
        whole
    }
}
