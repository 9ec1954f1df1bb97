//! One-time links: for the first account, for somebody who was asked in, for somebody who forgot the password. Opening one
//! uses nothing up; sending its form does, once.

use super::App;
use super::people::{NewPerson, PeopleError, Who, hash_of};
use super::people_sign_in::{Begun, Origin};
use crate::domain::{Millis, Role};
use crate::ports::{LinkKind, LinkUse, NewAudit, OneTimeLink, PersonRow, Stage, StoreError};
use crate::workspace::generate_token;

const DAY_MS: Millis = 24 * 3_600_000;

/// A link that was made. It is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkMade {
    /// Its path: `/welcome/…`. Whoever has it can use it.
    pub path: String,
    /// When it ends.
    pub expires_at: Millis,
}

/// A link that is good.
#[derive(Clone, Debug)]
pub struct LinkOpened {
    /// What for.
    pub kind: LinkKind,
    /// Whose; `None` for the first account.
    pub person: Option<PersonRow>,
}

impl App {
    pub(super) async fn keep_link(
        &self,
        kind: LinkKind,
        person: Option<&str>,
        line: Option<&NewAudit>,
    ) -> Result<LinkMade, StoreError> {
        let now = self.clock.now();
        let token = generate_token(&*self.entropy);
        let length = match kind {
            LinkKind::First | LinkKind::Invite => 7 * DAY_MS,
            LinkKind::Reset => DAY_MS,
        };
        let link = OneTimeLink {
            hash: hash_of("link", &token),
            kind,
            person: person.map(str::to_owned),
            created_at: now,
            expires_at: now + length,
            used_at: None,
        };
        self.store.people().add_link(&link, line).await?;
        Ok(LinkMade { path: format!("/welcome/{token}"), expires_at: link.expires_at })
    }

    /// The link for the first account, while there is no admin. The one before is void.
    pub async fn first_link(&self) -> Result<Option<LinkMade>, StoreError> {
        if self.store.people().has_admin().await? {
            return Ok(None);
        }
        Ok(Some(self.keep_link(LinkKind::First, None, None).await?))
    }

    /// Looks whether a link is good, without using it.
    pub async fn open_link(&self, token: &str) -> Result<Option<LinkOpened>, StoreError> {
        let people = self.store.people();
        let Some(link) = people.link(&hash_of("link", token)).await? else { return Ok(None) };
        if link.used_at.is_some() || link.expires_at <= self.clock.now() {
            return Ok(None);
        }
        let person = match &link.person {
            Some(id) => people.person(id).await?.filter(|person| person.disabled_at.is_none()),
            None => None,
        };
        let good = match link.kind {
            LinkKind::First => !people.has_admin().await?,
            LinkKind::Invite | LinkKind::Reset => person.is_some(),
        };
        Ok(good.then_some(LinkOpened { kind: link.kind, person }))
    }

    /// Uses a link: makes the first account by these words, or gives its person this password, and signs them in (up to
    /// the code, where they have a second factor).
    pub async fn use_link(
        &self,
        token: &str,
        email: &str,
        name: &str,
        password: String,
        origin: &Origin,
    ) -> Result<Begun, PeopleError> {
        let opened = self.open_link(token).await?.ok_or(PeopleError::LinkGone)?;
        let (person, used, act) = if let Some(person) = opened.person {
            let hash = self.hash_password(password, &[&person.email, &person.name]).await?;
            (person, LinkUse::Password(hash), "account.password-by-link")
        } else {
            let new = NewPerson {
                email: email.into(),
                name: name.into(),
                role: Role::Admin,
                password: Some(password),
            };
            let person = self.row_of(new).await?;
            if self.store.people().person_by_email(&person.email).await?.is_some() {
                return Err(PeopleError::Taken);
            }
            (person.clone(), LinkUse::FirstAdmin(person), "person.first-admin")
        };
        let line = self.line(&Who::person(&person), act, &person.email, "");
        if !self.store.people().use_link(&hash_of("link", token), &used, &line).await? {
            return Err(PeopleError::LinkGone);
        }
        let stage = if person.totp.is_some() { Stage::Code } else { Stage::Full };
        Ok(self.begin(&person, stage, origin).await?)
    }
}
