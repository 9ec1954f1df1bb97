//! What keeps the pages this machine's own: a request must be addressed to a loopback name (else a foreign page could
//! reach them by rebinding its DNS), one that changes something must come from these pages, and every answer says what
//! a browser may load. Wraps all pages.
//!
//! Invariant: no page is answered to a foreign `Host`. Kept by `tests/web/security.rs`.

use super::errors::PageError;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _};
use std::net::IpAddr;

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
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-forwarded-host"];

/// The middleware.
pub async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut answer = match refusal(&request) {
        Some(error) => request.into_response(error.error_response()).map_into_left_body(),
        None => match next.call(request).await {
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

fn refusal(request: &ServiceRequest) -> Option<PageError> {
    let headers = request.headers();
    let host = one(headers, "host");
    let addressed = request.uri().authority().map(actix_web::http::uri::Authority::as_str);
    let ours = host.is_some_and(is_loopback) && addressed.is_none_or(is_loopback);
    if !ours || FORWARDED.iter().any(|name| headers.contains_key(*name)) {
        return Some(PageError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This page is for this machine only",
            "It has no accounts yet, so it answers only to localhost and 127.0.0.1. From another machine, make an SSH \
             tunnel and open the page by one of these names.",
        ));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_own(headers, host.unwrap_or_default()) {
        return None;
    }
    Some(PageError::new(
        StatusCode::FORBIDDEN,
        "This did not come from Waypost's own page",
        "Nothing was changed. Open the page again and press the button there.",
    ))
}

/// True where a browser says that the request comes from our own page. `Sec-Fetch-Site` can't be set by a page's script;
/// browsers without it send `Origin`.
fn is_own(headers: &HeaderMap, host: &str) -> bool {
    let same_origin = |origin: &str| {
        origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .is_some_and(|from| from.eq_ignore_ascii_case(host))
    };
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

/// `localhost`, `127.0.0.1`, `[::1]`, each with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, "")) => name,
            Some((name, port)) if port.strip_prefix(':').is_some_and(is_port) => name,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        for host in ["localhost", "LOCALHOST:8081", "127.0.0.1:8081", "127.0.0.2", "[::1]", "[::1]:8081"] {
            assert!(is_loopback(host), "{host}");
        }
        let foreign = [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "localhost:",
            "localhost:x",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "[::1",
            "::1",
            "[::1]x",
            "localhost:99999",
            "user@localhost",
            "localhost:+1",
        ];
        for host in foreign {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
