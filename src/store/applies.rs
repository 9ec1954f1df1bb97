//! Rules over existing bookings: bookings as they stand, paged by key, and how far each applying got. Promises that a
//! batch plans its runs and notes how far it got in one transaction, that of two who do the same batch one does nothing,
//! and that a rule is applied once at a time.

use super::SqlStore;
use super::apply;
use super::rows::{self, from_json, to_json};
use super::session::{Row, Session, Value, values};
use super::sql;
use crate::domain::{ChangeRef, EventId};
use crate::ports::{
    ApplyFilter, ApplyRow, ApplyState, ApplyStep, NewApply, NewRun, PresentBooking, PresentQuery, StoreError,
};

/// Bookings of one look.
const BOOKINGS_MAX: i64 = 1_000;
/// Applyings of one look.
const APPLIES_MAX: i64 = 200;

const APPLY_COLUMNS: &str = "
    seq, rule, state, who, from_day, to_day, began_at, updated_at, last_booking, note, counts";

/// Bookings as they stand; `wanted` picks them from `bookings AS q`.
fn present_sql(wanted: &str, order: &str) -> String {
    format!(
        "SELECT b.id, b.connector, b.account, b.kind, b.key, b.source, b.status, b.position, b.ordinal, b.person,
                b.trip, b.created_at, b.updated_at, c.kind AS change_kind, c.paths, c.at, c.body,
                e.id AS event, e.received_at, p.body AS previous
         FROM (SELECT * FROM bookings AS q {wanted}) AS b
         JOIN changes AS c ON c.position = b.position AND c.ordinal = b.ordinal
         LEFT JOIN events  AS e ON e.position = b.position
         LEFT JOIN changes AS p ON p.position = c.previous_position AND p.ordinal = c.previous_ordinal
         ORDER BY {order}"
    )
}

/// Of a booking whose guest was erased nothing is left to send.
const NOT_ERASED: &str = "\
    NOT EXISTS (SELECT 1 FROM erased_bookings AS x WHERE x.booking = q.id AND x.position >= q.position)";

pub(super) fn present_after_sql() -> String {
    present_sql(&format!("WHERE q.id > $1 AND {NOT_ERASED} ORDER BY q.id LIMIT $2"), "b.id")
}

pub(super) fn present_newest_sql() -> String {
    present_sql(
        &format!("WHERE {NOT_ERASED} ORDER BY q.position DESC, q.ordinal DESC LIMIT $1"),
        "b.position DESC, b.ordinal DESC",
    )
}

pub(super) fn open_alike_sql(count: usize) -> String {
    format!(
        "WITH wanted (lane, rule, booking, item, position, hash) AS (VALUES {})
         SELECT w.rule, w.booking, w.item
         FROM   wanted AS w
         WHERE  EXISTS (SELECT 1 FROM runs AS r
                        WHERE  r.lane = w.lane AND r.state IN ('waiting', 'working', 'paused')
                        AND    r.rule = w.rule AND r.booking = w.booking AND r.item = w.item
                        AND    r.position >= w.position AND (r.ruleset IS NULL OR r.ruleset = w.hash))",
        sql::rows(count, 6, 1)
    )
}

impl SqlStore {
    pub(super) async fn find_present(&self, query: &PresentQuery) -> Result<Vec<PresentBooking>, StoreError> {
        let mut session = self.read("give the bookings as they stand").await?;
        let (text, bound) = match query {
            PresentQuery::After(id, limit) => {
                (present_after_sql(), values![id, (*limit).clamp(1, BOOKINGS_MAX)])
            }
            PresentQuery::Newest(limit) => (present_newest_sql(), values![(*limit).clamp(1, BOOKINGS_MAX)]),
            PresentQuery::One(id) => (present_sql("WHERE q.id = $1", "b.id"), values![id.as_str()]),
        };
        session.rows(text, bound).await?.iter().map(present).collect()
    }

    pub(super) async fn begin_applying(&self, new: &NewApply) -> Result<(ApplyRow, bool), StoreError> {
        let mut session = self.write("begin to apply the rule").await?;
        let text = format!(
            "INSERT INTO rule_applies (rule, state, who, from_day, to_day, began_at, updated_at)
             VALUES ($1, 'open', $2, $3, $4, $5, $5)
             ON CONFLICT (rule) WHERE state = 'open' DO NOTHING
             RETURNING {APPLY_COLUMNS}"
        );
        let bound = values![&new.rule, &new.who, new.from_day.clone(), new.to_day.clone(), new.at];
        if let Some(row) = session.row(text, bound).await? {
            let row = apply_row(&row)?;
            session.commit().await?;
            return Ok((row, true));
        }
        let text = format!("SELECT{APPLY_COLUMNS} FROM rule_applies WHERE rule = $1 AND state = 'open'");
        let row = session.row(text, values![&new.rule]).await?;
        session.commit().await?;
        match row {
            Some(row) => Ok((apply_row(&row)?, false)),
            None => Err(StoreError::Corrupt {
                what: String::from("applying of the rule"),
                why: String::from("it could not be begun, and is not there either; try again"),
            }),
        }
    }

