//! FareHarbor's External API, as far as a walk needs it, made by arithmetic: as many companies, items, availabilities and
//! bookings as one likes in no memory. It keeps its limits in sliding windows as the vendor states them (so many a second,
//! so many in a longer window; more is answered 429 or 403), fails and is slow now and then, and lets bookings change.

use crate::support::Booking;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The keys that it takes.
pub const APP_KEY: &str = "app-key-of-this-test";
pub const USER_KEY: &str = "user-key-of-this-test";
/// The year.
pub const FIRST: Date = date(2027, 1, 1);
const DAYS: u32 = 365;

/// How large it is, and what it allows.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub companies: u32,
    pub items: u32,
    pub availabilities: u32,
    pub bookings: u32,
    /// Calls of any second.
    pub per_second: usize,
    /// Calls of any longer window, and its length.
    pub window: (usize, Duration),
    /// Whether the last day of a range is part of it: that is not documented.
    pub last_day_counts: bool,
}

/// What came.
#[derive(Default)]
struct State {
    calls: u64,
    /// Calls beyond a limit.
    over: u64,
    failed: u64,
    /// Calls that came when the longer window was as full as a long walk lets it become, or nearly.
    near: u64,
    /// The most calls that any second and any window held.
    most: (usize, usize),
    times: VecDeque<Instant>,
    versions: BTreeMap<u32, u32>,
}

/// It serves until it is dropped.
#[derive(Clone)]
pub struct Vendor {
    pub address: SocketAddr,
    pub size: Size,
    state: Arc<Mutex<State>>,
}

