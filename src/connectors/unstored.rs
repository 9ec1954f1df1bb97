//! What is never stored, not even of a body as it came: cards and the accounts that guests pay with, where a booking system
//! puts them into a webhook. Which these are a connector says (`never_stored:`).
//!
//! It promises: a body that holds none of them stays byte for byte; what is packed, written in other letters, as a form or as
//! several documents is looked through as it is read; a name counts in whatever case. It costs one look over the body, and that
//! only where the connector names something. The signature is checked before, over the body as it was sent. `app` puts it into
//! the doors of sources, those that were removed among them; `ingest` calls it.

use super::form_body::{decoded, levels_of, looks_like_form};
use super::multipart::{is_multipart, parts};
use super::pattern::{Pattern, Segment};
use super::payload::{documents, is_form, is_gzip, looks_like_json, text_of, unpack};
use super::source_spec::SourceSpec;
use crate::ports::{Cleaned, Cleaner};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::borrow::Cow;

/// Levels of JSON within texts of JSON.
const TEXTS_MAX: usize = 4;

/// Places of bodies that are never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeverStored {
    /// As [`NeverStored::read`] takes them.
    patterns: Vec<String>,
    places: Vec<Vec<Segment>>,
    /// A body without any of these words (lower case) has none of the places.
    words: Vec<String>,
}

impl NeverStored {
    /// By patterns over whole bodies. `None` where there is none; what is no pattern is passed over.
    pub fn read(patterns: &[String]) -> Option<Self> {
        let mut kept: Vec<String> = patterns.to_vec();
        kept.sort();
        kept.dedup();
        let mut places = Vec::new();
        let mut words = Vec::new();
        kept.retain(|text| {
            let Ok(pattern) = Pattern::parse(&text.to_ascii_lowercase()) else { return false };
            words.push(word_of(pattern.segments()));
            places.push(pattern.segments().to_vec());
            true
        });
        (!kept.is_empty()).then_some(Self { patterns: kept, places, words })
    }

    /// Its patterns, as [`NeverStored::read`] takes them.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    fn places(&self) -> Vec<&[Segment]> {
        self.places.iter().map(Vec::as_slice).collect()
    }

    /// How often the words are in a text.
    fn mentioned(&self, text: &str) -> usize {
        let text = text.to_ascii_lowercase();
        self.words
            .iter()
            .filter(|word| !word.is_empty())
            .map(|word| text.matches(word.as_str()).count())
            .sum()
    }

    /// Whether bytes that can't be read are plain letters that name nothing of it.
    fn is_harmless(&self, bytes: &[u8]) -> bool {
        let named = self.words.iter().any(|word| mentions(bytes, word.as_bytes()));
        !named && !is_gzip(bytes) && !bytes.contains(&0)
    }

    fn may_hold(&self, text: &str) -> bool {
        // Names may be written with escapes; hardly anybody does.
        text.contains("\\u00") || self.words.iter().any(|word| mentions(text.as_bytes(), word.as_bytes()))
    }

    /// The text without it; `None`: nothing was there. `Err`: it can't be told.
    fn clean_text(&self, text: &str, content_type: &str) -> Result<Option<String>, String> {
        let form = is_form(content_type) || (content_type.is_empty() && looks_like_form(text));
        if form && !looks_like_json(text.as_bytes()) {
            return Ok(self.clean_form(text));
        }
        if !self.may_hold(text) {
            return Ok(None);
        }
        let (mut values, left) = documents(text)?;
        let mut removed = false;
        for value in &mut values {
            removed |= remove(value, &self.places(), TEXTS_MAX);
        }
        let texts: Vec<String> = values.iter().map(Value::to_string).collect();
        let kept = texts.join("\n");
        // What stands below a key that comes twice is in the text, and not in what is read of it.
        let is_hidden = self.mentioned(text) > self.mentioned(&kept);
        Ok((removed || is_hidden || self.may_hold(left)).then_some(kept))
    }

    /// Fields that are named so go whole; of those that hold JSON what is in it.
    fn clean_form(&self, text: &str) -> Option<String> {
        let mut changed = false;
        let pairs: Vec<Cow<'_, str>> = text
            .split('&')
            .filter_map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                match self.clean_field(&decoded(name), &decoded(value)) {
                    Field::Stays => Some(Cow::Borrowed(pair)),
                    Field::Goes => {
                        changed = true;
                        None
                    }
                    Field::Becomes(value) => {
                        changed = true;
                        Some(format!("{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)).into())
                    }
                }
            })
            .collect();
        changed.then(|| pairs.join("&"))
    }

    fn clean_parts(&self, body: &[u8], content_type: &str) -> Result<Option<Vec<u8>>, String> {
        let mut kept = Vec::with_capacity(body.len());
        let (mut changed, mut at) = (false, 0);
        for part in parts(body, content_type)? {
            let value = String::from_utf8_lossy(&body[part.content.clone()]);
            match self.clean_field(&part.name, &value) {
                Field::Stays => continue,
                Field::Goes => kept.extend_from_slice(&body[at..part.whole.start]),
                Field::Becomes(value) => {
                    kept.extend_from_slice(&body[at..part.content.start]);
                    kept.extend_from_slice(value.as_bytes());
                    kept.extend_from_slice(&body[part.content.end..part.whole.end]);
                }
            }
            changed = true;
            at = part.whole.end;
        }
        kept.extend_from_slice(&body[at..]);
        Ok(changed.then_some(kept))
    }

    fn clean_field(&self, name: &str, value: &str) -> Field {
        let levels = levels_of(name).unwrap_or_else(|| vec![name]);
        let mut states = self.places();
        for level in levels {
            let (next, doomed) = step(&states, if level.is_empty() { None } else { Some(level) });
            if doomed {
                return Field::Goes;
            }
            states = next;
        }
        if !looks_like_json(value.as_bytes()) || !self.may_hold(value) {
            return Field::Stays;
        }
        let Ok((mut values, _)) = documents(value) else { return Field::Stays };
        // Whatever field holds it, it may be the whole message.
        states.extend(self.places());
        let mut removed = false;
        for value in &mut values {
            removed |= remove(value, &states, TEXTS_MAX);
        }
        if !removed {
            return Field::Stays;
        }
        Field::Becomes(values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"))
    }
}

