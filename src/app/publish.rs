//! Publishes files of the rules folder, or takes one away: the whole ruleset is checked with them first, then they are written, activated at
//! once, and committed where the folder has a git repository.
//!
//! Promises: what has a mistake is refused with the diagnostics that `waypost check` gives; a file that changed since it
//! was opened is refused with both texts; where anything fails before the activation, the folder is as it was. Called by
//! the pages, which hand in who does it.

use super::activate::FolderState;
use super::{App, AskError};
use crate::document::{Diagnostic, Severity, parse};
use crate::domain::Millis;
use crate::ports::{RulesetNote, StoreError};
use crate::rules::{Compiled, Files, Ruleset, compile};
use crate::workspace::{
    Author, FileError, FileName, FolderRead, GitState, change_files, find_repository, read_file, text_hash,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Files of one publish.
const DRAFTS_MAX: usize = 8;
/// Bytes of one text; the reader of the folder has the same limit.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 2_000;

/// Who publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

/// A file as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Path within the folder.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What `text_hash` gave when it was opened; `None`: it was not there.
    pub opened: Option<String>,
}

/// What is to be published.
#[derive(Clone, Debug, Default)]
struct Wanted {
    drafts: Vec<Draft>,
    /// Files that are to go, each with the hash that it had when it was opened.
    gone: Vec<(String, String)>,
}

/// What came of checking drafts together with the rest of the folder.
pub struct Checked {
    /// All that is wrong, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the diagnostics point into.
    pub texts: BTreeMap<String, String>,
    /// The ruleset, where there is no error.
    pub ruleset: Option<Arc<Ruleset>>,
    /// Its files.
    pub files: Files,
}

impl std::fmt::Debug for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checked").field("diagnostics", &self.diagnostics).finish_non_exhaustive()
    }
}

impl Checked {
    /// One of which nothing is known but that it is broken, for pages that are shown in tests.
    #[cfg(test)]
    pub fn broken() -> Self {
        let (diagnostics, texts) = (Vec::new(), BTreeMap::new());
        Self { diagnostics, texts, ruleset: None, files: Files::default() }
    }

    /// Whether there is an error.
    pub fn is_broken(&self) -> bool {
        self.ruleset.is_none()
    }
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A name that no file here can have.
    #[error("{0}")]
    Name(String),
    /// There is no folder to write to.
    #[error("{0}")]
    NoFolder(String),
    /// Too much, too many, or no reason.
    #[error("{0}")]
    Wrong(&'static str),
    /// The ruleset would be broken.
    #[error("the rules have a mistake with this")]
    Broken(Box<Checked>),
    /// Somebody changed the file since it was opened.
    #[error("{} was changed since you opened it", .0.file)]
    Changed(Box<ChangedFile>),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database did not take it; the folder is as it was.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too much is being looked ahead at the same time.
    #[error("too much is being looked ahead just now; try again in a few seconds")]
    Busy,
    /// A mistake of Waypost.
    #[error("a mistake of Waypost came up; nothing was changed")]
    Mistake,
}

/// Of what was looked ahead on the way.
impl From<AskError> for PublishError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Store(error) => Self::Store(error),
            AskError::Busy => Self::Busy,
            AskError::Unknown { .. } | AskError::NotNow(_) => Self::Mistake,
        }
    }
}

/// A file that changed since it was opened.
#[derive(Debug)]
pub struct ChangedFile {
    /// Its path.
    pub file: String,
    /// As it stands; `None`: it is gone.
    pub theirs: Option<String>,
    /// As it was to be.
    pub yours: String,
}

/// It is published.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// The ruleset at work now.
    pub ruleset: String,
    /// The commit, where one was made.
    pub commit: Option<String>,
    /// Why none was made, where none was.
    pub no_commit: Option<String>,
    /// Nothing differed from what stood there.
    pub nothing_new: bool,
}

