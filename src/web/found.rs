//! What a look over a connection or a source found, as a page shows it.

use super::times::Moment;
use super::words::{Mark, Tone};
use crate::app::{Finding, Health};
use crate::domain::Millis;

/// One thing that was looked at.
pub struct Found {
    /// How it is.
    pub mark: Mark,
    /// A sentence.
    pub text: String,
    /// A time that the sentence ends with.
    pub at: Option<Moment>,
    /// What to do; may be empty.
    pub way_out: String,
    /// It is not there, and can be made from here.
    pub can_be_made: bool,
}

impl Found {
    /// In words, seen from now.
    pub fn of(finding: &Finding, now: Millis) -> Self {
        let (tone, words) = match finding.health {
            Health::Well => (Tone::Good, "well"),
            Health::Notice => (Tone::Quiet, "to know"),
            Health::Amiss => (Tone::Bad, "not well"),
        };
        let way_out = finding.on_page.clone().or_else(|| {
            let way_out = finding.way_out.as_deref()?;
            Some(format!("{}.", super::errors::capital(way_out.trim_end_matches('.'))))
        });
        Self {
            mark: Mark::new(tone, words),
            text: finding.text.clone(),
            at: finding.at.map(|at| Moment::of(at, now)),
            way_out: way_out.unwrap_or_default(),
            can_be_made: finding.can_be_made,
        }
    }

    #[cfg(test)]
    pub fn samples(word: &str) -> Vec<Finding> {
        let finding = |health, on_page: Option<&str>| Finding {
            about: word.into(),
            health,
            text: word.into(),
            way_out: Some(word.into()),
            at: (health == Health::Well).then_some(super::samples::NOW - 60_000),
            on_page: on_page.map(str::to_owned),
            can_be_made: health == Health::Amiss,
        };
        vec![finding(Health::Well, None), finding(Health::Notice, None), finding(Health::Amiss, Some(word))]
    }
}
