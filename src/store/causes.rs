//! Groups of runs that need a person: written where runs fail or are held, listed by key, never by walking through runs.
//! Promises that nothing is written for runs that go well, and that counts are kept by triggers with the runs themselves.
//! Which runs stand in which group is in `run_causes`, a table as small as the trouble is.

use super::SqlStore;
use super::rows::{self, RUN_COLUMNS, word};
use super::session::{Row, Session, Statement, Value, values};
use super::sql;
use crate::domain::{Cause, CausePlace, Millis, RunId, RunState, Seq, VerdictCode};
use crate::ports::{
    CauseGroup, GUESTS_MAX, RunRow, RunWrite, StoreError, TroubleFilter, TroublePage, TroubledRun,
};
use std::collections::{BTreeMap, HashMap};

/// Rows of a page at most.
const PAGE_MAX: i64 = 1_000;
/// A group that closed this long ago is forgotten.
const CLOSED_MS_MAX: Millis = 30 * 24 * 3_600_000;
/// Name of the fact that says how far runs from before this version are walked through.
const WALK: &str = "causes.walk";

fn group_columns() -> String {
    format!(
        "c.key, c.connection, c.rule, c.step, c.code, c.needs, c.under_way, c.first_at, c.last_at, c.moved_at,
       c.pattern, c.message,
       (SELECT COUNT(DISTINCT g.booking) FROM (SELECT t.booking FROM run_causes AS t
                                               WHERE t.cause = c.key LIMIT {}) AS g) AS guests",
        GUESTS_MAX + 1
    )
}

pub(super) fn open_sql() -> String {
    format!(
        "SELECT {} FROM causes AS c
         WHERE  c.needs + c.under_way > 0 AND (c.last_at < $1 OR (c.last_at = $2 AND c.key < $3))
         ORDER BY c.last_at DESC, c.key DESC
         LIMIT  $4",
        group_columns()
    )
}

pub(super) fn closed_sql() -> String {
    format!(
        "SELECT {} FROM causes AS c
         WHERE  c.needs + c.under_way = 0 AND c.moved_at >= $1
         ORDER BY c.moved_at DESC
         LIMIT  $2",
        group_columns()
    )
}

/// Which runs of which lanes, in what place: for `run_causes AS t` and `runs AS r`.
fn wanted(filter: &TroubleFilter, bound: &mut Vec<Value>) -> String {
    let mut text = String::from("t.needs = 1");
    let mut add = |condition: &str, value: Value| {
        bound.push(value);
        text.push_str(&format!("\nAND    {}", condition.replace('?', &format!("${}", bound.len()))));
    };
    if let Some(cause) = &filter.cause {
        add("t.cause = ?", Value::from(cause));
    }
    if let Some(rule) = &filter.rule {
        add("t.cause IN (SELECT c.key FROM causes AS c WHERE c.rule = ?)", Value::from(rule));
    }
    if let Some(connection) = &filter.connection {
        add("t.cause IN (SELECT c.key FROM causes AS c WHERE c.connection = ?)", Value::from(connection));
    }
    if let Some(state) = filter.state {
        add("r.state = ?", Value::from(state.as_str()));
    }
    if let Some(since) = filter.since {
        add("t.at >= ?", Value::from(since));
    }
    if let Some(until) = filter.until {
        add("t.at <= ?", Value::from(until));
    }
    text
}

pub(super) fn runs_sql(filter: &TroubleFilter, page: TroublePage, limit: i64) -> (String, Vec<Value>) {
    let mut bound = Vec::new();
    let mut conditions = wanted(filter, &mut bound);
    let (seq, compared, order) = match page {
        TroublePage::After(seq) => (seq, '>', "ASC"),
        TroublePage::Before(seq) => (seq, '<', "DESC"),
    };
    bound.push(Value::from(seq));
    conditions.push_str(&format!("\nAND    t.seq {compared} ${}", bound.len()));
    bound.push(Value::from(limit.clamp(0, PAGE_MAX)));
    // CROSS JOIN has SQLite begin with those in trouble, and not with all runs.
    let text = format!(
        "SELECT {RUN_COLUMNS}, t.cause, t.at
         FROM   run_causes AS t CROSS JOIN runs AS r
         WHERE  r.seq = t.seq AND {conditions}
         ORDER BY t.seq {order}
         LIMIT  ${}",
        bound.len()
    );
    (text, bound)
}

