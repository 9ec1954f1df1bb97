//! What waits to be fetched from booking systems, for people: how much, since when, what is in the way; and "fetch it again".

use super::{App, AskError};
use crate::connectors::{ApiStanding, Source, Verify};
use crate::domain::{BookingId, BookingKey, KNOWS_NO_SUCH, Millis, fetch_id};
use crate::ports::{FetchCount, FetchPolicy, FetchRow, HeardAsked, NewFetch, StoreError};
use std::collections::BTreeMap;

/// Fetches of a source that are looked at for what is in the way.
const LOOK_AT: i64 = 50;

/// So many hints in a row at what the API does not know, within this time, are no chance.
const UNKNOWN_MIN: i64 = 5;
const UNKNOWN_MS: Millis = 3_600_000;

/// How a source's fetches stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetching {
    /// Bookings that wait to be fetched.
    pub waiting: i64,
    /// When the oldest of them was heard of.
    pub oldest_at: Option<Millis>,
    /// Bookings that are gone by what a webhook said, without being verified.
    pub unverified: i64,
    /// What is in the way, as a sentence.
    pub trouble: Option<String>,
    /// When the last one was fetched.
    pub last_at: Option<Millis>,
    /// When the booking system last checked the address.
    pub checked_at: Option<Millis>,
}

/// Bookings of a source that wait to be fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchWait {
    /// How many.
    pub waiting: i64,
    /// When the oldest of them was heard of.
    pub oldest_at: Option<Millis>,
    /// What is in the way, as a sentence.
    pub trouble: Option<String>,
}

impl App {
    /// How the fetches of a source stand; `None` where none are ever made and the system checks nothing.
    pub async fn fetching(&self, source: &Source) -> Result<Option<Fetching>, StoreError> {
        let fetches = self.store.fetches();
        let checks = source.connector.source.as_ref().is_some_and(|spec| spec.envelope.checks());
        let counts = fetches.count_fetches().await?;
        let count = counts.into_iter().find(|count| count.source == source.name);
        if !fetches_ever(source) && !checks && count.is_none() {
            return Ok(None);
        }
        let rows = fetches.fetches_of_source(&source.name, LOOK_AT).await?;
        let asked = HeardAsked {
            source: &source.name,
            check: "checked this address",
            unknown: KNOWS_NO_SUCH,
            since: self.clock.now() - UNKNOWN_MS,
        };
        let last = fetches.last_of_source(asked).await?;
        Ok(Some(Fetching {
            trouble: self
                .trouble_of(source, &rows)
                .or_else(|| forbidden(source, forbidden_of(count.as_ref())))
                .or_else(|| knows_none(source, last.unknown)),
            last_at: last.fetched_at,
            checked_at: last.checked_at,
            ..standing(count)
        }))
    }

    /// How many bookings wait to be fetched by each source where some do, since when, and what is in the way.
    pub async fn fetch_waits(&self) -> Result<BTreeMap<String, FetchWait>, StoreError> {
        let Some(active) = self.active() else { return Ok(BTreeMap::new()) };
        let mut waits = BTreeMap::new();
        for count in self.store.fetches().count_fetches().await? {
            let Some(source) = active.sources.get(&count.source).filter(|_| count.waiting > 0) else {
                continue;
            };
            let trouble = self.fetching(source).await?.and_then(|fetching| fetching.trouble);
            let wait = FetchWait { waiting: count.waiting, oldest_at: count.oldest_at, trouble };
            waits.insert(count.source, wait);
        }
        Ok(waits)
    }

    /// What is in the way of a source's fetches, as a sentence.
    fn trouble_of(&self, source: &Source, rows: &[FetchRow]) -> Option<String> {
        let title = &source.connector.title;
        let Some(reach) = &source.reach else {
            if !is_thin(source) {
                return (!rows.is_empty()).then(|| {
                    format!(
                        "What came waits to be fetched from {title}, and this source has no keys for that any more. Add them \
                         to its file below `api:`."
                    )
                });
            }
            return Some(format!(
                "{title} only says that something changed, and this source has no keys to ask what. Add them to its file below \
                 `api:`."
            ));
        };
        let told = rows.iter().find_map(|row| Some((row.trouble.as_deref()?, row.told.as_deref()?)));
        let ApiStanding { needs_auth, rests_until, down_since } = self.api_client().standing(reach);
        if let Some(why) = needs_auth {
            return Some(refused(title, &why));
        }
        Some(match told? {
            ("needs_auth", why) => refused(title, why),
            ("account", why) => format!("{title} is not asked: {why}."),
            ("rests", why) if rests_until.is_some() => format!("{title} asks us to wait a little: {why}."),
            ("down", why) if down_since.is_some() => {
                format!("{title} does not answer: {why}. What waits is fetched by itself when it does.")
            }
            ("refused", why) => {
                format!("{title} answers what can't be read: {why}. It is tried again by itself.")
            }
            _ => return None,
        })
    }

