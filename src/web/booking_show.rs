//! `/bookings/{id}`: who, what, when, for how much; which records hold it; and its timeline, newest first, a page of it at a
//! time (`?before=`). `?part=live` gives the block that is refreshed in place.

use super::booking_chain::ChainTold;
use super::booking_records::{RecordTold, records};
use super::booking_words::BookingWords;
use super::change_told::{Day, Teller, by_day, fold};
use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::people_told::{self, PersonTold, lists};
use super::run_told::marks_of;
use super::scene::Scene;
use super::times::{Moment, clock_time};
use super::words::{Mark, Tone};
use crate::app::App;
use crate::domain::{BookingId, ChangeRef, fetch_id};
use crate::ports::{BookingView, ChangeView, FetchRow, FetchState, ListFilter, RunRow};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Changes of a page of the timeline.
const CHANGES_MAX: usize = 15;
/// Changes of a booking that are looked at in all.
const CHANGES_OF_ALL_MAX: i64 = 1_000;
/// Runs of a timeline.
const RUNS_MAX: i64 = 300;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
    /// The timeline goes on below this change: `position.ordinal`.
    before: Option<String>,
    part: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "booking_show.html", blocks = ["live"])]
pub struct BookingShow {
    frame: Frame,
    id: String,
    address: String,
    live: String,
    words: BookingWords,
    customers: Option<usize>,
    /// Who takes part, and how many more there are.
    people: (Vec<PersonTold>, usize),
    /// What was asked and noted.
    answers: Vec<(String, String)>,
    source: String,
    connector: String,
    key: String,
    marks: Vec<Mark>,
    records: Vec<RecordTold>,
    /// Whose place it took, and who took its own.
    chain: ChainTold,
    /// It is a booking, and not another kind of record.
    is_booking: bool,
    days: Vec<Day>,
    newer: Option<String>,
    older: Option<String>,
    first_seen: Moment,
    /// Why nothing of the guest is here.
    erased: Option<String>,
    /// It can be fetched from its booking system.
    fetches: bool,
    /// It is being fetched, or what came of that.
    fetch: Option<Mark>,
}

