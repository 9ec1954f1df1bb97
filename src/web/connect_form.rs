//! The forms of connections and sources: their fields as a page shows them, and what comes of a refusal. `parts/connect.html`
//! shows the fields. A key or token that was typed is never shown again.

use super::errors::PageError;
use super::form_errors::FormErrors;
use crate::app::{ConnectError, PublishError, first_mistakes};
use crate::connectors::{Connector, FieldKind, FormField, FormValues, Guide, Verified};
use actix_web::http::StatusCode;
use std::borrow::Cow;

/// Id of the form, for what is wrong with all of it.
pub const WHOLE: &str = "connect";

/// A field as a page shows it.
pub struct FieldTold {
    /// Its name and id.
    pub key: String,
    /// For people.
    pub label: String,
    /// A line of help; may be empty.
    pub help: String,
    /// `text`, `url`, `password`, `tick`, `choice`.
    pub kind: &'static str,
    /// What stands in it.
    pub value: String,
    /// What it must look like; may be empty.
    pub pattern: String,
    /// Whether it must be filled.
    pub required: bool,
    /// Value and label of what is to choose from.
    pub choices: Vec<(String, String)>,
    /// What is wrong with it.
    pub wrong: Option<String>,
}

impl FieldTold {
    /// A field with what was typed, else with what it begins with.
    pub fn of(field: &FormField, values: &FormValues, errors: &FormErrors) -> Self {
        let (kind, choices) = match &field.kind {
            FieldKind::Text => ("text", Vec::new()),
            FieldKind::Url => ("url", Vec::new()),
            FieldKind::Tick => ("tick", Vec::new()),
            FieldKind::Secret => ("password", Vec::new()),
            FieldKind::Choice(choices) => ("choice", choices.clone()),
        };
        let value = match field.kind {
            FieldKind::Secret => String::new(),
            _ => values.get(&field.key).unwrap_or(&field.default).clone(),
        };
        Self {
            key: field.key.clone(),
            label: field.label.clone(),
            help: field.help.clone(),
            kind,
            value,
            pattern: field.pattern.clone(),
            required: field.required,
            choices,
            wrong: errors.of(&field.key).map(str::to_owned),
        }
    }

    /// The same for all.
    pub fn all(fields: &[FormField], values: &FormValues, errors: &FormErrors) -> Vec<Self> {
        fields.iter().map(|field| Self::of(field, values, errors)).collect()
    }

    /// A line of text that every form asks for.
    pub fn text(key: &str, label: &str, help: &str, values: &FormValues, errors: &FormErrors) -> Self {
        Self {
            key: key.to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
            kind: "text",
            value: values.get(key).cloned().unwrap_or_default(),
            pattern: String::new(),
            required: true,
            choices: Vec::new(),
            wrong: errors.of(key).map(str::to_owned),
        }
    }

    /// Ids of what describes it, for `aria-describedby`.
    pub fn described(&self) -> String {
        let mut ids = Vec::new();
        if self.wrong.is_some() {
            ids.push(format!("{}-wrong", self.key));
        }
        if !self.help.is_empty() {
            ids.push(format!("{}-hint", self.key));
        }
        ids.join(" ")
    }
}

/// What to click in the other system, as a page shows it.
#[derive(Default)]
pub struct GuideTold {
    /// Sentences in their order.
    pub steps: Vec<String>,
    /// How sure we are of them, in a sentence.
    pub sure: &'static str,
}

impl GuideTold {
    /// A guide in words; empty where there is none.
    pub fn of(guide: Option<&Guide>) -> Self {
        let Some(guide) = guide else { return Self::default() };
        let sure = match guide.verified {
            Verified::Specification => "",
            Verified::Documentation => "As its own documentation says; its menus may have changed since.",
            Verified::Unverified => {
                "Nobody of us has seen these menus; they are as others describe them, and may look different."
            }
        };
        Self { steps: guide.steps.clone(), sure }
    }
}

/// The guide for finding a connector's key.
pub fn key_guide(connector: &Connector) -> GuideTold {
    GuideTold::of(connector.destination.as_ref().and_then(|destination| destination.guide.as_ref()))
}

/// The guide for what to click in a booking system.
pub fn webhook_guide(connector: &Connector) -> GuideTold {
    let guide = GuideTold::of(connector.source.as_ref().and_then(|spec| spec.guide.as_ref()));
    // What stands in a source's own file is its owner's word.
    if connector.is_of_source() { GuideTold { sure: "", ..guide } } else { guide }
}

/// Why a form was not taken.
pub enum Refusal {
    /// What is wrong, for the form that is shown again.
    Errors(FormErrors),
    /// Somebody changed the file since it was opened: theirs (nothing where it is gone), and what it was to be.
    Changed(String, String),
}

impl Refusal {
    /// Puts it where a page that is shown again has it.
    pub fn show(self, errors: &mut FormErrors, changed: &mut Option<(String, String)>) {
        match self {
            Self::Errors(wrong) => *errors = wrong,
            Self::Changed(theirs, yours) => *changed = Some((theirs, yours)),
        }
    }
}

/// What a page shows of a refusal. `Err`: there is nothing to show the form for.
pub fn refusal(error: ConnectError, file: &str) -> Result<Refusal, PageError> {
    let mut errors = FormErrors::none();
    match error {
        ConnectError::Fields(wrong) => {
            for (field, sentence) in wrong {
                errors.put(Cow::Owned(field), &sentence);
            }
        }
        ConnectError::NoConnector => return Err(PageError::unknown("connection or source")),
        ConnectError::InUse(by) => {
            return Err(PageError::new(
                StatusCode::CONFLICT,
                "It is in use",
                format!(
                    "Nothing was changed. These need it: {}. Change or take away these first.",
                    by.join(", ")
                ),
            ));
        }
        ConnectError::Secret(error) => errors.add("secret", &error.to_string()),
        ConnectError::Store(error) => return Err(error.into()),
        ConnectError::Publish(error) => match error {
            PublishError::Changed(changed) => {
                return Ok(Refusal::Changed(changed.theirs.unwrap_or_default(), changed.yours));
            }
            PublishError::Broken(checked) => {
                let told = first_mistakes(&checked, file).join(" ");
                errors.put(
                    Cow::Borrowed(WHOLE),
                    &format!("It was not taken: the rules folder has a mistake with it. {told}"),
                );
            }
            PublishError::Wrong(why) => errors.add("reason", why),
            PublishError::NoFolder(why) => errors.put(Cow::Borrowed(WHOLE), &why),
            PublishError::File(error) => errors.put(Cow::Borrowed(WHOLE), &error.to_string()),
            other => return Err(other.into()),
        },
    }
    Ok(Refusal::Errors(errors))
}
