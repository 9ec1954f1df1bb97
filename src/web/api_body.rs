//! What comes in and goes out of the API: a JSON body, the parameters of an address, an answer. Whatever can't be read is
//! told with the place and a way out, as JSON like everything under `/api/`. Every handler of `/api/v1` takes and gives
//! these.

use super::api_error::ApiError;
use super::api_paging::wrong_limit;
use crate::domain::Millis;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse};
use futures::future::LocalBoxFuture;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use std::future::{Ready, ready};

/// What a handler gives.
pub(super) type Answer = Result<HttpResponse, ApiError>;

/// A body of JSON. None at all is an empty object.
pub(super) struct Body<T>(pub T);

/// The parameters behind the `?` of an address. One that is not known is an error: a filter with a slip in its name would
/// else mean everything.
pub(super) struct Params<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = request.content_type().to_ascii_lowercase();
        let bytes = Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = bytes.await.map_err(|error| unread(&error))?;
            if bytes.is_empty() {
                return read(b"{}").map(Self);
            }
            let is_json =
                kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
            if !is_json {
                return Err(ApiError::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "not_json",
                    "The body must be JSON, and say so.",
                    "Nothing was changed. Send the header Content-Type: application/json.",
                ));
            }
            read(&bytes).map(Self)
        })
    }
}

/// Why a body could not be read to its end.
fn unread(error: &actix_web::Error) -> ApiError {
    match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is larger than this address takes.",
            "Nothing was changed. Send less at a time.",
        ),
        _ => ApiError::new(
            StatusCode::BAD_REQUEST,
            "unreadable",
            "The body did not come in whole.",
            "Nothing was changed. Send it again.",
        ),
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // A list would be read as the values of an object, by their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let whole = serde_json::from_slice::<IgnoredAny>(bytes);
        return Err(whole
            .map_or_else(|error| not_json(&error), |_| ApiError::wrong_value("the body must be an object")));
    }
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => {
            let why = error.to_string();
            // `{}` is no place of theirs.
            let why = why.split(" at line ").next().unwrap_or_default();
            ApiError::wrong_value(why).details(place(&error))
        }
        Category::Io | Category::Syntax | Category::Eof => not_json(&error),
    })
}

fn not_json(error: &serde_json::Error) -> ApiError {
    let told = ApiError::new(
        StatusCode::BAD_REQUEST,
        "unreadable",
        format!("The body is not JSON: {error}."),
        "Nothing was changed. Mend the body at that place.",
    );
    told.details(place(error))
}

fn place(error: &serde_json::Error) -> serde_json::Value {
    serde_json::json!({ "line": error.line(), "column": error.column() })
}

/// Whether the address asks for so many items, and says no number.
fn limit_is_no_number(query: &str) -> bool {
    let limits = query.split('&').filter_map(|part| part.strip_prefix("limit="));
    limits.into_iter().any(|limit| limit.parse::<i64>().is_err())
}

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match web::Query::<T>::from_query(request.query_string()) {
            Ok(query) => Ok(Self(query.into_inner())),
            Err(actix_web::error::QueryPayloadError::Deserialize(why)) => {
                let why = why.to_string();
                // Where a list takes a limit, that is what can't be read; else the name is what is wrong.
                let limit = !why.contains("unknown field") && limit_is_no_number(request.query_string());
                Err(if limit { wrong_limit() } else { ApiError::wrong_parameter(&why) })
            }
            Err(_) => Err(ApiError::wrong_parameter("it can't be read")),
        })
    }
}

/// 200 with something.
pub(super) fn answered(told: &impl Serialize) -> Answer {
    with(StatusCode::OK, told)
}

/// Something with this status.
pub(super) fn with(status: StatusCode, told: &impl Serialize) -> Answer {
    let body = serde_json::to_string(told).map_err(|error| {
        tracing::error!(error = %error, "an answer of the API could not be written");
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "not_working",
            "This answer could not be written.",
            "That is a mistake of Waypost.",
        )
    })?;
    Ok(HttpResponse::build(status).content_type("application/json").body(body))
}

/// One of these words, where it is given.
pub(super) fn word(name: &str, given: Option<String>, known: &[&str]) -> Result<Option<String>, ApiError> {
    match given {
        Some(word) if !known.contains(&word.as_str()) => {
            Err(ApiError::wrong_parameter(&format!("{name} is one of {}", known.join(", "))))
        }
        given => Ok(given),
    }
}

/// A moment in RFC 3339, where it is given.
pub(super) fn moment(name: &str, given: Option<&str>) -> Result<Option<Millis>, ApiError> {
    let read = |text: &str| text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    given
        .map(read)
        .transpose()
        .map_err(|_| ApiError::wrong_parameter(&format!("{name} is a time as in 2027-03-14T09:30:00Z")))
}
