//! Reads a rules folder: all files that belong to the ruleset, under limits, and what is wrong with files that can't be
//! read. It promises: nothing outside of the folder is read, whatever links stand in it; no special file is opened; a
//! file that can't be read is told, never left out silently. `check`, `test` and `serve` all read through here.

use crate::document::{Diagnostic, suggest};
use crate::rules::Files;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes of one file: a rule has some thousands, a table some hundred thousands.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Files of one folder.
const FILES_MAX: usize = 2_000;
/// Entries of one directory that are looked at: a folder with more is no rules folder.
const ENTRIES_MAX: usize = 20_000;
/// Where files of a ruleset stand; the top first.
const FOLDERS: [&str; 6] = ["", "sources", "connections", "connectors", "lib", "tables"];

/// A folder, read.
#[derive(Debug, Default)]
pub struct FolderRead {
    /// The files of the ruleset that could be read.
    pub files: Files,
    /// What is wrong with the others.
    pub diagnostics: Vec<Diagnostic>,
    /// Rule tests at the top (`guests.test.yaml`), sorted.
    pub tests: Vec<String>,
}

/// Why a folder could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is not there.
    #[error("There is no folder {}. Name the rules folder with --rules, or make it.", .0.display())]
    Absent(PathBuf),
    /// It is a file.
    #[error("{} is no folder. Name the folder that holds your rules with --rules.", .0.display())]
    NoFolder(PathBuf),
    /// The system says why.
    #[error("The folder {} can't be read.", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
}

/// Reads a rules folder.
pub fn read_folder(folder: &Path) -> Result<FolderRead, FolderError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => FolderError::Absent(folder.to_owned()),
        io::ErrorKind::NotADirectory => FolderError::NoFolder(folder.to_owned()),
        _ => FolderError::Unreadable(folder.to_owned(), error),
    };
    let root = folder.canonicalize().map_err(unreadable)?;
    if !root.is_dir() {
        return Err(FolderError::NoFolder(folder.to_owned()));
    }
    let mut reading = Reading { root, read: FolderRead::default(), full: false };
    for within in FOLDERS {
        reading.directory(within).map_err(unreadable)?;
    }
    reading.check_tests();
    Ok(reading.read)
}

struct Reading {
    root: PathBuf,
    read: FolderRead,
    full: bool,
}

impl Reading {
    fn error(&mut self, file: &str, message: impl Into<String>, hint: &str) {
        self.read.diagnostics.push(Diagnostic::error(file, None, message).hint(hint));
    }

