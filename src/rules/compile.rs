//! Files → ruleset or diagnostics. Validated whole.

use super::{Files, Ruleset};
use crate::document::Diagnostic;
use std::sync::Arc;

/// What came of a folder.
pub struct Compiled {
    /// The ruleset, where there is no error.
    pub ruleset: Option<Arc<Ruleset>>,
    /// What is wrong, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a folder. `has_secret` says whether a secret has a value (`None`: not known, no warnings);
/// its absence is a warning.
pub fn compile(
    _files: &Files,
    _has_secret: Option<&dyn Fn(&crate::connectors::SecretRef) -> bool>,
) -> Compiled {
    todo!()
}
