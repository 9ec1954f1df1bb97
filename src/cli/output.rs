//! How things are said: lines to standard output, sentences about errors, times as people tell them and as programs read
//! them, near names. All commands say through here.

use crate::domain::Millis;
pub(super) use crate::told::{capital, line_of};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::Write;

/// Asked in a way that can't be answered: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Wrong(String);

impl Wrong {
    /// A sentence and its way out.
    #[expect(clippy::new_ret_no_self, reason = "it is only ever made to be returned as an error")]
    pub fn new(text: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self(text.into()))
    }
}

/// Says a line. A reader that went away (`| head`) ends nothing.
pub(super) fn say(line: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", line.as_ref()).and_then(|()| out.flush());
}

/// Says something for programs: one object, one line.
pub(super) fn say_json(told: &impl serde::Serialize) {
    say(serde_json::json!(told).to_string());
}

/// Says something beside the data, so that it does not get into a file or a pipe.
pub(super) fn note(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
}

/// An error with its causes as one or more sentences.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for part in error.chain().map(ToString::to_string) {
        let part = part.trim().trim_end_matches('.');
        // Some say their cause themselves.
        if text.contains(part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(part);
    }
    if !text.ends_with(['?', ')']) {
        text.push('.');
    }
    capital(&text)
}

/// A time for people, exact, in this machine's zone, which is named.
pub(super) fn exact(at: Millis) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => at.to_string(),
    }
}

/// The clock's time of a moment, with milliseconds.
pub(super) fn time_of_day(at: Millis) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string(),
        Err(_) => at.to_string(),
    }
}

/// A time for people: `4 minutes ago`, `in 30 seconds`.
pub(super) fn ago(at: Millis, now: Millis) -> String {
    let seconds = (now - at) / 1_000;
    let span = span(seconds.abs());
    match seconds {
        -1..=1 => "just now".to_owned(),
        2.. => format!("{span} ago"),
        _ => format!("in {span}"),
    }
}

fn span(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let (many, unit) = match seconds {
        ..MINUTE => (seconds, "second"),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..=172_799 => (seconds / HOUR, "hour"),
        _ => (seconds / DAY, "day"),
    };
    counted(many, unit)
}

/// `1 rule`, `3 rules`.
pub(super) fn counted(many: impl TryInto<i64>, unit: &str) -> String {
    match many.try_into() {
        Ok(1) => format!("1 {unit}"),
        Ok(many) => format!("{many} {unit}s"),
        Err(_) => format!("many {unit}s"),
    }
}

/// ` Did you mean "harbour-tours"?`, or which there are, or nothing.
pub(super) fn near<'n>(name: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    if let Some(near) = crate::document::suggest(name, known.clone()) {
        return format!(". Did you mean \"{near}\"?");
    }
    let known: Vec<&str> = known.take(12).collect();
    if known.is_empty() { String::new() } else { format!(". There is: {}", known.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::{ago, capital, exact, sentence};
    use anyhow::Context;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now = 1_800_000_000_000;
        let told: Vec<String> =
            [0, 1_500, 12_000, 60_000, 299_000, 3_600_000, 47 * 3_600_000, 50 * 3_600_000]
                .into_iter()
                .map(|before| ago(now - before, now))
                .collect();
        let expected = [
            "just now",
            "just now",
            "12 seconds ago",
            "1 minute ago",
            "4 minutes ago",
            "1 hour ago",
            "47 hours ago",
            "2 days ago",
        ];
        assert_eq!(told, expected);
        assert_eq!(ago(now + 30_000, now), "in 30 seconds");
    }

    #[test]
    fn exact_times_name_the_day() {
        assert!(exact(1_800_000_000_123).starts_with("2027-01-1"));
    }

    #[test]
    fn errors_are_sentences() {
        let error = anyhow::anyhow!("the disk is full.").context("the database did not store it.");
        assert_eq!(sentence(&error), "The database did not store it: the disk is full.");
        let told = Err::<(), _>(anyhow::anyhow!("b")).context("a: b").unwrap_err();
        assert_eq!(sentence(&told), "A: b.");
        assert_eq!(capital("émile"), "Émile");
    }
}
