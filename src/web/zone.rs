//! The time zone that a page is told in: the viewer's, whose browser says its name in a cookie, else the server's. The
//! guard of all pages sets it round each request, so that whatever tells a time tells it alike; outside of a request it
//! is UTC.

use actix_web::HttpRequest;
use actix_web::http::header;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Name of the cookie that `static/pages.js` sets.
const COOKIE: &str = "zone";
/// Characters of a zone's name; the longest there is has 32.
const NAME_CHARS_MAX: usize = 64;

/// A zone and whose it is.
#[derive(Clone, Debug)]
pub struct Zone {
    zone: TimeZone,
    /// Whether the viewer's browser named it.
    own: bool,
}

tokio::task_local! {
    static ZONE: Zone;
}

impl Zone {
    /// The zone of a request. A cookie that is no zone's name counts as none.
    pub fn of(request: &HttpRequest) -> Self {
        let cookies = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
        let value = cookies.flat_map(|line| line.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE).then_some(value)
        });
        match value.and_then(named) {
            Some(zone) => Self { zone, own: true },
            None => Self { zone: TimeZone::system(), own: false },
        }
    }

    /// Runs a request in the zone.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        ZONE.scope(self, work).await
    }

    fn here() -> Self {
        ZONE.try_with(Clone::clone).unwrap_or(Self { zone: TimeZone::UTC, own: false })
    }
}

fn named(name: &str) -> Option<TimeZone> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return None;
    }
    TimeZone::get(name).ok()
}

/// The zone of the page that is being made.
pub fn here() -> TimeZone {
    Zone::here().zone
}

/// Whether it is the viewer's own, so that a time needs no zone beside it.
pub fn is_own() -> bool {
    Zone::here().own
}

/// The name of the zone, for the foot of a page.
pub fn name() -> String {
    here().iana_name().map_or_else(|| String::from("UTC"), str::to_owned)
}

/// Whether the viewer's clock shows this offset at this moment.
pub fn is_offset_here(at: Timestamp, offset: Offset) -> bool {
    is_own() && here().to_offset(at) == offset
}

#[cfg(test)]
mod tests {
    use super::{Zone, named};
    use actix_web::test::TestRequest;

    #[test]
    fn only_names_of_zones_are_taken() {
        assert!(named("Pacific/Honolulu").is_some() && named("America/Argentina/Buenos_Aires").is_some());
        for name in [
            "",
            "..",
            "../../etc/passwd",
            "/etc/localtime",
            "Nowhere/Town",
            "<b>",
            "Europe/Berlin\r\nx",
            &"a".repeat(99),
        ] {
            assert!(named(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn the_viewers_zone_goes_before_the_servers() {
        let request = |value: &str| {
            TestRequest::get().insert_header(("cookie", format!("zone={value}"))).to_http_request()
        };
        let zone = Zone::of(&request("Asia/Tokyo"));
        assert_eq!((zone.zone.iana_name(), zone.own), (Some("Asia/Tokyo"), true));
        assert!(!Zone::of(&request("%3Cimg%3E")).own);
        assert!(!Zone::of(&TestRequest::get().to_http_request()).own);
    }
}
