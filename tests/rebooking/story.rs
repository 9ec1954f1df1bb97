//! What the booking system tells of a chain: each booking by its place in it, in FareHarbor's shape.

use serde_json::{Value, json};

/// One body that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tells {
    /// Place of the booking in its chain, from 0.
    pub place: usize,
    /// `booked`, `cancelled`, `rebooked`.
    pub status: &'static str,
    /// Makes the body differ; the price too.
    pub rev: u32,
}

/// A body of the booking at a place.
pub fn tells(place: usize, status: &'static str, rev: u32) -> Tells {
    Tells { place, status, rev }
}

/// The uuid of a booking of a chain.
pub fn uuid(chain: usize, place: usize) -> String {
    format!("00000000-0000-4000-{place:04}-{chain:012}")
}

/// The guest of a chain.
pub fn email(chain: usize) -> String {
    format!("guest{chain}@example.org")
}

impl Tells {
    /// The webhook's body.
    pub fn body(&self, chain: usize) -> Value {
        let rebooked = self.status == "rebooked";
        let from = (self.place > 0).then(|| uuid(chain, self.place - 1));
        let to = rebooked.then(|| uuid(chain, self.place + 1));
        let pk = chain * 100 + self.place * 10;
        json!({ "booking": {
            "pk": pk, "uuid": uuid(chain, self.place), "display_id": format!("#{pk}"), "status": self.status,
            "rebooked_from": from, "rebooked_to": to, "order": null,
            "company": { "shortname": "reeftours", "name": "Reef Tours", "currency": "eur" },
            "contact": { "name": "Ana Lee", "email": email(chain), "phone": "", "normalized_phone": "",
                         "phone_country": null, "language": "en" },
            "customer_count": 2,
            "customers": [{ "pk": pk + 1, "checkin_status": null }, { "pk": pk + 2, "checkin_status": null }],
            "availability": { "pk": 5, "start_at": format!("2027-03-1{}T09:30:00-1000", self.place),
                              "end_at": null, "capacity": 20, "customer_type_rates": [],
                              "item": { "pk": 7, "name": "Whale watch" } },
            "receipt_total": self.rev, "note": format!("note {}", self.rev),
            "is_eligible_for_cancellation": !rebooked, "custom_field_values": [], "payments": [],
        } })
    }
}
