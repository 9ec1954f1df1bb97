//! What is to be fetched from booking systems: hints, claims, ends. What an applied event does to fetches is written in its
//! own transaction (`write`); the rest has transactions of its own.

use super::rows::{self, word};
use super::session::{Row, Session, Statement, Value, values};
use super::{SqlStore, doubts, ended, sql};
use crate::domain::{BEHIND, BookingId, BookingKey, ChangeRef, Millis, Position};
use crate::ports::{
    AppliedEvent, FetchCount, FetchEnd, FetchPolicy, FetchRow, FetchState, FetchStore, FetchWrite,
    HeardAsked, KnownBy, LastHeard, NewFetch, PutOff, StoreError, StoredEvent,
};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

/// Sources that a claim leaves out; more are never in trouble at once without all being.
const EXCEPT_MAX: usize = 200;

const COLUMNS: &str =
    "f.id, f.connector, f.account, f.kind, f.key, f.way, f.source, f.policy, f.state, f.first_at,
       f.hinted, f.due_at, f.begun, f.tries, f.failing_since, f.trouble, f.told, f.unverified, f.asked_by";

const RECOVER: &str = "UPDATE fetches SET state = 'due', due_at = $1, begun = NULL WHERE state = 'working'";

/// Due ones, but those of some sources. Of these there may be many, so that nobody who writes waits for this.
pub(super) fn due_sql(except: usize) -> String {
    let (but, next) = but(except, 2);
    format!(
        "SELECT p.id FROM fetches AS p
         WHERE  p.state = 'due' AND p.due_at <= $1 {but}
         ORDER BY p.due_at, p.id
         LIMIT  CAST(${next} AS BIGINT)"
    )
}

/// Takes them, where they are still due.
pub(super) fn claim_sql(count: usize) -> String {
    format!(
        "UPDATE fetches
         SET    state = 'working', begun = $1
         WHERE  state = 'due' AND due_at <= $2 AND id IN (VALUES {})
         RETURNING {}",
        sql::rows(count, 1, 3),
        COLUMNS.replace("f.", "")
    )
}

fn next_sql(except: usize) -> String {
    let (but, _) = but(except, 1);
    format!("SELECT MIN(p.due_at) AS due_at FROM fetches AS p WHERE p.state = 'due' {but}")
}

/// `AND p.source NOT IN (…)` from that placeholder on, and the next placeholder.
fn but(except: usize, from: usize) -> (String, usize) {
    if except == 0 {
        return (String::new(), from);
    }
    let places: Vec<String> = (from..from + except).map(|number| format!("${number}")).collect();
    (format!("AND p.source NOT IN ({})", places.join(", ")), from + except)
}

pub(super) const OF_CHANGE: &str = "
SELECT f.id, f.connector, f.account, f.kind, f.key, f.way, f.source, f.policy, f.state, f.first_at,
       f.hinted, f.due_at, f.begun, f.tries, f.failing_since, f.trouble, f.told, f.unverified, f.asked_by
FROM   fetch_hints AS h
JOIN   fetches AS f ON f.id = h.fetch
WHERE  h.position = $1 AND h.ordinal = $2";

pub(super) fn of_source_sql() -> String {
    format!(
        "SELECT {COLUMNS}
         FROM   fetches AS f
         WHERE  f.source = $1 AND f.state IN ('due', 'working')
         ORDER BY f.first_at, f.id
         LIMIT  CAST($2 AS BIGINT)"
    )
}

const COUNT: &str = "
SELECT f.source,
       CAST(SUM(CASE WHEN f.state <> 'refused' THEN 1 ELSE 0 END) AS BIGINT) AS waiting,
       CAST(SUM(CASE WHEN f.state <> 'refused' AND f.tries > 0 THEN 1 ELSE 0 END) AS BIGINT) AS failing,
       MIN(CASE WHEN f.state <> 'refused' THEN f.first_at END) AS oldest_at,
       CAST(SUM(CASE WHEN f.state <> 'refused' THEN f.unverified ELSE 0 END) AS BIGINT) AS unverified,
       CAST(SUM(CASE WHEN f.state = 'refused' THEN 1 ELSE 0 END) AS BIGINT) AS forbidden
