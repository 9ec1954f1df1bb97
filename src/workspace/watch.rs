//! Notices that the rules folder changed, by looking: names, sizes, times and inodes, four times a second. That works on
//! every file system (network mounts, containers' volumes) and needs no limits raised. `runner` calls [`Watcher::poll`]
//! on a thread that may block.
//!
//! It promises: a change is told once the folder has been still for [`STILL_MS`], never half-written; a rule that
//! vanished stays for [`VANISHED_MS`] (an editor or `git checkout` takes files away and brings them back), unless another
//! rule says `was:` it; a folder that is gone, empty or unreadable changes nothing and is told once.

use super::folder::{FolderRead, read_folder};
use crate::document::Diagnostic;
use crate::domain::Millis;
use crate::rules::Files;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How long the folder must have been still.
pub const STILL_MS: Millis = 300;
/// How long a rule file must have been gone to count as gone.
pub const VANISHED_MS: Millis = 60_000;
/// Where files of a ruleset stand.
const FOLDERS: [&str; 6] = ["", "sources", "connections", "connectors", "lib", "tables"];
/// Entries of one directory that are looked at; the reader has the same limit.
const ENTRIES_MAX: usize = 20_000;

/// What was noticed.
#[derive(Debug)]
pub enum Change {
    /// The folder is still and holds this, rules that vanished a moment ago included.
    Settled(FolderRead),
    /// It can't be read, for this reason (a sentence). What was last told goes on.
    Unreadable(String),
}

/// Looks at one rules folder.
#[derive(Debug)]
pub struct Watcher {
    folder: PathBuf,
    seen: Option<Listing>,
    /// When the last difference was seen, while it is not told yet.
    differs_since: Option<Millis>,
    current: Files,
    vanished: BTreeMap<String, Millis>,
    told: Told,
}

/// Entries by their path within the folder.
type Listing = BTreeMap<String, Stamp>;

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    inode: u64,
    modified: (i64, i64),
    /// Also changes with the permissions.
    changed: (i64, i64),
}

/// What was told last, so that nothing is told twice.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Content { hash: String, diagnostics: Vec<Diagnostic> },
    Trouble(String),
}

impl Watcher {
    /// Watches a folder. `known` is what is active now: nothing is told until the folder differs from it, and rules
    /// that it has and the folder doesn't count as just vanished.
    pub fn new(folder: PathBuf, known: Files) -> Self {
        let told = Told::Content { hash: known.hash(), diagnostics: Vec::new() };
        Self { folder, seen: None, differs_since: None, current: known, vanished: BTreeMap::new(), told }
    }

    /// Looks once. `now` is of a clock that never goes back.
    pub fn poll(&mut self, now: Millis) -> Option<Change> {
        let listing = match list(&self.folder) {
            Ok(listing) => listing,
            Err(error) => return self.trouble(self.why(&error)),
        };
        let holds_some = listing.keys().any(|path| Files::belongs(path));
        if !holds_some && !self.current.texts.is_empty() {
            let folder = self.folder.display();
            return self.trouble(format!(
                "The rules folder {folder} is empty, so that the last rules go on. Put the files back."
            ));
        }
        if self.seen.as_ref() != Some(&listing) {
            self.seen = Some(listing);
            self.differs_since = Some(now);
            return None;
        }
        let due = match self.differs_since {
            Some(since) => now - since >= STILL_MS,
            None => self.vanished.values().any(|since| now - since >= VANISHED_MS),
        };
        if due { self.read(now, &listing) } else { None }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the folder as it stands, rules that vanished a moment ago included. For whoever is about to write to it.
    pub fn as_it_stands(&mut self, now: Millis) -> Result<FolderRead, String> {
        let listing = list(&self.folder).map_err(|error| self.why(&error))?;
        let mut read = read_folder(&self.folder).map_err(|error| sentence(&error))?;
        self.keep_vanished(now, &listing, &mut read.files);
        Ok(read)
    }

    /// Takes note that these files are active already, so that they are not told.
    pub fn took(&mut self, files: &Files, diagnostics: Vec<Diagnostic>) {
        self.told = Told::Content { hash: files.hash(), diagnostics };
        self.current = files.clone();
    }

    /// Reads the folder, which was still, and tells what is new.
    fn read(&mut self, now: Millis, listing: &Listing) -> Option<Change> {
        let mut read = match read_folder(&self.folder) {
            Ok(read) => read,
            Err(error) => return self.trouble(sentence(&error)),
        };
        // Changed while it was read: wait until it is still again.
        if list(&self.folder).ok().as_ref() != Some(listing) {
            self.differs_since = Some(now);
            return None;
        }
        self.differs_since = None;
        self.keep_vanished(now, listing, &mut read.files);
        let told = Told::Content { hash: read.files.hash(), diagnostics: read.diagnostics.clone() };
        if told == self.told {
            return None;
        }
        self.told = told;
        self.current = read.files.clone();
        Some(Change::Settled(read))
    }

    /// Puts rules back that vanished less than a minute ago.
    fn keep_vanished(&mut self, now: Millis, listing: &Listing, files: &mut Files) {
        self.vanished.retain(|path, _| !listing.contains_key(path));
        let mut kept = BTreeMap::new();
        for (path, text) in &self.current.texts {
            if path.contains('/') || listing.contains_key(path) {
                continue;
            }
            let since = *self.vanished.entry(path.clone()).or_insert(now);
            if now - since >= VANISHED_MS || was_renamed(path, files) {
                self.vanished.remove(path);
            } else {
                kept.insert(path.clone(), text.clone());
            }
        }
        files.texts.extend(kept);
    }

    fn trouble(&mut self, why: String) -> Option<Change> {
        self.seen = None;
        self.differs_since = None;
        let told = Told::Trouble(why.clone());
        if told == self.told {
            return None;
        }
        self.told = told;
        Some(Change::Unreadable(why))
    }

    /// Why the folder can't be listed, in the reader's words.
    fn why(&self, error: &io::Error) -> String {
        match read_folder(&self.folder) {
            Err(error) => sentence(&error),
            Ok(_) => format!("The rules folder {} can't be read: {error}.", self.folder.display()),
        }
    }
}

/// An error with its cause, as one text.
fn sentence(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{}: {cause}.", error.to_string().trim_end_matches('.')),
        None => error.to_string(),
    }
}

