//! `POST /api/v1/acts/plan`, `POST /api/v1/acts`, `GET /api/v1/acts/{id}`: the same is done with all runs that need somebody
//! and are so and so: first a plan that says how many and which, then the act under the plan's id, so that asked twice it is
//! done once; it is worked off in the background.

use super::api_body::{Answer, Body, answered, with};
use super::api_error::ApiError;
use super::viewer::Viewer;
use crate::app::{ActPlan, App, NewAct, is_act_id};
use crate::domain::{RunState, is_cause_key};
use crate::ports::{Bulk, BulkAct, TroubleFilter};
use crate::told::{Names, Run, rfc3339};
use actix_web::http::StatusCode;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What can be done with many runs.
#[derive(ToSchema)]
#[schema(as = ActWord, rename_all = "lowercase")]
#[expect(dead_code, reason = "it stands in the document alone")]
pub(super) enum ActWord {
    /// Try again, or let go on what was held by hand.
    Retry,
    /// Not send them.
    Cancel,
}

/// How a run stands that needs somebody.
#[derive(ToSchema)]
#[schema(as = Troubled, rename_all = "lowercase")]
#[expect(dead_code, reason = "it stands in the document alone")]
pub(super) enum Troubled {
    /// It failed.
    Failed,
    /// It is held.
    Held,
}

/// Which of the runs that failed or are held. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActFilter {
    /// Of this cause, by its key.
    #[schema(example = "1f3a86c0d2e94b5577aa", pattern = "^[0-9a-f]{20}$")]
    cause: Option<String>,
    /// Of this rule.
    rule: Option<String>,
    /// Of this connection.
    connection: Option<String>,
    /// How they stand.
    #[schema(value_type = Option<Troubled>)]
    state: Option<String>,
    /// Failed or held at or after this time (RFC 3339).
    #[schema(format = DateTime)]
    since: Option<String>,
}

/// What is to be planned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanAsked {
    /// What is to be done.
    #[schema(value_type = ActWord)]
    act: String,
    /// With which runs; left out: all that failed or are held.
    #[serde(default)]
    filter: ActFilter,
}

/// What is to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActAsked {
    /// The plan's id: asked twice under one id, it is done once.
    #[schema(example = "blk_01m827nrzq3v6k1d2h8x7w5t9c", pattern = "^blk_[0-9a-z]{26}$")]
    id: String,
    /// As in the plan.
    #[schema(value_type = ActWord)]
    act: String,
    /// As in the plan.
    #[serde(default)]
    filter: ActFilter,
}

/// What would be done, and with which runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ActPlan)]
pub(super) struct PlanTold {
    /// The id under which it can be asked for.
    id: String,
    /// What.
    #[schema(value_type = ActWord)]
    act: &'static str,
    /// With which runs.
    filter: ActFilter,
    /// How many runs it can be done with.
    runs: i64,
    /// Of which causes, and how many of each.
    causes: Vec<CausePlanned>,
    /// The first of them, newest first, at most 20.
    first: Vec<Run>,
    /// How many it can't be done with, and why.
    left_out: Vec<LeftOut>,
}

/// How many runs of a cause are meant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CausePlanned {
    /// Its key.
    cause: String,
    /// How many.
    runs: i64,
}

/// Runs that it can't be done with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeftOut {
    /// How many.
    runs: i64,
    /// Why.
    why: &'static str,
}

/// What was asked to be done with many runs, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Act)]
pub(super) struct ActTold {
    /// Its id.
    id: String,
    /// What.
    #[schema(value_type = ActWord)]
    act: &'static str,
    /// With which runs: those that were so when it was asked.
    filter: ActFilter,
    /// Who asked.
    who: String,
    /// When.
    #[schema(format = DateTime)]
    asked_at: String,
    /// How many runs its plan had.
    planned: i64,
    /// Runs that it was done with.
    done: i64,
    /// Runs that it could not be done with.
    left_out: i64,
    /// When all had been looked at; null: it goes on.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

impl ActFilter {
    fn read(&self) -> Result<TroubleFilter, ApiError> {
        if self.cause.as_deref().is_some_and(|key| !is_cause_key(key)) {
            return Err(ApiError::wrong_value("the filter's cause is the key of one, of 20 signs"));
        }
        let state = match self.state.as_deref() {
            None => None,
            Some("failed") => Some(RunState::Failed),
            Some("held") => Some(RunState::Held),
            Some(_) => return Err(ApiError::wrong_value("the filter's state is failed or held")),
        };
        let since = self.since.as_deref().map(str::parse::<jiff::Timestamp>).transpose();
        let since = since
            .map_err(|_| ApiError::wrong_value("the filter's since is a time as in 2027-03-14T09:30:00Z"))?;
        Ok(TroubleFilter {
            cause: self.cause.clone(),
            rule: self.rule.clone(),
            connection: self.connection.clone(),
            state,
            since: since.map(jiff::Timestamp::as_millisecond),
            until: None,
        })
    }

