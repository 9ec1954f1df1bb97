//! Whether all is well: database, key, disk, rules folder, secrets; sources are in
//! `doctor_sources`, connections in `doctor_connections`. Findings are sentences with a way out: `waypost doctor` prints them, and pages can show the same. Nothing is changed,
//! but what `fix` makes that a connection's set-up says must be there.

use super::App;
use crate::document::Severity;
use crate::domain::{Millis, begin_sentence, counted};
use crate::ports::{Outbound, StoreError};
use crate::rules::{Ruleset, compile};
use crate::workspace::{FolderRead, read_folder};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Less room on the disk than this is amiss: a busy day's webhooks and their bookings fit into it many times.
const DISK_BYTES_MIN: u64 = 500 << 20;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Well,
    /// Works, and somebody should know.
    Notice,
    /// Not as it should be.
    Amiss,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: `database`, `key`, `source harbour-tours`.
    pub about: String,
    /// How it is.
    pub health: Health,
    /// A sentence.
    pub text: String,
    /// A way out, where there is one to tell.
    pub way_out: Option<String>,
    /// A time that the sentence ends with, where there is one.
    pub at: Option<Millis>,
    /// The way out where there are buttons instead of commands.
    pub on_page: Option<String>,
    /// It is not there, and can be made from here.
    pub can_be_made: bool,
}

impl Finding {
    pub(super) fn new(about: impl Into<String>, health: Health, text: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            health,
            text: text.into(),
            way_out: None,
            at: None,
            on_page: None,
            can_be_made: false,
        }
    }

    pub(super) fn well(about: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(about, Health::Well, text)
    }

    pub(super) fn amiss(
        about: impl Into<String>,
        text: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self { way_out: Some(way_out.into()), ..Self::new(about, Health::Amiss, text) }
    }

    /// The same with what pages say instead of the way out of commands.
    pub(super) fn on_page(self, way_out: impl Into<String>) -> Self {
        Self { on_page: Some(way_out.into()), ..self }
    }
}

impl App {
    /// Looks at everything. `rules` is the folder; `fix` makes what must be there in a connection and is not.
    pub async fn check_up(
        &self,
        outbound: &dyn Outbound,
        rules: &Path,
        fix: bool,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        self.look_at_database(&mut findings).await;
        self.look_at_key(&mut findings).await?;
        findings.extend(disk(&self.places.data));
        findings.push(Finding::well("node", format!("This node is {}.", self.node)));
        let ruleset = self.look_at_rules(rules, &mut findings);
        let Some(ruleset) = ruleset else { return Ok(findings) };
        self.look_at_secrets(&ruleset, &mut findings);
        self.look_at_sources(outbound, &ruleset, &mut findings).await?;
        self.look_at_fetching(&ruleset, None, &mut findings).await?;
        let names: Vec<String> = ruleset.sources.keys().cloned().collect();
        self.look_at_bodies(&names, &mut findings).await?;
        let states = self.store.connections().await?;
        let counts = self.store.counts().await?;
        for connection in ruleset.connections.values() {
            let state = states.iter().find(|state| state.name == connection.name);
            Self::look_at_state(connection, state, &counts, &mut findings);
            self.try_connection(outbound, &ruleset, connection, fix, &mut findings).await;
        }
        Ok(findings)
    }

    async fn look_at_database(&self, findings: &mut Vec<Finding>) {
        let counts = self.store.counts().await;
        match (self.store.describe().await, counts) {
            (Ok(what), Ok(counts)) => {
                let text = format!(
                    "{what}, with {}, of which {} to be applied, and {}. Its schema is up to date.",
                    counted(counts.events, "event"),
                    match counts.unapplied {
                        1 => "1 waits".to_owned(),
                        many => format!("{many} wait"),
                    },
                    counted(counts.bookings, "booking")
                );
                findings.push(Finding::well("database", text));
            }
            (Err(error), _) | (_, Err(error)) => {
                let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
                findings.push(Finding::amiss(
                    "database",
                    format!("It does not answer: {error}{why}."),
                    "look at --database, and whether the disk is full",
                ));
            }
        }
    }

    async fn look_at_key(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        if let Some(problem) = self.vault_problem() {
            let way_out = "webhooks are still taken and stored; calls that need a secret wait";
            findings.push(Finding::amiss("key", problem, way_out));
            return Ok(());
        }
        let fingerprint = self.store.fact(super::secrets::KEY_FACT).await?.unwrap_or_default();
        findings.push(Finding::well("key", format!("Secrets are sealed with the key {fingerprint}.")));
        for problem in self.secrets.problems() {
            findings.push(Finding::amiss("key", problem, "set that secret anew: waypost secret set NAME"));
        }
        Ok(())
    }

