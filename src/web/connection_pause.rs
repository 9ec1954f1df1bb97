//! `POST /connections/{name}/pause` and `…/resume`: a person stops and starts the calls to a connection.

use super::errors::PageError;
use super::page::{go_to, in_address};
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::App;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// What the button sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Form {
    /// `connection`: back to its page.
    then: Option<String>,
}

/// Pauses.
pub async fn connection_pause(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    set(&app, &viewer, &name, &form, true).await
}

/// Resumes.
pub async fn connection_resume(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    set(&app, &viewer, &name, &form, false).await
}

async fn set(
    app: &App,
    viewer: &Viewer,
    name: &str,
    form: &Form,
    pause: bool,
) -> Result<HttpResponse, PageError> {
    let known = Scene::read(app).await?.connection_names();
    if !known.iter().any(|known| known == name) {
        return Err(PageError::unknown("connection"));
    }
    app.pause(name, pause).await?;
    let act = if pause { "connection.paused" } else { "connection.resumed" };
    app.audit(&viewer.who(), act, name, "").await;
    let said = if pause { "paused" } else { "resumed" };
    let place = match form.then.as_deref() {
        Some("connection") => format!("/connections/{}", in_address(name)),
        _ => "/connections".to_owned(),
    };
    Ok(go_to(&format!("{place}?said={said}")))
}
