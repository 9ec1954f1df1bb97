//! Rulesets by their hash: pinned runs go by former ones. Compiled when first needed, a few are kept.

use crate::delivery::Rulesets;
use crate::ports::Store;
use crate::rules::{Files, Ruleset, compile};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Compiled rulesets in memory.
const KEPT_MAX: usize = 8;

/// Compiled rulesets over what the store keeps.
pub struct KeptRulesets {
    store: Arc<dyn Store>,
    kept: Mutex<VecDeque<Arc<Ruleset>>>,
}

impl KeptRulesets {
    /// None yet.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, kept: Mutex::new(VecDeque::new()) }
    }

    /// Keeps one that was compiled already.
    pub fn keep(&self, ruleset: &Arc<Ruleset>) {
        let mut kept = match self.kept.lock() {
            Ok(kept) => kept,
            Err(poisoned) => poisoned.into_inner(),
        };
        kept.retain(|known| known.hash != ruleset.hash);
        kept.push_front(ruleset.clone());
        kept.truncate(KEPT_MAX);
    }

    fn find(&self, hash: &str) -> Option<Arc<Ruleset>> {
        let kept = match self.kept.lock() {
            Ok(kept) => kept,
            Err(poisoned) => poisoned.into_inner(),
        };
        kept.iter().find(|known| known.hash == hash).cloned()
    }
}

#[async_trait]
impl Rulesets for KeptRulesets {
    async fn by_hash(&self, hash: &str) -> Option<Arc<Ruleset>> {
        if let Some(known) = self.find(hash) {
            return Some(known);
        }
        let stored = match self.store.ruleset(hash).await {
            Ok(stored) => stored?,
            Err(error) => {
                tracing::warn!(error = %error, ruleset = hash, "a former ruleset could not be read");
                return None;
            }
        };
        let files = Files::from_json(&stored.files).ok()?;
        let mut ruleset = None;
        let compiled = std::panic::catch_unwind(|| compile(&files, None));
        if let Ok(compiled) = compiled {
            ruleset = compiled.ruleset;
        }
        let ruleset = ruleset?;
        self.keep(&ruleset);
        Some(ruleset)
    }
}
