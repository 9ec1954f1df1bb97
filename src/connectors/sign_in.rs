//! How webhooks of a source sign in: the secret in the address (without a word that), a header, a user and password, a
//! signature, a token of their own, where they come from; alone or several together.
//!
//! The words only: secrets are named here, `app` gives their values to the door, which checks.

use super::secret::SecretRef;
use crate::document::Place;
use crate::domain::{AddressRange, SignatureScheme, TokenScheme};

/// One thing that must hold.
#[derive(Clone, Debug)]
pub enum SignInWay {
    /// The secret in the address.
    Address,
    /// A secret in a header.
    Header {
        /// Its name (lower case).
        name: String,
        /// What stands before the secret (`Bearer `); may be empty.
        prefix: String,
        /// The secret.
        secrets: Secrets,
    },
    /// User and password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        secrets: Secrets,
    },
    /// A signature over the request.
    Signature {
        /// How it is made.
        scheme: SignatureScheme,
        /// The address that is signed, where it is another than the one that Waypost knows.
        url: Option<String>,
        /// The secret.
        secrets: Secrets,
    },
    /// A JSON Web Token in the address.
    Token {
        /// Which are accepted.
        scheme: TokenScheme,
        /// The secret, where the algorithm has one.
        secrets: Secrets,
    },
    /// Where the request comes from.
    Addresses(Vec<AddressRange>),
}

/// Secrets, any of which will do: several while one is changed.
pub type Secrets = Vec<(SecretRef, Place)>;

/// All that must hold.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Never empty.
    pub ways: Vec<SignInWay>,
    /// By which names of the manifest some of them are asked for: name, and which of the ways.
    pub named: Vec<(String, usize)>,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { ways: vec![SignInWay::Address], named: Vec::new() }
    }
}

impl SignIn {
    /// Whether the address holds a secret of Waypost's.
    pub fn by_address(&self) -> bool {
        self.ways.iter().any(|way| matches!(way, SignInWay::Address))
    }

    /// Whether the address holds a token that somebody else makes.
    pub fn by_token(&self) -> bool {
        self.ways.iter().any(|way| matches!(way, SignInWay::Token { .. }))
    }

    /// Whether whoever signs in says of which account they are.
    pub fn claims_account(&self) -> bool {
        let claims = |way: &SignInWay| matches!(way, SignInWay::Token { scheme, .. } if scheme.account_claim.is_some());
        self.ways.iter().any(claims)
    }

    /// Whether a header (lower case) holds a secret that is signed in with.
    pub fn is_credential(&self, header: &str) -> bool {
        self.ways.iter().any(|way| matches!(way, SignInWay::Header { name, .. } if name == header))
    }

    /// All secrets that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &(SecretRef, Place)> {
        self.ways.iter().filter_map(SignInWay::secrets).flatten()
    }

    /// The secrets of a way that the manifest describes; `None` where the file does not ask for it.
    pub fn secrets_of(&self, name: &str) -> Option<&Secrets> {
        let (_, at) = self.named.iter().find(|(known, _)| known == name)?;
        self.ways.get(*at)?.secrets()
    }

    /// For people: what a webhook of this source shows, in order.
    pub fn told(&self) -> Vec<String> {
        self.ways.iter().map(SignInWay::told).collect()
    }
}

impl SignInWay {
    fn secrets(&self) -> Option<&Secrets> {
        match self {
            Self::Header { secrets, .. }
            | Self::Basic { secrets, .. }
            | Self::Signature { secrets, .. }
            | Self::Token { secrets, .. } => Some(secrets),
            Self::Address | Self::Addresses(_) => None,
        }
    }

    /// The word that the API has for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Header { .. } => "header",
            Self::Basic { .. } => "basic",
            Self::Signature { .. } => "signature",
            Self::Token { .. } => "jwt",
            Self::Addresses(_) => "ips",
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Address => "the secret in its address".to_owned(),
            Self::Header { name, .. } => format!("a secret in the header {name}"),
            Self::Basic { user, .. } => format!("the user {user} and a password"),
            Self::Signature { scheme, .. } => match scheme.tolerance_ms {
                Some(tolerance) => {
                    format!(
                        "a signature in the header {}, not older than {}",
                        scheme.header,
                        minutes(tolerance)
                    )
                }
                None => format!("a signature in the header {}", scheme.header),
            },
            Self::Token { scheme, .. } => {
                format!("a signed token in its address ({})", scheme.algorithm.as_str())
            }
            Self::Addresses(ranges) => match ranges.len() {
                1 => "that it comes from one certain address".to_owned(),
                count => format!("that it comes from one of {count} addresses"),
            },
        }
    }
}

fn minutes(ms: i64) -> String {
    match (ms / 60_000, ms / 1_000) {
        (1, _) => "a minute".to_owned(),
        (minutes, seconds) if minutes * 60 == seconds => format!("{minutes} minutes"),
        (_, seconds) => format!("{seconds} seconds"),
    }
}

/// A way that a manifest describes, so that a source's file only names the secret.
#[derive(Clone, Debug)]
pub struct OfferedWay {
    /// Its name in source files (`signature`).
    pub name: String,
    /// For people: what the secret is called over there.
    pub title: String,
    /// Where it is found there.
    pub help: String,
    /// The way, without its secret.
    pub way: SignInWay,
}

impl OfferedWay {
    /// Whether a source file gives a secret for it.
    pub fn wants_secret(&self) -> bool {
        match &self.way {
            SignInWay::Header { .. } | SignInWay::Basic { .. } | SignInWay::Signature { .. } => true,
            SignInWay::Token { scheme, .. } => scheme.public_key.is_none(),
            SignInWay::Address | SignInWay::Addresses(_) => false,
        }
    }
}
