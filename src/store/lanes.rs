//! Lanes: of one lane's runs, only the first that blocks (`waiting`, `working`, `paused`) may have a time, and none while
//! one is in a call. Every transaction that changes a run's state or place ends here.
//!
//! Invariant, tried by `tests/contract`: a waiting run with `next_at` is the first of its lane, and no run of that lane
//! is `working`. So what is due can be read from one index, and claiming never takes two of one lane.
//! Where an older run is put before one that had a time, that time is kept in `kept_at` and given back.

use super::session::{Session, Statement, Value, values};
use super::sql;
use crate::domain::Millis;
use crate::ports::StoreError;
use std::collections::{BTreeMap, BTreeSet};

/// The sentence of a superseded run.
pub(super) const SUPERSEDED: &str = "A newer change of the booking took over.";

/// Lanes that a transaction touched, each with the time at which its next run becomes due.
#[derive(Default)]
pub(super) struct Touched {
    lanes: BTreeMap<String, Millis>,
    /// Those in which a run waits (again): it may stand before one that has a time.
    waits: BTreeSet<String>,
}

impl Touched {
    /// A run of the lane ended.
    pub(super) fn add(&mut self, lane: impl Into<String>, at: Millis) {
        self.lanes.insert(lane.into(), at);
    }

    /// A run of the lane waits, or is paused.
    pub(super) fn add_waiting(&mut self, lane: impl Into<String>, at: Millis) {
        let lane = lane.into();
        self.waits.insert(lane.clone());
        self.lanes.insert(lane, at);
    }
}

/// (Naming the one state that is meant would send SQLite through all runs that wait.)
pub(super) const UNTIME: &str = "
UPDATE runs
SET    kept_at = next_at, next_at = NULL, revision = revision + 1
FROM   touched
WHERE  runs.lane = touched.lane AND runs.state IN ('waiting', 'working', 'paused')
AND    runs.state <> 'working' AND runs.state <> 'paused' AND runs.next_at IS NOT NULL
AND    (EXISTS (SELECT 1 FROM runs AS b
                WHERE  b.lane = runs.lane AND b.state IN ('waiting', 'working', 'paused') AND b.seq < runs.seq)
        OR EXISTS (SELECT 1 FROM runs AS w WHERE w.lane = runs.lane AND w.state = 'working'))";

pub(super) const RELEASE: &str = "
UPDATE runs
SET    next_at    = CASE WHEN runs.kept_at > heads.at THEN runs.kept_at ELSE heads.at END,
       kept_at    = NULL,
       revision   = revision + 1,
       updated_at = heads.at
FROM   (SELECT t.at AS at,
               (SELECT MIN(b.seq) FROM runs AS b
                WHERE  b.lane = t.lane AND b.state IN ('waiting', 'working', 'paused')) AS head
        FROM   touched AS t) AS heads
WHERE  runs.seq = heads.head AND runs.state = 'waiting' AND runs.next_at IS NULL
AND    NOT EXISTS (SELECT 1 FROM runs AS w WHERE w.lane = runs.lane AND w.state = 'working')";

/// Ends runs that have no call in flight any more (or not yet again) where a newer one came in meanwhile that takes over.
/// Those whose last call is open go on first, and so do those that a person wants as they were.
pub(super) fn take_over_sql(count: usize) -> String {
    let rows = sql::rows(count, 2, 1);
    format!(
        "WITH later (of_lane, at) AS (VALUES {rows})
             UPDATE runs
             SET    state = 'superseded', verdict_code = 'superseded', verdict_text = '{SUPERSEDED}',
                    next_at = NULL, kept_at = NULL, revision = revision + 1, updated_at = later.at
             FROM   later
             WHERE  runs.lane = later.of_lane AND runs.state IN ('waiting', 'working', 'paused')
             AND    runs.state <> 'working' AND runs.supersedes = 1 AND runs.uncertain = 0 AND runs.as_it_was = 0
             AND    EXISTS (SELECT 1 FROM runs AS n
                            WHERE  n.lane = runs.lane AND n.state IN ('waiting', 'working', 'paused')
                            AND    n.seq > runs.seq AND n.supersedes = 1)"
    )
}

/// `lane >= ''` is always so; it makes SQLite walk over `runs_behind` alone.
pub(super) const MEND: &str = "
UPDATE runs
SET    next_at  = CASE WHEN kept_at > $1 THEN kept_at ELSE $1 END,
       kept_at  = NULL,
       revision = revision + 1
WHERE  seq IN (SELECT m.seq FROM runs AS m
               WHERE  m.state = 'waiting' AND m.next_at IS NULL AND m.lane >= ''
               AND    NOT EXISTS (SELECT 1 FROM runs AS b
                                  WHERE  b.lane = m.lane AND b.state IN ('waiting', 'working', 'paused')
                                  AND    b.seq < m.seq)
               AND    NOT EXISTS (SELECT 1 FROM runs AS w WHERE w.lane = m.lane AND w.state = 'working'))";

/// Lets the newest take over in these lanes, in which a run waits again: a newer one may have come in during its call.
pub(super) fn take_over(touched: &Touched) -> Vec<Statement> {
    let lanes: Vec<(&String, &Millis)> =
        touched.lanes.iter().filter(|(lane, _)| touched.waits.contains(*lane)).collect();
    sql::padded(&lanes)
        .map(|piece| Statement::new(take_over_sql(piece.len()), lanes_with_times(&piece)))
        .collect()
}

/// Brings the touched lanes in order: takes the time from those that are not first, gives one to those that are.
pub(super) fn settle(touched: &Touched) -> Vec<Statement> {
    let waits: Vec<&String> = touched.waits.iter().collect();
    let untime = sql::padded(&waits).map(|piece| {
        let rows = sql::rows(piece.len(), 1, 1);
        let names = piece.iter().map(|lane| Value::from(**lane)).collect();
        Statement::new(format!("WITH touched (lane) AS (VALUES {rows}){UNTIME}"), names)
    });
    let lanes: Vec<(&String, &Millis)> = touched.lanes.iter().collect();
    let release = sql::padded(&lanes).map(|piece| {
        let rows = sql::rows(piece.len(), 2, 1);
        let text = format!("WITH touched (lane, at) AS (VALUES {rows}){RELEASE}");
        Statement::new(text, lanes_with_times(&piece))
    });
    untime.chain(release).collect()
}

fn lanes_with_times(piece: &[&(&String, &Millis)]) -> Vec<Value> {
    piece.iter().flat_map(|(lane, at)| values![*lane, **at]).collect()
}

/// Finds lanes whose first run has no time although nothing is in a call, and gives it one. Nothing should be found: a
/// net under everything else. Walks over the runs that stand behind others only.
pub(super) async fn mend(session: &mut Session, now: Millis) -> Result<i64, StoreError> {
    session.execute(MEND, values![now]).await
}
