//! JSON Web Tokens in an address (RFC 7519): checked with the one algorithm and key that the source's file names, whatever
//! the token says of itself. The signatures are ring's.
//!
//! Promises: no other algorithm than the file's, so that a public key is never taken for a shared secret; `exp` and `nbf`
//! are looked at where they are there, and one that is no number refuses the token.

use crate::domain::{Millis, TokenAlgorithm, TokenScheme};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Characters of a token.
const TOKEN_CHARS_MAX: usize = 8_192;
/// Clocks differ.
const LEEWAY_MS: Millis = 60_000;
/// Characters of an account.
const ACCOUNT_CHARS_MAX: usize = 500;

/// How tokens are checked.
#[derive(Clone)]
pub struct TokenCheck {
    scheme: Arc<TokenScheme>,
    keys: Vec<Key>,
}

#[derive(Clone)]
enum Key {
    Shared(Arc<ring::hmac::Key>),
    Rsa(Arc<[u8]>),
    P256(Arc<[u8]>),
}

impl TokenCheck {
    /// With the values of its secrets, where the algorithm has one.
    pub fn new<'s>(scheme: &TokenScheme, secrets: impl Iterator<Item = &'s str>) -> Self {
        let public = || scheme.public_key.as_deref().and_then(public_key);
        let keys = match scheme.algorithm {
            TokenAlgorithm::Hs256 => secrets
                .filter(|secret| !secret.is_empty())
                .map(|secret| ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes()))
                .map(|key| Key::Shared(Arc::new(key)))
                .collect(),
            TokenAlgorithm::Rs256 => public()
                .filter(|(of, _)| *of == RSA_ENCRYPTION)
                .map(|(_, key)| Key::Rsa(key.into()))
                .into_iter()
                .collect(),
            TokenAlgorithm::Es256 => public()
                .filter(|(of, key)| *of == EC_PUBLIC_KEY && key.len() == 65)
                .map(|(_, key)| Key::P256(key.into()))
                .into_iter()
                .collect(),
        };
        Self { scheme: Arc::new(scheme.clone()), keys }
    }

    /// Whether it has a key.
    pub fn is_ready(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Checks a token; the account that it names, where the file says in which claim.
    pub(super) fn account(&self, token: &str, now: Millis) -> Result<Option<String>, ()> {
        let claims = self.claims(token).ok_or(())?;
        let seconds = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_f64().filter(|at| at.is_finite()).map(Some).ok_or(()),
        };
        if seconds("exp")?.is_some_and(|at| (at * 1e3) as Millis <= now.saturating_sub(LEEWAY_MS)) {
            return Err(());
        }
        if seconds("nbf")?.is_some_and(|at| (at * 1e3) as Millis > now.saturating_add(LEEWAY_MS)) {
            return Err(());
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if self.scheme.issuer.as_deref().is_some_and(|issuer| text("iss") != Some(issuer)) {
            return Err(());
        }
        if let Some(audience) = &self.scheme.audience {
            let fits = match claims.get("aud") {
                Some(Value::String(one)) => one == audience,
                Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
                _ => false,
            };
            if !fits {
                return Err(());
            }
        }
        let Some(claim) = &self.scheme.account_claim else { return Ok(None) };
        let account = match claims.get(claim) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err(()),
        };
        let well = !account.trim().is_empty()
            && account.chars().count() <= ACCOUNT_CHARS_MAX
            && !account.chars().any(char::is_control);
        if well { Ok(Some(account)) } else { Err(()) }
    }

    /// The claims of a token that is signed.
    fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let json = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let head = json(head)?;
        // `crit` names extensions that must be understood, and none is.
        if head.get("alg")?.as_str()? != self.scheme.algorithm.as_str() || head.contains_key("crit") {
            return None;
        }
        let holds = self.keys.iter().any(|key| key.signed(signed.as_bytes(), &signature));
        if holds { json(claims) } else { None }
    }
}

impl Key {
    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Shared(key) => ring::hmac::verify(key, message, signature).is_ok(),
            Self::Rsa(key) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref())
                .verify(message, signature)
                .is_ok(),
            Self::P256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.as_ref())
                .verify(message, signature)
                .is_ok(),
        }
    }
}

/// What a key is for, as its DER names it.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// The kind and the bytes of a public key in PEM (SubjectPublicKeyInfo).
fn public_key(pem: &str) -> Option<(&'static [u8], Vec<u8>)> {
    const SEQUENCE: u8 = 0x30;
    const OBJECT: u8 = 0x06;
    const BITS: u8 = 0x03;
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (whole, _) = value_of(&der, SEQUENCE)?;
    let (algorithm, rest) = value_of(whole, SEQUENCE)?;
    let (object, _) = value_of(algorithm, OBJECT)?;
    let (bits, _) = value_of(rest, BITS)?;
    let kind = [RSA_ENCRYPTION, EC_PUBLIC_KEY].into_iter().find(|known| *known == object)?;
    // The first byte counts unused bits; keys are whole bytes.
    let (unused, key) = bits.split_first()?;
    (*unused == 0).then(|| (kind, key.to_vec()))
}

/// The content of the DER value that the bytes begin with, and what comes behind it.
fn value_of(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ ..=0x7f => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        _ => return None,
    };
    (*found == tag && rest.len() >= length).then(|| rest.split_at(length))
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
