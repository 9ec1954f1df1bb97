//! The order of letters in what came from outside. Signs that turn the order of what stands beside them are shown as what
//! they are; a text that runs from right to left stands by itself in a sentence. Pure; used wherever a value of a payload
//! becomes a part of a page (`diff::capped`, `booking_words`).

use std::borrow::Cow;

/// Sets what is between these two apart, in the order of its own first letter.
const APART: (char, char) = ('\u{2068}', '\u{2069}');

/// Whether a sign turns the order of letters: embeddings, overrides, isolates.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with each such sign as its number, so that one sees it and it turns nothing.
pub fn shown_in_order(text: &str) -> Cow<'_, str> {
    if !text.contains(turns) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if turns(c) {
            shown.push_str(&format!("[U+{:04X}]", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The text set apart where something in it runs from right to left.
pub fn apart(text: String) -> String {
    let from_the_right = |c: char| {
        matches!(c, '\u{590}'..='\u{8ff}' | '\u{200f}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    };
    if text.contains(from_the_right) { format!("{}{text}{}", APART.0, APART.1) } else { text }
}

#[cfg(test)]
mod tests {
    use super::{apart, shown_in_order};

    #[test]
    fn signs_that_turn_letters_are_shown_and_turn_nothing() {
        assert_eq!(shown_in_order("Siobhán \u{202e}nogaW"), "Siobhán [U+202E]nogaW");
        assert_eq!(shown_in_order("\u{2066}a\u{2069}"), "[U+2066]a[U+2069]");
        for plain in ["Ayşe Öztürk", "محمد الأندلسي", "a\u{200f}b", ""] {
            assert_eq!(shown_in_order(plain), plain);
        }
    }

    #[test]
    fn names_from_right_to_left_stand_by_themselves() {
        for name in ["محمد الأندلسي", "דנה לוי", "Dana לוי"] {
            assert_eq!(apart(name.to_owned()), format!("\u{2068}{name}\u{2069}"));
        }
        for name in ["Ayşe Öztürk", "李小龙", "+353 87 123 4567", ""] {
            assert_eq!(apart(name.to_owned()), name);
        }
    }
}
