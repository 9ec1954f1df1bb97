//! What is known of one guest as one JSON document: bookings as they are and were, webhooks as they came, runs with what was
//! sent and answered, and records of CRMs. For whoever asks what is kept about them.

use super::guest::{ROWS_MAX, logged};
use super::{App, Guest, GuestBooking, GuestError, Who};
use crate::connectors::{KeptHeaders, payload_text};
use crate::domain::Millis;
use crate::ports::{ListFilter, StoreError, StoredEvent};
use jiff::Timestamp;
use serde_json::{Value, json};

impl App {
    /// All that is known of a guest. Written to the audit log without saying whom it is about.
    pub async fn export_guest(&self, who: &Who, asked: &str) -> Result<Value, GuestError> {
        let guest = self.guest(asked).await?;
        let mut bookings = Vec::new();
        for booking in &guest.bookings {
            bookings.push(self.exported(booking).await?);
        }
        self.audit(who, "guest.exported", &logged(&guest), "").await;
        let Guest { more, .. } = guest;
        Ok(json!({
            "exported_at": time(self.clock.now()),
            "bookings": bookings,
            "there_are_more": more,
        }))
    }

    async fn exported(&self, booking: &GuestBooking) -> Result<Value, StoreError> {
        let view = &booking.view;
        let changes = self.store.changes_of_booking(&view.id, ROWS_MAX).await?;
        let (mut history, mut webhooks) = (Vec::new(), Vec::new());
        let mut told = None;
        for change in &changes {
            let version = self.store.change(change.reference).await?.and_then(|(_, _, after)| after);
            history.push(json!({
                "at": time(change.at),
                "what": change.kind.as_str(),
                "note": change.note,
                "changed": change.paths,
                "booking": version.as_deref().map(parsed),
            }));
            // Changes of one webhook stand beside each other.
            if told.as_ref() == Some(&change.event) {
                continue;
            }
            told = Some(change.event.clone());
            if let Some((event, stored)) = self.store.event(&change.event).await? {
                let gone = self.store.keeping().removed_body(stored.position).await?;
                webhooks.push(json!({
                    "id": event.id.as_str(),
                    "received_at": time(event.received_at),
                    "source": event.source,
                    "headers": parsed(&stored.headers),
                    "body": gone.filter(|gone| !gone.partly).map_or_else(
                        || parsed(&body_text(&stored)),
                        |gone| json!({ "removed": gone.why }),
                    ),
                }));
            }
        }
        let filter =
            ListFilter { booking: Some(view.id.to_string()), limit: ROWS_MAX, ..ListFilter::default() };
        let mut runs = Vec::new();
        for run in self.store.list_runs(&filter).await? {
            let mut calls = Vec::new();
            for attempt in self.store.attempts(&run.id).await? {
                calls.push(json!({
                    "at": time(attempt.started_at),
                    "step": attempt.step,
                    "outcome": attempt.outcome,
                    "message": attempt.message,
                    "request": parsed(&attempt.request),
                    "answer": attempt.answer.as_deref().map(parsed),
                }));
            }
            runs.push(json!({
                "id": run.id.as_str(),
                "rule": run.rule,
                "item": run.item,
                "state": run.state.as_str(),
                "why": run.verdict.map(|verdict| verdict.text),
                "planned_at": time(run.created_at),
                "steps": run.steps,
                "calls": calls,
            }));
        }
        let records: Vec<Value> = booking
            .links
            .iter()
            .map(|link| {
                json!({
                    "connection": link.key.record.connection,
                    "object": link.key.record.object,
                    "named_by": parsed(&link.key.record.key),
                    "id_there": link.remote_id,
                })
            })
            .collect();
        Ok(json!({
            "id": view.id.as_str(),
            "system": view.key.connector,
            "account": view.key.account,
            "key": view.key.key,
            "status": view.status,
            "first_seen_at": time(view.created_at),
            "person": view.view.person,
            "trip": view.view.trip,
            "as_it_is": parsed(&booking.document),
            "history": history,
            "webhooks": webhooks,
            "runs": runs,
            "records": records,
        }))
    }
}

fn time(at: Millis) -> Option<String> {
    Timestamp::from_millisecond(at).ok().map(|at| format!("{at:.3}"))
}

/// A webhook's body as it reads: unpacked where it came packed.
fn body_text(stored: &StoredEvent) -> String {
    payload_text(&stored.body, &KeptHeaders::read(&stored.headers))
        .unwrap_or_else(|| String::from_utf8_lossy(&stored.body).into_owned())
}

/// JSON as it is, anything else as a text.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
