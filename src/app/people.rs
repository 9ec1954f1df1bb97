//! Accounts: who there is, who is asked in, what they may do. What each change does is written to the audit log with it.
//! Called by the pages, the API and the command line. The rest is beside it: `people_password`, `people_sign_in`,
//! `people_code`, `people_links`, `people_tokens`, `people_throttle`, `people_refused`.
//!
//! Invariant: no password, token or link is written anywhere as it is, only its hash. Kept by
//! `tests/web/accounts.rs`.

use super::App;
use super::people_links::LinkMade;
use super::people_password::{WeakPassword, judge};
use super::people_refused::Refused;
use super::people_throttle::Throttle;
use crate::domain::{Millis, Role};
use crate::ports::{Ends, LinkKind, NewAudit, PersonChange, PersonChanged, PersonRow, StoreError, TokenRow};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Characters of a name or an address.
const EMAIL_CHARS_MAX: usize = 254;
const NAME_CHARS_MAX: usize = 100;
/// Passwords that are worked on at once: each takes a core and 19 MiB for a moment.
const PASSWORDS_AT_ONCE: usize = 2;

/// Who does something, as the audit log names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// A person's or token's id, or what a face is called.
    pub id: String,
    /// What they are called.
    pub name: String,
}

impl Who {
    /// Somebody at the command line of this machine.
    pub fn command_line() -> Self {
        Self { id: "command line".into(), name: "Command line".into() }
    }

    /// Whoever looks at the demo.
    pub fn demo() -> Self {
        Self { id: "demo".into(), name: "demo".into() }
    }

    /// A person.
    pub fn person(person: &PersonRow) -> Self {
        Self { id: person.id.clone(), name: person.name.clone() }
    }

    /// A program with a token.
    pub fn token(token: &TokenRow) -> Self {
        Self { id: token.id.clone(), name: token.name.clone() }
    }

    /// Whose a token is: who made it.
    pub fn owner_of(token: &TokenRow) -> Self {
        Self { id: token.made_by.clone(), name: token.made_by_name.clone() }
    }
}

/// Why something about an account was not done.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not an e-mail address.
    #[error("enter an e-mail address like name@example.com")]
    NoEmail,
    /// Not a name.
    #[error("enter a name of at most {NAME_CHARS_MAX} characters")]
    NoName,
    /// Somebody has it.
    #[error("there is an account with this e-mail address already")]
    Taken,
    /// There is nobody like that.
    #[error("there is no such account")]
    Unknown,
    /// It would lock everybody out.
    #[error("this is the last admin who can sign in. Make somebody else an admin first")]
    LastAdmin,
    /// The new password won't do.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// A password or code that was asked for once more is wrong.
    #[error("{0}")]
    Wrong(&'static str),
    /// A code of the second factor.
    #[error("this is not the code that the app shows now")]
    WrongCode,
    /// Too many tries.
    #[error("too many tries. Wait {}, then try again", waiting(*.0))]
    Wait(Millis),
    /// Too many sign-ins at once.
    #[error("too many people sign in just now. Try again in a few seconds")]
    Busy,
    /// The link was used, is over, or never was.
    #[error("this link was used already, or is over")]
    LinkGone,
    /// There is no key to seal with.
    #[error("{0}")]
    NoVault(String),
}

/// `40 seconds`, `3 minutes`.
fn waiting(ms: Millis) -> String {
    let seconds = (ms + 999) / 1_000;
    match seconds {
        ..=1 => "1 second".into(),
        2..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", (seconds + 59) / 60),
    }
}

/// What is remembered in this process about who comes in. Tries are counted in memory and not in the database: one node
/// serves, a restart takes longer than what it forgives, and a stranger's wrong guesses cost no write.
pub(super) struct Doorkeeper {
    pub throttle: Throttle,
    pub refused: Refused,
    pub passwords: Arc<Semaphore>,
}

impl Default for Doorkeeper {
    fn default() -> Self {
        Self {
            throttle: Throttle::default(),
            refused: Refused::default(),
            passwords: Arc::new(Semaphore::new(PASSWORDS_AT_ONCE)),
        }
    }
}

/// An e-mail address in the one form that is kept.
pub fn read_email(text: &str) -> Result<String, PeopleError> {
    let email = text.trim().to_lowercase();
    let fine = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    match email.split_once('@') {
        Some((name, host))
            if fine(name)
                && fine(host)
                && !host.contains('@')
                && email.chars().count() <= EMAIL_CHARS_MAX =>
        {
            Ok(email)
        }
        _ => Err(PeopleError::NoEmail),
    }
}

