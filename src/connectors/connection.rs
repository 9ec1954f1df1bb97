//! A connection: one configured place to call.

use super::Connector;
use super::action::Action;
use super::action_read::{ActionReading, read_actions};
use super::auth::{Auth, ReadAuth, read_by_method, read_open};
use super::destination::{Destination, read_texts};
use super::limits::{RateLimits, RetrySchedule, read_limits, read_retry};
use super::manifest::{Catalogue, Verified, unknown_connector};
use super::secret::SecretRef;
use super::setup::{SetupTest, read_test};
use super::source::fields_place;
use super::templates::{ACTION_NAMES, Compiling};
use crate::document::{Diagnostic, Fields, Node, Place, suggest};
use crate::expr::{Engine, Scope, Template};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The whole of one call, where nothing else is said.
const TIMEOUT_MS: u64 = 30_000;
/// The longest time that one call may take.
const TIMEOUT_MS_MAX: u64 = 300_000;

/// What a connection file says beside its actions (kept for `doctor` and pages).
#[derive(Clone, Debug, Default)]
pub struct ConnectionSpec {
    /// Its file.
    pub file: String,
    /// Values of the manifest's `settings:`.
    pub settings: BTreeMap<String, String>,
}

/// One `connections/NAME.yaml`, with the actions of its connector or its own.
pub struct Connection {
    /// Its name: that of its file.
    pub name: String,
    /// For people.
    pub title: String,
    /// What the file says.
    pub spec: ConnectionSpec,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// Base URL, without a slash at its end.
    pub base_url: String,
    /// Which account it reaches: `account:` of the file, else the base URL.
    pub account: String,
    /// False: it takes no calls.
    pub enabled: bool,
    /// Whether addresses of private networks may be called.
    pub allow_private: bool,
    /// How the credential travels.
    pub auth: Auth,
    /// Headers of every call.
    pub headers: Vec<(String, String)>,
    /// Limits.
    pub limits: RateLimits,
    /// When to try again.
    pub retry: RetrySchedule,
    /// The whole of one call (30 s).
    pub timeout_ms: u64,
    /// Actions by name.
    pub actions: BTreeMap<String, Arc<Action>>,
    /// The call that tests its credential, where it describes its own actions and one of these.
    pub test: Option<SetupTest>,
    /// Secrets that it needs, with where the file says so.
    pub secrets: Vec<(SecretRef, Place)>,
}

