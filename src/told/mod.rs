//! How programs are told: one shape per noun, written as JSON by the commands' `--json` and by the API alike, so that these
//! can't differ. Each has a schema, which the API's document is made of.
//!
//! Invariant: a key that is told stays: outsiders rely on it (design §5). Times are RFC 3339 in UTC with milliseconds.
//! Kept by `tests/cli` and `tests/web/api_*.rs`.

mod applies;
mod bookings;
mod connections;
mod events;
mod findings;
mod mistakes;
mod names;
mod people;
mod runs;
mod walks;
mod why;

pub use applies::{ApplyAhead, ApplyExample, ApplyFigures, Reason};
pub use bookings::Booking;
pub use connections::connection_word;
pub use events::{Change, Event};
pub use findings::{Finding, health_word};
pub use mistakes::{Mistake, TestReport};
pub use names::Names;
pub use people::Person;
pub use runs::{Attempt, Field, FieldPlace, FieldRead, Run, RunChange, RunExplained, Step, StepWithout, Why};
pub use walks::{Walk, WalkEstimate, WalkFigures, WalkFound};
pub use why::{capital, change_as_sentence, line_of, paths_in_words, why_no_run};

use crate::domain::Millis;
use jiff::Timestamp;

/// A time for programs: RFC 3339, UTC, milliseconds.
pub fn rfc3339(at: Millis) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn times_for_programs_have_milliseconds_and_utc() {
        assert_eq!(rfc3339(1_800_000_000_000), "2027-01-15T08:00:00.000Z");
        assert_eq!(rfc3339(1_800_000_000_123), "2027-01-15T08:00:00.123Z");
    }
}
