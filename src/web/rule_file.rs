//! A rule's file as the pages open it, and what comes back from their forms. Every page of a rule begins here, so that a
//! name from an address is one that a file can have.

use super::errors::PageError;
use crate::app::{App, Checked, Draft, PublishError};
use crate::document::{Diagnostic, Severity, render};
use actix_web::http::StatusCode;
use std::sync::Arc;

/// A rule's file.
#[derive(Clone, Debug, Default)]
pub struct RuleFile {
    /// Name of the rule.
    pub name: String,
    /// Its path within the folder.
    pub file: String,
    /// Its text, as it stands in the folder; empty where it is not there.
    pub text: String,
    /// What tells this text from a later one; `None`: it is not there.
    pub opened: Option<String>,
    /// Why the folder can't be read or written.
    pub trouble: Option<String>,
}

impl RuleFile {
    /// Opens it. Names that no file can have, and files that can't be touched, are errors with their words.
    pub async fn open(app: &App, name: &str) -> Result<Self, PageError> {
        // Sources and tests are files too, but no rules.
        if name.contains('/') || name.to_ascii_lowercase().ends_with(".test") {
            return Err(PageError::unknown("rule"));
        }
        let file = format!("{name}.yaml");
        let mut opened = Self { name: name.to_owned(), file, ..Self::default() };
        match app.open_file(&opened.file).await {
            Ok(Some((text, hash))) => (opened.text, opened.opened) = (text, Some(hash)),
            Ok(None) => {}
            Err(PublishError::NoFolder(why)) => opened.trouble = Some(why),
            Err(error) => return Err(error.into()),
        }
        Ok(opened)
    }

    /// The same where the rule is known, be it by its file or as a rule at work.
    pub async fn open_known(app: &App, name: &str) -> Result<Self, PageError> {
        let opened = Self::open(app, name).await?;
        let at_work = app.active().is_some_and(|active| active.rules.contains_key(name));
        if opened.opened.is_none() && !at_work {
            return Err(PageError::unknown("rule"));
        }
        Ok(opened)
    }

    /// A draft of it with another text, as a form sent it.
    pub fn draft(&self, text: &str, opened: &str) -> Draft {
        let opened = Some(opened.trim().to_owned()).filter(|hash| !hash.is_empty());
        Draft { file: self.file.clone(), text: lines_of(text, &self.text), opened }
    }
}

/// Forms send every line break as CR LF; a file keeps the ones that it has.
pub fn lines_of(text: &str, before: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let of_windows =
        before.contains("\r\n") && before.matches('\n').count() == before.matches("\r\n").count();
    if of_windows { text.replace('\n', "\r\n") } else { text }
}

/// Something wrong, as `waypost check` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// An error, or a warning.
    pub is_error: bool,
    /// `error: …` with place, excerpt and hint.
    pub text: String,
}

/// Findings that a page shows.
const FINDINGS_MAX: usize = 40;

/// What is wrong, this file's first.
pub fn findings(checked: &Checked, file: &str) -> Vec<Finding> {
    let (own, others): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        checked.diagnostics.iter().partition(|told| told.file == file);
    findings_beside(checked, &own.into_iter().chain(others).collect::<Vec<_>>())
}

/// Those of what is wrong that are told in full.
pub fn findings_beside(checked: &Checked, diagnostics: &[&Diagnostic]) -> Vec<Finding> {
    let told = |told: &&Diagnostic| Finding {
        is_error: told.severity == Severity::Error,
        text: render(told, checked.texts.get(&told.file).map(String::as_str)),
    };
    diagnostics.iter().take(FINDINGS_MAX).map(told).collect()
}

impl From<PublishError> for PageError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Name(_) => Self::unknown("rule"),
            PublishError::Store(error) => error.into(),
            PublishError::Wrong(why) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "This can't be taken", why)
            }
            PublishError::NoFolder(why) => {
                Self::new(StatusCode::CONFLICT, "The rules folder can't be used", why)
            }
            PublishError::File(error) => Self::new(
                StatusCode::CONFLICT,
                "The file can't be touched",
                format!("{error} The rules at work go on as they are."),
            ),
            PublishError::Busy => crate::app::AskError::Busy.into(),
            other @ (PublishError::Broken(_) | PublishError::Changed(_) | PublishError::Mistake) => {
                Self::new(StatusCode::CONFLICT, "It was not published", format!("{other}."))
            }
        }
    }
}

/// Checks one draft with the rest of the folder.
pub async fn check(app: &Arc<App>, draft: &Draft) -> Result<Checked, PageError> {
    Ok(app.check_drafts(std::slice::from_ref(draft)).await?)
}

#[cfg(test)]
mod tests {
    use super::lines_of;

    #[test]
    fn a_file_keeps_its_line_breaks() {
        assert_eq!(lines_of("a\r\nb\r\n", "x\ny\n"), "a\nb\n");
        assert_eq!(lines_of("a\r\nb\r\n", "x\r\ny\r\n"), "a\r\nb\r\n");
        assert_eq!(lines_of("a\rb", ""), "a\nb");
    }
}
