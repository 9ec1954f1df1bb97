//! Records that ended before they were known: each is remembered for a while as a row among the fetches that is never made, so
//! that an answer which was given before the end does not bring it to life. Written in the transaction that applies the end.

use super::SqlStore;
use super::rows;
use super::session::{Statement, Value, values};
use super::sql;
use crate::domain::{BookingKey, Millis, Position, fetch_id};
use crate::ports::{FetchPolicy, FetchState, StoreError};

/// The way of a row that stands for a record which ended before it was known. Nothing is ever fetched in it.
const ENDED: i64 = -1;
/// So long it is known: what was asked before the end has been applied by then, however long that took.
const ENDED_KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// Those that are forgotten are few, and found by their source.
const FORGET_ENDED: &str = "
DELETE FROM fetches
WHERE  source = $1 AND state = 'refused' AND first_at < $2 AND way = $3";

/// Which of so many records ended before they were known.
pub(super) fn ended_sql(count: usize) -> String {
    format!(
        "SELECT f.connector, f.account, f.kind, f.key, f.hinted
         FROM   fetches AS f
         WHERE  f.id IN (VALUES {})",
        sql::rows(count, 1, 1)
    )
}

/// A record ended before it was known. What is remembered of earlier ones for long enough goes.
pub(super) fn put_end(position: Position, key: &BookingKey, source: &str, at: Millis) -> [Statement; 2] {
    let text = format!(
        "INSERT INTO fetches (id, connector, account, kind, key, way, source, policy, state, first_at, hinted,
                              due_at)
         VALUES {}
         ON CONFLICT (id) DO UPDATE
         SET source = excluded.source, hinted = excluded.hinted, first_at = excluded.first_at,
             due_at = excluded.due_at",
        sql::rows(1, 12, 1)
    );
    let bound = values![
        fetch_id(key, ENDED),
        &key.connector,
        &key.account,
        &key.kind,
        &key.key,
        ENDED,
        source,
        FetchPolicy::Hint.as_str(),
        FetchState::Refused.as_str(),
        at,
        position,
        at,
    ];
    [Statement::new(text, bound), Statement::new(FORGET_ENDED, values![source, at - ENDED_KEPT_MS, ENDED])]
}

impl SqlStore {
    /// Which of these ended before they were known, and at which position.
    pub(super) async fn records_that_ended(
        &self,
        keys: &[BookingKey],
    ) -> Result<Vec<(BookingKey, Position)>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.read("look for records that ended before they were known").await?;
        let ids: Vec<String> = keys.iter().map(|key| fetch_id(key, ENDED)).collect();
        let mut ended = Vec::new();
        for piece in sql::padded(&ids) {
            let bound: Vec<Value> = piece.iter().map(|id| Value::from(id.as_str())).collect();
            for row in session.rows(ended_sql(piece.len()), bound).await? {
                ended.push((rows::booking_key(&row)?, row.int("hinted")?));
            }
        }
        Ok(ended)
    }
}
