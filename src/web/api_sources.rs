//! `GET /api/v1/sources` and `/api/v1/sources/{name}`: where webhooks come from, when the last one came, how many usually
//! come, whether one is silent; and `POST …/doctor`, which looks it over. Neither URLs nor their tokens are told.

use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::api_paging::Page;
use super::api_run_acts::Nothing;
use super::certificate_told::{self, CertificateInApi};
use super::rates::Rate;
use super::scene::Scene;
use super::today::rates;
use super::viewer::Viewer;
use crate::app::{App, Health};
use crate::connectors::{SignInWay, Source};
use crate::domain::{Millis, Stretch};
use crate::ports::RefusedWebhooks;
use crate::told::{Finding, rfc3339};
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
    /// Since its last webhook, where it is silent for longer than usual.
    #[schema(format = DateTime)]
    silent_since: Option<String>,
    /// Webhooks that usually come in such a time, where it is silent.
    missed: Option<i64>,
    /// What may be the matter, where it is silent. The certificate is among it only where it was seen to be.
    causes: Vec<String>,
    /// What was seen of the certificate of its address; null: there is none that is looked at (no `--hooks-url`, or one
    /// without TLS), or it has not been looked at yet.
    certificate: Option<CertificateInApi>,
    /// What a webhook shows to be let in; all of it is asked for.
    sign_in: Vec<SignInTold>,
    /// A sentence, where webhooks of the last 24 hours were answered with something else than 200; booking systems may
    /// deactivate a webhook for that.
    refused: Option<String>,
    /// The same, status by status.
    refused_by_status: Vec<RefusedTold>,
    /// When Waypost was not running, within the last week.
    not_running: Vec<NotRunning>,
}

/// One thing that a webhook shows to be let in. Secrets are never told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignInWay)]
pub(super) struct SignInTold {
    /// `address`: the secret in the address. `header`, `basic`, `signature`, `jwt` (in the address), `ips`.
    #[schema(example = "address")]
    way: &'static str,
    /// The same for people.
    #[schema(example = "the secret in its address")]
    text: String,
}

/// Webhooks of the last 24 hours that were answered with one status.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefusedTold {
    /// HTTP status.
    #[schema(example = 503)]
    status: u16,
    /// How many.
    webhooks: i64,
    /// When the last of them was answered.
    #[schema(format = DateTime)]
    last_at: String,
}

/// A time in which Waypost was not running.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotRunning {
    /// Its beginning.
    #[schema(format = DateTime)]
    from: String,
    /// Its end.
    #[schema(format = DateTime)]
    to: String,
    /// Webhooks that usually come in such a time, where enough weeks are known.
    usual: Option<f64>,
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
    async fn of(app: &App, rate: &Rate, (last, now): (Option<Millis>, Millis)) -> Result<Self, ApiError> {
        let active = app.active();
        let source = active.as_ref().and_then(|active| active.sources.get(&rate.name));
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
            name: rate.name.clone(),
            title: rate.title.clone(),
            connector: source.map(|source| source.connector.name.clone()).unwrap_or_default(),
            account: source.and_then(|source| source.account.clone()),
            enabled: source.is_some_and(|source| source.enabled),
            last_webhook_at: rate.last.map(rfc3339),
            last_day: rate.lately,
            usual_per_hour: rate.usual,
            silence: rate.silence.as_ref().map(|silence| silence.sentence.clone()),
            silent_since: rate.silence.as_ref().map(|silence| rfc3339(silence.since)),
            missed: rate.silence.as_ref().map(|silence| silence.missed),
            causes: rate.silence.as_ref().map(|silence| silence.causes.clone()).unwrap_or_default(),
            certificate: certificate_told::in_api(&app.certificate(), last, now),
            sign_in: source.map(|source| SignInTold::all(source)).unwrap_or_default(),
            refused: rate.refused.clone(),
            refused_by_status: rate.pulse.refused.iter().map(RefusedTold::of).collect(),
            not_running: rate.pulse.downs.iter().map(NotRunning::of).collect(),
        })
    }
}

impl SignInTold {
    fn all(source: &Source) -> Vec<Self> {
        let ways = source.sign_in.ways.iter().map(SignInWay::word);
        ways.zip(source.sign_in.told()).map(|(way, text)| Self { way, text }).collect()
    }
}

/// When the last webhook of any source came.
fn last_of(rates: &[Rate]) -> Option<Millis> {
    rates.iter().filter_map(|rate| rate.last).max()
}

impl RefusedTold {
    fn of(refused: &RefusedWebhooks) -> Self {
        Self { status: refused.status, webhooks: refused.answers, last_at: rfc3339(refused.last_at) }
    }
}

impl NotRunning {
    fn of((down, usual): &(Stretch, Option<f64>)) -> Self {
        Self { from: rfc3339(down.from), to: rfc3339(down.to), usual: *usual }
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
        items.push(SourceTold::of(&app, one, (last_of(&rates), scene.now)).await?);
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
    let found = rates.iter().find(|rate| rate.name == name.as_str());
    let found = found.ok_or_else(|| ApiError::not_found("source"))?;
    answered(&SourceTold::of(&app, found, (last_of(&rates), scene.now)).await?)
}

/// What a look over a source found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceFindings)]
pub(super) struct FindingsTold {
    /// Nothing of it is amiss.
    well: bool,
    /// What was looked at, in the order in which it was.
    findings: Vec<Finding>,
}

/// Look a source over
///
/// Looks at its address and the certificate of that as they are seen from this machine, and says when the last webhook came
/// and whether that is as usual, what was refused, when Waypost was not running, and whether the truth can be known at all.
/// Nothing is changed.
#[utoipa::path(post, path = "/api/v1/sources/{name}/doctor", tag = "sources",
    params(("name" = String, Path, description = "Its name.", example = "harbour-tours")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "What was found.", body = FindingsTold)))]
pub(super) async fn look_over_source(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let found = app.look_over(&name).await?;
    app.audit(&viewer.who(), "source.looked-over", &name, "").await;
    answered(&FindingsTold {
        well: found.iter().all(|one| one.health != Health::Amiss),
        findings: found.iter().map(Finding::of).collect(),
    })
}
