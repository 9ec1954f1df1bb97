//! An event's body becomes what its connector says it tells of.

use super::{ChangeKind, ORIGIN_PROBE, Ruleset, StoredEvent, Told};
use crate::connectors::{
    Hinted, KeptHeaders, Message, RecordSpec, Source, SourceSpec, Unreadable, read_and_measure_payload,
    read_payload,
};
use crate::domain::{BookingKey, DocumentHead, EventKey, Millis, is_document};
use serde_json::Value;
use std::sync::Arc;

/// What a webhook tells: one thing after the other. Never empty.
#[derive(Default)]
pub(super) struct Reading {
    pub items: Vec<ReadItem>,
    /// Bytes of the body, unpacked.
    pub bytes: usize,
}

/// One thing that a webhook tells.
pub(super) struct ReadItem {
    /// Which of the body's events, from 0.
    pub message: usize,
    /// What the booking system knows that event by.
    pub seen: Option<EventKey>,
    /// When it happened, by the system's word.
    pub happened_at: Option<Millis>,
    /// What it is.
    pub what: ReadWhat,
}

/// What a thing told comes to.
pub(super) enum ReadWhat {
    /// A record as it is now, or a hint at one.
    Record(BookingKey, Told),
    /// A record as its system's API gave it.
    Document(DocumentHead, Told),
    /// A document that can't be used, and why.
    Unfit(DocumentHead, ChangeKind, String),
    /// Nothing that changes anything, and why.
    WithoutEffect(ChangeKind, String),
}

impl Reading {
    fn nothing(kind: ChangeKind, note: &str) -> Self {
        let what = ReadWhat::WithoutEffect(kind, note.to_owned());
        Self { items: vec![ReadItem { message: 0, seen: None, happened_at: None, what }], bytes: 0 }
    }

    fn of(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// The records that it tells of.
    pub fn records(&self) -> impl Iterator<Item = (&BookingKey, &Told)> {
        self.items.iter().filter_map(|item| match &item.what {
            ReadWhat::Record(key, told) => Some((key, told)),
            ReadWhat::Document(head, told) => Some((&head.key, told)),
            ReadWhat::WithoutEffect(..) | ReadWhat::Unfit(..) => None,
        })
    }

    /// The records that it is a document of.
    pub fn documents(&self) -> impl Iterator<Item = &BookingKey> {
        self.items.iter().filter_map(|item| match &item.what {
            ReadWhat::Document(head, _) => Some(&head.key),
            _ => None,
        })
    }
}

/// Keys and accounts are names: no control characters, and not endless.
const NAME_BYTES_MAX: usize = 512;

/// Never fails: what can't be read is a reading too.
pub(super) fn read_event(ruleset: &Arc<Ruleset>, event: &StoredEvent) -> Reading {
    if event.origin == ORIGIN_PROBE {
        return Reading::nothing(ChangeKind::Ignored, "a readiness check of Waypost itself");
    }
    let Some(source) = ruleset.sources.get(&event.source) else {
        return Reading::nothing(ChangeKind::Ignored, "source removed");
    };
    let Some(spec) = &source.connector.source else {
        return Reading::nothing(ChangeKind::Ignored, "the connector of this source reads no webhooks");
    };
    if is_document(&event.origin) {
        return read_document(source, spec, event);
    }
    let headers = KeptHeaders::read(&event.headers);
    let mut bytes = event.body.len();
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let (body, unpacked) = read_and_measure_payload(&event.body, &headers);
        bytes = unpacked;
        spec.read(body.map_err(Unreadable::Body)?, &headers)
    }));
    let messages = match read {
        Ok(Ok(messages)) => messages,
        Ok(Err(Unreadable::Body(note))) => return Reading::nothing(ChangeKind::Unreadable, &note).of(bytes),
        Ok(Err(Unreadable::Nothing(note))) => return Reading::nothing(ChangeKind::Ignored, &note).of(bytes),
        Err(_) => {
            return Reading::nothing(ChangeKind::Unreadable, "a mistake of Waypost came up while reading it");
        }
    };
    let items: Vec<ReadItem> = messages
        .into_iter()
        .enumerate()
        .flat_map(|(index, message)| items_of((source, headers.signed_account()), index, message))
        .collect();
    if items.is_empty() {
        let note = "the body tells of nothing that its connector keeps";
        return Reading::nothing(ChangeKind::Ignored, note).of(bytes);
    }
    Reading { items, bytes }
}

/// A record that a webhook would tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TellsOf {
    /// Its key.
    pub key: BookingKey,
    /// It would be believed as it is, and nothing but its arrival says which of two is newer.
    pub by_arrival: bool,
}

