//! What pages count by the hour, and the little that every page says. Bookings are counted into their hours by triggers;
//! webhooks behind the journal, by position, so that no ack waits for it.
//!
//! Invariant: nothing here counts more than a bounded number of rows.

use super::SqlStore;
use super::lists::OLDEST_WAITING;
use super::session::{Statement, values};
use crate::domain::{Millis, ORIGIN_WEBHOOK, Standing};
use crate::ports::{Glance, HourCount, SourceHour, StoreError};

/// Up to which position webhooks are counted.
pub(super) const FACT: &str = "events.counted";
/// Rows of one answer: a year of hours.
const HOURS_MAX: i64 = 40_000;

pub(super) const TO_COUNT: &str = "
SELECT w.source, w.hour, w.wanted, COUNT(*) AS events, MAX(w.position) AS last, MAX(w.received_at) AS last_at
FROM   (SELECT e.position, e.source, e.received_at, e.received_at / 3600000 AS hour,
               CAST(CASE WHEN e.origin = $2 THEN 1 ELSE 0 END AS BIGINT) AS wanted
        FROM   events AS e
        WHERE  e.position > $1
        ORDER BY e.position
        LIMIT  CAST($3 AS BIGINT)) AS w
GROUP BY w.source, w.hour, w.wanted";

/// The last that is counted, and the last of those behind it: few. What a walk through the source's API brought is none.
pub(super) const LAST_WEBHOOK: &str = "
SELECT MAX(w.at) AS at
FROM   (SELECT l.at FROM last_webhooks AS l WHERE l.source = $1
        UNION ALL
        SELECT MAX(e.received_at) AS at FROM events AS e
        WHERE  e.source = $1 AND e.position > $2 AND e.origin = $3) AS w";

/// What stands behind the last change has none and is not looked up one by one.
pub(super) const UNREAD: &str = "
SELECT (SELECT COUNT(*) FROM (SELECT 1 AS one FROM unapplied AS u WHERE u.position > m.last
                              LIMIT CAST($1 AS BIGINT)) AS behind)
       + (SELECT COUNT(*) FROM (SELECT 1 AS one FROM unapplied AS u
                                WHERE  u.position <= m.last
                                AND    NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.position = u.position)
                                LIMIT CAST($2 AS BIGINT)) AS between_them) AS unapplied,
       (SELECT COUNT(*) FROM (SELECT 1 AS one FROM bookings LIMIT 1) AS any_of_them) AS bookings
FROM   (SELECT COALESCE(MAX(position), 0) AS last FROM changes) AS m";

impl SqlStore {
    pub(super) async fn look_at_counts(&self) -> Result<Glance, StoreError> {
        let mut session = self.read("count").await?;
        let mut came = session
            .all(vec![
                Statement::new(UNREAD, values![Glance::UNREAD_MAX, Glance::UNREAD_MAX]),
                Statement::new(
                    "SELECT state, connection, runs FROM run_counts WHERE runs > 0 ORDER BY state, connection",
                    Vec::new(),
                ),
                Statement::new(OLDEST_WAITING, Vec::new()),
            ])
            .await?
            .into_iter()
            .map(|came| came.rows);
        let mut glance = Glance::default();
        for row in came.next().unwrap_or_default() {
            glance.unapplied = row.int("unapplied")?.min(Glance::UNREAD_MAX);
            glance.has_bookings = row.truth("bookings")?;
        }
        for row in came.next().unwrap_or_default() {
            glance.runs.push((row.text("state")?, row.text("connection")?, row.int("runs")?));
        }
        for row in came.next().unwrap_or_default() {
            if let Some(at) = row.int_or_null("created_at")? {
                glance.oldest_waiting.push((row.text("connection")?, at));
            }
        }
        Ok(glance)
    }

