//! Fills gaps: what did not come in while a source was silent, or while Waypost was not running, is fetched by a walk over the
//! source's API. By itself where the source's file says `on_silence: backfill`, else at a person's wish.

use super::{App, AskError, Walkable};
use crate::connectors::OnSilence;
use crate::domain::{Millis, OutageKind};
use crate::ports::{NewWalk, StoreError, WalkPurpose, WalkRow};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

/// The name of a fact begins with this: what is being done about the gap of a source.
const FACT: &str = "gap.";
/// A walk goes by the days that it knows. Where these are days of tours, a booking that was made or changed in the gap may be
/// for any day from then on, so that it goes ahead so far.
const DAYS_AHEAD: i64 = 365;

impl App {
    /// Begins to fetch what may have been missed since then.
    pub async fn fill_gap(&self, source: &str, since: Millis, who: &str) -> Result<WalkRow, AskError> {
        Ok(self.begin_gap(source, since, who).await?.0)
    }

    /// The same. Also gives whether it began just now.
    async fn begin_gap(&self, source: &str, since: Millis, who: &str) -> Result<(WalkRow, bool), AskError> {
        let now = self.clock.now();
        let day = |at: Millis| -> Date {
            let at = Timestamp::from_millisecond(at).unwrap_or_default();
            at.to_zoned(jiff::tz::TimeZone::UTC).date()
        };
        // The day before it too: elsewhere it may have been another day.
        let from = day(since.min(now));
        let from = from.checked_sub(1.day()).unwrap_or(from);
        let today = day(now);
        let new = NewWalk {
            source: source.to_owned(),
            purpose: WalkPurpose::Backfill,
            from_day: from.to_string(),
            to_day: today.checked_add(DAYS_AHEAD.days()).unwrap_or(today).to_string(),
            report: None,
            end_gone: false,
            who: who.to_owned(),
            at: now,
        };
        self.begin_walk(&new).await
    }

    /// Whether what a source did not send can be fetched.
    pub fn can_fill(&self, source: &str) -> bool {
        let active = self.active();
        let source = active.as_ref().and_then(|active| active.sources.get(source));
        source.is_some_and(|source| matches!(Self::walkable(source), Walkable::Yes { .. }))
    }

    /// Begins to fill the gaps of the sources whose files say so: once when a source is silent for longer than usual, and once
    /// more when it sends again, for what it did not send in between. The runner asks for it after each look at outages.
    pub async fn fill_gaps(&self) -> Result<(), StoreError> {
        let Some(active) = self.active() else { return Ok(()) };
        let wanted: Vec<&String> = active
            .sources
            .values()
            .filter(|source| source.on_silence == OnSilence::Backfill && source.enabled)
            .filter(|source| matches!(Self::walkable(source), Walkable::Yes { .. }))
            .map(|source| &source.name)
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let open = self.store.alerts().open_outages().await?;
        for source in wanted {
            let fact = format!("{FACT}{source}");
            let kept = self.store.fact(&fact).await?.unwrap_or_default();
            let kept = kept.split_once(' ').and_then(|(id, since)| Some((id, since.parse::<Millis>().ok()?)));
            let outage = open.iter().find(|one| one.kind == OutageKind::Silence && one.object == *source);
            let (since, then) = match (outage, kept) {
                (Some(outage), Some((id, _))) if id == outage.id => continue,
                (Some(outage), _) => (outage.opened_at, format!("{} {}", outage.id, outage.opened_at)),
                (None, Some((_, since))) => (since, String::new()),
                (None, None) => continue,
            };
            match self.begin_gap(source, since, "on_silence").await {
                // The first one is still under way, and does not come by again where it was already: another one follows it.
                Ok((_, false)) if outage.is_none() => {}
                Ok((row, _)) => {
                    tracing::info!(
                        source,
                        from = row.asked.from_day,
                        "what a silent source did not send is being fetched"
                    );
                    self.store.set_fact(&fact, &then).await?;
                }
                Err(AskError::Store(error)) => return Err(error),
                // Another walk is under way: at the next look.
                Err(error) => tracing::debug!(source, error = %error, "the gap of a silent source waits"),
            }
        }
        Ok(())
    }
}
