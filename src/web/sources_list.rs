//! `/sources`: where bookings come from: whether each source sends, how much it usually does, and its page.

use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::rates::{Rate, WEEKS, per_hour, rate};
use super::scene::Scene;
use super::times::Moment;
use super::words::{Mark, Tone};
use crate::app::App;
use crate::domain::Millis;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

const HOUR: Millis = 3_600_000;
/// Sources of the page.
const ROWS_MAX: usize = 200;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "sources_list.html")]
pub struct SourcesList {
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    address: String,
    title: String,
    name: String,
    standing: SourceStanding,
}

/// How a source does.
pub(super) struct SourceStanding {
    /// Whether it sends.
    pub mark: Mark,
    /// A sentence, where it is silent longer than usual.
    pub silence: Option<String>,
    /// When the last webhook came.
    pub last: Option<Moment>,
    /// Webhooks of the last 24 hours.
    pub lately: i64,
    /// How many usually come in an hour like this one.
    pub usual: Option<String>,
}

/// `GET /sources`.
pub async fn sources_list(app: web::Data<App>, query: web::Query<Query>) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let names: Vec<String> = scene.source_titles.keys().take(ROWS_MAX).cloned().collect();
    let standings = SourceStanding::read(&app, &scene, &names).await?;
    answer(&SourcesList::of(&scene, names.into_iter().zip(standings).collect(), query.said.as_deref()))
}

impl SourceStanding {
    /// How each of these sources does.
    pub async fn read(app: &App, scene: &Scene, names: &[String]) -> Result<Vec<Self>, PageError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let hours = app.store.source_hours(scene.now / HOUR - WEEKS * 7 * 24 - 72).await?;
        let lasts = app.store.last_webhooks(names).await?;
        let of = |(name, last): (&String, Option<Millis>)| {
            Self::of(last, rate(name, &scene.source(name), &hours, last, scene.now), scene)
        };
        Ok(names.iter().zip(lasts).map(of).collect())
    }

    fn of(last: Option<Millis>, rate: Rate, scene: &Scene) -> Self {
        let mark = match (last, &rate.silence) {
            (None, _) => Mark::new(Tone::Waiting, "waits for its first webhook"),
            (_, Some(_)) => Mark::new(Tone::Waiting, "silent longer than usual"),
            _ => Mark::new(Tone::Good, "sends"),
        };
        Self {
            mark,
            silence: rate.silence,
            last: last.map(|last| Moment::of(last, scene.now)),
            lately: rate.lately,
            usual: rate.usual.map(per_hour),
        }
    }

    #[cfg(test)]
    pub fn samples(scene: &Scene, word: &str) -> Vec<Self> {
        vec![
            Self::of(None, Rate::default(), scene),
            Self::of(Some(scene.now - 60_000), Rate { usual: Some(14.0), lately: 3, silence: None }, scene),
            Self::of(Some(1), Rate { silence: Some(word.to_owned()), ..Rate::default() }, scene),
        ]
    }
}

impl SourcesList {
    fn of(scene: &Scene, standings: Vec<(String, SourceStanding)>, said: Option<&str>) -> Self {
        let row = |(name, standing): (String, SourceStanding)| Row {
            address: in_address(&name),
            title: scene.source(&name),
            name,
            standing,
        };
        Self {
            frame: Frame::new(Place::Connections, scene, said),
            rows: standings.into_iter().map(row).collect(),
        }
    }
}

#[cfg(test)]
impl SourcesList {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let scene = scene();
        let standings = SourceStanding::samples(&scene, HOSTILE);
        let named = standings.into_iter().map(|standing| (HOSTILE.to_owned(), standing)).collect();
        vec![Self::of(&scene, Vec::new(), None), Self::of(&scene, named, Some("taken-away"))]
    }
}
