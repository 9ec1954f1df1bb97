//! The audit log, and `ports::PeopleStore`, each method by the file that knows it. A line is never changed: nothing here
//! could.

use super::SqlStore;
use super::session::{Statement, values};
use crate::domain::Millis;
use crate::ports::{
    AuditRow, LinkUse, NewAudit, OneTimeLink, PeopleStore, PersonChange, PersonChanged, PersonRow,
    SessionRow, StoreError, TokenRow,
};
use async_trait::async_trait;

/// Lines of a page at most.
const LINES_MAX: i64 = 500;

/// A page of the log.
pub(super) const AUDIT: &str = "
SELECT seq, at, who, who_name, act, object, details
FROM   audit_log
WHERE  seq < $1
ORDER BY seq DESC
LIMIT  $2";

/// The statement that adds a line.
pub(super) fn audit_statement(line: &NewAudit) -> Statement {
    Statement::new(
        "INSERT INTO audit_log (at, who, who_name, act, object, details) VALUES ($1, $2, $3, $4, $5, $6)",
        values![line.at, &line.who, &line.who_name, line.act, &line.object, &line.details],
    )
}

impl SqlStore {
    async fn append_audit(&self, line: &NewAudit) -> Result<(), StoreError> {
        let mut session = self.write("write the audit log").await?;
        session.all(vec![audit_statement(line)]).await?;
        session.commit().await
    }

    async fn read_audit(&self, before: Option<i64>, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        let mut session = self.read("read the audit log").await?;
        let bound = values![before.unwrap_or(i64::MAX), limit.clamp(1, LINES_MAX)];
        let rows = session.rows(AUDIT, bound).await?;
        rows.iter()
            .map(|row| {
                Ok(AuditRow {
                    seq: row.int("seq")?,
                    at: row.int("at")?,
                    who: row.text("who")?,
                    who_name: row.text("who_name")?,
                    act: row.text("act")?,
                    object: row.text("object")?,
                    details: row.text("details")?,
                })
            })
            .collect()
    }
}

#[async_trait]
impl PeopleStore for SqlStore {
    async fn people(&self) -> Result<Vec<PersonRow>, StoreError> {
        self.all_people().await
    }

    async fn person(&self, id: &str) -> Result<Option<PersonRow>, StoreError> {
        self.find_person(id).await
    }

    async fn person_by_email(&self, email: &str) -> Result<Option<PersonRow>, StoreError> {
        self.find_person_by_email(email).await
    }

    async fn has_admin(&self) -> Result<bool, StoreError> {
        self.there_is_an_admin().await
    }

    async fn add_person(&self, person: &PersonRow, audit: &NewAudit) -> Result<bool, StoreError> {
        self.insert_person(person, audit).await
    }

    async fn change_person(
        &self,
        id: &str,
        change: &PersonChange,
        audit: &NewAudit,
    ) -> Result<PersonChanged, StoreError> {
        self.update_person(id, change, audit).await
    }

    async fn take_totp_step(&self, person: &str, step: i64) -> Result<bool, StoreError> {
        self.use_totp_step(person, step).await
    }

    async fn take_recovery_code(&self, person: &str, hash: &str) -> Result<bool, StoreError> {
        self.use_recovery_code(person, hash).await
    }

    async fn recovery_codes_left(&self, person: &str) -> Result<i64, StoreError> {
        self.count_recovery_codes(person).await
    }

    async fn begin_session(
        &self,
        session: &SessionRow,
        instead_of: Option<&str>,
        audit: Option<&NewAudit>,
    ) -> Result<(), StoreError> {
        self.insert_session(session, instead_of, audit).await
    }

    async fn session(&self, hash: &str) -> Result<Option<(SessionRow, PersonRow)>, StoreError> {
        self.find_session(hash).await
    }

    async fn sessions_of(&self, person: &str) -> Result<Vec<SessionRow>, StoreError> {
        self.sessions_of_person(person).await
    }

    async fn see_session(&self, hash: &str, now: Millis) -> Result<(), StoreError> {
        self.touch_session(hash, now).await
    }

    async fn end_session(&self, hash: &str) -> Result<bool, StoreError> {
        self.drop_session(hash).await
    }

    async fn end_session_of(&self, person: &str, id: &str, audit: &NewAudit) -> Result<bool, StoreError> {
        self.drop_session_of(person, id, audit).await
    }

    async fn add_token(&self, token: &TokenRow, audit: &NewAudit) -> Result<(), StoreError> {
        self.insert_token(token, audit).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.all_tokens().await
    }

    async fn token(&self, hash: &str) -> Result<Option<TokenRow>, StoreError> {
        self.find_token(hash).await
    }

    async fn see_token(&self, hash: &str, now: Millis) -> Result<(), StoreError> {
        self.touch_token(hash, now).await
    }

    async fn revoke_token(&self, id: &str, audit: &NewAudit) -> Result<bool, StoreError> {
        self.end_token(id, audit).await
    }

    async fn add_link(&self, link: &OneTimeLink, audit: Option<&NewAudit>) -> Result<(), StoreError> {
        self.insert_link(link, audit).await
    }

    async fn link(&self, hash: &str) -> Result<Option<OneTimeLink>, StoreError> {
        self.find_link(hash).await
    }

    async fn use_link(&self, hash: &str, used: &LinkUse, audit: &NewAudit) -> Result<bool, StoreError> {
        self.spend_link(hash, used, audit).await
    }

    async fn add_audit(&self, line: &NewAudit) -> Result<(), StoreError> {
        self.append_audit(line).await
    }

    async fn audit(&self, before: Option<i64>, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        self.read_audit(before, limit).await
    }
}