/// Reads a connection file.
pub fn read_connection(
    file: &str,
    name: &str,
    node: &Node,
    catalogue: &Catalogue,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Connection> {
    let mut fields = Fields::new(file, "a connection", node, diagnostics);
    let connector = fields.required_text("connector");
    let title = fields.text("title");
    let account = fields.text("account");
    let enabled = fields.boolean("enabled").unwrap_or(true);
    let base_url = fields.text("base_url");
    let allow_private = fields.boolean("allow_private").unwrap_or(false);
    let auth = fields.node("auth");
    let settings = fields.node("settings");
    let headers = fields.node("headers");
    let limits = fields.node("limits");
    let retry = fields.node("retry");
    let timeout = fields.duration("timeout");
    let actions = fields.node("actions");
    let test = fields.node("test");
    fields.finish();
    let connector = find_connector(file, node, &connector?, catalogue, diagnostics)?;
    let destination = connector.destination.as_ref()?;
    let settings = read_settings(file, settings, destination, diagnostics);
    let base_url =
        read_base_url(file, node, base_url.or(destination.base_url.clone()), engine, &settings, diagnostics);
    let compiling = Compiling { file, engine, names: &["secret"] };
    let read_auth = match auth {
        Some(auth) if destination.auth.is_empty() => read_open(compiling, auth, diagnostics),
        Some(auth) => read_by_method(compiling, auth, &destination.auth, diagnostics),
        None => None,
    }
    .unwrap_or(ReadAuth { auth: Auth::None, secrets: Vec::new() });
    if auth.is_none() && !destination.auth.is_empty() && !destination.optional_auth {
        let way = destination.auth.keys().next().map_or("token", String::as_str);
        diagnostics.push(
            Diagnostic::warning(
                file,
                Some(node.place),
                format!("The connection does not sign in, and {} asks for it.", connector.title),
            )
            .hint(format!("add `auth: {{ {way}: {{ secret: NAME }} }}`")),
        );
    }
    let mut all_headers = destination.headers.clone();
    for (name, value) in
        headers.map(|node| read_texts(file, "headers", node, diagnostics)).unwrap_or_default()
    {
        if name.is_empty()
            || name.contains(|c: char| !c.is_ascii_graphic() || c == ':')
            || value.chars().any(char::is_control)
        {
            let place = headers.map(|node| node.place);
            diagnostics.push(Diagnostic::error(file, place, format!("`{name}` can't be sent as a header.")));
            continue;
        }
        all_headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        all_headers.push((name, value));
    }
    let limits =
        limits.map_or(destination.limits, |node| read_limits(file, node, destination.limits, diagnostics));
    let retry = retry.map_or_else(
        || destination.retry.clone(),
        |node| read_retry(file, node, &destination.retry, diagnostics),
    );
    let timeout_ms =
        timeout.map(|timeout| timeout.as_millis() as u64).or(destination.timeout_ms).unwrap_or(TIMEOUT_MS);
    let test = test.and_then(|test| read_own_test(file, test, destination, engine, diagnostics));
    let actions = own_actions(file, node, actions, destination, &connector, engine, diagnostics);
    let base_url = base_url?;
    Some(Connection {
        name: name.to_owned(),
        title: title.unwrap_or_else(|| name.to_owned()),
        spec: ConnectionSpec { file: file.to_owned(), settings },
        account: account.filter(|account| !account.trim().is_empty()).unwrap_or_else(|| base_url.clone()),
        base_url,
        enabled,
        allow_private,
        auth: read_auth.auth,
        headers: all_headers,
        limits,
        retry,
        timeout_ms: timeout_ms.clamp(1, TIMEOUT_MS_MAX),
        actions,
        test,
        secrets: read_auth.secrets,
        connector: connector.clone(),
    })
}

fn find_connector(
    file: &str,
    node: &Node,
    name: &str,
    catalogue: &Catalogue,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Arc<Connector>> {
    let place = fields_place(node, "connector");
    let Some(connector) = catalogue.connectors.get(name) else {
        diagnostics
            .push(unknown_connector(file, place, name, catalogue, |known| known.destination.is_some()));
        return None;
    };
    if connector.destination.is_none() {
        diagnostics.push(
            Diagnostic::error(
                file,
                place,
                format!("The connector `{name}` only sends webhooks; it can't be called."),
            )
            .hint("name a CRM's connector here, or `http`; this one belongs into sources/"),
        );
        return None;
    }
    Some(connector.clone())
}

/// The call that tests the credential of a connection that describes its own actions.
fn read_own_test(
    file: &str,
    node: &Node,
    destination: &Destination,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SetupTest> {
    if !destination.open_actions {
        let message = "Only a connection that describes its own actions has a `test` of its own.";
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("take the line out: its connector says how it is tested"),
        );
        return None;
    }
    read_test(Compiling { file, engine, names: &ACTION_NAMES }, node, diagnostics)
}

fn own_actions(
    file: &str,
    node: &Node,
    actions: Option<&Node>,
    destination: &Destination,
    connector: &Connector,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Arc<Action>> {
    match actions {
        Some(actions) if destination.open_actions => {
            let reading = ActionReading { file, engine, open: true, verified: Verified::Unverified };
            read_actions(reading, actions, diagnostics)
        }
        Some(actions) => {
            let message = format!(
                "A connection to {} has the actions of its connector, and none of its own.",
                connector.title
            );
            diagnostics.push(Diagnostic::error(file, Some(actions.place), message).hint(format!(
                "write connectors/{}.yaml to replace the connector, or use `connector: http`",
                connector.name
            )));
            destination.actions.clone()
        }
        None => {
            if destination.open_actions {
                diagnostics.push(
                    Diagnostic::warning(
                        file,
                        Some(node.place),
                        "The connection describes no `actions`, so no rule can use it.",
                    )
                    .hint("describe one below `actions:` with `method:` and `path:`"),
                );
            }
            destination.actions.clone()
        }
    }
}

fn read_settings(
    file: &str,
    node: Option<&Node>,
    destination: &Destination,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, String> {
    let mut settings: BTreeMap<String, String> = destination
        .settings
        .iter()
        .filter_map(|(name, setting)| Some((name.clone(), setting.default.clone()?)))
        .collect();
    let Some(node) = node else { return settings };
    for (name, value) in read_texts(file, "settings", node, diagnostics) {
        if destination.settings.contains_key(&name) {
            settings.insert(name, value);
            continue;
        }
        let known = || destination.settings.keys().map(String::as_str);
        let hint = match suggest(&name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if destination.settings.is_empty() => "this connector has no settings".to_owned(),
            None => format!("its settings are {}", known().collect::<Vec<_>>().join(", ")),
        };
        let place = fields_place(node, &name);
        diagnostics.push(
            Diagnostic::error(file, place, format!("The connector has no setting `{name}`.")).hint(hint),
        );
    }
    settings
}

fn read_base_url(
    file: &str,
    node: &Node,
    text: Option<String>,
    engine: &Engine,
    settings: &BTreeMap<String, String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let place = fields_place(node, "base_url");
    let Some(text) = text else {
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), "The connection has no `base_url`.")
                .hint("add a line such as `base_url: https://crm.example.com/api`"),
        );
        return None;
    };
    let mut url = text.clone();
    if text.contains("{{") {
        let template = Template::compile(engine, &text, &["setting"]).map_err(|error| error.message);
        let mut scope = Scope::new();
        let map = settings.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        scope.set("setting", Arc::new(Value::Object(map)));
        let filled =
            template.and_then(|template| template.evaluate(engine, &scope).map_err(|error| error.message));
        match filled {
            Ok(Ok(Value::String(filled))) => url = filled,
            other => {
                let why = other.err().unwrap_or_else(|| "a setting has no value".to_owned());
                diagnostics.push(
                    Diagnostic::error(
                        file,
                        place,
                        format!("The base URL can't be filled: {}.", why.trim_end_matches('.')),
                    )
                    .hint("give the connection's `settings:` their values"),
                );
                return None;
            }
        }
    }
    let well = is_base_url(&url);
    if !well {
        diagnostics.push(
            Diagnostic::error(file, place, format!("`{url}` is no base URL."))
                .hint("it begins with https:// or http://, names a host, and has no `?`, `#` or password"),
        );
        return None;
    }
    Some(url.trim_end_matches('/').to_owned())
}

/// Whether a text can stand before the paths of calls: http or https, a host, no query, no password.
pub(super) fn is_base_url(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|rest| {
        let authority = rest.split('/').next().unwrap_or_default();
        !authority.is_empty()
            && !authority.contains('@')
            && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\'))
    })
}
