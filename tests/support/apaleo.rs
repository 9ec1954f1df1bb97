//! A fake of apaleo on loopback: its identity server, its webhook API and its booking API, written from apaleo's guides, its swagger of 2021
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
    /// The same of calls that are done: how late the answer comes; without a time it is lost.
    late: Vec<(String, usize, Option<Duration>)>,
    /// What is listed, where that is not what is there.
    listed: Option<BTreeMap<String, Value>>,
    /// By id: what is sent where.
    subscriptions: BTreeMap<String, Value>,
    subscribed: usize,
    /// What an address begins with, and where that is really listened at.
    door: Option<(String, SocketAddr)>,
    /// 404 instead of 204 where there is no subscription.
    none_is_404: bool,
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
             \"http://{0}\", token_url: \"http://{0}/connect/token\", subscriptions_url: \"http://{0}\", allow_private: \
             true }}\n",
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

    /// Addresses that begin so are listened at there: subscribing calls them.
    pub fn reaches(&self, begins: &str, listen: SocketAddr) {
        self.state().door = Some((begins.to_owned(), listen));
    }

    /// 404 instead of 204 where there is no subscription.
    pub fn tells_none_by_404(&self) {
        self.state().none_is_404 = true;
    }

    /// Makes a subscription as somebody else would.
    pub fn subscribe(&self, id: &str, address: &str, events: &[&str]) {
        let one =
            json!({ "id": id, "endpointUrl": address, "events": events, "created": "2026-11-01T09:12:00Z" });
        self.state().subscriptions.insert(id.to_owned(), one);
    }

    /// What is sent where, by id.
    pub fn subscriptions(&self) -> BTreeMap<String, Value> {
        self.state().subscriptions.clone()
    }

    /// All tokens end now, before their time.
    pub fn end_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Another secret is the right one from now on.
    pub fn takes_secret(&self, secret: &str) {
        secret.clone_into(&mut self.state().client.1);
    }

    /// At most so many calls in any such time.
    pub fn limit(&self, calls: usize, within: Duration) {
        self.state().limits.push((calls, within));
    }

    /// The next so many calls whose `METHOD /path` contains this are answered so; without an answer they are lost.
    pub fn script(&self, on: &str, times: usize, reply: Option<Reply>) {
        self.state().scripts.push((on.to_owned(), times, reply));
    }

    /// The next so many such calls are done, and answered so late; without a time the answer is lost.
    pub fn late(&self, on: &str, times: usize, after: Option<Duration>) {
        self.state().late.push((on.to_owned(), times, after));
    }

    /// From now on the list of subscriptions stays as it is, or tells again what is there.
    pub fn lists_what_was(&self, still: bool) {
        let mut state = self.state();
        state.listed = still.then(|| state.subscriptions.clone());
    }

    /// How often it was called so.
    pub fn calls(&self, on: &str) -> usize {
        self.state().made.iter().filter(|(made, _)| made.contains(on)).count()
    }
}

async fn serve(address: SocketAddr, state: Arc<Mutex<State>>) -> FakeHttp {
    FakeHttp::start(address, move |asked| {
        let mut state = state.lock().expect("nobody panicked");
        let mut reply = state.answer(asked);
        let what = format!("{} {}", asked.method, asked.path);
        if let Some(late) =
            state.late.iter_mut().find(|(on, times, _)| *times > 0 && what.contains(on.as_str()))
        {
            late.1 -= 1;
            match (late.2, &mut reply) {
                (Some(after), Some(reply)) => reply.after = after,
                _ => reply = None,
            }
        }
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        state.made.push((format!("{} {}", asked.method, asked.path), status));
        reply
    })
    .await
}

