//! Applying events and planning runs: changes, bookings, runs and the events' flags in one transaction. Promises that an
//! event already applied is left alone, and that new runs find their place in their lane (superseding what they may).

use super::SqlStore;
use super::cards::{self, BOOKING, Card};
use super::causes::{self, Troubled};
use super::chains;
use super::fetches;
use super::lanes::{self, SUPERSEDED, Touched};
use super::rows::{to_json, verdict_code};
use super::seen;
use super::session::{Session, Statement, Value, values};
use super::sql;
use crate::domain::{
    BookingId, BookingKey, Cause, CausePlace, Millis, Position, RunState, Verdict, VerdictCode,
};
use crate::ports::{AppliedEvent, BookingWrite, NewChange, NewRun, StoreError, StoredBooking, TakenOver};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;

pub(super) fn bookings_sql(count: usize) -> String {
    format!(
                "WITH wanted (connector, account, kind, key) AS (VALUES {})
                 SELECT b.id, b.connector, b.account, b.kind, b.key, b.position, b.ordinal, b.status, b.hash, c.body,
                        c.happened_at, COALESCE(b.as_of, b.position) AS as_of
                 FROM   wanted AS w
                 JOIN   bookings AS b ON b.connector = w.connector AND b.account = w.account
                                     AND b.kind = w.kind AND b.key = w.key
                 LEFT JOIN changes AS c ON c.position = b.position AND c.ordinal = b.ordinal",
                sql::rows(count, 4, 1)
            )
}

pub(super) fn hashes_sql(count: usize) -> String {
    format!(
        "WITH wanted (booking, hash) AS (VALUES {})
                 SELECT w.booking, w.hash
                 FROM   wanted AS w
                 WHERE  EXISTS (SELECT 1 FROM changes AS c
                                WHERE  c.booking = w.booking AND c.hash = w.hash AND c.hash IS NOT NULL)",
        sql::rows(count, 2, 1)
    )
}

pub(super) fn blocked_sql(count: usize) -> String {
    format!(
        "WITH wanted (lane) AS (VALUES {})
             SELECT w.lane
             FROM   wanted AS w
             WHERE  EXISTS (SELECT 1 FROM runs AS b
                            WHERE  b.lane = w.lane AND b.state IN ('waiting', 'working', 'paused'))",
        sql::rows(count, 1, 1)
    )
}

pub(super) fn supersede_sql(count: usize) -> String {
    let rows = sql::rows(count, 2, 1);
    format!(
        "WITH newer (of_lane, at) AS (VALUES {rows})
             UPDATE runs
             SET    state = 'superseded', verdict_code = 'superseded', verdict_text = '{SUPERSEDED}',
                    next_at = NULL, kept_at = NULL, revision = revision + 1, updated_at = newer.at
             FROM   newer
             WHERE  runs.lane = newer.of_lane AND runs.state IN ('waiting', 'working', 'paused')
             AND    runs.state <> 'working' AND runs.supersedes = 1 AND runs.uncertain = 0
             RETURNING lane, updated_at AS at"
    )
}

/// Hurries the uncertain runs of these lanes, which are looked up before the newer one goes. `CROSS JOIN` has SQLite begin
/// with the lanes; by itself it would walk through all runs that wait.
pub(super) fn hurry_uncertain_sql(count: usize) -> String {
    format!(
        "WITH newer (of_lane, at) AS (VALUES {})
             UPDATE runs
             SET    next_at = CASE WHEN runs.next_at > newer.at THEN newer.at ELSE runs.next_at END,
                    kept_at = NULL, revision = runs.revision + 1, updated_at = newer.at
             FROM   newer
             WHERE  runs.lane = newer.of_lane
             AND    runs.seq IN (SELECT w.seq
                                 FROM   newer AS late CROSS JOIN runs AS w
                                 WHERE  w.lane = late.of_lane AND w.state IN ('waiting', 'working', 'paused')
                                 AND    w.state <> 'working' AND w.state <> 'paused'
                                 AND    w.supersedes = 1 AND w.uncertain = 1
                                 AND    (w.next_at > late.at OR w.kept_at IS NOT NULL))",
        sql::rows(count, 2, 1)
    )
}

