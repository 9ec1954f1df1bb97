//! PURE: the forms of connections and sources, made from a connector's manifest; and the entries of a file that their values
//! become. A key or token is never among these values: a file names it only.

use super::destination::Destination;
use super::manifest::Connector;
use super::secret::SecretRef;
use crate::domain::is_private_host;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Characters of one value.
const VALUE_CHARS_MAX: usize = 500;

/// Values of a form, by the fields' keys.
pub type FormValues = BTreeMap<String, String>;

/// How a value is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// One line.
    Text,
    /// An address that begins with https:// or http://.
    Url,
    /// Yes or no: `true`, or nothing.
    Tick,
    /// A key or token: goes into the vault, never into the file.
    Secret,
    /// One of these: value and label.
    Choice(Vec<(String, String)>),
}

/// One field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    /// Its name in the form.
    pub key: String,
    /// For people.
    pub label: String,
    /// A line of help; may be empty.
    pub help: String,
    /// How it is asked for.
    pub kind: FieldKind,
    /// Whether it must be filled.
    pub required: bool,
    /// What stands in it first.
    pub default: String,
    /// What it must look like, as a browser takes it; may be empty.
    pub pattern: String,
}

/// A value that can't be taken: field and sentence.
pub type WrongField = (String, String);

/// Entries of a file: `None` takes one out.
pub type Entries = Vec<(&'static str, Option<Value>)>;

pub(super) fn field(key: &str, label: &str, help: &str, kind: FieldKind) -> FormField {
    FormField {
        key: key.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        kind,
        required: false,
        default: String::new(),
        pattern: String::new(),
    }
}

/// Ways to sign in of a connection that describes its own actions.
fn open_ways() -> Vec<(String, String)> {
    let ways = [
        ("header", "A key in a header"),
        ("basic", "A user name and a password"),
        ("query", "A key in the address"),
        ("none", "It asks for none"),
    ];
    ways.map(|(value, label)| (value.to_owned(), label.to_owned())).into()
}

/// Whether an address says itself that it is in a private network.
fn leads_to_private(url: &str) -> bool {
    let host =
        url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    name.is_some_and(is_private_host)
}

impl Connector {
    /// What a form for a new connection asks for. With `signs_in`, the sign-in too; a connection that is there keeps its own.
    pub fn connection_fields(&self, signs_in: bool) -> Vec<FormField> {
        let Some(destination) = &self.destination else { return Vec::new() };
        let mut fields = Vec::new();
        if destination.base_url.is_none() {
            let help = "Where it is called, as in https://crm.example.com/api.";
            fields
                .push(FormField { required: true, ..field("base_url", "Its address", help, FieldKind::Url) });
            let help = "Tick this only where it stands on this machine or in your own network. Otherwise such addresses are \
                        refused.";
            fields.push(field("allow_private", "It is in a private network", help, FieldKind::Tick));
        }
        for (name, setting) in &destination.settings {
            let label = setting.label.clone().unwrap_or_else(|| name.clone());
            fields.push(FormField {
                required: setting.default.is_none(),
                default: setting.default.clone().unwrap_or_default(),
                pattern: setting
                    .pattern
                    .as_ref()
                    .map(|pattern| pattern.as_str().to_owned())
                    .unwrap_or_default(),
                ..field(
                    &format!("setting.{name}"),
                    &label,
                    setting.help.as_deref().unwrap_or_default(),
                    FieldKind::Text,
                )
            });
        }
        if signs_in {
            self.sign_in_fields(&mut fields);
        }
        if !signs_in {
            fields.extend(limit_fields(destination));
        }
        if destination.open_actions {
            let help = "A path behind its address that answers well to whoever may come in, as in /me. The button “Test it” \
                        asks for it. May be empty.";
            fields.push(field("test_path", "What a test asks for", help, FieldKind::Text));
        }
        fields
    }

    fn sign_in_fields(&self, fields: &mut Vec<FormField>) {
        let Some(destination) = &self.destination else { return };
        let sealed = "It is sealed and kept in the vault. Nobody is shown it again; it can be replaced.";
        if destination.open_actions {
            fields.push(FormField {
                default: "header".into(),
                ..field("way", "How it wants to know who calls", "", FieldKind::Choice(open_ways()))
            });
            let help = "The header's name (Authorization where it is empty), the user's name, or the name of the key in the \
                        address.";
            fields.push(field("sign_name", "Name", help, FieldKind::Text));
            let help = "Of a header only, with {{ secret }} where the key goes. Where it is empty: Bearer {{ secret }} in \
                        Authorization, the key alone in others.";
            fields.push(field("sign_value", "What stands in the header", help, FieldKind::Text));
            fields.push(field("secret", "Key or password", sealed, FieldKind::Secret));
            return;
        }
        let Some((first, method)) = destination.auth.first_key_value() else { return };
        if destination.auth.len() > 1 {
            let ways = destination.auth.iter().map(|(name, method)| (name.clone(), method.label.clone()));
            fields.push(FormField {
                default: first.clone(),
                ..field("way", "How to sign in", "", FieldKind::Choice(ways.collect()))
            });
        }
        let label = if destination.auth.len() > 1 { "Key or password" } else { method.label.as_str() };
        let help = [method.help.as_deref().unwrap_or_default(), sealed].join(" ");
        fields.push(FormField {
            required: !destination.optional_auth,
            ..field("secret", label, help.trim(), FieldKind::Secret)
        });
    }

    /// The entries of a connection's file. `secret` is what the file calls its key, where one was given.
    pub fn connection_entries(
        &self,
        values: &FormValues,
        secret: Option<&SecretRef>,
        signs_in: bool,
    ) -> Result<Entries, Vec<WrongField>> {
        let fields = self.connection_fields(signs_in);
        let mut wrong = wrong_values(&fields, values);
        let mut entries: Entries = vec![("connector", Some(json!(self.name)))];
        let of = |key: &str| values.get(key).map(|value| value.trim()).unwrap_or_default();
        entries.push(("title", Some(json!(of("title")))));
        let Some(destination) = &self.destination else { return Err(wrong) };
        if destination.base_url.is_none() {
            let url = of("base_url");
            if !url.is_empty() && !is_base_url(url) {
                let sentence =
                    "Give the address as in https://crm.example.com/api, without ? # or a password.";
                wrong.push(("base_url".into(), sentence.into()));
            }
            if of("allow_private") != "true" && leads_to_private(url) {
                let sentence = "This address is in a private network: tick this if that is meant.";
                wrong.push(("allow_private".into(), sentence.into()));
            }
            entries.push(("base_url", Some(json!(url))));
            entries.push(("allow_private", (of("allow_private") == "true").then(|| json!(true))));
        }
        let mut settings = Map::new();
        for (name, setting) in &destination.settings {
            let value = of(&format!("setting.{name}"));
            if setting.pattern.as_ref().is_some_and(|pattern| !value.is_empty() && !pattern.fits(value)) {
                let help = setting.help.as_deref().unwrap_or("Look at it again.");
                wrong.push((format!("setting.{name}"), format!("This is not what it looks like. {help}")));
            }
            if !value.is_empty() && setting.default.as_deref() != Some(value) {
                settings.insert(name.clone(), json!(value));
            }
        }
        if !destination.settings.is_empty() {
            entries.push(("settings", (!settings.is_empty()).then_some(Value::Object(settings))));
        }
        if signs_in {
            match self.auth_entry(values, secret) {
                Ok(auth) => entries.push(("auth", auth)),
                Err(one) => wrong.push(one),
            }
        }
        if !signs_in {
            match limits_entry(values) {
                Ok(limits) => entries.push(("limits", limits)),
                Err(more) => wrong.extend(more),
            }
        }
        if destination.open_actions {
            let path = of("test_path");
            if !path.is_empty() && (!path.starts_with('/') || path.contains("{{")) {
                wrong.push(("test_path".into(), "Begin it with /, as in /me.".into()));
            }
            let call = json!({ "call": { "method": "GET", "path": path } });
            entries.push(("test", (!path.is_empty()).then_some(call)));
        }
        if wrong.is_empty() { Ok(entries) } else { Err(wrong) }
    }

    /// `auth:` of a connection's file.
    pub fn auth_entry(
        &self,
        values: &FormValues,
        secret: Option<&SecretRef>,
    ) -> Result<Option<Value>, WrongField> {
        let Some(destination) = &self.destination else { return Ok(None) };
        let of = |key: &str| values.get(key).map(|value| value.trim()).unwrap_or_default();
        let Some(secret) = secret else {
            return if destination.open_actions && !matches!(of("way"), "none" | "") {
                Err(("secret".into(), "Give the key or password, or say that it asks for none.".into()))
            } else {
                Ok(None)
            };
        };
        let named = named(secret);
        if !destination.open_actions {
            let way = match of("way") {
                "" => destination.auth.keys().next().cloned().unwrap_or_default(),
                way => way.to_owned(),
            };
            if !destination.auth.contains_key(&way) {
                return Err(("way".into(), "Choose one of these.".into()));
            }
            return Ok(Some(json!({ way: named })));
        }
        let name = of("sign_name");
        let mut auth = Map::new();
        match of("way") {
            "none" => return Ok(None),
            "query" if name.is_empty() => {
                return Err(("sign_name".into(), "Give the name of the key in the address.".into()));
            }
            "query" => {
                auth.insert("query".into(), json!(name));
            }
            "basic" => return Ok(Some(json!({ "basic": { "user": name, "password": named } }))),
            _ => {
                let header = if name.is_empty() { "Authorization" } else { name };
                let value = match of("sign_value") {
                    "" if header.eq_ignore_ascii_case("authorization") => "Bearer {{ secret }}",
                    "" => "{{ secret }}",
                    value => value,
                };
                if !header.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
                    return Err((
                        "sign_name".into(),
                        "A header's name has letters, digits and - only.".into(),
                    ));
                }
                if !value.contains("{{ secret }}") {
                    let sentence = "Say where the key goes, as in Bearer {{ secret }}.";
                    return Err(("sign_value".into(), sentence.into()));
                }
                auth.insert("header".into(), json!(header));
                auth.insert("value".into(), json!(value));
            }
        }
        if let Value::Object(named) = named {
            auth.extend(named);
        }
        Ok(Some(Value::Object(auth)))
    }

    /// Whether a form without a key is refused.
    pub fn needs_secret(&self) -> bool {
        self.destination
            .as_ref()
            .is_some_and(|destination| !destination.auth.is_empty() && !destination.optional_auth)
    }
}

