//! `GET /api/v1/me`: what a token is and may be used for. The first thing that a program asks.

use super::api_body::{Answer, answered};
use super::api_error::ApiError;
use super::viewer::Viewer;
use crate::domain::Scope;
use crate::told::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The token.
    token: MyToken,
    /// Version of Waypost.
    version: &'static str,
}

/// The token that was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MyToken {
    /// Its id: `tok_…`.
    id: String,
    /// What it is for, in its maker's words.
    name: String,
    /// What it may be used for.
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<&'static str>,
    /// Who made it.
    made_by: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends; null: when it is revoked.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// What this token is, and may be used for
#[utoipa::path(get, path = "/api/v1/me", tag = "health",
    responses((status = 200, description = "The token.", body = Me)))]
pub(super) async fn get_me(viewer: Viewer) -> Answer {
    let token = viewer.token().ok_or_else(ApiError::unauthorized)?;
    answered(&Me {
        token: MyToken {
            id: token.id.clone(),
            name: token.name.clone(),
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            made_by: token.made_by_name.clone(),
            created_at: rfc3339(token.created_at),
            expires_at: token.expires_at.map(rfc3339),
        },
        version: env!("CARGO_PKG_VERSION"),
    })
}
