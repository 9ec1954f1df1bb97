//! Removing what is old: bodies of webhooks with the versions of bookings that they replaced, and requests with answers.
//! A bounded piece at a time; how far it is stands in the same transaction as what was removed, so it goes on after a crash
//! where it was. Called through `ports::KeepingStore`.
//!
//! Invariant: a body is gone only after its hash and the reason are on disk. On SQLite the journal is a file of its own, so
//! the body goes in a second transaction; where that did not happen, the next piece does it first.

use super::SqlStore;
use super::session::{Row, Session, Statement, Value, values};
use super::sql;
use crate::domain::{Millis, ORIGIN_PROBE, Position};
use crate::ports::{RemovalPiece, Removed, RemovedBody, StoreError};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// How far the walks are: a position, an attempt's id.
const BODIES: &str = "retention.bodies";
const EXCHANGES: &str = "retention.exchanges";
/// What was kept longer is looked at again after this time.
pub(super) const AGAIN_MS: Millis = 6 * 3_600_000;
/// Bodies that a process that ended left to be removed are few.
pub(super) const FINISHED_AT_ONCE: i64 = 64;
/// Milliseconds of an hour.
const HOUR: Millis = 3_600_000;

pub(super) const NEXT_BODIES: &str = "
SELECT e.position, e.received_at, e.origin, e.body
FROM   events AS e
WHERE  e.position > $1
ORDER BY e.position
LIMIT  CAST($2 AS BIGINT)";

pub(super) const KEPT: &str = "
SELECT k.key FROM kept_longer AS k
WHERE  k.what = $1 AND k.asked_at <= $2
ORDER BY k.asked_at, k.key
LIMIT  CAST($3 AS BIGINT)";

pub(super) const NEXT_EXCHANGES: &str = "
SELECT a.id, a.started_at, r.state
FROM   (SELECT id, run, started_at FROM attempts WHERE id > $1 ORDER BY id LIMIT CAST($2 AS BIGINT)) AS a
LEFT JOIN runs AS r ON r.id = a.run
ORDER BY a.id";

/// Bodies that are to go and have not gone.
pub(super) const TO_DO: &str = "
SELECT position, rest FROM removed_bodies WHERE gone = 0 ORDER BY position LIMIT CAST($1 AS BIGINT)";

pub(super) fn bodies_sql(count: usize) -> String {
    format!(
        "SELECT e.position, e.received_at, e.origin, e.body FROM events AS e WHERE e.position IN (VALUES {})",
        sql::rows(count, 1, 1)
    )
}

pub(super) fn exchanges_sql(count: usize) -> String {
    format!(
        "SELECT a.id, a.started_at, r.state
         FROM   attempts AS a LEFT JOIN runs AS r ON r.id = a.run
         WHERE  a.id IN (VALUES {})",
        sql::rows(count, 1, 1)
    )
}

/// What became of webhooks: each change with the version before it, and whether something of its booking waits or needs a
/// person. A booking without a card is one that nobody has looked at yet.
pub(super) fn told_sql(count: usize) -> String {
    format!(
        "SELECT c.position, c.previous_position, c.previous_ordinal,
                CASE WHEN c.booking IS NULL THEN 0 ELSE COALESCE(k.open + k.stuck, 1) END AS busy
         FROM   changes AS c LEFT JOIN booking_cards AS k ON k.booking = c.booking
         WHERE  c.position IN (VALUES {})",
        sql::rows(count, 1, 1)
    )
}

/// Takes versions away that are no booking's present one.
pub(super) fn forget_versions_sql(count: usize) -> String {
    format!(
        "UPDATE changes SET body = NULL
         WHERE  (position, ordinal) IN (VALUES {})
         AND    NOT EXISTS (SELECT 1 FROM bookings AS b
                            WHERE  b.id = changes.booking AND b.position = changes.position
                            AND    b.ordinal = changes.ordinal)",
        sql::rows(count, 2, 1)
    )
}

/// A webhook that is old enough.
struct Old {
    position: Position,
    hash: String,
}

/// What a piece looks at.
struct Looked<T> {
    /// Old enough.
    old: Vec<T>,
    /// How many there were.
    looked_at: i64,
    /// How far the walk is afterwards.
    reached: Option<String>,
}

