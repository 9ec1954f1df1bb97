//! Filters of the lists (`events`, `runs`, `bookings`): read, and paged through until there are as many rows as wanted.

use super::output::Wrong;
use crate::domain::Millis;

/// Rows of one look at the database.
const PAGE: i64 = 200;

/// Reads `--since`: `30s`, `15m`, `2h`, `3d`, `1w` before now, or a date or datetime of this machine's zone.
pub(super) fn since(text: &str, now: Millis) -> anyhow::Result<Millis> {
    let text = text.trim();
    if let Some(before) = duration(text) {
        return Ok(now - before);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let zone = jiff::tz::TimeZone::system();
    let civil = text.parse::<jiff::civil::DateTime>().or_else(|_| {
        text.parse::<jiff::civil::Date>().map(|date| date.to_datetime(jiff::civil::Time::midnight()))
    });
    if let Ok(zoned) = civil.and_then(|civil| civil.to_zoned(zone)) {
        return Ok(zoned.timestamp().as_millisecond());
    }
    Err(Wrong::new(format!(
        "\"{text}\" is no time for --since. Write 30s, 15m, 2h, 3d or 1w, or a date such as 2027-03-14"
    )))
}

fn duration(text: &str) -> Option<Millis> {
    let unit = text.chars().last()?;
    let each: i64 = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 7 * 86_400_000,
        _ => return None,
    };
    let many: u32 = text[..text.len() - unit.len_utf8()].trim().parse().ok()?;
    i64::from(many).checked_mul(each)
}

/// How many rows to ask for next, when so many are there of so many wanted.
pub(super) fn page(wanted: i64, there: usize) -> i64 {
    (wanted - there as i64).clamp(1, PAGE)
}

#[cfg(test)]
mod tests {
    use super::since;

    #[test]
    fn since_is_a_span_or_a_moment() {
        let now = 1_800_000_000_000;
        let cases = [
            ("90s", Some(now - 90_000)),
            ("2h", Some(now - 7_200_000)),
            ("3 d", Some(now - 259_200_000)),
            ("2027-01-15T08:00:00Z", Some(now)),
            ("2027-01-15T09:00:00+01:00", Some(now)),
            ("yesterday", None),
            ("", None),
            ("h", None),
            ("-2h", None),
            ("2é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(since(text, now).ok(), expected, "{text}");
        }
        assert!(since("2027-01-15", now).is_ok());
    }
}
