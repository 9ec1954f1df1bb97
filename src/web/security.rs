//! The guard before all pages and the API: a request must be addressed to a name of ours (else a foreign page could reach
//! them by rebinding its DNS), one that changes something must come from these pages, and every answer says what a browser
//! may load. Who may do what is asked behind it, for each route: `admission`.
//!
//! Invariant: no page is answered to a foreign `Host`. Kept by `tests/web/security.rs` and `doors.rs`.

use super::access::{Access, Doors, Reached};
use super::api_error::ApiError;
use super::colours::Colours;
use super::errors::PageError;
use super::zone::Zone;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError as _};

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer; those that a handler set itself stay.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Nothing is told to other sites. "no-referrer" would also empty the `Origin` of our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Headers that a proxy adds: whoever sits behind one is not on this machine.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// The middleware.
pub async fn guard<B: MessageBody + 'static>(
    access: &Access,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody + use<B>>, Error> {
    let mut answer = match refusal(access, &request) {
        Some(error) => {
            let refused = refused(&request, &error);
            request.into_response(refused).map_into_left_body()
        }
        None => match seen(request, next).await {
            Ok(answer) => answer.map_into_right_body(),
            Err(error) => return Err(error),
        },
    };
    for (name, value) in HEADERS {
        if !answer.headers().contains_key(&name) {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(answer)
}

/// A refusal in the form that is read there.
pub(super) fn refused(request: &ServiceRequest, error: &PageError) -> HttpResponse {
    if is_api(request.path()) { ApiError::from(error).error_response() } else { error.error_response() }
}

/// Whether a path belongs to the API, which knows no cookies.
pub(super) fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// Whether it came through a proxy.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    FORWARDED.iter().any(|name| headers.contains_key(*name))
}

fn refusal(access: &Access, request: &ServiceRequest) -> Option<PageError> {
    let headers = request.headers();
    let host = one(headers, "host");
    let addressed = request.uri().authority().map(actix_web::http::uri::Authority::as_str);
    let reached = host.and_then(|host| access.reached(host));
    let ours = reached.is_some() && addressed.is_none_or(|addressed| access.reached(addressed) == reached);
    let proxied = is_forwarded(headers) && reached != Some(Reached::ByUrl);
    if !ours || proxied {
        return Some(PageError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This is not where the pages are",
            way_in(access),
        ));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_api(request.path()) || is_own(headers, host.unwrap_or_default(), reached) {
        return None;
    }
    Some(PageError::new(
        StatusCode::FORBIDDEN,
        "This did not come from Waypost's own page",
        "Nothing was changed. Open the page again and press the button there.",
    ))
}

fn way_in(access: &Access) -> String {
    match (&access.doors, &access.url) {
        (Doors::Open { .. }, _) => String::from(
            "The demo is for this machine only: it answers to localhost and 127.0.0.1. From another machine, make an SSH \
             tunnel and open the page by one of these names.",
        ),
        (Doors::SignIn, Some(url)) => format!(
            "The pages are at {}, where a TLS proxy passes them on with that name as Host, and on this machine at \
             localhost and 127.0.0.1.",
            url.base()
        ),
        (Doors::SignIn, None) => String::from(
            "The pages answer to localhost and 127.0.0.1, for this machine only. To show them to others, put a TLS proxy in \
             front and start with --ui-url https://NAME; or make an SSH tunnel and open the page by one of these names.",
        ),
    }
}

/// Answers in the zone and the colours of who looks.
async fn seen<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let (zone, colours) = (Zone::of(request.request()), Colours::of(request.request()));
    zone.around(colours.around(next.call(request))).await
}

/// True where a browser says that the request comes from our own page. `Sec-Fetch-Site` can't be set by a page's script;
/// browsers without it send `Origin`.
fn is_own(headers: &HeaderMap, host: &str, reached: Option<Reached>) -> bool {
    let scheme = if reached == Some(Reached::ByUrl) { "https://" } else { "http://" };
    let same_origin =
        |origin: &str| origin.strip_prefix(scheme).is_some_and(|from| from.eq_ignore_ascii_case(host));
    let told_twice = |name: &str| headers.get_all(name).count() > 1;
    if told_twice("sec-fetch-site") || told_twice("origin") {
        return false;
    }
    match (one(headers, "sec-fetch-site"), one(headers, "origin")) {
        (Some(site), Some(origin)) => site == "same-origin" && same_origin(origin),
        (Some(site), None) => site == "same-origin",
        (None, Some(origin)) => same_origin(origin),
        (None, None) => false,
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}
