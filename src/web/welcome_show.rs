//! `/welcome/{token}`: what a one-time link leads to: the first account, or choosing a password. Looking uses nothing up.

use super::access::Access;
use super::admission::origin_of;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, in_address};
use super::sign_in::{Way, come_in};
use crate::app::{App, LinkOpened, PeopleError};
use crate::ports::LinkKind;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the form sends.
#[derive(Default, Deserialize)]
pub struct Form {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    password: String,
}

/// The page.
#[derive(Template)]
#[template(path = "welcome_show.html")]
pub struct WelcomePage {
    frame: Frame,
    errors: FormErrors,
    title: &'static str,
    button: &'static str,
    first: bool,
    name: String,
    email: String,
    token: String,
}

/// `GET /welcome/{token}`.
pub(super) async fn welcome_show(
    app: web::Data<App>,
    token: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let opened = app.open_link(&token).await?.ok_or_else(gone)?;
    let page = WelcomePage::of(&opened, &token, &Form::default(), FormErrors::none());
    page.errors.answer(&page)
}

/// `POST /welcome/{token}`.
pub(super) async fn welcome(
    app: web::Data<App>,
    access: web::Data<Access>,
    token: web::Path<String>,
    form: web::Form<Form>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let opened = app.open_link(&token).await?.ok_or_else(gone)?;
    let origin = origin_of(&access, &request);
    match app.use_link(&token, &form.email, &form.name, form.password.clone(), &origin).await {
        Ok(begun) => {
            // Whoever makes the first account finds nothing set up.
            let next = if opened.kind == LinkKind::First { "/begin" } else { "/" };
            come_in(&access, &request, &begun, Way::to(next))
        }
        Err(PeopleError::LinkGone) => Err(gone()),
        Err(error) => {
            let mut errors = FormErrors::of_people(error, "password")?;
            let known = opened.person.as_ref().map(|person| (person.email.as_str(), person.name.as_str()));
            let (email, name) = known.unwrap_or((&form.email, &form.name));
            errors.also_of_people(App::mistakes_of(email, name, Some(&form.password)), "password");
            let page = WelcomePage::of(&opened, &token, &form, errors);
            page.errors.answer(&page)
        }
    }
}

fn gone() -> PageError {
    let error = PageError::new(
        StatusCode::GONE,
        "This link is over",
        "It was used already, is too old, or a newer one took its place. Sign in, or ask an admin for another one. The \
         link for the first account is printed by waypost serve at its start, each time anew.",
    );
    error.way("/sign-in", "Sign in")
}

impl WelcomePage {
    fn of(opened: &LinkOpened, token: &str, form: &Form, errors: FormErrors) -> Self {
        let (title, button) = match opened.kind {
            LinkKind::First => ("Make the first account", "Make the account"),
            LinkKind::Invite => ("Welcome to Waypost", "Keep this password and sign in"),
            LinkKind::Reset => ("Choose a new password", "Keep this password and sign in"),
        };
        let (name, email) = opened.person.as_ref().map_or_else(
            || (form.name.clone(), form.email.clone()),
            |person| (person.name.clone(), person.email.clone()),
        );
        let first = opened.person.is_none();
        Self { frame: Frame::bare(), errors, title, button, first, name, email, token: in_address(token) }
    }
}

#[cfg(test)]
impl WelcomePage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, person};
        let first = LinkOpened { kind: LinkKind::First, person: None };
        let invited = LinkOpened { kind: LinkKind::Invite, person: Some(person(HOSTILE)) };
        let form = Form { name: HOSTILE.into(), email: HOSTILE.into(), password: String::new() };
        let wrong = FormErrors::at("email", "there is an account with this e-mail address already");
        vec![
            Self::of(&first, "token", &Form::default(), FormErrors::none()),
            Self::of(&first, HOSTILE, &form, wrong),
            Self::of(&invited, "token", &Form::default(), FormErrors::none()),
        ]
    }
}
