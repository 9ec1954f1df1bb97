//! Which sources there are and what opens them. Read on every webhook, replaced whole when the ruleset or a secret
//! changes.
//!
//! A door is asked twice: [`Doors::enter`] before the body is read, for all that shows in the head, and
//! [`Door::admits`] with the body, where a signature is over it. Nothing is stored before both said yes.

use super::signature::{SignedRequest, verify};
use super::token::TokenCheck;
use crate::domain::{AddressRange, Millis, SignatureScheme};
use crate::ports::Cleaner;
use actix_web::http::header::HeaderMap;
use base64::Engine as _;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// SHA-256 of a token: tokens are compared by it, so that the comparison takes the same time for any of them.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// One source, as ingest sees it.
#[derive(Clone, Debug)]
pub struct Door {
    /// What must hold: all of it. Never empty.
    pub ways: Vec<Way>,
    /// Header names (lower case) that are kept.
    pub headers: Vec<String>,
    /// It is there until then, and not at that time any more: that of a source that was removed.
    pub until: Option<Millis>,
    /// Takes out of a body what is never stored, where there is anything.
    pub cleaner: Option<Arc<dyn Cleaner>>,
}

/// One thing that must hold.
#[derive(Clone)]
pub enum Way {
    /// The secret in the address.
    Address {
        /// Hashes of its tokens; several where its file names several. Empty: a token's value is missing altogether.
        tokens: Vec<[u8; 32]>,
        /// The token before, which is taken until a time.
        old: Option<OldToken>,
    },
    /// A secret in a header.
    Header {
        /// Its name.
        name: String,
        /// What stands before the secret.
        prefix: String,
        /// Hashes of the secrets; empty: none has a value.
        secrets: Vec<[u8; 32]>,
    },
    /// Hashes of `user:password`; empty: none has a value.
    Basic(Vec<[u8; 32]>),
    /// A signature over the request.
    Signature {
        /// How it is made.
        scheme: SignatureScheme,
        /// The address that was signed, where it is another than the one that the request came to.
        url: Option<String>,
        /// The secrets; empty: none has a value.
        keys: Vec<Vec<u8>>,
    },
    /// A JSON Web Token in the address.
    Token(TokenCheck),
    /// Where it comes from.
    Addresses(Vec<AddressRange>),
}

/// Says what it is, and never a secret.
impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address { .. } => "address",
            Self::Header { .. } => "header",
            Self::Basic(_) => "basic",
            Self::Signature { .. } => "signature",
            Self::Token(_) => "token",
            Self::Addresses(_) => "addresses",
        })
    }
}

/// A token that another one took the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldToken {
    /// Its hash.
    pub hash: [u8; 32],
    /// It is taken until then, and not at that time any more.
    pub until: Millis,
}

/// All doors.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    doors: HashMap<String, Door>,
}

/// What shows in a request's head.
pub struct Shown<'r> {
    /// The last part of the address.
    pub in_address: Option<&'r str>,
    /// The headers.
    pub headers: &'r HeaderMap,
    /// Where it comes from.
    pub sender: Option<IpAddr>,
    /// Now.
    pub now: Millis,
}

/// What a request finds.
#[derive(Debug)]
pub enum Entrance<'d> {
    /// Come in, as far as the head shows. With the account that a token named.
    Open(&'d Door, Option<String>),
    /// The source is known, and can't check anything now.
    NotReady,
    /// Unknown source or wrong secret in the address: nothing is learned.
    Unknown,
    /// The source is known, and something else does not hold.
    Refused(Refusal),
}

/// What did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such source.
    Source,
    /// The secret in the address.
    Address,
    /// The secret in a header.
    Header,
    /// User or password.
    Password,
    /// The signature.
    Signature,
    /// The signature is of another time.
    Time,
    /// The token.
    Token,
    /// Where it comes from.
    Sender,
    /// A secret has no value, so that nothing can be checked.
    NotReady,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Source,
        Self::Address,
        Self::Header,
        Self::Password,
        Self::Signature,
        Self::Time,
        Self::Token,
        Self::Sender,
        Self::NotReady,
    ];

    /// The word that figures use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Address => "address",
            Self::Header => "header",
            Self::Password => "password",
            Self::Signature => "signature",
            Self::Time => "time",
            Self::Token => "token",
            Self::Sender => "sender",
            Self::NotReady => "not_ready",
        }
    }
}

impl Doors {
    /// All doors by source name.
    pub fn new(doors: HashMap<String, Door>) -> Self {
        Self { doors }
    }

