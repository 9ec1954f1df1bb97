//! The words of alerts: what an outage is about, which letters are written of it, and where they go. Pure. The store keeps
//! them, the stage `alerts` writes them, the page of settings shows them.

use super::Millis;
use serde::{Deserialize, Serialize};

/// What an outage is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutageKind {
    /// A connection does not answer, or does not take its credential.
    Connection,
    /// Runs need a person.
    NeedsYou,
    /// A source is silent for longer than is usual.
    Silence,
    /// The disk is nearly full.
    Disk,
    /// The certificate of the address for webhooks ends soon, or is not taken.
    Certificate,
}

impl OutageKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Connection, Self::NeedsYou, Self::Silence, Self::Disk, Self::Certificate];

    /// As webhooks say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::NeedsYou => "needs-you",
            Self::Silence => "silence",
            Self::Disk => "disk",
            Self::Certificate => "certificate",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LetterKind {
    /// An outage began.
    Alert,
    /// It still lasts.
    Reminder,
    /// It is over.
    AllClear,
    /// A person tries the channel.
    Test,
}

impl LetterKind {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Reminder => "reminder",
            Self::AllClear => "all-clear",
            Self::Test => "test",
        }
    }
}

/// What a letter says. The same words go to every channel; none of them is a guest's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// What it is.
    pub kind: LetterKind,
    /// `OutageKind`, or `test`.
    pub about: String,
    /// Name of what the outage is about: a connection, a source.
    pub object: String,
    /// Id of the outage.
    pub outage: String,
    /// One line: what happened.
    pub headline: String,
    /// What waits, and what to do.
    pub text: String,
    /// The page to open.
    pub link: String,
    /// Since when it is so.
    pub since: Millis,
    /// Until when it was so: all-clears only.
    pub until: Option<Millis>,
    /// Runs that wait or need somebody.
    pub waiting: i64,
    /// When it was written.
    pub at: Millis,
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Plain first, then STARTTLS, which must be there.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: only within one's own network.
    None,
}

impl SmtpTls {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Starttls, Self::Tls, Self::None];

    /// As stored and as the form sends it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starttls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tls| tls.as_str() == text)
    }
}

/// A mail server and who writes to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailTo {
    /// Name of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: SmtpTls,
    /// Whom to sign in as; `None`: nobody.
    pub user: Option<String>,
    /// Name of the secret with the password.
    pub password: Option<String>,
    /// Sender.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Whether the server may be in a private network.
    pub allow_private: bool,
}

/// An address that letters are posted to. The address is a secret, since whoever has it can post there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookTo {
    /// Name of the secret with the address.
    pub address: String,
    /// Its host, for people.
    pub place: String,
    /// Name of the secret that letters are signed with.
    pub signing: Option<String>,
    /// Whether it may be in a private network.
    pub allow_private: bool,
}

/// Where letters go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ChannelTo {
    /// People, by e-mail.
    Email(MailTo),
    /// A channel of Slack, or of what takes the same.
    Slack(HookTo),
    /// Any program.
    Webhook(HookTo),
}

impl ChannelTo {
    /// As stored and as addresses of pages say it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Slack(_) => "slack",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Names of the secrets that it needs.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Email(mail) => mail.password.iter().map(String::as_str).collect(),
            Self::Slack(hook) | Self::Webhook(hook) => {
                std::iter::once(hook.address.as_str()).chain(hook.signing.as_deref()).collect()
            }
        }
    }
}

/// When alerts are sent, and in whose time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertOptions {
    /// An outage is told when it has lasted so long.
    pub delay_minutes: i64,
    /// While it lasts it is told again after so long; 0: never.
    pub remind_hours: i64,
    /// IANA name of the zone that times are told in.
    pub zone: String,
}

impl AlertOptions {
    /// Choices of the delay, in minutes.
    pub const DELAYS: [i64; 5] = [0, 2, 5, 15, 30];
    /// Choices of the reminder, in hours.
    pub const REMINDERS: [i64; 4] = [0, 4, 12, 24];
}

impl Default for AlertOptions {
    fn default() -> Self {
        Self { delay_minutes: 2, remind_hours: 0, zone: String::from("UTC") }
    }
}
