//! How calls to a booking system's API are signed in: headers, a user and a password, a signature over the request, or a
//! token of OAuth 2. Reads nothing and sends nothing: a request and the values of secrets become headers.
//!
//! Invariant: what comes out goes into the finished request only.

use super::source_api::{ApiSpec, SourceApi};
use crate::domain::{BytesAs, HashName, Millis};
use crate::expr::{Engine, Scope, Template};
use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use std::fmt::Write;
use std::sync::Arc;

/// How calls are signed in.
pub enum ApiAuth {
    /// Not at all.
    None,
    /// Headers, each a template that sees `secret.NAME`.
    Headers(Vec<(String, Template)>),
    /// HTTP Basic; each half is a template that sees `secret.NAME`.
    Basic {
        /// The user.
        user: Template,
        /// The password.
        password: Template,
    },
    /// Each request is signed.
    Signed(RequestSignature),
    /// OAuth 2 client credentials: the names of the two secrets, and where the token is given out.
    ClientCredentials {
        /// Where tokens are given out.
        token_url: String,
        /// Name of the secret that holds the client's id.
        client_id: String,
        /// Name of the secret that holds its secret.
        client_secret: String,
        /// What is asked for; empty: whatever the client may do.
        scope: String,
    },
}

/// How a request is signed with a shared secret (HMAC).
pub struct RequestSignature {
    pub(super) hash: HashName,
    /// Sees `secret.NAME`.
    pub(super) key: Template,
    /// What is signed; sees `secret.NAME`, `date`, `method`, `path` (with the query) and `body`.
    pub(super) text: Template,
    pub(super) written: BytesAs,
    /// How `date` is written, in the letters of strftime, in UTC.
    pub(super) date: String,
    /// See `secret.NAME`, `date` and `signature`.
    pub(super) headers: Vec<(String, Template)>,
}

/// A request, as far as it can be signed.
pub(super) struct ToSign<'r> {
    pub method: &'r str,
    pub url: &'r str,
    pub body: &'r [u8],
    pub now: Millis,
}

impl ApiAuth {
    /// The headers that sign a request in, where no token is needed for that. `None`: what came out can't be sent.
    pub(super) fn headers(
        &self,
        engine: &Engine,
        secrets: Map<String, Value>,
        request: &ToSign<'_>,
    ) -> Option<Vec<(String, String)>> {
        let mut scope = Scope::new();
        scope.set("secret", Arc::new(Value::Object(secrets)));
        match self {
            Self::None | Self::ClientCredentials { .. } => Some(Vec::new()),
            Self::Headers(templates) => filled(engine, &scope, templates),
            Self::Basic { user, password } => {
                let pair = format!("{}:{}", text(engine, &scope, user)?, text(engine, &scope, password)?);
                let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
                Some(vec![("Authorization".to_owned(), format!("Basic {encoded}"))])
            }
            Self::Signed(signature) => signature.headers(engine, scope, request),
        }
    }
}

impl RequestSignature {
    fn headers(
        &self,
        engine: &Engine,
        mut scope: Scope,
        request: &ToSign<'_>,
    ) -> Option<Vec<(String, String)>> {
        let date = written_date(&self.date, request.now)?;
        let key = text(engine, &scope, &self.key)?;
        for (name, value) in [
            ("date", date.as_str()),
            ("method", request.method),
            ("path", path_of(request.url)),
            ("body", std::str::from_utf8(request.body).ok()?),
        ] {
            scope.set(name, Arc::new(Value::from(value)));
        }
        let Ok(Ok(Value::String(signed))) = self.text.evaluate(engine, &scope) else { return None };
        let bytes = mac(self.hash, &key, &signed);
        let signature = match self.written {
            BytesAs::Hex => bytes.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            }),
            _ => base64::engine::general_purpose::STANDARD.encode(bytes),
        };
        scope.set("signature", Arc::new(Value::from(signature)));
        filled(engine, &scope, &self.headers)
    }
}

/// The date as it is written; `None` where it can't be written so.
pub(super) fn written_date(format: &str, now: Millis) -> Option<String> {
    let at = Timestamp::from_millisecond(now).ok()?;
    jiff::fmt::strtime::format(format, &at.to_zoned(jiff::tz::TimeZone::UTC)).ok()
}

/// Path and query of an absolute address.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn filled(engine: &Engine, scope: &Scope, templates: &[(String, Template)]) -> Option<Vec<(String, String)>> {
    templates.iter().map(|(name, template)| Some((name.clone(), text(engine, scope, template)?))).collect()
}

/// A text that can stand in a header.
fn text(engine: &Engine, scope: &Scope, template: &Template) -> Option<String> {
    match template.evaluate(engine, scope) {
        Ok(Ok(Value::String(text))) if !text.chars().any(char::is_control) => Some(text),
        _ => None,
    }
}

fn mac(hash: HashName, key: &str, text: &str) -> Vec<u8> {
    match hash {
        HashName::Sha1 => signed(Hmac::<Sha1>::new_from_slice(key.as_bytes()), text),
        HashName::Sha256 => signed(Hmac::<Sha256>::new_from_slice(key.as_bytes()), text),
        HashName::Sha512 => signed(Hmac::<Sha512>::new_from_slice(key.as_bytes()), text),
    }
}

/// HMAC takes keys of any length, so that there always is one; an empty result is no signature of anything.
fn signed<M: Mac, E>(mac: Result<M, E>, text: &str) -> Vec<u8> {
    let Ok(mut mac) = mac else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

impl ApiSpec {
    /// Where tokens are given out, where it is so signed in.
    pub(super) fn token_url(&self) -> Option<String> {
        match &self.auth {
            ApiAuth::ClientCredentials { token_url, .. } => Some(token_url.clone()),
            _ => None,
        }
    }
}

impl SourceApi {
    /// Whether a token is needed for its calls.
    pub fn needs_token(&self) -> bool {
        matches!(self.spec.auth, ApiAuth::ClientCredentials { .. })
    }
}
