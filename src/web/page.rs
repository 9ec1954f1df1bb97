//! The frame of every page: where the reader is, what needs them, what was just done. And how a page is answered.

use super::errors::PageError;
use super::scene::Scene;
use super::static_files;
use actix_web::HttpResponse;
use actix_web::http::header;
use askama::Template;

/// The places of the rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// All bookings.
    Bookings,
    /// What needs a person.
    NeedsYou,
    /// Where things are sent.
    Connections,
    /// Webhooks that became no booking.
    Webhooks,
    /// None of them.
    Nowhere,
}

/// The frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Where the reader is.
    pub place: Place,
    /// How many runs need them.
    pub needs_you: i64,
    /// What was just done by a button, in words.
    pub said: Option<&'static str>,
}

impl Frame {
    /// The frame of a page; `said` is the word that a button's redirect brought.
    pub fn new(place: Place, scene: &Scene, said: Option<&str>) -> Self {
        Self { place, needs_you: scene.needs_you(), said: said.and_then(said_words) }
    }

    /// A frame that knows nothing, for errors.
    pub fn bare() -> Self {
        Self { place: Place::Nowhere, needs_you: 0, said: None }
    }

    /// Address of a static file.
    #[expect(clippy::unused_self, reason = "templates ask the frame")]
    pub fn file(&self, name: &str) -> String {
        static_files::href(name)
    }

    /// `aria-current` of a link of the rail.
    pub fn current(&self, place: &str) -> &'static str {
        let here = match self.place {
            Place::Bookings => "bookings",
            Place::NeedsYou => "needs-you",
            Place::Connections => "connections",
            Place::Webhooks => "webhooks",
            Place::Nowhere => "",
        };
        if here == place { "page" } else { "false" }
    }
}

/// Only known words become sentences: an address can't put words into the page's mouth.
fn said_words(word: &str) -> Option<&'static str> {
    Some(match word {
        "tried" => "It is tried again now.",
        "not-tried" => {
            "It can't be tried again as it stands: it is done, overtaken, or being sent right now."
        }
        "paused" => "The connection is paused. What is to be sent waits.",
        "resumed" => "The connection takes calls again. What waited goes out now.",
        _ => return None,
    })
}

/// Answers with a page.
pub fn answer(page: &impl Template) -> Result<HttpResponse, PageError> {
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page.render()?))
}

/// Goes on to another page after a button was pressed.
pub fn go_to(address: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, address)).finish()
}

/// An id from an address as text that is safe in an address again.
pub fn in_address(text: &str) -> String {
    const UNSAFE: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'_').remove(b'-');
    percent_encoding::utf8_percent_encode(text, UNSAFE).to_string()
}
