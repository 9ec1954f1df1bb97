//! Reads one YAML document into nodes. Works on the events of serde-saphyr's parser rather than through
//! serde, because only these tell a quoted `"1.10"` from a plain one and where a key stands. It promises:
//! no recursion, bounded depth and size whatever the text is, no duplicate keys, no tags, no merge keys.
//! Called for every file of a rules folder.

use super::node::Span as Bytes;
use super::{Diagnostic, Entry, Node, Place, Yaml, mistakes, within};
use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, Span, StructureStyle};
use std::collections::HashMap;

/// Levels of maps and lists in each other: a person's file has a handful; the JSON made of it is walked
/// recursively.
const DEPTH_MAX: usize = 64;
/// Values of one document, those that aliases repeat counted each time: a rules file has some hundreds.
const NODES_MAX: usize = 100_000;
/// Bytes of text of one document, those that aliases repeat counted each time.
const TEXT_BYTES_MAX: usize = 8 << 20;

/// Parses one document. `file` is only named in diagnostics. An empty document is an error.
pub fn parse(file: &str, text: &str) -> Result<Node, Diagnostic> {
    let options =
        granit_parser::options! { emit_comments: false, flow_nesting_limit: 80, block_nesting_limit: 80 };
    let mut builder = Builder::new(file, text);
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| mistakes::explain(file, text, &error))?;
        builder.take(event, span)?;
    }
    match builder.root {
        Some(root) if builder.holds_something => Ok(root),
        _ => Err(Diagnostic::error(file, None, "This file is empty.")
            .hint("write its content, or delete the file")),
    }
}

/// A map or list whose end has not come yet.
struct Open {
    place: Place,
    start: usize,
    anchor: usize,
    flow: bool,
    within: Within,
}

enum Within {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, keys: HashMap<String, Place>, key: Option<(String, Place, usize)> },
}

/// Where something stands, for people and in bytes.
#[derive(Clone, Copy)]
struct Written {
    place: Place,
    bytes: Bytes,
}

impl Written {
    fn at(place: Place, span: &Span) -> Self {
        let start = span.start.byte_offset().unwrap_or_default();
        let end = span.end.byte_offset().unwrap_or(start).max(start);
        Self { place, bytes: Bytes { start, end } }
    }
}

struct Builder<'t> {
    file: &'t str,
    text: &'t str,
    root: Option<Node>,
    holds_something: bool,
    documents: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    bytes: usize,
}

