//! Fetches that go sooner than they were due, since their source's API answers again; and those that ended since they were
//! turned away for too long. These stay as rows that nobody makes, until a person asks for them, a webhook hints at them, or
//! the source's keys are changed or taken again.

use super::SqlStore;
use super::session::{Statement, Value, values};
use super::sql;
use crate::domain::Millis;
use crate::ports::StoreError;

/// Their trouble, as a word.
pub(super) const FORBIDDEN: &str = "forbidden";

const REVIVE: &str = "
UPDATE fetches
SET    state = 'due', due_at = $1, trouble = NULL, told = NULL
WHERE  state = 'refused' AND trouble = 'forbidden' AND (source = $2 OR CAST($3 AS BIGINT) = 1)";

/// Found down since then, and due later. One that failed before all others did has a trouble of its own, and its own time.
pub(super) const HURRY_DOWN: &str = "
UPDATE fetches
SET    due_at = $1
WHERE  source = $2 AND state = 'due' AND trouble = 'down' AND failing_since >= $3 AND due_at > $1";

/// These are due by then at the latest.
pub(super) fn hurry_sql(count: usize) -> String {
    let rows = sql::rows(count, 1, 2);
    format!("UPDATE fetches SET due_at = $1 WHERE state = 'due' AND due_at > $1 AND id IN (VALUES {rows})")
}

impl SqlStore {
    pub(super) async fn hurry_by_id(&self, ids: &[String], now: Millis) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let statement = |piece: sql::Padded<'_, String>| {
            let mut bound = values![now];
            bound.extend(piece.iter().map(|id| Value::from(id.as_str())));
            Statement::new(hurry_sql(piece.len()), bound)
        };
        let statements = sql::padded(ids).map(statement).collect();
        let session = self.write("hurry some fetches").await?;
        session.commit_after(statements).await.map(|_| ())
    }

    pub(super) async fn hurry_all_down(
        &self,
        source: &str,
        since: Millis,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut session = self.write("hurry fetches that found an API down").await?;
        session.execute(HURRY_DOWN, values![now, source, since]).await?;
        session.commit().await
    }

    pub(super) async fn revive(&self, source: Option<&str>, now: Millis) -> Result<i64, StoreError> {
        let mut session = self.write("revive fetches").await?;
        let bound = values![now, source.unwrap_or_default(), i64::from(source.is_none())];
        let revived = session.execute(REVIVE, bound).await?;
        session.commit().await?;
        Ok(revived)
    }
}
