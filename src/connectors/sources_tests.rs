//! Source files.

use super::tests::{engine, try_source};
use super::{Known, SecretRef};
use crate::expr::{Path, Segment};
use std::fmt::Write;

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
