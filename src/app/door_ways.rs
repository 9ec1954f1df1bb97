//! What opens the door of a source: the words of its file with the values of its secrets. Called whenever the ruleset or a
//! secret changes.

use super::App;
use crate::connectors::{SecretRef, SignInSecrets, SignInWay, Source};
use crate::ingest::{TokenCheck, Way, hash_token, signing_key};
use crate::ports::Secrets as _;
use secrecy::{ExposeSecret, SecretString};

impl App {
    /// All that must hold, beside the secret in the address. A secret without a value leaves its way without one, and the
    /// door answers that it can't check.
    pub(super) fn other_ways(&self, source: &Source) -> Vec<Way> {
        source.sign_in.ways.iter().filter_map(|way| self.way(source, way)).collect()
    }

    fn way(&self, source: &Source, way: &SignInWay) -> Option<Way> {
        Some(match way {
            SignInWay::Address => return None,
            SignInWay::Header { name, prefix, secrets } => Way::Header {
                name: name.clone(),
                prefix: prefix.clone(),
                secrets: self.values(secrets).iter().map(|value| hash_token(value.expose_secret())).collect(),
            },
            SignInWay::Basic { user, secrets } => {
                let whole = |value: &SecretString| hash_token(&format!("{user}:{}", value.expose_secret()));
                Way::Basic(self.values(secrets).iter().map(whole).collect())
            }
            SignInWay::Signature { scheme, url, secrets } => {
                let values = self.values(secrets);
                let keys: Vec<Vec<u8>> =
                    values.iter().filter_map(|value| signing_key(scheme, value.expose_secret())).collect();
                if keys.len() < values.len() {
                    tracing::warn!(
                        source = source.name,
                        "a signing secret of the source is not written as its scheme says, and nothing is signed with it"
                    );
                }
                Way::Signature { scheme: scheme.clone(), url: url.clone(), keys }
            }
            SignInWay::Token { scheme, secrets } => {
                let values = self.values(secrets);
                Way::Token(TokenCheck::new(scheme, values.iter().map(ExposeSecret::expose_secret)))
            }
            SignInWay::Addresses(ranges) => Way::Addresses(ranges.clone()),
        })
    }

    fn values(&self, secrets: &SignInSecrets) -> Vec<SecretString> {
        let value = |secret: &SecretRef| match secret {
            SecretRef::Vault(name) => self.secrets.vault(name),
            SecretRef::Env(name) => self.secrets.environment(name),
        };
        let given = secrets.iter().filter_map(|(secret, _)| value(secret));
        given.filter(|value| !value.expose_secret().trim().is_empty()).collect()
    }
}
