//! Adapter: the values of secrets by name, from the vault's opened rows and from the environment. Implements
//! `ports::Secrets`. `app` loads it at start and again after each `secret set` or `secret rm`; without a key it goes on
//! with no vault secret at all and a reason to show.

use super::vault::Vault;
use crate::ports::{Entropy, SealedSecret, Secrets};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Values of secrets.
#[derive(Default)]
pub struct VaultSecrets {
    vault: RwLock<Opened>,
    /// `None`: the process's own.
    environment: Option<BTreeMap<String, String>>,
}

#[derive(Default)]
struct Opened {
    values: BTreeMap<String, SecretString>,
    problems: Vec<String>,
}

impl VaultSecrets {
    /// No vault secrets yet; the process's environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// No vault secrets yet; this environment.
    pub fn with_environment(environment: BTreeMap<String, String>) -> Self {
        Self { vault: RwLock::default(), environment: Some(environment) }
    }

    /// Takes the vault's rows as they are now. `Err` is why there is no vault: then all its secrets are missing.
    pub fn load(&self, vault: Result<&Vault, String>, rows: &[SealedSecret]) {
        let mut opened = Opened::default();
        match vault {
            Err(why) => opened.problems.push(why),
            Ok(vault) => {
                for row in rows {
                    match vault.unseal(&row.name, &row.sealed) {
                        Ok(value) => {
                            opened.values.insert(row.name.clone(), value);
                        }
                        Err(error) => opened.problems.push(error.to_string()),
                    }
                }
            }
        }
        *self.vault.write().unwrap_or_else(PoisonError::into_inner) = opened;
    }

    /// Why secrets that should be there are not, as sentences for `doctor` and the pages.
    pub fn problems(&self) -> Vec<String> {
        self.vault.read().unwrap_or_else(PoisonError::into_inner).problems.clone()
    }
}

impl Secrets for VaultSecrets {
    fn vault(&self, name: &str) -> Option<SecretString> {
        self.vault.read().unwrap_or_else(PoisonError::into_inner).values.get(name).cloned()
    }

    /// An empty variable is as good as none: `docker run -e NAME=` means nobody set it.
    fn environment(&self, name: &str) -> Option<SecretString> {
        let value = match &self.environment {
            Some(environment) => environment.get(name).cloned(),
            // `var` panics on names that no variable can have.
            None if name.is_empty() || name.contains(['=', '\0']) => None,
            None => std::env::var(name).ok(),
        };
        value.filter(|value| !value.is_empty()).map(SecretString::from)
    }
}

/// The hard-to-guess part of a source's URL: 160 bits as 32 characters of base 32, safe in a path and read aloud.
pub fn generate_token(entropy: &dyn Entropy) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let [first, second] = [entropy.bytes(), entropy.bytes()];
    // Five bits of each byte: no need to pack what chance gives freely.
    first.iter().chain(&second).map(|byte| char::from(DIGITS[usize::from(byte & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use super::{VaultSecrets, generate_token};
    use crate::clock::OsEntropy;
    use crate::ports::{SealedSecret, Secrets};
    use crate::workspace::{Key, Vault};
    use secrecy::{ExposeSecret, SecretString};
    use std::collections::BTreeMap;

    fn shown(value: Option<SecretString>) -> Option<String> {
        value.map(|value| value.expose_secret().to_owned())
    }

    #[test]
    fn vault_secrets_follow_the_rows() {
        let vault = Vault::open(&Key::generate(&OsEntropy));
        let row = |name: &str, value: &str| SealedSecret {
            name: name.into(),
            sealed: vault.seal(name, value, &OsEntropy).unwrap(),
            at: 0,
        };
        let secrets = VaultSecrets::new();
        secrets.load(Ok(&vault), &[row("a", "1"), row("b", "2")]);
        assert_eq!(shown(secrets.vault("a")).as_deref(), Some("1"));
        let moved = SealedSecret { name: "c".into(), ..row("a", "1") };
        secrets.load(Ok(&vault), &[row("b", "3"), moved]);
        assert_eq!(shown(secrets.vault("a")), None);
        assert_eq!(shown(secrets.vault("b")).as_deref(), Some("3"));
        assert_eq!(
            secrets.problems(),
            [format!("The secret c does not open with the key {}; set it again.", vault.fingerprint())]
        );
    }

    #[test]
    fn without_a_key_there_is_a_reason_and_the_environment_still_works() {
        let environment =
            BTreeMap::from([("TOKEN".to_owned(), "t".to_owned()), ("EMPTY".to_owned(), String::new())]);
        let secrets = VaultSecrets::with_environment(environment);
        secrets.load(Err("no key".to_owned()), &[SealedSecret { name: "a".into(), sealed: vec![1], at: 0 }]);
        assert_eq!(shown(secrets.vault("a")), None);
        assert_eq!(secrets.problems(), ["no key"]);
        assert_eq!(shown(secrets.environment("TOKEN")).as_deref(), Some("t"));
        assert_eq!(shown(secrets.environment("EMPTY")), None);
        assert_eq!(shown(secrets.environment("OTHER")), None);
        assert_eq!(shown(VaultSecrets::new().environment("A=B")), None);
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let token = generate_token(&OsEntropy);
        assert_eq!(token.len(), 32);
        assert!(token.chars().all(|c| c.is_ascii_lowercase() || ('2'..='7').contains(&c)), "{token}");
        assert_ne!(token, generate_token(&OsEntropy));
    }
}
