//! A booking in words: who, what, when, for how much. From the common view, which any source fills as far as it can.

use super::diff::{capped, shown};
use super::money::amount;
use super::text_order::apart;
use super::times::TripTime;
use crate::ports::BookingView;
use serde_json::Value;

/// Characters of a name or title.
const NAME_CHARS_MAX: usize = 120;

/// A booking in words.
#[derive(Clone, Debug)]
pub struct BookingWords {
    /// Who; `A guest without a name` where the source does not say.
    pub guest: String,
    /// What; empty where the source does not say.
    pub trip: String,
    /// The number that people at the source know it by; else the key.
    pub code: String,
    /// When.
    pub starts: Option<TripTime>,
    /// When it ends.
    pub ends: Option<TripTime>,
    /// `2 people`.
    pub people: Option<String>,
    /// The whole price.
    pub total: Option<String>,
    /// What is paid of it.
    pub paid: Option<String>,
    /// Status at the source.
    pub status: String,
    /// E-mail.
    pub email: Option<String>,
    /// Phone.
    pub phone: Option<String>,
    /// Language.
    pub language: Option<String>,
    /// Address at the source, where it is one that a browser may open.
    pub link: Option<String>,
}

impl BookingWords {
    /// The words.
    pub fn of(booking: &BookingView) -> Self {
        let (person, trip) = (&booking.view.person, &booking.view.trip);
        let name = text(person, "name").or_else(|| {
            let halves = [text(person, "first_name"), text(person, "last_name")];
            let name = halves.into_iter().flatten().collect::<Vec<_>>().join(" ");
            (!name.is_empty()).then_some(name)
        });
        let is_booking = booking.key.kind == "booking";
        let unnamed = if is_booking { "A guest without a name" } else { "Not about a guest" };
        let people = |size: &Value| match shown(Some(size)).as_str() {
            "1" => "1 person".to_owned(),
            many => format!("{many} people"),
        };
        Self {
            guest: name.unwrap_or_else(|| unnamed.to_owned()),
            trip: text(trip, "title").unwrap_or_default(),
            code: text(trip, "code").unwrap_or_else(|| booking.key.key.clone()),
            starts: text(trip, "starts_at").map(|starts| TripTime::of(&starts)),
            ends: text(trip, "ends_at").map(|ends| TripTime::of(&ends)),
            people: trip.get("party_size").filter(|size| !size.is_null()).map(people),
            total: trip.get("total").and_then(|total| amount(total, &trip["currency"])),
            paid: trip.get("paid").and_then(|paid| amount(paid, &trip["currency"])),
            status: if booking.status.is_empty() {
                "no status".to_owned()
            } else {
                booking.status.replace('_', " ")
            },
            email: text(person, "email"),
            phone: text(person, "phone"),
            language: text(person, "language"),
            link: text(trip, "link").filter(|link| is_https(link)),
        }
    }
}

impl BookingWords {
    /// Another kind of record is told by its own name, and by what it is.
    pub fn name_thing(&mut self, thing: &BookingView, body: &Value) {
        let kind = capped(&thing.key.kind.replace('_', " "), NAME_CHARS_MAX);
        let name = ["name", "title", "code"].iter().find_map(|name| text(body, name));
        self.guest = name.unwrap_or_else(|| format!("{kind} {}", capped(&thing.key.key, NAME_CHARS_MAX)));
        self.trip = format!("{kind}, not a booking");
    }
}

fn text(of: &Value, name: &str) -> Option<String> {
    match of.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => {
            Some(apart(capped(text.trim(), if name == "link" { 2_000 } else { NAME_CHARS_MAX })))
        }
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// A link of the payload is opened by a person: https and a plain host only.
fn is_https(link: &str) -> bool {
    let Some(rest) = link.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    !host.is_empty() && host.chars().all(plain) && link.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::{BookingWords, is_https};
    use serde_json::json;

    #[test]
    fn a_name_turns_nothing_that_stands_beside_it() {
        let mut booking = crate::web::samples::booking();
        booking.view.person = json!({ "name": "Eve \u{202e}dekoob", "email": "a@example.org" });
        assert_eq!(BookingWords::of(&booking).guest, "Eve [U+202E]dekoob");
        booking.view.person = json!({ "name": "محمد الأندلسي" });
        assert_eq!(BookingWords::of(&booking).guest, "\u{2068}محمد الأندلسي\u{2069}");
        booking.view.person = json!({ "first_name": "דנה", "last_name": "Levi" });
        assert_eq!(BookingWords::of(&booking).guest, "\u{2068}דנה\u{2069} Levi");
    }

    #[test]
    fn only_plain_https_addresses_become_links() {
        assert!(is_https("https://fareharbor.com/harbour/dashboard/bookings/70000001/"));
        for link in [
            "http://fareharbor.com/",
            "javascript:alert(1)",
            "https://",
            "https://a@b/",
            "https://a b/",
            "https://a/\n",
            "//a/",
            " https://a/",
        ] {
            assert!(!is_https(link), "{link}");
        }
    }
}
