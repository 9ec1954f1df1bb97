//! A fake of FareHarbor's External API on loopback, written from its documentation: keys in two headers, errors with a code,
//! 30 calls a second and 3000 in five minutes answered by 429 or 403.

use crate::fake_http::{Asked, FakeHttp, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// What is in it.
#[derive(Default)]
pub struct State {
    bookings: BTreeMap<(String, String), Value>,
    /// The next so many calls are answered so; without an answer they are lost.
    scripts: Vec<(usize, Option<Reply>)>,
    /// Calls that were made, with what was answered.
    pub made: Vec<(String, u16)>,
}

/// A running fake.
pub struct FareHarborApi {
    state: Arc<Mutex<State>>,
    server: Option<FakeHttp>,
    pub address: SocketAddr,
}

impl FareHarborApi {
    /// Starts with nothing in it; its keys are `app-key` and `user-key`.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let server = serve(SocketAddr::from(([127, 0, 0, 1], 0)), state.clone()).await;
        Self { state, address: server.address, server: Some(server) }
    }

    /// What a source file says to reach it, with the secrets `fh-app` and `fh-user`.
    pub fn api(&self) -> String {
        format!(
            "api: {{ app: {{ secret: fh-app }}, user: {{ secret: fh-user }}, base_url: \"http://{}/api/external/v1\", \
             allow_private: true }}\n",
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

    /// It has this booking, as a webhook's body tells it.
    pub fn put(&self, body: &Value) {
        let booking = &body["booking"];
        let text = |at: &str| booking.pointer(at).and_then(Value::as_str).expect("it is there").to_owned();
        self.state().bookings.insert((text("/company/shortname"), text("/uuid")), booking.clone());
    }

    pub fn script(&self, times: usize, reply: Option<Reply>) {
        self.state().scripts.push((times, reply));
    }

    pub fn calls(&self) -> usize {
        self.state().made.len()
    }
}

async fn serve(address: SocketAddr, state: Arc<Mutex<State>>) -> FakeHttp {
    FakeHttp::start(address, move |asked| {
        let mut state = state.lock().expect("nobody panicked");
        let reply = state.answer(asked);
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        state.made.push((asked.path.clone(), status));
        reply
    })
    .await
}

/// An error as FareHarbor answers it.
pub fn error(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({ "error": format!("refused: {code}"), "code": code, "status": status }))
}

impl State {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        if let Some(script) = self.scripts.iter_mut().find(|(times, _)| *times > 0) {
            script.0 -= 1;
            return script.1.clone();
        }
        let keys = (asked.header("x-fareharbor-api-app"), asked.header("x-fareharbor-api-user"));
        match keys {
            ("", _) | (_, "") => return Some(error(403, "key-missing")),
            ("app-key", "user-key") => {}
            ("app-key", _) => return Some(error(403, "user-key-invalid")),
            _ => return Some(error(403, "app-key-invalid")),
        }
        let Some(path) = asked.path.strip_prefix("/api/external/v1/").and_then(|path| path.strip_suffix('/'))
        else {
            return Some(error(404, "not-found"));
        };
        let path: Vec<&str> = path.split('/').collect();
        Some(match path.as_slice() {
            ["companies"] => Reply::json(
                200,
                &json!({ "companies": [ { "shortname": "reeftours", "name": "Reef Tours" } ] }),
            ),
            ["companies", company, "bookings", uuid] => {
                match self.bookings.get(&((*company).to_owned(), (*uuid).to_owned())) {
                    Some(booking) => Reply::json(200, &json!({ "booking": booking })),
                    None => error(404, "booking-uuid-invalid"),
                }
            }
            _ => error(404, "not-found"),
        })
    }
}
