//! What the pages are rendered with in tests: a guest, a hostile guest, runs in every state.

use super::change_told::{ChangeTold, Day};
use super::diff::changed;
use super::outlook::Trouble;
use super::run_told::RunTold;
use super::scene::Scene;
use super::times::Moment;
use super::words::Tone;
use crate::domain::*;
use crate::ports::*;
use serde_json::json;

/// A value that would become markup where it is not escaped.
pub const HOSTILE: &str = r#""><img src=x onerror=alert(1)>'{{ 7 * 7 }}</script>"#;
/// When the samples are.
pub const NOW: Millis = 1_805_000_000_000;

/// A scene with every kind of trouble.
pub fn scene() -> Scene {
    let mut scene = Scene { now: NOW, ..Scene::default() };
    scene.counts.has_bookings = true;
    for state in RunState::ALL {
        scene.counts.runs.push((state.to_string(), "crm".into(), 2));
    }
    scene.connection_titles.insert("crm".into(), "Sandbox CRM".into());
    scene.source_titles.insert("harbour-tours".into(), "Harbour Tours".into());
    scene.source_titles.insert("other".into(), HOSTILE.into());
    let state = |name: &str| ConnectionState { name: name.into(), ..ConnectionState::default() };
    let states = [
        ConnectionState { tripped_since: Some(NOW - 60_000), probe_at: Some(NOW + 5_000), ..state("crm") },
        ConnectionState { paused: true, stopped_since: Some(NOW), ..state("paused") },
        ConnectionState { needs_auth: Some(HOSTILE.into()), ..state(HOSTILE) },
        ConnectionState { rests_until: Some(NOW + 60_000), ..state("resting") },
        ConnectionState { failures: 2, ..state("failing") },
    ];
    scene.connections = states.into_iter().map(|state| (state.name.clone(), state)).collect();
    scene.troubles =
        vec![Trouble::NoVault(HOSTILE.into()), Trouble::BrokenRules { mistakes: 1, goes_on: false }];
    scene
}

/// A booking.
pub fn booking() -> BookingView {
    BookingView {
        id: BookingId::new("bkg_1"),
        key: BookingKey {
            connector: "fareharbor".into(),
            account: "harbour".into(),
            kind: "booking".into(),
            key: "0f0e".into(),
        },
        source: "harbour-tours".into(),
        status: "booked".into(),
        position: 4,
        view: View {
            person: json!({ "name": "Siobhán Ní Bhriain", "email": "guest1@example.org", "phone": "+49123456789", "language": "en" }),
            trip: json!({
                "code": "#70000001", "title": "Whale watch — half day", "starts_at": "2027-03-14T09:30:00-1000",
                "ends_at": "2027-03-14T12:30:00-1000", "party_size": 2, "total": 9900, "paid": 0, "currency": "EUR",
                "link": "https://fareharbor.com/harbour/dashboard/bookings/70000001/",
            }),
        },
        created_at: NOW - 3_600_000,
        updated_at: NOW - 240_000,
    }
}

/// A booking whose every value is hostile.
pub fn hostile_booking() -> BookingView {
    let mut booking = booking();
    booking.id = BookingId::new(HOSTILE);
    booking.key.key = HOSTILE.into();
    booking.source = HOSTILE.into();
    booking.status = HOSTILE.into();
    booking.view = View {
        person: json!({ "name": HOSTILE, "email": HOSTILE, "phone": HOSTILE, "language": HOSTILE }),
        trip: json!({
            "code": HOSTILE, "title": HOSTILE, "starts_at": HOSTILE, "ends_at": HOSTILE, "party_size": [HOSTILE],
            "total": HOSTILE, "paid": 1, "currency": HOSTILE, "link": format!("javascript:{HOSTILE}"),
        }),
    };
    booking
}

/// A connector that comes with Waypost.
pub fn connector(name: &str) -> crate::connectors::Connector {
    let (engine, _) =
        crate::expr::Engine::build(&crate::expr::Scripts::default(), crate::expr::Limits::default());
    let mut catalogue = crate::connectors::Catalogue::builtin(&engine, &mut Vec::new());
    catalogue.connectors.remove(name).and_then(std::sync::Arc::into_inner).expect("a connector")
}

/// A connection of this file.
pub fn connection(text: &str) -> crate::connectors::Connection {
    use crate::connectors::{Catalogue, read_connection};
    use crate::expr::{Engine, Limits, Scripts};
    let (engine, _) = Engine::build(&Scripts::default(), Limits::default());
    let catalogue = Catalogue::builtin(&engine, &mut Vec::new());
    let node = crate::document::parse("connections/crm.yaml", text).expect("it is YAML");
    let read = read_connection("connections/crm.yaml", "crm", &node, &catalogue, &engine, &mut Vec::new());
    read.expect("a connection")
}

/// A source of this file.
pub fn source(text: &str) -> crate::connectors::Source {
    use crate::connectors::{Catalogue, read_source};
    use crate::expr::{Engine, Limits, Scripts};
    let (engine, _) = Engine::build(&Scripts::default(), Limits::default());
    let catalogue = Catalogue::builtin(&engine, &mut Vec::new());
    let node = crate::document::parse("sources/tours.yaml", text).expect("it is YAML");
    read_source("sources/tours.yaml", "tours", &node, (&catalogue, &engine), &mut Vec::new())
        .expect("a source")
}

