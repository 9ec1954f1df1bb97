//! `waypost check` against whole folders: each folder below `broken/` holds one mistake, and the snapshot of the same
//! name is all that check says about it. Folders below `valid/` give nothing, and so do the shipped rules.

mod shipped;

use std::path::{Path, PathBuf};
use waypost::cli::check::{Report, report};
use waypost::connectors::SecretRef;
use waypost::workspace::read_folder;

/// Secrets of the vault all have a value here; of the environment only what the valid folders name.
fn has_secret(secret: &SecretRef) -> bool {
    match secret {
        SecretRef::Vault(_) => true,
        SecretRef::Env(name) => name == "CRM_TOKEN",
    }
}

fn check(folder: &Path, json: bool) -> Report {
    let read = read_folder(folder).expect("the folder can be read");
    report(read, json, &has_secret)
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check")
}

fn folders(within: &str) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(here().join(within))
        .expect("the folders are there")
        .map(|entry| entry.expect("it can be read"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    found.sort();
    found
}

#[test]
fn each_mistake_is_told_with_its_place_and_the_way_out() {
    let folders = folders("broken");
    assert!(folders.len() >= 20, "twenty broken folders at least");
    let warnings_only = ["13-", "28-", "29-", "36-", "40-", "41-"];
    let mut wrong = Vec::new();
    for (name, folder) in folders {
        let told = check(&folder, false);
        let warning_only = warnings_only.iter().any(|number| name.starts_with(number));
        if told.code != i32::from(!warning_only) {
            wrong.push(format!("{name}: exit code {}", told.code));
        }
        if told.text.matches("\nhint: ").count() != 1 {
            wrong.push(format!("{name}: one mistake, and not one way out"));
        }
        insta::assert_snapshot!(name.as_str(), told.text);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn folders_without_a_mistake_give_nothing() {
    for (name, folder) in folders("valid") {
        let told = check(&folder, true);
        assert_eq!((told.text.as_str(), told.code), ("", 0), "{name}");
    }
}

#[test]
fn the_shipped_rules_give_nothing() {
    let told = check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules"), true);
    assert_eq!((told.text.as_str(), told.code), ("", 0));
}

#[test]
fn as_json_each_mistake_is_one_line() {
    let told = check(&here().join("broken/02-unknown-key"), true);
    insta::assert_snapshot!(told.text);
}

/// A folder of one rule with these tests; what `waypost test` says.
async fn rehearsed(tests: &str) -> Vec<String> {
    rehearsed_from(
        "connector: fareharbor\n",
        "from: tours\nsteps:\n  - id: guest\n    use: crm.put\n    \
         with: { id: \"{{ booking.uuid }}\", price: \"{{ booking[\\\"price\\\"] }}\" }\n",
        tests,
    )
    .await
}

/// The same with this source and this rule.
async fn rehearsed_from(source: &str, rule: &str, tests: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |path: &str, text: &str| {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    };
    put("sources/tours.yaml", source);
    put(
        "connections/crm.yaml",
        "connector: http\nbase_url: http://127.0.0.1:9900\nactions:\n  put:\n    method: PUT\n    \
         path: \"/guests/{{ input.id }}\"\n    key: [id]\n    outputs: { id: /id }\n",
    );
    put("guests.yaml", rule);
    put("guests.test.yaml", tests);
    let booking = r#"{ "booking": { "uuid": "u-1", "pk": 1, "status": "booked", "price": 1.10,
        "company": { "shortname": "reeftours" } } }"#;
    put("payloads/one.json", booking);
    put("payloads/broken.json", "{ \"booking\": ");
    put("payloads/bokun.json", r#"{ "timestamp": "2026-03-02T10:00:00.000", "bookingId": 77 }"#);
    let report = waypost::rehearsal::rehearse_folder(folder.path()).await.expect("the tests run");
    let told = report.diagnostics.iter().map(|diagnostic| format!("{diagnostic:?}"));
    let told: Vec<String> = told.filter(|told| told.contains("Error")).collect();
    assert!(told.is_empty(), "{told:#?}");
    report.reports.into_iter().map(|report| report.differences.join("; ")).collect()
}

#[tokio::test]
async fn a_test_whose_payload_can_not_be_used_fails() {
    let told = rehearsed("- name: x\n  given: payloads/broken.json\n  expect: { sends: 0 }\n").await;
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("a payload was unreadable: "), "{told:?}");
}

#[tokio::test]
async fn numbers_in_tests_count_by_what_they_are_worth() {
    let test = |price: &str| {
        format!(
            "- name: x\n  given: payloads/one.json\n  expect: {{ steps: {{ guest: {{ price: {price} }} }} }}\n"
        )
    };
    assert_eq!(rehearsed(&format!("{}{}", test("1.10"), test("1.1"))).await, ["", ""]);
    assert_ne!(rehearsed(&test("1.2")).await, [""]);
    assert_ne!(rehearsed(&test("\"1.10\"")).await, [""]);
}

#[tokio::test]
async fn outputs_of_a_step_that_is_not_there_are_told() {
    let test =
        "- name: x\n  given: payloads/one.json\n  outputs: { gest: { id: 1 } }\n  expect: { sends: 1 }\n";
    let told = rehearsed(test).await;
    assert_eq!(told, ["outputs: the rule has no step \"gest\"; did you mean \"guest\"?"]);
}

const BOKUN_RULE: &str = "from: tours\non: [created, cancelled]\nsteps:\n  - id: guest\n    use: crm.put\n    \
                          with: { id: \"{{ booking.bookingId }}\", kind: \"{{ change.kind }}\" }\n";

#[tokio::test]
async fn a_payload_comes_with_the_headers_that_its_test_gives() {
    let given = |topic: &str| format!("    - {{ payload: payloads/bokun.json, headers: {{ {topic} }} }}\n");
    let tests = [
        format!(
            "- name: cancelled\n  given:\n{}{}  expect: {{ sends: 2, steps: {{ guest: {{ kind: cancelled }} }} }}\n",
            given("X-Bokun-Topic: bookings/create"),
            given("x-bokun-topic: bookings/cancel")
        ),
        "- name: without\n  given: payloads/bokun.json\n  expect: { sends: 0 }\n".to_owned(),
        format!(
            "- name: none of ours\n  given:\n{}  expect: {{ sends: 0 }}\n",
            given("x-bokun-topik: bookings/create")
        ),
        format!("- name: a secret\n  given:\n{}  expect: {{ sends: 0 }}\n", given("authorization: x")),
    ];
    let told = rehearsed_from("connector: bokun\n", BOKUN_RULE, &tests.concat()).await;
    assert_eq!(told[..2], ["", ""]);
    assert_eq!(
        told[2],
        "given: the header x-bokun-topik is not kept by the source tours; did you mean x-bokun-topic?"
    );
    assert!(
        told[3].starts_with("given: the header authorization is not kept by the source tours; it keeps "),
        "{told:?}"
    );
}

#[test]
fn mistakes_in_what_a_test_gives_name_the_place_and_the_way_out() {
    let given = [
        "[]",
        "12",
        "{ paylod: a.json }",
        "{ payload: a.json, headers: x-topic }",
        "{ payload: a.json, headers: { x-topic: [a], X-Other: \"a\\nb\" } }",
        "[a.json, { payload: b.json, headers: { x-topic: a, X-Topic: b } }]",
    ];
    let mut told = String::new();
    for given in given {
        let text = format!("- name: x\n  given: {given}\n  expect: {{ sends: 1 }}\n");
        let mut diagnostics = Vec::new();
        let cases = waypost::rehearsal::read_cases("guests.test.yaml", &text, &mut diagnostics);
        assert!(cases.is_empty() && !diagnostics.is_empty(), "{given}");
        for diagnostic in &diagnostics {
            told.push_str(&waypost::document::render(diagnostic, Some(&text)));
            told.push('\n');
        }
        told.push_str("----\n");
    }
    insta::assert_snapshot!(told);
}
