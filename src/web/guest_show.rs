//! `/settings/guest`: what is known of one guest, for whoever asks to see or to have erased what is kept about them. What is
//! asked for is sent in a form, so that it stands in no address; found bookings with what hangs on them; export as a file.

use super::booking_records::{RecordTold, records};
use super::booking_words::BookingWords;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, in_address};
use super::scene::Scene;
use super::times::counted;
use super::viewer::Viewer;
use crate::app::{App, Guest, GuestBooking, GuestError};
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;

/// Whom somebody asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Form {
    pub(super) who: String,
    /// Which bookings were shown.
    pub(super) mark: String,
    /// The same once more, typed, to erase.
    pub(super) confirm: String,
}

/// The page.
#[derive(Template)]
#[template(path = "guest_show.html")]
pub struct GuestPage {
    frame: Frame,
    pub(super) errors: FormErrors,
    tab: &'static str,
    who: String,
    found: Option<Found>,
}

/// What is found.
struct Found {
    mark: String,
    sentence: String,
    rows: Vec<GuestRow>,
    more: bool,
    /// Runs that are not at their end, in words.
    under_way: Option<String>,
}

/// A booking of theirs.
pub(super) struct GuestRow {
    pub address: String,
    pub words: BookingWords,
    pub figures: String,
    pub busy: Option<String>,
    pub erased: Option<String>,
    pub records: Vec<RecordTold>,
}

/// `GET /settings/guest`.
pub(super) async fn guest_ask(app: web::Data<App>) -> Result<HttpResponse, PageError> {
    let page = GuestPage::of(&app, &Scene::read(&app).await?, &Form::default(), FormErrors::none(), None);
    page.errors.answer(&page)
}

/// `POST /settings/guest`.
pub(super) async fn guest_show(
    app: web::Data<App>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    match app.guest(&form.who).await {
        Ok(guest) => shown(&app, &form, FormErrors::none(), Some(&guest)).await,
        Err(error) => refused(&app, &form, error).await,
    }
}

/// `POST /settings/guest/export`.
pub(super) async fn guest_export(
    app: web::Data<App>,
    viewer: Viewer,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let told = match app.export_guest(&viewer.who(), &form.who).await {
        Ok(told) => told,
        Err(error) => return refused(&app, &form, error).await,
    };
    let now = Timestamp::from_millisecond(app.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH);
    // Nobody's name in the name of a file.
    let name = format!("guest-{}.json", now.strftime("%Y-%m-%d-%H%M"));
    let text = serde_json::to_string_pretty(&told).unwrap_or_default();
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(text))
}

/// The page with what is wrong with what was asked.
pub(super) async fn refused(app: &App, form: &Form, error: GuestError) -> Result<HttpResponse, PageError> {
    let errors = match &error {
        GuestError::Store(_) => {
            let GuestError::Store(error) = error else { return Err(PageError::unknown("guest")) };
            return Err(error.into());
        }
        GuestError::Nothing | GuestError::Nobody => {
            return shown(app, form, FormErrors::at("who", &error.to_string()), None).await;
        }
        GuestError::Changed => {
            "The guest's bookings have changed since this page was opened: look at them again. Nothing \
                                was erased"
                .to_owned()
        }
        GuestError::UnderWay(runs) => under_way(*runs),
        GuestError::BeingFetched => "A booking of this guest is about to be fetched from the booking system, which would \
                                     bring back what is to be erased. Wait until it came, or mend what keeps it from \
                                     coming: the booking's page says so"
            .to_owned(),
    };
    let guest = app.guest(&form.who).await;
    shown(app, form, FormErrors::at("confirm", &errors), guest.as_ref().ok()).await
}

/// What stands in the way, and what to do.
fn under_way(runs: i64) -> String {
    format!(
        "{} of this guest {} still on the way or paused, and would send again what is to be erased. Let {} end, or cancel \
         {}: the booking's page shows what waits",
        counted(runs, "run"),
        if runs == 1 { "is" } else { "are" },
        if runs == 1 { "it" } else { "them" },
        if runs == 1 { "it" } else { "them" },
    )
}

