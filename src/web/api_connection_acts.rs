//! `/api/v1/connections`: one is made, its settings are looked at and changed, it is tested, gets another key, is taken away.
//! Files of the rules folder are published as rules are; a key goes into the vault and never comes out again.

use super::api_body::{Answer, Body, answered, with};
use super::api_error::ApiError;
use super::api_rule_drafts::PublishedTold;
use super::viewer::Viewer;
use crate::app::{App, ConnectError, Finding, Health, PartKind, PartNew, SecretHeld, values_of};
use crate::connectors::{
    Connector, FieldKind, FormValues, SecretRef, source_fields, source_new_fields, truth_fields,
};
use crate::told::rfc3339;
use actix_web::http::StatusCode;
use actix_web::web;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A connection or source to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPart {
    /// Name of its connector.
    #[schema(example = "hubspot")]
    connector: String,
    /// Its short name: small letters, digits and -. It stays as it is.
    #[schema(example = "our-hubspot", min_length = 1, max_length = 40)]
    name: String,
    /// What people call it.
    #[schema(example = "Our HubSpot", min_length = 1, max_length = 500)]
    title: String,
    /// What its connector asks for, by key: `GET /api/v1/connectors/{name}` tells which. A key or password is the value
    /// `secret`: it goes into the vault.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    values: FormValues,
}

/// What is to be different. What is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartChange {
    /// What people call it.
    #[schema(min_length = 1, max_length = 500)]
    title: Option<String>,
    /// Values by key, as its settings tell them. An empty one is taken out.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    values: FormValues,
    /// The `text_hash` of the settings that this was made from. Given, it is refused where the file is another by now.
    text_hash: Option<String>,
    /// Why, in a few words.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// Which file is to be taken away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartGone {
    /// The `text_hash` of its settings. Given, it is refused where the file is another by now.
    text_hash: Option<String>,
}

/// What a test may do.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestAsked {
    /// Make there what it needs and lacks: properties of a CRM, say.
    #[serde(default)]
    make: bool,
}

/// Another key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// The key or password. It goes into the vault and is not told again.
    #[schema(write_only, min_length = 1)]
    value: String,
    /// Which secret gets it, where the connection names several.
    secret: Option<String>,
}

/// The settings of a connection or source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PartSettings)]
pub(super) struct SettingsTold {
    /// Its name.
    name: String,
    /// Its file in the rules folder.
    file: String,
    /// What people call it.
    title: String,
    /// Values by key, without secrets.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    values: FormValues,
    /// What tells the file as it stands from a later one.
    text_hash: String,
    /// Names of the rules that use it. While there are any, it can't be taken away.
    used_by: Vec<String>,
    /// The keys that it names, of connections.
    keys: Vec<KeyTold>,
}

/// A key, without its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(super) struct KeyTold {
    /// Its name in the vault, or of the variable of the environment.
    name: String,
    /// Whether it is in the vault; else it is of the environment.
    in_vault: bool,
    /// Whether it has a value.
    has_value: bool,
    /// When that was set, of one in the vault.
    #[schema(format = DateTime)]
    set_at: Option<String>,
}

/// A connection or source that was made, changed or taken away.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PartPublished)]
pub(super) struct PartTold {
    /// Its name.
    name: String,
    /// Its file in the rules folder.
    file: String,
    /// How it came to work.
    published: PublishedTold,
}

/// What a test found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionTested)]
pub(super) struct TestTold {
    /// Nothing is amiss.
    well: bool,
    /// What was found, in the order in which it was looked at.
    findings: Vec<FindingTold>,
}

/// Something that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub(super) struct FindingTold {
    /// `well`, `notice` or `amiss`.
    health: &'static str,
    /// A sentence.
    text: String,
    /// A way out, where there is one.
    way_out: Option<String>,
    /// It is missing there and can be made from here: ask again with `make`.
    can_be_made: bool,
}

/// A key was kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyKept)]
pub(super) struct KeptTold {
    /// The keys of the connection as they are now.
    keys: Vec<KeyTold>,
}

