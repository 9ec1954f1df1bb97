//! `/bookings/{id}`: who, what, when, for how much; where it was brought; and its timeline, newest first. `?part=live`
//! gives the block that is refreshed in place.

use super::booking_words::BookingWords;
use super::change_told::{Day, Teller, by_day};
use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::run_told::marks_of;
use super::scene::Scene;
use super::times::Moment;
use super::words::{Mark, Tone};
use crate::app::App;
use crate::domain::BookingId;
use crate::ports::{BookingView, ListFilter, RunRow};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Changes of a timeline.
const CHANGES_MAX: usize = 50;
/// Runs of a timeline.
const RUNS_MAX: i64 = 300;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
    part: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "booking_show.html", blocks = ["live"])]
pub struct BookingShow {
    frame: Frame,
    id: String,
    live: String,
    words: BookingWords,
    customers: Option<usize>,
    source: String,
    connector: String,
    key: String,
    marks: Vec<Mark>,
    days: Vec<Day>,
    older: bool,
    first_seen: Moment,
}

/// `GET /bookings/{id}`.
pub async fn booking_show(
    app: web::Data<App>,
    id: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let page = BookingShow::read(&app, &BookingId::new(id.into_inner()), query.said.as_deref()).await?;
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

impl BookingShow {
    async fn read(app: &App, id: &BookingId, said: Option<&str>) -> Result<Self, PageError> {
        let (booking, body) = app.store.booking(id).await?.ok_or_else(|| PageError::unknown("booking"))?;
        let scene = Scene::read(app).await?;
        let mut changes = app.store.changes_of_booking(id, CHANGES_MAX as i64 + 1).await?;
        let older = changes.len() > CHANGES_MAX;
        changes.truncate(CHANGES_MAX);
        let filter = ListFilter { booking: Some(id.to_string()), limit: RUNS_MAX, ..ListFilter::default() };
        let runs = app.store.list_runs(&filter).await?;
        let teller =
            Teller { app, scene: &scene, back: "booking", is_booking: booking.key.kind == "booking" };
        let told = teller.tell(&changes, &runs).await?;
        let mut page = Self::of(&scene, &booking, &body, &runs, by_day(&changes, told));
        page.older = older;
        page.frame = Frame::new(Place::Bookings, &scene, said);
        Ok(page)
    }

    fn of(scene: &Scene, booking: &BookingView, body: &str, runs: &[RunRow], days: Vec<Day>) -> Self {
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let id = in_address(booking.id.as_str());
        let mut marks = marks_of(runs, scene);
        if marks.is_empty() {
            marks.push(Mark::new(Tone::Quiet, "no rule asks for it"));
        }
        Self {
            frame: Frame::new(Place::Bookings, scene, None),
            live: format!("/bookings/{id}?part=live"),
            id: booking.id.to_string(),
            words: BookingWords::of(booking),
            customers: body.get("customers").and_then(|list| list.as_array()).map(Vec::len),
            source: scene.source(&booking.source),
            connector: scene.connector(&booking.key.connector),
            key: booking.key.key.clone(),
            marks,
            days,
            older: false,
            first_seen: Moment::of(booking.created_at, scene.now),
        }
    }
}

#[cfg(test)]
impl BookingShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{booking, day, hostile_booking, runs, scene};
        let scene = scene();
        let mut old = Self::of(&scene, &hostile_booking(), "not json", &[], Vec::new());
        old.older = true;
        let body = r#"{"customers":[{},{}]}"#;
        vec![old, Self::of(&scene, &booking(), body, &runs(), vec![day()])]
    }
}
