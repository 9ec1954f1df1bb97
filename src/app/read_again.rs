//! A webhook that became nothing is read again under the rules as they are now: somebody mended the file that could not make
//! anything of it. What came stays as it is; a copy of it goes into the journal and on its way like any other, so that order,
//! rules and promises hold for it. Called by replay.
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

impl App {
    /// Reads a webhook again, where it became nothing.
    pub(super) async fn read_again(
        &self,
        ruleset: &Arc<Ruleset>,
        (view, stored): (&EventView, &StoredEvent),
    ) -> Result<ReadAgain, AskError> {
        let nothing = |kind: ChangeKind| {
            matches!(kind, ChangeKind::Ignored | ChangeKind::Unreadable | ChangeKind::Refused)
        };
        if view.changes.is_empty()
            || !view.changes.iter().all(|change| nothing(change.kind))
            || is_document(&view.origin)
            || view.origin == ORIGIN_PROBE
        {
            return Ok(ReadAgain::No);
        }
        if let Some(removed) = self.store.keeping().removed_body(stored.position).await? {
            return Ok(ReadAgain::Why(removed.why));
        }
        let told = match tells(ruleset, stored) {
            Ok(told) => told,
            Err(why) => return Ok(ReadAgain::Why(why)),
        };
        let by_arrival: Vec<_> = told.into_iter().filter(|one| one.by_arrival).map(|one| one.key).collect();
        let present = self.store.bookings_by_key(&by_arrival).await?;
        if let Some(newer) =
            present.iter().find(|booking| booking.as_of.max(booking.change.position) > stored.position)
        {
            return Ok(ReadAgain::Why(format!(
                "something newer is known of {} by now, and this source tells of no versions",
                newer.key.key
            )));
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
        self.hints.apply.notify_one();
        Ok(ReadAgain::As(id))
    }
}