impl KeyTold {
    fn of(held: SecretHeld) -> Self {
        let (name, in_vault) = match held.secret {
            SecretRef::Vault(name) => (name, true),
            SecretRef::Env(name) => (name, false),
        };
        Self { name, in_vault, has_value: held.has_value, set_at: held.set_at.map(rfc3339) }
    }
}

impl FindingTold {
    fn of(finding: Finding) -> Self {
        let health = match finding.health {
            Health::Well => "well",
            Health::Notice => "notice",
            Health::Amiss => "amiss",
        };
        let way_out = finding.way_out.or(finding.on_page);
        Self { health, text: finding.text, way_out, can_be_made: finding.can_be_made }
    }
}

impl From<ConnectError> for ApiError {
    fn from(error: ConnectError) -> Self {
        let why = error.to_string();
        match error {
            ConnectError::Fields(wrong) => Self::wrong_fields(wrong),
            ConnectError::NoConnector => Self::not_found("connection or source"),
            ConnectError::InUse(by) => Self::not_now(&why)
                .called("in_use")
                .hinted("Nothing was changed. Change or take away what uses it first.")
                .details(serde_json::json!({ "used_by": by })),
            ConnectError::Publish(error) => error.into(),
            ConnectError::Secret(error) => Self::not_now(&error.to_string()),
            ConnectError::Store(error) => error.into(),
        }
    }
}

/// The fields that a file of such a kind has.
fn keys_of(kind: PartKind, connector: &Connector, signs_in: bool) -> Vec<(String, bool)> {
    let fields = match kind {
        PartKind::Connection => connector.connection_fields(signs_in),
        PartKind::Source if signs_in => source_new_fields(connector),
        PartKind::Source => source_fields(connector).into_iter().chain(truth_fields(connector)).collect(),
    };
    fields.into_iter().map(|field| (field.key, field.kind == FieldKind::Secret)).collect()
}

/// A value that nothing asks for is a slip in its name.
fn none_unknown(
    kind: PartKind,
    connector: &Connector,
    values: &FormValues,
    signs_in: bool,
) -> Result<(), ApiError> {
    let known = keys_of(kind, connector, signs_in);
    let unknown = values.keys().filter(|key| !known.iter().any(|(known, _)| known == *key));
    let names: Vec<&str> = known.iter().map(|(key, _)| key.as_str()).collect();
    let way = if names.is_empty() { String::from("none") } else { names.join(", ") };
    let wrong: Vec<_> = unknown
        .map(|key| (format!("values.{key}"), format!("there is no value “{key}”; there are: {way}")))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(ApiError::wrong_fields(wrong)) }
}

/// Makes one.
pub(super) async fn make(app: Arc<App>, viewer: &Viewer, kind: PartKind, asked: NewPart) -> Answer {
    let connector = app
        .connector(kind, &asked.connector)
        .ok_or_else(|| ApiError::wrong_value(&format!("there is no such connector for a {}", kind.word())))?;
    none_unknown(kind, &connector, &asked.values, true)?;
    let mut values = asked.values;
    values.insert("title".into(), asked.title);
    let new = PartNew { kind, name: asked.name.clone(), connector: connector.name.clone(), values };
    let published = app.connect(new, viewer.actor()).await.map_err(|error| match error {
        // The file is there already.
        ConnectError::Publish(crate::app::PublishError::Changed(_)) => {
            ApiError::not_now(&format!("there is a {} of this name already", kind.word()))
                .called("taken")
                .hinted("Nothing was changed. Take another name.")
        }
        other => other.into(),
    })?;
    let act = if kind == PartKind::Source { "source.made" } else { "connection.made" };
    app.audit(&viewer.who(), act, &asked.name, &connector.title).await;
    let file = kind.file(&asked.name).unwrap_or_default();
    let text_hash = app.open_file(&file).await?.map(|(_, hash)| hash);
    let published = PublishedTold::of(published, text_hash);
    with(StatusCode::CREATED, &PartTold { name: asked.name, file, published })
}

