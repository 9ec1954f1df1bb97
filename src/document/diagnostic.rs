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
pub fn render(diagnostic: &Diagnostic, source: Option<&str>) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place =
        diagnostic.place.map_or_else(String::new, |place| format!(":{}:{}", place.line, place.column));
    let file = printable(&diagnostic.file);
    let mut text = format!("{file}{place}: {severity}: {}", printable(&diagnostic.message));
    if let (Some(place), Some(source)) = (diagnostic.place, source) {
        excerpt(&mut text, place, source);
    }
    if let Some(hint) = &diagnostic.hint {
        text.push_str("\nhint: ");
        text.push_str(&printable(hint));
    }
    text
}

/// Characters of a line that are shown; longer ones are cut around the mark.
const EXCERPT_CHARS_MAX: usize = 100;

fn excerpt(text: &mut String, place: Place, source: &str) {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let Some(line) = source.split('\n').nth((place.line as usize).saturating_sub(1)) else { return };
    let line: Vec<char> = printable(line.trim_end_matches('\r')).chars().collect();
    let mark = (place.column as usize).saturating_sub(1).min(line.len());
    let length = (place.length.max(1) as usize).min(line.len().saturating_sub(mark).max(1));
    // What is shown begins so that the mark and a good part of what stands before it can be seen.
    let start = if line.len() <= EXCERPT_CHARS_MAX {
        0
    } else {
        mark.saturating_sub(EXCERPT_CHARS_MAX / 2).min(line.len() - EXCERPT_CHARS_MAX)
    };
    let end = line.len().min(start + EXCERPT_CHARS_MAX);
    let before = if start > 0 { "…" } else { "" };
    let after = if end < line.len() { "…" } else { "" };
    let shown: String = line[start..end].iter().collect();
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(mark - start + before.chars().count());
    let carets = "^".repeat(length.min(end.saturating_sub(mark).max(1)));
    for part in
        ["\n", &margin, " |\n", &number, " | ", before, &shown, after, "\n", &margin, " | ", &indent, &carets]
    {
        text.push_str(part);
    }
}

/// A file's bytes never reach a terminal as they are: control characters become blanks, one for one.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
                ' '
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Place, render};

    #[test]
    fn a_diagnostic_shows_its_place_and_the_way_out() {
        let place = Place { line: 2, column: 3, length: 4 };
        let told = Diagnostic::error("a.yaml", Some(place), "`whne` is no key of a rule.")
            .hint("did you mean `when`?");
        insta::assert_snapshot!(render(&told, Some("title: x\n\t\twhne: y\u{1b}[0m\r\n")), @r"
        a.yaml:2:3: error: `whne` is no key of a rule.
          |
        2 |   whne: y [0m
          |   ^^^^
        hint: did you mean `when`?
        ");
        assert_eq!(render(&Diagnostic::warning("a.yaml", None, "Odd."), None), "a.yaml: warning: Odd.");
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let line = format!("{}MARK{}", "a".repeat(5000), "b".repeat(5000));
        let place = Place { line: 1, column: 5001, length: 4 };
        let shown = render(&Diagnostic::error("a.yaml", Some(place), "Here."), Some(&line));
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() < 120), "{shown}");
        let at = lines[2].find("MARK").map(|at| lines[2][..at].chars().count());
        assert_eq!(at, lines[3].find("^^^^"));
    }

    #[test]
    fn a_place_outside_of_the_text_does_no_harm() {
        for (line, column, length) in [(0, 0, 0), (9, 1, 1), (1, 99, 99), (2, 1, 1)] {
            let place = Place { line, column, length };
            render(&Diagnostic::error("a.yaml", Some(place), "Here."), Some("x\n"));
        }
    }
}
