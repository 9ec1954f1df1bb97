//! What the API says when it does not do something: `{"error":{"code","message","hint"}}`. The code is for programs and
//! stays as it is; message and hint are for people. Every handler of `/api/v1` gives it as its error.

use super::errors::PageError;
use crate::app::AskError;
use crate::ports::StoreError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;
use std::fmt;

/// Why a call was not done.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: String,
}

impl ApiError {
    /// An error with its words: what is wrong, and a way out.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { status, code, message: message.into(), hint: hint.into() }
    }

    /// No token, or none that is good.
    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "This needs an API token, and there was none that is good.",
            "Make one under Settings, API tokens, and send it as `Authorization: Bearer wp_…`.",
        )
    }

    /// A token without the scope.
    pub(super) fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "This token may not be used for that.",
            "GET /api/v1/me says what it may be used for. Make one with the scope that is missing.",
        )
    }

    /// There is no such thing.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no such {what}."),
            "Look at the address and the method.",
        )
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let error = json!({ "code": self.code, "message": self.message, "hint": self.hint });
        let mut answer = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        answer.content_type("application/json").body(json!({ "error": error }).to_string())
    }
}

impl From<&PageError> for ApiError {
    fn from(error: &PageError) -> Self {
        let code = match error.status_code() {
            StatusCode::UNAUTHORIZED => "unauthorized",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::CONFLICT => "not_now",
            StatusCode::MISDIRECTED_REQUEST => "wrong_host",
            status if status.is_server_error() => "not_working",
            _ => "wrong_request",
        };
        let (message, hint) = error.words();
        Self::new(error.status_code(), code, message, hint)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::from(&PageError::from(error))
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        Self::from(&PageError::from(error))
    }
}
