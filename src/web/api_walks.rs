//! `/api/v1/sources/{name}/walks` and `/api/v1/walks/{id}`: backfill, reconcile and repair: begun, followed, paused, resumed,
//! stopped, and what they found, one by one.

use super::api_body::{Answer, Body, Params, answered, with};
use super::api_error::ApiError;
use super::api_paging::{Page, cursor, limit, place, wrong_cursor};
use super::api_run_acts::Nothing;
use super::viewer::Viewer;
use super::walk_show::{act_word, repaired};
use crate::app::{App, check_days};
use crate::ports::{FindingQuery, NewWalk, WalkAct, WalkFilter, WalkOutcome, WalkPurpose};
use crate::told::{Walk, WalkFound};
use actix_web::http::StatusCode;
use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Walks that are told.
const WALKS_MAX: i64 = 50;

/// What is to be walked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWalkAsked {
    /// `backfill` brings in what is new or differs, `reconcile` reports it, `repair` does both. Left out: `backfill`.
    #[schema(example = "reconcile")]
    purpose: Option<String>,
    /// The first day. Left out, with the last: the last 30 days and the next 60.
    #[schema(example = "2027-03-01", format = Date)]
    from_day: Option<String>,
    /// The last day.
    #[schema(example = "2027-03-31", format = Date)]
    to_day: Option<String>,
    /// Of a repair: bookings that the booking system does not know any more end also where they are more than ten, and more
    /// than a fifth of those that are here. Left out: then none of them ends, and the walk's note says so.
    #[serde(default)]
    end_gone: bool,
}

/// How a report is repaired.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RepairAsked {
    /// Bookings that the booking system does not know any more end also where they are more than ten, and more than a fifth of
    /// those that are here. Left out: then none of them ends.
    #[serde(default)]
    end_gone: bool,
}

/// A walk that is under way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WalkBegun {
    /// False: the same one was under way already, and goes on.
    began: bool,
    /// How it stands.
    walk: Walk,
}

/// Which findings.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AskedFindings {
    /// Only these: `new`, `differs`, `gone`, `trouble` or `repaired`.
    #[param(example = "differs")]
    outcome: Option<String>,
    /// Items of a page, 200 at most.
    limit: Option<i64>,
    /// `next` of the page before.
    after: Option<String>,
}

/// The walks of a source
///
/// The last 50, newest first.
#[utoipa::path(get, path = "/api/v1/sources/{name}/walks", tag = "sources",
    params(("name" = String, Path, description = "Its name.", example = "harbour-tours")),
    responses((status = 200, description = "The walks.", body = Page<Walk>)))]
pub(super) async fn list_walks(app: web::Data<App>, name: web::Path<String>) -> Answer {
    if !app.active().is_some_and(|active| active.sources.contains_key(name.as_str())) {
        return Err(ApiError::not_found("source"));
    }
    let filter = WalkFilter { source: Some(name.to_string()), open: false, limit: WALKS_MAX };
    let rows = app.store.walks().walks(&filter).await?;
    let now = app.clock.now();
    answered(&Page { items: rows.iter().map(|row| Walk::of(row, now)).collect(), next: None })
}

/// Begin a backfill, a reconcile or a repair
///
/// It is gone in the background, within the limits of the booking system's API; one at a time per source.
#[utoipa::path(post, path = "/api/v1/sources/{name}/walks", tag = "sources",
    params(("name" = String, Path, description = "Its name.", example = "harbour-tours")),
    request_body(content = NewWalkAsked, description = "May be left out: a backfill of the usual days."),
    responses((status = 202, description = "It is under way.", body = WalkBegun)))]
pub(super) async fn begin_walk(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<NewWalkAsked>,
) -> Answer {
    let purpose = asked.purpose.as_deref().unwrap_or("backfill");
    let purpose = WalkPurpose::parse(purpose)
        .ok_or_else(|| ApiError::wrong_value("purpose is backfill, reconcile or repair"))?;
    if asked.from_day.is_some() != asked.to_day.is_some() {
        return Err(ApiError::wrong_value("from_day and to_day are given together, or both left out"));
    }
    let (from, to) = app.usual_days();
    let (from_day, to_day) = (asked.from_day.unwrap_or(from), asked.to_day.unwrap_or(to));
    check_days(&from_day, &to_day).map_err(|why| ApiError::wrong_value(&why))?;
    let new = NewWalk {
        source: name.to_string(),
        purpose,
        from_day,
        to_day,
        report: None,
        end_gone: asked.end_gone,
        who: viewer.name().to_owned(),
        at: app.clock.now(),
    };
    let (row, began) = app.begin_walk(&new).await?;
    if began {
        let days = format!("{} {} to {}", purpose.as_str(), row.asked.from_day, row.asked.to_day);
        app.audit(&viewer.who(), "source.walked", &name, &days).await;
    }
    with(StatusCode::ACCEPTED, &WalkBegun { began, walk: Walk::of(&row, app.clock.now()) })
}

