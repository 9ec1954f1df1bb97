//! Events by the ids that booking systems give them. Written in the transaction that applies them; never removed.

use super::SqlStore;
use super::session::{Statement, values};
use super::sql;
use crate::domain::{EventId, EventKey, Millis};
use crate::ports::{SeenEvent, StoreError};

pub(super) fn seen_sql(count: usize) -> String {
    format!(
        "WITH wanted (connector, account, id) AS (VALUES {})
         SELECT s.connector, s.account, s.id, s.event
         FROM   wanted AS w
         JOIN   seen_events AS s ON s.connector = w.connector AND s.account = w.account AND s.id = w.id",
        sql::rows(count, 3, 1)
    )
}

/// Keeps them. One that is known stays as it is.
pub(super) fn put<'a>(seen: impl Iterator<Item = (&'a SeenEvent, Millis)>) -> Vec<Statement> {
    let seen: Vec<_> = seen.collect();
    let statement = |piece: &[(&SeenEvent, Millis)]| {
        let text = format!(
            "INSERT INTO seen_events (connector, account, id, event, at)
             VALUES {}
             ON CONFLICT (connector, account, id) DO NOTHING",
            sql::rows(piece.len(), 5, 1)
        );
        let bound = piece.iter().flat_map(|(seen, at)| {
            values![&seen.key.connector, &seen.key.account, &seen.key.id, seen.event.as_str(), *at]
        });
        Statement::new(text, bound.collect())
    };
    sql::pieces(&seen).map(statement).collect()
}

impl SqlStore {
    pub(super) async fn find_seen(&self, keys: &[EventKey]) -> Result<Vec<SeenEvent>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.read("look for copies of events").await?;
        let mut found = Vec::new();
        for piece in sql::pieces(keys) {
            let bound = piece.iter().flat_map(|key| values![&key.connector, &key.account, &key.id]);
            for row in session.rows(seen_sql(piece.len()), bound.collect()).await? {
                let key = EventKey {
                    connector: row.text("connector")?,
                    account: row.text("account")?,
                    id: row.text("id")?,
                };
                found.push(SeenEvent { key, event: EventId::new(row.text("event")?) });
            }
        }
        Ok(found)
    }
}
