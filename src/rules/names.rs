//! Names: that files, steps and former names claim each name once, and that names can be used where they are needed
//! (in addresses, in `use:`, on case-insensitive disks). Used by `compile` only.

use super::Files;
use super::rule::Rule;
use crate::document::Diagnostic;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Characters of a name: it stands in addresses, in commands and in the database's keys.
const NAME_CHARS_MAX: usize = 80;

/// Checks the names of all files.
pub(super) fn check(files: &Files) -> Vec<Diagnostic> {
    let mut told = Vec::new();
    for folder in ["", "sources", "connections", "connectors"] {
        let mut seen: HashMap<String, &str> = HashMap::new();
        for (name, path, _) in files.within(folder) {
            if let Some(first) = seen.insert(name.to_lowercase(), path) {
                let message =
                    format!("{path} and {first} claim one name: they differ only in capital letters.");
                told.push(Diagnostic::error(path, None, message).hint("rename one of the two files"));
            }
            if !is_name(name) {
                let message = format!("`{name}` can't be used as a name.");
                told.push(Diagnostic::error(path, None, message).hint(format!(
                    "rename the file: letters, digits, `-` and `_`, at most {NAME_CHARS_MAX}, no blanks"
                )));
            }
        }
    }
    told
}

/// Whether something can be a name: letters, digits, `-`, `_` and `.`, beginning with a letter or digit.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.len() <= NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(fits)
}

/// Checks `was:` of rules: a former name is nobody's present one, and only one rule took it over.
pub(super) fn check_former(
    rules: &BTreeMap<String, Arc<Rule>>,
    present: &BTreeSet<&str>,
    told: &mut Vec<Diagnostic>,
) {
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for rule in rules.values() {
        let Some((was, place)) = &rule.was_at else { continue };
        if present.contains(was.as_str()) {
            let message = if *was == rule.name {
                format!("`was: {was}` is this rule's own name.")
            } else {
                format!("`was: {was}` claims a name that {was}.yaml has.")
            };
            let hint =
                "`was:` is the name that this rule's file had before; remove the line where it had none";
            told.push(Diagnostic::error(&rule.file, Some(*place), message).hint(hint));
        } else if let Some(first) = taken.insert(was, &rule.file) {
            let message = format!("`was: {was}` is claimed by {first} too.");
            let hint = "only one rule can carry on what the former one sent; remove one of the two lines";
            told.push(Diagnostic::error(&rule.file, Some(*place), message).hint(hint));
        }
    }
}

/// Characters of the word that a text begins with, at least 1: how much of it is marked.
pub(super) fn word_length(text: &str) -> u32 {
    let word = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').count();
    word.clamp(1, NAME_CHARS_MAX) as u32
}

/// Names as a list for a hint: `a`, `b` and `c`, cut where there are many.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    /// More names than this help nobody.
    const NAMES_MAX: usize = 12;
    let mut quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if quoted.len() > NAMES_MAX {
        let more = quoted.len() - NAMES_MAX;
        quoted.truncate(NAMES_MAX);
        return format!("{} and {more} more", quoted.join(", "));
    }
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}
