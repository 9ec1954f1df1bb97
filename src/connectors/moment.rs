//! Moments as outside systems write them: seconds or milliseconds since 1970 as a number or a text, or a date and time
//! with or without an offset. Which of them it is shows in size and shape; no sender says.

use crate::domain::{Millis, parse_datetime};
use serde_json::Value;

/// Seconds of the year 5138: a larger number counts milliseconds.
const SECONDS_MAX: f64 = 1e11;
/// Milliseconds of the year 5138: a larger number counts microseconds, and a thousandfold of it nanoseconds.
const MILLIS_MAX: f64 = 1e14;
const MICROS_MAX: f64 = 1e17;
/// Seconds of 1973-03-03: a smaller number is a count of something else.
const SECONDS_MIN: f64 = 1e8;

/// The moment that a value names; `None` where it names none.
pub(super) fn read_moment(value: &Value) -> Option<Millis> {
    match value {
        Value::Number(number) => of_number(number.as_f64()?),
        Value::String(text) => of_text(text.trim()),
        _ => None,
    }
}

fn of_number(number: f64) -> Option<Millis> {
    let millis = match number {
        n if !n.is_finite() || n < SECONDS_MIN => return None,
        n if n < SECONDS_MAX => n * 1e3,
        n if n < MILLIS_MAX => n,
        n if n < MICROS_MAX => n / 1e3,
        n if n < MICROS_MAX * 1e3 => n / 1e6,
        _ => return None,
    };
    Some(millis.round() as Millis)
}

fn of_text(text: &str) -> Option<Millis> {
    if text.is_empty() || text.len() > 64 || !text.is_ascii() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return of_number(text.parse().ok()?);
    }
    if let Some(moment) = parse_datetime(text) {
        return Some(moment.timestamp().as_millisecond());
    }
    // Without an offset it is taken as UTC: the order of one sender's moments is what counts.
    let spaced = text.replacen(' ', "T", 1);
    if let Some(moment) = parse_datetime(&spaced) {
        return Some(moment.timestamp().as_millisecond());
    }
    let civil: jiff::civil::DateTime = spaced.parse().ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::read_moment;
    use serde_json::{Value, json};

    #[test]
    fn size_and_shape_say_what_a_moment_is_written_in() {
        let at = 1_600_000_000_000_i64;
        let cases: [(Value, Option<i64>); 18] = [
            (json!(1_600_000_000), Some(at)),
            (json!(1_600_000_000_000_i64), Some(at)),
            (json!(1_600_000_000_000_000_i64), Some(at)),
            (json!(1_600_000_000_000_000_000_i64), Some(at)),
            (json!(1_600_000_000.25), Some(at + 250)),
            (json!("1600000000"), Some(at)),
            (json!("1600000000.250"), Some(at + 250)),
            (json!("2020-09-13T12:26:40Z"), Some(at)),
            (json!("2020-09-13T14:26:40+0200"), Some(at)),
            (json!("2020-09-13 12:26:40"), Some(at)),
            (json!(" 2020-09-13T12:26:40.000 "), Some(at)),
            (json!("2020-09-13"), Some(at - 44_800_000)),
            (json!(7), None),
            (json!(-5), None),
            (json!("soon"), None),
            (json!(""), None),
            (json!(null), None),
            (json!(true), None),
        ];
        for (value, expected) in cases {
            assert_eq!(read_moment(&value), expected, "{value}");
        }
    }
}