FROM   fetches AS f
WHERE  f.state IN ('due', 'working') OR (f.state = 'refused' AND f.trouble = 'forbidden')
GROUP BY f.source
ORDER BY f.source";

pub(super) fn to_go_by_sql() -> String {
    format!(
        "SELECT {COLUMNS}, e.position, e.id AS event, e.source AS event_source, e.received_at, e.origin,
                CAST(0 AS BIGINT) AS crashes, e.headers, e.body
         FROM   fetches AS f
         JOIN   events AS e ON e.position = f.hinted
         WHERE  f.state = 'due' AND f.policy = 'payload' AND f.unverified = 0 AND f.first_at < $1
         ORDER BY f.first_at, f.id
         LIMIT  CAST($2 AS BIGINT)"
    )
}

/// Hints up to a position are done with: what they are now, and of which booking.
pub(super) fn done_sql(kind: &str) -> String {
    format!(
        "UPDATE changes
         SET    kind = '{kind}', note = $1, booking = COALESCE(booking, $2)
         WHERE  kind = 'fetching'
         AND    (position, ordinal) IN (SELECT h.position, h.ordinal FROM fetch_hints AS h
                                        WHERE  h.fetch = $3 AND h.position <= $4)"
    )
}

/// What is known of bookings holds as of later positions too.
pub(super) fn confirm_sql(count: usize) -> String {
    format!(
        "WITH told (booking, at) AS (VALUES {})
         UPDATE bookings
         SET    as_of = told.at
         FROM   told
         WHERE  bookings.id = told.booking AND COALESCE(bookings.as_of, bookings.position) < told.at",
        sql::rows(count, 2, 1)
    )
}

pub(super) const FORGET_HINTS: &str = "DELETE FROM fetch_hints WHERE \"fetch\" = $1 AND position <= $2";
/// It ends where nothing waits for it.
const END: &str = "
DELETE FROM fetches
WHERE  id = $1 AND NOT EXISTS (SELECT 1 FROM fetch_hints AS h WHERE h.fetch = fetches.id)";
/// It goes on: as one that has not failed yet.
const GO_ON: &str = "
UPDATE fetches
SET    state = 'due', begun = NULL, tries = 0, failing_since = NULL, trouble = $4, told = NULL,
       unverified = $1, due_at = $2,
       first_at = COALESCE((SELECT MIN(c.at) FROM fetch_hints AS h
                            JOIN changes AS c ON c.position = h.position AND c.ordinal = h.ordinal
                            WHERE h.fetch = fetches.id), first_at)
WHERE  id = $3";

fn row(row: &Row) -> Result<FetchRow, StoreError> {
    Ok(FetchRow {
        id: row.text("id")?,
        key: rows::booking_key(row)?,
        way: row.int("way")?,
        source: row.text("source")?,
        policy: word("policy of a fetch", &row.text("policy")?, FetchPolicy::parse)?,
        state: word("state of a fetch", &row.text("state")?, FetchState::parse)?,
        first_at: row.int("first_at")?,
        hinted: row.int("hinted")?,
        due_at: row.int("due_at")?,
        begun: row.int_or_null("begun")?,
        tries: row.int("tries")?,
        failing_since: row.int_or_null("failing_since")?,
        trouble: row.text_or_null("trouble")?,
        told: row.text_or_null("told")?,
        unverified: row.truth("unverified")?,
        asked_by: row.text_or_null("asked_by")?,
    })
}

