//! `GET /api/v1/bookings`, `/api/v1/bookings/{id}` and `…/changes`: bookings by words and filters, one with its present data
//! and the records that hold it, and its timeline.

use super::api_body::{Answer, Params, answered, moment, word};
use super::api_error::ApiError;
use super::api_paging::{Page, cursor, limit, place, wrong_cursor};
use super::booking_records::record_url;
use super::diff::find;
use crate::app::{App, ChainAround, ChainedBooking, NeighbourKeys, is_day};
use crate::domain::{BookingId, ChangeRef, RunState, Standing, search_words};
use crate::ports::{
    BookingPage, BookingQuery, BookingView, CardPlace, ChangeView, LinkRow, ListFilter, RunRow,
};
use crate::told::{Booking, Change, Why, rfc3339};
use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

const LIST: &str = "bookings";
const CHANGES: &str = "changes";
/// Characters of what is looked for.
const WORDS_CHARS_MAX: usize = 120;
/// Changes of a booking that are looked at in all, and of a page: each is read with its data before and after.
const CHANGES_OF_ALL_MAX: i64 = 1_000;
const CHANGES_MAX: i64 = 50;
/// Values told of one change.
const VALUES_MAX: usize = 100;
/// Runs of a booking that are looked at.
const RUNS_MAX: i64 = 500;

/// Which bookings.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BookingsAsked {
    /// Words of the guest's name, e-mail address, phone, booking number or custom fields; `ozturk` finds Öztürk.
    #[param(example = "ozturk", max_length = 120)]
    q: Option<String>,
    /// The one with this key at its source. Stands alone.
    key: Option<String>,
    /// How it stands.
    #[param(inline, value_type = Option<Standing>)]
    state: Option<String>,
    /// Last told by this source.
    source: Option<String>,
    /// With this status, in the booking system's word.
    #[param(example = "booked")]
    status: Option<String>,
    /// Whose tour starts on this day, of the place where it starts.
    #[param(example = "2027-03-14", format = Date)]
    tour_day: Option<String>,
    /// Whose tour starts on this day or after.
    #[param(example = "2027-03-14", format = Date)]
    tour_from: Option<String>,
    /// Whose tour starts on this day or before.
    #[param(example = "2027-03-20", format = Date)]
    tour_to: Option<String>,
    /// Last changed at or after this time (RFC 3339).
    #[param(format = DateTime)]
    changed_from: Option<String>,
    /// Last changed before this time (RFC 3339).
    #[param(format = DateTime)]
    changed_before: Option<String>,
    /// Behind the last one of the page before: what that gave as `next`.
    #[param(min_length = 1, max_length = 200)]
    after: Option<String>,
    /// At most so many: 1 to 200, else 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Which changes of a booking.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesAsked {
    /// Behind the last one of the page before: what that gave as `next`.
    #[param(min_length = 1, max_length = 200)]
    after: Option<String>,
    /// At most so many: 1 to 50, else 15.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<i64>,
}

/// A booking in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingInList)]
pub(super) struct BookingStands {
    /// The booking.
    #[serde(flatten)]
    booking: Booking,
    /// How it stands.
    #[schema(value_type = Standing)]
    standing: &'static str,
}

/// A booking with its data and its records.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingInFull)]
pub(super) struct BookingTold {
    /// The booking.
    #[serde(flatten)]
    booking: Booking,
    /// How it stands.
    #[schema(value_type = Standing)]
    standing: &'static str,
    /// The booking as its system tells it.
    data: Value,
    /// The chain of rebookings that it is part of, the oldest first; left out where it was never rebooked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chain: Vec<Chained>,
    /// The records that hold it.
    records: Vec<RecordHeld>,
}

/// A booking of a chain of rebookings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingOfChain)]
pub(super) struct Chained {
    /// Its key at the source.
    key: String,
    /// Its id here; null where no webhook of it has come.
    id: Option<String>,
    /// Its status, in the booking system's word.
    #[schema(example = "rebooked")]
    status: Option<String>,
}

