//! `ports::PulseStore`: answers other than 200 by the hour, and when Waypost was running. A few rows a day, written every now
//! and then by the runner.

use super::SqlStore;
use super::session::{Statement, values};
use crate::domain::{ChangeKind, EventId, Millis, ORIGIN_WEBHOOK, Position, Stretch};
use crate::ports::{PulseStore, RefusedWebhooks, StoreError, UnreadBodies};
use async_trait::async_trait;

const HOUR: Millis = 3_600_000;
/// Rows that are added up, the newest: a day of a hundred sources with four statuses each.
const REFUSED_MAX: i64 = 10_000;
/// Stretches of one answer.
const UPTIMES_MAX: i64 = 1_000;

pub(super) const REFUSED: &str = "
SELECT w.source, w.status, CAST(SUM(w.answers) AS BIGINT) AS answers, MAX(w.last_at) AS last_at
FROM   (SELECT r.source, r.status, r.answers, r.last_at
        FROM   refused_webhooks AS r
        WHERE  r.hour >= $1
        ORDER BY r.hour DESC
        LIMIT  CAST($2 AS BIGINT)) AS w
GROUP BY w.source, w.status
ORDER BY w.source, w.status";

pub(super) const UPTIMES: &str = "
SELECT u.began_at, u.seen_at FROM uptimes AS u WHERE u.seen_at > $1
ORDER BY u.seen_at DESC
LIMIT  CAST($2 AS BIGINT)";

pub(super) const UPTIME_BEFORE: &str = "
SELECT u.began_at, u.seen_at FROM uptimes AS u WHERE u.seen_at <= $1
ORDER BY u.seen_at DESC
LIMIT  1";

/// The last changes of a kind, counted by source and note; of events that were not read again.
pub(super) const UNREAD: &str = "
SELECT w.source, COALESCE(w.note, '') AS note, COUNT(*) AS bodies, MAX(w.at) AS last_at
FROM   (SELECT e.source, e.origin, c.note, c.at
        FROM   (SELECT l.position, l.note, l.at FROM changes AS l
                WHERE  l.kind = $1
                ORDER BY l.position DESC
                LIMIT  1000) AS c
        JOIN   events AS e ON e.position = c.position
        LEFT JOIN read_again AS g ON g.position = c.position
        WHERE  g.position IS NULL) AS w
WHERE  w.at >= $2 AND w.origin = $3
GROUP BY w.source, COALESCE(w.note, '')
ORDER BY w.source, 2";

#[async_trait]
impl PulseStore for SqlStore {
    async fn count_refused(&self, refused: &[RefusedWebhooks]) -> Result<(), StoreError> {
        if refused.is_empty() {
            return Ok(());
        }
        let statements = refused.iter().map(|one| {
            Statement::new(
                "INSERT INTO refused_webhooks (source, hour, status, answers, last_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (source, hour, status) DO UPDATE
                 SET answers = refused_webhooks.answers + excluded.answers, last_at = excluded.last_at",
                values![
                    &one.source,
                    one.last_at.div_euclid(HOUR),
                    i64::from(one.status),
                    one.answers,
                    one.last_at
                ],
            )
        });
        let mut session = self.write("count refused webhooks").await?;
        session.all(statements.collect()).await?;
        session.commit().await
    }

    async fn refused_webhooks(&self, from_hour: i64) -> Result<Vec<RefusedWebhooks>, StoreError> {
        let mut session = self.read("give refused webhooks").await?;
        let rows = session.rows(REFUSED, values![from_hour, REFUSED_MAX]).await?;
        rows.iter()
            .map(|row| {
                Ok(RefusedWebhooks {
                    source: row.text("source")?,
                    status: u16::try_from(row.int("status")?).unwrap_or_default(),
                    answers: row.int("answers")?,
                    last_at: row.int("last_at")?,
                })
            })
            .collect()
    }

    async fn unread_bodies(&self, since: Millis) -> Result<Vec<UnreadBodies>, StoreError> {
        let mut session = self.read("count what could not be read").await?;
        let mut unread = Vec::new();
        for kind in [ChangeKind::Unreadable, ChangeKind::Ignored] {
            for row in session.rows(UNREAD, values![kind.as_str(), since, ORIGIN_WEBHOOK]).await? {
                unread.push(UnreadBodies {
                    source: row.text("source")?,
                    kind,
                    note: row.text("note")?,
                    bodies: row.int("bodies")?,
                    last_at: row.int("last_at")?,
                });
            }
        }
        Ok(unread)
    }

    async fn note_read_again(
        &self,
        position: Position,
        event: &EventId,
        at: Millis,
    ) -> Result<(), StoreError> {
        let mut session = self.write("note that a webhook was read again").await?;
        session
            .execute(
                "INSERT INTO read_again (position, event, at) VALUES ($1, $2, $3)
                 ON CONFLICT (position) DO UPDATE SET event = excluded.event, at = excluded.at",
                values![position, event.as_str(), at],
            )
            .await?;
        session.commit().await
    }

    async fn read_again_as(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        let mut session = self.read("say whether a webhook was read again").await?;
        let row = session.row("SELECT event FROM read_again WHERE position = $1", values![position]).await?;
        row.map(|row| Ok(EventId::new(row.text("event")?))).transpose()
    }

    async fn note_running(&self, running: Stretch) -> Result<(), StoreError> {
        let mut session = self.write("note that Waypost is running").await?;
        session
            .execute(
                "INSERT INTO uptimes (began_at, seen_at) VALUES ($1, $2)
                 ON CONFLICT (began_at) DO UPDATE SET seen_at = excluded.seen_at",
                values![running.from, running.to],
            )
            .await?;
        session.commit().await
    }

    async fn uptimes(&self, since: Millis) -> Result<Vec<Stretch>, StoreError> {
        let mut session = self.read("say when Waypost was running").await?;
        let came = session
            .all(vec![
                Statement::new(UPTIMES, values![since, UPTIMES_MAX]),
                Statement::new(UPTIME_BEFORE, values![since]),
            ])
            .await?;
        let mut stretches = Vec::new();
        for row in came.iter().flat_map(|came| &came.rows) {
            stretches.push(Stretch { from: row.int("began_at")?, to: row.int("seen_at")? });
        }
        stretches.sort_unstable();
        Ok(stretches)
    }

    async fn forget_pulse(&self, before: Millis, limit: i64) -> Result<i64, StoreError> {
        let mut session = self.write("forget old downtimes").await?;
        let refused = session
            .execute(
                "DELETE FROM refused_webhooks WHERE (source, hour, status) IN
                     (SELECT r.source, r.hour, r.status FROM refused_webhooks AS r
                      WHERE  r.hour < $1 ORDER BY r.hour LIMIT CAST($2 AS BIGINT))",
                values![before.div_euclid(HOUR), limit],
            )
            .await?;
        let uptimes = session
            .execute(
                "DELETE FROM uptimes WHERE began_at IN
                     (SELECT u.began_at FROM uptimes AS u
                      WHERE  u.seen_at < $1 ORDER BY u.seen_at LIMIT CAST($2 AS BIGINT))",
                values![before, limit],
            )
            .await?;
        session.commit().await?;
        Ok(refused + uptimes)
    }
}
