//! The sandbox: a small CRM for the demo, for trials and for tests. It stores records by key, counts calls and effects,
//! and can be told to fail, to be slow, to answer 429, to lose its answers. Started in-process by `app` (demo) and tests,
//! and as a process of its own by `waypost sandbox`. Nothing is kept on disk.
//!
//! | call | does |
//! |---|---|
//! | `PUT /{object}/{key}` | makes or changes the record with that key: fields given are set, null empties, others stay. `{"id": "contact-1", "created": true}` |
//! | `POST /{object}` | makes a record. One with the same `ref` as an earlier one is made too, and counted as doubled |
//! | `PATCH /{object}/{key or id}` | changes a record that is there; `?key=NEW` gives it another key. 404 where it is gone |
//! | `DELETE /{object}/{key or id}` | removes it; 404 where it is gone |
//! | `GET /{object}/{key or id}` | one record: `{"id", "key", "fields"}` |
//! | `GET /{object}?field=value` | a list of those whose fields equal all given values, oldest first, at most `_limit` (100) |
//! | `GET /` | an overview to look at |
//! | `GET /_about` | what it is and how it is told to misbehave: `{"name": "the sandbox CRM of Waypost", …}` |
//! | `GET /_records` | everything |
//! | `GET /_stats` | calls and effects, in all, per object and per key; the most calls in any 1 s and any 60 s |
//! | `GET /_calls` | the last thousand calls, oldest first |
//! | `POST /_behave` | how to behave from now on, see [`Behaviour`]; `{}` is well |
//! | `POST /_reset` | forgets records, counts and behaviours |
//!
//! An object is any name, `contacts` or `bookings` for instance. Answers are JSON; an error is `{"error": "a sentence"}`.

mod behaviour;
mod crm;
mod overview;
mod state;
mod stats;
#[cfg(test)]
mod tests;
mod web;

pub use behaviour::{Behaviour, Fail, Match, Throttle};
pub use state::SandboxState;

use crate::ports::Clock;
use actix_web::dev::ServerHandle;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Threads that serve: enough for trials, few enough to leave the machine to Waypost.
const WORKERS: usize = 2;

/// A sandbox that listens. Dropping it closes its port and all connections.
#[derive(Debug)]
pub struct Sandbox {
    /// Where it listens, with the port that it got where 0 was asked for.
    pub address: SocketAddr,
    state: SandboxState,
    handle: ServerHandle,
    server: JoinHandle<io::Result<()>>,
}

/// Starts a sandbox with nothing in it. `token`, where given, must come as `Authorization: Bearer …`.
pub async fn start(listen: SocketAddr, token: Option<String>, clock: Arc<dyn Clock>) -> io::Result<Sandbox> {
    start_with(listen, SandboxState::new(token, clock)).await
}

/// Starts a sandbox with the state of an earlier one: the same CRM after an outage.
pub async fn start_with(listen: SocketAddr, state: SandboxState) -> io::Result<Sandbox> {
    let (address, server) = web::listen(listen, state.clone(), WORKERS)?;
    let handle = server.handle();
    let server = tokio::spawn(server);
    Ok(Sandbox { address, state, handle, server })
}

impl Sandbox {
    /// Its base URL, `http://127.0.0.1:9900`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it holds: to look at it without a call, and to start another one with it.
    pub fn state(&self) -> &SandboxState {
        &self.state
    }

    /// Waits until it ends by itself, which only a failure of its port makes it do.
    pub async fn wait(&mut self) -> io::Result<()> {
        match (&mut self.server).await {
            Ok(result) => result,
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Closes the port and all connections, and gives back when that is done.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The command goes out with the call; waiting for its end is not needed here.
        drop(self.handle.stop(false));
    }
}