/// Whether another rule says that it was the one of this path. A line at the margin is enough of a sign: the compiler
/// looks closer.
fn was_renamed(path: &str, files: &Files) -> bool {
    let Some(name) = path.strip_suffix(".yaml") else { return false };
    let says_so = |text: &str| {
        let names = text.lines().filter_map(|line| line.strip_prefix("was:"));
        names
            .flat_map(|names| names.split([' ', ',', '[', ']', '"', '\'', '#', '\t']))
            .any(|word| word == name)
    };
    files.texts.iter().any(|(other, text)| !other.contains('/') && other != path && says_so(text))
}

fn list(folder: &Path) -> io::Result<Listing> {
    let mut listing = Listing::new();
    for within in FOLDERS {
        let entries = match fs::read_dir(folder.join(within)) {
            Ok(entries) => entries,
            Err(error) if within.is_empty() => return Err(error),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // Told by the reader; here it is enough that it differs from a readable one.
            Err(_) => {
                listing.insert(format!("{within}/"), Stamp::NONE);
                continue;
            }
        };
        for entry in entries.take(ENTRIES_MAX) {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // Editors' swap files and `.git` come and go without meaning anything.
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            let stamp = match fs::metadata(entry.path()) {
                Ok(about) if about.is_dir() => continue,
                Ok(about) => Stamp::of(&about),
                Err(_) => Stamp::NONE,
            };
            let path = if within.is_empty() { name } else { format!("{within}/{name}") };
            listing.insert(path, stamp);
        }
    }
    Ok(listing)
}

impl Stamp {
    /// Of what can't be looked at.
    const NONE: Self = Self { bytes: 0, inode: 0, modified: (0, 0), changed: (0, 0) };

