//! One e-mail to the world.

use crate::domain::SmtpTls;
use async_trait::async_trait;
use secrecy::SecretString;

/// One e-mail, secrets applied: never logged, never stored.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Name of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: SmtpTls,
    /// Whom to sign in as, with the password.
    pub sign_in: Option<(String, SecretString)>,
    /// Whether addresses of private networks may be called.
    pub allow_private: bool,
    /// Sender, as in `Waypost <alerts@example.org>`.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Names the letter over all its tries; letters, digits, `_` and `-`.
    pub id: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// When it was written: milliseconds since 1970.
    pub at: i64,
    /// The whole of it, connect to last answer.
    pub timeout_ms: u64,
}

/// Why it was not taken: a sentence. It names the server, never the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MailFailure(pub String);

/// The post.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands one e-mail to its server. Never takes longer than `timeout_ms` and a bit.
    async fn post(&self, mail: Mail) -> Result<(), MailFailure>;
}