impl SqlStore {
    pub(super) async fn remove_old_bodies(&self, piece: &RemovalPiece) -> Result<Removed, StoreError> {
        let limit = piece.limit.max(1);
        self.finish_bodies(limit).await?;
        let looked = self.old_bodies(piece, limit).await?;
        if looked.looked_at == 0 {
            return Ok(Removed::default());
        }
        let mut session = self.write("remove old webhooks").await?;
        let positions: Vec<Position> = looked.old.iter().map(|old| old.position).collect();
        let (ready, versions) = what_may_go(&mut session, &positions).await?;
        let (go, stay): (Vec<&Old>, Vec<&Old>) =
            looked.old.iter().partition(|old| ready.contains(&old.position));
        let mut statements = Vec::new();
        for piece in sql::padded(&versions) {
            let bound = piece.iter().flat_map(|(position, ordinal)| values![*position, *ordinal]).collect();
            statements.push(Statement::new(forget_versions_sql(piece.len()), bound));
        }
        let entries: Vec<Gone<'_>> =
            go.iter().map(|old| Gone { position: old.position, hash: &old.hash, rest: None }).collect();
        statements.extend(note_removed(&entries, piece.now, &piece.why));
        statements.extend(keep_longer(
            "event",
            go.iter().map(|old| old.position.to_string()),
            stay.iter().map(|old| old.position.to_string()),
            piece.now,
        ));
        statements.extend(looked.reached.map(|reached| super::memory::set_fact(BODIES, &reached)));
        session.all(statements).await?;
        session.commit().await?;
        self.finish_bodies(limit).await?;
        Ok(Removed { looked_at: looked.looked_at, removed: go.len() as i64 })
    }

    /// Those next in the walk, or, where none is old enough, those that were kept longer.
    async fn old_bodies(&self, piece: &RemovalPiece, limit: i64) -> Result<Looked<Old>, StoreError> {
        let reached = self.find_fact(BODIES).await?.and_then(|text| text.parse().ok()).unwrap_or(0_i64);
        let mut session = self.read("look for old webhooks").await?;
        let mut looked = Looked { old: Vec::new(), looked_at: 0, reached: None };
        for row in session.rows(NEXT_BODIES, values![reached, limit]).await? {
            if row.int("received_at")? >= piece.before {
                break;
            }
            looked.looked_at += 1;
            looked.reached = Some(row.int("position")?.to_string());
            looked.old.extend(old(&row)?);
        }
        if looked.looked_at > 0 {
            return Ok(looked);
        }
        let keys = kept(&mut session, "event", piece, limit).await?;
        let positions: Vec<Position> = keys.iter().filter_map(|key| key.parse().ok()).collect();
        looked.looked_at = positions.len() as i64;
        for part in sql::padded(&positions) {
            let bound = part.iter().map(|position| Value::from(**position)).collect();
            for row in session.rows(bodies_sql(part.len()), bound).await? {
                looked.old.extend(old(&row)?);
            }
        }
        Ok(looked)
    }

