//! `GET /api/v1/causes` and `/api/v1/causes/{key}`: why runs need somebody, one group per reason. The runs of one are
//! `/api/v1/runs?cause=KEY`; what is done with all of them is asked for under `/api/v1/acts`.

use super::api_body::{Answer, Params, answered};
use super::api_error::ApiError;
use super::api_paging::{Page, cursor, limit, place, wrong_cursor};
use super::cause_words::{cause_place, cause_words};
use super::scene::Scene;
use crate::app::App;
use crate::domain::{VerdictCode, is_cause_key};
use crate::ports::CauseGroup;
use crate::rules::Ruleset;
use crate::told::rfc3339;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const LIST: &str = "causes";

/// Which causes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CausesAsked {
    /// Behind the last one of the page before: what that gave as `next`.
    #[param(min_length = 1, max_length = 200)]
    after: Option<String>,
    /// At most so many: 1 to 200, else 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Runs that need somebody for one reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cause)]
pub(super) struct CauseTold {
    /// Its key: 20 signs.
    #[schema(example = "1f3a86c0d2e94b5577aa")]
    key: String,
    /// The connection of the step.
    connection: String,
    /// The rule.
    rule: String,
    /// Id of the step; empty where no run came to one.
    step: String,
    /// The class of the failure.
    #[schema(value_type = VerdictCode)]
    code: &'static str,
    /// The message without what differs from guest to guest.
    reason: String,
    /// What went wrong, for how many, in words.
    sentence: String,
    /// What to do, in words.
    way_out: Option<String>,
    /// The line of the rule's file that it is about, where that is known.
    line: Option<u32>,
    /// Runs that need somebody.
    needs_you: i64,
    /// Runs of it that are being tried again.
    under_way: i64,
    /// Different bookings of its runs, counted up to 1001.
    bookings: i64,
    /// Since when it is open.
    #[schema(format = DateTime)]
    since: String,
    /// When the last run came to it.
    #[schema(format = DateTime)]
    last: String,
    /// Nothing of it needs anybody any more.
    closed: bool,
}

impl CauseTold {
    fn of(group: &CauseGroup, scene: &Scene, active: Option<&Ruleset>) -> Self {
        let place = cause_place(group, active);
        let words = cause_words(group, &place, scene);
        Self {
            key: group.key.clone(),
            connection: group.cause.connection.clone(),
            rule: group.cause.rule.clone(),
            step: group.cause.step.clone(),
            code: group.cause.code.as_str(),
            reason: group.cause.pattern.clone(),
            sentence: words.sentence,
            way_out: words.way_out,
            line: place.line,
            needs_you: group.needs,
            under_way: group.under_way,
            bookings: group.guests,
            since: rfc3339(group.first_at),
            last: rfc3339(group.last_at),
            closed: group.is_closed(),
        }
    }
}

/// Why runs need somebody, the newest trouble first
#[utoipa::path(get, path = "/api/v1/causes", tag = "needs you", params(CausesAsked),
    responses((status = 200, description = "A page of open causes.", body = Page<CauseTold>)))]
pub(super) async fn list_causes(app: web::Data<App>, Params(asked): Params<CausesAsked>) -> Answer {
    let limit = limit(asked.limit)?;
    let after = place(LIST, asked.after.as_deref())?;
    let before = match after.as_deref().map(|place| place.split_once('-')) {
        None => None,
        Some(Some((at, key))) if is_cause_key(key) => Some((at.parse().map_err(|_| wrong_cursor())?, key)),
        Some(_) => return Err(wrong_cursor()),
    };
    let found = app.store.open_causes(before, limit).await?;
    let last = found.last().filter(|_| found.len() as i64 >= limit);
    let next = last.map(|last| cursor(LIST, &format!("{}-{}", last.last_at, last.key)));
    let scene = Scene::read(&app).await?;
    let active = app.active();
    let items: Vec<CauseTold> =
        found.iter().map(|group| CauseTold::of(group, &scene, active.as_deref())).collect();
    answered(&Page { items, next })
}

/// One cause
#[utoipa::path(get, path = "/api/v1/causes/{key}", tag = "needs you",
    params(("key" = String, Path, description = "Its key.", example = "1f3a86c0d2e94b5577aa")),
    responses((status = 200, description = "The cause.", body = CauseTold)))]
pub(super) async fn get_cause(app: web::Data<App>, key: web::Path<String>) -> Answer {
    let found = if is_cause_key(&key) { app.store.cause(&key).await? } else { None };
    let group = found.ok_or_else(|| ApiError::not_found("cause"))?;
    answered(&CauseTold::of(&group, &Scene::read(&app).await?, app.active().as_deref()))
}
