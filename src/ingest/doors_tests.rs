//! Who comes in by which door.

use super::{Door, Doors, Entrance, OldToken, Refusal, Shown, Way, hash_token};
use crate::domain::{AddressRange, Millis};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use std::collections::HashMap;

fn doors(ways: Vec<Way>) -> Doors {
    let door = Door { ways, headers: vec!["content-type".into()], until: None, cleaner: None };
    Doors::new(HashMap::from([("tours".to_owned(), door)]))
}

fn address(tokens: &[&str], old: Option<OldToken>) -> Way {
    Way::Address { tokens: tokens.iter().map(|token| hash_token(token)).collect(), old }
}

/// What a request finds, as a word.
fn found(
    doors: &Doors,
    source: &str,
    (token, headers): (&str, &[(&str, &str)]),
    now: Millis,
) -> &'static str {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let in_address = Some(token).filter(|token| !token.is_empty());
    let sender = Some("203.0.113.7".parse().unwrap());
    match doors.enter(source, &Shown { in_address, headers: &map, sender, now }) {
        Entrance::Open(..) => "open",
        Entrance::NotReady => "not ready",
        Entrance::Unknown => "unknown",
        Entrance::Refused(refusal) => refusal.as_str(),
    }
}

#[test]
fn the_old_token_opens_a_door_until_its_time_is_over() {
    let old = Some(OldToken { hash: hash_token("old"), until: 100 });
    let doors = doors(vec![address(&["one", "two"], old)]);
    for (source, token, now, expected) in [
        ("tours", "one", 500, "open"),
        ("tours", "two", 500, "open"),
        ("tours", "old", 99, "open"),
        ("tours", "old", 100, "unknown"),
        ("tours", "", 0, "unknown"),
        ("rooms", "old", 0, "unknown"),
    ] {
        assert_eq!(found(&doors, source, (token, &[]), now), expected, "{source} {token} at {now}");
    }
}

#[test]
fn a_door_without_a_token_is_not_ready_rather_than_unknown() {
    assert_eq!(found(&doors(vec![address(&[], None)]), "tours", ("anything", &[]), 0), "not ready");
}

#[test]
fn headers_and_passwords_open_a_door() {
    let key = Way::Header {
        name: "x-key".into(),
        prefix: "Bearer ".into(),
        secrets: vec![hash_token("new"), hash_token("old")],
    };
    let doors_by_key = doors(vec![key]);
    for (value, expected) in [
        ("Bearer new", "open"),
        ("Bearer  old ", "open"),
        ("new", "header"),
        ("Bearer other", "header"),
        ("Bearer", "header"),
    ] {
        assert_eq!(found(&doors_by_key, "tours", ("", &[("x-key", value)]), 0), expected, "{value}");
    }
    assert_eq!(found(&doors_by_key, "tours", ("", &[]), 0), "header");
    // ann:secret, ann:other, and no base 64.
    let doors_by_password = doors(vec![Way::Basic(vec![hash_token("ann:secret")])]);
    for (value, expected) in [
        ("Basic YW5uOnNlY3JldA==", "open"),
        ("basic YW5uOnNlY3JldA==", "open"),
        ("Basic YW5uOm90aGVy", "password"),
        ("Basic %%%", "password"),
        ("Bearer YW5uOnNlY3JldA==", "password"),
    ] {
        let shown: &[(&str, &str)] = &[("authorization", value)];
        assert_eq!(found(&doors_by_password, "tours", ("", shown), 0), expected, "{value}");
    }
    let without = doors(vec![Way::Basic(vec![])]);
    assert_eq!(
        found(&without, "tours", ("", &[("authorization", "Basic YW5uOnNlY3JldA==")]), 0),
        "not ready"
    );
}

#[test]
fn several_ways_must_all_hold() {
    let ranges = |text: &str| Way::Addresses(vec![AddressRange::parse(text).unwrap()]);
    let header = |secrets| Way::Header { name: "x-key".into(), prefix: String::new(), secrets };
    let key = || header(vec![hash_token("key")]);
    let with: &[(&str, &str)] = &[("x-key", "key")];
    for (ways, token, headers, expected) in [
        (vec![address(&["one"], None), ranges("203.0.113.0/24"), key()], "one", with, "open"),
        (vec![address(&["one"], None), ranges("203.0.113.0/24"), key()], "two", with, "unknown"),
        (vec![address(&["one"], None), ranges("198.51.100.1"), key()], "one", with, "sender"),
        (vec![address(&["one"], None), ranges("203.0.113.0/24"), key()], "one", &[], "header"),
        // What is wrong is said before what can't be checked.
        (vec![ranges("198.51.100.1"), header(vec![])], "", with, "sender"),
        (vec![ranges("203.0.113.0/24"), header(vec![])], "", with, "not ready"),
    ] {
        let told = format!("{ways:?} {token} {headers:?}");
        assert_eq!(found(&doors(ways), "tours", (token, headers), 0), expected, "{told}");
    }
}

#[test]
fn each_refusal_has_a_word_of_its_own() {
    let mut words: Vec<&str> = Refusal::ALL.map(Refusal::as_str).to_vec();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Refusal::ALL.len());
}

#[test]
fn a_door_told_in_a_log_holds_no_secret() {
    let ways = vec![address(&["one"], None), Way::Basic(vec![])];
    let door = Door { ways, headers: vec![], until: None, cleaner: None };
    assert_eq!(
        format!("{door:?}"),
        "Door { ways: [address, basic], headers: [], until: None, cleaner: None }"
    );
}
