//! Adapter: HTTP calls to the world, with reqwest. Implements `ports::Outbound` for delivery and for credential tests.
//!
//! It promises: no redirects followed, no proxies from the environment, no cookies, no decompression; a call ends within
//! its time-out; of an answer at most `answer_bytes_max` are read; addresses of private networks are called only where
//! the request allows it, checked at the moment of connecting. What was certainly not sent is told from what may have
//! been done: a failure is [`OutboundFailure::NotSent`] only while there was no connection yet.
//!
//! Invariant: neither URLs nor headers are logged or put into messages; these name host and port only
//! (`failures_do_not_tell_the_query` keeps it).

mod certificate;
mod failure;
mod mail;
mod resolver;
#[cfg(test)]
mod tests;

pub use certificate::TlsLook;
pub use mail::{SmtpMailer, is_mail_address};

use crate::domain::is_public;
use crate::ports::{Answer, Outbound, OutboundFailure, OutboundRequest};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Url};
use resolver::{PrivateAddress, SystemResolver};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long connecting (name, TCP, TLS) may take: the longest of these that leaves at least a quarter of the call's
/// whole time, so that a connect time-out is known as one. A few fixed values bound the number of clients.
const CONNECT_TIMEOUTS_MS: [u64; 6] = [10_000, 5_000, 2_000, 1_000, 300, 100];

/// Idle connections are dropped before most servers drop them, so that seldom one is found dead.
const POOL_IDLE_MS: u64 = 30_000;

/// Idle connections kept per host: as many as calls may be in flight where a connection names no limit of its own.
const POOL_IDLE_PER_HOST_MAX: usize = 64;

/// Of this much memory at once is reserved for an answer that announces its length.
const ANSWER_RESERVE_BYTES_MAX: usize = 64 * 1024;

/// Headers that say where the message ends or what the connection does; a connection's file may not set them.
const FRAMING_HEADERS: [&str; 7] =
    ["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// The way out, with reqwest.
#[derive(Default)]
pub struct HttpOutbound {
    /// By `allow_private` and connect time-out; made when first needed.
    clients: Mutex<BTreeMap<(bool, u64), Caller>>,
}

/// One client.
#[derive(Clone)]
struct Caller {
    client: Client,
    /// Why `https` can't be called with it, where it can't.
    no_tls: Option<String>,
}

impl HttpOutbound {
    /// Makes the adapter; opens nothing yet.
    pub fn new() -> Self {
        // Whichever part of the process comes first installs it; ring is the only one in this binary.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self::default()
    }

    fn caller(&self, allow_private: bool, timeout_ms: u64) -> Result<Caller, OutboundFailure> {
        let connect_ms = connect_timeout_ms(timeout_ms);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(caller) = clients.get(&(allow_private, connect_ms)) {
            return Ok(caller.clone());
        }
        let caller = new_caller(allow_private, connect_ms)?;
        // Without roots it is made anew next time: certificates may have been installed meanwhile.
        if caller.no_tls.is_none() {
            clients.insert((allow_private, connect_ms), caller.clone());
        }
        Ok(caller)
    }
}

#[async_trait]
impl Outbound for HttpOutbound {
    async fn send(&self, request: OutboundRequest) -> Result<Answer, OutboundFailure> {
        let target = Target::parse(&request.url, request.allow_private)?;
        let method = method(&request.method)?;
        let headers = headers(&request.headers)?;
        let caller = self.caller(request.allow_private, request.timeout_ms)?;
        if let (Some(why), "https") = (&caller.no_tls, target.url.scheme()) {
            return Err(OutboundFailure::NotSent(format!(
                "{} can't be called by https: {why}. Install the system's certificates (on Debian the package \
                 ca-certificates).",
                target.place
            )));
        }
        let mut call = caller.client.request(method, target.url).headers(headers);
        if let Some(body) = request.body {
            call = call.body(body);
        }
        let whole = async {
            let response = call.send().await.map_err(|error| failure::of_call(&error, &target.place))?;
            read_answer(response, request.answer_bytes_max, &target.place).await
        };
        match tokio::time::timeout(Duration::from_millis(request.timeout_ms), whole).await {
            Ok(result) => result,
            Err(_) => Err(failure::too_slow(&target.place, request.timeout_ms)),
        }
    }
}

/// Reads an answer, chunk by chunk, up to the limit. What is left then goes with the connection.
async fn read_answer(
    mut response: reqwest::Response,
    bytes_max: usize,
    place: &str,
) -> Result<Answer, OutboundFailure> {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let announced = response.content_length().unwrap_or(0) as usize;
    let mut body = BytesMut::with_capacity(announced.min(bytes_max).min(ANSWER_RESERVE_BYTES_MAX));
    let mut cut = false;
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::of_answer(&error, place))? {
        let room = bytes_max - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            cut = true;
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body: Bytes::from(body), cut })
}

