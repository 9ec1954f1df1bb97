//! What the store knows of rebookings, and a chain as stages and faces see it: a run's neighbours, which of a booking's
//! chain are older, which record it takes over. `src/store/chains.rs` implements it for both databases.

use super::{Store, StoreError};
use crate::domain::{BookingId, BookingKey, CHAIN_MAX, Chains, Millis, Position, Rebooking};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

/// A booking of a chain, as far as it is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainMember {
    /// Its identity.
    pub key: BookingKey,
    /// Its id; `None`: no webhook of it has come.
    pub id: Option<BookingId>,
    /// Word of its status.
    pub status: Option<String>,
}

/// A chain, as one of its bookings sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Those that it came after, the nearest first.
    pub older: Vec<ChainMember>,
    /// Those that came after it, the nearest first.
    pub newer: Vec<ChainMember>,
}

impl Chain {
    /// Ids of the older ones that are known here, the nearest first.
    pub fn older_ids(&self) -> Vec<BookingId> {
        self.older.iter().filter_map(|member| member.id.clone()).collect()
    }

    /// The same for the newer ones.
    pub fn newer_ids(&self) -> Vec<BookingId> {
        self.newer.iter().filter_map(|member| member.id.clone()).collect()
    }
}

/// A run's booking in its chain: read by delivery for runs whose booking was rebooked, or took another's place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunChain {
    /// Older bookings that are known here, the nearest first.
    pub older: Vec<BookingId>,
    /// Newer ones.
    pub newer: Vec<BookingId>,
    /// Key of the booking whose place it took, where one is told.
    pub before_key: Option<String>,
    /// Key of the booking that took its place.
    pub after_key: Option<String>,
    /// The JSON of the booking before as it was at the run's position, where the rule reads it.
    pub before: Option<String>,
    /// The same of the booking after.
    pub after: Option<String>,
}

/// Runs of a booking whose place was taken, which don't go any more since the rule moves its record on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// The booking whose place was taken.
    pub booking: BookingId,
    /// Name of the rule.
    pub rule: String,
    /// Why, as a sentence.
    pub why: String,
    /// When.
    pub at: Millis,
}

/// What the store knows of rebookings. They are written with the events that tell of them (`AppliedEvent::rebookings`).
#[async_trait]
pub trait ChainStore: Send + Sync {
    /// All steps of the chains that these bookings are part of, whether any of them is known here or not.
    async fn rebookings(&self, keys: &[BookingKey]) -> Result<Vec<Rebooking>, StoreError>;
    /// Those of these bookings that are known here.
    async fn members(&self, keys: &[BookingKey]) -> Result<Vec<ChainMember>, StoreError>;
    /// The latest JSON of a booking that is not of an event after this position.
    async fn version_at(&self, booking: &BookingId, position: Position)
    -> Result<Option<String>, StoreError>;
}

/// The chains of these bookings. Those that were never rebooked are left out.
pub async fn chains_of(
    store: &dyn Store,
    keys: &[BookingKey],
) -> Result<BTreeMap<BookingKey, Chain>, StoreError> {
    let asked: BTreeSet<&BookingKey> = keys.iter().collect();
    let asked: Vec<BookingKey> = asked.into_iter().cloned().collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let chains = Chains::of(store.chains().rebookings(&asked).await?);
    if chains.is_empty() {
        return Ok(BTreeMap::new());
    }
    let of: Vec<(BookingKey, Vec<BookingKey>, Vec<BookingKey>)> =
        asked.into_iter().map(|key| (key.clone(), chains.older(&key), chains.newer(&key))).collect();
    let wanted: BTreeSet<BookingKey> =
        of.iter().flat_map(|(_, older, newer)| older.iter().chain(newer)).cloned().collect();
    let wanted: Vec<BookingKey> = wanted.into_iter().collect();
    let known: BTreeMap<BookingKey, ChainMember> = store
        .chains()
        .members(&wanted)
        .await?
        .into_iter()
        .map(|member| (member.key.clone(), member))
        .collect();
    let member = |key: &BookingKey| {
        known.get(key).cloned().unwrap_or_else(|| ChainMember { key: key.clone(), id: None, status: None })
    };
    let members = |keys: &[BookingKey]| keys.iter().take(CHAIN_MAX).map(member).collect::<Vec<_>>();
    Ok(of
        .into_iter()
        .filter(|(_, older, newer)| !older.is_empty() || !newer.is_empty())
        .map(|(key, older, newer)| (key, Chain { older: members(&older), newer: members(&newer) }))
        .collect())
}
