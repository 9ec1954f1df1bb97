//! Forms of several parts (`multipart/form-data`), as programs that also send files write them. A part that is a file with
//! text in it counts as a field; one with anything else is passed over.
//!
//! Promises: never panics, keeps no more than the body's own bytes, and says in a sentence what is wrong. Called by
//! `payload`, which reads bodies, and by `unstored`, which takes out of them what is never stored.

use std::ops::Range;

/// Parts of one body.
const PARTS_MAX: usize = 2_000;
/// Bytes of the lines before a part's content.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// Characters of a boundary, by the standard.
const BOUNDARY_BYTES_MAX: usize = 70;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Name of its field.
    pub name: String,
    /// Whether it is a file.
    pub is_file: bool,
    /// Where it stands, from its boundary on up to the next one.
    pub whole: Range<usize>,
    /// Where its content stands.
    pub content: Range<usize>,
}

/// Whether a body is one, by what its sender says, or where nothing is said by its look.
pub(super) fn is_multipart(body: &[u8], content_type: &str) -> bool {
    let said = content_type.trim_start().to_ascii_lowercase();
    said.starts_with("multipart/form-data") || (said.is_empty() && boundary_by_look(body).is_some())
}

/// The parts of a body. `Err` is a sentence.
pub(super) fn parts(body: &[u8], content_type: &str) -> Result<Vec<Part>, String> {
    let boundary = said_boundary(content_type)
        .filter(|boundary| find(body, format!("--{boundary}").as_bytes(), 0).is_some())
        .or_else(|| boundary_by_look(body))
        .ok_or(
            "the body is said to be a form of several parts, and the line between its parts is not in it",
        )?;
    let line = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut at = next_boundary(body, line.as_bytes(), 0);
    while let Some(begins) = at {
        let after = begins + line.len();
        if body[after..].starts_with(b"--") {
            break;
        }
        let ends = next_boundary(body, line.as_bytes(), after)
            .ok_or("the body is a form of several parts, and its end is missing")?;
        if parts.len() == PARTS_MAX {
            return Err(format!("the form has more than {PARTS_MAX} parts"));
        }
        parts.push(part(body, begins, after, ends)?);
        at = Some(ends);
    }
    if parts.is_empty() { Err("the form has no fields".to_owned()) } else { Ok(parts) }
}

/// Between one boundary and the next.
fn part(body: &[u8], begins: usize, after: usize, ends: usize) -> Result<Part, String> {
    let no_head = || "a part of the form does not say which field it is".to_owned();
    let inner = &body[after..ends];
    let head_end =
        inner.windows(4).take(HEAD_BYTES_MAX).position(|four| four == b"\r\n\r\n").map(|at| (at, 4));
    let bare_end = inner.windows(2).take(HEAD_BYTES_MAX).position(|two| two == b"\n\n").map(|at| (at, 2));
    let (head_bytes, blank) = match (head_end, bare_end) {
        (Some(one), Some(other)) => one.min(other),
        (one, other) => one.or(other).ok_or_else(no_head)?,
    };
    let head = String::from_utf8_lossy(&inner[..head_bytes]);
    let disposition = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then(|| value.to_owned())
        })
        .ok_or_else(no_head)?;
    let name = parameter(&disposition, "name").ok_or_else(no_head)?;
    let is_file =
        parameter(&disposition, "filename").is_some() || parameter(&disposition, "filename*").is_some();
    let content = after + head_bytes + blank;
    // The line break before a boundary belongs to the boundary.
    let mut content_end = ends;
    for byte in [b'\n', b'\r'] {
        if content_end > content && body[content_end - 1] == byte {
            content_end -= 1;
        }
    }
    Ok(Part { name, is_file, whole: begins..ends, content: content.min(content_end)..content_end })
}

/// `name="guest"` of a head's value; quoted or not.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once(';') {
        rest = after.trim_start();
        let Some((key, after)) = rest.split_once('=').filter(|(key, _)| !key.contains(';')) else { continue };
        let is_wanted = key.trim().eq_ignore_ascii_case(wanted);
        let (found, after) = match after.strip_prefix('"') {
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
            Some(quoted) => unquoted(quoted),
        };
        if is_wanted {
            return Some(found);
        }
        rest = after;
    }
    None
}

/// Up to the closing quote; what stands behind it.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (text, &quoted[at + 1..]),
            '\\' => text.extend(letters.next().map(|(_, escaped)| escaped)),
            letter => text.push(letter),
        }
    }
    (text, "")
}

fn said_boundary(content_type: &str) -> Option<String> {
    parameter(content_type, "boundary").filter(|boundary| is_boundary(boundary))
}

