//! A fake of apaleo on loopback: its identity server and its booking API, written from apaleo's guides, its swagger of 2021
//! and what users of it found. It keeps limits and answers 429 with `Retry-After`, ends tokens, pages, and fails by script.

use crate::fake_http::{Asked, FakeHttp, Reply};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Rows of a page where nothing is asked for, and at most.
const PAGE: usize = 20;
const PAGE_MAX: usize = 200;

/// What is in it.
#[derive(Default)]
pub struct State {
    reservations: BTreeMap<String, Value>,
    client: (String, String),
    tokens: BTreeMap<String, Instant>,
    token_lives: Duration,
    /// Calls and how long: at most so many in any such time.
    limits: Vec<(usize, Duration)>,
    called: Vec<Instant>,
    /// `METHOD /path` parts, how often still, and what is answered instead.
    scripts: Vec<(String, usize, Option<Reply>)>,
    /// Calls that were made, as `METHOD /path`, with what was answered.
    pub made: Vec<(String, u16)>,
    /// The most calls that any window held.
    pub over: usize,
}

/// A running fake.
pub struct Apaleo {
    state: Arc<Mutex<State>>,
    server: Option<FakeHttp>,
    pub address: SocketAddr,
}

impl Apaleo {
    /// Starts with nothing in it.
    pub async fn start(client_id: &str, client_secret: &str) -> Self {
        let state = State {
            client: (client_id.to_owned(), client_secret.to_owned()),
            token_lives: Duration::from_secs(3_600),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let server = serve(SocketAddr::from(([127, 0, 0, 1], 0)), state.clone()).await;
        Self { state, address: server.address, server: Some(server) }
    }

    /// What a source file says to reach it, with the secrets `apaleo-id` and `apaleo-secret`.
    pub fn api(&self) -> String {
        format!(
            "api: {{ client_id: {{ secret: apaleo-id }}, client_secret: {{ secret: apaleo-secret }}, base_url: \
             \"http://{0}\", token_url: \"http://{0}/connect/token\", allow_private: true }}\n",
            self.address
        )
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked")
    }

    /// Its port is closed.
    pub fn down(&mut self) {
        self.server = None;
    }

    /// It is there again.
    pub async fn up(&mut self) {
        self.server = Some(serve(self.address, self.state.clone()).await);
    }

    pub fn put(&self, reservation: Value) {
        let id = reservation["id"].as_str().expect("an id").to_owned();
        self.state().reservations.insert(id, reservation);
    }

    pub fn remove(&self, id: &str) {
        self.state().reservations.remove(id);
    }

    /// All tokens end now, before their time.
    pub fn end_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Another secret is the right one from now on.
    pub fn takes_secret(&self, secret: &str) {
        self.state().client.1 = secret.to_owned();
    }

    /// At most so many calls in any such time.
    pub fn limit(&self, calls: usize, within: Duration) {
        self.state().limits.push((calls, within));
    }

    /// The next so many calls whose `METHOD /path` contains this are answered so; without an answer they are lost.
    pub fn script(&self, on: &str, times: usize, reply: Option<Reply>) {
        self.state().scripts.push((on.to_owned(), times, reply));
    }

    /// How often it was called so.
    pub fn calls(&self, on: &str) -> usize {
        self.state().made.iter().filter(|(made, _)| made.contains(on)).count()
    }
}

async fn serve(address: SocketAddr, state: Arc<Mutex<State>>) -> FakeHttp {
    FakeHttp::start(address, move |asked| {
        let mut state = state.lock().expect("nobody panicked");
        let reply = state.answer(asked);
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        state.made.push((format!("{} {}", asked.method, asked.path), status));
        reply
    })
    .await
}

impl State {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        let what = format!("{} {}", asked.method, asked.path);
        if let Some(at) =
            self.scripts.iter().position(|(on, times, _)| *times > 0 && what.contains(on.as_str()))
        {
            self.scripts[at].1 -= 1;
            return self.scripts[at].2.clone();
        }
        if what == "POST /connect/token" {
            return Some(self.token(asked));
        }
        #[expect(clippy::disallowed_methods, reason = "a fake keeps time by itself")]
        let now = Instant::now();
        if !self
            .tokens
            .get(asked.header("authorization").trim_start_matches("Bearer "))
            .is_some_and(|ends| *ends > now)
        {
            return Some(Reply::empty(401).with("www-authenticate", "Bearer error=\"invalid_token\""));
        }
        self.called.push(now);
        for (calls, within) in &self.limits {
            let lately = self.called.iter().filter(|at| now.duration_since(**at) < *within).count();
            if lately > *calls {
                self.called.pop();
                self.over += 1;
                return Some(
                    Reply::json(429, &json!({ "messages": ["slow down"] })).with("retry-after", "1"),
                );
            }
        }
        Some(self.read(asked).with("apaleo-tracking-id", "00-fake-00"))
    }

    fn token(&mut self, asked: &Asked) -> Reply {
        use base64::Engine as _;
        let pair = format!("{}:{}", self.client.0, self.client.1);
        let right = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        if asked.header("authorization") != right || !asked.body.contains("grant_type=client_credentials") {
            return Reply::json(400, &json!({ "error": "invalid_client" }));
        }
        let token = format!("token-{}", self.made.len());
        #[expect(clippy::disallowed_methods, reason = "a fake keeps time by itself")]
        let ends = Instant::now() + self.token_lives;
        self.tokens.insert(token.clone(), ends);
        let lives = self.token_lives.as_secs();
        Reply::json(
            200,
            &json!({
                "access_token": token, "expires_in": lives, "token_type": "Bearer", "scope": "reservations.read"
            }),
        )
    }

