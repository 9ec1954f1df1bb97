//! A rules folder becomes the active ruleset: validated whole, kept in the database, activated at once.

use super::App;
use crate::connectors::{Catalogue, NeverStored, SecretRef, SourceSpec};
use crate::delivery::Rulesets as _;
use crate::document::{Diagnostic, Severity};
use crate::domain::{Verdict, VerdictCode};
use crate::ingest::{Door, Doors, Way, hash_token};
use crate::ports::{Cleaner, KeptOfWebhook, Secrets, SourceMemory, StoreError};
use crate::rules::{Files, Ruleset, compile};
use crate::workspace::{Change, FolderRead, Watcher, generate_token, read_folder};
use secrecy::ExposeSecret;
use std::collections::HashMap;
use std::sync::Arc;

/// A source that was removed keeps acking and storing for so long.
const REMOVED_KEPT_MS: i64 = 30 * 24 * 3_600_000;
/// What is remembered of a source whose address holds no secret of ours begins with this; the hash of the last ruleset that
/// had it follows.
const RULESET: &str = "ruleset:";
/// Runs cancelled in one transaction.
const CHUNK: i64 = 500;

/// What is known of the folder.
#[derive(Default)]
pub struct FolderState {
    /// Watches it; `None` until `watch` says which folder.
    pub(super) watcher: Option<Watcher>,
    /// What is wrong with it as it stands; errors keep it from being activated.
    pub diagnostics: Vec<Diagnostic>,
    /// Texts of the files that diagnostics point into.
    pub texts: std::collections::BTreeMap<String, String>,
    /// Why it can't be read at all.
    pub unreadable: Option<String>,
    /// Since when there is an error in it.
    pub broken_since: Option<crate::domain::Millis>,
    /// The files of the active ruleset.
    pub(super) active: Files,
}

impl App {
    /// Says which folder to watch. Where nothing was active before, it is read at once; else the last ruleset works until
    /// the folder, once it is still, says otherwise.
    pub async fn watch(&self, folder: &std::path::Path) {
        let mut state = self.folder.lock().await;
        if self.active().is_none() {
            match tokio::task::block_in_place(|| read_folder(folder)) {
                Ok(read) => self.take_folder(&mut state, read).await,
                Err(error) => {
                    tracing::error!("{error}");
                    state.unreadable = Some(error.to_string());
                }
            }
        }
        let known = state.active.clone();
        state.watcher = Some(Watcher::new(folder.to_owned(), known));
    }

    /// What is wrong with the folder as it stands.
    pub async fn folder_diagnostics(&self) -> Vec<Diagnostic> {
        self.folder.lock().await.diagnostics.clone()
    }

    /// Looks at the folder, and activates it if it changed and is valid. A broken one is refused with its diagnostics, and
    /// the last good one goes on.
    pub async fn look_at_folder(&self) {
        let mut folder = self.folder.lock().await;
        let now = self.clock.monotonic();
        let Some(watcher) = folder.watcher.as_mut() else { return };
        match tokio::task::block_in_place(|| watcher.poll(now)) {
            None => {}
            Some(Change::Settled(read)) => self.take_folder(&mut folder, read).await,
            Some(Change::Unreadable(why)) => {
                tracing::error!("{why}");
                folder.unreadable = Some(why);
            }
        }
    }

    /// The folder as it stands now: activated if it is valid, told what is wrong if not.
    async fn take_folder(&self, folder: &mut FolderState, read: FolderRead) {
        folder.unreadable = None;
        folder.texts.clone_from(&read.files.texts);
        let (activated, diagnostics) = self.try_files(&read.files, read.diagnostics).await;
        if activated {
            folder.active = read.files;
        }
        for diagnostic in &diagnostics {
            let text = folder.texts.get(&diagnostic.file).map(String::as_str);
            let rendered = crate::document::render(diagnostic, text);
            match diagnostic.severity {
                Severity::Error => tracing::error!("{rendered}"),
                Severity::Warning => tracing::warn!("{rendered}"),
            }
        }
        self.note_diagnostics(folder, diagnostics);
    }

    /// What is wrong with the folder, and since when.
    pub(super) fn note_diagnostics(&self, folder: &mut FolderState, diagnostics: Vec<Diagnostic>) {
        let broken = diagnostics.iter().any(|found| found.severity == Severity::Error);
        folder.broken_since = broken.then(|| folder.broken_since.unwrap_or_else(|| self.clock.now()));
        folder.diagnostics = diagnostics;
    }

