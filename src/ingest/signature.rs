//! Signatures with a shared secret (HMAC), as senders write them: over the body, with a time, with the address, over
//! headers.
//!
//! Promises: compared in constant time; any of several secrets and any of several signatures will do, so that a secret can
//! be changed; a signature of another time is refused, so that nobody sends an old request again.

use super::Refusal;
use crate::domain::{BytesAs, HashName, Millis, SignatureScheme, SignedPart, read_moment};
use actix_web::http::header::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

/// Signatures of one request that are looked at.
const SIGNATURES_MAX: usize = 8;

/// A request, as far as it can be signed.
pub struct SignedRequest<'r> {
    /// The headers.
    pub headers: &'r HeaderMap,
    /// The whole address that it came to.
    pub url: &'r str,
    /// The body.
    pub body: &'r [u8],
}

/// The secret as the bytes that sign. `None`: it is not written as the scheme says.
pub fn signing_key(scheme: &SignatureScheme, secret: &str) -> Option<Vec<u8>> {
    let text = secret.trim();
    // A secret whose prefix belongs to it is written as it is.
    let text = match scheme.key {
        BytesAs::Plain => text,
        _ => text.strip_prefix(scheme.key_prefix.as_str()).unwrap_or(text),
    };
    let key = match scheme.key {
        BytesAs::Plain => Some(text.as_bytes().to_vec()),
        written => decoded(written, text).into_iter().next(),
    };
    key.filter(|key| !key.is_empty())
}

/// Whether a request is signed with one of the keys.
pub(super) fn verify(
    (scheme, url): (&SignatureScheme, Option<&str>),
    keys: &[Vec<u8>],
    request: &SignedRequest<'_>,
    now: Millis,
) -> Result<(), Refusal> {
    let text = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let value = text(&scheme.header).ok_or(Refusal::Signature)?;
    let (time, signatures) = match &scheme.fields {
        Some((time, signature)) => fields_of(value, time, signature),
        None => (None, listed(value, scheme.separator)),
    };
    let time = match &scheme.time_header {
        Some(name) => text(name),
        None => time,
    };
    if scheme.has_time() {
        let at = time.and_then(read_moment).ok_or(Refusal::Time)?;
        if scheme.tolerance_ms.is_some_and(|tolerance| (now - at).abs() > tolerance) {
            return Err(Refusal::Time);
        }
    }
    let presented: Vec<Vec<u8>> = signatures
        .into_iter()
        .filter_map(|one| one.strip_prefix(scheme.prefix.as_str()))
        .take(SIGNATURES_MAX)
        .flat_map(|one| decoded(scheme.written, one))
        .collect();
    let signed = Signed { scheme, url: url.unwrap_or(request.url), time: time.unwrap_or_default(), request };
    let mut open = subtle::Choice::from(0);
    for key in keys {
        let expected = signed.by(key);
        for one in &presented {
            open |= one.as_slice().ct_eq(&expected);
        }
    }
    if bool::from(open) { Ok(()) } else { Err(Refusal::Signature) }
}

/// What is signed.
struct Signed<'s> {
    scheme: &'s SignatureScheme,
    url: &'s str,
    time: &'s str,
    request: &'s SignedRequest<'s>,
}

impl Signed<'_> {
    fn by(&self, key: &[u8]) -> Vec<u8> {
        match self.scheme.hash {
            HashName::Sha1 => self.with(Hmac::<Sha1>::new_from_slice(key)),
            HashName::Sha256 => self.with(Hmac::<Sha256>::new_from_slice(key)),
            HashName::Sha512 => self.with(Hmac::<Sha512>::new_from_slice(key)),
        }
    }

    /// HMAC takes keys of any length, so that there always is one; an empty result fits no signature.
    fn with<M: Mac, E>(&self, mac: Result<M, E>) -> Vec<u8> {
        let Ok(mut mac) = mac else { return Vec::new() };
        for part in &self.scheme.signed {
            match part {
                SignedPart::Text(text) => mac.update(text.as_bytes()),
                SignedPart::Body => mac.update(self.request.body),
                SignedPart::Time => mac.update(self.time.as_bytes()),
                SignedPart::Url => mac.update(self.url.as_bytes()),
                SignedPart::Header(name) => {
                    if let Some(value) = self.request.headers.get(name.as_str()) {
                        mac.update(value.as_bytes());
                    }
                }
                SignedPart::Headers(prefix) => mac.update(&self.headers(prefix)),
            }
        }
        mac.finalize().into_bytes().to_vec()
    }

    /// `name=value` of all headers of a prefix but the signature's own, sorted, joined by `&`.
    fn headers(&self, prefix: &str) -> Vec<u8> {
        let own = self.scheme.header.as_str();
        let mut lines: Vec<Vec<u8>> = self
            .request
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with(prefix) && name.as_str() != own)
            .map(|(name, value)| [name.as_str().as_bytes(), b"=", value.as_bytes()].concat())
            .collect();
        lines.sort_unstable();
        lines.join(&b'&')
    }
}

/// `t=1700000000,v1=ab…,v1=cd…`: the time, and the signatures.
fn fields_of<'v>(value: &'v str, time: &str, signature: &str) -> (Option<&'v str>, Vec<&'v str>) {
    let pairs = || value.split(',').filter_map(|pair| pair.trim().split_once('='));
    let at = pairs().find(|(name, _)| *name == time).map(|(_, value)| value);
    (at, pairs().filter(|(name, _)| *name == signature).map(|(_, value)| value).collect())
}

fn listed(value: &str, separator: Option<char>) -> Vec<&str> {
    match separator {
        Some(separator) => value.split(separator).map(str::trim).filter(|one| !one.is_empty()).collect(),
        None => vec![value.trim()],
    }
}

/// The bytes that a text may stand for.
fn decoded(written: BytesAs, text: &str) -> Vec<Vec<u8>> {
    let bare = text.trim().trim_end_matches('=');
    let hex = || {
        let digits = text.trim().as_bytes();
        digits
            .len()
            .is_multiple_of(2)
            .then(|| {
                let pairs = digits.chunks_exact(2);
                pairs
                    .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                    .collect::<Option<_>>()
            })
            .flatten()
    };
    let found: Vec<Option<Vec<u8>>> = match written {
        BytesAs::Hex => vec![hex()],
        BytesAs::Base64 => vec![STANDARD_NO_PAD.decode(bare).ok()],
        BytesAs::Base64Url => vec![URL_SAFE_NO_PAD.decode(bare).ok()],
        BytesAs::Any => vec![hex(), STANDARD_NO_PAD.decode(bare).ok(), URL_SAFE_NO_PAD.decode(bare).ok()],
        BytesAs::Plain => vec![Some(text.as_bytes().to_vec())],
    };
    found.into_iter().flatten().collect()
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
