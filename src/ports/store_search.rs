//! What bookings are found, narrowed and counted by: the questions of the pages and their answers, and the cards that the
//! store keeps for them. No stage decides by any of it.

use super::BookingView;
use crate::domain::{BookingId, ChangeRef, Millis, Standing};

/// Which bookings are looked for. All that is set must hold; the last changed come first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BookingQuery {
    /// Words: of each, one spelling must begin one of the booking's terms (`domain::search_words`).
    pub words: Vec<Vec<String>>,
    /// Source through which it was last told.
    pub source: Option<String>,
    /// Status at the source.
    pub status: Option<String>,
    /// How it stands.
    pub standing: Option<Standing>,
    /// First day of the tour in the tour's own zone (`2027-03-14`).
    pub tour_from: Option<String>,
    /// Last day of it.
    pub tour_to: Option<String>,
    /// Last changed at or after.
    pub changed_from: Option<Millis>,
    /// Last changed before.
    pub changed_before: Option<Millis>,
    /// The page begins after this one.
    pub after: Option<CardPlace>,
    /// At most so many.
    pub limit: i64,
}

/// Where a booking stands in the order of last changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardPlace {
    /// When it last changed.
    pub changed_at: Millis,
    /// Its id, which decides among equals.
    pub booking: BookingId,
}

/// A page of bookings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BookingPage {
    /// The bookings with how they stand.
    pub bookings: Vec<(BookingView, Standing)>,
    /// Where the next page begins.
    pub next: Option<CardPlace>,
    /// So many were looked through without filling the page; further ones are on the next page. 0: that did not happen.
    pub looked_through: i64,
}

/// How many bookings changed last in an hour and stand like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourCount {
    /// Hours since 1970.
    pub hour: i64,
    /// How they stand.
    pub standing: Standing,
    /// How many.
    pub bookings: i64,
}

/// How many webhooks a source sent in an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceHour {
    /// Name of the source.
    pub source: String,
    /// Hours since 1970.
    pub hour: i64,
    /// How many.
    pub events: i64,
}

/// A booking that was there before cards were.
#[derive(Clone, Debug, PartialEq)]
pub struct UnfiledBooking {
    /// The booking.
    pub booking: BookingView,
    /// The change that made its present state.
    pub change: ChangeRef,
    /// Its present JSON.
    pub body: String,
}

/// The card that is made for it.
#[derive(Clone, Debug, PartialEq)]
pub struct CardFill {
    /// The booking.
    pub booking: BookingView,
    /// The change that made the state that was read.
    pub change: ChangeRef,
    /// Words that it is found by.
    pub terms: Vec<String>,
}

/// The little that every page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance {
    /// Runs by state and connection.
    pub runs: Vec<(String, String, i64)>,
    /// Oldest waiting run per connection: when it was planned.
    pub oldest_waiting: Vec<(String, Millis)>,
    /// Webhooks that are not read yet, counted up to [`Glance::UNREAD_MAX`].
    pub unapplied: i64,
    /// Whether there is any booking.
    pub has_bookings: bool,
}

impl Glance {
    /// More unread webhooks than this are not counted.
    pub const UNREAD_MAX: i64 = 10_000;
}
