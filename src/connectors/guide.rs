//! What people are to click in the other system: steps of a manifest, shown where something is connected.

use super::manifest::{Verified, read_verified};
use crate::document::{Diagnostic, Fields, Node};

/// Steps of a guide: more would not be read.
const STEPS_MAX: usize = 12;

/// What to click in the other system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guide {
    /// Sentences, in their order.
    pub steps: Vec<String>,
    /// How sure we are of them.
    pub verified: Verified,
}

/// Reads `guide:`.
pub(super) fn read_guide(
    file: &str,
    node: &Node,
    whole: Verified,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Guide> {
    let mut fields = Fields::new(file, "a guide", node, diagnostics);
    let verified = fields.text("verified");
    let steps: Vec<String> = fields.texts("steps").into_iter().map(|(step, _)| step).collect();
    let place = fields.place();
    fields.finish();
    if steps.is_empty() || steps.len() > STEPS_MAX || steps.iter().any(|step| step.trim().is_empty()) {
        let message = format!("A guide has 1 to {STEPS_MAX} steps.");
        diagnostics.push(
            Diagnostic::error(file, Some(place), message)
                .hint("write `steps:` and below it a list of sentences"),
        );
        return None;
    }
    let verified = read_verified(file, verified.as_deref(), place, diagnostics).unwrap_or(whole);
    Some(Guide { steps, verified })
}
