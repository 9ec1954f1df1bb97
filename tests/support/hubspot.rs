//! A fake of HubSpot's API on loopback, for tests: contacts and deals by id with their unique properties, the links
//! between them, properties and pipelines, and failures by script. Written from the project's notes on HubSpot's
//! OpenAPI files; it refuses what HubSpot refuses (numbers as values, unknown properties, a missing scope).
//!
//! It speaks HTTP/1.1 over plain sockets, one call per connection, so that it can also lose calls and answers.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes of one call.
const CALL_BYTES_MAX: usize = 1 << 20;
const CONTACT_PROPERTIES: [&str; 15] = [
    "email",
    "firstname",
    "lastname",
    "phone",
    "mobilephone",
    "company",
    "jobtitle",
    "website",
    "address",
    "city",
    "state",
    "zip",
    "country",
    "hs_language",
    "lifecyclestage",
];
const DEAL_PROPERTIES: [&str; 8] = [
    "dealname",
    "amount",
    "deal_currency_code",
    "pipeline",
    "dealstage",
    "closedate",
    "description",
    "hubspot_owner_id",
];

/// A running fake. Dropping it closes its port.
pub struct Hubspot {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    pub method: String,
    /// Path with its query.
    pub target: String,
    pub body: Value,
    /// What was answered; 0 where nothing was.
    pub status: u16,
}

/// What happens to calls, once each script's turn comes.
#[derive(Clone, Debug)]
pub struct Script {
    /// For calls whose `METHOD /path` contains this.
    pub on: &'static str,
    /// So many times.
    pub times: usize,
    /// What happens.
    pub then: Then,
}

/// What happens to a call.
#[derive(Clone, Debug)]
pub enum Then {
    /// Answered without being done.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Value },
    /// 207 with an error for the row, which is not written.
    RowError { category: &'static str, message: &'static str },
    /// Done, and the connection closed without an answer.
    LoseAnswer,
    /// Done, and answered after so long.
    Late(Duration),
    /// Not done, and the connection closed.
    LoseCall,
    /// Done, and answered with this status and an HTML page all the same.
    DoneButSays(u16),
}

