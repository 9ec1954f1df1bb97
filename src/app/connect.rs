//! Connects a booking system or a CRM from the pages: a form's values become a file of the rules folder, through `publish`;
//! a key or token goes into the vault, sealed, and the file only names it.
//!
//! Promises: where a file is not published, no secret is left behind that was not there before; what has a use is not taken
//! away. Called by the pages of connections and sources.

use super::App;
use super::publish::{Actor, Checked, Draft, PublishError, Published, apart};
use super::secrets::SetSecretError;
use crate::connectors::{
    Catalogue, Connector, Entries, FieldKind, FormValues, GivenSecret, SecretRef, WrongField, source_entries,
    source_fields, source_new_entries, truth_entries, truth_values,
};
use crate::document::{parse, with_entries};
use crate::domain::Millis;
use crate::expr::{Engine, Limits, Scripts};
use crate::ports::StoreError;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Characters of a name: it stands in addresses, and before each action in rules.
const NAME_CHARS_MAX: usize = 40;

/// What is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A place to call: `connections/NAME.yaml`.
    Connection,
    /// A door that webhooks come in by: `sources/NAME.yaml`.
    Source,
}

impl PartKind {
    /// Its folder, which is also its address.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Connection => "connections",
            Self::Source => "sources",
        }
    }

    /// What one of it is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Source => "source",
        }
    }

    /// The file of one, where the name is one that it can have: small letters, digits, `-` and `_`.
    pub fn file(self, name: &str) -> Option<String> {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let well = (1..=NAME_CHARS_MAX).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(known)
            // Names of pages of these places.
            && name != "new";
        well.then(|| format!("{}/{name}.yaml", self.folder()))
    }
}

/// A new one, as a form sent it.
#[derive(Clone, Debug)]
pub struct PartNew {
    /// What.
    pub kind: PartKind,
    /// Its name.
    pub name: String,
    /// Name of the connector.
    pub connector: String,
    /// The form's values, `secret` among them.
    pub values: FormValues,
}

/// A secret that a connection names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretHeld {
    /// The secret.
    pub secret: SecretRef,
    /// Whether it has a value.
    pub has_value: bool,
    /// When that was set, of one in the vault.
    pub set_at: Option<Millis>,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Values that can't be taken.
    #[error("some values can't be taken")]
    Fields(Vec<WrongField>),
    /// There is no such connector, or it has not this side.
    #[error("there is no such connector")]
    NoConnector,
    /// It is needed: by these.
    #[error("it is in use by {}", .0.join(", "))]
    InUse(Vec<String>),
    /// The file was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The secret was not kept.
    #[error(transparent)]
    Secret(#[from] SetSecretError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ConnectError {
    fn at(field: &str, sentence: impl Into<String>) -> Self {
        Self::Fields(vec![(field.to_owned(), sentence.into())])
    }
}

impl App {
    /// All connectors that there are: those of the rules at work, else those that come with Waypost.
    pub fn connectors(&self) -> Catalogue {
        if let Some(active) = self.active() {
            let mut known = active.catalogue.clone();
            known.connectors.retain(|_, connector| !connector.is_of_source());
            return known;
        }
        let (engine, _) = Engine::build(&Scripts::default(), Limits::default());
        Catalogue::builtin(&engine, &mut Vec::new())
    }

    /// A connector with the side that is wanted.
    pub fn connector(&self, kind: PartKind, name: &str) -> Option<Arc<Connector>> {
        let found = self.connectors().connectors.get(name).cloned()?;
        let fits = match kind {
            PartKind::Connection => found.destination.is_some(),
            PartKind::Source => found.source.is_some(),
        };
        fits.then_some(found)
    }