/// What a stored webhook would tell of under these rules. `Err`: nothing, and why.
pub fn tells(ruleset: &Arc<Ruleset>, event: &StoredEvent) -> Result<Vec<TellsOf>, String> {
    let reading = read_event(ruleset, event);
    let spec = ruleset.sources.get(&event.source).and_then(|source| source.connector.source.as_ref());
    let by_arrival =
        |kind: &str| spec.and_then(|spec| spec.record(kind)).is_none_or(RecordSpec::goes_by_arrival);
    let told: Vec<TellsOf> = reading
        .records()
        .map(|(key, told)| TellsOf {
            key: key.clone(),
            by_arrival: told.hint.is_none() && by_arrival(&told.kind),
        })
        .collect();
    if !told.is_empty() {
        return Ok(told);
    }
    let note = reading.items.into_iter().find_map(|item| match item.what {
        ReadWhat::WithoutEffect(_, note) | ReadWhat::Unfit(_, _, note) => Some(note),
        ReadWhat::Record(..) | ReadWhat::Document(..) => None,
    });
    Err(note.unwrap_or_else(|| "it tells of nothing".to_owned()))
}

/// What Waypost itself asked for: the record, and whose it is.
fn read_document(source: &Source, spec: &SourceSpec, event: &StoredEvent) -> Reading {
    let Some(head) = DocumentHead::read(&event.headers) else {
        return Reading::nothing(ChangeKind::Unreadable, "it does not say what it is about");
    };
    if head.key.connector != source.connector.name {
        return Reading::nothing(ChangeKind::Ignored, "the source has another connector now");
    }
    let Some(record) = spec.record(&head.key.kind) else {
        return Reading::nothing(
            ChangeKind::Ignored,
            "the connector does not know this kind of record any more",
        );
    };
    if head.gone {
        let told = Told {
            kind: head.key.kind.clone(),
            account: Some(head.key.account.clone()),
            key: head.key.key.clone(),
            entity: Value::Null,
            status: String::new(),
            happened_at: None,
            hint: Some(Hinted::Deleted),
        };
        let what = ReadWhat::Document(head, told);
        let items = vec![ReadItem { message: 0, seen: None, happened_at: None, what }];
        return Reading { items, bytes: event.body.len() };
    }
    let body = match read_payload(&event.body, &KeptHeaders::default()) {
        Ok(body) => body,
        Err(note) => return Reading::nothing(ChangeKind::Unreadable, &note),
    };
    let what = match record.fetched(body, &head.key.account) {
        Err(note) => ReadWhat::Unfit(head, ChangeKind::Unreadable, note),
        Ok(told) if told.key != head.key.key => {
            let note = format!("the answer is about {}, and {} was asked for", told.key, head.key.key);
            ReadWhat::Unfit(head, ChangeKind::Refused, note)
        }
        Ok(told) if told.account.as_ref().is_some_and(|account| *account != head.key.account) => {
            let note = "the answer is about another account than the one that was asked for";
            ReadWhat::Unfit(head, ChangeKind::Refused, note.to_owned())
        }
        Ok(told) => ReadWhat::Document(head, told),
    };
    let items = vec![ReadItem { message: 0, seen: None, happened_at: None, what }];
    Reading { items, bytes: event.body.len() }
}

/// `signed`: the account that the sender signed in for.
fn items_of((source, signed): (&Source, Option<&str>), index: usize, message: Message) -> Vec<ReadItem> {
    let Message { id, time, account, told, .. } = message;
    // What could not be read is read again when it comes again: somebody may have mended the manifest meanwhile.
    let seen = id.filter(|_| told.is_ok()).map(|id| EventKey {
        connector: source.connector.name.clone(),
        account: account
            .or_else(|| signed.or(source.account.as_deref()).map(str::to_owned))
            .unwrap_or_else(|| source.name.clone()),
        id,
    });
    let item = |what| ReadItem { message: index, seen: seen.clone(), happened_at: time, what };
    match told {
        Err(Unreadable::Body(note)) => vec![item(ReadWhat::WithoutEffect(ChangeKind::Unreadable, note))],
        Err(Unreadable::Nothing(note)) => vec![item(ReadWhat::WithoutEffect(ChangeKind::Ignored, note))],
        Ok(told) => told
            .into_iter()
            .map(|told| match identity((source, signed), &told) {
                Ok(key) => item(ReadWhat::Record(key, told)),
                Err(refused) => {
                    let what = ReadWhat::WithoutEffect(ChangeKind::Refused, refused);
                    ReadItem { seen: None, ..item(what) }
                }
            })
            .collect(),
    }
}

fn identity((source, signed): (&Source, Option<&str>), told: &Told) -> Result<BookingKey, String> {
    if let (Some(signed), Some(found)) = (signed, &told.account)
        && signed != found
    {
        return Err(format!(
            "the body is about the account \"{found}\", and its sender signed in for \"{signed}\""
        ));
    }
    let of_event = told.account.as_deref().or(signed);
    if let (Some(expected), Some(found)) = (source.account.as_deref(), of_event)
        && expected != found
    {
        return Err(format!(
            "the body is about the account \"{found}\", and this source is for \"{expected}\""
        ));
    }
    let account = of_event.or(source.account.as_deref()).unwrap_or(&source.name).to_owned();
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
