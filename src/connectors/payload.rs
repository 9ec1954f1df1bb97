//! Bytes of a body → the JSON that connectors read, whatever they are packed and written in: gzip or deflate, a byte order
//! mark, UTF-16, windows-1252, form fields with or without JSON in one of them, forms of several parts, several documents one
//! after the other, something left over behind the JSON. The stored bytes stay as they came; this is done anew whenever they
//! are read.
//!
//! Promises: never panics; bounded by `UNPACKED_BYTES_MAX` whatever a packed body claims; what can't be read says why in a
//! sentence.

use super::envelope::KeptHeaders;
use super::form_body::{looks_like_form, read_form, record_of};
use super::letters::western;
use super::multipart::{is_multipart, parts};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use serde_json::Value;
use std::borrow::Cow;
use std::io::Read;

/// Bytes of an unpacked body: six times what a body may have as it comes, so that a small one that unpacks to gigabytes
/// is stopped early.
const UNPACKED_BYTES_MAX: u64 = 32 << 20;
/// Codings around a body, one within the other.
const CODINGS_MAX: usize = 3;
/// JSON documents one after the other.
const DOCUMENTS_MAX: usize = 10_000;
/// Bytes behind the JSON that are passed over.
const LEFT_OVER_BYTES_MAX: usize = 1_024;

/// Reads a body. `Err` is a sentence.
pub fn read_payload(body: &[u8], headers: &KeptHeaders) -> Result<Value, String> {
    read_and_measure_payload(body, headers).0
}

/// The same. Also gives how many bytes it unpacked to, as far as it could be unpacked.
pub fn read_and_measure_payload(body: &[u8], headers: &KeptHeaders) -> (Result<Value, String>, usize) {
    let encoding = headers.get("content-encoding").unwrap_or_default();
    if encoding.is_empty()
        && let Ok(value) = serde_json::from_slice(body)
    {
        return (Ok(unwrapped(value)), body.len());
    }
    let unpacked = match unpack(body, encoding) {
        Ok(unpacked) => unpacked,
        Err(why) if why == TOO_LARGE => return (Err(why), UNPACKED_BYTES_MAX as usize),
        Err(why) => return (Err(why), body.len()),
    };
    let said = headers.get("content-type").unwrap_or_default();
    if is_multipart(&unpacked, said) && !looks_like_json(&unpacked) {
        return (read_parts(&unpacked, said), unpacked.len());
    }
    let content_type = said.to_ascii_lowercase();
    let read = text_of(&unpacked, &content_type).and_then(|text| read_text(&text, &content_type));
    (read, unpacked.len())
}

/// A body as text for people: unpacked and decoded. `None` where that can't be done.
pub fn payload_text(body: &[u8], headers: &KeptHeaders) -> Option<String> {
    let unpacked = unpack(body, headers.get("content-encoding").unwrap_or_default()).ok()?;
    let content_type = headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
    text_of(&unpacked, &content_type).ok().map(Cow::into_owned)
}

/// What it is packed in is taken off. `Err` is a sentence.
pub(super) fn unpack<'b>(body: &'b [u8], encoding: &str) -> Result<Cow<'b, [u8]>, String> {
    let codings: Vec<String> = encoding
        .split(',')
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect();
    if codings.len() > CODINGS_MAX {
        return Err(format!("the body is packed more than {CODINGS_MAX} times over"));
    }
    let mut bytes = Cow::Borrowed(body);
    for coding in codings.iter().rev() {
        bytes = match coding.as_str() {
            // Something on the way may have unpacked it and left the header.
            "gzip" | "x-gzip" if !is_gzip(&bytes) => bytes,
            "gzip" | "x-gzip" => inflate(MultiGzDecoder::new(&*bytes))?.into(),
            "deflate" => match inflate(ZlibDecoder::new(&*bytes)) {
                Ok(unpacked) => unpacked.into(),
                // Many write it without the frame that the standard asks for.
                Err(why) if why != TOO_LARGE => match inflate(DeflateDecoder::new(&*bytes)) {
                    Ok(unpacked) => unpacked.into(),
                    Err(_) if looks_like_json(&bytes) => bytes,
                    Err(why) => return Err(why),
                },
                Err(why) => return Err(why),
            },
            other => {
                let other: String = other.chars().filter(|c| !c.is_control()).take(20).collect();
                return Err(format!(
                    "the body is packed as {other}, which is not read here; gzip and deflate are"
                ));
            }
        };
    }
    // Packed, and nothing says so.
    if codings.is_empty() && is_gzip(&bytes) {
        bytes = inflate(MultiGzDecoder::new(&*bytes))?.into();
    }
    Ok(bytes)
}

const TOO_LARGE: &str = "the body unpacks to more than 32 MB";

fn inflate(decoder: impl Read) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    match decoder.take(UNPACKED_BYTES_MAX + 1).read_to_end(&mut unpacked) {
        Ok(_) if unpacked.len() as u64 > UNPACKED_BYTES_MAX => Err(TOO_LARGE.to_owned()),
        Ok(_) => Ok(unpacked),
        Err(_) => Err("the body is said to be packed, and can't be unpacked".to_owned()),
    }
}

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

