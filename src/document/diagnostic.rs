//! What is wrong, where, and the way out. The same text in CLI, editor and pages.

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Length in characters, at least 1.
    pub length: u32,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The ruleset is refused.
    Error,
    /// The ruleset works, but probably not as meant.
    Warning,
}

/// One mistake in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Path within the rules folder, with `/`.
    pub file: String,
    /// Where; `None` for the file as a whole.
    pub place: Option<Place>,
    /// One sentence.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(file: &str, place: Option<Place>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, file: file.into(), place, message: message.into(), hint: None }
    }

    /// A warning at a place.
    pub fn warning(file: &str, place: Option<Place>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, place, message) }
    }

    /// The same with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The text for people: `file:line:column: error: message`, the excerpt with a mark under it, and the hint.
/// `source` is the file's text, `None` where it can't be shown.
pub fn render(_diagnostic: &Diagnostic, _source: Option<&str>) -> String {
    todo!()
}
