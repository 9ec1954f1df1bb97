//! `POST /runs/{id}/cancel`, `…/hold` and `…/done`: what a person does with one run besides trying it again. Each leads back
//! to the run's page.

use super::errors::PageError;
use super::page::{go_to, in_address};
use super::viewer::Viewer;
use crate::app::{App, DoneByHand};
use crate::domain::RunId;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// What the form of `done` sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct DoneForm {
    note: Option<String>,
    remote_id: Option<String>,
}

/// Cancels it.
pub async fn run_cancel(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let id = known(&app, id).await?;
    let taken = app.cancel(std::slice::from_ref(&id), viewer.name()).await?;
    if !taken.is_empty() {
        app.audit(&viewer.who(), "run.cancelled", id.as_str(), "").await;
    }
    Ok(back(&id, if taken.is_empty() { "not-cancelled" } else { "cancelled" }))
}

/// Holds it.
pub async fn run_hold(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let id = known(&app, id).await?;
    let taken = app.hold(std::slice::from_ref(&id), viewer.name()).await?;
    if !taken.is_empty() {
        app.audit(&viewer.who(), "run.held", id.as_str(), "").await;
    }
    Ok(back(&id, if taken.is_empty() { "not-held" } else { "held" }))
}

/// Marks its current step as done.
pub async fn run_done(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    form: web::Form<DoneForm>,
) -> Result<HttpResponse, PageError> {
    let id = RunId::new(id.into_inner());
    let DoneForm { note, remote_id } = form.into_inner();
    let told = DoneByHand { who: viewer.name().to_owned(), note: note.unwrap_or_default(), remote_id };
    app.mark_done(&id, told).await?;
    app.audit(&viewer.who(), "run.done-by-hand", id.as_str(), "").await;
    Ok(back(&id, "marked"))
}

async fn known(app: &App, id: web::Path<String>) -> Result<RunId, PageError> {
    let id = RunId::new(id.into_inner());
    app.store.run_with_context(&id).await?.ok_or_else(|| PageError::unknown("run"))?;
    Ok(id)
}

fn back(id: &RunId, said: &str) -> HttpResponse {
    go_to(&format!("/runs/{}?said={said}", in_address(id.as_str())))
}
