//! FareHarbor's words: a booking as its webhooks and its API write it. Modelled on the published list of fields; what a
//! webhook leaves out depends on the schema that was chosen for it.

use super::truth::{Booking, Past, Person, Status};
use crate::api_calls::{Vendor, answer};
use crate::machine::Chance;
use serde_json::{Value, json};
use waypost::ports::{Answer, OutboundRequest};

/// The company.
pub const COMPANY: &str = "harbourtours";

/// Which schema a webhook is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Little about the time and the prices.
    pub optimized: bool,
    /// With payments.
    pub payments: bool,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self { optimized: false, payments: true },
        Self { optimized: false, payments: false },
        Self { optimized: true, payments: true },
        Self { optimized: true, payments: false },
    ];
}

/// Titles and numbers of what can be booked.
pub const ITEMS: [(u32, &str); 2] = [(4101, "Sunset sail"), (4102, "Seal watching by kayak")];

/// Times, as FareHarbor writes them.
pub const STARTS: [&str; 3] =
    ["2027-03-14T17:30:00+0000", "2027-04-02T09:00:00+0100", "2027-04-02T15:00:00+0100"];

/// A booking's uuid.
pub fn uuid(number: u32) -> String {
    format!("{number:08x}-0000-4000-8000-{:012x}", u64::from(number) * 0x9E37)
}

/// A guest's address.
pub fn email(booking: &Booking) -> String {
    let guest = &booking.guest;
    let more = if guest.address == 0 { String::new() } else { format!(".{}", guest.address) };
    format!("guest{}{more}@example.org", guest.number)
}

/// A guest's name.
pub fn name(booking: &Booking) -> String {
    format!("Robin Doe {}{}", booking.guest.number, if booking.guest.name == 0 { "" } else { " Smith" })
}

/// A guest's phone, in the form that all the world understands.
pub fn phone(booking: &Booking) -> String {
    format!("+3538712345{}{}", booking.guest.number % 10, booking.guest.phone)
}

/// What a person costs.
pub const PRICE: u32 = 5400;

/// FareHarbor's word for how a booking stands.
pub fn status(booking: &Booking) -> &'static str {
    match booking.status {
        Status::Cancelled => "cancelled",
        Status::Rebooked => "rebooked",
        _ => "booked",
    }
}

fn person(pk: u32, person: Person, (shape, noise): (Shape, u32)) -> Value {
    let mut rate = json!({
        "pk": 601,
        "customer_type": { "pk": 301, "singular": "Adult", "plural": "Adults" },
        "customer_prototype": { "pk": 401, "display_name": "Adult" },
    });
    if !shape.optimized {
        rate["total"] = json!(4500);
        rate["total_including_tax"] = json!(PRICE);
        rate["capacity"] = json!(12);
        rate["custom_field_instances"] = json!([]);
    }
    let checked_in = json!({ "pk": 71, "name": "Checked in", "type": "checked-in" });
    json!({
        "pk": 9_000_000 + pk,
        "checkin_url": format!("https://fhchk.example/c/{pk}?{noise}"),
        "checkin_status": if person.here { checked_in } else { Value::Null },
        "customer_type_rate": rate,
        "custom_field_values": [{
            "pk": 90_000_000 + pk, "name": "Wetsuit size", "value": size(person), "display_value": size(person),
            "custom_field": { "pk": 501, "type": "short", "name": "Wetsuit size", "title": "Wetsuit size" },
        }],
        "invoice_cost": null, "total_cost": null,
    })
}

/// What a person wears.
pub fn size(person: Person) -> &'static str {
    ["S", "M", "L"][person.size as usize % 3]
}

