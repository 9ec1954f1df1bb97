//! Channels of alerts: what a form says becomes a channel, or a sentence per field. What is secret in it (passwords,
//! addresses to post to, keys) is sealed into the vault and never given out again; the channel keeps the secret's name.

use super::secrets::SetSecretError;
use super::{App, Who};
use crate::alerts::signing_key;
use crate::domain::{ChannelTo, HookTo, MailTo, SmtpTls, is_private_host};
use crate::outbound::is_mail_address;
use crate::ports::{AlertChannel, Secrets, StoreError};
use reqwest::Url;
use secrecy::ExposeSecret;

/// Characters of a name.
const NAME_CHARS_MAX: usize = 60;
/// Characters of an address, a user, a password.
const TEXT_CHARS_MAX: usize = 1_000;
/// People that one channel writes to.
const TO_MAX: usize = 20;
/// Channels of an installation.
const CHANNELS_MAX: usize = 20;
/// How a field names a secret of the vault.
const SECRET: &str = "secret:";

/// A channel as a form says it.
#[derive(Clone, Debug, Default)]
pub struct ChannelDraft {
    /// `email`, `slack` or `webhook`.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// Whether letters go there.
    pub enabled: bool,
    /// Server.
    pub host: String,
    /// Port.
    pub port: String,
    /// `starttls`, `tls` or `none`.
    pub tls: String,
    /// User; empty for none.
    pub user: String,
    /// Password, or `secret:NAME`; empty keeps what there is.
    pub password: String,
    /// Sender.
    pub from: String,
    /// Who gets it, with commas between.
    pub to: String,
    /// Address to post to, or `secret:NAME`; empty keeps what there is.
    pub address: String,
    /// `whsec_…`, or `secret:NAME`; empty keeps what there is.
    pub signing: String,
    /// Whether letters are signed.
    pub signed: bool,
    /// Whether it may be in a private network.
    pub allow_private: bool,
}

