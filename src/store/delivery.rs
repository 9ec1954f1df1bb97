//! What delivery reads and writes: due runs with all they need in one query, and how far each run got. Promises that an
//! overtaken write leaves nothing of itself while the others of its batch go through, and that lanes are kept.

use super::SqlStore;
use super::causes::{self, Troubled};
use super::lanes::{self, Touched};
use super::rows::{self, RUN_COLUMNS, to_json, verdict_code};
use super::session::{Session, Statement, Value, values};
use super::{links, sql};
use crate::domain::{AttemptId, Millis, RunId, RunState, Seq};
use crate::ports::{
    AttemptBegin, AttemptEnd, DeliveryWrite, DueConnection, DueQuery, DueRun, LostAttempt, RunWrite,
    StoreError, Written,
};
use std::collections::{HashMap, HashSet};

/// All that a run needs, for `runs AS r`: the version that it is pinned to is the change's own, or for replay and apply
/// the one at the run's position.
const CONTEXT_COLUMNS: &str = "
       b.connector, b.account, b.kind, b.key, c.kind AS change_kind, c.paths, c.at, e.id AS event, e.source,
       e.received_at,
       CASE WHEN r.position = r.change_position AND c.body IS NOT NULL THEN c.body
            ELSE (SELECT v.body FROM changes AS v
                  WHERE  v.booking = r.booking AND v.position = r.position AND v.body IS NOT NULL
                  ORDER BY v.ordinal DESC LIMIT 1) END AS body,
       p.body AS previous,
       CAST(CASE WHEN r.supersedes = 1
                  AND EXISTS (SELECT 1 FROM runs AS n
                              WHERE  n.lane = r.lane AND n.state IN ('waiting', 'working', 'paused')
                              AND    n.seq > r.seq AND n.supersedes = 1)
                 THEN 1 ELSE 0 END AS BIGINT) AS newer_waits,
       CAST(CASE WHEN EXISTS (SELECT 1 FROM rebookings AS s
                              WHERE  s.connector = b.connector AND s.account = b.account AND s.kind = b.kind
                              AND    s.old_key = b.key)
                   OR EXISTS (SELECT 1 FROM rebookings AS s
                              WHERE  s.connector = b.connector AND s.account = b.account AND s.kind = b.kind
                              AND    s.new_key = b.key)
                 THEN 1 ELSE 0 END AS BIGINT) AS chained";

const CONTEXT_JOINS: &str = "
LEFT JOIN bookings AS b ON b.id = r.booking
LEFT JOIN changes  AS c ON c.position = r.change_position AND c.ordinal = r.change_ordinal
LEFT JOIN events   AS e ON e.position = r.change_position
LEFT JOIN changes  AS p ON p.position = c.previous_position AND p.ordinal = c.previous_ordinal";

/// The claim's query: due ones first, found in `runs_due` alone, then what they need. Whoever asks puts them in order, so
/// that the database does not carry the bodies through a sorter.
pub(super) fn due_sql(bounded: bool) -> String {
    let bound = if bounded { "AND q.next_at <= $4" } else { "" };
    format!(
        "SELECT {RUN_COLUMNS},{CONTEXT_COLUMNS}
FROM (SELECT * FROM (SELECT d.*, SUM(COALESCE(w.body_bytes, 0)) OVER (ORDER BY d.next_at, d.seq)
                                 - COALESCE(w.body_bytes, 0) AS bytes_before
                     FROM (SELECT * FROM runs AS q
                           WHERE  q.connection = $1 AND q.state = 'waiting' AND q.next_at IS NOT NULL {bound}
                           ORDER BY q.next_at, q.seq
                           LIMIT  CAST($2 AS BIGINT)) AS d
                     LEFT JOIN events AS w ON w.position = d.change_position) AS s
      WHERE  s.bytes_before < $3) AS r{CONTEXT_JOINS}"
    )
}

/// When the first run of each connection is due: one look into `runs_due` per connection that has runs waiting.
pub(super) const DUE_CONNECTIONS: &str = "
SELECT k.connection,
       (SELECT MIN(r.next_at) FROM runs AS r
        WHERE  r.connection = k.connection AND r.state = 'waiting' AND r.next_at IS NOT NULL) AS next_at,
       COALESCE((SELECT c.paused FROM connections AS c WHERE c.name = k.connection), 0) AS paused
