//! Files → ruleset or diagnostics. Validated whole: all mistakes of a folder are told in one go, sorted by file and
//! place, and there is a ruleset only where there is no error. Called by `check`, by the watcher of the folder and when
//! a stored ruleset is taken up again.

use super::rule::{Rule, Ruleset};
use super::rule_file::{World, read_rule};
use super::{Files, names};
use crate::connectors::{
    Catalogue, Connection, SecretRef, Source, builtin, read_connection, read_connector, read_source,
};
use crate::document::{Diagnostic, Node, Place, parse};
use crate::expr::{Engine, Limits, Scripts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What came of a folder.
pub struct Compiled {
    /// The ruleset, where there is no error.
    pub ruleset: Option<Arc<Ruleset>>,
    /// What is wrong, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Whether a secret has a value.
pub type HasSecret<'h> = &'h dyn Fn(&SecretRef) -> bool;

/// Compiles a folder. `has_secret` says whether a secret has a value (`None`: not known, no warnings);
/// its absence is a warning.
pub fn compile(files: &Files, has_secret: Option<HasSecret<'_>>) -> Compiled {
    let mut folder = Folder { files, told: names::check(files), broken: BTreeSet::new() };
    let engine = Arc::new(folder.engine());
    let mut catalogue = folder.catalogue(&engine);
    let sources = folder.sources(&catalogue, &engine);
    let connections = folder.connections(&catalogue, &engine);
    // Connectors that sources describe in their own files are looked up by their bookings.
    let own = sources.values().map(|source| &source.connector).filter(|connector| connector.is_of_source());
    let own: Vec<_> = own.map(|connector| (connector.name.clone(), connector.clone())).collect();
    catalogue.connectors.extend(own);
    if let Some(has_secret) = has_secret {
        folder.secrets(&sources, &connections, has_secret);
    }
    let world = World {
        engine: &engine,
        sources: &sources,
        connections: &connections,
        source_names: stems(files, "sources"),
        connection_names: stems(files, "connections"),
    };
    let rules = folder.rules(&world);
    let mut diagnostics = folder.told;
    tidy(&mut diagnostics);
    let refused = diagnostics.iter().any(|told| told.severity == crate::document::Severity::Error);
    let ruleset = (!refused)
        .then(|| Arc::new(Ruleset { hash: files.hash(), catalogue, sources, connections, rules, engine }));
    Compiled { ruleset, diagnostics }
}

fn stems<'f>(files: &'f Files, folder: &'static str) -> BTreeSet<&'f str> {
    files.within(folder).map(|(stem, ..)| stem).collect()
}

/// Sorts by file and place, and tells each thing once.
pub(super) fn tidy(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|one, other| {
        let key = |told: &Diagnostic| (told.place, told.severity);
        one.file
            .cmp(&other.file)
            .then_with(|| key(one).cmp(&key(other)))
            .then_with(|| one.message.cmp(&other.message))
    });
    diagnostics.dedup();
}

struct Folder<'f> {
    files: &'f Files,
    told: Vec<Diagnostic>,
    /// Connectors that could not be read: what names them is not told a second time.
    broken: BTreeSet<String>,
}

impl<'f> Folder<'f> {
    fn engine(&mut self) -> Engine {
        let texts = |folder| -> BTreeMap<String, String> {
            self.files.within(folder).map(|(_, path, text)| (path.to_owned(), text.to_owned())).collect()
        };
        let scripts = Scripts { lib: texts("lib"), tables: texts("tables") };
        for (path, _) in scripts.lib.iter().chain(&scripts.tables).filter(|(_, text)| text.trim().is_empty())
        {
            let told = Diagnostic::error(path, None, "This file is empty.");
            self.told.push(told.hint("write its content, or delete the file"));
        }
        let (engine, mistakes) = Engine::build(&scripts, Limits::default());
        for (file, mistake) in mistakes {
            let text = self.files.texts.get(&file).map_or("", String::as_str);
            let told = Diagnostic::error(&file, Some(place_of(text, mistake.offset)), mistake.message);
            let way = "look at this line and the one above it: a bracket, a comma or a quote may be missing";
            self.told.push(told.hint(mistake.hint.unwrap_or_else(|| way.to_owned())));
        }
        engine
    }

    fn documents(&mut self, folder: &'static str) -> Vec<(&'f str, &'f str, &'f str, Node)> {
        let mut documents = Vec::new();
        for (name, path, text) in self.files.within(folder) {
            match parse(path, text) {
                Ok(node) => documents.push((name, path, text, node)),
                Err(told) => {
                    self.told.push(told);
                    if folder == "connectors" {
                        self.broken.insert(name.to_owned());
                    }
                }
            }
        }
        documents
    }

