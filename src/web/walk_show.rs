//! `/walks/{id}`: how far a walk over a source's API is and how long it may take, and what it found, one by one. `?part=live`
//! gives the block that is refreshed in place. What its buttons do is below too.

use super::diff::capped;
use super::errors::PageError;
use super::page::{Frame, Place, answer, go_to, in_address};
use super::scene::Scene;
use super::viewer::Viewer;
use super::walk_told::{WalkTold, repair_of};
use super::words::{Mark, Tone};
use crate::app::App;
use crate::ports::{BookingView, FindingQuery, WalkAct, WalkFilter, WalkFinding, WalkOutcome, WalkRow};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::Value;

/// Findings of a page.
const PAGE: i64 = 50;
/// Places that could not be read that are told.
const ASIDE: i64 = 20;
/// Walks of the source among which a report's repair is looked for.
const LATER: i64 = 50;
/// Changed fields that are told of one booking.
const PATHS: usize = 12;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
    part: Option<String>,
    after: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "walk_show.html", blocks = ["live"])]
pub struct WalkShow {
    frame: Frame,
    walk: WalkTold,
    source: String,
    source_address: String,
    live: String,
    found: Vec<Found>,
    next: Option<String>,
    aside: Vec<String>,
}

/// What was found of one booking.
struct Found {
    mark: Mark,
    title: String,
    booking: Option<String>,
    more: String,
}

/// `GET /walks/{id}`.
pub async fn walk_show(
    app: web::Data<App>,
    id: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let row = app.walk_row(number(&id)?).await?;
    let scene = Scene::read(&app).await?;
    let after = query.after.as_deref().and_then(|after| serde_json::from_str::<(String, String)>(after).ok());
    // What a backfill brought in is all well, and may be a year.
    let told =
        if row.asked.purpose.compares() { WalkOutcome::TOLD.to_vec() } else { vec![WalkOutcome::Trouble] };
    let asked = FindingQuery { walk: row.seq, outcomes: told, after, limit: PAGE };
    let findings = app.store.walks().findings(&asked).await?;
    let next = findings.last().filter(|_| findings.len() as i64 == PAGE);
    let next =
        next.map(|last| in_address(&Value::from(vec![last.account.clone(), last.key.clone()]).to_string()));
    let mut found = Vec::with_capacity(findings.len());
    for finding in findings {
        let booking = match &finding.booking {
            Some(id) => app.store.booking(id).await?.map(|(view, _)| view),
            None => None,
        };
        found.push(Found::of(&finding, booking.as_ref()));
    }
    let aside = app.store.walks().aside_places(row.seq, ASIDE).await?;
    let aside = aside.into_iter().map(|place| place.aside.unwrap_or_default()).collect();
    let mut page = WalkShow::of(&scene, &row, found, next, aside);
    // A report is repaired after it was made, and not many walks later.
    let walks = WalkFilter { source: Some(row.asked.source.clone()), open: false, limit: LATER };
    let walks = app.store.walks().walks(&walks).await?;
    if let Some(repair) = repair_of(row.seq, &walks) {
        page.walk = page.walk.repaired_by(repair, scene.now);
    }
    page.frame = Frame::new(Place::Connections, &scene, query.said.as_deref());
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

/// `POST /walks/{id}/pause`.
pub async fn walk_pause(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    act(&app, &viewer, &id, WalkAct::Pause).await
}

/// `POST /walks/{id}/resume`.
pub async fn walk_resume(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    act(&app, &viewer, &id, WalkAct::Resume).await
}

/// `POST /walks/{id}/stop`.
pub async fn walk_stop(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    act(&app, &viewer, &id, WalkAct::Stop).await
}

/// What the form of a repair sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RepairForm {
    /// `yes`: bookings that are gone end also where they are many.
    #[serde(default)]
    end_gone: String,
}

/// `POST /walks/{id}/repair`.
pub async fn walk_repair(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    form: web::Form<RepairForm>,
) -> Result<HttpResponse, PageError> {
    let end_gone = form.end_gone == "yes";
    let (row, began) = app.repair_walk(number(&id)?, end_gone, viewer.name()).await?;
    if began {
        let about = repaired(&id, end_gone);
        app.audit(&viewer.who(), "source.repaired", &row.asked.source, &about).await;
    }
    Ok(go_to(&format!("/walks/{}", row.seq)))
}

