//! `/healthz`: the process answers. `/readyz`: a webhook could be stored, tried on the real ack path at most once a second.

use crate::domain::{Millis, ORIGIN_PROBE};
use crate::ingest::{Delivered, Intake};
use crate::ports::{Clock, Entropy};
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpResponse, http::header};
use std::sync::Arc;
use tokio::sync::Mutex;

/// An answer of `/readyz` is good for so long.
const READY_MS: Millis = 1_000;
/// Name that probes are stored under; no source can have it.
const PROBE_SOURCE: &str = "(readiness)";

/// The last answer, and when on the monotonic clock it was found.
type Last = Option<(Millis, Result<(), String>)>;

/// What `/readyz` needs.
#[derive(Clone)]
pub struct Readiness {
    intake: Intake,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    last: Arc<Mutex<Last>>,
}

impl Readiness {
    /// Nothing tried yet.
    pub fn new(intake: Intake, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { intake, clock, entropy, last: Arc::new(Mutex::new(None)) }
    }

    async fn check(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        let now = self.clock.monotonic();
        if let Some((at, result)) = &*last
            && now - at < READY_MS
        {
            return result.clone();
        }
        let received_at = self.clock.now();
        let probe = Delivered {
            id: self.entropy.event_id(received_at),
            source: PROBE_SOURCE.to_owned(),
            received_at,
            origin: ORIGIN_PROBE,
            headers: "{}".to_owned(),
            body: Bytes::from_static(b"{}"),
        };
        let result = self.intake.store(probe).await.map(|_| ()).map_err(|why| why.to_string());
        *last = Some((self.clock.monotonic(), result.clone()));
        result
    }
}

/// The routes.
pub fn health(readiness: Readiness) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        config
            .app_data(web::Data::new(readiness))
            .service(web::resource("/healthz").route(web::get().to(healthz)))
            .service(web::resource("/readyz").route(web::get().to(readyz)));
    }
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n")
}

async fn readyz(readiness: web::Data<Readiness>) -> HttpResponse {
    match readiness.check().await {
        Ok(()) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"),
        Err(why) => HttpResponse::ServiceUnavailable()
            .insert_header((header::RETRY_AFTER, "5"))
            .content_type("text/plain; charset=utf-8")
            .body(format!("not ready: {why}\n")),
    }
}

/// Whatever is not a route.
pub async fn nothing_here() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("Nothing is here.\n")
}
