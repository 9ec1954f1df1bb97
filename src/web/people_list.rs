//! `/settings/people`: who has an account, and the form that asks somebody in. The buttons of each line are in
//! `people_change`.

use super::access::Access;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::link_made::LinkPage;
use super::page::{Frame, Place, answer, in_address};
use super::scene::Scene;
use super::times::Moment;
use super::viewer::Viewer;
use super::words::{Mark, Tone};
use crate::app::App;
use crate::domain::Role;
use crate::ports::PersonRow;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
}

/// Whom to ask in.
#[derive(Default, Deserialize)]
pub struct Form {
    name: String,
    email: String,
    role: String,
}

/// The page.
#[derive(Template)]
#[template(path = "people_list.html")]
pub struct PeoplePage {
    frame: Frame,
    errors: FormErrors,
    tab: &'static str,
    rows: Vec<Row>,
    roles: Vec<&'static str>,
    name: String,
    email: String,
}

struct Row {
    id: String,
    name: String,
    email: String,
    role: &'static str,
    mark: Mark,
    factor: bool,
    disabled: bool,
    signed_in: Option<Moment>,
    you: bool,
}

/// `GET /settings/people`.
pub(super) async fn people_list(
    app: web::Data<App>,
    viewer: Viewer,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    page(&app, &viewer, query.said.as_deref(), &Form::default(), FormErrors::none()).await
}

/// `POST /settings/people`.
pub(super) async fn invite(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    form: web::Form<Form>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let role = Role::parse(&form.role).ok_or_else(|| PageError::unreadable_form("no such role"))?;
    match app.invite(&viewer.who(), &form.email, &form.name, role).await {
        Ok((person, link)) => {
            let scene = Scene::read(&app).await?;
            answer(&LinkPage::of(&scene, &person, &access.base(&request), &link))
        }
        Err(error) => page(&app, &viewer, None, &form, FormErrors::of_people(error, "email")?).await,
    }
}

async fn page(
    app: &App,
    viewer: &Viewer,
    said: Option<&str>,
    form: &Form,
    errors: FormErrors,
) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(app).await?;
    let people = app.store.people().people().await?;
    let page = PeoplePage::of(&scene, &people, &viewer.who().id, said, form, errors);
    page.errors.answer(&page)
}

impl PeoplePage {
    fn of(
        scene: &Scene,
        people: &[PersonRow],
        you: &str,
        said: Option<&str>,
        form: &Form,
        errors: FormErrors,
    ) -> Self {
        Self {
            frame: Frame::new(Place::Nowhere, scene, said),
            errors,
            tab: "people",
            rows: people.iter().map(|person| Row::of(person, scene, you)).collect(),
            roles: Role::ALL.iter().map(|role| role.as_str()).collect(),
            name: form.name.clone(),
            email: form.email.clone(),
        }
    }
}

impl Row {
    fn of(person: &PersonRow, scene: &Scene, you: &str) -> Self {
        let mark = match (person.disabled_at, &person.password) {
            (Some(_), _) => Mark::new(Tone::Quiet, "may not sign in"),
            (None, None) => Mark::new(Tone::Waiting, "asked in, no password yet"),
            (None, Some(_)) => Mark::new(Tone::Good, "may sign in"),
        };
        Self {
            id: in_address(&person.id),
            name: person.name.clone(),
            email: person.email.clone(),
            role: person.role.as_str(),
            mark,
            factor: person.totp.is_some(),
            disabled: person.disabled_at.is_some(),
            signed_in: person.signed_in_at.map(|at| Moment::of(at, scene.now)),
            you: person.id == you,
        }
    }
}

#[cfg(test)]
impl PeoplePage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, person, scene};
        let disabled = PersonRow { disabled_at: Some(1), totp: None, ..person("Ólafur") };
        let invited = PersonRow { password: None, signed_in_at: None, ..person("Mary") };
        let people = [person("Siobhán"), person(HOSTILE), disabled, invited];
        let form = Form { name: HOSTILE.into(), email: HOSTILE.into(), role: String::new() };
        let wrong = FormErrors::at("email", HOSTILE);
        vec![
            Self::of(&scene(), &[], "demo", None, &Form::default(), FormErrors::none()),
            Self::of(&scene(), &people, "per_Siobhán", Some("role"), &form, wrong),
        ]
    }
}
