//! What the buttons of a source's page do: a look over it, its settings, another address, the end of the old one, taking it away.

use super::access::Access;
use super::connect_form::refusal;
use super::connection_change::RemoveForm;
use super::errors::PageError;
use super::page::{go_to, in_address};
use super::source_show::{Just, SourceShow};
use super::viewer::Viewer;
use crate::app::{App, ConnectError, PartKind, RotateError};
use crate::connectors::FormValues;
use crate::rules::Ruleset;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use std::sync::Arc;

/// So long an old address may be taken; the form has these.
const OVERLAPS: [i64; 5] = [0, 1, 24, 72, 168];

/// What the form for another address sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RotateForm {
    #[serde(default)]
    hours: String,
}

/// What the button sends that fetches what may be missing.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FillForm {
    #[serde(default)]
    since: String,
}

/// `POST /sources/{name}`.
pub async fn source_change(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<FormValues>,
) -> Result<HttpResponse, PageError> {
    let (app, values) = (app.into_inner(), form.into_inner());
    let opened = values.get("opened").cloned().unwrap_or_default();
    match app.change_part((PartKind::Source, &name), &values, &opened, viewer.actor()).await {
        Ok(published) if published.nothing_new => Ok(to(&name, "same")),
        Ok(_) => {
            app.audit(&viewer.who(), "source.changed", &name, "").await;
            Ok(to(&name, "changed"))
        }
        Err(error) => refused(&app, &access, &name, error, Some(values)).await,
    }
}

/// `POST /sources/{name}/look`.
pub async fn source_look(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    name: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let findings = app.look_over(&name).await?;
    app.audit(&viewer.who(), "source.looked-over", &name, "").await;
    SourceShow::read(&app, &access, &name, Just { findings, ..Just::default() }).await?.answer()
}

/// `POST /sources/{name}/fill`.
pub async fn source_fill(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<FillForm>,
) -> Result<HttpResponse, PageError> {
    let since = form.since.parse().map_err(|_| PageError::unreadable_form("no such time"))?;
    let row = app.fill_gap(&name, since, viewer.name()).await?;
    let days = format!("{} to {}", row.asked.from_day, row.asked.to_day);
    app.audit(&viewer.who(), "source.filled", &name, &days).await;
    Ok(to(&name, "filling"))
}

/// `POST /sources/{name}/address`.
pub async fn source_rotate(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<RotateForm>,
) -> Result<HttpResponse, PageError> {
    let active = known(&app, &name)?;
    let source = active.sources.get(name.as_str()).ok_or_else(|| PageError::unknown("source"))?;
    let hours = form.hours.parse().ok().filter(|hours| OVERLAPS.contains(hours));
    let hours = hours.ok_or_else(|| PageError::unreadable_form("no such time"))?;
    app.rotate_token(source, hours).await?;
    app.audit(&viewer.who(), "source.address", &name, &format!("the old one is taken for {hours} h")).await;
    Ok(to(&name, if hours == 0 { "rotated-at-once" } else { "rotated" }))
}

/// `POST /sources/{name}/old-address/end`.
pub async fn source_end_old(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let active = known(&app, &name)?;
    let source = active.sources.get(name.as_str()).ok_or_else(|| PageError::unknown("source"))?;
    if app.end_old_address(source).await? {
        app.audit(&viewer.who(), "source.old-address", &name, "").await;
    }
    Ok(to(&name, "old-ended"))
}

/// What the form for a secret sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    way: String,
    #[serde(default)]
    value: String,
}

/// `POST /sources/{name}/sign-in`.
pub async fn source_sign_in(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<SignInForm>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    match app.set_sign_in((&name, &form.way), &form.value, viewer.actor()).await {
        Ok(()) => {
            app.audit(&viewer.who(), "source.sign-in", &name, &form.way).await;
            Ok(to(&name, "signs-in"))
        }
        Err(error) => {
            let just = Just { way: form.way.clone(), ..Just::default() };
            refused_with(&app, &access, &name, error, just).await
        }
    }
}

/// `POST /sources/{name}/keys`: the keys of the booking system's API.
pub async fn source_keys(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<FormValues>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    match app.set_source_keys(&name, &form, viewer.actor()).await {
        Ok(()) => {
            app.audit(&viewer.who(), "source.keys", &name, "").await;
            Ok(to(&name, "keys"))
        }
        Err(error) => refused_with(&app, &access, &name, error, Just::default()).await,
    }
}

/// `POST /sources/{name}/remove`.
pub async fn source_remove(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<RemoveForm>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    match app.disconnect(PartKind::Source, &name, &form.opened, viewer.actor()).await {
        Ok(_) => {
            app.audit(&viewer.who(), "source.removed", &name, "").await;
            Ok(go_to("/sources?said=taken-away"))
        }
        Err(error) => refused(&app, &access, &name, error, None).await,
    }
}

fn known(app: &App, name: &str) -> Result<Arc<Ruleset>, PageError> {
    let active = app.active().filter(|active| active.sources.contains_key(name));
    active.ok_or_else(|| PageError::unknown("source"))
}

fn to(name: &str, said: &str) -> HttpResponse {
    go_to(&format!("/sources/{}?said={said}", in_address(name)))
}

/// The page again, saying why not.
async fn refused(
    app: &App,
    access: &Access,
    name: &str,
    error: ConnectError,
    values: Option<FormValues>,
) -> Result<HttpResponse, PageError> {
    refused_with(app, access, name, error, Just { values, ..Just::default() }).await
}

async fn refused_with(
    app: &App,
    access: &Access,
    name: &str,
    error: ConnectError,
    mut just: Just,
) -> Result<HttpResponse, PageError> {
    refusal(error, &format!("sources/{name}.yaml"))?.show(&mut just.errors, &mut just.changed);
    let changed = just.changed.is_some();
    let mut answer = SourceShow::read(app, access, name, just).await?.answer()?;
    if changed {
        *answer.status_mut() = StatusCode::CONFLICT;
    }
    Ok(answer)
}

impl From<RotateError> for PageError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Store(error) => error.into(),
            other => Self::new(
                StatusCode::CONFLICT,
                "The address was not changed",
                format!("{} Nothing was changed.", super::errors::capital(&other.to_string())),
            ),
        }
    }
}
