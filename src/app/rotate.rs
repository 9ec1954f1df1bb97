//! Changes the hard-to-guess part of a source's address, with an overlap: the old one is taken until a time, or until
//! somebody ends it, so that nothing is lost between the change here and the change in the booking system.
//!
//! Only the hash of an old token is kept, with the time of its end, as a fact. The rules folder is not touched. Called by the
//! page of a source; `activate` opens the doors by it, and ingest looks at the time of each webhook.

use super::App;
use super::activate::{hash_of, hex, token_name};
use super::secrets::SetSecretError;
use crate::connectors::{SecretRef, Source};
use crate::domain::Millis;
use crate::ingest::{OldToken, hash_token};
use crate::ports::{Secrets, StoreError};
use crate::workspace::generate_token;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const HOUR_MS: Millis = 3_600_000;
/// The longest overlap.
const OVERLAP_HOURS_MAX: i64 = 30 * 24;
/// The fact with all old tokens.
const FACT: &str = "sources.old-tokens";

/// An old address that is still taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldAddress {
    /// Until then.
    pub until: Millis,
}

/// Why an address was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// Its tokens are looked after by hand.
    #[error(
        "the file of this source says its tokens by itself (of the environment, or several of them). Change them there: \
         a list of two tokens has both taken."
    )]
    ByHand,
    /// One after the other.
    #[error("an old address is taken still. End it first, so that the booking system is not left with none.")]
    Overlaps,
    /// It was not kept.
    #[error(transparent)]
    Secret(#[from] SetSecretError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An old token as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    hash: String,
    until: Millis,
}

/// Old tokens by the vault's names of the present ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct OldTokens(BTreeMap<String, Kept>);

impl OldTokens {
    /// That of a source, where it is still taken at `now`.
    pub fn of(&self, source: &Source, now: Millis) -> Option<OldToken> {
        let kept = self.0.get(&own_token(source)?).filter(|kept| kept.until > now)?;
        Some(OldToken { hash: hash_of(&kept.hash)?, until: kept.until })
    }
}

impl App {
    /// Gives a source another address. The old one is taken for so many hours more.
    pub async fn rotate_token(&self, source: &Source, overlap_hours: i64) -> Result<(), RotateError> {
        let name = own_token(source).ok_or(RotateError::ByHand)?;
        let _one_at_a_time = self.publishing.lock().await;
        let now = self.clock.now();
        let mut old = self.old_tokens().await?;
        if old.of(source, now).is_some() {
            return Err(RotateError::Overlaps);
        }
        let until = now + overlap_hours.clamp(0, OVERLAP_HOURS_MAX) * HOUR_MS;
        // What is over goes with it.
        old.0.retain(|_, kept| kept.until > now);
        // The old one first: whatever happens in between, it is taken.
        if let Some(value) = self.secrets.vault(&name).filter(|_| until > now) {
            old.0.insert(name.clone(), Kept { hash: hex(&hash_token(value.expose_secret())), until });
        }
        self.keep_old_tokens(&old).await?;
        self.set_secret(&name, &generate_token(&*self.entropy)).await?;
        self.refresh_secrets().await?;
        Ok(())
    }

    /// The old address is not taken any more from now on.
    pub async fn end_old_address(&self, source: &Source) -> Result<bool, RotateError> {
        let name = own_token(source).ok_or(RotateError::ByHand)?;
        let _one_at_a_time = self.publishing.lock().await;
        let mut old = self.old_tokens().await?;
        let ended = old.0.remove(&name).is_some_and(|kept| kept.until > self.clock.now());
        self.keep_old_tokens(&old).await?;
        self.refresh_secrets().await?;
        Ok(ended)
    }

    /// The old address that a source still takes.
    pub async fn old_address(&self, source: &Source) -> Result<Option<OldAddress>, StoreError> {
        let old = self.old_tokens().await?.of(source, self.clock.now());
        Ok(old.map(|old| OldAddress { until: old.until }))
    }

    /// All old tokens.
    pub(super) async fn old_tokens(&self) -> Result<OldTokens, StoreError> {
        let kept = self.store.fact(FACT).await?;
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default())
    }

    async fn keep_old_tokens(&self, old: &OldTokens) -> Result<(), StoreError> {
        let text = serde_json::to_string(old).unwrap_or_default();
        self.store.set_fact(FACT, &text).await
    }

    /// Whether the address of a source can be changed here.
    pub fn rotates(&self, source: &Source) -> bool {
        own_token(source).is_some() && self.vault_problem().is_none()
    }
}

/// The one token of a source that is in the vault: its own, or the one that its file names.
fn own_token(source: &Source) -> Option<String> {
    if !source.sign_in.by_address() {
        return None;
    }
    match source.tokens.as_slice() {
        [] => Some(token_name(&source.name)),
        [(SecretRef::Vault(name), _)] => Some(name.clone()),
        _ => None,
    }
}
