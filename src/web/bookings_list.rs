//! `/`: the latest bookings with how far each is, under the first sentence. `?show=needs-you` and `?show=under-way` list
//! those whose runs need a person or are on their way. `?part=live` gives the block that is refreshed in place.

use super::booking_words::BookingWords;
use super::errors::PageError;
use super::outlook::Outlook;
use super::page::{Frame, Place, answer, in_address};
use super::run_told::marks_of;
use super::scene::Scene;
use super::times::Moment;
use super::words::{Mark, Tone};
use crate::app::App;
use crate::ports::{BookingView, ListFilter, RunRow};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Bookings of a page.
const PAGE: i64 = 30;
/// Runs looked at for one booking.
const RUNS_MAX: i64 = 100;
/// Verdicts told of one booking.
const VERDICTS_MAX: usize = 2;

/// What the address asks for. Each part is optional; empty is absent.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    show: Option<String>,
    source: Option<String>,
    status: Option<String>,
    before: Option<String>,
    part: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "bookings_list.html", blocks = ["live"])]
pub struct BookingsList {
    frame: Frame,
    title: &'static str,
    outlook: Outlook,
    rows: Vec<Row>,
    show: String,
    source: String,
    status: String,
    sources: Vec<(String, String)>,
    statuses: Vec<String>,
    filtered: bool,
    first_page: bool,
    live: String,
    older: Option<String>,
}

/// One booking.
struct Row {
    address: String,
    words: BookingWords,
    source: String,
    marks: Vec<Mark>,
    verdicts: Vec<String>,
    changed: Moment,
}

/// `GET /`.
pub async fn bookings_list(app: web::Data<App>, query: web::Query<Query>) -> Result<HttpResponse, PageError> {
    let live = query.part.as_deref() == Some("live");
    let page = BookingsList::read(&app, &query).await?;
    if live { answer(&page.as_live()) } else { answer(&page) }
}

fn given(text: Option<&String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl BookingsList {
    async fn read(app: &App, query: &Query) -> Result<Self, PageError> {
        let scene = Scene::read(app).await?;
        let filter = ListFilter {
            source: given(query.source.as_ref()),
            state: given(query.status.as_ref()),
            before: given(query.before.as_ref()).and_then(|before| before.parse().ok()),
            limit: PAGE,
            ..ListFilter::default()
        };
        let show = given(query.show.as_ref()).unwrap_or_default();
        let (bookings, next) = match show.as_str() {
            "needs-you" => by_runs(app, &filter, &["failed", "held"]).await?,
            "under-way" => by_runs(app, &filter, &["waiting", "working", "paused"]).await?,
            _ => {
                let bookings = app.store.list_bookings(&filter).await?;
                let full = bookings.len() as i64 >= PAGE;
                let next = bookings.last().map(|booking| booking.position).filter(|_| full);
                (bookings, next)
            }
        };
        let mut rows = Vec::with_capacity(bookings.len());
        for booking in &bookings {
            let about = ListFilter {
                booking: Some(booking.id.to_string()),
                limit: RUNS_MAX,
                ..ListFilter::default()
            };
            let runs = app.store.list_runs(&about).await?;
            rows.push(Row::of(booking, &runs, &scene));
        }
        Ok(Self::of(&scene, rows, &show, &filter, next))
    }

    fn of(scene: &Scene, rows: Vec<Row>, show: &str, filter: &ListFilter, next: Option<i64>) -> Self {
        let (place, title, show) = match show {
            "needs-you" => (Place::NeedsYou, "Needs you", "needs-you"),
            "under-way" => (Place::Bookings, "On the way", "under-way"),
            _ => (Place::Bookings, "Bookings", ""),
        };
        let mut statuses: Vec<String> = ["booked", "cancelled", "rebooked"].map(str::to_owned).into();
        statuses
            .extend(rows.iter().map(|row| row.words.status.clone()).filter(|status| status != "no status"));
        statuses.sort();
        statuses.dedup();
        let source = filter.source.clone().unwrap_or_default();
        let status = filter.state.clone().unwrap_or_default();
        let address = |before: Option<i64>, part: &str| {
            let mut parts: Vec<String> =
                [("show", show), ("source", &source), ("status", &status), ("part", part)]
                    .iter()
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(name, value)| format!("{name}={}", in_address(value)))
                    .collect();
            parts.extend(before.map(|before| format!("before={before}")));
            if parts.is_empty() { "/".to_owned() } else { format!("/?{}", parts.join("&")) }
        };
        let live = address(filter.before, "live");
        let older = next.map(|next| address(Some(next), ""));
        Self {
            frame: Frame::new(place, scene, None),
            title,
            outlook: Outlook::of(scene),
            sources: scene.source_titles.iter().map(|(name, title)| (name.clone(), title.clone())).collect(),
            statuses,
            filtered: !source.is_empty() || !status.is_empty() || !show.is_empty(),
            first_page: filter.before.is_none(),
            rows,
            show: show.to_owned(),
            source,
            status,
            live,
            older,
        }
    }
}

