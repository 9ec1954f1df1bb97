//! The two cookies: the session's token, and the token of a visit, which protects the forms of somebody who is not signed
//! in. Both are for this host and this server only. Behind TLS their names begin with `__Host-`, so that no other host
//! of the domain can set them.
//!
//! Invariant: a name that comes twice is none. Kept by the tests below.

use super::access::Reached;
use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderValue};

/// Tokens are letters and digits, so long.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 20..=64;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The session.
    Session,
    /// The visit.
    Visit,
}

impl Cookie {
    fn name(self, reached: Reached) -> &'static str {
        match (self, reached) {
            (Self::Session, Reached::Here) => "waypost",
            (Self::Session, Reached::ByUrl) => "__Host-waypost",
            (Self::Visit, Reached::Here) => "waypost-visit",
            (Self::Visit, Reached::ByUrl) => "__Host-waypost-visit",
        }
    }

    /// Its value, where it has the form of one of ours.
    pub fn of(self, request: &HttpRequest, reached: Reached) -> Option<String> {
        find(request.headers(), self.name(reached))
    }

    /// The header that sets it for so many seconds (0: removes it).
    pub fn set(self, reached: Reached, value: &str, seconds: i64) -> HeaderValue {
        let secure = if reached == Reached::ByUrl { "; Secure" } else { "" };
        let text = format!(
            "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
            self.name(reached)
        );
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

fn find(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all("cookie").filter_map(|header| header.to_str().ok());
    let mut values = all
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let value = values.next()?;
    let fine = TOKEN_BYTES.contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (fine && values.next().is_none()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Cookie, Reached, find};
    use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};

    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567";

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_once_or_not_at_all() {
        let one = format!("a=b; waypost={TOKEN}; c=d");
        assert_eq!(find(&headers(&[&one]), "waypost").as_deref(), Some(TOKEN));
        assert_eq!(find(&headers(&["a=b", &one]), "waypost").as_deref(), Some(TOKEN));
        assert_eq!(find(&headers(&[&one, &one]), "waypost"), None);
        for odd in
            ["", "waypost=", "waypost=short", &format!("waypost={TOKEN}\"x"), &format!("Waypost={TOKEN}")]
        {
            assert_eq!(find(&headers(&[odd]), "waypost"), None, "{odd}");
        }
        assert_eq!(find(&headers(&[&format!("waypost={}", "a".repeat(65))]), "waypost"), None);
    }

    #[test]
    fn flags_are_as_strict_as_the_way_allows() {
        assert_eq!(
            Cookie::Session.set(Reached::ByUrl, TOKEN, 60),
            format!("__Host-waypost={TOKEN}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure")
        );
        assert_eq!(
            Cookie::Visit.set(Reached::Here, TOKEN, 60),
            format!("waypost-visit={TOKEN}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax")
        );
    }
}
