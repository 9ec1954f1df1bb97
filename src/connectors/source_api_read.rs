//! Reads `source.api:` of manifests, and `api:` of source files.

use super::action_read::read_call;
use super::answer_read::{pointer_is_well, read_answers};
use super::api_auth::ApiAuth;
use super::api_auth_read::read_auth;
use super::call_limits::{CallLimits, read_call_limits};
use super::connection::is_base_url;
use super::manifest::{Verified, read_verified};
use super::secret::{SecretRef, read_secret, read_secret_keys};
use super::setup::read_test;
use super::source_api::{ApiAccount, ApiSecret, ApiSpec, SourceApi};
use super::templates::Compiling;
use crate::document::{Diagnostic, Fields, Node, Place, Yaml, suggest};
use crate::expr::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The whole of one call, where a manifest says nothing.
const TIMEOUT_MS: u64 = 30_000;
/// The longest.
pub const API_TIMEOUT_MS_MAX: u64 = 120_000;

/// Keys that say how an API is called: below `source.api:` of a manifest, and below `api:` of a source that is described in
/// its own file.
struct ApiParts<'n> {
    base_url: Option<String>,
    auth: Option<&'n Node>,
    secrets: Option<&'n Node>,
    limits: Option<&'n Node>,
    timeout: Option<Duration>,
    answers: Option<&'n Node>,
    test: Option<&'n Node>,
    account: Option<&'n Node>,
}

impl<'n> ApiParts<'n> {
    fn take(fields: &mut Fields<'n, '_>) -> Self {
        Self {
            base_url: fields.text("base_url"),
            auth: fields.node("auth"),
            secrets: fields.node("secrets"),
            limits: fields.node("limits"),
            timeout: fields.duration("timeout"),
            answers: fields.node("answers"),
            test: fields.node("test"),
            account: fields.node("account"),
        }
    }

    /// `None` where the sign-in is not usable.
    fn read(
        self,
        (file, place): (&str, Place),
        secrets: Vec<ApiSecret>,
        engine: &Engine,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<ApiSpec> {
        if let Some(base_url) = self.base_url.as_ref().filter(|url| !is_base_url(url)) {
            diagnostics.push(no_base_url(file, place, base_url));
        }
        let none = CallLimits::default();
        let limits = self.limits.map(|node| read_call_limits(file, node, &none, diagnostics));
        let auth = match self.auth {
            Some(node) => read_auth(file, node, &secrets, engine, diagnostics)?,
            None => ApiAuth::None,
        };
        let compiling = Compiling { file, engine, names: &["account"] };
        let timeout_ms = self.timeout.map_or(TIMEOUT_MS, |timeout| timeout.as_millis() as u64);
        Some(ApiSpec {
            base_url: self.base_url.map(|url| url.trim_end_matches('/').to_owned()),
            auth,
            secrets,
            limits: limits.unwrap_or_default(),
            other_limits: BTreeMap::new(),
            timeout_ms: timeout_ms.clamp(1, API_TIMEOUT_MS_MAX),
            answers: read_answers(file, self.answers, diagnostics),
            test: self.test.and_then(|node| read_test(compiling, node, diagnostics)),
            account: self.account.and_then(|node| read_account(compiling, node, diagnostics)),
        })
    }
}

/// Reads `source.api:`.
pub(super) fn read_api_spec(
    file: &str,
    node: &Node,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ApiSpec> {
    let mut fields = Fields::new(file, "the API", node, diagnostics);
    let parts = ApiParts::take(&mut fields);
    let other_limits = fields.node("other_limits");
    let _ = fields.text("verified");
    let place = fields.place();
    fields.finish();
    let secrets = parts.secrets.map(|node| read_secrets(file, node, diagnostics)).unwrap_or_default();
    let spec = parts.read((file, place), secrets, engine, diagnostics)?;
    let mut others = BTreeMap::new();
    if let Some(Yaml::Map(entries)) = other_limits.map(|node| &node.yaml) {
        for entry in entries {
            let read = read_call_limits(file, &entry.value, &spec.limits, diagnostics);
            others.insert(entry.key.clone(), read);
        }
    }
    Some(ApiSpec { other_limits: others, ..spec })
}

/// Reads `api:` of a source that is described in its own file: how the API is called, and by which secrets.
pub(super) fn read_own_api(
    (file, source, title): (&str, &str, &str),
    node: &Node,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SourceApi> {
    if !matches!(node.yaml, Yaml::Map(_)) {
        let message = format!("`api` must be a map, and this is {}.", node.kind());
        diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint(OWN_API));
        return None;
    }
    let mut fields = Fields::new(file, "the API", node, diagnostics);
    let parts = ApiParts::take(&mut fields);
    let allow_private = fields.boolean("allow_private").unwrap_or(false);
    let place = fields.place();
    fields.finish();
    let named = parts.secrets.map(|node| read_own_secrets(file, node, diagnostics)).unwrap_or_default();
    let (declared, secrets): (Vec<_>, Vec<_>) = named.into_iter().unzip();
    let spec = Arc::new(parts.read((file, place), declared, engine, diagnostics)?);
    let Some(base_url) = spec.base_url.clone() else {
        diagnostics.push(nowhere(file, node.place));
        return None;
    };
    let token_url = spec.token_url();
    Some(SourceApi {
        title: title.to_owned(),
        source: source.to_owned(),
        base_url,
        token_url,
        allow_private,
        limits: spec.limits.clone(),
        secrets: secrets.into_iter().flatten().collect(),
        spec,
        subscriptions_url: None,
        elsewhere: None,
    })
}

/// How `api:` of a source's own file looks.
pub(super) const OWN_API: &str = "write `api: { base_url: https://api.example.com, secrets: { token: { secret: NAME } }, \
                                  auth: { headers: { Authorization: \"Bearer {{ secret.token }}\" } } }`";

fn nowhere(file: &str, place: Place) -> Diagnostic {
    Diagnostic::error(file, Some(place), "`api` does not say where the API is.")
        .hint("add `base_url: https://…`")
}

/// A secret that a source's own file declares, and which one it is.
type OwnSecret = (ApiSecret, Option<(String, SecretRef, Place)>);

/// Reads `secrets:` of a source's own file: names, each with the secret that it is. One that is wrong is declared all the
/// same, so that what names it is not told too.
fn read_own_secrets(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<OwnSecret> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`secrets` must be a map of names, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("write `secrets: { token: { secret: NAME } }`"),
        );
        return Vec::new();
    };
    let mut read = Vec::new();
    for entry in entries {
        let name = &entry.key;
        if let Yaml::Map(_) = entry.value.yaml {
            let mut fields = Fields::new(file, "a secret of the API", &entry.value, diagnostics);
            let (label, help) = (fields.text("label"), fields.text("help"));
            let (secret, env) = (fields.node("secret"), fields.node("env"));
            let place = fields.place();
            fields.finish();
            let held = read_secret_keys(file, secret, env, place, diagnostics);
            let held = held.map(|(secret, place)| (name.clone(), secret, place));
            let label = label.unwrap_or_else(|| name.clone());
            read.push((ApiSecret { name: name.clone(), label, help }, held));
        } else {
            // Says what it is, and how a secret is written.
            let _ = read_secret(file, &entry.value, diagnostics);
            read.push((ApiSecret { name: name.clone(), label: name.clone(), help: None }, None));
        }
    }
    read
}

