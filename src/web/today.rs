//! `/`: is all well? The first sentence says so, or what is wrong and what to do; then how the bookings of the last day or
//! month stand, which adds up; the sources and the connections; and what came in last. `?part=live` gives the block that
//! is refreshed in place. All counts come from tables kept by the hour.

use super::begin_show::Steps;
use super::booking_words::BookingWords;
use super::cause_words::{CauseWords, cause_place, cause_words};
use super::certificate_told;
use super::chart::Chart;
use super::errors::PageError;
use super::outlook::{Lately, Outlook, Sentence};
use super::page::{Frame, Place, answer, in_address};
use super::rates::{self, Rate, per_hour};
use super::scene::Scene;
use super::standings::{self, Standings};
use super::times::{Moment, date_short, hour_of_day, since_words, start_of_day};
use super::unread::unread;
use super::words::{Mark, Tone, connection_mark};
use crate::app::App;
use crate::domain::{Millis, Standing};
use crate::ports::{BookingQuery, BookingView, HourCount, StoreError};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

const HOUR: Millis = 3_600_000;
/// A fetch that takes no longer is not told of.
const FETCH_MS_USUAL: Millis = 30_000;
/// Bars of a day, and of a month.
const HOURS: i64 = 24;
const DAYS: i64 = 30;
/// Bookings that came in last.
const NEWEST: i64 = 8;
/// Sources and connections of the page.
const ROWS_MAX: usize = 50;
/// Causes that are named in the first sentences.
const CAUSES_NAMED: usize = 2;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    of: Option<String>,
    part: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "today.html", blocks = ["live"])]
pub struct Today {
    frame: Frame,
    outlook: Outlook,
    setting_up: bool,
    empty: bool,
    month: bool,
    total: i64,
    all: String,
    parts: Vec<Part>,
    since: String,
    /// Bookings that wait to be fetched: they are in none of the figures yet.
    to_fetch: i64,
    chart: Chart,
    newest: Vec<Newest>,
    sources: Vec<SourceRow>,
    connections: Vec<ConnectionRow>,
}

/// One addend.
struct Part {
    mark: Mark,
    count: i64,
    address: String,
}

/// A booking that came in last.
struct Newest {
    address: String,
    words: BookingWords,
    mark: Mark,
    changed: Moment,
}

/// A source.
struct SourceRow {
    title: String,
    address: String,
    last: Option<Moment>,
    lately: i64,
    usual: Option<String>,
    mark: Mark,
}

/// A connection.
struct ConnectionRow {
    title: String,
    address: String,
    /// It has a page: the rules know it.
    known: bool,
    mark: Mark,
    waiting: i64,
    oldest: Option<Moment>,
    limit: String,
}

/// What is read for the page.
#[derive(Default)]
struct Read {
    hours: Vec<HourCount>,
    newest: Vec<(BookingView, Standing)>,
    rates: Vec<Rate>,
    limits: Vec<(String, String)>,
    setting_up: bool,
    fetches: Vec<Sentence>,
    /// What came and could not be read.
    unread: Vec<Sentence>,
    certificate: Option<Sentence>,
    /// Why what needs somebody does, the latest first.
    causes: Vec<CauseWords>,
}

/// `GET /`.
pub async fn today(app: web::Data<App>, query: web::Query<Query>) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let month = query.of.as_deref() == Some("month");
    let from = begin(month, scene.now);
    let page = Today::of(&scene, month, read(&app, &scene, from).await?);
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

/// When the first bar begins, at a full hour.
pub(super) fn begin(month: bool, now: Millis) -> Millis {
    let from = if month { start_of_day(now, DAYS - 1) } else { now - (HOURS - 1) * HOUR };
    from - from.rem_euclid(HOUR)
}

