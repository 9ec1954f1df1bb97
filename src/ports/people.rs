//! The store's part about people: accounts, sessions, API tokens, one-time links, and the log of what they did. Each method
//! owns its transaction; one that changes who may do what writes its line of the audit log in the same one.
//!
//! Invariant: of a password, a session, a token or a link only a hash comes here. Kept by `tests/web/accounts.rs`.

use super::StoreError;
use crate::domain::{Millis, Role, Scope};
use async_trait::async_trait;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// `per_…`.
    pub id: String,
    /// In small letters; no two people share one.
    pub email: String,
    /// As they are called.
    pub name: String,
    /// What they are here.
    pub role: Role,
    /// PHC string of argon2id; `None`: invited, and has not chosen one yet.
    pub password: Option<String>,
    /// The second factor's secret, sealed with the vault's key.
    pub totp: Option<String>,
    /// The step of the last code that was taken: none is taken twice.
    pub totp_step: i64,
    /// They may not sign in since then.
    pub disabled_at: Option<Millis>,
    /// IANA name of the zone they want times in.
    pub time_zone: Option<String>,
    /// When the account was made.
    pub created_at: Millis,
    /// When they signed in last.
    pub signed_in_at: Option<Millis>,
}

/// What is to be different about a person. `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    /// Name.
    pub name: Option<String>,
    /// Role.
    pub role: Option<Role>,
    /// Disabled since (`Some(None)`: may sign in again).
    pub disabled_at: Option<Option<Millis>>,
    /// Hash of a new password.
    pub password: Option<String>,
    /// Sealed secret of the second factor, and hashes of its recovery codes (`Some(None)`: no second factor).
    pub second_factor: Option<Option<(String, Vec<String>)>>,
    /// Zone.
    pub time_zone: Option<Option<String>>,
    /// Which of their sessions end by it.
    pub ends: Ends,
}

/// Which sessions of a person end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// All but the one with this hash.
    Others(String),
}

/// What came of a change to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonChanged {
    /// It is done.
    Done,
    /// There is no such person.
    Unknown,
    /// Nobody would be left who can look after people; nothing was changed.
    LastAdmin,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The password was right; the code is still to come.
    Code,
    /// Signed in.
    Full,
}

impl Stage {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Full => "full",
        }
    }
}

/// Somebody's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Hash of its token, which only the browser has.
    pub hash: String,
    /// A name for it that may be shown.
    pub id: String,
    /// Whose.
    pub person: String,
    /// How far it has come.
    pub stage: Stage,
    /// When it began.
    pub created_at: Millis,
    /// When it was used last, some minutes exact.
    pub seen_at: Millis,
    /// When it ends at the latest.
    pub expires_at: Millis,
    /// What the browser says it is.
    pub agent: String,
    /// Where it came from at its start.
    pub address: String,
}

/// An API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Hash of it.
    pub hash: String,
    /// `tok_…`.
    pub id: String,
    /// What it is for, in its maker's words.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Who made it: a person's id, or what a command or the demo is called.
    pub made_by: String,
    /// Their name then.
    pub made_by_name: String,
    /// When.
    pub created_at: Millis,
    /// When it was used last, some minutes exact.
    pub used_at: Option<Millis>,
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// It is no longer taken since then.
    pub revoked_at: Option<Millis>,
    /// Its maker may not sign in any more, so it is not taken either. Read only.
    pub maker_disabled: bool,
}

/// What a one-time link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// The first account.
    First,
    /// Somebody who was invited chooses a password.
    Invite,
    /// Somebody who forgot it chooses another.
    Reset,
}

impl LinkKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::First, Self::Invite, Self::Reset];

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Invite => "invite",
            Self::Reset => "reset",
        }
    }
}

/// A one-time link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimeLink {
    /// Hash of its token.
    pub hash: String,
    /// What for.
    pub kind: LinkKind,
    /// Whose; `None` for the first account.
    pub person: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
    /// When it was used.
    pub used_at: Option<Millis>,
}

/// What using a one-time link does.
#[derive(Clone, Debug)]
pub enum LinkUse {
    /// Makes this person, the first admin.
    FirstAdmin(PersonRow),
    /// Gives its person this password (a hash); their sessions end.
    Password(String),
}

