//! What must be known where FareHarbor's webhooks are believed, and its API is there all the same: for walks, and for what
//! looks like a late copy. Said from the journal, in its order: a webhook tells what it tells, unless its booking system was
//! asked about it; a document tells how the booking was when it was asked for, unless something came in for that booking
//! since. Then it must be asked for once more.

use super::fareharbor::{Shape, uuid};
use super::known::Knowledge;
use super::mail::Arrival;
use super::reconcile::{document, essence};
use super::truth::{Booking, History, Status, Vendor};
use crate::sim::Sim;
use serde_json::Value;
use std::collections::BTreeMap;
use waypost::domain::{ChangeKind, DocumentHead, ORIGIN_WEBHOOK, Position, is_document};
use waypost::ports::{ChangeView, EventView, ListFilter, StoreError};

/// What a document of FareHarbor's API leaves out.
const BY_API: Shape = Shape { optimized: false, payments: false };
/// What is said of a document that began too early.
const TOO_LATE: &str = "something newer came in";

/// An event of the journal.
struct Entry {
    view: EventView,
    /// What it tells.
    told: Arrival,
    /// Since when a document may be too old.
    begun: Option<Position>,
}

impl Entry {
    /// The booking system was asked instead, which is noted when it has answered.
    fn is_asked_about(&self) -> bool {
        let asked = [ChangeKind::Fetching, ChangeKind::Coalesced, ChangeKind::Refused];
        self.view.changes.iter().any(|change| asked.contains(&change.kind))
    }

    fn came_too_late(&self) -> bool {
        let says = |note: &Option<String>| note.as_ref().is_some_and(|text| text.starts_with(TOO_LATE));
        let stale = |change: &ChangeView| change.kind == ChangeKind::Stale && says(&change.note);
        self.begun.is_some() && (self.is_asked_about() || self.view.changes.iter().any(stale))
    }
}

/// From the journal as it is.
pub async fn knowledge(
    sim: &mut Sim,
    history: &History,
    arrivals: &[Arrival],
) -> Result<Knowledge, StoreError> {
    let entries = entries(sim, history, arrivals).await?;
    let mut knowledge = Knowledge::default();
    // As of when each booking was told last.
    let mut as_of: BTreeMap<u32, Position> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let number = entry.told.booking.number;
        let place = entry.view.position;
        if entry.came_too_late() {
            let later = entries[index + 1..].iter();
            let again =
                later.filter(|later| later.begun.is_some() && later.told.booking.number == number).count();
            if again == 0 {
                sim.wrong.push(format!("the document at {place} came too late, and no other came"));
            }
            continue;
        }
        let known = knowledge.bookings.get(&number);
        if entry.is_asked_about() {
            continue;
        }
        let status = known.map(|known| known.booking.status);
        if entry.begun.is_none()
            && (status, entry.told.booking.status) == (Some(Status::Cancelled), Status::Booked)
        {
            sim.wrong.push(format!("nobody was asked about the late copy at {place}"));
        }
        let same = known.is_some_and(|known| content(&known.booking) == content(&entry.told.booking));
        if let (Some(begun), Some(since)) = (entry.begun, as_of.get(&number))
            && begun < *since
            && !same
        {
            sim.wrong
                .push(format!("the document at {place} of {begun} is believed over what came at {since}"));
        }
        knowledge.hears(&entry.told);
        let of = entry.begun.unwrap_or(place);
        let since = as_of.entry(number).or_default();
        *since = of.max(*since);
    }
    Ok(knowledge)
}

fn content(booking: &Booking) -> Value {
    essence(document(Vendor::FareHarbor, booking))
}

async fn entries(sim: &mut Sim, history: &History, arrivals: &[Arrival]) -> Result<Vec<Entry>, StoreError> {
    let store = sim.store();
    let views = store.list_events(&ListFilter { limit: 1_000, ..ListFilter::default() }).await?;
    let mut entries = Vec::new();
    for view in views.into_iter().rev() {
        let Some((_, stored)) = store.event(&view.id).await? else { continue };
        if view.origin == ORIGIN_WEBHOOK {
            let told = arrivals.iter().find(|arrival| arrival.body[..] == stored.body[..]).cloned();
            match told {
                Some(told) => entries.push(Entry { view, told, begun: None }),
                None => sim.wrong.push(format!("nobody posted the event {}", view.id)),
            }
        } else if is_document(&view.origin) {
            let begun = DocumentHead::read(&stored.headers).map(|head| head.begun);
            let body: Value = serde_json::from_slice(&stored.body).unwrap_or_default();
            match of_document(history, &body) {
                Some(told) => entries.push(Entry { view, told, begun }),
                None => sim.wrong.push(format!("the document {} was never true", view.id)),
            }
        }
    }
    Ok(entries)
}

/// The state that a document tells of.
fn of_document(history: &History, body: &Value) -> Option<Arrival> {
    let told = essence(body.clone());
    let number = history.truth().into_keys().find(|number| body["uuid"] == uuid(*number).as_str())?;
    let fitting = |(_, state): &(i64, &Booking)| content(state) == told;
    let (at, booking) = history.states(number).filter(fitting).last()?;
    let booking = booking.clone();
    Some(Arrival { at, sent: at, booking, shape: BY_API, word: "", body: Vec::new() })
}