/// What is to be told of the folder.
#[derive(Clone, Debug, Default)]
pub struct FolderTold {
    /// Where it is, if it is known.
    pub folder: Option<PathBuf>,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// Texts that the diagnostics point into.
    pub texts: BTreeMap<String, String>,
    /// Why it can't be read at all.
    pub unreadable: Option<String>,
    /// Since when it has an error.
    pub broken_since: Option<Millis>,
}

impl App {
    /// How it stands with the folder.
    pub async fn folder_told(&self) -> FolderTold {
        let state = self.folder.lock().await;
        FolderTold {
            folder: state.watcher.as_ref().map(|watcher| watcher.folder().to_owned()),
            diagnostics: state.diagnostics.clone(),
            texts: state.texts.clone(),
            unreadable: state.unreadable.clone(),
            broken_since: state.broken_since,
        }
    }

    /// A file of the folder as it stands, with the hash that a draft of it names. `None`: it is not there.
    pub async fn open_file(&self, file: &str) -> Result<Option<(String, String)>, PublishError> {
        let name = FileName::parse(file).map_err(PublishError::Name)?;
        let folder = self.rules_folder().await?;
        let text = apart(move || read_file(&folder, &name)).await??;
        Ok(text.map(|text| {
            let hash = text_hash(&text);
            (text, hash)
        }))
    }

    /// Checks drafts together with the folder as it stands. Changes nothing.
    pub async fn check_drafts(self: &Arc<Self>, drafts: &[Draft]) -> Result<Checked, PublishError> {
        names_of(drafts)?;
        let read = {
            let mut folder = self.folder.lock().await;
            self.folder_as_it_stands(&mut folder)?
        };
        self.check(read, drafts, &[]).await
    }

    /// Publishes drafts: all of them, or none.
    pub async fn publish(
        self: &Arc<Self>,
        drafts: Vec<Draft>,
        actor: Actor,
        reason: String,
    ) -> Result<Published, PublishError> {
        self.publish_wanted(Wanted { drafts, gone: Vec::new() }, actor, reason).await
    }

    /// Takes a file away, by the same rules: the rest must be well without it.
    pub async fn unpublish(
        self: &Arc<Self>,
        file: &str,
        opened: &str,
        actor: Actor,
        reason: String,
    ) -> Result<Published, PublishError> {
        self.exchange(Vec::new(), vec![(file.to_owned(), opened.to_owned())], actor, reason).await
    }

    /// Publishes drafts and takes other files away in one go, with the hashes that these had when they were opened.
    pub async fn exchange(
        self: &Arc<Self>,
        drafts: Vec<Draft>,
        gone: Vec<(String, String)>,
        actor: Actor,
        reason: String,
    ) -> Result<Published, PublishError> {
        self.publish_wanted(Wanted { drafts, gone }, actor, reason).await
    }

    async fn publish_wanted(
        self: &Arc<Self>,
        wanted: Wanted,
        actor: Actor,
        reason: String,
    ) -> Result<Published, PublishError> {
        if reason.trim().is_empty() {
            return Err(PublishError::Wrong(
                "Say in a few words why, so that others understand the change later.",
            ));
        }
        if reason.chars().count() > REASON_CHARS_MAX {
            return Err(PublishError::Wrong("The reason is too long: 2000 characters are enough."));
        }
        let app = self.clone();
        // On its own: a browser that goes away meanwhile does not leave it half done.
        tokio::spawn(async move { app.publish_now(wanted, actor, reason).await })
            .await
            .unwrap_or(Err(PublishError::Mistake))
    }

