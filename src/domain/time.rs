//! Time as the database keeps it: milliseconds since 1970, UTC. The datetimes of payloads keep their own offset.

use jiff::{Timestamp, Zoned};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// Seconds of the year 5138: a larger number counts milliseconds.
const SECONDS_MAX: f64 = 1e11;
/// Milliseconds of the year 5138: a larger number counts microseconds, and a thousandfold of it nanoseconds.
const MILLIS_MAX: f64 = 1e14;
const MICROS_MAX: f64 = 1e17;
/// Seconds of 1973-03-03: a smaller number is a count of something else.
const SECONDS_MIN: f64 = 1e8;

/// Reads a datetime as booking systems write them: RFC 3339, or with an offset without colon
/// (`2015-01-22T11:30:00-1000`), or with `Z`; seconds and fractions optional. The result keeps the text's own offset.
/// A text without any offset is not a moment: `None`.
pub fn parse_datetime(text: &str) -> Option<Zoned> {
    let text = text.trim();
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    if let Some(head) = text.strip_suffix(['Z', 'z']) {
        let time: Timestamp = format!("{head}Z").parse().ok()?;
        return Some(time.to_zoned(jiff::tz::TimeZone::UTC));
    }
    let sign = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    let (head, offset) = text.split_at(sign);
    let digits: String = offset[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits[..2].parse::<i32>().ok()?, digits[2..].parse::<i32>().ok()?),
        _ => return None,
    };
    let seconds = (hours * 60 + minutes) * 60 * if offset.starts_with('-') { -1 } else { 1 };
    let offset = jiff::tz::Offset::from_seconds(seconds).ok()?;
    let civil: jiff::civil::DateTime = head.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::fixed(offset)).ok()
}

/// The moment that a number counts to, by its size; `None` where it counts something else.
pub fn moment_of_number(number: f64) -> Option<Millis> {
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

/// The moment that a text names: a count of seconds or milliseconds, or a date and time. Without an offset it is taken as
/// UTC: the order of one sender's moments is what counts.
pub fn read_moment(text: &str) -> Option<Millis> {
    let text = text.trim();
    if text.is_empty() || text.len() > 64 || !text.is_ascii() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return moment_of_number(text.parse().ok()?);
    }
    if let Some(moment) = parse_datetime(text) {
        return Some(moment.timestamp().as_millisecond());
    }
    let spaced = text.replacen(' ', "T", 1);
    if let Some(moment) = parse_datetime(&spaced) {
        return Some(moment.timestamp().as_millisecond());
    }
    let civil: jiff::civil::DateTime = spaced.parse().ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::parse_datetime;

    #[test]
    fn offsets_without_a_colon_are_read() {
        let cases = [
            ("2015-01-22T11:30:00-1000", Some("2015-01-22T21:30:00Z")),
            ("2015-01-22T11:30:00-10:00", Some("2015-01-22T21:30:00Z")),
            ("2015-01-22T11:30:00+02", Some("2015-01-22T09:30:00Z")),
            ("2015-01-22T11:30Z", Some("2015-01-22T11:30:00Z")),
            ("2015-01-22T11:30:00.250Z", Some("2015-01-22T11:30:00.25Z")),
            ("2015-01-22T11:30:00", None),
            ("2015-01-22", None),
            ("soon", None),
        ];
        for (text, expected) in cases {
            let read = parse_datetime(text).map(|z| z.timestamp().to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
