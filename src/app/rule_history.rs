//! The history of a file of the rules folder: from git where there is a repository, else from the rulesets that the
//! database keeps. And the text of a version, for a diff or a way back.

use super::App;
use super::publish::PublishError;
use crate::domain::Millis;
use crate::rules::Files;
use crate::workspace::{FileName, GitState, find_repository, is_commit};
use std::collections::HashMap;

/// Commits that are told.
const COMMITS_MAX: usize = 50;
/// Rulesets that are looked through: each is read as a whole.
const RULESETS_MAX: i64 = 40;

/// The history of a file.
#[derive(Clone, Debug, Default)]
pub struct RuleHistory {
    /// Its versions, newest first.
    pub versions: Vec<RuleVersion>,
    /// Why they come from the database instead of git; `None`: they come from git.
    pub without_git: Option<String>,
}

/// One version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleVersion {
    /// A commit, or the hash of a ruleset.
    pub id: String,
    /// When.
    pub at: Millis,
    /// Who; empty: it came by other means than these pages.
    pub who: String,
    /// Why.
    pub reason: String,
}

impl App {
    /// The history of a file.
    pub async fn file_history(&self, file: &str) -> Result<RuleHistory, PublishError> {
        let name = FileName::parse(file).map_err(PublishError::Name)?;
        let without_git = match self.rules_folder().await {
            Err(why) => why.to_string(),
            Ok(folder) => match find_repository(&folder).await {
                GitState::None(why) => why,
                GitState::Repository(repository) => match repository.history(&name, COMMITS_MAX).await {
                    Err(why) => why,
                    Ok(commits) => {
                        let versions = commits.into_iter().map(|commit| RuleVersion {
                            id: commit.id,
                            at: commit.at_seconds.saturating_mul(1_000),
                            who: commit.author.name,
                            reason: commit.subject,
                        });
                        return Ok(RuleHistory { versions: versions.collect(), without_git: None });
                    }
                },
            },
        };
        Ok(RuleHistory { versions: self.kept_versions(file).await?, without_git: Some(without_git) })
    }

    /// Versions of a file among the rulesets that were at work: one where its text differs from the one before.
    async fn kept_versions(&self, file: &str) -> Result<Vec<RuleVersion>, PublishError> {
        let mut entries = self.store.ruleset_history(None, RULESETS_MAX).await?;
        entries.reverse();
        let mut texts: HashMap<String, Option<String>> = HashMap::new();
        let mut versions = Vec::new();
        let mut before: Option<String> = None;
        for entry in entries {
            let hash = entry.note.hash.clone();
            if !texts.contains_key(&hash) {
                let text = self.kept_text(&hash, file).await?;
                texts.insert(hash.clone(), text);
            }
            let text = texts.get(&hash).cloned().flatten();
            if text.is_some() && text != before {
                versions.push(RuleVersion {
                    id: hash,
                    at: entry.at,
                    who: entry.note.who,
                    reason: entry.note.reason,
                });
            }
            before = text;
        }
        versions.reverse();
        Ok(versions)
    }

    async fn kept_text(&self, hash: &str, file: &str) -> Result<Option<String>, PublishError> {
        let Some(stored) = self.store.ruleset(hash).await? else { return Ok(None) };
        let files = Files::from_json(&stored.files).unwrap_or_default();
        Ok(files.texts.get(file).cloned())
    }

    /// The text of a version; `None` where there is none such.
    pub async fn file_version(&self, file: &str, id: &str) -> Result<Option<String>, PublishError> {
        let name = FileName::parse(file).map_err(PublishError::Name)?;
        if !is_commit(id) {
            return self.kept_text(id, file).await;
        }
        let folder = self.rules_folder().await?;
        match find_repository(&folder).await {
            GitState::Repository(repository) => {
                repository.show(id, &name).await.map_err(PublishError::NoFolder)
            }
            GitState::None(why) => Err(PublishError::NoFolder(why)),
        }
    }
}
