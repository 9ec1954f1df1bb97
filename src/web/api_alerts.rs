//! `/api/v1/alerts`: when alerts are sent, and what was told. Channels are in `api_alert_channels`.

use super::alerts_show::is_zone;
use super::api_body::{Answer, Body, Params, answered};
use super::api_error::ApiError;
use super::api_paging::{Page, limit};
use super::viewer::Viewer;
use super::zone;
use crate::app::App;
use crate::domain::AlertOptions;
use crate::ports::{Outage, StoreError};
use crate::told::rfc3339;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// When alerts are sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertOptions)]
pub(super) struct OptionsTold {
    /// An outage is told when it has lasted for so many minutes.
    delay_minutes: i64,
    /// While it lasts it is told again after so many hours each; 0: never.
    remind_hours: i64,
    /// The zone that letters have their times in.
    #[schema(example = "Europe/Dublin")]
    zone: String,
    /// False: nobody has chosen yet, and these are the ones that Waypost begins with.
    chosen: bool,
}

/// When alerts are to be sent. What is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOptions {
    /// 0, 2, 5, 15 or 30.
    #[schema(example = 5)]
    delay_minutes: Option<i64>,
    /// 0 (never), 4, 12 or 24.
    #[schema(example = 4)]
    remind_hours: Option<i64>,
    /// IANA name of a zone.
    #[schema(example = "Europe/Dublin", max_length = 64)]
    zone: Option<String>,
}

/// Something that is or was wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Outage)]
pub(super) struct OutageTold {
    /// Its id: `out_…`.
    id: String,
    /// What it is about: `connection`, `needs-you`, `silence`, `disk`, `certificate`.
    #[schema(example = "connection")]
    about: &'static str,
    /// The connection, the source, the group of what needs somebody; empty where there is only one.
    object: String,
    /// What is or was wrong, in one line.
    headline: String,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// Until when; null: it lasts.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// When it was told; null: not yet, since it has not lasted long enough.
    #[schema(format = DateTime)]
    told_at: Option<String>,
    /// Reminders that were sent.
    reminders: i64,
}

/// How many outages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OutagesAsked {
    /// So many at most, from 1 to 200; 50 where it is left out.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

impl OutageTold {
    fn of(outage: Outage) -> Self {
        Self {
            id: outage.id,
            about: outage.kind.as_str(),
            object: outage.object,
            headline: outage.headline,
            since: rfc3339(outage.opened_at),
            until: outage.closed_at.map(rfc3339),
            told_at: outage.told_at.map(rfc3339),
            reminders: outage.reminders,
        }
    }
}

async fn options(app: &App) -> Result<(AlertOptions, bool), StoreError> {
    Ok(match app.alert_options().await? {
        Some(options) => (options, true),
        None => (AlertOptions { zone: zone::name(), ..AlertOptions::default() }, false),
    })
}

async fn told(app: &App) -> Answer {
    let (options, chosen) = options(app).await?;
    answered(&OptionsTold {
        delay_minutes: options.delay_minutes,
        remind_hours: options.remind_hours,
        zone: options.zone,
        chosen,
    })
}

/// When alerts are sent
#[utoipa::path(get, path = "/api/v1/alerts/options", tag = "alerts",
    responses((status = 200, description = "The options.", body = OptionsTold)))]
pub(super) async fn get_alert_options(app: web::Data<App>) -> Answer {
    told(&app).await
}

/// Say when alerts are sent
///
/// What is left out stays as it is.
#[utoipa::path(post, path = "/api/v1/alerts/options", tag = "alerts",
    request_body(content = NewOptions, description = "May be left out."),
    responses((status = 200, description = "The options as they are now.", body = OptionsTold)))]
pub(super) async fn set_alert_options(
    app: web::Data<App>,
    viewer: Viewer,
    Body(asked): Body<NewOptions>,
) -> Answer {
    let (before, _) = options(&app).await?;
    let one_of = |what: &str, asked: i64, known: &[i64]| {
        if known.contains(&asked) {
            return Ok(asked);
        }
        let known: Vec<String> = known.iter().map(i64::to_string).collect();
        Err(ApiError::wrong_value(&format!("{what} is one of {}", known.join(", "))))
    };
    let options = AlertOptions {
        delay_minutes: match asked.delay_minutes {
            Some(minutes) => one_of("delay_minutes", minutes, &AlertOptions::DELAYS)?,
            None => before.delay_minutes,
        },
        remind_hours: match asked.remind_hours {
            Some(hours) => one_of("remind_hours", hours, &AlertOptions::REMINDERS)?,
            None => before.remind_hours,
        },
        zone: match asked.zone {
            Some(zone) if !is_zone(&zone) => {
                let why = "there is no such time zone; they are called as in Europe/Dublin";
                return Err(ApiError::wrong_value(why));
            }
            zone => zone.unwrap_or(before.zone),
        },
    };
    app.set_alert_options(&viewer.who(), &options).await?;
    told(&app).await
}

/// What is and was wrong
///
/// The last first. Those that were over before anybody was told are left out. There is one page.
#[utoipa::path(get, path = "/api/v1/alerts/outages", tag = "alerts", params(OutagesAsked),
    responses((status = 200, description = "The outages.", body = Page<OutageTold>)))]
pub(super) async fn list_outages(app: web::Data<App>, Params(asked): Params<OutagesAsked>) -> Answer {
    let outages = app.store.alerts().told_outages(limit(asked.limit)?).await?;
    answered(&Page { items: outages.into_iter().map(OutageTold::of).collect(), next: None })
}
