//! An API that gives from a cache what was true before the webhook: it is asked again, a bounded number of times.

use crate::stage::{Known, World, down, event, inn, reservation};
use crate::support::Booking;
use serde_json::{Value, json};
use std::sync::Arc;
use waypost::bookings::Applier;
use waypost::clock::OsEntropy;
use waypost::domain::ChangeKind::{Coalesced, Created, Fetching, Unchanged, Updated};
use waypost::fetch::{FetchOutcome, Fetcher};

fn noted(note: &str) -> Value {
    Booking::new(1).with("/note", note).body
}

/// A source that verifies, and a booking that its API told of.
async fn known() -> World {
    let mut world = World::new("always").await;
    world.hears(&noted("old")).await;
    world.answered(Ok(noted("old"))).await;
    assert_eq!(world.kinds().await, [Coalesced, Created]);
    world
}

/// No call is made until so much later.
async fn rests_for(world: &mut World, ms: i64) {
    world.now += ms - 2_000;
    assert!(world.claim().await.is_empty(), "too early");
    world.now += 2_000;
}

#[tokio::test]
async fn an_answer_from_before_the_webhook_is_asked_for_again_until_it_is_new() {
    let mut world = known().await;
    world.hears(&noted("new")).await;
    assert_eq!(world.answered(Ok(noted("old"))).await, FetchOutcome::Again);
    let row = world.store.fetches().fetches_of_source("tours", 1).await.expect("the fetches").remove(0);
    let told = "FareHarbor still says what it said before this webhook: it is asked again";
    assert_eq!((row.told.as_deref(), row.tries), (Some(told), 0));
    rests_for(&mut world, 5_000).await;
    assert_eq!(world.answered(Ok(noted("new"))).await, FetchOutcome::Came(1));
    assert_eq!(world.kinds().await, [Coalesced, Created, Coalesced, Updated]);
    assert_eq!(world.notes().await[3], "");
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_webhook_that_the_api_never_confirms_costs_two_further_calls_and_no_more_also_over_a_start() {
    let mut world = known().await;
    world.hears(&noted("made up")).await;
    assert_eq!(world.answered(Ok(noted("old"))).await, FetchOutcome::Again);
    rests_for(&mut world, 5_000).await;
    assert_eq!(world.answered(Ok(noted("old"))).await, FetchOutcome::Again);
    // A start.
    world.applier = Applier::new(world.store.clone(), Arc::new(OsEntropy));
    world.fetcher = Fetcher::new(world.store.clone(), Arc::new(OsEntropy), Arc::new(Known));
    world.fetcher.recover(world.now).await.expect("a start");
    rests_for(&mut world, 60_000).await;
    assert_eq!(world.answered(Ok(noted("old"))).await, FetchOutcome::Came(1));
    assert_eq!(world.kinds().await, [Coalesced, Created, Coalesced, Unchanged]);
    assert_eq!(
        world.notes().await[2..],
        [
            "what it hinted at came with EVENT",
            "a webhook told of something newer: FareHarbor was asked two more times, and its answer is taken"
        ]
    );
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn what_comes_in_meanwhile_is_asked_for_at_once_and_together() {
    let mut world = known().await;
    world.hears(&noted("made up")).await;
    assert_eq!(world.answered(Ok(noted("old"))).await, FetchOutcome::Again);
    rests_for(&mut world, 5_000).await;
    assert_eq!(world.answered(Ok(noted("old"))).await, FetchOutcome::Again);
    // A minute is to go by; what is true does not wait for that.
    world.hears(&noted("newer")).await;
    world.hears(&noted("new")).await;
    assert_eq!(world.claim().await.len(), 1, "one fetch for all");
    world.fetcher.recover(world.now).await.expect("as after a start");
    // One more comes in while it is under way, and the answer is too old once more.
    let work = world.claim().await.pop().expect("a fetch");
    world.hears(&noted("newest")).await;
    assert_eq!(world.settle(work, Ok(noted("old"))).await, FetchOutcome::Again);
    assert_eq!(world.answered(Ok(noted("newest"))).await, FetchOutcome::Came(1));
    assert_eq!(world.waiting().await, 0);
    let kinds = world.kinds().await;
    assert_eq!(kinds[2..], [Coalesced, Coalesced, Coalesced, Coalesced, Updated]);
}

#[tokio::test]
async fn what_is_down_meanwhile_is_asked_again_as_ever() {
    let mut world = known().await;
    world.hears(&noted("new")).await;
    assert_eq!(world.answered(Ok(noted("old"))).await, FetchOutcome::Again);
    world.now += 5_000;
    assert_eq!(world.answered(Err(down())).await, FetchOutcome::Again);
    world.now += 10_000;
    assert_eq!(world.answered(Ok(noted("new"))).await, FetchOutcome::Came(1));
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_copy_of_what_is_known_costs_no_further_call() {
    let mut world = known().await;
    world.hears(&noted("old")).await;
    assert_eq!(world.answered(Ok(noted("old"))).await, FetchOutcome::Came(1));
    assert_eq!(world.kinds().await, [Coalesced, Created, Coalesced, Unchanged]);
    // Neither does a late copy where nothing else is asked about.
    let mut world = World::new("never").await;
    for note in ["old", "new", "old"] {
        world.hears(&noted(note)).await;
    }
    assert_eq!(world.answered(Ok(noted("new"))).await, FetchOutcome::Came(1));
    assert_eq!(world.kinds().await, [Created, Updated, Coalesced, Unchanged]);
    assert_eq!(world.waiting().await, 0);
}

/// The reservation as it is so many seconds after the first.
fn at(second: u32) -> Value {
    let mut reservation = reservation();
    reservation["modified"] = json!(format!("2026-01-01T00:00:{second:02}Z"));
    reservation["comment"] = json!(format!("as of {second}"));
    reservation
}

#[tokio::test]
async fn where_a_webhook_only_says_when_something_changed_an_older_answer_is_asked_for_again() {
    let mut world = World::of(inn()).await;
    world.hears(&event(0, "created")).await;
    assert_eq!(world.answered(Ok(at(0))).await, FetchOutcome::Came(1));
    assert_eq!(world.waiting().await, 0, "it is of the moment that was told");
    world.hears(&event(30_000, "amended")).await;
    assert_eq!(world.answered(Ok(at(0))).await, FetchOutcome::Again);
    assert_eq!(world.kinds().await, [Coalesced, Created, Fetching]);
    rests_for(&mut world, 5_000).await;
    assert_eq!(world.answered(Ok(at(30))).await, FetchOutcome::Came(1));
    assert_eq!(world.kinds().await, [Coalesced, Created, Coalesced, Updated]);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn an_answer_that_is_new_and_still_too_old_is_taken_at_once_and_asked_for_again() {
    let mut world = World::of(inn()).await;
    world.hears(&event(0, "created")).await;
    world.answered(Ok(at(0))).await;
    world.hears(&event(10_000, "amended")).await;
    world.hears(&event(30_000, "amended")).await;
    assert_eq!(world.answered(Ok(at(10))).await, FetchOutcome::Came(1));
    assert_eq!(world.kinds().await, [Coalesced, Created, Coalesced, Coalesced, Updated]);
    assert_eq!(world.notes().await[4], "older than what its webhook told: apaleo is asked again");
    assert_eq!(world.waiting().await, 1);
    rests_for(&mut world, 5_000).await;
    assert_eq!(world.answered(Ok(at(10))).await, FetchOutcome::Again);
    rests_for(&mut world, 60_000).await;
    assert_eq!(world.answered(Ok(at(30))).await, FetchOutcome::Came(1));
    assert_eq!(world.kinds().await, [Coalesced, Created, Coalesced, Coalesced, Updated, Updated]);
    assert_eq!(world.waiting().await, 0);
}