    /// Compiles files and activates them where there is no error. Says whether they were, and all diagnostics.
    pub async fn try_files(
        &self,
        files: &Files,
        mut diagnostics: Vec<Diagnostic>,
    ) -> (bool, Vec<Diagnostic>) {
        let has_secret = |secret: &SecretRef| self.has_secret(secret);
        let compiled = tokio::task::block_in_place(|| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compile(files, Some(&has_secret))))
        });
        let Ok(compiled) = compiled else {
            let message = "a mistake of Waypost came up while reading the rules";
            diagnostics.push(Diagnostic::error("", None, message));
            return (false, diagnostics);
        };
        diagnostics.extend(compiled.diagnostics);
        let broken = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        let Some(ruleset) = compiled.ruleset.filter(|_| !broken) else { return (false, diagnostics) };
        match self.activate(ruleset, files).await {
            Ok(()) => (true, diagnostics),
            Err(error) => {
                let message = format!("the rules could not be activated: {error}");
                diagnostics.push(Diagnostic::error("", None, message));
                (false, diagnostics)
            }
        }
    }

    /// Makes a ruleset the active one: kept, links carried over, runs of rules that ended cancelled, doors opened.
    pub async fn activate(&self, ruleset: Arc<Ruleset>, files: &Files) -> Result<(), StoreError> {
        let before = self.active();
        let now = self.clock.now();
        if before.as_ref().is_none_or(|before| before.hash != ruleset.hash) {
            self.store.activate_ruleset(&ruleset.hash, &files.to_json(), now).await?;
            self.carry_links_over(&ruleset).await?;
        }
        self.open_doors(&ruleset).await?;
        self.take_up(&ruleset);
        if let Some(before) = before.filter(|before| before.hash != ruleset.hash) {
            self.cancel_ended_rules(&before, &ruleset).await?;
            tracing::info!(ruleset = ruleset.hash, rules = ruleset.rules.len(), "the rules were activated");
        }
        self.hints.apply.notify_one();
        self.hints.deliver.notify_one();
        Ok(())
    }

    /// From now on it is the active one in this process.
    fn take_up(&self, ruleset: &Arc<Ruleset>) {
        self.rulesets.keep(ruleset);
        match self.active.write() {
            Ok(mut active) => *active = Some(ruleset.clone()),
            Err(poisoned) => *poisoned.into_inner() = Some(ruleset.clone()),
        }
    }

    /// Part of the start: the ruleset that was active last works until the folder says otherwise.
    pub(super) async fn take_last_ruleset(&self) -> Result<(), StoreError> {
        let Some(stored) = self.store.active_ruleset().await? else { return Ok(()) };
        let Ok(files) = Files::from_json(&stored.files) else { return Ok(()) };
        let compiled = compile(&files, None);
        match compiled.ruleset {
            // A command beside the serving node writes nothing about rulesets: that node may have gone on meanwhile.
            Some(ruleset) if !self.places.exclusive => {
                self.take_up(&ruleset);
                Ok(())
            }
            Some(ruleset) => {
                self.activate(ruleset, &files).await?;
                self.folder.lock().await.active = files;
                Ok(())
            }
            None => {
                tracing::error!(
                    ruleset = stored.hash,
                    "the last ruleset can't be read by this version of Waypost"
                );
                Ok(())
            }
        }
    }

    /// A command beside the serving node goes by what that node has made the active ruleset meanwhile.
    pub(super) async fn take_changed_ruleset(&self) -> Result<(), StoreError> {
        if self.places.exclusive {
            return Ok(());
        }
        let active = self.store.active_hash().await?;
        if active.is_some() && active != self.active().map(|ruleset| ruleset.hash.clone()) {
            self.take_last_ruleset().await?;
        }
        Ok(())
    }

    async fn carry_links_over(&self, ruleset: &Arc<Ruleset>) -> Result<(), StoreError> {
        for rule in ruleset.rules.values() {
            if let Some(was) = &rule.was {
                self.store.rename_links((was, None), (&rule.name, None)).await?;
            }
            for step in &rule.steps {
                if let Some(was) = &step.was {
                    self.store.rename_links((&rule.name, Some(was)), (&rule.name, Some(&step.id))).await?;
                }
            }
        }
        Ok(())
    }

    /// Disabling or deleting a rule cancels its unbegun runs with a verdict.
    async fn cancel_ended_rules(&self, before: &Ruleset, now_active: &Ruleset) -> Result<(), StoreError> {
        let ended = before.rules.values().filter(|rule| rule.enabled).filter(|rule| {
            let goes_on = now_active.rules.get(&rule.name).is_some_and(|rule| rule.enabled);
            let renamed = now_active.rules.values().any(|new| new.was.as_ref() == Some(&rule.name));
            !goes_on && !renamed
        });
        for rule in ended {
            let text =
                format!("the rule \"{}\" was switched off or deleted before anything was sent", rule.name);
            let verdict = Verdict::new(VerdictCode::RuleOff, text);
            let now = self.clock.now();
            while self.store.cancel_runs_of_rule(&rule.name, &verdict, now, CHUNK).await? == CHUNK {}
        }
        Ok(())
    }

    /// Opens the doors of a ruleset's sources, and of those removed in the last 30 days. Makes tokens where they are
    /// wanted and missing.
    pub async fn open_doors(&self, ruleset: &Arc<Ruleset>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let remembered = self.store.sources().await?;
        // While an address is changed, the old one is taken too.
        let old_tokens = self.old_tokens().await?;
        let mut doors = HashMap::new();
        let mut memories = Vec::new();
        for source in ruleset.sources.values() {
            let by_address = source.sign_in.by_address();
            let mut hashes = if by_address { self.token_hashes(source).await } else { Vec::new() };
            let known = remembered.iter().find(|memory| memory.name == source.name);
            if by_address
                && hashes.is_empty()
                && self.vault_problem().is_some()
                && let Some(known) = known
            {
                // The vault can't be read: what its tokens hashed to is remembered, and ingest goes on.
                hashes = hashes_of(&known.tokens);
            }
            let tokens = if by_address {
                hashes.iter().map(hex).collect::<Vec<_>>().join(",")
            } else {
                format!("{RULESET}{}", ruleset.hash)
            };
            let spec = source.connector.source.as_ref();
            // What signs in is compared and never kept, whatever a file lists.
            let kept = |name: &&String| !source.sign_in.is_credential(name);
            let kept = KeptOfWebhook {
                headers: spec.into_iter().flat_map(|spec| &spec.headers).filter(kept).cloned().collect(),
                unstored: spec.map(SourceSpec::unstored).unwrap_or_default(),
            };
            let (headers, cleaner) = (kept.headers.clone(), cleaner(&kept.unstored));
            let memory =
                SourceMemory { name: source.name.clone(), tokens, removed_at: None, kept: Some(kept) };
            if !memory.tokens.is_empty() && known != Some(&memory) {
                memories.push(memory);
            }
            let mut ways = self.other_ways(source);
            if by_address {
                ways.insert(0, Way::Address { tokens: hashes, old: old_tokens.of(source, now) });
            }
            doors.insert(source.name.clone(), Door { ways, headers, until: None, cleaner });
        }
        for memory in remembered.iter().filter(|memory| !ruleset.sources.contains_key(&memory.name)) {
            let removed_at = memory.removed_at.unwrap_or(now);
            if memory.removed_at.is_none() {
                memories.push(SourceMemory { removed_at: Some(now), ..memory.clone() });
            }
            if now - removed_at < REMOVED_KEPT_MS {
                let ways = self.ways_of_removed(memory).await;
                let until = Some(removed_at + REMOVED_KEPT_MS);
                // It goes on as it was, so that it can be read when the source comes back. Where that is not known any more,
                // nothing is stored that any connector never stores.
                let kept = memory.kept.clone().unwrap_or_else(|| KeptOfWebhook {
                    headers: Vec::new(),
                    unstored: unstored_by_any(&ruleset.catalogue),
                });
                let cleaner = cleaner(&kept.unstored);
                let door = Door { ways, headers: kept.headers, until, cleaner };
                doors.insert(memory.name.clone(), door);
            }
        }
        if !memories.is_empty() {
            self.store.remember_sources(&memories).await?;
        }
        let doors = Arc::new(Doors::new(doors));
        match self.doors.write() {
            Ok(mut held) => *held = doors,
            Err(poisoned) => *poisoned.into_inner() = doors,
        }
        Ok(())
    }

    /// What opens the door of a source that was removed: the secret in its address by its hash, else what the last ruleset
    /// that had it asks for. Never nothing: where that can't be told any more, nothing opens it, and the sender tries again.
    async fn ways_of_removed(&self, memory: &SourceMemory) -> Vec<Way> {
        let shut = Way::Address { tokens: hashes_of(&memory.tokens), old: None };
        let Some(hash) = memory.tokens.strip_prefix(RULESET) else { return vec![shut] };
        let ruleset = self.rulesets.by_hash(hash).await;
        let source = ruleset.as_ref().and_then(|ruleset| ruleset.sources.get(&memory.name));
        let ways = source.map(|source| self.other_ways(source)).unwrap_or_default();
        if ways.is_empty() {
            tracing::warn!(source = memory.name, "how a removed source signed in is not known any more");
            return vec![shut];
        }
        ways
    }

    async fn token_hashes(&self, source: &crate::connectors::Source) -> Vec<[u8; 32]> {
        let own = [SecretRef::Vault(token_name(&source.name))];
        let wanted: Vec<&SecretRef> = if source.tokens.is_empty() {
            own.iter().collect()
        } else {
            source.tokens.iter().map(|(secret, _)| secret).collect()
        };
        let mut hashes = Vec::new();
        for secret in wanted {
            let value = match secret {
                SecretRef::Env(name) => self.secrets.environment(name),
                SecretRef::Vault(name) => match self.secrets.vault(name) {
                    Some(value) => Some(value),
                    // Only the serving node makes tokens: two makers would each answer by their own.
                    None if self.places.exclusive => self.make_token(name).await,
                    None => None,
                },
            };
            if let Some(value) = value {
                hashes.push(hash_token(value.expose_secret()));
            }
        }
        hashes
    }

    async fn make_token(&self, name: &str) -> Option<secrecy::SecretString> {
        let token = generate_token(&*self.entropy);
        match self.set_secret(name, &token).await {
            Ok(()) => Some(token.into()),
            Err(error) => {
                tracing::warn!(error = %error, secret = name, "a token for a source's address could not be made");
                None
            }
        }
    }

    /// The paths that a source listens at, with its tokens: for the people who paste them into the booking system.
    pub fn source_paths(&self, source: &crate::connectors::Source) -> Vec<String> {
        if source.sign_in.by_token() {
            return vec![format!("/hooks/{}/TOKEN", source.name)];
        }
        if !source.sign_in.by_address() {
            return vec![format!("/hooks/{}", source.name)];
        }
        let own = [SecretRef::Vault(token_name(&source.name))];
        let tokens: Vec<&SecretRef> = if source.tokens.is_empty() {
            own.iter().collect()
        } else {
            source.tokens.iter().map(|(secret, _)| secret).collect()
        };
        tokens
            .into_iter()
            .filter_map(|secret| match secret {
                SecretRef::Vault(name) => self.secrets.vault(name),
                SecretRef::Env(name) => self.secrets.environment(name),
            })
            .map(|token| {
                let token = percent_encoding::utf8_percent_encode(
                    token.expose_secret(),
                    percent_encoding::NON_ALPHANUMERIC,
                );
                format!("/hooks/{}/{token}", source.name)
            })
            .collect()
    }
}

fn cleaner(unstored: &[String]) -> Option<Arc<dyn Cleaner>> {
    NeverStored::read(unstored).map(|cleaner| Arc::new(cleaner) as Arc<dyn Cleaner>)
}

/// What connectors never store wherever it stands.
fn unstored_by_any(catalogue: &Catalogue) -> Vec<String> {
    let specs = catalogue.connectors.values().filter_map(|connector| connector.source.as_ref());
    specs.flat_map(SourceSpec::unstored).filter(|pattern| pattern.starts_with("**")).collect()
}

/// Vault name of a source's own token.
pub fn token_name(source: &str) -> String {
    format!("source.{source}.token")
}

pub(super) fn hex(hash: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hashes_of(tokens: &str) -> Vec<[u8; 32]> {
    tokens.split(',').filter_map(hash_of).collect()
}

/// What `hex` made.
pub(super) fn hash_of(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(hash)
}
