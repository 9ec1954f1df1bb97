//! Reads a mapping key by key, collects what is wrong, and notices keys that nobody asked for.

use super::{Diagnostic, Entry, Node, Place};
use std::time::Duration;

/// A mapping under reading. Every getter takes a key out and reports a value of the wrong kind;
/// `finish` reports the keys that are left, with did-you-mean among all keys asked for.
pub struct Fields<'a> {
    file: &'a str,
    what: &'static str,
    place: Place,
    left: Vec<&'a Entry>,
    asked: Vec<&'static str>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Fields<'a> {
    /// Starts reading. `what` names the thing in messages ("a rule", "a step"). A node that is no map is reported and
    /// reads as an empty one.
    pub fn new(
        _file: &'a str,
        _what: &'static str,
        _node: &'a Node,
        _diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Fields<'a> {
        todo!()
    }

    /// Takes the node of a key.
    pub fn node(&mut self, _key: &'static str) -> Option<&'a Node> {
        todo!()
    }

    /// Takes a text.
    pub fn text(&mut self, _key: &'static str) -> Option<String> {
        todo!()
    }

    /// Takes a text that must be there.
    pub fn required_text(&mut self, _key: &'static str) -> Option<String> {
        todo!()
    }

    /// Takes `true` or `false`.
    pub fn boolean(&mut self, _key: &'static str) -> Option<bool> {
        todo!()
    }

    /// Takes a whole number from 0.
    pub fn count(&mut self, _key: &'static str) -> Option<u64> {
        todo!()
    }

    /// Takes a duration: `500ms`, `5s`, `2min` (or `2m`), `1h`, `30d`.
    pub fn duration(&mut self, _key: &'static str) -> Option<Duration> {
        todo!()
    }

    /// Takes a text or a list of texts.
    pub fn texts(&mut self, _key: &'static str) -> Vec<(String, Place)> {
        todo!()
    }

    /// Where the mapping itself stands.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Reports something at a place in the same file.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The entries not asked for yet, for maps of free keys.
    pub fn rest(&mut self) -> Vec<&'a Entry> {
        std::mem::take(&mut self.left)
    }

    /// Reports unknown keys.
    pub fn finish(self) {
        let _ = (self.file, self.what, self.asked);
        todo!()
    }
}

/// The nearest of the candidates, where one is near enough to be meant.
pub fn suggest<'c>(_word: &str, _candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    todo!()
}
