//! The vault and the node's id: what lives in the data folder beside the database.

use super::App;
use crate::connectors::SecretRef;
use crate::ports::{Entropy, SealedSecret, Secrets, Store, StoreError};
use crate::workspace::{KEY_VARIABLE, SealError, Vault, find_key};
use std::path::Path;

/// The fact that says which key the secrets were sealed with.
pub(super) const KEY_FACT: &str = "key.fingerprint";
/// File of the node's id.
const NODE_FILE: &str = "node";

/// Finds or makes the key. `Ok(Err(why))`: the store works, secrets don't.
pub(super) async fn open_vault(
    store: &dyn Store,
    data: &Path,
    entropy: &dyn Entropy,
) -> Result<Result<Vault, String>, StoreError> {
    let expected = store.fact(KEY_FACT).await?;
    let environment = std::env::var(KEY_VARIABLE).ok().filter(|value| !value.is_empty());
    let found = match find_key(data, environment.as_deref(), expected.as_deref(), entropy) {
        Ok(found) => found,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if let Some(warning) = &found.warning {
        tracing::warn!("{warning}");
    }
    let vault = Vault::open(&found.key);
    if expected.is_none() {
        store.set_fact(KEY_FACT, vault.fingerprint()).await?;
    }
    Ok(Ok(vault))
}

/// The id of this node: made on first start.
pub(super) fn node_id(data: &Path, entropy: &dyn Entropy) -> Result<String, StoreError> {
    let unfit = |error: std::io::Error| {
        let file = data.join(NODE_FILE);
        StoreError::Unfit(format!("{} can't be read or made: {error}", file.display()))
    };
    let file = data.join(NODE_FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Ok(_) | Err(_) => {
            let id = crate::workspace::generate_token(entropy)[..12].to_owned();
            std::fs::create_dir_all(data).map_err(unfit)?;
            std::fs::write(&file, format!("{id}\n")).map_err(unfit)?;
            Ok(id)
        }
    }
}

/// Why a secret was not set.
#[derive(Debug, thiserror::Error)]
pub enum SetSecretError {
    /// There is no key.
    #[error("{0}")]
    NoVault(String),
    /// Not a value that can be kept.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Seals and keeps a secret. A running node notices it within a second or two.
    pub async fn set_secret(&self, name: &str, value: &str) -> Result<(), SetSecretError> {
        let vault = self.vault.as_ref().map_err(|why| SetSecretError::NoVault(why.clone()))?;
        let sealed = vault.seal(name, value, &*self.entropy)?;
        self.store.set_secret(&SealedSecret { name: name.to_owned(), sealed, at: self.clock.now() }).await?;
        self.reload_secrets().await?;
        Ok(())
    }

    /// Takes the vault's rows as they are now.
    pub async fn reload_secrets(&self) -> Result<(), StoreError> {
        let rows = self.store.secrets().await?;
        self.secrets.load(self.vault.as_ref().map_err(Clone::clone), &rows);
        Ok(())
    }

    /// Looks at the vault's rows again, and opens the doors by what stands there.
    pub async fn refresh_secrets(&self) -> Result<(), StoreError> {
        self.reload_secrets().await?;
        if let Some(active) = self.active() {
            self.open_doors(&active).await?;
        }
        Ok(())
    }

    /// Whether a secret has a value.
    pub fn has_secret(&self, secret: &SecretRef) -> bool {
        match secret {
            SecretRef::Vault(name) => self.secrets.vault(name).is_some(),
            SecretRef::Env(name) => self.secrets.environment(name).is_some(),
        }
    }
}