/// What applied events do to fetches, in their order. Of those that came only what is there is touched.
pub(super) async fn write(
    session: &mut Session,
    events: &[&AppliedEvent],
) -> Result<Vec<Statement>, StoreError> {
    let mut there = asked_for(session, events).await?;
    let mut statements = Vec::new();
    let mut hints: Vec<(Position, i64, &NewFetch)> = Vec::new();
    let mut confirmed: BTreeMap<&str, Position> = BTreeMap::new();
    for event in events {
        for write in &event.fetches {
            match write {
                FetchWrite::Hint { fetch, ordinal } => {
                    there.insert(fetch.id.clone());
                    hints.push((event.position, *ordinal, fetch));
                }
                FetchWrite::Confirmed { booking, as_of } => {
                    let last = confirmed.entry(booking.as_str()).or_default();
                    *last = (*last).max(*as_of);
                }
                FetchWrite::Came { fetch, begun, booking, note, again_at, unverified, behind, at } => {
                    if !there.contains(fetch) {
                        continue;
                    }
                    statements.extend(put_hints(&std::mem::take(&mut hints)));
                    let booking = booking.as_ref().map(BookingId::as_str);
                    statements.extend([
                        Statement::new(done_sql("coalesced"), values![note, booking, fetch, *begun]),
                        Statement::new(FORGET_HINTS, values![fetch, *begun]),
                    ]);
                    if again_at.is_none() {
                        statements.push(Statement::new(END, values![fetch]));
                    }
                    let due_at = again_at.unwrap_or(*at);
                    let trouble = behind.then_some(BEHIND[0]);
                    statements.push(Statement::new(GO_ON, values![*unverified, due_at, fetch, trouble]));
                }
                FetchWrite::Disowned { fetch, begun, booking, note, at } => {
                    statements.extend(put_hints(&std::mem::take(&mut hints)));
                    let booking = booking.as_ref().map(BookingId::as_str);
                    statements.extend(booking.map(|booking| doubts::disown(note, booking)));
                    statements.extend([
                        Statement::new(done_sql("refused"), values![note, booking, fetch, *begun]),
                        Statement::new(FORGET_HINTS, values![fetch, *begun]),
                        Statement::new(END, values![fetch]),
                        Statement::new(GO_ON, values![false, *at, fetch, None::<String>]),
                    ]);
                }
                FetchWrite::Ended { key, source, at } => {
                    statements.extend(ended::put_end(event.position, key, source, *at));
                }
            }
        }
    }
    statements.extend(put_hints(&hints));
    let confirmed: Vec<(&str, Position)> = confirmed.into_iter().collect();
    for piece in sql::pieces(&confirmed) {
        let bound = piece.iter().flat_map(|(booking, as_of)| values![*booking, *as_of]);
        statements.push(Statement::new(confirm_sql(piece.len()), bound.collect()));
    }
    Ok(statements)
}

/// Which of the fetches that these events are about are there.
async fn asked_for(session: &mut Session, events: &[&AppliedEvent]) -> Result<BTreeSet<String>, StoreError> {
    let ids: BTreeSet<&str> = events
        .iter()
        .flat_map(|event| &event.fetches)
        .filter_map(|write| match write {
            FetchWrite::Came { fetch, .. } => Some(fetch.as_str()),
            FetchWrite::Hint { .. }
            | FetchWrite::Disowned { .. }
            | FetchWrite::Ended { .. }
            | FetchWrite::Confirmed { .. } => None,
        })
        .collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut there = BTreeSet::new();
    for piece in sql::padded(&ids) {
        let text = format!("SELECT id FROM fetches WHERE id IN (VALUES {})", sql::rows(piece.len(), 1, 1));
        let bound: Vec<Value> = piece.iter().map(|id| Value::from(**id)).collect();
        for row in session.rows(text, bound).await? {
            there.insert(row.text("id")?);
        }
    }
    Ok(there)
}

