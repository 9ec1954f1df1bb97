//! Money: exact, by ISO 4217's number of decimals. Never through floats.

use super::super::value::rhai_kind;
use super::{Context, Function, text_of};
use iso_currency::Currency;
use rhai::Dynamic;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "money",
        "minor, currency",
        (2, 2),
        money,
        "an amount of cents as exact decimal text",
        "money(1250, \"usd\") is \"12.50\"",
    ),
    Function::new(
        "minor",
        "amount, currency",
        (2, 2),
        minor,
        "a decimal amount as a whole number of cents",
        "minor(\"12.50\", \"EUR\") is 1250",
    ),
    Function::new(
        "number",
        "text",
        (1, 1),
        number,
        "the number that a text holds",
        "number(\"12.5\") is 12.5",
    ),
    Function::new(
        "integer",
        "value",
        (1, 1),
        integer,
        "the whole number, what follows the point cut off",
        "integer(\"12.7\") is 12",
    ),
];

fn decimals(currency: &Dynamic) -> Result<u32, String> {
    if currency.is_unit() {
        return Err("the currency is missing".to_owned());
    }
    let code = text_of(currency)?.trim().to_uppercase();
    let known = Currency::from_code(&code)
        .ok_or_else(|| format!("`{code}` is no currency; write its three letters, such as \"USD\""))?;
    Ok(known.exponent().map_or(0, u32::from))
}

fn decimal(value: &Dynamic) -> Result<Decimal, String> {
    if value.is_array() || value.is_map() || value.is_bool() {
        return Err(format!("a number is needed, and this is {}", rhai_kind(value)));
    }
    let text = text_of(value)?;
    let text = text.trim();
    let read = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text)
    } else {
        Decimal::from_str_exact(text)
    };
    read.map_err(|_| format!("`{text}` is no number"))
}

fn money(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let scale = decimals(arguments[1])?;
    let amount = decimal(arguments[0])?.normalize();
    let Some(minor) = amount.to_i128().filter(|_| amount.scale() == 0) else {
        return Err(format!("`{amount}` is not a whole number of the smallest coin"));
    };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    let sign = if minor < 0 { "-" } else { "" };
    let point = if scale == 0 { "" } else { "." };
    Ok(format!("{sign}{whole}{point}{fraction}").into())
}

fn minor(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let scale = decimals(arguments[1])?;
    let amount = decimal(arguments[0])?;
    let minor = amount.checked_mul(Decimal::from(10_u64.pow(scale))).map(|minor| minor.normalize());
    match minor.filter(|minor| minor.scale() == 0).and_then(|minor| minor.to_i64()) {
        Some(minor) => Ok(minor.into()),
        None => Err(format!("`{amount}` has more decimals than the currency, or is too large")),
    }
}

fn number(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let value = &arguments[0];
    if value.is_int() || value.is_float() {
        return Ok((*value).clone());
    }
    let amount = decimal(value)?;
    if let Some(whole) = amount.to_i64().filter(|_| amount.normalize().scale() == 0) {
        return Ok(whole.into());
    }
    amount.to_string().parse::<f64>().map(Into::into).map_err(|_| format!("`{amount}` is no number"))
}

fn integer(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let amount = decimal(arguments[0])?;
    amount.trunc().to_i64().map(Into::into).ok_or_else(|| format!("`{amount}` is too large"))
}
