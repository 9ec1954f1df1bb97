//! `/needs-you/plan`: what would be done with which runs: how many, the first of them, and which can't be and why. Its one
//! button (`POST` to the same address) asks for it; `/needs-you/acts/{id}` tells how far it is.

use super::cause_words::{cause_place, cause_words};
use super::errors::PageError;
use super::needs_you_list::ActTold;
use super::needs_you_show::GuestTold;
use super::page::{Frame, Place, answer, go_to, in_address};
use super::scene::Scene;
use super::times::counted;
use super::viewer::Viewer;
use crate::app::{ActPlan, App, NewAct};
use crate::domain::{Millis, RunState, VerdictCode, is_cause_key};
use crate::ports::{BulkAct, TroubleFilter};
use crate::rules::Ruleset;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Groups that a plan names.
const GROUPS_MAX: usize = 10;
const HOUR: Millis = 3_600_000;

/// What the address, and the form, say. Each part is optional; empty is absent.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    act: Option<String>,
    cause: Option<String>,
    rule: Option<String>,
    connection: Option<String>,
    state: Option<String>,
    since: Option<String>,
    id: Option<String>,
}

/// The plan.
#[derive(Template)]
#[template(path = "needs_you_plan.html")]
pub struct NeedsYouPlan {
    frame: Frame,
    title: &'static str,
    sentence: String,
    button: String,
    warnings: Vec<String>,
    groups: Vec<String>,
    more_groups: usize,
    left_out: Vec<String>,
    rows: Vec<GuestTold>,
    more: i64,
    runs: i64,
    fields: Vec<(&'static str, String)>,
}

/// How far it is.
#[derive(Template)]
#[template(path = "needs_you_act.html", blocks = ["live"])]
pub struct NeedsYouAct {
    frame: Frame,
    told: ActTold,
    live: String,
}

/// What the address of how far it is asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ActQuery {
    part: Option<String>,
}

/// `GET /needs-you/plan`.
pub async fn needs_you_plan(
    app: web::Data<App>,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let (act, filter) = asked.read(scene.now)?;
    let plan = app.plan_act(act, &filter).await?;
    let runs: Vec<_> = plan.first.iter().map(|one| one.run.clone()).collect();
    let rows = GuestTold::all(&app, &runs, &scene).await?;
    answer(&NeedsYouPlan::of(&scene, &plan, app.active().as_deref(), rows, app.new_act_id()))
}

/// `POST /needs-you/plan`.
pub async fn needs_you_do(
    app: web::Data<App>,
    viewer: Viewer,
    asked: web::Form<Asked>,
) -> Result<HttpResponse, PageError> {
    let (act, filter) = asked.read(app.clock.now())?;
    let new = NewAct { id: asked.id.clone(), act, filter, who: viewer.name().to_owned() };
    let bulk = app.ask_act(new).await?;
    app.audit(&viewer.who(), "runs.asked", &bulk.id, act.as_str()).await;
    Ok(go_to(&format!("/needs-you/acts/{}", in_address(&bulk.id))))
}

