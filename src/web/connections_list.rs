//! `/connections`: where things are sent, whether each takes calls, what waits for it, and a button to pause or resume it.

use super::answer_times::{self, AnswerTimes};
use super::errors::PageError;
use super::outlook::{Sentence, connection};
use super::page::{Frame, Place, answer, in_address};
use super::rates::Rate;
use super::scene::Scene;
use super::times::{Moment, clock_time};
use super::today::{rates, silence_sentence};
use super::words::{Mark, Tone};
use crate::app::App;
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
#[template(path = "connections_list.html")]
pub struct ConnectionsList {
    frame: Frame,
    rows: Vec<Row>,
    told: Vec<Sentence>,
}

struct Row {
    address: String,
    name: String,
    title: String,
    /// It has a page: the rules know it.
    known: bool,
    standing: ConnectionStanding,
}

/// How a connection is, what waits for it, and the button that stops it or lets it go on.
pub(super) struct ConnectionStanding {
    /// How it is.
    pub mark: Mark,
    /// More about that.
    pub note: Option<String>,
    /// Runs that are on their way to it.
    pub under_way: i64,
    /// Since when the oldest of these waits.
    pub oldest: Option<Moment>,
    /// Runs that need a person.
    pub needs_you: i64,
    /// Runs that are through.
    pub done: i64,
    /// A person, or what it answered, stopped it.
    pub stopped: bool,
    /// Words of the button.
    pub button: &'static str,
}

/// `GET /connections`.
pub async fn connections_list(
    app: web::Data<App>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let (times, rates) = (answer_times::read(&app).await?, rates(&app, &scene).await?);
    answer(&ConnectionsList::of(&scene, &rates, &times, query.said.as_deref()))
}

impl ConnectionsList {
    fn of(scene: &Scene, rates: &[Rate], times: &AnswerTimes, said: Option<&str>) -> Self {
        Self {
            frame: Frame::new(Place::Connections, scene, said),
            told: connected(rates, scene),
            rows: scene.connection_names().iter().map(|name| Row::of(name, scene, times)).collect(),
        }
    }
}

/// Are we connected? What takes no calls, and what is silent, is told first.
fn connected(rates: &[Rate], scene: &Scene) -> Vec<Sentence> {
    let names = scene.connection_names();
    let stopped = names.iter().filter_map(|name| connection(scene, name));
    let mut troubles: Vec<Sentence> = stopped.chain(rates.iter().filter_map(silence_sentence)).collect();
    if !troubles.is_empty() {
        troubles.sort_by_key(|sentence| sentence.tone != Tone::Bad);
        return troubles;
    }
    let newest = rates.iter().filter(|rate| rate.last.is_some()).max_by_key(|rate| rate.last);
    let Some((rate, last)) = newest.and_then(|rate| Some((rate, rate.last?))) else { return Vec::new() };
    vec![Sentence {
        tone: Tone::Good,
        text: format!("{} sent the last webhook {}.", rate.title, Moment::of(last, scene.now).ago),
        way: None,
    }]
}

impl Row {
    fn of(name: &str, scene: &Scene, times: &AnswerTimes) -> Self {
        Self {
            address: in_address(name),
            name: name.to_owned(),
            title: scene.connection(name),
            known: scene.connection_titles.contains_key(name),
            standing: ConnectionStanding::of(name, scene, times),
        }
    }
}

impl ConnectionStanding {
    /// How it is now.
    pub fn of(name: &str, scene: &Scene, times: &AnswerTimes) -> Self {
        let state = scene.connections.get(name).cloned().unwrap_or_default();
        let mut stopped = state.paused;
        let mut button = if state.paused { "Resume" } else { "Pause" };
        let (mark, note) = if let Some(why) = &state.needs_auth {
            (stopped, button) = (true, "Signed in again: resume");
            (Mark::new(Tone::Bad, "needs a new credential"), Some(super::errors::capital(why)))
        } else if state.paused {
            let since = state.stopped_since.map(|at| format!("Since {}.", clock_time(at)));
            (Mark::new(Tone::Waiting, "paused"), since)
        } else if let Some(since) = state.tripped_since {
            let next = match state.probe_at {
                Some(at) if at > scene.now => format!(" The next try is {}.", Moment::of(at, scene.now).ago),
                Some(_) => " It is being tried now.".to_owned(),
                None => String::new(),
            };
            (
                Mark::new(Tone::Bad, "does not answer"),
                Some(format!(
                    "Since {}; what waits goes out by itself when it answers.{next}",
                    clock_time(since)
                )),
            )
        } else if let Some(until) = state.rests_until.filter(|until| *until > scene.now) {
            (
                Mark::new(Tone::Waiting, "rests"),
                Some(format!("It asked for fewer calls, until {}.", clock_time(until))),
            )
        } else if state.failures > 0 {
            (Mark::new(Tone::Waiting, "the last call failed"), None)
        } else if scene.runs(&["done", "skipped"], Some(name)) == 0 && !times.contains_key(name) {
            (Mark::new(Tone::Quiet, "not tried yet"), Some("Nothing was sent there so far.".to_owned()))
        } else {
            (Mark::new(Tone::Good, "takes calls"), None)
        };
        // What does not answer now has no time of its answers.
        let answers = times.get(name).filter(|_| mark.tone == Tone::Good).map(|time| time.words(scene.now));
        let note = note.or_else(|| answers.map(|words| format!("It {words}.")));
        let oldest = scene.counts.oldest_waiting.iter().find(|(of, _)| of == name);
        Self {
            mark,
            note,
            oldest: oldest.map(|(_, at)| Moment::of(*at, scene.now)),
            under_way: scene.under_way(Some(name)),
            needs_you: scene.runs(&["failed", "held"], Some(name)),
            done: scene.runs(&["done"], Some(name)),
            stopped,
            button,
        }
    }
}

#[cfg(test)]
impl ConnectionsList {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, scene};
        let times = AnswerTimes::from([(
            "crm".to_owned(),
            answer_times::AnswerTime { median_ms: 180, calls: 3, last_at: NOW },
        )]);
        let none = AnswerTimes::default();
        let mut rates = Rate::samples(HOSTILE, NOW);
        let silent = Self::of(&scene(), &rates, &none, Some("paused"));
        rates.pop();
        vec![Self::of(&Scene::default(), &[], &none, None), silent, Self::of(&scene(), &rates, &times, None)]
    }
}