/// A name in the one form that is kept.
pub fn read_name(text: &str) -> Result<String, PeopleError> {
    let name: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let fine = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.contains(char::is_control);
    if fine { Ok(name) } else { Err(PeopleError::NoName) }
}

/// What is kept of something that only its owner has: 64 hex digits, other ones for each use.
pub(super) fn hash_of(what: &str, secret: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["waypost ", what, "\0", secret] {
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().fold(String::with_capacity(64), |text, byte| format!("{text}{byte:02x}"))
}

/// Somebody who is to have an account.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Their address, as typed.
    pub email: String,
    /// Their name, as typed.
    pub name: String,
    /// What they are to be.
    pub role: Role,
    /// Their password, as typed; `None`: they choose one by a link.
    pub password: Option<String>,
}

impl App {
    /// A text that nobody can guess, for a visit's cookie.
    pub fn fresh_token(&self) -> String {
        crate::workspace::generate_token(&*self.entropy)
    }

    /// A line for the audit log.
    pub(super) fn line(
        &self,
        who: &Who,
        act: &'static str,
        object: impl Into<String>,
        details: impl Into<String>,
    ) -> NewAudit {
        NewAudit {
            at: self.clock.now(),
            who: who.id.clone(),
            who_name: who.name.clone(),
            act,
            object: object.into(),
            details: details.into(),
        }
    }

    /// Writes down what somebody did. `act` is a word that `src/web/audit_list.rs` puts into words; neither guests' data nor secrets belong in
    /// `object` and `details`. What was done stays done where the log can't be written; that is logged.
    pub async fn audit(&self, who: &Who, act: &'static str, object: &str, details: &str) {
        if let Err(error) = self.store.people().add_audit(&self.line(who, act, object, details)).await {
            tracing::error!(error = %error, cause = error.cause(), act, "the audit log could not be written");
        }
    }

    /// A person as a row, with nothing yet of what comes later.
    /// All that is wrong with what somebody types for an account, the first first. A password is asked for where there is one.
    pub fn mistakes_of(email: &str, name: &str, password: Option<&str>) -> Vec<PeopleError> {
        let (email, name) = (read_email(email), read_name(name));
        let names = [&email, &name].map(|text| text.as_deref().unwrap_or_default());
        let weak = password.and_then(|password| judge(password, &names).err());
        let found = [
            email.as_ref().err().map(|_| PeopleError::NoEmail),
            name.as_ref().err().map(|_| PeopleError::NoName),
        ];
        found.into_iter().flatten().chain(weak.map(PeopleError::Weak)).collect()
    }

    pub(super) async fn row_of(&self, new: NewPerson) -> Result<PersonRow, PeopleError> {
        let (email, name) = (read_email(&new.email)?, read_name(&new.name)?);
        let now = self.clock.now();
        let password = match new.password {
            Some(password) => Some(self.hash_password(password, &[&email, &name]).await?),
            None => None,
        };
        Ok(PersonRow {
            id: self.entropy.id_of("per_", now),
            email,
            name,
            role: new.role,
            password,
            totp: None,
            totp_step: 0,
            disabled_at: None,
            time_zone: None,
            created_at: now,
            signed_in_at: None,
        })
    }

    /// Makes an account.
    pub async fn add_person(&self, who: &Who, new: NewPerson) -> Result<PersonRow, PeopleError> {
        let row = self.row_of(new).await?;
        let line = self.line(who, "person.added", &row.email, row.role.as_str());
        if self.store.people().add_person(&row, &line).await? { Ok(row) } else { Err(PeopleError::Taken) }
    }

    /// Makes an account without a password, and the link by which its owner chooses one.
    pub async fn invite(
        &self,
        who: &Who,
        email: &str,
        name: &str,
        role: Role,
    ) -> Result<(PersonRow, LinkMade), PeopleError> {
        let new = NewPerson { email: email.into(), name: name.into(), role, password: None };
        let person = self.add_person(who, new).await?;
        let link = self.make_link(who, &person).await?;
        Ok((person, link))
    }

    /// A link by which somebody who has an account chooses a (new) password.
    pub async fn make_link(&self, who: &Who, person: &PersonRow) -> Result<LinkMade, PeopleError> {
        let kind = if person.password.is_some() { LinkKind::Reset } else { LinkKind::Invite };
        let line = self.line(who, "person.link", &person.email, kind.as_str());
        Ok(self.keep_link(kind, Some(&person.id), Some(&line)).await?)
    }

    /// Somebody by their id.
    pub async fn person(&self, id: &str) -> Result<PersonRow, PeopleError> {
        self.store.people().person(id).await?.ok_or(PeopleError::Unknown)
    }