/// `GET /needs-you/acts/{id}`.
pub async fn needs_you_act(
    app: web::Data<App>,
    id: web::Path<String>,
    query: web::Query<ActQuery>,
) -> Result<HttpResponse, PageError> {
    let bulk = app.store.bulk(&id).await?.ok_or_else(|| PageError::unknown("request"))?;
    let scene = Scene::read(&app).await?;
    let page = NeedsYouAct::of(&scene, ActTold::of(&bulk, &scene));
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

impl Asked {
    /// What is asked for, or why that can't be.
    fn read(&self, now: Millis) -> Result<(BulkAct, TroubleFilter), PageError> {
        let given = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let odd = || {
            PageError::new(
                StatusCode::BAD_REQUEST,
                "That can't be asked for",
                "The address is not one of Waypost's. Go to what needs you, and choose there. Nothing was changed.",
            )
        };
        let act = BulkAct::parse(given(&self.act).as_deref().unwrap_or("retry")).ok_or_else(odd)?;
        let cause = given(&self.cause);
        if cause.as_ref().is_some_and(|key| !is_cause_key(key)) {
            return Err(odd());
        }
        let state = match given(&self.state).as_deref() {
            None => None,
            Some("failed") => Some(RunState::Failed),
            Some("held") => Some(RunState::Held),
            Some(_) => return Err(odd()),
        };
        let since = match given(&self.since).as_deref() {
            None => None,
            Some("hour") => Some(now - HOUR),
            Some("day") => Some(now - 24 * HOUR),
            Some("week") => Some(now - 7 * 24 * HOUR),
            // What the plan was made for, as its own button says it.
            Some(at) => Some(at.parse().map_err(|_| odd())?),
        };
        let (rule, connection) = (given(&self.rule), given(&self.connection));
        Ok((act, TroubleFilter { cause, rule, connection, state, since, until: None }))
    }
}

impl NeedsYouPlan {
    fn of(scene: &Scene, plan: &ActPlan, active: Option<&Ruleset>, rows: Vec<GuestTold>, id: String) -> Self {
        let runs = counted(plan.runs, "run");
        let these = if plan.runs == 1 { "this one".to_owned() } else { format!("these {}", plan.runs) };
        let (title, verb, button) = match plan.act {
            BulkAct::Retry => ("Try again", "tried again", format!("Try {these} again")),
            BulkAct::Cancel => ("Cancel", "cancelled: not sent, now or later", format!("Cancel {these}")),
        };
        let sentence = match plan.runs {
            0 => "There is nothing that this can be done with.".to_owned(),
            1 => format!("{runs} would be {verb}."),
            _ => format!("{runs} would be {verb}, a few at a time."),
        };
        let mut warnings = Vec::new();
        if plan.act == BulkAct::Retry {
            if plan.groups.iter().any(|(group, _)| group.cause.code == VerdictCode::OutcomeUnknown) {
                warnings.push(
                    "Look in the CRM first: what was done there already would be done a second time."
                        .to_owned(),
                );
            }
            let mut stopped: Vec<&str> =
                plan.groups.iter().map(|(group, _)| group.cause.connection.as_str()).collect();
            stopped.sort_unstable();
            stopped.dedup();
            for name in stopped {
                if let Some(told) = super::outlook::connection(scene, name) {
                    warnings.push(format!("{} They wait until then.", told.text));
                }
            }
        }
        let words = |group| cause_words(group, &cause_place(group, active), scene).sentence;
        let fields = [
            ("id", Some(id)),
            ("act", Some(plan.act.as_str().to_owned())),
            ("cause", plan.filter.cause.clone()),
            ("rule", plan.filter.rule.clone()),
            ("connection", plan.filter.connection.clone()),
            ("state", plan.filter.state.map(|state| state.to_string())),
            ("since", plan.filter.since.map(|since| since.to_string())),
        ];
        let left_out = |(why, count): &(crate::app::WhyNot, i64)| {
            let verb = if *count == 1 { "is" } else { "are" };
            format!("{} {verb} left out: {}.", counted(*count, "run"), why.words())
        };
        Self {
            frame: Frame::new(Place::NeedsYou, scene, None),
            title,
            sentence,
            button,
            warnings,
            groups: plan.groups.iter().take(GROUPS_MAX).map(|(group, _)| words(group)).collect(),
            more_groups: plan.groups.len().saturating_sub(GROUPS_MAX),
            left_out: plan.left_out.iter().map(left_out).collect(),
            more: (plan.runs - rows.len() as i64).max(0),
            rows,
            runs: plan.runs,
            fields: fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        }
    }
}

impl NeedsYouAct {
    fn of(scene: &Scene, told: ActTold) -> Self {
        let live = format!("/needs-you/acts/{}?part=live", in_address(&told.id));
        Self { frame: Frame::new(Place::NeedsYou, scene, None), told, live }
    }
}

#[cfg(test)]
impl NeedsYouPlan {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, group, hostile_group, scene};
        use crate::app::WhyNot;
        let scene = scene();
        let filter = TroubleFilter {
            cause: Some("0f0e0f0e0f0e0f0e0f0e".into()),
            rule: Some(HOSTILE.into()),
            connection: Some(HOSTILE.into()),
            state: Some(RunState::Held),
            since: Some(3),
            until: None,
        };
        let mut unknown = group();
        unknown.cause.code = VerdictCode::OutcomeUnknown;
        let plan = |act, runs, groups: Vec<crate::ports::CauseGroup>| ActPlan {
            act,
            filter: filter.clone(),
            runs,
            groups: groups.into_iter().map(|group| (group, 2)).collect(),
            first: Vec::new(),
            left_out: vec![
                (WhyNot::RuleGone, 1),
                (WhyNot::RuleOff, 2),
                (WhyNot::MayBeDone, 3),
                (WhyNot::ConnectionGone, 4),
            ],
        };
        let of = |plan: ActPlan, rows| Self::of(&scene, &plan, None, rows, "blk_1".into());
        vec![
            of(plan(BulkAct::Retry, 5_000, vec![group(), hostile_group(), unknown]), GuestTold::samples()),
            of(plan(BulkAct::Cancel, 1, vec![group(); 12]), GuestTold::samples()),
            of(plan(BulkAct::Retry, 0, Vec::new()), Vec::new()),
        ]
    }
}

#[cfg(test)]
impl NeedsYouAct {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{bulk, scene};
        let scene = scene();
        let mut ended = bulk();
        ended.ended_at = Some(3);
        vec![Self::of(&scene, ActTold::of(&bulk(), &scene)), Self::of(&scene, ActTold::of(&ended, &scene))]
    }
}
