//! What a source heard last, beside webhooks: when something was fetched for it, when its address was checked, and what its
//! API knew nothing of. Read for the check-up and the pages; the trait's method is in `fetches`.

use super::SqlStore;
use super::session::values;
use crate::domain::{DocumentHead, ORIGIN_FETCH};
use crate::ports::{HeardAsked, LastHeard, StoreError};

/// The last events of a source, with what is said of those that were ignored or refused.
pub(super) const LAST: &str = "
SELECT e.received_at, e.origin, e.headers, c.note
FROM   (SELECT l.position, l.received_at, l.origin,
               CASE WHEN l.origin = 'fetch' THEN l.headers ELSE '' END AS headers
        FROM   events AS l
        WHERE  l.source = $1
        ORDER BY l.position DESC
        LIMIT  500) AS e
LEFT JOIN changes AS c ON c.position = e.position AND c.ordinal = 0 AND c.kind IN ('ignored', 'refused')
ORDER BY e.position DESC";

/// The last events that were ignored, of one source: checks of its address stay in sight however much was fetched since.
pub(super) const CHECKS: &str = "
SELECT e.received_at, c.note
FROM   (SELECT l.position, l.note FROM changes AS l
        WHERE  l.kind = 'ignored'
        ORDER BY l.position DESC
        LIMIT  500) AS c
JOIN   events AS e ON e.position = c.position
WHERE  e.source = $1
ORDER BY e.position DESC";

/// Neither a webhook that was gone by unverified nor the end of one was said by the API.
fn is_word_of_the_api(headers: &str) -> bool {
    DocumentHead::read(headers).is_none_or(|head| !head.unverified && !head.gone)
}

impl SqlStore {
    pub(super) async fn heard_last(&self, asked: HeardAsked<'_>) -> Result<LastHeard, StoreError> {
        let mut session = self.read("look for what a source heard last").await?;
        let mut heard = LastHeard::default();
        for row in session.rows(LAST, values![asked.source]).await? {
            let at = row.int("received_at")?;
            let note = row.text_or_null("note")?.unwrap_or_default();
            let is_check = note.contains(asked.check);
            let is_unknown = note.contains(asked.unknown) && at >= asked.since;
            let is_word = is_word_of_the_api(&row.text("headers")?);
            match row.text("origin")?.as_str() {
                ORIGIN_FETCH if is_word => heard.fetched_at = heard.fetched_at.or(Some(at)),
                ORIGIN_FETCH => {}
                _ if is_unknown && heard.fetched_at.is_none() => heard.unknown += 1,
                _ if is_check => heard.checked_at = heard.checked_at.or(Some(at)),
                _ => {}
            }
        }
        if heard.checked_at.is_none() {
            for row in session.rows(CHECKS, values![asked.source]).await? {
                if row.text_or_null("note")?.is_some_and(|note| note.contains(asked.check)) {
                    heard.checked_at = Some(row.int("received_at")?);
                    break;
                }
            }
        }
        Ok(heard)
    }
}
