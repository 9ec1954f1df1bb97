//! Cards: what a booking is found, narrowed and counted by (`booking_cards`), with its search terms (`booking_terms`). A card
//! is written in the transaction that writes its booking; its runs are counted into it, and it into hours, by triggers.
//! Bookings from before there were cards get theirs later, in small transactions, newest first.
//!
//! Invariant: the terms of a booking in `booking_terms` are those of its card's `terms` column, and nowhere else. To erase a
//! booking's terms is to read that column, delete these rows, then the card.

use super::SqlStore;
use super::rows;
use super::session::{Came, Statement, Value, values};
use super::sql;
use crate::domain::{BookingId, ChangeRef, Millis, View, parse_datetime};
use crate::ports::{BookingWrite, CardFill, StoreError, UnfiledBooking};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

/// Where the filling of old bookings is: `position.ordinal` of the last one, or [`ALL`].
const FACT: &str = "cards.filled";
const ALL: &str = "all";

/// The kind of record that has a card.
pub(super) const BOOKING: &str = "booking";

/// Terms of bookings that have a card, as the column has them.
pub(super) type KnownTerms = HashMap<String, String>;

/// A card as it is to be.
pub(super) struct Card<'a> {
    booking: &'a BookingId,
    source: &'a str,
    status: &'a str,
    changed_at: Millis,
    tour_day: String,
    terms: &'a [String],
}

impl<'a> Card<'a> {
    /// The card of each booking as its last write says, in the order of their ids.
    pub(super) fn last_of(writes: impl Iterator<Item = &'a BookingWrite>) -> Vec<Self> {
        let mut last: BTreeMap<&str, &BookingWrite> = BTreeMap::new();
        for write in writes {
            last.insert(write.id.as_str(), write);
        }
        let card = |write: &'a BookingWrite| Self {
            booking: &write.id,
            source: &write.source,
            status: &write.status,
            changed_at: write.at,
            tour_day: tour_day(&write.view),
            terms: &write.terms,
        };
        last.into_values().map(card).collect()
    }
}

