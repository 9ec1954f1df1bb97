//! `POST /api/v1/bookings/{id}/fetch`: a booking is fetched from its booking system again.

use super::api_body::{Answer, Body, with};
use super::api_run_acts::Nothing;
use super::viewer::Viewer;
use crate::app::App;
use crate::domain::BookingId;
use crate::told::rfc3339;
use actix_web::http::StatusCode;
use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

/// A fetch that is to be made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fetch)]
pub(super) struct FetchTold {
    /// Its id.
    id: String,
    /// The booking.
    booking: String,
    /// `due`: it is made at `due_at`; `working`: it is under way.
    #[schema(example = "due")]
    state: &'static str,
    /// When it is made.
    #[schema(format = DateTime)]
    due_at: String,
    /// How often it failed in a row so far.
    tries: i64,
    /// Why the last try failed, as a sentence.
    trouble: Option<String>,
}

/// Fetch a booking again
///
/// The booking system is asked how the booking is now; what is new is applied like a webhook. 409 where its source has no
/// keys for the booking system's API.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/fetch", tag = "bookings",
    params(("id" = String, Path, description = "Its id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 202, description = "It is fetched.", body = FetchTold)))]
pub(super) async fn fetch_booking(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let id = BookingId::new(id.into_inner());
    let row = app.fetch_booking(&id, viewer.name()).await?;
    app.audit(&viewer.who(), "booking.fetched", id.as_str(), "").await;
    let told = FetchTold {
        id: row.id,
        booking: id.to_string(),
        state: row.state.as_str(),
        due_at: rfc3339(row.due_at),
        tries: row.tries,
        trouble: row.told,
    };
    with(StatusCode::ACCEPTED, &told)
}
