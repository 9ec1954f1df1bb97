//! An event's body becomes what its connector says it tells of.

use super::{ChangeKind, ORIGIN_PROBE, Ruleset, StoredEvent, Told};
use crate::connectors::Unreadable;
use crate::domain::BookingKey;
use serde_json::Value;
use std::sync::Arc;

/// What a body tells.
#[derive(Default)]
pub(super) struct Reading {
    /// Each thing told of, with its identity, or why it is refused.
    pub told: Vec<(Result<BookingKey, String>, Told)>,
    /// Where nothing is told: the change to keep.
    pub without_effect: Option<(ChangeKind, String)>,
}

/// Keys and accounts are names: no control characters, and not endless.
const NAME_BYTES_MAX: usize = 512;

/// Never fails: what can't be read is a reading too.
pub(super) fn read_event(ruleset: &Arc<Ruleset>, event: &StoredEvent) -> Reading {
    let nothing =
        |kind, note: &str| Reading { without_effect: Some((kind, note.to_owned())), ..Reading::default() };
    if event.origin == ORIGIN_PROBE {
        return nothing(ChangeKind::Ignored, "a readiness check of Waypost itself");
    }
    let Some(source) = ruleset.sources.get(&event.source) else {
        return nothing(ChangeKind::Ignored, "source removed");
    };
    let Some(spec) = &source.connector.source else {
        return nothing(ChangeKind::Ignored, "the connector of this source reads no webhooks");
    };
    let body: Value = match serde_json::from_slice(&event.body) {
        Ok(body) => body,
        Err(error) => return nothing(ChangeKind::Unreadable, &why_no_json(&event.body, &error)),
    };
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| spec.read(body)));
    let told = match read {
        Ok(Ok(told)) => told,
        Ok(Err(Unreadable::Body(note))) => return nothing(ChangeKind::Unreadable, &note),
        Ok(Err(Unreadable::Nothing(note))) => return nothing(ChangeKind::Ignored, &note),
        Err(_) => return nothing(ChangeKind::Unreadable, "a mistake of Waypost came up while reading it"),
    };
    let told = told
        .into_iter()
        .map(|told| {
            let key = identity(source, &told);
            (key, told)
        })
        .collect();
    Reading { told, without_effect: None }
}

fn identity(source: &crate::connectors::Source, told: &Told) -> Result<BookingKey, String> {
    if let (Some(expected), Some(found)) = (&source.account, &told.account)
        && expected != found
    {
        return Err(format!(
            "the body is about the account \"{found}\", and this source is for \"{expected}\""
        ));
    }
    let account =
        told.account.clone().or_else(|| source.account.clone()).unwrap_or_else(|| source.name.clone());
    for (what, name) in [("key", &told.key), ("account", &account)] {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(format!(
                "the {what} of the {} is empty, too long or has control characters",
                told.kind
            ));
        }
    }
    Ok(BookingKey {
        connector: source.connector.name.clone(),
        account,
        kind: told.kind.clone(),
        key: told.key.clone(),
    })
}

fn why_no_json(body: &[u8], error: &serde_json::Error) -> String {
    if body.is_empty() {
        return "the body is empty".into();
    }
    let text = error.to_string();
    if text.contains("recursion limit") {
        return "the JSON is nested deeper than 128 levels".into();
    }
    format!("the body is not JSON: {text}")
}
