//! `/api/v1/tokens`: API tokens; one is made (and told once), one is revoked. A token that a token makes belongs to whoever
//! the first one belongs to: where they may not sign in any more, neither is taken.

use super::api_body::{Answer, Body, answered, with};
use super::api_error::ApiError;
use super::api_paging::Page;
use super::api_run_acts::Nothing;
use super::viewer::Viewer;
use crate::app::{App, PeopleError, Who};
use crate::domain::{Millis, Scope};
use crate::ports::TokenRow;
use crate::told::rfc3339;
use actix_web::http::StatusCode;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Days that a token lasts at most, where it does not last until it is revoked.
const DAYS_MAX: i64 = 3_650;

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What it is for.
    #[schema(example = "The accountant's report", min_length = 1, max_length = 100)]
    name: String,
    /// What it may be used for.
    #[schema(value_type = Vec<Scope>, min_items = 1)]
    scopes: Vec<String>,
    /// How many days it lasts; null or left out: until it is revoked.
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<i64>,
}

/// An API token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenTold {
    /// Its id: `tok_…`.
    id: String,
    /// What it is for.
    name: String,
    /// What it may be used for.
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<&'static str>,
    /// Who made it.
    made_by: String,
    /// When.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was used last, some minutes exact.
    #[schema(format = DateTime)]
    used_at: Option<String>,
    /// When it ends; null: when it is revoked.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// Whether it is taken now.
    good: bool,
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenMade {
    /// What is known of it later.
    token: TokenTold,
    /// The token itself. It is told this once.
    #[schema(example = "wp_…")]
    text: String,
}

impl TokenTold {
    fn of(token: &TokenRow, now: Millis) -> Self {
        let over = token.expires_at.is_some_and(|at| at <= now);
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            made_by: token.made_by_name.clone(),
            created_at: rfc3339(token.created_at),
            used_at: token.used_at.map(rfc3339),
            expires_at: token.expires_at.map(rfc3339),
            revoked_at: token.revoked_at.map(rfc3339),
            good: token.revoked_at.is_none() && !over && !token.maker_disabled,
        }
    }
}

/// All tokens, the newest first, also those that are revoked
///
/// There is one page.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "people",
    responses((status = 200, description = "The tokens.", body = Page<TokenTold>)))]
pub(super) async fn list_tokens(app: web::Data<App>) -> Answer {
    let now = app.clock.now();
    let tokens = app.store.people().tokens().await?;
    answered(&Page { items: tokens.iter().map(|token| TokenTold::of(token, now)).collect(), next: None })
}

/// Make a token
#[utoipa::path(post, path = "/api/v1/tokens", tag = "people", request_body = NewToken,
    responses((status = 201, description = "The token. It is told this once.", body = TokenMade)))]
pub(super) async fn make_token(app: web::Data<App>, viewer: Viewer, Body(asked): Body<NewToken>) -> Answer {
    let mut scopes = Vec::new();
    for word in &asked.scopes {
        let scope = Scope::parse(word);
        let scope =
            scope.ok_or_else(|| ApiError::wrong_value("the scopes are of read, write, admin and metrics"))?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if asked.days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
        return Err(ApiError::wrong_value("the days are from 1 to 3650"));
    }
    let owner = viewer.token().map_or_else(|| viewer.who(), Who::owner_of);
    let made = app.make_api_token_of((&viewer.who(), &owner), &asked.name, scopes, asked.days).await?;
    let token = TokenTold::of(&made.0, app.clock.now());
    with(StatusCode::CREATED, &TokenMade { token, text: made.1 })
}

/// Revoke a token
///
/// It is taken no more, from now on. One may revoke itself.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/revoke", tag = "people", params(("id" = String, Path, description = "Its id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "It is revoked.", body = TokenTold)))]
pub(super) async fn revoke_token(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let unknown = |error| match error {
        PeopleError::Unknown => ApiError::not_found("token"),
        other => other.into(),
    };
    app.revoke_api_token(&viewer.who(), &id).await.map_err(unknown)?;
    let tokens = app.store.people().tokens().await?;
    let token = tokens.iter().find(|token| token.id == *id).ok_or_else(|| ApiError::not_found("token"))?;
    answered(&TokenTold::of(token, app.clock.now()))
}