impl Chained {
    fn all(around: &ChainAround, own: &BookingView) -> Vec<Self> {
        if around.is_empty() {
            return Vec::new();
        }
        let told = |key: &str, booking: Option<&BookingView>| Self {
            key: key.to_owned(),
            id: booking.map(|booking| booking.id.to_string()),
            status: booking.map(|booking| booking.status.clone()),
        };
        let of = |one: &ChainedBooking| told(&one.key, one.booking.as_ref());
        let own = told(&own.key.key, Some(own));
        around.before.iter().map(of).chain([own]).chain(around.after.iter().map(of)).collect()
    }
}

/// A record in a CRM that holds a booking, or part of it.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Record)]
pub(super) struct RecordHeld {
    /// The connection.
    #[schema(example = "hubspot")]
    connection: String,
    /// What it is there.
    #[schema(example = "contact")]
    object: String,
    /// What it is known by.
    key: String,
    /// Its id there, where that is known.
    #[schema(example = "1551")]
    remote_id: Option<String>,
    /// Where a person sees it, where that is known.
    url: Option<String>,
    /// Whether what was last sent there is known to have arrived.
    sent: bool,
    /// Whether a change waits, or needs somebody.
    #[schema(example = "nothing", value_type = Standing)]
    waits: &'static str,
}

/// A change of a booking.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangeInFull)]
pub(super) struct ChangeTold {
    /// The change.
    #[serde(flatten)]
    change: Change,
    /// The event that told of it.
    event: String,
    /// When that came in.
    #[schema(format = DateTime)]
    received_at: String,
    /// When it was applied.
    #[schema(format = DateTime)]
    applied_at: String,
    /// The values of the changed paths, at most 100 of them.
    values: Vec<ValueChanged>,
    /// The runs that it led to.
    runs: Vec<RunInShort>,
}

/// A value, before and after.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ValueChanged {
    /// Its path.
    #[schema(example = "contact.phone")]
    path: String,
    /// Before; null where it was missing.
    before: Option<Value>,
    /// After; null where it is missing.
    after: Option<Value>,
}

/// How far a run is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunInShort {
    /// Its id.
    id: String,
    /// Name of the rule.
    rule: String,
    /// How it stands.
    #[schema(value_type = RunState)]
    state: &'static str,
    /// Why nothing was sent, or what failed.
    verdict: Option<Why>,
}

/// The bookings, the last changed first
#[utoipa::path(get, path = "/api/v1/bookings", tag = "bookings", params(BookingsAsked),
    responses((status = 200, description = "A page of bookings.", body = Page<BookingStands>)))]
pub(super) async fn list_bookings(app: web::Data<App>, Params(asked): Params<BookingsAsked>) -> Answer {
    let limit = limit(asked.limit)?;
    if let Some(key) = &asked.key {
        return of_key(&app, key, &asked).await;
    }
    let typed = asked.q.as_deref().unwrap_or_default();
    if typed.chars().count() > WORDS_CHARS_MAX {
        return Err(ApiError::wrong_parameter("q has at most 120 characters"));
    }
    for (name, day) in
        [("tour_day", &asked.tour_day), ("tour_from", &asked.tour_from), ("tour_to", &asked.tour_to)]
    {
        if day.as_deref().is_some_and(|day| !is_day(day)) {
            return Err(ApiError::wrong_parameter(&format!("{name} is a day as in 2027-03-14")));
        }
    }
    if asked.tour_day.is_some() && (asked.tour_from.is_some() || asked.tour_to.is_some()) {
        return Err(ApiError::wrong_parameter("tour_day stands without tour_from and tour_to"));
    }
    let standing = word("state", asked.state, &Standing::ALL.map(Standing::as_str))?;
    let words = search_words(typed);
    let query = BookingQuery {
        standing: standing.as_deref().and_then(Standing::parse),
        source: asked.source,
        status: asked.status,
        tour_from: asked.tour_from.or_else(|| asked.tour_day.clone()),
        tour_to: asked.tour_to.or(asked.tour_day),
        changed_from: moment("changed_from", asked.changed_from.as_deref())?,
        changed_before: moment("changed_before", asked.changed_before.as_deref())?,
        after: after(asked.after.as_deref())?,
        limit,
        words,
    };
    // Something without a letter or digit finds nothing.
    let nothing = !typed.trim().is_empty() && query.words.is_empty();
    let page = if nothing { BookingPage::default() } else { app.store.find_bookings(&query).await? };
    let next = page.next.as_ref().map(|next| cursor(LIST, &format!("{}.{}", next.changed_at, next.booking)));
    let found: Vec<BookingView> = page.bookings.iter().map(|(booking, _)| booking.clone()).collect();
    let chains = app.neighbour_keys(&found).await?;
    let told = |(booking, standing): &(BookingView, Standing)| {
        BookingStands::of(booking, chains.get(&booking.key), *standing)
    };
    let items = page.bookings.iter().map(told).collect();
    answered(&Page { items, next })
}

