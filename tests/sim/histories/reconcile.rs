//! After the weather: reconcile tells of exactly those bookings that are not here as they are in truth, and its repair brings
//! them in, and ends those that are gone.

use super::apaleo::{self, id};
use super::fareharbor::{self, Shape, uuid};
use super::truth::{Booking, History, Status, Vendor};
use crate::node::Who;
use crate::sim::Sim;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use waypost::app::Walkable;
use waypost::ports::{Clock, FindingQuery, ListFilter, NewWalk, StoreError, WalkOutcome, WalkPurpose};
use waypost::walk::Walked;

/// Steps of a walk over a few bookings.
const STEPS_MAX: usize = 300;

/// Compares, and repairs. Gives the bookings whose end nobody brings in: they were deleted, and nobody said so here; but they
/// had been cancelled before, so that they have ended here all the same.
pub async fn reconcile(
    sim: &mut Sim,
    (vendor, source): (Vendor, &'static str),
    history: &History,
) -> Result<BTreeSet<u32>, StoreError> {
    let here = here(sim).await?;
    let (mut wanted, mut gone, mut over) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (number, booking) in &history.truth() {
        let key = if vendor == Vendor::Apaleo { id(*number) } else { uuid(*number) };
        let known = here.get(&key);
        if booking.status == Status::Deleted {
            match known.map(|(status, _)| status.as_str()) {
                None | Some("deleted") => {}
                Some("Canceled") => _ = over.insert(*number),
                Some(_) => _ = gone.insert(*number),
            }
        } else if known.is_none_or(|(_, body)| essence(body.clone()) != essence(document(vendor, booking))) {
            wanted.insert(key);
        }
    }
    let days =
        if vendor == Vendor::Apaleo { ("2025-12-31", "2026-01-03") } else { ("2027-03-01", "2027-04-30") };
    let new = NewWalk {
        source: source.to_owned(),
        purpose: WalkPurpose::Reconcile,
        from_day: days.0.to_owned(),
        to_day: days.1.to_owned(),
        report: None,
        end_gone: false,
        who: "somebody".to_owned(),
        at: sim.clock.now(),
    };
    sim.tell(format!("somebody compares; {wanted:?} should differ, {gone:?} are gone"));
    let report = begun(sim, Some(&new), 0).await?;
    let told = told(sim, report, &[WalkOutcome::New, WalkOutcome::Differs]).await?;
    if told != wanted {
        sim.wrong.push(format!("reconcile tells of {told:?}, and in truth it is {wanted:?}"));
    }
    let lost = self::told(sim, report, &[WalkOutcome::Gone]).await?;
    for number in &gone {
        if !lost.contains(&id(*number)) {
            sim.wrong.push(format!("reconcile does not tell that {} is gone", id(*number)));
        }
    }
    let troubled = self::told(sim, report, &[WalkOutcome::Trouble]).await?;
    if !troubled.is_empty() {
        sim.wrong.push(format!("reconcile could not read {troubled:?}"));
    }
    if !wanted.is_empty() || !gone.is_empty() {
        begun(sim, None, report).await?;
        sim.quiet().await?;
    }
    Ok(over)
}

/// Begins a walk, or the repair of a report, and goes it to its end.
async fn begun(sim: &mut Sim, new: Option<&NewWalk>, report: i64) -> Result<i64, StoreError> {
    let Some(node) = &sim.node else { return Ok(0) };
    let app = node.app.clone();
    // Outside of any step: nothing fails any more, and nobody else has a turn.
    let begin = async {
        match new {
            Some(new) => app.begin_walk(new).await,
            None => app.repair_walk(report, false, "somebody").await,
        }
    };
    let row = match crate::sim::through(&sim.faults, begin).await {
        Some(Ok((row, _))) => row,
        Some(Err(error)) => {
            sim.wrong.push(format!("a walk does not begin: {error}"));
            return Ok(0);
        }
        None => return Ok(0),
    };
    for _ in 0..STEPS_MAX {
        if let Some(node) = &sim.node {
            sim.steps.push((Who::Walk, node.walk(row.seq)));
        }
        sim.walked = None;
        sim.finish_steps().await?;
        match sim.walked {
            Some(Walked::Over) => return Ok(row.seq),
            Some(Walked::Rests(until)) => {
                let wait = until - sim.clock.now();
                sim.clock.advance(wait.clamp(20, 600_000));
            }
            _ => sim.clock.advance(2_000),
        }
    }
    sim.wrong.push(format!("a walk is not through after {STEPS_MAX} steps"));
    Ok(row.seq)
}

async fn told(sim: &Sim, walk: i64, outcomes: &[WalkOutcome]) -> Result<BTreeSet<String>, StoreError> {
    let query = FindingQuery { walk, outcomes: outcomes.to_vec(), after: None, limit: 1_000 };
    let found = sim.store().walks().findings(&query).await?;
    Ok(found.into_iter().map(|finding| finding.key).collect())
}

/// All bookings here: status and body by key.
async fn here(sim: &Sim) -> Result<BTreeMap<String, (String, Value)>, StoreError> {
    let store = sim.store();
    let mut here = BTreeMap::new();
    for view in store.list_bookings(&ListFilter { limit: 1_000, ..ListFilter::default() }).await? {
        let body = store.booking(&view.id).await?.map(|(_, body)| body).unwrap_or_default();
        let body = serde_json::from_str(&body).unwrap_or_default();
        here.insert(view.key.key, (view.status, body));
    }
    Ok(here)
}

fn document(vendor: Vendor, booking: &Booking) -> Value {
    match vendor {
        Vendor::Apaleo => apaleo::reservation(booking),
        Vendor::FareHarbor => fareharbor::booking(booking, Shape { optimized: false, payments: false }, 0),
    }
}

/// A document without what says nothing, or is not always told.
fn essence(mut document: Value) -> Value {
    let Some(map) = document.as_object_mut() else { return document };
    map.retain(|key, _| !key.ends_with("_display") && !key.ends_with("_safe_html"));
    for key in ["payments", "modified", "paymentAccount"] {
        map.remove(key);
    }
    if let Some(Value::Array(people)) = map.get_mut("customers") {
        people.sort_by_key(|person| person["pk"].as_u64());
        people.iter_mut().filter_map(Value::as_object_mut).for_each(|person| {
            person.remove("checkin_url");
        });
    }
    document
}

/// Without keys nothing can be compared, and that is said.
pub fn says_that_it_cant_be_known(sim: &mut Sim, source: &str) {
    let active = sim.node.as_ref().and_then(|node| node.app.active());
    let known = active
        .and_then(|active| active.sources.get(source).map(|source| waypost::app::App::walkable(source)));
    let said =
        matches!(&known, Some(Walkable::No(why)) if why.contains("it can't be known what is missing here"));
    if !said {
        sim.wrong.push(format!("nobody says that it can't be known what is missing: {known:?}"));
    }
}
