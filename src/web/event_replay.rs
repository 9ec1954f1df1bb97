//! `POST /events/{id}/replay`: a person wants a webhook read again that became nothing. Leads to what it is now, else back to its
//! page, which says why it would become nothing again.

use super::errors::PageError;
use super::page::{go_to, in_address};
use super::viewer::Viewer;
use crate::app::App;
use crate::domain::EventId;
use actix_web::{HttpResponse, web};

/// The action.
pub async fn event_replay(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let id = EventId::new(id.into_inner());
    let again = app.read_event_again(&id).await?;
    if again.is_some() {
        app.audit(&viewer.who(), "event.replayed", id.as_str(), "").await;
    }
    let said = if again.is_some() { "read-again" } else { "not-read-again" };
    Ok(go_to(&format!("/events/{}?said={said}", in_address(again.as_ref().unwrap_or(&id).as_str()))))
}
