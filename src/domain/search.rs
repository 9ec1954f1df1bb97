//! Words by which bookings are found: folded so that `ozturk` finds Öztürk, whatever database is below. Pure; the apply
//! stage makes a booking's terms, the pages fold what is typed the same way.
//!
//! Names of other scripts stay as they are: to spell 山田 in Latin letters would be to guess how its owner reads it.

use super::View;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Terms of one booking; each is a row that is written with it.
pub const TERMS_MAX: usize = 24;
/// Characters of a term; longer words are found by their beginning.
pub const TERM_CHARS_MAX: usize = 32;
/// Characters of a text that terms are taken from.
const TEXT_CHARS_MAX: usize = 200;
/// Words taken from one custom field.
const FIELD_WORDS_MAX: usize = 4;
/// Words of what is typed.
const WORDS_MAX: usize = 6;
/// So many digits are a phone number or a booking number, however they are spaced.
const DIGITS_MIN: usize = 5;

/// Letters that do not come apart into a letter and its marks, as they are written where they are missing.
const LETTERS: [(char, &str); 14] = [
    ('ß', "ss"),
    ('ø', "o"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('ð', "d"),
    ('đ', "d"),
    ('þ', "th"),
    ('ł', "l"),
    ('ı', "i"),
    ('ħ', "h"),
    ('ŋ', "n"),
    ('ŧ', "t"),
    ('ĸ', "k"),
    ('ə', "e"),
];
/// Letters with two dots that Germans write out as two.
const WRITTEN_OUT: [(char, &str); 3] = [('ä', "ae"), ('ö', "oe"), ('ü', "ue")];

/// Small letters without marks.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().take(TEXT_CHARS_MAX).flat_map(char::to_lowercase).nfkd() {
        if is_combining_mark(c) {
            continue;
        }
        // What comes apart may be a capital again.
        for c in c.to_lowercase().filter(|c| !is_combining_mark(*c)) {
            match LETTERS.iter().find(|(letter, _)| *letter == c) {
                Some((_, plain)) => folded.push_str(plain),
                None => folded.push(c),
            }
        }
    }
    folded
}

/// One word as a term: letters and digits; an e-mail address keeps its punctuation.
fn term(word: &str) -> String {
    let keeps =
        |c: &char| c.is_alphanumeric() || (word.contains('@') && matches!(c, '@' | '.' | '-' | '_' | '+'));
    word.chars().filter(keeps).take(TERM_CHARS_MAX).collect()
}