    /// Connects something new.
    pub async fn connect(self: &Arc<Self>, new: PartNew, actor: Actor) -> Result<Published, ConnectError> {
        let connector = self.connector(new.kind, &new.connector).ok_or(ConnectError::NoConnector)?;
        self.make_first_folder().await?;
        let mut wrong = Vec::new();
        let file = new.kind.file(&new.name).unwrap_or_else(|| {
            let sentence = format!(
                "Take small letters, digits and -, at most {NAME_CHARS_MAX}, as in our-{}.",
                connector.name
            );
            wrong.push(("name".to_owned(), sentence));
            String::new()
        });
        let value = new.values.get("secret").map(|value| value.trim().to_owned()).unwrap_or_default();
        let asks = new.kind == PartKind::Connection
            && connector.connection_fields(true).iter().any(|field| field.kind == FieldKind::Secret);
        let wants_none = new.values.get("way").is_some_and(|way| way == "none");
        let secret = (asks && !value.is_empty() && !wants_none)
            .then(|| SecretRef::Vault(format!("connection.{}", new.name)));
        if asks && value.is_empty() && connector.needs_secret() {
            wrong.push(("secret".to_owned(), "Paste the key here.".to_owned()));
        }
        match entries(&new, &connector, secret.as_ref().zip(Some(value.as_str()))) {
            Ok((entries, given)) if wrong.is_empty() => {
                let text = with_entries("", &entries).map_err(|why| ConnectError::at("title", why))?;
                let title = new.values.get("title").map(|title| title.trim()).unwrap_or_default();
                let reason = format!("Connect {title} ({})", connector.title);
                let draft = Draft { file, text, opened: None };
                self.publish_with_secrets(draft, &given, actor, reason).await
            }
            Ok(_) => Err(ConnectError::Fields(wrong)),
            Err(more) => {
                wrong.extend(more);
                Err(ConnectError::Fields(wrong))
            }
        }
    }

    /// After the very first start there may be no rules folder yet. One that is gone later stays gone: it is somebody's.
    async fn make_first_folder(&self) -> Result<(), PublishError> {
        let begun = |active: Arc<crate::rules::Ruleset>| {
            !(active.sources.is_empty() && active.connections.is_empty() && active.rules.is_empty())
        };
        if self.active().is_some_and(begun) {
            return Ok(());
        }
        let folder = self.rules_folder().await?;
        let made = apart(move || std::fs::create_dir_all(folder)).await?;
        made.map_err(|error| PublishError::NoFolder(format!("The rules folder can't be made: {error}.")))
    }

    /// The secrets first, so that nothing runs without them; and taken back where the file is not published.
    async fn publish_with_secrets(
        self: &Arc<Self>,
        draft: Draft,
        given: &[GivenSecret],
        actor: Actor,
        reason: String,
    ) -> Result<Published, ConnectError> {
        if given.is_empty() {
            return Ok(self.publish(vec![draft], actor, reason).await?);
        }
        // Looked at before a secret is touched: one that is there belongs to somebody.
        if self.open_file(&draft.file).await?.is_some() {
            return Err(ConnectError::at("name", "There is one of this name already. Take another."));
        }
        let mut done = Ok(());
        for (name, value) in given {
            done = self.keep_secret(name, value).await;
            if done.is_err() {
                break;
            }
        }
        let published = match done {
            Ok(()) => self.publish(vec![draft], actor, reason).await.map_err(ConnectError::from),
            Err(error) => Err(error),
        };
        if published.is_err() {
            for (name, _) in given {
                self.store.remove_secret(name).await?;
            }
            self.reload_secrets().await?;
        }
        published
    }

    /// Changes one that is there. What its form doesn't ask for stays as it stands in the file.
    pub async fn change_part(
        self: &Arc<Self>,
        (kind, name): (PartKind, &str),
        values: &FormValues,
        opened: &str,
        actor: Actor,
    ) -> Result<Published, ConnectError> {
        let (draft, connector) = self.changed_part((kind, name), values, opened).await?;
        let title = values.get("title").map(|title| title.trim()).unwrap_or_default();
        let reason = match values.get("reason").map(|reason| reason.trim()) {
            Some(reason) if !reason.is_empty() => reason.to_owned(),
            _ => format!("Change {title} ({})", connector.title),
        };
        Ok(self.publish(vec![draft], actor, reason).await?)
    }

    async fn changed_part(
        &self,
        (kind, name): (PartKind, &str),
        values: &FormValues,
        opened: &str,
    ) -> Result<(Draft, Arc<Connector>), ConnectError> {
        let file = kind.file(name).ok_or(ConnectError::NoConnector)?;
        let text = self.open_file(&file).await?.map(|(text, _)| text).unwrap_or_default();
        let connector = part_connector(&text).and_then(|name| self.connector(kind, &name));
        let connector = connector.ok_or(ConnectError::NoConnector)?;
        let entries = match kind {
            PartKind::Connection => connector.connection_entries(values, None, false),
            PartKind::Source => source_entries(&connector, values),
        };
        let mut entries = entries.map_err(ConnectError::Fields)?;
        if kind == PartKind::Source {
            let file = parse("", &text).map(|file| file.to_json()).unwrap_or_default();
            // Of a source that is described in its own file, the connector at work knows more.
            let active = self.active();
            let at_work = active.as_ref().and_then(|active| active.sources.get(name));
            let connector = at_work.map_or(&connector, |source| &source.connector);
            entries.extend(truth_entries(connector, &file, values).map_err(ConnectError::Fields)?);
        }
        let text = with_entries(&text, &entries).map_err(|why| ConnectError::at("title", why))?;
        let opened = Some(opened.to_owned()).filter(|hash| !hash.is_empty());
        Ok((Draft { file, text, opened }, connector))
    }