/// The first line, where the next one says which field the part is.
fn boundary_by_look(body: &[u8]) -> Option<String> {
    let start = body.get(..body.len().min(2 * HEAD_BYTES_MAX))?;
    let start = start.strip_prefix(b"\r\n").unwrap_or(start);
    let text = std::str::from_utf8(start.split(|byte| *byte == b'\n').next()?).ok()?;
    let boundary = text.trim_end().strip_prefix("--").filter(|boundary| is_boundary(boundary))?;
    let head = start.get(text.len() + 1..)?;
    let head = &head[..head.len().min(HEAD_BYTES_MAX)];
    let says = b"content-disposition:";
    let found = head.windows(says.len()).any(|window| window.eq_ignore_ascii_case(says));
    found.then(|| boundary.to_owned())
}

fn is_boundary(text: &str) -> bool {
    !text.is_empty() && text.len() <= BOUNDARY_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Where the line stands next at the beginning of a line.
fn next_boundary(body: &[u8], line: &[u8], from: usize) -> Option<usize> {
    let mut from = from;
    loop {
        let at = find(body, line, from)?;
        let after = body.get(at + line.len());
        let is_line = (at == 0 || body[at - 1] == b'\n')
            && after.is_none_or(|byte| matches!(byte, b'\r' | b'\n' | b'-' | b' ' | b'\t'));
        if is_line {
            return Some(at);
        }
        from = at + 1;
    }
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = body.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::{is_multipart, parts};
    use proptest::prelude::*;

    const TYPE: &str = "multipart/form-data; charset=utf-8; boundary=\"Xx 1\"";
    const BODY: &str = "--Xx 1\r\nContent-Disposition: form-data; name=\"guest[na\\\"me]\"\r\n\r\nAda\r\n--Xx 1\r\n\
                        content-type: application/json\r\ncontent-disposition: form-data; filename=a.json; name=data\r\n\r\n\
                        {\"a\":\r\n 1}\r\n--Xx 1\r\nContent-Disposition: form-data; name=empty\r\n\r\n\r\n--Xx 1--\r\n";

    fn read(body: &str, content_type: &str) -> Vec<(String, bool, String)> {
        let parts = parts(body.as_bytes(), content_type).expect("it is a form");
        parts.into_iter().map(|part| (part.name, part.is_file, body[part.content].to_owned())).collect()
    }

    #[test]
    fn parts_are_read_by_their_boundary_said_or_seen() {
        let wanted = [
            ("guest[na\"me]".to_owned(), false, "Ada".to_owned()),
            ("data".to_owned(), true, "{\"a\":\r\n 1}".to_owned()),
            ("empty".to_owned(), false, String::new()),
        ];
        for content_type in [TYPE, "", "multipart/form-data", "multipart/form-data; boundary=other"] {
            assert_eq!(read(BODY, content_type), wanted, "{content_type}");
            assert!(is_multipart(BODY.as_bytes(), content_type), "{content_type}");
        }
        assert_eq!(read(&BODY.replace("\r\n", "\n"), TYPE)[0], wanted[0]);
        assert!(!is_multipart(b"--x\nno form", ""));
        assert!(!is_multipart(BODY.as_bytes(), "text/plain"));
    }

    #[test]
    fn what_is_no_form_says_why() {
        let head = "--x\r\ncontent-disposition: form-data; name=a\r\n\r\n";
        let cases = [
            String::from("a"),
            String::from("--x\r\n\r\na\r\n--x--"),
            String::from("--x\r\ncontent-disposition: form-data\r\n\r\na\r\n--x--"),
            format!("{head}cut off"),
            String::from("--x--"),
            format!("{}--x--", format!("{head}a\r\n").repeat(2_001)),
        ];
        let told: Vec<String> = cases
            .iter()
            .map(|body| parts(body.as_bytes(), "multipart/form-data; boundary=x").expect_err(body))
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(
            body in prop::collection::vec(prop::sample::select(vec![
                &b"--x"[..], b"--", b"\r\n", b"\n", b"content-disposition: form-data; name=", b"\"", b";", b"\\", b"a", b"\xff",
            ]), 0..40),
            content_type in prop::sample::select(vec!["", "multipart/form-data; boundary=x", "multipart/form-data; boundary=\""]),
        ) {
            let body = body.concat();
            if let Ok(parts) = parts(&body, content_type) {
                prop_assert!(parts.iter().all(|part| part.content.end <= part.whole.end));
            }
            let _ = is_multipart(&body, content_type);
        }
    }
}