/// Bookings by their runs, the newest run first; and before which run the next page begins.
async fn by_runs(
    app: &App,
    filter: &ListFilter,
    states: &[&str],
) -> Result<(Vec<BookingView>, Option<i64>), PageError> {
    let mut runs: Vec<RunRow> = Vec::new();
    for state in states {
        let of_state = ListFilter {
            source: filter.source.clone(),
            state: Some((*state).to_owned()),
            before: filter.before,
            limit: PAGE,
            ..ListFilter::default()
        };
        runs.extend(app.store.list_runs(&of_state).await?);
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.seq));
    // Each list ends at its own place: what lies below the PAGE newest of all may be incomplete.
    let full = runs.len() as i64 >= PAGE;
    runs.truncate(PAGE as usize);
    let next = runs.last().map(|run| run.seq).filter(|_| full);
    let mut bookings: Vec<BookingView> = Vec::new();
    for run in &runs {
        if bookings.iter().any(|known| known.id == run.booking) {
            continue;
        }
        let Some((booking, _)) = app.store.booking(&run.booking).await? else { continue };
        if filter.state.as_ref().is_none_or(|status| *status == booking.status) {
            bookings.push(booking);
        }
    }
    Ok((bookings, next))
}

impl Row {
    fn of(booking: &BookingView, runs: &[RunRow], scene: &Scene) -> Self {
        let mut marks = marks_of(runs, scene);
        if marks.is_empty() {
            marks.push(Mark::new(Tone::Quiet, "no rule asks for it"));
        }
        let needs_you = runs.iter().filter(|run| matches!(run.state.as_str(), "failed" | "held"));
        let mut verdicts: Vec<String> = needs_you
            .filter_map(|run| run.verdict.as_ref())
            .map(|verdict| super::errors::capital(&verdict.text))
            .collect();
        verdicts.dedup();
        verdicts.truncate(VERDICTS_MAX);
        Self {
            address: in_address(booking.id.as_str()),
            words: BookingWords::of(booking),
            source: scene.source(&booking.source),
            marks,
            verdicts,
            changed: Moment::of(booking.updated_at, scene.now),
        }
    }
}

#[cfg(test)]
impl BookingsList {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{booking, hostile_booking, runs, scene};
        let (scene, runs) = (scene(), runs());
        let rows = || vec![Row::of(&booking(), &runs, &scene), Row::of(&hostile_booking(), &[], &scene)];
        let filtered = ListFilter {
            source: Some(super::samples::HOSTILE.to_owned()),
            state: Some(super::samples::HOSTILE.to_owned()),
            before: Some(9),
            ..ListFilter::default()
        };
        vec![
            Self::of(&Scene::default(), Vec::new(), "", &ListFilter::default(), None),
            Self::of(&scene, rows(), "", &ListFilter::default(), Some(3)),
            Self::of(&scene, rows(), "needs-you", &filtered, None),
            Self::of(&scene, Vec::new(), "under-way", &filtered, None),
            Self::of(&scene, Vec::new(), "needs-you", &ListFilter::default(), None),
        ]
    }
}
