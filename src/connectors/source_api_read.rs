//! Reads `source.api:` of manifests, and `api:` of source files.

use super::action_read::read_call;
use super::answer_read::{pointer_is_well, read_answers};
use super::call_limits::{CallLimits, read_call_limits};
use super::connection::is_base_url;
use super::manifest::{Verified, read_verified};
use super::secret::{SecretRef, read_secret};
use super::setup::read_test;
use super::source_api::{ApiAccount, ApiAuth, ApiSecret, ApiSpec, SourceApi};
use super::templates::Compiling;
use crate::document::{Diagnostic, Fields, Node, Place, Yaml, suggest};
use crate::expr::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The whole of one call, where a manifest says nothing.
const TIMEOUT_MS: u64 = 30_000;
/// The longest.
pub const API_TIMEOUT_MS_MAX: u64 = 120_000;

/// Reads `source.api:`.
pub(super) fn read_api_spec(
    file: &str,
    node: &Node,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ApiSpec> {
    let mut fields = Fields::new(file, "the API", node, diagnostics);
    let base_url = fields.text("base_url");
    let auth = fields.node("auth");
    let secrets = fields.node("secrets");
    let limits = fields.node("limits");
    let other_limits = fields.node("other_limits");
    let timeout = fields.duration("timeout");
    let answers = fields.node("answers");
    let test = fields.node("test");
    let account = fields.node("account");
    let _ = fields.text("verified");
    let place = fields.place();
    fields.finish();
    if let Some(base_url) = base_url.as_ref().filter(|url| !is_base_url(url)) {
        diagnostics.push(no_base_url(file, place, base_url));
    }
    let secrets = secrets.map(|node| read_secrets(file, node, diagnostics)).unwrap_or_default();
    let limits = limits
        .map(|node| read_call_limits(file, node, &CallLimits::default(), diagnostics))
        .unwrap_or_default();
    let mut others = BTreeMap::new();
    if let Some(Yaml::Map(entries)) = other_limits.map(|node| &node.yaml) {
        for entry in entries {
            let read = read_call_limits(file, &entry.value, &limits, diagnostics);
            others.insert(entry.key.clone(), read);
        }
    }
    let auth = match auth {
        Some(node) => read_auth(file, node, &secrets, engine, diagnostics)?,
        None => ApiAuth::None,
    };
    let compiling = Compiling { file, engine, names: &["account"] };
    let timeout_ms = timeout.map_or(TIMEOUT_MS, |timeout| timeout.as_millis() as u64);
    Some(ApiSpec {
        base_url: base_url.map(|url| url.trim_end_matches('/').to_owned()),
        auth,
        secrets,
        limits,
        other_limits: others,
        timeout_ms: timeout_ms.clamp(1, API_TIMEOUT_MS_MAX),
        answers: read_answers(file, answers, diagnostics),
        test: test.and_then(|node| read_test(compiling, node, diagnostics)),
        account: account.and_then(|node| read_account(compiling, node, diagnostics)),
    })
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

fn no_base_url(file: &str, place: Place, url: &str) -> Diagnostic {
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

fn read_auth(
    file: &str,
    node: &Node,
    secrets: &[ApiSecret],
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ApiAuth> {
    let mut fields = Fields::new(file, "the API's sign-in", node, diagnostics);
    let headers = fields.node("headers");
    let oauth = fields.node("oauth2");
    let place = fields.place();
    fields.finish();
    match (headers, oauth) {
        (Some(node), None) => {
            let Yaml::Map(entries) = &node.yaml else {
                let told =
                    Diagnostic::error(file, Some(node.place), "`headers` must be a map of names to texts.");
                diagnostics.push(told.hint("write `headers: { X-Key: \"{{ secret.key }}\" }`"));
                return None;
            };
            let compiling = Compiling { file, engine, names: &["secret"] };
            let mut read = Vec::new();
            for entry in entries {
                let text = entry.value.as_text().unwrap_or_default();
                let template = compiling.text(entry.value.place, text, diagnostics)?;
                read.push((entry.key.clone(), template));
            }
            Some(ApiAuth::Headers(read))
        }
        (None, Some(node)) => {
            let mut fields = Fields::new(file, "OAuth 2", node, diagnostics);
            let token_url = fields.required_text("token_url");
            let client_id = fields.required_text("client_id");
            let client_secret = fields.required_text("client_secret");
            let scope = fields.text("scope").unwrap_or_default();
            fields.finish();
            for name in [&client_id, &client_secret].into_iter().flatten() {
                if !secrets.iter().any(|secret| secret.name == *name) {
                    let message = format!("The API has no secret `{name}`.");
                    diagnostics.push(
                        Diagnostic::error(file, Some(node.place), message).hint(format!(
                            "add it below `secrets:`, such as `{name}: {{ label: Client id }}`"
                        )),
                    );
                }
            }
            Some(ApiAuth::ClientCredentials {
                token_url: token_url?,
                client_id: client_id?,
                client_secret: client_secret?,
                scope,
            })
        }
        _ => {
            diagnostics.push(
                Diagnostic::error(file, Some(place), "The API is signed in to in one way.")
                    .hint("give `headers:` or `oauth2:`"),
            );
            None
        }
    }
}

/// Keys of a source file's `api:` that are no secrets.
const RESERVED: [&str; 5] = ["base_url", "token_url", "subscriptions_url", "allow_private", "limits"];

/// What `api:` of a source file came to.
#[derive(Default)]
pub(super) struct ReadApi {
    pub secrets: Vec<(String, SecretRef, Place)>,
    pub api: Option<SourceApi>,
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
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), "`api` does not say where the API is.")
                .hint("add `base_url: https://…`"),
        );
        return ReadApi { secrets, api: None };
    };
    let own_token_url = match &spec.auth {
        ApiAuth::ClientCredentials { token_url, .. } => Some(token_url.clone()),
        _ => None,
    };
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
