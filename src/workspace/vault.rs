//! Secrets at rest: sealed with XChaCha20-Poly1305 under the key, the name bound to the value, so that one secret's
//! sealed bytes can't be put in another's place. Used by `app` to open them, and by `secret set` to seal one.

use super::key::Key;
use crate::ports::Entropy;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::SecretString;

/// First byte of everything sealed this way.
const VERSION: u8 = 1;
/// Bytes of the nonce that follow; long enough to be drawn by chance for ever.
const NONCE_BYTES: usize = 24;
/// Bytes of a secret: more than a token or a key pair needs.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// Seals and opens secrets.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    fingerprint: String,
}

/// Why a secret can't be sealed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too long.
    #[error("A secret has at most 64 KiB, and this one has {bytes} bytes.")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Nothing in it.
    #[error("The secret is empty; give it a value, or remove it.")]
    Empty,
}

/// Why a secret can't be opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// Sealed by a later version, or no sealed secret at all.
    #[error("The secret {name} is not in a form that this version can open; set it again.")]
    UnknownForm {
        /// Name.
        name: String,
    },
    /// Sealed with another key or under another name, or damaged.
    #[error("The secret {name} does not open with the key {key}; set it again.")]
    Refused {
        /// Name.
        name: String,
        /// Fingerprint of the key.
        key: String,
    },
}

impl Vault {
    /// A vault under a key.
    pub fn open(key: &Key) -> Self {
        Self { cipher: XChaCha20Poly1305::new(key.bytes().into()), fingerprint: key.fingerprint() }
    }

    /// The key's fingerprint.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Seals a value under its name.
    pub fn seal(&self, name: &str, value: &str, entropy: &dyn Entropy) -> Result<Vec<u8>, SealError> {
        let too_long = SealError::TooLong { bytes: value.len() };
        if value.is_empty() {
            return Err(SealError::Empty);
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(too_long);
        }
        let mut nonce = [0; NONCE_BYTES];
        nonce[..16].copy_from_slice(&entropy.bytes());
        nonce[16..].copy_from_slice(&entropy.bytes()[..8]);
        let payload = Payload { msg: value.as_bytes(), aad: &bound_to(name) };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| too_long)?;
        Ok([&[VERSION][..], &nonce, &sealed].concat())
    }

    /// Opens what was sealed under a name.
    pub fn unseal(&self, name: &str, sealed: &[u8]) -> Result<SecretString, UnsealError> {
        let unknown = || UnsealError::UnknownForm { name: name.to_owned() };
        let rest = sealed.strip_prefix(&[VERSION]).ok_or_else(unknown)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(unknown)?;
        let payload = Payload { msg: sealed, aad: &bound_to(name) };
        let refused = UnsealError::Refused { name: name.to_owned(), key: self.fingerprint.clone() };
        let value = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| refused)?;
        String::from_utf8(value).map(SecretString::from).map_err(|_| unknown())
    }
}

/// What a sealed value is bound to.
fn bound_to(name: &str) -> Vec<u8> {
    [b"waypost secret v1\0", name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::{SealError, UnsealError, Vault};
    use crate::clock::OsEntropy;
    use crate::workspace::Key;
    use secrecy::ExposeSecret;

    fn vault() -> Vault {
        Vault::open(&Key::generate(&OsEntropy))
    }

    #[test]
    fn what_was_sealed_opens_again() {
        let vault = vault();
        let sealed = vault.seal("hubspot-token", "pat-ünï", &OsEntropy).unwrap();
        assert_eq!(vault.unseal("hubspot-token", &sealed).unwrap().expose_secret(), "pat-ünï");
        assert_ne!(sealed, vault.seal("hubspot-token", "pat-ünï", &OsEntropy).unwrap());
        assert!(!sealed.windows(4).any(|part| part == b"pat-"));
    }

    #[test]
    fn another_name_another_key_and_damage_are_refused() {
        let (vault, other) = (vault(), vault());
        let sealed = vault.seal("a", "value", &OsEntropy).unwrap();
        let refused = |vault: &Vault, name: &str, sealed: &[u8]| vault.unseal(name, sealed).unwrap_err();
        let by = |name: &str, vault: &Vault| UnsealError::Refused {
            name: name.to_owned(),
            key: vault.fingerprint().to_owned(),
        };
        assert_eq!(refused(&vault, "b", &sealed), by("b", &vault));
        assert_eq!(refused(&other, "a", &sealed), by("a", &other));
        for at in 1..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(refused(&vault, "a", &damaged), by("a", &vault), "byte {at}");
        }
        for length in 0..sealed.len() {
            assert!(vault.unseal("a", &sealed[..length]).is_err());
        }
        let unknown = UnsealError::UnknownForm { name: "a".to_owned() };
        assert_eq!(refused(&vault, "a", &[&[9][..], &sealed[1..]].concat()), unknown);
    }

    #[test]
    fn empty_and_huge_values_are_refused() {
        assert_eq!(vault().seal("a", "", &OsEntropy), Err(SealError::Empty));
        let huge = "x".repeat(70_000);
        assert_eq!(vault().seal("a", &huge, &OsEntropy), Err(SealError::TooLong { bytes: 70_000 }));
    }
}
