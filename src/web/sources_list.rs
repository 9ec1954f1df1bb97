//! `/sources`: where bookings come from: whether each source sends, how much it usually does, and its page; and which that
//! were taken away are still sent to.

use super::errors::PageError;
use super::found::Found;
use super::page::{Frame, Place, answer, in_address};
use super::rates::{Rate, SilenceTold, per_hour, rates};
use super::scene::Scene;
use super::times::Moment;
use super::words::Mark;
use crate::app::{App, RemovedSource};
use crate::domain::Millis;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

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
    gone: Vec<Gone>,
}

/// One that was taken away and is still sent to.
struct Gone {
    address: String,
    name: String,
    found: Found,
    /// Its subscriptions can be ended from here.
    ends: bool,
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
    /// Where it is silent longer than usual: a sentence, and what it may be.
    pub silence: Option<SilenceTold>,
    /// A sentence, where webhooks were refused.
    pub refused: Option<String>,
    /// Sentences: when Waypost was not running.
    pub downs: Vec<String>,
    /// When the first of these began.
    down_since: Option<Millis>,
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
    let mut page = SourcesList::of(&scene, names.into_iter().zip(standings).collect(), query.said.as_deref());
    page.gone = app.removed_sources().await?.iter().map(|gone| Gone::of(gone, scene.now)).collect();
    answer(&page)
}

impl SourceStanding {
    /// How each of these sources does.
    pub async fn read(app: &App, scene: &Scene, names: &[String]) -> Result<Vec<Self>, PageError> {
        Ok(rates(app, scene, names).await?.into_iter().map(|rate| Self::of(rate, scene)).collect())
    }

    fn of(rate: Rate, scene: &Scene) -> Self {
        Self {
            mark: rate.mark(),
            silence: rate.silence,
            refused: rate.refused,
            downs: rate.downs,
            down_since: rate.pulse.downs.first().map(|(down, _)| down.from),
            last: rate.last.map(|last| Moment::of(last, scene.now)),
            lately: rate.lately,
            usual: rate.usual.map(per_hour),
        }
    }

    /// Since when something may be missing: since it is silent, or Waypost was not running.
    pub fn gap(&self) -> Option<Millis> {
        let silent = self.silence.as_ref().map(|silence| silence.since);
        silent.into_iter().chain(self.down_since).min()
    }

    #[cfg(test)]
    pub fn samples(scene: &Scene, word: &str) -> Vec<Self> {
        Rate::samples(word, scene.now).into_iter().map(|rate| Self::of(rate, scene)).collect()
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
            gone: Vec::new(),
        }
    }
}

impl Gone {
    fn of(gone: &RemovedSource, now: Millis) -> Self {
        Self {
            address: in_address(&gone.name),
            name: gone.name.clone(),
            found: Found::of(&gone.finding(), now),
            ends: gone.can_be_ended(),
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
        let mut full = Self::of(&scene, named, Some("taken-away"));
        let gone = |ends| Found::samples(HOSTILE).into_iter().map(move |finding| (finding, ends));
        full.gone = gone(true)
            .chain(gone(false))
            .map(|(finding, ends)| Gone {
                address: in_address(HOSTILE),
                name: HOSTILE.into(),
                found: Found::of(&finding, scene.now),
                ends,
            })
            .collect();
        vec![Self::of(&scene, Vec::new(), None), full]
    }
}
