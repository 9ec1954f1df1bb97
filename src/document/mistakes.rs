//! Says in plain words what is wrong with a text that is not YAML, and points at the line that a person
//! would change, which is often not the one where the parser gave up. Used by `parse` only.

use super::{Diagnostic, Place, within};
use serde_saphyr::granit_parser::{ErrorKind, ScanError};

/// The diagnostic for a parser's error.
pub(super) fn explain(file: &str, text: &str, error: &ScanError) -> Diagnostic {
    let line = error.marker().line().max(1);
    let place = Place { line: line as u32, column: error.marker().col() as u32 + 1, length: 1 };
    if let ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar = error.kind() {
        return unclosed_quote(file, text, place);
    }
    if let ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar =
        error.kind()
        && let Some(found) = opened_above(text, place)
    {
        let message = format!("The quote that opens here is closed only in line {}.", place.line);
        return Diagnostic::error(file, Some(found), message).hint("close it at the end of the value");
    }
    if let Some(found) = nearest(text, line, braces_in) {
        return unquoted_braces(file, found);
    }
    // The parser gives up before the line break that comes before the tab.
    let below = nearest(text, line + 1, tab_in)
        .filter(|found| is_about_tabs(error.kind()) || found.line <= place.line);
    if let Some(found) = below {
        return Diagnostic::error(file, Some(found), "This line is indented with a tab.")
            .hint("indent with blanks; YAML knows no tabs");
    }
    if is_about_keys(error.kind()) {
        if let Some(found) = unclosed_bracket(text, line) {
            return Diagnostic::error(file, Some(found), "The bracket that opens here is never closed.")
                .hint("close it with `]` or `}`, or put the value in quotes");
        }
        if let Some(found) = nearest(text, line, colon_without_blank) {
            return Diagnostic::error(file, Some(found), "There is no blank after this colon.")
                .hint("write `key: value`, with a blank after the colon");
        }
        if let Some(found) = nearest(text, line, second_colon) {
            return Diagnostic::error(file, Some(found), "This value holds a colon with a blank after it.")
                .hint("put the value in quotes");
        }
        if let Some(found) = nearest(text, line, word_without_colon) {
            return Diagnostic::error(
                file,
                Some(found),
                "This line has no colon; a map's lines are `key: value`.",
            )
            .hint("add the colon, or put a text of several lines in quotes");
        }
    }
    let (message, hint) = words(error.kind());
    let diagnostic = Diagnostic::error(file, Some(place), message);
    if hint.is_empty() { diagnostic } else { diagnostic.hint(hint) }
}

/// The diagnostic for a value that begins with `{{` outside of quotes.
pub(super) fn unquoted_braces(file: &str, place: Place) -> Diagnostic {
    Diagnostic::error(file, Some(place), "This value begins with `{{` and is not in quotes.")
        .hint("put the value in quotes: \"{{ … }}\", or '{{ … }}' where it holds double quotes")
}

/// Whether `{{` stands at a place.
pub(super) fn braces_at(text: &str, place: Place) -> bool {
    within::byte_of(text, place).is_some_and(|at| text[at..].starts_with("{{"))
}

fn is_about_tabs(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
    )
}

/// The first bracket that is still open before the line where the parser gave up. Quotes are left out of
/// account but for whole quoted values, which is near enough for a hint.
fn unclosed_bracket(text: &str, line: usize) -> Option<Place> {
    for number in (line.saturating_sub(8).max(1)..line).rev() {
        let content = text.split('\n').nth(number - 1)?;
        let opens = content.find([':', '-']).and_then(|at| {
            let value = content[at + 1..].trim_start();
            value.starts_with(['[', '{']).then(|| content.len() - value.len())
        });
        if let Some(at) = opens {
            let value = &content[at..];
            let opened = value.matches(['[', '{']).count();
            let column = content[..at].chars().count() as u32 + 1;
            let place = Place { line: number as u32, column, length: 1 };
            return (opened > value.matches([']', '}']).count()).then_some(place);
        }
    }
    None
}

fn is_about_keys(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::SimpleKeyExpected
            | ErrorKind::InvalidSimpleKey
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::MappingValueNotAllowed
            | ErrorKind::MappingKeyNotAllowed
            | ErrorKind::InvalidColonPlacement
            | ErrorKind::ExpectedDocumentStart
            | ErrorKind::InvalidIndentation
            | ErrorKind::UnexpectedEndOfPlainScalar
    )
}

/// Looks at the line where the parser gave up, then at the two before it.
fn nearest(text: &str, line: usize, look: impl Fn(&str) -> Option<(usize, usize)>) -> Option<Place> {
    let lines: Vec<&str> = text.split('\n').take(line).collect();
    for number in (line.saturating_sub(2).max(1)..=line.min(lines.len())).rev() {
        let Some(content) = lines.get(number - 1) else { continue };
        if let Some((at, length)) = look(content.trim_end_matches('\r')) {
            let column = content[..at].chars().count() as u32 + 1;
            return Some(Place { line: number as u32, column, length: length as u32 });
        }
    }
    None
}

/// A value that begins with `{{`, after `key:` or `-`.
fn braces_in(line: &str) -> Option<(usize, usize)> {
    let at = line.find("{{")?;
    let before = line[..at].trim_end();
    (at > before.len() && before.ends_with([':', '-'])).then_some((at, 2))
}

fn tab_in(line: &str) -> Option<(usize, usize)> {
    let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
    let at = line[..blanks].find('\t')?;
    (!line.trim().is_empty()).then_some((at, 1))
}

