//! What can be told of a person from one line of text: the halves of a name, a phone number as E.164, a language.
//! Used by the connectors' common view and by the functions of rules, so that both say the same.

/// A name in halves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameParts {
    /// Given names, without titles. Empty where there is none.
    pub first: String,
    /// Family name with its particles and suffix. Empty where the name is one word.
    pub last: String,
}

/// Words with which a family name begins.
const PARTICLES: [&str; 42] = [
    "af", "al", "av", "bin", "bint", "da", "dal", "das", "de", "degli", "dei", "del", "della", "den", "der",
    "di", "do", "dos", "du", "el", "ibn", "la", "las", "le", "los", "mac", "mc", "ní", "nic", "ó", "ter",
    "ten", "ua", "uí", "van", "vom", "von", "zu", "zum", "zur", "st", "saint",
];
const TITLES: [&str; 14] =
    ["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "herr", "frau", "señor", "señora", "rev"];
const SUFFIXES: [&str; 9] = ["jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "mba"];

/// Splits a name. `Doe, John` is read the other way round; titles are dropped; a family name begins at its particle
/// (`Siobhán Ní Bhriain`, `Ludwig van Beethoven`), else it is the last word; a suffix (`Jr.`) stays with it.
pub fn split_name(name: &str) -> NameParts {
    if let Some((last, first)) = name.split_once(',')
        && !is_any(&SUFFIXES, first.trim())
        && !last.trim().is_empty()
    {
        return NameParts { first: without_titles(first).join(" "), last: words(last).join(" ") };
    }
    let words = without_titles(name);
    let suffixes = words.iter().rev().take_while(|word| is_any(&SUFFIXES, word)).count();
    let named = words.len() - suffixes;
    if named < 2 {
        return NameParts { first: words.join(" "), last: String::new() };
    }
    let particle = (1..named - 1).find(|index| is_any(&PARTICLES, words[*index]));
    let (first, last) = words.split_at(particle.unwrap_or(named - 1));
    NameParts { first: first.join(" "), last: last.join(" ") }
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect()
}

fn without_titles(text: &str) -> Vec<&str> {
    let words = words(text);
    let titles = words.iter().take_while(|word| is_any(&TITLES, word)).count();
    if titles == words.len() { words } else { words[titles..].to_vec() }
}

fn is_any(known: &[&str], word: &str) -> bool {
    let plain = word.trim_end_matches('.').to_lowercase();
    known.contains(&plain.as_str())
}

/// A phone number as E.164 (`+14155550100`). `country` (ISO 3166, two letters) is for numbers without one of their own.
/// `None`: no number that can be dialled.
pub fn phone_e164(text: &str, country: Option<&str>) -> Option<String> {
    /// Longer texts are no phone numbers.
    const BYTES_MAX: usize = 64;
    let text = text.trim();
    if text.is_empty() || text.len() > BYTES_MAX {
        return None;
    }
    let country =
        country.and_then(|code| code.trim().to_uppercase().parse::<phonenumber::country::Id>().ok());
    let international = text.strip_prefix("00").map(|rest| format!("+{rest}"));
    let dialled = |country, text: &str| {
        let number = phonenumber::parse(country, text).ok()?;
        let number = number.format().mode(phonenumber::Mode::E164).to_string();
        // Whether a number is given out today is not ours to say; that it can be one is.
        (8..=16).contains(&number.len()).then_some(number)
    };
    dialled(None, international.as_deref().unwrap_or(text)).or_else(|| dialled(Some(country?), text))
}

/// The language of a tag: `en-us` and `EN_US` are `en`. `None` where it is none.
pub fn language(tag: &str) -> Option<String> {
    let first = tag.trim().split(['-', '_']).next()?.to_lowercase();
    let letters = first.chars().all(|c| c.is_ascii_lowercase());
    (letters && (2..=3).contains(&first.len())).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::{language, phone_e164, split_name};

    #[test]
    fn names_fall_into_halves() {
        let cases = [
            ("John Doe", "John", "Doe"),
            ("  John   Doe ", "John", "Doe"),
            ("Siobhán Ní Bhriain", "Siobhán", "Ní Bhriain"),
            ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
            ("Mary Ann Smith", "Mary Ann", "Smith"),
            ("Maria de la Cruz", "Maria", "de la Cruz"),
            ("Doe, John", "John", "Doe"),
            ("Dr. Jane Roe", "Jane", "Roe"),
            ("John Doe Jr.", "John", "Doe Jr."),
            ("John Doe, Jr.", "John", "Doe Jr."),
            ("Cher", "Cher", ""),
            ("Van Morrison", "Van", "Morrison"),
            ("Mr", "Mr", ""),
            ("Mr Smith", "Smith", ""),
            ("山田 太郎", "山田", "太郎"),
            ("", "", ""),
            (",", "", ""),
        ];
        for (name, first, last) in cases {
            let parts = split_name(name);
            assert_eq!((parts.first.as_str(), parts.last.as_str()), (first, last), "{name}");
        }
    }

    #[test]
    fn phone_numbers_become_e164() {
        let cases = [
            ("+1-415-789-4563", None, Some("+14157894563")),
            ("(415) 789-4563", Some("US"), Some("+14157894563")),
            ("(415) 789-4563", Some("us"), Some("+14157894563")),
            ("(415) 789-4563", None, None),
            ("0049 30 901820", None, Some("+4930901820")),
            ("030 901820", Some("DE"), Some("+4930901820")),
            ("call me", Some("US"), None),
            ("", Some("US"), None),
            ("12", Some("US"), None),
            ("+1-415-789-4563", Some("??"), Some("+14157894563")),
        ];
        for (text, country, expected) in cases {
            assert_eq!(phone_e164(text, country).as_deref(), expected, "{text} {country:?}");
        }
    }

    #[test]
    fn languages_lose_their_country() {
        let cases =
            [("en-us", Some("en")), ("EN_US", Some("en")), ("de", Some("de")), ("", None), ("klingon", None)];
        for (tag, expected) in cases {
            assert_eq!(language(tag).as_deref(), expected, "{tag}");
        }
    }
}
