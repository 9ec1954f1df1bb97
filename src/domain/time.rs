//! Time as the database keeps it: milliseconds since 1970, UTC. The datetimes of payloads keep their own offset.

use jiff::{Timestamp, Zoned};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

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
