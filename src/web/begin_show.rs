//! `/begin`: the first steps, from a booking system to the first booking in the CRM. How far one is is never kept: it is
//! seen in what is there, so each step can be left, taken up again, or be done elsewhere. `?part=live` gives the block that
//! is refreshed in place.

use super::booking_words::BookingWords;
use super::errors::PageError;
use super::page::{Frame, Place, answer, go_to, in_address};
use super::scene::Scene;
use super::standings;
use super::viewer::Viewer;
use super::words::Mark;
use crate::app::{App, Draft, PublishError};
use crate::domain::Standing;
use crate::ports::{BookingQuery, BookingView};
use crate::rules::{RECIPES, Recipe, Ruleset};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use std::sync::Arc;

/// Sources and connections that recipes are tried with.
const TRIED_MAX: usize = 4;
/// Names that are tried for a rule.
const NAMES_MAX: usize = 20;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
    part: Option<String>,
}

/// What a recipe's button sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RuleForm {
    #[serde(default)]
    recipe: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    connection: String,
}

/// How far the first steps are.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    source: Option<(String, String)>,
    connection: Option<(String, String)>,
    rule: Option<(String, String)>,
    booking: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "begin_show.html", blocks = ["live"])]
pub struct BeginShow {
    frame: Frame,
    steps: Steps,
    /// The step that is next, from 1.
    now: usize,
    heard: bool,
    offers: Vec<Offer>,
    first: Option<First>,
    trouble: Option<String>,
}

/// A recipe that fits what is there.
struct Offer {
    recipe: &'static str,
    title: &'static str,
    source: String,
    source_title: String,
    connection: String,
    connection_title: String,
}

/// The booking that came in first of late.
struct First {
    address: String,
    words: BookingWords,
    mark: Mark,
    sent: bool,
}

impl Steps {
    /// How far they are.
    pub fn of(active: Option<&Ruleset>, scene: &Scene) -> Self {
        let Some(active) = active else { return Self::default() };
        let named = |name: &String, title: String| (in_address(name), title);
        Self {
            source: active.sources.keys().next().map(|name| named(name, scene.source(name))),
            connection: active.connections.keys().next().map(|name| named(name, scene.connection(name))),
            rule: active
                .rules
                .values()
                .find(|rule| rule.enabled)
                .map(|rule| named(&rule.name, scene.rule(&rule.name))),
            booking: scene.counts.has_bookings,
        }
    }

    /// Whether there is something to do still.
    pub fn unfinished(&self) -> bool {
        self.source.is_none() || self.connection.is_none() || self.rule.is_none() || !self.booking
    }

    /// The step that is next, from 1: account, booking system, CRM, rule, first booking.
    fn now(&self) -> usize {
        match self {
            Self { source: None, .. } => 2,
            Self { connection: None, .. } => 3,
            Self { rule: None, .. } => 4,
            Self { .. } => 5,
        }
    }
}

/// `GET /begin`.
pub async fn begin_show(app: web::Data<App>, query: web::Query<Query>) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let page = read(&app, query.said.as_deref(), None).await?;
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

/// `POST /begin/rule`: a recipe becomes the first rule.
pub async fn begin_rule(
    app: web::Data<App>,
    viewer: Viewer,
    form: web::Form<RuleForm>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let recipe = RECIPES.iter().find(|recipe| recipe.name == form.recipe);
    let recipe = recipe.ok_or_else(|| PageError::unknown("recipe"))?;
    let active = app.active().ok_or_else(|| PageError::unknown("source"))?;
    if !active.sources.contains_key(&form.source) || !active.connections.contains_key(&form.connection) {
        return Err(PageError::unknown("source or connection"));
    }
    let numbered = (2..NAMES_MAX).map(|number| format!("{}-{number}", recipe.name));
    for name in std::iter::once(recipe.name.to_owned()).chain(numbered) {
        if app.open_file(&format!("{name}.yaml")).await?.is_some() {
            continue;
        }
        let draft = draft(recipe, &name, &form.source, &form.connection);
        let reason = format!("Begin with a recipe: {}", recipe.title);
        return match app.publish(vec![draft], viewer.actor(), reason.clone()).await {
            Ok(published) => {
                app.audit(&viewer.who(), "rule.published", &name, &reason).await;
                let said = if published.commit.is_some() { "committed" } else { "published" };
                // What came in before is not sent by itself: the next page says what there is, and offers it.
                if Scene::read(&app).await?.counts.has_bookings {
                    return Ok(go_to(&format!("/rules/{name}/apply?said={said}")));
                }
                Ok(go_to(&format!("/begin?said={said}")))
            }
            Err(error @ (PublishError::Broken(_) | PublishError::Changed(_))) => {
                let why = format!("It was not published: {error}. The page of the rules says more.");
                let mut refused = answer(&read(&app, None, Some(why)).await?)?;
                *refused.status_mut() = StatusCode::CONFLICT;
                Ok(refused)
            }
            Err(error) => Err(error.into()),
        };
    }
    Err(PageError::new(StatusCode::CONFLICT, "There are many of these already", "Make a rule under Rules."))
}