    /// Empties the bodies that are noted as removed.
    pub(super) async fn finish_bodies(&self, limit: i64) -> Result<(), StoreError> {
        let mut session = self.read("look for bodies to remove").await?;
        let rows = session.rows(TO_DO, values![limit]).await?;
        drop(session);
        let positions = rows.iter().map(|row| row.int("position")).collect::<Result<Vec<_>, _>>()?;
        if positions.is_empty() {
            return Ok(());
        }
        let mut rests = Vec::new();
        for row in &rows {
            let bytes = row.text_or_null("rest")?.unwrap_or_default().into_bytes();
            if !bytes.is_empty() {
                let text = "UPDATE events SET body = $1 WHERE position = $2";
                rests.push(Statement::new(text, values![bytes, row.int("position")?]));
            }
        }
        let of = |text: &str| -> Vec<Statement> {
            let statement = |piece: sql::Padded<'_, Position>| {
                let bound = piece.iter().map(|position| Value::from(**position)).collect();
                Statement::new(text.replace("{rows}", &sql::rows(piece.len(), 1, 1)), bound)
            };
            sql::padded(&positions).map(statement).collect()
        };
        let empty = if self.is_postgres() { "CAST('' AS BYTEA)" } else { "X''" };
        let empty =
            format!("UPDATE events SET body = {empty}, headers = '{{}}' WHERE position IN (VALUES {{rows}})");
        let mut session = self.write_journal("remove bodies").await?;
        session.all(of(&empty)).await?;
        session.all(rests).await?;
        session.commit().await?;
        let mut session = self.write("note that bodies are gone").await?;
        session.all(of("UPDATE removed_bodies SET gone = 1 WHERE position IN (VALUES {rows})")).await?;
        session.commit().await
    }

    pub(super) async fn remove_old_exchanges(&self, piece: &RemovalPiece) -> Result<Removed, StoreError> {
        let limit = piece.limit.max(1);
        let looked = self.old_exchanges(piece, limit).await?;
        if looked.looked_at == 0 {
            return Ok(Removed::default());
        }
        let mut session = self.write("remove old requests and answers").await?;
        // Looked at once more in the transaction: somebody may have tried a run again meanwhile.
        let mut go = Vec::new();
        for part in sql::padded(&looked.old) {
            let bound = part.iter().map(|id| Value::from(id.as_str())).collect();
            for row in session.rows(exchanges_sql(part.len()), bound).await? {
                let state = row.text_or_null("state")?;
                if !matches!(state.as_deref(), Some("waiting" | "working" | "paused" | "held" | "failed")) {
                    go.push(row.text("id")?);
                }
            }
        }
        let stay = looked.old.iter().filter(|id| !go.contains(id)).cloned();
        let mut statements = Vec::new();
        let told = serde_json::json!({ "removed": piece.why }).to_string();
        for part in sql::pieces(&go) {
            let mut bound = values![&told];
            bound.extend(part.iter().map(Value::from));
            let text = format!(
                "UPDATE attempts
                 SET    request = $1, answer = NULL, message = NULL
                 WHERE  id IN (VALUES {})",
                sql::rows(part.len(), 1, 2)
            );
            statements.push(Statement::new(text, bound));
        }
        statements.extend(keep_longer("attempt", go.iter().cloned(), stay, piece.now));
        statements.extend(looked.reached.map(|reached| super::memory::set_fact(EXCHANGES, &reached)));
        session.all(statements).await?;
        session.commit().await?;
        Ok(Removed { looked_at: looked.looked_at, removed: go.len() as i64 })
    }

    /// Ids begin with their time, so their order is that of the attempts.
    async fn old_exchanges(&self, piece: &RemovalPiece, limit: i64) -> Result<Looked<String>, StoreError> {
        let reached = self.find_fact(EXCHANGES).await?.unwrap_or_default();
        let mut session = self.read("look for old requests and answers").await?;
        let mut looked = Looked { old: Vec::new(), looked_at: 0, reached: None };
        for row in session.rows(NEXT_EXCHANGES, values![reached, limit]).await? {
            if row.int("started_at")? >= piece.before {
                break;
            }
            looked.looked_at += 1;
            looked.old.push(row.text("id")?);
            looked.reached = looked.old.last().cloned();
        }
        if looked.looked_at == 0 {
            looked.old = kept(&mut session, "attempt", piece, limit).await?;
            looked.looked_at = looked.old.len() as i64;
        }
        Ok(looked)
    }

    pub(super) async fn count_bodies_before(&self, before: Millis) -> Result<i64, StoreError> {
        let mut session = self.read("count old webhooks").await?;
        let row = session
            .row(
                "SELECT (SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT) FROM source_hours WHERE hour < $1)
                        - (SELECT COUNT(*) FROM removed_bodies WHERE rest IS NULL) AS bodies",
                values![before.div_euclid(HOUR)],
            )
            .await?;
        Ok(row.map_or(Ok(0), |row| row.int("bodies"))?.max(0))
    }

    pub(super) async fn count_runs_before(&self, before: Millis, limit: i64) -> Result<i64, StoreError> {
        let mut session = self.read("count old runs").await?;
        let row = session
            .row(
                "SELECT COUNT(*) AS runs
                 FROM   (SELECT 1 AS one FROM runs AS r WHERE r.created_at < $1 LIMIT CAST($2 AS BIGINT)) AS old",
                values![before, limit],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int("runs"))
    }

    pub(super) async fn find_removed_body(
        &self,
        position: Position,
    ) -> Result<Option<RemovedBody>, StoreError> {
        let mut session = self.read("say what became of a body").await?;
        let row = session
            .row("SELECT at, hash, why, rest FROM removed_bodies WHERE position = $1", values![position])
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(RemovedBody {
            at: row.int("at")?,
            hash: row.text("hash")?,
            why: row.text("why")?,
            partly: row.text_or_null("rest")?.is_some(),
        }))
    }
}

