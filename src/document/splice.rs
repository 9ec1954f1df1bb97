//! Changes one value deep within a YAML file, and leaves every other byte as it stands: comments, order, quoting, line
//! breaks, keys that nobody here knows. For the rule builder.
//!
//! Promises: what is given back reads as the file before with exactly the one change that was asked for (it is read again
//! and compared), or nothing is given back but a sentence. No comment is lost but on the lines of what is taken out.

use super::{Entry, Node, Yaml, parse, written};
use serde_json::{Map, Value};

/// Why a file is not changed here.
pub const IN_THE_FILE: &str =
    "This part is written in a way that can't be changed here without touching more. Change it in the file.";

/// A step on the way to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way<'p> {
    /// The value of a key.
    Key(&'p str),
    /// An item of a list, from 0.
    Item(usize),
}

use Way::{Item, Key};

/// Sets a value. A key that is not there yet, or one that is made to hold it, goes behind the last of `behind` that is,
/// else to the front.
pub fn with_value(text: &str, path: &[Way<'_>], value: &Value, behind: &[&str]) -> Result<String, String> {
    let before = read(text)?;
    let mut expected = before.to_json();
    if !set_json(&mut expected, path, value) {
        return refused();
    }
    if expected == before.to_json() {
        return Ok(text.to_owned());
    }
    let file = File { text };
    let made = file.set(&before, path, value, behind);
    checked(made, &expected)
}

/// Takes a key or an item out, and what would be empty without it.
pub fn without(text: &str, path: &[Way<'_>]) -> Result<String, String> {
    let before = read(text)?;
    if find(&before, path).is_none() {
        return Ok(text.to_owned());
    }
    let mut path = path;
    // A map or list that holds nothing else goes with it.
    while let Some((_, above)) = path.split_last()
        && !above.is_empty()
        && find(&before, above).is_some_and(|node| size(node) == 1)
    {
        path = above;
    }
    let mut expected = before.to_json();
    if !remove_json(&mut expected, path) {
        return Ok(text.to_owned());
    }
    checked(File { text }.remove(&before, path), &expected)
}

/// Puts an item into a list, before the one that is at `index` now.
pub fn with_item(text: &str, list: &[Way<'_>], index: usize, value: &Value) -> Result<String, String> {
    let before = read(text)?;
    let there = find(&before, list);
    if there.is_none_or(|node| size(node) == 0) {
        return with_value(text, list, &Value::Array(vec![value.clone()]), &[]);
    }
    let mut expected = before.to_json();
    match find_json(&mut expected, list) {
        Some(Value::Array(items)) if index <= items.len() => items.insert(index, value.clone()),
        _ => return refused(),
    }
    let made = there.and_then(|node| File { text }.insert_item(node, index, value));
    checked(made, &expected)
}

/// Lets an item and the one behind it change places, each with the comments right above it.
pub fn with_swapped(text: &str, list: &[Way<'_>], index: usize) -> Result<String, String> {
    let before = read(text)?;
    let mut expected = before.to_json();
    match find_json(&mut expected, list) {
        Some(Value::Array(items)) if index + 1 < items.len() => items.swap(index, index + 1),
        _ => return refused(),
    }
    let made = find(&before, list).and_then(|node| File { text }.swap(node, index));
    checked(made, &expected)
}

fn refused<T>() -> Result<T, String> {
    Err(IN_THE_FILE.to_owned())
}

fn read(text: &str) -> Result<Node, String> {
    parse("", text).map_err(|told| told.message)
}

/// What came out, where it says exactly what it should.
fn checked(made: Option<String>, expected: &Value) -> Result<String, String> {
    match made {
        Some(text) if read(&text).is_ok_and(|node| node.to_json() == *expected) => Ok(text),
        _ => refused(),
    }
}

/// The node at a path.
pub fn find<'n>(node: &'n Node, path: &[Way<'_>]) -> Option<&'n Node> {
    path.iter().try_fold(node, |node, step| match (step, &node.yaml) {
        (Key(key), Yaml::Map(entries)) => {
            entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.value)
        }
        (Item(index), Yaml::List(items)) => items.get(*index),
        _ => None,
    })
}

fn size(node: &Node) -> usize {
    match &node.yaml {
        Yaml::Map(entries) => entries.len(),
        Yaml::List(items) => items.len(),
        _ => 0,
    }
}

fn find_json<'v>(value: &'v mut Value, path: &[Way<'_>]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Key(key) => value.as_object_mut()?.get_mut(*key),
        Item(index) => value.as_array_mut()?.get_mut(*index),
    })
}

fn set_json(root: &mut Value, path: &[Way<'_>], value: &Value) -> bool {
    let mut at = root;
    for step in path {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let next = match (step, at) {
            (Key(key), Value::Object(map)) => Some(map.entry((*key).to_owned()).or_insert(Value::Null)),
            (Item(index), Value::Array(items)) => items.get_mut(*index),
            _ => None,
        };
        let Some(next) = next else { return false };
        at = next;
    }
    *at = value.clone();
    true
}

fn remove_json(root: &mut Value, path: &[Way<'_>]) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    match (last, find_json(root, above)) {
        (Key(key), Some(Value::Object(map))) => map.shift_remove(*key).is_some(),
        (Item(index), Some(Value::Array(items))) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

/// The text under the knife. `None` everywhere: it can't be done.
struct File<'t> {
    text: &'t str,
}

impl File<'_> {
    fn set(&self, root: &Node, path: &[Way<'_>], value: &Value, behind: &[&str]) -> Option<String> {
        let (last, above) = path.split_last()?;
        let parent = find(root, above);
        match (last, parent.map(|node| &node.yaml)) {
            // What is to hold it is not there yet.
            (Key(key), None | Some(Yaml::Null)) => {
                let held = Value::Object(Map::from_iter([((*key).to_owned(), value.clone())]));
                self.set(root, above, &held, behind)
            }
            (Key(key), Some(Yaml::Map(entries))) => {
                let parent = parent?;
                match entries.iter().find(|entry| entry.key == *key) {
                    Some(entry) => self.replace(parent, entry, value),
                    None => self.insert_entry(parent, entries, (key, value), behind),
                }
            }
            (Item(index), Some(Yaml::List(items))) => {
                let item = items.get(*index)?;
                let old = self.own(item)?;
                let is_flow = self.is_flow(parent?);
                let new = written::inline_like(old, value, is_flow);
                let plain = !matches!(item.yaml, Yaml::Map(_) | Yaml::List(_));
                plain.then(|| self.spliced(item.span.start, item.span.end, &new))
            }
            _ => None,
        }
    }

    fn replace(&self, parent: &Node, entry: &Entry, value: &Value) -> Option<String> {
        let node = &entry.value;
        let colon = self.colon(entry)?;
        let is_flow = self.is_flow(parent);
        let is_empty = node.yaml == Yaml::Null && node.span.start >= node.span.end;
        let holds = matches!(node.yaml, Yaml::Map(_) | Yaml::List(_));
        if holds && has_comment(self.text.get(colon..node.span.end)?) {
            return None;
        }
        let in_lines = holds && !self.is_flow(node);
        let takes_lines = !is_flow && written::takes_lines(value);
        if !is_empty && !in_lines && !takes_lines {
            let old = self.own(node)?;
            let new = written::inline_like(old, value, is_flow);
            return Some(self.spliced(node.span.start, node.span.end, &new));
        }
        // From the colon on: what follows there on its line, if it was nothing before, is a comment that stays.
        let end = if is_empty { colon } else { node.span.end };
        let indent = self.column(entry.at);
        if takes_lines {
            let rest = self.text.get(end..self.line_end(end))?;
            if is_empty && !rest.trim().is_empty() && written::heads_line(value) {
                return None;
            }
            let lines = written::below(value, indent + 2, self.line_break());
            return match lines {
                written::Below::Lines(lines) => {
                    let at = if is_empty { self.line_end(end) } else { end };
                    let keep = if is_empty { self.text.get(colon..at)? } else { "" };
                    Some(self.spliced(colon, at, &format!("{keep}{}{lines}", self.line_break())))
                }
                written::Below::Headed(headed) => Some(self.spliced(colon, end, &format!(" {headed}"))),
            };
        }
        let new = written::inline(value, is_flow);
        Some(self.spliced(colon, end, &format!(" {new}")))
    }

    fn insert_entry(
        &self,
        parent: &Node,
        entries: &[Entry],
        (key, value): (&str, &Value),
        behind: &[&str],
    ) -> Option<String> {
        let before = entries.iter().rposition(|entry| behind.contains(&entry.key.as_str()));
        if self.is_flow(parent) {
            let new = format!("{}: {}", written::key(key), written::inline(value, true));
            return match (before, entries.first()) {
                (_, None) => Some(self.spliced(parent.span.start, parent.span.end, &format!("{{ {new} }}"))),
                (None, Some(first)) => Some(self.spliced(first.at, first.at, &format!("{new}, "))),
                (Some(before), _) => {
                    let end = self.end_of(&entries[before])?;
                    Some(self.spliced(end, end, &format!(", {new}")))
                }
            };
        }
        if self.own(parent)?.starts_with(['*', '&', '!']) {
            return None;
        }
        let first = entries.first()?;
        let indent = self.column(first.at);
        let lines = written::entry(key, value, indent, self.line_break());
        if let Some(before) = before {
            let end = self.line_end(self.end_of(&entries[before])?);
            let new = format!("{}{}{lines}", self.line_break(), " ".repeat(indent));
            return Some(self.spliced(end, end, &new));
        }
        let new = format!("{lines}{}{}", self.line_break(), " ".repeat(indent));
        Some(self.spliced(first.at, first.at, &new))
    }

    fn insert_item(&self, list: &Node, index: usize, value: &Value) -> Option<String> {
        let Yaml::List(items) = &list.yaml else { return None };
        let above = index.checked_sub(1).and_then(|above| items.get(above));
        if self.is_flow(list) {
            let new = written::inline(value, true);
            return match above {
                Some(above) => {
                    self.own(above)?;
                    Some(self.spliced(above.span.end, above.span.end, &format!(", {new}")))
                }
                None => {
                    let start = items.first()?.span.start;
                    Some(self.spliced(start, start, &format!("{new}, ")))
                }
            };
        }
        let dash = self.dash(items.first()?)?;
        let indent = self.column(dash);
        let item = written::item(value, indent, self.line_break());
        let margin = " ".repeat(indent);
        if let Some(above) = above {
            self.dash(above)?;
            let end = self.line_end(above.span.end);
            return Some(self.spliced(end, end, &format!("{}{margin}{item}", self.line_break())));
        }
        Some(self.spliced(dash, dash, &format!("{item}{}{margin}", self.line_break())))
    }

    fn remove(&self, root: &Node, path: &[Way<'_>]) -> Option<String> {
        let (last, above) = path.split_last()?;
        let parent = find(root, above)?;
        match (last, &parent.yaml) {
            (Key(key), Yaml::Map(entries)) => {
                let at = entries.iter().position(|entry| entry.key == *key)?;
                let (entry, next) = (&entries[at], entries.get(at + 1));
                if self.is_flow(parent) {
                    let end = self.end_of(entry)?;
                    return match (next, at.checked_sub(1).map(|before| &entries[before])) {
                        (Some(next), _) => Some(self.spliced(entry.at, next.at, "")),
                        (None, Some(before)) => Some(self.spliced(self.end_of(before)?, end, "")),
                        (None, None) => Some(self.spliced(entry.at, end, "")),
                    };
                }
                let end = self.end_of(entry)?;
                self.cut_lines(entry.at, end, next.map(|next| next.at))
            }
            (Item(index), Yaml::List(items)) => {
                let (item, next) = (items.get(*index)?, items.get(index + 1));
                if self.is_flow(parent) {
                    return match (next, index.checked_sub(1).map(|before| &items[before])) {
                        (Some(next), _) => Some(self.spliced(item.span.start, next.span.start, "")),
                        (None, Some(before)) => Some(self.spliced(before.span.end, item.span.end, "")),
                        (None, None) => None,
                    };
                }
                self.cut_lines(self.dash(item)?, item.span.end, None)
            }
            _ => None,
        }
    }

    /// Cuts from `start` to the end of the line of `end`: whole lines, or what stands behind a dash.
    fn cut_lines(&self, start: usize, end: usize, next: Option<usize>) -> Option<String> {
        let line = self.line_start(start);
        let after = self.line_end(end);
        let below = self.text.get(after..)?.find('\n').map_or(self.text.len(), |at| after + at + 1);
        if self.text.get(line..start)?.trim_matches([' ', '\u{feff}']).is_empty() {
            // A byte order mark stays.
            let line = if self.text[line..].starts_with('\u{feff}') { line + 3 } else { line };
            return Some(self.spliced(line, below, ""));
        }
        let next = next?;
        let is_bare = self.text.get(after..next)?.trim().is_empty();
        if is_bare {
            return Some(self.spliced(start, next, ""));
        }
        // Comments between the two stay; the dash stands alone then.
        Some(self.spliced(start, after, ""))
    }

    fn swap(&self, list: &Node, index: usize) -> Option<String> {
        let Yaml::List(items) = &list.yaml else { return None };
        let (one, other) = (items.get(index)?, items.get(index + 1)?);
        if self.is_flow(list) {
            let (first, second) = (self.own(one)?, self.own(other)?);
            let between = self.text.get(one.span.end..other.span.start)?;
            return Some(self.spliced(one.span.start, other.span.end, &format!("{second}{between}{first}")));
        }
        let one = self.lines_of_item(one)?;
        let other = self.lines_of_item(other)?;
        let (first, second) = (self.text.get(one.0..one.1)?, self.text.get(other.0..other.1)?);
        let between = self.text.get(one.1..other.0)?;
        Some(self.spliced(one.0, other.1, &format!("{second}{between}{first}")))
    }

    /// The lines of an item, without the last line's break, with the comments right above it.
    fn lines_of_item(&self, item: &Node) -> Option<(usize, usize)> {
        let dash = self.dash(item)?;
        let mut start = self.line_start(dash);
        if !self.text.get(start..dash)?.trim_matches(' ').is_empty() {
            return None;
        }
        while start > 0 {
            let above = self.line_start(start - 1);
            let line = self.text.get(above..start)?;
            // A comment further left belongs to what holds the list.
            let is_comment = line.trim_start().starts_with('#');
            if !is_comment || line.len() - line.trim_start().len() < self.column(dash) {
                break;
            }
            start = above;
        }
        Some((start, self.line_end(item.span.end)))
    }

    fn spliced(&self, start: usize, end: usize, new: &str) -> String {
        let (start, end) = (start.min(end), end.min(self.text.len()));
        let mut text = String::with_capacity(self.text.len() + new.len());
        text.push_str(self.text.get(..start).unwrap_or_default());
        text.push_str(new);
        text.push_str(self.text.get(end..).unwrap_or_default());
        text
    }

    /// A value as written; `None` for what repeats another, or has a name to be repeated by.
    fn own(&self, node: &Node) -> Option<&str> {
        self.text.get(node.span.start..node.span.end).filter(|text| !text.starts_with(['*', '&']))
    }

    fn is_flow(&self, node: &Node) -> bool {
        matches!(node.yaml, Yaml::Map(_) | Yaml::List(_))
            && self.text.get(node.span.start..).is_some_and(|text| text.starts_with(['{', '[']))
    }

    /// The byte behind the colon of a key.
    fn colon(&self, entry: &Entry) -> Option<usize> {
        let from = self.text.get(entry.at..)?;
        let key = match from.as_bytes().first()? {
            b'\'' | b'"' => {
                let quote = from.chars().next()?;
                let mut escaped = false;
                let close = from.char_indices().skip(1).find(|(_, c)| {
                    let closes = *c == quote && !escaped;
                    escaped = *c == '\\' && quote == '"' && !escaped;
                    closes
                })?;
                close.0 + 1
            }
            b'?' => return None,
            _ => from.starts_with(&entry.key).then_some(entry.key.len())?,
        };
        let rest = from.get(key..)?;
        let colon = rest.trim_start_matches(' ').starts_with(':').then(|| rest.find(':'))??;
        Some(entry.at + key + colon + 1)
    }

    /// Where an entry ends: with its value, or with its colon where it has none.
    fn end_of(&self, entry: &Entry) -> Option<usize> {
        let colon = self.colon(entry)?;
        let span = entry.value.span;
        if entry.value.yaml == Yaml::Null && span.start >= span.end {
            return Some(colon);
        }
        (span.end >= colon).then_some(span.end)
    }

    /// The dash of an item.
    fn dash(&self, item: &Node) -> Option<usize> {
        let before = self.text.get(..item.span.start)?.trim_end_matches(' ');
        before.ends_with('-').then(|| before.len() - 1)
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at.min(self.text.len())].rfind('\n').map_or(0, |found| found + 1)
    }

    /// Where the line of a byte ends, before its break.
    fn line_end(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        let end = self.text[at..].find('\n').map_or(self.text.len(), |found| at + found);
        if end > at && self.text[..end].ends_with('\r') { end - 1 } else { end }
    }

    /// Characters before a byte on its line.
    fn column(&self, at: usize) -> usize {
        self.text[self.line_start(at)..at].chars().filter(|c| *c != '\u{feff}').count()
    }

    fn line_break(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }
}

/// Whether there may be a comment in it.
fn has_comment(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with('#') || line.contains(" #"))
}

#[cfg(test)]
#[path = "splice_tests.rs"]
mod tests;