async fn read(app: &App, scene: &Scene, from: Millis) -> Result<Read, PageError> {
    let hours = app.store.booking_hours(from / HOUR).await?;
    let newest = BookingQuery { limit: NEWEST, ..BookingQuery::default() };
    let newest = app.store.find_bookings(&newest).await?.bookings;
    let rates = rates(app, scene).await?;
    let limits = app.active().map(|active| {
        let limit = |(name, connection): (&String, &std::sync::Arc<crate::connectors::Connection>)| {
            (name.clone(), limit_words(&connection.limits))
        };
        active.connections.iter().map(limit).collect()
    });
    let setting_up = Steps::of(app.active().as_deref(), scene).unfinished();
    let fetches = fetches(app, scene, &rates);
    let unread = unread(app, &rates).await?;
    let certificate = certificate(app, &rates, scene.now);
    let limits = limits.unwrap_or_default();
    let active = app.active();
    let open = app.store.open_causes(None, CAUSES_NAMED as i64 + 1).await?;
    let causes =
        open.iter().map(|group| cause_words(group, &cause_place(group, active.as_deref()), scene)).collect();
    Ok(Read { hours, newest, rates, limits, setting_up, fetches, unread, certificate, causes })
}

/// What waits to be fetched from booking systems: a sentence for each source where something has waited for a while, or is
/// in the way. These are not among the bookings that came in or changed: what they are is known when they are fetched.
pub(super) fn fetches(app: &App, scene: &Scene, rates: &[Rate]) -> Vec<Sentence> {
    let Some(active) = app.active() else { return Vec::new() };
    let mut sentences = Vec::new();
    for rate in rates {
        let Some((source, wait)) = active.sources.get(&rate.name).zip(rate.fetching.as_ref()) else {
            continue;
        };
        let late = wait.oldest_at.is_some_and(|oldest| scene.now - oldest > FETCH_MS_USUAL);
        let (tone, more) = match &wait.trouble {
            Some(trouble) => (Tone::Bad, format!(" {trouble}")),
            None if late => (Tone::Waiting, String::new()),
            None => continue,
        };
        let bookings = match wait.waiting {
            1 => "One booking waits".to_owned(),
            many => format!("{many} bookings wait"),
        };
        let text = format!("{bookings} to be fetched from {}.{more}", source.connector.title);
        let way = Some((rate.address().into(), "See the source"));
        sentences.push(Sentence { tone, text, way });
    }
    sentences
}

/// Says why things need somebody, before how many there are; in its place where that is all.
fn name_causes(outlook: &mut Outlook, causes: Vec<CauseWords>) {
    let place = outlook.sentences.iter().position(|told| {
        told.tone == Tone::Bad && told.way.as_ref().is_some_and(|(address, _)| address == "/needs-you")
    });
    let Some(place) = place.filter(|_| !causes.is_empty()) else { return };
    let way = outlook.sentences[place].way.clone();
    let all = causes.len() <= CAUSES_NAMED;
    let sentence = |words: CauseWords| Sentence { tone: Tone::Bad, text: words.sentence, way: None };
    let mut named: Vec<Sentence> = causes.into_iter().take(CAUSES_NAMED).map(sentence).collect();
    if all {
        named.last_mut().into_iter().for_each(|last| last.way.clone_from(&way));
    }
    outlook.sentences.splice(place..place + usize::from(all), named);
}

/// Puts sentences beside those of the outlook, the worst first. With a bad one all is not well.
pub(super) fn beside(outlook: &mut Outlook, sentences: Vec<Sentence>) {
    if sentences.iter().any(|sentence| sentence.tone == Tone::Bad) {
        outlook.sentences.retain(|sentence| sentence.tone != Tone::Good);
    }
    outlook.sentences.extend(sentences);
    outlook.sentences.sort_by_key(|sentence| sentence.tone != Tone::Bad);
}

/// What is amiss with the certificate of the address for webhooks.
pub(super) fn certificate(app: &App, rates: &[Rate], now: Millis) -> Option<Sentence> {
    certificate_told::sentence(&app.certificate(), rates.iter().filter_map(|rate| rate.last).max(), now)
}