    fn catalogue(&mut self, engine: &Engine) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for &(name, text) in builtin() {
            let file = format!("connectors/{name}.yaml");
            // A folder's own text of the same name is told under the file that its owner can change.
            let own = self.files.texts.get(&file);
            if own.is_some_and(|own| own != text) {
                continue;
            }
            match parse(&file, text) {
                Ok(node) => {
                    let connector = read_connector(&file, name, &node, engine, &mut self.told);
                    catalogue.connectors.extend(connector.map(|found| (name.to_owned(), Arc::new(found))));
                }
                Err(told) => self.told.push(told),
            }
        }
        for (name, path, text, node) in self.documents("connectors") {
            if builtin().iter().any(|(known, known_text)| *known == name && *known_text == text) {
                continue;
            }
            match read_connector(path, name, &node, engine, &mut self.told) {
                Some(found) => {
                    catalogue.connectors.insert(name.to_owned(), Arc::new(found));
                }
                None => {
                    self.broken.insert(name.to_owned());
                }
            }
        }
        catalogue
    }

    fn names_broken_connector(&self, node: &Node) -> bool {
        let crate::document::Yaml::Map(entries) = &node.yaml else { return false };
        entries
            .iter()
            .find(|entry| entry.key == "connector")
            .and_then(|entry| entry.value.as_text())
            .is_some_and(|name| self.broken.contains(name))
    }

    fn sources(&mut self, catalogue: &Catalogue, engine: &Engine) -> BTreeMap<String, Arc<Source>> {
        let mut sources = BTreeMap::new();
        for (name, path, _, node) in self.documents("sources") {
            if self.names_broken_connector(&node) {
                continue;
            }
            if let Some(source) = read_source(path, name, &node, (catalogue, engine), &mut self.told) {
                sources.insert(name.to_owned(), Arc::new(source));
            }
        }
        sources
    }

    fn connections(&mut self, catalogue: &Catalogue, engine: &Engine) -> BTreeMap<String, Arc<Connection>> {
        let mut connections = BTreeMap::new();
        for (name, path, _, node) in self.documents("connections") {
            if self.names_broken_connector(&node) {
                continue;
            }
            if let Some(found) = read_connection(path, name, &node, catalogue, engine, &mut self.told) {
                connections.insert(name.to_owned(), Arc::new(found));
            }
        }
        connections
    }

    fn rules(&mut self, world: &World<'_>) -> BTreeMap<String, Arc<Rule>> {
        let mut rules = BTreeMap::new();
        for (name, path, text, node) in self.documents("") {
            if let Some(rule) = read_rule(world, path, name, text, &node, &mut self.told) {
                rules.insert(name.to_owned(), Arc::new(rule));
            }
        }
        names::check_former(&rules, &stems(self.files, ""), &mut self.told);
        rules
    }

    fn secrets(
        &mut self,
        sources: &BTreeMap<String, Arc<Source>>,
        connections: &BTreeMap<String, Arc<Connection>>,
        has_secret: HasSecret<'_>,
    ) {
        for source in sources.values() {
            for (_, secret, place) in source.api.iter().filter(|(_, secret, _)| !has_secret(secret)) {
                let what = format!(
                    "{} can't be asked about the bookings of {}",
                    source.connector.title, source.name
                );
                self.told.push(without_value(&source.file, secret, *place, &what));
            }
            for (secret, place) in source.sign_in.secrets().filter(|(secret, _)| !has_secret(secret)) {
                let what = format!("the source {} answers 503", source.name);
                self.told.push(without_value(&source.file, secret, *place, &what));
            }
            // A token of the vault is generated where it has no value; one of the environment never is.
            let tokens = source
                .tokens
                .iter()
                .filter(|(token, _)| matches!(token, SecretRef::Env(_)) && !has_secret(token));
            for (token, place) in tokens {
                let what = format!("the source {} answers 503", source.name);
                self.told.push(without_value(&source.file, token, *place, &what));
            }
        }
        for connection in connections.values() {
            for (secret, place) in connection.secrets.iter().filter(|(secret, _)| !has_secret(secret)) {
                let what = format!("the connection {} stays paused", connection.name);
                self.told.push(without_value(&connection.spec.file, secret, *place, &what));
            }
        }
    }
}

fn without_value(file: &str, secret: &SecretRef, place: Place, what: &str) -> Diagnostic {
    let (named, hint) = match secret {
        SecretRef::Vault(name) => {
            (format!("The secret `{name}`"), format!("give it one with `waypost secret set {name}`"))
        }
        SecretRef::Env(name) => (
            format!("The environment variable `{name}`"),
            format!("set `{name}` in the environment that Waypost is started in"),
        ),
    };
    Diagnostic::warning(file, Some(place), format!("{named} has no value; until it has, {what}.")).hint(hint)
}

/// The place of a byte of a whole file.
fn place_of(text: &str, offset: usize) -> Place {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.matches('\n').count() as u32 + 1,
        column: before[line_start..].chars().filter(|c| *c != '\u{feff}').count() as u32 + 1,
        length: names::word_length(&text[offset..]),
    }
}
