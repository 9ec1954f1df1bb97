//! `GET /api/v1/events`, `/api/v1/events/{id}`, `…/body`, and `POST …/replay`: what came in, what it did, its body byte for
//! byte, and the same planned once more.

use super::api_body::{Answer, Body, Params, answered, moment, with, word};
use super::api_error::ApiError;
use super::api_paging::{Page, cursor, limit, number};
use super::api_run_acts::Nothing;
use super::viewer::Viewer;
use crate::app::App;
use crate::domain::{ChangeKind, EventId, ORIGIN_PROBE};
use crate::ports::{EventView, ListFilter};
use crate::told::{Event, Names, Run, change_as_sentence, why_no_run};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

const LIST: &str = "events";
/// Looks at the database for one page: probes of `/readyz` are left out of what they find.
const LOOKS_MAX: usize = 5;

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsAsked {
    /// Of this source.
    source: Option<String>,
    /// With a change of this kind.
    #[param(inline, value_type = Option<ChangeKind>)]
    kind: Option<String>,
    /// About this booking: its id here, or its key at the source.
    booking: Option<String>,
    /// Received at or after this time (RFC 3339).
    #[param(format = DateTime)]
    since: Option<String>,
    /// Behind the last one of the page before: what that gave as `next`.
    #[param(min_length = 1, max_length = 200)]
    after: Option<String>,
    /// At most so many: 1 to 200, else 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// An event with what came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventInFull)]
pub(super) struct EventTold {
    /// The event.
    #[serde(flatten)]
    event: Event,
    /// The headers that were kept.
    #[schema(value_type = Object)]
    headers: Map<String, Value>,
    /// The runs that it led to, oldest first.
    runs: Vec<Run>,
    /// Changes that no run came of, and why.
    nothing_sent: Vec<NothingSent>,
}

/// Why no run came of a change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NothingSent {
    /// The booking's key at the source.
    booking: Option<String>,
    /// What the change was.
    #[schema(value_type = ChangeKind)]
    kind: &'static str,
    /// Why.
    why: String,
}

/// What was planned once more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplayTold {
    /// The event.
    event: String,
    /// Ids of the runs that were planned.
    runs: Vec<String>,
    /// Changes without effect, of which nothing is planned.
    without_effect: usize,
    /// It became nothing when it came, and is read again: the id of the event that it is now.
    read_again: Option<String>,
    /// Why it would become nothing again.
    note: Option<String>,
}

/// What came in, newest first
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventsAsked),
    responses((status = 200, description = "A page of events.", body = Page<Event>)))]
pub(super) async fn list_events(app: web::Data<App>, Params(asked): Params<EventsAsked>) -> Answer {
    let limit = limit(asked.limit)?;
    let mut filter = ListFilter {
        source: asked.source,
        state: word("kind", asked.kind, &ChangeKind::ALL.map(ChangeKind::as_str))?,
        booking: asked.booking,
        since: moment("since", asked.since.as_deref())?,
        before: number(LIST, asked.after.as_deref())?,
        limit,
        ..ListFilter::default()
    };
    let mut items = Vec::new();
    let mut next = None;
    for _ in 0..LOOKS_MAX {
        filter.limit = limit - items.len() as i64;
        let found: Vec<EventView> = app.store.list_events(&filter).await?;
        let full = found.len() as i64 >= filter.limit;
        next = found.last().map(|event| event.position).filter(|_| full);
        filter.before = next;
        items.extend(found.iter().filter(|event| event.origin != ORIGIN_PROBE).map(Event::of));
        if next.is_none() || items.len() as i64 >= limit {
            break;
        }
    }
    answered(&Page { items, next: next.map(|position| cursor(LIST, &position.to_string())) })
}

/// One event, with what came of it
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "Its id.", example = "evt_01m827nryktf1rpbkn5m5dr6r2")),
    responses((status = 200, description = "The event.", body = EventTold)))]
pub(super) async fn get_event(app: web::Data<App>, id: web::Path<String>) -> Answer {
    let id = EventId::new(id.into_inner());
    let (event, stored) = app.store.event(&id).await?.ok_or_else(|| ApiError::not_found("event"))?;
    let rows = app.runs_of_event(&id).await?;
    let mut names = Names::new(&app);
    let mut runs = Vec::with_capacity(rows.len());
    for run in &rows {
        runs.push(names.run(run).await?);
    }
    let active = app.active();
    let without =
        event.changes.iter().filter(|change| !rows.iter().any(|run| run.change == change.reference));
    let nothing_sent = without.map(|change| NothingSent {
        booking: change.booking_key.clone(),
        kind: change.kind.as_str(),
        why: if change.kind.has_effect() {
            why_no_run(active.as_deref(), &event.source, change)
        } else {
            change_as_sentence(change)
        },
    });
    answered(&EventTold {
        nothing_sent: nothing_sent.collect(),
        headers: serde_json::from_str(&stored.headers).unwrap_or_default(),
        event: Event::of(&event),
        runs,
    })
}

/// The body of an event, byte for byte
///
/// 410 where it was removed, by retention or because its guest was erased.
#[utoipa::path(get, path = "/api/v1/events/{id}/body", tag = "events", params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The body as it came.", body = Vec<u8>, content_type = "application/octet-stream")))]
pub(super) async fn get_event_body(app: web::Data<App>, id: web::Path<String>) -> Answer {
    let id = EventId::new(id.into_inner());
    let (_, stored) = app.store.event(&id).await?.ok_or_else(|| ApiError::not_found("event"))?;
    let removed = app.store.keeping().removed_body(stored.position).await?;
    if let Some(removed) = removed.filter(|removed| !removed.partly) {
        let hint = format!("SHA-256 of what came: {}.", removed.hash);
        return Err(ApiError::new(StatusCode::GONE, "removed", removed.why, hint));
    }
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"body\""))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox; frame-ancestors 'none'",
        ))
        .body(stored.body))
}

/// Plan an event once more
///
/// Nothing is applied again: the present rules are asked about the same changes, against the booking as it is now. What the
/// CRM holds already is not sent again. A webhook that became nothing when it came is read again, by the source's file as it
/// is now, as an event of its own.
#[utoipa::path(post, path = "/api/v1/events/{id}/replay", tag = "events", params(("id" = String, Path, description = "Its id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 202, description = "It is planned.", body = ReplayTold)))]
pub(super) async fn replay_event(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let id = EventId::new(id.into_inner());
    let replayed = app.replay(&id).await?;
    app.audit(&viewer.who(), "event.replayed", id.as_str(), "").await;
    let runs = replayed.runs.iter().map(ToString::to_string).collect();
    with(
        StatusCode::ACCEPTED,
        &ReplayTold {
            event: id.to_string(),
            runs,
            without_effect: replayed.without_effect,
            read_again: replayed.read_again.as_ref().map(ToString::to_string),
            note: replayed.note,
        },
    )
}
