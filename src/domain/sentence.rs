//! How sentences begin, and how they count. Pages, commands and letters put sentences together from parts that may stand anywhere.

/// Names that are spelt small wherever they stand.
const SPELT_SMALL: [&str; 2] = ["apaleo", "pretix"];

/// The same text with a capital first letter, unless it begins with something that has a spelling of its own: the name of a
/// system, a host, an address, a path, a line of a file.
pub fn begin_sentence(text: &str) -> String {
    let word = text.split(char::is_whitespace).next().unwrap_or_default();
    let name = word.trim_end_matches(|c: char| c.is_ascii_punctuation());
    let name = name.strip_suffix("'s").or_else(|| name.strip_suffix("\u{2019}s")).unwrap_or(name);
    let own = SPELT_SMALL.contains(&name) || name.contains(['.', '/', '@', '_', ':', '=']);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !own => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

/// `1 booking`, `2 bookings`.
pub fn counted(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::{begin_sentence, counted};

    #[test]
    fn one_is_one() {
        assert_eq!([0, 1, 2].map(|many| counted(many, "booking")), ["0 bookings", "1 booking", "2 bookings"]);
    }

    #[test]
    fn what_has_a_spelling_of_its_own_keeps_it_and_all_else_begins_large() {
        for (text, told) in [
            ("the key is missing", "The key is missing"),
            ("äpfel", "Äpfel"),
            ("", ""),
            ("nothing.", "Nothing."),
            ("hooks.example.test:443 shows no certificate", "hooks.example.test:443 shows no certificate"),
            ("localhost:8080 does not answer", "localhost:8080 does not answer"),
            ("apaleo says no", "apaleo says no"),
            ("apaleo's key", "apaleo's key"),
            ("apaleo: no", "apaleo: no"),
            ("apaleon", "Apaleon"),
            ("https://example.org is away", "https://example.org is away"),
            ("not now: it waits", "Not now: it waits"),
            ("why: it waits", "Why: it waits"),
        ] {
            assert_eq!(begin_sentence(text), told);
        }
    }
}
