//! A source of a connector with `own: true`: what a manifest says of a system, its own file says. The same keys, read by the
//! same readers; only the secrets of its API are named right where they are declared.

use super::manifest::Connector;
use super::records_read::{SourceParts, read_walk_of};
use super::silence::read_silence;
use super::source_api::SourceApi;
use super::source_api_read::{OWN_API, read_own_api};
use super::source_spec::SourceSpec;
use crate::document::{Diagnostic, Fields, Node, Place, Severity};
use crate::expr::Engine;
use std::sync::Arc;

/// The keys of a manifest's source side that stand in a source's own file.
pub(super) struct OwnParts<'n> {
    parts: SourceParts<'n>,
    walk: Option<&'n Node>,
    silence: Option<&'n Node>,
}

/// Of which source they are.
pub(super) struct OwnOf<'a> {
    pub file: &'a str,
    pub name: &'a str,
    pub title: Option<&'a str>,
    pub place: Place,
    pub api: Option<&'a Node>,
    pub engine: &'a Engine,
    /// The connector that it names.
    pub general: &'a Connector,
}

impl<'n> OwnParts<'n> {
    /// Takes them out of a source's keys.
    pub(super) fn take(fields: &mut Fields<'n, '_>) -> Self {
        Self { parts: SourceParts::take(fields), walk: fields.node("walk"), silence: fields.node("silence") }
    }

    /// The connector that they make, and its API. `None` where nothing usable is left.
    pub(super) fn read(
        self,
        of: &OwnOf<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<(Connector, Option<SourceApi>)> {
        let OwnOf { file, name, title, place, api, engine, general } = *of;
        let verified = general.verified;
        let spec = self.parts.read_own(file, place, (verified, engine), diagnostics)?;
        let reach =
            api.and_then(|api| read_own_api((file, name, title.unwrap_or(name)), api, engine, diagnostics));
        let walk =
            self.walk.and_then(|node| read_walk_of(&spec, (file, node), (verified, engine), diagnostics));
        let silence = self.silence.and_then(|node| read_silence(file, node, verified, diagnostics));
        let spec = SourceSpec {
            api: reach.as_ref().map(|reach| reach.spec.clone()),
            walk: walk.map(Arc::new),
            silence,
            ..spec
        };
        check_api(file, (api.map(|api| api.place), place), &spec, diagnostics);
        Some((general.of_source(name, title, spec), reach))
    }
}

/// What is fetched needs to be told where from, and an API of which nothing is fetched leads to nothing.
fn check_api(
    file: &str,
    (api, place): (Option<Place>, Place),
    spec: &SourceSpec,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let fetched = |record: &super::RecordSpec| !record.hints.is_empty() || record.fetch.is_some();
    let fetches = spec.walk.is_some() || spec.records.iter().any(fetched);
    // A mistake in what says how has been told already.
    let amiss = || diagnostics.iter().any(|told| told.file == file && told.severity == Severity::Error);
    let told = match api {
        None if fetches => {
            let message = "This file says how records are fetched, and not where from.";
            Diagnostic::error(file, Some(place), message).hint(OWN_API)
        }
        Some(place) if !fetches && !amiss() => {
            let message = "Nothing is fetched from this API: no kind of record says how.";
            Diagnostic::warning(file, Some(place), message)
                .hint("add to a kind of record `fetch: { method: GET, path: \"/bookings/{{ key }}\" }`")
        }
        _ => return,
    };
    diagnostics.push(told);
}
