//! Types of event, and patterns over them: `reservation/changed`, `reservation/*`. They are compared without regard to
//! case, since systems spell them in several ways over the years.

use crate::document::{Diagnostic, Place};

/// Characters of a type; the rest says nothing.
const TYPE_CHARS_MAX: usize = 200;

/// A pattern over types: `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypePattern {
    text: String,
}

impl TypePattern {
    /// The same with its mistake reported.
    pub(super) fn read(
        file: &str,
        text: &str,
        place: Place,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if text.is_empty() || text.chars().any(char::is_control) {
            diagnostics.push(
                Diagnostic::error(file, Some(place), "This is no type of event.")
                    .hint("write it as the system does, `booking.created`; `*` stands for any characters"),
            );
            return None;
        }
        Some(Self { text })
    }

    /// Several of them.
    pub(super) fn read_all(
        file: &str,
        texts: &[(String, Place)],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Self> {
        texts.iter().filter_map(|(text, place)| Self::read(file, text, *place, diagnostics)).collect()
    }

    /// As it is written, in lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names this type.
    pub fn matches(&self, event_type: &str) -> bool {
        let told = event_type.to_lowercase();
        let mut parts = self.text.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = told.strip_prefix(first) else { return false };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

/// A type as it is kept and told: no control characters, not endless.
pub(super) fn clean_type(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(TYPE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::TypePattern;

    #[test]
    fn patterns_name_types_whatever_their_case() {
        for (pattern, told, expected) in [
            ("Reservation/Changed", "reservation/changed", true),
            ("reservation/*", "Reservation/Changed", true),
            ("reservation/*", "reservation/", true),
            ("reservation/*", "reservation", false),
            ("*", "", true),
            ("*.created", "booking.created", true),
            ("*.created", "booking.created.twice", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("**", "x", true),
        ] {
            let pattern = TypePattern { text: pattern.to_lowercase() };
            assert_eq!(pattern.matches(told), expected, "{pattern:?} {told}");
        }
    }
}
