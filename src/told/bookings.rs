//! A booking for programs: the present truth, in the common view. Told by `waypost bookings --json` and the API.

use super::rfc3339;
use crate::app::NeighbourKeys;
use crate::ports::BookingView;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A booking as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Booking {
    /// Its id here: `bkg_…`.
    #[schema(example = "bkg_01m827nryktf1rpbkn5m5dr6r2")]
    pub id: String,
    /// The connector of its booking system.
    #[schema(example = "fareharbor")]
    pub connector: String,
    /// The account within the booking system.
    #[schema(example = "harbourtours")]
    pub account: String,
    /// `booking`, or another kind of record that the connector tells of.
    #[schema(example = "booking")]
    pub kind: String,
    /// The booking system's own key.
    #[schema(example = "5b1f6a52-2f0e-4a3c-9a57-0d4f6f1c8e21")]
    pub key: String,
    /// The source that told of it last.
    #[schema(example = "harbour-tours")]
    pub source: String,
    /// Its status, in the booking system's word.
    #[schema(example = "booked")]
    pub status: String,
    /// The place of its present state in the one order of all events.
    pub position: i64,
    /// Who booked: name, e-mail address, phone, language, as far as they are known.
    pub person: Value,
    /// What was booked: title, when it starts, how many people, money, as far as it is known.
    pub trip: Value,
    /// Key of the booking whose place it took, where it was rebooked from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "3f0c8a10-6c55-4a7e-8a4d-11f2d7a1b0c4")]
    pub rebooked_from: Option<String>,
    /// Key of the booking that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebooked_to: Option<String>,
    /// When it was first seen.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

impl Booking {
    /// From what the store gives, and its neighbours in a chain of rebookings.
    pub fn of(booking: &BookingView, neighbours: Option<&NeighbourKeys>) -> Self {
        Self {
            rebooked_from: neighbours.and_then(|keys| keys.before.clone()),
            rebooked_to: neighbours.and_then(|keys| keys.after.clone()),
            id: booking.id.to_string(),
            connector: booking.key.connector.clone(),
            account: booking.key.account.clone(),
            kind: booking.key.kind.clone(),
            key: booking.key.key.clone(),
            source: booking.source.clone(),
            status: booking.status.clone(),
            position: booking.position,
            person: booking.view.person.clone(),
            trip: booking.view.trip.clone(),
            created_at: rfc3339(booking.created_at),
            updated_at: rfc3339(booking.updated_at),
        }
    }
}
