//! `/bookings`: where is Mrs Lee? Found by words, narrowed by filters, the last changed first, each with how far it is.
//! `?part=live` gives the block that is refreshed in place.

use super::booking_words::BookingWords;
use super::bookings_asked::{Asked, Query};
use super::errors::PageError;
use super::near::{Near, near};
use super::page::{Frame, Place, answer, in_address};
use super::run_told::marks_of;
use super::scene::Scene;
use super::standings;
use super::times::{Moment, counted};
use super::words::{Mark, Tone, without_event};
use crate::app::App;
use crate::domain::{BookingId, Standing};
use crate::ports::{BookingPage, BookingView, ListFilter, RunRow};
use actix_web::{HttpResponse, web};
use askama::Template;

/// Bookings of a page.
const PAGE: i64 = 30;
/// Runs looked at for one booking.
const RUNS_MAX: i64 = 30;
/// Marks and verdicts told of one booking; the rest is on its own page.
const MARKS_MAX: usize = 4;
const VERDICTS_MAX: usize = 2;
/// Characters of a verdict.
const VERDICT_CHARS_MAX: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "bookings_list.html", blocks = ["live"])]
pub struct BookingsList {
    frame: Frame,
    asked: Asked,
    sentence: String,
    rows: Vec<Row>,
    near: Vec<Near>,
    first_page: bool,
    empty_house: bool,
    states: Vec<(&'static str, &'static str)>,
    sources: Vec<(String, String)>,
    statuses: Vec<String>,
    live: String,
    older: Option<String>,
    newest: String,
    looked_through: i64,
}

/// One booking.
struct Row {
    address: String,
    words: BookingWords,
    source: String,
    marks: Vec<Mark>,
    verdicts: Vec<String>,
    changed: Moment,
}

/// `GET /bookings`.
pub async fn bookings_list(app: web::Data<App>, query: web::Query<Query>) -> Result<HttpResponse, PageError> {
    let live = query.part.as_deref() == Some("live");
    let page = BookingsList::read(&app, &query).await?;
    if live { answer(&page.as_live()) } else { answer(&page) }
}

impl BookingsList {
    async fn read(app: &App, query: &Query) -> Result<Self, PageError> {
        let scene = Scene::read(app).await?;
        let asked = Asked::of(query);
        let mut page = if asked.searches_nothing() || !asked.wrong.is_empty() {
            BookingPage::default()
        } else {
            app.store.find_bookings(&asked.query(PAGE)).await?
        };
        let by_key = if asked.wrong.is_empty() { of_key(app, &asked).await? } else { Vec::new() };
        for booking in by_key {
            if !page.bookings.iter().any(|(known, _)| known.id == booking.id) {
                let standing = app.store.standings(std::slice::from_ref(&booking.id)).await?;
                let standing = standing.first().copied().flatten().unwrap_or(Standing::Nothing);
                page.bookings.insert(0, (booking, standing));
            }
        }
        let near = if page.bookings.is_empty() && asked.after.is_none() && asked.wrong.is_empty() {
            near(app, &asked).await?
        } else {
            Vec::new()
        };
        let ids: Vec<BookingId> = page.bookings.iter().map(|(booking, _)| booking.id.clone()).collect();
        let runs = app.store.runs_of_bookings(&ids, RUNS_MAX).await?;
        let rows = page.bookings.iter().zip(&runs);
        let rows = rows.map(|((booking, _), runs)| Row::of(booking, runs, &scene)).collect();
        Ok(Self::of(&scene, asked, rows, near, &page))
    }

    fn of(scene: &Scene, asked: Asked, rows: Vec<Row>, near: Vec<Near>, page: &BookingPage) -> Self {
        let mut statuses: Vec<String> = ["booked", "cancelled", "rebooked"].map(str::to_owned).into();
        statuses.extend(asked.status.clone());
        statuses.sort();
        statuses.dedup();
        let mut frame = Frame::new(Place::Bookings, scene, None);
        frame.search.clone_from(&asked.typed);
        Self {
            frame,
            sentence: sentence(&asked, rows.len(), page),
            first_page: asked.after.is_none(),
            empty_house: !scene.counts.has_bookings,
            states: Standing::ALL.map(|standing| (standing.as_str(), standings::words(standing))).into(),
            sources: scene.source_titles.iter().map(|(name, title)| (name.clone(), title.clone())).collect(),
            statuses,
            live: asked.address(asked.after.as_ref(), "live"),
            older: page.next.as_ref().map(|next| asked.address(Some(next), "")),
            newest: asked.address(None, ""),
            looked_through: page.looked_through,
            rows,
            near,
            asked,
        }
    }

