//! Credentials: how one travels, and putting it on a request.

use super::connection::Connection;
use super::request::{RenderedRequest, encode};
use super::secret::{SecretRef, read_secret, read_secret_keys};
use super::templates::Compiling;
use crate::document::{Diagnostic, Fields, Node, Place, Yaml, suggest};
use crate::expr::{Engine, Scope, Template};
use crate::ports::{OutboundRequest, Secrets};
use base64::Engine as _;
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Bytes of an answer's body that are read: enough for any CRM's answer to one record.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// What marks the secret's place in texts.
const SECRET_PART: &str = "{{ secret }}";

/// How the credential travels.
pub enum Auth {
    /// No credential.
    None,
    /// A header: its name, the template of its value (`Bearer {{ secret }}`), the secret.
    Header {
        /// Name.
        name: String,
        /// Sees `secret` only.
        value: Template,
        /// The secret.
        secret: SecretRef,
    },
    /// HTTP Basic; either side may be a secret.
    Basic {
        /// User: literal or secret.
        user: Result<String, SecretRef>,
        /// Password: literal or secret.
        password: Result<String, SecretRef>,
    },
    /// A query parameter.
    Query {
        /// Name.
        name: String,
        /// The secret.
        secret: SecretRef,
    },
}

/// A way of signing in that a manifest names (`token`).
#[derive(Clone, Debug)]
pub struct AuthMethod {
    /// For people.
    pub label: String,
    /// One line of help.
    pub help: Option<String>,
    pub(super) travels: Travels,
}

/// How a manifest's credential travels.
#[derive(Clone, Debug)]
pub(super) enum Travels {
    Header { name: String, value: String },
    Basic { user: Option<String>, password: Option<String> },
    Query { name: String },
}

/// Reads a manifest's `auth:`: names to ways.
pub(super) fn read_methods(
    file: &str,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, AuthMethod> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`auth` must be a map of ways to sign in, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("write `auth: { token: { header: Authorization, value: \"Bearer {{ secret }}\" } }`"),
        );
        return BTreeMap::new();
    };
    let mut methods = BTreeMap::new();
    for entry in entries {
        let mut fields = Fields::new(file, "a way to sign in", &entry.value, diagnostics);
        let label = fields.text("label").unwrap_or_else(|| entry.key.clone());
        let help = fields.text("help");
        let header = fields.text("header");
        let value = fields.text("value").unwrap_or_else(|| SECRET_PART.to_owned());
        let basic = fields.node("basic");
        let query = fields.text("query");
        let place = fields.place();
        fields.finish();
        let travels = match (header, basic, query) {
            (Some(name), None, None) => Travels::Header { name, value },
            (None, None, Some(name)) => Travels::Query { name },
            (None, Some(basic), None) => {
                let mut fields = Fields::new(file, "basic sign-in", basic, diagnostics);
                let side = |text: Option<String>| text.filter(|text| text != SECRET_PART);
                let (user, password) = (side(fields.text("user")), side(fields.text("password")));
                fields.finish();
                Travels::Basic { user, password }
            }
            _ => {
                diagnostics.push(one_way(file, place));
                continue;
            }
        };
        methods.insert(entry.key.clone(), AuthMethod { label, help, travels });
    }
    methods
}

fn one_way(file: &str, place: Place) -> Diagnostic {
    Diagnostic::error(file, Some(place), "A credential travels in one way.")
        .hint("give one of `header:` (with `value:`), `basic:` and `query:`")
}

/// What `auth:` of a connection came to, and the secrets that it names.
pub(super) struct ReadAuth {
    pub auth: Auth,
    pub secrets: Vec<(SecretRef, Place)>,
}

