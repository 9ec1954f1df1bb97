//! Payload paths: which of them an expression reads (by its syntax tree), and what stands there.

use super::Scope;
use super::value::kind;
use serde_json::Value;
use std::borrow::Cow;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// `.name`: checked against the source's schema.
    Name(String),
    /// `["name"]`: not checked.
    Key(String),
    /// `[0]`.
    Index(i64),
    /// `[expression]`: the path ends being known here.
    Unknown,
}

/// A path from a name in scope: `booking.contact.email`, `steps.contact.id`, `booking.customers[0].pk`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The name in scope.
    pub root: String,
    /// What follows.
    pub segments: Vec<Segment>,
    /// Byte offset within the expression's text, and length in bytes.
    pub at: (usize, usize),
}

/// One path that an expression read, with what stood there.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// As written: `booking.contact.email`.
    pub path: String,
    /// `None`: missing.
    pub value: Option<Value>,
}

impl Path {
    /// The value at the path; `None` where something on the way is absent.
    pub fn find<'s>(&self, scope: &'s Scope) -> Option<&'s Value> {
        match self.resolve(scope) {
            Ok(Some(Cow::Borrowed(value))) => Some(value),
            _ => None,
        }
    }

    /// The path up to the first `[expression]`, with what stands there.
    pub(super) fn read(&self, scope: &Scope) -> Read {
        let known = self.known();
        let value = known.resolve(scope).ok().flatten().map(Cow::into_owned);
        Read { path: known.to_string(), value }
    }

    /// The same path without `[expression]`.
    pub(super) fn known(&self) -> Cow<'_, Path> {
        if self.segments.last() == Some(&Segment::Unknown) {
            let segments = self.segments[..self.segments.len() - 1].to_vec();
            return Cow::Owned(Path { segments, ..self.clone() });
        }
        Cow::Borrowed(self)
    }

    /// The value at the path, `None` where something on the way is absent or null; an error sentence
    /// where something on the way is a text, a number or a list and has no such thing.
    pub(super) fn resolve<'s>(&self, scope: &'s Scope) -> Result<Option<Cow<'s, Value>>, String> {
        let Some(root) = scope.get(&self.root) else { return Ok(None) };
        let mut value: &'s Value = root;
        for (at, segment) in self.segments.iter().enumerate() {
            let next = match (value, segment) {
                (Value::Null, _) | (_, Segment::Unknown) => return Ok(None),
                (Value::Object(entries), Segment::Name(name) | Segment::Key(name)) => entries.get(name),
                (Value::Array(items), Segment::Index(index)) => {
                    item(items.len(), *index).map(|at| &items[at])
                }
                (Value::String(text), Segment::Index(index)) if at + 1 == self.segments.len() => {
                    let character = item(text.chars().count(), *index).and_then(|at| text.chars().nth(at));
                    return Ok(character.map(|c| Cow::Owned(c.to_string().into())));
                }
                (_, Segment::Name(name)) if at + 1 == self.segments.len() && size(value, name).is_some() => {
                    return Ok(size(value, name).map(Cow::Owned));
                }
                _ => return Err(self.nothing_there(value, at)),
            };
            match next {
                Some(next) => value = next,
                None => return Ok(None),
            }
        }
        Ok(Some(Cow::Borrowed(value)))
    }

    fn nothing_there(&self, value: &Value, at: usize) -> String {
        let before = Path { segments: self.segments[..at].to_vec(), ..self.clone() };
        let step = Path { root: String::new(), segments: vec![self.segments[at].clone()], at: (0, 0) };
        format!("`{before}` is {} and has no `{step}`", kind(value))
    }
}

/// `len` and `is_empty` of texts and lists, which rhai has as properties.
fn size(value: &Value, name: &str) -> Option<Value> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        _ => return None,
    };
    match name {
        "len" => Some(length.into()),
        "is_empty" => Some((length == 0).into()),
        _ => None,
    }
}

fn item(length: usize, index: i64) -> Option<usize> {
    let at = if index < 0 { i64::try_from(length).ok()?.checked_add(index)? } else { index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.root)?;
        for segment in &self.segments {
            match segment {
                Segment::Name(name) => write!(f, ".{name}")?,
                Segment::Key(name) => write!(f, "[{}]", Value::from(name.as_str()))?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Unknown => f.write_str("[…]")?,
            }
        }
        Ok(())
    }
}

/// Reads the path that begins with a name at `offset`; `None` where no name begins there. A method's name
/// is no part of it.
pub(super) fn scan(text: &str, offset: usize) -> Option<Path> {
    let root_length = word(text.get(offset..)?)?;
    let mut end = offset + root_length;
    let mut path = Path { root: text[offset..end].to_owned(), segments: Vec::new(), at: (offset, 0) };
    loop {
        let at = end + blanks(&text[end..]);
        let rest = &text[at..];
        let step = if let Some(after) = rest.strip_prefix("?.").or_else(|| rest.strip_prefix('.')) {
            property(text, text.len() - after.len())
        } else if let Some(after) = rest.strip_prefix("?[").or_else(|| rest.strip_prefix('[')) {
            index(text, text.len() - after.len())
        } else {
            None
        };
        let Some((segment, after)) = step else { break };
        let ends = segment == Segment::Unknown;
        path.segments.push(segment);
        if ends {
            break;
        }
        end = after;
    }
    path.at.1 = end - offset;
    Some(path)
}

