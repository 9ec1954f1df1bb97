//! Filters of the lists (`events`, `runs`, `bookings`): read, and paged through until there are as many rows as wanted.

use super::output::{Wrong, note, say};
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

/// What one look at the database came to.
pub(super) struct Page {
    /// Rows that it gave.
    pub rows: usize,
    /// Rows of them that were told.
    pub told: usize,
    /// The place of the last one, behind which the next look goes on.
    pub last: Option<i64>,
}

/// Tells page after page until there are as many rows as wanted, or no more. `tell` looks for so many rows before a place,
/// and tells them; `json`: what is said for people is left out.
pub(super) async fn tell_pages(
    what: &str,
    (wanted, json): (i64, bool),
    mut before: Option<i64>,
    mut tell: impl AsyncFnMut(i64, Option<i64>) -> anyhow::Result<Page>,
) -> anyhow::Result<()> {
    let mut told = 0;
    loop {
        let limit = (wanted - told as i64).clamp(1, PAGE);
        let page = tell(limit, before).await?;
        // A page of bookings may be longer: it ends with all bookings of its last event.
        let full = page.rows as i64 >= limit;
        before = page.last;
        told += page.told;
        let enough = told as i64 >= wanted;
        if enough && full && !json {
            note(format!("There are more: --before {} goes on.", before.unwrap_or_default()));
        }
        if enough || !full {
            break;
        }
    }
    if told == 0 && !json {
        say(format!("No {what} are like that."));
    }
    Ok(())
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
