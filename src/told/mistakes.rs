//! What is wrong with files, and what came of tests, for programs. Told by `waypost check --json`, `waypost test --json` and
//! the API.

use crate::document::{Diagnostic, Severity};
use crate::rehearsal::Report;
use serde::Serialize;
use utoipa::ToSchema;

/// One mistake in one file.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Mistake {
    /// `error`: the rules are refused. `warning`: they work, but probably not as meant.
    #[schema(example = "error")]
    pub severity: &'static str,
    /// Path within the rules folder.
    #[schema(example = "guests-to-hubspot.yaml")]
    pub file: String,
    /// Line, from 1; null where it is about the file as a whole.
    pub line: Option<u32>,
    /// Column in characters, from 1.
    pub column: Option<u32>,
    /// Length in characters.
    pub length: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
}

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TestReport {
    /// Path within the rules folder.
    #[schema(example = "guests-to-hubspot.test.yaml")]
    pub file: String,
    /// Line where it begins.
    pub line: u32,
    /// Its sentence.
    pub name: String,
    /// Whether all was as expected.
    pub passed: bool,
    /// What was not, each with what came and what was expected.
    pub differences: Vec<String>,
}

impl Mistake {
    /// A diagnostic.
    pub fn of(told: &Diagnostic) -> Self {
        let severity = match told.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self {
            severity,
            file: told.file.clone(),
            line: told.place.map(|place| place.line),
            column: told.place.map(|place| place.column),
            length: told.place.map(|place| place.length),
            message: told.message.clone(),
            hint: told.hint.clone(),
        }
    }
}

impl TestReport {
    /// A report.
    pub fn of(report: &Report) -> Self {
        Self {
            file: report.file.clone(),
            line: report.line,
            name: report.name.clone(),
            passed: report.differences.is_empty(),
            differences: report.differences.clone(),
        }
    }
}
