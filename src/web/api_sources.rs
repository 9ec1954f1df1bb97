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
    /// Where bookings are fetched from the booking system: how that stands.
    fetching: Option<FetchingTold>,
}

/// How what is fetched stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fetching)]
pub(super) struct FetchingTold {
    /// Bookings that wait to be fetched.
    waiting: i64,
    /// When the oldest of them was heard of.
    #[schema(format = DateTime)]
    oldest_at: Option<String>,
    /// Bookings that go by what a webhook said, without being verified so far.
    unverified: i64,
    /// What is in the way, as a sentence.
    trouble: Option<String>,
    /// When the last one was fetched.
    #[schema(format = DateTime)]
    last_at: Option<String>,
    /// When the booking system last checked the address, where it does.
    #[schema(format = DateTime)]
    checked_at: Option<String>,
}

impl SourceTold {
    async fn of(app: &App, scene: &Scene, (name, last, rate): &SourceRate) -> Result<Self, ApiError> {
        let active = app.active();
        let source = active.as_ref().and_then(|active| active.sources.get(name));
        let fetching = match source {
            Some(source) => app.fetching(source).await?,
            None => None,
        };
        Ok(Self {
            fetching: fetching.map(|fetching| FetchingTold {
                waiting: fetching.waiting,
                oldest_at: fetching.oldest_at.map(rfc3339),
                unverified: fetching.unverified,
                trouble: fetching.trouble,
                last_at: fetching.last_at.map(rfc3339),
                checked_at: fetching.checked_at.map(rfc3339),
            }),
            name: name.clone(),
            title: scene.source(name),
            connector: source.map(|source| source.connector.name.clone()).unwrap_or_default(),
            account: source.and_then(|source| source.account.clone()),
            enabled: source.is_some_and(|source| source.enabled),
            last_webhook_at: last.map(rfc3339),
            last_day: rate.lately,
            usual_per_hour: rate.usual,
            silence: rate.silence.clone(),
        })
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
    let mut items = Vec::new();
    for one in &rates {
        items.push(SourceTold::of(&app, &scene, one).await?);
    }
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
    answered(&SourceTold::of(&app, &scene, found.ok_or_else(|| ApiError::not_found("source"))?).await?)
}
