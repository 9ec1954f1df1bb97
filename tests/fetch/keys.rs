//! Keys that are not taken, for a while or for ever, and keys of one account where webhooks are of any.

use crate::stage::{World, down, event, inn, reservation, ruleset};
use crate::support::Booking;
use serde_json::json;
use std::sync::Arc;
use waypost::connectors::ApiTrouble;
use waypost::domain::ChangeKind::{Coalesced, Created, Fetching, Refused};
use waypost::domain::{Millis, fetch_id};
use waypost::fetch::{FetchOutcome, FetchWork};
use waypost::ports::{FetchPolicy, NewFetch};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 3_600_000;

fn not_taken() -> ApiTrouble {
    ApiTrouble::NeedsAuth("HTTP 401: no".to_owned())
}

/// The answer that it should have.
async fn answer(world: &mut World, work: FetchWork) {
    let all = (1..=60).map(|number| Booking::new(number).body);
    let found = all.into_iter().find(|body| body["booking"]["uuid"] == json!(work.row.key.key));
    world.settle(work, Ok(found.expect("a booking"))).await;
}

#[tokio::test]
async fn after_keys_were_not_taken_one_call_finds_out_and_a_good_answer_lets_in_all_others() {
    let mut world = World::new("always").await;
    for number in 1..=40 {
        world.comes_in(&Booking::new(number)).await;
    }
    let first = world.claim().await;
    assert_eq!(first.len(), 16);
    for work in first {
        world.settle(work, Err(not_taken())).await;
    }
    // Nothing of it is asked for a minute, and then one call a minute, however many wait.
    let mut calls = 0;
    let began = world.now;
    while world.now < began + 10 * MINUTE {
        let mut claimed = world.claim().await;
        calls += claimed.len();
        if let Some(work) = claimed.pop() {
            assert!(claimed.is_empty() && world.now >= began + MINUTE, "one alone, not before its time");
            assert!(world.claim().await.is_empty(), "nor while it is under way");
            world.settle(work, Err(not_taken())).await;
        }
    }
    assert!((8..=10).contains(&calls), "{calls} calls");
    // The keys are good again.
    world.now += MINUTE;
    let probe = world.claim().await.pop().expect("the one call");
    answer(&mut world, probe).await;
    let good_at = world.now;
    while world.waiting().await > 0 {
        for work in world.claim().await {
            answer(&mut world, work).await;
        }
        assert!(world.now < good_at + 5_000, "{} still wait", world.waiting().await);
    }
    assert_eq!(world.kinds().await.iter().filter(|kind| **kind == Created).count(), 40);
}

#[tokio::test]
async fn a_start_forgets_that_a_call_was_under_way() {
    let mut world = World::new("always").await;
    world.comes_in(&Booking::new(1)).await;
    world.answered(Err(not_taken())).await;
    world.now += 2 * MINUTE;
    let lost = world.claim().await.pop().expect("the one call");
    drop(lost);
    assert!(world.claim().await.is_empty());
    world.fetcher.recover(world.now).await.expect("as after a mistake");
    assert_eq!(world.answered(Ok(Booking::new(1).body)).await, FetchOutcome::Came(1));
}

/// One booking that is never let in, and nothing else. Gives after how long it ended, and after how many calls.
async fn alone(world: &mut World, trouble: impl Fn(Millis) -> ApiTrouble) -> (Millis, u32) {
    world.comes_in(&Booking::new(1)).await;
    let (began, mut calls) = (world.now, 0);
    while world.now < began + 72 * HOUR {
        for work in world.claim().await {
            calls += 1;
            let trouble = trouble(world.now);
            if world.settle(work, Err(trouble)).await == FetchOutcome::Refused {
                return (world.now - began, calls);
            }
        }
        world.now += 29_000;
    }
    panic!("it never ends");
}

#[tokio::test]
async fn what_is_never_let_in_ends_after_a_day_also_where_nothing_else_is_asked_for() {
    let limit = |now| ApiTrouble::Rests { until: now + 5_000, said: true, why: "HTTP 403: no".to_owned() };
    let forbidden = |_| ApiTrouble::NeedsAuth("HTTP 403: the scope is missing".to_owned());
    for is_limit in [true, false] {
        let mut world = World::new("always").await;
        let (after, calls) = match is_limit {
            true => alone(&mut world, limit).await,
            false => alone(&mut world, forbidden).await,
        };
        assert!((24 * HOUR..25 * HOUR).contains(&after), "after {} hours", after / HOUR);
        assert!((20..200).contains(&calls), "{calls} calls");
        assert_eq!(world.kinds().await, [Refused]);
        let counts = world.store.fetches().count_fetches().await.expect("the fetches");
        assert_eq!((counts[0].waiting, counts[0].forbidden), (0, 1));
        world.now += 72 * HOUR;
        assert!(world.claim().await.is_empty(), "it is not asked for by itself");
        if is_limit {
            // Somebody asks for it.
            let key = {
                let uuid = Booking::new(1).body["booking"]["uuid"].as_str().expect("a uuid").to_owned();
                let account =
                    Booking::new(1).body["booking"]["company"]["shortname"].as_str().expect("one").to_owned();
                let (connector, kind) = ("fareharbor".to_owned(), "booking".to_owned());
                waypost::domain::BookingKey { connector, account, kind, key: uuid }
            };
            let (id, source, now) = (fetch_id(&key, 0), "tours".to_owned(), world.now);
            let fetch = NewFetch { id, key, way: 0, source, policy: FetchPolicy::Hint, due_at: now, at: now };
            world.store.fetches().ask_fetch(&fetch, "somebody").await.expect("it is asked for");
            assert_eq!(world.answered(Ok(Booking::new(1).body)).await, FetchOutcome::Came(1));
            assert_eq!(world.kinds().await, [Refused, Created]);
        } else {
            // The keys may read it now, which shows by what comes in next.
            world.comes_in(&Booking::new(2)).await;
            world.answered(Ok(Booking::new(2).body)).await;
            assert_eq!(world.answered(Ok(Booking::new(1).body)).await, FetchOutcome::Came(1));
            assert_eq!(world.kinds().await, [Refused, Coalesced, Created, Created]);
        }
        assert!(world.store.fetches().count_fetches().await.expect("the fetches").is_empty());
    }
}