pub(super) fn looks_like_json(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'{' | b'['))
}

/// UTF-8 with or without a mark, UTF-16 by its mark or by its look, and the Latin letters where the sender says so.
pub(super) fn text_of<'b>(bytes: &'b [u8], content_type: &str) -> Result<Cow<'b, str>, String> {
    let utf_16 = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16(&units)
            .map(Cow::Owned)
            .map_err(|_| "the body is UTF-16 text with places that are none".to_owned())
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf_8(rest),
        [0xff, 0xfe, rest @ ..] | rest @ [b'{' | b'[', 0, ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] | rest @ [0, b'{' | b'[', ..] => utf_16(rest, u16::from_be_bytes),
        bytes => match utf_8(bytes) {
            // JSON is UTF-8; what is none, and is not said to be anything else, was written by a system that knows no better.
            Err(_)
                if is_western(content_type)
                    || (!says_charset(content_type) && (looks_like_json(bytes) || is_form(content_type))) =>
            {
                Ok(Cow::Owned(western(bytes)))
            }
            read => read,
        },
    }
}

fn is_western(content_type: &str) -> bool {
    ["iso-8859-1", "latin1", "windows-1252", "cp1252"].iter().any(|name| content_type.contains(name))
}

fn says_charset(content_type: &str) -> bool {
    content_type.contains("charset=") && !content_type.contains("utf-8") && !content_type.contains("utf8")
}

fn utf_8(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| format!("the body is no text: its byte {} is not UTF-8", error.valid_up_to() + 1))
}

fn read_text(text: &str, content_type: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Err("the body is empty".into());
    }
    let is_form = is_form(content_type);
    // Some send JSON and call it a form, since their tool does so by itself.
    let why = match read_json(text) {
        Ok(value) if !is_form || value.is_object() || value.is_array() => return Ok(value),
        Ok(_) => "the body is no form".to_owned(),
        Err(why) => why,
    };
    if is_form || (content_type.is_empty() && looks_like_form(text)) {
        return read_form(text);
    }
    Err(why)
}

pub(super) fn is_form(content_type: &str) -> bool {
    content_type.contains("application/x-www-form-urlencoded")
}

/// The fields of a form of several parts; files that are no text are passed over.
fn read_parts(body: &[u8], content_type: &str) -> Result<Value, String> {
    let fields = parts(body, content_type)?.into_iter().filter_map(|part| {
        let content = &body[part.content];
        let text = match utf_8(content) {
            Ok(text) => text.into_owned(),
            Err(_) if part.is_file => return None,
            Err(_) => western(content),
        };
        Some((part.name, text))
    });
    record_of(fields.collect())
}

/// JSON, and behind it nothing that matters. Several documents one after the other are a list.
fn read_json(text: &str) -> Result<Value, String> {
    let (mut values, rest) = documents(text)?;
    let one = if values.len() == 1 { values.pop() } else { None };
    let closed = |value: &Value| value.is_object() || value.is_array();
    if !rest.is_empty()
        && (rest.len() > LEFT_OVER_BYTES_MAX || !one.as_ref().or(values.last()).is_some_and(closed))
    {
        return Err("the body is not JSON: there is more behind its end".into());
    }
    Ok(match one {
        Some(value) => unwrapped(value),
        None => Value::Array(values),
    })
}

/// The JSON documents of a text, one at least, and what is left behind the last.
pub(super) fn documents(text: &str) -> Result<(Vec<Value>, &str), String> {
    let mut values = Vec::new();
    let mut rest = text.trim_start_matches('\u{1e}');
    loop {
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match stream.next() {
            Some(Ok(value)) => values.push(value),
            Some(Err(error)) if values.is_empty() => return Err(why_no_json(&error)),
            Some(Err(error)) => {
                return Err(format!(
                    "the body holds several JSON documents one after the other, and number {} is not JSON: {error}",
                    values.len() + 1
                ));
            }
            None => return Err("the body is empty".into()),
        }
        rest = rest.get(stream.byte_offset()..).unwrap_or_default();
        rest = rest.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}' | '\u{1e}'));
        // Each in a line of its own, or as items of a list whose brackets are missing.
        let next = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        let closed = values.last().is_some_and(|value| value.is_object() || value.is_array());
        if !closed || !next.starts_with(['{', '[']) {
            return Ok((values, rest));
        }
        if values.len() == DOCUMENTS_MAX {
            return Err(format!("the body holds more than {DOCUMENTS_MAX} JSON documents"));
        }
        rest = next;
    }
}

/// JSON that was written into a JSON text once more.
fn unwrapped(value: Value) -> Value {
    match &value {
        Value::String(text) if looks_like_json(text.as_bytes()) => {
            serde_json::from_str(text).unwrap_or(value)
        }
        _ => value,
    }
}

fn why_no_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.contains("recursion limit") {
        return "the JSON is nested deeper than 128 levels".into();
    }
    format!("the body is not JSON: {text}")
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