/// `account: { call: { method: GET, path: /me }, at: /id }`.
fn read_account(
    compiling: Compiling<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ApiAccount> {
    let file = compiling.file;
    let mut fields = Fields::new(file, "the account of the API", node, diagnostics);
    let call = fields.node("call");
    let at = fields.required_text("at");
    let verified = fields.text("verified");
    let place = fields.place();
    fields.finish();
    let verified =
        read_verified(file, verified.as_deref(), place, diagnostics).unwrap_or(Verified::Unverified);
    let Some(call) = call else {
        diagnostics.push(
            Diagnostic::error(file, Some(place), "The account of the API has no `call`.")
                .hint("write `call: { method: GET, path: /me }` and `at: /id`"),
        );
        return None;
    };
    let call = read_call(compiling, "a call", call, diagnostics)?;
    let at = at.filter(|at| pointer_is_well(file, at, place, diagnostics))?;
    Some(ApiAccount { call, at, verified })
}

pub(super) fn no_base_url(file: &str, place: Place, url: &str) -> Diagnostic {
    Diagnostic::error(file, Some(place), format!("`{url}` is no base URL."))
        .hint("it begins with https:// or http://, names a host, and has no `?`, `#` or password")
}

fn read_secrets(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<ApiSecret> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`secrets` must be a map of names, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("write `secrets: { app: { label: App key } }`"),
        );
        return Vec::new();
    };
    let mut secrets = Vec::new();
    for entry in entries {
        if RESERVED.contains(&entry.key.as_str()) {
            let message = format!("A secret can't be called `{}`.", entry.key);
            diagnostics.push(
                Diagnostic::error(file, Some(entry.place), message)
                    .hint("a source file's `api:` uses that name for something else; choose another"),
            );
            continue;
        }
        let mut fields = Fields::new(file, "a secret of the API", &entry.value, diagnostics);
        let (label, help) = (fields.text("label"), fields.text("help"));
        fields.finish();
        let label = label.unwrap_or_else(|| entry.key.clone());
        secrets.push(ApiSecret { name: entry.key.clone(), label, help });
    }
    secrets
}

