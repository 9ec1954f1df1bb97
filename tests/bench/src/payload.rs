//! Booking webhooks in the shape that FareHarbor sends (a nested booking with contact, customers with the values of custom
//! fields, availability, item, company), 5 to 6 KB each, of fictional people.
//!
//! Each of the 64 variants is built once as JSON text. What differs per event has a fixed width, so rendering an event is
//! one copy and a few overwrites: the generator must not be what is slow.

use crate::trace::{self, Token};
use serde_json::{Value, json};

const UUID_MARK: &str = "@@@@@@@@-@@@@-@@@@-@@@@-@@@@@@@@@@@@";
const PK_MARK: u64 = 7_777_777_777;
const VARIANTS: usize = 64;

/// A variant, and where in it what differs per event stands.
struct Template {
    text: Vec<u8>,
    uuid: Vec<usize>,
    pk: Vec<usize>,
    token: usize,
}

/// The variants, from which events are rendered.
pub struct Payloads {
    templates: Vec<Template>,
}

impl Payloads {
    /// Builds the variants.
    pub fn new() -> Self {
        Self { templates: (0..VARIANTS).map(template).collect() }
    }

    /// The webhook of one event. Each is of a booking of its own, because changes of one booking are superseded by design.
    pub fn render(&self, token: Token) -> Vec<u8> {
        let template = &self.templates[token.seq as usize % VARIANTS];
        let mut out = template.text.clone();
        let uuid = booking_uuid(token);
        for &at in &template.uuid {
            out[at..at + 36].copy_from_slice(uuid.as_bytes());
        }
        let pk = format!("{:010}", 1_000_000_000 + u64::from(token.seq));
        for &at in &template.pk {
            out[at..at + 10].copy_from_slice(pk.as_bytes());
        }
        out[template.token..template.token + trace::LEN].copy_from_slice(token.render().as_bytes());
        out
    }
}

