//! The fake of apaleo answers as apaleo's own swagger says, where a copy of it is at hand.

use crate::fake_apaleo::reservation;
use serde_json::Value;
use std::path::Path;

/// What came after the swagger's copy, or is told by others only.
const NEWER: [&str; 3] = ["isPreCheckedIn", "isOpenForCharges", "registeredCard"];

fn swagger() -> Option<Value> {
    let places = ["../../shared/payloads/openapi", "../shared/payloads/openapi"];
    let file = "apaleo-booking-v1.oss-traces-2021.json";
    let found = places
        .iter()
        .map(|place| Path::new(env!("CARGO_MANIFEST_DIR")).join(place).join(file))
        .find(|path| path.is_file())?;
    let bytes = std::fs::read(found).ok()?;
    serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)).ok()
}

/// What of a value is not as its schema says: required fields, types, words.
fn amiss(swagger: &Value, schema: &Value, value: &Value, at: &str, told: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return amiss(
            swagger,
            swagger.pointer(name.trim_start_matches('#')).expect("it is defined"),
            value,
            at,
            told,
        );
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !fits {
        told.push(format!("{at} is not a {}", schema["type"]));
        return;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        told.push(format!("{at} is never {value}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            told.push(format!("{at} has no {name}"));
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(of) => amiss(swagger, of, inner, &format!("{at}/{name}"), told),
            None if NEWER.contains(&name.as_str()) => {}
            None if schema["properties"].is_object() => told.push(format!("{at} knows no {name}")),
            None => {}
        }
    }
    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
        amiss(swagger, &schema["items"], inner, &format!("{at}/{index}"), told);
    }
}

#[test]
fn a_reservation_of_the_fake_is_as_the_swagger_says() {
    let Some(swagger) = swagger() else { return };
    let schema = &swagger["definitions"]["ReservationModel"];
    assert!(schema.is_object(), "the swagger names it otherwise");
    let mut told = Vec::new();
    amiss(&swagger, schema, &reservation("XPGM-1", "Confirmed", "2026-11-20T08:00:00Z"), "", &mut told);
    assert_eq!(told, Vec::<String>::new());
}