/// Each fetch once, as its last hint says; and all hints.
fn put_hints(hints: &[(Position, i64, &NewFetch)]) -> Vec<Statement> {
    let mut fetches: BTreeMap<&str, (Position, &NewFetch, Millis, Millis)> = BTreeMap::new();
    for (position, _, fetch) in hints {
        let known = fetches.get(fetch.id.as_str());
        let (first_at, due_at) =
            known.map_or((fetch.at, fetch.due_at), |(_, _, first_at, due_at)| (*first_at, *due_at));
        fetches.insert(&fetch.id, (*position, *fetch, first_at, due_at));
    }
    let fetches: Vec<_> = fetches.into_values().collect();
    let mut statements = Vec::new();
    for piece in sql::pieces(&fetches) {
        let text = format!(
            "INSERT INTO fetches (id, connector, account, kind, key, way, source, policy, state, first_at, hinted,
                                  due_at)
             VALUES {}
             ON CONFLICT (id) DO UPDATE
             SET source = excluded.source, policy = excluded.policy, hinted = excluded.hinted,
                 unverified = 0,
                 due_at = CASE WHEN fetches.state = 'refused' OR fetches.trouble IN ('behind', 'still_behind')
                               THEN excluded.due_at ELSE fetches.due_at END,
                 first_at = CASE WHEN fetches.state = 'refused' THEN excluded.first_at ELSE fetches.first_at END,
                 trouble = CASE WHEN fetches.state = 'refused' OR fetches.trouble IN ('behind', 'still_behind')
                                THEN NULL ELSE fetches.trouble END,
                 told = CASE WHEN fetches.state = 'refused' OR fetches.trouble IN ('behind', 'still_behind')
                             THEN NULL ELSE fetches.told END,
                 state = CASE WHEN fetches.state = 'refused' THEN 'due' ELSE fetches.state END",
            sql::rows(piece.len(), 12, 1)
        );
        let mut bound = Vec::with_capacity(piece.len() * 12);
        for (hinted, fetch, first_at, due_at) in piece {
            bound.extend(columns(fetch));
            bound.extend(values!["due", *first_at, *hinted, *due_at]);
        }
        statements.push(Statement::new(text, bound));
    }
    for piece in sql::pieces(hints) {
        let text = format!(
            "INSERT INTO fetch_hints (\"fetch\", position, ordinal)
             VALUES {}
             ON CONFLICT (\"fetch\", position, ordinal) DO NOTHING",
            sql::rows(piece.len(), 3, 1)
        );
        let bound =
            piece.iter().flat_map(|(position, ordinal, fetch)| values![&fetch.id, *position, *ordinal]);
        statements.push(Statement::new(text, bound.collect()));
    }
    statements
}

/// The first eight columns of a new one.
fn columns(fetch: &NewFetch) -> Vec<Value> {
    let key = &fetch.key;
    values![
        &fetch.id,
        &key.connector,
        &key.account,
        &key.kind,
        &key.key,
        fetch.way,
        &fetch.source,
        fetch.policy.as_str(),
    ]
}

#[async_trait]
impl FetchStore for SqlStore {
    async fn recover_fetches(&self, now: Millis) -> Result<i64, StoreError> {
        let mut session = self.write("take back fetches").await?;
        let taken = session.execute(RECOVER, values![now]).await?;
        session.commit().await?;
        Ok(taken)
    }

    async fn claim_fetches(
        &self,
        except: &[String],
        now: Millis,
        limit: i64,
    ) -> Result<Vec<FetchRow>, StoreError> {
        // Before anything is asked for: what comes in from now on is newer than what the answer will say.
        let begun = self.last_position().await?;
        let except = &except[..except.len().min(EXCEPT_MAX)];
        let mut session = self.read("look for due fetches").await?;
        let mut bound = values![now];
        bound.extend(except.iter().map(Value::from));
        bound.extend(values![limit]);
        let due = session.rows(due_sql(except.len()), bound).await?;
        let due = due.iter().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
        drop(session);
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.write("take due fetches").await?;
        let mut claimed = Vec::new();
        for piece in sql::padded(&due) {
            let mut bound = values![begun, now];
            bound.extend(piece.iter().map(|id| Value::from(id.as_str())));
            for one in session.rows(claim_sql(piece.len()), bound).await? {
                claimed.push(row(&one)?);
            }
        }
        session.commit().await?;
        claimed.sort_by(|one, other| (one.due_at, &one.id).cmp(&(other.due_at, &other.id)));
        Ok(claimed)
    }

    async fn next_fetch_at(&self, except: &[String]) -> Result<Option<Millis>, StoreError> {
        let except = &except[..except.len().min(EXCEPT_MAX)];
        let mut session = self.read("look for the next fetch").await?;
        let found = session.row(next_sql(except.len()), except.iter().map(Value::from).collect()).await?;
        found.map_or(Ok(None), |row| row.int_or_null("due_at"))
    }

