//! Walks in all weather: people begin backfills and reconciles while webhooks come in, the booking system's API fails, and
//! the process is killed. A walk that is through, and says of nothing that it could not be read, has brought in all that
//! there was when it began.

use super::Tale;
use super::asked::Heard;
use super::fareharbor::STARTS;
use super::reconcile::{Found, told};
use super::truth::{Booking, History, Vendor};
use crate::node::{Who, Wish};
use crate::sim::Sim;
use std::collections::BTreeMap;
use waypost::domain::Millis;
use waypost::ports::{Clock, NewWalk, StoreError, WalkOutcome, WalkPurpose, WalkRow, WalkState};

/// Rounds of a storm.
const STORM_ROUNDS: usize = 250;

/// When people began walks, by the clock, and what had happened for sure by then, in milliseconds of the history.
#[derive(Default)]
pub struct Begun(Vec<(Millis, i64)>);

/// Days of all bookings of a history.
pub fn all_days(vendor: Vendor) -> (&'static str, &'static str) {
    match vendor {
        Vendor::Apaleo => ("2025-12-31", "2026-01-03"),
        Vendor::FareHarbor => ("2027-03-01", "2027-04-30"),
    }
}

/// A walk by somebody.
pub fn new_walk(source: &str, purpose: WalkPurpose, days: (&str, &str), at: Millis) -> NewWalk {
    NewWalk {
        source: source.to_owned(),
        purpose,
        from_day: days.0.to_owned(),
        to_day: days.1.to_owned(),
        report: None,
        end_gone: false,
        who: "somebody".to_owned(),
        at,
    }
}

/// Somebody begins a walk, or brings in what the last one reported.
pub async fn somebody_begins(
    sim: &mut Sim,
    (vendor, source): (Vendor, &str),
    seen: i64,
    begun: &mut Begun,
) -> Result<(), StoreError> {
    if let Some(last) = sim.walks().await?.last().filter(|last| is_to_be_repaired(last)) {
        sim.wishes(Wish::Repair(last.seq));
        return Ok(());
    }
    let purpose = [WalkPurpose::Backfill, WalkPurpose::Reconcile][sim.chance.below(2)];
    let part = vendor == Vendor::FareHarbor && sim.chance.per_mille(300);
    let days = if part { ("2027-03-01", "2027-03-31") } else { all_days(vendor) };
    let at = sim.clock.now();
    if sim.wishes(Wish::Walk(new_walk(source, purpose, days, at))) {
        sim.meets("walks while webhooks come in");
        begun.0.push((at, seen));
    }
    Ok(())
}

fn is_to_be_repaired(walk: &WalkRow) -> bool {
    walk.asked.purpose == WalkPurpose::Reconcile
        && walk.state == WalkState::Done
        && walk.counts.new + walk.counts.differs > 0
}

/// It is through, and could read everything.
fn is_clean(walk: &WalkRow) -> bool {
    walk.state == WalkState::Done && walk.counts.unread() == 0 && walk.note.is_none()
}

/// What is known for sure by walks.
pub async fn heard_by_walks(
    sim: &mut Sim,
    (vendor, history): (Vendor, &History),
    begun: &Begun,
) -> Result<Heard, StoreError> {
    let walks = sim.walks().await?;
    let mut heard = Heard::new();
    for walk in &walks {
        let clean = is_clean(walk);
        sim.meets(if clean { "walks with nothing amiss" } else { "walks with something amiss" });
        let of = match walk.asked.purpose {
            _ if !clean => continue,
            WalkPurpose::Backfill => walk,
            WalkPurpose::Repair => {
                let report = walks.iter().find(|report| Some(report.seq) == walk.asked.report);
                let Some(report) = report.filter(|report| is_clean(report)) else { continue };
                report
            }
            WalkPurpose::Reconcile if walk.counts.new + walk.counts.differs == 0 => walk,
            WalkPurpose::Reconcile => continue,
        };
        let seen = begun.0.iter().filter(|(at, _)| *at == of.asked.at).map(|(_, seen)| *seen).min();
        let Some(seen) = seen else { continue };
        let days = (of.asked.from_day.as_str(), of.asked.to_day.as_str());
        for booking in as_of(history, seen).values().filter(|booking| is_within(vendor, booking, days)) {
            let heard = heard.entry(booking.number).or_default();
            *heard = seen.max(*heard);
        }
    }
    Ok(heard)
}

