//! Signatures as senders' own documents give them, and what is made of them to get in.

use super::{SignedRequest, signing_key, verify};
use crate::domain::{BytesAs, HashName, Millis, SignatureScheme, SignedPart};
use crate::ingest::Refusal;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

fn scheme(header: &str, written: BytesAs, signed: Vec<SignedPart>) -> SignatureScheme {
    SignatureScheme {
        header: header.to_owned(),
        hash: HashName::Sha256,
        written,
        prefix: String::new(),
        fields: None,
        separator: None,
        time_header: None,
        tolerance_ms: None,
        signed,
        key: BytesAs::Plain,
        key_prefix: String::new(),
    }
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    map
}

struct Sent<'s> {
    pairs: &'s [(&'s str, &'s str)],
    body: &'s str,
    now: Millis,
}

fn sent(scheme: &SignatureScheme, secrets: &[&str], sent: &Sent<'_>) -> Result<(), Refusal> {
    let headers = headers(sent.pairs);
    let request =
        SignedRequest { headers: &headers, url: "https://example.com/hooks/x", body: sent.body.as_bytes() };
    let keys: Vec<_> = secrets.iter().filter_map(|secret| signing_key(scheme, secret)).collect();
    verify((scheme, None), &keys, &request, sent.now)
}

const DAY: Millis = 1_700_000_000_000;

#[test]
fn a_signature_over_the_body_with_a_prefix() {
    // GitHub's own example.
    let scheme = SignatureScheme {
        prefix: "sha256=".into(),
        ..scheme("x-hub-signature-256", BytesAs::Hex, vec![SignedPart::Body])
    };
    let secret = "It's a Secret to Everybody";
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let of = |value: &str, body: &str| {
        sent(&scheme, &["old", secret], &Sent { pairs: &[("x-hub-signature-256", value)], body, now: DAY })
    };
    assert_eq!(of(good, "Hello, World!"), Ok(()));
    assert_eq!(of(&good.to_uppercase().replace("SHA", "sha"), "Hello, World!"), Ok(()), "in capitals");
    for (value, body) in [
        (good, "Hello, World"),
        (&good[7..], "Hello, World!"),
        (&good[..40], "Hello, World!"),
        ("sha256=", "Hello, World!"),
        ("", "Hello, World!"),
    ] {
        assert_eq!(of(value, body), Err(Refusal::Signature), "{value} {body}");
    }
    let none = Sent { pairs: &[], body: "Hello, World!", now: DAY };
    assert_eq!(sent(&scheme, &[secret], &none), Err(Refusal::Signature));
    assert_eq!(
        sent(&scheme, &[], &Sent { pairs: &[("x-hub-signature-256", good)], ..none }),
        Err(Refusal::Signature)
    );
}

#[test]
fn other_algorithms_and_ways_to_write_them() {
    let body = "The quick brown fox jumps over the lazy dog";
    for (hash, value) in [
        (HashName::Sha1, "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"),
        (HashName::Sha1, "3nybhbi3iqa8ino29wqQcBydtNk="),
        (HashName::Sha1, "3nybhbi3iqa8ino29wqQcBydtNk"),
        (
            HashName::Sha512,
            "b42af09057bac1e2d41708e48a902e09b5ff7f12ab428a4fe86653c73dd248fb82f948a549f7b791a5b41915ee4d1ec3935357e4e2317250d0372afa2ebeeb3a",
        ),
    ] {
        let scheme = SignatureScheme { hash, ..scheme("x-signature", BytesAs::Any, vec![SignedPart::Body]) };
        let request = Sent { pairs: &[("x-signature", value)], body, now: DAY };
        assert_eq!(sent(&scheme, &["key"], &request), Ok(()), "{value}");
    }
}

