//! A rule's file as the pages open it, and what comes back from their forms. Every page of a rule begins here, so that a
//! name from an address is one that a file can have.

use super::errors::PageError;
use super::rule_build_parts::{mend_of, mended};
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
    /// What it says, in a sentence.
    pub sentence: String,
    /// The line of this file that it is about.
    pub line: Option<u32>,
    /// What was meant, and the place where it goes, as the button that puts it there says it.
    pub mend: Option<(String, String)>,
}

/// What is told beside a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is wrong with this file, and mistakes of others, which keep it from being published.
    pub told: Vec<Finding>,
    /// Warnings of other files, counted.
    pub elsewhere: String,
}

/// Findings that a page shows.
const FINDINGS_MAX: usize = 40;

/// What is wrong, this file's first.
pub fn findings(checked: &Checked, file: &str) -> Findings {
    findings_of(checked, file, &checked.diagnostics.iter().collect::<Vec<_>>())
}

/// The same of these. Warnings of other files are theirs: they are counted only.
pub fn findings_of(checked: &Checked, file: &str, diagnostics: &[&Diagnostic]) -> Findings {
    let is_error = |told: &Diagnostic| told.severity == Severity::Error;
    let (own, others): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        diagnostics.iter().partition(|told| told.file == file);
    let (mistakes, warnings): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        others.into_iter().partition(|told| is_error(told));
    let told = |told: &Diagnostic| {
        let place = told.place.filter(|_| told.file == file);
        Finding {
            is_error: is_error(told),
            text: render(told, checked.texts.get(&told.file).map(String::as_str)),
            sentence: told.message.clone(),
            line: place.map(|place| place.line),
            mend: place.and_then(|place| Some((mend_of(told)?, format!("{}:{}", place.line, place.column)))),
        }
    };
    let elsewhere = match warnings.len() {
        0 => String::new(),
        1 => "Another file has a warning.".to_owned(),
        many => format!("Other files have {many} warnings."),
    };
    Findings { told: own.into_iter().chain(mistakes).take(FINDINGS_MAX).map(told).collect(), elsewhere }
}

/// The draft with what was meant at a place (`line:column`) where something of this file is told.
pub async fn mended_at(app: &Arc<App>, draft: &Draft, at: &str) -> Result<Option<String>, PageError> {
    let checked = check(app, draft).await?;
    let told = checked.diagnostics.iter().filter(|told| told.file == draft.file);
    let mut there = told.filter_map(|told| Some((told.place?, mend_of(told)?)));
    let found = there.find(|(place, _)| format!("{}:{}", place.line, place.column) == at);
    Ok(found.and_then(|(place, meant)| mended(&draft.text, place, &meant)))
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

#[cfg(test)]
impl Finding {
    /// One with this text everywhere.
    pub(super) fn sample(text: &str) -> Self {
        let own = || text.to_owned();
        Self { is_error: true, text: own(), sentence: own(), line: Some(3), mend: Some((own(), own())) }
    }
}

/// Checks one draft with the rest of the folder.
pub async fn check(app: &Arc<App>, draft: &Draft) -> Result<Checked, PageError> {
    Ok(app.check_drafts(std::slice::from_ref(draft)).await?)
}

#[cfg(test)]
mod tests {
    use super::{findings, lines_of};
    use crate::app::Checked;
    use crate::document::{Diagnostic, Place};

    #[test]
    fn warnings_of_other_files_are_counted_and_their_mistakes_told() {
        let at = Some(Place { line: 4, column: 13, length: 5 });
        let mut checked = Checked::broken();
        checked.diagnostics = vec![
            Diagnostic::warning("other.yaml", None, "Old."),
            Diagnostic::error("guests.yaml", at, "There is no `person.fone`.")
                .hint("did you mean `person.phone`?"),
            Diagnostic::error("other.yaml", at, "Broken.").hint("did you mean `x`?"),
            Diagnostic::warning("third.yaml", None, "Old."),
        ];
        let found = findings(&checked, "guests.yaml");
        assert_eq!(found.elsewhere, "Other files have 2 warnings.");
        let told: Vec<_> = found.told.iter().map(|one| (one.sentence.as_str(), one.line)).collect();
        assert_eq!(told, [("There is no `person.fone`.", Some(4)), ("Broken.", None)]);
        assert_eq!(found.told[0].mend, Some(("person.phone".to_owned(), "4:13".to_owned())));
        assert_eq!(found.told[1].mend, None);
    }

    #[test]
    fn a_file_keeps_its_line_breaks() {
        assert_eq!(lines_of("a\r\nb\r\n", "x\ny\n"), "a\nb\n");
        assert_eq!(lines_of("a\r\nb\r\n", "x\r\ny\r\n"), "a\r\nb\r\n");
        assert_eq!(lines_of("a\rb", ""), "a\nb");
    }
}
