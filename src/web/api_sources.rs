//! `GET /api/v1/sources` and `/api/v1/sources/{name}`: where webhooks come from, when the last one came, how many usually
//! come. Neither URLs nor their tokens are told.

use super::api_body::{Answer, answered};
use super::api_error::ApiError;
use super::api_paging::Page;
use super::scene::Scene;
use super::today::{SourceRate, rates};
use crate::app::App;
use crate::told::rfc3339;
use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

/// Where webhooks come from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Source)]
pub(super) struct SourceTold {
    /// Its name: that of its file.
    #[schema(example = "harbour-tours")]
    name: String,
    /// What people call it.
    #[schema(example = "Harbour Tours")]
    title: String,
    /// Its connector.
    #[schema(example = "fareharbor")]
    connector: String,
    /// The account that its bodies must be of, where its file names one.
    account: Option<String>,
    /// False: its webhooks are stored and lead to nothing.
    enabled: bool,
    /// When the last webhook came; null: none has come yet.
    #[schema(format = DateTime)]
    last_webhook_at: Option<String>,
    /// Webhooks of the last 24 hours.
    last_day: i64,
    /// Webhooks that usually come in this hour of the week, where enough weeks are known.
    usual_per_hour: Option<f64>,
    /// A sentence, where it is silent for longer than usual.
    silence: Option<String>,
}

impl SourceTold {
    fn of(app: &App, scene: &Scene, (name, last, rate): &SourceRate) -> Self {
        let active = app.active();
        let source = active.as_ref().and_then(|active| active.sources.get(name));
        Self {
            name: name.clone(),
            title: scene.source(name),
            connector: source.map(|source| source.connector.name.clone()).unwrap_or_default(),
            account: source.and_then(|source| source.account.clone()),
            enabled: source.is_some_and(|source| source.enabled),
            last_webhook_at: last.map(rfc3339),
            last_day: rate.lately,
            usual_per_hour: rate.usual,
            silence: rate.silence.clone(),
        }
    }
}

/// All sources
///
/// There is one page.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources",
    responses((status = 200, description = "The sources, by name.", body = Page<SourceTold>)))]
pub(super) async fn list_sources(app: web::Data<App>) -> Answer {
    let scene = Scene::read(&app).await?;
    let rates = rates(&app, &scene).await?;
    let items: Vec<_> = rates.iter().map(|one| SourceTold::of(&app, &scene, one)).collect();
    answered(&Page { items, next: None })
}

/// One source
#[utoipa::path(get, path = "/api/v1/sources/{name}", tag = "sources",
    params(("name" = String, Path, description = "Its name.", example = "harbour-tours")),
    responses((status = 200, description = "The source.", body = SourceTold)))]
pub(super) async fn get_source(app: web::Data<App>, name: web::Path<String>) -> Answer {
    let scene = Scene::read(&app).await?;
    let rates = rates(&app, &scene).await?;
    let found = rates.iter().find(|(known, ..)| known == name.as_str());
    answered(&SourceTold::of(&app, &scene, found.ok_or_else(|| ApiError::not_found("source"))?))
}
