//! Walks over a source's API: the walk's row, what people do with it, and its steps. Promises that a step is noted whole or
//! not at all, that of two who do the same step one does nothing, and that a source is walked once at a time.

use super::SqlStore;
use super::rows::{from_json, to_json, word};
use super::session::{Row, Statement, Value, values};
use super::walk_places::{finding_rows, place_rows};
use crate::domain::Millis;
use crate::ports::{
    NewWalk, StoreError, WalkAct, WalkCounts, WalkFilter, WalkPhase, WalkPurpose, WalkRow, WalkState,
    WalkWrite,
};

/// Walks of one look.
const WALKS_MAX: i64 = 200;

const WALK_COLUMNS: &str = "
    seq, source, purpose, from_day, to_day, report, who, state, phase, cursor, began_at, updated_at, ended_at,
    rests_until, failures, note, counts, revision";

pub(super) fn open_sql() -> String {
    format!(
        "SELECT{WALK_COLUMNS} FROM walks WHERE source = $1 AND state IN ('open', 'paused') ORDER BY seq LIMIT 1"
    )
}

pub(super) fn of_source_sql() -> String {
    format!("SELECT{WALK_COLUMNS} FROM walks WHERE source = $1 ORDER BY seq DESC LIMIT CAST($2 AS BIGINT)")
}

impl SqlStore {
    pub(super) async fn begin_walking(&self, new: &NewWalk) -> Result<(WalkRow, bool), StoreError> {
        let mut session = self.write("begin the walk").await?;
        if let Some(row) = session.row(open_sql(), values![&new.source]).await? {
            session.commit().await?;
            return Ok((walk_row(&row)?, false));
        }
        let text = format!(
            "INSERT INTO walks
                 (source, purpose, from_day, to_day, report, who, state, phase, counts, began_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'open', 'begin', $8, $7, $7)
             RETURNING {WALK_COLUMNS}"
        );
        let bound = values![
            &new.source,
            new.purpose.as_str(),
            &new.from_day,
            &new.to_day,
            new.report,
            &new.who,
            new.at,
            to_json("counts of a walk", &WalkCounts { end_gone: new.end_gone, ..WalkCounts::default() })?
        ];
        let row = session.row(text, bound).await?.ok_or_else(|| StoreError::Corrupt {
            what: String::from("walk"),
            why: String::from("the database did not give it back; try again"),
        })?;
        let row = walk_row(&row)?;
        session.commit().await?;
        Ok((row, true))
    }

    pub(super) async fn find_walk(&self, seq: i64) -> Result<Option<WalkRow>, StoreError> {
        let mut session = self.read("give the walk").await?;
        let text = format!("SELECT{WALK_COLUMNS} FROM walks WHERE seq = $1");
        session.row(text, values![seq]).await?.as_ref().map(walk_row).transpose()
    }

    pub(super) async fn list_walks(&self, filter: &WalkFilter) -> Result<Vec<WalkRow>, StoreError> {
        let mut session = self.read("give the walks").await?;
        let limit = filter.limit.clamp(1, WALKS_MAX);
        let rows = match (&filter.source, filter.open) {
            (Some(source), true) => session.rows(open_sql(), values![source]).await?,
            (Some(source), false) => session.rows(of_source_sql(), values![source, limit]).await?,
            (None, open) => {
                let open = if open { "WHERE state IN ('open', 'paused')" } else { "" };
                let text = format!(
                    "SELECT{WALK_COLUMNS} FROM walks {open} ORDER BY seq DESC LIMIT CAST($1 AS BIGINT)"
                );
                session.rows(text, values![limit]).await?
            }
        };
        rows.iter().map(walk_row).collect()
    }

