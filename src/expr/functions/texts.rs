//! Texts: case, blanks, parts.

use super::super::value::rhai_kind;
use super::{Context, Function, text_of, whole};
use rhai::{Dynamic, ImmutableString};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("upper", "text", (1, 1), upper, "in capitals", "upper(\"abc\") is \"ABC\""),
    Function::new("lower", "text", (1, 1), lower, "in small letters", "lower(\"ABC\") is \"abc\""),
    Function::new(
        "title_case",
        "text",
        (1, 1),
        title_case,
        "each word with a capital",
        "title_case(\"mary LEE\") is \"Mary Lee\"",
    ),
    Function::new("trim", "text", (1, 1), trim, "without the blanks around it", "trim(\" a \") is \"a\""),
    Function::new(
        "replace",
        "text, part, by",
        (3, 3),
        replace,
        "with one part replaced by another, everywhere",
        "replace(\"a-b\", \"-\", \"+\") is \"a+b\"",
    ),
    Function::new(
        "split",
        "text, separator",
        (2, 2),
        split,
        "a list of its parts",
        "split(\"a,b\", \",\") is [\"a\", \"b\"]",
    ),
    Function::new(
        "join",
        "list, separator",
        (2, 2),
        join,
        "one text of a list, what is missing left out",
        "join([\"a\", \"b\"], \", \") is \"a, b\"",
    ),
    Function::new(
        "contains",
        "text or list, part",
        (2, 2),
        contains,
        "whether the part is in it",
        "contains(\"abc\", \"b\") is true",
    )
    .question(),
    Function::new(
        "starts_with",
        "text, part",
        (2, 2),
        starts_with,
        "whether it begins with the part",
        "starts_with(\"abc\", \"a\") is true",
    )
    .question(),
    Function::new(
        "ends_with",
        "text, part",
        (2, 2),
        ends_with,
        "whether it ends with the part",
        "ends_with(\"abc\", \"c\") is true",
    )
    .question(),
    Function::new(
        "length",
        "text or list",
        (1, 1),
        length,
        "characters of a text, items of a list",
        "length(\"abc\") is 3",
    ),
    Function::new(
        "truncate",
        "text, count",
        (2, 2),
        truncate,
        "its first characters",
        "truncate(\"abcdef\", 3) is \"abc\"",
    ),
];

fn changed(arguments: &[&Dynamic], change: impl FnOnce(&str) -> String) -> Result<Dynamic, String> {
    Ok(change(&text_of(arguments[0])?).into())
}

fn upper(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    changed(arguments, str::to_uppercase)
}

fn lower(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    changed(arguments, str::to_lowercase)
}

fn trim(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    changed(arguments, |text| text.trim().to_owned())
}

fn title_case(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    changed(arguments, |text| {
        let mut titled = String::with_capacity(text.len());
        let mut within = false;
        for c in text.chars() {
            if within {
                titled.extend(c.to_lowercase());
            } else {
                titled.extend(c.to_uppercase());
            }
            within = c.is_alphanumeric() || (within && matches!(c, '\'' | '’'));
        }
        titled
    })
}

fn replace(context: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let text = text_of(arguments[0])?;
    let part = text_of(arguments[1])?;
    let by = if arguments[2].is_unit() { String::new() } else { text_of(arguments[2])? };
    if part.is_empty() {
        return Ok(text.into());
    }
    let grown = text.matches(part.as_str()).count().saturating_mul(by.len()).saturating_add(text.len());
    if grown > context.text_bytes_max.saturating_mul(2) {
        return Err("the text grew too large".to_owned());
    }
    Ok(text.replace(&part, &by).into())
}

fn split(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let text = text_of(arguments[0])?;
    let separator = text_of(arguments[1])?;
    if separator.is_empty() {
        return Ok(Dynamic::from_array(vec![text.into()]));
    }
    Ok(Dynamic::from_array(text.split(&separator).map(Into::into).collect()))
}

fn join(context: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let Some(items) = arguments[0].read_lock::<rhai::Array>() else {
        return Err(format!("a list is needed, and this is {}", rhai_kind(arguments[0])));
    };
    let separator = text_of(arguments[1])?;
    let mut joined = String::new();
    for (at, item) in items.iter().filter(|item| !item.is_unit()).enumerate() {
        if at > 0 {
            joined.push_str(&separator);
        }
        joined.push_str(&text_of(item)?);
        if joined.len() > context.text_bytes_max {
            return Err("the text grew too large".to_owned());
        }
    }
    Ok(joined.into())
}

fn contains(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    if let Some(entries) = arguments[0].read_lock::<rhai::Map>() {
        return Ok(entries.contains_key(text_of(arguments[1])?.as_str()).into());
    }
    if let Some(items) = arguments[0].read_lock::<rhai::Array>() {
        let wanted = text_of(arguments[1])?;
        return Ok(items.iter().any(|item| text_of(item).is_ok_and(|own| own == wanted)).into());
    }
    asked(arguments, |text, part| text.contains(part))
}

fn starts_with(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    asked(arguments, |text, part| text.starts_with(part))
}

fn ends_with(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    asked(arguments, |text, part| text.ends_with(part))
}

fn asked(arguments: &[&Dynamic], ask: impl FnOnce(&str, &str) -> bool) -> Result<Dynamic, String> {
    if arguments[1].is_unit() {
        return Ok(false.into());
    }
    Ok(ask(&text_of(arguments[0])?, &text_of(arguments[1])?).into())
}

fn length(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let value = &arguments[0];
    let count = if let Some(text) = value.read_lock::<ImmutableString>() {
        text.chars().count()
    } else if let Some(items) = value.read_lock::<rhai::Array>() {
        items.len()
    } else if let Some(entries) = value.read_lock::<rhai::Map>() {
        entries.len()
    } else {
        return Err(format!("a text or a list is needed, and this is {}", rhai_kind(value)));
    };
    Ok((count as i64).into())
}

fn truncate(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let count = usize::try_from(whole(arguments[1])?).unwrap_or(0);
    changed(arguments, |text| text.chars().take(count).collect())
}