impl Vendor {
    /// Starts it.
    pub fn start(size: Size) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let vendor = Self { address: listener.local_addr().expect("an address"), size, state };
        let shared = vendor.clone();
        std::thread::spawn(move || {
            let serving = HttpServer::new(move || {
                App::new().app_data(web::Data::new(shared.clone())).default_service(web::to(answer))
            });
            let serving = serving.workers(2).disable_signals().listen(listener).expect("it listens").run();
            actix_web::rt::System::new().block_on(serving).expect("it serves");
        });
        vendor
    }

    /// Calls so far, those beyond a limit, those that it failed, and the most that any second and window held.
    pub fn counts(&self) -> (u64, u64, u64, (usize, usize)) {
        let state = self.state.lock().expect("the counts");
        (state.calls, state.over, state.failed, state.most)
    }

    /// How many of a hundred calls came at the limit: when the longer window was four fifths full, of the nine tenths that a
    /// walk may fill.
    pub fn at_limit(&self) -> u64 {
        let state = self.state.lock().expect("the counts");
        state.near * 100 / state.calls.max(1)
    }

    /// A booking changes. Gives it as a webhook would tell it.
    pub fn change(&self, number: u32) -> Booking {
        *self.state.lock().expect("the versions").versions.entry(number).or_default() += 1;
        self.booking(number)
    }

    /// A booking as it is now.
    pub fn booking(&self, number: u32) -> Booking {
        let version = self.state.lock().expect("the versions").versions.get(&number).copied().unwrap_or(0);
        let availability = number % self.size.availabilities;
        let item = availability % self.size.items;
        let company = company_of(self.size, item);
        let status = if number % 17 == 3 { "cancelled" } else { "booked" };
        let day = self.day_of(availability);
        Booking::new(number)
            .with("/status", status)
            .with("/note", format!("version {version}"))
            .with("/company/shortname", company)
            .with("/availability/pk", 1_000_000 + availability)
            .with("/availability/item/pk", 1 + item)
            .with("/availability/start_at", format!("{day}T09:30:00-1000"))
    }

    fn day_of(&self, availability: u32) -> Date {
        let of_item = self.size.availabilities.div_ceil(self.size.items).max(1);
        let place = availability / self.size.items;
        let day = u64::from(place) * u64::from(DAYS) / u64::from(of_item);
        FIRST.saturating_add(i64::try_from(day).expect("a day of the year").days())
    }

    /// Counts a call. What is answered instead, where it is not to be.
    fn count(&self) -> Option<(u16, Value)> {
        let mut state = self.state.lock().expect("the counts");
        let now = Instant::now();
        state.calls += 1;
        let (in_window, length) = self.size.window;
        while state.times.front().is_some_and(|at| now - *at >= length.max(Duration::from_secs(1))) {
            state.times.pop_front();
        }
        state.times.push_back(now);
        let within = |length: Duration| state.times.iter().rev().take_while(|at| now - **at < length).count();
        // On a busy machine calls arrive in bunches, however they were sent: a second is looked at a little shortened. The
        // longer window is kept to the letter.
        let (second, window) = (within(Duration::from_millis(800)), within(length));
        state.most = (state.most.0.max(second), state.most.1.max(window));
        state.near += u64::from(window * 5 >= in_window * 4);
        if second > self.size.per_second || window > in_window {
            state.over += 1;
            let status = if state.over.is_multiple_of(2) { 403 } else { 429 };
            return Some((status, json!({ "error": "too many requests", "status": status })));
        }
        if state.calls.is_multiple_of(197) {
            state.failed += 1;
            return Some((503, json!({ "error": "a mistake of ours", "status": 503 })));
        }
        None
    }

    fn said(&self, path: &[&str]) -> Option<Value> {
        let size = self.size;
        match path {
            ["companies"] => {
                let all: Vec<Value> = (0..size.companies)
                    .map(|n| json!({ "shortname": format!("company{n}"), "name": "x", "currency": "eur" }))
                    .collect();
                Some(json!({ "companies": all }))
            }
            ["companies", company, "items"] => {
                let of = (0..size.items).filter(|item| company_of(size, *item) == *company);
                let all: Vec<Value> = of.map(|item| json!({ "pk": 1 + item, "name": "x" })).collect();
                Some(json!({ "items": all }))
            }
            ["companies", _, "items", item, "minimal", "availabilities", "date-range", from, to] => {
                let item: u32 = item.parse::<u32>().ok()?.checked_sub(1)?;
                let (from, to): (Date, Date) = (from.parse().ok()?, to.parse().ok()?);
                let of = (item..size.availabilities).step_by(size.items as usize).filter(|availability| {
                    let day = self.day_of(*availability);
                    day >= from && (day < to || (day == to && size.last_day_counts))
                });
                let all: Vec<Value> = of.map(|one| json!({ "pk": 1_000_000 + one })).collect();
                Some(json!({ "availabilities": all }))
            }
            ["companies", company, "availabilities", pk, "bookings"] => {
                let availability = pk.parse::<u32>().ok()?.checked_sub(1_000_000)?;
                let of = (availability..size.bookings).step_by(size.availabilities as usize);
                let all: Vec<Value> = of
                    .map(|number| json!({ "uuid": Booking::new(number).uuid(), "company": { "shortname": company } }))
                    .collect();
                Some(json!({ "bookings": all }))
            }
            ["companies", company, "bookings", uuid] => {
                let number: u32 = uuid.rsplit('-').next()?.parse().ok()?;
                let booking = self.booking(number);
                let fits =
                    number < size.bookings && booking.body["booking"]["company"]["shortname"] == *company;
                fits.then_some(booking.body)
            }
            _ => None,
        }
    }
}

fn company_of(size: Size, item: u32) -> String {
    format!("company{}", item % size.companies)
}

async fn answer(vendor: web::Data<Vendor>, request: HttpRequest) -> HttpResponse {
    let key =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let json = |status: u16, body: &Value| {
        let status = actix_web::http::StatusCode::from_u16(status).expect("a status");
        HttpResponse::build(status).content_type("application/json").body(body.to_string())
    };
    if let Some((status, body)) = vendor.count() {
        return json(status, &body);
    }
    if key("x-fareharbor-api-app").as_deref() != Some(APP_KEY)
        || key("x-fareharbor-api-user").as_deref() != Some(USER_KEY)
    {
        return json(
            403,
            &json!({ "error": "the key is not valid", "code": "app-key-invalid", "status": 403 }),
        );
    }
    let calls = vendor.counts().0;
    if calls.is_multiple_of(251) {
        actix_web::rt::time::sleep(Duration::from_millis(400)).await;
    }
    let path = request.path().trim_matches('/').to_owned();
    let parts: Vec<&str> = path.split('/').skip(3).collect();
    match vendor.said(&parts) {
        Some(body) => json(200, &body),
        None => json(404, &json!({ "error": "not found", "code": "booking-uuid-invalid", "status": 404 })),
    }
}
