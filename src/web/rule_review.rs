//! `POST /rules/{name}/review`: the last look before a rule is published: the difference, which bookings it would touch,
//! and why. `POST …/publish` does it; `POST …/switch` comes here with `enabled:` changed. Nothing is changed but by
//! `publish`.

use super::errors::PageError;
use super::line_diff::LineDiff;
use super::page::{Frame, Place, answer, go_to, in_address};
use super::rule_edit::{Form, RuleEdit};
use super::rule_file::{Findings, RuleFile, check, findings};
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::{App, PublishError, Touched};
use crate::rules::with_enabled;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use std::sync::Arc;

/// Bookings that are looked at.
const BOOKINGS_MAX: i64 = 200;
/// Fields that are told.
const FIELDS_MAX: usize = 12;

/// The page.
#[derive(Template)]
#[template(path = "rule_review.html")]
pub struct RuleReview {
    frame: Frame,
    address: String,
    name: String,
    title: String,
    diff: LineDiff,
    /// Somebody else changed the file meanwhile: the difference is to theirs.
    changed: bool,
    findings: Findings,
    touched: TouchedTold,
    text: String,
    opened: String,
    reason: String,
    said: Option<String>,
}

/// Which bookings it would touch, in words.
#[derive(Clone, Debug, Default)]
struct TouchedTold {
    sentence: String,
    fields: Vec<String>,
    examples: Vec<BookingTold>,
}

/// A booking's address and name, and each field with its value before and after.
type BookingTold = (String, String, Vec<(String, String, String)>);

/// What the switch sends.
#[derive(Clone, Debug, Deserialize)]
pub struct SwitchForm {
    on: bool,
}

/// `POST /rules/{name}/review`.
pub async fn rule_review(
    app: web::Data<App>,
    name: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    review(&app, &file, &form, None).await
}

/// `POST /rules/{name}/switch`.
pub async fn rule_switch(
    app: web::Data<App>,
    name: web::Path<String>,
    form: web::Form<SwitchForm>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let file = RuleFile::open_known(&app, &name).await?;
    let text = with_enabled(&file.text, form.on)
        .map_err(|why| PageError::new(StatusCode::CONFLICT, "It can't be switched here", why))?;
    let reason = if form.on { "Switched on" } else { "Switched off" }.to_owned();
    let opened = file.opened.clone().unwrap_or_default();
    review(&app, &file, &Form { text, opened, reason, ..Form::default() }, None).await
}

