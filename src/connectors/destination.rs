//! The destination side of a manifest.

use super::action::Action;
use super::action_read::{ActionReading, read_actions};
use super::answer_read::read_answers;
use super::answer_rule::AnswerRule;
use super::auth::{AuthMethod, read_methods};
use super::form_pattern::{FormPattern, read_form_pattern};
use super::guide::{Guide, read_guide};
use super::limits::{RateLimits, RetrySchedule, read_limits, read_retry};
use super::manifest::Verified;
use super::setup::{Setup, read_setup};
use super::templates::{ACTION_NAMES, Compiling};
use crate::document::{Diagnostic, Fields, Node, Yaml};
use crate::expr::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The destination side of a manifest.
pub struct Destination {
    /// Base URL, perhaps with `{{ setting.… }}`; `None`: the connection gives it.
    pub base_url: Option<String>,
    /// True for `http`: connections describe their own actions.
    pub open_actions: bool,
    /// Ways to sign in, by name.
    pub auth: BTreeMap<String, AuthMethod>,
    /// Whether it may also be called without signing in.
    pub optional_auth: bool,
    /// Settings of connections, by name.
    pub settings: BTreeMap<String, Setting>,
    /// Headers of every call.
    pub headers: Vec<(String, String)>,
    /// Limits where a connection says nothing.
    pub limits: RateLimits,
    /// Schedule where a connection says nothing.
    pub retry: RetrySchedule,
    /// The whole of one call, where a connection says nothing.
    pub timeout_ms: Option<u64>,
    /// Actions by name.
    pub actions: BTreeMap<String, Arc<Action>>,
    /// What answers mean, before the common classes; an action's own come first.
    pub answers: Vec<AnswerRule>,
    /// The call that tests the credential, and things to be made once (HubSpot: the unique property).
    pub setup: Setup,
    /// Where its key is found, step by step.
    pub guide: Option<Guide>,
}

/// A setting of connections.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// For people.
    pub label: Option<String>,
    /// One line of help.
    pub help: Option<String>,
    /// Its value where a connection says nothing; `None`: it must say.
    pub default: Option<String>,
    /// What it must look like.
    pub pattern: Option<FormPattern>,
}

/// Reads `destination:`.
pub(super) fn read_destination(
    file: &str,
    node: &Node,
    verified: Verified,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Destination {
    let mut fields = Fields::new(file, "the destination side", node, diagnostics);
    let base_url = fields.text("base_url");
    let open_actions = fields.boolean("open_actions").unwrap_or(false);
    let auth = fields.node("auth");
    let optional_auth = fields.boolean("optional_auth").unwrap_or(false);
    let settings = fields.node("settings");
    let headers = fields.node("headers");
    let limits = fields.node("limits");
    let retry = fields.node("retry");
    let timeout = fields.duration("timeout");
    let answers = fields.node("answers");
    let actions = fields.node("actions");
    let setup = fields.node("setup");
    let guide = fields.node("guide");
    let place = fields.place();
    if actions.is_none() && !open_actions {
        fields.report(
            Diagnostic::error(file, Some(place), "The destination side has no `actions`.")
                .hint("describe what can be asked of the system below `actions:`"),
        );
    }
    fields.finish();
    let reading = ActionReading { file, engine, open: false, verified: Verified::Unverified };
    let compiling = Compiling { file, engine, names: &ACTION_NAMES };
    Destination {
        base_url,
        open_actions,
        auth: auth.map(|node| read_methods(file, node, diagnostics)).unwrap_or_default(),
        optional_auth,
        settings: read_settings(file, settings, diagnostics),
        headers: headers.map(|node| read_texts(file, "headers", node, diagnostics)).unwrap_or_default(),
        limits: limits
            .map(|node| read_limits(file, node, RateLimits::default(), diagnostics))
            .unwrap_or_default(),
        retry: retry
            .map(|node| read_retry(file, node, &RetrySchedule::default(), diagnostics))
            .unwrap_or_default(),
        timeout_ms: timeout.map(|timeout| timeout.as_millis() as u64),
        answers: read_answers(file, answers, diagnostics),
        actions: actions.map(|node| read_actions(reading, node, diagnostics)).unwrap_or_default(),
        setup: setup.map(|node| read_setup(compiling, node, diagnostics)).unwrap_or_default(),
        guide: guide.and_then(|node| read_guide(file, node, verified, diagnostics)),
    }
}

fn read_settings(
    file: &str,
    node: Option<&Node>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    let Some(Yaml::Map(entries)) = node.map(|node| &node.yaml) else { return settings };
    for entry in entries {
        let mut fields = Fields::new(file, "a setting", &entry.value, diagnostics);
        let (label, help, default) = (fields.text("label"), fields.text("help"), fields.text("default"));
        let pattern = fields.node("pattern");
        fields.finish();
        let pattern = pattern.and_then(|node| read_form_pattern(file, node, diagnostics));
        settings.insert(entry.key.clone(), Setting { label, help, default, pattern });
    }
    settings
}

/// A map of names to single values, as texts.
pub(super) fn read_texts(
    file: &str,
    key: &str,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(String, String)> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`{key}` must be a map, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint(format!("write `{key}: {{ name: value }}`")),
        );
        return Vec::new();
    };
    let mut texts = Vec::new();
    for entry in entries {
        match &entry.value.yaml {
            Yaml::Text(text) => texts.push((entry.key.clone(), text.clone())),
            Yaml::Number(number) => texts.push((entry.key.clone(), number.to_string())),
            Yaml::Bool(truth) => texts.push((entry.key.clone(), truth.to_string())),
            _ => {
                let message = format!("`{}` must be a text, and this is {}.", entry.key, entry.value.kind());
                diagnostics.push(Diagnostic::error(file, Some(entry.value.place), message));
            }
        }
    }
    texts
}
