//! `POST /settings/guest/erase`: erases one guest after what was looked for was typed once more, and says what was done and
//! what is left to do elsewhere.

use super::errors::PageError;
use super::form_errors::FormErrors;
use super::guest_show::{Form, GuestRow, refused, shown};
use super::page::{Frame, Place, answer};
use super::scene::Scene;
use super::times::counted;
use super::viewer::Viewer;
use crate::app::{App, GuestErased};
use crate::domain::fold;
use actix_web::{HttpResponse, web};
use askama::Template;

/// The page.
#[derive(Template)]
#[template(path = "guest_erase.html")]
pub struct ErasedPage {
    frame: Frame,
    tab: &'static str,
    sentence: String,
    logs: bool,
    rows: Vec<GuestRow>,
}

/// `POST /settings/guest/erase`.
pub(super) async fn guest_erase(
    app: web::Data<App>,
    viewer: Viewer,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    if form.confirm.trim().is_empty() || fold(form.confirm.trim()) != fold(form.who.trim()) {
        let errors = FormErrors::at("confirm", "Type exactly what you looked for. Nothing was erased");
        let guest = app.guest(&form.who).await;
        return shown(&app, &form, errors, guest.as_ref().ok()).await;
    }
    match app.erase_guest(&viewer.who(), &form.who, &form.mark).await {
        Ok((guest, done)) => {
            let scene = Scene::read(&app).await?;
            // What they were in the CRMs; nothing else of the guest is told any more.
            let rows = guest.bookings.iter().map(|booking| GuestRow::of(&app, &scene, booking)).collect();
            answer(&ErasedPage::of(&scene, done, rows))
        }
        Err(error) => refused(&app, &form, error).await,
    }
}

impl ErasedPage {
    fn of(scene: &Scene, done: GuestErased, rows: Vec<GuestRow>) -> Self {
        Self {
            frame: Frame::new(Place::Nowhere, scene, None),
            tab: "guest",
            sentence: format!(
                "The guest is erased from {}, with {} and what was sent by {}.",
                counted(done.bookings, "booking"),
                counted(done.webhooks, "webhook"),
                counted(done.runs, "run")
            ),
            logs: done.logs,
            rows,
        }
    }
}

#[cfg(test)]
impl ErasedPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::scene;
        let done = GuestErased { bookings: 1, webhooks: 2, runs: 3, logs: false };
        vec![
            Self::of(&scene(), done, GuestRow::samples()),
            Self::of(&scene(), GuestErased { logs: true, ..done }, Vec::new()),
        ]
    }
}