enum Field {
    Stays,
    Goes,
    Becomes(String),
}

impl Cleaner for NeverStored {
    fn clean(&self, body: &[u8], encoding: &str, content_type: &str) -> Cleaned {
        let unpacked = match unpack(body, encoding) {
            Ok(unpacked) => unpacked,
            Err(why) => return Cleaned::NotLookedThrough(why.into()),
        };
        let cleaned = if is_multipart(&unpacked, content_type) && !looks_like_json(&unpacked) {
            self.clean_parts(&unpacked, content_type)
        } else {
            let content_type = content_type.to_ascii_lowercase();
            text_of(&unpacked, &content_type)
                .and_then(|text| self.clean_text(&text, &content_type))
                .map(|text| text.map(String::into_bytes))
        };
        match cleaned {
            Ok(None) => Cleaned::AsItCame,
            Ok(Some(body)) => Cleaned::Without(body),
            // What names nothing of it needs no word, readable or not.
            Err(_) if self.is_harmless(&unpacked) => Cleaned::AsItCame,
            Err(why) => Cleaned::NotLookedThrough(why.into()),
        }
    }
}

impl SourceSpec {
    /// What is never stored, as patterns over whole bodies.
    pub fn unstored(&self) -> Vec<String> {
        let mut patterns = Vec::new();
        for record in &self.records {
            let pieces: Vec<&str> = record.at.split('/').filter(|piece| !piece.is_empty()).collect();
            for text in &record.never_stored_texts {
                if text.starts_with("**") {
                    patterns.push(text.clone());
                    continue;
                }
                // The record itself is not in a body that only hints at it.
                if !record.hints.is_empty() {
                    continue;
                }
                let around = self.envelope.list_path().map(|list| format!("{list}[]."));
                let inner = if pieces.is_empty() { String::new() } else { format!("{}.", pieces.join(".")) };
                let around = around.unwrap_or_default();
                // The record alone, several of it in a list, and several bodies in a list.
                let mut places = vec![format!("{around}{inner}{text}")];
                places.extend(inner.strip_suffix('.').map(|inner| format!("{around}{inner}[].{text}")));
                patterns.extend(places.iter().map(|place| format!("[].{place}")));
                patterns.extend(places);
            }
        }
        patterns.sort();
        patterns.dedup();
        patterns
    }
}

/// The longest word that must be in a body for the pattern to name something; empty: any may.
fn word_of(segments: &[Segment]) -> String {
    let words = segments.iter().flat_map(|segment| match segment {
        Segment::Name(before, after) => [before.as_str(), after.as_deref().unwrap_or_default()],
        Segment::Deep | Segment::Item => ["", ""],
    });
    words.max_by_key(|word| word.len()).unwrap_or_default().to_owned()
}

fn mentions(body: &[u8], word: &[u8]) -> bool {
    word.is_empty() || body.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// Whether something was there to remove.
fn remove(value: &mut Value, states: &[&[Segment]], texts: usize) -> bool {
    match value {
        Value::Object(map) => {
            let mut removed = false;
            map.retain(|key, inner| {
                let (next, doomed) = step(states, Some(key));
                removed |= doomed || remove(inner, &next, texts);
                !doomed
            });
            removed
        }
        Value::Array(items) => {
            let (next, _) = step(states, None);
            let mut removed = false;
            for item in items {
                removed |= remove(item, &next, texts);
            }
            removed
        }
        Value::String(text) if texts > 0 && looks_like_json(text.as_bytes()) => {
            let Ok(mut inner) = serde_json::from_str::<Value>(text) else { return false };
            let removed = remove(&mut inner, states, texts - 1);
            if removed {
                *text = inner.to_string();
            }
            removed
        }
        _ => false,
    }
}

/// One step deeper, into a key or (`None`) an item: what is still to come of each pattern, and whether one ends here.
fn step<'p>(states: &[&'p [Segment]], key: Option<&str>) -> (Vec<&'p [Segment]>, bool) {
    let key = key.map(str::to_ascii_lowercase);
    let mut next = Vec::with_capacity(states.len());
    for state in states {
        advance(state, key.as_deref(), &mut next);
    }
    let doomed = next.iter().any(|state| state.is_empty());
    (next, doomed)
}

fn advance<'p>(state: &'p [Segment], key: Option<&str>, next: &mut Vec<&'p [Segment]>) {
    let Some((first, rest)) = state.split_first() else { return };
    match (first, key) {
        (Segment::Deep, key) => {
            next.push(state);
            advance(rest, key, next);
        }
        (Segment::Item, None) => next.push(rest),
        (Segment::Name(..), Some(key)) if first.names(key) => next.push(rest),
        _ => {}
    }
}

#[cfg(test)]
#[path = "unstored_tests.rs"]
mod tests;