/// A line for the audit log. No guest's data and no secret belongs in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at: Millis,
    /// Who: a person's or token's id, `command line`, `demo`, or nothing where nobody was signed in.
    pub who: String,
    /// What they were called.
    pub who_name: String,
    /// What was done: `run.retried`.
    pub act: &'static str,
    /// To what: an id or a name of ours.
    pub object: String,
    /// A few words more.
    pub details: String,
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place in the log.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// Who.
    pub who: String,
    /// What they were called.
    pub who_name: String,
    /// What was done.
    pub act: String,
    /// To what.
    pub object: String,
    /// A few words more.
    pub details: String,
}

/// The store's part about people.
#[async_trait]
pub trait PeopleStore: Send + Sync {
    /// Everybody, by name.
    async fn people(&self) -> Result<Vec<PersonRow>, StoreError>;
    /// One by their id.
    async fn person(&self, id: &str) -> Result<Option<PersonRow>, StoreError>;
    /// One by their e-mail address, in small letters.
    async fn person_by_email(&self, email: &str) -> Result<Option<PersonRow>, StoreError>;
    /// Whether somebody can sign in and look after people.
    async fn has_admin(&self) -> Result<bool, StoreError>;
    /// Makes an account; false where the address has one already, and then nothing is written.
    async fn add_person(&self, person: &PersonRow, audit: &NewAudit) -> Result<bool, StoreError>;
    /// Changes one. The last admin who can sign in stays one.
    async fn change_person(
        &self,
        id: &str,
        change: &PersonChange,
        audit: &NewAudit,
    ) -> Result<PersonChanged, StoreError>;
    /// Takes a code of this step; false where that step or a later one was taken before.
    async fn take_totp_step(&self, person: &str, step: i64) -> Result<bool, StoreError>;
    /// Takes a recovery code; false where there is none with this hash (any more).
    async fn take_recovery_code(&self, person: &str, hash: &str) -> Result<bool, StoreError>;
    /// How many recovery codes are left.
    async fn recovery_codes_left(&self, person: &str) -> Result<i64, StoreError>;

    /// Begins a session in place of another (by its hash), and forgets those that are over. One that is full counts as
    /// a sign-in and is written to the log.
    async fn begin_session(
        &self,
        session: &SessionRow,
        instead_of: Option<&str>,
        audit: Option<&NewAudit>,
    ) -> Result<(), StoreError>;
    /// A session and whose it is.
    async fn session(&self, hash: &str) -> Result<Option<(SessionRow, PersonRow)>, StoreError>;
    /// Somebody's sessions, the newest first.
    async fn sessions_of(&self, person: &str) -> Result<Vec<SessionRow>, StoreError>;
    /// It was used now.
    async fn see_session(&self, hash: &str, now: Millis) -> Result<(), StoreError>;
    /// Ends one by its hash.
    async fn end_session(&self, hash: &str) -> Result<bool, StoreError>;
    /// Ends one of a person by the name that is shown.
    async fn end_session_of(&self, person: &str, id: &str, audit: &NewAudit) -> Result<bool, StoreError>;

    /// Keeps an API token.
    async fn add_token(&self, token: &TokenRow, audit: &NewAudit) -> Result<(), StoreError>;
    /// All of them, the newest first, also those that are revoked.
    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError>;
    /// One by its hash.
    async fn token(&self, hash: &str) -> Result<Option<TokenRow>, StoreError>;
    /// It was used now.
    async fn see_token(&self, hash: &str, now: Millis) -> Result<(), StoreError>;
    /// Revokes one by its id; false where there is none that is still taken.
    async fn revoke_token(&self, id: &str, audit: &NewAudit) -> Result<bool, StoreError>;

    /// Keeps a one-time link; older ones of the same person (or for the first account) are void from now on.
    async fn add_link(&self, link: &OneTimeLink, audit: Option<&NewAudit>) -> Result<(), StoreError>;
    /// One by its hash.
    async fn link(&self, hash: &str) -> Result<Option<OneTimeLink>, StoreError>;
    /// Uses one, once: false where it was used, is over, or no longer fits (there is an admin already; its person is
    /// disabled), and then nothing is written.
    async fn use_link(&self, hash: &str, used: &LinkUse, audit: &NewAudit) -> Result<bool, StoreError>;

    /// Adds a line to the log.
    async fn add_audit(&self, line: &NewAudit) -> Result<(), StoreError>;
    /// The log, the newest first, from before this place.
    async fn audit(&self, before: Option<i64>, limit: i64) -> Result<Vec<AuditRow>, StoreError>;
}