    /// Takes one away that nothing needs. The keys of a connection go with it, where nothing else names them.
    pub async fn disconnect(
        self: &Arc<Self>,
        kind: PartKind,
        name: &str,
        opened: &str,
        actor: Actor,
    ) -> Result<Published, ConnectError> {
        let file = kind.file(name).ok_or(ConnectError::NoConnector)?;
        let users = self.users_of(kind, name);
        if !users.is_empty() {
            return Err(ConnectError::InUse(users.into_iter().map(|(_, title)| title).collect()));
        }
        let held: Vec<String> = match (kind, self.active()) {
            (PartKind::Connection, Some(active)) => vault_names(&active, Some(name)).into_iter().collect(),
            _ => Vec::new(),
        };
        let published = self.unpublish(&file, opened, actor, format!("Take away {file}")).await?;
        let needed = self.active().map(|active| vault_names(&active, None)).unwrap_or_default();
        for secret in held.iter().filter(|secret| !needed.contains(*secret)) {
            self.store.remove_secret(secret).await?;
        }
        self.reload_secrets().await?;
        Ok(published)
    }

    /// Names and titles of the rules that use a connection or source.
    pub fn users_of(&self, kind: PartKind, name: &str) -> Vec<(String, String)> {
        let Some(active) = self.active() else { return Vec::new() };
        let uses = |rule: &&Arc<crate::rules::Rule>| match kind {
            PartKind::Connection => rule.steps.iter().any(|step| step.connection == name),
            PartKind::Source => rule.from.iter().any(|source| source == name),
        };
        active.rules.values().filter(uses).map(|rule| (rule.name.clone(), rule.title.clone())).collect()
    }

    /// The secrets that a connection names.
    pub async fn secrets_of(&self, connection: &str) -> Result<Vec<SecretHeld>, StoreError> {
        let rows = self.store.secrets().await?;
        let active = self.active();
        let connection = active.as_ref().and_then(|active| active.connections.get(connection));
        let secrets = connection.into_iter().flat_map(|connection| &connection.secrets);
        let mut held: Vec<SecretHeld> = Vec::new();
        for (secret, _) in secrets {
            let set_at = match secret {
                SecretRef::Vault(name) => rows.iter().find(|row| row.name == *name).map(|row| row.at),
                SecretRef::Env(_) => None,
            };
            let one = SecretHeld { secret: secret.clone(), has_value: self.has_secret(secret), set_at };
            if !held.contains(&one) {
                held.push(one);
            }
        }
        Ok(held)
    }

    /// Gives a connection another key: the one that its file names gets the value; a file that names none is changed so
    /// that it does.
    pub async fn replace_secret(
        self: &Arc<Self>,
        connection: &str,
        secret: &str,
        value: &str,
        actor: Actor,
    ) -> Result<(), ConnectError> {
        let value = value.trim();
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(ConnectError::at("value", "Paste the key here: one line, as it was shown."));
        }
        let file = PartKind::Connection.file(connection).ok_or(ConnectError::NoConnector)?;
        let held = self.secrets_of(connection).await?;
        if held.is_empty() {
            let Some((text, opened)) = self.open_file(&file).await? else {
                return Err(ConnectError::NoConnector);
            };
            let name = part_connector(&text).ok_or(ConnectError::NoConnector)?;
            let connector = self.connector(PartKind::Connection, &name).ok_or(ConnectError::NoConnector)?;
            let secret = format!("connection.{connection}");
            let way = FormValues::from([("way".to_owned(), String::new())]);
            let auth = connector.auth_entry(&way, Some(&SecretRef::Vault(secret.clone())));
            let auth = auth.map_err(|one| ConnectError::Fields(vec![one]))?;
            let text =
                with_entries(&text, &[("auth", auth)]).map_err(|why| ConnectError::at("value", why))?;
            self.keep_secret(&secret, value).await?;
            let draft = Draft { file, text, opened: Some(opened) };
            self.publish(vec![draft], actor, format!("Sign in at {connection}")).await?;
            return Ok(());
        }
        let named = held.iter().find_map(|held| match &held.secret {
            SecretRef::Vault(name) if name == secret => Some(name),
            _ => None,
        });
        let Some(named) = named else { return Err(ConnectError::NoConnector) };
        self.keep_secret(named, value).await?;
        self.hints.deliver.notify_one();
        Ok(())
    }

    async fn keep_secret(&self, name: &str, value: &str) -> Result<(), ConnectError> {
        match self.set_secret(name, value).await {
            Ok(()) => Ok(()),
            Err(SetSecretError::Seal(error)) => Err(ConnectError::at("secret", error.to_string())),
            Err(SetSecretError::NoVault(why)) => Err(ConnectError::at("secret", why)),
            Err(error @ SetSecretError::Store(_)) => Err(error.into()),
        }
    }
}