    async fn publish_now(
        self: Arc<Self>,
        Wanted { drafts, gone }: Wanted,
        actor: Actor,
        reason: String,
    ) -> Result<Published, PublishError> {
        let mut names = if gone.is_empty() || !drafts.is_empty() { names_of(&drafts)? } else { Vec::new() };
        let mut removed: Vec<FileName> = Vec::new();
        for (file, _) in &gone {
            let file = FileName::parse(file).map_err(PublishError::Name)?;
            if names.contains(&file) || removed.contains(&file) {
                return Err(PublishError::Wrong("One file is named twice."));
            }
            removed.push(file);
        }
        let _one_at_a_time = self.publishing.lock().await;
        let folder = self.rules_folder().await?;
        let before = self.active().map(|active| active.hash.clone());
        let (ruleset, nothing_new) = {
            let mut state = self.folder.lock().await;
            let mut nothing_new = unchanged_since_opened(&folder, &names, &drafts).await?;
            for (file, (_, opened)) in removed.iter().zip(&gone) {
                nothing_new = false;
                still_as_opened(&folder, file, opened).await?;
            }
            let read = self.folder_as_it_stands(&mut state)?;
            let checked = self.check(read, &drafts, &removed).await?;
            let Some(ruleset) = checked.ruleset.clone() else {
                return Err(PublishError::Broken(Box::new(checked)));
            };
            let texts =
                names.iter().cloned().zip(drafts.iter().map(|draft| draft.text.clone())).collect::<Vec<_>>();
            let at = folder.clone();
            names.extend(removed.clone());
            let written = apart(move || change_files(&at, &texts, &removed)).await??;
            if let Err(error) = self.activate(ruleset.clone(), &checked.files).await {
                if let Ok(Err(worse)) = apart(move || written.undo()).await {
                    tracing::error!(error = %worse, "a file of the rules folder could not be put back");
                }
                return Err(error.into());
            }
            state.active = checked.files.clone();
            state.texts = checked.texts;
            state.unreadable = None;
            if let Some(watcher) = state.watcher.as_mut() {
                watcher.took(&checked.files, Vec::new());
            }
            self.note_diagnostics(&mut state, checked.diagnostics);
            (ruleset, nothing_new)
        };
        let mut published =
            Published { ruleset: ruleset.hash.clone(), commit: None, no_commit: None, nothing_new };
        let author = Author { name: actor.name.clone(), email: actor.email.clone() };
        match find_repository(&folder).await {
            GitState::None(why) => published.no_commit = Some(why),
            GitState::Repository(repository) => match repository.commit(&names, &author, &reason).await {
                Ok(commit) => published.commit = commit,
                Err(why) => published.no_commit = Some(why),
            },
        }
        // A test or a payload makes no other ruleset.
        if before.as_ref() != Some(&ruleset.hash) {
            let note = RulesetNote {
                hash: ruleset.hash.clone(),
                who: actor.name,
                email: actor.email,
                reason: reason.trim().to_owned(),
                commit: published.commit.clone(),
            };
            if let Err(error) = self.store.note_ruleset(&note).await {
                tracing::warn!(error = %error, "who published the rules could not be noted");
            }
        }
        Ok(published)
    }

    /// The folder that is watched.
    pub(super) async fn rules_folder(&self) -> Result<PathBuf, PublishError> {
        let state = self.folder.lock().await;
        let folder = state.watcher.as_ref().map(|watcher| watcher.folder().to_owned());
        folder
            .ok_or_else(|| PublishError::NoFolder("This Waypost was started without a rules folder.".into()))
    }

    fn folder_as_it_stands(&self, state: &mut FolderState) -> Result<FolderRead, PublishError> {
        let Some(watcher) = state.watcher.as_mut() else {
            return Err(PublishError::NoFolder("This Waypost was started without a rules folder.".into()));
        };
        watcher.as_it_stands(self.clock.monotonic()).map_err(PublishError::NoFolder)
    }

