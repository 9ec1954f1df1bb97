//! A source: one door that webhooks come in by.

use super::Connector;
use super::guide::Guide;
use super::manifest::{Catalogue, unknown_connector};
use super::records::{RecordSpec, Told, Unreadable};
use super::schema::Schema;
use super::secret::{SecretRef, read_secret};
use super::silence::{OnSilence, SilenceSpec, read_on_silence};
use super::source_api::{ApiSpec, SourceApi};
use super::source_api_read::{ApiOf, ReadApi, read_api};
use super::walk::WalkSpec;
use crate::document::{Diagnostic, Fields, Node, Place, Yaml};
use serde_json::Value;
use std::sync::Arc;

/// The source side of a manifest.
#[derive(Clone)]
pub struct SourceSpec {
    /// Kinds of record that bodies tell of, in the order in which they are tried.
    pub records: Vec<RecordSpec>,
    /// Header names (lower case) that are stored with an event.
    pub headers: Vec<String>,
    /// What to click in the booking system, step by step.
    pub guide: Option<Guide>,
    /// Why it may send nothing, and what it does when webhooks fail.
    pub silence: Option<SilenceSpec>,
    /// What `account:` of a source is there; empty where the manifest says nothing.
    pub account_help: String,
    /// How all records within a range of days are found, where that is known.
    pub walk: Option<Arc<WalkSpec>>,
    /// How the system itself is called, where it can be.
    pub api: Option<Arc<ApiSpec>>,
}

impl SourceSpec {
    /// What a body tells: of each kind of record in order. A record that cannot be read makes the whole body
    /// unreadable, so that nothing of it is passed over in silence.
    pub fn read(&self, mut body: Value) -> Result<Vec<Told>, Unreadable> {
        let mut told = Vec::new();
        for record in &self.records {
            let Some(found) = body.pointer_mut(&record.at) else { continue };
            // What no other kind of record is read from is taken out of the body, which saves a copy.
            let shared = self.records.iter().any(|other| other.kind != record.kind && record.overlaps(other));
            let found = if shared { found.clone() } else { found.take() };
            told.extend(record.read(found).map_err(Unreadable::Body)?);
        }
        if told.is_empty() {
            let kinds: Vec<&str> = self.records.iter().map(|record| record.kind.as_str()).collect();
            return Err(Unreadable::Nothing(format!("The body tells of no {}.", kinds.join(" and no "))));
        }
        Ok(told)
    }

    /// The kind of record.
    pub fn record(&self, kind: &str) -> Option<&RecordSpec> {
        self.records.iter().find(|record| record.kind == kind)
    }
}

/// Whether the source's API is asked before a webhook that tells the whole is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// It is believed.
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

/// One `sources/NAME.yaml`.
pub struct Source {
    /// Its name: that of its file.
    pub name: String,
    /// For people.
    pub title: String,
    /// Its file, for diagnostics.
    pub file: String,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// The account that its bodies must be of, where it says one.
    pub account: Option<String>,
    /// Its URL tokens; several while one is rotated. Empty: generated, kept in the vault as `source.NAME.token`.
    pub tokens: Vec<(SecretRef, Place)>,
    /// Secrets of the source system's API (`api:`), with their names there.
    pub api: Vec<(String, SecretRef, Place)>,
    /// That API, where the file gives its keys.
    pub reach: Option<Arc<SourceApi>>,
    /// Whether the API is asked what a webhook says.
    pub verify: Verify,
    /// False: its webhooks are stored and acked, and lead to nothing.
    pub enabled: bool,
    /// What is done when it is silent for longer than usual.
    pub on_silence: OnSilence,
    /// The connector's schema with the source's `extra_fields:`, for the record kind `booking` (else the first kind).
    pub schema: Schema,
}

