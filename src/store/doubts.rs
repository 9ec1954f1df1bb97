//! By whose word a booking is known, for the fetch stage: whether its system's API ever told of it, or only webhooks that were
//! gone by and never verified; and what becomes of these where the API does not know it.

use super::session::{Statement, Value, values};
use super::{SqlStore, fetches, rows, sooner};
use crate::domain::{BookingKey, ChangeKind, DocumentHead, Millis, Position, is_document};
use crate::ports::{FetchRow, KnownBy, StoreError, StoredEvent};

/// Changes that are looked at in one go.
const LOOK_AT: i64 = 64;

/// What a booking's changes came from, from one of them on.
pub(super) const TOLD_BY: &str = "
SELECT c.position, c.ordinal, c.kind, e.origin, e.headers
FROM   changes AS c
JOIN   events AS e ON e.position = c.position
WHERE  c.booking = $1 AND (c.position, c.ordinal) > ($2, $3)
ORDER BY c.position, c.ordinal
LIMIT  CAST($4 AS BIGINT)";

const OF_KEY: &str = "
SELECT b.id FROM bookings AS b WHERE b.connector = $1 AND b.account = $2 AND b.kind = $3 AND b.key = $4";

/// What hinted at a fetch, and one more event.
pub(super) const HINTS_OF: &str = "
SELECT e.position, e.id, e.source, e.received_at, e.origin, CAST(0 AS BIGINT) AS crashes, e.headers, e.body
FROM   events AS e
WHERE  e.position IN (SELECT l.position
                      FROM   (SELECT h.position FROM fetch_hints AS h
                              WHERE  h.fetch = $1 AND h.position <= $2
                              ORDER BY h.position DESC
                              LIMIT  CAST($3 AS BIGINT)) AS l
                      UNION
                      SELECT CAST($4 AS BIGINT))
ORDER BY e.position";

/// It is asked for again later; at once where something newer hints at it.
pub(super) const ASK_AGAIN: &str = "
UPDATE fetches
SET    state = 'due',
       due_at = CASE WHEN hinted > $2 THEN CAST($6 AS BIGINT) ELSE CAST($3 AS BIGINT) END,
       trouble = CASE WHEN hinted > $2 THEN NULL ELSE CAST($4 AS TEXT) END,
       told = CASE WHEN hinted > $2 THEN NULL ELSE CAST($5 AS TEXT) END,
       begun = NULL
WHERE  id = $1 AND state = 'working' AND begun = $2";

/// Webhooks that the booking went by are refused after all.
pub(super) const DISOWN: &str = "
UPDATE changes
SET    kind = 'refused', note = $1
WHERE  booking = $2 AND kind = 'coalesced'";

/// What refuses them.
pub(super) fn disown(note: &str, booking: &str) -> Statement {
    Statement::new(DISOWN, values![note, booking])
}

/// The webhook that was gone by is refused after all, where its fetch says so.
pub(super) const REFUSE_GONE_BY: &str = "
UPDATE changes
SET    kind = 'refused', note = $1
WHERE  position = $2 AND kind = 'coalesced'
AND    EXISTS (SELECT 1 FROM fetches AS f WHERE f.id = $3 AND f.begun = $4 AND f.unverified = 1)
AND    booking = (SELECT b.id FROM bookings AS b
                  WHERE  b.connector = $5 AND b.account = $6 AND b.kind = $7 AND b.key = $8)";

/// What refuses it. What it told stays.
pub(super) fn refuse_gone_by(of: &FetchRow, told: &str) -> Statement {
    let key = &of.key;
    let bound =
        values![told, of.hinted, &of.id, of.begun, &key.connector, &key.account, &key.kind, &key.key,];
    Statement::new(REFUSE_GONE_BY, bound)
}

/// There is nothing to be fetched: hints are refused. What was `forbidden`, or somebody asked for, stays, so that they are told.
pub(super) fn refused(of: &FetchRow, told: &str, forbidden: bool, now: Millis) -> Vec<Statement> {
    let none: Option<String> = None;
    let mut statements = vec![
        refuse_gone_by(of, told),
        Statement::new(fetches::done_sql("refused"), values![told, none, &of.id, of.begun]),
        Statement::new(fetches::FORGET_HINTS, values![&of.id, of.begun]),
    ];
    if !forbidden {
        statements.push(Statement::new(
            "DELETE FROM fetches
             WHERE  id = $1 AND asked_by IS NULL
             AND    NOT EXISTS (SELECT 1 FROM fetch_hints AS h WHERE h.fetch = fetches.id)",
            values![&of.id],
        ));
    }
    let trouble = if forbidden { sooner::FORBIDDEN } else { "not_there" };
    statements.push(Statement::new(
        "UPDATE fetches
         SET    state = CASE WHEN EXISTS (SELECT 1 FROM fetch_hints AS h WHERE h.fetch = fetches.id)
                             THEN 'due' ELSE 'refused' END,
                begun = NULL, due_at = $1, trouble = $2, told = $3, tries = 0,
                failing_since = NULL
         WHERE  id = $4",
        values![now, trouble, told, &of.id],
    ));
    statements
}

impl SqlStore {
    /// What hinted at a fetch up to a position, of the last so many, oldest first; and the event at `and`.
    pub(super) async fn told_before(
        &self,
        fetch: &str,
        until: Position,
        and: Option<Position>,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut session = self.read("give what hinted at a fetch").await?;
        let bound = values![fetch, until, limit, and.unwrap_or(-1)];
        session.rows(HINTS_OF, bound).await?.iter().map(rows::stored_event).collect()
    }

    /// By whose word a record is known, once all events up to that position are applied.
    pub(super) async fn word_for(&self, key: &BookingKey, until: Position) -> Result<KnownBy, StoreError> {
        if self.unapplied(1, 1).await?.first().is_some_and(|event| event.position <= until) {
            return Ok(KnownBy::NotYet);
        }
        let mut session = self.read("look by whose word a booking is known").await?;
        let of_key = values![&key.connector, &key.account, &key.kind, &key.key];
        let Some(booking) = session.row(OF_KEY, of_key).await? else { return Ok(KnownBy::Nobody) };
        let booking = booking.text("id")?;
        let mut after = (0, -1);
        loop {
            let bound: Vec<Value> = values![&booking, after.0, after.1, LOOK_AT];
            let page = session.rows(TOLD_BY, bound).await?;
            for row in &page {
                after = (row.int("position")?, row.int("ordinal")?);
                let kind = rows::word("kind of a change", &row.text("kind")?, ChangeKind::parse)?;
                if is_confirmed(kind, &row.text("origin")?, &row.text("headers")?) {
                    return Ok(KnownBy::Confirmed);
                }
            }
            if (page.len() as i64) < LOOK_AT {
                return Ok(KnownBy::Unverified);
            }
        }
    }
}

/// Whether a change stands for more than an unverified webhook. That the API does not know a record confirms nothing; what
/// nobody can tell any more, since the event's head is gone, is taken for confirmed.
fn is_confirmed(kind: ChangeKind, origin: &str, headers: &str) -> bool {
    if is_document(origin) {
        return DocumentHead::read(headers).is_none_or(|head| !head.unverified && !head.gone);
    }
    kind.has_effect() || kind == ChangeKind::Unchanged
}
