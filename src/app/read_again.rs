//! A webhook that became nothing is read again under the rules as they are now: somebody mended the file that could not make
//! anything of it. What came stays as it is; a copy of it goes into the journal and on its way like any other, so that order,
//! rules and promises hold for it. Called by replay and by the event's page.
//!
//! Promise: what is newer is never overwritten by what came before it.

use super::{App, AskError};
use crate::bookings::tells;
use crate::domain::{ChangeKind, EventId, ORIGIN_AGAIN, ORIGIN_PROBE, READ_AGAIN_OF, is_document};
use crate::ports::{EventView, NewEvent, StoredEvent};
use crate::rules::Ruleset;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadAgain {
    /// It was read when it came, or is none that a booking system sent.
    No,
    /// The copy's id.
    As(EventId),
    /// Why it would become nothing again.
    Why(String),
}

/// Whether it would become something if it were read again now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    /// It was read when it came, or is none that a booking system sent.
    Not,
    /// It would.
    Again,
    /// Why it would become nothing again.
    Why(String),
}

impl App {
    /// Reads a webhook again, where it became nothing.
    pub(super) async fn read_again(
        &self,
        ruleset: &Arc<Ruleset>,
        (view, stored): (&EventView, &StoredEvent),
    ) -> Result<ReadAgain, AskError> {
        match self.readable(ruleset, (view, stored)).await? {
            Readable::Not => return Ok(ReadAgain::No),
            Readable::Why(why) => return Ok(ReadAgain::Why(why)),
            Readable::Again => {}
        }
        let now = self.clock.now();
        let mut headers: Map<String, Value> = serde_json::from_str(&stored.headers).unwrap_or_default();
        headers.insert(READ_AGAIN_OF.to_owned(), Value::from(view.id.as_str()));
        let id = self.entropy.event_id(now);
        let event = NewEvent {
            id: id.clone(),
            source: view.source.clone(),
            received_at: now,
            origin: ORIGIN_AGAIN,
            headers: Value::Object(headers).to_string(),
            body: Bytes::from(stored.body.clone()),
        };
        self.store.append_events(&[event]).await?;
        // Where the process ends between the two, it is told of as before, and nothing else is amiss.
        self.store.pulse().note_read_again(stored.position, &id, now).await?;
        self.hints.apply.notify_one();
        Ok(ReadAgain::As(id))
    }

    /// Reads a webhook again, where it became nothing and would become something now: the id that it has then.
    pub async fn read_event_again(&self, event: &EventId) -> Result<Option<EventId>, AskError> {
        let unknown = || AskError::Unknown { what: "event", id: event.to_string() };
        let (view, stored) = self.store.event(event).await?.ok_or_else(unknown)?;
        let Some(ruleset) = self.active() else { return Ok(None) };
        Ok(match self.read_again(&ruleset, (&view, &stored)).await? {
            ReadAgain::As(id) => Some(id),
            ReadAgain::No | ReadAgain::Why(_) => None,
        })
    }

    /// What would become of it under the present rules, and as which event it was read again already.
    pub async fn event_readable(
        &self,
        (view, stored): (&EventView, &StoredEvent),
    ) -> Result<(Readable, Option<EventId>), AskError> {
        let already = self.store.pulse().read_again_as(stored.position).await?;
        Ok(match self.active() {
            Some(ruleset) if already.is_none() => (self.readable(&ruleset, (view, stored)).await?, None),
            _ => (Readable::Not, already),
        })
    }

    async fn readable(
        &self,
        ruleset: &Arc<Ruleset>,
        (view, stored): (&EventView, &StoredEvent),
    ) -> Result<Readable, AskError> {
        let nothing = |kind: ChangeKind| {
            matches!(kind, ChangeKind::Ignored | ChangeKind::Unreadable | ChangeKind::Refused)
        };
        if view.changes.is_empty()
            || !view.changes.iter().all(|change| nothing(change.kind))
            || is_document(&view.origin)
            || view.origin == ORIGIN_PROBE
        {
            return Ok(Readable::Not);
        }
        if let Some(removed) = self.store.keeping().removed_body(stored.position).await? {
            return Ok(Readable::Why(removed.why));
        }
        let told = match tells(ruleset, stored) {
            Ok(told) => told,
            Err(why) => return Ok(Readable::Why(why)),
        };
        let by_arrival: Vec<_> = told.into_iter().filter(|one| one.by_arrival).map(|one| one.key).collect();
        let present = self.store.bookings_by_key(&by_arrival).await?;
        let newer =
            present.iter().find(|booking| booking.as_of.max(booking.change.position) > stored.position);
        Ok(match newer {
            Some(newer) => Readable::Why(format!(
                "something newer is known of {} by now, and this source tells of no versions",
                newer.key.key
            )),
            None => Readable::Again,
        })
    }
}