#[test]
fn a_time_goes_with_the_signature_and_ends_it() {
    // As Stripe and Calendly write it.
    let scheme = SignatureScheme {
        fields: Some(("t".into(), "v1".into())),
        tolerance_ms: Some(300_000),
        ..scheme(
            "stripe-signature",
            BytesAs::Hex,
            vec![SignedPart::Time, SignedPart::Text(".".into()), SignedPart::Body],
        )
    };
    let good = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
    let of = |value: &str, now: Millis| {
        let pairs = [("stripe-signature", value)];
        sent(&scheme, &["whsec_test"], &Sent { pairs: &pairs, body: r#"{"id":"evt_1"}"#, now })
    };
    let whole = format!("t=1700000000,v1={good},v0=0000");
    assert_eq!(of(&whole, DAY), Ok(()));
    assert_eq!(
        of(&format!("t=1700000000, v1=00ff, v1={good}"), DAY + 300_000),
        Ok(()),
        "two secrets at work"
    );
    assert_eq!(of(&whole, DAY + 300_001), Err(Refusal::Time));
    assert_eq!(of(&whole, DAY - 300_001), Err(Refusal::Time));
    assert_eq!(
        of(&format!("t=1700000001,v1={good}"), DAY),
        Err(Refusal::Signature),
        "another time was signed"
    );
    assert_eq!(of(&format!("v1={good}"), DAY), Err(Refusal::Time));
    assert_eq!(of(&format!("t=soon,v1={good}"), DAY), Err(Refusal::Time));
    assert_eq!(of(&format!("t=1700000000,v0={good}"), DAY), Err(Refusal::Signature));
    assert_eq!(of("t=1700000000", DAY), Err(Refusal::Signature));
}

#[test]
fn the_address_and_the_body_together() {
    // As Square writes it.
    let scheme =
        scheme("x-square-hmacsha256-signature", BytesAs::Base64, vec![SignedPart::Url, SignedPart::Body]);
    let body = r#"{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification","event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f","created_at":"2022-07-13T20:30:59.037339943Z","data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}"#;
    let headers =
        headers(&[("x-square-hmacsha256-signature", "pGRqj9GSSbM6O/O9z98MeFVedq3Q2OTDEMGMq8wEM+s=")]);
    let of = |url: &str, own: Option<&str>| {
        let request = SignedRequest { headers: &headers, url, body: body.as_bytes() };
        verify((&scheme, own), &[b"asdf1234".to_vec()], &request, DAY)
    };
    assert_eq!(of("https://example.com/webhook", None), Ok(()));
    assert_eq!(of("https://example.com/webhook/", None), Err(Refusal::Signature));
    assert_eq!(
        of("http://10.0.0.1/webhook", Some("https://example.com/webhook")),
        Ok(()),
        "the file's address"
    );
}

#[test]
fn headers_in_order_without_the_signature() {
    // As Bokun writes it, in both notations that its documents name.
    let scheme = scheme("x-bokun-hmac", BytesAs::Any, vec![SignedPart::Headers("x-bokun-".into())]);
    for value in [
        "f5f612df2ec3a6327f4660dcf8c5736a88448a7caa487f4e3ef3d58533864432",
        "9fYS3y7DpjJ/RmDc+MVzaohEinyqSH9OPvPVhTOGRDI=",
    ] {
        let pairs = [
            ("x-bokun-vendor-id", "9"),
            ("x-bokun-topic", "bookings/create"),
            ("x-bokun-hmac", value),
            ("x-bokun-booking-id", "77"),
            ("content-type", "application/json"),
            ("x-bokun-apikey", "key1"),
        ];
        assert_eq!(sent(&scheme, &["app-secret"], &Sent { pairs: &pairs, body: "{}", now: DAY }), Ok(()));
        let other = Sent { pairs: &pairs[1..], body: "{}", now: DAY };
        assert_eq!(sent(&scheme, &["app-secret"], &other), Err(Refusal::Signature));
    }
}

#[test]
fn the_example_of_standard_webhooks_itself() {
    let scheme = SignatureScheme {
        prefix: "v1,".into(),
        separator: Some(' '),
        time_header: Some("webhook-timestamp".into()),
        tolerance_ms: Some(300_000),
        key: BytesAs::Base64,
        key_prefix: "whsec_".into(),
        ..scheme(
            "webhook-signature",
            BytesAs::Base64,
            vec![
                SignedPart::Header("webhook-id".into()),
                SignedPart::Text(".".into()),
                SignedPart::Time,
                SignedPart::Text(".".into()),
                SignedPart::Body,
            ],
        )
    };
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let of = |id: &str, signature: &str, now: Millis| {
        let pairs =
            [("webhook-id", id), ("webhook-timestamp", "1614265330"), ("webhook-signature", signature)];
        let body = r#"{"test": 2432232314}"#;
        sent(&scheme, &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], &Sent { pairs: &pairs, body, now })
    };
    let now = 1_614_265_330_000;
    assert_eq!(of("msg_p5jXN8AQM9LWM0D4loKWxJek", good, now), Ok(()));
    assert_eq!(of("msg_p5jXN8AQM9LWM0D4loKWxJek", &format!("v1,AAAA v2,x {good}"), now), Ok(()));
    assert_eq!(of("msg_other", good, now), Err(Refusal::Signature));
    assert_eq!(of("msg_p5jXN8AQM9LWM0D4loKWxJek", good, now + 300_001), Err(Refusal::Time));
    assert_eq!(signing_key(&scheme, "whsec_%%%"), None, "a secret that is none");
}
