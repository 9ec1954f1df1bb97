//! Two doors of one account lead to one booking, and a rule `from:` any of them sees its changes. Which sources are doors
//! of which account is learned from the bodies that came in by them, and kept as a small fact.

use super::read::Reading;
use crate::domain::BookingKey;
use crate::ports::{Store, StoreError, StoredEvent};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Name of the fact.
const FACT: &str = "doors";
/// Accounts that are remembered; beyond that a door stands for itself.
const ACCOUNTS_MAX: usize = 10_000;

/// Sources by `connector/account`.
type Table = BTreeMap<String, BTreeSet<String>>;

/// What is known, as of one moment.
pub struct Known(Arc<Table>);

/// What is known now, for whoever plans existing bookings.
pub async fn known_doors(store: &dyn Store) -> Result<Known, StoreError> {
    let text = store.fact(FACT).await?.unwrap_or_default();
    Ok(Known(Arc::new(serde_json::from_str::<Table>(&text).unwrap_or_default())))
}

/// What is known, and how it grows.
#[derive(Default)]
pub(super) struct AccountDoors {
    table: Mutex<Option<Arc<Table>>>,
}

impl AccountDoors {
    /// Adds the doors that these events came in by; written down where one is new (rare).
    pub async fn learn(
        &self,
        store: &dyn Store,
        events: &[StoredEvent],
        readings: &[Reading],
    ) -> Result<Known, StoreError> {
        let mut held = self.table.lock().await;
        let table = match &*held {
            Some(table) => table.clone(),
            None => {
                let text = store.fact(FACT).await?.unwrap_or_default();
                let table = Arc::new(serde_json::from_str::<Table>(&text).unwrap_or_default());
                *held = Some(table.clone());
                table
            }
        };
        let mut more: Option<Table> = None;
        for (event, reading) in events.iter().zip(readings) {
            for (key, _) in reading.records() {
                let account = account_of(key);
                let known = more.as_ref().unwrap_or(&table).get(&account);
                if known.is_some_and(|doors| doors.contains(&event.source)) || table.len() >= ACCOUNTS_MAX {
                    continue;
                }
                let grown = more.get_or_insert_with(|| (*table).clone());
                grown.entry(account).or_default().insert(event.source.clone());
            }
        }
        let Some(more) = more else { return Ok(Known(table)) };
        store.set_fact(FACT, &serde_json::json!(more).to_string()).await?;
        let more = Arc::new(more);
        *held = Some(more.clone());
        Ok(Known(more))
    }
}

impl Known {
    /// The other doors of a booking's account.
    pub fn of(&self, key: &BookingKey, source: &str) -> Vec<String> {
        let doors = self.0.get(&account_of(key));
        doors.into_iter().flatten().filter(|door| *door != source).cloned().collect()
    }
}

fn account_of(key: &BookingKey) -> String {
    format!("{}/{}", key.connector, key.account)
}
