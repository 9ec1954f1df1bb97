//! The frame of every page: where the reader is, what needs them, what was just done. And how a page is answered.

use super::colours::Colours;
use super::errors::PageError;
use super::scene::Scene;
use super::static_files;
use super::viewer::{Present, Viewer};
use super::zone;
use crate::app::is_masked;
use crate::domain::Right;
use actix_web::HttpResponse;
use actix_web::http::header;
use askama::Template;

/// The places of the rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Whether all is well.
    Today,
    /// All bookings.
    Bookings,
    /// What needs a person.
    NeedsYou,
    /// What goes where.
    Rules,
    /// Where things are sent.
    Connections,
    /// Webhooks that became no booking.
    Webhooks,
    /// None of them.
    Nowhere,
}

impl Place {
    /// The place of a word of the templates.
    fn parse(word: &str) -> Self {
        match word {
            "today" => Self::Today,
            "bookings" => Self::Bookings,
            "needs-you" => Self::NeedsYou,
            "rules" => Self::Rules,
            "connections" => Self::Connections,
            "webhooks" => Self::Webhooks,
            _ => Self::Nowhere,
        }
    }
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
    /// Who is signed in.
    viewer: Option<Viewer>,
    /// For the hidden field of forms: `parts/form.html`.
    form_token: String,
    /// What is shown of guests is masked.
    pub masked: bool,
    /// What was typed into the search.
    pub search: String,
    /// Name of the zone that times are told in.
    pub zone: String,
    /// Light or dark.
    colours: Colours,
}

impl Frame {
    /// The frame of a page; `said` is the word that a button's redirect brought.
    pub fn new(place: Place, scene: &Scene, said: Option<&str>) -> Self {
        Self { needs_you: scene.needs_you(), ..Self::with(place, said) }
    }

    /// A frame that knows who is signed in and nothing of the bookings: for errors, and for pages at the door.
    pub fn bare() -> Self {
        Self::with(Place::Nowhere, None)
    }

    /// The same with how much needs somebody, as it was last known: for errors, where nothing can be asked.
    pub fn as_last_known() -> Self {
        Self { needs_you: Present::now().needs_you, ..Self::bare() }
    }

    fn with(place: Place, said: Option<&str>) -> Self {
        let Present { viewer, form_token, .. } = Present::now();
        Self {
            place,
            needs_you: 0,
            said: said.and_then(said_words),
            viewer,
            form_token,
            masked: is_masked(),
            search: String::new(),
            zone: zone::name(),
            colours: Colours::here(),
        }
    }

    /// What it is painted in, for `data-colours`.
    pub fn colours(&self) -> &'static str {
        self.colours.as_str()
    }

    /// What it could be painted in: value, what it is called, whether it is so.
    pub fn all_colours(&self) -> [(&'static str, &'static str, bool); 3] {
        Colours::ALL.map(|(colours, called)| (colours.as_str(), called, colours == self.colours))
    }

    /// The same with another token in its forms: that of a session which begins with this answer.
    pub(super) fn with_form_token(mut self, form_token: String) -> Self {
        self.form_token = form_token;
        self
    }

    /// The token of forms.
    pub fn form_token(&self) -> &str {
        &self.form_token
    }

    /// What the person is called who is signed in; nobody at the door.
    pub fn person(&self) -> Option<&str> {
        self.viewer.as_ref().map(Viewer::name)
    }

    /// Whether this is the demo, where nobody signs in.
    pub fn is_demo(&self) -> bool {
        self.viewer.as_ref().is_some_and(Viewer::is_demo)
    }

    /// Whether they may press buttons that act on bookings. What they may not is refused in any case; this spares them
    /// the sight.
    pub fn operates(&self) -> bool {
        self.viewer.as_ref().is_none_or(|viewer| viewer.may(Right::Operate))
    }

    /// Whether they may change rules.
    pub fn changes_rules(&self) -> bool {
        self.viewer.as_ref().is_none_or(|viewer| viewer.may(Right::ChangeRules))
    }

    /// Whether they may connect: make and change connections and sources.
    pub fn connects(&self) -> bool {
        self.viewer.as_ref().is_none_or(|viewer| viewer.may(Right::Connect))
    }

    /// Whether they may look after people, tokens and the log.
    pub fn looks_after_people(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.may(Right::People))
    }

    /// Address of a static file.
    #[expect(clippy::unused_self, reason = "templates ask the frame")]
    pub fn file(&self, name: &str) -> String {
        static_files::href(name)
    }

    /// `aria-current` of a link of the rail.
    pub fn current(&self, place: &str) -> &'static str {
        let here = self.place == Place::parse(place) && self.place != Place::Nowhere;
        if here { "page" } else { "false" }
    }
}

