//! The small tables: connections, rulesets, sources, secrets, facts.

use super::SqlStore;
use super::rows;
use super::session::{Statement, values};
use crate::domain::Millis;
use crate::ports::{ConnectionState, SealedSecret, SourceMemory, StoreError, StoredRuleset};

/// Name of the fact that says which ruleset is active.
pub(super) const ACTIVE_RULESET: &str = "ruleset.active";

const SET_FACT: &str = "
INSERT INTO facts (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// The statement that sets a small fact.
pub(super) fn set_fact(name: &str, value: &str) -> Statement {
    Statement::new(SET_FACT, values![name, value])
}

impl SqlStore {
    pub(super) async fn all_connections(&self) -> Result<Vec<ConnectionState>, StoreError> {
        let mut session = self.read("give the connections").await?;
        let rows = session
            .rows(
                "SELECT name, paused, needs_auth, refused_credential, tripped_since, failures, probe_at,
                        probe_after_ms, rests_until, stopped_ms, stopped_since
                 FROM   connections
                 ORDER BY name",
                Vec::new(),
            )
            .await?;
        rows.iter().map(rows::connection).collect()
    }

    pub(super) async fn keep_connection(&self, state: &ConnectionState) -> Result<(), StoreError> {
        let mut session = self.write("remember the connection").await?;
        session
            .execute(
                "INSERT INTO connections (name, needs_auth, refused_credential, tripped_since, failures, probe_at,
                                          probe_after_ms, rests_until, stopped_ms, stopped_since)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                 ON CONFLICT (name) DO UPDATE
                 SET needs_auth = excluded.needs_auth, refused_credential = excluded.refused_credential,
                     tripped_since = excluded.tripped_since, failures = excluded.failures,
                     probe_at = excluded.probe_at, probe_after_ms = excluded.probe_after_ms,
                     rests_until = excluded.rests_until, stopped_ms = excluded.stopped_ms,
                     stopped_since = excluded.stopped_since",
                values![
                    &state.name,
                    state.needs_auth.clone(),
                    state.refused_credential.clone(),
                    state.tripped_since,
                    state.failures,
                    state.probe_at,
                    state.probe_after_ms,
                    state.rests_until,
                    state.stopped_ms,
                    state.stopped_since,
                ],
            )
            .await?;
        session.commit().await
    }

    /// The clock of giving up stands still while paused: `stopped_since` begins here, and ends here unless the breaker
    /// is tripped still.
    pub(super) async fn pause_connection(
        &self,
        connection: &str,
        paused: bool,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut session = self.write("pause or resume the connection").await?;
        let bound = values![connection, now];
        if paused {
            session
                .execute(
                    "INSERT INTO connections (name, paused, stopped_since) VALUES ($1, 1, $2)
                     ON CONFLICT (name) DO UPDATE
                     SET paused = 1, stopped_since = COALESCE(connections.stopped_since, excluded.stopped_since)",
                    bound,
                )
                .await?;
        } else {
            session
                .execute(
                    "UPDATE connections
                     SET    paused = 0, needs_auth = NULL,
                            stopped_ms = CASE WHEN tripped_since IS NULL AND stopped_since < $2
                                              THEN stopped_ms + ($2 - stopped_since) ELSE stopped_ms END,
                            stopped_since = CASE WHEN tripped_since IS NULL THEN NULL ELSE stopped_since END
                     WHERE  name = $1",
                    bound,
                )
                .await?;
        }
        session.commit().await
    }

    pub(super) async fn keep_ruleset(&self, hash: &str, files: &str, now: Millis) -> Result<(), StoreError> {
        let mut session = self.write("keep the ruleset").await?;
        session
            .execute(
                "INSERT INTO rulesets (hash, activated_at, files) VALUES ($1, $2, $3)
                 ON CONFLICT (hash) DO UPDATE SET activated_at = excluded.activated_at",
                values![hash, now, files],
            )
            .await?;
        session.execute("INSERT INTO ruleset_history (hash, at) VALUES ($1, $2)", values![hash, now]).await?;
        session.execute(SET_FACT, values![ACTIVE_RULESET, hash]).await?;
        session.commit().await
    }

    /// The ruleset with this hash, or the active one.
    pub(super) async fn find_ruleset(&self, hash: Option<&str>) -> Result<Option<StoredRuleset>, StoreError> {
        let mut session = self.read("give the ruleset").await?;
        let row = match hash {
            Some(hash) => {
                session
                    .row("SELECT hash, files, activated_at FROM rulesets WHERE hash = $1", values![hash])
                    .await?
            }
            None => {
                session
                    .row(
                        "SELECT r.hash, r.files, r.activated_at
                         FROM   facts AS f JOIN rulesets AS r ON r.hash = f.value
                         WHERE  f.name = $1",
                        values![ACTIVE_RULESET],
                    )
                    .await?
            }
        };
        let Some(row) = row else { return Ok(None) };
        Ok(Some(StoredRuleset {
            hash: row.text("hash")?,
            files: row.text("files")?,
            activated_at: row.int("activated_at")?,
        }))
    }

    pub(super) async fn all_sources(&self) -> Result<Vec<SourceMemory>, StoreError> {
        let mut session = self.read("give the sources").await?;
        let rows = session
            .rows("SELECT name, tokens, removed_at, door FROM sources ORDER BY name", Vec::new())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SourceMemory {
                    name: row.text("name")?,
                    tokens: row.text("tokens")?,
                    removed_at: row.int_or_null("removed_at")?,
                    // What can't be read is as good as not known.
                    kept: row.text_or_null("door")?.and_then(|door| serde_json::from_str(&door).ok()),
                })
            })
            .collect()
    }

    pub(super) async fn keep_sources(&self, sources: &[SourceMemory]) -> Result<(), StoreError> {
        let mut session = self.write("remember the sources").await?;
        for source in sources {
            let door = source.kept.as_ref().and_then(|kept| serde_json::to_string(kept).ok());
            session
                .execute(
                    "INSERT INTO sources (name, tokens, removed_at, door) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (name) DO UPDATE
                     SET tokens = excluded.tokens, removed_at = excluded.removed_at, door = excluded.door",
                    values![&source.name, &source.tokens, source.removed_at, door],
                )
                .await?;
        }
        session.commit().await
    }

    pub(super) async fn all_secrets(&self) -> Result<Vec<SealedSecret>, StoreError> {
        let mut session = self.read("give the sealed secrets").await?;
        let rows = session.rows("SELECT name, sealed, at FROM secrets ORDER BY name", Vec::new()).await?;
        rows.iter()
            .map(|row| {
                Ok(SealedSecret { name: row.text("name")?, sealed: row.blob("sealed")?, at: row.int("at")? })
            })
            .collect()
    }

    pub(super) async fn keep_secret(&self, secret: &SealedSecret) -> Result<(), StoreError> {
        let mut session = self.write("keep the secret").await?;
        session
            .execute(
                "INSERT INTO secrets (name, sealed, at) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, at = excluded.at",
                values![&secret.name, &secret.sealed[..], secret.at],
            )
            .await?;
        session.commit().await
    }

    pub(super) async fn drop_secret(&self, name: &str) -> Result<bool, StoreError> {
        let mut session = self.write("remove the secret").await?;
        let removed = session.execute("DELETE FROM secrets WHERE name = $1", values![name]).await?;
        session.commit().await?;
        Ok(removed > 0)
    }

    pub(super) async fn find_fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut session = self.read("give a fact").await?;
        let row = session.row("SELECT value FROM facts WHERE name = $1", values![name]).await?;
        row.map(|row| row.text("value")).transpose()
    }

    pub(super) async fn keep_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let mut session = self.write("keep a fact").await?;
        session.execute(SET_FACT, values![name, value]).await?;
        session.commit().await
    }

    /// One statement, so that the database lets one of two in first.
    pub(super) async fn keep_fact_if(
        &self,
        name: &str,
        before: Option<&str>,
        value: &str,
    ) -> Result<bool, StoreError> {
        let mut session = self.write("keep a fact").await?;
        let set = match before {
            Some(before) => {
                session
                    .execute(
                        "UPDATE facts SET value = $3 WHERE name = $1 AND value = $2",
                        values![name, before, value],
                    )
                    .await?
            }
            None => {
                session
                    .execute(
                        "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                        values![name, value],
                    )
                    .await?
            }
        };
        session.commit().await?;
        Ok(set == 1)
    }
}
