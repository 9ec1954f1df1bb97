//! How a booking system itself is called: base URL, sign-in, limits, and what its answers mean. Pure: a call and its inputs
//! become a request, an answer becomes a class. `source_api` (the adapter) makes the calls; fetching, backfill, reconcile,
//! subscriptions and `doctor` go through it.
//!
//! Invariant: a secret is in the finished request only; what can be shown or logged (`RenderedRequest`, messages) has none.

use super::action::Call;
use super::answer::{AnswerClass, Classified, WAIT_MS_MAX, common, message, retry_after};
use super::answer_rule::{AnswerRule, Seen};
use super::auth::value_of;
use super::call_limits::CallLimits;
use super::manifest::Verified;
use super::pattern::key_text;
use super::request::{RenderError, RenderedRequest, Rendering, Which, encode};
use super::secret::SecretRef;
use super::setup::SetupTest;
use super::subscriptions::SubscriptionSpec;
use crate::document::Place;
use crate::domain::Millis;
use crate::expr::{Engine, Scope, Template};
use crate::ports::{Answer, OutboundRequest, Secrets};
use base64::Engine as _;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Bytes of an answer that are read: a page of two hundred large reservations, several times over.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Bytes of a sign-in's answer.
const TOKEN_ANSWER_BYTES_MAX: usize = 64 << 10;
/// A token that says nothing of its end lives so long.
const TOKEN_MS_DEFAULT: i64 = 300_000;
/// No token is trusted for longer.
const TOKEN_MS_MAX: i64 = 86_400_000;

/// What a manifest says of its system's API.
pub struct ApiSpec {
    /// Base URL, without a slash at its end; `None`: the source file gives it.
    pub base_url: Option<String>,
    /// How calls are signed in.
    pub auth: ApiAuth,
    /// Secrets that a source file names below `api:`, in the order of the manifest.
    pub secrets: Vec<ApiSecret>,
    /// Limits of all calls of one credential.
    pub limits: CallLimits,
    /// Other sets of limits, by the name that a source file's `limits:` gives (`development`).
    pub other_limits: BTreeMap<String, CallLimits>,
    /// The whole of one call.
    pub timeout_ms: u64,
    /// What answers mean, before the common classes.
    pub answers: Vec<AnswerRule>,
    /// The call that tests the credential.
    pub test: Option<SetupTest>,
    /// The call that says of which account the credential is.
    pub account: Option<ApiAccount>,
}

/// How an API says of which account a credential is.
pub struct ApiAccount {
    /// The call.
    pub call: Call,
    /// JSON pointer to the account in the answer.
    pub at: String,
    /// How sure we are of it.
    pub verified: Verified,
}

impl std::fmt::Debug for ApiSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiSpec").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// One secret of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSecret {
    /// Its name in the source file.
    pub name: String,
    /// For people.
    pub label: String,
    /// One line of help.
    pub help: Option<String>,
}

/// How calls are signed in.
pub enum ApiAuth {
    /// Not at all.
    None,
    /// Headers, each a template that sees `secret.NAME`.
    Headers(Vec<(String, Template)>),
    /// OAuth 2 client credentials: the names of the two secrets, and where the token is given out.
    ClientCredentials {
        /// Where tokens are given out.
        token_url: String,
        /// Name of the secret that holds the client's id.
        client_id: String,
        /// Name of the secret that holds its secret.
        client_secret: String,
        /// What is asked for; empty: whatever the client may do.
        scope: String,
    },
}

/// The API as one source reaches it.
#[derive(Clone)]
pub struct SourceApi {
    /// The connector's title, for messages.
    pub title: String,
    /// The source's name.
    pub source: String,
    /// Base URL, without a slash at its end.
    pub base_url: String,
    /// Where tokens are given out, where it is so signed in.
    pub token_url: Option<String>,
    /// Whether addresses of private networks may be called.
    pub allow_private: bool,
    /// Limits of all calls of the credential.
    pub limits: CallLimits,
    /// The secrets by their names.
    pub secrets: Vec<(String, SecretRef, Place)>,
    /// What the manifest says.
    pub spec: Arc<ApiSpec>,
    /// Where the source's file says that subscriptions are made, where it does.
    pub subscriptions_url: Option<String>,
    /// Its calls go elsewhere than most, with the same credential.
    pub elsewhere: Option<Elsewhere>,
}

/// Where calls about subscriptions go, and what their answers mean.
#[derive(Clone)]
pub struct Elsewhere {
    /// Base URL, without a slash at its end.
    pub base_url: String,
    /// Whose answers they are.
    pub spec: Arc<SubscriptionSpec>,
}

