//! What a test gives, as it would come in.

use super::cases::{Given, WithHeaders};
use crate::connectors::{KeptHeaders, RecordSpec, Told, Verify, read_payload};
use crate::domain::{BookingKey, DocumentHead, ORIGIN_FETCH, ORIGIN_WEBHOOK};
use crate::rules::Ruleset;
use serde_json::Value;

/// A payload as it comes in. Where webhooks of the source lead to a fetch, a payload that tells the record itself stands for
/// what the booking system's API answers.
pub(super) fn posted(
    ruleset: &Ruleset,
    source: &str,
    (body, headers): WithHeaders,
    begun: i64,
) -> Vec<(&'static str, String, Vec<u8>)> {
    let documents = documents(ruleset, source, &body, &headers).unwrap_or_default();
    if documents.is_empty() {
        return vec![(ORIGIN_WEBHOOK, headers.to_text(), body)];
    }
    let event = |(key, document): (BookingKey, Value)| {
        let head = DocumentHead::of(key, begun);
        (ORIGIN_FETCH, head.to_headers(), document.to_string().into_bytes())
    };
    documents.into_iter().map(event).collect()
}

/// The headers of a payload as the door keeps them. `Err`: one that it would not keep, which a rule could never see.
pub(super) fn kept(ruleset: &Ruleset, source: &str, given: &Given) -> Result<KeptHeaders, String> {
    let spec = ruleset.sources.get(source).and_then(|source| source.connector.source.as_ref());
    let known = spec.map(|spec| spec.headers.as_slice()).unwrap_or_default();
    if let Some((name, _)) = given.headers.iter().find(|(name, _)| !known.contains(name)) {
        let near = crate::document::suggest(name, known.iter().map(String::as_str));
        let hint = near.map_or_else(
            || {
                format!(
                    "it keeps {}; others are named in `headers:` of its file or connector",
                    known.join(", ")
                )
            },
            |near| format!("did you mean {near}?"),
        );
        return Err(format!("given: the header {name} is not kept by the source {source}; {hint}"));
    }
    Ok(KeptHeaders::of(&given.headers))
}

fn documents(
    ruleset: &Ruleset,
    source: &str,
    body: &[u8],
    headers: &KeptHeaders,
) -> Option<Vec<(BookingKey, Value)>> {
    let source = ruleset.sources.get(source)?;
    let spec = source.connector.source.as_ref()?;
    let of = |kind: &str, account: Option<String>, key: String| BookingKey {
        connector: source.connector.name.clone(),
        account: account.or_else(|| source.account.clone()).unwrap_or_else(|| source.name.clone()),
        kind: kind.to_owned(),
        key,
    };
    let body = read_payload(body, headers).ok()?;
    let messages = spec.read(body.clone(), headers).unwrap_or_default();
    let told: Vec<_> = messages.into_iter().filter_map(|message| message.told.ok()).flatten().collect();
    if told.iter().any(|told| told.hint.is_some()) {
        return None;
    }
    if !told.is_empty() {
        let whole = |told: Told| (of(&told.kind, told.account, told.key), told.entity);
        return (source.verify != Verify::Never).then(|| told.into_iter().map(whole).collect());
    }
    let leads_to_a_fetch = |record: &&RecordSpec| {
        record.fetch.is_some() && (source.verify != Verify::Never || !record.hints.is_empty())
    };
    let record = spec.records.iter().find(leads_to_a_fetch)?;
    let told = record.document(body).ok()?;
    Some(vec![(of(&record.kind, told.account, told.key), told.entity)])
}