    /// Sources whose booking system does not take their keys: name and sentence.
    pub async fn refused_sources(&self) -> Result<Vec<(String, String)>, StoreError> {
        let Some(active) = self.active() else { return Ok(Vec::new()) };
        let mut refused = Vec::new();
        for count in self.store.fetches().count_fetches().await? {
            let Some(source) = active.sources.get(&count.source) else { continue };
            let rows = self.store.fetches().fetches_of_source(&source.name, LOOK_AT).await?;
            let needs_person =
                |row: &FetchRow| matches!(row.trouble.as_deref(), Some("needs_auth" | "account"));
            let told = self.trouble_of(source, &rows).filter(|_| rows.iter().any(needs_person));
            let told = told.or_else(|| forbidden(source, count.forbidden));
            refused.extend(told.map(|told| (source.name.clone(), told)));
        }
        Ok(refused)
    }

    /// A person wants a booking fetched now.
    pub async fn fetch_booking(&self, id: &BookingId, by: &str) -> Result<FetchRow, AskError> {
        let unknown = || AskError::Unknown { what: "booking", id: id.to_string() };
        let (booking, _) = self.store.booking(id).await?.ok_or_else(unknown)?;
        let source = self.fetches_by(&booking.key, &booking.source).ok_or_else(|| {
            AskError::NotNow(
                "this can't be fetched: its source has no keys for the booking system's API, or that does not give it"
                    .to_owned(),
            )
        })?;
        let now = self.clock.now();
        let fetch = NewFetch {
            id: fetch_id(&booking.key, 0),
            key: booking.key,
            way: 0,
            source,
            policy: FetchPolicy::Hint,
            due_at: now,
            at: now,
        };
        let row = self.store.fetches().ask_fetch(&fetch, by).await?;
        self.hints.fetch.notify_one();
        Ok(row)
    }

    /// By which source a record can be fetched: that which told of it, where it has keys and its connector says how.
    pub fn fetches_by(&self, key: &BookingKey, source: &str) -> Option<String> {
        let active = self.active()?;
        let can = |source: &Source| {
            source.connector.name == key.connector
                && source.reach.is_some()
                && source
                    .connector
                    .source
                    .as_ref()
                    .and_then(|spec| spec.record(&key.kind))
                    .is_some_and(|record| record.fetch.is_some())
        };
        active.sources.get(source).filter(|source| can(source)).map(|source| source.name.clone())
    }
}

/// The API knows nothing of what webhooks told: they may be made up, and it may be the wrong place that is asked.
fn knows_none(source: &Source, unknown: i64) -> Option<String> {
    let title = &source.connector.title;
    let account = match &source.account {
        Some(account) => format!("the account “{account}”"),
        None => String::from("the account"),
    };
    (unknown >= UNKNOWN_MIN && source.reach.is_some()).then(|| {
        format!(
            "{title} knew nothing of what the last {unknown} webhooks told of, so they changed nothing. Either somebody sends \
             made-up ones, or {title} is asked at the wrong place: compare {account}, the keys and a base_url below `api:` in \
             this source's file with what is there."
        )
    })
}

fn forbidden_of(count: Option<&FetchCount>) -> i64 {
    count.map_or(0, |count| count.forbidden)
}

/// What was turned away for so long that it is not asked for any more.
fn forbidden(source: &Source, many: i64) -> Option<String> {
    let title = &source.connector.title;
    let what = match many {
        0 => return None,
        1 => "one booking that a webhook told of".to_owned(),
        many => format!("{many} bookings that webhooks told of"),
    };
    Some(format!(
        "{title} did not let us read {what} for a day, so nothing was changed. Look in {title} what the keys of this source may \
         do. It is asked again when they are changed or taken again, and where somebody fetches a booking again on its page."
    ))
}

fn refused(title: &str, why: &str) -> String {
    format!(
        "{title} does not let us read bookings: {}. Look at the keys of this source.",
        why.trim_end_matches('.')
    )
}

/// Whether webhooks of the source lead to fetches.
fn fetches_ever(source: &Source) -> bool {
    source.verify != Verify::Never || source.reach.is_some() || is_thin(source)
}

/// Whether its webhooks only say that something changed.
fn is_thin(source: &Source) -> bool {
    let spec = source.connector.source.as_ref();
    spec.is_some_and(|spec| spec.records.iter().any(|record| !record.hints.is_empty()))
}

fn standing(count: Option<FetchCount>) -> Fetching {
    count.map_or_else(Fetching::default, |count| Fetching {
        waiting: count.waiting,
        oldest_at: count.oldest_at,
        unverified: count.unverified,
        ..Fetching::default()
    })
}
