//! What is wrong with a form that was sent: a sentence per field. `parts/form.html` shows them, all at the top with a link to
//! each field, and each at its field.

use super::errors::PageError;
use super::errors::capital;
use super::page::answer;
use crate::app::PeopleError;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;
use std::borrow::Cow;

/// What is wrong, field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct FormErrors {
    found: Vec<(Cow<'static, str>, String)>,
    /// The try comes too soon: wait so many seconds.
    wait_seconds: Option<i64>,
}

impl FormErrors {
    /// Nothing yet.
    pub fn none() -> Self {
        Self::default()
    }

    /// One sentence at a field.
    pub fn at(field: &'static str, sentence: &str) -> Self {
        let mut errors = Self::none();
        errors.add(field, sentence);
        errors
    }

    /// A sentence for each of these fields.
    pub fn all_of(found: Vec<(&'static str, String)>) -> Self {
        let mut errors = Self::none();
        for (field, sentence) in &found {
            errors.add(field, sentence);
        }
        errors
    }

    /// Another sentence.
    pub fn add(&mut self, field: &'static str, sentence: &str) {
        self.put(Cow::Borrowed(field), sentence);
    }

    /// The same at a field whose name is made.
    pub fn put(&mut self, field: Cow<'static, str>, sentence: &str) {
        self.found.push((field, format!("{}.", capital(sentence.trim_end_matches('.')))));
    }

    /// Puts an error at the field that it is about; `Err` where it is about none.
    pub fn of_people(error: PeopleError, password_field: &'static str) -> Result<Self, PageError> {
        let field = match &error {
            PeopleError::Store(_)
            | PeopleError::Unknown
            | PeopleError::LinkGone
            | PeopleError::NoVault(_) => {
                return Err(error.into());
            }
            PeopleError::NoEmail | PeopleError::Taken => "email",
            PeopleError::NoName => "name",
            PeopleError::WrongCode => "code",
            PeopleError::LastAdmin => "role",
            PeopleError::Weak(_) | PeopleError::Wrong(_) | PeopleError::Wait(_) | PeopleError::Busy => {
                password_field
            }
        };
        let mut errors = Self::at(field, &error.to_string());
        if let PeopleError::Wait(ms) = error {
            errors.wait_seconds = Some((ms + 999) / 1_000);
        }
        Ok(errors)
    }

    /// Adds what else is wrong, each at its field; what is told already stays.
    pub fn also_of_people(&mut self, found: Vec<PeopleError>, password_field: &'static str) {
        for error in found {
            let field = match error {
                PeopleError::NoEmail => "email",
                PeopleError::NoName => "name",
                _ => password_field,
            };
            if self.of(field).is_none() {
                self.add(field, &error.to_string());
            }
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All, for the top of the page.
    pub fn all(&self) -> &[(Cow<'static, str>, String)] {
        &self.found
    }

    /// That of a field.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.found.iter().find(|(of, _)| of.as_ref() == field).map(|(_, sentence)| sentence.as_str())
    }

    /// Answers with the page that shows them.
    pub fn answer(&self, page: &impl Template) -> Result<HttpResponse, PageError> {
        let mut response = answer(page)?;
        if let Some(seconds) = self.wait_seconds {
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        } else if !self.is_empty() {
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        }
        Ok(response)
    }
}
