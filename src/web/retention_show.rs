//! `/settings/retention`: how long things are kept. Sending the form shows first what it would remove by now; sending it once
//! more from there keeps it. Beside it whether viewers see guests masked (`POST /settings/masking`).

use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, go_to, in_address};
use super::scene::Scene;
use super::times::counted;
use super::viewer::Viewer;
use crate::app::{App, DAYS_MAX, Retention, RetentionPlan};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
}

/// The form: days as typed; empty is for ever.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Form {
    bodies: String,
    exchanges: String,
    guests: String,
    /// `yes` where the plan was shown.
    sure: String,
}

/// The page.
#[derive(Template)]
#[template(path = "retention_show.html")]
pub struct RetentionPage {
    frame: Frame,
    errors: FormErrors,
    tab: &'static str,
    bodies: String,
    exchanges: String,
    guests: String,
    /// What it would do, where that is asked.
    plan: Option<Vec<String>>,
    /// Past bookings whose guests could not be erased.
    put_off: Vec<PutOff>,
    /// Viewers see guests masked.
    masks: bool,
}

/// One of them.
struct PutOff {
    /// In an address.
    address: String,
    id: String,
}

/// `GET /settings/retention`.
pub(super) async fn retention_show(
    app: web::Data<App>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let form = Form::of(app.retention().await?);
    let mut page = RetentionPage::of(&scene, query.said.as_deref(), &form, FormErrors::none(), None);
    page.masks = app.masks();
    page.put_off = app.bookings_put_off().await?.iter().map(|id| PutOff::of(id.as_str())).collect();
    page.errors.answer(&page)
}

/// `POST /settings/retention`.
pub(super) async fn retention_change(
    app: web::Data<App>,
    viewer: Viewer,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let (retention, errors) = form.read();
    if errors.is_empty() && form.sure == "yes" {
        app.set_retention(&viewer.who(), retention).await?;
        return Ok(go_to("/settings/retention?said=retention"));
    }
    let plan =
        if errors.is_empty() { Some(told(retention, app.retention_plan(retention).await?)) } else { None };
    let scene = Scene::read(&app).await?;
    let page = RetentionPage::of(&scene, None, &form, errors, plan);
    page.errors.answer(&page)
}

/// The form about masking.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct MaskingForm {
    /// `yes`, or nothing.
    on: String,
}

/// `POST /settings/masking`.
pub(super) async fn masking_change(
    app: web::Data<App>,
    viewer: Viewer,
    form: web::Form<MaskingForm>,
) -> Result<HttpResponse, PageError> {
    let on = form.on == "yes";
    app.set_masking(&viewer.who(), on).await?;
    Ok(go_to(if on { "/settings/retention?said=masked" } else { "/settings/retention?said=unmasked" }))
}

/// What it would remove by now, a sentence each.
fn told(retention: Retention, plan: RetentionPlan) -> Vec<String> {
    let mut told = Vec::new();
    match (retention.bodies_days, plan.webhooks) {
        (Some(days), Some(count)) => told.push(format!(
            "This removes the bodies of about {}, and the versions of bookings that they replaced; from then on each {} \
             after it came.",
            counted(count, "webhook"),
            counted(i64::from(days), "day")
        )),
        _ => told.push("Bodies of webhooks are kept for ever.".to_owned()),
    }
    match (retention.exchanges_days, plan.runs) {
        (Some(days), Some(count)) => {
            let count = if count > RetentionPlan::RUNS_MAX {
                format!("more than {} runs", RetentionPlan::RUNS_MAX)
            } else {
                format!("about {}", counted(count, "run"))
            };
            told.push(format!(
                "This removes what was sent and what came back of {count}; from then on each {} after it was sent.",
                counted(i64::from(days), "day")
            ));
        }
        _ => told.push("Requests and answers are kept for ever.".to_owned()),
    }
    match (retention.guests_days, plan.bookings) {
        (Some(days), Some(count)) => {
            let count = if count > RetentionPlan::BOOKINGS_MAX {
                format!("more than {} bookings", RetentionPlan::BOOKINGS_MAX)
            } else {
                counted(count, "booking")
            };
            told.push(format!(
                "This removes the guests' data of {count} that are past, with their webhooks, requests and answers; from \
                 then on of each {} after its tour.",
                counted(i64::from(days), "day")
            ));
        }
        _ => told.push("Guests' data in bookings are kept for ever.".to_owned()),
    }
    told
}

impl Form {
    fn of(retention: Retention) -> Self {
        let text = |days: Option<u32>| days.map(|days| days.to_string()).unwrap_or_default();
        Self {
            bodies: text(retention.bodies_days),
            exchanges: text(retention.exchanges_days),
            guests: text(retention.guests_days),
            sure: String::new(),
        }
    }

    fn read(&self) -> (Retention, FormErrors) {
        let mut errors = FormErrors::none();
        let mut days = |field: &'static str, text: &str| match text.trim() {
            "" => None,
            text => {
                let days = text.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days));
                if days.is_none() {
                    errors.add(
                        field,
                        &format!(
                            "Give a number of days from 1 to {DAYS_MAX}, or nothing to keep it for ever"
                        ),
                    );
                }
                days
            }
        };
        let retention = Retention {
            bodies_days: days("bodies", &self.bodies),
            exchanges_days: days("exchanges", &self.exchanges),
            guests_days: days("guests", &self.guests),
        };
        (retention, errors)
    }
}

impl PutOff {
    fn of(id: &str) -> Self {
        Self { address: in_address(id), id: id.to_owned() }
    }
}

impl RetentionPage {
    fn of(
        scene: &Scene,
        said: Option<&str>,
        form: &Form,
        errors: FormErrors,
        plan: Option<Vec<String>>,
    ) -> Self {
        Self {
            frame: Frame::new(Place::Nowhere, scene, said),
            errors,
            tab: "retention",
            bodies: form.bodies.clone(),
            exchanges: form.exchanges.clone(),
            guests: form.guests.clone(),
            plan,
            put_off: Vec::new(),
            masks: false,
        }
    }
}

#[cfg(test)]
impl RetentionPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let odd = Form {
            bodies: HOSTILE.into(),
            exchanges: "0".into(),
            guests: HOSTILE.into(),
            sure: "yes".into(),
        };
        let (_, errors) = odd.read();
        let asked = Form { bodies: "90".into(), ..Form::default() };
        let plan = RetentionPlan { webhooks: Some(1), ..RetentionPlan::default() };
        let plan = told(asked.read().0, plan);
        let stuck = Self::of(&scene(), None, &Form::default(), FormErrors::none(), None);
        vec![
            Self { put_off: vec![PutOff::of(HOSTILE)], masks: true, ..stuck },
            Self::of(&scene(), Some("retention"), &Form::default(), FormErrors::none(), None),
            Self::of(&scene(), None, &odd, errors, None),
            Self::of(&scene(), None, &asked, FormErrors::none(), Some(plan)),
        ]
    }
}