fn draft(recipe: &Recipe, name: &str, source: &str, connection: &str) -> Draft {
    Draft { file: format!("{name}.yaml"), text: recipe.adapted(source, connection), opened: None }
}

async fn read(app: &Arc<App>, said: Option<&str>, trouble: Option<String>) -> Result<BeginShow, PageError> {
    let scene = Scene::read(app).await?;
    let active = app.active();
    let steps = Steps::of(active.as_deref(), &scene);
    let mut page = BeginShow::of(&scene, steps, said);
    page.trouble = trouble;
    let Some(active) = active else { return Ok(page) };
    if page.now == 4 && page.frame.changes_rules() {
        page.offers = offers(app, &active, &scene).await;
    }
    let sources: Vec<String> = active.sources.keys().cloned().collect();
    if !sources.is_empty() {
        page.heard = app.store.last_webhooks(&sources).await?.iter().any(Option::is_some);
    }
    if page.now == 5 && page.steps.booking {
        let newest = BookingQuery { limit: 1, ..BookingQuery::default() };
        let newest = app.store.find_bookings(&newest).await?.bookings;
        page.first = newest.first().map(|(booking, standing)| First::of(booking, *standing));
    }
    Ok(page)
}

/// The recipes that are valid with what is there.
async fn offers(app: &Arc<App>, active: &Ruleset, scene: &Scene) -> Vec<Offer> {
    let mut offers = Vec::new();
    let Some((source, of)) = active.sources.iter().next() else { return offers };
    for recipe in RECIPES.iter().filter(|recipe| recipe.of == of.connector.name) {
        for connection in active.connections.keys().take(TRIED_MAX) {
            let draft = draft(recipe, &format!("{}-tried", recipe.name), source, connection);
            if app.check_drafts(&[draft]).await.is_ok_and(|checked| !checked.is_broken()) {
                offers.push(Offer {
                    recipe: recipe.name,
                    title: recipe.title,
                    source: source.clone(),
                    source_title: scene.source(source),
                    connection: connection.clone(),
                    connection_title: scene.connection(connection),
                });
            }
        }
    }
    offers
}

impl First {
    fn of(booking: &BookingView, standing: Standing) -> Self {
        Self {
            address: in_address(booking.id.as_str()),
            words: BookingWords::of(booking),
            mark: standings::mark(standing),
            sent: standing == Standing::Sent,
        }
    }
}

impl BeginShow {
    fn of(scene: &Scene, steps: Steps, said: Option<&str>) -> Self {
        Self {
            frame: Frame::new(Place::Nowhere, scene, said),
            now: steps.now(),
            steps,
            heard: false,
            offers: Vec::new(),
            first: None,
            trouble: None,
        }
    }
}

#[cfg(test)]
impl BeginShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, booking, hostile_booking, scene};
        let hostile = || Some((in_address(HOSTILE), HOSTILE.to_owned()));
        let mut chooses =
            Self::of(&scene(), Steps { source: hostile(), connection: hostile(), ..Steps::default() }, None);
        chooses.offers = vec![Offer {
            recipe: "guests-to-hubspot",
            title: "Guests",
            source: HOSTILE.into(),
            source_title: HOSTILE.into(),
            connection: HOSTILE.into(),
            connection_title: HOSTILE.into(),
        }];
        chooses.trouble = Some(HOSTILE.into());
        let all = Steps { source: hostile(), connection: hostile(), rule: hostile(), booking: false };
        let mut heard = Self::of(&scene(), all.clone(), Some("published"));
        heard.heard = true;
        let mut done = Self::of(&scene(), Steps { booking: true, ..all.clone() }, None);
        done.first = Some(First::of(&booking(), Standing::Sent));
        let mut waits = Self::of(&scene(), Steps { booking: true, ..all.clone() }, None);
        waits.first = Some(First::of(&hostile_booking(), Standing::NeedsYou));
        vec![
            Self::of(&Scene::default(), Steps::default(), None),
            Self::of(&scene(), Steps { source: hostile(), ..Steps::default() }, None),
            chooses,
            Self::of(&scene(), all, None),
            heard,
            waits,
            done,
        ]
    }
}