/// How often it is called, where it differs from what its connector says.
fn limit_fields(destination: &Destination) -> [FormField; 2] {
    let says = |limit: Option<String>| match limit {
        Some(limit) => format!("Where it is empty: {limit}, as its connector says."),
        None => "Where it is empty, there is no such limit.".to_owned(),
    };
    let limits = &destination.limits;
    let field = |key: &str, label: &str, limit: Option<String>, pattern: &str| FormField {
        pattern: pattern.to_owned(),
        ..field(key, label, &says(limit), FieldKind::Text)
    };
    let (rate, calls) = (limits.per_second.map(|rate| rate.to_string()), limits.concurrency);
    [
        field("limit.per_second", "Calls in a second, at most", rate, r"[0-9]+(\.[0-9]+)?"),
        field(
            "limit.concurrency",
            "Calls at the same time, at most",
            calls.map(|calls| calls.to_string()),
            "[0-9]+",
        ),
    ]
}

/// `limits:` of a connection's file.
fn limits_entry(values: &FormValues) -> Result<Option<Value>, Vec<WrongField>> {
    let (mut limits, mut wrong) = (Map::new(), Vec::new());
    let mut read = |name: &str, sentence: &str, read: &dyn Fn(&str) -> Option<Value>| {
        let key = format!("limit.{name}");
        let value = values.get(&key).map(|value| value.trim()).unwrap_or_default();
        match read(value) {
            _ if value.is_empty() => {}
            Some(value) => {
                limits.insert(name.to_owned(), value);
            }
            None => wrong.push((key, sentence.to_owned())),
        }
    };
    read("per_second", "Give a number above 0, such as 10, or 0.5 for one call in two seconds.", &|value| {
        match value.parse::<u32>() {
            Ok(whole) => (1..=10_000).contains(&whole).then(|| json!(whole)),
            Err(_) => value
                .parse::<f64>()
                .ok()
                .filter(|rate| *rate > 0.0 && *rate <= 10_000.0)
                .map(|rate| json!(rate)),
        }
    });
    read("concurrency", "Give a number from 1 to 1000. To stop its calls, pause it.", &|value| {
        value.parse::<u32>().ok().filter(|calls| (1..=1_000).contains(calls)).map(|calls| json!(calls))
    });
    if wrong.is_empty() { Ok((!limits.is_empty()).then_some(Value::Object(limits))) } else { Err(wrong) }
}

