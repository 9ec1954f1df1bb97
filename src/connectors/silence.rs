//! What a manifest and a source file say of silence: why a booking system may send nothing, what becomes of webhooks that fail,
//! and what is to be done when it is silent.

use super::manifest::{Verified, read_verified};
use crate::document::{Diagnostic, Fields, Node, Place};

/// Causes that are told: more would not be read.
const CAUSES_MAX: usize = 12;

/// Why a booking system may send nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceSpec {
    /// Sentences, the likeliest first.
    pub causes: Vec<String>,
    /// What it asks of the certificate of the address, as a sentence; empty where it asks nothing.
    pub certificate: String,
    /// What it does when webhooks fail, as a sentence; empty where that is not known.
    pub failures: String,
    /// How sure we are of that.
    pub verified: Verified,
}

/// What is done when a source is silent for longer than usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSilence {
    /// Somebody is told.
    #[default]
    Tell,
    /// Somebody is told, and what was missed is fetched from the source's API.
    Backfill,
    /// Nothing: its season is over, say.
    Ignore,
}

impl OnSilence {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tell, Self::Backfill, Self::Ignore];

    /// As source files say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tell => "tell",
            Self::Backfill => "backfill",
            Self::Ignore => "ignore",
        }
    }
}

/// Reads `silence:` of a manifest.
pub(super) fn read_silence(
    file: &str,
    node: &Node,
    whole: Verified,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SilenceSpec> {
    let mut fields = Fields::new(file, "what is said of silence", node, diagnostics);
    let verified = fields.text("verified");
    let causes: Vec<String> = fields.texts("causes").into_iter().map(|(cause, _)| cause).collect();
    let certificate = fields.text("certificate").unwrap_or_default();
    let failures = fields.text("failures").unwrap_or_default();
    let place = fields.place();
    fields.finish();
    if causes.len() > CAUSES_MAX || causes.iter().any(|cause| cause.trim().is_empty()) {
        let message = format!("A silence has up to {CAUSES_MAX} causes, and each is a sentence.");
        diagnostics.push(
            Diagnostic::error(file, Some(place), message)
                .hint("write `causes:` and below it a list of sentences"),
        );
        return None;
    }
    let verified = read_verified(file, verified.as_deref(), place, diagnostics).unwrap_or(whole);
    Some(SilenceSpec { causes, certificate, failures, verified })
}

/// Reads `on_silence:` of a source file.
pub(super) fn read_on_silence(
    file: &str,
    text: Option<&str>,
    place: Option<Place>,
    diagnostics: &mut Vec<Diagnostic>,
) -> OnSilence {
    let Some(text) = text else { return OnSilence::default() };
    let found = OnSilence::ALL.into_iter().find(|known| known.as_str() == text);
    if found.is_none() {
        diagnostics.push(
            Diagnostic::error(file, place, format!("`on_silence` is never `{text}`."))
                .hint("it is one of tell, backfill and ignore"),
        );
    }
    found.unwrap_or_default()
}
