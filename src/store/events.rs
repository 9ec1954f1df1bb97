//! Events: appended durably, taken unapplied, counted when they crash. `append` is the ack's path.

use super::SqlStore;
use super::rows;
use super::session::{Row, Statement, values};
use super::sql;
use crate::domain::Position;
use crate::ports::{NewEvent, StoreError, StoredEvent};

/// An event is unapplied while it is listed as such and has no change: on SQLite the list is tidied a little later.
pub(super) const UNAPPLIED_SIZES: &str = "
SELECT u.position, u.body_bytes
FROM   unapplied AS u
WHERE  NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.position = u.position)
ORDER BY u.position
LIMIT  CAST($1 AS BIGINT)";

pub(super) const UNAPPLIED: &str = "
SELECT e.position, e.id, e.source, e.received_at, e.origin, u.crashes, e.headers, e.body
FROM   unapplied AS u
JOIN   events AS e ON e.position = u.position
WHERE  u.position <= $1
AND    NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.position = u.position)
ORDER BY u.position
LIMIT  CAST($2 AS BIGINT)";

/// Lists what was just appended: appends go one after the other, so nobody else's events are among these positions.
const LIST_AS_UNAPPLIED: &str = "
INSERT INTO unapplied (position, body_bytes)
SELECT position, body_bytes FROM events WHERE position BETWEEN $1 AND $2";

/// The same by how many there were, the last ones of all.
const LIST_THE_LAST: &str = "
INSERT INTO unapplied (position, body_bytes)
SELECT position, body_bytes FROM events WHERE position > (SELECT MAX(position) FROM events) - $1";

/// Takes applied events off the list.
pub(super) fn applied_sql(count: usize) -> String {
    format!("DELETE FROM unapplied WHERE position IN (VALUES {})", sql::rows(count, 1, 1))
}

fn insert(events: &[NewEvent]) -> Statement {
    let text = format!(
        "INSERT INTO events (id, source, received_at, origin, body_bytes, headers, body)
         VALUES {}",
        sql::rows(events.len(), 7, 1)
    );
    let bound = events.iter().flat_map(|event| {
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
    Statement::new(text, bound.collect())
}

impl SqlStore {
    pub(super) async fn append(&self, events: &[NewEvent]) -> Result<Vec<Position>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.write_urgently("store the event").await?;
        if session.sees_the_journal() {
            let mut positions = Vec::with_capacity(events.len());
            for piece in sql::few_pieces(events) {
                let Statement { sql, values, .. } = insert(piece);
                let ids: Vec<&str> = piece.iter().map(|event| event.id.as_str()).collect();
                positions.extend(session.insert_in_order(sql.into_owned(), values, &ids).await?);
            }
            let (first, last) = (positions.iter().min().copied(), positions.iter().max().copied());
            session.commit_after(vec![Statement::new(LIST_AS_UNAPPLIED, values![first, last])]).await?;
            return Ok(positions);
        }
        let list = |piece: &[NewEvent]| Statement::new(LIST_THE_LAST, values![piece.len() as i64]);
        let statements = sql::few_pieces(events).flat_map(|piece| [insert(piece), list(piece)]).collect();
        let came = session.commit_after(statements).await?;
        // SQLite counts positions up one by one within a transaction, so the last insert of events tells all.
        let last = came.iter().rev().nth(1).map_or(0, |came| came.last_rowid);
        Ok((last + 1 - events.len() as i64..=last).collect())
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
        let mut session = self.write_journal("count a crash").await?;
        let row = session
            .row(
                "UPDATE unapplied SET crashes = crashes + 1 WHERE position = $1 RETURNING crashes",
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