impl SqlStore {
    pub(super) async fn bookings_of_keys(
        &self,
        keys: &[BookingKey],
    ) -> Result<Vec<StoredBooking>, StoreError> {
        let mut session = self.read("give the bookings").await?;
        let mut found = Vec::with_capacity(keys.len());
        for piece in sql::pieces(keys) {
            let text = bookings_sql(piece.len());
            let bound =
                piece.iter().flat_map(|key| values![&key.connector, &key.account, &key.kind, &key.key]);
            for row in session.rows(text, bound.collect()).await? {
                found.push(StoredBooking {
                    id: BookingId::new(row.text("id")?),
                    key: super::rows::booking_key(&row)?,
                    change: crate::domain::ChangeRef {
                        position: row.int("position")?,
                        ordinal: row.int("ordinal")?,
                    },
                    status: row.text("status")?,
                    body: row.text("body")?,
                    hash: row.text("hash")?,
                    happened_at: row.int_or_null("happened_at")?,
                    as_of: row.int("as_of")?,
                });
            }
        }
        Ok(found)
    }

    pub(super) async fn find_hashes(
        &self,
        pairs: &[(BookingId, String)],
    ) -> Result<Vec<(BookingId, String)>, StoreError> {
        let mut session = self.read("compare earlier versions").await?;
        let mut known = Vec::new();
        for piece in sql::padded(pairs) {
            let text = hashes_sql(piece.len());
            let bound = piece.iter().flat_map(|(booking, hash)| values![booking.as_str(), hash]);
            for row in session.rows(text, bound.collect()).await? {
                known.push((BookingId::new(row.text("booking")?), row.text("hash")?));
            }
        }
        Ok(known)
    }

    pub(super) async fn apply(&self, events: &[AppliedEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut session = self.write("apply the events").await?;
        let (mut left, known) = not_applied_yet(&mut session, events).await?;
        // An event given twice in one batch is applied once.
        let open: Vec<&AppliedEvent> = events.iter().filter(|event| left.remove(&event.position)).collect();
        let changes: Vec<(Position, &NewChange)> = open
            .iter()
            .flat_map(|event| event.changes.iter().map(|change| (event.position, change)))
            .collect();
        let mut statements = insert_changes(&changes)?;
        statements.extend(seen::put(
            changes.iter().filter_map(|(_, change)| Some((change.seen.as_ref()?, change.at))),
        ));
        statements.extend(write_bookings(open.iter().flat_map(|event| &event.bookings))?);
        // What is found and counted are bookings; other kinds of record (items) have no card.
        let filed = |write: &&BookingWrite| write.key.kind == BOOKING;
        let cards = Card::last_of(open.iter().flat_map(|event| &event.bookings).filter(filed));
        statements.extend(cards::write(&cards, &known, self.all_have_cards.load(Ordering::Relaxed)));
        statements.extend(fetches::write(&mut session, &open).await?);
        let told = open.iter().flat_map(|event| event.rebookings.iter().map(|step| (event.position, step)));
        statements.extend(chains::write(told));
        let runs: Vec<&NewRun> = open.iter().flat_map(|event| &event.runs).collect();
        let taken: Vec<&TakenOver> = open.iter().flat_map(|event| &event.taken_over).collect();
        let last = plan_after(&mut session, statements, &taken, &runs).await?;
        session.commit_after(last).await?;
        self.note_applied(events.iter().map(|event| event.position));
        Ok(())
    }

    pub(super) async fn plan(&self, runs: &[NewRun]) -> Result<(), StoreError> {
        if runs.is_empty() {
            return Ok(());
        }
        let mut session = self.write("plan the runs").await?;
        let last = plan(&mut session, Vec::new(), &runs.iter().collect::<Vec<_>>()).await?;
        session.commit_after(last).await.map(|_| ())
    }
}

/// Which of them are not applied yet: they have no change. On Postgres they are taken off the list of unapplied ones here,
/// on SQLite the journal does so later. With the terms that their bookings are found by so far.
async fn not_applied_yet(
    session: &mut Session,
    events: &[AppliedEvent],
) -> Result<(HashSet<Position>, cards::KnownTerms), StoreError> {
    let mut open: HashSet<Position> = events.iter().map(|event| event.position).collect();
    let mut statements = Vec::new();
    for piece in sql::padded(events) {
        let text = format!(
            "SELECT position FROM changes WHERE position IN (VALUES {})",
            sql::rows(piece.len(), 1, 1)
        );
        let bound: Vec<Value> = piece.iter().map(|event| Value::from(event.position)).collect();
        statements.push(Statement::new(text, bound.clone()));
        if session.sees_the_journal() {
            statements.push(Statement::new(super::events::applied_sql(piece.len()), bound));
        }
    }
    let first = statements.len();
    statements.extend(cards::ask(events.iter().flat_map(|event| &event.bookings)));
    let mut came = session.all(statements).await?;
    let known = cards::known(came.split_off(first))?;
    for row in came.iter().flat_map(|came| &came.rows) {
        open.remove(&row.int("position")?);
    }
    Ok((open, known))
}

fn insert_changes(changes: &[(Position, &NewChange)]) -> Result<Vec<Statement>, StoreError> {
    let mut statements = Vec::new();
    for piece in sql::pieces(changes) {
        let text = format!(
            "INSERT INTO changes (position, ordinal, booking, kind, at, previous_position, previous_ordinal, hash,
                                  paths, note, body, happened_at)
             VALUES {}",
            sql::rows(piece.len(), 12, 1)
        );
        let mut bound = Vec::with_capacity(piece.len() * 12);
        for (position, change) in piece {
            bound.extend(values![
                *position,
                change.ordinal,
                change.booking.as_ref().map(BookingId::as_str),
                change.kind.as_str(),
                change.at,
                change.previous.map(|previous| previous.position),
                change.previous.map(|previous| previous.ordinal),
                change.hash.clone(),
                to_json("paths of a change", &change.paths)?,
                change.note.clone(),
                change.body.clone(),
                change.happened_at,
            ]);
        }
        statements.push(Statement::new(text, bound));
    }
    Ok(statements)
}

