//! What people look at: lists with filters, single things, counts. Reads only; each list is bounded and pages by what
//! it is ordered by.

use super::SqlStore;
use super::rows::{self, RUN_COLUMNS};
use super::session::{Session, Value, values};
use super::sql;
use crate::domain::{
    AttemptId, BookingId, ChangeKind, ChangeRef, EventId, ORIGIN_BACKFILL, ORIGIN_FETCH, ORIGIN_PROBE,
    ORIGIN_RECONCILE, Position, RunId, RunState,
};
use crate::ports::{
    AttemptView, BookingView, ChangeView, Counts, EventView, ListFilter, RunRow, StoreError, StoredEvent,
};
use std::collections::HashMap;

/// Rows of a page where the filter does not say.
const PAGE: i64 = 50;
/// Rows of a page at most.
const PAGE_MAX: i64 = 1_000;

const CHANGE_COLUMNS: &str = "
    c.position, c.ordinal, e.id AS event, c.booking, b.key AS booking_key, c.kind AS change_kind, c.paths, c.note,
    c.previous_position, c.previous_ordinal, c.at, c.happened_at, e.received_at";
const CHANGE_JOINS: &str = "
JOIN events AS e ON e.position = c.position
LEFT JOIN bookings AS b ON b.id = c.booking";
const BOOKING_COLUMNS: &str = "
    b.id, b.connector, b.account, b.kind, b.key, b.source, b.status, b.position, b.person, b.trip, b.created_at,
    b.updated_at";
const ATTEMPT_COLUMNS: &str = "
    id, run, step, kind, number, started_at, request, outcome, status, answer, message, duration_ms";

/// Conditions that grow with the filter; `?` becomes the next `$n`.
#[derive(Default)]
struct Conditions {
    text: String,
    bound: Vec<Value>,
}

impl Conditions {
    /// Each condition has one value, however often it names it.
    fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.text.push_str(if self.text.is_empty() { "\nWHERE  " } else { "\nAND    " });
        self.bound.push(value.into());
        let number = format!("${}", self.bound.len());
        self.text.push_str(&condition.replace('?', &number));
    }

    fn limit(&mut self, filter: &ListFilter) -> String {
        let limit = if filter.limit <= 0 { PAGE } else { filter.limit.min(PAGE_MAX) };
        self.bound.push(Value::from(limit));
        format!("LIMIT ${}", self.bound.len())
    }
}

/// Where the journal has what hints at a key that is still to be fetched.
pub(super) const HINTS_OF_KEY: &str = "
SELECT h.position FROM fetches AS f JOIN fetch_hints AS h ON h.fetch = f.id
WHERE f.key = $1
UNION SELECT f.hinted FROM fetches AS f WHERE f.key = $1";

