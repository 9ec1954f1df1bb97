//! `POST /hooks/{source}/{token}` and `POST /hooks/{source}?key={token}`, with or without a trailing slash.
//!
//! Answers: 200 stored; 401 something else than the secret in the address does not hold (a signature, a password, where it
//! comes from); 404 unknown source or wrong token; 405 anything but POST; 408 body too slow; 413 body too large;
//! 503 with `Retry-After` can't store, flooded, or the source has no token's value. Nothing else on an open door.

use super::{
    Delivered, Doors, Entrance, Intake, NotStored, Reached, Refusal, Refusals, Shown, SignedRequest,
};
use crate::domain::{ORIGIN_WEBHOOK, SIGNED_ACCOUNT};
use crate::metrics::Metrics;
use crate::ports::{Clock, Entropy};
use actix_web::http::{Method, header};
use actix_web::web::{self, Bytes, BytesMut, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures::StreamExt;
use percent_encoding::percent_decode_str;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// Limits of one webhook.
#[derive(Clone, Copy, Debug)]
pub struct HookLimits {
    /// Bytes of a body (5 MiB): the largest real ones have some 30 KB.
    pub body_bytes_max: usize,
    /// Time for a body (30 s).
    pub body_ms_max: u64,
}

impl Default for HookLimits {
    fn default() -> Self {
        Self { body_bytes_max: 5 << 20, body_ms_max: 30_000 }
    }
}

/// Bytes of one kept header value.
const HEADER_BYTES_MAX: usize = 1_024;
/// Memory that a body of unknown length starts with.
const BODY_BYTES_FIRST: usize = 8 << 10;

/// What the handlers of hooks need.
#[derive(Clone)]
pub struct Hooks {
    /// The doors, replaced whole.
    pub doors: Arc<RwLock<Arc<Doors>>>,
    /// Where to hand in.
    pub intake: Intake,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub entropy: Arc<dyn Entropy>,
    /// Limits.
    pub limits: HookLimits,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How it is reached from outside.
    pub reached: Arc<Reached>,
    /// What is refused.
    pub refusals: Arc<Refusals>,
}

impl Hooks {
    fn doors(&self) -> Arc<Doors> {
        match self.doors.read() {
            Ok(doors) => doors.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }
}

/// The routes below `/hooks/`.
pub fn hooks(hooks: Hooks) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config: &mut web::ServiceConfig| {
        // A scope's prefix is compared as text; a pattern would be a regular expression on each webhook's way.
        config
            .service(web::scope("/hooks").app_data(web::Data::new(hooks)).default_service(web::to(receive)));
    }
}

/// Counts around what is done. Whoever hangs up before the answer is received and not answered.
async fn receive(request: HttpRequest, hooks: web::Data<Hooks>, payload: Payload) -> HttpResponse {
    hooks.metrics.webhook_received();
    let answer = take(request.clone(), &hooks, payload).await;
    let status = answer.status().as_u16();
    hooks.metrics.webhook_answered(status);
    if status != 200 {
        note_refused(&request, &hooks, status);
    }
    answer
}

/// A webhook of a known source was answered with something else than 200. Whoever hung up half-way (400) was told nothing, and
/// what was no POST (405) was no webhook.
fn note_refused(request: &HttpRequest, hooks: &Hooks, status: u16) {
    let path = request.uri().path().strip_prefix("/hooks/").unwrap_or_default();
    let source = path.split('/').next().unwrap_or_default();
    let Ok(source) = percent_decode_str(source).decode_utf8() else { return };
    if !matches!(status, 400 | 405) && hooks.doors().knows(&source) {
        hooks.refusals.note(&source, status, hooks.clock.now());
    }
}

async fn take(request: HttpRequest, hooks: &Hooks, payload: Payload) -> HttpResponse {
    if request.method() != Method::POST {
        return HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, "POST"))
            .content_type("text/plain; charset=utf-8")
            .body("This address takes webhooks: booking systems POST to it. There is nothing to look at here.\n");
    }
    let Some((source, token)) = source_and_token(&request) else {
        hooks.metrics.webhook_refused("", Refusal::Source.as_str());
        return not_found();
    };
    let doors = hooks.doors();
    let shown = Shown {
        in_address: token.as_deref(),
        headers: request.headers(),
        sender: hooks.reached.sender(&request),
        now: hooks.clock.now(),
    };
    // Only names of sources that there are become labels.
    let refuse = |refusal: Refusal| hooks.metrics.webhook_refused(&source, refusal.as_str());
    let (door, account) = match doors.enter(&source, &shown) {
        Entrance::Open(door, account) => (door, account),
        Entrance::NotReady => {
            refuse(Refusal::NotReady);
            return unavailable(&NotStored::Failed);
        }
        Entrance::Unknown if doors.knows(&source) => {
            refuse(Refusal::Address);
            return not_found();
        }
        Entrance::Unknown => {
            hooks.metrics.webhook_refused("", Refusal::Source.as_str());
            return not_found();
        }
        Entrance::Refused(refusal) => {
            refuse(refusal);
            return refused(refusal);
        }
    };
    let body = match read_body(&request, hooks, payload).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let began = hooks.clock.monotonic_us();
    let now = hooks.clock.now();
    if door.looks_at_bodies() {
        let url = hooks.reached.url(&request);
        let signed = SignedRequest { headers: request.headers(), url: &url, body: &body.0 };
        if let Err(refusal) = door.admits(&signed, now) {
            refuse(refusal);
            return refused(refusal);
        }
    }
    let (body, reserved) = body;
    let mut kept = kept_headers(&request, &door.headers, account);
    let (body, unpacked) = match &door.cleaner {
        None => (body, None),
        Some(cleaner) => {
            let headers = request.headers();
            let written =
                |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let written = (written("content-encoding"), written("content-type"));
            // Apart, so that a crowd whose bodies are not looked through costs no memory for it.
            match Box::pin(super::cleaning::cleaned(cleaner, body, written, &mut kept, &hooks.intake)).await {
                Ok(cleaned) => cleaned,
                Err(why) => return unavailable(&why),
            }
        }
    };
    let delivered = Delivered {
        id: hooks.entropy.event_id(now),
        source,
        received_at: now,
        origin: ORIGIN_WEBHOOK,
        headers: serde_json::Value::Object(kept).to_string(),
        body,
    };
    let stored = hooks.intake.store(delivered).await;
    drop((reserved, unpacked));
    match stored {
        Ok(_) => {
            hooks.metrics.webhook_stored(hooks.clock.monotonic_us() - began);
            HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("stored\n")
        }
        Err(why) => unavailable(&why),
    }
}

