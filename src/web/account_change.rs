//! What the forms of `/account` do: details, password, ending a session. Each leads back there.

use super::access::Access;
use super::account_show::page;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::go_to;
use super::sign_in::{Way, come_in};
use super::viewer::Viewer;
use crate::app::App;
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::tz::TimeZone;
use serde::Deserialize;

const NO_ZONE: &str = "Enter a time zone by its name, as in Europe/Dublin, or leave it empty";

/// Name and zone.
#[derive(Deserialize)]
pub struct Profile {
    name: String,
    time_zone: String,
}

/// Both passwords.
#[derive(Deserialize)]
pub struct Passwords {
    present: String,
    new: String,
}

/// `POST /account`.
pub(super) async fn profile(
    app: web::Data<App>,
    viewer: Viewer,
    form: web::Form<Profile>,
) -> Result<HttpResponse, PageError> {
    let (_, person) = viewer.account()?;
    let zone = form.time_zone.trim();
    let zone = match TimeZone::get(zone) {
        _ if zone.is_empty() => None,
        Ok(found) => found.iana_name().map(str::to_owned),
        Err(_) => return page(&app, &viewer, None, FormErrors::at("time_zone", NO_ZONE)).await,
    };
    match app.set_profile(&viewer.who(), person, &form.name, zone).await {
        Ok(()) => Ok(go_to("/account?said=profile")),
        Err(error) => page(&app, &viewer, None, FormErrors::of_people(error, "name")?).await,
    }
}

/// `POST /account/password`.
pub(super) async fn password(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    form: web::Form<Passwords>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let (session, person) = viewer.account()?;
    let Passwords { present, new } = form.into_inner();
    let weak = App::mistakes_of(&person.email, &person.name, Some(&new));
    if present.is_empty() {
        let mut errors = FormErrors::at("present", "Enter your present password");
        errors.also_of_people(weak, "new");
        return page(&app, &viewer, None, errors).await;
    }
    match app.change_password(session, person, present, new).await {
        Ok(begun) => come_in(&access, &request, &begun, Way::to("/account?said=password")),
        Err(error) => {
            let field = if matches!(error, crate::app::PeopleError::Weak(_)) { "new" } else { "present" };
            let mut errors = FormErrors::of_people(error, field)?;
            errors.also_of_people(weak, "new");
            page(&app, &viewer, None, errors).await
        }
    }
}

/// `POST /account/sessions/{id}/end`.
pub(super) async fn end_session(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (_, person) = viewer.account()?;
    if app.end_session(person, &id).await? {
        Ok(go_to("/account?said=ended"))
    } else {
        Err(PageError::unknown("session"))
    }
}
