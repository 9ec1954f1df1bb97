//! Runs, by hand and in bulk: retried, cancelled, paused, hurried. Each in bounded pieces, each keeping the lanes.

use super::SqlStore;
use super::lanes::{self, Touched};
use super::rows::verdict_code;
use super::session::{Session, Value, values};
use super::sql;
use crate::domain::{Millis, RunId, Verdict};
use crate::ports::StoreError;

pub(super) const HURRY: &str = "
UPDATE runs
SET    next_at = $2, revision = revision + 1, updated_at = $2
WHERE  seq IN (SELECT r.seq FROM runs AS r
               WHERE  r.connection = $1 AND r.state = 'waiting' AND r.next_at IS NOT NULL
               AND    r.next_at > $2
               ORDER BY r.next_at, r.seq
               LIMIT  $3)";

pub(super) fn pause_sql(pause: bool) -> String {
    let (from, to) = if pause { ("waiting", "paused") } else { ("paused", "waiting") };
    format!(
        "UPDATE runs
             SET    state = '{to}', next_at = NULL, kept_at = NULL, revision = revision + 1, updated_at = $2
             WHERE  seq IN (SELECT r.seq FROM runs AS r
                            WHERE  r.connection = $1 AND r.state = '{from}'
                            ORDER BY r.seq
                            LIMIT  $3)
             RETURNING lane"
    )
}

impl SqlStore {
    pub(super) async fn hurry(&self, connection: &str, now: Millis, limit: i64) -> Result<i64, StoreError> {
        let mut session = self.write("hurry the runs").await?;
        let hurried = session.execute(HURRY, values![connection, now, limit.max(0)]).await?;
        session.commit().await?;
        Ok(hurried)
    }

    pub(super) async fn pause(
        &self,
        connection: &str,
        pause: bool,
        now: Millis,
        limit: i64,
    ) -> Result<i64, StoreError> {
        let mut session = self.write(if pause { "pause the runs" } else { "resume the runs" }).await?;
        let text = pause_sql(pause);
        let lanes = session.rows(text, values![connection, now, limit.max(0)]).await?;
        let moved = lanes.len() as i64;
        if !pause {
            let mut touched = Touched::default();
            for row in lanes {
                touched.add_waiting(row.text("lane")?, now);
            }
            session.all(lanes::settle(&touched)).await?;
        }
        session.commit().await?;
        Ok(moved)
    }

    pub(super) async fn mend(&self, now: Millis) -> Result<i64, StoreError> {
        let mut session = self.write("mend the lanes").await?;
        let mended = lanes::mend(&mut session, now).await?;
        session.commit().await?;
        Ok(mended)
    }

    pub(super) async fn retry(
        &self,
        runs: &[RunId],
        as_it_was: bool,
        now: Millis,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut session = self.write("try the runs again").await?;
        let mut touched = Touched::default();
        let mut taken = Vec::new();
        for piece in sql::pieces(runs) {
            retry_piece(&mut session, piece, as_it_was, now, (&mut touched, &mut taken)).await?;
        }
        session.all(lanes::settle(&touched)).await?;
        session.commit().await?;
        let mut in_order: Vec<RunId> = Vec::with_capacity(taken.len());
        for run in runs {
            if taken.contains(run) && !in_order.contains(run) {
                in_order.push(run.clone());
            }
        }
        Ok(in_order)
    }

    pub(super) async fn cancel(
        &self,
        rule: &str,
        verdict: &Verdict,
        now: Millis,
        limit: i64,
    ) -> Result<i64, StoreError> {
        let mut session = self.write("cancel the runs").await?;
        let rows = session
            .rows(
                "UPDATE runs
                 SET    state = 'cancelled', verdict_code = $2, verdict_text = $3, next_at = NULL, kept_at = NULL,
                        revision = revision + 1, updated_at = $4
                 WHERE  seq IN (SELECT r.seq FROM runs AS r
                                WHERE  r.rule = $1 AND r.state IN ('waiting', 'paused')
                                AND    NOT EXISTS (SELECT 1 FROM attempts AS a WHERE a.run = r.id)
                                ORDER BY r.seq
                                LIMIT  $5)
                 RETURNING lane",
                values![rule, verdict_code(verdict), &verdict.text, now, limit.max(0)],
            )
            .await?;
        let mut touched = Touched::default();
        for row in &rows {
            touched.add(row.text("lane")?, now);
        }
        session.all(lanes::settle(&touched)).await?;
        session.commit().await?;
        Ok(rows.len() as i64)
    }
}

/// Sets a piece of runs waiting; when they are due is decided by `settle`.
async fn retry_piece(
    session: &mut Session,
    piece: &[RunId],
    as_it_was: bool,
    now: Millis,
    (touched, taken): (&mut Touched, &mut Vec<RunId>),
) -> Result<(), StoreError> {
    let mut bound: Vec<Value> = values![now, as_it_was];
    bound.extend(piece.iter().map(|run| Value::from(run.as_str())));
    let wanted = sql::rows(piece.len(), 1, 3);
    let text = format!(
        "UPDATE runs
         SET    state = 'waiting', next_at = NULL, kept_at = NULL, failures = 0, failing_since = NULL,
                failing_stopped_ms = 0, verdict_code = NULL, verdict_text = NULL, ruleset = NULL, as_it_was = $2,
                uncertain = CASE WHEN verdict_code = 'outcome_unknown' THEN 0 ELSE uncertain END,
                revision = revision + 1, updated_at = $1
         WHERE  id IN (VALUES {wanted}) AND state IN ('waiting', 'failed', 'held', 'cancelled')
         RETURNING id, lane"
    );
    for row in session.rows(text, bound).await? {
        touched.add_waiting(row.text("lane")?, now);
        taken.push(RunId::new(row.text("id")?));
    }
    Ok(())
}
