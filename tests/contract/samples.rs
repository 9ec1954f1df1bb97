//! Rows to put in: small, fictional, with ids that say which they are.

use bytes::Bytes;
use serde_json::json;
use waypost::domain::{
    AttemptId, BookingId, BookingKey, Cause, CausePlace, ChangeKind, ChangeRef, EventId, LinkKey, Millis,
    ORIGIN_WEBHOOK, Position, RecordKey, RunId, RunState, View,
};
use waypost::ports::{
    AppliedEvent, AttemptBegin, AttemptEnd, BookingWrite, DeliveryWrite, LinkBooking, LinkWrite, NewChange,
    NewEvent, NewRun, RunRow, RunWrite,
};

pub const SOURCE: &str = "harbour-tours";
pub const CRM: &str = "crm";

pub fn event(name: &str, body: &[u8]) -> NewEvent {
    NewEvent {
        id: EventId::new(format!("evt_{name}")),
        source: SOURCE.to_owned(),
        received_at: 1_000,
        origin: ORIGIN_WEBHOOK,
        headers: r#"{"content-type":"application/json"}"#.to_owned(),
        body: Bytes::copy_from_slice(body),
    }
}

pub fn key(name: &str) -> BookingKey {
    BookingKey {
        connector: "fareharbor".to_owned(),
        account: "harbour".to_owned(),
        kind: "booking".to_owned(),
        key: name.to_owned(),
    }
}

pub fn booking_id(name: &str) -> BookingId {
    BookingId::new(format!("bkg_{name}"))
}

pub fn body_of(name: &str, version: i64) -> String {
    json!({ "uuid": name, "version": version }).to_string()
}

pub fn change(name: &str, kind: ChangeKind, version: i64, previous: Option<ChangeRef>) -> NewChange {
    NewChange {
        ordinal: 0,
        booking: Some(booking_id(name)),
        kind,
        paths: if kind == ChangeKind::Updated { vec!["version".to_owned()] } else { Vec::new() },
        note: None,
        previous,
        body: kind.has_effect().then(|| body_of(name, version)),
        hash: kind.has_effect().then(|| format!("hash-{version}")),
        at: 2_000,
        happened_at: None,
        seen: None,
    }
}

pub fn booking_write(name: &str, position: Position, version: i64) -> BookingWrite {
    BookingWrite {
        as_of: position,
        id: booking_id(name),
        key: key(name),
        source: SOURCE.to_owned(),
        change: ChangeRef { position, ordinal: 0 },
        status: "booked".to_owned(),
        view: View {
            person: json!({ "name": "Siobhán Ní Bhriain", "email": "guest1@example.org" }),
            trip: json!({ "code": "1186" }),
        },
        hash: format!("hash-{version}"),
        terms: vec!["bhriain".to_owned(), "guest1@example.org".to_owned(), name.to_lowercase()],
        at: 2_000,
    }
}

/// A waiting run of the rule `guests` in the lane `guests/BOOKING`.
pub fn run(name: &str, booking: &str, position: Position) -> NewRun {
    NewRun {
        id: RunId::new(format!("run_{name}")),
        rule: "guests".to_owned(),
        booking: booking_id(booking),
        item: String::new(),
        lane: format!("guests/{booking}"),
        change: ChangeRef { position, ordinal: 0 },
        position,
        asked: "created".to_owned(),
        trigger: "change".to_owned(),
        state: RunState::Waiting,
        verdict: None,
        connection: CRM.to_owned(),
        supersedes: false,
        at: 3_000,
    }
}

/// The first change of a booking with its runs.
pub fn created(name: &str, position: Position, runs: Vec<NewRun>) -> AppliedEvent {
    AppliedEvent {
        position,
        changes: vec![change(name, ChangeKind::Created, 1, None)],
        bookings: vec![booking_write(name, position, 1)],
        runs,
        ..AppliedEvent::default()
    }
}

/// A write that leaves the run as it was read, but for its state.
pub fn write(run: &RunRow, state: RunState, at: Millis) -> DeliveryWrite {
    DeliveryWrite {
        run: RunWrite {
            id: run.id.clone(),
            revision: run.revision,
            lane: run.lane.clone(),
            state,
            verdict: run.verdict.clone(),
            next_at: (state == RunState::Waiting).then_some(at),
            connection: run.connection.clone(),
            ruleset: run.ruleset.clone(),
            steps: run.steps.clone(),
            failures: run.failures,
            failing_since: run.failing_since,
            failing_stopped_ms: run.failing_stopped_ms,
            uncertain: run.uncertain,
            cause: matches!(state, RunState::Failed | RunState::Held).then(|| cause_of(run)),
            at,
        },
        begin: None,
        end: None,
        links: Vec::new(),
    }
}

/// The cause that delivery would compute.
pub fn cause_of(run: &RunRow) -> Cause {
    let place = CausePlace { connection: &run.connection, rule: &run.rule, steps: &run.steps };
    Cause::of(place, run.verdict.as_ref(), &[])
}

pub fn begin(name: &str, run: &RunId) -> AttemptBegin {
    AttemptBegin {
        id: AttemptId::new(format!("att_{name}")),
        run: run.clone(),
        step: "contact".to_owned(),
        kind: "call".to_owned(),
        number: 1,
        connection: CRM.to_owned(),
        node: "node-1".to_owned(),
        request: r#"{"method":"PUT"}"#.to_owned(),
        at: 4_000,
    }
}

pub fn end(name: &str, outcome: &str) -> AttemptEnd {
    AttemptEnd {
        id: AttemptId::new(format!("att_{name}")),
        outcome: outcome.to_owned(),
        status: Some(200),
        answer: Some(r#"{"body":{"id":"1551"}}"#.to_owned()),
        message: None,
        duration_ms: 120,
        at: 4_120,
    }
}

pub fn record(name: &str) -> RecordKey {
    RecordKey {
        connection: CRM.to_owned(),
        account: "https://crm.example".to_owned(),
        object: "guest".to_owned(),
        key: format!("[\"{name}\"]"),
    }
}

pub fn link(name: &str) -> LinkKey {
    LinkKey { record: record(name), rule: "guests".to_owned(), step: "contact".to_owned() }
}

pub fn put(name: &str, booking: &str, hash: Option<&str>) -> LinkWrite {
    LinkWrite::Put {
        key: link(name),
        remote_id: None,
        position: 1,
        hash: hash.map(str::to_owned),
        outputs: None,
        booking: Some(LinkBooking {
            booking: booking_id(booking),
            item: String::new(),
            hash: hash.map(str::to_owned),
            position: 1,
        }),
        at: 5_000,
    }
}