fn as_of(history: &History, seen: i64) -> BTreeMap<u32, &Booking> {
    let happened = history.moments.iter().filter(|moment| moment.at <= seen);
    happened.flat_map(|moment| &moment.after).map(|booking| (booking.number, booking)).collect()
}

fn is_within(vendor: Vendor, booking: &Booking, (from, to): (&str, &str)) -> bool {
    vendor == Vendor::Apaleo || (from..=to).contains(&&STARTS[booking.slot][..10])
}

/// Somebody compares while everything goes wrong, and brings in what that told. Nothing happens to bookings any more.
pub async fn storm(sim: &mut Sim, tale: &Tale, history: &History) -> Result<(), StoreError> {
    let of = (tale.plot.vendor, tale.source());
    let found = Found::look(sim, of.0, history).await?;
    let first = sim.walks().await?.len();
    sim.tell(format!("somebody compares in a storm; {:?} should differ", found.wanted));
    tale.breaks(sim);
    let new = new_walk(of.1, WalkPurpose::Reconcile, all_days(of.0), sim.clock.now());
    sim.wishes(Wish::Walk(new.clone()));
    sim.meets("walks in a storm");
    let mut repairs = false;
    for _ in 0..STORM_ROUNDS {
        sim.begin_as(Who::Walk);
        if sim.chance.per_mille(500) {
            sim.move_an_api_call();
        }
        if let Some(rests) = sim.walk_again_at.filter(|_| sim.chance.per_mille(100)) {
            let wait = rests - sim.clock.now();
            sim.clock.advance(wait.max(0));
        }
        if sim.chance.per_mille(tale.kills_walks) {
            sim.tell("killed");
            sim.die_and_start().await?;
        }
        sim.turn().await?;
        if sim.chance.per_mille(100) && sim.node.is_some() {
            match sim.walks().await?.split_off(first).last() {
                // What they wished for came to nothing.
                None => drop(sim.wishes(Wish::Walk(new.clone()))),
                Some(last) if is_to_be_repaired(last) && !repairs => {
                    repairs = sim.wishes(Wish::Repair(last.seq));
                }
                Some(last) if last.state == WalkState::Done => break,
                Some(_) => {}
            }
        }
    }
    sim.tell("all is well from now on");
    sim.heal().await?;
    sim.quiet().await?;
    let walks = sim.walks().await?.split_off(first);
    for walk in walks.iter().filter(|walk| walk.state != WalkState::Done) {
        sim.wrong.push(format!("the walk {} is {} for ever", walk.seq, walk.state.as_str()));
    }
    let Some(report) = walks.first() else { return Ok(()) };
    let told = told(sim, report.seq, &[WalkOutcome::New, WalkOutcome::Differs]).await?;
    let clean = is_clean(report);
    sim.meets(if clean { "storms with nothing amiss" } else { "storms with something amiss" });
    if clean && told != found.wanted || !told.is_subset(&found.wanted) {
        let wanted = &found.wanted;
        sim.wrong.push(format!("reconcile tells of {told:?} in a storm, and in truth it is {wanted:?}"));
    }
    let repair = walks.iter().find(|walk| walk.asked.purpose == WalkPurpose::Repair);
    if clean && repair.is_some_and(is_clean) {
        let left = Found::look(sim, of.0, history).await?;
        if !left.wanted.is_empty() {
            sim.wrong.push(format!("the repair is through, and {:?} still differ", left.wanted));
        }
    }
    Ok(())
}