/// `key:value` at a line's start.
fn colon_without_blank(line: &str) -> Option<(usize, usize)> {
    let content = line.trim_start_matches([' ', '-']);
    let start = line.len() - content.len();
    let word = content.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))?;
    let after = content[word..].strip_prefix(':')?;
    let follows = after.chars().next()?;
    (word > 0 && !follows.is_whitespace() && !after.starts_with("//")).then_some((start + word, 1))
}

/// `key: a: b` outside of quotes.
fn second_colon(line: &str) -> Option<(usize, usize)> {
    let first = line.find(": ")?;
    let value = line[first + 2..].trim_start();
    if value.starts_with(['"', '\'', '{', '[', '#', '|', '>']) {
        return None;
    }
    let start = line.len() - value.len();
    let second =
        value.find(": ").or_else(|| value.trim_end().ends_with(':').then(|| value.trim_end().len() - 1))?;
    (!value[..second].contains(" #")).then_some((start + second, 1))
}

/// A line of words with no colon at all.
fn word_without_colon(line: &str) -> Option<(usize, usize)> {
    let content = line.trim();
    let plain = !content.is_empty() && !content.contains(':') && !content.starts_with(['#', '-', '"', '\'']);
    let start = line.len() - line.trim_start().len();
    plain.then(|| (start, content.chars().count()))
}

/// The quote that was opened and never closed. The parser gives up at the file's end or at a line that
/// can't be within the quotes, so the line is searched whose own quotes don't pair.
fn unclosed_quote(file: &str, text: &str, at: Place) -> Diagnostic {
    let found = text.split('\n').take(at.line as usize).enumerate().find_map(opens_and_stays_open);
    Diagnostic::error(file, found.or(Some(at)), "The quote that opens here is never closed.").hint(
        "close it at the end of the value; a quote inside of '…' is written twice, inside of \"…\" as \\\"",
    )
}

/// Where a quote was opened whose closing one, just before `at`, was meant to open another value.
fn opened_above(text: &str, at: Place) -> Option<Place> {
    /// A text that goes over more lines than this is meant to.
    const LINES_MAX: usize = 20;
    let above: Vec<(usize, &str)> =
        text.split('\n').enumerate().take((at.line as usize).checked_sub(1)?).collect();
    for &(index, line) in above.iter().rev().take(LINES_MAX) {
        if let Some(found) = opens_and_stays_open((index, line)) {
            return Some(found);
        }
        if line.contains(['"', '\'']) {
            return None;
        }
    }
    None
}

/// Where a line opens a quoted value that does not end in it.
fn opens_and_stays_open((index, line): (usize, &str)) -> Option<Place> {
    let start = value_start(line)?;
    let quote = line.as_bytes()[start];
    let rest = &line[start + 1..];
    let closed = if quote == b'"' {
        let mut escaped = false;
        rest.chars().any(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })
    } else {
        rest.replace("''", "").contains('\'')
    };
    let column = line[..start].chars().count() as u32 + 1;
    (!closed).then_some(Place { line: index as u32 + 1, column, length: 1 })
}

/// Where a quoted value or key of a line begins.
fn value_start(line: &str) -> Option<usize> {
    let content = line.trim_start_matches([' ', '-', '[', '{']);
    let start = line.len() - content.len();
    if content.starts_with(['"', '\'']) {
        return Some(start);
    }
    let colon = content.find(": ")?;
    let value = content[colon + 1..].trim_start_matches([' ', '[', '{']);
    value.starts_with(['"', '\'']).then(|| line.len() - value.len())
}

fn words(kind: &ErrorKind) -> (String, &'static str) {
    let (message, hint) = match kind {
        ErrorKind::UnexpectedCharacter { character } => {
            return (format!("A value can't begin with `{character}`."), "put the value in quotes");
        }
        ErrorKind::UnknownAnchor => (
            "This alias (`*name`) repeats something that has no such name.",
            "put a value that begins with `*` in quotes",
        ),
        ErrorKind::MissingAnchorOrAliasName => {
            ("A value can't begin with `*` or `&`.", "put the value in quotes")
        }
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnclosedFlowCollection { .. } => (
            "A bracket that opens here or before is never closed.",
            "close it with `]` or `}`, or put the value in quotes",
        ),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => (
            "Between brackets, a comma or the closing bracket was expected here.",
            "put texts that hold brackets, commas or colons in quotes",
        ),
        ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            ("This bracket closes something that was not opened.", "remove it, or put the value in quotes")
        }
        ErrorKind::RecursionLimitExceeded => ("Maps and lists are nested deeper than 64 levels.", ""),
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::ExpectedDocumentStart => (
            "This line's indentation fits none of the lines above it.",
            "line it up with the entries that it belongs to",
        ),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => ("There is a tab here.", "use blanks; YAML knows no tabs"),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey | ErrorKind::MappingValueNotAllowed => (
            "A `key: value` can't stand here.",
            "check the indentation, and put values that hold `: ` in quotes",
        ),
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => (
            "There is no such escape after the backslash.",
            "use single quotes, or write a backslash as `\\\\`",
        ),
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => (
            "Something follows the closing quote.",
            "put the whole value in quotes; a quote inside of '…' is written twice, inside of \"…\" as \\\"",
        ),
        other => return (format!("This is not YAML: {other}."), ""),
    };
    (message.to_owned(), hint)
}
