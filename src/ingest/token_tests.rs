//! Tokens of others (RFC 7515) and of ours, and what is made of them to get in.

use super::TokenCheck;
use crate::domain::{Millis, TokenAlgorithm, TokenScheme};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// RFC 7515, A.3.
const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const ES256_KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n-----END PUBLIC KEY-----\n";
/// Made with openssl.
const RS256: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ3YXlwb3N0LXRlc3QiLCJhdWQiOlsiaG9va3MiXSwiYWNjIjoiQUNNRSIsImV4cCI6MTkwMDAwMDAwMH0.EYYKUSEJ-xL8FhDVjrBfD6mvXBv-Fmt-8kTJN8CY43bZtMA6DJqbs5CYq9hzu48xmVCt0vYD_c-8VM3Hs-VucQqLYzFs_c7rq_fammfto3WSHdKhPktDJ25lyKAyglwdAOFzeWmMLeGzqmyLY2dOV2qfLNypy-Rzppwlqi8DXI5-TUkDpJkCiGO7v5WQdrp52GYAlXGARDoTG8R_XYKScvGLrOVQ441uzo_EYzympWV52rYhhf04tFOTx8PSAf9A6OQJV5-sBsZmvhj5s6q-5L2DDQqQzsYlqhRYENtvgsuJIPrrwxIRMYQcfTMUrwkpGaZUTHi8396xpIbF3m83Iw";
const RS256_KEY: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu+P21z8oRfJGJhKJHJCZwDBoazhQIN3je+HfgqEeB4w9+aJVJtSw0J5sgdjqRy0JVztCec7dab9bj4RZ4miubB0MYncwKb/IrE1JR9nRPP34fwYdEQUEywe0wRYh9pNrszMjLTiZt7a+yTGYRaSK/CR8wY18sZ0ERGBkjlnpeueLBnEMpnjRc2+uDcIsnGC7C/8SzkYEuDspGhkHRwSwYp/LPaH4ocfl/sxDEgt/Rj3jH/RXXFI2m149OblGAnbQTlYdDkkAYxxPSs8VtQiPRMx/JWBtpLSPu60NtiBxzGJ1tftvVIouX0aoI8YlEBLEODjyJ7kFapwKIp03ABZZmQIDAQAB\n-----END PUBLIC KEY-----\n";
const SECRET: &str = "a shared secret of some length";

fn scheme(algorithm: TokenAlgorithm, public_key: Option<&str>) -> TokenScheme {
    TokenScheme {
        algorithm,
        public_key: public_key.map(str::to_owned),
        issuer: None,
        audience: None,
        account_claim: None,
    }
}

fn check(scheme: &TokenScheme) -> TokenCheck {
    TokenCheck::new(scheme, [SECRET].into_iter())
}

fn signed(head: &Value, claims: &Value, key: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(head), part(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    let signature = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes()));
    format!("{message}.{signature}")
}

fn shared(claims: &Value) -> String {
    signed(&json!({ "alg": "HS256" }), claims, SECRET.as_bytes())
}

const NOW: Millis = 1_800_000_000_000;

#[test]
fn the_tokens_of_the_standard_and_of_openssl_are_known() {
    let es = check(&scheme(TokenAlgorithm::Es256, Some(ES256_KEY)));
    assert_eq!(es.account(ES256, 1_300_819_000_000), Ok(None));
    assert_eq!(es.account(ES256, 1_300_819_441_000), Err(()), "it has ended");
    let rs = TokenScheme {
        issuer: Some("waypost-test".into()),
        audience: Some("hooks".into()),
        account_claim: Some("acc".into()),
        ..scheme(TokenAlgorithm::Rs256, Some(RS256_KEY))
    };
    assert_eq!(check(&rs).account(RS256, NOW), Ok(Some("ACME".into())));
    for other in [
        TokenScheme { issuer: Some("else".into()), ..rs.clone() },
        TokenScheme { audience: Some("else".into()), ..rs.clone() },
        TokenScheme { account_claim: Some("none".into()), ..rs.clone() },
    ] {
        assert_eq!(check(&other).account(RS256, NOW), Err(()), "{other:?}");
    }
}

#[test]
fn a_token_has_no_say_in_how_it_is_checked() {
    let claims = json!({ "acc": "ACME" });
    let rs = check(&scheme(TokenAlgorithm::Rs256, Some(RS256_KEY)));
    // Signed with the public key as if that were a shared secret, and not signed at all.
    let confused = signed(&json!({ "alg": "HS256" }), &claims, RS256_KEY.as_bytes());
    let lying = signed(&json!({ "alg": "RS256" }), &claims, RS256_KEY.as_bytes());
    let none = signed(&json!({ "alg": "none" }), &claims, b"x");
    let hs = check(&scheme(TokenAlgorithm::Hs256, None));
    let critical = signed(&json!({ "alg": "HS256", "crit": ["b64"] }), &claims, SECRET.as_bytes());
    let other = signed(&json!({ "alg": "HS256" }), &claims, b"another secret");
    for token in [confused.as_str(), &lying, &none, ES256, "", ".", "..", "a.b.c", &RS256[..RS256.len() - 4]]
    {
        assert_eq!(rs.account(token, NOW), Err(()), "{token}");
    }
    for token in [critical.as_str(), &none, &other, RS256] {
        assert_eq!(hs.account(token, NOW), Err(()), "{token}");
    }
    assert_eq!(hs.account(&shared(&claims), NOW), Ok(None));
}

#[test]
fn times_and_accounts_of_a_token_are_looked_at() {
    let scheme = TokenScheme { account_claim: Some("acc".into()), ..scheme(TokenAlgorithm::Hs256, None) };
    let of = |claims: Value| check(&scheme).account(&shared(&claims), NOW);
    let at = NOW / 1_000;
    assert_eq!(of(json!({ "acc": "A", "exp": at + 1, "nbf": at })), Ok(Some("A".into())));
    assert_eq!(of(json!({ "acc": 7, "exp": at - 30 })), Ok(Some("7".into())), "clocks differ");
    for refused in [
        json!({ "acc": "A", "exp": at - 61 }),
        json!({ "acc": "A", "nbf": at + 61 }),
        json!({ "acc": "A", "exp": "1900000000" }),
        json!({ "acc": "A", "nbf": null }),
        json!({ "acc": "" }),
        json!({ "acc": "a\u{0}" }),
        json!({ "acc": ["A"] }),
        json!({}),
        json!([]),
    ] {
        assert_eq!(of(refused.clone()), Err(()), "{refused}");
    }
}

#[test]
fn keys_of_another_kind_make_no_check() {
    for (algorithm, key) in [
        (TokenAlgorithm::Rs256, Some(ES256_KEY)),
        (TokenAlgorithm::Es256, Some(RS256_KEY)),
        (TokenAlgorithm::Rs256, Some("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")),
        (TokenAlgorithm::Es256, None),
    ] {
        assert!(!check(&scheme(algorithm, key)).is_ready(), "{algorithm:?}");
    }
    assert!(!TokenCheck::new(&scheme(TokenAlgorithm::Hs256, None), [""].into_iter()).is_ready());
}
