//! "Did you mean Lee (4)?": where nothing matches what is typed, words that bookings do have and that are nearly it, as the
//! guests spell them. Bounded: some hundred words of like beginning are compared.

use super::bookings_asked::Asked;
use super::errors::PageError;
use super::text_order::shown_in_order;
use crate::app::App;
use crate::domain::{View, fold, search_terms, search_words};
use crate::ports::BookingQuery;
use serde_json::{Value, json};

/// Terms that are compared.
const COMPARED_MAX: i64 = 600;
/// Suggestions.
const NEAR_MAX: usize = 3;
/// How many bookings are counted for one.
const COUNTED_MAX: i64 = 99;
/// Letters of a word that is compared at all.
const LETTERS_MIN: usize = 3;

/// A suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// The list with it.
    pub address: String,
    /// The word as a guest spells it.
    pub word: String,
    /// How many bookings have it.
    pub count: String,
}

/// Words near the one that nobody has.
pub async fn near(app: &App, asked: &Asked) -> Result<Vec<Near>, PageError> {
    let words = search_words(&asked.typed);
    for (index, spellings) in words.iter().enumerate() {
        let word = &spellings[0];
        if word.chars().count() < LETTERS_MIN || !app.store.terms_like(word, 1).await?.is_empty() {
            continue;
        }
        let mut found = Vec::new();
        for term in nearest(word, &alike(app, word).await?) {
            // What no guest writes so is how a name is kept to be found, and no word to offer.
            let Some(spelled) = as_spelled(app, &term).await? else { continue };
            if found.iter().any(|known: &Near| known.word == spelled) {
                continue;
            }
            let count = app.store.bookings_with_term(&term, COUNTED_MAX + 1).await?;
            let mut typed: Vec<String> = words.iter().map(|spellings| spellings[0].clone()).collect();
            typed[index].clone_from(&term);
            found.push(Near {
                address: asked.with_words(&typed.join(" ")),
                word: spelled,
                count: if count > COUNTED_MAX { format!("over {COUNTED_MAX}") } else { count.to_string() },
            });
        }
        return Ok(found);
    }
    Ok(Vec::new())
}

/// Terms that begin alike: a slip is seldom in the first letters, and often not in the first half.
async fn alike(app: &App, word: &str) -> Result<Vec<String>, PageError> {
    let letters: Vec<char> = word.chars().collect();
    let mut terms = Vec::new();
    for kept in [letters.len().div_ceil(2), 1] {
        let prefix: String = letters[..kept].iter().collect();
        terms.extend(app.store.terms_like(&prefix, COMPARED_MAX).await?);
    }
    terms.sort();
    terms.dedup();
    Ok(terms)
}

/// The nearest of these, the best first.
fn nearest(word: &str, terms: &[String]) -> Vec<String> {
    let slips_max = if word.chars().count() < 6 { 1 } else { 2 };
    let mut near: Vec<(usize, &String)> = terms
        .iter()
        .map(|term| (strsim::damerau_levenshtein(word, term), term))
        .filter(|(slips, _)| (1..=slips_max).contains(slips))
        .collect();
    near.sort();
    near.into_iter().take(NEAR_MAX).map(|(_, term)| term.clone()).collect()
}

/// The term as the newest guest who has it writes it. `None`: it stands there in no such way.
async fn as_spelled(app: &App, term: &str) -> Result<Option<String>, PageError> {
    let query = BookingQuery { words: vec![vec![term.to_owned()]], limit: 1, ..BookingQuery::default() };
    let page = app.store.find_bookings(&query).await?;
    let Some((booking, _)) = page.bookings.first() else { return Ok(None) };
    Ok(spelled_in(&booking.view, term))
}

/// The word of a view that a term was made of: of the name, where it is of that, else the number or address that it is.
fn spelled_in(view: &View, term: &str) -> Option<String> {
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let names = ["name", "first_name", "last_name"].map(|name| text(&view.person, name)).join(" ");
    let made_of = |word: &&str| {
        let view = View { person: json!({ "name": word }), ..View::default() };
        search_terms(&view, &[]).iter().any(|made| made == term)
    };
    let word = names.split(|c: char| c.is_whitespace() || c == '-' || c == ',').find(made_of);
    let of_name = word.map(|word| shown_in_order(word).into_owned());
    // Of something else than the name it is as people write it, but for capitals.
    let others = [text(&view.trip, "code"), text(&view.person, "email"), text(&view.person, "phone")];
    of_name.or_else(|| others.iter().any(|other| fold(other).contains(term)).then(|| term.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{nearest, spelled_in};
    use crate::domain::View;
    use serde_json::json;

    #[test]
    fn a_word_is_offered_as_its_guest_spells_it_and_never_as_it_is_kept() {
        let of = |name: &str, term: &str| {
            let view = View {
                person: json!({ "name": name, "email": "ayse.oz@example.org" }),
                trip: json!({ "code": "HT-77401" }),
            };
            spelled_in(&view, term)
        };
        assert_eq!(of("Ayşe Öztürk-Lee", "ozturk").as_deref(), Some("Öztürk"));
        assert_eq!(of("Ayşe Öztürk-Lee", "oeztuerk").as_deref(), Some("Öztürk"));
        assert_eq!(of("Ayşe Öztürk", "77401").as_deref(), Some("77401"));
        assert_eq!(of("Ayşe Öztürk", "schmidt"), None);
    }

    #[test]
    fn the_nearest_words_are_those_with_the_fewest_slips() {
        let terms: Vec<String> =
            ["lee", "leeds", "lea", "ozturk", "schmidt", "schmitt"].map(str::to_owned).into();
        assert_eq!(nearest("leee", &terms), ["lee"]);
        assert_eq!(nearest("oztruk", &terms), ["ozturk"]);
        assert_eq!(nearest("schmid", &terms), ["schmidt", "schmitt"]);
        assert!(nearest("nobody", &terms).is_empty());
    }
}
