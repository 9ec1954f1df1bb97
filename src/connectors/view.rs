//! The common view: person and trip, the same names for every source. A key whose source paths are all absent is
//! absent; one whose value is null, or cannot be read as what it is said to be, is null.

use super::pattern::Dotted;
use crate::document::{Diagnostic, Fields, Node, Yaml, suggest};
use crate::domain::{View, language, phone_e164, split_name};
use serde_json::{Map, Value};

const PERSON: [&str; 6] = ["name", "first_name", "last_name", "email", "phone", "language"];
const TRIP: [&str; 10] =
    ["code", "title", "starts_at", "ends_at", "party_size", "status", "total", "paid", "currency", "link"];

/// How the view is made.
#[derive(Clone, Debug, Default)]
pub(super) struct ViewSpec {
    person: Vec<ViewField>,
    trip: Vec<ViewField>,
}

#[derive(Clone, Debug)]
struct ViewField {
    name: &'static str,
    /// The first that is there and not null or blank counts.
    from: Vec<Dotted>,
    reading: Reading,
    /// Where a phone number without a country finds one.
    country: Option<Dotted>,
    /// A list whose length counts where `from` gives nothing.
    count: Option<Dotted>,
}

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Text,
    Number,
    FirstName,
    LastName,
    Phone,
    Language,
    Currency,
}

impl Reading {
    /// By the name of the field.
    fn of(name: &str) -> Self {
        match name {
            "first_name" => Self::FirstName,
            "last_name" => Self::LastName,
            "phone" => Self::Phone,
            "language" => Self::Language,
            "currency" => Self::Currency,
            "party_size" | "total" | "paid" => Self::Number,
            _ => Self::Text,
        }
    }

    fn read(self, value: &Value, country: Option<&str>) -> Value {
        let text = match value {
            Value::String(text) => text.trim(),
            Value::Number(number) if self == Self::Number => return Value::Number(number.clone()),
            Value::Number(number) if self == Self::Text => return Value::String(number.to_string()),
            _ => return Value::Null,
        };
        match self {
            Self::Text => Value::from(text),
            Self::Number => text.parse::<serde_json::Number>().map_or(Value::Null, Value::Number),
            Self::FirstName => Value::from(split_name(text).first),
            Self::LastName => Value::from(split_name(text).last),
            Self::Phone => Value::from(phone_e164(text, country)),
            Self::Language => Value::from(language(text)),
            Self::Currency => {
                let letters = text.len() == 3 && text.chars().all(|c| c.is_ascii_alphabetic());
                Value::from(letters.then(|| text.to_ascii_uppercase()))
            }
        }
    }
}

impl ViewSpec {
    /// The view of a state.
    pub(super) fn of(&self, entity: &Value) -> View {
        View { person: fill(&self.person, entity), trip: fill(&self.trip, entity) }
    }

    /// Where the value of `person.phone` or `trip.title` comes from in this state: the path that it was read at, else the
    /// first that is there.
    pub(super) fn origin<'v>(&self, path: &str, entity: &'v Value) -> Option<(String, &'v Value)> {
        let (half, name) = path.split_once('.')?;
        let fields = match half {
            "person" => &self.person,
            "trip" => &self.trip,
            _ => return None,
        };
        let field = fields.iter().find(|field| field.name == name)?;
        let country = field.country.as_ref().and_then(|path| path.get(entity)).and_then(Value::as_str);
        let there = || field.from.iter().filter_map(|path| Some((path.to_string(), path.get(entity)?)));
        let read =
            |(_, value): &(String, &Value)| !is_blank(value) && !field.reading.read(value, country).is_null();
        there().find(read).or_else(|| there().next())
    }

    /// Reads a manifest's `view:`.
    pub(super) fn read(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut fields = Fields::new(file, "a view", node, diagnostics);
        let (person, trip) = (fields.node("person"), fields.node("trip"));
        fields.finish();
        let mut half = |node: Option<&Node>, names: &[&'static str]| {
            node.map(|node| read_half(file, node, names, diagnostics)).unwrap_or_default()
        };
        Self { person: half(person, &PERSON), trip: half(trip, &TRIP) }
    }
}

fn fill(fields: &[ViewField], entity: &Value) -> Value {
    let mut map = Map::new();
    for field in fields {
        let country = field.country.as_ref().and_then(|path| path.get(entity)).and_then(Value::as_str);
        let there: Vec<&Value> = field.from.iter().filter_map(|path| path.get(entity)).collect();
        let readable = there
            .iter()
            .filter(|value| !is_blank(value))
            .map(|value| field.reading.read(value, country))
            .find(|value| !value.is_null());
        let counted = || match field.count.as_ref()?.get(entity)? {
            Value::Array(items) => Some(Value::from(items.len())),
            _ => None,
        };
        let otherwise = || {
            there.first().map(|first| match (field.reading, first) {
                (Reading::Text | Reading::FirstName | Reading::LastName, Value::String(_)) => Value::from(""),
                _ => Value::Null,
            })
        };
        if let Some(value) = readable.or_else(counted).or_else(otherwise) {
            map.insert(field.name.to_owned(), value);
        }
    }
    Value::Object(map)
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn read_half(
    file: &str,
    node: &Node,
    names: &[&'static str],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<ViewField> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("A half of the view is written as a map, and this is {}.", node.kind());
        diagnostics.push(Diagnostic::error(file, Some(node.place), message));
        return Vec::new();
    };
    let mut read = Vec::new();
    for entry in entries {
        let Some(name) = names.iter().copied().find(|name| *name == entry.key) else {
            let hint = suggest(&entry.key, names.iter().copied()).map_or_else(
                || format!("its names are {}", names.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("The common view has no `{}`.", entry.key);
            diagnostics.push(Diagnostic::error(file, Some(entry.place), message).hint(hint));
            continue;
        };
        read.push(read_field(file, name, &entry.value, diagnostics));
    }
    // The same order of names for every source.
    read.sort_by_key(|field| names.iter().position(|name| *name == field.name));
    read
}

fn read_field(file: &str, name: &'static str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> ViewField {
    let (from, country, count) = match &node.yaml {
        Yaml::Map(_) => {
            let mut fields = Fields::new(file, "a field of the view", node, diagnostics);
            let from = fields.texts("from");
            let country = fields.texts("country");
            let count = fields.texts("count");
            fields.finish();
            (from, country, count)
        }
        Yaml::Text(text) => (vec![(text.clone(), node.place)], Vec::new(), Vec::new()),
        Yaml::List(items) if items.iter().all(|item| item.as_text().is_some()) => {
            let texts = items.iter().filter_map(|item| Some((item.as_text()?.to_owned(), item.place)));
            (texts.collect(), Vec::new(), Vec::new())
        }
        _ => {
            let message = format!("A field of the view is a path or a map, and this is {}.", node.kind());
            diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint(
                "write `email: contact.email`, or `[first, second]` where the first that is there counts",
            ));
            (Vec::new(), Vec::new(), Vec::new())
        }
    };
    let mut paths = |texts: Vec<(String, _)>| -> Vec<Dotted> {
        texts.iter().filter_map(|(text, place)| Dotted::read(file, text, *place, diagnostics)).collect()
    };
    let (from, mut country, mut count) = (paths(from), paths(country), paths(count));
    ViewField { name, from, reading: Reading::of(name), country: country.pop(), count: count.pop() }
}
