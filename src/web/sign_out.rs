//! `POST /sign-out`: ends the session, here and in the browser.

use super::access::Access;
use super::cookies::Cookie;
use super::errors::PageError;
use crate::app::App;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

/// The action.
pub(super) async fn sign_out(
    app: web::Data<App>,
    access: web::Data<Access>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let reached = access.reached_by(&request);
    if let Some(token) = Cookie::Session.of(&request, reached) {
        app.sign_out(&token).await?;
    }
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/sign-in"))
        .append_header((header::SET_COOKIE, Cookie::Session.set(reached, "", 0)))
        .finish())
}