    async fn end_fetch(&self, of: &FetchRow, end: &FetchEnd, now: Millis) -> Result<(), StoreError> {
        let mut session = self.write("end a fetch").await?;
        let began = "WHERE id = $1 AND state = 'working' AND begun = $2";
        let statements = match end {
            FetchEnd::Again { due_at, trouble, told, failed } => vec![Statement::new(
                format!(
                    "UPDATE fetches
                     SET    state = 'due', begun = NULL, due_at = $3, trouble = $4, told = $5,
                            tries = tries + CAST($6 AS BIGINT), failing_since = COALESCE(failing_since, $7)
                     {began}"
                ),
                values![&of.id, of.begun, *due_at, trouble, told, i64::from(*failed), now],
            )],
            FetchEnd::Behind { due_at, trouble, told } => {
                let bound = values![&of.id, of.begun, *due_at, trouble, told, now];
                vec![Statement::new(doubts::ASK_AGAIN, bound)]
            }
            FetchEnd::Refused { told } | FetchEnd::Forbidden { told } => {
                let forbidden = matches!(end, FetchEnd::Forbidden { .. });
                let there =
                    session.row(format!("SELECT id FROM fetches {began}"), values![&of.id, of.begun]).await?;
                if there.is_none() {
                    return Ok(());
                }
                doubts::refused(of, told, forbidden, now)
            }
        };
        session.commit_after(statements).await.map(|_| ())
    }

