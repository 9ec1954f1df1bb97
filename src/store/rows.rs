//! From columns to the rows of `ports::store_rows`. Nothing here panics on odd rows: they are `Corrupt`.

use super::session::Row;
use crate::domain::{
    AttemptId, BookingId, BookingKey, ChangeKind, ChangeRef, EventId, LinkKey, RecordKey, RunId, RunState,
    Verdict, View,
};
use crate::ports::{
    AttemptView, BookingView, ChangeView, ConnectionState, DueRun, EventView, LinkRow, RunChain, RunRow,
    StoreError, StoredEvent,
};
use serde::de::DeserializeOwned;

/// Columns of a run, for `runs AS r`.
pub(super) const RUN_COLUMNS: &str = "\
    r.seq, r.id, r.rule, r.booking, r.item, r.lane, r.change_position, r.change_ordinal, r.position, r.asked,
    r.planned_by, r.state, r.verdict_code, r.verdict_text, r.next_at, r.connection, r.ruleset, r.steps, r.failures,
    r.failing_since, r.failing_stopped_ms, r.uncertain, r.supersedes, r.as_it_was, r.revision, r.created_at,
    r.updated_at";

/// Reads JSON that we wrote.
pub(super) fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt {
        what: what.to_owned(),
        // serde's own text may quote what is stored; the place is enough.
        why: format!(
            "it is not the JSON that was written (line {}, column {})",
            error.line(),
            error.column()
        ),
    })
}

/// Writes JSON. Maps with text keys and numbers always can be.
pub(super) fn to_json<T: serde::Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Corrupt { what: what.to_owned(), why: error.to_string() })
}

pub(super) fn word<T>(what: &str, text: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    read(text).ok_or_else(|| StoreError::Corrupt {
        what: what.to_owned(),
        why: String::from("it is a word that this version does not know"),
    })
}

/// The code of a verdict as the column has it.
pub(super) fn verdict_code(verdict: &Verdict) -> &'static str {
    verdict.code.as_str()
}

fn verdict(row: &Row) -> Result<Option<Verdict>, StoreError> {
    let Some(code) = row.text_or_null("verdict_code")? else { return Ok(None) };
    let code = from_json("verdict", &format!("\"{code}\""))?;
    Ok(Some(Verdict { code, text: row.text_or_null("verdict_text")?.unwrap_or_default() }))
}

pub(super) fn change_kind(row: &Row) -> Result<ChangeKind, StoreError> {
    word("kind of change", &row.text("change_kind")?, ChangeKind::parse)
}

/// `connector, account, kind, key`.
pub(super) fn booking_key(row: &Row) -> Result<BookingKey, StoreError> {
    Ok(BookingKey {
        connector: row.text("connector")?,
        account: row.text("account")?,
        kind: row.text("kind")?,
        key: row.text("key")?,
    })
}

pub(super) fn run(row: &Row) -> Result<RunRow, StoreError> {
    Ok(RunRow {
        seq: row.int("seq")?,
        id: RunId::new(row.text("id")?),
        rule: row.text("rule")?,
        booking: BookingId::new(row.text("booking")?),
        item: row.text("item")?,
        lane: row.text("lane")?,
        change: ChangeRef { position: row.int("change_position")?, ordinal: row.int("change_ordinal")? },
        position: row.int("position")?,
        asked: row.text("asked")?,
        trigger: row.text("planned_by")?,
        state: word("state of a run", &row.text("state")?, RunState::parse)?,
        verdict: verdict(row)?,
        next_at: row.int_or_null("next_at")?,
        connection: row.text("connection")?,
        ruleset: row.text_or_null("ruleset")?,
        steps: from_json("steps of a run", &row.text("steps")?)?,
        failures: row.int("failures")?,
        failing_since: row.int_or_null("failing_since")?,
        failing_stopped_ms: row.int("failing_stopped_ms")?,
        uncertain: row.truth("uncertain")?,
        supersedes: row.truth("supersedes")?,
        as_it_was: row.truth("as_it_was")?,
        revision: row.int("revision")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}

pub(super) fn due_run(row: &Row) -> Result<DueRun, StoreError> {
    Ok(DueRun {
        run: run(row)?,
        key: booking_key(row)?,
        source: row.text("source")?,
        kind: change_kind(row)?,
        paths: from_json("paths of a change", &row.text("paths")?)?,
        at: row.int("at")?,
        received_at: row.int("received_at")?,
        event: EventId::new(row.text("event")?),
        // A version without a body can't be planned; should one be, its rule finds nothing and says so.
        body: row.text_or_null("body")?.unwrap_or_else(|| String::from("null")),
        previous: row.text_or_null("previous")?,
        newer_waits: row.truth("newer_waits")?,
        chained: row.truth("chained")?,
        chain: RunChain::default(),
    })
}

pub(super) fn stored_event(row: &Row) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        position: row.int("position")?,
        id: EventId::new(row.text("id")?),
        source: row.text("source")?,
        received_at: row.int("received_at")?,
        origin: row.text("origin")?,
        headers: row.text("headers")?,
        body: row.blob("body")?,
        crashes: row.int("crashes")?,
    })
}