pub(super) fn count_sql(filter: &TroubleFilter) -> (String, Vec<Value>) {
    let mut bound = Vec::new();
    let conditions = wanted(filter, &mut bound);
    let text = format!(
        "SELECT t.cause, COUNT(*) AS runs
         FROM   run_causes AS t{}
         WHERE  {conditions}
         GROUP BY t.cause
         ORDER BY t.cause",
        if filter.state.is_some() { " CROSS JOIN runs AS r" } else { "" }
    );
    // The join's condition only where runs are asked at all: a count reads one small index else.
    let text =
        if filter.state.is_some() { text.replace("WHERE  ", "WHERE  r.seq = t.seq AND ") } else { text };
    (text, bound)
}

/// Ends older runs of a lane that need a person, where a newer one went through that takes their place. (Naming the two
/// states that are meant would send SQLite through all runs that failed.)
pub(super) fn overtake_sql(count: usize) -> String {
    format!(
        "WITH passed (id, at) AS (VALUES {})
             UPDATE runs
             SET    state = 'superseded', verdict_code = 'superseded', verdict_text = '{}',
                    next_at = NULL, kept_at = NULL, revision = runs.revision + 1, updated_at = older.at
             FROM   (SELECT t.seq AS seq, MAX(passed.at) AS at
                     FROM   passed
                     JOIN   runs AS n ON n.id = passed.id
                     JOIN   run_causes AS t ON t.lane = n.lane AND t.seq < n.seq
                     WHERE  n.supersedes = 1 AND t.needs = 1
                     GROUP BY t.seq) AS older
             WHERE  runs.seq = older.seq AND runs.supersedes = 1
             AND    runs.state NOT IN ('waiting', 'working', 'paused', 'done', 'skipped', 'cancelled', 'superseded')",
        sql::rows(count, 2, 1),
        super::lanes::SUPERSEDED
    )
}

/// A run that fails or is held, as its group takes it.
pub(super) struct Troubled<'a> {
    pub id: &'a RunId,
    pub cause: Cause,
    pub message: &'a str,
    pub at: Millis,
}

impl<'a> Troubled<'a> {
    /// What a write leaves in trouble.
    pub(super) fn of(write: &'a RunWrite) -> Option<Self> {
        let cause = write.cause.clone().filter(|_| needs_a_person(write.state))?;
        let message = write.verdict.as_ref().map_or("", |verdict| &verdict.text);
        Some(Self { id: &write.id, cause, message, at: write.at })
    }

    /// A run as its row tells it.
    pub(super) fn as_told(run: &'a RunRow) -> Self {
        let place = CausePlace { connection: &run.connection, rule: &run.rule, steps: &run.steps };
        Self {
            id: &run.id,
            cause: Cause::of(place, run.verdict.as_ref(), &[]),
            message: run.verdict.as_ref().map_or("", |verdict| &verdict.text),
            at: run.updated_at,
        }
    }
}

pub(super) fn needs_a_person(state: RunState) -> bool {
    matches!(state, RunState::Failed | RunState::Held)
}

/// What comes to a group at once.
struct Came<'a> {
    /// The last of them.
    one: &'a Troubled<'a>,
    first_at: Millis,
    last_at: Millis,
}

