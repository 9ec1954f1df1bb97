//! Texts with `{{ expression }}` parts.

use super::{Engine, EvalError, Expression, Outcome, Read, Scope, SyntaxError};
use serde_json::Value;

/// One part of a template.
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// An expression, and the byte offset of its text within the template.
    Expression {
        /// The compiled expression.
        expression: Expression,
        /// Byte offset of its text within the template.
        offset: usize,
    },
}

/// A text with `{{ }}` parts, compiled. The end of a part is found by a scanner that knows rhai's
/// strings, comments and braces; a literal `{{` is `{{ "{{" }}`.
pub struct Template {
    /// The parts in order.
    pub parts: Vec<Part>,
}

impl Template {
    /// Compiles. Offsets of errors are within `text`. `names` as in `Engine::compile`.
    pub fn compile(engine: &Engine, text: &str, names: &[&str]) -> Result<Self, SyntaxError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find("{{").map(|found| at + found) {
            if open > at {
                parts.push(Part::Text(text[at..open].to_owned()));
            }
            let offset = open + 2;
            let Some(close) = end_of_part(text, offset) else {
                return Err(SyntaxError::new("The `{{` that opens here is never closed.", open)
                    .hint("close it with `}}`; a literal `{{` is written {{ \"{{\" }}"));
            };
            let expression = engine
                .compile(&text[offset..close], names)
                .map_err(|error| SyntaxError { offset: offset + error.offset, ..error })?;
            parts.push(Part::Expression { expression, offset });
            at = close + 2;
        }
        if at < text.len() {
            parts.push(Part::Text(text[at..].to_owned()));
        }
        Ok(Self { parts })
    }

    /// A value that is one single `{{ }}` (blanks around it aside) keeps its type.
    pub fn lone(&self) -> Option<&Expression> {
        let mut found = None;
        for part in &self.parts {
            match part {
                Part::Text(text) if text.trim().is_empty() => {}
                Part::Expression { expression, .. } if found.is_none() => found = Some(expression),
                _ => return None,
            }
        }
        found
    }

    /// True where there is no `{{ }}` at all.
    pub fn is_literal(&self) -> bool {
        self.expressions().next().is_none()
    }

    /// Whether any part reads the name.
    pub fn reads(&self, root: &str) -> bool {
        self.expressions().any(|(expression, _)| expression.reads(root))
    }

    fn expressions(&self) -> impl Iterator<Item = (&Expression, usize)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression { expression, offset } => Some((expression, *offset)),
            Part::Text(_) => None,
        })
    }

    /// Evaluates. A lone part keeps its type, and missing is `Err(Missing)`. In mixed text each part must
    /// be there: missing or null is an error that names the part; maps and lists go in as JSON text.
    pub fn evaluate(&self, engine: &Engine, scope: &Scope) -> Result<Outcome, EvalError> {
        if self.lone().is_some()
            && let Some((expression, offset)) = self.expressions().next()
        {
            return engine.evaluate(expression, scope).map_err(|error| moved(error, offset));
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Expression { expression, offset } => {
                    let value = engine.evaluate(expression, scope).map_err(|error| moved(error, *offset))?;
                    let start = offset + (expression.text().len() - expression.text().trim_start().len());
                    match value {
                        Ok(Value::String(value)) => text.push_str(&value),
                        Err(_) | Ok(Value::Null) => {
                            let what = if value.is_ok() { "null" } else { "missing" };
                            let shown = expression.text().trim();
                            let message = format!(
                                "`{shown}` is {what}, and the text around it needs it; \
                                 default_to({shown}, \"\") would leave it empty."
                            );
                            return Err(EvalError { message, offset: Some(start) });
                        }
                        Ok(value) => text.push_str(&value.to_string()),
                    }
                }
            }
            if text.len() > TEXT_BYTES_MAX {
                let message = "The text grew too large.".to_owned();
                return Err(EvalError { message, offset: None });
            }
        }
        Ok(Ok(Value::String(text)))
    }

    /// All paths read, with their values.
    pub fn trace(&self, scope: &Scope) -> Vec<Read> {
        let mut reads: Vec<Read> = Vec::new();
        for (expression, _) in self.expressions() {
            for read in expression.trace(scope) {
                if !reads.contains(&read) {
                    reads.push(read);
                }
            }
        }
        reads
    }
}

/// Bytes of one mixed text.
const TEXT_BYTES_MAX: usize = 4 << 20;

fn moved(error: EvalError, by: usize) -> EvalError {
    EvalError { offset: error.offset.map(|offset| offset + by), ..error }
}

/// What the scanner is inside of.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    /// Code within `{ }` or `#{ }`.
    Braces,
    /// A `…` text; its `${ }` are code again.
    Backticks,
}

/// The offset of the `}}` that closes the part which begins at `start`.
fn end_of_part(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut within: Vec<Within> = Vec::new();
    let mut at = start;
    while at < bytes.len() {
        let two = bytes.get(at..at + 2);
        if within.last() == Some(&Within::Backticks) {
            match (bytes[at], two) {
                (_, Some(b"``")) => at += 2,
                (b'`', _) => {
                    within.pop();
                    at += 1;
                }
                (_, Some(b"${")) => {
                    within.push(Within::Braces);
                    at += 2;
                }
                _ => at += 1,
            }
            continue;
        }
        match (bytes[at], two) {
            (_, Some(b"}}")) if within.is_empty() => return Some(at),
            (b'{', _) => {
                within.push(Within::Braces);
                at += 1;
            }
            (b'}', _) => {
                within.pop()?;
                at += 1;
            }
            (b'`', _) => {
                within.push(Within::Backticks);
                at += 1;
            }
            (b'"', _) => at = end_of_quoted(bytes, at)?,
            (b'\'', _) => at = end_of_character(text, at),
            (_, Some(b"//")) => {
                // A comment ends with its line, or with the part: a person who closes it means to.
                let rest = &text[at..];
                let line = rest.find('\n').unwrap_or(rest.len());
                match rest[..line].find("}}") {
                    Some(close) if within.is_empty() => return Some(at + close),
                    _ => at += line,
                }
            }
            (_, Some(b"/*")) => at = end_of_comment(bytes, at)?,
            _ => at += 1,
        }
    }
    None
}

fn end_of_quoted(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// `'x'`, `'\n'`, `'\u1234'`; a quote that is none of these is skipped alone, and the parser says what is
/// wrong.
fn end_of_character(text: &str, start: usize) -> usize {
    let rest = &text[start + 1..];
    let mut chars = rest.char_indices();
    if let Some((_, first)) = chars.next() {
        if first == '\\' {
            let body: usize = rest.chars().take(11).take_while(|c| *c != '\n').map(char::len_utf8).sum();
            if let Some(close) = rest[..body].char_indices().skip(2).find(|(_, c)| *c == '\'') {
                return start + 1 + close.0 + 1;
            }
        } else if first != '\'' && rest[first.len_utf8()..].starts_with('\'') {
            return start + 1 + first.len_utf8() + 1;
        }
    }
    start + 1
}

fn end_of_comment(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}