    pub(super) async fn step_applying(&self, step: &ApplyStep) -> Result<bool, StoreError> {
        let mut session = self.write("apply the rule").await?;
        let noted = session
            .execute(
                "UPDATE rule_applies
                 SET    last_booking = $3, state = $4, note = $5, counts = $6, updated_at = $7
                 WHERE  seq = $1 AND last_booking = $2 AND state = 'open'",
                values![
                    step.seq,
                    &step.after,
                    &step.last_booking,
                    step.state.as_str(),
                    step.note.clone(),
                    to_json("counts of an applying", &step.counts)?,
                    step.at,
                ],
            )
            .await?;
        if noted == 0 {
            return Ok(false);
        }
        let last = match step.runs.as_slice() {
            [] => Vec::new(),
            runs => apply::plan(&mut session, Vec::new(), &runs.iter().collect::<Vec<_>>()).await?,
        };
        session.commit_after(last).await?;
        Ok(true)
    }

    pub(super) async fn applies_list(&self, filter: &ApplyFilter) -> Result<Vec<ApplyRow>, StoreError> {
        let mut session = self.read("give what is being applied").await?;
        let limit = filter.limit.clamp(1, APPLIES_MAX);
        let open = if filter.open { "AND state = 'open'" } else { "" };
        let rows = match &filter.rule {
            Some(rule) => {
                let text = format!(
                    "SELECT{APPLY_COLUMNS} FROM rule_applies WHERE rule = $1 {open} ORDER BY seq DESC LIMIT $2"
                );
                session.rows(text, values![rule, limit]).await?
            }
            None => {
                let text = format!(
                    "SELECT{APPLY_COLUMNS} FROM rule_applies WHERE seq > 0 {open} ORDER BY seq DESC LIMIT $1"
                );
                session.rows(text, values![limit]).await?
            }
        };
        rows.iter().map(apply_row).collect()
    }

    pub(super) async fn find_open_alike(
        &self,
        runs: &[NewRun],
        ruleset: &str,
    ) -> Result<Vec<usize>, StoreError> {
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.read("look for runs on their way").await?;
        let found = open_alike(&mut session, runs, ruleset).await?;
        let is_open = |run: &NewRun| {
            found.iter().any(|(rule, booking, item)| {
                *rule == run.rule && booking == run.booking.as_str() && *item == run.item
            })
        };
        Ok(runs.iter().enumerate().filter(|(_, run)| is_open(run)).map(|(index, _)| index).collect())
    }
}

async fn open_alike(
    session: &mut Session,
    runs: &[NewRun],
    ruleset: &str,
) -> Result<Vec<(String, String, String)>, StoreError> {
    let mut found = Vec::new();
    for piece in sql::padded(runs) {
        let bound: Vec<Value> = piece
            .iter()
            .flat_map(|run| {
                values![&run.lane, &run.rule, run.booking.as_str(), &run.item, run.position, ruleset]
            })
            .collect();
        for row in session.rows(open_alike_sql(piece.len()), bound).await? {
            found.push((row.text("rule")?, row.text("booking")?, row.text("item")?));
        }
    }
    Ok(found)
}

fn present(row: &Row) -> Result<PresentBooking, StoreError> {
    let at = row.int("at")?;
    Ok(PresentBooking {
        booking: rows::booking_view(row)?,
        change: ChangeRef { position: row.int("position")?, ordinal: row.int("ordinal")? },
        kind: rows::change_kind(row)?,
        paths: from_json("paths of a change", &row.text("paths")?)?,
        at,
        received_at: row.int_or_null("received_at")?.unwrap_or(at),
        event: EventId::new(row.text_or_null("event")?.unwrap_or_default()),
        body: row.text_or_null("body")?.unwrap_or_else(|| String::from("null")),
        previous: row.text_or_null("previous")?,
    })
}

fn apply_row(row: &Row) -> Result<ApplyRow, StoreError> {
    let state = match row.text("state")?.as_str() {
        "open" => ApplyState::Open,
        "done" => ApplyState::Done,
        _ => ApplyState::Stopped,
    };
    Ok(ApplyRow {
        seq: row.int("seq")?,
        asked: NewApply {
            rule: row.text("rule")?,
            who: row.text("who")?,
            from_day: row.text_or_null("from_day")?,
            to_day: row.text_or_null("to_day")?,
            at: row.int("began_at")?,
        },
        state,
        last_booking: row.text("last_booking")?,
        note: row.text_or_null("note")?,
        counts: from_json("counts of an applying", &row.text("counts")?)?,
        updated_at: row.int("updated_at")?,
    })
}