impl State {
    /// Somebody deletes all of them.
    pub fn forget_subscriptions(&mut self) {
        self.subscriptions.clear();
    }

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
        let token = asked.header("authorization").trim_start_matches("Bearer ");
        if self.tokens.get(token).is_none_or(|ends| *ends <= now) {
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
        let reply = match asked.path.strip_prefix("/v1/subscriptions") {
            Some(rest) => self.subscription(asked, rest.trim_start_matches('/')),
            None => self.read(asked),
        };
        Some(reply.with("apaleo-tracking-id", "00-fake-00"))
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

    fn subscription(&mut self, asked: &Asked, id: &str) -> Reply {
        let known = self.subscriptions.contains_key(id);
        match (asked.method.as_str(), id) {
            ("GET", "") => match self.listed.as_ref().unwrap_or(&self.subscriptions) {
                none if none.is_empty() && self.none_is_404 => Reply::empty(404),
                none if none.is_empty() => Reply::empty(204),
                some => Reply::json(200, &some.values().cloned().collect()),
            },
            ("POST", "") => match self.refusal(asked) {
                Some(refusal) => refusal,
                None => {
                    self.subscribed += 1;
                    let id = format!("sub-{}", self.subscribed);
                    self.keep(&id, asked);
                    Reply::json(201, &json!({ "id": id }))
                }
            },
            ("GET" | "PUT" | "DELETE", _) if !known => Reply::empty(404),
            ("GET", _) => Reply::json(200, &self.subscriptions[id]),
            ("PUT", _) => match self.refusal(asked) {
                Some(refusal) => refusal,
                None => {
                    self.keep(id, asked);
                    Reply::empty(200)
                }
            },
            ("DELETE", _) => {
                self.subscriptions.remove(id);
                Reply::empty(204)
            }
            _ => Reply::empty(405),
        }
    }

    fn keep(&mut self, id: &str, asked: &Asked) {
        let mut one: Value = serde_json::from_str(&asked.body).expect("a body");
        one["id"] = json!(id);
        one["created"] = json!("2026-11-01T09:12:00Z");
        self.subscriptions.insert(id.to_owned(), one);
    }

    /// Why a subscription is not taken: 422. It is not taken either where its address does not answer the check.
    fn refusal(&self, asked: &Asked) -> Option<Reply> {
        let refused = |kind: &str, message: String| {
            Some(Reply::json(422, &json!({ "type": kind, "message": message })))
        };
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let events = body["events"].as_array().map(Vec::len).unwrap_or_default();
        let address = body["endpointUrl"].as_str().unwrap_or_default();
        if events == 0 || !address.starts_with("https://") {
            return Some(Reply::json(
                422,
                &json!({ "messages": [format!("{address} can't be subscribed")] }),
            ));
        }
        let properties = body["propertyIds"].as_array().cloned().unwrap_or_default();
        if properties.iter().any(|one| one != "SEA") {
            return refused("InvalidPropertyId", "No such property".to_owned());
        }
        let path =
            self.door.as_ref().and_then(|(begins, listen)| Some((address.strip_prefix(begins)?, *listen)));
        let answered = path.map_or(0, |(path, listen)| health_check(listen, path));
        if !(200..300).contains(&answered) {
            return refused("HealthcheckFailed", format!("{address} answered {answered}"));
        }
        None
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

/// Calls an address as apaleo does when it is subscribed; gives the status.
fn health_check(listen: SocketAddr, path: &str) -> u16 {
    use std::io::{Read as _, Write as _};
    let body = json!({
        "topic": "system", "type": "healthcheck", "id": "00000000-0000-4000-8000-00000000beef", "accountId": "ACME",
        "propertyIds": [], "timestamp": 1_789_100_000_000_i64
    })
    .to_string();
    let call = || -> std::io::Result<u16> {
        let mut socket = std::net::TcpStream::connect(listen)?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let length = body.len();
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )?;
        let mut answer = [0; 12];
        socket.read_exact(&mut answer)?;
        let status = String::from_utf8_lossy(&answer[9..]).parse();
        Ok(status.unwrap_or(0))
    };
    // Others of this process answer meanwhile.
    tokio::task::block_in_place(call).unwrap_or(0)
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
