//! `/rules/{name}/edit`: the text of a rule, and below it what is wrong (as `waypost check` says it) and what exactly would
//! be sent for a booking that one chooses. Nothing is changed by it: `rule_review` does, after a look at the difference.

use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::rule_file::{Finding, RuleFile, check, findings};
use super::rule_words::PreviewTold;
use super::scene::Scene;
use crate::app::{App, Checked};
use crate::domain::BookingId;
use crate::ports::{BookingView, ListFilter};
use crate::rules::RECIPES;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use std::sync::Arc;

/// Bookings that one can choose from.
const BOOKINGS_MAX: i64 = 25;

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
    /// Why.
    #[serde(default)]
    pub reason: String,
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
    findings: Vec<Finding>,
    bookings: Vec<(String, String, bool)>,
    preview: Option<PreviewTold>,
    /// What the publisher said.
    said: Option<String>,
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
        reason: String::new(),
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
        None if wanted == Some("blank") => Ok(blank(app)),
        None => Err(PageError::unknown("rule")),
    }
}

/// The newest bookings with the chosen one ticked, and which that is: the newest where nobody chose.
pub async fn bookings_to_choose(
    app: &App,
    wanted: &str,
) -> Result<(Vec<(String, String, bool)>, Option<BookingId>), PageError> {
    let filter = ListFilter { limit: BOOKINGS_MAX, ..ListFilter::default() };
    let bookings = app.store.list_bookings(&filter).await?;
    let bookings: Vec<BookingView> =
        bookings.into_iter().filter(|one| one.key.kind == "booking").take(BOOKINGS_MAX as usize).collect();
    let chosen = Some(BookingId::new(wanted))
        .filter(|id| !id.as_str().is_empty())
        .or_else(|| bookings.first().map(|booking| booking.id.clone()));
    let choices = bookings
        .iter()
        .map(|one| (one.id.to_string(), in_a_line(one), Some(&one.id) == chosen.as_ref()))
        .collect();
    Ok((choices, chosen))
}

/// A rule to begin with, by what is there.
fn blank(app: &App) -> String {
    let active = app.active();
    let source = active.as_ref().and_then(|active| active.sources.keys().next().cloned());
    let connection = active.as_ref().and_then(|active| {
        active
            .connections
            .values()
            .find_map(|one| Some((one.name.clone(), one.actions.keys().next()?.clone())))
    });
    let (connection, action) = connection.unwrap_or(("connection".to_owned(), "action".to_owned()));
    format!(
        "title: A new rule\nenabled: false\nfrom: {}\non: [created, updated, cancelled]\nsteps:\n  - use: {connection}.{action}\n    with:\n      id: \"{{{{ booking.uuid }}}}\"\n",
        source.unwrap_or_else(|| "source".to_owned())
    )
}

impl RuleEdit {
    /// The page for a text, with what is wrong with it and what it would send.
    pub async fn read(app: &Arc<App>, file: &RuleFile, form: &Form) -> Result<Self, PageError> {
        let scene = Scene::read(app).await?;
        let mut page = Self::of(&scene, file, form);
        let (bookings, chosen) = bookings_to_choose(app, &form.booking).await?;
        page.bookings = bookings;
        if file.trouble.is_some() {
            return Ok(page);
        }
        let checked = check(app, &file.draft(&form.text, &form.opened)).await?;
        page.take(&checked, &file.file);
        if let Some(booking) = chosen
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
            findings: Vec::new(),
            bookings: Vec::new(),
            preview: None,
            said: None,
        }
    }

    fn take(&mut self, checked: &Checked, file: &str) {
        self.findings = findings(checked, file);
        self.broken = checked.is_broken();
        self.verdict = match (self.broken, self.findings.is_empty()) {
            (true, _) => "It has a mistake and can't be published like this.",
            (false, true) => "There is no mistake in it.",
            (false, false) => "It can be published; look at these first.",
        };
    }

    /// The same with what the publisher said.
    pub fn saying(mut self, said: String) -> Self {
        self.said = Some(said);
        self
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
        let mut full = Self::of(&scene(), &file, &form).saying(HOSTILE.into());
        full.verdict = "It has a mistake and can't be published like this.";
        full.broken = true;
        full.findings = vec![Finding { is_error: true, text: HOSTILE.into() }];
        full.bookings = vec![(HOSTILE.into(), HOSTILE.into(), true)];
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
