//! apaleo's words: its webhooks only say that something changed, in the spellings of several years; its booking API tells
//! what a reservation is, against a token. Modelled on its guides and its swagger of 2021.

use super::truth::{Booking, Past, Status};
use crate::api_calls::{Vendor, answer};
use crate::machine::Chance;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use waypost::domain::Millis;
use waypost::ports::{Answer, OutboundRequest};

/// 2026-01-01, when histories begin.
const BEGIN_S: i64 = 1_767_225_600;
/// Tokens live so long.
const TOKEN_MS: i64 = 3_600_000;

/// Days of arrival.
pub const ARRIVALS: [&str; 3] =
    ["2027-03-14T15:00:00+01:00", "2027-04-02T15:00:00+02:00", "2027-04-05T15:00:00+02:00"];

/// A reservation's id.
pub fn id(number: u32) -> String {
    format!("BK{number}-1")
}

/// Its booking's id.
fn booking_id(number: u32) -> String {
    format!("BK{number}")
}

/// apaleo's word for how a reservation stands.
pub fn status(booking: &Booking) -> &'static str {
    match booking.status {
        Status::Here => "InHouse",
        Status::Gone => "CheckedOut",
        Status::Cancelled => "Canceled",
        _ => "Confirmed",
    }
}

/// What a stay costs.
pub fn total(booking: &Booking) -> f64 {
    100.5 * booking.people.len() as f64
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_second(BEGIN_S + ms / 1_000).expect("a time").to_string()
}

/// A reservation, without fields that are not set.
pub fn reservation(of: &Booking) -> Value {
    let amount = |amount: f64| json!({ "amount": amount, "currency": "EUR" });
    let guest = &of.guest;
    json!({
        "id": id(of.number), "bookingId": booking_id(of.number), "status": status(of),
        "property": { "id": "SEA", "code": "SEA", "name": "Inn by the Sea" },
        "unitGroup": { "id": "SEA-DBL", "code": "DBL", "name": "Double" },
        "ratePlan": { "id": "SEA-FLEX", "code": "FLEX", "name": "Flexible" },
        "arrival": ARRIVALS[of.slot], "departure": "2027-04-09T11:00:00+02:00",
        "created": "2026-01-01T00:00:00Z", "modified": time(of.modified),
        "adults": of.people.len(), "channelCode": "Direct", "comment": format!("note {}", of.note),
        "totalGrossAmount": amount(total(of)), "balance": amount(if of.paid { 0.0 } else { -total(of) }),
        "primaryGuest": {
            "firstName": "Robin", "lastName": super::fareharbor::name(of).trim_start_matches("Robin "),
            "email": super::fareharbor::email(of), "phone": super::fareharbor::phone(of),
            "address": { "countryCode": "IE" }, "preferredLanguage": "en", "gender": if guest.number == 0 { "Other" } else { "Female" },
        },
        "paymentAccount": { "accountNumber": "411111******1111", "isActive": true },
    })
}

/// An event's body. The same number is the same event, however often it is delivered.
pub fn webhook(of: &Booking, (number, word, at): (usize, &str, Millis), chance: &mut Chance) -> Vec<u8> {
    // Changes of the booker are told of the booking as a whole.
    let whole = word == "changed" && number % 3 == 0;
    let (topic, entity) =
        if whole { ("booking", booking_id(of.number)) } else { ("reservation", id(of.number)) };
    let mut topic = topic.to_owned();
    if chance.per_mille(300) {
        topic[..1].make_ascii_uppercase();
    }
    let at = BEGIN_S * 1_000 + at;
    let timestamp = match chance.below(3) {
        0 => json!(at),
        1 => json!(at / 1_000),
        _ => json!(time(at - BEGIN_S * 1_000)),
    };
    let id = format!("00000000-0000-4000-8000-{number:012}");
    let body = if chance.per_mille(250) {
        json!({
            "Topic": topic, "Type": word, "Id": id, "AccountId": "ACME", "PropertyId": "SEA", "Timestamp": timestamp,
            "ClientId": "ACME-IBE", "Data": { "EntityId": entity },
        })
    } else {
        json!({
            "topic": topic, "type": word, "id": id, "accountId": "ACME", "propertyId": "SEA", "timestamp": timestamp,
            "clientId": "ACME-IBE", "data": { "entityId": entity },
        })
    };
    body.to_string().into_bytes()
}

/// Its identity server and its booking API.
pub struct Api {
    past: Past,
    tokens: BTreeMap<String, i64>,
    given: usize,
}

impl Api {
    /// Over the past.
    pub fn new(past: Past) -> Self {
        Self { past, tokens: BTreeMap::new(), given: 0 }
    }

    fn read(&self, url: &str, now: i64) -> Answer {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let known: Vec<Booking> =
            self.past.at(now).into_values().filter(|known| known.status != Status::Deleted).collect();
        let last = path.rsplit('/').next().unwrap_or_default();
        if last == "reservations" {
            let asked = |name: &str| {
                let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
                percent_encoding::percent_decode_str(found.unwrap_or_default())
                    .decode_utf8_lossy()
                    .into_owned()
            };
            let (of, from, to) = (asked("bookingId"), asked("from"), asked("to"));
            let fits = |known: &&Booking| {
                let modified = time(known.modified);
                (of.is_empty() || booking_id(known.number) == of)
                    && (from.is_empty() || (modified >= from && modified < to))
            };
            let mut rows: Vec<&Booking> = known.iter().filter(fits).collect();
            rows.sort_by_key(|known| known.modified);
            if asked("pageNumber").parse::<usize>().is_ok_and(|page| page > 1) {
                rows.clear();
            }
            let rows: Vec<Value> = rows.into_iter().map(reservation).collect();
            return match rows.len() {
                0 => answer(204, &Value::Null),
                count => answer(200, &json!({ "reservations": rows, "count": count })),
            };
        }
        match known.iter().find(|known| id(known.number) == last) {
            Some(known) => answer(200, &reservation(known)),
            None => answer(404, &json!({ "messages": ["Reservation not found"] })),
        }
    }
}

impl Vendor for Api {
    fn serve(&mut self, request: &OutboundRequest, now: i64) -> Answer {
        if request.method == "POST" {
            self.given += 1;
            let token = format!("token-{}", self.given);
            self.tokens.insert(format!("Bearer {token}"), now + TOKEN_MS);
            return answer(
                200,
                &json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer" }),
            );
        }
        let shown = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        match shown.and_then(|(_, token)| self.tokens.get(token)) {
            Some(ends) if *ends > now => self.read(&request.url, now),
            _ => answer(401, &Value::Null),
        }
    }

    fn end_tokens(&mut self) {
        self.tokens.clear();
    }
}
