//! Going by the webhook: where a source says so, and its API has not answered for a while, what the webhook told is taken as
//! it is, marked unverified. The fetch stays, and is made when the API is back.

use super::{Fetcher, schedule};
use crate::connectors::{KeptHeaders, Told, read_payload};
use crate::domain::{DocumentHead, Millis, Position};
use crate::ports::{FetchRow, StoreError, StoredEvent};
use crate::rules::Ruleset;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

/// Webhooks of one turn.
const AT_ONCE: i64 = 64;
/// Fetches that are remembered to have been gone by.
const REMEMBERED_MAX: usize = 10_000;

impl Fetcher {
    /// Appends what webhooks told that waited too long for an API which is in trouble. True where there was any.
    pub(super) async fn go_by_webhooks(&self, ruleset: &Ruleset, now: Millis) -> Result<bool, StoreError> {
        let before = now - schedule::GO_BY_AFTER_MS;
        let troubled: Vec<String> = {
            let closed = self.closed();
            closed
                .iter()
                .filter(|(_, closed)| closed.since <= before)
                .map(|(source, _)| source.clone())
                .collect()
        };
        if troubled.is_empty() {
            return Ok(false);
        }
        let mut events = Vec::new();
        let mut gone_by = Vec::new();
        for (row, event) in self.store.fetches().fetches_to_go_by(before, AT_ONCE).await? {
            // One whose event has not been applied yet is given once more.
            let is_appended = self.gone_by().get(&row.id) == Some(&row.hinted);
            if is_appended || !troubled.contains(&row.source) {
                continue;
            }
            if let Some(document) = told(ruleset, &row, &event) {
                let hinted = DocumentHead::of(row.key.clone(), row.hinted);
                let head = DocumentHead { fetch: Some(row.id.clone()), unverified: true, ..hinted };
                events.push(self.event(&row.source, &head, &document, now));
                gone_by.push((row.id, row.hinted));
            }
        }
        self.store.append_events(&events).await?;
        let mut known = self.gone_by();
        if known.len() + gone_by.len() > REMEMBERED_MAX {
            known.clear();
        }
        known.extend(gone_by);
        Ok(!events.is_empty())
    }

    fn gone_by(&self) -> MutexGuard<'_, BTreeMap<String, Position>> {
        self.gone_by.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the webhook told of the record, without what is never stored.
fn told(ruleset: &Ruleset, row: &FetchRow, event: &StoredEvent) -> Option<Value> {
    // Of several in a body the last is the latest.
    all_told(ruleset, row, event)
        .into_iter()
        .filter(|told| told.hint.is_none())
        .map(|told| told.entity)
        .next_back()
}

/// All that a webhook told of what is fetched, itself or as a hint.
pub(super) fn all_told(ruleset: &Ruleset, row: &FetchRow, event: &StoredEvent) -> Vec<Told> {
    let read = || {
        let source = ruleset.sources.get(&event.source)?;
        let spec = source.connector.source.as_ref()?;
        let headers = KeptHeaders::read(&event.headers);
        let body = read_payload(&event.body, &headers).ok()?;
        let messages = spec.read(body, &headers).ok()?;
        let told = messages.into_iter().filter_map(|message| message.told.ok()).flatten();
        Some(told.filter(|told| told.kind == row.key.kind && told.key == row.key.key).collect())
    };
    // A mistake of Waypost while reading it says nothing of what is fetched.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok().flatten().unwrap_or_default()
}
