//! `/metrics`: what the process counted and how things stand, for Prometheus. Told also while the database is away: that is
//! when somebody wants to know.

use crate::app::App;
use crate::metrics::Standing;
use actix_web::{HttpResponse, web};

/// Its media type: text, in the version that every Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics_show(app: web::Data<App>) -> HttpResponse {
    let counts = app.counts_lately().await;
    let active = app.active();
    let connections: Vec<String> =
        active.iter().flat_map(|active| active.connections.keys()).cloned().collect();
    let standing = Standing { counts: counts.as_deref(), connections: &connections, now: app.clock.now() };
    match app.metrics.text(&standing) {
        Ok(text) => HttpResponse::Ok().content_type(TEXT).body(text),
        Err(error) => {
            tracing::error!(error = %error, "the metrics could not be written");
            HttpResponse::InternalServerError()
                .content_type("text/plain; charset=utf-8")
                .body("No metrics.\n")
        }
    }
}