    /// Positions, how the runs stand, and the connections' states: whatever happens shows in one of them.
    pub(super) async fn stamp_of_all(&self) -> Result<String, StoreError> {
        let mut session = self.read("tell whether something happened").await?;
        let came = session
            .all(vec![
                Statement::new(
                    "SELECT (SELECT COALESCE(MAX(position), 0) FROM events) AS one,
                            (SELECT COALESCE(MAX(position), 0) FROM changes) AS two",
                    Vec::new(),
                ),
                Statement::new(
                    "SELECT state || ' ' || connection AS one, runs AS two FROM run_counts
                     WHERE  runs > 0 ORDER BY state, connection",
                    Vec::new(),
                ),
                Statement::new(
                    "SELECT name || ' ' || COALESCE(needs_auth, '') AS one,
                            paused + 2 * COALESCE(tripped_since, 0) + 3 * COALESCE(rests_until, 0) AS two
                     FROM   connections ORDER BY name",
                    Vec::new(),
                ),
            ])
            .await?;
        let mut stamp = String::new();
        for (index, came) in came.iter().enumerate() {
            for row in &came.rows {
                let one = if index == 0 { row.int("one")?.to_string() } else { row.text("one")? };
                stamp.push_str(&format!("{one}={};", row.int("two")?));
            }
        }
        Ok(stamp)
    }

    pub(super) async fn hours_of_bookings(&self, from_hour: i64) -> Result<Vec<HourCount>, StoreError> {
        let mut session = self.read("give the hours of bookings").await?;
        let rows = session
            .rows(
                "SELECT hour, standing, bookings FROM booking_hours
                 WHERE  hour >= $1 AND bookings <> 0
                 ORDER BY hour DESC, standing
                 LIMIT  CAST($2 AS BIGINT)",
                values![from_hour, HOURS_MAX],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(HourCount {
                    hour: row.int("hour")?,
                    standing: Standing::of_number(row.int("standing")?).unwrap_or(Standing::Nothing),
                    bookings: row.int("bookings")?,
                })
            })
            .collect()
    }

    pub(super) async fn hours_of_sources(&self, from_hour: i64) -> Result<Vec<SourceHour>, StoreError> {
        let mut session = self.read("give the hours of sources").await?;
        let rows = session
            .rows(
                "SELECT source, hour, events FROM source_hours
                 WHERE  hour >= $1
                 ORDER BY hour DESC, source
                 LIMIT  CAST($2 AS BIGINT)",
                values![from_hour, HOURS_MAX],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SourceHour {
                    source: row.text("source")?,
                    hour: row.int("hour")?,
                    events: row.int("events")?,
                })
            })
            .collect()
    }

    pub(super) async fn last_of_sources(
        &self,
        sources: &[String],
    ) -> Result<Vec<Option<Millis>>, StoreError> {
        let reached = self.counted_up_to().await?;
        let mut session = self.read("give the last webhooks").await?;
        let asked = |source| Statement::new(LAST_WEBHOOK, values![source, reached, ORIGIN_WEBHOOK]);
        let came = session.all(sources.iter().map(asked).collect()).await?;
        came.iter().map(|came| came.rows.first().map_or(Ok(None), |row| row.int_or_null("at"))).collect()
    }

    /// The last position that is counted.
    async fn counted_up_to(&self) -> Result<i64, StoreError> {
        Ok(self.find_fact(FACT).await?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Each event is counted once: how far it is stands in the same transaction as the counts.
    pub(super) async fn count_events_up(&self, limit: i64) -> Result<i64, StoreError> {
        let reached = self.counted_up_to().await?;
        let mut reader = self.read("count webhooks").await?;
        let rows = reader.rows(TO_COUNT, values![reached, ORIGIN_WEBHOOK, limit]).await?;
        drop(reader);
        let mut last = reached;
        let mut looked_at = 0;
        let mut statements = Vec::new();
        for row in &rows {
            last = last.max(row.int("last")?);
            looked_at += row.int("events")?;
            if row.truth("wanted")? {
                statements.push(Statement::new(
                    "INSERT INTO source_hours (source, hour, events) VALUES ($1, $2, $3)
                     ON CONFLICT (source, hour) DO UPDATE SET events = source_hours.events + excluded.events",
                    values![row.text("source")?, row.int("hour")?, row.int("events")?],
                ));
                statements.push(Statement::new(
                    "INSERT INTO last_webhooks (source, at) VALUES ($1, $2)
                     ON CONFLICT (source) DO UPDATE
                     SET at = CASE WHEN excluded.at > last_webhooks.at THEN excluded.at ELSE last_webhooks.at END",
                    values![row.text("source")?, row.int("last_at")?],
                ));
            }
        }
        if looked_at == 0 {
            return Ok(0);
        }
        statements.push(Statement::new(
            "INSERT INTO facts (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            values![FACT, last.to_string()],
        ));
        let mut session = self.write("count webhooks").await?;
        session.all(statements).await?;
        session.commit().await?;
        Ok(looked_at)
    }
}
