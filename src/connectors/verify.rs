//! `verify:` of a source: whether its system's API is asked before a webhook that tells the whole is believed.

use super::source::fields_place;
use super::source_spec::SourceSpec;
use crate::document::{Diagnostic, Fields, Node, Yaml};

/// Whether the API is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// The webhook is believed.
    #[default]
    Never,
    /// It only says that something changed; what counts is what the API answers.
    Always(WhenDown),
}

/// What is done while the API does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenDown {
    /// Wait: nothing that was not verified goes anywhere.
    #[default]
    Hold,
    /// Go by the webhook after a while, marked unverified, and fetch later.
    Payload,
}

/// Reads `verify:`: never, always, or `{ when_down: hold }`.
pub(super) fn read_verify(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Verify {
    let wrong = |place, what: &str, diagnostics: &mut Vec<Diagnostic>| {
        diagnostics.push(
            Diagnostic::error(file, Some(place), format!("{what}.")).hint(
                "write `verify: never`, `verify: always`, or `verify: { always: true, when_down: payload }` to go by \
                 the webhook while the API does not answer",
            ),
        );
        Verify::Never
    };
    match &node.yaml {
        Yaml::Text(text) if text == "never" => Verify::Never,
        Yaml::Text(text) if text == "always" => Verify::Always(WhenDown::Hold),
        Yaml::Text(text) => wrong(node.place, &format!("`verify` is never `{text}`"), diagnostics),
        Yaml::Map(_) => {
            let mut fields = Fields::new(file, "verify", node, diagnostics);
            let always = fields.boolean("always").unwrap_or(true);
            let when_down = fields.node("when_down");
            fields.finish();
            let when_down = match when_down.map(|node| (node.as_text(), node.place)) {
                None | Some((Some("hold"), _)) => WhenDown::Hold,
                Some((Some("payload"), _)) => WhenDown::Payload,
                Some((_, place)) => return wrong(place, "`when_down` is `hold` or `payload`", diagnostics),
            };
            if always { Verify::Always(when_down) } else { Verify::Never }
        }
        _ => {
            let what = format!("`verify` is a word or a map, and this is {}", node.kind());
            wrong(node.place, &what, diagnostics)
        }
    }
}

/// Of which source `verify:` is checked.
pub(super) struct VerifyOf<'a> {
    pub file: &'a str,
    pub node: &'a Node,
    /// The connector's title.
    pub title: &'a str,
    pub spec: &'a SourceSpec,
    pub has_keys: bool,
}

/// What can't be asked can't be verified, and what is only hinted at can't be known without being asked.
pub(super) fn check_verify(of: &VerifyOf<'_>, verify: Verify, diagnostics: &mut Vec<Diagnostic>) {
    let VerifyOf { file, node, title, spec, has_keys } = of;
    let place = fields_place(node, "verify");
    let names = spec.api.iter().flat_map(|api| &api.secrets);
    let names: Vec<String> = names.map(|one| format!("{}: {{ secret: NAME }}", one.name)).collect();
    let keys = format!("add `api: {{ {} }}`", names.join(", "));
    let thin = spec.records.iter().any(|record| !record.hints.is_empty());
    if verify == Verify::Never {
        if thin && !has_keys && spec.api.is_some() {
            let message = format!(
                "{title}'s webhooks only say that something changed. Without keys for its API nothing more is known."
            );
            diagnostics.push(Diagnostic::warning(file, Some(node.place), message).hint(keys));
        }
    } else if spec.api.is_none() || spec.records.iter().all(|record| record.fetch.is_none()) {
        let message =
            format!("Waypost does not know how {title} is asked about a booking, so it can't be verified.");
        diagnostics.push(
            Diagnostic::error(file, place, message).hint("write `verify: never`, or leave the line out"),
        );
    } else if !has_keys {
        let message = format!("To verify, {title} is asked, and this source gives no keys for that.");
        diagnostics.push(Diagnostic::error(file, place, message).hint(keys));
    }
}
