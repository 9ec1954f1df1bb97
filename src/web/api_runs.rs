//! `GET /api/v1/runs` and `/api/v1/runs/{id}`: what the rules did, by state, cause, rule, connection, booking or event; and
//! one run with why each field has its value, and each call.

use super::api_body::{Answer, Params, answered, moment, word};
use super::api_error::ApiError;
use super::api_paging::{Page, cursor, limit, number};
use crate::app::App;
use crate::domain::{RunId, RunState, is_cause_key};
use crate::ports::ListFilter;
use crate::told::{Names, Run, RunExplained};
use actix_web::web;
use serde::Deserialize;
use utoipa::IntoParams;

const LIST: &str = "runs";

/// Which runs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsAsked {
    /// In this state.
    #[param(inline, value_type = Option<RunState>)]
    state: Option<String>,
    /// That need somebody for this reason: the key of a cause.
    #[param(example = "1f3a86c0d2e94b5577aa", pattern = "^[0-9a-f]{20}$")]
    cause: Option<String>,
    /// Of this rule.
    rule: Option<String>,
    /// At this connection now, or last.
    connection: Option<String>,
    /// About a change that came in by this source.
    source: Option<String>,
    /// About this booking: its id here, or its key at the source.
    booking: Option<String>,
    /// That this event led to.
    event: Option<String>,
    /// Planned at or after this time (RFC 3339).
    #[param(format = DateTime)]
    since: Option<String>,
    /// Behind the last one of the page before: what that gave as `next`.
    #[param(min_length = 1, max_length = 200)]
    after: Option<String>,
    /// At most so many: 1 to 200, else 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// The runs, newest first
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(RunsAsked),
    responses((status = 200, description = "A page of runs.", body = Page<Run>)))]
pub(super) async fn list_runs(app: web::Data<App>, Params(asked): Params<RunsAsked>) -> Answer {
    let limit = limit(asked.limit)?;
    if asked.cause.as_deref().is_some_and(|key| !is_cause_key(key)) {
        return Err(ApiError::wrong_parameter("cause is the key of one, of 20 signs"));
    }
    let filter = ListFilter {
        state: word("state", asked.state, &RunState::ALL.map(RunState::as_str))?,
        cause: asked.cause,
        rule: asked.rule,
        connection: asked.connection,
        source: asked.source,
        booking: asked.booking,
        event: asked.event,
        came_in: false,
        since: moment("since", asked.since.as_deref())?,
        before: number(LIST, asked.after.as_deref())?,
        limit,
    };
    let found = app.store.list_runs(&filter).await?;
    let last = found.last().filter(|_| found.len() as i64 >= limit);
    let next = last.map(|run| cursor(LIST, &run.seq.to_string()));
    let mut names = Names::new(&app);
    let mut items = Vec::with_capacity(found.len());
    for run in &found {
        items.push(names.run(run).await?);
    }
    answered(&Page { items, next })
}

/// One run, explained
///
/// With why each field has its value (the line of the rule, the paths that it read), why nothing was sent where nothing was,
/// and each call with what came back. Secrets are masked.
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs",
    params(("id" = String, Path, description = "Its id.", example = "run_01m827nrzq3v6k1d2h8x7w5t9c")),
    responses((status = 200, description = "The run.", body = RunExplained)))]
pub(super) async fn get_run(app: web::Data<App>, id: web::Path<String>) -> Answer {
    let explained = app.explain_run(&RunId::new(id.into_inner())).await?;
    answered(&RunExplained::of(&explained))
}