    pub(super) async fn act_on(&self, seq: i64, act: WalkAct, now: Millis) -> Result<bool, StoreError> {
        let mut session = self.write("change the walk").await?;
        let text = match act {
            WalkAct::Pause => {
                "UPDATE walks SET state = 'paused', updated_at = $2, revision = revision + 1
                 WHERE  seq = $1 AND state = 'open'"
            }
            WalkAct::Stop => {
                "UPDATE walks
                 SET    state = 'stopped', note = 'a person stopped it', rests_until = NULL, ended_at = $2,
                        updated_at = $2, tidied = 0, revision = revision + 1
                 WHERE  seq = $1 AND state IN ('open', 'paused')"
            }
            // One that is through goes on where places of it were put aside, and no other walk of its source is open.
            WalkAct::Resume => {
                "UPDATE walks
                 SET    state = 'open', note = NULL, rests_until = NULL, failures = 0, ended_at = NULL,
                        updated_at = $2, revision = revision + 1
                 WHERE  seq = $1
                 AND    (state = 'paused'
                         OR (state = 'open' AND rests_until IS NOT NULL)
                         OR (state = 'done'
                             AND EXISTS (SELECT 1 FROM walk_places AS p
                                         WHERE p.walk = walks.seq AND p.aside IS NOT NULL)
                             AND NOT EXISTS (SELECT 1 FROM walks AS o
                                             WHERE o.source = walks.source AND o.state IN ('open', 'paused'))))"
            }
        };
        if session.execute(text, values![seq, now]).await? == 0 {
            return Ok(false);
        }
        if act == WalkAct::Resume {
            session
                .execute(
                    "UPDATE walk_places SET aside = NULL, tries = 0, failing_since = NULL, due_at = 0
                     WHERE  walk = $1 AND aside IS NOT NULL",
                    values![seq],
                )
                .await?;
        }
        session.commit().await?;
        Ok(true)
    }

    pub(super) async fn note_walk(&self, write: &WalkWrite) -> Result<bool, StoreError> {
        let walk = &write.walk;
        let mut session = self.write("note the walk's step").await?;
        let noted = session
            .execute(
                "UPDATE walks
                 SET    state = $3, phase = $4, cursor = $5, updated_at = $6, ended_at = $7, rests_until = $8,
                        failures = $9, note = $10, counts = $11, revision = revision + 1, tidied = 0
                 WHERE  seq = $1 AND revision = $2 AND state = 'open'",
                values![
                    walk.seq,
                    walk.revision,
                    walk.state.as_str(),
                    walk.phase.as_str(),
                    &walk.cursor,
                    walk.updated_at,
                    walk.ended_at,
                    walk.rests_until,
                    walk.failures,
                    walk.note.clone(),
                    to_json("counts of a walk", &walk.counts)?,
                ],
            )
            .await?;
        if noted == 0 {
            return Ok(false);
        }
        let mut statements = Vec::new();
        statements.extend(place_rows(walk.seq, &write.made));
        for kept in &write.kept {
            statements.push(Statement::new(
                "UPDATE walk_places SET share = $3, what = $4, tries = $5, failing_since = $6, due_at = $7, aside = $8
                 WHERE  walk = $1 AND place = $2",
                values![
                    walk.seq,
                    kept.place,
                    kept.share,
                    &kept.what,
                    kept.tries,
                    kept.failing_since,
                    kept.due_at,
                    kept.aside.clone(),
                ],
            ));
        }
        for piece in super::sql::padded(&write.done) {
            let mut bound: Vec<Value> = values![walk.seq];
            bound.extend(piece.iter().map(|place| Value::from(**place)));
            statements.push(Statement::new(done_sql(piece.len()), bound));
        }
        statements.extend(finding_rows(walk.seq, &write.findings)?);
        session.commit_after(statements).await?;
        Ok(true)
    }
}

pub(super) fn done_sql(count: usize) -> String {
    format!("DELETE FROM walk_places WHERE walk = $1 AND place IN (VALUES {})", super::sql::rows(count, 1, 2))
}

fn walk_row(row: &Row) -> Result<WalkRow, StoreError> {
    let counts: WalkCounts = from_json("counts of a walk", &row.text("counts")?)?;
    Ok(WalkRow {
        seq: row.int("seq")?,
        asked: NewWalk {
            source: row.text("source")?,
            purpose: word("purpose of a walk", &row.text("purpose")?, WalkPurpose::parse)?,
            from_day: row.text("from_day")?,
            to_day: row.text("to_day")?,
            report: row.int_or_null("report")?,
            end_gone: counts.end_gone,
            who: row.text("who")?,
            at: row.int("began_at")?,
        },
        state: word("state of a walk", &row.text("state")?, WalkState::parse)?,
        phase: word("phase of a walk", &row.text("phase")?, WalkPhase::parse)?,
        cursor: row.text("cursor")?,
        updated_at: row.int("updated_at")?,
        ended_at: row.int_or_null("ended_at")?,
        rests_until: row.int_or_null("rests_until")?,
        failures: row.int("failures")?,
        note: row.text_or_null("note")?,
        counts,
        revision: row.int("revision")?,
    })
}
