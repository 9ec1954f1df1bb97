//! A source: one door that webhooks come in by.

use super::Connector;
use super::connection::SecretRef;
use super::manifest::Catalogue;
use super::records::{RecordSpec, Told, Unreadable};
use super::schema::Schema;
use crate::document::{Diagnostic, Node, Place};
use serde_json::Value;
use std::sync::Arc;

/// The source side of a manifest.
pub struct SourceSpec {
    /// Kinds of record that bodies tell of, in the order in which they are tried.
    pub records: Vec<RecordSpec>,
    /// Header names (lower case) that are stored with an event.
    pub headers: Vec<String>,
}

impl SourceSpec {
    /// What a body tells.
    pub fn read(&self, _body: &Value) -> Result<Vec<Told>, Unreadable> {
        todo!()
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
    /// The connector's schema with the source's `extra_fields:`, for the record kind `booking`.
    pub schema: Schema,
}

/// Reads a source file.
pub fn read_source(
    _file: &str,
    _name: &str,
    _node: &Node,
    _catalogue: &Catalogue,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Source> {
    todo!()
}
