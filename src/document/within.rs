//! Finds the place of a part of a scalar's text within the file, through quotes, escapes, folds and
//! indentation. Used to show a mistake of an expression inside YAML where it really stands. Never fails:
//! where the two can't be brought together, the place of the scalar itself is the answer.

use super::Place;

/// The place of the bytes `offset .. offset + length` of `text`, which is the value of the scalar at
/// `scalar`.
pub(super) fn place(scalar: Place, source: &str, text: &str, offset: usize, length: usize) -> Place {
    let Some(start) = byte_of(source, scalar) else { return scalar };
    let raw = &source[start..];
    let offset = floor(text, offset);
    let end = floor(text, offset.saturating_add(length));
    let mut walk = Walk::new(raw, text);
    let from = walk.to(offset);
    let till = walk.to(end);
    let Some(from) = from else { return scalar };
    let till = till.filter(|till| *till > from).unwrap_or(from);
    let first_line = raw[from..till].lines().next().unwrap_or_default();
    let length = first_line.chars().count().max(1) as u32;
    Place { length, ..place_of_byte(source, start + from) }
}

/// The place of a byte; a byte order mark takes no column.
pub(super) fn place_of_byte(source: &str, at: usize) -> Place {
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.matches('\n').count() as u32 + 1,
        column: before[line_start..].chars().filter(|c| *c != '\u{feff}').count() as u32 + 1,
        length: 1,
    }
}

/// The byte offset of a place.
pub(super) fn byte_of(source: &str, place: Place) -> Option<usize> {
    let line_start = match place.line {
        0 => return None,
        1 => 0,
        line => source.match_indices('\n').nth(line as usize - 2)?.0 + 1,
    };
    let line = source[line_start..].split('\n').next()?;
    let skip = usize::from(line.starts_with('\u{feff}'));
    let column = place.column.checked_sub(1)? as usize + skip;
    match line.char_indices().nth(column) {
        Some((at, _)) => Some(line_start + at),
        None => (line.chars().count() == column).then_some(line_start + line.len()),
    }
}

fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Walks the value and the raw text together.
struct Walk<'t> {
    raw: &'t str,
    text: &'t str,
    style: Style,
    at_raw: usize,
    at_text: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Single,
    Double,
    /// `|` or `>`, with the blanks that begin each of its lines.
    Block(usize),
}

impl<'t> Walk<'t> {
    fn new(raw: &'t str, text: &'t str) -> Self {
        let (style, at_raw) = match raw.as_bytes().first() {
            Some(b'\'') => (Style::Single, 1),
            Some(b'"') => (Style::Double, 1),
            Some(b'|' | b'>') => block(raw, text),
            _ => (Style::Plain, 0),
        };
        Self { raw, text, style, at_raw, at_text: 0 }
    }

    /// The raw offset of an offset of the value; `None` where the two fell apart before it.
    fn to(&mut self, offset: usize) -> Option<usize> {
        while self.at_text < offset {
            self.step()?;
        }
        if offset < self.text.len() {
            self.skip_what_stands_for_nothing();
        }
        Some(self.at_raw)
    }

    fn peek(&self) -> Option<char> {
        self.raw[self.at_raw..].chars().next()
    }

    fn step(&mut self) -> Option<()> {
        self.skip_what_stands_for_nothing();
        let wanted = self.text[self.at_text..].chars().next()?;
        let found = self.peek()?;
        match (self.style, found) {
            (Style::Double, '\\') => {
                let kind = self.raw[self.at_raw + 1..].chars().next()?;
                let digits = match kind {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                self.at_raw = (self.at_raw + 1 + kind.len_utf8() + digits).min(self.raw.len());
                if !self.raw.is_char_boundary(self.at_raw) {
                    return None;
                }
            }
            (Style::Single, '\'') => self.at_raw += 2,
            _ if is_break(found) || (is_blank(found) && self.ends_line()) => return self.fold(),
            _ if found == wanted => self.at_raw += found.len_utf8(),
            _ => return None,
        }
        self.at_text += wanted.len_utf8();
        Some(())
    }

    /// A backslash before the line's end joins two lines of a double-quoted text.
    fn skip_what_stands_for_nothing(&mut self) {
        while self.style == Style::Double {
            let rest = &self.raw[self.at_raw..];
            let Some(after) = rest.strip_prefix("\\\r\n").or_else(|| rest.strip_prefix("\\\n")) else {
                return;
            };
            self.at_raw = self.raw.len() - after.trim_start_matches([' ', '\t']).len();
        }
    }

    fn ends_line(&self) -> bool {
        let rest = self.raw[self.at_raw..].trim_start_matches([' ', '\t']);
        !matches!(self.style, Style::Block(_)) && rest.starts_with(['\n', '\r'])
    }

    /// One or more line breaks with the blanks around them, against the blank or breaks that they came to.
    fn fold(&mut self) -> Option<()> {
        let text = &self.text[self.at_text..];
        if let Style::Block(indent) = self.style {
            if !text.starts_with(['\n', ' ']) {
                return None;
            }
            self.at_text += 1;
            loop {
                self.at_raw += self.raw[self.at_raw..].find('\n').map_or(1, |at| at + 1);
                let line = self.raw.get(self.at_raw..)?;
                let blanks = line.bytes().take(indent).take_while(|byte| *byte == b' ').count();
                self.at_raw += blanks;
                let empty = self.raw[self.at_raw..].starts_with(['\n', '\r']);
                if !empty || self.text[self.at_text..].starts_with('\n') {
                    return Some(());
                }
            }
        }
        let rest = &self.raw[self.at_raw..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        let breaks = rest[..blanks].matches('\n').count();
        self.at_raw += blanks;
        if breaks <= 1 {
            self.at_text += usize::from(text.starts_with(' '));
            return text.starts_with(' ').then_some(());
        }
        let came = text.bytes().take(breaks - 1).take_while(|byte| *byte == b'\n').count();
        self.at_text += came;
        (came > 0).then_some(())
    }
}

/// Where a block scalar's content begins, and its indentation: that of the first line with content, less
/// the blanks that the value itself begins with.
fn block(raw: &str, text: &str) -> (Style, usize) {
    let header = raw.find('\n').map_or(raw.len(), |at| at + 1);
    let mut start = header;
    let mut indent = 0;
    for line in raw[header..].split_inclusive('\n') {
        let content = line.trim_start_matches(' ');
        indent = line.len() - content.len();
        if !content.trim().is_empty() {
            break;
        }
        start += if text.starts_with('\n') { 0 } else { line.len() };
    }
    let own = text.trim_start_matches('\n');
    indent = indent.saturating_sub(own.len() - own.trim_start_matches(' ').len());
    let blanks = raw[start..].bytes().take(indent).take_while(|byte| *byte == b' ').count();
    (Style::Block(indent), start + blanks)
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}
