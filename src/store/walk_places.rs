//! What a walk has still to ask for, what it found, the bookings that it compares with, and what is forgotten after its end.
//! Each read is bounded; removing goes in pieces, so that no transaction is long.

use super::rows::{booking_key, from_json, to_json, word};
use super::session::{Row, Statement, Value, values};
use super::sql;
use super::{Database, SqlStore, lock};
use crate::domain::{BookingId, BookingKey, ChangeRef, Millis};
use crate::ports::{
    DuePlaces, FINDINGS_KEPT, FindingQuery, HereBooking, NewWalk, PlaceRow, StoreError, StoredBooking,
    WalkAct, WalkFilter, WalkFinding, WalkOutcome, WalkRow, WalkStore, WalkWrite,
};
use async_trait::async_trait;

/// Places, findings and bookings of one look.
const ROWS_MAX: i64 = 1_000;
/// Rows that are forgotten at once.
const TIDY_ROWS: i64 = 500;
/// Walks of a source whose findings are kept.
const WALKS_KEPT: i64 = 10;

const PLACE_COLUMNS: &str = "place, level, share, what, tries, failing_since, due_at, aside";

pub(super) fn due_sql() -> String {
    format!(
        "SELECT {PLACE_COLUMNS} FROM walk_places
         WHERE  walk = $1 AND aside IS NULL AND due_at <= $2
         ORDER BY level DESC, place
         LIMIT  CAST($3 AS BIGINT)"
    )
}

pub(super) fn findings_sql(outcomes: usize) -> String {
    let outcomes: Vec<String> = (0..outcomes).map(|index| format!("${}", index + 5)).collect();
    format!(
        "SELECT account, key, outcome, booking, paths, note, at
         FROM   walk_findings
         WHERE  walk = $1 AND (account, key) > ($2, $3) AND outcome IN ({})
         ORDER BY account, key
         LIMIT  CAST($4 AS BIGINT)",
        outcomes.join(", ")
    )
}

pub(super) fn findings_of_sql(count: usize) -> String {
    format!(
        "WITH wanted (account, key) AS (VALUES {})
         SELECT f.account, f.key, f.outcome, f.booking, f.paths, f.note, f.at
         FROM   wanted AS w
         JOIN   walk_findings AS f ON f.walk = $1 AND f.account = w.account AND f.key = w.key",
        sql::rows(count, 2, 2)
    )
}

const HERE_COLUMNS: &str = "
    b.id, b.connector, b.account, b.kind, b.key, b.position, b.ordinal, b.status, b.hash, b.source, b.created_at,
    c.body, c.happened_at, COALESCE(b.as_of, b.position) AS as_of,
    CAST(CASE WHEN x.position >= b.position THEN 1 ELSE 0 END AS BIGINT) AS erased";

const HERE_JOINS: &str = "
    LEFT JOIN changes AS c ON c.position = b.position AND c.ordinal = b.ordinal
    LEFT JOIN erased_bookings AS x ON x.booking = b.id";

pub(super) fn here_by_key_sql(count: usize) -> String {
    format!(
        "WITH wanted (connector, account, kind, key) AS (VALUES {})
         SELECT {HERE_COLUMNS}
         FROM   wanted AS w
         JOIN   bookings AS b ON b.connector = w.connector AND b.account = w.account
                             AND b.kind = w.kind AND b.key = w.key {HERE_JOINS}",
        sql::rows(count, 4, 1)
    )
}

pub(super) fn here_after_sql() -> String {
    format!(
        "SELECT {HERE_COLUMNS}
         FROM   (SELECT * FROM bookings AS q WHERE q.id > $1 ORDER BY q.id LIMIT CAST($2 AS BIGINT)) AS b {HERE_JOINS}
         ORDER BY b.id"
    )
}

#[async_trait]
impl WalkStore for SqlStore {
    async fn begin_walk(&self, new: &NewWalk) -> Result<(WalkRow, bool), StoreError> {
        self.begin_walking(new).await
    }

    async fn walk(&self, seq: i64) -> Result<Option<WalkRow>, StoreError> {
        self.find_walk(seq).await
    }

    async fn walks(&self, filter: &WalkFilter) -> Result<Vec<WalkRow>, StoreError> {
        self.list_walks(filter).await
    }

    async fn act_on_walk(&self, seq: i64, act: WalkAct, now: Millis) -> Result<bool, StoreError> {
        self.act_on(seq, act, now).await
    }

    async fn due_places(&self, walk: i64, now: Millis, limit: i64) -> Result<DuePlaces, StoreError> {
        let mut session = self.read("give what is to be asked for").await?;
        let bound = values![walk, now, limit.clamp(1, ROWS_MAX)];
        let rows = session.rows(due_sql(), bound).await?;
        let due: Vec<PlaceRow> = rows.iter().map(place_row).collect::<Result<_, _>>()?;
        if !due.is_empty() {
            return Ok(DuePlaces { due, next_at: None });
        }
        let next = session
            .row(
                "SELECT MIN(due_at) AS next_at FROM walk_places WHERE walk = $1 AND aside IS NULL",
                values![walk],
            )
            .await?;
        Ok(DuePlaces { due, next_at: next.map(|row| row.int_or_null("next_at")).transpose()?.flatten() })
    }

