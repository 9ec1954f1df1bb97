//! An amount in minor units as people write it, exact by its currency's number of decimals. Never through floats.

use iso_currency::Currency;
use serde_json::Value;

/// `€99.00`, `US$1,250.00`, `JPY 1,500` without decimals: what money it is stands first. `None`: there is no amount. One without a known currency is told as
/// it stands.
pub fn amount(minor: &Value, currency: &Value) -> Option<String> {
    let text = match minor {
        Value::Number(number) => number.to_string(),
        Value::String(text) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => return None,
    };
    let code = currency.as_str().map(|code| code.trim().to_uppercase()).unwrap_or_default();
    let Ok(minor) = text.parse::<i128>() else { return Some(join(&text, &code)) };
    let Some(known) = Currency::from_code(&code) else {
        return Some(if code.is_empty() {
            format!("{text} (in the smallest unit of an unnamed currency)")
        } else {
            join(&text, &code)
        });
    };
    let decimals = known.exponent().map_or(0, usize::from);
    let sign = if minor < 0 { "−" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals + 1);
    let (whole, rest) = digits.split_at(digits.len() - decimals);
    let point = if rest.is_empty() { "" } else { "." };
    let number = format!("{}{point}{rest}", grouped(whole));
    Some(match SIGNS.iter().find(|(known, _)| *known == code) {
        Some((_, money)) => format!("{sign}{money}{number}"),
        // Many crowns share a sign: the code says which.
        None => format!("{sign}{code}\u{a0}{number}"),
    })
}

/// Signs by which a money is known, and which of the dollars it is.
const SIGNS: [(&str, &str); 9] = [
    ("EUR", "€"),
    ("GBP", "£"),
    ("USD", "US$"),
    ("AUD", "A$"),
    ("CAD", "CA$"),
    ("NZD", "NZ$"),
    ("HKD", "HK$"),
    ("SGD", "S$"),
    ("FJD", "FJ$"),
];

fn join(text: &str, code: &str) -> String {
    if code.is_empty() { text.to_owned() } else { format!("{text} {code}") }
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::amount;
    use serde_json::{Value, json};

    #[test]
    fn amounts_are_exact_in_every_currency() {
        let huge: Value = serde_json::from_str("123456789012345678901").unwrap_or_default();
        let cases = [
            (json!(9900), json!("eur"), Some("€99.00")),
            (json!(125_000), json!("USD"), Some("US$1,250.00")),
            (json!(5), json!("GBP"), Some("£0.05")),
            (json!(-550), json!("EUR"), Some("−€5.50")),
            (json!(1500), json!("JPY"), Some("JPY\u{a0}1,500")),
            (json!(1500), json!("KWD"), Some("KWD\u{a0}1.500")),
            (huge, json!("EUR"), Some("€1,234,567,890,123,456,789.01")),
            (json!(1), json!("zzz"), Some("1 ZZZ")),
            (json!(12.5), json!("EUR"), Some("12.5 EUR")),
            (json!("abc"), Value::Null, Some("abc")),
            (Value::Null, json!("EUR"), None),
        ];
        for (minor, currency, expected) in cases {
            assert_eq!(amount(&minor, &currency).as_deref(), expected, "{minor} {currency}");
        }
    }
}
