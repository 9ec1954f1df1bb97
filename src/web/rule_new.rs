//! `/rules/new`: a name and something to start from. Leads to the builder or to the file's text; nothing is
//! written before it is published there.

use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, answer, go_to, in_address};
use super::rule_file::RuleFile;
use super::scene::Scene;
use crate::app::App;
use crate::rules::{RECIPES, Recipe};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Form {
    name: String,
    recipe: String,
    /// `file`: the text of the file, and not the builder.
    #[serde(default)]
    way: String,
}

/// The page.
#[derive(Template)]
#[template(path = "rule_new.html")]
pub struct RuleNew {
    frame: Frame,
    recipes: &'static [Recipe],
    name: String,
    chosen: String,
    errors: FormErrors,
}

/// `GET /rules/new`.
pub async fn rule_new(app: web::Data<App>) -> Result<HttpResponse, PageError> {
    answer(&RuleNew::of(&Scene::read(&app).await?, Form::default()))
}

/// `POST /rules/new`.
pub async fn rule_begin(app: web::Data<App>, form: web::Form<Form>) -> Result<HttpResponse, PageError> {
    let name = form.name.trim().to_lowercase().replace(' ', "-");
    let recipe =
        RECIPES.iter().find(|recipe| recipe.name == form.recipe).map_or("blank", |recipe| recipe.name);
    let mistake = match RuleFile::open(&app, &name).await {
        // Names of pages of this place.
        _ if name == "new" => {
            Some("A rule can't be called that. Take a name that says what goes where.".to_owned())
        }
        Ok(file) if file.opened.is_some() => {
            Some(format!("There is a rule \"{name}\" already. Take another name, or change that one."))
        }
        Ok(file) => file.trouble,
        Err(_) => Some(
            "This can't be the name of a rule. Take letters, digits and -, as in guests-to-hubspot."
                .to_owned(),
        ),
    };
    if mistake.is_none() {
        let way = if form.way == "file" { "edit" } else { "build" };
        return Ok(go_to(&format!("/rules/{}/{way}?recipe={recipe}", in_address(&name))));
    }
    let mut page = RuleNew::of(&Scene::read(&app).await?, form.into_inner());
    page.errors = FormErrors::at("name", &mistake.unwrap_or_default());
    page.errors.answer(&page)
}

impl RuleNew {
    fn of(scene: &Scene, form: Form) -> Self {
        Self {
            frame: Frame::new(Place::Rules, scene, None),
            recipes: &RECIPES,
            name: form.name,
            chosen: form.recipe,
            errors: FormErrors::none(),
        }
    }
}

#[cfg(test)]
impl RuleNew {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let mut wrong =
            Self::of(&scene(), Form { name: HOSTILE.into(), recipe: HOSTILE.into(), way: HOSTILE.into() });
        wrong.errors = FormErrors::at("name", HOSTILE);
        vec![Self::of(&Scene::default(), Form::default()), wrong]
    }
}
