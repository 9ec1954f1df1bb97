//! Mistakes that need several files or that no folder of `tests/check/broken` shows.

use super::{files, told};
use crate::connectors::SecretRef;
use crate::rules::compile;

const STEPS: &str = "steps: [{ use: crm.upsert_contact, with: { email: x@example.org } }]\n";

#[test]
fn names_that_differ_in_capitals_only_are_one_name() {
    let rule = format!("from: harbour\n{STEPS}");
    insta::assert_snapshot!(told(&files(&[
        ("Guests.yaml", &rule),
        ("guests.yaml", &rule),
        ("a b.yaml", &rule)
    ])));
}

#[test]
fn all_mistakes_are_told_in_one_go_and_none_twice() {
    insta::assert_snapshot!(told(&files(&[
        ("sources/other.yaml", "connector: fareharbor\ntitel: x\n"),
        ("sources/broken.yaml", "connector: [\n"),
        ("connections/broken.yaml", "connector: http\nbase_url: \"{{\n"),
        ("connectors/acme.yaml", "title: [\n"),
        ("connections/acme.yaml", "connector: acme\n"),
        (
            "b.yaml",
            &format!(
                "from: [broken, harbour]\nwhen: booking.contct.name == 1 && booking.notte == 2\n{STEPS}"
            )
        ),
        ("a.yaml", "from: broken\nsteps: [{ use: broken.x, with: { a: \"{{ steps.broken.id }}\" } }]\n"),
        ("c.yaml", "just a text\n"),
        ("d.yaml", "from: []\non: []\nsteps: {}\n"),
        ("e.yaml", "from: harbour\nwas: old\nsteps: [{ with: x }, text, { id: a b, use: 7 }]\n"),
        ("f.yaml", &format!("from: harbour\nwas: old\nlane: x\nrebooking: split\n{STEPS}")),
        ("lib/empty.rhai", " \n"),
    ])));
}

#[test]
fn secrets_without_a_value_are_warnings_where_they_are_named() {
    let connection = "connector: http\nbase_url: https://crm.example.org\nauth: { header: X-Key, value: \"{{ secret }}\", secret: { env: NOPE } }\nactions: {}\n";
    let source = "connector: fareharbor\ntoken: [{ secret: made-by-itself }, { env: NOPE }]\napi: { app: { secret: app }, user: { secret: user } }\n";
    let files = files(&[("sources/second.yaml", source), ("connections/second.yaml", connection)]);
    let has = |secret: &SecretRef| *secret == SecretRef::Vault("app".to_owned());
    let compiled = compile(&files, Some(&has));
    assert!(compiled.ruleset.is_some());
    let told: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|told| crate::document::render(told, files.texts.get(&told.file).map(String::as_str)))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn a_field_that_one_of_two_sources_knows_is_a_warning() {
    let files = files(&[
        ("sources/second.yaml", "connector: fareharbor\nextra_fields: [notes]\n"),
        ("rule.yaml", &format!("from: [harbour, second]\nwhen: present(booking.notes)\n{STEPS}")),
    ]);
    assert!(compile(&files, None).ruleset.is_some());
    insta::assert_snapshot!(told(&files));
}