/// Keys of a source file's `api:` that are no secrets.
const RESERVED: [&str; 5] = ["base_url", "token_url", "subscriptions_url", "allow_private", "limits"];

/// What `api:` of a source file came to.
#[derive(Default)]
pub(super) struct ReadApi {
    pub secrets: Vec<(String, SecretRef, Place)>,
    pub api: Option<SourceApi>,
}

impl ReadApi {
    /// Of a source that is described in its own file.
    pub(super) fn of_own(api: Option<SourceApi>) -> Self {
        Self { secrets: api.as_ref().map(|api| api.secrets.clone()).unwrap_or_default(), api }
    }
}

/// Of whom `api:` is read.
pub(super) struct ApiOf<'a> {
    pub file: &'a str,
    pub source: &'a str,
    pub title: &'a str,
    pub spec: Option<&'a Arc<ApiSpec>>,
}

/// Reads `api:` of a source file.
pub(super) fn read_api(of: &ApiOf<'_>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> ReadApi {
    let file = of.file;
    if !matches!(node.yaml, Yaml::Map(_)) {
        let message = format!("`api` must be a map of secrets, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message).hint("write `api: { app: { secret: NAME } }`"),
        );
        return ReadApi::default();
    }
    let Some(spec) = of.spec else {
        let message = format!("{} has no API that Waypost knows, so `api` leads to nothing.", of.title);
        diagnostics.push(Diagnostic::warning(file, Some(node.place), message).hint("take the line out"));
        return ReadApi::default();
    };
    let mut fields = Fields::new(file, "api", node, diagnostics);
    let base_url = fields.text("base_url");
    let token_url = fields.text("token_url");
    let subscriptions_url = fields.text("subscriptions_url");
    let allow_private = fields.boolean("allow_private").unwrap_or(false);
    let limits = fields.node("limits");
    let entries = fields.rest();
    fields.finish();
    let mut secrets = Vec::new();
    for entry in entries {
        if !spec.secrets.iter().any(|secret| secret.name == entry.key) {
            let known = spec.secrets.iter().map(|secret| secret.name.as_str());
            let hint = suggest(&entry.key, known.clone().chain(RESERVED)).map_or_else(
                || format!("its secrets are {}", known.collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("The API of {} has no secret `{}`.", of.title, entry.key);
            diagnostics.push(Diagnostic::error(file, Some(entry.place), message).hint(hint));
        } else if let Some((secret, place)) = read_secret(file, &entry.value, diagnostics) {
            secrets.push((entry.key.clone(), secret, place));
        }
    }
    for missing in spec.secrets.iter().filter(|secret| secrets.iter().all(|(name, ..)| *name != secret.name))
    {
        let message = format!("`api` lacks the secret `{}` ({}).", missing.name, missing.label);
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint(format!("add `{}: {{ secret: NAME }}`", missing.name)),
        );
    }
    let limits = match limits.map(|node| (node.as_text(), node)) {
        None => spec.limits.clone(),
        Some((None, node)) => read_call_limits(file, node, &spec.limits, diagnostics),
        Some((Some(name), node)) => match spec.other_limits.get(name) {
            Some(limits) => limits.clone(),
            None => {
                let known: Vec<&str> = spec.other_limits.keys().map(String::as_str).collect();
                let told = Diagnostic::error(
                    file,
                    Some(node.place),
                    format!("{} has no limits called `{name}`.", of.title),
                );
                diagnostics.push(if known.is_empty() {
                    told.hint("write `limits: { per_second: 5 }`, or take the line out")
                } else {
                    told.hint(format!("it has {}; or write `limits: {{ per_second: 5 }}`", known.join(", ")))
                });
                spec.limits.clone()
            }
        },
    };
    for url in
        [&base_url, &token_url, &subscriptions_url].into_iter().flatten().filter(|url| !is_base_url(url))
    {
        diagnostics.push(no_base_url(file, node.place, url));
    }
    let Some(base_url) = base_url.or_else(|| spec.base_url.clone()) else {
        diagnostics.push(nowhere(file, node.place));
        return ReadApi { secrets, api: None };
    };
    let own_token_url = spec.token_url();
    let api = SourceApi {
        title: of.title.to_owned(),
        source: of.source.to_owned(),
        base_url: base_url.trim_end_matches('/').to_owned(),
        token_url: token_url.filter(|_| own_token_url.is_some()).or(own_token_url),
        allow_private,
        limits,
        secrets: secrets.clone(),
        spec: spec.clone(),
        subscriptions_url: subscriptions_url.map(|url| url.trim_end_matches('/').to_owned()),
        elsewhere: None,
    };
    ReadApi { secrets, api: Some(api) }
}