async fn act(app: &App, viewer: &Viewer, id: &str, act: WalkAct) -> Result<HttpResponse, PageError> {
    let id = number(id)?;
    let row = app.act_on_walk(id, act).await?;
    app.audit(&viewer.who(), act_word(act), &row.asked.source, &format!("walk {id}")).await;
    Ok(go_to(&format!("/walks/{id}")))
}

fn number(id: &str) -> Result<i64, PageError> {
    id.parse().map_err(|_| PageError::unknown("walk"))
}

/// What the audit log says of a repair.
pub(super) fn repaired(id: &str, end_gone: bool) -> String {
    if end_gone { format!("walk {id}, also what is gone, however many") } else { format!("walk {id}") }
}

/// What the audit log calls it.
pub(super) fn act_word(act: WalkAct) -> &'static str {
    match act {
        WalkAct::Pause => "walk.paused",
        WalkAct::Resume => "walk.resumed",
        WalkAct::Stop => "walk.stopped",
    }
}

impl WalkShow {
    fn of(scene: &Scene, row: &WalkRow, found: Vec<Found>, next: Option<String>, aside: Vec<String>) -> Self {
        Self {
            frame: Frame::new(Place::Connections, scene, None),
            walk: WalkTold::of(row, scene),
            source: scene.source(&row.asked.source),
            source_address: in_address(&row.asked.source),
            live: format!("/walks/{}?part=live", row.seq),
            found,
            next,
            aside,
        }
    }
}

impl Found {
    fn of(finding: &WalkFinding, booking: Option<&BookingView>) -> Self {
        let mark = match finding.outcome {
            WalkOutcome::New => Mark::new(Tone::Bad, "in the booking system only"),
            WalkOutcome::Differs => Mark::new(Tone::Bad, "differs"),
            WalkOutcome::Gone => Mark::new(Tone::Bad, "here only"),
            WalkOutcome::Repaired => Mark::new(Tone::Good, "mended"),
            _ => Mark::new(Tone::Bad, "could not be read"),
        };
        let text = |value: Option<&Value>| {
            let text = value.and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        let named = booking.map(|booking| {
            let view = &booking.view;
            let parts = [text(view.person.get("name")), text(view.trip.get("title"))];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
        });
        let key = if finding.account.is_empty() {
            finding.key.clone()
        } else {
            format!("{} {}", finding.account, finding.key)
        };
        let title = named.filter(|named| !named.is_empty()).unwrap_or(key);
        let mut paths: Vec<String> = finding.paths.iter().take(PATHS).cloned().collect();
        if finding.paths.len() > PATHS {
            paths.push("…".to_owned());
        }
        let more = if paths.is_empty() { finding.note.clone().unwrap_or_default() } else { paths.join(", ") };
        Self {
            mark,
            title: capped(&title, 120),
            booking: finding.booking.as_ref().map(|id| in_address(id.as_str())),
            more: capped(&more, 400),
        }
    }
}

#[cfg(test)]
impl WalkShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, booking, hostile_booking, scene};
        use crate::domain::BookingId;
        let scene = scene();
        let finding = |outcome| WalkFinding {
            account: HOSTILE.into(),
            key: HOSTILE.into(),
            outcome,
            booking: Some(BookingId::new(HOSTILE)),
            paths: vec![HOSTILE.into(); 20],
            note: Some(HOSTILE.into()),
            at: NOW,
        };
        let found = || {
            let mut found: Vec<Found> = WalkOutcome::TOLD
                .into_iter()
                .map(|outcome| Found::of(&finding(outcome), Some(&hostile_booking())))
                .collect();
            let bare = WalkFinding { booking: None, paths: Vec::new(), ..finding(WalkOutcome::New) };
            found.push(Found::of(&bare, None));
            found.push(Found::of(&finding(WalkOutcome::Differs), Some(&booking())));
            found
        };
        let mut pages: Vec<Self> = super::walk_told::rows()
            .iter()
            .map(|row| Self::of(&scene, row, found(), Some(in_address(HOSTILE)), vec![HOSTILE.into()]))
            .collect();
        pages.push(Self::of(&scene, &super::walk_told::rows()[0], Vec::new(), None, Vec::new()));
        pages
    }
}
