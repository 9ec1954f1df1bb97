//! When a fetch is tried again.

/// Intervals; the last repeats for ever: what a webhook hinted at is wanted whenever the API is back.
const INTERVALS_MS: [i64; 7] = [2_000, 10_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000];

/// A refused sign-in is tried again after this time, or at once with other keys.
pub(super) const SIGN_IN_MS: i64 = 60_000;

/// What the API does not know is asked for once more after this time.
pub(super) const NOT_THERE_MS: i64 = 10_000;

/// An answer that is as old as what was known before its webhook is asked for again after these times, and then believed.
pub(super) const BEHIND_MS: [i64; 2] = [5_000, 60_000];

/// While nothing can be verified for so long, webhooks of a source that says so are gone by.
pub(super) const GO_BY_AFTER_MS: i64 = 30_000;

/// No fetch is put off for longer.
pub(super) const LATEST_MS: i64 = 2 * 3_600_000;

/// The interval after so many failures before.
pub(super) fn interval_ms(failures: i64) -> i64 {
    let index = usize::try_from(failures).unwrap_or(0).min(INTERVALS_MS.len() - 1);
    INTERVALS_MS[index]
}