impl SqlStore {
    pub(super) async fn events_list(&self, filter: &ListFilter) -> Result<Vec<EventView>, StoreError> {
        let mut wanted = Conditions::default();
        if let Some(source) = &filter.source {
            wanted.add("e.source = ?", source);
        }
        if let Some(prefix) = &filter.event {
            wanted.add("e.id >= ?", prefix);
            wanted.add("e.id < ?", format!("{prefix}~"));
        }
        if let Some(booking) = &filter.booking {
            wanted.add(
                &format!(
                    "e.position IN (SELECT c.position FROM changes AS c WHERE c.booking IN
                                    (SELECT k.id FROM bookings AS k WHERE k.id = ?
                                     UNION SELECT k.id FROM bookings AS k WHERE k.key = ?)
                                    UNION {})",
                    HINTS_OF_KEY.replace("$1", "?")
                ),
                booking,
            );
        }
        if let Some(kind) = &filter.state {
            // A word that is no kind finds nothing, rather than everything.
            let kind = ChangeKind::parse(kind).map_or("", ChangeKind::as_str);
            wanted.add("e.position IN (SELECT c.position FROM changes AS c WHERE c.kind = ?)", kind);
        }
        if let Some(since) = filter.since {
            wanted.add("e.received_at >= ?", since);
        }
        if let Some(before) = filter.before {
            wanted.add("e.position < ?", before);
        }
        if filter.came_in {
            wanted.add("e.origin <> ?", ORIGIN_FETCH);
            wanted.add("e.origin <> ?", ORIGIN_BACKFILL);
            wanted.add("e.origin <> ?", ORIGIN_RECONCILE);
        }
        // Waypost's own readiness checks are no webhooks: nobody looks for them.
        wanted.add("e.origin <> ?", ORIGIN_PROBE);
        let limit = wanted.limit(filter);
        let text = format!(
            "SELECT e.position, e.id, e.source, e.received_at, e.origin, e.body_bytes
             FROM   events AS e{}
             ORDER BY e.position DESC {limit}",
            wanted.text
        );
        let mut session = self.read("list the events").await?;
        let found = session.rows(text, wanted.bound).await?;
        let positions =
            found.iter().map(|row| row.int("position")).collect::<Result<Vec<Position>, StoreError>>()?;
        let mut changes = changes_of_events(&mut session, &positions).await?;
        found
            .iter()
            .map(|row| rows::event_view(row, changes.remove(&row.int("position")?).unwrap_or_default()))
            .collect()
    }

    pub(super) async fn find_event(
        &self,
        id: &EventId,
    ) -> Result<Option<(EventView, StoredEvent)>, StoreError> {
        let mut session = self.read("give the event").await?;
        let row = session
            .row(
                "SELECT e.position, e.id, e.source, e.received_at, e.origin, COALESCE(u.crashes, 0) AS crashes,
                        e.body_bytes, e.headers, e.body
                 FROM   events AS e
                 LEFT JOIN unapplied AS u ON u.position = e.position
                 WHERE  e.id = $1",
                values![id.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let stored = rows::stored_event(&row)?;
        let mut changes = changes_of_events(&mut session, &[stored.position]).await?;
        let view = rows::event_view(&row, changes.remove(&stored.position).unwrap_or_default())?;
        Ok(Some((view, stored)))
    }

    /// A page ends with all bookings of its last position, so that the next page (`before` it) leaves none out.
    pub(super) async fn bookings_list(&self, filter: &ListFilter) -> Result<Vec<BookingView>, StoreError> {
        let mut wanted = Conditions::default();
        if let Some(source) = &filter.source {
            wanted.add("b.source = ?", source);
        }
        if let Some(booking) = &filter.booking {
            wanted.add(
                "b.id IN (SELECT k.id FROM bookings AS k WHERE k.id = ?
                          UNION SELECT k.id FROM bookings AS k WHERE k.key = ?)",
                booking,
            );
        }
        if let Some(status) = &filter.state {
            wanted.add("b.status = ?", status);
        }
        if let Some(event) = &filter.event {
            wanted.add(
                "b.id IN (SELECT c.booking FROM changes AS c JOIN events AS e ON e.position = c.position
                          WHERE e.id = ?)",
                event,
            );
        }
        if let Some(since) = filter.since {
            wanted.add("b.updated_at >= ?", since);
        }
        if let Some(before) = filter.before {
            wanted.add("b.position < ?", before);
        }
        let conditions = wanted.text.clone();
        let limit = wanted.limit(filter);
        let mut session = self.read("list the bookings").await?;
        let page = format!(
            "SELECT{BOOKING_COLUMNS}
             FROM   bookings AS b{conditions}
             ORDER BY b.position DESC, b.ordinal DESC {limit}"
        );
        let limit_given = if filter.limit <= 0 { PAGE } else { filter.limit.min(PAGE_MAX) };
        let mut bound = wanted.bound.clone();
        let found = session.rows(page, wanted.bound).await?;
        let mut views = found.iter().map(rows::booking_view).collect::<Result<Vec<_>, _>>()?;
        if views.len() as i64 == limit_given
            && let Some(last) = views.last().map(|view| view.position)
        {
            bound.pop();
            let mut rest = Conditions { text: conditions, bound };
            rest.add("b.position = ?", last);
            let text =
                format!("SELECT{BOOKING_COLUMNS} FROM bookings AS b{} ORDER BY b.ordinal DESC", rest.text);
            for row in session.rows(text, rest.bound).await? {
                let view = rows::booking_view(&row)?;
                if !views.iter().any(|known| known.id == view.id) {
                    views.push(view);
                }
            }
        }
        Ok(views)
    }

    pub(super) async fn find_booking(
        &self,
        id: &BookingId,
    ) -> Result<Option<(BookingView, String)>, StoreError> {
        let mut session = self.read("give the booking").await?;
        let text = format!(
            "SELECT{BOOKING_COLUMNS}, c.body
             FROM   bookings AS b
             LEFT JOIN changes AS c ON c.position = b.position AND c.ordinal = b.ordinal
             WHERE  b.id = $1"
        );
        let Some(row) = session.row(text, values![id.as_str()]).await? else { return Ok(None) };
        Ok(Some((rows::booking_view(&row)?, row.text("body")?)))
    }

    pub(super) async fn booking_changes(
        &self,
        id: &BookingId,
        limit: i64,
    ) -> Result<Vec<ChangeView>, StoreError> {
        let mut session = self.read("give the changes of the booking").await?;
        let text = format!(
            "SELECT{CHANGE_COLUMNS}
             FROM   changes AS c{CHANGE_JOINS}
             WHERE  c.booking = $1
             ORDER BY c.position DESC, c.ordinal DESC
             LIMIT  $2"
        );
        let limit = if limit <= 0 { PAGE } else { limit };
        let rows = session.rows(text, values![id.as_str(), limit]).await?;
        rows.iter().map(rows::change_view).collect()
    }

    pub(super) async fn find_change(
        &self,
        reference: ChangeRef,
    ) -> Result<Option<(ChangeView, Option<String>, Option<String>)>, StoreError> {
        let mut session = self.read("give the change").await?;
        let text = format!(
            "SELECT{CHANGE_COLUMNS}, p.body AS body_before, c.body AS body_after
             FROM   changes AS c{CHANGE_JOINS}
             LEFT JOIN changes AS p ON p.position = c.previous_position AND p.ordinal = c.previous_ordinal
             WHERE  c.position = $1 AND c.ordinal = $2"
        );
        let row = session.row(text, values![reference.position, reference.ordinal]).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((
            rows::change_view(&row)?,
            row.text_or_null("body_before")?,
            row.text_or_null("body_after")?,
        )))
    }

    pub(super) async fn runs_list(&self, filter: &ListFilter) -> Result<Vec<RunRow>, StoreError> {
        let mut wanted = Conditions::default();
        if let Some(rule) = &filter.rule {
            wanted.add("r.rule = ?", rule);
        }
        if let Some(connection) = &filter.connection {
            wanted.add("r.connection = ?", connection);
        }
        if let Some(cause) = &filter.cause {
            wanted.add("r.seq IN (SELECT t.seq FROM run_causes AS t WHERE t.cause = ?)", cause);
        }
        if let Some(state) = &filter.state {
            let state = RunState::parse(state).map_or("", RunState::as_str);
            wanted.add("r.state = ?", state);
        }
        if let Some(event) = &filter.event {
            wanted.add("r.change_position = (SELECT e.position FROM events AS e WHERE e.id = ?)", event);
        }
        if let Some(booking) = &filter.booking {
            wanted.add(
                "r.booking IN (SELECT k.id FROM bookings AS k WHERE k.id = ?
                               UNION SELECT k.id FROM bookings AS k WHERE k.key = ?)",
                booking,
            );
        }
        if let Some(source) = &filter.source {
            wanted.add(
                "EXISTS (SELECT 1 FROM events AS e WHERE e.position = r.change_position AND e.source = ?)",
                source,
            );
        }
        if let Some(since) = filter.since {
            wanted.add("r.created_at >= ?", since);
        }
        if let Some(before) = filter.before {
            wanted.add("r.seq < ?", before);
        }
        let limit = wanted.limit(filter);
        let text = format!("SELECT {RUN_COLUMNS} FROM runs AS r{} ORDER BY r.seq DESC {limit}", wanted.text);
        let mut session = self.read("list the runs").await?;
        let rows = session.rows(text, wanted.bound).await?;
        rows.iter().map(rows::run).collect()
    }

    pub(super) async fn attempts_of(&self, run: &RunId) -> Result<Vec<AttemptView>, StoreError> {
        let mut session = self.read("give the attempts").await?;
        let text = format!("SELECT{ATTEMPT_COLUMNS} FROM attempts WHERE run = $1 ORDER BY started_at, id");
        let rows = session.rows(text, values![run.as_str()]).await?;
        rows.iter().map(rows::attempt_view).collect()
    }

    pub(super) async fn find_attempt(&self, id: &AttemptId) -> Result<Option<AttemptView>, StoreError> {
        let mut session = self.read("give the attempt").await?;
        let text = format!("SELECT{ATTEMPT_COLUMNS} FROM attempts WHERE id = $1");
        let row = session.row(text, values![id.as_str()]).await?;
        row.as_ref().map(rows::attempt_view).transpose()
    }

    /// Runs are counted by triggers and the oldest ones found by one look per connection. Events, bookings and the list of
    /// the unapplied are counted over an index alone, some 3 ms per 100,000: what stands behind the last change has none
    /// and is not looked up one by one.
    pub(super) async fn count(&self) -> Result<Counts, StoreError> {
        let mut session = self.read("count").await?;
        let totals = session
            .row(
                "SELECT (SELECT COUNT(*) FROM events) AS events,
                        (SELECT COUNT(*) FROM unapplied AS u WHERE u.position > m.last)
                        + (SELECT COUNT(*) FROM unapplied AS u
                           WHERE  u.position <= m.last
                           AND    NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.position = u.position))
                        AS unapplied,
                        (SELECT COUNT(*) FROM bookings) AS bookings
                 FROM   (SELECT COALESCE(MAX(position), 0) AS last FROM changes) AS m",
                Vec::new(),
            )
            .await?;
        let mut counts = Counts::default();
        if let Some(row) = totals {
            counts.events = row.int("events")?;
            counts.unapplied = row.int("unapplied")?;
            counts.bookings = row.int("bookings")?;
        }
        for row in session
            .rows(
                "SELECT state, connection, runs FROM run_counts WHERE runs > 0 ORDER BY state, connection",
                Vec::new(),
            )
            .await?
        {
            counts.runs.push((row.text("state")?, row.text("connection")?, row.int("runs")?));
        }
        for row in session.rows(OLDEST_WAITING, Vec::new()).await? {
            if let Some(at) = row.int_or_null("created_at")? {
                counts.oldest_waiting.push((row.text("connection")?, at));
            }
        }
        Ok(counts)
    }
}