/// Writes each booking once, as its last write says.
fn write_bookings<'a>(writes: impl Iterator<Item = &'a BookingWrite>) -> Result<Vec<Statement>, StoreError> {
    let mut statements = Vec::new();
    let mut last: BTreeMap<&str, (&BookingWrite, Millis)> = BTreeMap::new();
    for write in writes {
        let first_at = last.get(write.id.as_str()).map_or(write.at, |(_, at)| *at);
        last.insert(write.id.as_str(), (write, first_at));
    }
    let last: Vec<(&BookingWrite, Millis)> = last.into_values().collect();
    for piece in sql::pieces(&last) {
        let text = format!(
            "INSERT INTO bookings (id, connector, account, kind, key, source, position, ordinal, status, hash,
                                   created_at, updated_at, person, trip, as_of)
             VALUES {}
             ON CONFLICT (id) DO UPDATE
             SET source = excluded.source, position = excluded.position, ordinal = excluded.ordinal,
                 status = excluded.status, hash = excluded.hash, updated_at = excluded.updated_at,
                 person = excluded.person, trip = excluded.trip, as_of = excluded.as_of",
            sql::rows(piece.len(), 15, 1)
        );
        let mut bound = Vec::with_capacity(piece.len() * 15);
        for (write, first_at) in piece {
            bound.extend(values![
                write.id.as_str(),
                &write.key.connector,
                &write.key.account,
                &write.key.kind,
                &write.key.key,
                &write.source,
                write.change.position,
                write.change.ordinal,
                &write.status,
                &write.hash,
                *first_at,
                write.at,
                to_json("person of a booking", &write.view.person)?,
                to_json("trip of a booking", &write.view.trip)?,
                write.as_of,
            ]);
        }
        statements.push(Statement::new(text, bound));
    }
    Ok(statements)
}

/// A run as it goes in: what the batch itself decides about it is decided.
struct Planned<'a> {
    run: &'a NewRun,
    state: RunState,
    superseded_at: Option<Millis>,
    next_at: Option<Millis>,
}

/// Runs the statements that stand before, and inserts runs in order, by the rules of lanes. Gives the last statements, for
/// the caller to commit with.
pub(super) async fn plan(
    session: &mut Session,
    before: Vec<Statement>,
    runs: &[&NewRun],
) -> Result<Vec<Statement>, StoreError> {
    plan_after(session, before, &[], runs).await
}