    /// Compiles the folder with the drafts in it, on a thread where that is nobody's delay.
    async fn check(
        self: &Arc<Self>,
        read: FolderRead,
        drafts: &[Draft],
        gone: &[FileName],
    ) -> Result<Checked, PublishError> {
        let mut files = read.files;
        let mut texts = BTreeMap::new();
        let mut diagnostics: Vec<Diagnostic> = read.diagnostics;
        for gone in gone {
            files.texts.remove(gone.as_str());
            diagnostics.retain(|told| told.file != gone.as_str());
        }
        for draft in drafts {
            diagnostics.retain(|told| told.file != draft.file);
            texts.insert(draft.file.clone(), draft.text.clone());
            if Files::belongs(&draft.file) {
                if draft.text.trim().is_empty() {
                    let told = Diagnostic::error(&draft.file, None, "This file is empty.");
                    diagnostics.push(told.hint("write its content"));
                    continue;
                }
                files.texts.insert(draft.file.clone(), draft.text.clone());
            } else if draft.file.ends_with(".test.yaml") {
                crate::rehearsal::read_cases(&draft.file, &draft.text, &mut diagnostics);
            } else if draft.file.starts_with("payloads/") {
                diagnostics.extend(not_json(draft));
            } else if let Err(told) = parse(&draft.file, &draft.text) {
                diagnostics.push(told);
            }
        }
        let app = self.clone();
        let (files, compiled) = apart(move || {
            let compiled = compile(&files, Some(&|secret| app.has_secret(secret)));
            (files, compiled)
        })
        .await?;
        let Compiled { ruleset, diagnostics: more } = compiled;
        // What a draft that is empty or gone wrong lacks is told once.
        diagnostics.extend(more.into_iter().filter(|told| !diagnostics.contains(told)).collect::<Vec<_>>());
        diagnostics.sort_by(|one, other| one.file.cmp(&other.file).then(one.place.cmp(&other.place)));
        texts.extend(files.texts.clone());
        let broken = diagnostics.iter().any(|told| told.severity == Severity::Error);
        Ok(Checked { diagnostics, texts, ruleset: ruleset.filter(|_| !broken), files })
    }
}

fn not_json(draft: &Draft) -> Option<Diagnostic> {
    let error = serde_json::from_str::<serde::de::IgnoredAny>(&draft.text).err()?;
    let place =
        crate::document::Place { line: error.line() as u32, column: error.column() as u32, length: 1 };
    Some(Diagnostic::error(&draft.file, Some(place), "This is not JSON."))
}

/// The names of drafts, where all of them can be written.
fn names_of(drafts: &[Draft]) -> Result<Vec<FileName>, PublishError> {
    if drafts.is_empty() || drafts.len() > DRAFTS_MAX {
        return Err(PublishError::Wrong("So many files can't be published at once."));
    }
    let mut names = Vec::with_capacity(drafts.len());
    for draft in drafts {
        if draft.text.len() > TEXT_BYTES_MAX {
            return Err(PublishError::Wrong("The text is larger than 1 MiB. Split it into smaller files."));
        }
        let name = FileName::parse(&draft.file).map_err(PublishError::Name)?;
        if names.contains(&name) {
            return Err(PublishError::Wrong("One file is named twice."));
        }
        names.push(name);
    }
    Ok(names)
}

/// Refuses where a file is not as it was when it was opened. Gives whether the drafts differ in nothing.
async fn unchanged_since_opened(
    folder: &std::path::Path,
    names: &[FileName],
    drafts: &[Draft],
) -> Result<bool, PublishError> {
    let mut same = true;
    for (name, draft) in names.iter().zip(drafts) {
        let (at, file) = (folder.to_owned(), name.clone());
        let theirs = apart(move || read_file(&at, &file)).await??;
        if theirs.as_deref().map(text_hash) != draft.opened {
            let (file, yours) = (draft.file.clone(), draft.text.clone());
            return Err(PublishError::Changed(Box::new(ChangedFile { file, theirs, yours })));
        }
        same &= theirs.as_ref() == Some(&draft.text);
    }
    Ok(same)
}

/// Refuses where a file that is to go is not as it was when it was opened.
async fn still_as_opened(
    folder: &std::path::Path,
    file: &FileName,
    opened: &str,
) -> Result<(), PublishError> {
    let (at, name) = (folder.to_owned(), file.clone());
    let theirs = apart(move || read_file(&at, &name)).await??;
    if theirs.as_deref().map(text_hash).as_deref() == Some(opened) {
        return Ok(());
    }
    let changed = ChangedFile { file: file.as_str().to_owned(), theirs, yours: String::new() };
    Err(PublishError::Changed(Box::new(changed)))
}

/// Does something that computes or waits for the disk on a thread where that is nobody's delay.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PublishError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| PublishError::Mistake)
}