    async fn aside_places(&self, walk: i64, limit: i64) -> Result<Vec<PlaceRow>, StoreError> {
        let mut session = self.read("give what was put aside").await?;
        let text = format!(
            "SELECT {PLACE_COLUMNS} FROM walk_places WHERE walk = $1 AND aside IS NOT NULL
             ORDER BY place LIMIT CAST($2 AS BIGINT)"
        );
        let rows = session.rows(text, values![walk, limit.clamp(1, ROWS_MAX)]).await?;
        rows.iter().map(place_row).collect()
    }

    async fn findings_of(
        &self,
        walk: i64,
        keys: &[(String, String)],
    ) -> Result<Vec<WalkFinding>, StoreError> {
        let mut session = self.read("give what the walk knows").await?;
        let mut found = Vec::new();
        for piece in sql::pieces(keys) {
            let mut bound: Vec<Value> = values![walk];
            bound.extend(piece.iter().flat_map(|(account, key)| values![account, key]));
            let rows = session.rows(findings_of_sql(piece.len()), bound).await?;
            for row in &rows {
                found.push(finding(row)?);
            }
        }
        Ok(found)
    }

    async fn findings(&self, query: &FindingQuery) -> Result<Vec<WalkFinding>, StoreError> {
        if query.outcomes.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.read("give what the walk found").await?;
        let (account, key) = query.after.clone().unwrap_or_default();
        let mut bound: Vec<Value> = values![query.walk, account, key, query.limit.clamp(1, ROWS_MAX)];
        bound.extend(query.outcomes.iter().map(|outcome| Value::from(outcome.as_str())));
        let rows = session.rows(findings_sql(query.outcomes.len()), bound).await?;
        rows.iter().map(finding).collect()
    }

    async fn here_by_key(&self, keys: &[BookingKey]) -> Result<Vec<HereBooking>, StoreError> {
        let mut session = self.read("give the bookings").await?;
        let mut found = Vec::with_capacity(keys.len());
        for piece in sql::pieces(keys) {
            let bound =
                piece.iter().flat_map(|key| values![&key.connector, &key.account, &key.kind, &key.key]);
            let rows = session.rows(here_by_key_sql(piece.len()), bound.collect()).await?;
            for row in &rows {
                found.push(here(row)?);
            }
        }
        Ok(found)
    }

    async fn here_after(&self, after: &str, limit: i64) -> Result<Vec<HereBooking>, StoreError> {
        let mut session = self.read("give the bookings that are here").await?;
        let rows = session.rows(here_after_sql(), values![after, limit.clamp(1, ROWS_MAX)]).await?;
        rows.iter().map(here).collect()
    }

    async fn write_walk(&self, write: &WalkWrite) -> Result<bool, StoreError> {
        self.note_walk(write).await
    }

    async fn tidy_walks(&self) -> Result<bool, StoreError> {
        self.tidy_a_walk().await
    }

    async fn a_node_walks(&self) -> Result<bool, StoreError> {
        match &self.database {
            Database::Postgres(database) => database.is_served().await,
            Database::Sqlite(_) => self.node_file.as_deref().map_or(Ok(false), lock::is_held),
        }
    }
}

