//! Source files.

use super::tests::{catalogue, engine, try_source};
use super::{Known, SecretRef, read_connector, read_source};
use crate::document::parse;
use crate::expr::{Path, Segment};
use std::fmt::Write;
use std::sync::Arc;

#[test]
fn a_source_names_its_tokens_and_its_account() {
    let engine = engine();
    let (source, told) = try_source(
        &engine,
        "connector: fareharbor\ntitle: Harbour Tours\ntoken: [ { secret: new }, { env: OLD_TOKEN }, { secret: { env: OLDER } } ]\nverify: never\naccount: corribsails\napi: { app: { secret: fh-app-key }, user: { env: FH_USER } }\nextra_fields: [waiver.signed_at]\n",
    );
    assert_eq!(told, "");
    let source = source.expect("it is well");
    let tokens: Vec<SecretRef> = source.tokens.into_iter().map(|(secret, _)| secret).collect();
    assert_eq!(
        tokens,
        [SecretRef::Vault("new".into()), SecretRef::Env("OLD_TOKEN".into()), SecretRef::Env("OLDER".into())]
    );
    assert_eq!(
        (source.title.as_str(), source.account.as_deref(), source.api.len()),
        ("Harbour Tours", Some("corribsails"), 2)
    );
    let segments = vec![Segment::Name("waiver".to_owned()), Segment::Name("signed_at".to_owned())];
    assert_eq!(source.schema.check(&Path { root: "booking".to_owned(), segments, at: (0, 0) }), Known::Yes);
    let (plain, told) = try_source(&engine, "connector: fareharbor\n");
    let plain = plain.expect("it is well");
    assert_eq!(
        (told.as_str(), plain.title.as_str(), plain.tokens.len(), plain.enabled),
        ("", "tours", 0, true)
    );
}

#[test]
fn a_source_says_how_its_webhooks_sign_in() {
    let engine = engine();
    let files = [
        "connector: fareharbor\n",
        "connector: stripe\nsign_in: [address, { signature: { secret: a } }]\n",
        "connector: stripe\nsign_in: { signature: { secrets: [{ secret: a }, { env: B }], tolerance: 10m } }\n",
        "connector: pretix\nsign_in: { password: { secret: a, user: ann } }\n",
        "connector: fareharbor\nsign_in:\n  - header: { name: X-Key, secret: a }\n  - basic: { secret: b }\n  - ips: [203.0.113.7, 198.51.100.0/24]\n",
        "connector: fareharbor\nsign_in: { hmac: { header: X-Signature, algorithm: sha512, encoding: base64url, prefix: v1=, signed: \"{header:x-id}.{body}\", secret: a } }\n",
        "connector: fareharbor\nsign_in: { standard_webhooks: { secret: a, tolerance: 90s } }\n",
        "connector: fareharbor\nsign_in: { jwt: { algorithm: HS256, secret: a, account_claim: account } }\n",
    ];
    let mut said = String::new();
    for file in files {
        let (source, told) = try_source(&engine, file);
        assert_eq!(told, "", "{file}");
        let source = source.expect("it is well");
        let secrets: Vec<String> = source.sign_in.secrets().map(|(secret, _)| secret.to_string()).collect();
        let _ = writeln!(said, "{}; {}", source.sign_in.told().join(", "), secrets.join(", "));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn addresses_that_a_system_publishes_are_named_by_its_connector() {
    let engine = engine();
    let mut catalogue = catalogue(&engine);
    let manifest =
        "source: { addresses: [34.240.36.71, 203.0.113.0/24], records: [{ kind: booking, key: id }] }\n";
    let mut told = Vec::new();
    let node = parse("connectors/hotel.yaml", manifest).expect("it is YAML");
    let hotel = read_connector("connectors/hotel.yaml", "hotel", &node, &engine, &mut told);
    catalogue.connectors.insert("hotel".into(), Arc::new(hotel.expect("it is well")));
    let node = parse("sources/rooms.yaml", "connector: hotel\nsign_in: { ips: [hotel, 198.51.100.1] }\n");
    let source =
        read_source("sources/rooms.yaml", "rooms", &node.expect("it is YAML"), &catalogue, &mut told);
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(source.expect("it is well").sign_in.told(), ["that it comes from one of 3 addresses"]);
}

#[test]
fn mistakes_in_how_webhooks_sign_in_name_the_place_and_the_way_out() {
    let engine = engine();
    let ways = [
        "tokne",
        "hmac",
        "{ addres: {} }",
        "{ signatur: { secret: a } }",
        "{ signature: {} }",
        "{ signature: { secret: a, secrets: [] } }",
        "[]",
        "[address, { jwt: { algorithm: HS256, secret: a } }]",
        "{ jwt: { algorithm: none, secret: a } }",
        "{ jwt: { algorithm: RS256, secret: a } }",
        "{ jwt: { algorithm: ES256, public_key: abc } }",
        "{ header: { name: \"x key\", secret: a } }",
        "{ basic: { user: \"a:b\", secret: a } }",
        "{ ips: [300.1.1.1, stripe] }",
        "{ hmac: { header: x, secret: a, algorithm: md5, encoding: hexx, signed: \"{bdy}\", tolerance: 2d } }",
        "{ hmac: { header: x, secret: a, signed: \"{time}\", heder: y } }",
        "{ hmac: { header: x, secret: a, signed: body, time_header: x-time } }",
        "{ hmac: { header: x, secret: a, signed: body, fields: { time: t, signature: v1 } } }",
        "{ hmac: { header: x, secret: a, signed: \"{headers:x-}{body}\", time_header: X-Time } }",
    ];
    let mut told = String::new();
    for way in ways {
        let (_, said) = try_source(&engine, &format!("connector: stripe\nsign_in: {way}\n"));
        let _ = writeln!(told, "{said}\n----");
    }
    let (_, said) =
        try_source(&engine, "connector: stripe\ntoken: { secret: a }\nsign_in: { ips: 1.1.1.1 }\n");
    let _ = writeln!(told, "{said}");
    insta::assert_snapshot!(told);
}

#[test]
fn keys_of_one_account_are_not_used_for_whoever_claims_another() {
    let engine = engine();
    let jwt = "sign_in: { jwt: { algorithm: HS256, secret: a, account_claim: account } }\n";
    let api = "api: { client_id: { secret: b }, client_secret: { secret: c } }\n";
    let (_, said) = try_source(&engine, &format!("connector: apaleo\n{jwt}{api}account: ''\n"));
    insta::assert_snapshot!(said);
    let (source, said) = try_source(&engine, &format!("connector: apaleo\n{jwt}{api}account: ACME\n"));
    assert_eq!((source.is_some(), said.as_str()), (true, ""));
}

#[test]
fn mistakes_in_sources_name_the_place_and_the_way_out() {
    let engine = engine();
    let files = [
        "title: x\n",
        "connector: fareharbour\n",
        "connector: hubspot\n",
        "connector: fareharbor\nverify: always\n",
        "connector: fareharbor\nverify: maybe\n",
        "connector: fareharbor\ntoken: abc123\n",
        "connector: fareharbor\ntoken: { secrte: abc }\n",
        "connector: fareharbor\ntoken: { secret: a, env: B }\n",
        "connector: fareharbor\napi: secret\ntokn: { env: A }\n",
        "connector: fareharbor\nenabled: no\n",
    ];
    let mut told = String::new();
    for file in files {
        let (_, said) = try_source(&engine, file);
        let _ = writeln!(told, "{said}\n----");
    }
    insta::assert_snapshot!(told);
}
