//! Accounts: who there is, what they may do, their passwords' hashes and second factors. What changes them also writes the
//! audit log's line, in one transaction. Called through `ports::PeopleStore`.
//!
//! Invariant: somebody who can sign in stays admin, once there was one. Kept by `tests/contract/people.rs`.

use super::SqlStore;
use super::people_log::audit_statement;
use super::session::{Row, Session, Statement, Value, values};
use crate::domain::Role;
use crate::ports::{Ends, LinkUse, NewAudit, PersonChange, PersonChanged, PersonRow, StoreError};

/// Columns of a person, for `people AS p`.
pub(super) const PERSON_COLUMNS: &str =
    "p.id, p.email, p.name, p.role, p.password, p.totp, p.totp_step, p.disabled_at,
    p.time_zone, p.created_at, p.signed_in_at";

/// Admins who can sign in.
const ADMINS: &str = "
SELECT p.id FROM people AS p
WHERE  p.role = 'admin' AND p.disabled_at IS NULL AND p.password IS NOT NULL";

pub(super) const PERSON_BY_EMAIL: &str = "
SELECT p.id, p.email, p.name, p.role, p.password, p.totp, p.totp_step, p.disabled_at, p.time_zone, p.created_at,
       p.signed_in_at
FROM   people AS p
WHERE  p.email = $1";

/// A person of a row, its columns named as in `people`.
pub(super) fn person(row: &Row) -> Result<PersonRow, StoreError> {
    let role = row.text("role")?;
    Ok(PersonRow {
        id: row.text("id")?,
        email: row.text("email")?,
        name: row.text("name")?,
        role: Role::parse(&role).ok_or_else(|| StoreError::Corrupt {
            what: String::from("person"),
            why: format!("{role:?} is no role"),
        })?,
        password: row.text_or_null("password")?,
        totp: row.text_or_null("totp")?,
        totp_step: row.int("totp_step")?,
        disabled_at: row.int_or_null("disabled_at")?,
        time_zone: row.text_or_null("time_zone")?,
        created_at: row.int("created_at")?,
        signed_in_at: row.int_or_null("signed_in_at")?,
    })
}

impl SqlStore {
    pub(super) async fn all_people(&self) -> Result<Vec<PersonRow>, StoreError> {
        let mut session = self.read("give the people").await?;
        let text = format!("SELECT {PERSON_COLUMNS} FROM people AS p ORDER BY p.name, p.id");
        session.rows(text, Vec::new()).await?.iter().map(person).collect()
    }

    pub(super) async fn find_person(&self, id: &str) -> Result<Option<PersonRow>, StoreError> {
        let mut session = self.read("give a person").await?;
        let text = format!("SELECT {PERSON_COLUMNS} FROM people AS p WHERE p.id = $1");
        session.row(text, values![id]).await?.as_ref().map(person).transpose()
    }

    pub(super) async fn find_person_by_email(&self, email: &str) -> Result<Option<PersonRow>, StoreError> {
        let mut session = self.read("give a person").await?;
        session.row(PERSON_BY_EMAIL, values![email]).await?.as_ref().map(person).transpose()
    }

    pub(super) async fn there_is_an_admin(&self) -> Result<bool, StoreError> {
        let mut session = self.read("look for an admin").await?;
        Ok(!admins(&mut session).await?.is_empty())
    }

    pub(super) async fn insert_person(
        &self,
        person: &PersonRow,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut session = self.write("make an account").await?;
        if !insert(&mut session, person).await? {
            return Ok(false);
        }
        session.all(vec![audit_statement(audit)]).await?;
        session.commit().await?;
        Ok(true)
    }

    pub(super) async fn update_person(
        &self,
        id: &str,
        change: &PersonChange,
        audit: &NewAudit,
    ) -> Result<PersonChanged, StoreError> {
        let mut session = self.write("change an account").await?;
        let text = format!("SELECT {PERSON_COLUMNS} FROM people AS p WHERE p.id = $1");
        let Some(row) = session.row(text, values![id]).await? else { return Ok(PersonChanged::Unknown) };
        let before = person(&row)?;
        let role = change.role.unwrap_or(before.role);
        let disabled_at = change.disabled_at.unwrap_or(before.disabled_at);
        if (role != Role::Admin || disabled_at.is_some()) && admins(&mut session).await? == [id] {
            return Ok(PersonChanged::LastAdmin);
        }
        let totp = match &change.second_factor {
            None => before.totp,
            Some(factor) => factor.as_ref().map(|(sealed, _)| sealed.clone()),
        };
        let mut statements = vec![
            Statement::new(
                "UPDATE people
                 SET    name = $1, role = $2, password = $3, totp = $4, disabled_at = $5, time_zone = $6
                 WHERE  id = $7",
                values![
                    change.name.as_ref().unwrap_or(&before.name),
                    role.as_str(),
                    change.password.clone().or(before.password),
                    totp,
                    disabled_at,
                    change.time_zone.clone().unwrap_or(before.time_zone),
                    id,
                ],
            )
            .hits("person", 1),
        ];
        if let Some(factor) = &change.second_factor {
            statements.push(Statement::new("DELETE FROM recovery_codes WHERE person = $1", values![id]));
            for hash in factor.iter().flat_map(|(_, codes)| codes) {
                statements.push(Statement::new(
                    "INSERT INTO recovery_codes (person, hash) VALUES ($1, $2)",
                    values![id, hash],
                ));
            }
        }
        statements.extend(ends(id, &change.ends));
        statements.push(audit_statement(audit));
        session.all(statements).await?;
        session.commit().await?;
        Ok(PersonChanged::Done)
    }