#[tokio::test]
async fn what_found_the_api_down_is_fetched_as_soon_as_it_answers_again() {
    let mut world = World::new("always").await;
    for number in 1..=3 {
        world.comes_in(&Booking::new(number)).await;
    }
    let began = world.now;
    while world.now < began + 3 * HOUR {
        for work in world.claim().await {
            world.settle(work, Err(down())).await;
        }
        world.now += MINUTE;
    }
    world.comes_in(&Booking::new(4)).await;
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for work in world.claim().await {
        if work.row.tries == 0 { new.push(work) } else { old.push(work) }
    }
    for work in old {
        world.settle(work, Err(down())).await;
    }
    answer(&mut world, new.pop().expect("the new one")).await;
    let waiting = world.claim().await;
    assert_eq!(waiting.len(), 3, "all that waited for the API");
    // Those that fail all the same have a trouble of their own, and go on at their own times.
    for work in waiting {
        world.settle(work, Err(down())).await;
    }
    world.comes_in(&Booking::new(4).with("/note", "more")).await;
    let mut new = world.claim().await;
    assert_eq!(new.len(), 1);
    world.settle(new.pop().expect("the new one"), Ok(Booking::new(4).with("/note", "more").body)).await;
    assert!(world.claim().await.is_empty());
}

#[tokio::test]
async fn an_empty_list_may_be_asked_for_too_early() {
    let mut world = World::of(inn()).await;
    let mut of_booker = event(1, "changed");
    of_booker["topic"] = json!("Booking");
    of_booker["data"]["entityId"] = json!("XPGMSXGF");
    world.hears(&of_booker).await;
    assert_eq!(world.answered(Ok(json!({ "reservations": [] }))).await, FetchOutcome::Again);
    world.now += 10_000;
    assert_eq!(world.answered(Ok(json!({ "reservations": [reservation()] }))).await, FetchOutcome::Came(1));
    assert_eq!(world.kinds().await, [Coalesced, Created]);
    of_booker["id"] = json!("00000000-0000-4000-8000-000000000009");
    world.hears(&of_booker).await;
    assert_eq!(world.answered(Ok(json!(null))).await, FetchOutcome::Again);
    world.now += 10_000;
    assert_eq!(world.answered(Ok(json!(null))).await, FetchOutcome::Refused);
    assert_eq!(world.notes().await[2], "apaleo's API has nothing for it: nothing was changed");
}

/// A source of apaleo whose senders say of which account they are.
fn claims(account: &str) -> String {
    format!("{}sign_in: {{ jwt: {{ algorithm: HS256, secret: a, account_claim: account }} }}\n", inn())
        .replace("ACME", account)
}

#[tokio::test]
async fn keys_of_one_account_are_never_asked_for_what_a_sender_of_any_account_tells() {
    let mut world = World::of(claims("ACME")).await;
    world.hears(&event(1, "created")).await;
    // The rules of before name no account: `check` refuses that, and whatever runs them all the same asks for nothing.
    let unchecked = {
        let mut rules = ruleset(&[("sources/tours.yaml", &claims("ACME"))]);
        let sources = &mut Arc::get_mut(&mut rules).expect("nobody else has it").sources;
        let source = sources.get_mut("tours").and_then(Arc::get_mut).expect("nobody else has it");
        source.account = None;
        rules
    };
    let checked = std::mem::replace(&mut world.ruleset, unchecked);
    for _ in 0..3 {
        assert!(world.claim().await.is_empty());
        world.now += HOUR;
    }
    let row = world.store.fetches().fetches_of_source("tours", 1).await.expect("the fetches").remove(0);
    let why = "who signs in says of which account they are, and the keys below `api:` are of one account only: write `account:` \
               into the source's file";
    assert_eq!((row.trouble.as_deref(), row.told.as_deref()), (Some("account"), Some(why)));
    assert_eq!(world.kinds().await, [Fetching], "it waits, however long");
    // What an earlier file let in for another account is not asked for either.
    world.ruleset = ruleset(&[("sources/tours.yaml", &claims("OTHR"))]);
    world.now += HOUR;
    assert!(world.claim().await.is_empty());
    let row = world.store.fetches().fetches_of_source("tours", 1).await.expect("the fetches").remove(0);
    assert_eq!(row.told.as_deref(), Some("its source is for another account now"));
    world.ruleset = checked;
    world.now += HOUR;
    assert_eq!(world.answered(Ok(reservation())).await, FetchOutcome::Came(1));
    assert_eq!(world.kinds().await, [Coalesced, Created]);
}