fn after(text: Option<&str>) -> Result<Option<CardPlace>, ApiError> {
    let Some(text) = place(LIST, text)? else { return Ok(None) };
    let (changed_at, booking) = text.split_once('.').ok_or_else(wrong_cursor)?;
    let changed_at = changed_at.parse().map_err(|_| wrong_cursor())?;
    Ok(Some(CardPlace { changed_at, booking: BookingId::new(booking) }))
}

/// The few with this key: the same may be used by several accounts.
async fn of_key(app: &App, key: &str, asked: &BookingsAsked) -> Answer {
    let others = [&asked.q, &asked.state, &asked.source, &asked.status, &asked.tour_day];
    let others = others.into_iter().chain([&asked.tour_from, &asked.tour_to]);
    let further = [&asked.changed_from, &asked.changed_before, &asked.after];
    if others.chain(further).any(Option::is_some) {
        return Err(ApiError::wrong_parameter("key stands alone, without other filters"));
    }
    let filter = ListFilter { booking: Some(key.to_owned()), limit: CHANGES_MAX, ..ListFilter::default() };
    let found = app.store.list_bookings(&filter).await?;
    let mut items = Vec::with_capacity(found.len());
    let chains = app.neighbour_keys(&found).await?;
    for booking in &found {
        let standing = standing(app, &booking.id).await?;
        items.push(BookingStands::of(booking, chains.get(&booking.key), standing));
    }
    answered(&Page { items, next: None })
}

async fn standing(app: &App, id: &BookingId) -> Result<Standing, ApiError> {
    let standing = app.store.standings(std::slice::from_ref(id)).await?;
    Ok(standing.first().copied().flatten().unwrap_or(Standing::Nothing))
}

impl BookingStands {
    fn of(booking: &BookingView, neighbours: Option<&NeighbourKeys>, standing: Standing) -> Self {
        Self { booking: Booking::of(booking, neighbours), standing: standing.as_str() }
    }
}

/// One booking, with its data and the records that hold it
#[utoipa::path(get, path = "/api/v1/bookings/{id}", tag = "bookings",
    params(("id" = String, Path, description = "Its id.", example = "bkg_01m827nryktf1rpbkn5m5dr6r2")),
    responses((status = 200, description = "The booking.", body = BookingTold)))]
pub(super) async fn get_booking(app: web::Data<App>, id: web::Path<String>) -> Answer {
    let id = BookingId::new(id.into_inner());
    let (booking, body) = app.store.booking(&id).await?.ok_or_else(|| ApiError::not_found("booking"))?;
    let links = app.store.links_of_booking(&id).await?;
    let runs = runs_of(&app, &id).await?;
    let neighbours = app.neighbour_keys(std::slice::from_ref(&booking)).await?;
    answered(&BookingTold {
        booking: Booking::of(&booking, neighbours.get(&booking.key)),
        chain: Chained::all(&app.chain_around(&booking.key).await?, &booking),
        standing: standing(&app, &id).await?.as_str(),
        data: serde_json::from_str(&body).unwrap_or_default(),
        records: RecordHeld::all(&app, &links, &runs),
    })
}

async fn runs_of(app: &App, id: &BookingId) -> Result<Vec<RunRow>, ApiError> {
    let filter = ListFilter { booking: Some(id.to_string()), limit: RUNS_MAX, ..ListFilter::default() };
    Ok(app.store.list_runs(&filter).await?)
}

