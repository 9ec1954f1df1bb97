//! What pages that list many things ask in one query instead of one each: the newest runs of many bookings, and how long
//! calls took lately. Bounded, however many runs and calls there are.

use super::rows::{self, RUN_COLUMNS};
use super::session::{Value, values};
use super::{SqlStore, sql};
use crate::domain::BookingId;
use crate::ports::{AnsweredCall, RunRow, StoreError};
use std::collections::HashMap;

/// Runs of one booking, and calls, at most.
const EACH_MAX: i64 = 200;
const CALLS_MAX: i64 = 2_000;

/// Calls by their ids, which are in the order of time. What was sent and answered is not read.
pub(super) const ANSWERED: &str = "
SELECT a.connection, a.started_at, a.duration_ms
FROM   (SELECT id, connection, started_at, duration_ms, status
        FROM   attempts
        WHERE  id > $1
        ORDER BY id DESC
        LIMIT  CAST($2 AS BIGINT)) AS a
WHERE  a.status IS NOT NULL AND a.duration_ms IS NOT NULL
ORDER BY a.id DESC";

/// First of each booking from where on its runs are wanted, then these. `CROSS JOIN` has SQLite begin with the bookings.
pub(super) fn runs_sql(bookings: usize) -> String {
    format!(
        "WITH asked (booking) AS (VALUES {}),
              wanted (booking, from_seq) AS (
                  SELECT asked.booking,
                         COALESCE((SELECT e.seq FROM runs AS e
                                   WHERE  e.booking = asked.booking
                                   ORDER BY e.seq DESC
                                   LIMIT 1 OFFSET CAST($1 AS BIGINT)), 0)
                  FROM   asked)
         SELECT {RUN_COLUMNS}
         FROM   wanted AS w
         CROSS JOIN runs AS r
         WHERE  r.booking = w.booking AND r.seq >= w.from_seq
         ORDER BY r.seq DESC",
        sql::rows(bookings, 1, 2)
    )
}

impl SqlStore {
    pub(super) async fn newest_runs_of(
        &self,
        bookings: &[BookingId],
        each: i64,
    ) -> Result<Vec<Vec<RunRow>>, StoreError> {
        let each = each.clamp(1, EACH_MAX);
        let mut found: HashMap<String, Vec<RunRow>> = HashMap::new();
        let mut session = self.read("list the runs of bookings").await?;
        for piece in sql::padded(bookings) {
            let mut bound = values![each - 1];
            bound.extend(piece.iter().map(|id| Value::from(id.as_str())));
            for row in session.rows(runs_sql(piece.len()), bound).await? {
                let run = rows::run(&row)?;
                let runs = found.entry(run.booking.to_string()).or_default();
                // A booking that was said several times gives its runs several times.
                if runs.last().is_none_or(|last| last.seq != run.seq) {
                    runs.push(run);
                }
            }
        }
        Ok(bookings.iter().map(|id| found.get(id.as_str()).cloned().unwrap_or_default()).collect())
    }

    pub(super) async fn answered_calls(&self, limit: i64) -> Result<Vec<AnsweredCall>, StoreError> {
        let mut session = self.read("tell how long calls took").await?;
        let rows = session.rows(ANSWERED, values!["", limit.clamp(1, CALLS_MAX)]).await?;
        let call = |row: &super::session::Row| {
            Ok(AnsweredCall {
                connection: row.text("connection")?,
                started_at: row.int("started_at")?,
                duration_ms: row.int("duration_ms")?,
            })
        };
        rows.iter().map(call).collect()
    }
}
