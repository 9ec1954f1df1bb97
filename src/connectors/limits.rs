//! How often a connection is called, and when a failed call is tried again.

use crate::document::{Diagnostic, Fields, Node, Yaml};

/// Calls per second beyond this are no limit.
const PER_SECOND_MAX: f64 = 10_000.0;
/// Shorter intervals would hammer.
const INTERVAL_MS_MIN: i64 = 100;

/// Limits of calls. `None` = none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimits {
    /// Calls per second, kept as spacing and burst so that no second ever holds more.
    pub per_second: Option<f64>,
    /// Calls in flight.
    pub concurrency: Option<u32>,
}

/// When to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Intervals; the last repeats. Never empty.
    pub intervals_ms: Vec<i64>,
    /// After which time of trying to give up.
    pub give_up_after_ms: i64,
}

impl Default for RetrySchedule {
    fn default() -> Self {
        const SECOND: i64 = 1_000;
        const MINUTE: i64 = 60 * SECOND;
        const HOUR: i64 = 60 * MINUTE;
        Self {
            intervals_ms: vec![
                5 * SECOND,
                30 * SECOND,
                2 * MINUTE,
                10 * MINUTE,
                30 * MINUTE,
                HOUR,
                2 * HOUR,
                4 * HOUR,
            ],
            give_up_after_ms: 72 * HOUR,
        }
    }
}

/// Reads `limits:` over what holds without it.
pub(super) fn read_limits(
    file: &str,
    node: &Node,
    base: RateLimits,
    diagnostics: &mut Vec<Diagnostic>,
) -> RateLimits {
    let mut fields = Fields::new(file, "limits", node, diagnostics);
    let per_second = fields.node("per_second");
    let concurrency = fields.count("concurrency");
    let place = fields.place();
    if concurrency == Some(0) {
        fields.report(
            Diagnostic::error(file, Some(place), "`concurrency: 0` would make no call at all.")
                .hint("write 1 or more; `enabled: false` stops a connection"),
        );
    }
    fields.finish();
    let mut limits = base;
    if let Some(concurrency) = concurrency.filter(|count| *count > 0) {
        limits.concurrency = Some(u32::try_from(concurrency).unwrap_or(u32::MAX));
    }
    if let Some(node) = per_second {
        let number = match &node.yaml {
            Yaml::Number(number) => number.to_string().parse::<f64>().ok(),
            _ => None,
        };
        match number.filter(|number| *number > 0.0 && *number <= PER_SECOND_MAX) {
            Some(number) => limits.per_second = Some(number),
            None => diagnostics.push(
                Diagnostic::error(file, Some(node.place), "`per_second` must be a number above 0.")
                    .hint("write `per_second: 10`, or `per_second: 0.5` for one call in two seconds"),
            ),
        }
    }
    limits
}

/// Reads `retry:` over what holds without it. Rules have the same key.
pub fn read_retry(
    file: &str,
    node: &Node,
    base: &RetrySchedule,
    diagnostics: &mut Vec<Diagnostic>,
) -> RetrySchedule {
    let mut fields = Fields::new(file, "retry", node, diagnostics);
    let schedule = fields.durations("schedule");
    let give_up_after = fields.duration("give_up_after");
    let place = fields.place();
    let intervals: Vec<i64> = schedule.iter().map(|interval| interval.as_millis() as i64).collect();
    if intervals.iter().any(|interval| *interval < INTERVAL_MS_MIN) {
        fields.report(
            Diagnostic::error(file, Some(place), "An interval of the schedule is shorter than 100ms.")
                .hint("write 1s or more, so that a struggling system is not hammered"),
        );
    }
    fields.finish();
    RetrySchedule {
        intervals_ms: if intervals.is_empty() { base.intervals_ms.clone() } else { intervals },
        give_up_after_ms: give_up_after.map_or(base.give_up_after_ms, |after| after.as_millis() as i64),
    }
}
