//! How a webhook proves where it comes from, as data: what is signed and how the signature is written, which tokens are
//! accepted, which addresses. Files are read into these words, and the door checks by them.

use super::Millis;
use core::net::IpAddr;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashName {
    /// SHA-1; only for senders that know nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesAs {
    /// Hexadecimal, in any case.
    Hex,
    /// Base64, with or without padding.
    Base64,
    /// Base64 for URLs, with or without padding.
    Base64Url,
    /// Whichever of these it is: for senders whose documents and programs disagree.
    Any,
    /// The text itself.
    Plain,
}

/// A piece of what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedPart {
    /// The text itself.
    Text(String),
    /// The body, byte for byte.
    Body,
    /// The time that goes with the signature, as it was written.
    Time,
    /// The whole address that the webhook was sent to.
    Url,
    /// The value of a header.
    Header(String),
    /// All headers whose names begin so, but the signature's: `name=value`, sorted by name, joined by `&`.
    Headers(String),
}

/// A signature with a shared secret (HMAC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureScheme {
    /// The header that it comes in (lower case).
    pub header: String,
    /// The hash function.
    pub hash: HashName,
    /// How it is written.
    pub written: BytesAs,
    /// What stands before it (`sha256=`); empty: nothing.
    pub prefix: String,
    /// The header holds `t=…,v1=…`: the names of the time's and of the signature's fields.
    pub fields: Option<(String, String)>,
    /// What stands between several signatures of one header.
    pub separator: Option<char>,
    /// The header that the time comes in, where it is one of its own.
    pub time_header: Option<String>,
    /// How far that time may be from now.
    pub tolerance_ms: Option<Millis>,
    /// What is signed.
    pub signed: Vec<SignedPart>,
    /// How the secret is written.
    pub key: BytesAs,
    /// What may stand before the secret and is no part of it (`whsec_`).
    pub key_prefix: String,
}

impl SignatureScheme {
    /// Whether a time belongs to it.
    pub fn has_time(&self) -> bool {
        self.fields.is_some() || self.time_header.is_some()
    }
}

/// The algorithm of a JSON Web Token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
    /// RSA with SHA-256 and a public key.
    Rs256,
    /// ECDSA on P-256 with SHA-256 and a public key.
    Es256,
}

impl TokenAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hs256, Self::Rs256, Self::Es256];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// A JSON Web Token in the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenScheme {
    /// The one algorithm that is accepted: a token has no say in it.
    pub algorithm: TokenAlgorithm,
    /// The public key (PEM), where the algorithm has one.
    pub public_key: Option<String>,
    /// Who must have issued it.
    pub issuer: Option<String>,
    /// Whom it must be for.
    pub audience: Option<String>,
    /// The claim that names the account.
    pub account_claim: Option<String>,
}

/// Addresses of one network: `203.0.113.7`, `203.0.113.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    network: u128,
    mask: u128,
}

impl AddressRange {
    /// Reads one. Addresses of version 4 are taken as those of version 6 that stand for them.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (most, before) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return None;
        }
        let mask = u128::MAX.checked_shl(128 - before - bits).unwrap_or(0);
        Some(Self { network: number(address) & mask, mask })
    }

    /// Whether an address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        number(address) & self.mask == self.network
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests {
    use super::AddressRange;

    #[test]
    fn ranges_hold_their_addresses_in_both_versions() {
        for (range, address, expected) in [
            ("34.240.36.71", "34.240.36.71", true),
            ("34.240.36.71", "::ffff:34.240.36.71", true),
            ("34.240.36.71", "34.240.36.72", false),
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.9/24", "203.0.114.0", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "198.51.100.1", true),
        ] {
            let range_read = AddressRange::parse(range).expect(range);
            assert_eq!(range_read.contains(address.parse().unwrap()), expected, "{range} {address}");
        }
        for wrong in ["", "x", "1.2.3.4/33", "1.2.3/8", "::/129", "1.2.3.4/", "1.2.3.4/-1"] {
            assert_eq!(AddressRange::parse(wrong), None, "{wrong}");
        }
    }
}