#[derive(Default)]
struct State {
    token: String,
    missing_scopes: BTreeSet<String>,
    objects: BTreeMap<&'static str, BTreeMap<u64, Map<String, Value>>>,
    links: BTreeSet<(String, String)>,
    /// Property of an object, and whether its values are unique.
    properties: BTreeMap<(&'static str, String), bool>,
    scripts: Vec<Script>,
    made: Vec<Made>,
    ids: u64,
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Hubspot {
    /// Starts with nothing in it but the properties that HubSpot brings.
    pub async fn start(token: &str) -> Self {
        let mut state = State { token: token.to_owned(), ids: 1_000, ..State::default() };
        for name in CONTACT_PROPERTIES {
            state.properties.insert(("contacts", name.to_owned()), name == "email");
        }
        for name in DEAL_PROPERTIES {
            state.properties.insert(("deals", name.to_owned()), false);
        }
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let shared = state.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { address, state, server }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a script; earlier ones come first.
    pub fn script(&self, on: &'static str, times: usize, then: Then) {
        self.lock().scripts.push(Script { on, times, then });
    }

    /// Takes a scope away.
    pub fn without_scope(&self, scope: &str) {
        self.lock().missing_scopes.insert(scope.to_owned());
    }

    /// Accepts another token from now on.
    pub fn change_token(&self, token: &str) {
        token.clone_into(&mut self.lock().token);
    }

    /// Makes a property, as somebody would in HubSpot's settings.
    pub fn define(&self, object: &'static str, name: &str, unique: bool) {
        self.lock().properties.insert((object, name.to_owned()), unique);
    }

    /// Removes a record, as somebody would in HubSpot.
    pub fn remove(&self, object: &'static str, id: u64) {
        self.lock().objects.entry(object).or_default().remove(&id);
    }

    /// Records of `contacts` or `deals` by id.
    pub fn records(&self, object: &str) -> BTreeMap<u64, Map<String, Value>> {
        self.lock().objects.get(object).cloned().unwrap_or_default()
    }

    /// Links: (contact, deal).
    pub fn links(&self) -> Vec<(String, String)> {
        self.lock().links.iter().cloned().collect()
    }

    /// All calls so far.
    pub fn made(&self) -> Vec<Made> {
        self.lock().made.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked with it")
    }
}

impl Drop for Hubspot {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Received {
    method: String,
    target: String,
    token: Option<String>,
    body: Vec<u8>,
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(call) = receive(&mut stream).await else { return };
    let (reply, wait) = {
        let mut state = state.lock().expect("nobody panicked with it");
        state.answer(&call)
    };
    tokio::time::sleep(wait).await;
    let Some(reply) = reply else { return };
    let mut head = format!(
        "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    head.push_str(&reply.body);
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn receive(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > CALL_BYTES_MAX || stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let length: usize = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let token = header("authorization").and_then(|text| text.strip_prefix("Bearer ").map(str::to_owned));
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length.min(CALL_BYTES_MAX) {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Received { method, target, token, body })
}

impl State {
    fn answer(&mut self, call: &Received) -> (Option<Reply>, Duration) {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or(Value::Null);
        let line = format!("{} {}", call.method, call.target);
        let script = self.scripts.iter_mut().find(|script| script.times > 0 && line.contains(script.on));
        let then = script.map(|script| {
            script.times -= 1;
            script.then.clone()
        });
        let mut wait = Duration::ZERO;
        let reply = match then {
            None => Some(self.done(call, &body)),
            Some(Then::Answer { status, headers, body }) => {
                let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                Some(Reply { status, headers, body: body.to_string() })
            }
            Some(Then::RowError { category, message }) => {
                let row =
                    json!({ "status": "error", "category": category, "message": message, "context": {} });
                Some(reply(
                    207,
                    json!({ "status": "COMPLETE", "results": [], "numErrors": 1, "errors": [row] }),
                ))
            }
            Some(Then::LoseAnswer) => {
                self.done(call, &body);
                None
            }
            Some(Then::LoseCall) => None,
            Some(Then::Late(late)) => {
                wait = late;
                Some(self.done(call, &body))
            }
            Some(Then::DoneButSays(status)) => {
                self.done(call, &body);
                let headers = vec![("Content-Type".to_owned(), "text/html".to_owned())];
                Some(Reply { status, headers, body: "<html><body>Bad gateway</body></html>".to_owned() })
            }
        };
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        self.made.push(Made { method: call.method.clone(), target: call.target.clone(), body, status });
        (reply, wait)
    }

    fn done(&mut self, call: &Received, body: &Value) -> Reply {
        if call.token.as_deref() != Some(self.token.as_str()) {
            return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.");
        }
        let path = call.target.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (scope, object) = scope_of(&call.method, &parts);
        if let Some(scope) = scope.filter(|scope| self.missing_scopes.contains(scope)) {
            return missing_scope(&scope);
        }
        match (call.method.as_str(), parts.as_slice()) {
            ("GET", ["account-info", "v3", "details"]) => reply(
                200,
                json!({
                    "portalId": 4711, "uiDomain": "app.hubspot.example", "accountType": "DEVELOPER_TEST",
                    "companyCurrency": "EUR", "timeZone": "Europe/Dublin"
                }),
            ),
            ("GET", ["crm", "v3", "properties", _]) => self.list_properties(object),
            ("GET", ["crm", "v3", "properties", _, name]) => self.read_property(object, name),
            ("POST", ["crm", "v3", "properties", _]) => self.make_property(object, body),
            ("GET", ["crm", "v3", "pipelines", _]) => reply(
                200,
                json!({ "results": [{
                "id": "default", "label": "Sales pipeline", "displayOrder": 0,
                "stages": [{ "id": "appointmentscheduled", "label": "Booked" }, { "id": "closedlost", "label": "Cancelled" }]
            }] }),
            ),
            ("POST", ["crm", "v3", "objects", _, "batch", "upsert"]) => self.upsert(object, body),
            ("GET", ["crm", "v3", "objects", _]) => reply(200, json!({ "results": [] })),
            ("PATCH", ["crm", "v3", "objects", _, id]) => self.update(object, id, body),
            (
                "PUT",
                ["crm", "v4", "objects", "contacts", contact, "associations", "default", "deals", deal],
            ) => self.link(contact, deal),
            _ => error(404, "OBJECT_NOT_FOUND", "resource not found"),
        }
    }

    fn list_properties(&self, object: &'static str) -> Reply {
        let names = self.properties.iter().filter(|((known, _), _)| *known == object);
        reply(
            200,
            json!({ "results": names.map(|((_, name), unique)| json!({ "name": name, "hasUniqueValue": unique })).collect::<Vec<_>>() }),
        )
    }

    fn read_property(&self, object: &'static str, name: &str) -> Reply {
        match self.properties.get(&(object, name.to_owned())) {
            Some(unique) => reply(
                200,
                json!({ "name": name, "hasUniqueValue": unique, "type": "string", "fieldType": "text" }),
            ),
            None => error(404, "OBJECT_NOT_FOUND", "Property not found"),
        }
    }

    fn make_property(&mut self, object: &'static str, body: &Value) -> Reply {
        for field in ["name", "label", "type", "fieldType", "groupName"] {
            if !body[field].is_string() {
                return error(400, "VALIDATION_ERROR", &format!("Invalid input JSON: {field} is missing"));
            }
        }
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        if self.properties.contains_key(&(object, name.clone())) {
            return error(409, "CONFLICT", "A property with that name already exists");
        }
        self.properties.insert((object, name), body["hasUniqueValue"] == json!(true));
        reply(201, body.clone())
    }

    /// What is wrong with property values, as HubSpot says it.
    fn refusal(&self, object: &'static str, values: &Value) -> Option<Reply> {
        let Value::Object(values) = values else {
            return Some(error(400, "VALIDATION_ERROR", "Invalid input JSON: properties is missing"));
        };
        for (name, value) in values {
            if !value.is_string() {
                let message = format!(
                    "Invalid input JSON: Cannot deserialize value of type `java.lang.String` for {name}"
                );
                return Some(error(400, "VALIDATION_ERROR", &message));
            }
            let wrong = |message: String, kind: &str| {
                let told = json!([{ "isValid": false, "message": message, "error": kind, "name": name }]);
                Some(error(400, "VALIDATION_ERROR", &format!("Property values were not valid: {told}")))
            };
            if !self.properties.contains_key(&(object, name.clone())) {
                return wrong(format!("Property \"{name}\" does not exist"), "PROPERTY_DOESNT_EXIST");
            }
            if name == "amount"
                && value.as_str().is_some_and(|text| !text.is_empty() && text.parse::<f64>().is_err())
            {
                return wrong(format!("{value} was not a valid number."), "INVALID_DOUBLE");
            }
        }
        None
    }

    fn find(&self, object: &'static str, property: &str, value: &str) -> Option<u64> {
        let records = self.objects.get(object)?;
        let same = |known: &Value| known.as_str().is_some_and(|known| known.eq_ignore_ascii_case(value));
        records.iter().find(|(_, record)| record.get(property).is_some_and(same)).map(|(id, _)| *id)
    }

    fn upsert(&mut self, object: &'static str, body: &Value) -> Reply {
        let Some(inputs) = body["inputs"].as_array().filter(|inputs| inputs.len() <= 100) else {
            return error(400, "VALIDATION_ERROR", "Invalid input JSON: inputs");
        };
        for input in inputs {
            let key = input["idProperty"].as_str().unwrap_or_default();
            if self.properties.get(&(object, key.to_owned())) != Some(&true) {
                let message = format!("Unable to perform update/upsert by non-unique {object} property");
                return error(400, "VALIDATION_ERROR", &message);
            }
            if let Some(refusal) = self.refusal(object, &input["properties"]) {
                return refusal;
            }
        }
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs {
            let (key, id) =
                (input["idProperty"].as_str().unwrap_or_default(), input["id"].as_str().unwrap_or_default());
            if id.is_empty() || (key == "email" && !id.contains('@')) {
                errors.push(json!({ "status": "error", "category": "VALIDATION_ERROR", "message": format!("Email address {id} is invalid"), "context": {} }));
                continue;
            }
            let found = self.find(object, key, id);
            let number = found.unwrap_or_else(|| {
                self.ids += 1;
                self.ids
            });
            let record = self.objects.entry(object).or_default().entry(number).or_default();
            record.insert(key.to_owned(), Value::from(id));
            record.extend(input["properties"].as_object().cloned().unwrap_or_default());
            results.push(json!({ "id": number.to_string(), "new": found.is_none(), "archived": false, "properties": record }));
        }
        let mut answer = json!({ "status": "COMPLETE", "results": results });
        if errors.is_empty() {
            return reply(200, answer);
        }
        answer["numErrors"] = json!(errors.len());
        answer["errors"] = Value::Array(errors);
        reply(207, answer)
    }

    fn update(&mut self, object: &'static str, id: &str, body: &Value) -> Reply {
        let known = |id: &u64| self.objects.get(object).is_some_and(|records| records.contains_key(id));
        let Some(id) = id.parse::<u64>().ok().filter(known) else {
            return error(404, "OBJECT_NOT_FOUND", "resource not found");
        };
        if let Some(refusal) = self.refusal(object, &body["properties"]) {
            return refusal;
        }
        let values = body["properties"].as_object().cloned().unwrap_or_default();
        let unique =
            values.iter().filter(|(name, _)| self.properties.get(&(object, (*name).clone())) == Some(&true));
        let other = unique
            .into_iter()
            .find_map(|(name, value)| self.find(object, name, value.as_str()?))
            .filter(|other| *other != id);
        if let Some(other) = other {
            return error(409, "CONFLICT", &format!("Contact already exists. Existing ID: {other}"));
        }
        let record = self.objects.entry(object).or_default().entry(id).or_default();
        record.extend(values);
        reply(200, json!({ "id": id.to_string(), "archived": false, "properties": record }))
    }

    fn link(&mut self, contact: &str, deal: &str) -> Reply {
        let there = |object: &str, id: &str| {
            id.parse::<u64>()
                .is_ok_and(|id| self.objects.get(object).is_some_and(|known| known.contains_key(&id)))
        };
        if !there("contacts", contact) || !there("deals", deal) {
            return error(404, "OBJECT_NOT_FOUND", "One of the objects does not exist");
        }
        self.links.insert((contact.to_owned(), deal.to_owned()));
        reply(
            200,
            json!({ "status": "COMPLETE", "results": [{ "from": { "id": contact }, "to": { "id": deal } }] }),
        )
    }
}

/// The scope that a call needs, and the object that it is about.
fn scope_of(method: &str, parts: &[&str]) -> (Option<String>, &'static str) {
    let Some(name) = parts.get(3) else { return (None, "") };
    let object = if matches!(*name, "contacts" | "0-1") { "contacts" } else { "deals" };
    let family = if parts.get(2) == Some(&"properties") { "schemas" } else { "objects" };
    let access = if method == "GET" { "read" } else { "write" };
    (Some(format!("crm.{family}.{object}.{access}")), object)
}

fn missing_scope(scope: &str) -> Reply {
    reply(
        403,
        json!({
            "status": "error", "category": "MISSING_SCOPES", "correlationId": "00000000-0000-0000-0000-000000000000",
            "message": "This app hasn't been granted all required scopes to make this call.",
            "errors": [{ "message": "One or more of the following scopes are required.", "context": { "requiredGranularScopes": [scope] } }]
        }),
    )
}

fn error(status: u16, category: &str, message: &str) -> Reply {
    reply(
        status,
        json!({
            "status": "error", "category": category, "message": message,
            "correlationId": "00000000-0000-0000-0000-000000000000"
        }),
    )
}

fn reply(status: u16, body: Value) -> Reply {
    let headers = vec![("Content-Type".to_owned(), "application/json;charset=utf-8".to_owned())];
    Reply { status, headers, body: body.to_string() }
}
