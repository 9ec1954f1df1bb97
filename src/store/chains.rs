//! Rebookings: steps by keys, written inside the transaction that applies the events which tell of them, and the end of
//! runs whose record a newer booking takes over.

use super::SqlStore;
use super::rows;
use super::session::{Statement, Value, values};
use super::sql;
use crate::domain::{BookingId, BookingKey, CHAIN_MAX, Position, Rebooking};
use crate::ports::{ChainMember, ChainStore, StoreError, TakenOver};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

/// Steps that lead from or to these bookings.
pub(super) fn steps_sql(count: usize) -> String {
    let rows = sql::rows(count, 4, 1);
    format!(
        "WITH wanted (connector, account, kind, key) AS (VALUES {rows})
         SELECT s.connector, s.account, s.kind, s.old_key, s.new_key, s.told_by_old
         FROM   wanted AS w
         JOIN   rebookings AS s ON s.connector = w.connector AND s.account = w.account AND s.kind = w.kind
                               AND s.old_key = w.key
         UNION
         SELECT s.connector, s.account, s.kind, s.old_key, s.new_key, s.told_by_old
         FROM   wanted AS w
         JOIN   rebookings AS s ON s.connector = w.connector AND s.account = w.account AND s.kind = w.kind
                               AND s.new_key = w.key"
    )
}

pub(super) fn members_sql(count: usize) -> String {
    format!(
        "WITH wanted (connector, account, kind, key) AS (VALUES {})
         SELECT b.id, b.connector, b.account, b.kind, b.key, b.status
         FROM   wanted AS w
         JOIN   bookings AS b ON b.connector = w.connector AND b.account = w.account
                             AND b.kind = w.kind AND b.key = w.key",
        sql::rows(count, 4, 1)
    )
}

pub(super) const VERSION_AT: &str = "
SELECT c.body
FROM   changes AS c
WHERE  c.booking = $1 AND c.position <= $2 AND c.body IS NOT NULL
ORDER BY c.position DESC, c.ordinal DESC
LIMIT  1";

/// Ends runs of a booking and a rule that have no call in flight and none whose outcome is open; those that look whether its
/// record is to be ended stay. `|| ''` keeps SQLite on the runs of the booking.
pub(super) const TAKE_OVER: &str = "
UPDATE runs
SET    state = 'superseded', verdict_code = 'superseded', verdict_text = $3, next_at = NULL, kept_at = NULL,
       revision = revision + 1, updated_at = $4
WHERE  booking = $1 AND rule || '' = $2 AND state || '' IN ('waiting', 'paused') AND uncertain = 0
AND    as_it_was = 0 AND planned_by <> 'rebooking'
RETURNING lane, updated_at AS at";

#[async_trait]
impl ChainStore for SqlStore {
    async fn rebookings(&self, keys: &[BookingKey]) -> Result<Vec<Rebooking>, StoreError> {
        let mut steps: BTreeMap<(BookingKey, BookingKey), bool> = BTreeMap::new();
        let mut seen: BTreeSet<BookingKey> = keys.iter().cloned().collect();
        let mut next: Vec<BookingKey> = seen.iter().cloned().collect();
        let mut session = self.read("give the rebookings").await?;
        // Each round goes one step further, either way.
        for _ in 0..CHAIN_MAX {
            if next.is_empty() {
                break;
            }
            let mut found = Vec::new();
            for piece in sql::padded(&next) {
                let bound =
                    piece.iter().flat_map(|key| values![&key.connector, &key.account, &key.kind, &key.key]);
                for row in session.rows(steps_sql(piece.len()), bound.collect()).await? {
                    let of = |key: String| -> Result<BookingKey, StoreError> {
                        Ok(BookingKey {
                            connector: row.text("connector")?,
                            account: row.text("account")?,
                            kind: row.text("kind")?,
                            key,
                        })
                    };
                    let (old, new) = (of(row.text("old_key")?)?, of(row.text("new_key")?)?);
                    found.extend([old.clone(), new.clone()]);
                    steps.insert((old, new), row.truth("told_by_old")?);
                }
            }
            next = found.into_iter().filter(|key| seen.insert(key.clone())).collect();
        }
        Ok(steps.into_iter().map(|((old, new), told_by_old)| Rebooking { old, new, told_by_old }).collect())
    }

    async fn members(&self, keys: &[BookingKey]) -> Result<Vec<ChainMember>, StoreError> {
        let mut session = self.read("give the bookings of chains").await?;
        let mut members = Vec::new();
        for piece in sql::pieces(keys) {
            let bound =
                piece.iter().flat_map(|key| values![&key.connector, &key.account, &key.kind, &key.key]);
            for row in session.rows(members_sql(piece.len()), bound.collect()).await? {
                members.push(ChainMember {
                    key: rows::booking_key(&row)?,
                    id: Some(BookingId::new(row.text("id")?)),
                    status: Some(row.text("status")?),
                });
            }
        }
        Ok(members)
    }

    async fn version_at(
        &self,
        booking: &BookingId,
        position: Position,
    ) -> Result<Option<String>, StoreError> {
        let mut session = self.read("give a booking's version").await?;
        let row = session.row(VERSION_AT, values![booking.as_str(), position]).await?;
        row.map(|row| row.text("body")).transpose()
    }
}

/// Old and new booking; by which event it is known, and whether the old one told of it.
type Step<'a> = ((&'a BookingKey, &'a BookingKey), (Position, bool));

/// The statements that write steps down. What is known stays; that the old one told of it is added.
pub(super) fn write<'a>(told: impl Iterator<Item = (Position, &'a Rebooking)>) -> Vec<Statement> {
    let mut steps: BTreeMap<(&BookingKey, &BookingKey), (Position, bool)> = BTreeMap::new();
    for (position, step) in told {
        let known = steps.entry((&step.old, &step.new)).or_insert((position, false));
        known.1 |= step.told_by_old;
    }
    let steps: Vec<_> = steps.into_iter().collect();
    let statement = |piece: &[Step<'_>]| {
        let text = format!(
            "INSERT INTO rebookings (connector, account, kind, old_key, new_key, told_by_old, position)
             VALUES {}
             ON CONFLICT (connector, account, kind, old_key, new_key) DO UPDATE
             SET told_by_old = CASE WHEN excluded.told_by_old = 1 THEN 1 ELSE rebookings.told_by_old END",
            sql::rows(piece.len(), 7, 1)
        );
        let bound = piece.iter().flat_map(|((old, new), (position, told_by_old))| {
            values![&old.connector, &old.account, &old.kind, &old.key, &new.key, *told_by_old, *position]
        });
        Statement::new(text, bound.collect())
    };
    sql::pieces(&steps).map(statement).collect()
}

/// The statements that end the runs which a newer booking takes over; each gives the lanes in which something ended.
pub(super) fn take_over<'a>(taken: impl Iterator<Item = &'a TakenOver>) -> Vec<Statement> {
    taken
        .map(|taken| {
            let bound: Vec<Value> = values![taken.booking.as_str(), &taken.rule, &taken.why, taken.at];
            Statement::new(TAKE_OVER, bound)
        })
        .collect()
}
