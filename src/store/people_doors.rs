//! What opens the doors: sessions, API tokens and one-time links, each known by a hash of what its owner holds. Called
//! through `ports::PeopleStore`.

use super::SqlStore;
use super::people::{PERSON_COLUMNS, person};
use super::people_log::audit_statement;
use super::session::{Row, Statement, values};
use crate::domain::{Millis, Scope};
use crate::ports::{LinkKind, NewAudit, OneTimeLink, PersonRow, SessionRow, Stage, StoreError, TokenRow};

const SESSION_COLUMNS: &str =
    "s.hash, s.id AS session_id, s.person, s.stage, s.created_at AS session_began, s.seen_at,
    s.expires_at, s.agent, s.address";
const TOKEN_COLUMNS: &str =
    "api.hash, api.id, api.name, api.scopes, api.made_by, api.made_by_name, api.created_at, api.used_at,
    api.expires_at, api.revoked_at, p.disabled_at";

/// The session of a hash and whose it is: asked by every page.
pub(super) fn session_sql() -> String {
    format!(
        "SELECT {SESSION_COLUMNS}, {PERSON_COLUMNS}
         FROM   sessions AS s
         JOIN   people AS p ON p.id = s.person
         WHERE  s.hash = $1"
    )
}

/// The token of a hash: asked by every call of the API.
pub(super) fn token_sql() -> String {
    format!(
        "SELECT {TOKEN_COLUMNS}
         FROM   api_tokens AS api
         LEFT JOIN people AS p ON p.id = api.made_by
         WHERE  api.hash = $1"
    )
}

