//! Sources that are described in their own files and are thin: what is hinted at, how it is fetched, how its API is signed
//! in to.

use super::tests::{engine, try_source};
use super::{Hinted, KeptHeaders, SecretRef, Source, Told, Verify, WhenDown};
use crate::expr::Engine;
use crate::ports::{OutboundRequest, Secrets};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// A thin source, with this sign-in.
const THIN: &str = r#"connector: webhook
title: Quay Boats
account: quay
verify: { always: true, when_down: payload }
api:
  base_url: https://api.quay.example/v2/
  allow_private: true
  secrets:
    token: { secret: quay-token, label: API token, help: In Quay below Settings. }
    user: { env: QUAY_USER }
  auth: AUTH
  limits: { per_second: 5, windows: [ { calls: 100, per: 1min } ], concurrency: 2 }
  timeout: 5s
  answers: [ { status: 403, is: throttle } ]
  test: { call: { method: GET, path: /me }, reached: [/name] }
event: { id: id, type: kind, account: port }
records:
  - kind: booking
    key: [trip, number]
    status: { from: state, words: { b: booked, x: cancelled } }
    changes: [ { is: cancelled, becomes: cancelled } ]
    hint:
      - { on: "trip.*", deleted: trip.gone, key: [ref.trip, ref.number] }
      - on: fleet.moved
        key: boat
        fetch: { method: GET, path: "/boats/{{ key }}/bookings", list: /bookings }
    fetch:
      method: GET
      path: "/trips/{{ parts[0] }}/bookings/{{ parts[1] }}"
      query: { port: "{{ account }}" }
      at: /booking
      also:
        boat: { method: GET, path: "/boats/{{ answer.booking.boat }}", needs: booking.boat, keep: [name] }
  - kind: pier
    on: pier.changed
    key: pier
    at: /pier
"#;

fn thin(engine: &Engine, auth: &str) -> Source {
    let (source, told) = try_source(engine, &THIN.replace("AUTH", auth));
    assert_eq!(told, "");
    source.expect("it is well")
}

const TOKEN: &str = "{ headers: { Authorization: \"Bearer {{ secret.token }}\" } }";

struct Known;

impl Secrets for Known {
    fn vault(&self, name: &str) -> Option<SecretString> {
        Some(format!("value of {name}").into())
    }
    fn environment(&self, name: &str) -> Option<SecretString> {
        Some(name.to_lowercase().into())
    }
}

fn told(source: &Source, body: Value) -> Vec<Result<Vec<Told>, String>> {
    let spec = source.connector.source.as_ref().expect("a source side");
    let read = spec.read(body, &KeptHeaders::default()).expect("it is a body of theirs");
    read.into_iter().map(|message| message.told.map_err(|why| why.to_string())).collect()
}

/// The request of the booking's fetch, with its credential.
fn request(engine: &Engine, source: &Source, key: &str, now: i64) -> OutboundRequest {
    let api = source.reach.as_ref().expect("an API");
    let record = source.connector.source.as_ref().and_then(|spec| spec.record("booking")).expect("bookings");
    let inputs = json!({ "key": key, "parts": record.parts_of(key, 0), "account": "north" });
    let inputs: Map<String, Value> = inputs.as_object().cloned().unwrap_or_default();
    let call = &record.fetch.as_ref().expect("it is fetched").call;
    let rendered = api.render(engine, call, &inputs).expect("a request");
    let ready = api.authorise(engine, rendered, (&Known, None), now);
    ready.unwrap_or_else(|secret| panic!("{secret} is in the way"))
}

