//! The shipped example and its recipes: their own tests pass, as `waypost test` runs them.

use std::fs;
use std::path::{Path, PathBuf};
use waypost::document::render;
use waypost::rehearsal::rehearse_folder;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

async fn passes(folder: &Path, tests: usize) {
    let report = rehearse_folder(folder).await.expect("the tests can be run");
    let mut told: Vec<String> = report
        .diagnostics
        .iter()
        .map(|told| render(told, report.texts.get(&told.file).map(String::as_str)))
        .collect();
    for test in report.reports.iter().filter(|test| !test.differences.is_empty()) {
        told.push(format!("{}: {}\n{:#?}", test.file, test.name, test.differences));
    }
    assert!(told.is_empty(), "{}", told.join("\n\n"));
    assert_eq!(report.reports.len(), tests);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be read") {
        let entry = entry.expect("it can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}

#[tokio::test]
async fn the_shipped_rules_pass_their_tests() {
    passes(&shipped(), 5).await;
}

/// A recipe is copied to the top, with the connection that it asks for.
#[tokio::test]
async fn the_recipes_pass_their_tests_once_they_are_copied_to_the_top() {
    let folder = tempfile::tempdir().expect("a folder");
    for within in ["sources", "connections", "payloads"] {
        copy(&shipped().join(within), &folder.path().join(within));
    }
    copy(&shipped().join("recipes"), folder.path());
    let connection = "connector: hubspot\ntitle: Our HubSpot\nauth: { token: { secret: hubspot-token } }\n";
    fs::write(folder.path().join("connections/our-hubspot.yaml"), connection).expect("it can be written");
    let source = "connector: apaleo\ntitle: Inn by the Sea\napi: { client_id: { secret: id }, client_secret: { secret: secret } }\n";
    fs::write(folder.path().join("sources/inn.yaml"), source).expect("it can be written");
    passes(folder.path(), 9).await;
}