/// How each source does.
pub(super) async fn rates(app: &App, scene: &Scene) -> Result<Vec<Rate>, StoreError> {
    let names: Vec<String> = scene.source_titles.keys().take(ROWS_MAX).cloned().collect();
    rates::rates(app, scene, &names).await
}

/// Is all well, and how do the bookings stand that changed since?
pub(super) fn outlook(
    scene: &Scene,
    from: Millis,
    hours: &[HourCount],
    (rates, certificate): (&[Rate], Option<Sentence>),
) -> (Outlook, Lately) {
    let lately = Lately { since: since_words(from, scene.now), standings: Standings::of(hours) };
    let mut outlook = Outlook::of(scene, Some(&lately));
    let told = rates.iter().filter_map(silence_sentence);
    outlook.sentences.splice(0..0, told);
    let is_bad = certificate.as_ref().is_some_and(|told| told.tone == Tone::Bad);
    outlook.sentences.extend(certificate);
    if is_bad || rates.iter().any(|rate| rate.silence.is_some()) {
        // What does not come in is not well, even if all that came is where it should be.
        outlook.sentences.retain(|sentence| sentence.tone != Tone::Good);
    }
    outlook.sentences.sort_by_key(|sentence| sentence.tone != Tone::Bad);
    (outlook, lately)
}

/// A source is silent: for how long, and where to go for it.
pub(super) fn silence_sentence(rate: &Rate) -> Option<Sentence> {
    let silence = rate.silence.as_ref()?;
    Some(Sentence {
        tone: Tone::Waiting,
        text: silence.sentence.clone(),
        way: Some((rate.address().into(), "See what it may be")),
    })
}

pub(super) fn limit_words(limits: &crate::connectors::RateLimits) -> String {
    let mut words = Vec::new();
    words.extend(limits.per_second.map(|rate| format!("{rate} calls a second")));
    words.extend(limits.concurrency.map(|calls| format!("{calls} at a time")));
    if words.is_empty() { String::from("none") } else { words.join(", ") }
}

impl Today {
    fn of(scene: &Scene, month: bool, read: Read) -> Self {
        let from = begin(month, scene.now);
        let (mut outlook, Lately { since, standings }) =
            outlook(scene, from, &read.hours, (&read.rates, read.certificate));
        name_causes(&mut outlook, read.causes);
        beside(&mut outlook, read.fetches);
        beside(&mut outlook, read.unread);
        let address = |standing: Standing| format!("/bookings?since={from}&state={}", standing.as_str());
        let part = |standing| Part {
            mark: standings::mark(standing),
            count: standings.count(standing),
            address: address(standing),
        };
        Self {
            frame: Frame::new(Place::Today, scene, None),
            setting_up: read.setting_up,
            empty: !scene.counts.has_bookings,
            month,
            total: standings.total(),
            all: format!("/bookings?since={from}"),
            parts: [Standing::Sent, Standing::Nothing, Standing::Waiting, Standing::NeedsYou]
                .map(part)
                .into(),
            since,
            to_fetch: read.rates.iter().filter_map(|rate| Some(rate.fetching.as_ref()?.waiting)).sum(),
            chart: chart(month, from, &read.hours),
            newest: read.newest.iter().map(|one| Newest::of(one, scene)).collect(),
            sources: read.rates.iter().map(|one| SourceRow::of(one, scene)).collect(),
            connections: scene
                .connection_names()
                .iter()
                .take(ROWS_MAX)
                .map(|name| ConnectionRow::of(name, scene, &read.limits))
                .collect(),
            outlook,
        }
    }
}