#[test]
fn a_source_says_in_its_own_file_what_is_only_hinted_at_and_where_it_is_fetched() {
    let engine = engine();
    let source = thin(&engine, TOKEN);
    assert_eq!(source.verify, Verify::Always(WhenDown::Payload));
    let api = source.reach.as_ref().expect("an API");
    assert_eq!((api.base_url.as_str(), api.allow_private), ("https://api.quay.example/v2", true));
    assert_eq!((api.limits.rate.per_second, api.limits.windows.len()), (Some(5.0), 1));
    let secrets: Vec<_> =
        source.api.iter().map(|(name, secret, _)| (name.as_str(), secret.clone())).collect();
    let (token, user) = (SecretRef::Vault("quay-token".into()), SecretRef::Env("QUAY_USER".into()));
    assert_eq!(secrets, [("token", token), ("user", user)]);
    let labels: Vec<&str> = api.spec.secrets.iter().map(|secret| secret.label.as_str()).collect();
    assert_eq!(labels, ["API token", "user"]);

    let hint = |kind: &str| json!({ "id": 1, "kind": kind, "port": "north", "boat": "b 1", "ref": { "trip": "t/7", "number": 9 } });
    let one = |kind: &str| {
        let mut told = told(&source, hint(kind)).remove(0).expect("it tells of something");
        assert_eq!(told.len(), 1);
        let told = told.remove(0);
        (told.key, told.account, told.hint)
    };
    let north = Some("north".to_owned());
    assert_eq!(one("trip.changed"), ("t/7/9".into(), north.clone(), Some(Hinted::Changed(0))));
    assert_eq!(one("trip.gone"), ("t/7/9".into(), north.clone(), Some(Hinted::Deleted)));
    assert_eq!(one("fleet.moved"), ("b 1".into(), north, Some(Hinted::Changed(2))));
    let without = told(&source, json!({ "kind": "trip.changed", "ref": { "trip": "t" } }));
    assert_eq!(
        without,
        [Err(
            "The body hints at a booking without a key: it has no usable `ref.trip` and `ref.number`.".into()
        )]
    );
    let endless = told(&source, json!({ "kind": "fleet.moved", "boat": "b".repeat(501) }));
    assert!(endless[0].is_err(), "{endless:?}");
}

#[test]
fn a_key_of_several_parts_is_taken_apart_for_its_fetch() {
    let engine = engine();
    let source = thin(&engine, TOKEN);
    let asked = request(&engine, &source, "t7/9", 0);
    assert_eq!(asked.url, "https://api.quay.example/v2/trips/t7/bookings/9?port=north");
    // What a sender put into a part stays within it.
    let hostile = request(&engine, &source, "t7/../me", 0);
    assert_eq!(hostile.url, "https://api.quay.example/v2/trips/t7/bookings/..%2Fme?port=north");
}

#[test]
fn what_stands_around_a_record_is_fetched_with_it() {
    let engine = engine();
    let source = thin(&engine, TOKEN);
    let record = source.connector.source.as_ref().and_then(|spec| spec.record("booking")).expect("bookings");
    let fetch = record.fetch.as_ref().expect("it is fetched");
    let answer = json!({ "booking": { "trip": "t7", "number": 9, "boat": 3, "state": "b" } });
    let also = &fetch.also[0];
    assert!(also.is_needed(&answer));
    assert!(!also.is_needed(&json!({ "booking": { "boat": null } })));
    let boat = ("boat".to_owned(), json!({ "name": "Gannet", "captain": "not kept" }));
    let documents = record.documents(fetch, answer, &[boat]).expect("a record");
    let documents: Vec<(String, Value)> = documents.into_iter().map(|told| (told.key, told.entity)).collect();
    assert_eq!(
        documents,
        [(
            "t7/9".to_owned(),
            json!({ "trip": "t7", "number": 9, "boat": { "name": "Gannet" }, "state": "b" })
        )]
    );
    let told = record.fetched(documents[0].1.clone(), "north").expect("it can be read");
    assert_eq!(told.status, "booked");
}