FROM   run_counts AS k
WHERE  k.state = 'waiting' AND k.runs > 0
ORDER BY k.connection";

pub(super) fn newest_sql() -> String {
    format!(
        "SELECT {RUN_COLUMNS},{CONTEXT_COLUMNS}
             FROM (SELECT * FROM runs AS q
                   WHERE  q.lane = $1 AND q.state IN ('waiting', 'working', 'paused')
                   AND    q.state <> 'working' AND q.seq > $2
                   ORDER BY q.seq DESC
                   LIMIT  1) AS r{CONTEXT_JOINS}"
    )
}

pub(super) fn lost_sql(condition: &str) -> String {
    format!(
        "SELECT {RUN_COLUMNS}, a.id AS attempt, a.kind AS attempt_kind, a.started_at
             FROM   attempts AS a
             JOIN   runs AS r ON r.id = a.run
             WHERE  a.outcome = 'sending' AND {condition}
             ORDER BY a.started_at, a.id"
    )
}

impl SqlStore {
    pub(super) async fn connections_due(&self) -> Result<Vec<DueConnection>, StoreError> {
        let mut session = self.read("tell what is due").await?;
        let mut due = Vec::new();
        for row in session.rows(DUE_CONNECTIONS, Vec::new()).await? {
            if let Some(at) = row.int_or_null("next_at")? {
                let (name, paused) = (row.text("connection")?, row.truth("paused")?);
                due.push(DueConnection { name, first_due: at, paused });
            }
        }
        Ok(due)
    }

    pub(super) async fn due(&self, query: &DueQuery) -> Result<Vec<DueRun>, StoreError> {
        let mut session = self.read("give the runs that are due").await?;
        let mut bound = values![&query.connection, query.limit.max(0), query.body_bytes_max.max(1)];
        bound.extend(query.due_by.map(Value::from));
        let rows = session.rows(due_sql(query.due_by.is_some()), bound).await?;
        let mut due = rows.iter().map(rows::due_run).collect::<Result<Vec<_>, _>>()?;
        due.sort_by_key(|due| (due.run.next_at, due.run.seq));
        Ok(due)
    }

    pub(super) async fn find_run(&self, id: &RunId) -> Result<Option<DueRun>, StoreError> {
        let mut session = self.read("give the run").await?;
        let text =
            format!("SELECT {RUN_COLUMNS},{CONTEXT_COLUMNS} FROM runs AS r{CONTEXT_JOINS} WHERE r.id = $1");
        let row = session.row(text, values![id.as_str()]).await?;
        row.as_ref().map(rows::due_run).transpose()
    }

    pub(super) async fn find_newest(&self, lane: &str, after: Seq) -> Result<Option<DueRun>, StoreError> {
        let mut session = self.read("give the newest run of a lane").await?;
        let text = newest_sql();
        let row = session.row(text, values![lane, after]).await?;
        row.as_ref().map(rows::due_run).transpose()
    }

    pub(super) async fn lost(
        &self,
        node: Option<&str>,
        before: Millis,
    ) -> Result<Vec<LostAttempt>, StoreError> {
        let mut session = self.read("give the attempts in flight").await?;
        let (condition, bound) = match node {
            Some(node) => ("a.node = $1", values![node]),
            None => ("a.started_at < $1", values![before]),
        };
        let text = lost_sql(condition);
        let mut lost = Vec::new();
        for row in session.rows(text, bound).await? {
            lost.push(LostAttempt {
                id: AttemptId::new(row.text("attempt")?),
                kind: row.text("attempt_kind")?,
                at: row.int("started_at")?,
                run: rows::run(&row)?,
            });
        }
        Ok(lost)
    }

    pub(super) async fn deliver(&self, writes: &[DeliveryWrite]) -> Result<Vec<Written>, StoreError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.write("record the delivery").await?;
        let mut touched = Touched::default();
        let mut written = Vec::with_capacity(writes.len());
        let mut statements = Vec::new();
        for group in groups(writes) {
            // What this group reads, the one before it may have written.
            session.all(std::mem::take(&mut statements)).await?;
            statements = deliver_group(&mut session, group, &mut touched, &mut written).await?;
        }
        statements.extend(lanes::take_over(&touched));
        statements.extend(lanes::settle(&touched));
        session.commit_after(statements).await?;
        Ok(written)
    }
}

