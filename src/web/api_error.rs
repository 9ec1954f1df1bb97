//! What the API says when it does not do something: `{"error":{"code","message","hint","details"}}`. The code is for
//! programs and stays as it is; message and hint are for people; details are there where a program can go on with them (the
//! mistakes of a rule, the difference to a file that somebody changed). Every handler of `/api/v1` gives it as its error.

use super::errors::{PageError, capital};
use crate::app::{AskError, PeopleError};
use crate::ports::StoreError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;
use utoipa::ToSchema;

/// Whoever found the database away tries again after so long.
const RETRY_SECONDS: i64 = 5;

/// Why a call was not done.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    told: ErrorTold,
    retry_after_seconds: Option<i64>,
    allow: Option<String>,
}

/// An answer that is an error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorBody<'a> {
    /// What is wrong.
    error: &'a ErrorTold,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorTold)]
pub(super) struct ErrorTold {
    /// For programs; it stays as it is.
    #[schema(example = "not_found")]
    code: &'static str,
    /// A sentence for people: what is wrong.
    #[schema(example = "There is no such run.")]
    message: String,
    /// A sentence for people: a way out.
    #[schema(example = "Look at the address and the method.")]
    hint: String,
    /// What a program can go on with, where there is such; else it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
}

impl ApiError {
    /// An error with its words: what is wrong, and a way out.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let told = ErrorTold { code, message: message.into(), hint: hint.into(), details: None };
        Self { status, told, retry_after_seconds: None, allow: None }
    }

    /// The same with what a program can go on with.
    #[must_use]
    pub(super) fn details(mut self, details: Value) -> Self {
        self.told.details = Some(details);
        self
    }

    /// The same with another code.
    #[must_use]
    pub(super) fn called(mut self, code: &'static str) -> Self {
        self.told.code = code;
        self
    }

    /// The same with another way out.
    #[must_use]
    pub(super) fn hinted(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.told.hint);
        self
    }

    /// The same with another status, to be tried again after so many seconds.
    #[must_use]
    fn later(mut self, status: StatusCode, seconds: i64) -> Self {
        (self.status, self.retry_after_seconds) = (status, Some(seconds));
        self
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

    /// The address is there, but not with this method.
    pub(super) fn wrong_method(allow: String) -> Self {
        let hint = format!("This address takes {allow}. GET /api/v1/openapi.json tells all of them.");
        let message = "This address does not take this method.";
        let mut error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message, hint);
        error.allow = Some(allow);
        error
    }

    /// A parameter of the address that can't be taken.
    pub(super) fn wrong_parameter(why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "wrong_parameter",
            format!("A parameter of the address can't be taken: {why}."),
            "GET /api/v1/openapi.json tells which there are.",
        )
    }

    /// Something in the body that can't be taken.
    pub(super) fn wrong_value(why: &str) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "wrong_value",
            format!("{}.", capital(why.trim_end_matches('.'))),
            "Nothing was changed. GET /api/v1/openapi.json tells what is wanted.",
        )
    }

    /// Fields that can't be taken, with a sentence each: the first is the message, all are in the details.
    pub(super) fn wrong_fields(found: impl IntoIterator<Item = (String, String)>) -> Self {
        let told = |(field, why): (String, String)| json!({ "field": field, "message": format!("{}.", capital(why.trim_end_matches('.'))) });
        let fields: Vec<Value> = found.into_iter().map(told).collect();
        let first = fields.first().and_then(|first| first["message"].as_str()).unwrap_or("a value is wrong");
        let hint = "Nothing was changed. The details have a sentence for each field that can't be taken.";
        Self::wrong_value(first).hinted(hint).details(json!({ "fields": fields }))
    }

    /// It can't be done as things stand.
    pub(super) fn not_now(why: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "not_now",
            format!("{}.", capital(why.trim_end_matches('.'))),
            "Nothing was changed. Look at how it stands now.",
        )
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.told.code, self.told.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            answer.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(allow) = &self.allow {
            answer.insert_header((header::ALLOW, allow.as_str()));
        }
        let body = serde_json::to_string(&ErrorBody { error: &self.told }).unwrap_or_default();
        answer.content_type("application/json").body(body)
    }
}

/// What the guard says, in the form that is read here.
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
        Self::new(error.status_code(), code, format!("{}.", message.trim_end_matches('.')), hint)
    }
}

impl From<PageError> for ApiError {
    fn from(error: PageError) -> Self {
        Self::from(&error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let lasting = error.is_lasting();
        let told = Self::from(&PageError::from(error));
        if lasting { told } else { told.later(StatusCode::SERVICE_UNAVAILABLE, RETRY_SECONDS) }
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Store(error) => error.into(),
            AskError::Unknown { what, .. } => Self::not_found(what),
            AskError::NotNow(why) => Self::not_now(&why),
            AskError::Busy => Self::not_now("too much is being looked ahead just now")
                .called("too_many")
                .later(StatusCode::TOO_MANY_REQUESTS, RETRY_SECONDS),
        }
    }
}

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        let why = error.to_string();
        match error {
            PeopleError::Store(error) => error.into(),
            PeopleError::Unknown => Self::not_found("account"),
            PeopleError::Taken => Self::not_now(&why).called("taken"),
            PeopleError::LastAdmin => Self::not_now(&why).called("last_admin"),
            PeopleError::Wait(ms) => Self::not_now(&why)
                .called("too_many")
                .later(StatusCode::TOO_MANY_REQUESTS, (ms + 999) / 1_000),
            PeopleError::Busy => {
                Self::not_now(&why).called("busy").later(StatusCode::SERVICE_UNAVAILABLE, RETRY_SECONDS)
            }
            PeopleError::LinkGone | PeopleError::NoVault(_) => Self::not_now(&why),
            PeopleError::NoEmail
            | PeopleError::NoName
            | PeopleError::Weak(_)
            | PeopleError::Wrong(_)
            | PeopleError::WrongCode => Self::wrong_value(&why),
        }
    }
}