    fn read(&self, asked: &Asked) -> Reply {
        let path: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
        match (asked.method.as_str(), path.as_slice()) {
            ("GET", ["account", "v1", "accounts", "current"]) => {
                Reply::json(200, &json!({ "code": "ACME", "name": "Inn by the Sea" }))
            }
            ("GET", ["booking", "v1", "reservations", id]) => match self.reservations.get(*id) {
                Some(found) => Reply::json(200, &expanded(found, asked.parameter("expand"))),
                None => Reply::json(404, &json!({ "messages": ["Reservation not found"] })),
            },
            ("GET", ["booking", "v1", "reservations"]) => self.page(asked),
            ("GET", _) => Reply::empty(404),
            _ => Reply::empty(405),
        }
    }

    fn page(&self, asked: &Asked) -> Reply {
        let number = |name: &str, otherwise: usize| asked.parameter(name).parse().unwrap_or(otherwise);
        let (page, size) = (number("pageNumber", 1), number("pageSize", PAGE));
        if size > PAGE_MAX || page == 0 {
            return Reply::json(422, &json!({ "messages": ["pageSize is out of range"] }));
        }
        let (from, to) = (asked.parameter("from"), asked.parameter("to"));
        let booking = asked.parameter("bookingId");
        let by_modification = asked.parameter("dateFilter") == "Modification";
        let fits = |one: &&Value| {
            let modified = one["modified"].as_str().unwrap_or_default();
            (booking.is_empty() || one["bookingId"] == booking)
                && (!by_modification
                    || ((from.is_empty() || modified >= from) && (to.is_empty() || modified < to)))
        };
        let mut all: Vec<&Value> = self.reservations.values().filter(fits).collect();
        if asked.parameter("sort") == "updated:asc" {
            all.sort_by_key(|one| one["modified"].as_str().unwrap_or_default());
        }
        let rows: Vec<Value> = all
            .iter()
            .skip((page - 1) * size)
            .take(size)
            .map(|one| expanded(one, asked.parameter("expand")))
            .collect();
        if rows.is_empty() {
            return Reply::empty(204);
        }
        Reply::json(200, &json!({ "reservations": rows, "count": all.len() }))
    }
}

/// Without what was not asked for.
fn expanded(reservation: &Value, expand: &str) -> Value {
    let asked: BTreeSet<&str> = expand.split(',').collect();
    let mut answer = reservation.clone();
    for part in ["timeSlices", "services", "booker", "actions", "company", "assignedUnits"] {
        if !asked.contains(part)
            && let Some(map) = answer.as_object_mut()
        {
            map.remove(part);
        }
    }
    answer
}

/// A reservation of our own writing.
pub fn reservation(id: &str, status: &str, modified: &str) -> Value {
    let booking = id.split('-').next().unwrap_or(id);
    let amount = |amount: f64| json!({ "amount": amount, "currency": "EUR" });
    let fee = |code: &str| json!({ "id": format!("SEA-{code}"), "code": code, "name": code, "description": "", "fee": amount(0.0) });
    let mut cancellation = fee("CXL");
    cancellation["dueDateTime"] = json!("2027-03-13T18:00:00+01:00");
    json!({
        "id": id, "bookingId": booking, "status": status,
        "property": { "id": "SEA", "code": "SEA", "name": "Inn by the Sea", "description": "By the sea" },
        "ratePlan": { "id": "SEA-FLEX-DBL", "code": "FLEX", "name": "Flexible", "description": "", "isSubjectToCityTax": false },
        "unitGroup": { "id": "SEA-DBL", "code": "DBL", "name": "Double", "description": "" },
        "arrival": "2027-03-14T15:00:00+01:00", "departure": "2027-03-17T11:00:00+01:00",
        "created": "2026-11-01T09:12:00Z", "modified": modified, "adults": 2, "childrenAges": [7],
        "channelCode": "Direct", "source": "Website",
        "totalGrossAmount": amount(312.5), "balance": amount(-312.5),
        "primaryGuest": {
            "title": "Ms", "firstName": "Siobhán Mary", "lastName": "Ní Bhriain",
            "email": format!("{}@example.org", id.to_lowercase()), "phone": "0301 234567",
            "address": { "addressLine1": "Quay 1", "city": "Cork", "countryCode": "DE" }, "preferredLanguage": "en"
        },
        "booker": { "lastName": "Lee", "firstName": "Ann", "email": "ann@example.org" },
        "guaranteeType": "CreditCard", "cancellationFee": cancellation, "noShowFee": fee("NSH"),
        "paymentAccount": { "accountNumber": "411111******1111", "accountHolder": "CARD HOLDER", "expiryMonth": "12",
                            "expiryYear": "2028", "paymentMethod": "visa", "payerEmail": "payer@example.org",
                            "isVirtual": false, "isActive": true },
        "registeredCard": { "cardNumber": "511111******1118" },
        "isPreCheckedIn": false, "isOpenForCharges": true, "allFoliosHaveInvoice": false, "hasCityTax": false,
        "payableAmount": { "guest": amount(312.5) }, "taxDetails": [],
        "timeSlices": [], "services": []
    })
}

/// A webhook as apaleo sends it.
pub fn event(number: u32, kind: &str, entity: &str) -> Value {
    let (topic, kind) = kind.split_once('/').expect("topic/type");
    json!({
        "topic": topic, "type": kind, "id": format!("00000000-0000-4000-8000-{number:012}"), "accountId": "ACME",
        "propertyId": "SEA", "timestamp": 1_789_100_000_000_i64 + i64::from(number), "clientId": "ACME-IBE",
        "data": { "entityId": entity }
    })
}
