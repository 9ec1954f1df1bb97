//! `/api/v1/retention` and `/api/v1/masking`: how long things are kept, what that would remove, how far it is; and whether
//! viewers see guests masked.

#![expect(clippy::option_option, reason = "a field left out, null and a number say three different things")]

use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::viewer::Viewer;
use crate::app::{App, DAYS_MAX, Retention, RetentionPlan};
use actix_web::web;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// How long things are kept, and how far removing is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Retention)]
pub(super) struct RetentionTold {
    /// Days that bodies of webhooks and former versions of bookings are kept; null: for ever.
    bodies_days: Option<u32>,
    /// Days that requests and answers of calls are kept; null: for ever.
    exchanges_days: Option<u32>,
    /// Days after its tour that the guests' data of a booking are kept; null: for ever.
    guests_days: Option<u32>,
    /// What is older than that and is still there.
    left: LeftTold,
    /// Ids of past bookings whose guests could not be erased, 20 at most. They are tried again every few hours.
    put_off: Vec<String>,
}

/// What is there that such a retention removes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetentionLeft)]
pub(super) struct LeftTold {
    /// Webhooks, as exact as hours are; null: their bodies are kept for ever.
    webhooks: Option<i64>,
    /// Runs that were planned before, also those that were emptied already; null: requests and answers are kept for ever.
    runs: Option<i64>,
    /// There are more runs than that; counting ends there.
    more_runs: bool,
    /// Past bookings; null: guests' data are kept for ever.
    bookings: Option<i64>,
    /// There are more bookings than that; counting ends there.
    more_bookings: bool,
}

/// How long things are to be kept. What is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRetention {
    /// Days that bodies of webhooks and former versions of bookings are kept; null: for ever.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 36500)]
    bodies_days: Option<Option<u32>>,
    /// Days that requests and answers of calls are kept; null: for ever.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 36500)]
    exchanges_days: Option<Option<u32>>,
    /// Days after its tour that the guests' data of a booking are kept; null: for ever.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 36500)]
    guests_days: Option<Option<u32>>,
}

/// Whether viewers see guests masked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Masking)]
pub(super) struct MaskingTold {
    /// Viewers, and tokens that may only read, see guests' names, addresses and phones masked.
    masked: bool,
}

/// Whether viewers are to see guests masked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMasking {
    /// Whether guests are masked.
    masked: bool,
}

/// Null is something that is said; a field that is left out is not.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl LeftTold {
    fn of(plan: RetentionPlan) -> Self {
        let (runs_max, bookings_max) = (RetentionPlan::RUNS_MAX, RetentionPlan::BOOKINGS_MAX);
        Self {
            webhooks: plan.webhooks,
            runs: plan.runs.map(|runs| runs.min(runs_max)),
            more_runs: plan.runs.is_some_and(|runs| runs > runs_max),
            bookings: plan.bookings.map(|bookings| bookings.min(bookings_max)),
            more_bookings: plan.bookings.is_some_and(|bookings| bookings > bookings_max),
        }
    }
}

impl NewRetention {
    fn over(self, before: Retention) -> Result<Retention, ApiError> {
        let mut wrong = Vec::new();
        let mut days = |field: &str, asked: Option<Option<u32>>, before: Option<u32>| match asked {
            None => before,
            Some(Some(days)) if !(1..=DAYS_MAX).contains(&days) => {
                let why =
                    format!("{field} is a number of days from 1 to {DAYS_MAX}, or null to keep it for ever");
                wrong.push((field.to_owned(), why));
                None
            }
            Some(days) => days,
        };
        let retention = Retention {
            bodies_days: days("bodies_days", self.bodies_days, before.bodies_days),
            exchanges_days: days("exchanges_days", self.exchanges_days, before.exchanges_days),
            guests_days: days("guests_days", self.guests_days, before.guests_days),
        };
        if wrong.is_empty() { Ok(retention) } else { Err(ApiError::wrong_fields(wrong)) }
    }
}

async fn told(app: &App) -> Answer {
    let retention = app.retention().await?;
    let put_off = app.bookings_put_off().await?;
    answered(&RetentionTold {
        bodies_days: retention.bodies_days,
        exchanges_days: retention.exchanges_days,
        guests_days: retention.guests_days,
        left: LeftTold::of(app.retention_plan(retention).await?),
        put_off: put_off.iter().map(ToString::to_string).collect(),
    })
}

/// How long things are kept, and how far removing is
#[utoipa::path(get, path = "/api/v1/retention", tag = "guests",
    responses((status = 200, description = "The retention.", body = RetentionTold)))]
pub(super) async fn get_retention(app: web::Data<App>) -> Answer {
    told(&app).await
}

/// Look what another retention would remove by now
///
/// Changes nothing. What is left out is as it is kept now.
#[utoipa::path(post, path = "/api/v1/retention/plan", tag = "guests",
    request_body(content = NewRetention, description = "May be left out."),
    responses((status = 200, description = "What it would remove.", body = LeftTold)))]
pub(super) async fn plan_retention(app: web::Data<App>, Body(asked): Body<NewRetention>) -> Answer {
    let retention = asked.over(app.retention().await?)?;
    answered(&LeftTold::of(app.retention_plan(retention).await?))
}

/// Say how long things are kept
///
/// What is older is removed by and by, and does not come back: look at the plan first. What is left out stays as it is.
#[utoipa::path(post, path = "/api/v1/retention", tag = "guests",
    request_body(content = NewRetention, description = "May be left out."),
    responses((status = 200, description = "The retention as it is now.", body = RetentionTold)))]
pub(super) async fn set_retention(
    app: web::Data<App>,
    viewer: Viewer,
    Body(asked): Body<NewRetention>,
) -> Answer {
    let before = app.retention().await?;
    let retention = asked.over(before)?;
    if retention != before {
        app.set_retention(&viewer.who(), retention).await?;
    }
    told(&app).await
}

/// Whether viewers see guests masked
#[utoipa::path(get, path = "/api/v1/masking", tag = "guests",
    responses((status = 200, description = "Whether they do.", body = MaskingTold)))]
pub(super) async fn get_masking(app: web::Data<App>) -> Answer {
    answered(&MaskingTold { masked: app.masks() })
}

/// Mask guests for viewers, or no more
#[utoipa::path(post, path = "/api/v1/masking", tag = "guests", request_body = NewMasking,
    responses((status = 200, description = "It is so now.", body = MaskingTold)))]
pub(super) async fn set_masking(
    app: web::Data<App>,
    viewer: Viewer,
    Body(asked): Body<NewMasking>,
) -> Answer {
    app.set_masking(&viewer.who(), asked.masked).await?;
    answered(&MaskingTold { masked: app.masks() })
}