/// `POST /rules/{name}/publish`.
pub async fn rule_publish(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    let draft = file.draft(&form.text, &form.opened);
    match app.publish(vec![draft], viewer.actor(), form.reason.clone()).await {
        Ok(published) => {
            app.audit(&viewer.who(), "rule.published", &file.name, &form.reason).await;
            let address = in_address(&file.name);
            let enabled = app
                .active()
                .is_some_and(|active| active.rules.get(&file.name).is_some_and(|rule| rule.enabled));
            let said = match (&published.commit, published.nothing_new) {
                (Some(_), _) => "committed",
                (None, true) => "same",
                (None, false) => "published",
            };
            let next = if enabled && said != "same" { "/apply" } else { "" };
            Ok(go_to(&format!("/rules/{address}{next}?said={said}")))
        }
        Err(PublishError::Wrong(why)) => review(&app, &file, &form, Some(why.to_owned())).await,
        Err(PublishError::Broken(_)) => {
            let page = RuleEdit::read(&app, &file, &form).await?;
            answer(&page.refused())
        }
        Err(PublishError::Changed(_)) => {
            let said = "It was not published: somebody changed the file since you opened it. Below is what publishing yours \
                        would change in theirs.";
            review(&app, &file, &form, Some(said.to_owned())).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The page of the last look.
pub async fn review(
    app: &Arc<App>,
    file: &RuleFile,
    form: &Form,
    said: Option<String>,
) -> Result<HttpResponse, PageError> {
    let draft = file.draft(&form.text, &form.opened);
    let checked = check(app, &draft).await?;
    let Some(ruleset) = checked.ruleset.clone() else {
        return answer(&RuleEdit::read(app, file, form).await?.refused());
    };
    let touched = app.touched(&ruleset, &file.name, BOOKINGS_MAX).await?;
    let scene = Scene::read(app).await?;
    let enabled = ruleset.rules.get(&file.name).is_some_and(|rule| rule.enabled);
    let mut page = RuleReview::of(&scene, file, &draft.text);
    page.findings = findings(&checked, &file.file);
    page.changed = draft.opened != file.opened;
    page.touched = TouchedTold::of(&touched, enabled, file.opened.is_none());
    page.reason.clone_from(&form.reason);
    let said = said.or_else(|| {
        let said = "Somebody changed the file since you opened it. Below is what publishing yours would change in theirs.";
        page.changed.then(|| said.to_owned())
    });
    page.said = said;
    answer(&page)
}

impl RuleReview {
    fn of(scene: &Scene, file: &RuleFile, text: &str) -> Self {
        Self {
            frame: Frame::new(Place::Rules, scene, None),
            address: in_address(&file.name),
            name: file.name.clone(),
            title: scene.rule(&file.name),
            diff: LineDiff::of(&file.text, text),
            changed: false,
            findings: Findings::default(),
            touched: TouchedTold::default(),
            text: text.replace("\r\n", "\n"),
            // As it stands now: what is published from here is what was looked at here.
            opened: file.opened.clone().unwrap_or_default(),
            reason: String::new(),
            said: None,
        }
    }
}

impl TouchedTold {
    fn of(touched: &Touched, enabled: bool, is_new: bool) -> Self {
        let looked = touched.looked;
        if !enabled {
            let sentence = "The rule is off like this: nothing more is sent by it, and what it has not begun to send is \
                            cancelled.";
            return Self { sentence: sentence.to_owned(), ..Self::default() };
        }
        let mut sentence = match (looked, touched.sends, touched.fails) {
            (0, ..) => "No booking has come in yet, so there is nothing to compare.".to_owned(),
            (_, sends, fails) => {
                let fails = if fails > 0 { format!(", and fail for {fails}") } else { String::new() };
                let left = match touched.left {
                    0 => String::new(),
                    left => format!(" It would leave {left} alone that it sends now."),
                };
                format!("Applied, it would send for {sends} of the last {looked} bookings{fails}.{left}")
            }
        };
        sentence.push_str(
            " From now on, what comes in goes by it; for bookings that are there already you decide afterwards.",
        );
        let fields = touched.fields.iter().filter(|_| !is_new).take(FIELDS_MAX);
        let fields = fields.map(|(name, bookings)| match bookings {
            1 => format!("1 booking gets another {name}"),
            bookings => format!("{bookings} bookings get another {name}"),
        });
        let examples = touched.examples.iter().map(|one| {
            let values = one.fields.iter().take(FIELDS_MAX).map(|(name, before, after)| {
                (name.clone(), super::diff::shown(before.as_ref()), super::diff::shown(after.as_ref()))
            });
            (in_address(&one.booking), super::diff::capped(&one.told, 120), values.collect())
        });
        Self { sentence, fields: fields.collect(), examples: examples.collect() }
    }
}

#[cfg(test)]
impl RuleReview {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let file = RuleFile {
            name: HOSTILE.into(),
            text: format!("{HOSTILE}\nold\n"),
            opened: Some("c0ffee".into()),
            ..RuleFile::default()
        };
        let mut full = Self::of(&scene(), &file, &format!("{HOSTILE}\n</textarea>{HOSTILE}\n"));
        full.changed = true;
        full.said = Some(HOSTILE.into());
        full.reason = HOSTILE.into();
        full.findings =
            Findings { told: vec![super::rule_file::Finding::sample(HOSTILE)], elsewhere: HOSTILE.into() };
        full.touched = TouchedTold {
            sentence: HOSTILE.into(),
            fields: vec![HOSTILE.into()],
            examples: vec![(
                in_address(HOSTILE),
                HOSTILE.into(),
                vec![(HOSTILE.into(), HOSTILE.into(), HOSTILE.into())],
            )],
        };
        vec![Self::of(&Scene::default(), &RuleFile::default(), ""), full]
    }
}

#[cfg(test)]
mod tests {
    use super::TouchedTold;
    use crate::app::Touched;

    #[test]
    fn a_rule_that_is_off_says_nothing_of_what_goes_by_it() {
        let touched = Touched::default();
        let goes =
            |enabled| TouchedTold::of(&touched, enabled, false).sentence.contains("what comes in goes by it");
        assert_eq!((goes(true), goes(false)), (true, false));
    }
}
