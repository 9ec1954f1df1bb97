//! Answers that look older than the webhook which led to them: a vendor's API may give from a cache what was true a moment
//! before. Where a webhook told something new, and the API still says what was known before it, it is asked again after some
//! seconds and once more after a minute; then it is believed, and the timeline says so. How often it was asked is in the
//! fetch's row, so that it holds over a start; and a forged webhook costs two further calls, no more.
//!
//! An answer that brings something new is taken at once, also where it is older than the webhook by the system's own version.

use super::go_by::all_told;
use super::{Fetcher, schedule, title};
use crate::connectors::{Compared, Hinted, Present, RecordSpec, Told, Verify};
use crate::domain::{BEHIND, Millis, is_document};
use crate::ports::{FetchEnd, FetchRow, StoreError, StoredBooking};
use crate::rules::Ruleset;
use serde_json::Value;
use std::collections::HashSet;

/// Of so many webhooks that wait for a fetch, the last ones are looked at.
const HINTS: i64 = 8;

/// What an answer is to what a webhook told.
pub(super) enum Standing {
    /// It may be all that there is to tell.
    Fine,
    /// It is new here, but older than the webhook: it is taken, and asked for again then.
    TakenAgainAt(Millis),
    /// It is what was known before, and asked for again.
    Behind(FetchEnd),
    /// It is still what was known before the webhook, after all further calls.
    Insists,
}

impl Fetcher {
    /// Looks at the document that was fetched for a record.
    pub(super) async fn standing_of(
        &self,
        ruleset: &Ruleset,
        row: &FetchRow,
        document: &Value,
        now: Millis,
    ) -> Result<Standing, StoreError> {
        let Some((spec, verify)) = spec_of(ruleset, row) else { return Ok(Standing::Fine) };
        let Ok(fetched) = spec.fetched(document.clone(), &row.key.account) else { return Ok(Standing::Fine) };
        let asked_before = BEHIND.iter().position(|word| row.trouble.as_deref() == Some(*word));
        let until = row.begun.unwrap_or_default();
        let and = asked_before.map(|_| row.hinted);
        let hints = self.store.fetches().hints_of(&row.id, until, and, HINTS).await?;
        if hints.is_empty() {
            return Ok(Standing::Fine);
        }
        let known = self.store.bookings_by_key(std::slice::from_ref(&row.key)).await?.pop();
        let present = known.as_ref().and_then(present_of);
        let is_new = compared(spec, present.as_ref(), fetched.clone()).kind.has_effect();
        let (mut is_older, mut news) = (false, Vec::new());
        for event in hints.iter().filter(|event| !is_document(&event.origin)) {
            for told in all_told(ruleset, row, event) {
                is_older |= told.hint != Some(Hinted::Deleted) && spec.is_behind(&fetched, &told);
                let after = known.as_ref().is_some_and(|known| event.position > known.as_of);
                if told.hint.is_none() && after {
                    let told = compared(spec, present.as_ref(), told);
                    news.extend(Some(told).filter(|told| told.kind.has_effect()));
                }
            }
        }
        let told_news = !is_new && self.any_news(known.as_ref(), verify, news).await?;
        if !is_older && !told_news {
            return Ok(Standing::Fine);
        }
        let Some(next) = BEHIND.get(asked_before.map_or(0, |asked| asked + 1)) else {
            return Ok(Standing::Insists);
        };
        let wait_ms = schedule::BEHIND_MS[asked_before.map_or(0, |asked| asked + 1)];
        if is_new && asked_before.is_none() {
            return Ok(Standing::TakenAgainAt(now + wait_ms));
        }
        if is_new {
            return Ok(Standing::Fine);
        }
        let title = title(ruleset, row);
        Ok(Standing::Behind(FetchEnd::Behind {
            due_at: now + wait_ms,
            trouble: (*next).to_owned(),
            told: format!("{title} still says what it said before this webhook: it is asked again"),
        }))
    }

    /// Whether what webhooks told that differs from the present state is news. Where nothing but late copies is asked about,
    /// neither is what was true at an earlier time, nor what only an old copy is likely to say.
    async fn any_news(
        &self,
        known: Option<&StoredBooking>,
        verify: Verify,
        news: Vec<Compared>,
    ) -> Result<bool, StoreError> {
        let Some(known) = known else { return Ok(false) };
        if verify != Verify::Never {
            return Ok(!news.is_empty());
        }
        let sure = news.into_iter().filter(|told| !told.doubtful);
        let sure: Vec<_> = sure.map(|told| (known.id.clone(), told.hash)).collect();
        let earlier: HashSet<_> = self.store.known_hashes(&sure).await?.into_iter().collect();
        Ok(sure.iter().any(|told| !earlier.contains(told)))
    }
}

fn spec_of<'r>(ruleset: &'r Ruleset, row: &FetchRow) -> Option<(&'r RecordSpec, Verify)> {
    let source = ruleset.sources.get(&row.source).filter(|_| row.way == 0)?;
    Some((source.connector.source.as_ref()?.record(&row.key.kind)?, source.verify))
}

fn compared(spec: &RecordSpec, present: Option<&Present>, mut told: Told) -> Compared {
    spec.keep_status(present, &mut told);
    spec.compare(present, told)
}

fn present_of(known: &StoredBooking) -> Option<Present> {
    Some(Present {
        entity: serde_json::from_str(&known.body).ok()?,
        hash: known.hash.clone(),
        status: known.status.clone(),
        happened_at: known.happened_at,
    })
}
