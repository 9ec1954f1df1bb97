//! Bytes of a body → the JSON that connectors read, whatever they are packed and written in: gzip or deflate, a byte order
//! mark, UTF-16, windows-1252, form fields with or without JSON in one of them, something left over behind the JSON. The
//! stored bytes stay as they came; this is done anew whenever they are read.
//!
//! Promises: never panics; bounded by `UNPACKED_BYTES_MAX` whatever a packed body claims; what can't be read says why in a
//! sentence.

use super::envelope::KeptHeaders;
use super::form_body::{looks_like_form, read_form};
use super::letters::western;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use serde_json::Value;
use std::borrow::Cow;
use std::io::Read;

/// Bytes of an unpacked body: six times what a body may have as it comes, so that a small one that unpacks to gigabytes
/// is stopped early.
const UNPACKED_BYTES_MAX: u64 = 32 << 20;
/// Codings around a body, one within the other.
const CODINGS_MAX: usize = 3;
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
    let content_type = headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
    let read = text_of(&unpacked, &content_type).and_then(|text| read_text(&text, &content_type));
    (read, unpacked.len())
}

/// A body as text for people: unpacked and decoded. `None` where that can't be done.
pub fn payload_text(body: &[u8], headers: &KeptHeaders) -> Option<String> {
    let unpacked = unpack(body, headers.get("content-encoding").unwrap_or_default()).ok()?;
    let content_type = headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
    text_of(&unpacked, &content_type).ok().map(Cow::into_owned)
}

fn unpack<'b>(body: &'b [u8], encoding: &str) -> Result<Cow<'b, [u8]>, String> {
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

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

fn looks_like_json(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'{' | b'['))
}

/// UTF-8 with or without a mark, UTF-16 by its mark or by its look, and the Latin letters where the sender says so.
fn text_of<'b>(bytes: &'b [u8], content_type: &str) -> Result<Cow<'b, str>, String> {
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
            Err(_) if is_western(content_type) || (!says_charset(content_type) && looks_like_json(bytes)) => {
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
    let is_form = content_type.contains("application/x-www-form-urlencoded");
    // Some send JSON and call it a form, since their tool does so by itself.
    let why = match read_json(text) {
        Ok(value) if !is_form || value.is_object() || value.is_array() => return Ok(value),
        Ok(_) => "the body is no form".to_owned(),
        Err(why) => why,
    };
    if is_form || (content_type.is_empty() && looks_like_form(text)) {
        return read_form(text);
    }
    if content_type.contains("multipart/form-data") {
        return Err("the body is a form of several parts (multipart/form-data), which is not read here; have it sent as \
                    JSON or as plain form fields"
            .into());
    }
    Err(why)
}

/// JSON, and behind it nothing that matters.
fn read_json(text: &str) -> Result<Value, String> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = match stream.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(why_no_json(&error)),
        None => return Err("the body is empty".into()),
    };
    let rest = text.get(stream.byte_offset()..).unwrap_or_default();
    let rest = rest.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}'));
    if !rest.is_empty() {
        if rest.starts_with(['{', '[']) {
            return Err("the body holds several JSON documents one after the other, and one is read".into());
        }
        if !(value.is_object() || value.is_array()) || rest.len() > LEFT_OVER_BYTES_MAX {
            return Err("the body is not JSON: there is more behind its end".into());
        }
    }
    Ok(unwrapped(value))
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
