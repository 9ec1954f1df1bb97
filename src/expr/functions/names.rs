//! Names of people. There is no right way to split one; these follow what front desks do: the last word
//! is the family name, with the particles before it, and `Lee, Mary` is turned round.

use super::{Context, Function, text_of};
use rhai::Dynamic;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "first_name",
        "full",
        (1, 1),
        first_name,
        "the given names of a full name",
        "first_name(\"Ludwig van der Berg\") is \"Ludwig\"",
    ),
    Function::new(
        "last_name",
        "full",
        (1, 1),
        last_name,
        "the family name of a full name",
        "last_name(\"Lee, Mary\") is \"Lee\"",
    ),
    Function::new(
        "full_name",
        "first, last",
        (2, 2),
        full_name,
        "both names in one text, whichever are there",
        "full_name(\"Mary\", \"Lee\") is \"Mary Lee\"",
    )
    .asked(),
];

const TITLES: &[&str] = &[
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "prof",
    "professor",
    "sir",
    "dame",
    "rev",
    "capt",
    "herr",
    "frau",
    "hr",
    "fr",
    "mme",
    "mlle",
    "m",
    "sr",
    "sra",
    "srta",
    "sig",
    "dott",
    "dhr",
    "mevr",
    "dipl-ing",
    "ing",
    "mag",
];

const SUFFIXES: &[&str] =
    &["jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "msc", "bsc", "ma", "ba", "cpa"];

const PARTICLES: &[&str] = &[
    "van", "von", "vom", "der", "den", "de", "del", "della", "delle", "dello", "degli", "dei", "di", "da",
    "dal", "dos", "das", "do", "du", "des", "la", "le", "les", "los", "las", "lo", "ten", "ter", "te", "'t",
    "zu", "zum", "zur", "af", "av", "bin", "bint", "ibn", "ben", "al", "el", "st", "st.", "saint", "san",
    "santa", "ní", "nic", "uí", "ó", "mac", "y", "e",
];

/// Given and family names of a full name; each `None` where there is none.
pub(super) fn split(full: &str) -> (Option<String>, Option<String>) {
    let cleaned = full.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((last, first)) = cleaned.split_once(',')
        && !is_one_of(SUFFIXES, first.trim())
        && !first.trim().is_empty()
        && !last.trim().is_empty()
    {
        let first: Vec<&str> = without_titles(first.split_whitespace().collect());
        let last: Vec<&str> = without_titles(last.split_whitespace().collect());
        return (joined(&first), joined(&last));
    }
    let cleaned = cleaned.replace(',', " ");
    let all: Vec<&str> = cleaned.split_whitespace().collect();
    let words = without_titles(all.clone());
    if words.len() <= 1 {
        // `Dr. Smith` is a family name, `Cher` a given one.
        return if words.len() < all.len() { (None, joined(&words)) } else { (joined(&words), None) };
    }
    let mut end = words.len();
    while end > 1 && is_one_of(SUFFIXES, words[end - 1]) {
        end -= 1;
    }
    if end == 1 {
        return (joined(&words[..1]), joined(&words[1..]));
    }
    let particle = (1..end - 1).find(|at| is_one_of(PARTICLES, words[*at]));
    let start = particle.unwrap_or(end - 1);
    (joined(&words[..start]), joined(&words[start..]))
}

fn is_one_of(list: &[&str], word: &str) -> bool {
    let word = word.to_lowercase();
    let bare = word.trim_end_matches('.');
    list.contains(&word.as_str()) || list.contains(&bare)
}

/// Titles count as such with a dot, or where something that looks like a whole name follows.
fn without_titles(words: Vec<&str>) -> Vec<&str> {
    let mut words = words;
    while words.len() > 1
        && is_one_of(TITLES, words[0])
        && (words[0].ends_with('.') || words[0].chars().count() > 1)
    {
        words.remove(0);
    }
    words
}

fn joined(words: &[&str]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

fn first_name(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    Ok(split(&text_of(arguments[0])?).0.map_or(Dynamic::UNIT, Into::into))
}

fn last_name(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    Ok(split(&text_of(arguments[0])?).1.map_or(Dynamic::UNIT, Into::into))
}

fn full_name(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let mut words = Vec::new();
    for argument in arguments.iter().filter(|argument| !argument.is_unit()) {
        words.push(text_of(argument)?.trim().to_owned());
    }
    words.retain(|word| !word.is_empty());
    Ok(if words.is_empty() { Dynamic::UNIT } else { words.join(" ").into() })
}
