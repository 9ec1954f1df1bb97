//! Values of secrets, by name.

use secrecy::SecretString;

/// Where the values of secrets come from: the vault and the environment.
pub trait Secrets: Send + Sync {
    /// The value of a vault secret (`secret: NAME`).
    fn vault(&self, name: &str) -> Option<SecretString>;
    /// The value of an environment variable (`env: NAME`).
    fn environment(&self, name: &str) -> Option<SecretString>;
}
