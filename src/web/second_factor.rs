//! `/account/second-factor`: sets it up (picture, key, first code), shows the recovery codes once, turns it off.

use super::access::Access;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, answer};
use super::qr::Qr;
use super::scene::Scene;
use super::sign_in::{Way, come_in, session_cookie};
use super::viewer::Viewer;
use crate::app::{App, CodeSetup, PeopleError};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the form that turns it on sends.
#[derive(Deserialize)]
pub struct On {
    sealed: String,
    password: String,
    code: String,
}

/// What the form that turns it off sends.
#[derive(Deserialize)]
pub struct Off {
    present: String,
}

/// The page.
#[derive(Template)]
#[template(path = "second_factor.html")]
pub struct FactorPage {
    frame: Frame,
    errors: FormErrors,
    is_on: bool,
    qr: Option<Qr>,
    typed: String,
    sealed: String,
}

/// The page after it.
#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub struct RecoveryPage {
    frame: Frame,
    codes: Vec<String>,
}

/// `GET /account/second-factor`.
pub(super) async fn second_factor_show(
    app: web::Data<App>,
    viewer: Viewer,
) -> Result<HttpResponse, PageError> {
    let (_, person) = viewer.account()?;
    let setup = app.begin_second_factor(person).map_err(no_vault)?;
    page(&app, &viewer, setup, FormErrors::none()).await
}

/// `POST /account/second-factor`.
pub(super) async fn second_factor_on(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    form: web::Form<On>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let (session, person) = viewer.account()?;
    let On { sealed, password, code } = form.into_inner();
    let setup = app.second_factor_again(person, &sealed).map_err(no_vault)?;
    match app.set_second_factor(session, person, password, &sealed, &code).await {
        Ok((codes, begun)) => {
            let scene = Scene::read(&app).await?;
            let mut shown = answer(&RecoveryPage { frame: Frame::new(Place::Nowhere, &scene, None), codes })?;
            shown.headers_mut().append(header::SET_COOKIE, session_cookie(&access, &request, &begun));
            Ok(shown)
        }
        Err(error) => page(&app, &viewer, setup, FormErrors::of_people(error, "password")?).await,
    }
}

/// `POST /account/second-factor/off`.
pub(super) async fn second_factor_off(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    form: web::Form<Off>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let (session, person) = viewer.account()?;
    match app.end_second_factor(session, person, form.into_inner().present).await {
        Ok(begun) => come_in(&access, &request, &begun, Way::to("/account?said=no-second-factor")),
        Err(error) => {
            let setup = app.begin_second_factor(person).map_err(no_vault)?;
            page(&app, &viewer, setup, FormErrors::of_people(error, "present")?).await
        }
    }
}

fn no_vault(error: PeopleError) -> PageError {
    match error {
        PeopleError::NoVault(why) => PageError::new(
            StatusCode::CONFLICT,
            "There is no key to keep it with",
            format!("{why} Then a second factor can be set up."),
        ),
        other => other.into(),
    }
}

async fn page(
    app: &App,
    viewer: &Viewer,
    setup: CodeSetup,
    errors: FormErrors,
) -> Result<HttpResponse, PageError> {
    let (_, person) = viewer.account()?;
    let scene = Scene::read(app).await?;
    let page = FactorPage {
        frame: Frame::new(Place::Nowhere, &scene, None),
        errors,
        is_on: person.totp.is_some(),
        qr: Qr::of(&setup.address),
        typed: setup.typed,
        sealed: setup.sealed,
    };
    page.errors.answer(&page)
}

#[cfg(test)]
impl FactorPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::HOSTILE;
        let of = |errors, is_on, qr, text: &str| Self {
            frame: Frame::bare(),
            errors,
            is_on,
            qr,
            typed: text.to_owned(),
            sealed: text.to_owned(),
        };
        vec![
            of(FormErrors::none(), false, Qr::of("otpauth://totp/Waypost"), "ABCD EFGH"),
            of(FormErrors::at("code", "this is not the code that the app shows now"), true, None, HOSTILE),
        ]
    }
}

#[cfg(test)]
impl RecoveryPage {
    pub(super) fn samples() -> Vec<Self> {
        vec![Self { frame: Frame::bare(), codes: vec!["abcd-efgh-ijkl-mnop".into(); 8] }]
    }
}
