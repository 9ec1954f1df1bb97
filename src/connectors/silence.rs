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

#[cfg(test)]
mod tests {
    use super::super::tests::{engine, told, try_source};
    use super::{OnSilence, SilenceSpec, Verified, read_silence};
    use crate::document::parse;

    const KEYS: &str = "api: { client_id: { secret: a }, client_secret: { secret: b } }\n";

    fn on_silence(rest: &str) -> (Option<OnSilence>, String) {
        let (source, told) = try_source(&engine(), &format!("connector: apaleo\n{KEYS}{rest}"));
        (source.map(|source| source.on_silence), told)
    }

    fn silence(text: &str) -> (Option<SilenceSpec>, String) {
        let node = parse("connectors/own.yaml", text).expect("it is YAML");
        let mut diagnostics = Vec::new();
        let read = read_silence("connectors/own.yaml", &node, Verified::Documentation, &mut diagnostics);
        (read, told(&diagnostics, Some(text)))
    }

    #[test]
    fn a_source_says_what_is_done_when_it_is_silent() {
        assert_eq!(on_silence(""), (Some(OnSilence::Tell), String::new()));
        assert_eq!(on_silence("on_silence: tell\n"), (Some(OnSilence::Tell), String::new()));
        assert_eq!(on_silence("on_silence: ignore\n"), (Some(OnSilence::Ignore), String::new()));
        assert_eq!(on_silence("on_silence: backfill\n"), (Some(OnSilence::Backfill), String::new()));
    }

    #[test]
    fn what_a_source_can_not_do_when_it_is_silent_is_told_with_a_way_out() {
        let mut all = String::new();
        for rest in ["on_silence: sometimes\n", "on_silence: Backfill\n", "on_silence: [tell]\n"] {
            let (read, told) = on_silence(rest);
            assert_eq!(read, Some(OnSilence::Tell), "{rest}");
            all.push_str(&format!("{told}\n"));
        }
        for text in [
            "connector: fareharbor\non_silence: backfill\n",
            "connector: webhook\ntitle: Our own\non_silence: backfill\n",
        ] {
            let (source, told) = try_source(&engine(), text);
            assert_eq!(source.map(|source| source.on_silence), Some(OnSilence::Backfill), "{text}");
            all.push_str(&format!("{told}\n"));
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn a_manifest_says_why_there_is_silence_and_what_becomes_of_what_fails() {
        let (read, told) = silence("causes:\n  - It is in demo mode.\nfailures: It may stop.\n");
        let spec = |verified| SilenceSpec {
            causes: vec!["It is in demo mode.".into()],
            certificate: String::new(),
            failures: "It may stop.".into(),
            verified,
        };
        assert_eq!((read, told.as_str()), (Some(spec(Verified::Documentation)), ""));
        let (read, _) =
            silence("causes: [It is in demo mode.]\nfailures: It may stop.\nverified: unverified\n");
        assert_eq!(read, Some(spec(Verified::Unverified)));
        let (read, told) = silence("failures: It may stop.\n");
        assert_eq!((read.map(|spec| spec.causes.len()), told.as_str()), (Some(0), ""));
    }

    #[test]
    fn mistakes_in_what_is_said_of_silence_name_the_place_and_the_way_out() {
        let many: Vec<String> = (0..13).map(|n| format!("  - Cause {n}.\n")).collect();
        let texts = [
            format!("causes:\n{}", many.concat()),
            "causes: [\" \"]\n".to_owned(),
            "causes: { a: b }\n".to_owned(),
            "cause: [It is in demo mode.]\n".to_owned(),
            "verified: surely\n".to_owned(),
        ];
        let all: Vec<String> = texts.iter().map(|text| silence(text).1).collect();
        assert!(all.iter().all(|told| !told.is_empty()), "{all:?}");
        insta::assert_snapshot!(all.join("\n"));
    }
}