impl SqlStore {
    pub(super) async fn insert_session(
        &self,
        begun: &SessionRow,
        instead_of: Option<&str>,
        audit: Option<&NewAudit>,
    ) -> Result<(), StoreError> {
        let mut session = self.write("begin a session").await?;
        let mut statements =
            vec![Statement::new("DELETE FROM sessions WHERE expires_at <= $1", values![begun.created_at])];
        if let Some(hash) = instead_of {
            statements.push(Statement::new("DELETE FROM sessions WHERE hash = $1", values![hash]));
        }
        statements.push(
            Statement::new(
                "INSERT INTO sessions (hash, id, person, stage, created_at, seen_at, expires_at, agent, address)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                values![
                    &begun.hash,
                    &begun.id,
                    &begun.person,
                    begun.stage.as_str(),
                    begun.created_at,
                    begun.seen_at,
                    begun.expires_at,
                    &begun.agent,
                    &begun.address,
                ],
            )
            .hits("session", 1),
        );
        if begun.stage == Stage::Full {
            statements.push(
                Statement::new(
                    "UPDATE people SET signed_in_at = $1 WHERE id = $2",
                    values![begun.created_at, &begun.person],
                )
                .hits("person", 1),
            );
        }
        statements.extend(audit.map(audit_statement));
        session.all(statements).await?;
        session.commit().await
    }

    pub(super) async fn find_session(
        &self,
        hash: &str,
    ) -> Result<Option<(SessionRow, PersonRow)>, StoreError> {
        let mut session = self.read("look at a session").await?;
        let row = session.row(session_sql(), values![hash]).await?;
        row.map(|row| Ok((session_of(&row)?, person(&row)?))).transpose()
    }

    pub(super) async fn sessions_of_person(&self, whose: &str) -> Result<Vec<SessionRow>, StoreError> {
        let mut session = self.read("give somebody's sessions").await?;
        let text = format!(
            "SELECT {SESSION_COLUMNS} FROM sessions AS s
             WHERE  s.person = $1 AND s.stage = 'full'
             ORDER BY s.created_at DESC, s.id"
        );
        session.rows(text, values![whose]).await?.iter().map(session_of).collect()
    }

    pub(super) async fn touch_session(&self, hash: &str, now: Millis) -> Result<(), StoreError> {
        let mut session = self.write("remember that a session was used").await?;
        session
            .execute("UPDATE sessions SET seen_at = $1 WHERE hash = $2 AND seen_at < $1", values![now, hash])
            .await?;
        session.commit().await
    }

    pub(super) async fn drop_session(&self, hash: &str) -> Result<bool, StoreError> {
        let mut session = self.write("end a session").await?;
        let ended = session.execute("DELETE FROM sessions WHERE hash = $1", values![hash]).await?;
        session.commit().await?;
        Ok(ended > 0)
    }

    pub(super) async fn drop_session_of(
        &self,
        whose: &str,
        id: &str,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut session = self.write("end a session").await?;
        let ended =
            session.execute("DELETE FROM sessions WHERE id = $1 AND person = $2", values![id, whose]).await?;
        if ended == 0 {
            return Ok(false);
        }
        session.all(vec![audit_statement(audit)]).await?;
        session.commit().await?;
        Ok(true)
    }

    pub(super) async fn insert_token(&self, token: &TokenRow, audit: &NewAudit) -> Result<(), StoreError> {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut session = self.write("keep an API token").await?;
        let insert = Statement::new(
            "INSERT INTO api_tokens (hash, id, name, scopes, made_by, made_by_name, created_at, used_at, expires_at,
                                     revoked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                &token.hash,
                &token.id,
                &token.name,
                scopes.join(" "),
                &token.made_by,
                &token.made_by_name,
                token.created_at,
                token.used_at,
                token.expires_at,
                token.revoked_at,
            ],
        );
        session.all(vec![insert, audit_statement(audit)]).await?;
        session.commit().await
    }

    pub(super) async fn all_tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let mut session = self.read("give the API tokens").await?;
        let text = format!(
            "SELECT {TOKEN_COLUMNS}
             FROM   api_tokens AS api
             LEFT JOIN people AS p ON p.id = api.made_by
             ORDER BY api.created_at DESC, api.id DESC"
        );
        session.rows(text, Vec::new()).await?.iter().map(token_of).collect()
    }

    pub(super) async fn find_token(&self, hash: &str) -> Result<Option<TokenRow>, StoreError> {
        let mut session = self.read("look at an API token").await?;
        session.row(token_sql(), values![hash]).await?.as_ref().map(token_of).transpose()
    }

    pub(super) async fn touch_token(&self, hash: &str, now: Millis) -> Result<(), StoreError> {
        let mut session = self.write("remember that an API token was used").await?;
        session.execute("UPDATE api_tokens SET used_at = $1 WHERE hash = $2", values![now, hash]).await?;
        session.commit().await
    }

    pub(super) async fn end_token(&self, id: &str, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut session = self.write("revoke an API token").await?;
        let revoked = session
            .execute(
                "UPDATE api_tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL",
                values![audit.at, id],
            )
            .await?;
        if revoked == 0 {
            return Ok(false);
        }
        session.all(vec![audit_statement(audit)]).await?;
        session.commit().await?;
        Ok(true)
    }

    pub(super) async fn insert_link(
        &self,
        link: &OneTimeLink,
        audit: Option<&NewAudit>,
    ) -> Result<(), StoreError> {
        let mut session = self.write("keep a one-time link").await?;
        let void = match &link.person {
            Some(person) => Statement::new("DELETE FROM one_time_links WHERE person = $1", values![person]),
            None => Statement::new("DELETE FROM one_time_links WHERE kind = 'first'", Vec::new()),
        };
        let insert = Statement::new(
            "INSERT INTO one_time_links (hash, kind, person, created_at, expires_at, used_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            values![
                &link.hash,
                link.kind.as_str(),
                link.person.clone(),
                link.created_at,
                link.expires_at,
                link.used_at,
            ],
        );
        let mut statements = vec![void, insert];
        statements.extend(audit.map(audit_statement));
        session.all(statements).await?;
        session.commit().await
    }

    pub(super) async fn find_link(&self, hash: &str) -> Result<Option<OneTimeLink>, StoreError> {
        let mut session = self.read("look at a one-time link").await?;
        let row = session
            .row(
                "SELECT hash, kind, person, created_at, expires_at, used_at FROM one_time_links WHERE hash = $1",
                values![hash],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let kind = row.text("kind")?;
        Ok(Some(OneTimeLink {
            hash: row.text("hash")?,
            kind: LinkKind::ALL
                .into_iter()
                .find(|known| known.as_str() == kind)
                .ok_or_else(|| odd("one-time link", &kind))?,
            person: row.text_or_null("person")?,
            created_at: row.int("created_at")?,
            expires_at: row.int("expires_at")?,
            used_at: row.int_or_null("used_at")?,
        }))
    }
}

fn odd(what: &str, found: &str) -> StoreError {
    StoreError::Corrupt { what: what.to_owned(), why: format!("{found:?} is not known") }
}

fn session_of(row: &Row) -> Result<SessionRow, StoreError> {
    let stage = row.text("stage")?;
    let stage = [Stage::Code, Stage::Full]
        .into_iter()
        .find(|known| known.as_str() == stage)
        .ok_or_else(|| odd("session", &stage))?;
    Ok(SessionRow {
        hash: row.text("hash")?,
        id: row.text("session_id")?,
        person: row.text("person")?,
        stage,
        created_at: row.int("session_began")?,
        seen_at: row.int("seen_at")?,
        expires_at: row.int("expires_at")?,
        agent: row.text("agent")?,
        address: row.text("address")?,
    })
}

/// A scope that a later version wrote is left out: it can't be had here.
fn token_of(row: &Row) -> Result<TokenRow, StoreError> {
    Ok(TokenRow {
        hash: row.text("hash")?,
        id: row.text("id")?,
        name: row.text("name")?,
        scopes: row.text("scopes")?.split(' ').filter_map(Scope::parse).collect(),
        made_by: row.text("made_by")?,
        made_by_name: row.text("made_by_name")?,
        created_at: row.int("created_at")?,
        used_at: row.int_or_null("used_at")?,
        expires_at: row.int_or_null("expires_at")?,
        revoked_at: row.int_or_null("revoked_at")?,
        maker_disabled: row.int_or_null("disabled_at")?.is_some(),
    })
}