fn property(text: &str, at: usize) -> Option<(Segment, usize)> {
    let start = at + blanks(&text[at..]);
    let end = start + word(&text[start..])?;
    let after = &text[end..];
    let call = after[blanks(after)..].starts_with('(');
    (!call).then(|| (Segment::Name(text[start..end].to_owned()), end))
}

#[expect(clippy::unnecessary_wraps, reason = "like `property`, which may find none")]
fn index(text: &str, at: usize) -> Option<(Segment, usize)> {
    let start = at + blanks(&text[at..]);
    let rest = &text[start..];
    let (segment, length) = if rest.starts_with('"') {
        match quoted(rest) {
            Some((key, length)) => (Segment::Key(key), length),
            None => return Some((Segment::Unknown, start)),
        }
    } else {
        let sign = usize::from(rest.starts_with('-'));
        let digits = rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        match rest[..sign + digits].parse() {
            Ok(index) => (Segment::Index(index), sign + digits),
            Err(_) => return Some((Segment::Unknown, start)),
        }
    };
    let end = start + length;
    let end = end + blanks(&text[end..]);
    if text[end..].starts_with(']') { Some((segment, end + 1)) } else { Some((Segment::Unknown, start)) }
}

/// A `"…"` literal without escapes other than `\"` and `\\`.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, at + 1)),
            '\\' => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                _ => return None,
            },
            '\n' => return None,
            c => value.push(c),
        }
    }
    None
}

/// The length of the name that begins here.
pub(super) fn word(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let name = &text[..length];
    let starts = name.trim_start_matches('_').starts_with(|c: char| c.is_ascii_alphabetic());
    starts.then_some(length)
}

/// Blanks and comments.
fn blanks(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if trimmed.starts_with("//") {
            at += trimmed.find('\n').unwrap_or(trimmed.len());
        } else if trimmed.starts_with("/*") {
            let mut depth = 0_usize;
            let bytes = trimmed.as_bytes();
            let mut here = 0;
            while here < bytes.len() {
                match bytes.get(here..here + 2) {
                    Some(b"/*") => (depth, here) = (depth + 1, here + 2),
                    Some(b"*/") => (depth, here) = (depth - 1, here + 2),
                    _ => here += 1,
                }
                if depth == 0 {
                    break;
                }
            }
            at += here;
        } else {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::scan;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn paths_are_read_as_written() {
        let cases = [
            ("booking.contact.email", "booking.contact.email", 21),
            ("booking.a.b(1)", "booking.a", 9),
            ("booking[\"a b\"].c", "booking[\"a b\"].c", 16),
            ("booking.x[ 0 ].pk + 1", "booking.x[0].pk", 17),
            ("booking.x[-1]", "booking.x[-1]", 13),
            ("booking.x[i].pk", "booking.x[…]", 9),
            ("booking.x[0 + 1]", "booking.x[…]", 9),
            ("booking?.n?[\"m\"] ?? 1", "booking.n[\"m\"]", 16),
            ("booking\n  .a /* not .b */ . c", "booking.a.c", 29),
            ("a..b", "a", 1),
            ("now", "now", 3),
        ];
        for (text, shown, length) in cases {
            let path = scan(text, 0).expect("a path");
            assert_eq!((path.to_string().as_str(), path.at.1), (shown, length), "{text}");
        }
        assert_eq!(scan("1.5", 0), None);
        assert_eq!(scan("", 0), None);
    }

    #[test]
    fn what_stands_at_a_path_is_found_or_absent_or_impossible() {
        let mut scope = Scope::new();
        scope.set(
            "b",
            Arc::new(json!({"n": null, "list": [{"x": 1}], "text": "héllo", "number": 5, "len": 2})),
        );
        let cases = [
            ("b.list[0].x", "1"),
            ("b.list[-1].x", "1"),
            ("b.list[3].x", "absent"),
            ("b.n", "null"),
            ("b.n.a.b", "absent"),
            ("b.a.b.c", "absent"),
            ("c.d", "absent"),
            ("b[\"text\"]", "\"héllo\""),
            ("b.text[1]", "\"é\""),
            ("b.text.len", "5"),
            ("b.list.len", "1"),
            ("b.len", "2"),
            ("b.text.x", "`b.text` is a text and has no `.x`"),
            ("b.number.x.y", "`b.number` is a number and has no `.x`"),
            ("b.list.x", "`b.list` is a list and has no `.x`"),
            ("b[0]", "`b` is a map and has no `[0]`"),
        ];
        for (text, expected) in cases {
            let path = scan(text, 0).expect("a path");
            let shown = match path.resolve(&scope) {
                Ok(Some(value)) => value.to_string(),
                Ok(None) => "absent".to_owned(),
                Err(message) => message,
            };
            assert_eq!(shown, expected, "{text}");
        }
    }
}
