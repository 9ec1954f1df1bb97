//! Coming in and going out: password, then the code where somebody has a second factor, then a session whose token only the
//! browser has. A session's token is a new one at each sign-in and after each change of what its owner may do or proves
//! themselves with.

use super::App;
use super::people::{PeopleError, Who, hash_of};
use super::people_throttle::Tried;
use crate::domain::Millis;
use crate::ports::{Ends, PersonChange, PersonRow, SessionRow, Stage, StoreError};
use crate::workspace::generate_token;

/// A session ends after so long without a request.
const IDLE_MS: Millis = 12 * 3_600_000;
/// And after so long in any case.
pub const SESSION_MS: Millis = 30 * 24 * 3_600_000;
/// The code must follow the password within this.
const CODE_MS: Millis = 10 * 60_000;
/// That a session or token is used is written down once in so long: a look at a page is no write.
pub(super) const SEEN_MS: Millis = 5 * 60_000;
/// Of what a browser calls itself, so much is kept.
const AGENT_CHARS_MAX: usize = 200;

/// Where somebody comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Address of the network.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
    /// The token of the session that they had before, if any: it ends.
    pub before: Option<String>,
}

/// A session that began. The token goes into the cookie and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// For the cookie.
    pub token: String,
    /// Whether the code is still to come.
    pub needs_code: bool,
}

impl App {
    /// Looks at an address and a password. Unknown accounts, disabled ones and wrong passwords can't be told apart, also
    /// not by the time it takes.
    pub async fn sign_in(
        &self,
        email: &str,
        password: String,
        origin: &Origin,
    ) -> Result<Option<Begun>, PeopleError> {
        let email = email.trim().to_lowercase();
        let account = Tried::Account(hash_of("account", &email));
        let tried = [account, Tried::Address(origin.address.clone())];
        self.doorkeeper.throttle.begin(&tried, self.clock.monotonic()).map_err(PeopleError::Wait)?;
        let person = self.store.people().person_by_email(&email).await?;
        let open = person.as_ref().filter(|person| person.disabled_at.is_none());
        let hash = open.and_then(|person| person.password.clone());
        let right = self.is_password(password, hash).await?;
        if !right {
            self.note_refused(person.as_ref().map(|person| person.email.as_str()), &origin.address);
        }
        let Some(person) = person.filter(|_| right) else { return Ok(None) };
        self.doorkeeper.throttle.right(&tried);
        let stage = if person.totp.is_some() { Stage::Code } else { Stage::Full };
        Ok(Some(self.begin(&person, stage, origin).await?))
    }

    /// Looks at the code that follows the password: of the app, or one of the recovery codes. `None`: it is wrong, or the
    /// time for it is over.
    pub async fn sign_in_with_code(
        &self,
        token: &str,
        code: &str,
        origin: &Origin,
    ) -> Result<Option<Begun>, PeopleError> {
        let Some(person) = self.owed_a_code(token).await? else { return Ok(None) };
        let tried = [Tried::Code(person.id.clone()), Tried::Address(origin.address.clone())];
        self.doorkeeper.throttle.begin(&tried, self.clock.monotonic()).map_err(PeopleError::Wait)?;
        if !self.take_code(&person, code).await? {
            self.note_refused(Some(&person.email), &origin.address);
            return Ok(None);
        }
        self.doorkeeper.throttle.right(&tried);
        let origin = Origin { before: Some(token.to_owned()), ..origin.clone() };
        Ok(Some(self.begin(&person, Stage::Full, &origin).await?))
    }

    /// Who gave the right password and owes a code, by the token of that session.
    pub async fn owed_a_code(&self, token: &str) -> Result<Option<PersonRow>, StoreError> {
        let found = self.store.people().session(&hash_of("session", token)).await?;
        Ok(found.and_then(|(session, person)| {
            let owed = session.stage == Stage::Code && session.expires_at > self.clock.now();
            (owed && person.disabled_at.is_none() && person.totp.is_some()).then_some(person)
        }))
    }

