//! What a test gives, as it would come in.

use crate::connectors::{KeptHeaders, Told, Verify, read_payload};
use crate::domain::{BookingKey, DocumentHead, ORIGIN_FETCH, ORIGIN_WEBHOOK};
use crate::rules::Ruleset;
use serde_json::Value;

/// A payload as it comes in. Where webhooks of the source lead to a fetch, a payload that tells the record itself stands for
/// what the booking system's API answers.
pub(super) fn posted(
    ruleset: &Ruleset,
    source: &str,
    body: Vec<u8>,
    begun: i64,
) -> Vec<(&'static str, String, Vec<u8>)> {
    let documents = documents(ruleset, source, &body).unwrap_or_default();
    if documents.is_empty() {
        return vec![(ORIGIN_WEBHOOK, "{}".to_owned(), body)];
    }
    let event = |(key, document): (BookingKey, Value)| {
        let head = DocumentHead { key, begun, fetch: None, unverified: false, gone: false };
        (ORIGIN_FETCH, head.to_headers(), document.to_string().into_bytes())
    };
    documents.into_iter().map(event).collect()
}

fn documents(ruleset: &Ruleset, source: &str, body: &[u8]) -> Option<Vec<(BookingKey, Value)>> {
    let source = ruleset.sources.get(source)?;
    let spec = source.connector.source.as_ref()?;
    let of = |kind: &str, account: Option<String>, key: String| BookingKey {
        connector: source.connector.name.clone(),
        account: account.or_else(|| source.account.clone()).unwrap_or_else(|| source.name.clone()),
        kind: kind.to_owned(),
        key,
    };
    let headers = KeptHeaders::default();
    let body = read_payload(body, &headers).ok()?;
    let messages = spec.read(body.clone(), &headers).unwrap_or_default();
    let told: Vec<_> = messages.into_iter().filter_map(|message| message.told.ok()).flatten().collect();
    if told.iter().any(|told| told.hint.is_some()) {
        return None;
    }
    if !told.is_empty() {
        let whole = |told: Told| (of(&told.kind, told.account, told.key), told.entity);
        return (source.verify != Verify::Never).then(|| told.into_iter().map(whole).collect());
    }
    let record = spec.records.iter().find(|record| record.fetch.is_some())?;
    let told = record.document(body).ok()?;
    Some(vec![(of(&record.kind, told.account, told.key), told.entity)])
}
