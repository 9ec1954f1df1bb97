//! `/events/{id}`: one event: from where, when, what it told of, what came of it, and whether it can be read again. Mostly a
//! webhook; also what Waypost fetched or ended itself. `/events/{id}/raw`: its body, byte for
//! byte, as plain text that no browser will run.

use super::change_told::{ChangeTold, Teller};
use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::people_told::lists;
use super::scene::Scene;
use super::times::Moment;
use crate::app::{App, Readable};
use crate::domain::{
    BODY_NOTE, ChangeKind, DocumentHead, EventId, ORIGIN_AGAIN, ORIGIN_BACKFILL, ORIGIN_FETCH, ORIGIN_PROBE,
    ORIGIN_RECONCILE, is_document,
};
use crate::ports::EventView;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Changes told of one event.
const CHANGES_MAX: usize = 50;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "event_show.html")]
pub struct EventShow {
    frame: Frame,
    id: String,
    address: String,
    received: Moment,
    bytes: i64,
    headers: Vec<(String, String)>,
    /// What it is, as a heading.
    title: String,
    /// How it came to be here.
    came: &'static str,
    /// Nobody posted it: Waypost asked for it.
    is_asked_for: bool,
    /// It became nothing, and would become something now.
    readable: bool,
    /// Why it would become nothing again.
    why_not: String,
    /// As which event it was read again already.
    again: String,
    /// What is said of its body, where it was not stored as it came.
    note: String,
    read: bool,
    /// It could not be read, or is about nothing that is kept.
    became_nothing: bool,
    removed: Option<Removed>,
    changes: Vec<ChangeTold>,
    more: usize,
}

/// What stands in the place of a body that was removed.
#[derive(Clone)]
struct Removed {
    why: String,
    at: Moment,
    hash: String,
    /// What it told of others is still there.
    partly: bool,
}

/// `GET /events/{id}`.
pub async fn event_show(
    app: web::Data<App>,
    id: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let id = EventId::new(id.into_inner());
    let (event, stored) = app.store.event(&id).await?.ok_or_else(|| PageError::unknown("webhook"))?;
    let scene = Scene::read(&app).await?;
    let runs = app.runs_of_event(&id).await?;
    let people = lists(app.active().as_deref());
    let teller = Teller { app: &app, scene: &scene, back: "event", is_booking: true, people };
    let told = &event.changes[..event.changes.len().min(CHANGES_MAX)];
    let changes = teller.tell(told, &runs).await?;
    let mut page = EventShow::of(&scene, &event, &stored.headers, changes);
    let removed = app.store.keeping().removed_body(stored.position).await?;
    page.removed = removed.map(|gone| Removed {
        why: gone.why,
        at: Moment::of(gone.at, scene.now),
        hash: gone.hash,
        partly: gone.partly,
    });
    let (readable, again) = app.event_readable((&event, &stored)).await?;
    page.readable = readable == Readable::Again;
    if let Readable::Why(why) = readable {
        why.trim_end_matches('.').clone_into(&mut page.why_not);
    }
    page.again = again.map(|id| in_address(id.as_str())).unwrap_or_default();
    page.frame = Frame::new(Place::Webhooks, &scene, query.said.as_deref());
    answer(&page)
}

/// `GET /events/{id}/raw`.
pub async fn event_raw(app: web::Data<App>, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id = EventId::new(id.into_inner());
    let (view, stored) = app.store.event(&id).await?.ok_or_else(|| PageError::unknown("webhook"))?;
    let removed = app.store.keeping().removed_body(stored.position).await?;
    if let Some(removed) = removed.filter(|removed| !removed.partly) {
        return Err(PageError::new(StatusCode::GONE, "What came is no longer here", removed.why));
    }
    let name: String = view.id.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}.txt\"")))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox; frame-ancestors 'none'",
        ))
        .body(stored.body))
}

impl EventShow {
    fn of(scene: &Scene, event: &EventView, headers: &str, changes: Vec<ChangeTold>) -> Self {
        let gone = DocumentHead::read(headers).is_some_and(|head| head.gone);
        let mut headers: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(headers).unwrap_or_default();
        let note = headers.remove(BODY_NOTE).and_then(|note| Some(note.as_str()?.to_owned()));
        Self {
            frame: Frame::new(Place::Webhooks, scene, None),
            id: event.id.to_string(),
            address: in_address(event.id.as_str()),
            title: title(&event.origin, gone, &scene.source(&event.source)),
            came: if gone {
                "It was ended"
            } else if is_document(&event.origin) {
                "It was fetched"
            } else {
                "It came"
            },
            is_asked_for: is_document(&event.origin),
            readable: false,
            why_not: String::new(),
            again: String::new(),
            received: Moment::of(event.received_at, scene.now),
            bytes: event.body_bytes,
            headers: headers
                .iter()
                .map(|(name, value)| (name.clone(), super::diff::shown(Some(value))))
                .collect(),
            note: note.unwrap_or_default(),
            read: !event.changes.is_empty(),
            became_nothing: !event.changes.is_empty()
                && event.changes.iter().all(|change| {
                    matches!(change.kind, ChangeKind::Unreadable | ChangeKind::Ignored | ChangeKind::Refused)
                }),
            removed: None,
            more: event.changes.len().saturating_sub(changes.len()),
            changes,
        }
    }
}

/// What it is, by how it came into the journal.
fn title(origin: &str, gone: bool, source: &str) -> String {
    match origin {
        _ if gone => format!("Ended, since {source} has it no more"),
        ORIGIN_FETCH => format!("Fetched from {source}"),
        ORIGIN_BACKFILL => format!("Fetched from {source} by a backfill"),
        ORIGIN_RECONCILE => format!("Fetched from {source} by a repair"),
        ORIGIN_AGAIN => format!("A webhook from {source}, read again"),
        ORIGIN_PROBE => "A readiness check of Waypost itself".to_owned(),
        _ => format!("A webhook from {source}"),
    }
}

#[cfg(test)]
impl EventShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, change, day, event, scene};
        let scene = scene();
        let headers = serde_json::json!({ HOSTILE: HOSTILE, BODY_NOTE: HOSTILE }).to_string();
        let gone = Removed {
            why: HOSTILE.to_owned(),
            at: Moment::of(scene.now, scene.now),
            hash: "0f0e".to_owned(),
            partly: false,
        };
        let removed = || Self::of(&scene, &event(vec![change()]), "{}", Vec::new());
        let cut = Removed { why: "The guest is gone.".to_owned(), partly: true, ..gone.clone() };
        vec![
            Self { removed: Some(gone), ..removed() },
            Self { removed: Some(cut), ..removed() },
            Self::of(&scene, &event(Vec::new()), "{}", Vec::new()),
            Self::of(&scene, &event(vec![change()]), &headers, day().changes),
            Self { readable: true, ..Self::of(&scene, &event(vec![change()]), "{}", Vec::new()) },
            Self {
                why_not: HOSTILE.to_owned(),
                ..Self::of(&scene, &event(vec![change()]), "{}", Vec::new())
            },
            Self { again: "evt_1".to_owned(), ..Self::of(&scene, &event(vec![change()]), "{}", Vec::new()) },
            Self { title: HOSTILE.to_owned(), is_asked_for: true, ..removed() },
        ]
    }
}