/// Waypost's own readiness checks have nothing to remove.
fn old(row: &Row) -> Result<Option<Old>, StoreError> {
    if row.text("origin")? == ORIGIN_PROBE {
        return Ok(None);
    }
    let hash = hash_of(&row.blob("body")?);
    Ok(Some(Old { position: row.int("position")?, hash }))
}

/// SHA-256, hex.
pub(super) fn hash_of(body: &[u8]) -> String {
    Sha256::digest(body).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

async fn kept(
    session: &mut Session,
    what: &str,
    piece: &RemovalPiece,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let rows = session.rows(KEPT, values![what, piece.now - AGAIN_MS, limit]).await?;
    rows.iter().map(|row| row.text("key")).collect()
}

/// Which webhooks were read and are about nothing that waits or needs a person, and the versions that they replaced.
async fn what_may_go(
    session: &mut Session,
    positions: &[Position],
) -> Result<(BTreeSet<Position>, Vec<(Position, i64)>), StoreError> {
    let mut told: BTreeMap<Position, (bool, Vec<(Position, i64)>)> = BTreeMap::new();
    for piece in sql::padded(positions) {
        let bound = piece.iter().map(|position| Value::from(**position)).collect();
        for row in session.rows(told_sql(piece.len()), bound).await? {
            let (busy, versions) = told.entry(row.int("position")?).or_default();
            *busy |= row.truth("busy")?;
            if let (Some(position), Some(ordinal)) =
                (row.int_or_null("previous_position")?, row.int_or_null("previous_ordinal")?)
            {
                versions.push((position, ordinal));
            }
        }
    }
    told.retain(|_, (busy, _)| !*busy);
    let versions = told.values().flat_map(|(_, versions)| versions.iter().copied()).collect();
    Ok((told.into_keys().collect(), versions))
}

/// A body that is to go.
pub(super) struct Gone<'a> {
    pub position: Position,
    /// Of the body as it came.
    pub hash: &'a str,
    /// What is left of it.
    pub rest: Option<String>,
}

/// Notes bodies as removed; they go afterwards, by `finish_bodies`. The hash of one that is gone in part already stays.
pub(super) fn note_removed(entries: &[Gone<'_>], now: Millis, why: &str) -> Vec<Statement> {
    let statement = |piece: &[Gone<'_>]| {
        let text = format!(
            "INSERT INTO removed_bodies (position, at, hash, why, rest) VALUES {}
             ON CONFLICT (position) DO UPDATE
             SET at = excluded.at, why = excluded.why, rest = excluded.rest, gone = 0
             WHERE removed_bodies.rest IS NOT NULL",
            sql::rows(piece.len(), 5, 1)
        );
        let bound =
            piece.iter().flat_map(|entry| values![entry.position, now, entry.hash, why, entry.rest.clone()]);
        Statement::new(text, bound.collect())
    };
    sql::pieces(entries).map(statement).collect()
}

/// Remembers what stays, and forgets what went.
fn keep_longer(
    what: &str,
    went: impl Iterator<Item = String>,
    stays: impl Iterator<Item = String>,
    now: Millis,
) -> Vec<Statement> {
    let (went, stays): (Vec<String>, Vec<String>) = (went.collect(), stays.collect());
    let mut statements = Vec::new();
    for piece in sql::pieces(&went) {
        let mut bound = values![what];
        bound.extend(piece.iter().map(Value::from));
        let text = format!(
            "DELETE FROM kept_longer WHERE what = $1 AND key IN (VALUES {})",
            sql::rows(piece.len(), 1, 2)
        );
        statements.push(Statement::new(text, bound));
    }
    for piece in sql::pieces(&stays) {
        let text = format!(
            "INSERT INTO kept_longer (what, key, asked_at) VALUES {}
             ON CONFLICT (what, key) DO UPDATE SET asked_at = excluded.asked_at",
            sql::rows(piece.len(), 3, 1)
        );
        let bound = piece.iter().flat_map(|key| values![what, key, now]);
        statements.push(Statement::new(text, bound.collect()));
    }
    statements
}