    /// Somebody by their address, as typed.
    pub async fn person_by_email(&self, email: &str) -> Result<PersonRow, PeopleError> {
        let email = read_email(email)?;
        self.store.people().person_by_email(&email).await?.ok_or(PeopleError::Unknown)
    }

    /// Changes what somebody may do. They sign in again, so that no page of theirs goes on with the rights of before.
    pub async fn set_role(&self, who: &Who, id: &str, role: Role) -> Result<(), PeopleError> {
        let person = self.person(id).await?;
        if person.role == role {
            return Ok(());
        }
        let details = format!("{} to {}", person.role.as_str(), role.as_str());
        let change = PersonChange { role: Some(role), ends: Ends::All, ..PersonChange::default() };
        self.change(&person, &change, &self.line(who, "person.role", &person.email, details)).await
    }

    /// Lets somebody sign in no more (all their sessions end at once), or again.
    pub async fn set_disabled(&self, who: &Who, id: &str, disabled: bool) -> Result<(), PeopleError> {
        let person = self.person(id).await?;
        let act = if disabled { "person.disabled" } else { "person.enabled" };
        let line = self.line(who, act, &person.email, "");
        let since = disabled.then_some(line.at);
        let ends = if disabled { Ends::All } else { Ends::None };
        let change = PersonChange { disabled_at: Some(since), ends, ..PersonChange::default() };
        self.change(&person, &change, &line).await
    }

    /// Takes somebody's second factor away who lost it. They sign in again.
    pub async fn drop_second_factor(&self, who: &Who, id: &str) -> Result<(), PeopleError> {
        let person = self.person(id).await?;
        let line = self.line(who, "person.second-factor-removed", &person.email, "");
        let change = PersonChange { second_factor: Some(None), ends: Ends::All, ..PersonChange::default() };
        self.change(&person, &change, &line).await
    }

    /// Sets somebody's password from outside (the command line). All their sessions end.
    pub async fn reset_password(
        &self,
        who: &Who,
        person: &PersonRow,
        password: String,
    ) -> Result<(), PeopleError> {
        let hash = self.hash_password(password, &[&person.email, &person.name]).await?;
        let change = PersonChange { password: Some(hash), ends: Ends::All, ..PersonChange::default() };
        self.change(person, &change, &self.line(who, "person.password", &person.email, "")).await
    }

    /// Changes what somebody is called and in which zone they want times.
    pub async fn set_profile(
        &self,
        who: &Who,
        person: &PersonRow,
        name: &str,
        time_zone: Option<String>,
    ) -> Result<(), PeopleError> {
        let change = PersonChange {
            name: Some(read_name(name)?),
            time_zone: Some(time_zone),
            ..PersonChange::default()
        };
        self.change(person, &change, &self.line(who, "account.profile", &person.email, "")).await
    }

    pub(super) async fn change(
        &self,
        person: &PersonRow,
        change: &PersonChange,
        line: &NewAudit,
    ) -> Result<(), PeopleError> {
        match self.store.people().change_person(&person.id, change, line).await? {
            PersonChanged::Done => Ok(()),
            PersonChanged::Unknown => Err(PeopleError::Unknown),
            PersonChanged::LastAdmin => Err(PeopleError::LastAdmin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{hash_of, read_email, read_name, waiting};

    #[test]
    fn addresses_are_kept_in_one_form() {
        assert_eq!(read_email("  Siobhan@Example.ORG ").unwrap(), "siobhan@example.org");
        for wrong in ["", "siobhan", "@example.org", "a@", "a@b@c", "a b@example.org", "a@exam\nple.org"] {
            assert!(read_email(wrong).is_err(), "{wrong:?}");
        }
        assert!(read_email(&format!("{}@example.org", "a".repeat(300))).is_err());
    }

    #[test]
    fn names_are_one_line() {
        assert_eq!(read_name(" Siobhán  Ní\nBhriain ").unwrap(), "Siobhán Ní Bhriain");
        for wrong in ["", " ", "a\u{0}b", &"a".repeat(101)] {
            assert!(read_name(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_hash_for_one_use_is_none_for_another() {
        assert_eq!(hash_of("session", "x").len(), 64);
        assert_ne!(hash_of("session", "x"), hash_of("token", "x"));
    }

    #[test]
    fn waits_are_told_in_words() {
        assert_eq!(waiting(300), "1 second");
        assert_eq!(waiting(4_001), "5 seconds");
        assert_eq!(waiting(300_000), "5 minutes");
    }
}