/// The booking's uuid: another for each run and event. Looks random, so that keys share no beginnings.
fn booking_uuid(token: Token) -> String {
    let splitmix = |mut z: u64| {
        z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let seed = (u64::from(token.run) << 32) | u64::from(token.seq);
    let (a, b) = (splitmix(seed), splitmix(seed ^ 0xffff_0000_ffff_0000));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

fn positions(text: &[u8], mark: &[u8]) -> Vec<usize> {
    memchr::memmem::find_iter(text, mark).collect()
}

fn template(variant: usize) -> Template {
    let token_mark = Token { run: 0, seq: 0, sent_ns: 0 }.render();
    let text = serde_json::to_vec(&booking(variant, &token_mark)).expect("JSON");
    Template {
        uuid: positions(&text, UUID_MARK.as_bytes()),
        pk: positions(&text, PK_MARK.to_string().as_bytes()),
        token: positions(&text, token_mark.as_bytes())[0],
        text,
    }
}

const FIRST: [&str; 8] = ["Ann", "Bartholomew", "Chloë", "Dmitri", "Eleni", "Fatima", "Günther", "Hiroko"];
const LAST: [&str; 8] = ["Okafor", "van der Berg", "Smith", "Ngũgĩ", "Petrov", "O'Brien", "Müller", "Tanaka"];
const ITEMS: [&str; 4] =
    ["Sunset Catamaran Sail", "Harbour Kayak Tour", "Old Town Food Walk", "Whale Watching – Half Day"];

fn custom_field(pk: u64, name: &str, kind: &str, value: &str) -> Value {
    json!({
        "pk": pk, "name": name, "value": value, "display_value": value,
        "custom_field": {
            "pk": pk / 3, "title": name, "name": name, "type": kind, "modifier_kind": "offset",
            "modifier_type": "none", "offset": 0, "percentage": 0, "description": "",
            "booking_notes": "", "is_required": false, "is_taxable": false,
            "is_always_per_customer": true, "extended_options": []
        }
    })
}

fn booking(v: usize, token: &str) -> Value {
    let site = "https://booking.example.com";
    let company = "api/external/v1/companies/bluewater";
    let first = FIRST[v % 8];
    let last = LAST[(v / 8) % 8];
    let item = ITEMS[v % 4];
    let n = 2 + v % 3;
    let customers: Vec<Value> = (0..n)
        .map(|i| {
            let adult = i < 2;
            let mut fields =
                vec![custom_field(88_000_000 + (v * 10 + i) as u64, "Dietary restrictions", "short", "none")];
            if n < 4 {
                fields.push(custom_field(88_100_000 + (v * 10 + i) as u64, "Shoe size", "short", "42"));
            }
            if n < 3 {
                fields.push(custom_field(
                    88_200_000 + (v * 10 + i) as u64,
                    "Hotel / pick-up point",
                    "long",
                    "Hotel Miramar, lobby",
                ));
            }
            json!({
                "pk": 300_000_000 + v * 10 + i,
                "checkin_url": format!("{site}/{company}/checkin/{UUID_MARK}/{i}/"),
                "checkin_status": null,
                "invoice_price": if adult { 9500 } else { 6500 },
                "invoice_price_display": if adult { "95.00" } else { "65.00" },
                "customer_type_rate": {
                    "pk": 55_000 + i, "capacity": 24, "minimum_party_size": 1, "maximum_party_size": 12,
                    "total": if adult { 9500 } else { 6500 },
                    "total_including_tax": if adult { 10260 } else { 7020 },
                    "customer_type": {
                        "pk": 700 + i, "note": if adult { "Ages 13+" } else { "Ages 4-12" },
                        "singular": if adult { "Adult" } else { "Child" },
                        "plural": if adult { "Adults" } else { "Children" }
                    },
                    "customer_prototype": {
                        "pk": 900 + i, "display_name": if adult { "Adult" } else { "Child" }, "note": "",
                        "total": if adult { 9500 } else { 6500 },
                        "total_including_tax": if adult { 10260 } else { 7020 }
                    }
                },
                "custom_field_values": fields
            })
        })
        .collect();
    let adults = n.min(2) as u64;
    let total = adults * 9500 + (n as u64 - adults) * 6500;
    let with_tax = total + total * 8 / 100;
    json!({
        "booking": {
            "pk": PK_MARK,
            "uuid": UUID_MARK,
            "display_id": format!("#{PK_MARK}"),
            "voucher_number": format!("V{v:05}"),
            "external_id": token,
            "status": "booked",
            "note": "Window seat if possible. Arriving by tram; revision 0000.",
            "note_safe_html": "<p>Window seat if possible. Arriving by tram.</p>",
            "created_at": "2026-11-20T09:14:55+0100",
            "contact": {
                "name": format!("{first} {last}"),
                "email": format!("guest{v}.{UUID_MARK}@example.com"),
                "phone": format!("+49 30 90{v:04}12"), "normalized_phone": format!("+493090{v:04}12"),
                "phone_country": "DE", "language": "de",
                "is_subscribed_for_email_updates": v.is_multiple_of(2)
            },
            "is_subscribed_for_sms_updates": v.is_multiple_of(3),
            "customer_count": n,
            "customers": customers,
            "custom_field_values": [
                custom_field(88_900_000 + v as u64, "How did you hear about us?", "select", "A friend"),
            ],
            "availability": {
                "pk": 44_000_000 + v,
                "start_at": "2026-12-05T16:00:00+0100", "end_at": "2026-12-05T19:00:00+0100",
                "capacity": 24, "minimum_party_size": 1, "maximum_party_size": 12, "headline": "",
                "item": { "pk": 12_000 + v % 4, "name": item }
            },
            "company": { "name": "Bluewater Adventures", "shortname": "bluewater", "currency": "eur" },
            "affiliate_company": null, "agent": null, "desk": null,
            "order": { "display_id": format!("O-{PK_MARK}") },
            "arrival": { "display_text": "Please arrive 15 minutes early.", "notes": "", "time": "15:45" },
            "pickup": null,
            "rebooked_from": null, "rebooked_to": null,
            "effective_cancellation_policy": {
                "cutoff": "2026-12-04T16:00:00+0100", "type": "hours-before-start"
            },
            "is_eligible_for_cancellation": true,
            "invoice_price": total, "receipt_subtotal": total, "receipt_taxes": with_tax - total,
            "receipt_total": with_tax, "amount_paid": with_tax,
            "receipt_total_display": format!("{}.{:02}", with_tax / 100, with_tax % 100),
            "confirmation_url": format!("{site}/bluewater/items/{}/booking/{UUID_MARK}/", 12_000 + v % 4),
            "dashboard_url": format!("{site}/bluewater/manage/bookings/{PK_MARK}/")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Payloads, VARIANTS, booking_uuid};
    use crate::trace::Token;
    use serde_json::Value;

    #[test]
    fn every_variant_is_json_of_the_promised_size_with_its_own_ids() {
        let payloads = Payloads::new();
        for seq in 0..VARIANTS as u32 {
            let token = Token { run: 7, seq, sent_ns: 5 };
            let body = payloads.render(token);
            assert!((4_800..6_300).contains(&body.len()), "variant {seq}: {} bytes", body.len());
            let value: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(value["booking"]["external_id"], token.render());
            assert_eq!(value["booking"]["uuid"], booking_uuid(token));
            assert_eq!(value["booking"]["pk"], 1_000_000_000 + u64::from(seq));
            let text = String::from_utf8_lossy(&body);
            assert!(!text.contains("@@@") && !text.contains("7777777777"), "a mark is left in variant {seq}");
        }
    }

    #[test]
    fn no_two_events_are_of_one_booking() {
        let of = |run, seq| booking_uuid(Token { run, seq, sent_ns: 5 });
        let all: std::collections::HashSet<String> =
            (0..20).flat_map(|run| (0..500).map(move |seq| of(run, seq))).collect();
        assert_eq!(all.len(), 10_000);
    }
}
