//! What a page says when it can't be shown: a title, a sentence, a way out. Also what a browser gets for an address
//! that leads nowhere.

use super::api_error::ApiError;
use super::page::Frame;
use crate::app::{AskError, PeopleError};
use crate::ports::StoreError;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use std::fmt;

/// Why a page is not shown.
#[derive(Debug)]
pub struct PageError {
    status: StatusCode,
    title: String,
    sentence: String,
    /// Where to go from here: address, and words of the button.
    way: (&'static str, &'static str),
}

/// Its page. It reads nothing from the database: that may be what is away. How much needs somebody is told as it was last
/// known.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    title: &'a str,
    sentence: &'a str,
    way: (&'a str, &'a str),
}

impl PageError {
    /// An error with its words.
    pub fn new(status: StatusCode, title: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { status, title: title.into(), sentence: sentence.into(), way: ("/", "Open the first page") }
    }

    /// The same with another way to go from there.
    pub(super) fn way(mut self, address: &'static str, words: &'static str) -> Self {
        self.way = (address, words);
        self
    }

    /// There is no such thing.
    pub fn unknown(what: &str) -> Self {
        let error = Self::new(
            StatusCode::NOT_FOUND,
            format!("There is no such {what}"),
            "The address may have been copied in part, or belong to another data folder. The list shows what is here.",
        );
        let (address, words) = list_of(what);
        error.way(address, words)
    }

    /// Nobody is signed in (any more), and this is nothing to be led away from.
    pub(super) fn signed_out() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "You are signed out",
            "Nothing was changed. Open the page again: it asks you to sign in first.",
        )
        .way("/sign-in", "Sign in")
    }

    /// Whoever is signed in may not do this.
    pub(super) fn not_allowed() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Your role does not go that far",
            "Nothing was changed. An admin can do it, or give you another role under Settings, People.",
        )
    }

    /// A form without the token that was shown with it.
    pub(super) fn strange_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This form is too old, or not from here",
            "Nothing was changed. Open the page again and send its form from there. The browser must take cookies.",
        )
    }

    /// Figures are read from elsewhere.
    pub(super) fn needs_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Reading the figures needs an API token",
            "From this machine they can be read without one. From elsewhere, make a token with the scope metrics under \
             Settings, API tokens, and send it as Authorization: Bearer wp_….",
        )
    }

    /// A form that can't be read.
    pub(super) fn unreadable_form(why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "This form can't be read",
            format!("Nothing was changed. Open the page again and send its form from there. ({why})"),
        )
    }

    /// Its words: what is wrong, and a way out.
    pub(super) fn words(&self) -> (&str, &str) {
        (&self.title, &self.sentence)
    }

    fn page(&self) -> Result<String, askama::Error> {
        let (frame, way) = (Frame::as_last_known(), self.way);
        ErrorPage { frame, title: &self.title, sentence: &self.sentence, way }.render()
    }

    #[cfg(test)]
    pub(super) fn samples() -> Vec<Result<String, askama::Error>> {
        use super::samples::HOSTILE;
        vec![Self::unknown("booking").page(), Self::new(StatusCode::CONFLICT, HOSTILE, HOSTILE).page()]
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.sentence)
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        match self.page() {
            Ok(page) => answer.content_type("text/html; charset=utf-8").body(page),
            Err(_) => answer.content_type("text/plain; charset=utf-8").body(format!("{self}\n")),
        }
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %error, cause = error.cause(), "a page could not be shown");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The database can't be read now",
            format!(
                "{}. Webhooks that were answered with 200 are safe. Try again in a moment; \"waypost doctor\" tells what is wrong.",
                capital(&error.to_string())
            ),
        )
    }
}

impl From<AskError> for PageError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Store(error) => error.into(),
            AskError::Unknown { what, .. } => Self::unknown(what),
            AskError::Busy => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too much is being looked ahead just now",
                "Nothing was changed. Try again in a few seconds.",
            ),
            AskError::NotNow(why) => {
                Self::new(StatusCode::CONFLICT, "Not now", format!("{}. Nothing was changed.", capital(&why)))
            }
        }
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(error = %error, "a page could not be written");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "This page could not be written",
            "That is a mistake of Waypost. The same is told by the commands \"waypost bookings\" and \"waypost runs\".",
        )
    }
}

/// Where things of a kind are listed: address, and words of the button.
fn list_of(what: &str) -> (&'static str, &'static str) {
    match what {
        "rule" | "version" | "recipe" => ("/rules", "See the rules"),
        "connection" | "connection or source" | "source or connection" | "connector" => {
            ("/connections", "See the connections")
        }
        "source" | "walk" => ("/sources", "See the sources"),
        "account" => ("/settings/people", "See the people"),
        "channel" | "kind of channel" => ("/settings/alerts", "See the alerts"),
        "token" => ("/settings/tokens", "See the API tokens"),
        "session" => ("/account", "Open your account"),
        "guest" => ("/settings/guest", "Look for a guest"),
        "group" | "request" => ("/needs-you", "See what needs you"),
        "webhook" => ("/events", "See other webhooks"),
        "page" | "file" => ("/", "Open the first page"),
        _ => ("/bookings", "Open the latest bookings"),
    }
}

/// The same text as the beginning of a sentence.
pub(super) fn capital(text: &str) -> String {
    crate::domain::begin_sentence(text)
}

impl From<PeopleError> for PageError {
    fn from(error: PeopleError) -> Self {
        let status = match error {
            PeopleError::Store(error) => return error.into(),
            PeopleError::Unknown => return Self::unknown("account"),
            PeopleError::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            PeopleError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::CONFLICT,
        };
        let told = Self::new(
            status,
            "That can't be done",
            format!("{}. Nothing was changed.", capital(&error.to_string())),
        );
        match error {
            PeopleError::LastAdmin | PeopleError::Taken => told.way("/settings/people", "See the people"),
            PeopleError::LinkGone => told.way("/sign-in", "Sign in"),
            _ => told,
        }
    }
}

/// Whatever is no page.
pub async fn no_such_page(request: HttpRequest) -> HttpResponse {
    if super::security::is_api(request.path()) {
        return ApiError::not_found("address").error_response();
    }
    PageError::unknown("page").error_response()
}

#[cfg(test)]
mod tests {
    use super::{PageError, capital, list_of};

    #[test]
    fn each_page_of_an_error_has_a_way_of_its_own() {
        for (what, address) in [
            ("rule", "/rules"),
            ("source", "/sources"),
            ("account", "/settings/people"),
            ("booking", "/bookings"),
        ] {
            assert_eq!(list_of(what).0, address);
            let page = PageError::unknown(what).page().expect("a page");
            assert!(page.contains(&format!("<a class=\"button\" href=\"{address}\">")), "{page}");
        }
        let page = PageError::signed_out().page().expect("a page");
        assert!(page.contains("<a class=\"button\" href=\"/sign-in\">Sign in</a>"), "{page}");
        let last: PageError = crate::app::PeopleError::LastAdmin.into();
        assert!(last.page().expect("a page").contains("href=\"/settings/people\">See the people</a>"));
    }

    #[test]
    fn a_sentence_begins_with_a_capital_and_the_name_of_a_file_stays_as_it_is() {
        assert_eq!(capital("the phone is missing"), "The phone is missing");
        assert_eq!(capital("guests-to-crm.yaml:21: no such field"), "guests-to-crm.yaml:21: no such field");
        assert_eq!(capital("lib/names.rhai is broken"), "lib/names.rhai is broken");
        assert_eq!(capital(""), "");
    }
}