fn chart(month: bool, from: Millis, hours: &[HourCount]) -> Chart {
    let between = |from: Millis, to: Millis| {
        Standings::of(hours.iter().filter(|hour| (from / HOUR..to / HOUR).contains(&hour.hour)))
    };
    if month {
        // A day may have 23 hours, or begin at half past.
        let starts: Vec<Millis> = (0..=DAYS).map(|day| start_of_day(from + HOUR, -day)).collect();
        let bars = starts.windows(2).map(|day| (date_short(day[0] + HOUR), between(day[0], day[1])));
        return Chart::of("Bookings by day", bars.collect());
    }
    let bars = (0..HOURS).map(|hour| {
        let at = from + hour * HOUR;
        (hour_of_day(at), between(at, at + HOUR))
    });
    Chart::of("Bookings by hour", bars.collect())
}

impl Newest {
    fn of((booking, standing): &(BookingView, Standing), scene: &Scene) -> Self {
        Self {
            address: in_address(booking.id.as_str()),
            words: BookingWords::of(booking),
            mark: standings::mark(*standing),
            changed: Moment::of(booking.updated_at, scene.now),
        }
    }
}

impl SourceRow {
    fn of(rate: &Rate, scene: &Scene) -> Self {
        let quiet = |mark: Mark| if rate.last.is_none() { Mark { tone: Tone::Quiet, ..mark } } else { mark };
        let mark = quiet(rate.mark());
        Self {
            title: rate.title.clone(),
            address: in_address(&rate.name),
            last: rate.last.map(|last| Moment::of(last, scene.now)),
            lately: rate.lately,
            usual: rate.usual.map(per_hour),
            mark,
        }
    }
}

impl ConnectionRow {
    fn of(name: &str, scene: &Scene, limits: &[(String, String)]) -> Self {
        let oldest = scene.counts.oldest_waiting.iter().find(|(of, _)| of == name);
        Self {
            title: scene.connection(name),
            address: in_address(name),
            known: scene.connection_titles.contains_key(name),
            mark: connection_mark(scene.connections.get(name), scene.now),
            waiting: scene.under_way(Some(name)),
            oldest: oldest.map(|(_, at)| Moment::of(*at, scene.now)),
            limit: limits
                .iter()
                .find(|(of, _)| of == name)
                .map_or_else(|| String::from("not in the rules any more"), |(_, words)| words.clone()),
        }
    }
}

#[cfg(test)]
impl Today {
    pub(super) fn samples() -> Vec<Self> {
        use super::cause_words::CausePlaceTold;
        use super::samples::{HOSTILE, NOW, booking, hostile_booking, scene};
        let this_hour = NOW / HOUR;
        let of = |back, standing, bookings| HourCount { hour: this_hour - back, standing, bookings };
        let hours = || {
            let mut hours = Vec::new();
            for back in 0..700 {
                hours.push(of(back, Standing::Sent, 3 + back % 7));
                hours.push(of(back, Standing::ALL[(back % 4) as usize], 1 + back % 2));
            }
            hours
        };
        let words = cause_words(&super::samples::hostile_group(), &CausePlaceTold::default(), &scene());
        let full = || Read {
            fetches: vec![Sentence { tone: Tone::Bad, text: HOSTILE.into(), way: None }],
            unread: vec![Sentence { tone: Tone::Waiting, text: HOSTILE.into(), way: None }],
            hours: hours(),
            newest: vec![(booking(), Standing::Sent), (hostile_booking(), Standing::NeedsYou)],
            rates: Rate::samples(HOSTILE, NOW),
            certificate: certificate_told::sentence(
                &certificate_told::samples(HOSTILE, NOW).swap_remove(2),
                None,
                NOW,
            ),
            limits: vec![("crm".to_owned(), "9 calls a second, 4 at a time".to_owned())],
            setting_up: true,
            causes: (0..=CAUSES_NAMED).map(|_| words.clone()).collect(),
        };
        vec![
            Self::of(&Scene::default(), false, Read::default()),
            Self::of(&scene(), false, full()),
            Self::of(&scene(), true, full()),
        ]
    }
}
