//! Whether a connection takes calls, in one word for programs, with its times. Said alike by the API and the command line.

use crate::domain::Millis;
use crate::ports::ConnectionState;

/// The word, since when it is so, and when it is tried next or rests until: `takes_calls`, `failing`, `rests`,
/// `does_not_answer`, `paused`, `needs_auth`.
pub fn connection_word(
    state: &ConnectionState,
    now: Millis,
) -> (&'static str, Option<Millis>, Option<Millis>) {
    let rests = state.rests_until.filter(|until| *until > now);
    if state.needs_auth.is_some() {
        ("needs_auth", state.stopped_since, None)
    } else if state.paused {
        ("paused", state.stopped_since, None)
    } else if state.tripped_since.is_some() {
        ("does_not_answer", state.tripped_since, state.probe_at)
    } else if rests.is_some() {
        ("rests", None, rests)
    } else if state.failures > 0 {
        ("failing", None, None)
    } else {
        ("takes_calls", None, None)
    }
}