    async fn put_off_fetches(
        &self,
        rows: &[FetchRow],
        off: PutOff<'_>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let PutOff { due_at, trouble, told } = off;
        let statement = |piece: sql::Padded<'_, FetchRow>| {
            let text = format!(
                "UPDATE fetches
                 SET    state = 'due', begun = NULL, due_at = $1, trouble = $2, told = $3,
                        failing_since = COALESCE(failing_since, $4)
                 WHERE  state = 'working' AND (id, begun) IN (VALUES {})",
                sql::rows(piece.len(), 2, 5)
            );
            let mut bound = values![due_at, trouble, told, now];
            bound.extend(piece.iter().flat_map(|row| values![&row.id, row.begun]));
            Statement::new(text, bound)
        };
        let statements = sql::padded(rows).map(statement).collect();
        let session = self.write("put off fetches").await?;
        session.commit_after(statements).await.map(|_| ())
    }

    async fn give_back(&self, id: &str, now: Millis) -> Result<(), StoreError> {
        let mut session = self.write("give a fetch back").await?;
        session
            .execute(
                "UPDATE fetches SET state = 'due', due_at = $1, begun = NULL WHERE id = $2 AND state = 'working'",
                values![now, id],
            )
            .await?;
        session.commit().await
    }

    async fn ask_fetch(&self, fetch: &NewFetch, by: &str) -> Result<FetchRow, StoreError> {
        let mut session = self.write("ask for a fetch").await?;
        let text = format!(
            "INSERT INTO fetches AS f (id, connector, account, kind, key, way, source, policy, state, first_at, hinted,
                                       due_at, asked_by)
             VALUES {}
             ON CONFLICT (id) DO UPDATE
             SET asked_by = excluded.asked_by, due_at = excluded.due_at,
                 state = CASE WHEN f.state = 'refused' THEN 'due' ELSE f.state END,
                 trouble = CASE WHEN f.state = 'refused' THEN NULL ELSE f.trouble END,
                 told = CASE WHEN f.state = 'refused' THEN NULL ELSE f.told END
             RETURNING {}",
            sql::rows(1, 13, 1),
            COLUMNS.replace("f.", "")
        );
        let mut bound = columns(fetch);
        bound.extend(values!["due", fetch.at, 0_i64, fetch.due_at, by]);
        let asked = session.row(text, bound).await?;
        let asked = asked.as_ref().map(row).transpose()?;
        session.commit().await?;
        asked.ok_or_else(|| StoreError::Corrupt {
            what: String::from("fetch"),
            why: String::from("it was written and is not there"),
        })
    }

    async fn hurry_fetches(&self, source: &str, now: Millis) -> Result<i64, StoreError> {
        let mut session = self.write("hurry fetches").await?;
        let hurried = session
            .execute(
                "UPDATE fetches SET due_at = $1 WHERE source = $2 AND state = 'due'",
                values![now, source],
            )
            .await?;
        session.commit().await?;
        Ok(hurried)
    }

    async fn hurry_some(&self, ids: &[String], now: Millis) -> Result<(), StoreError> {
        self.hurry_by_id(ids, now).await
    }

    async fn hurry_down(&self, source: &str, since: Millis, now: Millis) -> Result<(), StoreError> {
        self.hurry_all_down(source, since, now).await
    }

    async fn revive_fetches(&self, source: Option<&str>, now: Millis) -> Result<i64, StoreError> {
        self.revive(source, now).await
    }

    async fn ended_unknown(&self, keys: &[BookingKey]) -> Result<Vec<(BookingKey, Position)>, StoreError> {
        self.records_that_ended(keys).await
    }

    async fn pull_in_fetches(&self, later: Millis, now: Millis) -> Result<i64, StoreError> {
        let mut session = self.write("pull in fetches").await?;
        let pulled = session
            .execute(
                "UPDATE fetches SET due_at = $1 WHERE state = 'due' AND due_at > $2",
                values![now, later],
            )
            .await?;
        session.commit().await?;
        Ok(pulled)
    }

    async fn fetch_row(&self, id: &str) -> Result<Option<FetchRow>, StoreError> {
        let mut session = self.read("give a fetch").await?;
        let found =
            session.row(format!("SELECT {COLUMNS} FROM fetches AS f WHERE f.id = $1"), values![id]).await?;
        found.as_ref().map(row).transpose()
    }

    async fn fetch_of_change(&self, change: ChangeRef) -> Result<Option<FetchRow>, StoreError> {
        let mut session = self.read("give the fetch of a change").await?;
        let found = session.row(OF_CHANGE, values![change.position, change.ordinal]).await?;
        found.as_ref().map(row).transpose()
    }

    async fn fetches_of_source(&self, source: &str, limit: i64) -> Result<Vec<FetchRow>, StoreError> {
        let mut session = self.read("give the fetches of a source").await?;
        session.rows(of_source_sql(), values![source, limit]).await?.iter().map(row).collect()
    }

    async fn count_fetches(&self) -> Result<Vec<FetchCount>, StoreError> {
        let mut session = self.read("count fetches").await?;
        let count = |row: &Row| {
            Ok(FetchCount {
                source: row.text("source")?,
                waiting: row.int("waiting")?,
                failing: row.int("failing")?,
                oldest_at: row.int_or_null("oldest_at")?,
                unverified: row.int("unverified")?,
                forbidden: row.int("forbidden")?,
            })
        };
        session.rows(COUNT, Vec::new()).await?.iter().map(count).collect()
    }

    async fn last_of_source(&self, asked: HeardAsked<'_>) -> Result<LastHeard, StoreError> {
        self.heard_last(asked).await
    }

    async fn fetches_to_go_by(
        &self,
        before: Millis,
        limit: i64,
    ) -> Result<Vec<(FetchRow, StoredEvent)>, StoreError> {
        let mut session = self.read("give fetches to go by their webhook").await?;
        let found = session.rows(to_go_by_sql(), values![before, limit]).await?;
        found
            .iter()
            .map(|one| {
                let event = StoredEvent {
                    position: one.int("position")?,
                    id: crate::domain::EventId::new(one.text("event")?),
                    source: one.text("event_source")?,
                    received_at: one.int("received_at")?,
                    origin: one.text("origin")?,
                    headers: one.text("headers")?,
                    body: one.blob("body")?,
                    crashes: one.int("crashes")?,
                };
                Ok((row(one)?, event))
            })
            .collect()
    }

    async fn hints_of(
        &self,
        fetch: &str,
        until: Position,
        and: Option<Position>,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.told_before(fetch, until, and, limit).await
    }

    async fn known_by(&self, key: &BookingKey, until: Position) -> Result<KnownBy, StoreError> {
        self.word_for(key, until).await
    }

    async fn last_position(&self) -> Result<Position, StoreError> {
        let mut session = self.read("look at the end of the journal").await?;
        let last = session.row("SELECT COALESCE(MAX(position), 0) AS last FROM events", Vec::new()).await?;
        last.map_or(Ok(0), |row| row.int("last"))
    }
}