    fn directory(&mut self, within: &str) -> io::Result<()> {
        let path = self.root.join(within);
        if !within.is_empty() {
            match path.canonicalize() {
                Ok(found) if !found.starts_with(&self.root) => {
                    self.error(
                        within,
                        "This folder is a link that leads out of the rules folder.",
                        "put the files themselves into the rules folder",
                    );
                    return Ok(());
                }
                Ok(found) if !found.is_dir() => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => {
                    self.error(
                        within,
                        format!("This folder can't be read: {error}."),
                        "look at its permissions",
                    );
                    return Ok(());
                }
            }
        }
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if within.is_empty() => return Err(error),
            Err(error) => {
                self.error(within, format!("This folder can't be read: {error}."), "look at its permissions");
                return Ok(());
            }
        };
        let mut names = Vec::new();
        for entry in entries.take(ENTRIES_MAX) {
            names.push(entry?.file_name());
        }
        names.sort();
        let known: BTreeSet<String> =
            names.iter().filter_map(|name| name.to_str()).map(str::to_owned).collect();
        for name in &names {
            let Some(name) = name.to_str() else {
                let shown = name.to_string_lossy();
                if shown.ends_with(".yaml") {
                    self.error(
                        &join(within, &shown),
                        "The name of this file can't be read.",
                        "rename it: letters, digits and `-`",
                    );
                }
                continue;
            };
            let file = join(within, name);
            if Files::belongs(&file) {
                self.file(file);
            } else if within.is_empty() && name.ends_with(".test.yaml") && !name.starts_with('.') {
                self.read.tests.push(file);
            } else if !matches!(within, "lib" | "tables") {
                self.other_ending(within, name, &known);
            }
        }
        Ok(())
    }

    fn file(&mut self, file: String) {
        if self.read.files.texts.len() >= FILES_MAX {
            if !self.full {
                self.full = true;
                let message = format!("This folder holds more than {FILES_MAX} files; the rest is not read.");
                self.error(&file, message, "move what is no rule to another folder");
            }
            return;
        }
        match self.text(&file) {
            Ok(Some(text)) => {
                self.read.files.texts.insert(file, text);
            }
            Ok(None) => {}
            Err((message, hint)) => self.error(&file, message, hint),
        }
    }

    /// The text of a file; `None` where it is gone since the folder was listed, or is a folder.
    fn text(&self, file: &str) -> Result<Option<String>, (String, &'static str)> {
        const WAY: &str = "look at its permissions";
        let said = |error: io::Error| (format!("This file can't be read: {error}."), WAY);
        let path = self.root.join(file);
        let found = match path.canonicalize() {
            Ok(found) => found,
            // A link to nowhere is a mistake; a file that vanished is none.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if path.symlink_metadata().is_ok() {
                    return Err((
                        "This file is a link to something that is not there.".into(),
                        "put the file itself here",
                    ));
                }
                return Ok(None);
            }
            Err(error) => return Err(said(error)),
        };
        if !found.starts_with(&self.root) {
            let message = "This file is a link that leads out of the rules folder.";
            return Err((message.into(), "put the file itself into the rules folder"));
        }
        let about = match found.metadata() {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(said(error)),
        };
        if about.is_dir() {
            return Ok(None);
        }
        if !about.is_file() {
            return Err(("This is no ordinary file.".into(), "remove it, or put an ordinary file here"));
        }
        let mut bytes = Vec::new();
        let opened = match fs::File::open(&found) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(said(error)),
        };
        opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(said)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(("This file is larger than 1 MiB.".into(), "split it into smaller ones"));
        }
        String::from_utf8(bytes).map(Some).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.split(|byte| *byte == b'\n').count();
            (format!("Line {line} of this file is not UTF-8 text."), "save it with the encoding UTF-8")
        })
    }

    /// `guests.yml` looks like a rule and is none.
    fn other_ending(&mut self, within: &str, name: &str, known: &BTreeSet<String>) {
        let Some((stem, ending)) = name.rsplit_once('.') else { return };
        if stem.is_empty()
            || stem.starts_with('.')
            || !matches!(ending.to_lowercase().as_str(), "yml" | "yaml")
        {
            return;
        }
        let meant = format!("{stem}.yaml");
        let file = join(within, name);
        if known.contains(&meant) {
            let message = format!(
                "{} claims this name too; only files that end with `.yaml` are read.",
                join(within, &meant)
            );
            self.error(&file, message, "keep one of the two files");
            return;
        }
        let message = "This file is not read: only files that end with `.yaml` are.";
        let told = Diagnostic::warning(&file, None, message);
        self.read.diagnostics.push(told.hint(format!("rename it to {meant}")));
    }

    /// A test is paired with its rule by the name.
    fn check_tests(&mut self) {
        for test in &self.read.tests {
            let Some(name) = test.strip_suffix(".test.yaml") else { continue };
            let rule = format!("{name}.yaml");
            if self.read.files.texts.contains_key(&rule) {
                continue;
            }
            let rules = self.read.files.texts.keys().filter(|path| !path.contains('/'));
            let near = suggest(name, rules.filter_map(|path| path.strip_suffix(".yaml")));
            let hint = match near {
                Some(near) => format!("did you mean {near}.test.yaml?"),
                None => format!("name it after the rule that it tests, or write {rule}"),
            };
            let message = format!("These tests belong to {rule}, and there is no such rule.");
            self.read.diagnostics.push(Diagnostic::warning(test, None, message).hint(hint));
        }
    }
}

fn join(within: &str, name: &str) -> String {
    if within.is_empty() { name.to_owned() } else { format!("{within}/{name}") }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
