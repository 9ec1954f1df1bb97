//! A rule goes, or gets another name: its file and the file of its tests together, in one publish and one commit. A renamed
//! rule says `was:`, by which what it made is carried over.

use super::{Actor, App, Draft, PublishError, Published};
use crate::rules::builder::{Edit, edited};
use crate::workspace::FileName;
use std::sync::Arc;

/// What is to become of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleMove<'m> {
    /// It goes. What it made stays where it is; what it has not begun to send is cancelled.
    Remove,
    /// It gets this name.
    Rename(&'m str),
}

impl App {
    /// Takes a rule away or renames it. `opened` is the hash that its file had when it was looked at.
    pub async fn move_rule(
        self: &Arc<Self>,
        rule: &str,
        opened: &str,
        what: RuleMove<'_>,
        (actor, reason): (Actor, String),
    ) -> Result<Published, PublishError> {
        let (file, tests) = files_of(rule);
        let Some((text, _)) = self.open_file(&file).await? else {
            return Err(PublishError::Wrong("The rule's file is not there any more."));
        };
        let its_tests = self.open_file(&tests).await?;
        let mut gone = vec![(file, opened.to_owned())];
        gone.extend(its_tests.iter().map(|(_, hash)| (tests.clone(), hash.clone())));
        let mut drafts = Vec::new();
        if let RuleMove::Rename(name) = what {
            let (file, tests) = files_of(name);
            self.is_free(rule, name).await?;
            let text = edited(&text, &Edit::Was(rule.to_owned())).map_err(|_| {
                PublishError::Wrong(
                    "This file is written in a way that `was:` can't be set here. Rename it in the folder.",
                )
            })?;
            drafts.push(Draft { file, text, opened: None });
            drafts.extend(its_tests.map(|(text, _)| Draft { file: tests, text, opened: None }));
        }
        self.exchange(drafts, gone, actor, reason).await
    }

    /// Whether a rule may get this name; else why not.
    pub async fn is_free(&self, rule: &str, name: &str) -> Result<(), PublishError> {
        let (file, tests) = files_of(name);
        let odd = || {
            PublishError::Wrong(
                "This can't be the name of a rule. Take letters, digits and -, as in guests-to-hubspot.",
            )
        };
        if name == "new" || name.contains('/') || FileName::parse(&tests).is_err() {
            return Err(odd());
        }
        if name == rule {
            return Err(PublishError::Wrong("That is its name already."));
        }
        for file in [&file, &tests] {
            if self.open_file(file).await?.is_some() {
                return Err(PublishError::Wrong("There is a rule of that name already. Take another."));
            }
        }
        Ok(())
    }
}

fn files_of(rule: &str) -> (String, String) {
    (format!("{rule}.yaml"), format!("{rule}.test.yaml"))
}
