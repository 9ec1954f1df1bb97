//! `/sign-in`: e-mail and password. Says the same whatever is wrong with them, asks for patience after some wrong ones, and
//! goes on to where somebody wanted to go, or to the code of the second factor.

use super::access::Access;
use super::admission::{local_path, origin_of};
use super::cookies::Cookie;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, go_to};
use super::viewer::Viewer;
use crate::app::{App, Begun, SESSION_MS};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// Said for an unknown address as for a wrong password.
const WRONG: &str = "The e-mail or the password is not right";

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    pub(super) next: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct Form {
    email: String,
    password: String,
    next: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    frame: Frame,
    errors: FormErrors,
    email: String,
    next: String,
    nobody_yet: bool,
}

/// `GET /sign-in`.
pub(super) async fn sign_in_show(
    app: web::Data<App>,
    viewer: Option<Viewer>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let next = local_path(query.next.as_deref());
    if viewer.is_some() {
        return Ok(go_to(&next));
    }
    page(&app, FormErrors::none(), String::new(), next).await
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Option<Viewer>,
    form: web::Form<Form>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let Form { email, password, next } = form.into_inner();
    let next = local_path(next.as_deref());
    if viewer.is_some_and(|viewer| viewer.is_demo()) {
        return Ok(go_to(&next));
    }
    let errors = match app.sign_in(&email, password, &origin_of(&access, &request)).await {
        Ok(Some(begun)) => return Ok(come_in(&access, &request, &begun, &next)),
        Ok(None) => FormErrors::at("email", WRONG),
        Err(error) => FormErrors::of_people(error, "password")?,
    };
    page(&app, errors, email, next).await
}

async fn page(app: &App, errors: FormErrors, email: String, next: String) -> Result<HttpResponse, PageError> {
    let nobody_yet = !app.store.people().has_admin().await?;
    let page = SignInPage { frame: Frame::bare(), errors, email, next, nobody_yet };
    page.errors.answer(&page)
}

/// The answer to somebody whose session began: the cookie, and on to where they wanted to go.
pub(super) fn come_in(access: &Access, request: &HttpRequest, begun: &Begun, next: &str) -> HttpResponse {
    let address = if !begun.needs_code {
        next.to_owned()
    } else if next == "/" {
        "/sign-in/code".to_owned()
    } else {
        format!("/sign-in/code?next={}", utf8_percent_encode(next, NON_ALPHANUMERIC))
    };
    let cookie = session_cookie(access, request, begun);
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, address))
        .append_header((header::SET_COOKIE, cookie))
        .finish()
}

/// The cookie of a session that began.
pub(super) fn session_cookie(access: &Access, request: &HttpRequest, begun: &Begun) -> header::HeaderValue {
    Cookie::Session.set(access.reached_by(request), &begun.token, SESSION_MS / 1_000)
}

#[cfg(test)]
impl SignInPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::HOSTILE;
        let of = |errors, text: &str, nobody_yet| Self {
            frame: Frame::bare(),
            errors,
            email: text.to_owned(),
            next: text.to_owned(),
            nobody_yet,
        };
        vec![of(FormErrors::none(), "", true), of(FormErrors::at("email", WRONG), HOSTILE, false)]
    }
}
