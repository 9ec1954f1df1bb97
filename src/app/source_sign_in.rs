//! How a source's webhooks sign in, changed from its page: a secret of the other system goes into the vault, sealed, and
//! the file names it.
//!
//! Promises: a file that is not published leaves no secret behind; what the file says by hand stays as it stands.

use super::App;
use super::connect::{ConnectError, PartKind};
use super::publish::{Actor, Draft};
use crate::connectors::{OfferedWay, SecretRef, Source};
use crate::document::{parse, with_entries};
use serde_json::{Value, json};
use std::sync::Arc;

/// A way to sign in that a source's page offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedSignIn {
    /// Its name in files.
    pub name: String,
    /// What the secret is called over there.
    pub title: String,
    /// Where it is found there.
    pub help: String,
    /// Whether the file asks for it already.
    pub asked: bool,
    /// Whether its secret has a value.
    pub has_value: bool,
    /// Where its value comes from is said by hand: it is changed there.
    pub by_hand: bool,
}

impl App {
    /// The ways that a source's connector describes and that take a secret of the other system.
    pub fn offered_sign_ins(&self, source: &Source) -> Vec<OfferedSignIn> {
        let spec = source.connector.source.as_ref();
        let ways = spec.map(|spec| spec.sign_in.as_slice()).unwrap_or_default();
        let offered = ways.iter().filter(|way| way.wants_secret()).map(|way| {
            let secrets = source.sign_in.secrets_of(&way.name);
            OfferedSignIn {
                name: way.name.clone(),
                title: way.title.clone(),
                help: way.help.clone(),
                asked: secrets.is_some(),
                has_value: secrets
                    .is_some_and(|secrets| secrets.iter().any(|(secret, _)| self.has_secret(secret))),
                by_hand: secrets
                    .is_some_and(|secrets| !matches!(secrets.as_slice(), [(SecretRef::Vault(_), _)])),
            }
        });
        offered.collect()
    }

    /// Gives a way to sign in its secret. A file that does not ask for it yet does so from now on, beside what it asks for.
    pub async fn set_sign_in(
        self: &Arc<Self>,
        (name, way): (&str, &str),
        value: &str,
        actor: Actor,
    ) -> Result<(), ConnectError> {
        let value = value.trim();
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(at("Paste the secret here: one line, as it was shown."));
        }
        let active = self.active().ok_or(ConnectError::NoConnector)?;
        let source = active.sources.get(name).ok_or(ConnectError::NoConnector)?;
        let spec = source.connector.source.as_ref().ok_or(ConnectError::NoConnector)?;
        let known = |known: &&OfferedWay| known.name == way && known.wants_secret();
        spec.sign_in.iter().find(known).ok_or(ConnectError::NoConnector)?;
        match source.sign_in.secrets_of(way).map(Vec::as_slice) {
            Some([(SecretRef::Vault(held), _)]) => return self.keep_sign_in(held, value).await,
            Some(_) => {
                return Err(at(
                    "Where this secret comes from is said in the source's file. Change it there.",
                ));
            }
            None => {}
        }
        let secret = format!("source.{name}.{way}");
        let file = PartKind::Source.file(name).ok_or(ConnectError::NoConnector)?;
        let (text, opened) = self.open_file(&file).await?.ok_or(ConnectError::NoConnector)?;
        let ways = with_way(&text, way, &secret).ok_or_else(|| at(crate::document::BY_HAND))?;
        let text = with_entries(&text, &[("sign_in", Some(ways))]).map_err(|why| at(&why))?;
        // The secret first, so that the door never asks for what it can't check; taken back where nothing asks for it.
        self.keep_sign_in(&secret, value).await?;
        let draft = Draft { file, text, opened: Some(opened) };
        if let Err(error) = self.publish(vec![draft], actor, format!("Have {name} sign in ({way})")).await {
            self.store.remove_secret(&secret).await?;
            self.reload_secrets().await?;
            return Err(error.into());
        }
        Ok(())
    }

    async fn keep_sign_in(&self, name: &str, value: &str) -> Result<(), ConnectError> {
        use super::secrets::SetSecretError;
        match self.set_secret(name, value).await {
            Ok(()) => {
                self.refresh_secrets().await?;
                Ok(())
            }
            Err(SetSecretError::Seal(error)) => Err(at(&error.to_string())),
            Err(SetSecretError::NoVault(why)) => Err(at(&why)),
            Err(error @ SetSecretError::Store(_)) => Err(error.into()),
        }
    }
}

fn at(sentence: &str) -> ConnectError {
    ConnectError::Fields(vec![("value".to_owned(), sentence.to_owned())])
}

/// What the file asks for now, and this way beside it.
fn with_way(text: &str, way: &str, secret: &str) -> Option<Value> {
    let file = parse("", text).ok()?.to_json();
    let mut ways = match file.get("sign_in") {
        None => vec![json!("address")],
        Some(Value::Array(ways)) => ways.clone(),
        Some(one) => vec![one.clone()],
    };
    ways.push(json!({ way: { "secret": secret } }));
    Some(Value::Array(ways))
}

#[cfg(test)]
mod tests {
    use super::with_way;
    use serde_json::json;

    #[test]
    fn a_way_is_asked_for_beside_what_is_asked_for_already() {
        let signature = json!({ "signature": { "secret": "s" } });
        for (text, expected) in [
            ("connector: stripe\n", json!(["address", signature])),
            ("sign_in: address\n", json!(["address", signature])),
            ("sign_in: [address, { ips: stripe }]\n", json!(["address", { "ips": "stripe" }, signature])),
            ("sign_in: { ips: stripe }\n", json!([{ "ips": "stripe" }, signature])),
        ] {
            assert_eq!(with_way(text, "signature", "s"), Some(expected), "{text}");
        }
    }
}