    /// Checks what a request's head shows. Takes the same time for an unknown source and for a wrong token.
    pub fn enter(&self, source: &str, shown: &Shown<'_>) -> Entrance<'_> {
        let there = |door: &&Door| door.until.is_none_or(|until| shown.now < until);
        let Some(door) = self.doors.get(source).filter(there) else {
            let _ = hash_token(shown.in_address.unwrap_or_default()).ct_eq(&[0; 32]);
            return Entrance::Unknown;
        };
        let mut account = None;
        let mut refused = None;
        let mut not_ready = false;
        for way in &door.ways {
            match way.holds(shown, &mut account) {
                Ok(()) => {}
                Err(Refusal::Address) => return Entrance::Unknown,
                Err(Refusal::NotReady) => not_ready = true,
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match (refused, not_ready) {
            (Some(refusal), _) => Entrance::Refused(refusal),
            (None, true) => Entrance::NotReady,
            (None, false) => Entrance::Open(door, account),
        }
    }

    /// Whether there is such a source.
    pub fn knows(&self, source: &str) -> bool {
        self.doors.contains_key(source)
    }
}

impl Door {
    /// Checks the signatures, with the body.
    pub fn admits(&self, request: &SignedRequest<'_>, now: Millis) -> Result<(), Refusal> {
        for way in &self.ways {
            if let Way::Signature { scheme, url, keys } = way {
                verify((scheme, url.as_deref()), keys, request, now)?;
            }
        }
        Ok(())
    }

    /// Whether it looks at bodies: only then the address of a request is put together.
    pub fn looks_at_bodies(&self) -> bool {
        self.ways.iter().any(|way| matches!(way, Way::Signature { .. }))
    }

    /// Whether it asks for user and password, so that the sender is told.
    pub fn asks_password(&self) -> bool {
        self.ways.iter().any(|way| matches!(way, Way::Basic(_)))
    }
}

impl Way {
    fn holds(&self, shown: &Shown<'_>, account: &mut Option<String>) -> Result<(), Refusal> {
        match self {
            Self::Address { tokens, old } => {
                let presented = hash_token(shown.in_address.unwrap_or_default());
                let mut open = any_of(tokens, &presented);
                if let Some(old) = old {
                    open |=
                        presented.ct_eq(&old.hash) & subtle::Choice::from(u8::from(shown.now < old.until));
                }
                told(open, tokens.is_empty(), Refusal::Address)
            }
            Self::Header { name, prefix, secrets } => {
                let value = shown.headers.get(name.as_str()).and_then(|value| value.to_str().ok());
                let value = value.and_then(|value| value.strip_prefix(prefix.as_str())).map(str::trim);
                let open = any_of(secrets, &hash_token(value.unwrap_or_default()));
                told(open & choice(value.is_some()), secrets.is_empty(), Refusal::Header)
            }
            Self::Basic(secrets) => {
                let presented = basic_of(shown.headers);
                let open = any_of(secrets, &hash_token(presented.as_deref().unwrap_or_default()));
                told(open & choice(presented.is_some()), secrets.is_empty(), Refusal::Password)
            }
            Self::Signature { keys, scheme, .. } => {
                if keys.is_empty() {
                    return Err(Refusal::NotReady);
                }
                // What has no signature at all is not read first.
                shown.headers.get(scheme.header.as_str()).map(|_| ()).ok_or(Refusal::Signature)
            }
            Self::Token(check) => {
                if !check.is_ready() {
                    return Err(Refusal::NotReady);
                }
                let token = shown.in_address.unwrap_or_default();
                *account = check.account(token, shown.now).map_err(|()| Refusal::Token)?;
                Ok(())
            }
            Self::Addresses(ranges) => {
                let known = |sender: IpAddr| ranges.iter().any(|range| range.contains(sender));
                if shown.sender.is_some_and(known) { Ok(()) } else { Err(Refusal::Sender) }
            }
        }
    }
}

fn any_of(known: &[[u8; 32]], presented: &[u8; 32]) -> subtle::Choice {
    known.iter().fold(choice(false), |open, known| open | presented.ct_eq(known))
}

fn choice(holds: bool) -> subtle::Choice {
    subtle::Choice::from(u8::from(holds))
}

/// Where nothing can be compared with, it is not the sender's fault.
fn told(open: subtle::Choice, nothing_known: bool, refusal: Refusal) -> Result<(), Refusal> {
    match (bool::from(open), nothing_known) {
        (true, _) => Ok(()),
        (false, true) => Err(Refusal::NotReady),
        (false, false) => Err(refusal),
    }
}

/// `user:password` of the header `authorization`.
fn basic_of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, rest) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[path = "doors_tests.rs"]
mod tests;
