//! `/sign-in/code`: the second step for whoever has a second factor. Only right after the password.

use super::access::Access;
use super::admission::{local_path, origin_of};
use super::cookies::Cookie;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::kept_form::KeptForm;
use super::page::{Frame, go_to};
use super::sign_in::{Query, Way, come_in};
use crate::app::App;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

const WRONG: &str = "This code is not right, or it was used already. Wait for the next one";

/// What the form sends.
#[derive(Deserialize)]
pub struct Form {
    code: String,
    next: Option<String>,
    to: Option<String>,
    kept: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "sign_in_code.html")]
pub struct CodePage {
    frame: Frame,
    errors: FormErrors,
    next: String,
    kept: Option<KeptForm>,
}

impl CodePage {
    /// For somebody who knew the password just now and brings a form.
    pub(super) fn with(way: Way) -> Self {
        let Way { next, kept } = way;
        Self { frame: Frame::bare(), errors: FormErrors::none(), next, kept }
    }
}

/// `GET /sign-in/code`.
pub(super) async fn sign_in_code_show(
    app: web::Data<App>,
    access: web::Data<Access>,
    query: web::Query<Query>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let token = Cookie::Session.of(&request, access.reached_by(&request));
    let owed = match &token {
        Some(token) => app.owed_a_code(token).await?.is_some(),
        None => false,
    };
    if !owed {
        return Ok(go_to("/sign-in"));
    }
    let next = local_path(query.next.as_deref());
    let page = CodePage::with(Way { next, kept: None });
    page.errors.answer(&page)
}

/// `POST /sign-in/code`.
pub(super) async fn sign_in_code(
    app: web::Data<App>,
    access: web::Data<Access>,
    form: web::Form<Form>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let Form { code, next, to, kept } = form.into_inner();
    let way = Way::of(next.as_deref(), to.as_deref(), kept.as_deref());
    let Some(token) = Cookie::Session.of(&request, access.reached_by(&request)) else {
        return Ok(go_to("/sign-in"));
    };
    if app.owed_a_code(&token).await?.is_none() {
        return Ok(go_to("/sign-in"));
    }
    let errors = match app.sign_in_with_code(&token, &code, &origin_of(&access, &request)).await {
        Ok(Some(begun)) => return come_in(&access, &request, &begun, way),
        Ok(None) => FormErrors::at("code", WRONG),
        Err(error) => FormErrors::of_people(error, "code")?,
    };
    let page = CodePage { errors, ..CodePage::with(way) };
    page.errors.answer(&page)
}

#[cfg(test)]
impl CodePage {
    pub(super) fn samples() -> Vec<Self> {
        let of = |errors, next: &str| Self {
            frame: Frame::bare(),
            errors,
            next: next.to_owned(),
            kept: Some(KeptForm { to: next.to_owned(), fields: vec![(next.to_owned(), next.to_owned())] }),
        };
        vec![of(FormErrors::none(), "/"), of(FormErrors::at("code", WRONG), super::samples::HOSTILE)]
    }
}
