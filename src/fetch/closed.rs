//! Sources whose API is not asked for a while: one call that was told so speaks for all. Where it did not take the keys, one
//! fetch at a time finds out whether it does now, and a good answer lets in all others at once.
//!
//! In memory only: after a start it is found out anew.

use super::Fetcher;
use crate::connectors::WAIT_MS_MAX;
use crate::domain::Millis;
use crate::ports::{FetchRow, StoreError};
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

/// Why a source's API can't be asked at the moment.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    until: Millis,
    pub since: Millis,
    /// The credential that was refused, where it was: another one is tried at once.
    pub refused: Option<String>,
    /// Once its time has come one fetch at a time is made, until one is answered.
    pub by_one: bool,
    /// That one is under way.
    asked: bool,
}

impl Closed {
    /// Nothing is asked before then.
    pub fn until(until: Millis) -> Self {
        Self { until, since: Millis::MAX, refused: None, by_one: false, asked: false }
    }

    /// The same, until there is another credential than this one.
    pub fn without(refused: String, until: Millis) -> Self {
        Self { refused: Some(refused), ..Self::until(until) }
    }

    /// This credential was not taken.
    pub fn not_taken(refused: String, until: Millis) -> Self {
        Self { by_one: true, ..Self::without(refused, until) }
    }

    /// One that is closed for longer than any answer closes it was closed before the clock was set back.
    fn is_shut(&self, now: Millis) -> bool {
        (now + 1..=now + WAIT_MS_MAX).contains(&self.until)
    }
}

impl Fetcher {
    pub(super) fn closed(&self) -> MutexGuard<'_, BTreeMap<String, Closed>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self, source: &str, closed: Closed, now: Millis) {
        let mut all = self.closed();
        let since = all.get(source).map_or(now, |known| known.since.min(now));
        all.insert(source.to_owned(), Closed { since, ..closed });
    }

    /// Sources that are not asked now, and when the first of them is again. One whose time has come is asked by whatever
    /// is due; only an answer forgets since when it was closed.
    pub(super) fn closed_now(&self, now: Millis) -> (Vec<String>, Option<Millis>) {
        let closed = self.closed();
        let except = closed.iter().filter(|(_, closed)| closed.is_shut(now) || closed.asked);
        let except = except.map(|(source, _)| source.clone()).collect();
        let shut = closed.values().filter(|closed| closed.is_shut(now));
        (except, shut.map(|closed| closed.until).min())
    }

    /// Whether a fetch of the source is made now: where the keys were not taken, the first one only.
    pub(super) fn lets_in(&self, source: &str, now: Millis) -> bool {
        match self.closed().get_mut(source) {
            Some(closed) if closed.by_one && !closed.is_shut(now) => {
                !std::mem::replace(&mut closed.asked, true)
            }
            _ => true,
        }
    }

    /// The one that was let in is not under way any more.
    pub(super) fn is_answered(&self, source: &str) {
        if let Some(closed) = self.closed().get_mut(source) {
            closed.asked = false;
        }
    }

    /// None of those that were let in is under way.
    pub(super) fn nobody_asks(&self) {
        self.closed().values_mut().for_each(|closed| closed.asked = false);
    }

    /// The API answered as it should: what waited for that is fetched at once.
    pub(super) async fn opens(&self, row: &FetchRow, now: Millis) -> Result<(), StoreError> {
        let was = self.closed().remove(&row.source);
        let free = {
            let mut own = self.own();
            own.answered(row, now);
            was.as_ref()
                .filter(|was| was.by_one)
                .map(|_| own.turned_with_all(&row.source))
                .unwrap_or_default()
        };
        if let Some(was) = was {
            // What failed since it was away, and would be tried up to an hour later.
            self.store.fetches().hurry_down(&row.source, was.since, now).await?;
            self.store.fetches().hurry_some(&free, now).await?;
            self.store.fetches().revive_fetches(Some(&row.source), now).await?;
        }
        Ok(())
    }
}
