//! Events: appended durably, taken unapplied, counted when they crash. `append` is the ack's path.

use super::SqlStore;
use super::rows;
use super::session::{Row, values};
use super::sql;
use crate::domain::Position;
use crate::ports::{NewEvent, StoreError, StoredEvent};
use std::collections::HashMap;

pub(super) const UNAPPLIED_SIZES: &str = "
SELECT position, body_bytes FROM events WHERE applied = 0 ORDER BY position LIMIT $1";

pub(super) const UNAPPLIED: &str = "
SELECT position, id, source, received_at, origin, crashes, headers, body
FROM   events
WHERE  applied = 0 AND position <= $1
ORDER BY position
LIMIT  $2";

impl SqlStore {
    pub(super) async fn append(&self, events: &[NewEvent]) -> Result<Vec<Position>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.write_urgently("store the event").await?;
        let mut positions: HashMap<String, Position> = HashMap::with_capacity(events.len());
        for piece in sql::pieces(events) {
            let text = format!(
                "INSERT INTO events (id, source, received_at, origin, body_bytes, headers, body)
                 VALUES {} RETURNING position, id",
                sql::rows(piece.len(), 7, 1)
            );
            let bound = piece.iter().flat_map(|event| {
                values![
                    event.id.as_str(),
                    &event.source,
                    event.received_at,
                    event.origin,
                    event.body.len() as i64,
                    &event.headers,
                    &event.body[..],
                ]
            });
            for row in session.rows(text, bound.collect()).await? {
                positions.insert(row.text("id")?, row.int("position")?);
            }
        }
        let in_order = events
            .iter()
            .map(|event| {
                positions.get(event.id.as_str()).copied().ok_or_else(|| StoreError::Corrupt {
                    what: String::from("event"),
                    why: String::from("the database gave it no position"),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        session.commit().await?;
        Ok(in_order)
    }

    pub(super) async fn unapplied(
        &self,
        limit: i64,
        body_bytes_max: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut session = self.read("give the events to apply").await?;
        let sizes = session.rows(UNAPPLIED_SIZES, values![limit.max(0)]).await?;
        let Some(last) = last_that_fits(&sizes, body_bytes_max)? else { return Ok(Vec::new()) };
        let rows = session.rows(UNAPPLIED, values![last, limit]).await?;
        rows.iter().map(rows::stored_event).collect()
    }

    pub(super) async fn crashed(&self, position: Position) -> Result<i64, StoreError> {
        let mut session = self.write("count a crash").await?;
        let row = session
            .row(
                "UPDATE events SET crashes = crashes + 1 WHERE position = $1 RETURNING crashes",
                values![position],
            )
            .await?;
        let crashes = row.map_or(Ok(0), |row| row.int("crashes"))?;
        session.commit().await?;
        Ok(crashes)
    }
}

/// The last position whose body still fits; the first always does.
fn last_that_fits(sizes: &[Row], body_bytes_max: i64) -> Result<Option<Position>, StoreError> {
    let mut last = None;
    let mut sum = 0_i64;
    for row in sizes {
        sum = sum.saturating_add(row.int("body_bytes")?);
        if last.is_some() && sum > body_bytes_max {
            break;
        }
        last = Some(row.int("position")?);
    }
    Ok(last)
}