/// Reads a source file.
pub fn read_source(
    file: &str,
    name: &str,
    node: &Node,
    catalogue: &Catalogue,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Source> {
    let mut fields = Fields::new(file, "a source", node, diagnostics);
    let connector_place = fields_place(node, "connector");
    let connector = fields.required_text("connector");
    let title = fields.text("title");
    let token = fields.node("token");
    let verify = fields.node("verify");
    let api = fields.node("api");
    let account = fields.text("account");
    let extra = fields.texts("extra_fields");
    let enabled = fields.boolean("enabled").unwrap_or(true);
    let on_silence = fields.text("on_silence");
    fields.finish();
    let on_silence =
        read_on_silence(file, on_silence.as_deref(), fields_place(node, "on_silence"), diagnostics);
    let tokens = token.map(|token| read_tokens(file, token, diagnostics)).unwrap_or_default();
    let connector = connector?;
    let Some(connector) = catalogue.connectors.get(&connector) else {
        diagnostics.push(unknown_connector(file, connector_place, &connector, catalogue, |known| {
            known.source.is_some()
        }));
        return None;
    };
    let Some(spec) = &connector.source else {
        let message = format!("The connector `{}` sends no webhooks.", connector.name);
        diagnostics.push(
            Diagnostic::error(file, connector_place, message)
                .hint("name a booking system's connector here; this one belongs into connections/"),
        );
        return None;
    };
    let of = ApiOf { file, source: name, title: &connector.title, spec: spec.api.as_ref() };
    let ReadApi { secrets, api: reach } = api.map(|api| read_api(&of, api, diagnostics)).unwrap_or_default();
    let verify = verify.map(|verify| read_verify(file, verify, diagnostics)).unwrap_or_default();
    if verify != Verify::Never {
        check_verify(file, node, connector, spec, api.is_some(), diagnostics);
    }
    if on_silence == OnSilence::Backfill && (spec.walk.is_none() || reach.is_none()) {
        let message = "`on_silence: backfill` does nothing here: what was missed can't be fetched.";
        let hint = if spec.walk.is_none() {
            format!("the connector `{}` does not say how all of its records are found", connector.name)
        } else {
            String::from("name the keys of its API under `api:`, or write `on_silence: tell`")
        };
        diagnostics.push(Diagnostic::warning(file, fields_place(node, "on_silence"), message).hint(hint));
    }
    let extra: Vec<String> = extra.into_iter().map(|(path, _)| path).collect();
    let record = spec.record("booking").or(spec.records.first());
    Some(Source {
        name: name.to_owned(),
        title: title.unwrap_or_else(|| name.to_owned()),
        file: file.to_owned(),
        account: account.filter(|account| !account.trim().is_empty()),
        tokens,
        api: secrets,
        reach: reach.map(Arc::new),
        verify,
        enabled,
        on_silence,
        schema: record.map(|record| record.schema.with_extra(&extra)).unwrap_or_default(),
        connector: connector.clone(),
    })
}

/// Where the value of a key stands.
pub(super) fn fields_place(node: &Node, key: &str) -> Option<Place> {
    match &node.yaml {
        Yaml::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.place),
        _ => None,
    }
    .or(Some(node.place))
}

fn read_tokens(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<(SecretRef, Place)> {
    match &node.yaml {
        Yaml::List(items) => items.iter().filter_map(|item| read_secret(file, item, diagnostics)).collect(),
        _ => read_secret(file, node, diagnostics).into_iter().collect(),
    }
}

/// Reads `verify:`: never, always, or `{ when_down: hold }`.
fn read_verify(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Verify {
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

/// What can't be asked can't be verified.
fn check_verify(
    file: &str,
    node: &Node,
    connector: &Connector,
    spec: &SourceSpec,
    has_keys: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let place = fields_place(node, "verify");
    let title = &connector.title;
    if spec.api.is_none() || spec.records.iter().all(|record| record.fetch.is_none()) {
        let message =
            format!("Waypost does not know how {title} is asked about a booking, so it can't be verified.");
        diagnostics.push(
            Diagnostic::error(file, place, message).hint("write `verify: never`, or leave the line out"),
        );
    } else if !has_keys {
        let names = spec.api.iter().flat_map(|api| &api.secrets);
        let names: Vec<String> = names.map(|one| format!("{}: {{ secret: NAME }}", one.name)).collect();
        let message = format!("To verify, {title} is asked, and this source gives no keys for that.");
        diagnostics.push(
            Diagnostic::error(file, place, message).hint(format!("add `api: {{ {} }}`", names.join(", "))),
        );
    }
}