/// The statements that put runs into their groups, behind those that wrote the runs.
pub(super) fn put(troubled: &[Troubled<'_>]) -> Vec<Statement> {
    let keyed: Vec<(String, &Troubled<'_>)> = troubled.iter().map(|one| (one.cause.key(), one)).collect();
    let mut groups: BTreeMap<&str, Came<'_>> = BTreeMap::new();
    for (key, one) in &keyed {
        let came = groups.entry(key).or_insert(Came { one, first_at: one.at, last_at: one.at });
        if one.at >= came.last_at {
            came.one = one;
        }
        came.first_at = came.first_at.min(one.at);
        came.last_at = came.last_at.max(one.at);
    }
    let groups: Vec<(&str, Came<'_>)> = groups.into_iter().collect();
    let mut statements: Vec<Statement> = sql::pieces(&groups).map(put_groups).collect();
    statements.extend(sql::padded(&keyed).map(|piece| {
        let text = format!(
            "WITH new (id, cause, at) AS (VALUES {})
             INSERT INTO run_causes (seq, cause, lane, booking, needs, at)
             SELECT r.seq, new.cause, r.lane, r.booking, 1, MAX(new.at)
             FROM   new JOIN runs AS r ON r.id = new.id
             WHERE  r.state IN ('failed', 'held')
             GROUP BY r.seq, new.cause, r.lane, r.booking
             ON CONFLICT (seq) DO UPDATE SET cause = excluded.cause, needs = 1, at = excluded.at",
            sql::rows(piece.len(), 3, 1)
        );
        let bound = piece.iter().flat_map(|(key, one)| values![one.id.as_str(), key, one.at]);
        Statement::new(text, bound.collect())
    }));
    statements
}

fn put_groups(piece: &[(&str, Came<'_>)]) -> Statement {
    let text = format!(
        "INSERT INTO causes (key, connection, rule, step, code, first_at, last_at, moved_at, pattern, message)
         VALUES {}
         ON CONFLICT (key) DO UPDATE
         SET first_at = CASE WHEN causes.needs + causes.under_way = 0 OR excluded.first_at < causes.first_at
                             THEN excluded.first_at ELSE causes.first_at END,
             last_at  = CASE WHEN excluded.last_at > causes.last_at THEN excluded.last_at
                             ELSE causes.last_at END,
             moved_at = CASE WHEN excluded.moved_at > causes.moved_at THEN excluded.moved_at
                             ELSE causes.moved_at END,
             message  = excluded.message",
        sql::rows(piece.len(), 10, 1)
    );
    let bound = piece.iter().flat_map(|(key, came)| {
        let one = came.one;
        values![
            *key,
            &one.cause.connection,
            &one.cause.rule,
            &one.cause.step,
            one.cause.code.as_str(),
            came.first_at,
            came.last_at,
            came.last_at,
            &one.cause.pattern,
            one.message,
        ]
    });
    Statement::new(text, bound.collect())
}

fn group(row: &Row) -> Result<CauseGroup, StoreError> {
    Ok(CauseGroup {
        key: row.text("key")?,
        cause: Cause {
            connection: row.text("connection")?,
            rule: row.text("rule")?,
            step: row.text("step")?,
            code: word("code of a cause", &row.text("code")?, VerdictCode::parse)?,
            pattern: row.text("pattern")?,
        },
        message: row.text("message")?,
        needs: row.int("needs")?,
        under_way: row.int("under_way")?,
        guests: row.int("guests")?,
        first_at: row.int("first_at")?,
        last_at: row.int("last_at")?,
        moved_at: row.int("moved_at")?,
    })
}

impl SqlStore {
    pub(super) async fn causes_open(
        &self,
        before: Option<(Millis, &str)>,
        limit: i64,
    ) -> Result<Vec<CauseGroup>, StoreError> {
        let (at, key) = before.unwrap_or((i64::MAX, ""));
        let mut session = self.read("list what needs a person").await?;
        let bound = values![at, at, key, limit.clamp(0, PAGE_MAX)];
        session.rows(open_sql(), bound).await?.iter().map(group).collect()
    }

    pub(super) async fn causes_closed(
        &self,
        since: Millis,
        limit: i64,
    ) -> Result<Vec<CauseGroup>, StoreError> {
        let mut session = self.read("list what needed a person").await?;
        let bound = values![since, limit.clamp(0, PAGE_MAX)];
        session.rows(closed_sql(), bound).await?.iter().map(group).collect()
    }

    pub(super) async fn find_cause(&self, key: &str) -> Result<Option<CauseGroup>, StoreError> {
        let mut session = self.read("give a group of runs").await?;
        let text = format!("SELECT {} FROM causes AS c WHERE c.key = $1", group_columns());
        session.row(text, values![key]).await?.as_ref().map(group).transpose()
    }

    pub(super) async fn troubles(
        &self,
        filter: &TroubleFilter,
        page: TroublePage,
        limit: i64,
    ) -> Result<Vec<TroubledRun>, StoreError> {
        let mut session = self.read("list runs that need a person").await?;
        let (text, bound) = runs_sql(filter, page, limit);
        let read = |row: &Row| {
            Ok(TroubledRun { run: rows::run(row)?, cause: row.text("cause")?, at: row.int("at")? })
        };
        session.rows(text, bound).await?.iter().map(read).collect()
    }

    pub(super) async fn troubles_counted(
        &self,
        filter: &TroubleFilter,
    ) -> Result<Vec<(CauseGroup, i64)>, StoreError> {
        let mut session = self.read("count runs that need a person").await?;
        let (text, bound) = count_sql(filter);
        let mut counts: HashMap<String, i64> = HashMap::new();
        for row in session.rows(text, bound).await? {
            counts.insert(row.text("cause")?, row.int("runs")?);
        }
        let keys: Vec<&String> = counts.keys().collect();
        let mut groups = Vec::with_capacity(keys.len());
        for piece in sql::padded(&keys) {
            let text = format!(
                "SELECT {} FROM causes AS c WHERE c.key IN (VALUES {})",
                group_columns(),
                sql::rows(piece.len(), 1, 1)
            );
            let bound = piece.iter().map(|key| Value::from(**key)).collect();
            for row in session.rows(text, bound).await? {
                let group = group(&row)?;
                let count = counts.get(&group.key).copied().unwrap_or_default();
                groups.push((group, count));
            }
        }
        groups.sort_by(|(one, _), (other, _)| (other.last_at, &other.key).cmp(&(one.last_at, &one.key)));
        Ok(groups)
    }

    /// Gives a piece of the runs from before causes were kept their cause. True where there is more to do.
    pub(super) async fn name_older_causes(&self, limit: i64) -> Result<bool, StoreError> {
        let Some(place) = self.find_fact(WALK).await? else { return Ok(false) };
        let (state, seq) = place.split_once(' ').unwrap_or(("failed", "0"));
        let seq: i64 = seq.parse().unwrap_or(0);
        let mut session = self.write("name causes of older runs").await?;
        let text = format!(
            "SELECT {RUN_COLUMNS} FROM runs AS r WHERE r.state = $1 AND r.seq > $2 ORDER BY r.seq LIMIT $3"
        );
        let found = session.rows(text, values![state, seq, limit.max(1)]).await?;
        let runs = found.iter().map(rows::run).collect::<Result<Vec<_>, _>>()?;
        let next = match (runs.last(), state) {
            (Some(last), state) => Some(format!("{state} {}", last.seq)),
            (None, "failed") => Some(String::from("held 0")),
            (None, _) => None,
        };
        // One that failed since this version runs is in its group already.
        let known = known_of(&mut session, &runs).await?;
        let new = runs.iter().filter(|run| !known.contains(&run.seq));
        let troubled: Vec<Troubled<'_>> = new.map(Troubled::as_told).collect();
        let mut statements = put(&troubled);
        statements.push(match &next {
            Some(next) => Statement::new("UPDATE facts SET value = $1 WHERE name = $2", values![next, WALK]),
            None => Statement::new("DELETE FROM facts WHERE name = $1", values![WALK]),
        });
        session.all(statements).await?;
        session.commit().await?;
        Ok(next.is_some())
    }

    pub(super) async fn forget_closed(&self, now: Millis) -> Result<(), StoreError> {
        let mut session = self.write("forget closed groups").await?;
        session
            .execute(
                "DELETE FROM causes
                 WHERE  key IN (SELECT c.key FROM causes AS c
                                WHERE  c.needs + c.under_way = 0 AND c.moved_at < $1
                                ORDER BY c.moved_at LIMIT 500)",
                values![now - CLOSED_MS_MAX],
            )
            .await?;
        session
            .execute(
                "DELETE FROM bulks
                 WHERE  id IN (SELECT b.id FROM bulks AS b
                               WHERE  b.ended_at IS NOT NULL AND b.ended_at < $1
                               ORDER BY b.ended_at LIMIT 500)",
                values![now - CLOSED_MS_MAX],
            )
            .await?;
        session.commit().await
    }
}

/// Which of them are in a group.
async fn known_of(session: &mut Session, runs: &[RunRow]) -> Result<Vec<Seq>, StoreError> {
    let mut known = Vec::new();
    for piece in sql::padded(runs) {
        let text =
            format!("SELECT seq FROM run_causes WHERE seq IN (VALUES {})", sql::rows(piece.len(), 1, 1));
        for row in session.rows(text, piece.iter().map(|run| Value::from(run.seq)).collect()).await? {
            known.push(row.int("seq")?);
        }
    }
    Ok(known)
}
