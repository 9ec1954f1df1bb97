//! Fetches that ended since they were turned away for too long. They stay as rows that nobody makes, until a person asks for
//! them, a webhook hints at them, or the source's keys are changed or taken again; and those that wait and go sooner then.

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

    pub(super) async fn revive(&self, source: Option<&str>, now: Millis) -> Result<i64, StoreError> {
        let mut session = self.write("revive fetches").await?;
        let bound = values![now, source.unwrap_or_default(), i64::from(source.is_none())];
        let revived = session.execute(REVIVE, bound).await?;
        session.commit().await?;
        Ok(revived)
    }
}