#[test]
fn each_way_to_sign_in_becomes_headers() {
    let engine = engine();
    let ways = [
        TOKEN,
        "{ headers: { X-Key: \"{{ secret.token }}\", X-User: \"{{ secret.user }}\" } }",
        "{ basic: { user: \"{{ secret.user }}\", password: \"{{ secret.token }}\" } }",
        "{ basic: { user: waypost, password: \"{{ secret.token }}\" } }",
        "{ signed: { key: \"{{ secret.token }}\", text: \"{{ method }} {{ path }} {{ date }}\", encoding: hex, \
         headers: { Date: \"{{ date }}\", X-Signature: \"v1={{ signature }}\" } } }",
        "{ signed: { algorithm: sha512, date: \"%s\", key: \"{{ secret.token }}\", text: \"{{ date }}.{{ body }}\", \
         headers: { X-Signature: \"{{ date }},{{ signature }}\" } } }",
    ];
    let mut said = String::new();
    for way in ways {
        let asked = request(&engine, &thin(&engine, way), "t7/9", 1_384_007_626_000);
        for (name, value) in asked.headers.iter().filter(|(name, _)| name != "Accept") {
            let _ = writeln!(said, "{name}: {value}");
        }
        said.push_str("----\n");
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_request_is_signed_as_bokuns_document_shows_it() {
    struct Documented;
    impl Secrets for Documented {
        fn vault(&self, name: &str) -> Option<SecretString> {
            match name {
                "access" => Some("de235a6a15c340b6b1e1cb5f3687d04a".into()),
                _ => Some("23e2c7da7f7048e5b46f96bc91324800".into()),
            }
        }
        fn environment(&self, _: &str) -> Option<SecretString> {
            None
        }
    }
    let engine = engine();
    let file = "connector: bokun\napi: { access_key: { secret: access }, secret_key: { secret: other } }\n";
    let (source, told) = try_source(&engine, file);
    assert_eq!(told, "");
    let source = source.expect("it is well");
    let api = source.reach.as_ref().expect("an API");
    let request = super::RenderedRequest {
        method: "POST".to_owned(),
        url: format!("{}/activity.json/search?lang=EN&currency=ISK", api.base_url),
        headers: Vec::new(),
        body: None,
    };
    // 2013-11-09 14:33:46
    let signed = api.authorise(&engine, request, (&Documented, None), 1_384_007_626_000);
    let signed = signed.unwrap_or_else(|secret| panic!("{secret} is in the way"));
    let expected = [
        ("X-Bokun-Date", "2013-11-09 14:33:46"),
        ("X-Bokun-AccessKey", "de235a6a15c340b6b1e1cb5f3687d04a"),
        ("X-Bokun-Signature", "XrOiTYa9Y34zscnLCsAEh8ieoyo="),
    ];
    assert_eq!(signed.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn a_token_of_oauth_2_is_asked_for_where_the_file_says() {
    let engine = engine();
    let auth = "{ oauth2: { token_url: https://id.quay.example/token, client_id: user, client_secret: token, scope: read } }";
    let source = thin(&engine, auth);
    let api = source.reach.as_ref().expect("an API");
    assert!(api.needs_token());
    let asked = api.token_request(&Known).expect("it has values").expect("a request");
    assert_eq!(asked.url, "https://id.quay.example/token");
    let body = asked.body.expect("a body");
    assert_eq!(&body[..], b"grant_type=client_credentials&scope=read");
}

#[test]
fn mistakes_in_what_is_fetched_name_the_place_and_the_way_out() {
    let engine = engine();
    let api = "api: { base_url: https://a.example, secrets: { token: { secret: t } }, auth: { headers: { X-Key: \"{{ secret.token }}\" } } }\n";
    let records = |rest: &str| format!("{api}records:\n  - kind: booking\n    key: id\n{rest}");
    let thin = "    hint: { key: id }\n    fetch: { method: GET, path: \"/b/{{ key }}\" }\n";
    let with_api = |api: &str| format!("api: {api}\nrecords:\n  - kind: booking\n    key: id\n{thin}");
    let files = [
        // What is fetched.
        format!("records:\n  - kind: booking\n    key: id\n{thin}"),
        records("    hint: { key: id }\n"),
        records("    hint: { on: booking.changed, key: id }\n    fetch: { method: GET, path: /b }\n"),
        records("    hint: { kye: id }\n    fetch: { method: GET, path: /b }\n"),
        records("    hint: {}\n    fetch: { method: GET, path: /b }\n"),
        records("    fetch: { method: POST, path: \"/b/{{ kye }}\" }\n"),
        records("    fetch: { method: GET, path: \"/b/{{ secret.token }}\" }\n"),
        records("    fetch: { method: GET, path: \"b/{{ key }}\", at: booking, list: bookings }\n"),
        records("    fetch: { method: GET, path: \"/b/{{ parts[1] }}\" }\n"),
        records("    fetch: { method: GET, path: /b, also: [boat] }\n"),
        records(
            "    fetch: { method: GET, path: /b, also: { boat: { method: GET, path: \"/x/{{ answr.id }}\", needs: [a], keep: {} } } }\n",
        ),
        records("    status: { from: state, words: [a] }\n"),
        records("    status: { form: state }\n"),
        records(""),
        format!(
            "{api}walk: {{ by: {{ what: change, at: changed }}, levels: [ {{ as: booking, call: {{ method: GET, path: /b }}, emit: document }} ] }}\nrecords:\n  - kind: booking\n    key: id\n    fetch: {{ method: GET, path: /b, also: {{ boat: {{ method: GET, path: /boat }} }} }}\n"
        ),
        "walk: { by: { what: change, at: changed }, levels: [ { as: booking, call: { method: GET, path: /b }, emit: document } ] }\nrecords: [ { kind: booking, key: id } ]\n".to_owned(),
        // Where from.
        with_api("token"),
        with_api("{ base_ulr: https://a.example }"),
        with_api("{ base_url: \"https://a.example?x=1\" }"),
        with_api("{ base_url: https://a.example, token: { secret: t } }"),
        with_api("{ base_url: https://a.example, secrets: [token] }"),
        with_api("{ base_url: https://a.example, secrets: { token: abc, user: { secrte: a } } }"),
        with_api("{ base_url: https://a.example, auth: { bearer: token } }"),
        with_api("{ base_url: https://a.example, auth: { headers: { X-Key: \"{{ secret.token }}\" } } }"),
        with_api(
            "{ base_url: https://a.example, secrets: { token: { secret: t } }, auth: { headers: { X-Key: \"{{ secret.tokn }}\" } } }",
        ),
        with_api("{ base_url: https://a.example, auth: { headers: { \"X Key\": a } } }"),
        with_api("{ base_url: https://a.example, auth: { headers: { X-Key: [] } } }"),
        with_api("{ base_url: https://a.example, auth: { basic: { user: ann, password: hunter2 } } }"),
        with_api(
            "{ base_url: https://a.example, auth: { oauth2: { token_url: id.example, client_id: id, client_secret: key } } }",
        ),
        with_api(
            "{ base_url: https://a.example, secrets: { key: { secret: k } }, auth: { signed: { algorithm: md5, encoding: raw, date: \"%!\", key: \"{{ secret.key }}\", text: \"{{ path }}\" } } }",
        ),
        with_api(
            "{ base_url: https://a.example, secrets: { key: { secret: k } }, auth: { signed: { key: \"{{ secret.key }}\", text: \"{{ url }}\", headers: { X: \"{{ date }}\" } } } }",
        ),
        with_api(
            "{ base_url: https://a.example, secrets: { key: { secret: k } }, auth: { signed: { key: \"{{ secret.key }}\", text: \"{{ path }}\", headers: { X: \"{{ date }}\" } } } }",
        ),
        with_api(
            "{ base_url: https://a.example, limits: often, timeout: 5, answers: [ { status: 403, is: slow } ] }",
        ),
    ];
    let mut told = String::new();
    for file in files {
        let (_, said) = try_source(&engine, &format!("connector: webhook\n{file}"));
        assert_ne!(said, "", "{file}");
        let _ = writeln!(told, "{said}\n----");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_the_webhook_says_is_not_verified_without_a_way_to_ask() {
    let engine = engine();
    let file = "connector: webhook\nverify: always\nrecords: [ { kind: booking, key: id } ]\n";
    let (_, told) = try_source(&engine, file);
    insta::assert_snapshot!(told);
}
