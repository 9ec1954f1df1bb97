//! `/sign-in`: e-mail and password. Says the same whatever is wrong with them, asks for patience after some wrong ones, and
//! goes on to where somebody wanted to go, or to the code of the second factor.

use super::access::Access;
use super::admission::{local_path, origin_of};
use super::cookies::Cookie;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::kept_form::KeptForm;
use super::page::{Frame, answer, go_to};
use super::sign_in_code::CodePage;
use super::viewer::{Viewer, form_token};
use crate::app::{App, Begun, SESSION_MS};
use actix_web::http::{StatusCode, header};
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
    signed_out: Option<String>,
    to: Option<String>,
    kept: Option<String>,
}

/// Where somebody goes on after signing in.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    /// The page.
    pub next: String,
    /// What they sent after their session had ended: it is shown first.
    pub kept: Option<KeptForm>,
}

impl Way {
    /// To one of our pages.
    pub fn to(next: &str) -> Self {
        Self { next: next.to_owned(), kept: None }
    }

    /// By what a form says; whatever else leads to the first page.
    pub fn of(next: Option<&str>, to: Option<&str>, kept: Option<&str>) -> Self {
        Self { next: local_path(next), kept: to.zip(kept).and_then(|(to, kept)| KeptForm::read(to, kept)) }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    frame: Frame,
    errors: FormErrors,
    email: String,
    next: String,
    /// Their session ended while they were at work.
    signed_out: bool,
    kept: Option<KeptForm>,
    nobody_yet: bool,
}

/// What was sent without being signed in, to be sent again.
#[derive(Template)]
#[template(path = "go_on.html")]
pub struct GoOnPage {
    frame: Frame,
    kept: KeptForm,
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
    page(&app, SignInPage::at(Way { next, kept: None })).await
}

/// The page for somebody who sent a form after their session had ended.
pub(super) fn signed_out(way: Way) -> Result<HttpResponse, PageError> {
    let mut answer = answer(&SignInPage { signed_out: true, ..SignInPage::at(way) })?;
    *answer.status_mut() = StatusCode::UNAUTHORIZED;
    Ok(answer)
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Option<Viewer>,
    form: web::Form<Form>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let Form { email, password, next, signed_out, to, kept } = form.into_inner();
    let way = Way::of(next.as_deref(), to.as_deref(), kept.as_deref());
    if viewer.is_some_and(|viewer| viewer.is_demo()) {
        return Ok(go_to(&way.next));
    }
    let errors = match app.sign_in(&email, password, &origin_of(&access, &request)).await {
        Ok(Some(begun)) => return come_in(&access, &request, &begun, way),
        Ok(None) => FormErrors::at("email", WRONG),
        Err(error) => FormErrors::of_people(error, "password")?,
    };
    let signed_out = signed_out.is_some();
    page(&app, SignInPage { errors, email, signed_out, ..SignInPage::at(way) }).await
}

async fn page(app: &App, mut page: SignInPage) -> Result<HttpResponse, PageError> {
    page.nobody_yet = !app.store.people().has_admin().await?;
    page.errors.answer(&page)
}

impl SignInPage {
    fn at(way: Way) -> Self {
        let Way { next, kept } = way;
        let (frame, errors) = (Frame::bare(), FormErrors::none());
        Self { frame, errors, email: String::new(), next, signed_out: false, kept, nobody_yet: false }
    }
}

/// The answer to somebody whose session began: the cookie, and on to where they wanted to go. A form that they bring is
/// shown to them with a button that sends it.
pub(super) fn come_in(
    access: &Access,
    request: &HttpRequest,
    begun: &Begun,
    way: Way,
) -> Result<HttpResponse, PageError> {
    let mut answer = match way {
        Way { kept: Some(_), .. } if begun.needs_code => answer(&CodePage::with(way))?,
        Way { kept: Some(kept), .. } => {
            let frame = Frame::bare().with_form_token(form_token(&begun.token));
            answer(&GoOnPage { frame, kept })?
        }
        Way { next, .. } if !begun.needs_code => go_to(&next),
        Way { next, .. } if next == "/" => go_to("/sign-in/code"),
        Way { next, .. } => {
            go_to(&format!("/sign-in/code?next={}", utf8_percent_encode(&next, NON_ALPHANUMERIC)))
        }
    };
    answer.headers_mut().append(header::SET_COOKIE, session_cookie(access, request, begun));
    Ok(answer)
}

/// The cookie of a session that began.
pub(super) fn session_cookie(access: &Access, request: &HttpRequest, begun: &Begun) -> header::HeaderValue {
    Cookie::Session.set(access.reached_by(request), &begun.token, SESSION_MS / 1_000)
}

#[cfg(test)]
impl SignInPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::HOSTILE;
        let of = |errors, text: &str, nobody_yet: bool| Self {
            frame: Frame::bare(),
            errors,
            email: text.to_owned(),
            next: text.to_owned(),
            signed_out: !nobody_yet,
            kept: (!nobody_yet).then(|| kept(text)),
            nobody_yet,
        };
        vec![of(FormErrors::none(), "", true), of(FormErrors::at("email", WRONG), HOSTILE, false)]
    }
}

#[cfg(test)]
fn kept(text: &str) -> KeptForm {
    KeptForm { to: text.to_owned(), fields: vec![(text.to_owned(), text.to_owned())] }
}

#[cfg(test)]
impl GoOnPage {
    pub(super) fn samples() -> Vec<Self> {
        vec![Self { frame: Frame::bare(), kept: kept(super::samples::HOSTILE) }]
    }
}
