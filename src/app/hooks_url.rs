//! Where webhooks come in from outside, as `--hooks-url` says; kept, so that commands beside the router know it too.

use super::App;
use crate::ports::StoreError;

/// Name of the fact that says where webhooks come in from outside.
const HOOKS_URL_FACT: &str = "hooks.url";

impl App {
    /// Says where webhooks come in from outside, as `--hooks-url` does. The first time counts.
    pub fn come_in_at(&self, base: &str) {
        let _ = self.hooks_url.set(base.to_owned());
    }

    /// The same, kept for commands beside the router. Part of the start.
    pub(super) async fn keep_hooks_url(&self) -> Result<(), StoreError> {
        let base = self.hooks_url.get().map(String::as_str).unwrap_or_default();
        if self.store.fact(HOOKS_URL_FACT).await?.unwrap_or_default() != base {
            self.store.set_fact(HOOKS_URL_FACT, base).await?;
        }
        Ok(())
    }

    /// Where webhooks come in from outside; `None`: nobody said.
    pub(super) async fn hooks_url(&self) -> Result<Option<String>, StoreError> {
        let base = match self.hooks_url.get() {
            Some(base) => Some(base.clone()),
            None => self.store.fact(HOOKS_URL_FACT).await?,
        };
        Ok(base.filter(|base| !base.is_empty()))
    }
}
