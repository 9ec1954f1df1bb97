//! `POST /runs/{id}/retry`: a person tries a run again. Leads back to where the button was.

use super::errors::PageError;
use super::page::{go_to, in_address};
use super::viewer::Viewer;
use crate::app::App;
use crate::domain::RunId;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Form {
    back: Option<String>,
}

/// The action.
pub async fn run_retry(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let id = RunId::new(id.into_inner());
    let due = app.store.run_with_context(&id).await?.ok_or_else(|| PageError::unknown("run"))?;
    let taken = app.retry(std::slice::from_ref(&id), false).await?;
    if taken.contains(&id) {
        app.audit(&viewer.who(), "run.retried", id.as_str(), "").await;
    }
    let said = if taken.contains(&id) { "tried" } else { "not-tried" };
    let run = in_address(id.as_str());
    let address = match form.back.as_deref() {
        Some("booking") => {
            format!("/bookings/{}?said={said}#{run}", in_address(due.run.booking.as_str()))
        }
        Some("event") => format!("/events/{}?said={said}#{run}", in_address(due.event.as_str())),
        _ => format!("/runs/{run}?said={said}"),
    };
    Ok(go_to(&address))
}