/// Of each connection for which something waits, be it that the connection is paused, when the first of that was planned.
pub(super) const OLDEST_WAITING: &str = "
SELECT connection, MIN(created_at) AS created_at
FROM   (SELECT k.connection,
               (SELECT r.created_at FROM runs AS r
                WHERE  r.connection = k.connection AND r.state = 'waiting'
                ORDER BY r.seq LIMIT 1) AS created_at
        FROM   run_counts AS k
        WHERE  k.state = 'waiting' AND k.runs > 0
        UNION ALL
        SELECT k.connection,
               (SELECT r.created_at FROM runs AS r
                WHERE  r.connection = k.connection AND r.state = 'paused'
                ORDER BY r.seq LIMIT 1) AS created_at
        FROM   run_counts AS k
        WHERE  k.state = 'paused' AND k.runs > 0) AS firsts
GROUP BY connection
ORDER BY connection";

async fn changes_of_events(
    session: &mut Session,
    positions: &[Position],
) -> Result<HashMap<Position, Vec<ChangeView>>, StoreError> {
    let mut changes: HashMap<Position, Vec<ChangeView>> = HashMap::new();
    for piece in sql::padded(positions) {
        let text = format!(
            "SELECT{CHANGE_COLUMNS}
             FROM   changes AS c{CHANGE_JOINS}
             WHERE  c.position IN (VALUES {})
             ORDER BY c.position, c.ordinal",
            sql::rows(piece.len(), 1, 1)
        );
        let bound = piece.iter().map(|position| Value::from(**position)).collect();
        for row in session.rows(text, bound).await? {
            let view = rows::change_view(&row)?;
            changes.entry(view.reference.position).or_default().push(view);
        }
    }
    Ok(changes)
}
