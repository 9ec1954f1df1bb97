//! What the API does not know. A webhook may be faster than the API, so it is asked twice. Then the hints are refused; and where
//! a booking is known here by unverified webhooks alone, that were gone by while the API was away, it ends again.

use super::{FetchOutcome, Fetcher, schedule, title};
use crate::connectors::ApiTrouble;
use crate::domain::{DocumentHead, KNOWS_NO_SUCH, Millis};
use crate::ports::{FetchEnd, FetchPolicy, FetchRow, KnownBy, NewEvent, StoreError};
use crate::rules::Ruleset;
use serde_json::json;

impl Fetcher {
    /// The API does not know what is fetched.
    pub(super) async fn not_known(
        &self,
        ruleset: &Ruleset,
        row: &FetchRow,
        trouble: &ApiTrouble,
        now: Millis,
    ) -> Result<FetchOutcome, StoreError> {
        let begun = row.begun.unwrap_or_default();
        let known = match row.way {
            0 => self.store.fetches().known_by(&row.key, begun).await?,
            _ => KnownBy::Nobody,
        };
        let is_first = row.trouble.as_deref() != Some(trouble.word());
        let end = match known {
            // What was gone by may be among what is not applied yet.
            _ if is_first || known == KnownBy::NotYet => FetchEnd::Again {
                due_at: now + schedule::NOT_THERE_MS,
                trouble: trouble.word().to_owned(),
                told: not_there(ruleset, row),
                failed: false,
            },
            KnownBy::Unverified => {
                let end = self.end_of(row, trouble, now);
                self.store.append_events(&[end]).await?;
                return Ok(FetchOutcome::Disowned);
            }
            KnownBy::Confirmed if row.policy == FetchPolicy::Payload => FetchEnd::Refused {
                told: format!(
                    "{}. The booking was known before, and not by such webhooks alone: it stays as it is until a reconcile \
                     says that it is gone",
                    not_there(ruleset, row)
                ),
            },
            KnownBy::Nobody | KnownBy::NotYet | KnownBy::Confirmed => {
                FetchEnd::Refused { told: not_there(ruleset, row) }
            }
        };
        self.store.fetches().end_fetch(row, &end, now).await?;
        Ok(match end {
            FetchEnd::Refused { .. } | FetchEnd::Forbidden { .. } => FetchOutcome::Refused,
            FetchEnd::Again { .. } | FetchEnd::Behind { .. } => FetchOutcome::Again,
        })
    }

    /// The event that ends a booking which only unverified webhooks told of; applying it ends the fetch.
    fn end_of(&self, row: &FetchRow, trouble: &ApiTrouble, now: Millis) -> NewEvent {
        let asked = DocumentHead::of(row.key.clone(), row.begun.unwrap_or_default());
        let head = DocumentHead { fetch: Some(row.id.clone()), gone: true, ..asked };
        let body = json!({ "not_known": row.key.key, "answer": trouble.to_string() });
        self.event(&row.source, &head, &body, now)
    }
}

fn not_there(ruleset: &Ruleset, row: &FetchRow) -> String {
    if row.way > 0 {
        return format!("{}'s API has nothing for it: nothing was changed", title(ruleset, row));
    }
    format!("{}'s {KNOWS_NO_SUCH} {}: nothing was changed", title(ruleset, row), row.key.kind)
}