/// Where a call goes.
struct Target {
    url: Url,
    /// `host:port`, for messages.
    place: String,
}

impl Target {
    /// Reads a URL. A host that is written as an address (in whatever spelling; `Url` makes `0x7f.1` and `2130706433`
    /// a plain one) is checked here, since the resolver is not asked then.
    fn parse(text: &str, allow_private: bool) -> Result<Self, OutboundFailure> {
        let refuse = |why: String| Err(OutboundFailure::NotSent(why));
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => return refuse(format!("The address to call can't be read as a URL: {error}.")),
        };
        let (Some(host), Some(port), "http" | "https") =
            (url.host_str(), url.port_or_known_default(), url.scheme())
        else {
            return refuse("The address to call must begin with http:// or https:// and name a host.".into());
        };
        let place = format!("{host}:{port}");
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(format!(
                "The URL for {place} has a user name or password in it; put them under auth: in the connection."
            ));
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        if let Some(address) = literal.filter(|address| !allow_private && !is_public(*address)) {
            return Err(failure::private_address(&PrivateAddress { address }, &place));
        }
        Ok(Self { url, place })
    }
}

fn method(text: &str) -> Result<Method, OutboundFailure> {
    match text {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        "HEAD" => Ok(Method::HEAD),
        _ => Err(OutboundFailure::NotSent(format!(
            "{text:?} is not a method that can be called; there are GET, POST, PUT, PATCH, DELETE and HEAD."
        ))),
    }
}

/// The headers. Any of them may hold a credential, so all but the plain ones are marked as sensitive.
fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, OutboundFailure> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let refuse = |why: &str| Err(OutboundFailure::NotSent(format!("The header {name:?} {why}.")));
        let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
            return refuse("has a name with characters that headers can't have");
        };
        if FRAMING_HEADERS.contains(&known.as_str()) {
            return refuse("is set by Waypost itself; leave it out");
        }
        // The value may be a secret: not shown.
        let Ok(mut content) = HeaderValue::from_bytes(value.as_bytes()) else {
            return refuse("has a value with a line break or another character that headers can't have");
        };
        content.set_sensitive(!matches!(known.as_str(), "accept" | "content-type" | "user-agent"));
        headers.append(known, content);
    }
    Ok(headers)
}

fn connect_timeout_ms(timeout_ms: u64) -> u64 {
    let most = timeout_ms / 4 * 3;
    CONNECT_TIMEOUTS_MS.into_iter().find(|step| *step <= most).unwrap_or(100)
}

fn new_caller(allow_private: bool, connect_ms: u64) -> Result<Caller, OutboundFailure> {
    let builder = || {
        Client::builder()
            .dns_resolver(SystemResolver { allow_private })
            .connect_timeout(Duration::from_millis(connect_ms))
            .pool_idle_timeout(Duration::from_millis(POOL_IDLE_MS))
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION")))
    };
    let no_tls = match builder().build() {
        Ok(client) => return Ok(Caller { client, no_tls: None }),
        Err(error) => failure::innermost(&error),
    };
    // A machine without certificates can still call plain http.
    match builder().tls_certs_only([]).build() {
        Ok(client) => Ok(Caller { client, no_tls: Some(no_tls) }),
        Err(error) => Err(OutboundFailure::NotSent(format!(
            "No call can be made from this machine: {}.",
            failure::innermost(&error)
        ))),
    }
}
