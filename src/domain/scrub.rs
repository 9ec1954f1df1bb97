//! What is left of a guest's data when they are erased: nothing that could be about them. Pure; the store applies it to what
//! it holds of a booking.
//!
//! A document keeps what is on a short list and loses everything else, so that a field nobody thought of goes too. Texts
//! that are not documents (sentences, keys of records) are looked at for any of the values that the documents had.

use super::fold;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Shorter values are in every text: they are no sign of a guest.
const VALUE_CHARS_MIN: usize = 4;
/// Digits of a number that may be a phone.
const DIGITS_MIN: usize = 6;
/// Values that are looked for.
const VALUES_MAX: usize = 4_000;
/// Names of fields whose numbers are numbers of things.
const NUMBERS_OF_THINGS: [&str; 3] = ["pk", "id", "uuid"];

/// What stays of a booking, and what gives a guest away.
#[derive(Clone, Debug, Default)]
pub struct Scrub {
    stays: BTreeSet<String>,
    gives_away: BTreeSet<String>,
    /// Of these, what the person is called and reached by.
    person: BTreeSet<String>,
}

/// Fields of the view of the thing that stay whatever is in them.
const STAY_ALWAYS: [&str; 5] = ["code", "status", "starts_at", "ends_at", "currency"];

impl Scrub {
    /// Of a booking: its key and account, the view of the thing, the view of the person, and all its versions.
    pub fn of<'a>(
        keys: &[&str],
        trip: &Value,
        person: &Value,
        documents: impl IntoIterator<Item = &'a Value>,
    ) -> Self {
        let mut always: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        always.extend(STAY_ALWAYS.iter().filter_map(|name| Some(trip.get(*name)?.as_str()?.to_owned())));
        let mut scrub = Self { stays: always.clone(), ..Self::default() };
        let mut of_person = Self::default();
        of_person.learn(person);
        for name in ["name", "first_name", "last_name"] {
            let name = person.get(name).and_then(Value::as_str).unwrap_or_default();
            name.split_whitespace().for_each(|word| of_person.learn_text(word));
        }
        scrub.person.clone_from(&of_person.gives_away);
        scrub.gives_away = of_person.gives_away;
        for_each_text(trip, None, &mut |text| {
            scrub.stays.insert(text.to_owned());
        });
        for document in documents {
            scrub.learn(document);
        }
        // A title with a guest's name in it is about the guest too.
        let (stays, gives_away) = (std::mem::take(&mut scrub.stays), scrub);
        let stays =
            stays.into_iter().filter(|text| always.contains(text) || !gives_away.is_in(text)).collect();
        Self { stays, ..gives_away }
    }

    /// Learns what gives the guest away: each text of a document that does not stay, and its digits.
    fn learn(&mut self, document: &Value) {
        let mut found = Vec::new();
        for_each_text(document, None, &mut |text| {
            if !self.stays(text) {
                found.push(text.to_owned());
            }
        });
        for text in &found {
            self.learn_text(text);
        }
    }

    fn learn_text(&mut self, text: &str) {
        if self.gives_away.len() >= VALUES_MAX {
            return;
        }
        let folded = fold(text.trim());
        let (digits, others): (String, String) = folded.chars().partition(char::is_ascii_digit);
        if folded.chars().count() >= VALUE_CHARS_MIN {
            self.gives_away.insert(folded);
        }
        let is_number = others.chars().all(|c| c.is_whitespace() || "+-()/.".contains(c));
        if is_number && digits.len() >= DIGITS_MIN {
            self.gives_away.insert(digits);
        }
    }

    /// Whether a text has something in it that gives the guest away, as it is, without marks, percent-encoded, or spaced.
    pub fn is_in(&self, text: &str) -> bool {
        has_any(&self.gives_away, text)
    }

    /// What is left of a webhook's body that told of others too: of this booking, which is known by its key, what is left
    /// of a document; of the others all but what the guest is called and reached by. `None`: they can't be told apart.
    pub fn rest_of(&self, body: &Value, key: &str) -> Option<Value> {
        let mut found = false;
        let rest = self.rest(body, key, &mut found);
        rest.filter(|_| found)
    }

    fn rest(&self, value: &Value, key: &str, found: &mut bool) -> Option<Value> {
        match value {
            Value::Object(map) if map.values().any(|inner| is_key(inner, key)) => {
                *found = true;
                self.left(value, None)
            }
            Value::Object(map) => {
                let kept = map.iter().filter(|(name, _)| !has_any(&self.person, name));
                let kept =
                    kept.filter_map(|(name, inner)| Some((name.clone(), self.rest(inner, key, found)?)));
                Some(Value::Object(kept.collect()))
            }
            Value::Array(items) => {
                Some(Value::Array(items.iter().filter_map(|item| self.rest(item, key, found)).collect()))
            }
            Value::String(text) => (!has_any(&self.person, text)).then(|| value.clone()),
            Value::Number(number) => (!has_any(&self.person, &number.to_string())).then(|| value.clone()),
            Value::Bool(_) | Value::Null => Some(value.clone()),
        }
    }

    /// What is left of a document: the texts that stay, keys that look like ones made by a machine, numbers of things.
    /// `Null`: nothing.
    pub fn left_of(&self, document: &Value) -> Value {
        self.left(document, None).unwrap_or(Value::Null)
    }

    fn left(&self, value: &Value, name: Option<&str>) -> Option<Value> {
        match value {
            Value::Object(map) => {
                let kept: Map<String, Value> = map
                    .iter()
                    .filter(|(name, _)| !self.is_in(name))
                    .filter_map(|(name, inner)| Some((name.clone(), self.left(inner, Some(name))?)))
                    .collect();
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            Value::Array(items) => {
                let kept: Vec<Value> = items.iter().filter_map(|item| self.left(item, None)).collect();
                (!kept.is_empty()).then_some(Value::Array(kept))
            }
            Value::String(text) => self.stays(text).then(|| value.clone()),
            Value::Number(_) => {
                let of_a_thing = name.is_some_and(|name| NUMBERS_OF_THINGS.contains(&name));
                of_a_thing.then(|| value.clone())
            }
            Value::Bool(_) | Value::Null => None,
        }
    }

    /// What is left of the view of the thing booked: everything but what gives the guest away.
    pub fn left_of_view(&self, view: &Value) -> Value {
        let Value::Object(map) = view else { return view.clone() };
        let kept = map.iter().filter(|(_, value)| value.as_str().is_none_or(|text| self.stays(text)));
        Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn stays(&self, text: &str) -> bool {
        self.stays.contains(text) || is_uuid(text)
    }
}

fn is_key(value: &Value, key: &str) -> bool {
    match value {
        Value::String(text) => text == key,
        Value::Number(number) => number.to_string() == key,
        _ => false,
    }
}

/// Whether one of these values is in a text, however it is written.
fn has_any(values: &BTreeSet<String>, text: &str) -> bool {
    if text.is_empty() || values.is_empty() {
        return false;
    }
    let mut folded = String::with_capacity(text.len());
    // `fold` reads a bounded part of a text; this one is read to its end.
    let letters: Vec<char> = text.chars().collect();
    for part in letters.chunks(150) {
        folded.push_str(&fold(&part.iter().collect::<String>()));
    }
    let decoded = folded.replace("%40", "@").replace("%20", " ").replace("%2b", "+");
    let digits: String = decoded.chars().filter(char::is_ascii_digit).collect();
    values.iter().any(|value| {
        let is_number = value.chars().all(|c| c.is_ascii_digit());
        folded.contains(value) || decoded.contains(value) || (is_number && digits.contains(value))
    })
}

/// `0f0e…` as machines make them: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Calls with each text of a document, and with each number that is long enough for a phone and is no number of a thing.
fn for_each_text(value: &Value, name: Option<&str>, found: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, inner)| for_each_text(inner, Some(name), found)),
        Value::Array(items) => items.iter().for_each(|inner| for_each_text(inner, None, found)),
        Value::String(text) => found(text),
        Value::Number(number) => {
            let text = number.to_string();
            if text.len() >= DIGITS_MIN && !name.is_some_and(|name| NUMBERS_OF_THINGS.contains(&name)) {
                found(&text);
            }
        }
        Value::Bool(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Scrub;
    use serde_json::{Value, json};

    fn guest() -> (Scrub, Value) {
        let booking = json!({
            "uuid": "00000000-0000-4000-8000-000000000001", "pk": 70_000_001, "status": "booked",
            "contact": { "name": "Siobhán Ní Bhriain", "email": "Guest1@example.org", "phone": "+49 123 456789" },
            "weight": 61, "vegan": true, "note": "birthday on 1980-05-06",
            "customers": [{ "pk": 1, "name": "Ólafur" }, { "name": "Mary" }],
            "availability": { "start_at": "2027-03-14T09:30:00-1000", "item": { "name": "Whale watch" } },
            "answers": { "Siobhán Ní Bhriain": { "pk": 9 } },
        });
        let trip =
            json!({ "title": "Whale watch", "starts_at": "2027-03-14T09:30:00-1000", "status": "booked" });
        let person = json!({ "name": "Siobhán Ní Bhriain", "phone": "+49 123 456789" });
        (Scrub::of(&[], &trip, &person, [&booking]), booking)
    }

    #[test]
    fn a_document_keeps_what_is_known_to_be_about_the_thing_and_nothing_else() {
        let (scrub, booking) = guest();
        let left = json!({
            "uuid": "00000000-0000-4000-8000-000000000001", "pk": 70_000_001, "status": "booked",
            "customers": [{ "pk": 1 }],
            "availability": { "start_at": "2027-03-14T09:30:00-1000", "item": { "name": "Whale watch" } },
        });
        assert_eq!(scrub.left_of(&booking), left);
        assert_eq!(scrub.left_of(&json!({ "note": "x" })), Value::Null);
    }

    #[test]
    fn texts_that_give_the_guest_away_are_known_however_they_are_written() {
        let (scrub, _) = guest();
        for text in [
            "[\"guest1@example.org\"]",
            "https://crm.example/contacts/guest1%40example.org",
            "Siobhan has no phone",
            "the phone 0049123456789 is not one",
            "+49 (123) 456-789",
            "ÓLAFUR",
            &format!("{}guest1@example.org", "x".repeat(1_000)),
        ] {
            assert!(scrub.is_in(text), "{text}");
        }
        for text in ["", "1551", "[\"00000000-0000-4000-8000-000000000001\"]", "Whale watch", "booked"] {
            assert!(!scrub.is_in(text), "{text}");
        }
    }

    #[test]
    fn of_a_webhook_about_two_the_other_one_stays() {
        let (scrub, booking) = guest();
        let other = json!({ "uuid": "other", "contact": { "name": "Mary Lee" }, "status": "booked", "weight": 61,
            "note": "a friend of Siobhán", "friends": { "Siobhan": 1 }, "reached": [49_123_456_789_i64, 7] });
        let body = json!({ "bookings": [booking, other], "sent_by": "tours" });
        let rest = scrub.rest_of(&body, "00000000-0000-4000-8000-000000000001").unwrap();
        let other = json!({ "uuid": "other", "contact": { "name": "Mary Lee" }, "status": "booked", "weight": 61,
            "friends": {}, "reached": [7] });
        assert_eq!(rest["bookings"][0], scrub.left_of(&booking));
        assert_eq!((&rest["bookings"][1], &rest["sent_by"]), (&other, &json!("tours")));
        assert_eq!(scrub.rest_of(&json!([other]), "none"), None, "nothing of the booking was found in it");
    }

    #[test]
    fn a_view_of_the_thing_keeps_all_but_what_gives_the_guest_away() {
        let trip = json!({ "title": "Whale watch for Ólafur", "total": 9900, "code": "#70000001" });
        let document = json!({ "pk": 70_000_001, "item": "Whale watch for Ólafur", "customers": ["Ólafur"], "no": "#70000001" });
        let scrub = Scrub::of(&["key"], &trip, &Value::Null, [&document]);
        assert_eq!(scrub.left_of_view(&trip), json!({ "total": 9900, "code": "#70000001" }));
        assert_eq!(scrub.left_of(&document), json!({ "pk": 70_000_001, "no": "#70000001" }));
    }
}