/// What a form for a source asks for.
pub fn source_fields(connector: &Connector) -> Vec<FormField> {
    let help = connector.source.as_ref().map(|spec| spec.account_help.as_str()).unwrap_or_default();
    if help.is_empty() { Vec::new() } else { vec![field("account", "Account", help, FieldKind::Text)] }
}

/// The entries of a source's file.
pub fn source_entries(connector: &Connector, values: &FormValues) -> Result<Entries, Vec<WrongField>> {
    let fields = source_fields(connector);
    let wrong = wrong_values(&fields, values);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let of = |key: &str| values.get(key).map(|value| value.trim()).unwrap_or_default();
    let mut entries: Entries =
        vec![("connector", Some(json!(connector.name))), ("title", Some(json!(of("title"))))];
    if !fields.is_empty() {
        entries.push(("account", Some(json!(of("account"))).filter(|_| !of("account").is_empty())));
    }
    Ok(entries)
}

fn named(secret: &SecretRef) -> Value {
    match secret {
        SecretRef::Vault(name) => json!({ "secret": name }),
        SecretRef::Env(name) => json!({ "env": name }),
    }
}

/// What every form is asked: a title, nothing too long, nothing that no eye can see.
fn wrong_values(fields: &[FormField], values: &FormValues) -> Vec<WrongField> {
    let mut wrong = Vec::new();
    let of = |key: &str| values.get(key).map(|value| value.trim()).unwrap_or_default();
    if of("title").is_empty() {
        wrong.push(("title".to_owned(), "Say what you call it.".to_owned()));
    }
    let asked = fields.iter().map(|field| (field.key.as_str(), field.kind == FieldKind::Secret));
    for (key, secret) in asked.chain([("title", false)]) {
        let value = of(key);
        if value.chars().any(char::is_control) {
            wrong.push((
                key.to_owned(),
                "This is more than one line, or holds what can't be seen.".to_owned(),
            ));
        } else if !secret && value.chars().count() > VALUE_CHARS_MAX {
            wrong.push((
                key.to_owned(),
                format!("This is too long: {VALUE_CHARS_MAX} characters are enough."),
            ));
        }
    }
    for field in fields {
        if field.required && field.kind != FieldKind::Secret && of(&field.key).is_empty() {
            wrong.push((field.key.clone(), format!("“{}” is missing.", field.label)));
        }
    }
    wrong
}

