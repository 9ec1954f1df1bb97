//! Is it there, and what instead.

use super::super::value::to_json;
use super::{Context, Function, text_of};
use rhai::{Dynamic, ImmutableString};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "present",
        "value",
        (1, 1),
        is_present,
        "whether it is not missing, null, blank or empty",
        "present(booking.contact.email) is true",
    )
    .asked(),
    Function::new(
        "first_of",
        "value, …",
        (1, 8),
        first_of,
        "the first of up to 8 that is present",
        "first_of(booking.contact.normalized_phone, booking.contact.phone)",
    )
    .asked(),
    Function::new(
        "default_to",
        "value, fallback",
        (2, 2),
        first_of,
        "the value where it is present, else the fallback",
        "default_to(booking.note, \"none\") is \"none\"",
    )
    .asked(),
    Function::new(
        "text",
        "value",
        (1, 1),
        text,
        "as text: numbers by their digits, lists and maps as JSON",
        "text(12) is \"12\"",
    ),
    Function::new("json", "value", (1, 1), json, "as JSON text", "json([1, \"a\"]) is \"[1,\\\"a\\\"]\""),
];

/// Not missing, null, blank or empty.
pub(super) fn present(value: &Dynamic) -> bool {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return !text.trim().is_empty();
    }
    if let Some(items) = value.read_lock::<rhai::Array>() {
        return !items.is_empty();
    }
    if let Some(entries) = value.read_lock::<rhai::Map>() {
        return !entries.is_empty();
    }
    !value.is_unit()
}

#[expect(clippy::unnecessary_wraps, reason = "all functions have one shape")]
fn is_present(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    Ok(present(arguments[0]).into())
}

#[expect(clippy::unnecessary_wraps, reason = "all functions have one shape")]
fn first_of(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let first = arguments.iter().find(|argument| present(argument));
    // A fallback may be blank on purpose.
    Ok(first.or(arguments.last()).map_or(Dynamic::UNIT, |found| (*found).clone()))
}

fn text(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let value = &arguments[0];
    if value.is_array() || value.is_map() {
        return json_text(value).map(Into::into);
    }
    text_of(value).map(Into::into)
}

fn json(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    json_text(arguments[0]).map(Into::into)
}

fn json_text(value: &Dynamic) -> Result<String, String> {
    to_json(value.clone()).map(|value| value.to_string()).map_err(|what| format!("this is {what}"))
}
