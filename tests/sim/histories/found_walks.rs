//! What histories with walks found once, each told by hand: what comes in while a walk waits for its answers.

use super::fareharbor::{self, Shape, webhook};
use super::journal;
use super::live;
use super::mail::Arrival;
use super::reconcile::Found;
use super::truth::{Booking, Guest, History, Moment, Past, Vendor};
use super::walks::{all_days, new_walk};
use super::wanted::{Wanted, trusting_folder};
use super::{found, look};
use crate::node::{Who, Wish};
use crate::sim::Sim;
use crate::stage;
use crate::weather::Weather;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use waypost::domain::ORIGIN_WEBHOOK;
use waypost::ports::{Clock, ListFilter, StoreError, WalkPurpose};

const SOURCE: &str = "harbour-tours";
/// Calls of the walk over one booking, and some more.
const CALLS_MAX: usize = 14;

/// The booking with the phones that it had one after the other, an hour apart.
fn history(phones: &[u32]) -> History {
    let moment = |(nth, phone): (usize, &u32)| {
        let first = found::booked(1);
        let guest = Guest { phone: *phone, ..first.guest.clone() };
        let (at, word) = (3_600_000 * nth as i64, "changed");
        let after = vec![Booking { guest, modified: at, ..first }];
        Moment { at, act: format!("the phone {phone}"), word, after }
    };
    History { moments: phones.iter().enumerate().map(moment).collect() }
}

fn arrival(history: &History, nth: usize) -> Arrival {
    let Moment { at, after, .. } = &history.moments[nth];
    let booking = after[0].clone();
    let body = webhook(&booking, Shape::ALL[0], nth as u32 + 1);
    Arrival { at: *at, sent: *at, booking, shape: Shape::ALL[0], word: "", body }
}

/// The first webhook is known; somebody begins a backfill as of the walked moment. When its `call`-th call was answered, and
/// before it goes on, the last webhook comes in, and is applied at once or later. In the end the truth is known.
async fn story(
    sim: &mut Sim,
    history: &History,
    (walked, late, applied, call): (usize, usize, bool, usize),
) -> Result<(), StoreError> {
    let seen = Arc::new(AtomicI64::new(0));
    sim.folder = Some(trusting_folder());
    sim.vendor = Some(Box::new(fareharbor::Api(Past::of(history, sim.clock.now(), seen.clone()))));
    sim.start().await?;
    let arrivals = [arrival(history, 0), arrival(history, late)];
    live::comes(sim, SOURCE, &arrivals[0]);
    sim.finish_steps().await?;
    sim.quiet().await?;
    seen.fetch_max(history.moments[walked].at, Ordering::SeqCst);
    let days = all_days(Vendor::FareHarbor);
    sim.wishes(Wish::Walk(new_walk(SOURCE, WalkPurpose::Backfill, days, sim.clock.now())));
    sim.finish_steps().await?;
    let mut calls = 0;
    while sim.is_walking().await? {
        sim.begin_as(Who::Walk);
        while let Some(at) = sim.steps.iter().position(|(who, _)| *who == Who::Walk) {
            while sim.steps.iter().any(|(who, _)| *who == Who::Walk) && sim.step_goes_on(at).await {}
            if sim.api.open().is_empty() {
                sim.finish_steps().await?;
                continue;
            }
            sim.move_an_api_call();
            calls += 1;
            if calls == call {
                let walk = sim.steps.remove(at);
                seen.store(i64::MAX, Ordering::SeqCst);
                live::comes(sim, SOURCE, &arrivals[1]);
                sim.finish_steps().await?;
                if applied {
                    sim.begin_as(Who::Apply);
                    sim.finish_steps().await?;
                }
                sim.steps.push(walk);
            }
            sim.finish_steps().await?;
        }
        sim.clock.advance(1_000);
    }
    seen.store(i64::MAX, Ordering::SeqCst);
    sim.quiet().await?;
    if calls < call {
        return Ok(());
    }
    let events = sim.store().list_events(&ListFilter { limit: 1, ..ListFilter::default() }).await?;
    let webhook_last = events.iter().any(|event| event.origin == ORIGIN_WEBHOOK);
    let knowledge = journal::knowledge(sim, history, &arrivals).await?;
    look(sim, &Wanted::of(&knowledge)).await?;
    if webhook_last && late + 1 < history.moments.len() {
        // A late one that came when the walk was through is believed: nothing tells that it is late.
        return Ok(());
    }
    let left = Found::look(sim, Vendor::FareHarbor, history).await?.wanted;
    if !left.is_empty() {
        sim.wrong.push(format!("{left:?} is not as it is in truth"));
    }
    Ok(())
}

fn at_each_call(phones: &[u32], (walked, late, applied): (usize, usize, bool)) {
    let history = history(phones);
    for call in 1..=CALLS_MAX {
        let outcome = stage(1, Weather { webhooks: 0, ..Weather::fair() }, None, async |sim: &mut Sim| {
            story(sim, &history, (walked, late, applied, call)).await
        });
        assert_eq!(outcome.wrong, [""; 0], "at call {call}: {}", outcome.trace.join("\n"));
    }
}

#[test]
fn what_a_walk_asked_for_before_a_webhook_is_not_believed_though_that_told_nothing_new() {
    at_each_call(&[0, 1, 0], (1, 2, true));
}

#[test]
fn what_a_walk_asked_for_too_early_is_asked_for_again() {
    at_each_call(&[0, 1, 2], (2, 1, false));
}
