//! Values between JSON and rhai. Numbers keep their digits on a lone path; in rhai whole numbers are i64,
//! others f64, and those beyond i64 a type of their own that prints and passes through unharmed.

use rhai::{Dynamic, Engine};
use serde_json::{Map, Number, Value};
use std::sync::Arc;

/// Levels of lists and maps in each other that come back from rhai; JSON is walked recursively from then on.
const DEPTH_MAX: usize = 64;

/// The names an expression can read, each a JSON value. Cheap to clone. Only what an expression reads is
/// converted to rhai, each time it is evaluated: that is less than keeping (and copying) a converted
/// payload.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub(super) roots: Vec<(String, Arc<Value>)>,
}

impl Scope {
    /// An empty scope.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same scope with one more name (or another value for it).
    pub fn set(&mut self, name: &str, value: Arc<Value>) {
        self.roots.retain(|(known, _)| known != name);
        self.roots.push((name.to_owned(), value));
    }

    /// The value of a name; a name that is not set is missing.
    pub fn get(&self, name: &str) -> Option<&Arc<Value>> {
        self.roots.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Marks that nothing was there (which is not null).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing;

/// What a template came to.
pub type Outcome = Result<Value, Missing>;

/// A whole number beyond i64, by its digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BigNumber(pub Arc<str>);

/// Makes big numbers printable and comparable in rhai.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<BigNumber>("big number");
    engine.register_fn("to_string", |number: &mut BigNumber| number.0.to_string());
    engine.register_fn("to_debug", |number: &mut BigNumber| number.0.to_string());
    engine.register_fn("==", |one: BigNumber, other: BigNumber| one == other);
    engine.register_fn("!=", |one: BigNumber, other: BigNumber| one != other);
}

/// JSON to rhai. Null is `()`.
pub(super) fn to_rhai(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => number_to_rhai(number),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => Dynamic::from_array(items.iter().map(to_rhai).collect()),
        Value::Object(entries) => Dynamic::from_map(
            entries.iter().map(|(key, value)| (key.as_str().into(), to_rhai(value))).collect(),
        ),
    }
}

fn number_to_rhai(number: &Number) -> Dynamic {
    if let Some(whole) = number.as_i64() {
        return whole.into();
    }
    let digits = number.to_string();
    if !digits.contains(['.', 'e', 'E']) {
        return Dynamic::from(BigNumber(digits.into()));
    }
    match number.as_f64() {
        Some(float) if float.is_finite() => float.into(),
        _ => Dynamic::from(BigNumber(digits.into())),
    }
}

/// Rhai to JSON, where the value itself is there: `()` within a list or map is null. The error says what
/// can't be one.
pub(super) fn to_json(value: Dynamic) -> Result<Value, String> {
    convert(value, 0)
}

fn convert(value: Dynamic, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_MAX {
        return Err(format!("lists and maps in each other deeper than {DEPTH_MAX} levels"));
    }
    let value = value.flatten();
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(truth.into());
    }
    if let Ok(whole) = value.as_int() {
        return Ok(whole.into());
    }
    if let Ok(float) = value.as_float() {
        return Number::from_f64(float).map(Value::Number).ok_or_else(|| {
            "a number that is not finite (something was divided by zero, perhaps)".to_owned()
        });
    }
    if let Ok(character) = value.as_char() {
        return Ok(character.to_string().into());
    }
    if value.is_string() {
        return Ok(Value::String(value.into_string().unwrap_or_default()));
    }
    if value.is_array() {
        let items = value.into_array().unwrap_or_default();
        return items
            .into_iter()
            .map(|item| convert(item, depth + 1))
            .collect::<Result<_, _>>()
            .map(Value::Array);
    }
    if value.is_map() {
        let entries = value.try_cast::<rhai::Map>().unwrap_or_default();
        return entries
            .into_iter()
            .map(|(key, value)| Ok((key.to_string(), convert(value, depth + 1)?)))
            .collect::<Result<Map<_, _>, String>>()
            .map(Value::Object);
    }
    if let Some(big) = value.read_lock::<BigNumber>() {
        return big.0.parse().map(Value::Number).map_err(|_| "a number that can't be read".to_owned());
    }
    Err(rhai_kind(&value).to_owned())
}

/// What a JSON value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// What a rhai value is, in words.
pub(super) fn rhai_kind(value: &Dynamic) -> &'static str {
    kind_of_type(value.type_name())
}

/// What a type of rhai is, in words, by the name that rhai's errors use.
pub(super) fn kind_of_type(name: &str) -> &'static str {
    match name.trim() {
        "()" => "nothing",
        "bool" => "true or false",
        "i64" | "f64" | "big number" => "a number",
        "char" => "a character",
        "array" => "a list",
        "map" => "a map",
        "Fn" => "a function",
        "blob" => "a list of bytes",
        name if name.contains("tring") || name == "&str" => "a text",
        name if name.contains("BigNumber") => "a number",
        name if name.ends_with("Array") || name.contains("Vec<") => "a list",
        name if name.ends_with("Map") || name.contains("BTreeMap") => "a map",
        name if name.contains("Range") || name.contains("range") => "a range",
        name if name.contains("FnPtr") => "a function",
        _ => "a value of another kind",
    }
}
