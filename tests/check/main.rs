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
    let warnings_only = ["13-", "28-", "29-", "36-"];
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
