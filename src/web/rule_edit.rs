//! `/rules/{name}/edit`: the text of a rule, and below it what is wrong (as `waypost check` says it) and what exactly would
//! be sent for a booking that one chooses. Nothing is changed by it: `rule_review` does, after a look at the difference.

use super::bookings_choose::ToChoose;
use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::rule_blank::blank;
use super::rule_file::{Finding, Findings, RuleFile, check, findings, mended_at};
use super::rule_words::PreviewTold;
use super::scene::Scene;
use crate::app::{App, Checked};
use crate::ports::BookingView;
use crate::rules::RECIPES;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use std::sync::Arc;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    /// The recipe to begin with, `blank` for none.
    pub recipe: Option<String>,
    /// The booking of the preview.
    pub booking: Option<String>,
}

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Form {
    /// The text of the rule.
    pub text: String,
    /// What told the text that was opened from a later one; empty for a new file.
    #[serde(default)]
    pub opened: String,
    /// The booking of the preview.
    #[serde(default)]
    pub booking: String,
    /// The name or number of a booking that is looked for.
    #[serde(default)]
    pub find: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The place at which what was meant is put, where that was pressed.
    #[serde(default)]
    pub mend: String,
}

/// The page.
#[derive(Template)]
#[template(path = "rule_edit.html")]
pub struct RuleEdit {
    frame: Frame,
    address: String,
    name: String,
    title: String,
    is_new: bool,
    text: String,
    opened: String,
    trouble: Option<String>,
    verdict: &'static str,
    broken: bool,
    findings: Findings,
    /// It was to be published, and can't be like this.
    refused: bool,
    bookings: ToChoose,
    preview: Option<PreviewTold>,
}

/// `GET /rules/{name}/edit`.
pub async fn rule_edit(
    app: web::Data<App>,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    let text = text_to_begin_with(&app, &file, query.recipe.as_deref())?;
    let form = Form {
        text,
        opened: file.opened.clone().unwrap_or_default(),
        booking: query.booking.clone().unwrap_or_default(),
        ..Form::default()
    };
    answer(&RuleEdit::read(&app, &file, &form).await?)
}

/// `POST /rules/{name}/edit`: checked and looked ahead, nothing changed.
pub async fn rule_check(
    app: web::Data<App>,
    name: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    let mut form = form.into_inner();
    if !form.mend.is_empty()
        && let Some(text) = mended_at(&app, &file.draft(&form.text, &form.opened), &form.mend).await?
    {
        form.text = text;
    }
    answer(&RuleEdit::read(&app, &file, &form).await?)
}

/// The text that an editor opens with: the file's, else that of a recipe.
pub fn text_to_begin_with(app: &App, file: &RuleFile, wanted: Option<&str>) -> Result<String, PageError> {
    if file.opened.is_some() || file.trouble.is_some() {
        return Ok(file.text.clone());
    }
    let recipe = RECIPES.iter().find(|recipe| Some(recipe.name) == wanted);
    match recipe {
        Some(recipe) => Ok(recipe.text.to_owned()),
        None if wanted == Some("blank") => Ok(blank(app.active().as_deref())),
        None => Err(PageError::unknown("rule")),
    }
}

impl RuleEdit {
    /// The page for a text, with what is wrong with it and what it would send.
    pub async fn read(app: &Arc<App>, file: &RuleFile, form: &Form) -> Result<Self, PageError> {
        let scene = Scene::read(app).await?;
        let mut page = Self::of(&scene, file, form);
        page.bookings = ToChoose::read(app, &form.text, &form.booking, &form.find).await?;
        if file.trouble.is_some() {
            return Ok(page);
        }
        let checked = check(app, &file.draft(&form.text, &form.opened)).await?;
        page.take(&checked, &file.file);
        if let Some(booking) = page.bookings.chosen.clone()
            && let Some(outlook) = app.preview(&checked, &file.name, &booking).await?
        {
            let told = in_a_line(&outlook.present.booking);
            page.preview = Some(PreviewTold::of(&outlook, told));
        }
        Ok(page)
    }

    fn of(scene: &Scene, file: &RuleFile, form: &Form) -> Self {
        Self {
            frame: Frame::new(Place::Rules, scene, None),
            address: in_address(&file.name),
            name: file.name.clone(),
            title: if file.opened.is_some() { scene.rule(&file.name) } else { file.name.clone() },
            is_new: file.opened.is_none(),
            text: form.text.replace("\r\n", "\n"),
            opened: form.opened.clone(),
            trouble: file.trouble.clone(),
            verdict: "",
            broken: false,
            findings: Findings::default(),
            refused: false,
            bookings: ToChoose::default(),
            preview: None,
        }
    }

    fn take(&mut self, checked: &Checked, file: &str) {
        self.findings = findings(checked, file);
        self.broken = checked.is_broken();
        self.verdict = match (self.broken, self.findings.told.is_empty()) {
            (true, _) => "It has a mistake and can't be published like this.",
            (false, true) => "There is no mistake in it.",
            (false, false) => "It can be published; look at these first.",
        };
    }

    /// The same for a draft that was to be published: what is wrong stands at the top.
    pub fn refused(mut self) -> Self {
        self.refused = self.broken;
        self
    }

    /// The mistakes, for the top of the page.
    fn mistakes(&self) -> impl Iterator<Item = &Finding> {
        self.findings.told.iter().filter(|finding| finding.is_error)
    }
}

/// A booking in a line.
pub fn in_a_line(booking: &BookingView) -> String {
    let words = super::booking_words::BookingWords::of(booking);
    let parts = [words.guest, words.trip, words.code];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    super::diff::capped(&parts.join(" · "), 120)
}

#[cfg(test)]
impl RuleEdit {
    pub(super) fn samples() -> Vec<Self> {
        use super::rule_words::{PreviewField, PreviewStep};
        use super::samples::{HOSTILE, scene};
        let file = RuleFile { name: HOSTILE.into(), opened: Some("c0ffee".into()), ..RuleFile::default() };
        let form = Form { text: format!("</textarea>{HOSTILE}"), opened: HOSTILE.into(), ..Form::default() };
        let mut full = Self::of(&scene(), &file, &form);
        full.verdict = "It has a mistake and can't be published like this.";
        full.broken = true;
        full.findings = Findings { told: vec![Finding::sample(HOSTILE)], elsewhere: HOSTILE.into() };
        full.refused = true;
        full.bookings = ToChoose {
            choices: vec![(HOSTILE.into(), HOSTILE.into(), true)],
            find: HOSTILE.into(),
            more: true,
            ..ToChoose::default()
        };
        full.trouble = Some(HOSTILE.into());
        full.preview = Some(PreviewTold {
            booking: HOSTILE.into(),
            verdict: HOSTILE.into(),
            steps: vec![PreviewStep {
                id: HOSTILE.into(),
                name: HOSTILE.into(),
                verdict: HOSTILE.into(),
                fields: vec![PreviewField {
                    name: HOSTILE.into(),
                    value: HOSTILE.into(),
                    why: HOSTILE.into(),
                    reads: vec![(HOSTILE.into(), HOSTILE.into())],
                }],
            }],
        });
        vec![Self::of(&Scene::default(), &RuleFile::default(), &Form::default()), full]
    }
}