/// Only known words become sentences: an address can't put words into the page's mouth.
fn said_words(word: &str) -> Option<&'static str> {
    Some(match word {
        "tried" => "It is tried again now.",
        "not-tried" => {
            "It can't be tried again as it stands: it is done, overtaken, or being sent right now."
        }
        "looked-at" => "The subscriptions were looked at just now.",
        "subscribed" => "The subscriptions are in line: what is needed is sent here from now on.",
        "subscriptions-ended" => {
            "It is told to send nothing there any more. What was under way may still come for a day."
        }
        "keys" => "The keys are kept, and used from now on.",
        "fetching" => "It is fetched now. What is new is here in a moment.",
        "not-fetched" => "It can't be fetched: its source has no keys for the booking system's API.",
        "read-again" => "It is read again. What came of it is here in a moment.",
        "not-read-again" => "It was not read again: it would become nothing.",
        "ended" => "That session has ended.",
        "password" => "Your password is changed. You are signed out everywhere else.",
        "profile" => "Your details are kept.",
        "no-second-factor" => "Your second factor is off. You are signed out everywhere else.",
        "role" => "The role is changed. They sign in again to go on.",
        "disabled" => "They can no longer sign in, and are signed out everywhere.",
        "enabled" => "They can sign in again.",
        "factor-removed" => {
            "Their second factor is removed. They sign in with the password alone, and can set it up again."
        }
        "alerts" => "It is kept. Alerts go out like that from now on.",
        "channel" => "The channel is kept. Send a test to see whether it works.",
        "channel-removed" => "The channel is removed. Nothing is sent there any more.",
        "test-sent" => "The test was sent. Look whether it has arrived.",
        "test-failed" => "The test could not be sent. The channel's line says why.",
        "retention" => {
            "What is kept how long is changed. Removing begins within a minute, a little at a time."
        }
        "masked" => "Viewers see what is about guests masked from now on.",
        "unmasked" => "Viewers see guests as everybody else does from now on.",
        "revoked" => "The token is revoked. It is no longer taken.",
        "cancelled" => "It is cancelled: it is not sent.",
        "not-cancelled" => "It can't be cancelled as it stands: it is done, over, or being sent right now.",
        "held" => "It is held: it goes on when somebody lets it.",
        "not-held" => "It can't be held as it stands: it is done, over, or being sent right now.",
        "marked" => "The step is marked as done by hand.",
        "paused" => "The connection is paused. What is to be sent waits.",
        "published" => "It is published and at work. No git commit was made; the history says why.",
        "committed" => "It is published, at work, and committed to git.",
        "same" => "Nothing was different, so nothing was published.",
        "applying" => "The rule is being applied to existing bookings. This page says how far it got.",
        "was-applying" => "It was being applied already, and goes on.",
        "test-made" => "The booking is a test of this rule now.",
        "connected" => "It is connected, and at work.",
        "changed" => "The change is at work.",
        "key" => "The new key is kept, and used from now on.",
        "signs-in" => "The secret is kept, and webhooks are checked by it from now on.",
        "rotated" => "There is a new address. The old one is taken for a while, too.",
        "rotated-at-once" => "There is a new address. The old one is not taken any more.",
        "old-ended" => "The old address is not taken any more.",
        "filling" => "What may be missing is being fetched. It goes the way that webhooks go.",
        "renamed" => "The rule has its new name. What it made is carried over.",
        "rule-removed" => "The rule is removed. Nothing more is sent by it.",
        "taken-away" => "It is taken away.",
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