/// Why a channel was not kept, or not tried.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// What is wrong, field by field.
    #[error("the form is not right yet")]
    Wrong(Vec<(&'static str, String)>),
    /// There is no such channel.
    #[error("there is no such channel")]
    Unknown,
    /// It can't be done now.
    #[error("{0}")]
    NotNow(String),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A secret field: what is to be sealed, and the name under which it is kept.
struct Kept {
    name: String,
    seal: Option<String>,
    /// Its value, where it is known now.
    value: Option<String>,
}

/// Reads a form.
struct Reader<'a> {
    app: &'a App,
    id: &'a str,
    wrong: Vec<(&'static str, String)>,
    seal: Vec<(String, String)>,
}

impl App {
    /// Makes (`None`) or changes a channel. Gives its id.
    pub async fn keep_alert_channel(
        &self,
        who: &Who,
        id: Option<&str>,
        draft: &ChannelDraft,
    ) -> Result<String, ChannelError> {
        let channels = self.store.alerts().alert_channels().await?;
        let before = match id {
            Some(id) => Some(channels.iter().find(|known| known.id == id).ok_or(ChannelError::Unknown)?),
            None if channels.len() >= CHANNELS_MAX => {
                return Err(ChannelError::NotNow(format!(
                    "There are {CHANNELS_MAX} channels already; change or remove one."
                )));
            }
            None => None,
        };
        let now = self.clock.now();
        let id = before.map_or_else(|| self.entropy.id_of("chn_", now), |known| known.id.clone());
        let mut reader = Reader { app: self, id: &id, wrong: Vec::new(), seal: Vec::new() };
        let name = reader.name(&draft.name);
        if channels.iter().any(|known| known.id != id && known.name.to_lowercase() == name.to_lowercase()) {
            reader.wrong("name", "another channel is called so already; give this one a name of its own");
        }
        let to = match before.map_or(draft.kind.as_str(), |known| known.to.kind()) {
            "email" => reader.email(draft, before.map(|known| &known.to)),
            "slack" => reader.hook(draft, before.map(|known| &known.to)).map(ChannelTo::Slack),
            "webhook" => reader.hook(draft, before.map(|known| &known.to)).map(ChannelTo::Webhook),
            _ => return Err(ChannelError::Unknown),
        };
        let Reader { wrong, seal, .. } = reader;
        let Some(to) = to.filter(|_| wrong.is_empty()) else { return Err(ChannelError::Wrong(wrong)) };
        for (name, value) in &seal {
            self.set_secret(name, value).await.map_err(|error| match error {
                SetSecretError::Store(error) => ChannelError::Store(error),
                other => ChannelError::NotNow(other.to_string()),
            })?;
        }
        let act = if before.is_some() { "alerts.channel-changed" } else { "alerts.channel-made" };
        let details = to.kind().to_owned();
        let channel = AlertChannel {
            created_at: before.map_or(now, |known| known.created_at),
            id: id.clone(),
            name: name.clone(),
            enabled: draft.enabled,
            to,
            last: None,
        };
        let audit = self.line(who, act, name, details);
        self.store.alerts().put_alert_channel(&channel, &audit).await?;
        self.forget_own_secrets(&id, &channel.to.secrets()).await?;
        Ok(id)
    }

    /// Removes a channel, with what was sealed for it.
    pub async fn remove_alert_channel(&self, who: &Who, id: &str) -> Result<(), ChannelError> {
        let channels = self.store.alerts().alert_channels().await?;
        let known = channels.into_iter().find(|channel| channel.id == id).ok_or(ChannelError::Unknown)?;
        let audit = self.line(who, "alerts.channel-removed", known.name, known.to.kind());
        if !self.store.alerts().remove_alert_channel(id, &audit).await? {
            return Err(ChannelError::Unknown);
        }
        self.forget_own_secrets(id, &[]).await?;
        Ok(())
    }

    /// Removes what was sealed for a channel and is no longer needed.
    async fn forget_own_secrets(&self, id: &str, needed: &[&str]) -> Result<(), StoreError> {
        let own = format!("alerts.{id}.");
        for secret in self.store.secrets().await? {
            if secret.name.starts_with(&own) && !needed.contains(&secret.name.as_str()) {
                self.store.remove_secret(&secret.name).await?;
            }
        }
        self.reload_secrets().await
    }
}

impl Reader<'_> {
    fn wrong(&mut self, field: &'static str, sentence: &str) {
        self.wrong.push((field, sentence.to_owned()));
    }

    fn name(&mut self, text: &str) -> String {
        let name = text.trim();
        if name.is_empty() {
            self.wrong("name", "say what this channel is called, as in Front desk");
        } else if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            self.wrong("name", "a name is one line of at most 60 characters");
        }
        name.to_owned()
    }

    fn line(&mut self, field: &'static str, text: &str) -> String {
        let text = text.trim();
        if text.chars().count() > TEXT_CHARS_MAX || text.chars().any(char::is_control) {
            self.wrong(field, "this is one line of at most 1,000 characters");
        }
        text.to_owned()
    }

    /// A secret field: text to be sealed, `secret:NAME`, or nothing, which keeps what there was.
    fn secret(&mut self, field: &'static str, part: &str, text: &str, before: Option<&str>) -> Option<Kept> {
        let text = self.line(field, text);
        if let Some(name) = text.strip_prefix(SECRET) {
            let name = name.trim();
            return match self.app.secrets.vault(name) {
                Some(value) => Some(Kept {
                    name: name.to_owned(),
                    seal: None,
                    value: Some(value.expose_secret().to_owned()),
                }),
                None => {
                    let way_out =
                        "the vault has no such secret. Set it with `waypost secret set`, or type it here";
                    self.wrong(field, way_out);
                    None
                }
            };
        }
        if text.is_empty() {
            let name = before?.to_owned();
            let value = self.app.secrets.vault(&name).map(|value| value.expose_secret().to_owned());
            return Some(Kept { name, seal: None, value });
        }
        Some(Kept { name: format!("alerts.{}.{part}", self.id), seal: Some(text.clone()), value: Some(text) })
    }

    fn keep(&mut self, kept: Kept) -> String {
        if let Some(value) = kept.seal {
            self.seal.push((kept.name.clone(), value));
        }
        kept.name
    }

    fn email(&mut self, draft: &ChannelDraft, before: Option<&ChannelTo>) -> Option<ChannelTo> {
        let before = before.and_then(|to| if let ChannelTo::Email(mail) = to { Some(mail) } else { None });
        let host = self.line("host", &draft.host);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if host.is_empty() {
            self.wrong("host", "say the name of your mail server, as in smtp.example.org");
        } else if host.len() > 255 || !host.chars().all(plain) {
            self.wrong("host", "a mail server's name has letters, digits, dots and hyphens only");
        }
        if !draft.allow_private && is_private_host(&host) {
            self.wrong("allow_private", "this server is in a private network: tick this if that is meant");
        }
        let port = draft.port.trim().parse::<u16>().ok().filter(|port| *port > 0);
        if port.is_none() {
            self.wrong("port", "a port is a number, most often 587 or 465");
        }
        let tls = SmtpTls::parse(&draft.tls);
        if tls.is_none() {
            self.wrong("tls", "choose how the server is spoken to");
        }
        let user = self.line("user", &draft.user);
        let had = before.and_then(|mail| mail.password.as_deref());
        let password = if user.is_empty() {
            if !draft.password.trim().is_empty() {
                self.wrong("user", "say whom the password belongs to");
            }
            None
        } else {
            let kept = self.secret("password", "password", &draft.password, had);
            if kept.is_none() && draft.password.trim().is_empty() {
                self.wrong("password", "say the user's password; without a user none is needed");
            }
            if tls == Some(SmtpTls::None) {
                self.wrong("tls", "a password is sent under TLS only: choose STARTTLS or TLS");
            }
            kept.map(|kept| self.keep(kept))
        };
        let from = self.line("from", &draft.from);
        if !is_mail_address(&from) {
            self.wrong("from", "say an address to send from, as in Waypost <alerts@example.org>");
        }
        let to = self.whom(&draft.to);
        Some(ChannelTo::Email(MailTo {
            host,
            port: port?,
            tls: tls?,
            user: Some(user).filter(|user| !user.is_empty()),
            password,
            from,
            to,
            allow_private: draft.allow_private,
        }))
    }

    fn whom(&mut self, text: &str) -> Vec<String> {
        let to: Vec<String> = text
            .split(['\n', '\r', ',', ';'])
            .map(str::trim)
            .filter(|address| !address.is_empty())
            .map(str::to_owned)
            .collect();
        if to.is_empty() {
            self.wrong("to", "say who gets the alerts; several addresses have commas between them");
        } else if to.len() > TO_MAX {
            self.wrong("to", "one channel writes to 20 people at most; make another for more");
        } else if let Some(wrong) = to.iter().find(|address| !is_mail_address(address)) {
            let shown: String = wrong.chars().filter(|c| !c.is_control()).take(80).collect();
            self.wrong("to", &format!("“{shown}” is no address that mail can go to"));
        }
        to
    }

    fn hook(&mut self, draft: &ChannelDraft, before: Option<&ChannelTo>) -> Option<HookTo> {
        let before = before.and_then(|to| match to {
            ChannelTo::Slack(hook) | ChannelTo::Webhook(hook) => Some(hook),
            ChannelTo::Email(_) => None,
        });
        let kept =
            self.secret("address", "address", &draft.address, before.map(|hook| hook.address.as_str()));
        let place = match &kept {
            Some(Kept { value: Some(value), .. }) => self.place(value, draft.allow_private),
            // Its secret has no value now; the host is known from before.
            Some(Kept { value: None, .. }) => before.map(|hook| hook.place.clone()),
            None if draft.address.trim().is_empty() => {
                self.wrong("address", "say the address that letters are posted to");
                None
            }
            None => None,
        };
        let signing = if draft.signed {
            let had = before.and_then(|hook| hook.signing.as_deref());
            let kept = self.secret("signing", "signing", &draft.signing, had);
            let known = kept.as_ref().and_then(|kept| kept.value.as_deref());
            if kept.is_none() && draft.signing.trim().is_empty() {
                self.wrong("signing", "say the key that letters are signed with, or don't sign them");
            } else if known.is_some_and(|value| signing_key(value).is_none()) {
                self.wrong(
                    "signing",
                    "such a key begins with whsec_ and goes on with 24 to 64 bytes in base 64",
                );
            }
            kept.map(|kept| self.keep(kept))
        } else {
            None
        };
        let address = self.keep(kept?);
        Some(HookTo { address, place: place?, signing, allow_private: draft.allow_private })
    }

    /// The host of an address that can be posted to.
    fn place(&mut self, text: &str, allow_private: bool) -> Option<String> {
        let Some(url) = Url::parse(text).ok().filter(Url::has_host) else {
            self.wrong("address", "this is no address; it begins with https://");
            return None;
        };
        let plain = url.scheme() == "http" && allow_private;
        if url.scheme() != "https" && !plain {
            self.wrong(
                "address",
                "an address begins with https://; http:// is for servers in your own network only",
            );
        } else if !url.username().is_empty() || url.password().is_some() {
            self.wrong("address", "leave the user and the password out of the address");
        }
        let host = url.host_str()?;
        if !allow_private && is_private_host(host) {
            self.wrong("allow_private", "this address is in a private network: tick this if that is meant");
        }
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }
}