pub(super) fn event_view(row: &Row, changes: Vec<ChangeView>) -> Result<EventView, StoreError> {
    Ok(EventView {
        position: row.int("position")?,
        id: EventId::new(row.text("id")?),
        source: row.text("source")?,
        received_at: row.int("received_at")?,
        origin: row.text("origin")?,
        body_bytes: row.int("body_bytes")?,
        changes,
    })
}

fn reference(position: Option<i64>, ordinal: Option<i64>) -> Option<ChangeRef> {
    Some(ChangeRef { position: position?, ordinal: ordinal? })
}

pub(super) fn change_view(row: &Row) -> Result<ChangeView, StoreError> {
    Ok(ChangeView {
        reference: ChangeRef { position: row.int("position")?, ordinal: row.int("ordinal")? },
        event: EventId::new(row.text("event")?),
        booking: row.text_or_null("booking")?.map(BookingId::new),
        booking_key: row.text_or_null("booking_key")?,
        kind: change_kind(row)?,
        paths: from_json("paths of a change", &row.text("paths")?)?,
        note: row.text_or_null("note")?,
        previous: reference(row.int_or_null("previous_position")?, row.int_or_null("previous_ordinal")?),
        at: row.int("at")?,
        received_at: row.int("received_at")?,
        happened_at: row.int_or_null("happened_at")?,
    })
}

pub(super) fn booking_view(row: &Row) -> Result<BookingView, StoreError> {
    Ok(BookingView {
        id: BookingId::new(row.text("id")?),
        key: booking_key(row)?,
        source: row.text("source")?,
        status: row.text("status")?,
        position: row.int("position")?,
        view: View {
            person: from_json("person of a booking", &row.text("person")?)?,
            trip: from_json("trip of a booking", &row.text("trip")?)?,
        },
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}

pub(super) fn attempt_view(row: &Row) -> Result<AttemptView, StoreError> {
    Ok(AttemptView {
        id: AttemptId::new(row.text("id")?),
        run: RunId::new(row.text("run")?),
        step: row.text("step")?,
        kind: row.text("kind")?,
        number: row.int("number")?,
        started_at: row.int("started_at")?,
        request: row.text("request")?,
        outcome: row.text("outcome")?,
        status: row.int_or_null("status")?,
        answer: row.text_or_null("answer")?,
        message: row.text_or_null("message")?,
        duration_ms: row.int_or_null("duration_ms")?,
    })
}

pub(super) fn link_key(row: &Row) -> Result<LinkKey, StoreError> {
    Ok(LinkKey {
        record: RecordKey {
            connection: row.text("connection")?,
            account: row.text("account")?,
            object: row.text("object")?,
            key: row.text("key")?,
        },
        rule: row.text("rule")?,
        step: row.text("step")?,
    })
}

/// A link without its pointers.
pub(super) fn link(row: &Row) -> Result<LinkRow, StoreError> {
    Ok(LinkRow {
        key: link_key(row)?,
        remote_id: row.text_or_null("remote_id")?,
        position: row.int("position")?,
        hash: row.text_or_null("hash")?,
        outputs: from_json("outputs of a link", &row.text("outputs")?)?,
        bookings: Vec::new(),
    })
}

pub(super) fn connection(row: &Row) -> Result<ConnectionState, StoreError> {
    Ok(ConnectionState {
        name: row.text("name")?,
        paused: row.truth("paused")?,
        needs_auth: row.text_or_null("needs_auth")?,
        refused_credential: row.text_or_null("refused_credential")?,
        tripped_since: row.int_or_null("tripped_since")?,
        failures: row.int("failures")?,
        probe_at: row.int_or_null("probe_at")?,
        probe_after_ms: row.int("probe_after_ms")?,
        rests_until: row.int_or_null("rests_until")?,
        stopped_ms: row.int("stopped_ms")?,
        stopped_since: row.int_or_null("stopped_since")?,
    })
}
