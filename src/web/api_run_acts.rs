//! `POST /api/v1/runs/{id}/retry`, `/cancel`, `/hold`, `/done`: what somebody does with one run. Each gives the run as it
//! stands then; where it can't be done as things stand, nothing is changed and the answer says how they stand.

use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::viewer::Viewer;
use crate::app::{App, DoneByHand};
use crate::domain::RunId;
use crate::told::{Names, Run};
use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

/// How a run is tried again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    /// Send it as it was then, also over something newer. Else a run that is older than what was last delivered ends as
    /// superseded.
    #[serde(default)]
    as_it_was: bool,
}

/// What somebody did by hand.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "note": "Made the contact myself", "remote_id": "1551" }))]
pub(super) struct Done {
    /// What was done, for those who look at it later.
    #[schema(min_length = 1)]
    note: String,
    /// Id of the record in the CRM: later changes of the booking go to that record.
    #[serde(default)]
    #[schema(max_length = 200)]
    remote_id: Option<String>,
}

/// Nothing is to be said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A step was marked as done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Marked {
    /// Id of the step.
    step: String,
    /// Whether steps are left, which go on now.
    goes_on: bool,
    /// Whether the id was kept as that of the record.
    linked: bool,
    /// The run as it stands now.
    run: Run,
}

/// Try a run again
///
/// One that failed, is held or was cancelled; one that waits is due at once. The steps that are done stay done; the others go
/// by the present rules.
#[utoipa::path(post, path = "/api/v1/runs/{id}/retry", tag = "runs", params(("id" = String, Path, description = "Its id.")),
    request_body(content = Retry, description = "May be left out."),
    responses((status = 200, description = "It is tried again.", body = Run)))]
pub(super) async fn retry_run(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(asked): Body<Retry>,
) -> Answer {
    let id = known(&app, id).await?;
    let taken = app.retry(std::slice::from_ref(&id), asked.as_it_was).await?;
    let which = "Only runs that failed, are held, were cancelled or wait can be tried again";
    told(&app, &viewer, &id, !taken.is_empty(), ("run.retried", which)).await
}

/// Cancel a run
///
/// It is not sent. A run in a call can't be cancelled. A cancelled one can be tried again.
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", params(("id" = String, Path, description = "Its id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "It is cancelled.", body = Run)))]
pub(super) async fn cancel_run(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let id = known(&app, id).await?;
    let taken = app.cancel(std::slice::from_ref(&id), viewer.name()).await?;
    let which = "Only runs that wait, are paused, failed or are held can be cancelled";
    told(&app, &viewer, &id, !taken.is_empty(), ("run.cancelled", which)).await
}

/// Hold a run
///
/// It is not sent until somebody tries it again.
#[utoipa::path(post, path = "/api/v1/runs/{id}/hold", tag = "runs", params(("id" = String, Path, description = "Its id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "It is held.", body = Run)))]
pub(super) async fn hold_run(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let id = known(&app, id).await?;
    let taken = app.hold(std::slice::from_ref(&id), viewer.name()).await?;
    let which = "Only runs that wait or are paused can be held";
    told(&app, &viewer, &id, !taken.is_empty(), ("run.held", which)).await
}

/// Mark the current step of a run as done by hand
///
/// The step is not sent. With the id of the record in the CRM, later changes of the booking go to that record.
#[utoipa::path(post, path = "/api/v1/runs/{id}/done", tag = "runs", params(("id" = String, Path, description = "Its id.")),
    request_body = Done,
    responses((status = 200, description = "It is marked.", body = Marked)))]
pub(super) async fn mark_run_done(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(asked): Body<Done>,
) -> Answer {
    let id = known(&app, id).await?;
    if asked.note.trim().is_empty() {
        return Err(ApiError::wrong_value("say in a few words what was done, as the note"));
    }
    let done = DoneByHand { who: viewer.name().to_owned(), note: asked.note, remote_id: asked.remote_id };
    let marked = app.mark_done(&id, done).await?;
    app.audit(&viewer.who(), "run.done-by-hand", id.as_str(), "").await;
    let run = now(&app, &id).await?;
    answered(&Marked { step: marked.step, goes_on: marked.goes_on, linked: marked.linked, run })
}

async fn known(app: &App, id: web::Path<String>) -> Result<RunId, ApiError> {
    let id = RunId::new(id.into_inner());
    app.store.run_with_context(&id).await?.ok_or_else(|| ApiError::not_found("run"))?;
    Ok(id)
}

async fn now(app: &App, id: &RunId) -> Result<Run, ApiError> {
    let due = app.store.run_with_context(id).await?.ok_or_else(|| ApiError::not_found("run"))?;
    Ok(Names::new(app).run(&due.run).await?)
}

async fn told(
    app: &App,
    viewer: &Viewer,
    id: &RunId,
    taken: bool,
    (act, which): (&'static str, &str),
) -> Answer {
    if taken {
        app.audit(&viewer.who(), act, id.as_str(), "").await;
    }
    let run = now(app, id).await?;
    if taken {
        return answered(&run);
    }
    let why = format!("{which}, and this one is {}", run.state);
    Err(ApiError::not_now(&why).details(json!({ "state": run.state })))
}