/// How a walk stands
#[utoipa::path(get, path = "/api/v1/walks/{id}", tag = "sources",
    params(("id" = i64, Path, description = "Its number.")),
    responses((status = 200, description = "The walk.", body = Walk)))]
pub(super) async fn get_walk(app: web::Data<App>, id: web::Path<String>) -> Answer {
    let row = app.walk_row(number(&id)?).await?;
    answered(&Walk::of(&row, app.clock.now()))
}

/// What a walk found
///
/// Of a reconcile: all that is not the same here and there. Of others: what could not be read, and what was brought in.
#[utoipa::path(get, path = "/api/v1/walks/{id}/findings", tag = "sources",
    params(("id" = i64, Path, description = "Its number."), AskedFindings),
    responses((status = 200, description = "The findings, by account and key.", body = Page<WalkFound>)))]
pub(super) async fn list_findings(
    app: web::Data<App>,
    id: web::Path<String>,
    Params(asked): Params<AskedFindings>,
) -> Answer {
    let row = app.walk_row(number(&id)?).await?;
    let outcomes = match asked.outcome.as_deref() {
        None => WalkOutcome::TOLD.to_vec(),
        Some(word) => {
            let outcome = WalkOutcome::parse(word).filter(|outcome| WalkOutcome::TOLD.contains(outcome));
            let wrong = || ApiError::wrong_parameter("outcome is new, differs, gone, trouble or repaired");
            vec![outcome.ok_or_else(wrong)?]
        }
    };
    let after = match place("findings", asked.after.as_deref())? {
        Some(text) => Some(serde_json::from_str(&text).map_err(|_| wrong_cursor())?),
        None => None,
    };
    let limit = limit(asked.limit)?;
    let found = app.store.walks().findings(&FindingQuery { walk: row.seq, outcomes, after, limit }).await?;
    let next = found.last().filter(|_| found.len() as i64 == limit).map(|last| {
        cursor("findings", &Value::from(vec![last.account.clone(), last.key.clone()]).to_string())
    });
    answered(&Page { items: found.iter().map(WalkFound::of).collect(), next })
}

/// Pause a walk
#[utoipa::path(post, path = "/api/v1/walks/{id}/pause", tag = "sources",
    params(("id" = i64, Path, description = "Its number.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "It is paused.", body = Walk)))]
pub(super) async fn pause_walk(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    act(&app, &viewer, &id, WalkAct::Pause).await
}

/// Let a walk go on
///
/// One that is paused goes on, one that rests tries again now, and one that is through tries again what could not be read.
#[utoipa::path(post, path = "/api/v1/walks/{id}/resume", tag = "sources",
    params(("id" = i64, Path, description = "Its number.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "It goes on.", body = Walk)))]
pub(super) async fn resume_walk(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    act(&app, &viewer, &id, WalkAct::Resume).await
}

/// Stop a walk for good
///
/// What it brought in stays.
#[utoipa::path(post, path = "/api/v1/walks/{id}/stop", tag = "sources",
    params(("id" = i64, Path, description = "Its number.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "It is stopped.", body = Walk)))]
pub(super) async fn stop_walk(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    act(&app, &viewer, &id, WalkAct::Stop).await
}

/// Bring in what a reconcile found
///
/// What is in the booking system only, and what differs: each is fetched again and takes the way that webhooks take. What the
/// booking system does not know any more is asked for once more, and ends here if it still does not know it (`would_end` of the
/// report says how many).
#[utoipa::path(post, path = "/api/v1/walks/{id}/repair", tag = "sources",
    params(("id" = i64, Path, description = "Number of the reconcile.")),
    request_body(content = RepairAsked, description = "May be left out."),
    responses((status = 202, description = "It is under way.", body = WalkBegun)))]
pub(super) async fn repair_walk(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(asked): Body<RepairAsked>,
) -> Answer {
    let (row, began) = app.repair_walk(number(&id)?, asked.end_gone, viewer.name()).await?;
    if began {
        let about = repaired(&id, asked.end_gone);
        app.audit(&viewer.who(), "source.repaired", &row.asked.source, &about).await;
    }
    with(StatusCode::ACCEPTED, &WalkBegun { began, walk: Walk::of(&row, app.clock.now()) })
}

async fn act(app: &App, viewer: &Viewer, id: &str, act: WalkAct) -> Answer {
    let row = app.act_on_walk(number(id)?, act).await?;
    app.audit(&viewer.who(), act_word(act), &row.asked.source, &format!("walk {id}")).await;
    answered(&Walk::of(&row, app.clock.now()))
}

fn number(id: &str) -> Result<i64, ApiError> {
    id.parse().map_err(|_| ApiError::not_found("walk"))
}