    fn of(about: &Metadata) -> Self {
        Self {
            bytes: about.len(),
            inode: about.ino(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Watcher};
    use crate::rules::Files;
    use std::fs;
    use std::path::Path;
    use tempfile::TempDir;

    /// A folder, its watcher, and a clock of their own.
    struct Scene {
        folder: TempDir,
        watcher: Watcher,
        now: i64,
    }

    impl Scene {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut known = Files::default();
            for (path, text) in files {
                write(folder.path(), path, text);
                known.texts.insert((*path).to_owned(), (*text).to_owned());
            }
            let watcher = Watcher::new(folder.path().to_owned(), known);
            Self { folder, watcher, now: 1_000 }
        }

        fn write(&self, path: &str, text: &str) {
            write(self.folder.path(), path, text);
        }

        fn remove(&self, path: &str) {
            fs::remove_file(self.folder.path().join(path)).unwrap();
        }

        /// Looks every 250 ms for so long; gives what was told, with when.
        fn after(&mut self, ms: i64) -> Vec<(i64, String)> {
            let start = self.now;
            let mut told = Vec::new();
            while self.now < start + ms {
                self.now += 250;
                match self.watcher.poll(self.now) {
                    Some(Change::Settled(read)) => {
                        let files: Vec<_> = read.files.texts.into_iter().collect();
                        let files = files.iter().map(|(path, text)| format!("{path}={text}"));
                        told.push((self.now - start, files.collect::<Vec<_>>().join(" ")));
                    }
                    Some(Change::Unreadable(why)) => told.push((self.now - start, why)),
                    None => {}
                }
            }
            told
        }
    }

    fn write(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn told(entries: &[(i64, &str)]) -> Vec<(i64, String)> {
        entries.iter().map(|(at, text)| (*at, (*text).to_owned())).collect()
    }

    #[test]
    fn what_is_known_is_not_told_again() {
        let mut scene = Scene::new(&[("a.yaml", "1"), ("lib/x.rhai", "2")]);
        assert_eq!(scene.after(120_000), []);
        scene.write("README.md", "notes");
        scene.write("a.yaml", "1");
        assert_eq!(scene.after(5_000), []);
    }

    #[test]
    fn a_saved_file_is_told_once_the_folder_is_still() {
        let mut scene = Scene::new(&[("a.yaml", "1")]);
        scene.after(1_000);
        scene.write("a.yaml", "2");
        scene.write("tables/t.csv", "3");
        assert_eq!(scene.after(10_000), told(&[(750, "a.yaml=2 tables/t.csv=3")]));
    }

    #[test]
    fn while_files_keep_changing_nothing_is_told() {
        let mut scene = Scene::new(&[("a.yaml", "1")]);
        scene.after(1_000);
        for length in 1..20 {
            scene.write("a.yaml", &"x".repeat(length));
            assert_eq!(scene.after(250), []);
        }
        assert_eq!(scene.after(10_000), told(&[(500, "a.yaml=xxxxxxxxxxxxxxxxxxx")]));
    }

    #[test]
    fn a_replaced_file_of_the_same_size_is_noticed() {
        let mut scene = Scene::new(&[("a.yaml", "1")]);
        scene.after(1_000);
        scene.write(".a.yaml.swp", "2");
        fs::rename(scene.folder.path().join(".a.yaml.swp"), scene.folder.path().join("a.yaml")).unwrap();
        assert_eq!(scene.after(10_000), told(&[(750, "a.yaml=2")]));
    }

    #[test]
    fn a_rule_that_vanished_stays_for_a_minute() {
        let mut scene = Scene::new(&[("a.yaml", "1"), ("b.yaml", "2"), ("lib/x.rhai", "3")]);
        scene.after(1_000);
        scene.remove("a.yaml");
        assert_eq!(scene.after(60_500), []);
        assert_eq!(scene.after(1_000), told(&[(250, "b.yaml=2 lib/x.rhai=3")]));
        scene.remove("lib/x.rhai");
        assert_eq!(scene.after(5_000), told(&[(750, "b.yaml=2")]));
    }

    #[test]
    fn a_rule_that_comes_back_never_left() {
        let mut scene = Scene::new(&[("a.yaml", "1"), ("b.yaml", "2")]);
        scene.after(1_000);
        scene.remove("a.yaml");
        scene.after(30_000);
        scene.write("b.yaml", "3");
        assert_eq!(scene.after(5_000), told(&[(750, "a.yaml=1 b.yaml=3")]));
        scene.write("a.yaml", "1");
        assert_eq!(scene.after(120_000), []);
        scene.remove("a.yaml");
        assert_eq!(scene.after(50_000), [], "the minute begins anew");
    }

    #[test]
    fn a_renamed_rule_takes_its_old_name_away_at_once() {
        let mut scene = Scene::new(&[("a.yaml", "x: 1\n"), ("b.yaml", "2")]);
        scene.after(1_000);
        scene.remove("a.yaml");
        scene.write("c.yaml", "x: 1\nwas: [older, 'a'] # moved\n");
        let expected = "b.yaml=2 c.yaml=x: 1\nwas: [older, 'a'] # moved\n";
        assert_eq!(scene.after(5_000), told(&[(750, expected)]));
    }

    #[test]
    fn a_folder_that_is_gone_or_empty_changes_nothing() {
        let mut scene = Scene::new(&[("a.yaml", "1")]);
        scene.after(1_000);
        let (here, away) = (scene.folder.path().to_owned(), tempfile::tempdir().unwrap());
        fs::rename(&here, away.path().join("rules")).unwrap();
        let gone =
            format!("There is no folder {}. Name the rules folder with --rules, or make it.", here.display());
        assert_eq!(scene.after(90_000), told(&[(250, &gone)]));
        fs::create_dir(&here).unwrap();
        let empty = format!(
            "The rules folder {} is empty, so that the last rules go on. Put the files back.",
            here.display()
        );
        assert_eq!(scene.after(90_000), told(&[(250, &empty)]));
        fs::remove_dir(&here).unwrap();
        fs::rename(away.path().join("rules"), &here).unwrap();
        assert_eq!(scene.after(90_000), told(&[(750, "a.yaml=1")]), "told that all is well again");
    }

    #[test]
    fn rules_that_vanished_while_nobody_looked_stay_for_a_minute_too() {
        let mut scene = Scene::new(&[("a.yaml", "1"), ("b.yaml", "2")]);
        scene.remove("a.yaml");
        assert_eq!(scene.after(60_000), []);
        assert_eq!(scene.after(2_000), told(&[(750, "b.yaml=2")]));
    }

    #[test]
    fn a_file_that_can_not_be_read_is_told_and_not_taken_for_vanished() {
        let mut scene = Scene::new(&[("a.yaml", "1"), ("b.yaml", "2")]);
        scene.after(1_000);
        fs::write(scene.folder.path().join("a.yaml"), [0xff, 0xfe]).unwrap();
        scene.now += 250;
        assert!(scene.watcher.poll(scene.now).is_none());
        scene.now += 500;
        let Some(Change::Settled(read)) = scene.watcher.poll(scene.now) else { panic!("a change") };
        assert_eq!(read.diagnostics.len(), 1);
        assert!(!read.files.texts.contains_key("a.yaml"));
    }
}
