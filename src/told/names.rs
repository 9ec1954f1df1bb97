//! Bookings and events by the names that outsiders know, each looked up once. Asked by whoever tells many runs.

use crate::app::App;
use crate::domain::{BookingId, Position};
use crate::ports::{ListFilter, RunRow, StoreError};
use std::collections::HashMap;

/// Bookings and events by the names that outsiders know.
pub struct Names<'a> {
    app: &'a App,
    bookings: HashMap<BookingId, String>,
    events: HashMap<Position, Option<String>>,
}

impl<'a> Names<'a> {
    /// None looked up yet.
    pub fn new(app: &'a App) -> Self {
        Self { app, bookings: HashMap::new(), events: HashMap::new() }
    }

    /// A booking's key at the source.
    pub async fn booking(&mut self, id: &BookingId) -> Result<String, StoreError> {
        if let Some(known) = self.bookings.get(id) {
            return Ok(known.clone());
        }
        let filter = ListFilter { booking: Some(id.to_string()), limit: 2, ..ListFilter::default() };
        let found = self.app.store.list_bookings(&filter).await?;
        let key =
            found.into_iter().find(|view| view.id == *id).map_or_else(|| id.to_string(), |view| view.key.key);
        self.bookings.insert(id.clone(), key.clone());
        Ok(key)
    }

    /// The id of the event at a position.
    pub async fn event(&mut self, position: Position) -> Result<Option<String>, StoreError> {
        if let Some(known) = self.events.get(&position) {
            return Ok(known.clone());
        }
        let filter = ListFilter { before: Some(position + 1), limit: 1, ..ListFilter::default() };
        let found = self.app.store.list_events(&filter).await?;
        let id = found.into_iter().find(|event| event.position == position).map(|event| event.id.to_string());
        self.events.insert(position, id.clone());
        Ok(id)
    }

    /// A run with these names.
    pub async fn run(&mut self, run: &RunRow) -> Result<super::Run, StoreError> {
        let booking = self.booking(&run.booking).await?;
        let event = self.event(run.change.position).await?;
        Ok(super::Run::of(run, &booking, event.as_deref()))
    }
}