/// Words of a text, folded. An apostrophe joins (`O'Brien`), other punctuation parts, but for e-mail addresses.
fn words(text: &str) -> impl Iterator<Item = String> {
    let folded = fold(text);
    let mut found = Vec::new();
    for word in folded.split_whitespace() {
        if word.contains('@') {
            found.push(term(word));
            continue;
        }
        let parts = word.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’' | '`' | '´'));
        found.extend(parts.map(term));
    }
    found.into_iter().filter(|word| !word.is_empty())
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).take(TERM_CHARS_MAX).collect()
}

/// The terms of a booking, sorted: who, their e-mail and phone (with and without the country), the booking's number, and
/// the values that the connector calls worth finding. Its key at the source is found by itself.
pub fn search_terms(view: &View, further: &[&Value]) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut add = |term: String| {
        if !term.is_empty() && terms.len() < TERMS_MAX && !terms.contains(&term) {
            terms.push(term);
        }
    };
    let text = |of: &Value, name: &str| match of.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    words(&text(&view.trip, "code")).for_each(&mut add);
    let email = fold(&text(&view.person, "email"));
    add(term(email.trim()));
    let phone = text(&view.person, "phone");
    add(digits(&phone));
    national(&phone).into_iter().for_each(&mut add);
    let name = text(&view.person, "name");
    let halves = format!("{} {}", text(&view.person, "first_name"), text(&view.person, "last_name"));
    for name in [name, halves] {
        words(&name).for_each(&mut add);
        let lower = name.to_lowercase();
        if WRITTEN_OUT.iter().any(|(letter, _)| lower.contains(*letter)) {
            let out = WRITTEN_OUT.iter().fold(lower, |text, (letter, out)| text.replace(*letter, out));
            words(&out).for_each(&mut add);
        }
    }
    for value in further {
        match value {
            Value::String(text) => words(text).take(FIELD_WORDS_MAX).for_each(&mut add),
            Value::Number(number) => add(digits(&number.to_string())),
            _ => {}
        }
    }
    terms.sort_unstable();
    terms
}

/// The digits of an international phone number without its country.
fn national(phone: &str) -> Option<String> {
    if !phone.starts_with('+') || phone.len() > TEXT_CHARS_MAX {
        return None;
    }
    let number = phonenumber::parse(None, phone).ok()?;
    Some(number.national().value().to_string())
}

/// What is typed, as prefixes: each word must be found by one of its spellings. Empty where nothing can be looked for.
pub fn search_words(typed: &str) -> Vec<Vec<String>> {
    let spaced = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-()/.#".contains(c);
    if typed.chars().all(spaced) && digits(typed).len() >= DIGITS_MIN {
        let all = digits(typed);
        let bare = all.trim_start_matches('0').to_owned();
        let mut spellings = vec![all];
        if !bare.is_empty() && bare != spellings[0] {
            spellings.push(bare);
        }
        return vec![spellings];
    }
    let mut found: Vec<Vec<String>> = Vec::new();
    for word in words(typed).take(WORDS_MAX) {
        if !found.iter().any(|known| known[0] == word) {
            found.push(vec![word]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{TERM_CHARS_MAX, TERMS_MAX, fold, search_terms, search_words};
    use crate::domain::View;
    use serde_json::json;

    #[test]
    fn marks_and_capitals_are_folded_away() {
        let cases = [
            ("Öztürk", "ozturk"),
            ("İnan Işık", "inan isik"),
            ("Ærøskøbing", "aeroskobing"),
            ("Straße", "strasse"),
            ("STRAẞE", "strasse"),
            ("Łódź", "lodz"),
            ("Þórsson", "thorsson"),
            ("Siobhán Ní Bhriain", "siobhan ni bhriain"),
            ("ﬁancé", "fiance"),
            ("山田 太郎", "山田 太郎"),
            ("Ｌｅｅ", "lee"),
        ];
        for (text, expected) in cases {
            assert_eq!(fold(text), expected, "{text}");
        }
    }

    #[test]
    fn a_booking_is_found_by_who_number_phone_and_fields() {
        let view = View {
            person: json!({ "name": "Jörg O'Brien-Smith", "email": "Guest1@Example.org", "phone": "+4930901820" }),
            trip: json!({ "code": "#70000001" }),
        };
        let terms = search_terms(&view, &[&json!("Vegan, no nuts"), &json!(42), &json!(null)]);
        let expected = [
            "30901820",
            "42",
            "4930901820",
            "70000001",
            "guest1@example.org",
            "joerg",
            "jorg",
            "no",
            "nuts",
            "obrien",
            "smith",
            "vegan",
        ];
        assert_eq!(terms, expected);
    }

    #[test]
    fn hostile_texts_make_few_short_terms() {
        let long = "x".repeat(100_000);
        let many: String = (0..10_000).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ");
        let view = View { person: json!({ "name": long, "email": many }), trip: json!({ "code": many }) };
        let terms = search_terms(&view, &[&json!(many), &json!({ "a": 1 })]);
        assert!(terms.len() <= TERMS_MAX, "{}", terms.len());
        assert!(terms.iter().all(|term| term.chars().count() <= TERM_CHARS_MAX));
        let blank = View { person: json!(null), trip: json!({ "code": "\u{301}%_!" }) };
        assert!(search_terms(&blank, &[]).is_empty());
    }

    #[test]
    fn what_is_typed_is_folded_alike() {
        let cases: [(&str, &[&[&str]]); 8] = [
            ("  ÖZTÜRK ", &[&["ozturk"]]),
            ("mary lee mary", &[&["mary"], &["lee"]]),
            ("+49 123 456-789", &[&["49123456789"]]),
            ("0049 123 456", &[&["0049123456", "49123456"]]),
            ("guest1@Example.org", &[&["guest1@example.org"]]),
            ("#70000001", &[&["70000001"]]),
            ("lee 42", &[&["lee"], &["42"]]),
            ("%' --", &[]),
        ];
        for (typed, expected) in cases {
            assert_eq!(search_words(typed), expected, "{typed}");
        }
    }
}