/// The booking itself. What is noise differs by `noise`, and so does the order of the people.
pub fn booking(booking: &Booking, shape: Shape, noise: u32) -> Value {
    let Booking { number, people, .. } = booking;
    let mut party: Vec<Value> = people.iter().map(|(pk, one)| person(*pk, *one, (shape, noise))).collect();
    Chance::new(u64::from(noise)).shuffle(&mut party);
    let total = PRICE * people.len() as u32;
    let (item, title) = ITEMS[booking.item];
    let mut at = json!({
        "pk": availability(booking.item, booking.slot), "start_at": STARTS[booking.slot], "end_at": STARTS[booking.slot],
        "item": { "pk": item, "name": title },
    });
    if !shape.optimized {
        at["capacity"] = json!(booking.seats);
        at["minimum_party_size"] = json!(1);
        at["maximum_party_size"] = Value::Null;
        at["headline"] = json!("");
        at["customer_type_rates"] = json!([]);
        at["custom_field_instances"] = json!([]);
    }
    let mut told = json!({
        "pk": 7_310_000 + number,
        "uuid": uuid(*number),
        "display_id": format!("#{}", 7_310_000 + number),
        "external_id": "", "voucher_number": "",
        "status": status(booking),
        "rebooked_from": booking.follows.map(uuid),
        "rebooked_to": booking.followed_by.map(uuid),
        "order": null,
        "company": { "shortname": COMPANY, "name": "Harbour Tours", "currency": "eur" },
        "affiliate_company": null,
        "contact": {
            "name": name(booking), "email": email(booking), "phone": phone(booking).replace("+353", "0"),
            "phone_country": "IE", "normalized_phone": phone(booking), "language": "en-ie",
            "is_subscribed_for_email_updates": true,
        },
        "customers": party,
        "customer_count": people.len(),
        "availability": at,
        "receipt_total": total,
        "receipt_total_display": format!("{}.00\u{a0}{noise}", total / 100),
        "amount_paid": if booking.paid { total } else { 0 },
        "custom_field_values": [],
        "note": format!("note {}", booking.note),
        "note_safe_html": format!("<p>note {} {noise}</p>", booking.note),
        "pickup": null, "arrival": null,
        "effective_cancellation_policy": { "type": "hours-before-start", "cutoff": "2027-03-12T17:30:00+0000" },
        "is_eligible_for_cancellation": true, "is_subscribed_for_sms_updates": false,
        "agent": null, "desk": null,
        "confirmation_url": format!("https://fareharbor.com/embeds/book/{COMPANY}/items/{item}/booking/{}/", uuid(*number)),
        "dashboard_url": format!("https://fareharbor.com/{COMPANY}/dashboard/?overlay=/bookings/{}/", uuid(*number)),
    });
    if shape.payments {
        let payment = json!({
            "pk": 5000 + number, "type": "card", "status": "succeeded", "currency": "eur", "amount_paid": total,
        });
        told["payments"] = if booking.paid { json!([payment]) } else { json!([]) };
    }
    told
}

/// Its External API: one booking after the other, as it is then.
pub struct Api(pub Past);

impl Vendor for Api {
    fn serve(&mut self, request: &OutboundRequest, now: i64) -> Answer {
        let path = request.url.split('?').next().unwrap_or_default();
        let path = path.split_once("/companies/").map_or("", |(_, path)| path).trim_end_matches('/');
        let path: Vec<&str> = path.split('/').collect();
        let known = self.0.at(now);
        match path[..] {
            [""] => answer(200, &json!({ "companies": [{ "shortname": COMPANY, "name": "Harbour Tours" }] })),
            [_, "items"] => {
                let items = ITEMS.map(|(pk, name)| json!({ "pk": pk, "name": name }));
                answer(200, &json!({ "items": items }))
            }
            [_, "items", item, "minimal", "availabilities", "date-range", from, to] => {
                let item = ITEMS.iter().position(|(pk, _)| pk.to_string() == item).unwrap_or_default();
                let within = |slot: &usize| (from..=to).contains(&&STARTS[*slot][..10]);
                let found: Vec<Value> = (0..STARTS.len())
                    .filter(within)
                    .map(|slot| json!({ "pk": availability(item, slot), "start_at": STARTS[slot] }))
                    .collect();
                answer(200, &json!({ "availabilities": found }))
            }
            [_, "availabilities", pk, "bookings"] => {
                let there = known.values().filter(|one| availability(one.item, one.slot).to_string() == pk);
                let found: Vec<Value> = there
                    .map(|one| json!({ "pk": 7_310_000 + one.number, "uuid": uuid(one.number), "status": status(one) }))
                    .collect();
                answer(200, &json!({ "bookings": found }))
            }
            [_, "bookings", asked] => match known.values().find(|known| uuid(known.number) == asked) {
                Some(known) => {
                    let shape = Shape { optimized: false, payments: false };
                    answer(200, &json!({ "booking": booking(known, shape, now as u32) }))
                }
                None => {
                    let code = "booking-uuid-invalid";
                    answer(404, &json!({ "error": "unknown", "code": code, "status": 404 }))
                }
            },
            _ => answer(404, &json!({ "error": "no such page", "status": 404 })),
        }
    }
}

/// The number of a time of an item.
fn availability(item: usize, slot: usize) -> usize {
    800 + 10 * item + slot
}

/// A webhook's body.
pub fn webhook(of: &Booking, shape: Shape, noise: u32) -> Vec<u8> {
    json!({ "booking": booking(of, shape, noise) }).to_string().into_bytes()
}