/// `GET /bookings/{id}`.
pub async fn booking_show(
    app: web::Data<App>,
    id: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let page = BookingShow::read(&app, &BookingId::new(id.into_inner()), &query).await?;
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

impl BookingShow {
    async fn read(app: &App, id: &BookingId, query: &Query) -> Result<Self, PageError> {
        let (booking, body) = app.store.booking(id).await?.ok_or_else(|| PageError::unknown("booking"))?;
        let scene = Scene::read(app).await?;
        let before = query.before.as_deref().and_then(reference);
        let mut changes = app.store.changes_of_booking(id, CHANGES_OF_ALL_MAX).await?;
        changes.retain(|change| before.is_none_or(|before| change.reference < before));
        let mut asked = fold(&mut changes);
        let more = changes.len() > CHANGES_MAX;
        changes.truncate(CHANGES_MAX);
        let filter = ListFilter { booking: Some(id.to_string()), limit: RUNS_MAX, ..ListFilter::default() };
        let runs = app.store.list_runs(&filter).await?;
        let teller = Teller {
            app,
            scene: &scene,
            back: "booking",
            is_booking: booking.key.kind == "booking",
            people: lists(app.active().as_deref()),
        };
        let mut told = teller.tell(&changes, &runs).await?;
        for (change, told) in changes.iter().zip(&mut told) {
            let after = asked.remove(&change.event).unwrap_or_default();
            let link = |one: &ChangeView| (in_address(one.event.as_str()), clock_time(one.received_at));
            told.after = after.iter().rev().map(link).collect();
        }
        let mut page = Self::of(&scene, &booking, &body, &runs, by_day(&changes, told));
        page.people = people_told::people(&teller.people, &serde_json::from_str(&body).unwrap_or_default());
        page.chain = ChainTold::of(&app.chain_around(&booking.key).await?, &page.words);
        page.records = records(app, &scene, &app.store.links_of_booking(id).await?, &runs);
        let erased = app.store.keeping().erased_booking(id).await?;
        page.erased = erased.filter(|erased| erased.position >= booking.position).map(|erased| erased.why);
        page.fetches = app.fetches_by(&booking.key, &booking.source).is_some();
        let row = app.store.fetches().fetch_row(&fetch_id(&booking.key, 0)).await?;
        page.fetch = row.map(|row| fetch_mark(&row, &page.connector));
        let here = format!("/bookings/{}", in_address(id.as_str()));
        if let Some(before) = before {
            page.live = format!("{here}?before={}.{}&part=live", before.position, before.ordinal);
            page.newer = Some(here.clone());
        }
        let last = changes.last().filter(|_| more).map(|change| change.reference);
        page.older = last.map(|last| format!("{here}?before={}.{}", last.position, last.ordinal));
        page.frame = Frame::new(Place::Bookings, &scene, query.said.as_deref());
        Ok(page)
    }

    fn of(scene: &Scene, booking: &BookingView, body: &str, runs: &[RunRow], days: Vec<Day>) -> Self {
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let id = in_address(booking.id.as_str());
        let is_booking = booking.key.kind == "booking";
        let mut words = BookingWords::of(booking);
        if !is_booking {
            words.name_thing(booking, &body);
        }
        let mut marks = marks_of(runs, scene);
        if marks.is_empty() {
            marks.push(Mark::new(Tone::Quiet, "no rule asks for it"));
        }
        Self {
            frame: Frame::new(Place::Bookings, scene, None),
            live: format!("/bookings/{id}?part=live"),
            address: id,
            id: booking.id.to_string(),
            words,
            people: (Vec::new(), 0),
            answers: people_told::answers(&body),
            customers: body.get("customers").and_then(|list| list.as_array()).map(Vec::len),
            source: scene.source(&booking.source),
            connector: scene.connector(&booking.key.connector),
            key: booking.key.key.clone(),
            marks,
            records: Vec::new(),
            chain: ChainTold::default(),
            is_booking,
            days,
            newer: None,
            older: None,
            first_seen: Moment::of(booking.created_at, scene.now),
            erased: None,
            fetches: false,
            fetch: None,
        }
    }
}

/// How a booking's fetch stands.
fn fetch_mark(row: &FetchRow, connector: &str) -> Mark {
    match (row.state, row.told.as_deref()) {
        (FetchState::Refused, Some(told)) => Mark::new(Tone::Bad, told),
        (_, Some(told)) => Mark::new(Tone::Waiting, format!("waiting for fetch: {told}")),
        _ => Mark::new(Tone::Waiting, format!("waiting for fetch: {connector} is asked how it is now")),
    }
}

/// `position.ordinal`.
fn reference(text: &str) -> Option<ChangeRef> {
    let (position, ordinal) = text.split_once('.')?;
    Some(ChangeRef { position: position.parse().ok()?, ordinal: ordinal.parse().ok()? })
}

#[cfg(test)]
impl BookingShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{booking, day, hostile_booking, runs, scene};
        let scene = scene();
        let mut old = Self::of(&scene, &hostile_booking(), "not json", &[], Vec::new());
        old.older = Some("/bookings/x?before=1.0".to_owned());
        old.erased = Some(super::samples::HOSTILE.to_owned());
        old.newer = Some("/bookings/x".to_owned());
        let body = r#"{"customers":[{},{}]}"#;
        let mut full = Self::of(&scene, &booking(), body, &runs(), vec![day()]);
        full.records = RecordTold::samples();
        full.fetches = true;
        let person =
            |more: &str| PersonTold { name: super::samples::HOSTILE.to_owned(), more: more.to_owned() };
        full.people = (vec![person(""), person("Adult, checked in")], 3);
        full.answers = vec![(super::samples::HOSTILE.to_owned(), super::samples::HOSTILE.to_owned())];
        full.fetch = Some(Mark::new(Tone::Bad, super::samples::HOSTILE));
        let mut thing = booking();
        thing.key.kind = super::samples::HOSTILE.to_owned();
        let thing = Self::of(&scene, &thing, body, &[], Vec::new());
        let mut chains = ChainTold::samples().into_iter();
        old.chain = chains.next().unwrap_or_default();
        full.chain = chains.next().unwrap_or_default();
        vec![old, full, thing]
    }
}
