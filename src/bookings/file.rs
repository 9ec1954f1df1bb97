//! Cards for bookings that were there before cards were: a bounded piece at a time, the newest first, by the same connector
//! that makes those of new ones. Called by the runner for as long as it finds some; what it does, the store remembers.

use super::Applier;
use crate::domain::search_terms;
use crate::ports::{CardFill, StoreError, UnfiledBooking};
use crate::rules::Ruleset;
use serde_json::Value;

/// Bookings of one transaction, which deliveries wait for.
const PIECE: i64 = 100;

impl Applier {
    /// Makes the cards of the next bookings. `false`: all have one.
    pub async fn file_step(&self, ruleset: &Ruleset) -> Result<bool, StoreError> {
        let unfiled = self.store.unfiled_bookings(PIECE).await?;
        let cards: Vec<CardFill> = unfiled.into_iter().map(|one| card(ruleset, one)).collect();
        self.store.file_bookings(&cards).await?;
        Ok(!cards.is_empty())
    }
}

/// A booking whose connector is gone, or whose JSON can't be read, is found by the common view.
fn card(ruleset: &Ruleset, unfiled: UnfiledBooking) -> CardFill {
    let UnfiledBooking { booking, change, body } = unfiled;
    let source = ruleset.sources.values().find(|source| source.connector.name == booking.key.connector);
    let spec = source
        .and_then(|source| source.connector.source.as_ref())
        .and_then(|spec| spec.record(&booking.key.kind));
    let terms = match (spec, serde_json::from_str::<Value>(&body)) {
        (Some(spec), Ok(entity)) => spec.terms(&booking.view, &entity),
        _ => search_terms(&booking.view, &[]),
    };
    CardFill { booking, change, terms }
}
