//! `POST /api/v1/guests/find`, `/export`, `/erase`: what is known of one guest. Whom somebody asks for stands in a body, never
//! in an address, so that it is in no log of addresses.

use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::booking_records::records;
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::{App, Guest, GuestBooking, GuestError};
use crate::told::rfc3339;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whom somebody asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhoAsked {
    /// Their whole e-mail address, their whole phone number, or the number of a booking.
    #[schema(example = "guest1@example.org", min_length = 1, max_length = 200)]
    who: String,
}

/// Whom to erase.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EraseAsked {
    /// The same as they were found by.
    #[schema(example = "guest1@example.org", min_length = 1, max_length = 200)]
    who: String,
    /// The `mark` that finding them gave: what was looked at is what is erased.
    mark: String,
}

/// A guest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Guest)]
pub(super) struct GuestTold {
    /// Stands for these bookings; erasing asks for it.
    mark: String,
    /// Their bookings, the last changed first; 100 at most.
    bookings: Vec<GuestBookingTold>,
    /// There are more bookings, which are told, exported and erased when these are erased.
    more: bool,
    /// Runs that are not at their end: while there are any, nothing is erased.
    under_way: i64,
}

/// A booking of a guest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuestBooking)]
pub(super) struct GuestBookingTold {
    /// Its id.
    id: String,
    /// Its key in the booking system.
    key: String,
    /// Changes of it, counted up to 1000.
    changes: i64,
    /// Runs of it, counted up to 1000.
    runs: i64,
    /// Runs that wait, are paused, or in a call.
    under_way: i64,
    /// Runs that need somebody; erasing cancels them.
    needs_you: i64,
    /// When the guest was erased from it, where nothing came in since.
    #[schema(format = DateTime)]
    erased_at: Option<String>,
    /// Records in CRMs. Erasing leaves them: they are erased there.
    records: Vec<GuestRecord>,
}

/// A record in a CRM.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GuestRecord {
    /// What the connection is called.
    connection: String,
    /// What it is there.
    object: String,
    /// Its id there, where known.
    id: Option<String>,
    /// Where a person sees it, where known.
    url: Option<String>,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuestErased)]
pub(super) struct ErasedTold {
    /// Bookings that the guest was erased from.
    bookings: i64,
    /// Webhooks that lost their body.
    webhooks: i64,
    /// Runs that lost their fields, requests and answers.
    runs: i64,
    /// The database's logs were emptied too; false: they are overwritten as Waypost goes on.
    logs: bool,
    /// Records in CRMs that hold the guest still: they are erased there.
    records: Vec<GuestRecord>,
}

/// All that is known of a guest.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GuestExport {
    /// When this was written.
    #[schema(format = DateTime)]
    exported_at: String,
    /// Bookings as they are and were, their webhooks, runs, calls and records.
    #[schema(value_type = Vec<Object>)]
    bookings: Vec<serde_json::Value>,
    /// There are more bookings than these.
    there_are_more: bool,
}

fn records_of(app: &App, scene: &Scene, booking: &GuestBooking) -> Vec<GuestRecord> {
    let told = records(app, scene, &booking.links, &[]).into_iter();
    told.map(|one| GuestRecord { connection: one.connection, object: one.object, id: one.id, url: one.url })
        .collect()
}

impl GuestTold {
    fn of(app: &App, scene: &Scene, guest: &Guest) -> Self {
        let told = |booking: &GuestBooking| GuestBookingTold {
            id: booking.view.id.to_string(),
            key: booking.view.key.key.clone(),
            changes: booking.changes as i64,
            runs: booking.runs as i64,
            under_way: booking.under_way,
            needs_you: booking.needs_you,
            erased_at: booking.erased.as_ref().map(|erased| rfc3339(erased.at)),
            records: records_of(app, scene, booking),
        };
        Self {
            mark: guest.mark(),
            bookings: guest.bookings.iter().map(told).collect(),
            more: guest.more,
            under_way: guest.under_way(),
        }
    }
}

impl From<GuestError> for ApiError {
    fn from(error: GuestError) -> Self {
        let why = error.to_string();
        match error {
            GuestError::Store(error) => error.into(),
            GuestError::Nothing => Self::wrong_value(&why),
            GuestError::Nobody => Self::not_found("guest").hinted(
                "It is the whole e-mail address, phone number or booking number that is looked for, exactly.",
            ),
            GuestError::Changed => Self::not_now("the guest's bookings have changed since they were found")
                .called("guest_changed")
                .hinted("Nothing was erased. Find the guest again, and erase with the new mark."),
            GuestError::BeingFetched => Self::not_now(&why)
                .called("being_fetched")
                .hinted("Wait until it came, or mend what keeps it from coming, and erase then."),
            GuestError::UnderWay(_) => Self::not_now(&why).called("under_way").hinted(
                "They would send again what is to be erased. Let them end, or cancel them, and erase then.",
            ),
        }
    }
}

/// Find one guest's bookings
///
/// All bookings with exactly this address, phone number or booking number, with what hangs on them.
#[utoipa::path(post, path = "/api/v1/guests/find", tag = "guests", request_body = WhoAsked,
    responses((status = 200, description = "The guest.", body = GuestTold)))]
pub(super) async fn find_guest(app: web::Data<App>, Body(asked): Body<WhoAsked>) -> Answer {
    let guest = app.guest(&asked.who).await?;
    answered(&GuestTold::of(&app, &Scene::read(&app).await?, &guest))
}

/// All that is known of one guest
///
/// For whoever asks what is kept about them. It is noted in the log, without saying whom it was about.
#[utoipa::path(post, path = "/api/v1/guests/export", tag = "guests", request_body = WhoAsked,
    responses((status = 200, description = "All of it.", body = GuestExport)))]
pub(super) async fn export_guest(app: web::Data<App>, viewer: Viewer, Body(asked): Body<WhoAsked>) -> Answer {
    answered(&app.export_guest(&viewer.who(), &asked.who).await?)
}

/// Erase one guest
///
/// What can't be brought back: names, addresses, phones and all else of theirs goes from bookings, webhooks, runs and calls.
#[utoipa::path(post, path = "/api/v1/guests/erase", tag = "guests", request_body = EraseAsked,
    responses((status = 200, description = "What was erased.", body = ErasedTold)))]
pub(super) async fn erase_guest(
    app: web::Data<App>,
    viewer: Viewer,
    Body(asked): Body<EraseAsked>,
) -> Answer {
    let (guest, done) = app.erase_guest(&viewer.who(), &asked.who, &asked.mark).await?;
    let scene = Scene::read(&app).await?;
    answered(&ErasedTold {
        bookings: done.bookings,
        webhooks: done.webhooks,
        runs: done.runs,
        logs: done.logs,
        records: guest.bookings.iter().flat_map(|booking| records_of(&app, &scene, booking)).collect(),
    })
}