pub(super) async fn shown(
    app: &App,
    form: &Form,
    errors: FormErrors,
    guest: Option<&Guest>,
) -> Result<HttpResponse, PageError> {
    let page = GuestPage::of(app, &Scene::read(app).await?, form, errors, guest);
    page.errors.answer(&page)
}

impl GuestPage {
    fn of(app: &App, scene: &Scene, form: &Form, errors: FormErrors, guest: Option<&Guest>) -> Self {
        let found = guest.map(|guest| {
            let rows = guest.bookings.iter().map(|booking| GuestRow::of(app, scene, booking)).collect();
            Found::of(guest, rows)
        });
        Self::with(scene, form, errors, found)
    }

    fn with(scene: &Scene, form: &Form, errors: FormErrors, found: Option<Found>) -> Self {
        let (tab, who) = ("guest", form.who.clone());
        Self { frame: Frame::new(Place::Nowhere, scene, None), errors, tab, who, found }
    }
}

impl Found {
    fn of(guest: &Guest, rows: Vec<GuestRow>) -> Self {
        let count = counted(guest.bookings.len() as i64, "booking");
        Self {
            mark: guest.mark(),
            sentence: format!(
                "{count} {} this guest's.",
                if guest.bookings.len() == 1 { "is" } else { "are" }
            ),
            rows,
            more: guest.more,
            under_way: Some(guest.under_way()).filter(|runs| *runs > 0).map(under_way),
        }
    }
}

impl GuestRow {
    pub(super) fn of(app: &App, scene: &Scene, booking: &GuestBooking) -> Self {
        Self::with(booking, records(app, scene, &booking.links, &[]))
    }

    fn with(booking: &GuestBooking, records: Vec<RecordTold>) -> Self {
        let figures = format!(
            "{}, {}",
            counted(booking.changes as i64, "webhook"),
            counted(booking.runs as i64, "run")
        );
        let mut busy = Vec::new();
        if booking.under_way > 0 {
            busy.push(format!("{} on the way", counted(booking.under_way, "run")));
        }
        if booking.needs_you > 0 {
            busy.push(format!("{} that needs you, cancelled by erasing", counted(booking.needs_you, "run")));
        }
        Self {
            address: in_address(booking.view.id.as_str()),
            words: BookingWords::of(&booking.view),
            figures,
            busy: (!busy.is_empty()).then(|| busy.join("; ")),
            erased: booking.erased.as_ref().map(|erased| erased.why.clone()),
            records,
        }
    }
}

#[cfg(test)]
pub(super) fn sample_guest() -> Guest {
    use super::samples::{HOSTILE, booking, hostile_booking};
    use crate::ports::ErasedBooking;
    let one = |view| GuestBooking {
        view,
        document: "{}".to_owned(),
        changes: 3,
        runs: 2,
        under_way: 1,
        needs_you: 1,
        links: Vec::new(),
        erased: None,
    };
    let erased = ErasedBooking { at: 1, position: 9, why: HOSTILE.to_owned() };
    let old = GuestBooking { under_way: 0, needs_you: 0, erased: Some(erased), ..one(hostile_booking()) };
    Guest { bookings: vec![one(booking()), old], more: true }
}

#[cfg(test)]
impl GuestRow {
    pub(super) fn samples() -> Vec<Self> {
        sample_guest().bookings.iter().map(|booking| Self::with(booking, RecordTold::samples())).collect()
    }
}

#[cfg(test)]
impl GuestPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let form = Form { who: HOSTILE.to_owned(), ..Form::default() };
        let found = || Some(Found::of(&sample_guest(), GuestRow::samples()));
        let none = FormErrors::none;
        vec![
            Self::with(&scene(), &Form::default(), none(), None),
            Self::with(&scene(), &form, FormErrors::at("who", "nobody"), None),
            Self::with(&scene(), &form, none(), found()),
            Self::with(&scene(), &form, FormErrors::at("confirm", &under_way(1)), found()),
        ]
    }
}