/// A token, as it was given out.
pub struct Token {
    /// What goes into the header.
    pub value: SecretString,
    /// How long it lives.
    pub lives_ms: i64,
}

impl ApiAccount {
    /// The account in an answer.
    pub fn read(&self, answer: &Value) -> Option<String> {
        let account = answer.pointer(&self.at).and_then(key_text)?;
        let well =
            !account.trim().is_empty() && account.len() <= 512 && !account.chars().any(char::is_control);
        well.then_some(account)
    }
}

impl SourceApi {
    /// The same credential, token and limits, for calls about subscriptions.
    #[must_use]
    pub fn for_subscriptions(&self, spec: &Arc<SubscriptionSpec>) -> Self {
        let base_url = self.subscriptions_url.as_ref().or(spec.base_url.as_ref()).unwrap_or(&self.base_url);
        let elsewhere = Elsewhere { base_url: base_url.clone(), spec: spec.clone() };
        Self { elsewhere: Some(elsewhere), ..self.clone() }
    }

    /// The request of a call; its templates see the inputs by their names (`{{ key }}`).
    pub fn render(
        &self,
        engine: &Engine,
        call: &Call,
        inputs: &Map<String, Value>,
    ) -> Result<RenderedRequest, RenderError> {
        let base_url = self.elsewhere.as_ref().map_or(&self.base_url, |elsewhere| &elsewhere.base_url);
        Rendering::of_inputs(engine, inputs).request(call, base_url, &[])
    }

    /// Whether a token is needed for its calls.
    pub fn needs_token(&self) -> bool {
        matches!(self.spec.auth, ApiAuth::ClientCredentials { .. })
    }

