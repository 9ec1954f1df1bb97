//! The common view: person and trip, the same names for every source. A key whose source paths are all absent is
//! absent; one whose value is null, or cannot be read as what it is said to be, is null.

use super::pattern::Dotted;
use super::words::Words;
use crate::document::{Diagnostic, Fields, Node, Yaml, suggest};
use crate::domain::{View, language, phone_e164, split_name};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

const PERSON: [&str; 6] = ["name", "first_name", "last_name", "email", "phone", "language"];
const TRIP: [&str; 10] =
    ["code", "title", "starts_at", "ends_at", "party_size", "status", "total", "paid", "currency", "link"];

/// How the view is made.
#[derive(Clone, Debug, Default)]
pub(super) struct ViewSpec {
    person: Vec<Half>,
    trip: Vec<Half>,
}

/// One of the ways to make a half: the first whose map is there counts as a whole, so that no guest is made of two.
#[derive(Clone, Debug)]
struct Half {
    /// The map that its paths are within; `None`: the record.
    of: Option<Dotted>,
    fields: Vec<ViewField>,
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
    /// A list whose length is added.
    plus: Option<Dotted>,
    /// What stands at `from` is written one after the other, with this between.
    join: Option<String>,
    /// The amount is in whole units of the currency that stands here.
    currency: Option<Dotted>,
    /// What the system's codes are called.
    words: Words,
}

impl ViewField {
    /// What was read, with what is to be made of it.
    fn made(&self, value: Value, entity: &Value) -> Value {
        let value = match &self.currency {
            Some(path) => minor(&value, path.get(entity)).unwrap_or(Value::Null),
            None => value,
        };
        let value = match value {
            Value::String(code) if !code.is_empty() => Value::from(self.words.of(&code)),
            value => value,
        };
        match (self.plus.as_ref().and_then(|path| path.get(entity)), value.as_i64()) {
            (Some(Value::Array(items)), Some(number)) => Value::from(number + items.len() as i64),
            _ => value,
        }
    }

    /// All that is there, one after the other.
    fn joined(&self, there: &[&Value]) -> Option<Value> {
        let between = self.join.as_ref()?;
        let texts: Vec<&str> = there.iter().filter_map(|value| value.as_str()).map(str::trim).collect();
        let text = texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(between);
        (!text.is_empty()).then(|| Value::from(text))
    }
}

/// A decimal amount as a whole number of the currency's smallest units. Never through floats.
fn minor(value: &Value, currency: Option<&Value>) -> Option<Value> {
    let Value::Number(number) = value else { return None };
    let code = currency?.as_str()?.trim().to_ascii_uppercase();
    let decimals = iso_currency::Currency::from_code(&code)?.exponent().map_or(0, u32::from);
    let text = number.to_string();
    let amount = if text.contains(['e', 'E']) {
        Decimal::from_scientific(&text)
    } else {
        Decimal::from_str_exact(&text)
    };
    let whole = amount.ok()?.checked_mul(Decimal::from(10_i64.pow(decimals)))?.round();
    i64::try_from(whole).ok().map(Value::from)
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
        let halves = match half {
            "person" => &self.person,
            "trip" => &self.trip,
            _ => return None,
        };
        let (half, entity) = chosen(halves, entity)?;
        let field = half.fields.iter().find(|field| field.name == name)?;
        let before = half.of.as_ref().map(|of| format!("{of}.")).unwrap_or_default();
        let country = field.country.as_ref().and_then(|path| path.get(entity)).and_then(Value::as_str);
        let there =
            || field.from.iter().filter_map(|path| Some((format!("{before}{path}"), path.get(entity)?)));
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
            let Some(node) = node else { return Vec::new() };
            let nodes = if let Yaml::List(items) = &node.yaml {
                items.as_slice()
            } else {
                std::slice::from_ref(node)
            };
            nodes.iter().map(|node| read_half(file, node, names, diagnostics)).collect()
        };
        Self { person: half(person, &PERSON), trip: half(trip, &TRIP) }
    }
}

