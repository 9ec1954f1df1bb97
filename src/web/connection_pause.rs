//! `POST /connections/{name}/pause` and `…/resume`: a person stops and starts the calls to a connection.

use super::errors::PageError;
use super::page::go_to;
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::App;
use actix_web::{HttpResponse, web};

/// Pauses.
pub async fn connection_pause(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    set(&app, &viewer, &name, true).await
}

/// Resumes.
pub async fn connection_resume(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    set(&app, &viewer, &name, false).await
}

async fn set(app: &App, viewer: &Viewer, name: &str, pause: bool) -> Result<HttpResponse, PageError> {
    let known = Scene::read(app).await?.connection_names();
    if !known.iter().any(|known| known == name) {
        return Err(PageError::unknown("connection"));
    }
    app.pause(name, pause).await?;
    let act = if pause { "connection.paused" } else { "connection.resumed" };
    app.audit(&viewer.who(), act, name, "").await;
    Ok(go_to(if pause { "/connections?said=paused" } else { "/connections?said=resumed" }))
}
