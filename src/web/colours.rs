//! Light or dark: as the device says, or as the viewer chose for this browser, in a cookie. The guard of all pages sets it
//! round each request, so that every page is painted alike from its first moment on; outside of a request it is the
//! device's. `POST /colours` chooses.

use super::access::{Access, Reached};
use super::admission::local_path;
use super::errors::PageError;
use super::page::go_to;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

/// Name of the cookie.
const COOKIE: &str = "colours";
/// A year.
const COOKIE_SECONDS: i64 = 31_536_000;

/// What a page is painted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// What the device is set to.
    #[default]
    Device,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

tokio::task_local! {
    static COLOURS: Colours;
}

impl Colours {
    /// All, in the order in which they are offered, with what they are called.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Device, "Device"), (Self::Light, "Light"), (Self::Dark, "Dark")];

    /// As in forms, cookies and `data-colours`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What a word means; one that is none of ours means the device's.
    fn parse(word: &str) -> Self {
        Self::ALL.into_iter().map(|(colours, _)| colours).find(|one| one.as_str() == word).unwrap_or_default()
    }

    /// Those of a request.
    pub fn of(request: &HttpRequest) -> Self {
        let cookies = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
        let value = cookies.flat_map(|line| line.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE).then_some(value)
        });
        value.map(Self::parse).unwrap_or_default()
    }

    /// Answers a request in them.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        COLOURS.scope(self, work).await
    }

    /// Those of the page that is being made.
    pub fn here() -> Self {
        COLOURS.try_with(|colours| *colours).unwrap_or_default()
    }

    /// The header that keeps them.
    fn cookie(self, reached: Reached) -> HeaderValue {
        let secure = if reached == Reached::ByUrl { "; Secure" } else { "" };
        let text = format!(
            "{COOKIE}={}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}",
            self.as_str()
        );
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// What the form sends.
#[derive(Deserialize)]
pub struct Form {
    colours: String,
}

/// `POST /colours`: chooses, and goes back to where the button was pressed.
pub(super) async fn choose(
    access: web::Data<Access>,
    form: web::Form<Form>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let cookie = Colours::parse(&form.colours).cookie(access.reached_by(&request));
    let mut answer = go_to(&place_of(&request));
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

/// The page of ours that the form stood on, as the browser says; the first page where it says nothing.
fn place_of(request: &HttpRequest) -> String {
    let from = request.headers().get(header::REFERER).and_then(|from| from.to_str().ok());
    let path = from.and_then(|from| {
        let after = from.split_once("://")?.1;
        after.find('/').map(|at| &after[at..])
    });
    local_path(path)
}

#[cfg(test)]
mod tests {
    use super::{Colours, place_of};
    use crate::web::access::Reached;
    use actix_web::test::TestRequest;

    #[test]
    fn only_our_words_choose() {
        let of = |cookie: &str| {
            Colours::of(&TestRequest::default().insert_header(("cookie", cookie)).to_http_request())
        };
        assert_eq!(of("a=b; colours=dark"), Colours::Dark);
        assert_eq!(of("colours=light"), Colours::Light);
        for odd in ["", "colours=", "colours=\"><script>", "colour=dark", "colours=DARK"] {
            assert_eq!(of(odd), Colours::Device, "{odd}");
        }
        let cookie = Colours::parse("dark\r\nset-cookie: a=b").cookie(Reached::ByUrl);
        assert_eq!(cookie, "colours=device; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure");
    }

    #[test]
    fn the_way_back_leads_to_a_page_of_ours() {
        let back =
            |from: &str| place_of(&TestRequest::default().insert_header(("referer", from)).to_http_request());
        assert_eq!(back("http://localhost:8081/bookings?q=lee"), "/bookings?q=lee");
        for odd in ["http://localhost:8081", "nonsense", "https://example.org//evil.example.org", ""] {
            assert_eq!(back(odd), "/", "{odd}");
        }
    }
}
