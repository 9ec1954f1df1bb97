//! Webhooks that somebody made up, and that were gone by while the API was away: when it is back, and knows nothing of what
//! they told, it ends, the rules say so to the CRM, and people are told.

use crate::stage::{World, down, ruleset};
use crate::support::Booking;
use waypost::connectors::ApiTrouble;
use waypost::domain::ChangeKind::{Cancelled, Coalesced, Created, Deleted, Fetching, Refused, Updated};
use waypost::domain::{KNOWS_NO_SUCH, RunState};
use waypost::fetch::{FetchOutcome, Fetched};
use waypost::ports::{HeardAsked, ListFilter};

const RULE: &str = "title: Guests\nfrom: tours\non: [created, updated, cancelled]\nsteps:\n  - id: guest\n    use: crm.upsert\n    \
                    with: { id: \"{{ trip.code }}\", kind: \"{{ change.kind }}\" }\n";
const CRM: &str = "connector: http\nbase_url: http://127.0.0.1:9900\nallow_private: true\nactions:\n  upsert: { method: PUT, path: \
                   \"/g/{{ input.id }}\", key: [id], repeatable: true }\n";

fn not_there() -> ApiTrouble {
    ApiTrouble::NotThere("HTTP 404".to_owned())
}

/// A source that goes by its webhooks while the API is away, and a rule.
async fn world() -> World {
    let mut world = World::new("{ when_down: payload }").await;
    let source = "connector: fareharbor\napi: { app: { secret: a }, user: { secret: b } }\nverify: { when_down: payload }\n";
    world.ruleset =
        ruleset(&[("sources/tours.yaml", source), ("connections/crm.yaml", CRM), ("guests.yaml", RULE)]);
    world
}

/// The API is away for so long that what came in is gone by.
async fn goes_by(world: &mut World) {
    world.answered(Err(down())).await;
    world.now += 40_000;
    for work in world.claim().await {
        world.settle(work, Err(down())).await;
    }
    world.now += 60_000;
}

/// The API is back, and asked twice.
async fn knows_it_not(world: &mut World) -> FetchOutcome {
    assert_eq!(world.answered(Err(not_there())).await, FetchOutcome::Again);
    world.now += 10_000;
    world.answered(Err(not_there())).await
}

async fn planned(world: &World) -> Vec<(RunState, String)> {
    let filter = ListFilter { limit: 100, ..ListFilter::default() };
    let mut runs = world.store.list_runs(&filter).await.expect("the runs");
    runs.reverse();
    runs.into_iter().map(|run| (run.state, run.asked)).collect()
}

#[tokio::test]
async fn what_a_forged_webhook_told_while_the_api_was_away_ends_when_that_does_not_know_it() {
    let mut world = world().await;
    world.comes_in(&Booking::new(1)).await;
    goes_by(&mut world).await;
    assert_eq!(world.kinds().await, [Coalesced, Created]);
    assert_eq!(knows_it_not(&mut world).await, FetchOutcome::Disowned);
    assert_eq!(world.kinds().await, [Refused, Created, Deleted]);
    assert_eq!(world.waiting().await, 0);
    assert_eq!(
        world.notes().await,
        [
            "FareHarbor's API knows no such booking: it was gone by while FareHarbor did not answer, and ended with EVENT",
            "unverified: FareHarbor did not answer, so this is what its webhook said",
            "FareHarbor does not know it: the webhook that told of it was not verified",
        ]
    );
    let runs = planned(&world).await;
    assert_eq!(runs.last().map(|run| run.0), Some(RunState::Waiting), "{runs:?}");
    assert_eq!(runs.iter().map(|run| run.1.as_str()).collect::<Vec<_>>(), ["created", "cancelled"]);
    // It is counted among what the API knew nothing of, of which people are told.
    let asked =
        HeardAsked { source: "tours", check: "checked this address", unknown: KNOWS_NO_SUCH, since: 0 };
    // What ended it was appended as if it had been fetched, and is no word of the API about a booking.
    let heard = world.store.fetches().last_of_source(asked).await.expect("what it heard");
    assert_eq!(heard.unknown, 1, "{heard:?}");
}

#[tokio::test]
async fn a_second_forged_webhook_about_what_ended_so_ends_again() {
    let mut world = world().await;
    world.comes_in(&Booking::new(1)).await;
    goes_by(&mut world).await;
    knows_it_not(&mut world).await;
    world.comes_in(&Booking::new(1).with("/note", "once more")).await;
    goes_by(&mut world).await;
    assert_eq!(world.kinds().await, [Refused, Created, Deleted, Coalesced, Updated]);
    assert_eq!(knows_it_not(&mut world).await, FetchOutcome::Disowned);
    assert_eq!(world.kinds().await, [Refused, Created, Deleted, Refused, Updated, Deleted]);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_booking_that_the_api_confirmed_once_is_not_ended_so_and_people_are_told() {
    let mut world = world().await;
    world.comes_in(&Booking::new(1)).await;
    world.answered(Ok(Booking::new(1).body)).await;
    world.comes_in(&Booking::new(1).with("/status", "cancelled")).await;
    goes_by(&mut world).await;
    assert_eq!(world.kinds().await, [Coalesced, Created, Coalesced, Cancelled]);
    assert_eq!(knows_it_not(&mut world).await, FetchOutcome::Refused);
    assert_eq!(world.kinds().await, [Coalesced, Created, Refused, Cancelled]);
    assert_eq!(
        world.notes().await[2],
        "FareHarbor's API knows no such booking: nothing was changed. The booking was known before, and not by such webhooks \
         alone: it stays as it is until a reconcile says that it is gone"
    );
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn what_is_gone_by_and_not_applied_yet_ends_too() {
    let mut world = world().await;
    world.comes_in(&Booking::new(1)).await;
    world.answered(Err(down())).await;
    world.now += 40_000;
    // What was gone by stands in the journal, and the one that applies is behind.
    for expected in [FetchOutcome::Again, FetchOutcome::Again] {
        let claim = world.fetcher.claim(&world.ruleset, 16, world.now).await.expect("a claim");
        let work = claim.work.into_iter().next().expect("a fetch");
        let fetched = Fetched { row: work.row, result: Err(not_there()), also: Vec::new() };
        let outcome = world.fetcher.settle(&world.ruleset, fetched, world.now).await.expect("it is written");
        assert_eq!(outcome, expected);
        world.now += 10_000;
    }
    world.apply().await;
    assert_eq!(world.kinds().await, [Coalesced, Created]);
    world.now += 10_000;
    while world.waiting().await > 0 {
        world.answered(Err(not_there())).await;
        world.now += 10_000;
    }
    assert_eq!(world.kinds().await, [Refused, Created, Deleted]);
}

#[tokio::test]
async fn a_webhook_that_comes_while_the_api_says_so_is_asked_about_anew() {
    let mut world = world().await;
    world.comes_in(&Booking::new(1)).await;
    goes_by(&mut world).await;
    assert_eq!(world.answered(Err(not_there())).await, FetchOutcome::Again);
    world.now += 10_000;
    let work = world.claim().await.pop().expect("a fetch");
    world.comes_in(&Booking::new(1).with("/note", "more")).await;
    world.settle(work, Err(not_there())).await;
    assert_eq!(world.kinds().await, [Refused, Created, Fetching, Deleted]);
    world.now += 1_000;
    world.answered(Ok(Booking::new(1).with("/note", "more").body)).await;
    assert_eq!(world.kinds().await, [Refused, Created, Coalesced, Deleted, Updated]);
    assert_eq!(world.waiting().await, 0);
}
