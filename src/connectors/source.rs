//! A source: one door that webhooks come in by.

use super::Connector;
use super::guide::Guide;
use super::manifest::{Catalogue, unknown_connector};
use super::records::{RecordSpec, Told, Unreadable};
use super::schema::Schema;
use super::secret::{SecretRef, read_secret};
use super::silence::{OnSilence, SilenceSpec, read_on_silence};
use crate::document::{Diagnostic, Fields, Node, Place, Yaml};
use serde_json::Value;
use std::sync::Arc;

/// The source side of a manifest.
#[derive(Clone, Debug)]
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
    let verify = fields.text("verify");
    let api = fields.node("api");
    let account = fields.text("account");
    let extra = fields.texts("extra_fields");
    let enabled = fields.boolean("enabled").unwrap_or(true);
    let on_silence = fields.text("on_silence");
    fields.finish();
    let on_silence =
        read_on_silence(file, on_silence.as_deref(), fields_place(node, "on_silence"), diagnostics);
    match verify.as_deref() {
        None | Some("never") => {}
        Some("always") => diagnostics.push(
            Diagnostic::error(file, fields_place(node, "verify"), "`verify: always` is not built yet.")
                .hint("remove the line, or write `verify: never`"),
        ),
        Some(other) => diagnostics.push(
            Diagnostic::error(file, fields_place(node, "verify"), format!("`verify` is never `{other}`."))
                .hint("write `verify: never`"),
        ),
    }
    let tokens = token.map(|token| read_tokens(file, token, diagnostics)).unwrap_or_default();
    let api = api.map(|api| read_api(file, api, diagnostics)).unwrap_or_default();
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
    let extra: Vec<String> = extra.into_iter().map(|(path, _)| path).collect();
    let record = spec.record("booking").or(spec.records.first());
    Some(Source {
        name: name.to_owned(),
        title: title.unwrap_or_else(|| name.to_owned()),
        file: file.to_owned(),
        account: account.filter(|account| !account.trim().is_empty()),
        tokens,
        api,
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

fn read_api(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<(String, SecretRef, Place)> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`api` must be a map of secrets, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message).hint("write `api: { app: { secret: NAME } }`"),
        );
        return Vec::new();
    };
    let mut read = Vec::new();
    for entry in entries {
        if let Some((secret, place)) = read_secret(file, &entry.value, diagnostics) {
            read.push((entry.key.clone(), secret, place));
        }
    }
    read
}