    /// Whether an option of a filter is the chosen one.
    fn is(&self, filter: &str, option: &str) -> bool {
        let chosen = match filter {
            "state" => &self.asked.state,
            "source" => &self.asked.source,
            _ => &self.asked.status,
        };
        chosen.as_deref() == Some(option)
    }
}

/// The first sentence: what was found.
fn sentence(asked: &Asked, rows: usize, page: &BookingPage) -> String {
    let more = page.next.is_some() || asked.after.is_some();
    if !asked.wrong.is_empty() {
        return String::from("This list can’t be narrowed as it was asked, so that nothing is shown.");
    }
    let what = asked.in_words();
    match (rows, what.is_empty()) {
        (0, true) => String::new(),
        (0, false) if page.looked_through > 0 => {
            format!("Among the {} that changed last, no booking matches {what}.", page.looked_through)
        }
        (0, false) => format!("No booking matches {what}."),
        (_, true) => String::from("The last changed come first."),
        (_, false) if more => format!("Bookings matching {what}, the last changed first."),
        (1, false) => format!("1 booking matches {what}."),
        (many, false) => format!("{} match {what}.", counted(many as i64, "booking")),
    }
}

/// Bookings whose key at the source, or whose id, was typed as a whole.
async fn of_key(app: &App, asked: &Asked) -> Result<Vec<BookingView>, PageError> {
    let word = asked.typed.trim();
    if word.is_empty() || word.contains(char::is_whitespace) || asked.after.is_some() || asked.narrows() {
        return Ok(Vec::new());
    }
    if let Some((booking, _)) = app.store.booking(&BookingId::new(word)).await? {
        return Ok(vec![booking]);
    }
    let filter = ListFilter { booking: Some(word.to_owned()), limit: 5, ..ListFilter::default() };
    Ok(app.store.list_bookings(&filter).await?)
}

impl Row {
    fn of(booking: &BookingView, runs: &[RunRow], scene: &Scene) -> Self {
        let mut marks = marks_of(runs, scene);
        if marks.is_empty() {
            marks.push(Mark::new(Tone::Quiet, "no rule asks for it"));
        }
        marks.truncate(MARKS_MAX);
        let needs_you = runs.iter().filter(|run| matches!(run.state.as_str(), "failed" | "held"));
        let mut verdicts: Vec<String> = needs_you
            .filter_map(|run| run.verdict.as_ref())
            .map(|verdict| {
                super::errors::capital(&super::diff::capped(&without_event(&verdict.text), VERDICT_CHARS_MAX))
            })
            .collect();
        verdicts.dedup();
        verdicts.truncate(VERDICTS_MAX);
        Self {
            address: in_address(booking.id.as_str()),
            words: BookingWords::of(booking),
            source: scene.source(&booking.source),
            marks,
            verdicts,
            changed: Moment::of(booking.updated_at, scene.now),
        }
    }
}

#[cfg(test)]
impl BookingsList {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, booking, hostile_booking, runs, scene};
        use crate::ports::CardPlace;
        let (scene, runs) = (scene(), runs());
        let rows = || vec![Row::of(&booking(), &runs, &scene), Row::of(&hostile_booking(), &[], &scene)];
        let next = BookingPage {
            next: Some(CardPlace { changed_at: 9, booking: BookingId::new(HOSTILE) }),
            ..BookingPage::default()
        };
        let looked = BookingPage { looked_through: 4_000, ..next.clone() };
        let hostile = || Query {
            q: Some(HOSTILE.to_owned()),
            state: Some("needs-you".to_owned()),
            source: Some(HOSTILE.to_owned()),
            status: Some(HOSTILE.to_owned()),
            tour_from: Some("2027-03-14".to_owned()),
            tour_to: Some("2027-03-20".to_owned()),
            from: Some("2027-03-14".to_owned()),
            since: Some("1804900000000".to_owned()),
            after: Some(format!("9.{HOSTILE}")),
            ..Query::default()
        };
        let plain = || Asked::of(&Query::default());
        let near = || {
            vec![Near {
                address: "/bookings?q=lee".to_owned(),
                word: HOSTILE.to_owned(),
                count: "4".to_owned(),
            }]
        };
        let typed = || Asked::of(&Query { q: Some("leee".to_owned()), ..Query::default() });
        let none = BookingPage::default();
        vec![
            Self::of(&Scene::default(), plain(), Vec::new(), Vec::new(), &none),
            Self::of(&scene, plain(), rows(), Vec::new(), &next),
            Self::of(&scene, Asked::of(&hostile()), rows(), Vec::new(), &none),
            Self::of(&scene, typed(), Vec::new(), near(), &none),
            Self::of(&scene, Asked::of(&hostile()), Vec::new(), Vec::new(), &looked),
        ]
    }
}
