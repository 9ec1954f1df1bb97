//! After the weather: reconcile tells of exactly those bookings that are not here as they are in truth, and its repair brings
//! them in, and ends those that are gone.

use super::apaleo::{self, id};
use super::fareharbor::{self, Shape, uuid};
use super::truth::{Booking, History, Status, Vendor};
use super::walks::{all_days, new_walk};
use crate::node::Wish;
use crate::sim::Sim;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use waypost::app::{App, Finding, Walkable};
use waypost::ports::{Clock, FindingQuery, ListFilter, StoreError, WalkOutcome, WalkPurpose, WalkState};

/// What reconcile must tell.
pub struct Found {
    /// Bookings that are not here, or not as they are in truth.
    pub wanted: BTreeSet<String>,
    /// Bookings that were deleted, and nobody said so here.
    pub gone: BTreeSet<u32>,
    /// The same, but they had been cancelled before, so that they have ended here all the same.
    pub over: BTreeSet<u32>,
}

impl Found {
    /// By what is here.
    pub async fn look(sim: &Sim, vendor: Vendor, history: &History) -> Result<Self, StoreError> {
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
            } else if known
                .is_none_or(|(_, body)| essence(body.clone()) != essence(document(vendor, booking)))
            {
                wanted.insert(key);
            }
        }
        Ok(Self { wanted, gone, over })
    }
}

/// Compares, and repairs. Gives the bookings whose end nobody brings in: they were deleted, and nobody said so here; but they
/// had been cancelled before, so that they have ended here all the same.
pub async fn reconcile(
    sim: &mut Sim,
    (vendor, source): (Vendor, &'static str),
    history: &History,
) -> Result<BTreeSet<u32>, StoreError> {
    let Found { wanted, gone, over } = Found::look(sim, vendor, history).await?;
    sim.tell(format!("somebody compares; {wanted:?} should differ, {gone:?} are gone"));
    let new = new_walk(source, WalkPurpose::Reconcile, all_days(vendor), sim.clock.now());
    let Some(report) = goes(sim, Wish::Walk(new)).await? else { return Ok(over) };
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
        goes(sim, Wish::Repair(report)).await?;
        let left = Found::look(sim, vendor, history).await?;
        if !left.wanted.is_empty() || !left.gone.is_empty() {
            sim.wrong
                .push(format!("after the repair {:?} still differ, {:?} are gone", left.wanted, left.gone));
        }
    }
    Ok(over)
}

/// Somebody begins a walk, and it is gone to its end. Gives its number.
async fn goes(sim: &mut Sim, wish: Wish) -> Result<Option<i64>, StoreError> {
    let before = sim.walks().await?.len();
    sim.wishes(wish);
    sim.finish_steps().await?;
    sim.quiet().await?;
    let walks = sim.walks().await?;
    let walk = walks.get(before).filter(|walk| walk.state == WalkState::Done);
    if walk.is_none() {
        sim.wrong.push("a walk does not begin, or does not end".to_owned());
    }
    Ok(walk.map(|walk| walk.seq))
}

/// Keys that a walk tells of.
pub async fn told(sim: &Sim, walk: i64, outcomes: &[WalkOutcome]) -> Result<BTreeSet<String>, StoreError> {
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

/// How a booking system's API writes a booking.
pub fn document(vendor: Vendor, booking: &Booking) -> Value {
    match vendor {
        Vendor::Apaleo => apaleo::reservation(booking),
        Vendor::FareHarbor => fareharbor::booking(booking, Shape { optimized: false, payments: false }, 0),
    }
}

/// A document without what says nothing, or is not always told.
pub fn essence(mut document: Value) -> Value {
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

/// Without keys nothing can be compared, and that is said where walks are begun (the source's page says it by the same
/// words), and by the doctor.
pub async fn says_that_it_cant_be_known(sim: &mut Sim, source: &str) {
    let Some(app) = sim.node.as_ref().map(|node| node.app.clone()) else { return };
    let known = app.active().and_then(|active| active.sources.get(source).map(|one| App::walkable(one)));
    let said =
        matches!(&known, Some(Walkable::No(why)) if why.contains("it can't be known what is missing here"));
    if !said {
        sim.wrong.push(format!("nobody says that it can't be known what is missing: {known:?}"));
    }
    let found = match crate::sim::through(&sim.faults, app.look_over(source)).await {
        Some(Ok(found)) => found,
        other => {
            sim.wrong.push(format!("nothing is found of {source}: {other:?}"));
            return;
        }
    };
    let says = |finding: &Finding| {
        finding.about == format!("source {source}")
            && finding.text == "Without API access Waypost can't know of a webhook that never came."
    };
    if !found.iter().any(says) {
        sim.wrong.push(format!("the doctor does not say that it can't be known what is missing: {found:?}"));
    }
}
