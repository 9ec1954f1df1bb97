//! `/rules/{name}/apply`: what bringing a rule to existing bookings would come to, in figures and examples; the button does
//! it. The runner works it off in batches and the rule's page says how far it got.

use super::errors::PageError;
use super::page::{Frame, Place, answer, go_to, in_address};
use super::rule_file::RuleFile;
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::{App, Days, Foresight, is_day};
use crate::ports::NewApply;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Bookings that are looked at for the figures. Applying looks at all.
const BOOKINGS_MAX: i64 = 500;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Form {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// The page.
#[derive(Template)]
#[template(path = "rule_apply.html")]
pub struct RuleApply {
    frame: Frame,
    address: String,
    title: String,
    from: String,
    to: String,
    sentence: String,
    figures: Vec<(i64, &'static str)>,
    reasons: Vec<(String, i64)>,
    examples: Vec<(String, String, String)>,
    nothing: bool,
}

/// `GET /rules/{name}/apply`.
pub async fn rule_apply(
    app: web::Data<App>,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let file = RuleFile::open_known(&app, &name).await?;
    let days = days_of(query.from.as_deref(), query.to.as_deref())?;
    let foresight = app.apply_ahead_apart(&file.name, days.clone(), BOOKINGS_MAX).await?;
    let scene = Scene::read(&app).await?;
    let mut page = RuleApply::of(&scene, &file.name, &days, &foresight);
    page.frame = Frame::new(Place::Rules, &scene, query.said.as_deref());
    answer(&page)
}

/// `POST /rules/{name}/apply`.
pub async fn rule_apply_go(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let file = RuleFile::open_known(&app, &name).await?;
    let days = days_of(Some(&form.from), Some(&form.to))?;
    let new = NewApply {
        rule: file.name.clone(),
        who: viewer.name().to_owned(),
        from_day: days.from,
        to_day: days.to,
        at: app.clock.now(),
    };
    let (_, began) = app.begin_apply(&new).await?;
    if began {
        app.audit(&viewer.who(), "rule.applied", &file.name, "").await;
    }
    let said = if began { "applying" } else { "was-applying" };
    Ok(go_to(&format!("/rules/{}?said={said}", in_address(&file.name))))
}

fn days_of(from: Option<&str>, to: Option<&str>) -> Result<Days, PageError> {
    let day = |text: Option<&str>| match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) if is_day(text) => Ok(Some(text.to_owned())),
        Some(_) => Err(PageError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "This is no day",
            "Write days as in 2027-03-14. Nothing was changed.",
        )),
        None => Ok(None),
    };
    Ok(Days { from: day(from)?, to: day(to)? })
}

impl RuleApply {
    fn of(scene: &Scene, name: &str, days: &Days, foresight: &Foresight) -> Self {
        let counts = &foresight.counts;
        let of = if foresight.partial {
            format!("Of the newest {}", super::times::counted(counts.looked, "booking"))
        } else {
            match counts.looked {
                1 => "Of the one booking".to_owned(),
                all => format!("Of all {all} bookings"),
            }
        };
        let sentence = match (counts.looked, counts.sends) {
            (0, _) => "No booking has come in yet, so there is nothing to apply it to.".to_owned(),
            (_, 0) => format!("{of}, nothing would be sent for any."),
            (_, sends) => format!("{of}, something would be sent for {sends}."),
        };
        let figures = [
            (counts.sends, "something is sent"),
            (counts.unchanged, "nothing new: what is there already is the same"),
            (counts.excluded, "none of the rule's business"),
            (counts.open, "on their way already"),
            (counts.made, "had their record made before; it is not made twice"),
            (counts.fails, "would fail and need you"),
        ];
        let examples = foresight
            .examples
            .iter()
            .map(|one| (in_address(&one.booking), super::diff::capped(&one.told, 120), one.steps.join(", ")));
        Self {
            frame: Frame::new(Place::Rules, scene, None),
            address: in_address(name),
            title: scene.rule(name),
            from: days.from.clone().unwrap_or_default(),
            to: days.to.clone().unwrap_or_default(),
            sentence,
            figures: figures.into_iter().filter(|(count, _)| *count > 0).collect(),
            reasons: foresight.reasons.clone(),
            examples: examples.collect(),
            nothing: counts.looked == 0 || (!foresight.partial && counts.sends + counts.fails == 0),
        }
    }
}

#[cfg(test)]
impl RuleApply {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        use crate::ports::ApplyCounts;
        let counts = ApplyCounts {
            looked: 9,
            sends: 2,
            fails: 1,
            unchanged: 3,
            excluded: 1,
            made: 1,
            open: 1,
            runs: 3,
        };
        let foresight = Foresight {
            counts,
            reasons: vec![(HOSTILE.into(), 2)],
            examples: vec![crate::app::Example {
                booking: HOSTILE.into(),
                told: HOSTILE.into(),
                steps: vec![HOSTILE.into()],
            }],
            partial: true,
        };
        let days = Days { from: Some(HOSTILE.into()), to: Some(HOSTILE.into()) };
        vec![
            Self::of(&Scene::default(), "guests", &Days::default(), &Foresight::default()),
            Self::of(&scene(), HOSTILE, &days, &foresight),
        ]
    }
}
