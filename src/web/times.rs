//! Time in words: "4 minutes ago" with the exact moment beside it in the viewer's zone, and a tour's time in the tour's own.
//! The pages hand in what time it is; in which zone it is told, `zone` knows.

use super::zone;
use crate::domain::{Millis, parse_datetime};
use jiff::{Timestamp, Zoned};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A moment as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// `4 minutes ago`, `in 2 hours`, from a fortnight on the date.
    pub ago: String,
    /// `Sat 14 March 2027, 09:30:12 CET`.
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
        let zoned = moment.to_zoned(zone::here());
        Self {
            ago: distance(at, now).unwrap_or_else(|| zoned.strftime("%-d %B %Y").to_string()),
            exact: zoned.strftime("%a %-d %B %Y, %H:%M:%S %Z").to_string(),
            machine: moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
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
    crate::domain::counted(count, what)
}

/// A moment in the viewer's zone.
fn local(at: Millis) -> Option<Zoned> {
    Timestamp::from_millisecond(at).ok().map(|at| at.to_zoned(zone::here()))
}

/// The day of a moment: `Saturday 14 March 2027`.
pub fn day(at: Millis) -> String {
    local(at).map_or_else(|| "An unknown day".to_owned(), |at| at.strftime("%A %-d %B %Y").to_string())
}

/// `09:00`, without a zone.
pub fn hour_of_day(at: Millis) -> String {
    local(at).map_or_else(String::new, |at| at.strftime("%H:%M").to_string())
}

/// `14 March`.
pub fn date_short(at: Millis) -> String {
    local(at).map_or_else(String::new, |at| at.strftime("%-d %b").to_string())
}

/// `2027-03-14`, for a form.
pub fn date_in_form(at: Millis) -> String {
    local(at).map_or_else(String::new, |at| at.strftime("%Y-%m-%d").to_string())
}

/// When a day began that is so many days before the one of this moment (or after it, below zero).
pub fn start_of_day(at: Millis, days_before: i64) -> Millis {
    let begun = |zoned: Zoned| {
        let day = zoned.date().checked_sub(jiff::Span::new().try_days(days_before).ok()?).ok()?;
        day.to_zoned(zone::here()).ok().map(|start| start.timestamp().as_millisecond())
    };
    local(at).and_then(begun).unwrap_or(at)
}

/// When a day of a form (`2027-03-14`) begins, or the day after it. `None`: it is no day.
pub fn day_begins(text: &str, days_after: i64) -> Option<Millis> {
    let day: jiff::civil::Date = text.trim().parse().ok()?;
    let day = day.checked_add(jiff::Span::new().try_days(days_after).ok()?).ok()?;
    Some(day.to_zoned(zone::here()).ok()?.timestamp().as_millisecond())
}

/// `Saturday`.
pub fn weekday(at: Millis) -> String {
    local(at).map_or_else(|| "day".to_owned(), |at| at.strftime("%A").to_string())
}

/// `09:30`, with the zone where it is not the viewer's own.
pub fn clock_time(at: Millis) -> String {
    let form = if zone::is_own() { "%H:%M" } else { "%H:%M %Z" };
    local(at).map_or_else(|| "an unknown time".to_owned(), |at| at.strftime(form).to_string())
}

/// `09:00`, `yesterday 09:00` or `13 March 09:00`, seen from `now`.
pub fn since_words(at: Millis, now: Millis) -> String {
    let (Some(then), Some(today)) = (local(at), local(now)) else { return "an unknown time".to_owned() };
    let apart = today.date().since(then.date()).map_or(i32::MAX, |span| span.get_days());
    match apart {
        0 => format!("{} today", clock_time(at)),
        1 => format!("{} yesterday", clock_time(at)),
        _ => then.strftime("%-d %B").to_string(),
    }
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
    /// `UTC−10`; empty where the text says none, or the viewer's clock shows the same.
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
            _ if zone::is_offset_here(zoned.timestamp(), zoned.offset()) => String::new(),
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
