//! What a value of a form must look like: a pattern of the manifest, which the browser checks as it is typed, and Waypost
//! when it comes.

use crate::document::{Diagnostic, Node};
use regex::{Regex, RegexBuilder};

/// A pattern is for ids and numbers, not for programs.
const PATTERN_CHARS_MAX: usize = 200;
/// Bytes of its compiled form.
const PATTERN_BYTES_MAX: usize = 64 << 10;

/// A pattern, for the whole of a value.
#[derive(Clone, Debug)]
pub struct FormPattern {
    text: String,
    whole: Regex,
}

impl FormPattern {
    /// As a browser takes it: of the whole value.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a value is like that.
    pub fn fits(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > PATTERN_CHARS_MAX {
            return None;
        }
        let whole = format!(r"\A(?:{text})\z");
        let whole = RegexBuilder::new(&whole).size_limit(PATTERN_BYTES_MAX).build().ok()?;
        Some(Self { text: text.to_owned(), whole })
    }
}

/// Reads `pattern:`.
pub(super) fn read_form_pattern(
    file: &str,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FormPattern> {
    let pattern = node.as_text().and_then(FormPattern::parse);
    if pattern.is_none() {
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), "This is no pattern of a value.")
                .hint("write a regular expression for the whole value, such as \"[0-9]+\""),
        );
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::FormPattern;

    #[test]
    fn a_pattern_is_of_the_whole_value() {
        let digits = FormPattern::parse("[0-9]+|x").unwrap();
        assert!(digits.fits("12") && digits.fits("x"));
        for wrong in ["", "12a", "a12", "12\n", "xx"] {
            assert!(!digits.fits(wrong), "{wrong:?}");
        }
        for text in ["", "(", "a{1000000}", &"a".repeat(300)] {
            assert!(FormPattern::parse(text).is_none(), "{text}");
        }
    }
}
