//! `GET /api/v1/connections`, `/api/v1/connections/{name}`, and `POST …/pause`, `…/resume`: where things are sent, whether
//! each takes calls, what waits for it.

use super::answer_times::{self, AnswerTimes};
use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::api_paging::Page;
use super::api_run_acts::Nothing;
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::App;
use crate::told::{connection_word, rfc3339};
use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

/// Where things are sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
pub(super) struct ConnectionTold {
    /// Its name: that of its file.
    #[schema(example = "hubspot")]
    name: String,
    /// What people call it.
    #[schema(example = "Our HubSpot")]
    title: String,
    /// Its connector; null where its file is gone.
    #[schema(example = "hubspot")]
    connector: Option<String>,
    /// Whether its file is among the rules at work.
    in_rules: bool,
    /// Whether it takes calls: `takes_calls`, `failing`, `rests`, `does_not_answer`, `paused`, `needs_auth`.
    #[schema(example = "takes_calls")]
    state: &'static str,
    /// Why, where it says.
    why: Option<String>,
    /// Since when it takes no calls.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// When it is tried next, or rests until.
    #[schema(format = DateTime)]
    next_at: Option<String>,
    /// The median of how long its newest answers took, 25 of them at most; null: it was not called lately.
    #[schema(example = 180)]
    answers_in_ms: Option<i64>,
    /// How many answers that goes by.
    answers_counted: usize,
    /// Runs on their way to it.
    under_way: i64,
    /// When the oldest of them that waits was planned.
    #[schema(format = DateTime)]
    oldest_at: Option<String>,
    /// Runs of it that need somebody.
    needs_you: i64,
    /// Runs of it that are done.
    done: i64,
    /// Calls a second at most.
    calls_per_second: Option<f64>,
    /// Calls at a time at most.
    calls_at_once: Option<u32>,
}

impl ConnectionTold {
    fn of(app: &App, scene: &Scene, times: &AnswerTimes, name: &str) -> Self {
        let state = scene.connections.get(name).cloned().unwrap_or_default();
        let (word, since, next_at) = connection_word(&state, scene.now);
        let active = app.active();
        let known = active.as_ref().and_then(|active| active.connections.get(name));
        let oldest = scene.counts.oldest_waiting.iter().find(|(of, _)| of == name);
        Self {
            name: name.to_owned(),
            title: scene.connection(name),
            connector: known.map(|known| known.connector.name.clone()),
            in_rules: known.is_some(),
            state: word,
            why: state.needs_auth,
            since: since.map(rfc3339),
            next_at: next_at.map(rfc3339),
            answers_in_ms: times.get(name).map(|time| time.median_ms),
            answers_counted: times.get(name).map_or(0, |time| time.calls),
            under_way: scene.under_way(Some(name)),
            oldest_at: oldest.map(|(_, at)| rfc3339(*at)),
            needs_you: scene.runs(&["failed", "held"], Some(name)),
            done: scene.runs(&["done"], Some(name)),
            calls_per_second: known.and_then(|known| known.limits.per_second),
            calls_at_once: known.and_then(|known| known.limits.concurrency),
        }
    }
}

/// All connections
///
/// Those of the rules, and those that are gone from them and that runs still go to. There is one page.
#[utoipa::path(get, path = "/api/v1/connections", tag = "connections",
    responses((status = 200, description = "The connections, by name.", body = Page<ConnectionTold>)))]
pub(super) async fn list_connections(app: web::Data<App>) -> Answer {
    let scene = Scene::read(&app).await?;
    let times = answer_times::read(&app).await?;
    let told = |name: &String| ConnectionTold::of(&app, &scene, &times, name);
    let items: Vec<_> = scene.connection_names().iter().map(told).collect();
    answered(&Page { items, next: None })
}

/// One connection
#[utoipa::path(get, path = "/api/v1/connections/{name}", tag = "connections",
    params(("name" = String, Path, description = "Its name.", example = "hubspot")),
    responses((status = 200, description = "The connection.", body = ConnectionTold)))]
pub(super) async fn get_connection(app: web::Data<App>, name: web::Path<String>) -> Answer {
    let scene = known(&app, &name).await?;
    answered(&ConnectionTold::of(&app, &scene, &answer_times::read(&app).await?, &name))
}

/// Pause a connection
///
/// It is called no more; its runs wait, and nothing is lost. One that is paused stays so.
#[utoipa::path(post, path = "/api/v1/connections/{name}/pause", tag = "connections",
    params(("name" = String, Path, description = "Its name.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "It is paused.", body = ConnectionTold)))]
pub(super) async fn pause_connection(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    set(&app, &viewer, &name, true).await
}

/// Resume a connection
///
/// Its runs become due. Also where it needs a credential: that is tried anew.
#[utoipa::path(post, path = "/api/v1/connections/{name}/resume", tag = "connections",
    params(("name" = String, Path, description = "Its name.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "It goes on.", body = ConnectionTold)))]
pub(super) async fn resume_connection(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    set(&app, &viewer, &name, false).await
}

async fn known(app: &App, name: &str) -> Result<Scene, ApiError> {
    let scene = Scene::read(app).await?;
    let known = scene.connection_names().iter().any(|known| known == name);
    if known { Ok(scene) } else { Err(ApiError::not_found("connection")) }
}

async fn set(app: &App, viewer: &Viewer, name: &str, pause: bool) -> Answer {
    known(app, name).await?;
    app.pause(name, pause).await?;
    let act = if pause { "connection.paused" } else { "connection.resumed" };
    app.audit(&viewer.who(), act, name, "").await;
    answered(&ConnectionTold::of(app, &Scene::read(app).await?, &answer_times::read(app).await?, name))
}