    /// Somebody's session by its token, where it is good: signed in whole, not over, not idle for too long, and its owner
    /// may sign in. `seen`: somebody is there who asks, so it is not idle; else a page asks by itself.
    pub async fn session(
        &self,
        token: &str,
        seen: bool,
    ) -> Result<Option<(SessionRow, PersonRow)>, StoreError> {
        let hash = hash_of("session", token);
        let Some((session, person)) = self.store.people().session(&hash).await? else { return Ok(None) };
        let now = self.clock.now();
        let idle = now - session.seen_at;
        if session.stage != Stage::Full || session.expires_at <= now || person.disabled_at.is_some() {
            return Ok(None);
        }
        if idle > IDLE_MS {
            self.store.people().end_session(&hash).await?;
            return Ok(None);
        }
        if seen && idle > SEEN_MS {
            self.store.people().see_session(&hash, now).await?;
        }
        Ok(Some((session, person)))
    }

    /// Signs out.
    pub async fn sign_out(&self, token: &str) -> Result<(), StoreError> {
        let hash = hash_of("session", token);
        let whose = self.store.people().session(&hash).await?;
        self.store.people().end_session(&hash).await?;
        if let Some((_, person)) = whose.filter(|(session, _)| session.stage == Stage::Full) {
            self.audit(&Who::person(&person), "signed-out", &person.email, "").await;
        }
        Ok(())
    }

    /// Ends one of somebody's own sessions by the name that is shown; false where there is none.
    pub async fn end_session(&self, person: &PersonRow, id: &str) -> Result<bool, StoreError> {
        let line = self.line(&Who::person(person), "account.session-ended", &person.email, "");
        self.store.people().end_session_of(&person.id, id, &line).await
    }

    /// Begins a session.
    pub(super) async fn begin(
        &self,
        person: &PersonRow,
        stage: Stage,
        origin: &Origin,
    ) -> Result<Begun, StoreError> {
        let now = self.clock.now();
        let token = generate_token(&*self.entropy);
        let length = if stage == Stage::Full { SESSION_MS } else { CODE_MS };
        let session = SessionRow {
            hash: hash_of("session", &token),
            id: self.entropy.id_of("ses_", now),
            person: person.id.clone(),
            stage,
            created_at: now,
            seen_at: now,
            expires_at: now + length,
            agent: origin.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect(),
            address: origin.address.clone(),
        };
        let line = self.line(&Who::person(person), "signed-in", &person.email, &*origin.address);
        let line = (stage == Stage::Full).then_some(&line);
        let before = origin.before.as_ref().map(|token| hash_of("session", token));
        self.store.people().begin_session(&session, before.as_deref(), line).await?;
        Ok(Begun { token, needs_code: stage == Stage::Code })
    }

    /// The same session under a new token; it ends when it would have ended.
    pub(super) async fn renew(&self, session: &SessionRow) -> Result<Begun, StoreError> {
        let token = generate_token(&*self.entropy);
        let renewed = SessionRow {
            hash: hash_of("session", &token),
            id: self.entropy.id_of("ses_", self.clock.now()),
            seen_at: self.clock.now(),
            ..session.clone()
        };
        self.store.people().begin_session(&renewed, Some(&session.hash), None).await?;
        Ok(Begun { token, needs_code: false })
    }

    /// Somebody changes their own password. Their other sessions end, and this one gets a new token.
    pub async fn change_password(
        &self,
        session: &SessionRow,
        person: &PersonRow,
        present: String,
        new: String,
    ) -> Result<Begun, PeopleError> {
        self.prove(person, present).await?;
        let hash = self.hash_password(new, &[&person.email, &person.name]).await?;
        let ends = Ends::Others(session.hash.clone());
        let change = PersonChange { password: Some(hash), ends, ..PersonChange::default() };
        let line = self.line(&Who::person(person), "account.password", &person.email, "");
        self.change(person, &change, &line).await?;
        Ok(self.renew(session).await?)
    }

    /// Asks for the password once more before something that a stranger at an open browser must not do.
    pub(super) async fn prove(&self, person: &PersonRow, password: String) -> Result<(), PeopleError> {
        let tried = [Tried::Account(hash_of("account", &person.email))];
        self.doorkeeper.throttle.begin(&tried, self.clock.monotonic()).map_err(PeopleError::Wait)?;
        if !self.is_password(password, person.password.clone()).await? {
            return Err(PeopleError::Wrong("this is not your present password"));
        }
        self.doorkeeper.throttle.right(&tried);
        Ok(())
    }
}