impl<'t> Builder<'t> {
    fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            root: None,
            holds_something: false,
            documents: 0,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            bytes: 0,
        }
    }

    fn error(&self, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.file, Some(place), message)
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let place = match event {
            Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => self.block_header(&span),
            _ => place_of(&span),
        };
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self
                        .error(place, "A second document begins here; one file holds one.")
                        .hint("remove the line `---`, or move what follows to a file of its own"));
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span, place)?;
                let written = Written { place, bytes: self.bytes_of(&span, style, place) };
                self.scalar(&value, style, anchor, written)?;
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span, place)?;
                self.begin(Within::List(Vec::new()), style, anchor, Written::at(place, &span))?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span, place)?;
                let map = Within::Map { entries: Vec::new(), keys: HashMap::new(), key: None };
                self.begin(map, style, anchor, Written::at(place, &span))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&span)?,
            Event::Alias(id) => {
                let Some(mut node) = self.anchors.get(&id).cloned() else {
                    return Err(self.error(place, "This alias stands inside of what it repeats."));
                };
                if self.wants_key() {
                    return Err(self.bad_key(place, "an alias"));
                }
                self.spend(&node, place)?;
                node.span = Written::at(place, &span).bytes;
                self.put(node)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A block scalar's place is that of its `|` or `>`, from which `place_within` reads; the parser
    /// tells its content's.
    fn block_header(&self, span: &Span) -> Place {
        let place = place_of(span);
        let Some(start) = span.start.byte_offset().filter(|start| self.text.is_char_boundary(*start)) else {
            return place;
        };
        let mut end = start;
        while let Some(line) = self.text.get(..end) {
            let line_start = line.rfind('\n').map_or(0, |at| at + 1);
            let header = line[line_start..].rfind(['|', '>']).map(|at| line_start + at).filter(|at| {
                let after = self.text[at + 1..].split('\n').next().unwrap_or_default();
                let after = after.split('#').next().unwrap_or_default();
                after.trim().chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-'))
            });
            if let Some(header) = header {
                return within::place_of_byte(self.text, header);
            }
            if line_start == 0 {
                return place;
            }
            end = line_start - 1;
        }
        place
    }

    /// What a scalar takes of the text. Behind `|` or `>` that is all from there to its last line with something in it.
    fn bytes_of(&self, span: &Span, style: ScalarStyle, place: Place) -> Bytes {
        let written = Written::at(place, span).bytes;
        if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return written;
        }
        let start = within::byte_of(self.text, place).unwrap_or(written.start);
        let end = written.end.max(start).min(self.text.len());
        let content = self.text.get(start..end).unwrap_or_default();
        Bytes { start, end: start + content.trim_end().len() }
    }

    fn refuse_tag(&self, tagged: bool, span: &Span, place: Place) -> Result<(), Diagnostic> {
        if !tagged {
            return Ok(());
        }
        let place = span.tag_span().map_or(place, |tag| place_of(&tag));
        Err(self
            .error(place, "Tags (words that begin with `!`) are not read here.")
            .hint("put a value that begins with `!` in quotes"))
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { within: Within::Map { key: None, .. }, .. }))
    }

    fn scalar(
        &mut self,
        value: &str,
        style: ScalarStyle,
        anchor: usize,
        Written { place, bytes }: Written,
    ) -> Result<(), Diagnostic> {
        let yaml = if style == ScalarStyle::Plain { classify(value) } else { Yaml::Text(value.to_owned()) };
        self.holds_something |= yaml != Yaml::Null || !value.is_empty();
        self.count(1, value.len(), place)?;
        if self.wants_key() {
            return self.key(yaml, style, value, Written { place, bytes });
        }
        let node = Node { yaml, place, span: bytes };
        self.remember(anchor, &node)?;
        self.put(node)
    }

    fn key(
        &mut self,
        yaml: Yaml,
        style: ScalarStyle,
        value: &str,
        Written { place, bytes }: Written,
    ) -> Result<(), Diagnostic> {
        let text = match yaml {
            Yaml::Text(text) => text,
            Yaml::Null => return Err(self.bad_key(place, "nothing")),
            Yaml::Bool(_) => return Err(self.bad_key(place, "true or false")),
            _ => return Err(self.bad_key(place, "a number")),
        };
        if text == "<<" && style == ScalarStyle::Plain {
            return Err(self
                .error(place, "Merge keys (`<<`) are not read here.")
                .hint("write the entries out, or repeat a whole value with an alias"));
        }
        let Some(Open { within: Within::Map { keys, key, .. }, .. }) = self.open.last_mut() else {
            return Ok(());
        };
        if let Some(first) = keys.get(&text) {
            let line = first.line;
            return Err(self
                .error(
                    place,
                    format!("The key `{value}` is here a second time; the first is in line {line}."),
                )
                .hint("keep one of the two"));
        }
        keys.insert(text.clone(), place);
        *key = Some((text, place, bytes.start));
        Ok(())
    }

    fn bad_key(&self, place: Place, what: &str) -> Diagnostic {
        if mistakes::braces_at(self.text, place) {
            return mistakes::unquoted_braces(self.file, place);
        }
        self.error(place, format!("A key must be a text, and this is {what}."))
            .hint("put the key in quotes where it is meant as a text")
    }

    fn begin(
        &mut self,
        within: Within,
        style: StructureStyle,
        anchor: usize,
        Written { place, bytes }: Written,
    ) -> Result<(), Diagnostic> {
        self.holds_something = true;
        self.count(1, 0, place)?;
        let flow = style == StructureStyle::Flow;
        let is_map = matches!(within, Within::Map { .. });
        if self.wants_key() {
            if is_map && let Some(Open { flow: true, place: outer, .. }) = self.open.last() {
                let outer = *outer;
                if mistakes::braces_at(self.text, outer) {
                    return Err(mistakes::unquoted_braces(self.file, outer));
                }
            }
            return Err(self.bad_key(place, if is_map { "a map" } else { "a list" }));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(
                self.error(place, format!("Maps and lists are nested deeper than {DEPTH_MAX} levels."))
            );
        }
        self.open.push(Open { place, start: bytes.start, anchor, flow, within });
        Ok(())
    }

    fn end(&mut self, span: &Span) -> Result<(), Diagnostic> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        // Written in lines, it has no end of its own.
        let last = match &open.within {
            Within::List(items) => items.last().map(|item| item.span.end),
            Within::Map { entries, .. } => entries.last().map(|entry| entry.value.span.end),
        };
        let end = if open.flow { span.end.byte_offset() } else { last };
        let bytes = Bytes { start: open.start, end: end.unwrap_or(open.start).max(open.start) };
        let yaml = match open.within {
            Within::List(items) => Yaml::List(items),
            Within::Map { entries, .. } => Yaml::Map(entries),
        };
        let node = Node { yaml, place: Place { length: 1, ..open.place }, span: bytes };
        self.remember(open.anchor, &node)?;
        self.put(node)
    }

    /// Keeps what an alias may repeat. The copy counts too: anchors within anchors would cost depth times
    /// size.
    fn remember(&mut self, anchor: usize, node: &Node) -> Result<(), Diagnostic> {
        if anchor != 0 {
            self.spend(node, node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(())
    }

    fn put(&mut self, node: Node) -> Result<(), Diagnostic> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { within: Within::List(items), .. }) => items.push(node),
            Some(Open { within: Within::Map { entries, key, .. }, .. }) => match key.take() {
                Some((key, place, at)) => entries.push(Entry { key, place, at, value: node }),
                None => return Err(self.bad_key(node.place, node.kind())),
            },
        }
        Ok(())
    }

    /// Counts what an alias repeats, before it is copied into the tree; its depth counts from where it
    /// stands.
    fn spend(&mut self, node: &Node, place: Place) -> Result<(), Diagnostic> {
        let mut left = vec![(node, self.open.len())];
        while let Some((node, depth)) = left.pop() {
            self.count(1, node.as_text().map_or(0, str::len), place)?;
            if depth > DEPTH_MAX {
                return Err(
                    self.error(place, format!("Maps and lists are nested deeper than {DEPTH_MAX} levels."))
                );
            }
            match &node.yaml {
                Yaml::List(items) => left.extend(items.iter().map(|item| (item, depth + 1))),
                Yaml::Map(entries) => left.extend(entries.iter().map(|entry| (&entry.value, depth + 1))),
                _ => {}
            }
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, bytes: usize, place: Place) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > NODES_MAX || self.bytes > TEXT_BYTES_MAX {
            return Err(self
                .error(place, "This file holds more than can be read.")
                .hint("split it, or repeat less with aliases"));
        }
        Ok(())
    }
}

/// Strict YAML 1.2, stricter still: what is not plainly a number, `true`, `false`, `null` or `~` is a text.
fn classify(value: &str) -> Yaml {
    match value {
        "" | "~" | "null" => Yaml::Null,
        "true" => Yaml::Bool(true),
        "false" => Yaml::Bool(false),
        _ => match is_number(value).then(|| value.parse()) {
            Some(Ok(number)) => Yaml::Number(number),
            _ => Yaml::Text(value.to_owned()),
        },
    }
}

/// The grammar of JSON's numbers; leading zeros, underscores, `0x`, `+`, `.5` and `5.` are texts.
fn is_number(value: &str) -> bool {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

/// The parser counts columns from 0.
fn place_of(span: &Span) -> Place {
    let length = if span.start.line() == span.end.line() { span.len().max(1) } else { 1 };
    Place { line: span.start.line() as u32, column: span.start.col() as u32 + 1, length: length as u32 }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