/// One that is there: its file, its connector, its text and what tells it from a later one.
async fn opened(
    app: &App,
    kind: PartKind,
    name: &str,
) -> Result<(String, Arc<Connector>, String, String), ApiError> {
    let unknown = || ApiError::not_found(kind.word());
    let file = kind.file(name).ok_or_else(unknown)?;
    let active = app.active().ok_or_else(unknown)?;
    let connector = match kind {
        PartKind::Connection => active.connections.get(name).map(|one| one.connector.clone()),
        PartKind::Source => active.sources.get(name).map(|one| one.connector.clone()),
    };
    let connector = connector.ok_or_else(unknown)?;
    let (text, hash) = app
        .open_file(&file)
        .await?
        .ok_or_else(|| ApiError::not_now("its file is gone from the rules folder").called("file_changed"))?;
    Ok((file, connector, text, hash))
}

/// The settings of one.
pub(super) async fn settings(app: &App, kind: PartKind, name: &str) -> Result<SettingsTold, ApiError> {
    let (file, connector, text, text_hash) = opened(app, kind, name).await?;
    let mut values = values_of(kind, &connector, &text);
    let title = values.remove("title").unwrap_or_default();
    let keys = match kind {
        PartKind::Connection => app.secrets_of(name).await?.into_iter().map(KeyTold::of).collect(),
        PartKind::Source => Vec::new(),
    };
    let used_by = app.users_of(kind, name).into_iter().map(|(rule, _)| rule).collect();
    Ok(SettingsTold { name: name.to_owned(), file, title, values, text_hash, used_by, keys })
}

/// Changes one.
pub(super) async fn change(
    app: Arc<App>,
    viewer: &Viewer,
    (kind, name): (PartKind, &str),
    asked: PartChange,
) -> Answer {
    let (file, connector, text, now) = opened(&app, kind, name).await?;
    none_unknown(kind, &connector, &asked.values, false)?;
    let mut values = values_of(kind, &connector, &text);
    values.extend(asked.values);
    if let Some(title) = asked.title {
        values.insert("title".into(), title);
    }
    values.insert("reason".into(), asked.reason.unwrap_or_default());
    let opened = asked.text_hash.unwrap_or(now);
    let published = app.change_part((kind, name), &values, &opened, viewer.actor()).await?;
    if !published.nothing_new {
        let act = if kind == PartKind::Source { "source.changed" } else { "connection.changed" };
        app.audit(&viewer.who(), act, name, "").await;
    }
    let text_hash = app.open_file(&file).await?.map(|(_, hash)| hash);
    let published = PublishedTold::of(published, text_hash);
    answered(&PartTold { name: name.to_owned(), file, published })
}

/// Takes one away.
pub(super) async fn remove(
    app: Arc<App>,
    viewer: &Viewer,
    (kind, name): (PartKind, &str),
    asked: PartGone,
) -> Answer {
    let (file, _, _, now) = opened(&app, kind, name).await?;
    let opened = asked.text_hash.unwrap_or(now);
    let published = app.disconnect(kind, name, &opened, viewer.actor()).await?;
    let act = if kind == PartKind::Source { "source.removed" } else { "connection.removed" };
    app.audit(&viewer.who(), act, name, "").await;
    let published = PublishedTold::of(published, None);
    answered(&PartTold { name: name.to_owned(), file, published })
}

/// Make a connection
///
/// Its file is written, at work at once, and committed where the rules folder is a git repository.
#[utoipa::path(post, path = "/api/v1/connections", tag = "connections", request_body = NewPart,
    responses((status = 201, description = "It is at work.", body = PartTold)))]
pub(super) async fn make_connection(
    app: web::Data<App>,
    viewer: Viewer,
    Body(asked): Body<NewPart>,
) -> Answer {
    make(app.into_inner(), &viewer, PartKind::Connection, asked).await
}

