//! `POST /bookings/{id}/fetch`: a person wants a booking fetched from its booking system now. Leads back to its page.

use super::errors::PageError;
use super::page::{go_to, in_address};
use super::viewer::Viewer;
use crate::app::{App, AskError};
use crate::domain::BookingId;
use actix_web::{HttpResponse, web};

/// The action.
pub async fn booking_fetch(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let id = BookingId::new(id.into_inner());
    let said = match app.fetch_booking(&id, viewer.name()).await {
        Ok(_) => {
            app.audit(&viewer.who(), "booking.fetched", id.as_str(), "").await;
            "fetching"
        }
        Err(AskError::NotNow(_)) => "not-fetched",
        Err(error) => return Err(error.into()),
    };
    Ok(go_to(&format!("/bookings/{}?said={said}", in_address(id.as_str()))))
}
