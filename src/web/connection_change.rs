//! What the buttons of a connection's page do: its settings, a test, another key, taking it away.

use super::connect_form::{Refusal, refusal};
use super::connection_show::{ConnectionShow, Just};
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{go_to, in_address};
use super::viewer::Viewer;
use crate::app::{App, PartKind};
use crate::connectors::FormValues;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// What the test's button sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TestForm {
    make: Option<String>,
}

/// What the form of a key sends.
#[derive(Deserialize)]
pub struct SecretForm {
    #[serde(default)]
    secret: String,
    #[serde(default)]
    value: String,
}

/// What the button sends that takes it away.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RemoveForm {
    #[serde(default)]
    pub opened: String,
}

/// `POST /connections/{name}`.
pub async fn connection_change(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<FormValues>,
) -> Result<HttpResponse, PageError> {
    let (app, values) = (app.into_inner(), form.into_inner());
    let opened = values.get("opened").cloned().unwrap_or_default();
    match app.change_part((PartKind::Connection, &name), &values, &opened, viewer.actor()).await {
        Ok(published) if published.nothing_new => Ok(to(&name, "same")),
        Ok(_) => {
            app.audit(&viewer.who(), "connection.changed", &name, "").await;
            Ok(to(&name, "changed"))
        }
        Err(error) => {
            let mut just = Just { values: Some(values), ..Just::default() };
            refusal(error, &format!("connections/{name}.yaml"))?.show(&mut just.errors, &mut just.changed);
            refused(&app, &name, just).await
        }
    }
}

/// `POST /connections/{name}/test`.
pub async fn connection_test(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<TestForm>,
) -> Result<HttpResponse, PageError> {
    let findings = app.try_out(&name, form.make.is_some()).await?;
    let details = if form.make.is_some() { "and made what was missing" } else { "" };
    app.audit(&viewer.who(), "connection.tested", &name, details).await;
    ConnectionShow::read(&app, &name, Just { findings, ..Just::default() }).await?.answer()
}

/// `POST /connections/{name}/secret`.
pub async fn connection_secret(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<SecretForm>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    match app.replace_secret(&name, &form.secret, &form.value, viewer.actor()).await {
        Ok(()) => {
            app.audit(&viewer.who(), "connection.secret", &name, "").await;
            Ok(to(&name, "key"))
        }
        Err(error) => {
            let errors = match refusal(error, &format!("connections/{name}.yaml"))? {
                // Its fields have other names on that page.
                Refusal::Errors(errors) => {
                    FormErrors::at("key", errors.all().first().map_or("", |(_, sentence)| sentence))
                }
                Refusal::Changed(..) => FormErrors::at(
                    "key",
                    "Somebody changed the file meanwhile. Look at it, and send the key again.",
                ),
            };
            refused(&app, &name, Just { errors, ..Just::default() }).await
        }
    }
}

/// `POST /connections/{name}/remove`.
pub async fn connection_remove(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<RemoveForm>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    match app.disconnect(PartKind::Connection, &name, &form.opened, viewer.actor()).await {
        Ok(_) => {
            app.audit(&viewer.who(), "connection.removed", &name, "").await;
            Ok(go_to("/connections?said=taken-away"))
        }
        Err(error) => {
            let mut just = Just::default();
            refusal(error, &format!("connections/{name}.yaml"))?.show(&mut just.errors, &mut just.changed);
            refused(&app, &name, just).await
        }
    }
}

fn to(name: &str, said: &str) -> HttpResponse {
    go_to(&format!("/connections/{}?said={said}", in_address(name)))
}

/// The page again, saying why not.
async fn refused(app: &App, name: &str, just: Just) -> Result<HttpResponse, PageError> {
    let changed = just.changed.is_some();
    let mut answer = ConnectionShow::read(app, name, just).await?.answer()?;
    if changed {
        *answer.status_mut() = actix_web::http::StatusCode::CONFLICT;
    }
    Ok(answer)
}