/// The day of a tour, where the tour is; empty where the source does not say.
fn tour_day(view: &View) -> String {
    let starts = view.trip.get("starts_at").and_then(serde_json::Value::as_str).and_then(parse_datetime);
    starts.map(|starts| starts.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// Asks for the terms of the bookings that are about to be written.
pub(super) fn ask<'a>(writes: impl Iterator<Item = &'a BookingWrite>) -> Vec<Statement> {
    let mut ids: Vec<&str> = writes.map(|write| write.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ask_for(&ids)
}

fn ask_for(ids: &[&str]) -> Vec<Statement> {
    let statement = |piece: sql::Padded<'_, &str>| {
        Statement::new(known_sql(piece.len()), piece.iter().map(|id| Value::from(**id)).collect())
    };
    sql::padded(ids).map(statement).collect()
}

pub(super) fn known_sql(count: usize) -> String {
    format!("SELECT booking, terms FROM booking_cards WHERE booking IN (VALUES {})", sql::rows(count, 1, 1))
}

/// What came of [`ask`].
pub(super) fn known(came: Vec<Came>) -> Result<KnownTerms, StoreError> {
    let rows = came.iter().flat_map(|came| &came.rows);
    rows.map(|row| Ok((row.text("booking")?, row.text("terms")?))).collect()
}

/// Takes terms away that bookings are no longer found by.
pub(super) fn forget_sql(count: usize) -> String {
    format!("DELETE FROM booking_terms WHERE (term, booking) IN (VALUES {})", sql::rows(count, 2, 1))
}

/// Counts the runs of bookings that were there before their card. `|| ''` keeps SQLite on the runs of the booking.
pub(super) fn count_runs_sql(count: usize) -> String {
    let of = |condition: &str| {
        format!("(SELECT COUNT(*) FROM runs AS r WHERE r.booking = booking_cards.booking AND {condition})")
    };
    format!(
        "UPDATE booking_cards
         SET    open  = {},
                stuck = {},
                sent  = {}
         WHERE  booking IN (VALUES {})",
        of("r.state || '' IN ('waiting', 'working', 'paused')"),
        of("r.state || '' IN ('failed', 'held')"),
        of("(r.state || '' = 'done' OR (r.state || '' = 'skipped' AND r.verdict_code = 'unchanged'))"),
        sql::rows(count, 1, 1)
    )
}

/// Writes cards and what changed of their terms.
pub(super) fn write(cards: &[Card<'_>], known: &KnownTerms, all_have_cards: bool) -> Vec<Statement> {
    let mut statements = Vec::new();
    for piece in sql::pieces(cards) {
        let text = format!(
            "INSERT INTO booking_cards (booking, source, status, changed_at, tour_day, terms)
             VALUES {}
             ON CONFLICT (booking) DO UPDATE
             SET source = excluded.source, status = excluded.status, changed_at = excluded.changed_at,
                 tour_day = excluded.tour_day, terms = excluded.terms",
            sql::rows(piece.len(), 6, 1)
        );
        let bound = piece.iter().flat_map(|card| {
            values![
                card.booking.as_str(),
                card.source,
                card.status,
                card.changed_at,
                &card.tour_day,
                spaced(card.terms),
            ]
        });
        statements.push(Statement::new(text, bound.collect()));
    }
    let new = || cards.iter().filter(|card| !known.contains_key(card.booking.as_str()));
    if !all_have_cards {
        let ids: Vec<&str> = new().map(|card| card.booking.as_str()).collect();
        statements.extend(sql::padded(&ids).map(|piece| {
            Statement::new(count_runs_sql(piece.len()), piece.iter().map(|id| Value::from(**id)).collect())
        }));
    }
    let mut added: Vec<(&str, &str)> = Vec::new();
    let mut gone: Vec<(&str, &str)> = Vec::new();
    for card in cards {
        let before: Vec<&str> = known
            .get(card.booking.as_str())
            .map(|terms| terms.split_whitespace().collect())
            .unwrap_or_default();
        let id = card.booking.as_str();
        let fresh = card.terms.iter().map(String::as_str).filter(|term| !before.contains(term));
        added.extend(fresh.map(|term| (term, id)));
        gone.extend(
            before.iter().filter(|term| !card.terms.iter().any(|own| own == *term)).map(|term| (*term, id)),
        );
    }
    // In their order in the table: neighbours are written together.
    added.sort_unstable();
    added.dedup();
    for piece in sql::pieces(&added) {
        let text = format!(
            "INSERT INTO booking_terms (term, booking) VALUES {} ON CONFLICT (term, booking) DO NOTHING",
            sql::rows(piece.len(), 2, 1)
        );
        let bound = piece.iter().flat_map(|(term, id)| values![*term, *id]);
        statements.push(Statement::new(text, bound.collect()));
    }
    for piece in sql::padded(&gone) {
        let bound = piece.iter().flat_map(|(term, id)| values![*term, *id]);
        statements.push(Statement::new(forget_sql(piece.len()), bound.collect()));
    }
    statements
}

/// ` one two `: each term has a space on either side.
pub(super) fn spaced(terms: &[String]) -> String {
    if terms.is_empty() { String::new() } else { format!(" {} ", terms.join(" ")) }
}

pub(super) const UNFILED: &str = "
SELECT b.id, b.connector, b.account, b.kind, b.key, b.source, b.status, b.position, b.ordinal, b.person, b.trip,
       b.created_at, b.updated_at, c.body
FROM   bookings AS b
LEFT JOIN changes AS c ON c.position = b.position AND c.ordinal = b.ordinal
WHERE  (b.position, b.ordinal) < ($1, $2)
ORDER BY b.position DESC, b.ordinal DESC
LIMIT  CAST($3 AS BIGINT)";

impl SqlStore {
    /// The next bookings that may have no card.
    pub(super) async fn without_card(&self, limit: i64) -> Result<Vec<UnfiledBooking>, StoreError> {
        let done = self.find_fact(FACT).await?;
        if done.as_deref() == Some(ALL) {
            self.all_have_cards.store(true, Ordering::Relaxed);
            return Ok(Vec::new());
        }
        // What can't be read back is begun anew: cards that are there are left alone.
        let below = done.as_deref().and_then(|text| {
            let (position, ordinal) = text.split_once('.')?;
            Some((position.parse().ok()?, ordinal.parse().ok()?))
        });
        let (position, ordinal): (i64, i64) = below.unwrap_or((i64::MAX, i64::MAX));
        let mut session = self.read("give bookings without a card").await?;
        let rows = session.rows(UNFILED, values![position, ordinal, limit]).await?;
        rows.iter()
            .map(|row| {
                Ok(UnfiledBooking {
                    booking: rows::booking_view(row)?,
                    change: ChangeRef { position: row.int("position")?, ordinal: row.int("ordinal")? },
                    body: row.text_or_null("body")?.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Makes cards where there are none. What was applied meanwhile has one already.
    pub(super) async fn fill_cards(&self, fills: &[CardFill]) -> Result<(), StoreError> {
        let mut session = self.write("make cards of bookings").await?;
        let ids: Vec<&str> = fills.iter().map(|fill| fill.booking.id.as_str()).collect();
        let have = known(session.all(ask_for(&ids)).await?)?;
        let cards: Vec<Card<'_>> = fills
            .iter()
            .filter(|fill| fill.booking.key.kind == BOOKING && !have.contains_key(fill.booking.id.as_str()))
            .map(|fill| Card {
                booking: &fill.booking.id,
                source: &fill.booking.source,
                status: &fill.booking.status,
                changed_at: fill.booking.updated_at,
                tour_day: tour_day(&fill.booking.view),
                terms: &fill.terms,
            })
            .collect();
        let mut statements = write(&cards, &have, false);
        let last =
            fills.iter().map(|fill| fill.change).min_by_key(|change| (change.position, change.ordinal));
        let reached = last.map_or(ALL.to_owned(), |last| format!("{}.{}", last.position, last.ordinal));
        statements.push(Statement::new(
            "INSERT INTO facts (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            values![FACT, reached],
        ));
        session.all(statements).await?;
        session.commit().await?;
        if fills.is_empty() {
            self.all_have_cards.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}