/// What a connection's file takes as `base_url`, roughly; the compiler looks closer.
fn is_base_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty()
            && !host.contains('@')
            && !rest.contains(|c: char| c.is_whitespace() || matches!(c, '?' | '#' | '\\' | '{' | '}'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::SecretRef;
    use super::super::tests::{catalogue, engine, try_connection};
    use super::FormValues;
    use crate::document::with_entries;

    fn values(pairs: &[(&str, &str)]) -> FormValues {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn made(connector: &str, pairs: &[(&str, &str)]) -> String {
        let engine = engine();
        let catalogue = catalogue(&engine);
        let secret = SecretRef::Vault("connection.crm".into());
        let entries = catalogue.connectors[connector].connection_entries(&values(pairs), Some(&secret), true);
        let text = with_entries("", &entries.expect("well")).expect("a file");
        let (read, told) = try_connection(&engine, &text);
        assert!(read.is_some(), "{told}\n{text}");
        assert!(!told.contains("error"), "{told}");
        text
    }

    #[test]
    fn what_a_form_makes_is_a_connection() {
        let way = |way: &'static str, name: &'static str| {
            let pairs =
                [("title", "Ours"), ("base_url", "https://x.example/a"), ("way", way), ("sign_name", name)];
            made("http", &pairs)
        };
        insta::assert_snapshot!(
            [
                made(
                    "hubspot",
                    &[("title", "Our HubSpot"), ("setting.portal", "123"), ("setting.deal_key", "")]
                ),
                made(
                    "sandbox",
                    &[("title", "S"), ("base_url", "http://127.0.0.1:1"), ("allow_private", "true")]
                ),
                way("header", ""),
                way("header", "X-Key"),
                way("basic", "mary"),
                way("query", "key"),
                way("none", ""),
            ]
            .join("\n")
        );
    }

    #[test]
    fn mistakes_stand_at_their_fields() {
        let engine = engine();
        let catalogue = catalogue(&engine);
        let long = "x".repeat(600);
        let told = |connector: &str, pairs: &[(&str, &str)]| {
            let made = catalogue.connectors[connector].connection_entries(&values(pairs), None, true);
            made.err().unwrap_or_default().into_iter().map(|(field, _)| field).collect::<Vec<_>>()
        };
        assert_eq!(told("sandbox", &[]), ["title", "base_url"]);
        assert_eq!(told("sandbox", &[("title", "a\nb"), ("base_url", "ftp://x")]), ["title", "base_url"]);
        assert_eq!(told("sandbox", &[("title", &long), ("base_url", "https://a@b")]), ["title", "base_url"]);
        assert_eq!(told("hubspot", &[("title", "a"), ("setting.portal", "12 x")]), ["setting.portal"]);
        let http =
            [("title", "a"), ("base_url", "https://x.example"), ("way", "header"), ("test_path", "me")];
        assert_eq!(told("http", &http), ["secret", "test_path"]);
    }
}
