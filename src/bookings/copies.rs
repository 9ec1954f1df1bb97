//! Copies of events that came in before: known by the id that the booking system gives an event, for ever.

use super::read::Reading;
use super::{EventKey, SeenEvent, Store, StoreError, StoredEvent};
use crate::domain::EventId;
use std::collections::HashMap;

/// The events of a batch that were told of before, and those that the batch itself tells of.
pub(super) struct Copies {
    known: HashMap<EventKey, (EventId, usize)>,
}

impl Copies {
    /// Asks for all ids of a batch at once; nothing is asked where systems give none.
    pub async fn load(store: &dyn Store, readings: &[Reading]) -> Result<Self, StoreError> {
        let mut keys: Vec<EventKey> =
            readings.iter().flat_map(|reading| &reading.items).filter_map(|item| item.seen.clone()).collect();
        keys.sort();
        keys.dedup();
        let known = if keys.is_empty() { Vec::new() } else { store.seen_events(&keys).await? };
        // Which of its webhook's events it was does not matter any more.
        let known = known.into_iter().map(|seen| (seen.key, (seen.event, usize::MAX)));
        Ok(Self { known: known.collect() })
    }

    /// An event that a webhook tells of. `Ok`: it is a new one, to be kept (once, however many records it tells of).
    /// `Err`: it was told of before; the sentence says by what.
    pub fn take(
        &mut self,
        key: EventKey,
        event: &StoredEvent,
        message: usize,
    ) -> Result<Option<SeenEvent>, String> {
        match self.known.get(&key) {
            Some((first, of)) if *first == event.id && *of == message => Ok(None),
            Some((first, _)) => Err(format!("a copy of an event that {first} told of")),
            None => {
                self.known.insert(key.clone(), (event.id.clone(), message));
                Ok(Some(SeenEvent { key, event: event.id.clone() }))
            }
        }
    }
}
