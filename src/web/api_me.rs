//! `GET /api/v1/me`: what a token is and may be used for. The first thing that a program asks.

use super::api_error::ApiError;
use super::viewer::Viewer;
use actix_web::HttpResponse;
use jiff::Timestamp;
use serde_json::{Value, json};

/// `GET /api/v1/me`.
pub(super) async fn api_me(viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let token = viewer.token().ok_or_else(ApiError::unauthorized)?;
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let time = |at: i64| Timestamp::from_millisecond(at).map_or(Value::Null, |at| json!(format!("{at:.3}")));
    let me = json!({
        "token": {
            "id": token.id,
            "name": token.name,
            "scopes": scopes,
            "made_by": token.made_by_name,
            "created_at": time(token.created_at),
            "expires_at": token.expires_at.map_or(Value::Null, time),
        },
        "version": env!("CARGO_PKG_VERSION"),
    });
    Ok(HttpResponse::Ok().content_type("application/json").body(me.to_string()))
}
