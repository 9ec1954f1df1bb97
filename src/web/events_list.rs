//! `/events`: webhooks that became no booking (unreadable, refused, about something else), so that nothing that came is
//! out of sight. `?kind=` narrows it to one of these.

use super::errors::{PageError, capital};
use super::page::{Frame, Place, answer, in_address};
use super::scene::Scene;
use super::times::Moment;
use super::words::{Mark, Tone};
use crate::app::App;
use crate::domain::{ChangeKind, ORIGIN_PROBE};
use crate::ports::{EventView, ListFilter};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Webhooks of a page.
const PAGE: usize = 50;
/// Pages of the store that are looked through for one page: probes of `/readyz` are left out of them.
const LOOKS_MAX: usize = 5;
/// Webhooks of one look.
const LOOK: i64 = 200;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    kind: Option<String>,
    before: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "events_list.html")]
pub struct EventsList {
    frame: Frame,
    kind: &'static str,
    rows: Vec<Row>,
    older: Option<String>,
    /// The page begins with older ones: the newest are there.
    newest: Option<String>,
}

struct Row {
    address: String,
    source: String,
    received: Moment,
    bytes: i64,
    mark: Mark,
    note: String,
}

const KINDS: [ChangeKind; 3] = [ChangeKind::Unreadable, ChangeKind::Refused, ChangeKind::Ignored];

/// `GET /events`.
pub async fn events_list(app: web::Data<App>, query: web::Query<Query>) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let before = query.before.as_deref().and_then(|before| before.parse::<i64>().ok());
    let asked = query.kind.as_deref().and_then(ChangeKind::parse).filter(|kind| KINDS.contains(kind));
    let kinds: Vec<ChangeKind> = asked.map_or_else(|| KINDS.to_vec(), |kind| vec![kind]);
    let mut events: Vec<EventView> = Vec::new();
    // Below this position some kind was not looked through.
    let mut floor = i64::MIN;
    for kind in kinds {
        let (found, reached) = of_kind(&app, kind, before).await?;
        events.extend(found);
        floor = floor.max(reached);
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.position));
    events.dedup_by_key(|event| event.position);
    events.retain(|event| event.position >= floor);
    let cut = events.len() > PAGE;
    events.truncate(PAGE);
    let next =
        if cut { events.last().map(|event| event.position) } else { (floor > i64::MIN).then_some(floor) };
    let mut page = EventsList::of(&scene, &events, asked, next);
    page.newest =
        before.map(|_| asked.map_or("/events".to_owned(), |kind| format!("/events?kind={}", kind.as_str())));
    answer(&page)
}

/// Events with such a change, newest first, and the position down to which all are there.
async fn of_kind(
    app: &App,
    kind: ChangeKind,
    before: Option<i64>,
) -> Result<(Vec<EventView>, i64), PageError> {
    let mut before = before;
    let mut found = Vec::new();
    for _ in 0..LOOKS_MAX {
        let filter = ListFilter {
            state: Some(kind.as_str().to_owned()),
            before,
            limit: LOOK,
            ..ListFilter::default()
        };
        let events = app.store.list_events(&filter).await?;
        let (full, last) = (events.len() as i64 >= LOOK, events.last().map(|event| event.position));
        found.extend(events.into_iter().filter(|event| event.origin != ORIGIN_PROBE));
        if !full {
            return Ok((found, i64::MIN));
        }
        before = last;
        if found.len() > PAGE {
            break;
        }
    }
    Ok((found, before.unwrap_or(i64::MIN)))
}

impl EventsList {
    /// Whether this kind is shown.
    fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    fn of(scene: &Scene, events: &[EventView], asked: Option<ChangeKind>, next: Option<i64>) -> Self {
        let kind = asked.map_or("", ChangeKind::as_str);
        let narrowed = if kind.is_empty() { String::new() } else { format!("kind={kind}&") };
        Self {
            frame: Frame::new(Place::Webhooks, scene, None),
            kind,
            rows: events.iter().map(|event| Row::of(event, scene)).collect(),
            older: next.map(|next| format!("/events?{narrowed}before={next}")),
            newest: None,
        }
    }
}

impl Row {
    fn of(event: &EventView, scene: &Scene) -> Self {
        let change = event.changes.iter().find(|change| KINDS.contains(&change.kind));
        let mark = match change.map(|change| change.kind) {
            Some(ChangeKind::Unreadable) => Mark::new(Tone::Bad, "can't be read"),
            Some(ChangeKind::Refused) => Mark::new(Tone::Bad, "refused"),
            _ => Mark::new(Tone::Quiet, "not about a booking"),
        };
        Self {
            address: in_address(event.id.as_str()),
            source: scene.source(&event.source),
            received: Moment::of(event.received_at, scene.now),
            bytes: event.body_bytes,
            mark,
            note: change.and_then(|change| change.note.as_deref()).map(capital).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
impl EventsList {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{change, event, scene};
        let scene = scene();
        let mut unreadable = change();
        unreadable.kind = ChangeKind::Unreadable;
        vec![
            Self::of(&scene, &[], None, None),
            Self::of(
                &scene,
                &[event(vec![unreadable]), event(Vec::new())],
                Some(ChangeKind::Unreadable),
                Some(7),
            ),
        ]
    }
}