    fn of(filter: &TroubleFilter) -> Self {
        Self {
            cause: filter.cause.clone(),
            rule: filter.rule.clone(),
            connection: filter.connection.clone(),
            state: filter.state.map(|state| state.to_string()),
            since: filter.since.map(rfc3339),
        }
    }
}

fn act_of(word: &str) -> Result<BulkAct, ApiError> {
    BulkAct::parse(word).ok_or_else(|| ApiError::wrong_value("the act is retry or cancel"))
}

/// Plan to try all of some runs again, or to cancel them
///
/// Says how many, which, and which not and why. Changes nothing.
#[utoipa::path(post, path = "/api/v1/acts/plan", tag = "needs you", request_body = PlanAsked,
    responses((status = 200, description = "What would be done.", body = PlanTold)))]
pub(super) async fn plan_act(app: web::Data<App>, Body(asked): Body<PlanAsked>) -> Answer {
    let (act, filter) = (act_of(&asked.act)?, asked.filter.read()?);
    let plan = app.plan_act(act, &filter).await?;
    answered(&PlanTold::read(&app, &plan).await?)
}

/// Do with all of some runs what was planned
///
/// With those that are so when it is asked. It is worked off in the background, a few at a time.
#[utoipa::path(post, path = "/api/v1/acts", tag = "needs you", request_body = ActAsked,
    responses((status = 202, description = "It is under way.", body = ActTold)))]
pub(super) async fn begin_act(app: web::Data<App>, viewer: Viewer, Body(asked): Body<ActAsked>) -> Answer {
    let (act, filter) = (act_of(&asked.act)?, asked.filter.read()?);
    if !is_act_id(&asked.id) {
        return Err(ApiError::wrong_value("the id is the one that the plan gave"));
    }
    let before = app.store.bulk(&asked.id).await?;
    if before.as_ref().is_some_and(|before| before.act != act || before.filter != filter) {
        return Err(ApiError::not_now("under this id something else was asked for; make another plan"));
    }
    let new = NewAct { id: Some(asked.id), act, filter, who: viewer.name().to_owned() };
    let bulk = app.ask_act(new).await?;
    if before.is_none() {
        app.audit(&viewer.who(), "runs.asked", &bulk.id, act.as_str()).await;
    }
    with(StatusCode::ACCEPTED, &ActTold::of(&bulk))
}

/// How far it is
#[utoipa::path(get, path = "/api/v1/acts/{id}", tag = "needs you",
    params(("id" = String, Path, description = "Its id.", example = "blk_01m827nrzq3v6k1d2h8x7w5t9c")),
    responses((status = 200, description = "How far it is.", body = ActTold)))]
pub(super) async fn get_act(app: web::Data<App>, id: web::Path<String>) -> Answer {
    let bulk = app.store.bulk(&id).await?.ok_or_else(|| ApiError::not_found("act"))?;
    answered(&ActTold::of(&bulk))
}

impl PlanTold {
    async fn read(app: &App, plan: &ActPlan) -> Result<Self, ApiError> {
        let mut names = Names::new(app);
        let mut first = Vec::with_capacity(plan.first.len());
        for one in &plan.first {
            first.push(names.run(&one.run).await?);
        }
        let causes = plan.groups.iter();
        let left_out = plan.left_out.iter();
        Ok(Self {
            id: app.new_act_id(),
            act: plan.act.as_str(),
            filter: ActFilter::of(&plan.filter),
            runs: plan.runs,
            causes: causes
                .map(|(group, runs)| CausePlanned { cause: group.key.clone(), runs: *runs })
                .collect(),
            first,
            left_out: left_out.map(|(why, runs)| LeftOut { runs: *runs, why: why.words() }).collect(),
        })
    }
}

impl ActTold {
    fn of(bulk: &Bulk) -> Self {
        Self {
            id: bulk.id.clone(),
            act: bulk.act.as_str(),
            filter: ActFilter::of(&bulk.filter),
            who: bulk.who.clone(),
            asked_at: rfc3339(bulk.asked_at),
            planned: bulk.planned,
            done: bulk.done,
            left_out: bulk.left_out,
            ended_at: bulk.ended_at.map(rfc3339),
        }
    }
}