/// Cuts a batch where a run comes a second time, so that each group can be written by statements of many rows and the
/// order given is kept.
fn groups(writes: &[DeliveryWrite]) -> Vec<&[DeliveryWrite]> {
    let mut groups = Vec::new();
    let mut seen: HashSet<&RunId> = HashSet::new();
    let mut start = 0;
    for (index, write) in writes.iter().enumerate() {
        if !seen.insert(&write.run.id) {
            groups.push(&writes[start..index]);
            start = index;
            seen.clear();
            seen.insert(&write.run.id);
        }
    }
    groups.push(&writes[start..]);
    groups
}

/// Gives the statements that write a group, and says what becomes of each of its writes.
async fn deliver_group(
    session: &mut Session,
    group: &[DeliveryWrite],
    touched: &mut Touched,
    written: &mut Vec<Written>,
) -> Result<Vec<Statement>, StoreError> {
    let mut asks: Vec<Statement> = present_runs(group).collect();
    let of_runs = asks.len();
    asks.extend(sending_attempts(group));
    let mut present = HashMap::with_capacity(group.len());
    let mut sending = HashSet::with_capacity(group.len());
    for (index, came) in session.all(asks).await?.into_iter().enumerate() {
        for row in came.rows {
            if index < of_runs {
                let known = Present {
                    revision: row.int("revision")?,
                    lane: row.text("lane")?,
                    troubled: row.truth("troubled")?,
                };
                present.insert(row.text("id")?, known);
            } else {
                sending.insert(row.text("id")?);
            }
        }
    }
    let mut good = Vec::with_capacity(group.len());
    let mut passed: Vec<(&str, Millis)> = Vec::new();
    for write in group {
        let known = present.get(write.run.id.as_str()).filter(|known| known.revision == write.run.revision);
        let in_flight = write.end.as_ref().is_none_or(|end| sending.contains(end.id.as_str()));
        let Some(known) = known.filter(|_| in_flight) else {
            written.push(Written::Overtaken);
            continue;
        };
        if known.troubled && matches!(write.run.state, RunState::Done | RunState::Skipped) {
            passed.push((write.run.id.as_str(), write.run.at));
        }
        let lane = &known.lane;
        // A run in a call holds its lane as it is; anything else may move it.
        match write.run.state {
            RunState::Working => {}
            state if state.blocks_lane() => touched.add_waiting(lane.clone(), write.run.at),
            _ => touched.add(lane.clone(), write.run.at),
        }
        good.push(write);
        written.push(Written::Yes);
    }
    let mut statements = write_runs(&good.iter().map(|write| &write.run).collect::<Vec<_>>())?;
    statements.extend(causes::put(&good.iter().filter_map(|w| Troubled::of(&w.run)).collect::<Vec<_>>()));
    statements.extend(sql::padded(&passed).map(|piece| {
        let bound = piece.iter().flat_map(|(id, at)| values![*id, *at]).collect();
        Statement::new(causes::overtake_sql(piece.len()), bound)
    }));
    statements.extend(begin_attempts(good.iter().filter_map(|write| write.begin.as_ref()).collect()));
    statements.extend(end_attempts(good.iter().filter_map(|write| write.end.as_ref()).collect()));
    statements.extend(links::write(good.iter().flat_map(|write| &write.links))?);
    Ok(statements)
}

/// A run of the group as it is now.
struct Present {
    revision: i64,
    lane: String,
    /// Runs of its lane need a person, or did and are being tried again.
    troubled: bool,
}

/// Asks for the runs of the group. Nobody else writes runs until we commit.
fn present_runs(group: &[DeliveryWrite]) -> impl Iterator<Item = Statement> {
    sql::padded(group).map(|piece| {
        let text = format!(
            "SELECT id, revision, lane,
                    CAST(CASE WHEN EXISTS (SELECT 1 FROM run_causes AS t WHERE t.lane = runs.lane)
                              THEN 1 ELSE 0 END AS BIGINT) AS troubled
             FROM   runs WHERE id IN (VALUES {})",
            sql::rows(piece.len(), 1, 1)
        );
        Statement::new(text, piece.iter().map(|write| Value::from(write.run.id.as_str())).collect())
    })
}

