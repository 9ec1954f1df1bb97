//! The keys of a booking system's API, given on a source's page: they go into the vault, sealed, and the file names them.
//!
//! Promises: a file that is not published leaves no key behind; what the file says by hand stays as it stands.

use super::App;
use super::connect::{ConnectError, PartKind};
use super::publish::{Actor, Draft};
use crate::connectors::{SecretRef, Source};
use crate::document::{parse, with_entries};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A key that a source's page asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceKey {
    /// Its name in files.
    pub name: String,
    /// What it is called over there.
    pub label: String,
    /// One line of help.
    pub help: String,
    /// Whether it has a value.
    pub has_value: bool,
    /// Where its value comes from is said by hand: it is changed there.
    pub by_hand: bool,
}

impl App {
    /// The keys of the API that a source's connector describes; none where it describes none.
    pub fn source_keys(&self, source: &Source) -> Vec<SourceKey> {
        let spec = source.connector.source.as_ref().and_then(|spec| spec.api.as_ref());
        let keys = spec.iter().flat_map(|spec| &spec.secrets).map(|key| {
            let held = source.api.iter().find(|(name, ..)| *name == key.name).map(|(_, secret, _)| secret);
            SourceKey {
                name: key.name.clone(),
                label: key.label.clone(),
                help: key.help.clone().unwrap_or_default(),
                has_value: held.is_some_and(|secret| self.has_secret(secret)),
                by_hand: matches!(held, Some(SecretRef::Env(_))),
            }
        });
        keys.collect()
    }

    /// Gives keys their values. A file that names none yet does so from now on; then all of them are needed.
    pub async fn set_source_keys(
        self: &Arc<Self>,
        name: &str,
        values: &BTreeMap<String, String>,
        actor: Actor,
    ) -> Result<(), ConnectError> {
        let active = self.active().ok_or(ConnectError::NoConnector)?;
        let source = active.sources.get(name).ok_or(ConnectError::NoConnector)?;
        let keys = self.source_keys(source);
        let mut wrong = Vec::new();
        let mut given = Vec::new();
        for key in keys.iter().filter(|key| !key.by_hand) {
            let value =
                values.get(&format!("key.{}", key.name)).map(|value| value.trim()).unwrap_or_default();
            if value.chars().any(char::is_control) {
                wrong.push((
                    "keys".to_owned(),
                    format!("Paste the {} as one line, as it was shown.", key.label.to_lowercase()),
                ));
            } else if !value.is_empty() {
                given.push((key.name.as_str(), value));
            } else if source.api.is_empty() {
                wrong.push(("keys".to_owned(), format!("Give the {}.", key.label.to_lowercase())));
            }
        }
        if !wrong.is_empty() {
            return Err(ConnectError::Fields(wrong));
        }
        if !source.api.is_empty() {
            for (key, value) in given {
                let held = source.api.iter().find(|(known, ..)| known == key).map(|(_, secret, _)| secret);
                if let Some(SecretRef::Vault(held)) = held {
                    self.keep_key(key, held, value).await?;
                }
            }
            return Ok(());
        }
        let file = PartKind::Source.file(name).ok_or(ConnectError::NoConnector)?;
        let (text, opened) = self.open_file(&file).await?.ok_or(ConnectError::NoConnector)?;
        let secret = |key: &str| format!("source.{name}.api.{key}");
        let at = |why: String| ConnectError::Fields(vec![("keys".to_owned(), why)]);
        let mut api = match parse("", &text).ok().and_then(|file| file.to_json().get("api").cloned()) {
            Some(Value::Object(api)) => api,
            _ => Map::new(),
        };
        api.extend(given.iter().map(|(key, _)| ((*key).to_owned(), json!({ "secret": secret(key) }))));
        let text = with_entries(&text, &[("api", Some(Value::Object(api)))]).map_err(at)?;
        for (key, value) in &given {
            self.keep_key(key, &secret(key), value).await?;
        }
        let draft = Draft { file, text, opened: Some(opened) };
        if let Err(error) = self.publish(vec![draft], actor, format!("Give {name} the keys of its API")).await
        {
            for (key, _) in &given {
                self.store.remove_secret(&secret(key)).await?;
            }
            self.reload_secrets().await?;
            return Err(error.into());
        }
        Ok(())
    }

    async fn keep_key(&self, key: &str, secret: &str, value: &str) -> Result<(), ConnectError> {
        use super::secrets::SetSecretError;
        let at = |why: &str| ConnectError::Fields(vec![("keys".to_owned(), format!("{key}: {why}"))]);
        match self.set_secret(secret, value).await {
            Ok(()) => {
                self.refresh_secrets().await?;
                self.hints.fetch.notify_one();
                Ok(())
            }
            Err(SetSecretError::Seal(error)) => Err(at(&error.to_string())),
            Err(SetSecretError::NoVault(why)) => Err(at(&why)),
            Err(error @ SetSecretError::Store(_)) => Err(error.into()),
        }
    }
}
