//! Which rulesets were at work when, who published them and why. The entry itself is written by `memory`, in the
//! transaction that makes the ruleset the active one.

use super::SqlStore;
use super::session::values;
use crate::ports::{RulesetEntry, RulesetNote, StoreError};

pub(super) const HISTORY: &str = "
SELECT seq, hash, at, who, email, reason, git_commit
FROM   ruleset_history
WHERE  seq < $1
ORDER BY seq DESC
LIMIT  $2";

/// Entries of one look.
const ENTRIES_MAX: i64 = 500;

impl SqlStore {
    pub(super) async fn keep_ruleset_note(&self, note: &RulesetNote) -> Result<bool, StoreError> {
        let mut session = self.write("note who published the rules").await?;
        let changed = session
            .execute(
                "UPDATE ruleset_history
                 SET    who = $2, email = $3, reason = $4, git_commit = COALESCE($5, git_commit)
                 WHERE  seq = (SELECT MAX(h.seq) FROM ruleset_history AS h WHERE h.hash = $1)",
                values![&note.hash, &note.who, &note.email, &note.reason, note.commit.clone()],
            )
            .await?;
        session.commit().await?;
        Ok(changed > 0)
    }

    pub(super) async fn rulesets_list(
        &self,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<RulesetEntry>, StoreError> {
        let mut session = self.read("give the history of the rules").await?;
        let bound = values![before.unwrap_or(i64::MAX), limit.clamp(1, ENTRIES_MAX)];
        let rows = session.rows(HISTORY, bound).await?;
        rows.iter()
            .map(|row| {
                Ok(RulesetEntry {
                    seq: row.int("seq")?,
                    at: row.int("at")?,
                    note: RulesetNote {
                        hash: row.text("hash")?,
                        who: row.text("who")?,
                        email: row.text("email")?,
                        reason: row.text("reason")?,
                        commit: row.text_or_null("git_commit")?,
                    },
                })
            })
            .collect()
    }
}
