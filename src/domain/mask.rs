//! What a viewer sees of a guest where guests' data are masked: enough to tell two of them apart, not enough to know who
//! they are. Pure; `app::masking` applies it to whatever the faces read.

use super::{View, fold};
use serde_json::{Map, Value};

/// What stands for something that is not shown.
pub const MASK: &str = "•••";
/// Names of fields whose numbers are numbers of things.
const NUMBERS_OF_THINGS: [&str; 3] = ["pk", "id", "uuid"];
/// Fewer digits are no phone.
const DIGITS_MIN: usize = 6;

/// `S••• N•••`: the first letter of each word.
pub fn mask_name(name: &str) -> String {
    let first = |word: &str| {
        word.chars().next().filter(|c| c.is_alphanumeric()).map_or_else(String::new, String::from)
    };
    name.split_whitespace().map(|word| format!("{}{MASK}", first(word))).collect::<Vec<_>>().join(" ")
}

/// `s•••@e•••`.
pub fn mask_email(email: &str) -> String {
    let (user, host) = email.split_once('@').unwrap_or((email, ""));
    let first = |text: &str| {
        text.chars().next().filter(|c| c.is_alphanumeric()).map_or_else(String::new, String::from)
    };
    format!("{}{MASK}@{}{MASK}", first(user), first(host))
}

/// `••• 42`: the last two digits.
pub fn mask_phone(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 5 {
        return MASK.to_owned();
    }
    format!("{MASK} {}", digits[digits.len() - 2..].iter().collect::<String>())
}

/// The common view: the person masked, and of the thing whatever tells of the person.
pub fn mask_view(view: &View) -> View {
    let trip = match &view.trip {
        Value::Object(trip) => trip
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) if tells_of(&view.person, text) => (name.clone(), Value::from(MASK)),
                Value::Object(_) | Value::Array(_) => (name.clone(), mask_document(value)),
                _ => (name.clone(), value.clone()),
            })
            .collect(),
        _ => Map::new(),
    };
    let Value::Object(person) = &view.person else {
        return View { person: Value::Null, trip: Value::Object(trip) };
    };
    let masked: Map<String, Value> = person
        .iter()
        .map(|(name, value)| {
            let shown = match (name.as_str(), value) {
                (_, Value::Null) => Value::Null,
                ("language", Value::String(text)) if is_language(text) => value.clone(),
                ("name" | "first_name" | "last_name", Value::String(text)) => Value::from(mask_name(text)),
                ("email", Value::String(text)) => Value::from(mask_email(text)),
                ("phone", Value::String(text)) => Value::from(mask_phone(text)),
                _ => Value::from(MASK),
            };
            (name.clone(), shown)
        })
        .collect();
    View { person: Value::Object(masked), trip: Value::Object(trip) }
}

/// Whether a text has a word of a person's name in it, their address or their number.
pub fn tells_of(person: &Value, text: &str) -> bool {
    let folded = fold(text);
    let digits: String = folded.chars().filter(char::is_ascii_digit).collect();
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let has = words(&folded);
    let Value::Object(person) = person else { return false };
    person.iter().filter(|(name, _)| *name != "language").any(|(_, value)| {
        let told = match value {
            Value::String(told) => fold(told),
            Value::Number(told) => told.to_string(),
            _ => return false,
        };
        let number: String = told.chars().filter(char::is_ascii_digit).collect();
        let is_number = number.len() >= DIGITS_MIN && !told.contains('@');
        (is_number && digits.contains(&number))
            || (told.contains('@') && folded.contains(&told))
            || (!told.contains('@') && words(&told).iter().any(|word| has.contains(word)))
    })
}

/// `en`, `de-AT`.
fn is_language(text: &str) -> bool {
    text.len() <= 8 && text.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c == '_')
}

/// Whether this is more than what ids and numbers of bookings are made of.
pub fn has_odd_letters(text: &str) -> bool {
    !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '#'))
}

/// A path of a document; names in it that no program would give are masked: they may be a guest's.
pub fn mask_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').map(|part| if is_field(part) { part } else { MASK }).collect();
    parts.join(".")
}

/// `normalized_phone`, `firstName`, `customers[3]`.
fn is_field(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '[' | ']');
    name.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(inner)
}

/// A document: its shape, truth values, numbers of things; all texts and other numbers masked, and names that are none of a
/// program.
pub fn mask_document(document: &Value) -> Value {
    masked(document, None)
}

fn masked(value: &Value, name: Option<&str>) -> Value {
    match value {
        Value::Object(map) => {
            let shown = |name: &String| if is_field(name) { name.clone() } else { MASK.to_owned() };
            Value::Object(map.iter().map(|(name, inner)| (shown(name), masked(inner, Some(name)))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| masked(item, None)).collect()),
        Value::Number(_) if name.is_some_and(|name| NUMBERS_OF_THINGS.contains(&name)) => value.clone(),
        Value::String(_) | Value::Number(_) => Value::from(MASK),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_guest_is_told_apart_and_not_known() {
        assert_eq!(mask_name("Siobhán Ní Bhriain"), "S••• N••• B•••");
        assert_eq!(mask_name("山田 太郎"), "山••• 太•••");
        assert_eq!(mask_name("<img src=x>"), "••• s•••");
        assert_eq!(mask_email("siobhan@example.org"), "s•••@e•••");
        assert_eq!(mask_email("no address"), "n•••@•••");
        assert_eq!(mask_phone("+49 123 456 742"), "••• 42");
        assert_eq!(mask_phone("42"), "•••");
    }

    #[test]
    fn documents_keep_their_shape_alone() {
        let document = json!({ "pk": 7, "name": "Mary", "age": 42, "vegan": true, "note": null,
            "who": ["Mary", { "id": 1 }], "Mary Lee": 1, "mary@example.org": 2 });
        let shown = json!({ "pk": 7, "name": MASK, "age": MASK, "vegan": true, "note": null,
            "who": [MASK, { "id": 1 }], MASK: MASK });
        assert_eq!(mask_document(&document), shown);
    }

    #[test]
    fn of_the_view_the_person_is_masked_and_the_thing_is_not() {
        let view = View {
            person: json!({ "name": "Mary Lee", "email": "mary@example.org", "phone": null, "language": "en", "more": [1] }),
            trip: json!({ "title": "Whale watch", "code": "#7", "note": "for MARY", "link": "https://x/mary@example.org" }),
        };
        let trip = json!({ "title": "Whale watch", "code": "#7", "note": MASK, "link": MASK });
        let shown = mask_view(&view);
        let person = json!({ "name": "M••• L•••", "email": "m•••@e•••", "phone": null, "language": "en", "more": MASK });
        assert_eq!((shown.person, shown.trip), (person, trip));
    }

    #[test]
    fn a_text_that_names_the_person_is_known() {
        let person = json!({ "name": "Siobhán Ní Bhriain", "email": "s@example.org", "phone": "+49 123 456 789", "language": "en" });
        for text in ["siobhan's party", "BHRIAIN", "to S@Example.org", "call 0049-123456789"] {
            assert!(tells_of(&person, text), "{text}");
        }
        for text in ["", "Whale watch", "en", "#70000001", "example.org"] {
            assert!(!tells_of(&person, text), "{text}");
        }
        assert_eq!(mask_path("contact.phone"), "contact.phone");
        assert_eq!(mask_path("answers.Siobhán Ní Bhriain.x"), "answers.•••.x");
    }
}
