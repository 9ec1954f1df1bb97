//! Secrets by reference. Files name them and never hold them.

use crate::document::{Diagnostic, Fields, Node, Place, Yaml};
use std::fmt;

/// A secret by reference: `secret: NAME`, `secret: { env: NAME }` or `env: NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// In the vault.
    Vault(String),
    /// In the environment.
    Env(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vault(name) => write!(f, "the secret `{name}`"),
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
        }
    }
}

/// Reads `{ secret: NAME }`, `{ secret: { env: NAME } }` or `{ env: NAME }`, and where the name stands.
pub(super) fn read_secret(
    file: &str,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(SecretRef, Place)> {
    if !matches!(node.yaml, Yaml::Map(_)) {
        let message = format!("A secret is written as a reference, and this is {}.", node.kind());
        diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint(
            "write `{ secret: NAME }` for one of the vault, or `{ env: NAME }` for one of the environment",
        ));
        return None;
    }
    let mut fields = Fields::new(file, "a secret", node, diagnostics);
    let (secret, env) = (fields.node("secret"), fields.node("env"));
    let place = fields.place();
    fields.finish();
    // A misspelt key has been told; that there is no name then follows from it.
    let misspelt = matches!(&node.yaml, Yaml::Map(entries) if !entries.is_empty());
    if misspelt && secret.is_none() && env.is_none() {
        return None;
    }
    read_secret_keys(file, secret, env, place, diagnostics)
}

/// The same where `secret:` or `env:` stands among other keys.
pub(super) fn read_secret_keys(
    file: &str,
    secret: Option<&Node>,
    env: Option<&Node>,
    place: Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(SecretRef, Place)> {
    match (secret, env) {
        (Some(node), None) => match &node.yaml {
            Yaml::Map(_) => {
                let mut fields = Fields::new(file, "a secret", node, diagnostics);
                let env = fields.node("env");
                let place = fields.place();
                fields.finish();
                if let Some(env) = env {
                    variable(file, env, diagnostics)
                } else {
                    no_name(file, place, diagnostics);
                    None
                }
            }
            Yaml::Text(name) if !name.trim().is_empty() => Some((SecretRef::Vault(name.clone()), node.place)),
            _ => {
                no_name(file, node.place, diagnostics);
                None
            }
        },
        (None, Some(node)) => variable(file, node, diagnostics),
        (Some(_), Some(node)) => {
            diagnostics.push(
                Diagnostic::error(
                    file,
                    Some(node.place),
                    "A secret comes from the vault or from the environment, not from both.",
                )
                .hint("keep one of `secret:` and `env:`"),
            );
            None
        }
        (None, None) => {
            no_name(file, place, diagnostics);
            None
        }
    }
}

fn no_name(file: &str, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.push(
        Diagnostic::error(file, Some(place), "The secret has no name.")
            .hint("write `secret: NAME` for one of the vault, or `env: NAME` for one of the environment"),
    );
}

fn variable(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(SecretRef, Place)> {
    match node.as_text() {
        Some(name)
            if !name.is_empty() && !name.contains(['=', '\0']) && !name.contains(char::is_whitespace) =>
        {
            Some((SecretRef::Env(name.to_owned()), node.place))
        }
        _ => {
            diagnostics.push(
                Diagnostic::error(file, Some(node.place), "This is no name of an environment variable.")
                    .hint("write `env: CRM_TOKEN`"),
            );
            None
        }
    }
}