/// Asks which of the attempts that the group ends are in flight.
fn sending_attempts(group: &[DeliveryWrite]) -> Vec<Statement> {
    let ends: Vec<&str> =
        group.iter().filter_map(|write| write.end.as_ref()).map(|end| end.id.as_str()).collect();
    sql::padded(&ends)
        .map(|piece| {
            let text = format!(
                "SELECT id FROM attempts WHERE id IN (VALUES {}) AND outcome = 'sending'",
                sql::rows(piece.len(), 1, 1)
            );
            Statement::new(text, piece.iter().map(|id| Value::from(**id)).collect())
        })
        .collect()
}

fn write_runs(writes: &[&RunWrite]) -> Result<Vec<Statement>, StoreError> {
    let mut statements = Vec::new();
    for piece in sql::padded(writes) {
        let text = format!(
            "WITH new (id, revision, state, verdict_code, verdict_text, next_at, connection, ruleset, steps,
                       failures, failing_since, failing_stopped_ms, uncertain, at) AS (VALUES {})
             UPDATE runs
             SET    state = new.state, verdict_code = new.verdict_code, verdict_text = new.verdict_text,
                    next_at = new.next_at, kept_at = NULL, connection = new.connection, ruleset = new.ruleset,
                    steps = new.steps, failures = new.failures, failing_since = new.failing_since,
                    failing_stopped_ms = new.failing_stopped_ms, uncertain = new.uncertain,
                    revision = runs.revision + 1, updated_at = new.at
             FROM   new
             WHERE  runs.id = new.id AND runs.revision = new.revision",
            sql::rows(piece.len(), 14, 1)
        );
        let mut bound = Vec::with_capacity(piece.len() * 14);
        for write in piece.iter() {
            let next_at = if write.state == RunState::Waiting { write.next_at } else { None };
            bound.extend(values![
                write.id.as_str(),
                write.revision,
                write.state.as_str(),
                write.verdict.as_ref().map(verdict_code),
                write.verdict.as_ref().map(|verdict| verdict.text.clone()),
                next_at,
                &write.connection,
                write.ruleset.clone(),
                to_json("steps of a run", &write.steps)?,
                write.failures,
                write.failing_since,
                write.failing_stopped_ms,
                write.uncertain,
                write.at,
            ]);
        }
        statements.push(Statement::new(text, bound).hits("runs", piece.real));
    }
    Ok(statements)
}

fn begin_attempts(begins: Vec<&AttemptBegin>) -> Vec<Statement> {
    let statement = |piece: &[&AttemptBegin]| {
        let text = format!(
            "INSERT INTO attempts (id, run, step, kind, number, connection, node, started_at, outcome, request)
             VALUES {}",
            sql::rows(piece.len(), 10, 1)
        );
        let bound = piece.iter().flat_map(|begin| {
            values![
                begin.id.as_str(),
                begin.run.as_str(),
                &begin.step,
                &begin.kind,
                begin.number,
                &begin.connection,
                &begin.node,
                begin.at,
                "sending",
                &begin.request,
            ]
        });
        Statement::new(text, bound.collect())
    };
    sql::pieces(&begins).map(statement).collect()
}

fn end_attempts(ends: Vec<&AttemptEnd>) -> Vec<Statement> {
    let statement = |piece: sql::Padded<'_, &AttemptEnd>| {
        let text = format!(
            "WITH new (id, outcome, status, answer, message, duration_ms, at) AS (VALUES {})
             UPDATE attempts
             SET    outcome = new.outcome, status = new.status, answer = new.answer, message = new.message,
                    duration_ms = new.duration_ms, ended_at = new.at
             FROM   new
             WHERE  attempts.id = new.id AND attempts.outcome = 'sending'",
            sql::rows(piece.len(), 7, 1)
        );
        let bound = piece.iter().flat_map(|end| {
            values![
                end.id.as_str(),
                &end.outcome,
                end.status,
                end.answer.clone(),
                end.message.clone(),
                end.duration_ms,
                end.at,
            ]
        });
        Statement::new(text, bound.collect()).hits("attempts", piece.real)
    };
    sql::padded(&ends).map(statement).collect()
}
