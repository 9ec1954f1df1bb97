//! Retention: how long things are kept, and the step that removes what is older, one bounded piece at a time. Set by a page,
//! carried out by the runner, told in the place of what was removed.
//!
//! Kept for ever, whatever is set here: which webhooks came when and what each told of, hashes, dedupe keys, runs with their
//! states, links to records of CRMs. The promises rest on these.

use super::{App, Who};
use crate::domain::{BookingId, Millis};
use crate::ports::{Erased, Erasure, RemovalPiece, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Days that can be set.
pub const DAYS_MAX: u32 = 36_500;
/// Rows of one piece, which is one short transaction.
const PIECE: i64 = 32;
/// Bookings of one piece, each one transaction.
const PIECE_BOOKINGS: i64 = 4;
/// What is counted for a plan; more is "more than".
const COUNT_MAX: i64 = 100_000;
/// So many that could not be erased are told.
const PUT_OFF_MAX: i64 = 20;
const DAY: Millis = 24 * 3_600_000;
/// Name of the fact that holds it.
const FACT: &str = "retention";

/// How many days things are kept; `None`: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// Bodies of webhooks, and former versions of bookings.
    pub bodies_days: Option<u32>,
    /// Requests and answers of calls.
    pub exchanges_days: Option<u32>,
    /// After the tour: guests' data in bookings and all that came of them.
    pub guests_days: Option<u32>,
}

/// What a retention would remove by now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionPlan {
    /// Webhooks, where bodies are not kept for ever.
    pub webhooks: Option<i64>,
    /// Runs, where requests and answers are not kept for ever; of those that were planned before, however many calls.
    pub runs: Option<i64>,
    /// Bookings, where guests' data are not kept for ever; counted up to [`Self::BOOKINGS_MAX`] + 1.
    pub bookings: Option<i64>,
}

impl RetentionPlan {
    /// More runs than this are not counted.
    pub const RUNS_MAX: i64 = COUNT_MAX;
    /// And more bookings than this.
    pub const BOOKINGS_MAX: i64 = 10_000;
}

impl App {
    /// How long things are kept.
    pub async fn retention(&self) -> Result<Retention, StoreError> {
        let Some(text) = self.store.fact(FACT).await? else { return Ok(Retention::default()) };
        serde_json::from_str(&text).map_err(|error| StoreError::Corrupt {
            what: FACT.to_owned(),
            why: format!("it is not what was written (column {})", error.column()),
        })
    }

    /// Keeps things so long from now on.
    pub async fn set_retention(&self, who: &Who, retention: Retention) -> Result<(), StoreError> {
        let text = serde_json::to_string(&retention).unwrap_or_default();
        self.store.set_fact(FACT, &text).await?;
        let days =
            |days: Option<u32>| days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"));
        let details = format!(
            "bodies {}, requests and answers {}, guests {}",
            days(retention.bodies_days),
            days(retention.exchanges_days),
            days(retention.guests_days)
        );
        self.audit(who, "retention.changed", "", &details).await;
        Ok(())
    }

    /// What such a retention would remove by now, estimated.
    pub async fn retention_plan(&self, retention: Retention) -> Result<RetentionPlan, StoreError> {
        let now = self.clock.now();
        let mut plan = RetentionPlan::default();
        if let Some(days) = retention.bodies_days {
            plan.webhooks = Some(self.store.keeping().bodies_before(before(now, days)).await?);
        }
        if let Some(days) = retention.exchanges_days {
            let count = self.store.keeping().runs_before(before(now, days), COUNT_MAX + 1).await?;
            plan.runs = Some(count);
        }
        if let Some(days) = retention.guests_days {
            let day = day(before(now, days));
            let past = self.store.keeping().past_bookings(&day, Millis::MAX, RetentionPlan::BOOKINGS_MAX + 1);
            plan.bookings = Some(past.await?.len() as i64);
        }
        Ok(plan)
    }

    /// Removes a bounded piece of what is older than it may be. Gives how many rows it looked at; 0: nothing to do for now.
    pub async fn retention_step(&self) -> Result<i64, StoreError> {
        let retention = self.retention().await?;
        let now = self.clock.now();
        let piece = |days: u32, what: &str| RemovalPiece {
            before: before(now, days),
            limit: PIECE,
            now,
            why: format!("{what} removed after {}, as set under Settings, Privacy.", counted_days(days)),
        };
        self.store.keeping().finish_removals().await?;
        let mut looked_at = 0;
        if let Some(days) = retention.bodies_days {
            let done = self.store.keeping().remove_bodies(&piece(days, "The body was")).await?;
            looked_at += done.looked_at;
        }
        if let Some(days) = retention.exchanges_days {
            let piece = piece(days, "What was sent and what came back were");
            looked_at += self.store.keeping().remove_exchanges(&piece).await?.looked_at;
        }
        if let Some(days) = retention.guests_days {
            let day = day(before(now, days));
            let past = self.store.keeping().past_bookings(&day, now, PIECE_BOOKINGS).await?;
            let why = format!(
                "The guest's data were removed {} after the tour, as set under Settings, Privacy.",
                counted_days(days)
            );
            for booking in past {
                self.erase_past(Erasure { booking, now, why: why.clone() }).await?;
                looked_at += 1;
            }
        }
        Ok(looked_at)
    }

    /// One that can't be erased is put off and told on the page; the others are not its business.
    async fn erase_past(&self, erasure: Erasure) -> Result<(), StoreError> {
        let booking = erasure.booking.as_str();
        match self.store.keeping().erase_booking(&erasure).await {
            Ok(Erased::Done { .. } | Erased::Unknown) => return Ok(()),
            Ok(Erased::UnderWay(runs)) => {
                tracing::info!(
                    booking,
                    runs,
                    "a past booking still has something on the way; it is erased later"
                );
            }
            Ok(Erased::BeingFetched) => {
                tracing::info!(booking, "a past booking is about to be fetched; it is erased later");
            }
            Err(error) if error.is_lasting() || matches!(error, StoreError::Unfit(_)) => {
                tracing::warn!(booking, error = %error, cause = error.cause(), "a past booking could not be erased");
            }
            Err(error) => return Err(error),
        }
        self.store.keeping().put_off(&erasure.booking, erasure.now).await
    }

    /// Past bookings that retention could not erase.
    pub async fn bookings_put_off(&self) -> Result<Vec<BookingId>, StoreError> {
        self.store.keeping().bookings_put_off(PUT_OFF_MAX).await
    }
}

/// The day of a moment, in universal time: `2027-03-14`.
fn day(at: Millis) -> String {
    let moment = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.strftime("%Y-%m-%d").to_string()
}

fn before(now: Millis, days: u32) -> Millis {
    now - i64::from(days) * DAY
}

fn counted_days(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}
