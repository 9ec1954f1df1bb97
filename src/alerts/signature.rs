//! Signatures of the Standard Webhooks scheme: `v1,` and the HMAC-SHA256 of id, time and body, in base 64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How such keys begin.
const PREFIX: &str = "whsec_";
/// Bytes of a key, as the scheme says.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The key that a text such as `whsec_MfKQ…` says.
pub fn signing_key(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
    KEY_BYTES.contains(&bytes.len()).then_some(bytes)
}

/// The value of the header `webhook-signature`.
pub fn signature(key: &[u8], id: &str, seconds: i64, body: &str) -> Option<String> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    hmac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(hmac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::{signature, signing_key};

    #[test]
    fn the_schemes_own_example_comes_out() {
        let key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn only_keys_of_the_scheme_are_taken() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"] {
            assert!(signing_key(text).is_none(), "{text}");
        }
    }
}
