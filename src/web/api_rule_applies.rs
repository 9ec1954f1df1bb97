//! `GET /api/v1/rules/{name}/apply` looks ahead, `POST` begins, `GET …/applies` tells how far it is: a new or changed rule is
//! brought to existing bookings. The runner works it off; asked twice it is done once.

use super::api_body::{Answer, Body, Params, answered, with};
use super::api_error::ApiError;
use super::api_paging::Page;
use super::rule_file::RuleFile;
use super::viewer::Viewer;
use crate::app::{App, Days, is_day};
use crate::ports::{ApplyFilter, ApplyRow, NewApply};
use crate::told::{ApplyAhead, ApplyFigures, rfc3339};
use actix_web::http::StatusCode;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Bookings that are looked at ahead. Applying looks at all.
const BOOKINGS_MAX: i64 = 500;
/// Applyings that are told.
const APPLIES_MAX: i64 = 50;

/// Which bookings.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[schema(as = ApplyDays)]
pub(super) struct AskedDays {
    /// Only those whose trip starts on this day or later, of the place where it starts.
    #[schema(example = "2027-03-01", format = Date)]
    #[param(example = "2027-03-01", format = Date)]
    from_day: Option<String>,
    /// Only those whose trip starts on this day or earlier.
    #[schema(example = "2027-03-31", format = Date)]
    #[param(example = "2027-03-31", format = Date)]
    to_day: Option<String>,
}

/// What applying would come to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApplyForesight {
    /// The figures.
    #[serde(flatten)]
    ahead: ApplyAhead,
    /// Only the newest 500 bookings were looked at; applying looks at all.
    partial: bool,
}

/// How far an applying is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Applying)]
pub(super) struct ApplyTold {
    /// Its number.
    id: i64,
    /// Name of the rule.
    rule: String,
    /// Who said so.
    who: String,
    /// Only trips from this day on.
    from_day: Option<String>,
    /// Only trips up to this day.
    to_day: Option<String>,
    /// `open`: it goes on. `done`. `stopped`: the rule is not there or not on any more.
    #[schema(example = "open")]
    state: &'static str,
    /// Why it was stopped.
    why: Option<String>,
    /// What it came to so far.
    bookings: ApplyFigures,
    /// Runs planned so far.
    runs: i64,
    /// When it began.
    #[schema(format = DateTime)]
    began_at: String,
    /// When it last got on.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// It is being applied.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApplyBegun {
    /// False: it was being applied to these days already, and goes on.
    began: bool,
    /// How far it is.
    applying: ApplyTold,
}

impl ApplyTold {
    fn of(row: &ApplyRow) -> Self {
        Self {
            id: row.seq,
            rule: row.asked.rule.clone(),
            who: row.asked.who.clone(),
            from_day: row.asked.from_day.clone(),
            to_day: row.asked.to_day.clone(),
            state: row.state.as_str(),
            why: row.note.clone(),
            bookings: ApplyFigures::of(&row.counts),
            runs: row.counts.runs,
            began_at: rfc3339(row.asked.at),
            updated_at: rfc3339(row.updated_at),
        }
    }
}

impl AskedDays {
    fn read(self, wrong: impl Fn(&str) -> ApiError) -> Result<Days, ApiError> {
        if [&self.from_day, &self.to_day].into_iter().flatten().any(|day| !is_day(day)) {
            return Err(wrong("the days from_day and to_day are written as in 2027-03-14"));
        }
        if self.from_day.is_some() && self.to_day.is_some() && self.from_day > self.to_day {
            return Err(wrong("the day from_day is later than to_day, so that no booking fits"));
        }
        Ok(Days { from: self.from_day, to: self.to_day })
    }
}

/// What applying a rule to existing bookings would come to
///
/// Over the newest 500 bookings. Changes nothing.
#[utoipa::path(get, path = "/api/v1/rules/{name}/apply", tag = "rules",
    params(("name" = String, Path, description = "Its name."), AskedDays),
    responses((status = 200, description = "What it would come to.", body = ApplyForesight)))]
pub(super) async fn foresee_apply(
    app: web::Data<App>,
    name: web::Path<String>,
    Params(asked): Params<AskedDays>,
) -> Answer {
    let app = app.into_inner();
    let file = RuleFile::open_known(&app, &name).await?;
    let days = asked.read(ApiError::wrong_parameter)?;
    let foresight = app.apply_ahead_apart(&file.name, days, BOOKINGS_MAX).await?;
    answered(&ApplyForesight { ahead: ApplyAhead::of(&file.name, &foresight), partial: foresight.partial })
}

/// Apply a rule to existing bookings
///
/// Each is looked at as it stands. What the CRM holds already is not sent again, what is on its way is not planned twice, and a
/// record that can't be made twice is not. It is worked off in the background.
#[utoipa::path(post, path = "/api/v1/rules/{name}/apply", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body(content = AskedDays, description = "May be left out: all bookings."),
    responses((status = 202, description = "It is being applied.", body = ApplyBegun)))]
pub(super) async fn begin_apply(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<AskedDays>,
) -> Answer {
    let file = RuleFile::open_known(&app, &name).await?;
    let days = asked.read(ApiError::wrong_value)?;
    let new = NewApply {
        rule: file.name.clone(),
        who: viewer.name().to_owned(),
        from_day: days.from,
        to_day: days.to,
        at: app.clock.now(),
    };
    let (row, began) = app.begin_apply(&new).await?;
    if began {
        app.audit(&viewer.who(), "rule.applied", &file.name, "").await;
    }
    with(StatusCode::ACCEPTED, &ApplyBegun { began, applying: ApplyTold::of(&row) })
}

/// How often a rule was applied, and how far each is
///
/// The last 50, newest first.
#[utoipa::path(get, path = "/api/v1/rules/{name}/applies", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The applyings.", body = Page<ApplyTold>)))]
pub(super) async fn list_applies(app: web::Data<App>, name: web::Path<String>) -> Answer {
    let file = RuleFile::open_known(&app, &name).await?;
    let filter = ApplyFilter { rule: Some(file.name), open: false, limit: APPLIES_MAX };
    let rows = app.store.applies(&filter).await?;
    answered(&Page { items: rows.iter().map(ApplyTold::of).collect(), next: None })
}