    /// The folder's ruleset, where it is valid, else the one at work.
    pub fn ruleset_of_folder(&self, folder: &Path) -> Option<Arc<Ruleset>> {
        self.look_at_rules(folder, &mut Vec::new())
    }

    fn look_at_rules(&self, folder: &Path, findings: &mut Vec<Finding>) -> Option<Arc<Ruleset>> {
        let active = self.active();
        let shown = folder.display();
        let at_work = active.as_ref().map_or_else(
            || "none are at work".to_owned(),
            |active| format!("the last good ones are at work (ruleset {})", active.hash),
        );
        let read = match tokio::task::block_in_place(|| read_folder(folder)) {
            Ok(read) => read,
            Err(error) => {
                let text = format!("{error} Meanwhile {at_work}.");
                findings.push(Finding::amiss("rules", text, "put the folder back, or name it with --rules"));
                return active;
            }
        };
        let FolderRead { files, mut diagnostics, .. } = read;
        let compiled = tokio::task::block_in_place(|| compile(&files, None));
        diagnostics.extend(compiled.diagnostics);
        let errors = diagnostics.iter().filter(|told| told.severity == Severity::Error).count();
        let warnings = diagnostics.len() - errors;
        let check = format!("waypost check --rules {shown} shows where");
        let Some(ruleset) = compiled.ruleset.filter(|_| errors == 0) else {
            let text = format!("{shown} has {errors} mistakes and {warnings} warnings; {at_work}.");
            findings.push(Finding::amiss("rules", text, check));
            return active;
        };
        let same = active.is_some_and(|active| active.hash == ruleset.hash);
        let on = ruleset.rules.values().filter(|rule| rule.enabled).count();
        let at_work = if same { "at work" } else { "not at work yet: a running instance takes it up" };
        let text = format!(
            "In {shown}, rules that are on: {on}; warnings: {warnings} (ruleset {}, {at_work}).",
            ruleset.hash
        );
        let health = if warnings > 0 || !same { Health::Notice } else { Health::Well };
        let way_out = (warnings > 0).then_some(check);
        findings.push(Finding { way_out, ..Finding::new("rules", health, text) });
        Some(ruleset)
    }

    fn look_at_secrets(&self, ruleset: &Ruleset, findings: &mut Vec<Finding>) {
        for connection in ruleset.connections.values() {
            for (secret, _) in connection.secrets.iter().filter(|(secret, _)| !self.has_secret(secret)) {
                let about = format!("connection {}", connection.name);
                findings.push(Self::missing(about, secret, "It is paused until it has one."));
            }
        }
        for source in ruleset.sources.values() {
            let needed = source.tokens.iter().chain(source.sign_in.secrets());
            for (secret, _) in needed.filter(|(secret, _)| !self.has_secret(secret)) {
                let about = format!("source {}", source.name);
                findings.push(Self::missing(
                    about,
                    secret,
                    "Its webhooks are answered with 503 until it has one.",
                ));
            }
        }
    }

    pub(super) fn missing(about: String, secret: &crate::connectors::SecretRef, then: &str) -> Finding {
        let way_out = match secret {
            crate::connectors::SecretRef::Vault(name) => format!("waypost secret set {name}"),
            crate::connectors::SecretRef::Env(name) => {
                format!(
                    "set {name} where `waypost serve` runs (this look saw the environment of this command)"
                )
            }
        };
        let on_page = match secret {
            crate::connectors::SecretRef::Vault(_) => "Paste the key further down on this page.".to_owned(),
            crate::connectors::SecretRef::Env(name) => {
                format!("Whoever runs Waypost sets {name} in its environment.")
            }
        };
        let secret = secret.to_string();
        let text = format!("{}{} has no value. {then}", secret[..1].to_uppercase(), &secret[1..]);
        Finding::amiss(about, text, way_out).on_page(on_page)
    }
}

/// A sentence that begins as sentences do and has no stop at its end.
pub(super) fn begun(text: &str) -> String {
    begin_sentence(text.trim_end_matches('.'))
}

/// Room on the disk of the data folder, as `df` tells it; nothing where there is no `df`.
fn disk(data: &Path) -> Option<Finding> {
    let told = Command::new("df").arg("-Pk").arg(data).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&told.stdout);
    let free: u64 = text.lines().last()?.split_whitespace().nth(3)?.parse::<u64>().ok()?.checked_mul(1024)?;
    let shown = format!("{:.1} GB are free on the disk of {}.", free as f64 / 1e9, data.display());
    Some(if free < DISK_BYTES_MIN {
        Finding::amiss("disk", shown, "make room: when it is full, webhooks are answered with 503")
    } else {
        Finding::well("disk", shown)
    })
}
