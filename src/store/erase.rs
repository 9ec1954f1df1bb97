//! Erasing a guest's data from one booking and all that came of it, in one transaction, so that there is never half of a
//! guest. What stays is said in `domain::scrub`: ids, times, states, hashes, positions, and links to records of CRMs, on which
//! the promises rest. Called through `ports::KeepingStore`.
//!
//! On SQLite what goes is overwritten in its file; the bodies of webhooks, which are in a file of their own, go right after,
//! and `forget_logs` empties the write-ahead logs.

use super::retention::Gone;
use super::rows::{from_json, to_json};
use super::session::{Session, Statement, Value as Bound, values};
use super::{Database, SqlStore, cards, retention, sql};
use crate::domain::{
    BookingId, BookingKey, Millis, ORIGIN_AGAIN, Position, READ_AGAIN_OF, Scrub, StepProgress, View,
    fetch_id, search_terms,
};
use crate::ports::{Erased, ErasedBooking, Erasure, StoreError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Versions of a booking that are looked through for what gives a guest away.
const VERSIONS_MAX: i64 = 5_000;
/// Webhooks that told of others too are gone through up to so many bytes; further ones go as a whole.
const SHARED_BYTES_MAX: usize = 16 << 20;

pub(super) const VERSIONS: &str = "
SELECT c.position, c.ordinal, c.body, c.note, c.paths
FROM   changes AS c
WHERE  c.booking = $1
ORDER BY c.position, c.ordinal
LIMIT  CAST($2 AS BIGINT)";

pub(super) const RUNS: &str = "
SELECT r.seq, r.id, r.item, r.lane, r.state, r.steps FROM runs AS r WHERE r.booking = $1 ORDER BY r.seq";

/// Links that the booking points to, and whether others do too.
pub(super) const LINKS: &str = "
SELECT DISTINCT p.connection, p.account, p.object, p.key, p.rule, p.step, l.outputs,
       CAST(CASE WHEN EXISTS (SELECT 1 FROM link_bookings AS o
                         WHERE  o.connection = p.connection AND o.account = p.account AND o.object = p.object
                         AND    o.key = p.key AND o.booking <> p.booking)
            THEN 1 ELSE 0 END AS BIGINT) AS shared
FROM   link_bookings AS p
LEFT JOIN links AS l ON l.connection = p.connection AND l.account = p.account AND l.object = p.object
                    AND l.key = p.key AND l.rule = p.rule AND l.step = p.step
WHERE  p.booking = $1";

/// Whether something is on its way from the booking system that would bring all back.
pub(super) const FETCHED: &str =
    "SELECT f.id FROM fetches AS f WHERE f.id = $1 AND f.state IN ('due', 'working')";

/// What walks told of it.
pub(super) const FINDINGS: &str = "
UPDATE walk_findings SET note = NULL, paths = '[]'
WHERE  walk IN (SELECT w.seq FROM walks AS w) AND account = $1 AND key = $2";

/// The booking as the transaction finds it.
struct Found {
    person: Value,
    trip: Value,
    /// The booking's key at the source.
    key: String,
    booking_key: BookingKey,
    keys: Vec<String>,
    position: Position,
    ordinal: i64,
}

/// A webhook's body.
struct Body {
    hash: String,
    /// What it told, where it told of others too.
    shared: Option<Value>,
}

struct Version {
    position: Position,
    ordinal: i64,
    body: Option<Value>,
    note: Option<String>,
    paths: String,
}

impl SqlStore {
    pub(super) async fn erase_guest(&self, erasure: &Erasure) -> Result<Erased, StoreError> {
        let id = erasure.booking.as_str();
        // From the journal, which a transaction that writes does not see.
        let bodies = self.bodies_of(id).await?;
        let mut session = self.write("erase a guest").await?;
        let Some(found) = find(&mut session, &erasure.booking).await? else { return Ok(Erased::Unknown) };
        let runs = session.rows(RUNS, values![id]).await?;
        let mut under_way = 0;
        for run in &runs {
            under_way += i64::from(matches!(run.text("state")?.as_str(), "waiting" | "working" | "paused"));
        }
        if under_way > 0 {
            return Ok(Erased::UnderWay(under_way));
        }
        let fetch = fetch_id(&found.booking_key, 0);
        if session.row(FETCHED, values![&fetch]).await?.is_some() {
            return Ok(Erased::BeingFetched);
        }
        let versions = versions(&mut session, id).await?;
        if versions.iter().any(|version| !bodies.contains_key(&version.position)) {
            // A webhook about it was read in this moment.
            return Ok(Erased::UnderWay(1));
        }
        let keys: Vec<&str> = found.keys.iter().map(String::as_str).collect();
        let documents = versions.iter().filter_map(|version| version.body.as_ref());
        let scrub = Scrub::of(&keys, &found.trip, &found.person, documents);

        let mut statements = Vec::new();
        for version in &versions {
            statements.push(scrubbed_version(version, &found, &scrub));
        }
        // What is said of webhooks that became nothing when they came.
        for position in bodies.keys().filter(|position| versions.iter().all(|one| one.position != **position))
        {
            let text = "SELECT ordinal, note FROM changes WHERE position = $1";
            for row in session.rows(text, values![*position]).await? {
                if row.text_or_null("note")?.is_some_and(|note| scrub.is_in(&note)) {
                    let text = "UPDATE changes SET note = NULL WHERE position = $1 AND ordinal = $2";
                    statements.push(Statement::new(text, values![*position, row.int("ordinal")?]));
                }
            }
        }
        statements.extend(scrubbed_booking(&mut session, id, &found, &scrub, erasure).await?);
        for row in session.rows(LINKS, values![id]).await? {
            let name = format!("erased {id} {} {}", erasure.now, statements.len());
            statements.extend(scrubbed_link(&row, id, &scrub, &name)?);
        }
        let mut items: BTreeMap<String, String> = BTreeMap::new();
        for run in &runs {
            let item = run.text("item")?;
            if scrub.is_in(&item) {
                let name = format!("erased {}", items.len() + 1);
                items.entry(item).or_insert(name);
            }
            statements.extend(scrubbed_run(run, &scrub, &items, &erasure.why)?);
        }
        for (item, name) in &items {
            let text = "UPDATE link_bookings SET item = $1 WHERE booking = $2 AND item = $3";
            statements.push(Statement::new(text, values![name, id, item]));
        }
        for row in session.rows("SELECT key, pattern, message FROM causes", Vec::new()).await? {
            if scrub.is_in(&row.text("message")?) {
                let pattern = row.text("pattern")?;
                let message = if scrub.is_in(&pattern) { "" } else { pattern.as_str() };
                let text = "UPDATE causes SET message = $2 WHERE key = $1";
                statements.push(Statement::new(text, values![row.text("key")?, message]));
            }
        }
        let entries: Vec<Gone<'_>> = bodies
            .iter()
            .map(|(position, body)| Gone {
                position: *position,
                hash: &body.hash,
                rest: body
                    .shared
                    .as_ref()
                    .and_then(|body| scrub.rest_of(body, &found.key))
                    .map(|r| r.to_string()),
            })
            .collect();
        statements.extend(retention::note_removed(&entries, erasure.now, &erasure.why));
        // What was answered when it was looked at, and what a walk found to differ.
        statements.push(Statement::new("UPDATE fetches SET told = NULL WHERE id = $1", values![&fetch]));
        statements.push(Statement::new(FINDINGS, values![&found.booking_key.account, &found.key]));
        session.all(statements).await?;
        session.commit().await?;
        self.finish_bodies(2 * VERSIONS_MAX).await?;
        Ok(Erased::Done { webhooks: entries.len() as i64, runs: runs.len() as i64 })
    }

    /// Empties the write-ahead logs, which still hold how pages were before. `false`: a reader was in the way; they are begun
    /// anew and overwritten as Waypost goes on.
    pub(super) async fn empty_logs(&self) -> Result<bool, StoreError> {
        match &self.database {
            Database::Sqlite(database) => {
                let truth = database.truth.empty_log().await?;
                Ok(database.journal.empty_log().await? && truth)
            }
            Database::Postgres(_) => Ok(true),
        }
    }

    /// Bookings whose tour was before that day and that nothing waits for.
    pub(super) async fn find_past_bookings(
        &self,
        day: &str,
        now: Millis,
        limit: i64,
    ) -> Result<Vec<BookingId>, StoreError> {
        let mut session = self.read("look for bookings that are past").await?;
        let rows = session.rows(PAST, values![day, now - retention::AGAIN_MS, limit]).await?;
        rows.iter().map(|row| Ok(BookingId::new(row.text("booking")?))).collect()
    }

    pub(super) async fn find_erased(&self, booking: &BookingId) -> Result<Option<ErasedBooking>, StoreError> {
        let mut session = self.read("say whether a guest was erased").await?;
        let text = "SELECT at, position, why FROM erased_bookings WHERE booking = $1";
        let Some(row) = session.row(text, values![booking.as_str()]).await? else { return Ok(None) };
        Ok(Some(ErasedBooking { at: row.int("at")?, position: row.int("position")?, why: row.text("why")? }))
    }

    /// Bodies of the webhooks that told of a booking.
    async fn bodies_of(&self, booking: &str) -> Result<BTreeMap<Position, Body>, StoreError> {
        let mut session = self.read("look for a guest's webhooks").await?;
        let rows = session.rows(VERSIONS, values![booking, VERSIONS_MAX + 1]).await?;
        if rows.len() as i64 > VERSIONS_MAX {
            return Err(StoreError::Unfit(format!(
                "This booking has more than {VERSIONS_MAX} changes, too many to erase at once. Shorten how long webhooks are \
                 kept under Settings, Privacy, and ask the makers of Waypost."
            )));
        }
        let mut positions = rows.iter().map(|row| row.int("position")).collect::<Result<Vec<_>, _>>()?;
        positions.dedup();
        let mut shared: BTreeSet<Position> = BTreeSet::new();
        for piece in sql::padded(&positions) {
            let mut bound = values![booking];
            bound.extend(piece.iter().map(|position| Bound::from(**position)));
            for row in session.rows(shared_sql(piece.len()), bound).await? {
                shared.insert(row.int("position")?);
            }
        }
        for (copy, first) in first_bodies(&mut session, &positions).await? {
            if shared.contains(&copy) {
                shared.insert(first);
            }
            positions.push(first);
        }
        let mut room = SHARED_BYTES_MAX;
        let mut found = BTreeMap::new();
        for piece in sql::padded(&positions) {
            let bound = piece.iter().map(|position| Bound::from(**position)).collect();
            for row in session.rows(retention::bodies_sql(piece.len()), bound).await? {
                let (position, bytes) = (row.int("position")?, row.blob("body")?);
                let hash = retention::hash_of(&bytes);
                let fits = shared.contains(&position) && bytes.len() <= room;
                room -= if fits { bytes.len() } else { 0 };
                let shared = fits.then(|| serde_json::from_slice(&bytes).ok()).flatten();
                found.insert(position, Body { hash, shared });
            }
        }
        Ok(found)
    }

    pub(super) async fn put_off_booking(&self, booking: &BookingId, now: Millis) -> Result<(), StoreError> {
        let mut session = self.write("note that a guest could not be erased").await?;
        let text = "INSERT INTO kept_longer (what, key, asked_at) VALUES ('booking', $1, $2)
                    ON CONFLICT (what, key) DO UPDATE SET asked_at = excluded.asked_at";
        session.all(vec![Statement::new(text, values![booking.as_str(), now])]).await?;
        session.commit().await
    }

    pub(super) async fn find_put_off(&self, limit: i64) -> Result<Vec<BookingId>, StoreError> {
        let mut session = self.read("look for guests that could not be erased").await?;
        let rows = session.rows(retention::KEPT, values!["booking", i64::MAX, limit]).await?;
        rows.iter().map(|row| Ok(BookingId::new(row.text("key")?))).collect()
    }
}

/// Of what was read again, where what came first stands; each with that of which it is the copy. A copy may be one of a copy.
async fn first_bodies(
    session: &mut Session,
    positions: &[Position],
) -> Result<Vec<(Position, Position)>, StoreError> {
    let mut found: Vec<(Position, Position)> = Vec::new();
    let mut copies: Vec<Position> = positions.to_vec();
    while !copies.is_empty() {
        let mut before = Vec::new();
        for piece in sql::padded(&copies) {
            let mut bound = values![ORIGIN_AGAIN];
            bound.extend(piece.iter().map(|position| Bound::from(**position)));
            for row in session.rows(copies_sql(piece.len()), bound).await? {
                let headers: Value = serde_json::from_str(&row.text("headers")?).unwrap_or_default();
                let Some(first) = headers.get(READ_AGAIN_OF).and_then(Value::as_str) else { continue };
                let text = "SELECT e.position FROM events AS e WHERE e.id = $1";
                let Some(first) = session.row(text, values![first]).await? else { continue };
                let pair = (row.int("position")?, first.int("position")?);
                // What is copied came before its copy; so there is an end.
                if pair.1 < pair.0 && !found.contains(&pair) {
                    found.push(pair);
                    before.push(pair.1);
                }
            }
        }
        copies = before;
    }
    Ok(found)
}

/// Which of these webhooks are copies, with what says of which.
pub(super) fn copies_sql(count: usize) -> String {
    format!(
        "SELECT e.position, e.headers FROM events AS e
         WHERE  e.position IN (VALUES {}) AND e.origin = $1",
        sql::rows(count, 1, 2)
    )
}

/// Which of these webhooks told of other bookings too, whose guests are not erased.
fn shared_sql(count: usize) -> String {
    format!(
        "SELECT DISTINCT c.position
         FROM   changes AS c
         LEFT JOIN erased_bookings AS x ON x.booking = c.booking AND x.position >= c.position
         WHERE  c.position IN (VALUES {}) AND c.booking <> $1 AND x.booking IS NULL",
        sql::rows(count, 1, 2)
    )
}

/// Cards of what was erased have no day any more.
pub(super) const PAST: &str = "
SELECT k.booking FROM booking_cards AS k
WHERE  k.tour_day <> '' AND k.tour_day < $1 AND k.open = 0 AND k.stuck = 0
AND    NOT EXISTS (SELECT 1 FROM kept_longer AS l
                   WHERE l.what = 'booking' AND l.key = k.booking AND l.asked_at > $2)
ORDER BY k.tour_day, k.changed_at, k.booking
LIMIT  CAST($3 AS BIGINT)";

async fn find(session: &mut Session, booking: &BookingId) -> Result<Option<Found>, StoreError> {
    let text = "SELECT id, connector, account, kind, key, person, trip, position, ordinal FROM bookings WHERE id = $1";
    let Some(row) = session.row(text, values![booking.as_str()]).await? else { return Ok(None) };
    Ok(Some(Found {
        person: from_json("person of a booking", &row.text("person")?)?,
        trip: from_json("trip of a booking", &row.text("trip")?)?,
        key: row.text("key")?,
        booking_key: BookingKey {
            connector: row.text("connector")?,
            account: row.text("account")?,
            kind: row.text("kind")?,
            key: row.text("key")?,
        },
        keys: vec![row.text("id")?, row.text("key")?, row.text("account")?],
        position: row.int("position")?,
        ordinal: row.int("ordinal")?,
    }))
}

async fn versions(session: &mut Session, booking: &str) -> Result<Vec<Version>, StoreError> {
    let rows = session.rows(VERSIONS, values![booking, VERSIONS_MAX]).await?;
    let version = |row: &super::session::Row| {
        let body = row.text_or_null("body")?;
        Ok(Version {
            position: row.int("position")?,
            ordinal: row.int("ordinal")?,
            body: body.map(|body| from_json("version of a booking", &body)).transpose()?,
            note: row.text_or_null("note")?,
            paths: row.text("paths")?,
        })
    };
    rows.iter().map(version).collect()
}

/// The present version is what is left of it, so that what comes later has something to be compared with; others go.
fn scrubbed_version(version: &Version, found: &Found, scrub: &Scrub) -> Statement {
    let is_present = (version.position, version.ordinal) == (found.position, found.ordinal);
    let left = version.body.as_ref().filter(|_| is_present).map(|body| match scrub.left_of(body) {
        Value::Null => "{}".to_owned(),
        left => left.to_string(),
    });
    let note = version.note.as_deref().filter(|note| !scrub.is_in(note));
    let paths = if scrub.is_in(&version.paths) { "[]" } else { version.paths.as_str() };
    Statement::new(
        "UPDATE changes SET body = $1, note = $2, paths = $3 WHERE position = $4 AND ordinal = $5",
        values![left, note, paths, version.position, version.ordinal],
    )
}

async fn scrubbed_booking(
    session: &mut Session,
    id: &str,
    found: &Found,
    scrub: &Scrub,
    erasure: &Erasure,
) -> Result<Vec<Statement>, StoreError> {
    let view = View { person: Value::Object(serde_json::Map::new()), trip: scrub.left_of_view(&found.trip) };
    let kept = search_terms(&view, &[]);
    let mut statements = vec![
        Statement::new(
            "UPDATE bookings SET person = '{}', trip = $1 WHERE id = $2",
            values![to_json("trip of a booking", &view.trip)?, id],
        ),
        Statement::new(
            "UPDATE booking_cards SET terms = $1, tour_day = '' WHERE booking = $2",
            values![cards::spaced(&kept), id],
        ),
        Statement::new(
            "INSERT INTO erased_bookings (booking, at, position, why) VALUES ($1, $2, $3, $4)
             ON CONFLICT (booking) DO UPDATE
             SET at = excluded.at, position = excluded.position, why = excluded.why",
            values![id, erasure.now, found.position, &erasure.why],
        ),
        Statement::new("DELETE FROM kept_longer WHERE what = 'booking' AND key = $1", values![id]),
    ];
    let row = session.row(cards::known_sql(1), values![id]).await?;
    let known = row.map_or(Ok(String::new()), |row| row.text("terms"))?;
    let gone: Vec<&str> =
        known.split_whitespace().filter(|term| !kept.iter().any(|own| own == term)).collect();
    for piece in sql::padded(&gone) {
        let bound: Vec<Bound> = piece.iter().flat_map(|term| values![**term, id]).collect();
        statements.push(Statement::new(cards::forget_sql(piece.len()), bound));
    }
    Ok(statements)
}

/// What needed a person needs nobody any more: there is nothing left to send.
fn scrubbed_run(
    row: &super::session::Row,
    scrub: &Scrub,
    items: &BTreeMap<String, String>,
    why: &str,
) -> Result<Vec<Statement>, StoreError> {
    let (seq, id) = (row.int("seq")?, row.text("id")?);
    let mut steps: Vec<StepProgress> = from_json("steps of a run", &row.text("steps")?)?;
    for step in &mut steps {
        step.outputs.retain(|name, value| !scrub.is_in(name) && !scrub.is_in(&value.to_string()));
        step.known_id = step.known_id.take().filter(|id| !scrub.is_in(id));
        if let Some(verdict) = &mut step.verdict {
            why.clone_into(&mut verdict.text);
        }
    }
    let item = row.text("item")?;
    let item = items.get(&item).cloned().unwrap_or(item);
    let lane =
        Some(row.text("lane")?).filter(|lane| !scrub.is_in(lane)).unwrap_or_else(|| format!("erased|{id}"));
    let removed = serde_json::json!({ "removed": why }).to_string();
    Ok(vec![
        Statement::new(
            "UPDATE runs
             SET    state = CASE WHEN state IN ('failed', 'held') THEN 'cancelled' ELSE state END,
                    verdict_code = CASE WHEN state IN ('failed', 'held') THEN 'by_hand' ELSE verdict_code END,
                    verdict_text = CASE WHEN verdict_code IS NULL THEN NULL ELSE $1 END,
                    steps = $2, item = $3, lane = $4, revision = revision + 1
             WHERE  seq = $5",
            values![why, to_json("steps of a run", &steps)?, item, lane, seq],
        ),
        Statement::new(
            "UPDATE attempts SET request = $1, answer = NULL, message = NULL WHERE run = $2",
            values![removed, id],
        ),
    ])
}

/// A record that is named by the guest is named by chance from now on: which record it is in the CRM stays known, whom it
/// is about does not. One that other bookings point to as well is theirs, and is only left.
fn scrubbed_link(
    row: &super::session::Row,
    booking: &str,
    scrub: &Scrub,
    name: &str,
) -> Result<Vec<Statement>, StoreError> {
    let key = row.text("key")?;
    let named = scrub.is_in(&key);
    let place = |key: &str| -> Result<Vec<Bound>, StoreError> {
        Ok(values![
            row.text("connection")?,
            row.text("account")?,
            row.text("object")?,
            key,
            row.text("rule")?,
            row.text("step")?
        ])
    };
    const HERE: &str =
        "connection = $1 AND account = $2 AND object = $3 AND key = $4 AND rule = $5 AND step = $6";
    if row.truth("shared")? {
        if !named {
            return Ok(Vec::new());
        }
        let mut bound = place(&key)?;
        bound.extend(values![booking]);
        let text = format!("DELETE FROM link_bookings WHERE {HERE} AND booking = $7");
        return Ok(vec![Statement::new(text, bound)]);
    }
    let mut statements = Vec::new();
    if let Some(outputs) = row.text_or_null("outputs")? {
        let mut outputs: serde_json::Map<String, Value> = from_json("outputs of a link", &outputs)?;
        outputs.retain(|name, value| !scrub.is_in(name) && !scrub.is_in(&value.to_string()));
        let mut bound = place(&key)?;
        bound.extend(values![to_json("outputs of a link", &outputs)?]);
        statements.push(Statement::new(format!("UPDATE links SET outputs = $7 WHERE {HERE}"), bound));
    }
    if named {
        let new = serde_json::json!([name]).to_string();
        for table in ["links", "link_bookings"] {
            let mut bound = place(&key)?;
            bound.extend(values![&new]);
            statements.push(Statement::new(format!("UPDATE {table} SET key = $7 WHERE {HERE}"), bound));
        }
    }
    Ok(statements)
}
