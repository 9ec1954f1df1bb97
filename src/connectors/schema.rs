//! What a connector knows of its payloads' paths, in its own words: maps with their fields, lists with their item,
//! leaves, and things of which nothing more is known.

use crate::document::{Diagnostic, Node, Yaml, suggest};
use crate::expr::{Path, Segment};
use std::collections::BTreeMap;

/// Types may name types, so deep.
const DEPTH_MAX: usize = 16;

/// A tree of known paths: objects with their fields, lists with their item, leaves; `open` objects take any key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    shape: Tree,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Tree {
    /// Anything may be below.
    #[default]
    Open,
    /// A single value: its word.
    Leaf(&'static str),
    /// A list of such items.
    List(Box<Tree>),
    /// A map of these fields.
    Map(BTreeMap<String, Tree>),
}

/// What is known of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is known, or beyond an open object, an index by expression, or a `["key"]`.
    Yes,
    /// Unknown; the segment (index into `Path::segments`), and a near match for it.
    No {
        /// Index of the unknown segment.
        segment: usize,
        /// A known name that is near.
        near: Option<String>,
    },
}

const LEAVES: [&str; 5] = ["text", "number", "boolean", "datetime", "date"];

impl Schema {
    /// Checks a path that starts at the record (`booking.…`, without the root).
    pub fn check(&self, path: &Path) -> Known {
        let mut at = &self.shape;
        for (index, segment) in path.segments.iter().enumerate() {
            at = match (at, segment) {
                (Tree::Open, _) | (_, Segment::Key(_) | Segment::Unknown) => return Known::Yes,
                (Tree::List(item), Segment::Index(_)) => item,
                (Tree::Map(fields), Segment::Name(name)) => {
                    let Some(field) = fields.get(name) else {
                        let near = suggest(name, fields.keys().map(String::as_str)).map(str::to_owned);
                        return Known::No { segment: index, near };
                    };
                    field
                }
                _ => return Known::No { segment: index, near: None },
            };
        }
        Known::Yes
    }

    /// The schema of one child (`customer` within `customers`).
    pub fn child(&self, list: &str) -> Option<Schema> {
        let mut at = &self.shape;
        for name in list.split('.') {
            let Tree::Map(fields) = at else { return None };
            at = fields.get(name)?;
        }
        match at {
            Tree::List(item) => Some(Schema { shape: (**item).clone() }),
            _ => None,
        }
    }

    /// The same with a source's `extra_fields:` (dotted paths; `[]` for items of lists).
    #[must_use]
    pub fn with_extra(&self, paths: &[String]) -> Schema {
        let mut shape = self.shape.clone();
        for path in paths {
            let mut steps = Vec::new();
            for piece in path.split('.') {
                let name = piece.trim_end_matches("[]");
                steps.push(Some(name));
                steps.extend((0..(piece.len() - name.len()) / 2).map(|_| None));
            }
            add(&mut shape, &steps);
        }
        Schema { shape }
    }

    /// All known paths with the word of their kind, for pages that offer them: `contact.email`, `customers[].pk`.
    pub fn paths(&self) -> Vec<(String, &'static str)> {
        let mut found = Vec::new();
        list(&self.shape, String::new(), &mut found);
        found
    }

    /// Reads a manifest's `schema:` with its `types:`.
    pub(super) fn read(
        file: &str,
        node: &Node,
        types: &BTreeMap<String, &Node>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Schema {
        Schema { shape: read(&Reading { file, types }, node, 0, diagnostics) }
    }
}

fn add(tree: &mut Tree, steps: &[Option<&str>]) {
    let Some((first, rest)) = steps.split_first() else {
        *tree = Tree::Open;
        return;
    };
    match (first, tree) {
        (_, Tree::Open) => {}
        (Some(name), Tree::Map(fields)) => match fields.get_mut(*name) {
            Some(field) if !rest.is_empty() => add(field, rest),
            Some(_) => {}
            None => {
                let mut field = Tree::Map(BTreeMap::new());
                add(&mut field, rest);
                fields.insert((*name).to_owned(), field);
            }
        },
        (None, Tree::List(item)) => add(item, rest),
        (None, tree) => {
            let mut item = Tree::Map(BTreeMap::new());
            add(&mut item, rest);
            *tree = Tree::List(Box::new(item));
        }
        (Some(_), tree @ (Tree::Leaf(_) | Tree::List(_))) => {
            let mut map = Tree::Map(BTreeMap::new());
            add(&mut map, steps);
            *tree = map;
        }
    }
}

fn list(tree: &Tree, path: String, found: &mut Vec<(String, &'static str)>) {
    match tree {
        Tree::Map(fields) => {
            for (name, field) in fields {
                let deeper = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                list(field, deeper, found);
            }
        }
        Tree::List(item) => list(item, format!("{path}[]"), found),
        Tree::Leaf(word) => found.push((path, word)),
        Tree::Open => found.push((path, "any")),
    }
}

struct Reading<'r> {
    file: &'r str,
    types: &'r BTreeMap<String, &'r Node>,
}

fn read(reading: &Reading<'_>, node: &Node, depth: usize, diagnostics: &mut Vec<Diagnostic>) -> Tree {
    let mut wrong = |message: String, hint: String| {
        diagnostics.push(Diagnostic::error(reading.file, Some(node.place), message).hint(hint));
        Tree::Open
    };
    if depth > DEPTH_MAX {
        return wrong(
            format!("The schema is deeper than {DEPTH_MAX} levels."),
            "a type that contains itself is written as `open` where it begins again".to_owned(),
        );
    }
    match &node.yaml {
        Yaml::Text(word) if word == "open" || word == "any" => Tree::Open,
        Yaml::Text(word) => match LEAVES.into_iter().find(|leaf| leaf == word) {
            Some(leaf) => Tree::Leaf(leaf),
            None => {
                if let Some(named) = reading.types.get(word) {
                    return read(reading, named, depth + 1, diagnostics);
                }
                let known: Vec<&str> = LEAVES
                    .into_iter()
                    .chain(["open"])
                    .chain(reading.types.keys().map(String::as_str))
                    .collect();
                let hint = suggest(word, known.iter().copied()).map_or_else(
                    || format!("it is one of {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                wrong(format!("`{word}` is no type."), hint)
            }
        },
        Yaml::List(items) => match items.as_slice() {
            [item] => Tree::List(Box::new(read(reading, item, depth + 1, diagnostics))),
            _ => wrong(
                format!("A list in a schema has one item that stands for all, and this has {}.", items.len()),
                "write `[ text ]` or `[ { pk: number } ]`".to_owned(),
            ),
        },
        Yaml::Map(entries) => Tree::Map(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), read(reading, &entry.value, depth + 1, diagnostics)))
                .collect(),
        ),
        _ => wrong(
            format!("A schema is written in types, and this is {}.", node.kind()),
            "write text, number, boolean, datetime, open, a map or a list of one item".to_owned(),
        ),
    }
}
