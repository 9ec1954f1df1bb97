//! A fake of a booking system's API on loopback that answers what is put into it: paths with their JSON, for who shows the
//! right header. It keeps a limit, fails by script, and remembers what was asked.

use crate::fake_http::{Asked, FakeHttp, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What is in it.
#[derive(Default)]
pub struct State {
    answers: BTreeMap<String, Value>,
    /// What `authorization` must be.
    takes: String,
    /// At most so many calls in a second.
    limit: Option<usize>,
    called: Vec<Instant>,
    /// A part of a path, how often still, and what is answered instead.
    scripts: Vec<(String, usize, Reply)>,
    /// Paths that were asked for, with what was answered.
    pub made: Vec<(String, u16)>,
    /// Calls that came in over the limit.
    pub over: usize,
}

/// A running fake.
pub struct Vendor {
    state: Arc<Mutex<State>>,
    server: Option<FakeHttp>,
    pub address: SocketAddr,
}

impl Vendor {
    /// Starts with nothing in it.
    pub async fn start(takes: &str) -> Self {
        let state = Arc::new(Mutex::new(State { takes: takes.to_owned(), ..State::default() }));
        let server = serve(SocketAddr::from(([127, 0, 0, 1], 0)), state.clone()).await;
        Self { state, address: server.address, server: Some(server) }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked with it")
    }

    pub fn put(&self, path: &str, answer: Value) {
        self.state().answers.insert(path.to_owned(), answer);
    }

    pub fn takes(&self, authorization: &str) {
        authorization.clone_into(&mut self.state().takes);
    }

    pub fn limit(&self, calls: usize) {
        self.state().limit = Some(calls);
    }

    pub fn script(&self, on: &str, times: usize, reply: Reply) {
        self.state().scripts.push((on.to_owned(), times, reply));
    }

    /// Calls of paths that hold this.
    pub fn calls(&self, on: &str) -> usize {
        self.state().made.iter().filter(|(path, _)| path.contains(on)).count()
    }

    pub fn down(&mut self) {
        self.server = None;
    }

    pub async fn up(&mut self) {
        self.server = Some(serve(self.address, self.state.clone()).await);
    }
}

async fn serve(address: SocketAddr, state: Arc<Mutex<State>>) -> FakeHttp {
    FakeHttp::start(address, move |asked| {
        let mut state = state.lock().expect("nobody panicked with it");
        let reply = answer(&mut state, asked);
        state.made.push((asked.path.clone(), reply.status));
        Some(reply)
    })
    .await
}

#[expect(clippy::disallowed_methods, reason = "limits are counted by the time that the caller sees")]
fn answer(state: &mut State, asked: &Asked) -> Reply {
    let now = Instant::now();
    state.called.retain(|at| now.duration_since(*at) < Duration::from_secs(1));
    state.called.push(now);
    if state.limit.is_some_and(|limit| state.called.len() > limit) {
        state.over += 1;
        return Reply::empty(429).with("retry-after", "1");
    }
    let script = state.scripts.iter_mut().find(|(on, left, _)| *left > 0 && asked.path.contains(on.as_str()));
    if let Some((_, left, reply)) = script {
        *left -= 1;
        return reply.clone();
    }
    if asked.method == "POST" && asked.path == "/token" {
        let well =
            asked.header("authorization").starts_with("Basic ") && asked.body.contains("client_credentials");
        return if well {
            Reply::json(200, &json!({ "access_token": "token-1", "expires_in": 3_600 }))
        } else {
            Reply::json(400, &json!({ "error": "invalid_client" }))
        };
    }
    if asked.header("authorization") != state.takes {
        return Reply::json(401, &json!({ "detail": "Invalid token." }));
    }
    match state.answers.get(&asked.path) {
        Some(answer) => Reply::json(200, answer),
        None => Reply::json(404, &json!({ "detail": "Not found." })),
    }
}