/// The connector that a file names.
pub(super) fn part_connector(text: &str) -> Option<String> {
    Some(parse("", text).ok()?.to_json().get("connector")?.as_str()?.to_owned())
}

/// The entries of a new file, and what goes into the vault.
fn entries(
    new: &PartNew,
    connector: &Connector,
    secret: Option<(&SecretRef, &str)>,
) -> Result<(Entries, Vec<GivenSecret>), Vec<WrongField>> {
    match new.kind {
        PartKind::Connection => {
            let entries =
                connector.connection_entries(&new.values, secret.map(|(secret, _)| secret), true)?;
            let given = secret.and_then(|(secret, value)| match secret {
                SecretRef::Vault(name) => Some((name.clone(), value.to_owned())),
                SecretRef::Env(_) => None,
            });
            Ok((entries, given.into_iter().collect()))
        }
        PartKind::Source => source_new_entries(connector, &new.name, &new.values),
    }
}

/// What the vault is asked for: by one connection, or by all connections and sources.
fn vault_names(ruleset: &crate::rules::Ruleset, of: Option<&str>) -> BTreeSet<String> {
    let connections = ruleset.connections.values().filter(|one| of.is_none_or(|of| one.name == of));
    let mut secrets: Vec<&SecretRef> =
        connections.flat_map(|one| one.secrets.iter().map(|(secret, _)| secret)).collect();
    if of.is_none() {
        for source in ruleset.sources.values() {
            secrets.extend(source.tokens.iter().map(|(secret, _)| secret));
            secrets.extend(source.sign_in.secrets().map(|(secret, _)| secret));
            secrets.extend(source.api.iter().map(|(_, secret, _)| secret));
        }
    }
    let vault = secrets.into_iter().filter_map(|secret| match secret {
        SecretRef::Vault(name) => Some(name.clone()),
        SecretRef::Env(_) => None,
    });
    vault.collect()
}

/// The values of a form that a file has now.
pub fn values_of(kind: PartKind, connector: &Connector, text: &str) -> FormValues {
    let Ok(node) = parse("", text) else { return FormValues::new() };
    let file = node.to_json();
    let fields = match kind {
        PartKind::Connection => connector.connection_fields(false),
        PartKind::Source => source_fields(connector),
    };
    let mut values = match kind {
        PartKind::Connection => FormValues::new(),
        PartKind::Source => truth_values(connector, &file),
    };
    let text_at = |at: &str| match file.pointer(at) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => other.to_string(),
        _ => String::new(),
    };
    values.insert("title".into(), text_at("/title"));
    for field in fields {
        let at = match field.key.as_str() {
            "test_path" => "/test/call/path".to_owned(),
            key => format!("/{}", key.replacen("setting.", "settings/", 1).replacen("limit.", "limits/", 1)),
        };
        let value = text_at(&at);
        let value = if value.is_empty() { field.default } else { value };
        values.insert(field.key, value);
    }
    values
}

/// What is wrong with a file that was refused, in a few lines; for whoever shows a form.
pub fn first_mistakes(checked: &Checked, file: &str) -> Vec<String> {
    let (own, others): (Vec<_>, Vec<_>) = checked
        .diagnostics
        .iter()
        .filter(|told| told.severity == crate::document::Severity::Error)
        .partition(|told| told.file == file);
    own.into_iter().chain(others).take(3).map(|told| format!("{}: {}", told.file, told.message)).collect()
}