    /// Adds the credential. `Err` names the secret that has no (usable) value.
    pub fn authorise(
        &self,
        engine: &Engine,
        request: RenderedRequest,
        secrets: &dyn Secrets,
        token: Option<&SecretString>,
    ) -> Result<OutboundRequest, SecretRef> {
        let RenderedRequest { method, url, mut headers, body } = request;
        let mut put = |name: &str, value: String| {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.to_owned(), value));
        };
        match &self.spec.auth {
            ApiAuth::None => {}
            ApiAuth::Headers(templates) => {
                let mut values = Map::new();
                for (name, secret, _) in &self.secrets {
                    values.insert(name.clone(), Value::from(value_of(secrets, secret)?));
                }
                let mut scope = Scope::new();
                scope.set("secret", Arc::new(Value::Object(values)));
                for (name, template) in templates {
                    let text = match template.evaluate(engine, &scope) {
                        Ok(Ok(Value::String(text))) if !text.chars().any(char::is_control) => text,
                        _ => return Err(self.first_secret()),
                    };
                    put(name, text);
                }
            }
            ApiAuth::ClientCredentials { .. } => {
                let value = token.map(ExposeSecret::expose_secret).unwrap_or_default();
                put("Authorization", format!("Bearer {value}"));
            }
        }
        Ok(OutboundRequest {
            method,
            url,
            headers,
            body,
            allow_private: self.allow_private,
            timeout_ms: self.spec.timeout_ms,
            answer_bytes_max: ANSWER_BYTES_MAX,
            about: (self.source.clone(), String::new()),
        })
    }

    /// The call that gives out a token; `None` where none is needed.
    pub fn token_request(&self, secrets: &dyn Secrets) -> Result<Option<OutboundRequest>, SecretRef> {
        let ApiAuth::ClientCredentials { client_id, client_secret, scope, .. } = &self.spec.auth else {
            return Ok(None);
        };
        let value = |name: &String| match self.secrets.iter().find(|(known, ..)| known == name) {
            Some((_, secret, _)) => value_of(secrets, secret),
            None => Err(self.first_secret()),
        };
        // RFC 6749, 2.3.1: both halves are encoded before they are put together.
        let pair = format!("{}:{}", encode(&value(client_id)?), encode(&value(client_secret)?));
        let basic = base64::engine::general_purpose::STANDARD.encode(pair);
        let mut form = "grant_type=client_credentials".to_owned();
        if !scope.is_empty() {
            let _ = write!(form, "&scope={}", encode(scope));
        }
        let headers = [
            ("Authorization", format!("Basic {basic}")),
            ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
            ("Accept", "application/json".to_owned()),
        ];
        Ok(Some(OutboundRequest {
            method: "POST".to_owned(),
            url: self.token_url.clone().unwrap_or_default(),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: Some(Bytes::from(form)),
            allow_private: self.allow_private,
            timeout_ms: self.spec.timeout_ms,
            answer_bytes_max: TOKEN_ANSWER_BYTES_MAX,
            about: (self.source.clone(), "sign in".to_owned()),
        }))
    }

    /// The token of an answer to `token_request`; else what the answer means. A client that is not known (400, 401 with
    /// `invalid_client` and the like) needs a person.
    pub fn read_token(&self, answer: &Answer, now: Millis) -> Result<Token, Classified> {
        let seen = Seen::new(answer);
        let text = |at: &str| seen.output(at).and_then(|value| value.as_str().map(str::to_owned));
        let well = |token: &String| !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic());
        if (200..300).contains(&answer.status)
            && let Some(value) = text("/access_token").filter(well)
        {
            let seconds = seen.output("/expires_in").and_then(|value| value.as_f64());
            let lives_ms = seconds.map_or(TOKEN_MS_DEFAULT, |seconds| (seconds * 1_000.0) as i64);
            return Ok(Token { value: value.into(), lives_ms: lives_ms.clamp(0, TOKEN_MS_MAX) });
        }
        let class = match answer.status {
            400 | 401 | 403 => AnswerClass::NeedsAuth,
            // An answer that is fine and holds no token is none of a token server.
            200..=299 => AnswerClass::Refused,
            _ => common(answer),
        };
        let message = match (text("/error_description"), text("/error"), class) {
            (Some(told), ..) | (None, Some(told), _) => {
                format!("signing in was refused: {}", super::answer::clean(&told, 200))
            }
            (None, None, AnswerClass::Refused) => "the sign-in's answer holds no token".to_owned(),
            _ => message(class, None, &seen),
        };
        Err(Classified { class, wait_ms: wait(&seen, class, None, now), outputs: BTreeMap::new(), message })
    }

    /// Understands an answer: the manifest's rules, then the common classes, but 404 and 410 are `gone` and 403 is
    /// `needs_auth`. An answer that was too long to be read is refused.
    pub fn classify(&self, answer: &Answer, now: Millis) -> Classified {
        let seen = Seen::new(answer);
        let of_elsewhere = self.elsewhere.iter().flat_map(|elsewhere| &elsewhere.spec.answers);
        let rule = of_elsewhere.chain(&self.spec.answers).find(|rule| rule.holds(Which::Call, &seen));
        let class = rule.map_or_else(
            || match answer.status {
                403 => AnswerClass::NeedsAuth,
                404 | 410 => AnswerClass::Gone,
                _ => common(answer),
            },
            |rule| rule.class,
        );
        if class == AnswerClass::Done && answer.cut {
            let message = format!("the answer is longer than {} MB", ANSWER_BYTES_MAX >> 20);
            return Classified {
                class: AnswerClass::Refused,
                wait_ms: None,
                outputs: BTreeMap::new(),
                message,
            };
        }
        Classified {
            class,
            wait_ms: wait(&seen, class, rule, now),
            outputs: BTreeMap::new(),
            message: message(class, rule, &seen),
        }
    }

    /// Names the credential without telling it: calls of one credential share limits and token, whichever source makes
    /// them. `None` where a secret has no value.
    pub fn credential(&self, secrets: &dyn Secrets) -> Option<String> {
        let mut hash = Sha256::new();
        let mut put = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        put(&self.base_url);
        put(self.token_url.as_deref().unwrap_or_default());
        for (name, secret, _) in &self.secrets {
            put(name);
            put(&value_of(secrets, secret).ok()?);
        }
        let mut hex = String::new();
        for byte in hash.finalize().iter().take(16) {
            let _ = write!(hex, "{byte:02x}");
        }
        Some(hex)
    }

    /// The first secret without a value.
    pub fn missing_secret(&self, secrets: &dyn Secrets) -> Option<&SecretRef> {
        self.secrets.iter().map(|(_, secret, _)| secret).find(|secret| value_of(secrets, secret).is_err())
    }

    fn first_secret(&self) -> SecretRef {
        let first = self.secrets.first().map(|(_, secret, _)| secret.clone());
        first.unwrap_or_else(|| SecretRef::Vault(String::new()))
    }
}

fn wait(seen: &Seen<'_>, class: AnswerClass, rule: Option<&AnswerRule>, now: Millis) -> Option<i64> {
    let waits = matches!(class, AnswerClass::Throttle | AnswerClass::Retry | AnswerClass::MaybeDone);
    let told = waits.then(|| retry_after(seen.answer, now)).flatten();
    rule.and_then(|rule| rule.wait_ms(seen, now))
        .max(told)
        .map(|wait| wait.clamp(0, WAIT_MS_MAX))
        .filter(|wait| *wait > 0)
}
