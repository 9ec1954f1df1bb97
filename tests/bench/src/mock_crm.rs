//! The mock CRM: accepts every POST, PUT and PATCH at once, and remembers what arrived, how often and how late.
//!
//! `GET /stats` tells it, `POST /reset` forgets it; all else is "the CRM's API". An event is known by its trace token, which
//! is searched in the raw body. A process of its own, started by the orchestration.

use crate::latency::{self, Latency};
use crate::now_ns;
use crate::trace::{self, Token};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

/// Where it listens.
#[derive(clap::Args)]
pub struct Args {
    #[arg(long)]
    port: u16,
}

/// What arrived since the last reset.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Events that arrived at least once.
    pub unique: u64,
    /// Calls for an event that had arrived already.
    pub duplicates: u64,
    /// Calls without a trace token.
    pub without_token: u64,
    /// When the last event arrived for the first time (ns since 1970).
    pub last_ns: u64,
    /// From sent, or due in an open loop, to arrived.
    pub latency: Latency,
}

struct Arrivals {
    seen: HashSet<(u32, u32)>,
    duplicates: u64,
    without_token: u64,
    last_ns: u64,
    latency: Histogram<u64>,
}

impl Arrivals {
    fn new() -> Self {
        Self {
            seen: HashSet::new(),
            duplicates: 0,
            without_token: 0,
            last_ns: 0,
            latency: latency::histogram(),
        }
    }

    fn book(&mut self, token: Option<Token>, now_ns: u64) {
        match token {
            None => self.without_token += 1,
            Some(token) if token.run == trace::PROBES => {}
            Some(token) if !self.seen.insert((token.run, token.seq)) => self.duplicates += 1,
            Some(token) => {
                latency::record(&mut self.latency, now_ns.saturating_sub(token.sent_ns));
                self.last_ns = now_ns;
            }
        }
    }

    fn stats(&self) -> Stats {
        Stats {
            unique: self.seen.len() as u64,
            duplicates: self.duplicates,
            without_token: self.without_token,
            last_ns: self.last_ns,
            latency: Latency::of(&self.latency),
        }
    }
}

type Shared = Arc<Mutex<Arrivals>>;

async fn answer(arrivals: Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return reply(400, "{\"error\":\"unreadable body\"}") };
    let mut arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/stats") => reply(200, serde_json::to_string(&arrivals.stats()).expect("JSON")),
        (&Method::POST, "/reset") => {
            *arrivals = Arrivals::new();
            reply(200, "{}")
        }
        (&Method::POST | &Method::PUT | &Method::PATCH, _) => {
            arrivals.book(Token::find(&body.to_bytes()), now_ns());
            reply(200, "{\"id\":\"crm-1\",\"ok\":true}")
        }
        _ => reply(404, "{\"error\":\"not found\"}"),
    }
}

fn reply(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .expect("a valid answer")
}

/// Serves for ever.
pub async fn serve(args: Args) -> anyhow::Result<()> {
    let arrivals: Shared = Arc::new(Mutex::new(Arrivals::new()));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", args.port)).await?;
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let arrivals = arrivals.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let arrivals = arrivals.clone();
                async move { Ok::<_, Infallible>(answer(arrivals, request).await) }
            });
            let _ =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Arrivals;
    use crate::trace::Token;

    fn event(run: u32, seq: u32) -> Token {
        Token { run, seq, sent_ns: 1_000_000 }
    }

    #[test]
    fn events_are_told_from_repetitions_probes_and_strangers() {
        let mut arrivals = Arrivals::new();
        arrivals.book(Some(event(7, 0)), 3_000_000);
        arrivals.book(Some(event(7, 1)), 5_000_000);
        arrivals.book(Some(event(7, 1)), 9_000_000);
        arrivals.book(Some(event(8, 1)), 6_000_000);
        arrivals.book(Some(event(0, 1)), 7_000_000);
        arrivals.book(None, 8_000_000);
        let stats = arrivals.stats();
        assert_eq!(
            (stats.unique, stats.duplicates, stats.without_token, stats.last_ns),
            (3, 1, 1, 6_000_000)
        );
        assert_eq!(stats.latency.count, 3);
        assert!((stats.latency.p50_ms - 4.0).abs() < 0.01, "{stats:?}");
    }
}
