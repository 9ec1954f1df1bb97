//! Phone numbers in E.164, the form that CRMs match on.

use super::{Context, Function, text_of};
use phonenumber::{Mode, country};
use rhai::Dynamic;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "phone",
        "text[, region]",
        (1, 2),
        phone,
        "the number as +…, or nothing where it is none; region is the country of numbers without +",
        "phone(\"(415) 555-2671\", \"US\") is \"+14155552671\"",
    ),
    Function::new(
        "is_phone",
        "text[, region]",
        (1, 2),
        is_phone,
        "whether it is a valid number",
        "is_phone(\"12\") is false",
    )
    .question(),
];

/// Longer texts are no numbers, and need not be searched for one.
const PHONE_CHARS_MAX: usize = 40;

/// The number in E.164, where it is a valid one.
pub(super) fn e164(text: &str, region: Option<country::Id>) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > PHONE_CHARS_MAX {
        return None;
    }
    let international = match text.strip_prefix("00") {
        Some(rest) if region.is_none() => format!("+{rest}"),
        _ => text.to_owned(),
    };
    let number = phonenumber::parse(region, &international).ok()?;
    number.is_valid().then(|| number.format().mode(Mode::E164).to_string())
}

fn read(arguments: &[&Dynamic]) -> Result<Option<String>, String> {
    let region =
        match arguments.get(1).filter(|region| !region.is_unit()) {
            None => None,
            Some(region) => {
                let region = text_of(region)?;
                let known = region.trim().to_uppercase().parse();
                Some(known.map_err(|_| {
                    format!("`{region}` is no country; write its two letters, such as \"US\"")
                })?)
            }
        };
    Ok(e164(&text_of(arguments[0])?, region))
}

fn phone(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    Ok(read(arguments)?.map_or(Dynamic::UNIT, Into::into))
}

fn is_phone(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    Ok(read(arguments)?.is_some().into())
}
