//! `/needs-you/{cause}`: one group: whom it is about, page by page, with the buttons for all of them. Also what waits for one
//! connection, which has a key too.

use super::booking_words::BookingWords;
use super::cause_words::{cause_place, cause_words};
use super::errors::{PageError, capital};
use super::needs_you_list::{GroupTold, Waits};
use super::outlook::connection;
use super::page::{Frame, Place, answer, in_address};
use super::scene::Scene;
use super::times::Moment;
use super::words::{Mark, run_mark};
use crate::app::App;
use crate::domain::{is_cause_key, waits_key};
use crate::ports::{BookingView, CauseGroup, ListFilter, RunRow};
use crate::rules::Ruleset;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Runs of a page.
const PAGE: i64 = 30;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    before: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "needs_you_show.html")]
pub struct NeedsYouShow {
    frame: Frame,
    sentence: String,
    group: Option<GroupTold>,
    /// Of a connection that takes no calls: its name in an address, where a person can resume it.
    resume: Option<String>,
    rows: Vec<GuestTold>,
    first_page: bool,
    older: Option<String>,
}

/// A run of the group, by its guest.
pub struct GuestTold {
    /// Its booking in words.
    pub words: Option<BookingWords>,
    /// The run's id in an address.
    pub run: String,
    /// The booking's id in an address.
    pub booking: String,
    /// How far it is.
    pub mark: Mark,
    /// What was said of it.
    pub verdict: Option<String>,
    /// When it was last written.
    pub at: Moment,
}

/// `GET /needs-you/{cause}`.
pub async fn needs_you_show(
    app: web::Data<App>,
    key: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let key = key.into_inner();
    if !is_cause_key(&key) {
        return Err(PageError::unknown("group"));
    }
    let scene = Scene::read(&app).await?;
    let before = query.before.as_deref().and_then(|before| before.parse().ok());
    let active = app.active();
    if let Some(group) = app.store.cause(&key).await? {
        let filter = ListFilter { cause: Some(key), before, limit: PAGE, ..ListFilter::default() };
        let runs = app.store.list_runs(&filter).await?;
        let rows = GuestTold::all(&app, &runs, &scene).await?;
        let next = next_of(&runs);
        return answer(&NeedsYouShow::of_group(&scene, &group, active.as_deref(), rows, (before, next)));
    }
    let waits = |name: &&String| Waits::why(&scene, name).is_some_and(|why| waits_key(name, why) == key);
    let names = scene.connection_names();
    let name = names.iter().find(waits).ok_or_else(|| PageError::unknown("group"))?;
    let mut runs: Vec<RunRow> = Vec::new();
    for state in ["paused", "waiting"] {
        let filter = ListFilter {
            connection: Some(name.clone()),
            state: Some(state.to_owned()),
            before,
            limit: PAGE,
            ..ListFilter::default()
        };
        runs.extend(app.store.list_runs(&filter).await?);
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.seq));
    runs.truncate(PAGE as usize);
    let rows = GuestTold::all(&app, &runs, &scene).await?;
    answer(&NeedsYouShow::of_connection(&scene, name, &key, rows, (before, next_of(&runs))))
}

fn next_of(runs: &[RunRow]) -> Option<i64> {
    runs.last().map(|run| run.seq).filter(|_| runs.len() as i64 >= PAGE)
}

impl NeedsYouShow {
    fn of_group(
        scene: &Scene,
        group: &CauseGroup,
        active: Option<&Ruleset>,
        rows: Vec<GuestTold>,
        (before, next): (Option<i64>, Option<i64>),
    ) -> Self {
        let words = cause_words(group, &cause_place(group, active), scene);
        Self {
            frame: Frame::new(Place::NeedsYou, scene, None),
            sentence: words.sentence,
            resume: None,
            rows,
            first_page: before.is_none(),
            older: next.map(|next| format!("/needs-you/{}?before={next}", group.key)),
            group: Some(GroupTold::of(group, scene, active)),
        }
    }

    fn of_connection(
        scene: &Scene,
        name: &str,
        key: &str,
        rows: Vec<GuestTold>,
        (before, next): (Option<i64>, Option<i64>),
    ) -> Self {
        let resumes = Waits::why(scene, name).is_some_and(|why| why != "tripped");
        Self {
            frame: Frame::new(Place::NeedsYou, scene, None),
            sentence: connection(scene, name).map_or_else(|| scene.connection(name), |told| told.text),
            group: None,
            resume: resumes.then(|| in_address(name)),
            rows,
            first_page: before.is_none(),
            older: next.map(|next| format!("/needs-you/{key}?before={next}")),
        }
    }
}

impl GuestTold {
    /// Runs with their bookings.
    pub async fn all(app: &App, runs: &[RunRow], scene: &Scene) -> Result<Vec<Self>, PageError> {
        let mut rows = Vec::with_capacity(runs.len());
        for run in runs {
            let booking = app.store.booking(&run.booking).await?;
            rows.push(Self::of(run, booking.as_ref().map(|(booking, _)| booking), scene));
        }
        Ok(rows)
    }

    fn of(run: &RunRow, booking: Option<&BookingView>, scene: &Scene) -> Self {
        Self {
            words: booking.map(BookingWords::of),
            run: in_address(run.id.as_str()),
            booking: in_address(run.booking.as_str()),
            mark: run_mark(run, scene),
            verdict: run.verdict.as_ref().map(|verdict| capital(&verdict.text)),
            at: Moment::of(run.updated_at, scene.now),
        }
    }

    #[cfg(test)]
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{booking, hostile_booking, runs, scene};
        let scene = scene();
        let bookings = [Some(booking()), Some(hostile_booking()), None];
        runs().iter().zip(bookings.iter().cycle()).map(|(run, b)| Self::of(run, b.as_ref(), &scene)).collect()
    }
}

#[cfg(test)]
impl NeedsYouShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, group, hostile_group, scene};
        let scene = scene();
        let mut shut = group();
        (shut.needs, shut.under_way) = (0, 0);
        vec![
            Self::of_group(&scene, &group(), None, GuestTold::samples(), (None, Some(7))),
            Self::of_group(&scene, &hostile_group(), None, GuestTold::samples(), (Some(9), None)),
            Self::of_group(&scene, &shut, None, Vec::new(), (None, None)),
            Self::of_connection(&scene, HOSTILE, "0f", GuestTold::samples(), (None, Some(3))),
            Self::of_connection(&scene, "crm", "0f", Vec::new(), (None, None)),
        ]
    }
}
