//! Chains of rebookings for whoever plans a booking as it stands, and for the faces that show them.

use super::App;
use super::masking::is_masked;
use crate::domain::{BookingId, BookingKey, Position};
use crate::ports::{BookingView, ChainMember, Store, StoreError, chains_of};
use crate::rules::Neighbours;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A booking in its chain, as rules see it.
#[derive(Clone, Debug, Default)]
pub(super) struct InChain {
    /// Its neighbours as they are now.
    pub neighbours: Neighbours,
    /// Of the others of the chain, the one that was known here first.
    pub first: Option<BookingId>,
}

/// The booking of a chain that was known here first (ids are in the order of time): its lane is the chain's.
pub(super) fn root_of<'a>(first_other: Option<&'a BookingId>, own: &'a BookingId) -> &'a BookingId {
    first_other.filter(|other| other.as_str() < own.as_str()).unwrap_or(own)
}

/// Keys of a booking's neighbours, for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeighbourKeys {
    /// Of the booking whose place it took.
    pub before: Option<String>,
    /// Of the booking that took its place.
    pub after: Option<String>,
}

/// A booking of a chain, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainedBooking {
    /// Its key at the source; empty where the reader may not read it.
    pub key: String,
    /// The booking; `None`: no webhook of it has come.
    pub booking: Option<BookingView>,
}

/// A booking's chain, for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChainAround {
    /// Whose place it took, the oldest first: the last is the one before.
    pub before: Vec<ChainedBooking>,
    /// Those that took its place, in their order: the first is the one after.
    pub after: Vec<ChainedBooking>,
}

impl ChainAround {
    /// It was never rebooked, and took nobody's place.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

/// The bookings of these that are in a chain, each with its neighbours as they are now.
pub(super) async fn in_chains(
    store: &dyn Store,
    keys: &[BookingKey],
) -> Result<BTreeMap<BookingKey, InChain>, StoreError> {
    let mut found = BTreeMap::new();
    for (key, chain) in chains_of(store, keys).await? {
        let (before, after) = (chain.older.first(), chain.newer.first());
        let neighbours = Neighbours {
            before_key: before.map(|member| member.key.key.clone()),
            after_key: after.map(|member| member.key.key.clone()),
            before: state(store, before.and_then(|member| member.id.as_ref())).await?,
            after: state(store, after.and_then(|member| member.id.as_ref())).await?,
            again: false,
            parted: false,
        };
        let others = chain.older.iter().chain(&chain.newer).filter_map(|member| member.id.as_ref());
        let first = others.min_by_key(|id| id.as_str()).cloned();
        found.insert(key, InChain { neighbours, first });
    }
    Ok(found)
}

async fn state(
    store: &dyn Store,
    booking: Option<&BookingId>,
) -> Result<Option<Arc<serde_json::Value>>, StoreError> {
    let Some(booking) = booking else { return Ok(None) };
    let Some(text) = store.chains().version_at(booking, Position::MAX).await? else { return Ok(None) };
    Ok(serde_json::from_str(&text).ok().map(Arc::new))
}

impl App {
    /// Keys of the neighbours of those of these bookings that were rebooked, or took another's place.
    pub async fn neighbour_keys(
        &self,
        bookings: &[BookingView],
    ) -> Result<BTreeMap<BookingKey, NeighbourKeys>, StoreError> {
        let keys: Vec<BookingKey> = bookings.iter().map(|booking| booking.key.clone()).collect();
        let chains = chains_of(&*self.store, &keys).await?;
        // A key may be an address: of bookings that the reader was not shown, none is told to who may not read them.
        let told = |member: Option<&ChainMember>| {
            member.map(|member| member.key.key.clone()).filter(|key| !(is_masked() && key.contains('@')))
        };
        Ok(chains
            .into_iter()
            .map(|(key, chain)| {
                let before = told(chain.older.first());
                (key, NeighbourKeys { before, after: told(chain.newer.first()) })
            })
            .collect())
    }

    /// The chain of a booking, for people.
    pub async fn chain_around(&self, key: &BookingKey) -> Result<ChainAround, StoreError> {
        let mut around = ChainAround::default();
        let Some(chain) = chains_of(&*self.store, std::slice::from_ref(key)).await?.remove(key) else {
            return Ok(around);
        };
        for (members, told) in [(chain.older, &mut around.before), (chain.newer, &mut around.after)] {
            for member in members {
                let booking = match &member.id {
                    Some(id) => self.store.booking(id).await?.map(|(booking, _)| booking),
                    None => None,
                };
                let key = match &booking {
                    Some(booking) => booking.key.key.clone(),
                    None if is_masked() => String::new(),
                    None => member.key.key,
                };
                told.push(ChainedBooking { key, booking });
            }
        }
        around.before.reverse();
        Ok(around)
    }
}