impl SqlStore {
    /// A piece of one ended walk: its places (of one that is through: but for those put aside), findings that nobody asks
    /// for any more, and those beyond what is kept.
    async fn tidy_a_walk(&self) -> Result<bool, StoreError> {
        let mut session = self.write("forget what a walk left behind").await?;
        let Some(row) = session
            .row(
                "SELECT seq, source, state FROM walks
                 WHERE  tidied = 0 AND state IN ('done', 'stopped') ORDER BY seq LIMIT 1",
                Vec::new(),
            )
            .await?
        else {
            return Ok(false);
        };
        let (seq, source, state) = (row.int("seq")?, row.text("source")?, row.text("state")?);
        let aside = if state == "done" { "AND aside IS NULL" } else { "" };
        let mut gone = session
            .execute(
                format!(
                    "DELETE FROM walk_places WHERE walk = $1 AND place IN
                         (SELECT place FROM walk_places WHERE walk = $1 {aside} LIMIT CAST($2 AS BIGINT))"
                ),
                values![seq, TIDY_ROWS],
            )
            .await?;
        gone += session
            .execute(
                "DELETE FROM walk_findings WHERE walk = $1 AND (account, key) IN
                     (SELECT account, key FROM walk_findings
                      WHERE  walk = $1 AND outcome IN ('found', 'same', 'newer', 'here_only', 'elsewhere', 'erased')
                      LIMIT  CAST($2 AS BIGINT))",
                values![seq, TIDY_ROWS],
            )
            .await?;
        gone += session
            .execute(
                "DELETE FROM walk_findings WHERE walk = $1 AND (account, key) IN
                     (SELECT account, key FROM walk_findings WHERE walk = $1
                      ORDER BY account, key LIMIT CAST($2 AS BIGINT) OFFSET $3)",
                values![seq, TIDY_ROWS, FINDINGS_KEPT],
            )
            .await?;
        // An older walk of the same source has had its time.
        gone += session
            .execute(
                "DELETE FROM walk_findings WHERE walk IN
                     (SELECT seq FROM walks WHERE source = $1 AND state IN ('done', 'stopped')
                      ORDER BY seq DESC LIMIT 1 OFFSET $3)
                 AND (account, key) IN
                     (SELECT f.account, f.key FROM walk_findings AS f WHERE f.walk IN
                          (SELECT seq FROM walks WHERE source = $1 AND state IN ('done', 'stopped')
                           ORDER BY seq DESC LIMIT 1 OFFSET $3)
                      LIMIT CAST($2 AS BIGINT))",
                values![&source, TIDY_ROWS, WALKS_KEPT],
            )
            .await?;
        if gone == 0 {
            session.execute("UPDATE walks SET tidied = 1 WHERE seq = $1", values![seq]).await?;
        }
        session.commit().await?;
        Ok(true)
    }
}

/// Inserts places.
pub(super) fn place_rows(walk: i64, made: &[PlaceRow]) -> Vec<Statement> {
    let statement = |piece: &[PlaceRow]| {
        let text = format!(
            "INSERT INTO walk_places (walk, level, place, share, what, due_at) VALUES {}",
            sql::rows(piece.len(), 6, 1)
        );
        let bound = piece.iter().flat_map(|place| {
            values![walk, place.level, place.place, place.share, &place.what, place.due_at]
        });
        Statement::new(text, bound.collect())
    };
    sql::pieces(made).map(statement).collect()
}

/// Inserts findings, or says what became of them.
pub(super) fn finding_rows(walk: i64, findings: &[WalkFinding]) -> Result<Vec<Statement>, StoreError> {
    let mut statements = Vec::new();
    for piece in sql::pieces(findings) {
        let text = format!(
            "INSERT INTO walk_findings (walk, account, key, outcome, booking, paths, note, at) VALUES {}
             ON CONFLICT (walk, account, key) DO UPDATE
             SET outcome = excluded.outcome, booking = excluded.booking, paths = excluded.paths,
                 note = excluded.note, at = excluded.at",
            sql::rows(piece.len(), 8, 1)
        );
        let mut bound: Vec<Value> = Vec::with_capacity(piece.len() * 8);
        for finding in piece {
            bound.extend(values![
                walk,
                &finding.account,
                &finding.key,
                finding.outcome.as_str(),
                finding.booking.as_ref().map(BookingId::as_str),
                to_json("paths of a finding", &finding.paths)?,
                finding.note.clone(),
                finding.at,
            ]);
        }
        statements.push(Statement::new(text, bound));
    }
    Ok(statements)
}

fn place_row(row: &Row) -> Result<PlaceRow, StoreError> {
    Ok(PlaceRow {
        place: row.int("place")?,
        level: row.int("level")?,
        share: row.int("share")?,
        what: row.text("what")?,
        tries: row.int("tries")?,
        failing_since: row.int_or_null("failing_since")?,
        due_at: row.int("due_at")?,
        aside: row.text_or_null("aside")?,
    })
}

fn finding(row: &Row) -> Result<WalkFinding, StoreError> {
    Ok(WalkFinding {
        account: row.text("account")?,
        key: row.text("key")?,
        outcome: word("outcome of a finding", &row.text("outcome")?, WalkOutcome::parse)?,
        booking: row.text_or_null("booking")?.map(BookingId::new),
        paths: from_json("paths of a finding", &row.text("paths")?)?,
        note: row.text_or_null("note")?,
        at: row.int("at")?,
    })
}

fn here(row: &Row) -> Result<HereBooking, StoreError> {
    Ok(HereBooking {
        booking: StoredBooking {
            id: BookingId::new(row.text("id")?),
            key: booking_key(row)?,
            change: ChangeRef { position: row.int("position")?, ordinal: row.int("ordinal")? },
            status: row.text("status")?,
            body: row.text_or_null("body")?.unwrap_or_else(|| String::from("null")),
            hash: row.text("hash")?,
            happened_at: row.int_or_null("happened_at")?,
            as_of: row.int("as_of")?,
        },
        source: row.text("source")?,
        created_at: row.int("created_at")?,
        erased: row.truth("erased")?,
    })
}
