//! The reader of a rules folder against real folders.

use super::{FolderError, read_folder};
use crate::document::render;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn put(folder: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("it can be made");
    fs::write(path, bytes).expect("it can be written");
}

#[test]
fn only_what_belongs_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in [
        "guests.yaml",
        "guests.test.yaml",
        "sources/harbour.yaml",
        "connections/crm.yaml",
        "connectors/acme.yaml",
        "lib/names.rhai",
        "tables/codes.csv",
        "recipes/other.yaml",
        "payloads/created.json",
        "sources/deep/er.yaml",
        ".git/config.yaml",
        "README.md",
    ] {
        put(folder.path(), file, "x");
    }
    fs::create_dir(folder.path().join("folder.yaml")).expect("it can be made");
    let read = read_folder(folder.path()).expect("it can be read");
    assert!(read.diagnostics.is_empty(), "{:?}", read.diagnostics);
    assert_eq!(read.tests, ["guests.test.yaml"]);
    insta::assert_debug_snapshot!(read.files.texts.keys().collect::<Vec<_>>(), @r#"
    [
        "connections/crm.yaml",
        "connectors/acme.yaml",
        "guests.yaml",
        "lib/names.rhai",
        "sources/harbour.yaml",
        "tables/codes.csv",
    ]
    "#);
}

#[test]
fn what_cannot_be_read_is_told() {
    let outside = tempfile::tempdir().expect("a folder");
    put(outside.path(), "secret.yaml", "password: 1");
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    put(root, "guests.yaml", "x");
    put(root, "guests.yml", "x");
    put(root, "bookings.yml", "x");
    put(root, "gests.test.yaml", "x");
    put(root, "large.yaml", vec![b'x'; (1 << 20) + 1]);
    put(root, "latin.yaml", b"a\ntitle: Caf\xe9\n");
    put(root, "..data/inside.yaml", "x");
    symlink(root.join("..data/inside.yaml"), root.join("inside.yaml")).expect("it can be linked");
    symlink(outside.path().join("secret.yaml"), root.join("linked.yaml")).expect("it can be linked");
    symlink(root.join("nowhere"), root.join("dangling.yaml")).expect("it can be linked");
    symlink(outside.path(), root.join("sources")).expect("it can be linked");
    let read = read_folder(root).expect("it can be read");
    assert_eq!(read.files.texts.keys().collect::<Vec<_>>(), ["guests.yaml", "inside.yaml"]);
    let told: Vec<String> = read.diagnostics.iter().map(|told| render(told, None)).collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn a_folder_that_is_not_there_is_told_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "file", "x");
    let absent = read_folder(&folder.path().join("absent"));
    assert!(matches!(absent, Err(FolderError::Absent(_))));
    assert!(matches!(read_folder(&folder.path().join("file")), Err(FolderError::NoFolder(_))));
}