impl RecordHeld {
    fn all(app: &App, links: &[LinkRow], runs: &[RunRow]) -> Vec<Self> {
        let active = app.active();
        let mut told: Vec<Self> = Vec::new();
        for link in links {
            let record = &link.key.record;
            let known = told.iter_mut().find(|one| {
                (&one.connection, &one.object, &one.key) == (&record.connection, &record.object, &record.key)
            });
            let url = || record_url(active.as_deref(), record, link.remote_id.as_deref()?);
            if let Some(known) = known {
                known.sent |= link.hash.is_some();
                known.url = known.url.take().or_else(url);
                known.remote_id = known.remote_id.take().or_else(|| link.remote_id.clone());
                continue;
            }
            told.push(Self {
                connection: record.connection.clone(),
                object: record.object.clone(),
                key: record.key.clone(),
                remote_id: link.remote_id.clone(),
                url: url(),
                sent: link.hash.is_some(),
                waits: waits(&record.connection, runs).as_str(),
            });
        }
        told
    }
}

fn waits(connection: &str, runs: &[RunRow]) -> Standing {
    let any = |states: &[RunState]| {
        runs.iter().any(|run| run.connection == connection && states.contains(&run.state))
    };
    if any(&[RunState::Failed, RunState::Held]) {
        Standing::NeedsYou
    } else if any(&[RunState::Waiting, RunState::Working, RunState::Paused]) {
        Standing::Waiting
    } else {
        Standing::Nothing
    }
}

/// The timeline of a booking: its changes, newest first, with their values and runs
#[utoipa::path(get, path = "/api/v1/bookings/{id}/changes", tag = "bookings",
    params(("id" = String, Path, description = "The booking's id."), ChangesAsked),
    responses((status = 200, description = "A page of changes.", body = Page<ChangeTold>)))]
pub(super) async fn list_changes(
    app: web::Data<App>,
    id: web::Path<String>,
    Params(asked): Params<ChangesAsked>,
) -> Answer {
    let id = BookingId::new(id.into_inner());
    let limit = asked.limit.unwrap_or(15);
    if !(1..=CHANGES_MAX).contains(&limit) {
        return Err(ApiError::wrong_parameter("limit must be a number from 1 to 50"));
    }
    let before = reference(asked.after.as_deref())?;
    app.store.booking(&id).await?.ok_or_else(|| ApiError::not_found("booking"))?;
    let mut changes = app.store.changes_of_booking(&id, CHANGES_OF_ALL_MAX).await?;
    changes.retain(|change| before.is_none_or(|before| change.reference < before));
    let more = changes.len() as i64 > limit;
    changes.truncate(limit as usize);
    let last = changes.last().filter(|_| more).map(|change| change.reference);
    let next = last.map(|last| cursor(CHANGES, &format!("{}.{}", last.position, last.ordinal)));
    let runs = runs_of(&app, &id).await?;
    let mut items = Vec::with_capacity(changes.len());
    for change in &changes {
        items.push(ChangeTold::read(&app, change, &runs).await?);
    }
    answered(&Page { items, next })
}

fn reference(after: Option<&str>) -> Result<Option<ChangeRef>, ApiError> {
    let Some(text) = place(CHANGES, after)? else { return Ok(None) };
    let read = || {
        let (position, ordinal) = text.split_once('.')?;
        Some(ChangeRef { position: position.parse().ok()?, ordinal: ordinal.parse().ok()? })
    };
    read().map(Some).ok_or_else(wrong_cursor)
}

impl ChangeTold {
    async fn read(app: &App, change: &ChangeView, runs: &[RunRow]) -> Result<Self, ApiError> {
        let mut values = Vec::new();
        if !change.paths.is_empty()
            && let Some((_, before, after)) = app.store.change(change.reference).await?
        {
            let read = |text: Option<String>| -> Value {
                text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
            };
            let (before, after) = (read(before), read(after));
            values.extend(change.paths.iter().take(VALUES_MAX).map(|path| ValueChanged {
                path: path.clone(),
                before: find(&before, path).cloned(),
                after: find(&after, path).cloned(),
            }));
        }
        let of_change = runs.iter().filter(|run| run.change == change.reference);
        Ok(Self {
            change: Change::of(change),
            event: change.event.to_string(),
            received_at: rfc3339(change.received_at),
            applied_at: rfc3339(change.at),
            values,
            runs: of_change.map(RunInShort::of).collect(),
        })
    }
}

impl RunInShort {
    fn of(run: &RunRow) -> Self {
        Self {
            id: run.id.to_string(),
            rule: run.rule.clone(),
            state: run.state.as_str(),
            verdict: run.verdict.as_ref().map(Why::of),
        }
    }
}