    pub(super) async fn use_totp_step(&self, person: &str, step: i64) -> Result<bool, StoreError> {
        let mut session = self.write("take a code").await?;
        let taken = session
            .execute(
                "UPDATE people SET totp_step = $1 WHERE id = $2 AND totp_step < $1",
                values![step, person],
            )
            .await?;
        session.commit().await?;
        Ok(taken == 1)
    }

    pub(super) async fn use_recovery_code(&self, person: &str, hash: &str) -> Result<bool, StoreError> {
        let mut session = self.write("take a recovery code").await?;
        let taken = session
            .execute("DELETE FROM recovery_codes WHERE person = $1 AND hash = $2", values![person, hash])
            .await?;
        session.commit().await?;
        Ok(taken == 1)
    }

    pub(super) async fn count_recovery_codes(&self, person: &str) -> Result<i64, StoreError> {
        let mut session = self.read("count recovery codes").await?;
        let row = session
            .row("SELECT COUNT(*) AS many FROM recovery_codes WHERE person = $1", values![person])
            .await?;
        row.map_or(Ok(0), |row| row.int("many"))
    }

    pub(super) async fn spend_link(
        &self,
        hash: &str,
        used: &LinkUse,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut session = self.write("use a one-time link").await?;
        let kind = match used {
            LinkUse::FirstAdmin(_) => "kind = 'first'",
            LinkUse::Password(_) => "kind <> 'first'",
        };
        let found = session
            .row(
                format!(
                    "UPDATE one_time_links SET used_at = $1
                     WHERE  hash = $2 AND used_at IS NULL AND expires_at > $1 AND {kind}
                     RETURNING person"
                ),
                values![audit.at, hash],
            )
            .await?;
        let Some(found) = found else { return Ok(false) };
        let whose = found.text_or_null("person")?;
        match (used, whose) {
            (LinkUse::FirstAdmin(person), _) => {
                if !admins(&mut session).await?.is_empty() || !insert(&mut session, person).await? {
                    return Ok(false);
                }
            }
            (LinkUse::Password(password), Some(whose)) => {
                let changed = session
                    .execute(
                        "UPDATE people SET password = $1 WHERE id = $2 AND disabled_at IS NULL",
                        values![password, &whose],
                    )
                    .await?;
                if changed != 1 {
                    return Ok(false);
                }
                session.all(ends(&whose, &Ends::All).into_iter().collect()).await?;
            }
            (LinkUse::Password(_), None) => return Ok(false),
        }
        session.all(vec![audit_statement(audit)]).await?;
        session.commit().await?;
        Ok(true)
    }
}

/// Ids of the admins who can sign in.
async fn admins(session: &mut Session) -> Result<Vec<String>, StoreError> {
    session.rows(ADMINS, Vec::new()).await?.iter().map(|row| row.text("id")).collect()
}

/// False where the address is taken.
async fn insert(session: &mut Session, person: &PersonRow) -> Result<bool, StoreError> {
    let made = session
        .execute(
            "INSERT INTO people (id, email, name, role, password, totp, totp_step, disabled_at, time_zone, created_at,
                                 signed_in_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (email) DO NOTHING",
            values![
                &person.id,
                &person.email,
                &person.name,
                person.role.as_str(),
                person.password.clone(),
                person.totp.clone(),
                person.totp_step,
                person.disabled_at,
                person.time_zone.clone(),
                person.created_at,
                person.signed_in_at,
            ],
        )
        .await?;
    Ok(made == 1)
}

/// The statement that ends sessions.
fn ends(person: &str, which: &Ends) -> Option<Statement> {
    let (and, bound): (&str, Vec<Value>) = match which {
        Ends::None => return None,
        Ends::All => ("", values![person]),
        Ends::Others(hash) => (" AND hash <> $2", values![person, hash]),
    };
    Some(Statement::new(format!("DELETE FROM sessions WHERE person = $1{and}"), bound))
}