/// The settings of a connection
#[utoipa::path(get, path = "/api/v1/connections/{name}/settings", tag = "connections",
    params(("name" = String, Path, description = "Its name.", example = "hubspot")),
    responses((status = 200, description = "Its settings.", body = SettingsTold)))]
pub(super) async fn get_connection_settings(app: web::Data<App>, name: web::Path<String>) -> Answer {
    answered(&settings(&app, PartKind::Connection, &name).await?)
}

/// Change the settings of a connection
///
/// What stands in its file beside them stays, comments too.
#[utoipa::path(post, path = "/api/v1/connections/{name}", tag = "connections",
    params(("name" = String, Path, description = "Its name.")),
    request_body(content = PartChange, description = "May be left out."),
    responses((status = 200, description = "It is at work.", body = PartTold)))]
pub(super) async fn change_connection(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<PartChange>,
) -> Answer {
    change(app.into_inner(), &viewer, (PartKind::Connection, &name), asked).await
}

/// Test a connection
///
/// Calls it with its own credential: whom it reaches, whether what it needs is there. Waits for the answers.
#[utoipa::path(post, path = "/api/v1/connections/{name}/test", tag = "connections",
    params(("name" = String, Path, description = "Its name.")),
    request_body(content = TestAsked, description = "May be left out."),
    responses((status = 200, description = "What was found.", body = TestTold)))]
pub(super) async fn test_connection(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<TestAsked>,
) -> Answer {
    let findings = app.try_out(&name, asked.make).await?;
    let details = if asked.make { "and made what was missing" } else { "" };
    app.audit(&viewer.who(), "connection.tested", &name, details).await;
    answered(&TestTold {
        well: findings.iter().all(|finding| finding.health != Health::Amiss),
        findings: findings.into_iter().map(FindingTold::of).collect(),
    })
}

/// Give a connection another key
///
/// The one that its file names gets the value; what waits for it goes out.
#[utoipa::path(post, path = "/api/v1/connections/{name}/secret", tag = "connections",
    params(("name" = String, Path, description = "Its name.")), request_body = NewKey,
    responses((status = 200, description = "It is kept.", body = KeptTold)))]
pub(super) async fn set_connection_secret(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<NewKey>,
) -> Answer {
    let app = app.into_inner();
    opened(&app, PartKind::Connection, &name).await?;
    let held = app.secrets_of(&name).await?;
    let vault: Vec<&str> = held.iter().filter_map(|held| vault_name(&held.secret)).collect();
    let secret = match (asked.secret.as_deref(), vault.as_slice()) {
        (Some(secret), known) if held.is_empty() || known.contains(&secret) => secret,
        (None, [only]) => only,
        (None, []) if held.is_empty() => "",
        (_, []) => {
            return Err(ApiError::not_now("its key is of the environment; set it there"));
        }
        (_, known) => {
            return Err(ApiError::wrong_value(&format!("secret is one of {}", known.join(", "))));
        }
    };
    app.replace_secret(&name, secret, &asked.value, viewer.actor()).await?;
    app.audit(&viewer.who(), "connection.secret", &name, "").await;
    let keys = app.secrets_of(&name).await?.into_iter().map(KeyTold::of).collect();
    answered(&KeptTold { keys })
}

fn vault_name(secret: &SecretRef) -> Option<&str> {
    match secret {
        SecretRef::Vault(name) => Some(name),
        SecretRef::Env(_) => None,
    }
}

/// Take a connection away
///
/// Refused while rules use it (`in_use`). Its keys go with it where nothing else names them; its runs are held.
#[utoipa::path(post, path = "/api/v1/connections/{name}/remove", tag = "connections",
    params(("name" = String, Path, description = "Its name.")),
    request_body(content = PartGone, description = "May be left out."),
    responses((status = 200, description = "It is gone.", body = PartTold)))]
pub(super) async fn remove_connection(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<PartGone>,
) -> Answer {
    remove(app.into_inner(), &viewer, (PartKind::Connection, &name), asked).await
}
