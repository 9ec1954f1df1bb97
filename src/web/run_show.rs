//! `/runs/{id}`: one run, explained: each field with why it has its value, each call with what came back.

use super::booking_words::BookingWords;
use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::run_told::{Room, RunTold};
use super::scene::Scene;
use super::times::Moment;
use super::words::path_words;
use crate::app::App;
use crate::domain::{BY_REBOOKING, RunId};
use crate::ports::RunRow;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "run_show.html")]
pub struct RunShow {
    frame: Frame,
    run: RunTold,
    booking: String,
    /// Whose booking it is, and of what.
    guest: String,
    trip: String,
    event: String,
    asked: String,
    trigger: &'static str,
    planned: Moment,
    ruleset: Option<String>,
    rule: String,
}

/// `GET /runs/{id}`.
pub async fn run_show(
    app: web::Data<App>,
    id: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let id = RunId::new(id.into_inner());
    let due = app.store.run_with_context(&id).await?.ok_or_else(|| PageError::unknown("run"))?;
    let scene = Scene::read(&app).await?;
    let told =
        RunTold::of(&due.run, &scene, "run").explained(&app, &due.run, &scene, &mut Room::of_run()).await?;
    let mut page = RunShow::of(&scene, told, &due.run, due.event.as_str());
    if let Some((booking, _)) = app.store.booking(&due.run.booking).await? {
        let words = BookingWords::of(&booking);
        (page.guest, page.trip) = (words.guest, words.trip);
    }
    page.frame = Frame::new(Place::Bookings, &scene, query.said.as_deref());
    answer(&page)
}

impl RunShow {
    fn of(scene: &Scene, mut told: RunTold, run: &RunRow, event: &str) -> Self {
        told.open = true;
        Self {
            frame: Frame::new(Place::Bookings, scene, None),
            run: told,
            booking: in_address(run.booking.as_str()),
            guest: String::new(),
            trip: String::new(),
            event: in_address(event),
            asked: path_words(&run.asked),
            trigger: match run.trigger.as_str() {
                "replay" => "planned once more by hand",
                "apply" => "planned when the rule was applied to existing bookings",
                BY_REBOOKING => "planned when it came out that a newer booking took this one's place",
                _ => "planned when the change came in",
            },
            planned: Moment::of(run.created_at, scene.now),
            rule: in_address(&run.rule),
            ruleset: run.ruleset.as_ref().map(|hash| hash.chars().take(12).collect()),
        }
    }
}

#[cfg(test)]
impl RunShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{day, runs, scene};
        let scene = scene();
        let mut samples = Vec::new();
        for run in &runs() {
            for told in day().changes.remove(0).runs {
                let mut page = Self::of(&scene, told, run, "evt_1");
                page.guest = super::samples::HOSTILE.to_owned();
                page.trip = super::samples::HOSTILE.to_owned();
                samples.push(page);
            }
        }
        samples
    }
}
