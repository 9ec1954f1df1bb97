//! Custom fields as booking systems send them: a list of `{ custom_field: { title, name }, display_value,
//! value }`.

use super::choices::present;
use super::{Context, Function, text_of};
use rhai::{Dynamic, Map};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "field",
        "booking, title",
        (2, 2),
        field,
        "a custom field of a booking or customer, by title or name, as shown to people",
        "field(booking, \"Shoe size\") is \"42\"",
    ),
    Function::new(
        "field_value",
        "booking, title",
        (2, 2),
        field_value,
        "the same, as the system stores it",
        "field_value(booking, \"Shoe size\") is \"42\"",
    ),
];

fn field(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    find(arguments, &["display_value", "value"])
}

fn field_value(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    find(arguments, &["value"])
}

fn find(arguments: &[&Dynamic], wanted: &[&str]) -> Result<Dynamic, String> {
    let Some(owner) = arguments[0].read_lock::<Map>() else {
        return Err("the first argument must be a booking or a customer".to_owned());
    };
    let title = text_of(arguments[1])?;
    let title = title.trim();
    let Some(values) = owner.get("custom_field_values").and_then(Dynamic::read_lock::<rhai::Array>) else {
        return Ok(Dynamic::UNIT);
    };
    let named = |exact: bool| {
        values.iter().find_map(|value| {
            let value = value.read_lock::<Map>()?;
            let matches = ["title", "name"].into_iter().any(|key| {
                let own = value.get("custom_field").and_then(|field| text_in(field, key));
                let own = own.or_else(|| value.get(key).and_then(|own| text_of(own).ok()));
                own.is_some_and(|own| {
                    let own = own.trim();
                    if exact { own == title } else { own.to_lowercase() == title.to_lowercase() }
                })
            });
            matches.then(|| {
                let found = wanted.iter().filter_map(|key| value.get(*key)).find(|found| present(found));
                found.cloned().unwrap_or(Dynamic::UNIT)
            })
        })
    };
    Ok(named(true).or_else(|| named(false)).unwrap_or(Dynamic::UNIT))
}

fn text_in(field: &Dynamic, key: &str) -> Option<String> {
    text_of(field.read_lock::<Map>()?.get(key)?).ok()
}
