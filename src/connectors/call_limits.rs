//! Limits of a booking system's API, as its vendor states them: so many calls a second, so many in each of several windows,
//! so many at once. `source_api` keeps them.

use super::limits::{RateLimits, read_limits};
use crate::document::{Diagnostic, Fields, Node, Yaml};

/// Windows that one API may have.
const WINDOWS_MAX: usize = 8;
/// Calls that a window may hold: each is remembered while it lasts.
const WINDOW_CALLS_MAX: u64 = 100_000;
/// The longest window.
const WINDOW_MS_MAX: i64 = 3_600_000;

/// Limits of all calls of one credential.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallLimits {
    /// Calls per second, and calls at once.
    pub rate: RateLimits,
    /// Further windows, each of which holds at most so many calls wherever it begins.
    pub windows: Vec<CallWindow>,
}

/// At most so many calls in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallWindow {
    /// Calls.
    pub calls: u64,
    /// Length.
    pub per_ms: i64,
}

/// Reads `limits: { per_second, windows: [ { calls, per } ], concurrency }` over what holds without it.
pub(super) fn read_call_limits(
    file: &str,
    node: &Node,
    base: &CallLimits,
    diagnostics: &mut Vec<Diagnostic>,
) -> CallLimits {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`limits` must be a map, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("write `limits: { per_second: 5, windows: [ { calls: 200, per: 1min } ] }`"),
        );
        return base.clone();
    };
    // The windows are taken out, and the rest is read as the limits of a connection are.
    let mut rest = node.clone();
    let mut windows = None;
    if let Yaml::Map(kept) = &mut rest.yaml {
        kept.retain(|entry| entry.key != "windows");
        windows = entries.iter().find(|entry| entry.key == "windows").map(|entry| &entry.value);
    }
    let rate = read_limits(file, &rest, base.rate, diagnostics);
    let windows = match windows {
        Some(node) => read_windows(file, node, diagnostics),
        None => base.windows.clone(),
    };
    CallLimits { rate, windows }
}

fn read_windows(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<CallWindow> {
    let items = match &node.yaml {
        Yaml::List(items) if items.len() <= WINDOWS_MAX => items,
        _ => {
            let message = format!("`windows` must be a list of at most {WINDOWS_MAX} windows.");
            diagnostics.push(
                Diagnostic::error(file, Some(node.place), message)
                    .hint("write `windows: [ { calls: 3000, per: 5min } ]`"),
            );
            return Vec::new();
        }
    };
    let mut windows = Vec::new();
    for item in items {
        let mut fields = Fields::new(file, "a window", item, diagnostics);
        let calls = fields.count("calls");
        let per = fields.duration("per");
        fields.finish();
        let per_ms = per.map(|per| i64::try_from(per.as_millis()).unwrap_or(i64::MAX));
        match (calls, per_ms) {
            (Some(calls), Some(per_ms))
                if (1..=WINDOW_CALLS_MAX).contains(&calls) && (1..=WINDOW_MS_MAX).contains(&per_ms) =>
            {
                windows.push(CallWindow { calls, per_ms });
            }
            (Some(_), Some(_)) => diagnostics.push(
                Diagnostic::error(
                    file,
                    Some(item.place),
                    "A window holds 1 to 100000 calls, within an hour at most.",
                )
                .hint("write `{ calls: 3000, per: 5min }`"),
            ),
            _ => diagnostics.push(
                Diagnostic::error(
                    file,
                    Some(item.place),
                    "A window says how many `calls` it holds, and `per` which time.",
                )
                .hint("write `{ calls: 3000, per: 5min }`"),
            ),
        }
    }
    windows
}
