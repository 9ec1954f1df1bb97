//! A history as it is lived through: webhooks come in when they come in, everything else goes on meanwhile and goes wrong,
//! and at the end all is well and nothing is left to do.

use super::mail::Arrival;
use super::truth::Vendor;
use super::walks::{self, Begun};
use crate::model::Webhook;
use crate::sim::Sim;
use std::sync::atomic::{AtomicI64, Ordering};
use waypost::domain::{ORIGIN_WEBHOOK, RunState};
use waypost::ports::{Clock, ListFilter, StoreError};

/// How often somebody tries again what failed, or a booking system posts what was not acked.
const AGAIN_MAX: usize = 20;
/// A booking system waits so long until it posts again.
const AGAIN_MS: i64 = 60_000;

/// How it is lived through.
pub struct Life<'l> {
    /// Whose bookings.
    pub vendor: Vendor,
    /// Where its webhooks come in.
    pub source: &'static str,
    /// At most so many turns between two webhooks.
    pub turns: usize,
    /// After so many of a thousand webhooks somebody begins a walk.
    pub walks: u32,
    /// Says what has happened for sure.
    pub seen: &'l AtomicI64,
}

/// Lives through it. Gives the walks that were begun.
pub async fn live(sim: &mut Sim, life: &Life<'_>, arrivals: &[Arrival]) -> Result<Begun, StoreError> {
    let Life { vendor, source, turns, walks, seen } = *life;
    let mut begun = Begun::default();
    sim.start().await?;
    let begin = sim.clock.now();
    for arrival in arrivals {
        for _ in 0..sim.chance.below(turns + 1) {
            sim.turn().await?;
        }
        let early = begin + arrival.at - sim.clock.now();
        if early > 0 {
            sim.clock.advance(early);
        }
        seen.fetch_max(arrival.sent, Ordering::SeqCst);
        comes(sim, source, arrival);
        if walks > 0 && sim.chance.per_mille(walks) {
            walks::somebody_begins(sim, (vendor, source), seen.load(Ordering::SeqCst), &mut begun).await?;
        }
    }
    for _ in 0..sim.chance.below(4 * turns + 1) {
        sim.turn().await?;
    }
    sim.tell("all is well from now on");
    seen.store(i64::MAX, Ordering::SeqCst);
    sim.heal().await?;
    all_are_acked(sim).await?;
    sim.quiet().await?;
    retry_what_failed(sim).await?;
    Ok(begun)
}

/// A webhook comes in.
pub fn comes(sim: &mut Sim, source: &'static str, arrival: &Arrival) {
    let tells = match source {
        "inn" => String::from_utf8_lossy(&arrival.body).into_owned(),
        _ => format!("{:?}", arrival.shape),
    };
    let webhook = Webhook {
        source,
        told: Vec::new(),
        body: arrival.body.clone(),
        words: Some(format!("{} ({}): {tells}", arrival.booking, arrival.word)),
    };
    sim.post_this(webhook);
}

/// Webhooks that were not answered 200 are posted again, as booking systems do.
async fn all_are_acked(sim: &mut Sim) -> Result<(), StoreError> {
    let mut number = 0;
    while number < sim.posted.len() {
        let open = sim.posted[number].acked.is_none();
        if open && sim.posted.len() < AGAIN_MAX * 100 {
            sim.clock.advance(AGAIN_MS);
            let webhook = sim.posted[number].webhook.clone();
            sim.tell(format!("webhook {number} had no answer and is posted again"));
            sim.post_this(webhook);
            sim.finish_steps().await?;
        }
        number += 1;
    }
    Ok(())
}

/// Somebody tries the runs again that a CRM refused.
pub async fn retry_what_failed(sim: &mut Sim) -> Result<(), StoreError> {
    for _ in 0..AGAIN_MAX {
        if sim.retries_what_failed().await? == 0 {
            return Ok(());
        }
        sim.quiet().await?;
    }
    for run in sim.runs().await?.iter().filter(|run| matches!(run.state, RunState::Failed | RunState::Held)) {
        let why = run.verdict.as_ref().map(|verdict| verdict.text.clone()).unwrap_or_default();
        sim.wrong.push(format!("run {} of {} is {} for ever: {why}", run.id, run.rule, run.state));
    }
    Ok(())
}

/// Arrivals in the order in which the journal has them.
pub async fn received<'a>(sim: &mut Sim, arrivals: &'a [Arrival]) -> Result<Vec<&'a Arrival>, StoreError> {
    let filter = ListFilter { limit: 1_000, ..ListFilter::default() };
    let mut numbers = Vec::new();
    let events = sim.store().list_events(&filter).await?;
    for event in events.iter().rev().filter(|event| event.origin == ORIGIN_WEBHOOK) {
        match sim.posted.iter().position(|posted| posted.id == event.id) {
            Some(number) => numbers.push(number),
            None => sim.wrong.push(format!("nobody posted the event {}", event.id)),
        }
    }
    for number in 0..sim.posted.len() {
        if sim.posted[number].acked.is_some() && !numbers.contains(&number) {
            sim.wrong.push(format!("webhook {number} was acked and is not in the journal"));
        }
    }
    let of = |number: &usize| {
        let body = &sim.posted[*number].webhook.body;
        arrivals.iter().find(|arrival| arrival.body == *body)
    };
    Ok(numbers.iter().filter_map(of).collect())
}