/// The same, after the end of the runs that newer bookings take over.
async fn plan_after(
    session: &mut Session,
    before: Vec<Statement>,
    taken: &[&TakenOver],
    runs: &[&NewRun],
) -> Result<Vec<Statement>, StoreError> {
    let mut planned: Vec<Planned<'_>> = runs
        .iter()
        .map(|&run| Planned { run, state: run.state, superseded_at: None, next_at: None })
        .collect();
    // Within the batch, the last superseding run of a lane ends those before it that can be ended.
    let mut takes_over: HashMap<&str, Millis> = HashMap::new();
    for entry in planned.iter_mut().rev() {
        if let Some(at) = takes_over.get(entry.run.lane.as_str())
            && entry.run.supersedes
            && matches!(entry.state, RunState::Waiting | RunState::Paused)
        {
            entry.state = RunState::Superseded;
            entry.superseded_at = Some(*at);
        }
        if entry.run.supersedes {
            takes_over.entry(&entry.run.lane).or_insert(entry.run.at);
        }
    }
    let mut statements = before;
    let first = statements.len();
    statements.extend(chains::take_over(taken.iter().copied()));
    statements.extend(supersede(&takes_over));
    let second = statements.len();
    statements.extend(blocked_lanes(&planned));
    let mut touched = Touched::default();
    let mut blocked: HashSet<String> = HashSet::new();
    for (index, came) in session.all(statements).await?.into_iter().enumerate().skip(first) {
        for row in came.rows {
            if index < second {
                touched.add(row.text("lane")?, row.int("at")?);
            } else {
                blocked.insert(row.text("lane")?);
            }
        }
    }
    for entry in &mut planned {
        if entry.state == RunState::Waiting && !blocked.contains(&entry.run.lane) {
            entry.next_at = Some(entry.run.at);
        }
        if entry.state.blocks_lane() {
            blocked.insert(entry.run.lane.clone());
        }
    }
    let mut statements = insert_runs(&planned);
    let troubled: Vec<Troubled<'_>> = planned.iter().filter_map(troubled).collect();
    statements.extend(causes::put(&troubled));
    statements.extend(lanes::settle(&touched));
    Ok(statements)
}

/// Ends the older runs of these lanes that a newer one takes the place of, which gives the lanes in which something ended;
/// uncertain ones are hurried.
fn supersede(lanes: &HashMap<&str, Millis>) -> Vec<Statement> {
    let mut lanes: Vec<(&str, Millis)> = lanes.iter().map(|(lane, at)| (*lane, *at)).collect();
    lanes.sort_unstable();
    let statements = sql::padded(&lanes).flat_map(|piece| {
        let bound: Vec<Value> = piece.iter().flat_map(|(lane, at)| values![*lane, *at]).collect();
        [
            Statement::new(supersede_sql(piece.len()), bound.clone()),
            Statement::new(hurry_uncertain_sql(piece.len()), bound),
        ]
    });
    statements.collect()
}

/// Asks which lanes have a run that blocks them.
fn blocked_lanes(planned: &[Planned<'_>]) -> Vec<Statement> {
    let lanes: HashSet<&str> = planned
        .iter()
        .filter(|entry| entry.state == RunState::Waiting)
        .map(|entry| entry.run.lane.as_str())
        .collect();
    let lanes: Vec<&str> = lanes.into_iter().collect();
    sql::padded(&lanes)
        .map(|piece| {
            let bound = piece.iter().map(|lane| Value::from(**lane)).collect();
            Statement::new(blocked_sql(piece.len()), bound)
        })
        .collect()
}

/// A run whose rule failed as it was planned needs a person at once.
fn troubled<'a>(planned: &'a Planned<'_>) -> Option<Troubled<'a>> {
    let run = planned.run;
    let verdict = run.verdict.as_ref();
    let place = CausePlace { connection: &run.connection, rule: &run.rule, steps: &[] };
    causes::needs_a_person(planned.state).then(|| Troubled {
        id: &run.id,
        cause: Cause::of(place, verdict, &[]),
        message: verdict.map_or("", |verdict| &verdict.text),
        at: run.at,
    })
}

fn insert_runs(planned: &[Planned<'_>]) -> Vec<Statement> {
    let statement = |piece: &[Planned<'_>]| {
        let text = format!(
            "INSERT INTO runs (id, rule, booking, item, lane, change_position, change_ordinal, position, asked,
                               planned_by, state, next_at, connection, supersedes, created_at, updated_at,
                               verdict_code, verdict_text)
             VALUES {}",
            sql::rows(piece.len(), 18, 1)
        );
        let mut bound = Vec::with_capacity(piece.len() * 18);
        for entry in piece {
            let run = entry.run;
            let superseded = entry.superseded_at.map(|_| Verdict::new(VerdictCode::Superseded, SUPERSEDED));
            let verdict = superseded.as_ref().or(run.verdict.as_ref());
            bound.extend(values![
                run.id.as_str(),
                &run.rule,
                run.booking.as_str(),
                &run.item,
                &run.lane,
                run.change.position,
                run.change.ordinal,
                run.position,
                &run.asked,
                &run.trigger,
                entry.state.as_str(),
                entry.next_at,
                &run.connection,
                run.supersedes,
                run.at,
                entry.superseded_at.unwrap_or(run.at),
                verdict.map(verdict_code),
                verdict.map(|verdict| verdict.text.clone()),
            ]);
        }
        Statement::new(text, bound)
    };
    sql::pieces(planned).map(statement).collect()
}