/// Reads a connection's `auth:` by the ways of its manifest.
pub(super) fn read_by_method(
    compiling: Compiling<'_>,
    node: &Node,
    methods: &BTreeMap<String, AuthMethod>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ReadAuth> {
    let known = || methods.keys().cloned().collect::<Vec<_>>().join(", ");
    let entry = match &node.yaml {
        Yaml::Map(entries) if entries.len() == 1 => &entries[0],
        _ => {
            diagnostics.push(
                Diagnostic::error(
                    compiling.file,
                    Some(node.place),
                    "`auth` names one way to sign in, with its secret.",
                )
                .hint(format!("write `auth: {{ WAY: {{ secret: NAME }} }}`; its ways are {}", known())),
            );
            return None;
        }
    };
    let Some(method) = methods.get(&entry.key) else {
        let hint = suggest(&entry.key, methods.keys().map(String::as_str)).map_or_else(
            || format!("its ways to sign in are {}", known()),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("This connector has no way to sign in by `{}`.", entry.key);
        diagnostics.push(Diagnostic::error(compiling.file, Some(entry.place), message).hint(hint));
        return None;
    };
    let (secret, place) = read_secret(compiling.file, &entry.value, diagnostics)?;
    let auth = match &method.travels {
        Travels::Header { name, value } => {
            let value = compiling.text(node.place, value, diagnostics)?;
            Auth::Header { name: name.clone(), value, secret: secret.clone() }
        }
        Travels::Query { name } => Auth::Query { name: name.clone(), secret: secret.clone() },
        Travels::Basic { user, password } => {
            let side = |text: &Option<String>| text.clone().ok_or_else(|| secret.clone());
            Auth::Basic { user: side(user), password: side(password) }
        }
    };
    Some(ReadAuth { auth, secrets: vec![(secret, place)] })
}

/// Reads an `http` connection's `auth:`.
pub(super) fn read_open(
    compiling: Compiling<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ReadAuth> {
    let file = compiling.file;
    let mut fields = Fields::new(file, "auth", node, diagnostics);
    let header = fields.text("header");
    let value = fields.node("value");
    let query = fields.text("query");
    let basic = fields.node("basic");
    let (secret, env) = (fields.node("secret"), fields.node("env"));
    let place = fields.place();
    fields.finish();
    match (header, basic, query) {
        (Some(name), None, None) => {
            let (secret, at) = read_secret_keys(file, secret, env, place, diagnostics)?;
            let text = value.map_or(Some(SECRET_PART), Node::as_text);
            let Some(text) = text else {
                diagnostics.push(
                    Diagnostic::error(file, value.map(|value| value.place), "`value` must be a text.")
                        .hint("write `value: \"Bearer {{ secret }}\"`"),
                );
                return None;
            };
            let value_place = value.map_or(place, |value| value.place);
            let template = compiling.text(value_place, text, diagnostics)?;
            if !template.reads("secret") {
                diagnostics.push(
                    Diagnostic::error(file, Some(value_place), "`value` does not say where the secret goes.")
                        .hint("write `value: \"Bearer {{ secret }}\"`"),
                );
                return None;
            }
            let secrets = vec![(secret.clone(), at)];
            Some(ReadAuth { auth: Auth::Header { name, value: template, secret }, secrets })
        }
        (None, None, Some(name)) => {
            let (secret, at) = read_secret_keys(file, secret, env, place, diagnostics)?;
            Some(ReadAuth { auth: Auth::Query { name, secret: secret.clone() }, secrets: vec![(secret, at)] })
        }
        (None, Some(basic), None) => read_basic(file, basic, diagnostics),
        _ => {
            diagnostics.push(one_way(file, place));
            None
        }
    }
}

fn read_basic(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<ReadAuth> {
    let mut fields = Fields::new(file, "basic sign-in", node, diagnostics);
    let (user, password) = (fields.node("user"), fields.node("password"));
    fields.finish();
    let mut secrets = Vec::new();
    let mut side = |node: Option<&Node>| match node.map(|node| (&node.yaml, node)) {
        None => Some(Ok(String::new())),
        Some((Yaml::Text(text), _)) => Some(Ok(text.clone())),
        Some((_, node)) => {
            let (secret, place) = read_secret(file, node, diagnostics)?;
            secrets.push((secret.clone(), place));
            Some(Err(secret))
        }
    };
    let (user, password) = (side(user)?, side(password)?);
    if secrets.is_empty() {
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), "A password is written into this file.")
                .hint("keep it in the vault and write `password: { secret: NAME }`"),
        );
        return None;
    }
    Some(ReadAuth { auth: Auth::Basic { user, password }, secrets })
}

/// The value of a secret, without blanks around it (a line's end at the end of a file is nobody's intent).
pub(super) fn value_of(secrets: &dyn Secrets, secret: &SecretRef) -> Result<String, SecretRef> {
    let value = match secret {
        SecretRef::Vault(name) => secrets.vault(name),
        SecretRef::Env(name) => secrets.environment(name),
    };
    match value.as_ref().map(|value| value.expose_secret().trim()) {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(secret.clone()),
    }
}

fn side(secrets: &dyn Secrets, side: &Result<String, SecretRef>) -> Result<String, SecretRef> {
    match side {
        Ok(literal) => Ok(literal.clone()),
        Err(secret) => value_of(secrets, secret),
    }
}

impl Connection {
    /// Adds the credential. `Err` names the secret that has no (usable) value.
    pub fn authorise(
        &self,
        engine: &Engine,
        request: RenderedRequest,
        secrets: &dyn Secrets,
        about: (String, String),
    ) -> Result<OutboundRequest, SecretRef> {
        let RenderedRequest { method, mut url, mut headers, body } = request;
        let mut put = |name: &str, value: String| {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.to_owned(), value));
        };
        match &self.auth {
            Auth::None => {}
            Auth::Header { name, value, secret } => {
                let mut scope = Scope::new();
                scope.set("secret", Arc::new(Value::from(value_of(secrets, secret)?)));
                let Ok(Ok(Value::String(text))) = value.evaluate(engine, &scope) else {
                    return Err(secret.clone());
                };
                if text.chars().any(char::is_control) {
                    return Err(secret.clone());
                }
                put(name, text);
            }
            Auth::Basic { user, password } => {
                let pair = format!("{}:{}", side(secrets, user)?, side(secrets, password)?);
                let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
                put("Authorization", format!("Basic {encoded}"));
            }
            Auth::Query { name, secret } => {
                let separator = if url.contains('?') { '&' } else { '?' };
                let value = value_of(secrets, secret)?;
                let _ = write!(url, "{separator}{}={}", encode(name), encode(&value));
            }
        }
        Ok(OutboundRequest {
            method,
            url,
            headers,
            body,
            allow_private: self.allow_private,
            timeout_ms: self.timeout_ms,
            answer_bytes_max: ANSWER_BYTES_MAX,
            about,
        })
    }

    /// A hash of the credential's present value, to notice that it was changed; `None` without one.
    pub fn credential_fingerprint(&self, secrets: &dyn Secrets) -> Option<String> {
        if self.secrets.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for (secret, _) in &self.secrets {
            let value = value_of(secrets, secret).ok()?;
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value.as_bytes());
        }
        let mut hex = String::new();
        for byte in hash.finalize().iter().take(16) {
            let _ = write!(hex, "{byte:02x}");
        }
        Some(hex)
    }
}
