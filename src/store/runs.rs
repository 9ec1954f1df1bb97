//! Runs, by hand and in bulk: retried, cancelled, paused, hurried. Each in bounded pieces, each keeping the lanes.

use super::causes::{self, Troubled};
use super::lanes::{self, Touched};
use super::rows::{self, RUN_COLUMNS, verdict_code};
use super::session::{Session, Value, values};
use super::{SqlStore, sql};
use crate::domain::{Millis, RunId, Verdict};
use crate::ports::StoreError;
use std::collections::HashSet;

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
            let kept = (&mut touched, &mut taken);
            // One that a newer change took over goes over that only where a person wants it as it was.
            let from = if as_it_was {
                "'waiting', 'failed', 'held', 'cancelled', 'superseded'"
            } else {
                "'waiting', 'failed', 'held', 'cancelled'"
            };
            retry_piece(&mut session, piece, from, as_it_was, now, kept).await?;
        }
        session.all(lanes::settle(&touched)).await?;
        session.commit().await?;
        Ok(in_order(runs, &taken))
    }

    pub(super) async fn cancel_by_hand(
        &self,
        runs: &[RunId],
        verdict: &Verdict,
        now: Millis,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut session = self.write("cancel the runs").await?;
        let mut touched = Touched::default();
        let mut taken = Vec::new();
        for piece in sql::pieces(runs) {
            let how = Cancelling { verdict, from: "'waiting', 'paused', 'failed', 'held'", at: now };
            cancel_piece(&mut session, piece, how, (&mut touched, &mut taken)).await?;
        }
        session.all(lanes::settle(&touched)).await?;
        session.commit().await?;
        Ok(in_order(runs, &taken))
    }

    pub(super) async fn hold_by_hand(
        &self,
        runs: &[RunId],
        verdict: &Verdict,
        now: Millis,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut session = self.write("hold the runs").await?;
        let mut touched = Touched::default();
        let mut held = Vec::new();
        for piece in sql::pieces(runs) {
            let mut bound: Vec<Value> = values![verdict_code(verdict), &verdict.text, now];
            bound.extend(piece.iter().map(|run| Value::from(run.as_str())));
            let text = format!(
                "UPDATE runs
                 SET    state = 'held', verdict_code = $1, verdict_text = $2, next_at = NULL, kept_at = NULL,
                        revision = revision + 1, updated_at = $3
                 WHERE  id IN (VALUES {}) AND state IN ('waiting', 'paused')
                 RETURNING {}",
                sql::rows(piece.len(), 1, 4),
                RUN_COLUMNS.replace("r.", "")
            );
            for row in session.rows(text, bound).await? {
                held.push(rows::run(&row)?);
            }
        }
        for run in &held {
            touched.add(run.lane.clone(), now);
        }
        let mut statements = lanes::settle(&touched);
        // As they are now: the row came back with its verdict and time.
        let troubled: Vec<Troubled<'_>> = held.iter().map(Troubled::as_told).collect();
        statements.extend(causes::put(&troubled));
        session.all(statements).await?;
        session.commit().await?;
        let taken: Vec<RunId> = held.iter().map(|run| run.id.clone()).collect();
        Ok(in_order(runs, &taken))
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

/// Those of the wanted runs that were taken, in the order wanted, each once.
fn in_order(wanted: &[RunId], taken: &[RunId]) -> Vec<RunId> {
    let taken: HashSet<&RunId> = taken.iter().collect();
    let mut told: HashSet<&RunId> = HashSet::new();
    wanted.iter().filter(|run| taken.contains(run) && told.insert(run)).cloned().collect()
}

/// Sets a piece of runs in one of these states waiting; when they are due is decided by `settle`. One that was held by hand
/// goes on as it was; any other takes the present ruleset. One whose version of the booking was removed, or whose guest was
/// erased, has nothing left to send, and stays.
pub(super) async fn retry_piece(
    session: &mut Session,
    piece: &[RunId],
    from: &'static str,
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
                failing_stopped_ms = 0, verdict_code = NULL, verdict_text = NULL, as_it_was = $2,
                ruleset = CASE WHEN state = 'held' AND verdict_code = 'by_hand' THEN ruleset ELSE NULL END,
                uncertain = CASE WHEN verdict_code = 'outcome_unknown' THEN 0 ELSE uncertain END,
                revision = revision + 1, updated_at = $1
         WHERE  id IN (VALUES {wanted}) AND state IN ({from})
         AND    NOT EXISTS (SELECT 1 FROM changes AS c
                            WHERE  c.position = runs.change_position AND c.ordinal = runs.change_ordinal
                            AND    c.body IS NULL AND c.hash IS NOT NULL)
         AND    NOT EXISTS (SELECT 1 FROM erased_bookings AS x
                            WHERE  x.booking = runs.booking AND x.position >= runs.position)
         RETURNING id, lane"
    );
    for row in session.rows(text, bound).await? {
        touched.add_waiting(row.text("lane")?, now);
        taken.push(RunId::new(row.text("id")?));
    }
    Ok(())
}

/// How runs are cancelled.
#[derive(Clone, Copy)]
pub(super) struct Cancelling<'a> {
    pub verdict: &'a Verdict,
    /// Those in one of these states.
    pub from: &'static str,
    pub at: Millis,
}

/// Cancels a piece of runs.
pub(super) async fn cancel_piece(
    session: &mut Session,
    piece: &[RunId],
    how: Cancelling<'_>,
    (touched, taken): (&mut Touched, &mut Vec<RunId>),
) -> Result<(), StoreError> {
    let mut bound: Vec<Value> = values![verdict_code(how.verdict), &how.verdict.text, how.at];
    bound.extend(piece.iter().map(|run| Value::from(run.as_str())));
    let text = format!(
        "UPDATE runs
         SET    state = 'cancelled', verdict_code = $1, verdict_text = $2, next_at = NULL, kept_at = NULL,
                revision = revision + 1, updated_at = $3
         WHERE  id IN (VALUES {}) AND state IN ({})
         RETURNING id, lane",
        sql::rows(piece.len(), 1, 4),
        how.from
    );
    for row in session.rows(text, bound).await? {
        touched.add(row.text("lane")?, how.at);
        taken.push(RunId::new(row.text("id")?));
    }
    Ok(())
}