/// Reads the body within its limits, holding memory for it.
async fn read_body(
    request: &HttpRequest,
    hooks: &Hooks,
    mut payload: Payload,
) -> Result<(Bytes, super::Reserved), HttpResponse> {
    let most = hooks.limits.body_bytes_max;
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let expected = length.unwrap_or(most);
    let reserved = hooks.intake.reserve(expected).map_err(|why| unavailable(&why))?;
    let reading = async {
        let mut body = BytesMut::with_capacity(length.unwrap_or(BODY_BYTES_FIRST));
        while let Some(chunk) = payload.next().await {
            // A sender that hung up half-way gets no answer: it was no webhook yet.
            let chunk = chunk.map_err(|_| HttpResponse::BadRequest().finish())?;
            if body.len() + chunk.len() > most {
                return Err(too_large(most));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    let time = Duration::from_millis(hooks.limits.body_ms_max);
    match tokio::time::timeout(time, reading).await {
        Ok(body) => Ok((body?, reserved)),
        Err(_) => Err(HttpResponse::RequestTimeout()
            .insert_header((header::CONNECTION, "close"))
            .content_type("text/plain; charset=utf-8")
            .body("The body took too long to arrive.\n")),
    }
}

/// `/hooks/{source}/{token}`, `/hooks/{source}?key={token}` or `/hooks/{source}`, a trailing slash or not.
fn source_and_token(request: &HttpRequest) -> Option<(String, Option<String>)> {
    let path = request.uri().path().strip_prefix("/hooks/")?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    match path.split_once('/') {
        Some((source, token)) if !token.contains('/') => Some((decode(source)?, Some(decode(token)?))),
        Some(_) => None,
        None => {
            let query = request.uri().query().unwrap_or_default();
            let key = query.split('&').find_map(|pair| pair.strip_prefix("key="));
            let key = match key {
                Some(key) => Some(decode(&key.replace('+', " "))?),
                None => None,
            };
            Some((decode(path)?, key))
        }
    }
}

/// The allowed headers; the credential never is among them.
fn kept_headers(
    request: &HttpRequest,
    kept: &[String],
    account: Option<String>,
) -> serde_json::Map<String, serde_json::Value> {
    let mut map: serde_json::Map<String, serde_json::Value> = kept
        .iter()
        .filter_map(|name| {
            let value = request.headers().get(name.as_str())?.to_str().ok()?;
            let cut = value.char_indices().nth(HEADER_BYTES_MAX).map_or(value, |(at, _)| &value[..at]);
            Some((name.clone(), cut.into()))
        })
        .collect();
    if let Some(account) = account {
        map.insert(SIGNED_ACCOUNT.to_owned(), account.into());
    }
    map
}

fn refused(refusal: Refusal) -> HttpResponse {
    let mut answer = HttpResponse::Unauthorized();
    if refusal == Refusal::Password {
        answer.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"webhooks\""));
    }
    // Whoever is allowed to send learns what to look at; nobody learns a secret.
    answer.content_type("text/plain; charset=utf-8").body(match refusal {
        Refusal::Time => "The signature is of another time. Is the sender's clock right?\n",
        Refusal::Sender => "Webhooks of this source come from other addresses.\n",
        _ => "This webhook does not sign in as its source says.\n",
    })
}

fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("Nothing is here.\n")
}

fn too_large(most: usize) -> HttpResponse {
    HttpResponse::PayloadTooLarge()
        .insert_header((header::CONNECTION, "close"))
        .content_type("text/plain; charset=utf-8")
        .body(format!("The body is larger than {most} bytes.\n"))
}

fn unavailable(why: &NotStored) -> HttpResponse {
    let seconds = if *why == NotStored::Flooded { "5" } else { "30" };
    HttpResponse::ServiceUnavailable()
        .insert_header((header::RETRY_AFTER, seconds))
        .content_type("text/plain; charset=utf-8")
        .body("It can't be stored right now; please send it again.\n")
}
