//! What is taken out of bodies before they are stored, however they are written.

use super::NeverStored;
use crate::connectors::KeptHeaders;
use crate::connectors::payload::read_payload;
use crate::connectors::tests::{catalogue, engine};
use crate::ports::{Cleaned, Cleaner};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=x";

fn names(patterns: &[&str]) -> NeverStored {
    let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
    NeverStored::read(&patterns).expect("there are some")
}

fn cards() -> NeverStored {
    names(&["**.paymentAccount", "**.registeredCard"])
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn text(cleaned: Cleaned) -> String {
    match cleaned {
        Cleaned::AsItCame => "as it came".to_owned(),
        Cleaned::Without(body) => String::from_utf8(body).expect("text"),
        Cleaned::NotLookedThrough(why) => format!("not looked through: {why}"),
    }
}

#[test]
fn what_is_never_stored_goes_and_all_else_stays() {
    for (body, kept) in [
        (r#"{"a": 1.10,  "b":[ ]}"#, "as it came"),
        (r#"{"note": "the paymentAccount",  "n":1}"#, "as it came"),
        (
            r#"{"z": 12345678901234567890.10, "data": {"PaymentAccount": {"n": "4111"}, "x": [{"registeredcard": 5}]}}"#,
            r#"{"z":12345678901234567890.10,"data":{"x":[{}]}}"#,
        ),
        ("\u{feff}[{\"paymentAccount\": null}]", "[{}]"),
        (r#"{"payment\u0041ccount": 1, "a": 2}"#, r#"{"a":2}"#),
        (r#"{"hasActivePaymentAccount": true}"#, "as it came"),
        ("{\"a\":1}\n{\"paymentAccount\":2,\"b\":3}", "{\"a\":1}\n{\"b\":3}"),
        (r#"{"a":1} "paymentAccount": 4111"#, r#"{"a":1}"#),
        (r#"{"a":{"paymentAccount":1},"b":2,"a":{}}"#, r#"{"a":{},"b":2}"#),
        (r#""{\"paymentAccount\":1,\"b\":\"{\\\"registeredCard\\\":2}\"}""#, r#""{\"b\":\"{}\"}""#),
        ("", "as it came"),
        (r#"{"paymentAcc"#, "as it came"),
    ] {
        assert_eq!(text(cards().clean(body.as_bytes(), "", "")), kept, "{body}");
    }
    assert_eq!(NeverStored::read(&[]), None, "where a connector names nothing, nothing goes");
}

#[test]
fn a_body_is_looked_through_whatever_it_is_packed_and_written_in() {
    let body = r#"{"a":"é","paymentAccount":{"n":"4111"}}"#;
    let kept = r#"{"a":"é"}"#;
    let utf_16: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let western = b"{\"a\":\"\xe9\",\"paymentAccount\":{\"n\":\"4111\"}}";
    for (bytes, encoding) in [
        (gzipped(body.as_bytes()), "gzip"),
        (gzipped(body.as_bytes()), ""),
        (gzipped(&gzipped(body.as_bytes())), "gzip, gzip"),
        (body.as_bytes().to_vec(), "gzip"),
        (utf_16, ""),
        (western.to_vec(), ""),
    ] {
        assert_eq!(text(cards().clean(&bytes, encoding, "application/json")), kept, "{encoding} {bytes:?}");
    }
    assert_eq!(text(cards().clean(&gzipped(b"{\"a\": 1}"), "gzip", "")), "as it came");
}

#[test]
fn fields_of_forms_are_looked_through() {
    let json = "%7B%22paymentAccount%22%3A%7B%22n%22%3A%224111%22%7D%2C%22id%22%3A%227%22%7D";
    for (body, kept) in [
        (format!("x=1&payload={json}&y=%20"), "x=1&payload=%7B%22id%22%3A%227%22%7D&y=%20"),
        ("a=1&paymentAccount%5Bn%5D=4111&guest[registeredCard]=2&b=3".to_owned(), "a=1&b=3"),
        ("a=paymentAccount".to_owned(), "as it came"),
    ] {
        assert_eq!(text(cards().clean(body.as_bytes(), "", FORM)), kept, "{body}");
        assert_eq!(
            text(cards().clean(body.as_bytes(), "", "")),
            kept,
            "{body}: nothing says that it is a form"
        );
    }
    let part = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name={name}\r\n\r\n{value}\r\n")
    };
    let whole = |parts: &[(&str, &str)]| {
        let parts: String = parts.iter().map(|(name, value)| part(name, value)).collect();
        format!("{parts}--x--\r\n")
    };
    let body =
        whole(&[("a", "1"), ("paymentAccount", "4111"), ("d", r#"{"registeredCard":1,"b":2}"#), ("z", "9")]);
    assert_eq!(
        text(cards().clean(body.as_bytes(), "", PARTS)),
        whole(&[("a", "1"), ("d", r#"{"b":2}"#), ("z", "9")])
    );
    assert_eq!(text(cards().clean(whole(&[("a", "1")]).as_bytes(), "", PARTS)), "as it came");
}

#[test]
fn what_cannot_be_looked_through_says_why() {
    let packed = gzipped(&vec![b' '; (32 << 20) + 1]);
    let told = [
        text(cards().clean(br#"{"paymentAccount": "#, "", "")),
        text(cards().clean(b"\x1f\x8bnonsense", "gzip", "")),
        text(cards().clean(b"{}", "br", "")),
        text(cards().clean(&packed, "gzip", "")),
        text(cards().clean(b"--x\r\nregisteredCard", "", PARTS)),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_place_that_is_not_anywhere_is_taken_out_there_only() {
    let kept = |patterns: &[&str], body: &str| text(names(patterns).clean(body.as_bytes(), "", ""));
    assert_eq!(kept(&["card"], r#"{"card":1,"a":{"card":2}}"#), r#"{"a":{"card":2}}"#);
    assert_eq!(kept(&["[].card"], r#"[{"card":1,"b":2}]"#), r#"[{"b":2}]"#);
    assert_eq!(kept(&["**password"], r#"{"a":{"My_Password":1}}"#), r#"{"a":{}}"#);
    assert_eq!(
        kept(&["booking.pay[].details"], r#"{"booking":{"pay":[{"details":1,"n":2}]}}"#),
        r#"{"booking":{"pay":[{"n":2}]}}"#
    );
    assert_eq!(kept(&["pay.*"], r#"{"pay":{"details":1,"n":2}}"#), r#"{"pay":{}}"#);
}

#[test]
fn the_shipped_connectors_say_what_is_never_stored_of_whole_bodies() {
    let catalogue = catalogue(&engine());
    let named: Vec<String> = catalogue
        .connectors
        .iter()
        .filter_map(|(name, connector)| Some((name, connector.source.as_ref()?.unstored())))
        .filter(|(_, unstored)| !unstored.is_empty())
        .map(|(name, unstored)| format!("{name}: {}", unstored.join(" ")))
        .collect();
    insta::assert_snapshot!(named.join("\n"));
}

#[test]
fn what_is_left_is_read_as_before() {
    let body = r#"{"a":1,"paymentAccount":2}"#;
    let Cleaned::Without(left) = cards().clean(&gzipped(body.as_bytes()), "gzip", "") else {
        panic!("it was there");
    };
    assert_eq!(read_payload(&left, &KeptHeaders::default()), Ok(serde_json::json!({ "a": 1 })));
}
