//! Going by the webhook: where a source says so, and its API has not answered for a while, what the webhook told is taken as
//! it is, marked unverified. The fetch stays, and is made when the API is back.

use super::{Fetcher, schedule};
use crate::connectors::{KeptHeaders, read_payload};
use crate::domain::{DocumentHead, Millis};
use crate::ports::{FetchRow, StoreError, StoredEvent};
use crate::rules::Ruleset;
use serde_json::Value;

/// Webhooks of one turn.
const AT_ONCE: i64 = 64;

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
        for (row, event) in self.store.fetches().fetches_to_go_by(before, AT_ONCE).await? {
            if !troubled.contains(&row.source) {
                continue;
            }
            if let Some(document) = told(ruleset, &row, &event) {
                let head = DocumentHead {
                    key: row.key.clone(),
                    begun: row.hinted,
                    fetch: Some(row.id.clone()),
                    unverified: true,
                    gone: false,
                };
                events.push(self.event(&row.source, &head, &document, now));
            }
        }
        self.store.append_events(&events).await?;
        Ok(!events.is_empty())
    }
}

/// What the webhook told of the record, without what is never stored.
fn told(ruleset: &Ruleset, row: &FetchRow, event: &StoredEvent) -> Option<Value> {
    let source = ruleset.sources.get(&event.source)?;
    let spec = source.connector.source.as_ref()?;
    let headers = KeptHeaders::read(&event.headers);
    let body = read_payload(&event.body, &headers).ok()?;
    let messages = spec.read(body, &headers).ok()?;
    let told = messages.into_iter().filter_map(|message| message.told.ok()).flatten();
    let found =
        told.filter(|told| told.kind == row.key.kind && told.key == row.key.key && told.hint.is_none());
    // Of several in a body the last is the latest.
    found.map(|told| told.entity).reduce(|_, later| later)
}