/// The first half whose map is there, and that map.
fn chosen<'h, 'v>(halves: &'h [Half], entity: &'v Value) -> Option<(&'h Half, &'v Value)> {
    halves.iter().find_map(|half| match &half.of {
        None => Some((half, entity)),
        Some(of) => {
            Some((half, of.get(entity).filter(|map| map.as_object().is_some_and(|map| !map.is_empty()))?))
        }
    })
}

fn fill(halves: &[Half], entity: &Value) -> Value {
    let mut map = Map::new();
    let Some((half, entity)) = chosen(halves, entity) else { return Value::Object(map) };
    for field in &half.fields {
        let country = field.country.as_ref().and_then(|path| path.get(entity)).and_then(Value::as_str);
        let there: Vec<&Value> = field.from.iter().filter_map(|path| path.get(entity)).collect();
        let readable = field
            .joined(&there)
            .or_else(|| {
                there
                    .iter()
                    .filter(|value| !is_blank(value))
                    .map(|value| field.reading.read(value, country))
                    .find(|value| !value.is_null())
            })
            .map(|value| field.made(value, entity));
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

fn read_half(file: &str, node: &Node, names: &[&'static str], diagnostics: &mut Vec<Diagnostic>) -> Half {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("A half of the view is written as a map, and this is {}.", node.kind());
        diagnostics.push(Diagnostic::error(file, Some(node.place), message));
        return Half { of: None, fields: Vec::new() };
    };
    let mut read = Vec::new();
    let mut of = None;
    for entry in entries {
        if entry.key == "of" {
            let text = entry.value.as_text().unwrap_or_default();
            of = Dotted::read(file, text, entry.value.place, diagnostics);
            continue;
        }
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
    Half { of, fields: read }
}

fn read_field(file: &str, name: &'static str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> ViewField {
    let mut field = ViewField {
        name,
        from: Vec::new(),
        reading: Reading::of(name),
        country: None,
        count: None,
        plus: None,
        join: None,
        currency: None,
        words: Words::default(),
    };
    match &node.yaml {
        Yaml::Map(_) => {
            let mut fields = Fields::new(file, "a field of the view", node, diagnostics);
            let from = fields.texts("from");
            let (country, count) = (fields.text("country"), fields.text("count"));
            let (plus, currency) = (fields.text("plus"), fields.text("currency"));
            field.join = fields.text("join");
            let words = fields.node("words");
            let whole = fields.boolean("whole").unwrap_or(false);
            fields.finish();
            // A first name that stands by itself is not taken apart.
            if whole && matches!(field.reading, Reading::FirstName | Reading::LastName) {
                field.reading = Reading::Text;
            }
            let mut path = |text: Option<String>| Dotted::read(file, &text?, node.place, diagnostics);
            field.country = path(country);
            field.count = path(count);
            field.plus = path(plus);
            field.currency = path(currency);
            field.words = words.map(|node| Words::read(file, node, diagnostics)).unwrap_or_default();
            field.from = from
                .into_iter()
                .filter_map(|(text, place)| Dotted::read(file, &text, place, diagnostics))
                .collect();
        }
        Yaml::Text(text) => field.from.extend(Dotted::read(file, text, node.place, diagnostics)),
        Yaml::List(items) if items.iter().all(|item| item.as_text().is_some()) => {
            let texts = items.iter().filter_map(|item| Some((item.as_text()?, item.place)));
            field.from =
                texts.filter_map(|(text, place)| Dotted::read(file, text, place, diagnostics)).collect();
        }
        _ => {
            let message = format!("A field of the view is a path or a map, and this is {}.", node.kind());
            diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint(
                "write `email: contact.email`, or `[first, second]` where the first that is there counts",
            ));
        }
    }
    field
}
