//! `/rules/{name}/remove` and `/rules/{name}/rename`: a rule goes, or gets another name. Each asks once, with what it means,
//! and wants a reason; both are one commit in the folder's history.

use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, answer, go_to, in_address};
use super::rule_file::RuleFile;
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::{App, PublishError, RuleMove};
use crate::document::render;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Form {
    #[serde(default)]
    new_name: String,
    #[serde(default)]
    opened: String,
    #[serde(default)]
    reason: String,
}

/// The page.
#[derive(Template)]
#[template(path = "rule_move.html")]
pub struct RuleMovePage {
    frame: Frame,
    address: String,
    name: String,
    title: String,
    renames: bool,
    has_tests: bool,
    form: Form,
    trouble: Option<String>,
    errors: FormErrors,
    mistakes: Vec<String>,
}

/// `GET /rules/{name}/remove`.
pub async fn rule_remove_ask(
    app: web::Data<App>,
    name: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    answer(&RuleMovePage::read(&app, &name, false).await?)
}

/// `GET /rules/{name}/rename`.
pub async fn rule_rename_ask(
    app: web::Data<App>,
    name: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    answer(&RuleMovePage::read(&app, &name, true).await?)
}

/// `POST /rules/{name}/remove`.
pub async fn rule_remove(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    moved(app, viewer, &name, form.into_inner(), false).await
}

/// `POST /rules/{name}/rename`.
pub async fn rule_rename(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    moved(app, viewer, &name, form.into_inner(), true).await
}

async fn moved(
    app: web::Data<App>,
    viewer: Viewer,
    name: &str,
    form: Form,
    renames: bool,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let file = RuleFile::open_known(&app, name).await?;
    let new_name = form.new_name.trim().to_lowercase().replace(' ', "-");
    let what = if renames { RuleMove::Rename(&new_name) } else { RuleMove::Remove };
    let done = app.move_rule(&file.name, &form.opened, what, (viewer.actor(), form.reason.clone())).await;
    let (field, said, mistakes) = match done {
        Ok(_) if renames => {
            let told = format!("{} is {new_name} now. {}", file.name, form.reason);
            app.audit(&viewer.who(), "rule.renamed", &file.name, &told).await;
            return Ok(go_to(&format!("/rules/{}?said=renamed", in_address(&new_name))));
        }
        Ok(_) => {
            app.audit(&viewer.who(), "rule.removed", &file.name, &form.reason).await;
            return Ok(go_to("/rules?said=rule-removed"));
        }
        Err(PublishError::Wrong(why)) => {
            let field = if form.reason.trim().is_empty() || !renames { "reason" } else { "new_name" };
            (field, why.to_owned(), Vec::new())
        }
        Err(PublishError::Name(_)) if renames => {
            let why =
                "This can't be the name of a rule. Take letters, digits and -, as in guests-to-hubspot.";
            ("new_name", why.to_owned(), Vec::new())
        }
        Err(PublishError::Changed(_)) => {
            let why = "Nothing was changed: somebody changed the file since you opened this page. Look at it again.";
            ("content", why.to_owned(), Vec::new())
        }
        Err(PublishError::Broken(checked)) => {
            let told = checked.diagnostics.iter().take(10);
            let shown = |told| -> String {
                let told: &crate::document::Diagnostic = told;
                render(told, checked.texts.get(&told.file).map(String::as_str))
            };
            let why = "Nothing was changed: the rules would have a mistake.".to_owned();
            ("mistakes", why, told.map(shown).collect())
        }
        Err(error) => return Err(error.into()),
    };
    let mut page = RuleMovePage::read(&app, name, renames).await?;
    page.form = Form { opened: page.form.opened, ..form };
    page.errors = FormErrors::at(field, &said);
    page.mistakes = mistakes;
    page.errors.answer(&page)
}

impl RuleMovePage {
    async fn read(app: &App, name: &str, renames: bool) -> Result<Self, PageError> {
        let file = RuleFile::open_known(app, name).await?;
        let scene = Scene::read(app).await?;
        let mut page = Self::of(&scene, &file, renames);
        page.has_tests =
            app.open_file(&format!("{}.test.yaml", file.name)).await.is_ok_and(|found| found.is_some());
        Ok(page)
    }

    fn of(scene: &Scene, file: &RuleFile, renames: bool) -> Self {
        let opened = file.opened.clone().unwrap_or_default();
        Self {
            frame: Frame::new(Place::Rules, scene, None),
            address: in_address(&file.name),
            name: file.name.clone(),
            title: scene.rule(&file.name),
            renames,
            has_tests: false,
            form: Form { new_name: file.name.clone(), opened, reason: String::new() },
            trouble: file.trouble.clone(),
            errors: FormErrors::none(),
            mistakes: Vec::new(),
        }
    }
}

#[cfg(test)]
impl RuleMovePage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let file = RuleFile { name: HOSTILE.into(), trouble: Some(HOSTILE.into()), ..RuleFile::default() };
        let mut pages = [true, false].map(|renames| Self::of(&scene(), &file, renames));
        for page in &mut pages {
            page.has_tests = true;
            page.errors = FormErrors::at("new_name", HOSTILE);
            page.mistakes = vec![HOSTILE.into()];
            page.form = Form { new_name: HOSTILE.into(), opened: HOSTILE.into(), reason: HOSTILE.into() };
        }
        pages.into()
    }
}