/// A run in each state, the verdicts hostile.
pub fn runs() -> Vec<RunRow> {
    let of_state = |(seq, state): (usize, RunState)| RunRow {
        seq: seq as i64,
        id: RunId::new(format!("run_{seq}")),
        rule: "guests".into(),
        booking: BookingId::new("bkg_1"),
        item: if seq % 2 == 0 { String::new() } else { HOSTILE.into() },
        lane: format!("lane {seq}"),
        change: ChangeRef { position: 4, ordinal: 0 },
        position: 4,
        asked: "created".into(),
        trigger: "change".into(),
        state,
        verdict: state.is_end().then(|| Verdict::new(VerdictCode::Refused, HOSTILE)),
        next_at: (state == RunState::Waiting).then_some(NOW + 60_000),
        connection: "crm".into(),
        ruleset: Some("abcdef0123456789".into()),
        steps: vec![StepProgress {
            id: "contact".into(),
            uses: "crm.upsert_contact".into(),
            state: StepState::Done,
            attempts: 1,
            calls_done: 1,
            outputs: [("id".to_owned(), json!(HOSTILE))].into(),
            verdict: None,
            known_id: None,
            started_over: false,
        }],
        failures: 1,
        failing_since: None,
        failing_stopped_ms: 0,
        uncertain: false,
        supersedes: true,
        as_it_was: false,
        revision: 1,
        created_at: NOW - 60_000,
        updated_at: NOW - 30_000,
    };
    RunState::ALL.into_iter().enumerate().map(of_state).collect()
}

/// A group of runs that need a person.
pub fn group() -> CauseGroup {
    CauseGroup {
        key: "0f0e0f0e0f0e0f0e0f0e".into(),
        cause: Cause {
            connection: "crm".into(),
            rule: "guests".into(),
            step: "contact".into(),
            code: VerdictCode::Refused,
            pattern: "the property phone: it has no country code".into(),
        },
        message: "the property phone: it has no country code".into(),
        needs: 14,
        under_way: 2,
        guests: 14,
        first_at: NOW - 3_600_000,
        last_at: NOW - 60_000,
        moved_at: NOW - 30_000,
    }
}

/// The same, with hostile words everywhere.
pub fn hostile_group() -> CauseGroup {
    let mut group = group();
    group.guests = 1;
    group.needs = 1;
    group.message = format!("HTTP 422: {HOSTILE}");
    group.cause.pattern = HOSTILE.into();
    group.cause.rule = HOSTILE.into();
    group.cause.connection = HOSTILE.into();
    group
}

/// Something that is being done with many runs.
pub fn bulk() -> Bulk {
    Bulk {
        id: "blk_01".into(),
        act: BulkAct::Retry,
        filter: TroubleFilter::default(),
        who: HOSTILE.into(),
        asked_at: NOW - 5_000,
        planned: 5_000,
        position: 3_200,
        done: 3_199,
        left_out: 1,
        ended_at: None,
    }
}

/// A change.
pub fn change() -> ChangeView {
    ChangeView {
        reference: ChangeRef { position: 4, ordinal: 0 },
        event: EventId::new("evt_1"),
        booking: Some(BookingId::new("bkg_1")),
        booking_key: Some("0f0e".into()),
        kind: ChangeKind::Updated,
        paths: vec!["contact.phone".into()],
        note: Some(HOSTILE.into()),
        previous: None,
        at: NOW,
        received_at: NOW,
        happened_at: Some(NOW - 61_000),
    }
}

/// An event.
pub fn event(changes: Vec<ChangeView>) -> EventView {
    EventView {
        position: 4,
        id: EventId::new("evt_1"),
        source: HOSTILE.into(),
        received_at: NOW,
        origin: ORIGIN_WEBHOOK.into(),
        body_bytes: 5_600,
        changes,
    }
}

/// A day with a change, whose runs are told with details.
pub fn day() -> Day {
    let (values, more) = changed(
        &["contact.phone".into(), HOSTILE.into()],
        &json!({ "contact": { "phone": null } }),
        &json!({ "contact": { "phone": HOSTILE } }),
    );
    let scene = scene();
    let mut told: Vec<RunTold> = runs().iter().map(|run| RunTold::of(run, &scene, "booking")).collect();
    for run in &mut told {
        run.details = Some(super::run_told::sample_details(HOSTILE, &scene));
    }
    let change = ChangeTold {
        anchor: "4-0".into(),
        open: true,
        outcome: vec![super::words::Mark::new(Tone::Bad, HOSTILE)],
        after: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        runs_more: 2,
        at: Moment::of(NOW, NOW),
        happened: Some(Moment::of(NOW - 61_000, NOW)),
        clock: "10:02 UTC".into(),
        tone: Tone::Good,
        headline: HOSTILE.into(),
        note: Some(HOSTILE.into()),
        values,
        more,
        event: "evt_1".into(),
        booking: Some("bkg_1".into()),
        runs: told,
        nothing: Some("Nothing to send: no rule asks for this."),
    };
    Day { name: "Sunday 14 March 2027".into(), changes: vec![change] }
}

/// Somebody who is called this.
pub fn person(name: &str) -> PersonRow {
    PersonRow {
        id: format!("per_{name}"),
        email: name.to_owned(),
        name: name.to_owned(),
        role: Role::Editor,
        password: Some("hash".into()),
        totp: Some("sealed".into()),
        totp_step: 0,
        disabled_at: None,
        time_zone: Some(name.to_owned()),
        created_at: NOW - 86_400_000,
        signed_in_at: Some(NOW - 60_000),
    }
}

/// A session of a browser that calls itself this.
pub fn session(id: &str, agent: &str) -> SessionRow {
    SessionRow {
        hash: "hash".into(),
        id: format!("ses_{id}"),
        person: "per_1".into(),
        stage: Stage::Full,
        created_at: NOW - 3_600_000,
        seen_at: NOW - 60_000,
        expires_at: NOW + 3_600_000,
        agent: agent.to_owned(),
        address: agent.to_owned(),
    }
}
