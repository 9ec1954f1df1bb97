//! Time in words: "4 minutes ago" with the exact moment beside it, and a tour's time in the tour's own zone. Pure; the
//! pages hand in what time it is.

use crate::domain::{Millis, parse_datetime};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A moment as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// `4 minutes ago`, `in 2 hours`, from a fortnight on the date.
    pub ago: String,
    /// `Sat 14 March 2027, 09:30:12 UTC`; the script turns it into the viewer's zone.
    pub exact: String,
    /// RFC 3339, for `<time datetime>`.
    pub machine: String,
}

impl Moment {
    /// The moment, seen from `now`.
    pub fn of(at: Millis, now: Millis) -> Self {
        let Ok(moment) = Timestamp::from_millisecond(at) else {
            let unknown = "at an unknown time".to_owned();
            return Self { ago: unknown.clone(), exact: unknown, machine: String::new() };
        };
        let zoned = moment.to_zoned(TimeZone::UTC);
        Self {
            ago: distance(at, now).unwrap_or_else(|| zoned.strftime("%-d %B %Y").to_string()),
            exact: zoned.strftime("%a %-d %B %Y, %H:%M:%S UTC").to_string(),
            machine: zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }
}

/// `None`: more than a fortnight.
fn distance(at: Millis, now: Millis) -> Option<String> {
    let apart = now.saturating_sub(at).saturating_abs();
    let words = match apart {
        _ if apart < 10 * SECOND => return Some(String::from("just now")),
        _ if apart < MINUTE => counted(apart / SECOND, "second"),
        _ if apart < HOUR => counted(apart / MINUTE, "minute"),
        _ if apart < 2 * DAY => counted(apart / HOUR, "hour"),
        _ if apart < 14 * DAY => counted(apart / DAY, "day"),
        _ => return None,
    };
    Some(if at > now { format!("in {words}") } else { format!("{words} ago") })
}

/// `1 booking`, `3 bookings`.
pub fn counted(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The day of a moment, in UTC: `Saturday 14 March 2027`.
pub fn day(at: Millis) -> String {
    Timestamp::from_millisecond(at).map_or_else(
        |_| "An unknown day".to_owned(),
        |at| at.to_zoned(TimeZone::UTC).strftime("%A %-d %B %Y").to_string(),
    )
}

/// `09:30`, in UTC.
pub fn clock_time(at: Millis) -> String {
    Timestamp::from_millisecond(at).map_or_else(
        |_| "an unknown time".to_owned(),
        |at| at.to_zoned(TimeZone::UTC).strftime("%H:%M UTC").to_string(),
    )
}

/// `180 ms`, `2.4 s`.
pub fn took(ms: i64) -> String {
    if ms < SECOND { format!("{ms} ms") } else { format!("{}.{} s", ms / SECOND, ms % SECOND / 100) }
}

/// When a tour is, in its own zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TripTime {
    /// `Sat 14 March 2027, 09:30`; a text that is no datetime as it is.
    pub words: String,
    /// `UTC−10`; empty where the text says none.
    pub zone: String,
    /// For `<time datetime>`; empty where it is no datetime.
    pub machine: String,
}

impl TripTime {
    /// From the common view's text.
    pub fn of(text: &str) -> Self {
        let Some(zoned) = parse_datetime(text) else {
            return Self { words: text.to_owned(), zone: String::new(), machine: String::new() };
        };
        let seconds = zoned.offset().seconds();
        let sign = if seconds < 0 { '−' } else { '+' };
        let minutes = seconds.abs() / 60;
        let zone = match (minutes / 60, minutes % 60) {
            (0, 0) => "UTC".to_owned(),
            (hours, 0) => format!("UTC{sign}{hours}"),
            (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
        };
        Self {
            words: zoned.strftime("%a %-d %B %Y, %H:%M").to_string(),
            zone,
            machine: zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY, HOUR, MINUTE, Moment, TripTime, took};

    #[test]
    fn moments_are_told_as_people_say_them() {
        let now = 1_805_000_000_000;
        let cases = [
            (0, "just now"),
            (-30_000, "30 seconds ago"),
            (-MINUTE, "1 minute ago"),
            (4 * MINUTE, "in 4 minutes"),
            (-3 * HOUR, "3 hours ago"),
            (-47 * HOUR, "47 hours ago"),
            (-3 * DAY, "3 days ago"),
            (-20 * DAY, "22 February 2027"),
        ];
        for (offset, expected) in cases {
            assert_eq!(Moment::of(now + offset, now).ago, expected);
        }
        assert_eq!(Moment::of(now, now).exact, "Sun 14 March 2027, 04:53:20 UTC");
        assert_eq!(Moment::of(i64::MAX, i64::MIN).ago, "at an unknown time");
        assert_eq!((took(180).as_str(), took(2_450).as_str()), ("180 ms", "2.4 s"));
    }

    #[test]
    fn a_tour_is_told_in_its_own_zone() {
        let cases = [
            ("2015-01-22T11:30:00-1000", "Thu 22 January 2015, 11:30", "UTC−10"),
            ("2027-03-14T09:30:00+05:30", "Sun 14 March 2027, 09:30", "UTC+5:30"),
            ("2027-03-14T09:30:00Z", "Sun 14 March 2027, 09:30", "UTC"),
            ("soon", "soon", ""),
        ];
        for (text, words, zone) in cases {
            let told = TripTime::of(text);
            assert_eq!((told.words.as_str(), told.zone.as_str()), (words, zone));
        }
    }
}
