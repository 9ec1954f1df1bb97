//! What every page needs to know besides its own subject: what time it is, how things are called, how much there is, how
//! the connections are. Read once per request.

use super::errors::PageError;
use super::outlook::Trouble;
use crate::app::App;
use crate::document::Severity;
use crate::domain::Millis;
use crate::ports::{ConnectionState, Glance};
use std::collections::BTreeMap;

/// What every page needs.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// Now.
    pub now: Millis,
    /// How the runs stand, and what is not read yet.
    pub counts: Glance,
    /// Connections as remembered, by name.
    pub connections: BTreeMap<String, ConnectionState>,
    /// Titles of connections, by name.
    pub connection_titles: BTreeMap<String, String>,
    /// Titles of sources, by name.
    pub source_titles: BTreeMap<String, String>,
    /// Titles of rules, by name.
    pub rule_titles: BTreeMap<String, String>,
    /// Titles of connectors, by name.
    pub connector_titles: BTreeMap<String, String>,
    /// What is wrong with the rules or the vault.
    pub troubles: Vec<Trouble>,
}

impl Scene {
    /// Reads it.
    pub async fn read(app: &App) -> Result<Self, PageError> {
        let counts = app.store.glance().await?;
        let remembered = app.store.connections().await?;
        let mut scene = Self { now: app.clock.now(), counts, ..Self::default() };
        scene.connections = remembered.into_iter().map(|state| (state.name.clone(), state)).collect();
        let active = app.active();
        if let Some(active) = &active {
            for (name, connection) in &active.connections {
                scene.connection_titles.insert(name.clone(), connection.title.clone());
            }
            for (name, source) in &active.sources {
                scene.source_titles.insert(name.clone(), source.title.clone());
                scene.connector_titles.insert(source.connector.name.clone(), source.connector.title.clone());
            }
            for (name, rule) in &active.rules {
                scene.rule_titles.insert(name.clone(), rule.title.clone());
            }
        }
        let diagnostics = app.folder_diagnostics().await;
        let mistakes = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        if mistakes > 0 {
            scene
                .troubles
                .push(Trouble::BrokenRules { mistakes: mistakes as i64, goes_on: active.is_some() });
        } else if active.is_none() {
            scene.troubles.push(Trouble::NoRules);
        }
        if let Some(why) = app.vault_problem() {
            scene.troubles.push(Trouble::NoVault(why.to_owned()));
        }
        app.remember_needed(scene.needs_you());
        Ok(scene)
    }

    /// What a connection is called.
    pub fn connection(&self, name: &str) -> String {
        titled(&self.connection_titles, name)
    }

    /// What a source is called.
    pub fn source(&self, name: &str) -> String {
        titled(&self.source_titles, name)
    }

    /// What a rule is called.
    pub fn rule(&self, name: &str) -> String {
        titled(&self.rule_titles, name)
    }

    /// What a connector is called.
    pub fn connector(&self, name: &str) -> String {
        titled(&self.connector_titles, name)
    }

    /// Runs in one of these states, of one connection or of all.
    pub fn runs(&self, states: &[&str], connection: Option<&str>) -> i64 {
        let wanted = |(state, of, _): &&(String, String, i64)| {
            states.contains(&state.as_str()) && connection.is_none_or(|name| name == of)
        };
        self.counts.runs.iter().filter(wanted).map(|(_, _, count)| count).sum()
    }

    /// Runs that a person must look at.
    pub fn needs_you(&self) -> i64 {
        self.runs(&["failed", "held"], None)
    }

    /// Runs that are on their way to a connection, or to any.
    pub fn under_way(&self, connection: Option<&str>) -> i64 {
        self.runs(&["waiting", "working", "paused"], connection)
    }

    /// Names of all connections: those of the rules, those remembered, and those that runs go to.
    pub fn connection_names(&self) -> Vec<String> {
        let of_runs =
            self.counts.runs.iter().filter(|(_, name, _)| !name.is_empty()).map(|(_, name, _)| name);
        let known = self.connection_titles.keys().chain(self.connections.keys());
        let mut names: Vec<String> = known.chain(of_runs).cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

fn titled(titles: &BTreeMap<String, String>, name: &str) -> String {
    match titles.get(name).map(|title| title.trim()) {
        Some(title) if !title.is_empty() => title.to_owned(),
        _ => name.to_owned(),
    }
}
