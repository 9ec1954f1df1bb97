//! Compiles the templates of manifests and connections, and tells mistakes at their place.

use crate::document::{Diagnostic, Node, Place};
use crate::expr::{Engine, Part, Segment, Template};

/// Names that an action's templates see.
pub(super) const ACTION_NAMES: [&str; 5] = ["input", "run", "step", "link", "setting"];
/// Names that the templates of calls after the main one see.
pub(super) const AFTER_NAMES: [&str; 6] = ["input", "run", "step", "link", "setting", "output"];

/// What is needed to compile.
#[derive(Clone, Copy)]
pub(super) struct Compiling<'c> {
    /// File, for diagnostics.
    pub file: &'c str,
    /// The ruleset's engine.
    pub engine: &'c Engine,
    /// Names in scope.
    pub names: &'c [&'c str],
}

impl Compiling<'_> {
    /// Compiles a text value.
    pub(super) fn template(
        &self,
        node: &Node,
        text: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Template> {
        self.text(node.place, text, diagnostics)
    }

    /// Compiles a text that stands at a place (also a key).
    pub(super) fn text(
        &self,
        place: Place,
        text: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Template> {
        let error = match Template::compile(self.engine, text, self.names) {
            Ok(template) => return Some(template),
            Err(error) => error,
        };
        // Where `secret` is all that is wrong, it has a message of its own.
        let with_secret: Vec<&str> = self.names.iter().copied().chain(["secret"]).collect();
        let told = if Template::compile(self.engine, text, &with_secret).is_ok() {
            let offset = text.find("secret").unwrap_or(0);
            let place = within(place, text, offset);
            Diagnostic::error(self.file, Some(place), "`secret` can be read in `auth:` only.")
                .hint("put the credential into `auth: { header: …, value: \"{{ secret }}\", secret: NAME }`")
        } else {
            let place = within(place, text, error.offset);
            let told = Diagnostic::error(self.file, Some(place), error.message);
            match error.hint {
                Some(hint) => told.hint(hint),
                None => told,
            }
        };
        diagnostics.push(told);
        None
    }
}

/// The place of a byte of a text: exact where the text stands on one line as it is (plain, or quoted without escapes),
/// else where the text begins.
fn within(place: Place, text: &str, offset: usize) -> Place {
    let chars = text.chars().count() as u32;
    let quotes = place.length.saturating_sub(chars);
    if text.contains('\n') || place.length < chars || (quotes != 0 && quotes != 2) {
        return place;
    }
    let before = text.get(..offset).unwrap_or(text).chars().count() as u32;
    Place { line: place.line, column: place.column + quotes / 2 + before, length: 1 }
}

/// Names that a template reads directly below a root (`input.email` → `email`), with the offset of each.
pub(super) fn names_read(template: &Template, root: &str) -> Vec<(String, usize)> {
    let mut read = Vec::new();
    for part in &template.parts {
        let Part::Expression { expression, offset } = part else { continue };
        for path in expression.paths().iter().filter(|path| path.root == root) {
            if let Some(Segment::Name(name)) = path.segments.first() {
                read.push((name.clone(), offset + path.at.0));
            }
        }
    }
    read
}
