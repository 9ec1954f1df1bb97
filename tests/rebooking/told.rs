//! Single cases of rebookings, told in full: what each change, run and link is, and why.

use crate::story::{tells, uuid};
use crate::world::{World, ruleset};
use serde_json::{Value, json};
use waypost::domain::{RunState, VerdictCode};
use waypost::ports::{ListFilter, RunRow};
use waypost::store::open_in_memory;

async fn world() -> World {
    World::over(open_in_memory().await.expect("a store"), ruleset(), 0)
}

/// Kinds and notes of a booking's changes, oldest first.
async fn changes(world: &World, key: &str) -> Vec<String> {
    let filter = ListFilter { booking: Some(key.to_owned()), limit: 9, ..ListFilter::default() };
    let booking = world.store.list_bookings(&filter).await.expect("bookings").pop().expect("a booking");
    let mut changes = world.store.changes_of_booking(&booking.id, 99).await.expect("changes");
    changes.reverse();
    let told = |change: waypost::ports::ChangeView| {
        let note = change.note.map(|note| format!(": {note}")).unwrap_or_default();
        format!("{} at {}.{}{note}", change.kind, change.reference.position, change.reference.ordinal)
    };
    changes.into_iter().map(told).collect()
}

fn of_rule<'r>(runs: &'r [RunRow], rule: &str) -> Vec<(&'static str, &'r str)> {
    let runs = runs.iter().filter(|run| run.rule == rule);
    runs.map(|run| (run.state.as_str(), run.asked.as_str())).collect()
}

#[tokio::test]
async fn the_new_bookings_webhook_alone_ends_the_old_one() {
    let mut world = world().await;
    world.post(1, &tells(0, "booked", 100)).await;
    world.settle_down().await;
    world.post(1, &tells(1, "booked", 200)).await;
    world.settle_down().await;
    let (old, new) = (uuid(1, 0), uuid(1, 1));
    assert_eq!(
        changes(&world, &old).await,
        [
            "created at 1.0".to_owned(),
            format!("rebooked at 2.1: told by the webhook of {new}, which took its place")
        ]
    );
    let filter = ListFilter { booking: Some(old.clone()), limit: 9, ..ListFilter::default() };
    let booking = world.store.list_bookings(&filter).await.expect("bookings").pop().expect("a booking");
    let (view, body) = world.store.booking(&booking.id).await.expect("it is read").expect("a booking");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (view.status.as_str(), &body["status"], &body["rebooked_to"]),
        ("rebooked", &json!("rebooked"), &json!(new))
    );
    let runs = world.runs_of(&old).await;
    assert_eq!(of_rule(&runs, "guests"), [("done", "created"), ("done", "cancelled")]);
    assert_eq!(of_rule(&runs, "mails"), [("done", "cancelled")]);

    // Its own webhook comes later, with something more: the upserts hear of it once more, and no second mail goes out.
    world.post(1, &tells(0, "rebooked", 100)).await;
    world.settle_down().await;
    assert_eq!(changes(&world, &old).await[2], "rebooked at 3.0");
    let runs = world.runs_of(&old).await;
    assert_eq!(of_rule(&runs, "mails"), [("done", "cancelled"), ("skipped", "cancelled")]);
    world.post(1, &tells(0, "rebooked", 100)).await;
    world.post(1, &tells(0, "booked", 100)).await;
    world.settle_down().await;
    let last = changes(&world, &old).await.split_off(3);
    assert_eq!(last[0], "unchanged at 4.0");
    assert!(last[1].starts_with("stale at 5.0"), "{last:?}");
}

#[tokio::test]
async fn a_rule_that_moves_keeps_the_record_and_says_why_nothing_was_cancelled() {
    let mut world = world().await;
    world.post(1, &tells(0, "booked", 100)).await;
    world.settle_down().await;
    let (old, new) = (uuid(1, 0), uuid(1, 1));
    let made = world.crm.find("crm/deals", &old).expect("a deal").id.clone();
    world.post(1, &tells(0, "rebooked", 100)).await;
    world.settle_down().await;
    let runs = world.runs_of(&old).await;
    let told =
        runs.iter().rfind(|run| run.rule == "deals").and_then(|run| run.verdict.clone()).expect("a verdict");
    assert_eq!(
        told.text,
        format!(
            "The booking was rebooked: {new} takes over its record, as the rule says (`rebooking: move`); that one's \
             own webhook had not come by then."
        )
    );
    assert_eq!(world.crm.find("crm/deals", &old).expect("it is kept").fields["status"], "booked");
    world.post(1, &tells(1, "booked", 200)).await;
    world.settle_down().await;
    let moved = world.crm.find("crm/deals", &new).expect("it has the new key");
    assert_eq!((moved.id.as_str(), &moved.fields["total"]), (made.as_str(), &json!(200)));
    assert!(world.crm.find("crm/deals", &old).is_none());
    // The card was made once, and is the new booking's now.
    let runs = world.runs_of(&new).await;
    let card = runs.iter().find(|run| run.rule == "cards").expect("a run");
    assert_eq!(card.state, RunState::Skipped);
    let why = card.steps[0].verdict.as_ref().expect("a verdict");
    assert_eq!(why.code, VerdictCode::Unchanged);
    assert_eq!(why.text, "nothing to send: it was made for the booking whose place this one took");
    assert!(card.steps[0].outputs.contains_key("id"));
    // Its end ends the record.
    world.post(1, &tells(1, "cancelled", 200)).await;
    world.settle_down().await;
    assert_eq!(world.crm.find("crm/deals", &new).expect("a deal").fields["status"], "cancelled");
}

#[tokio::test]
async fn what_is_in_flight_when_the_new_booking_comes_ends_first() {
    let mut world = world().await;
    let (old, new) = (uuid(1, 0), uuid(1, 1));
    world.post(1, &tells(0, "booked", 100)).await;
    world.apply().await;
    let calls = world.claim().await;
    world.post(1, &tells(1, "booked", 200)).await;
    world.apply().await;
    let deals = |runs: Vec<RunRow>| {
        runs.into_iter()
            .filter(|run| run.rule == "deals")
            .map(|run| (run.state, run.lane))
            .collect::<Vec<_>>()
    };
    let (before, after) = (deals(world.runs_of(&old).await), deals(world.runs_of(&new).await));
    assert_eq!(before[0].0, RunState::Working);
    assert_eq!(after[0].0, RunState::Waiting);
    assert_eq!(before[0].1, after[0].1, "they share a lane");
    world.answer(calls).await;
    world.settle_down().await;
    assert!(world.crm.find("crm/deals", &old).is_none(), "the one record was moved");
    assert_eq!(world.crm.find("crm/deals", &new).expect("a deal").fields["total"], 200);
}

#[tokio::test]
async fn a_death_while_the_record_is_moved_leaves_one_record() {
    // Dies with the call of each step of the way in flight, arrived or not.
    for arrives in [false, true] {
        for when in 0..2 {
            let mut world = world().await;
            let (old, new) = (uuid(1, 0), uuid(1, 1));
            world.post(1, &tells(0, "booked", 100)).await;
            if when == 1 {
                world.settle_down().await;
                world.post(1, &tells(1, "booked", 200)).await;
            }
            world.apply().await;
            let calls = world.claim().await;
            for call in calls.iter().filter(|_| arrives) {
                let caller =
                    crate::crm::Caller { run: call.ticket.run_id().as_str(), step: call.ticket.step_id() };
                world.crm.serve(&call.request, &caller);
            }
            drop(calls);
            let mut world = world.restart();
            world.recover().await;
            if when == 0 {
                world.post(1, &tells(1, "booked", 200)).await;
            }
            world.settle_down().await;
            assert!(world.crm.find("crm/deals", &old).is_none(), "arrives {arrives}, at {when}");
            assert_eq!(world.crm.find("crm/deals", &new).expect("a deal").fields["total"], 200);
            let cards: usize =
                [&old, &new].iter().map(|key| crate::world::made(&world.crm, "crm/cards", key)).sum();
            assert_eq!(cards, 1, "arrives {arrives}, at {when}");
        }
    }
}

#[tokio::test]
async fn an_old_run_that_is_tried_again_does_not_bring_the_old_record_back() {
    let mut world = world().await;
    let (old, new) = (uuid(1, 0), uuid(1, 1));
    world.post(1, &tells(0, "booked", 100)).await;
    world.settle_down().await;
    world.post(1, &tells(1, "booked", 200)).await;
    world.settle_down().await;
    world.replay(1).await;
    world.settle_down().await;
    assert!(world.crm.find("crm/deals", &old).is_none());
    assert_eq!(
        world.crm.find("crm/contacts", &crate::story::email(1)).expect("a contact").fields["of"],
        json!(new)
    );
}

#[tokio::test]
async fn a_further_word_of_the_old_booking_leaves_the_new_ones_run_alone() {
    let mut world = world().await;
    let new = uuid(1, 1);
    world.post(1, &tells(0, "booked", 100)).await;
    world.settle_down().await;
    // The old one's note is changed after the rebooking, while nothing is sent.
    for told in [tells(0, "rebooked", 100), tells(1, "booked", 200), tells(0, "rebooked", 101)] {
        world.post(1, &told).await;
        world.apply().await;
    }
    world.settle_down().await;
    assert_eq!(world.crm.find("crm/deals", &new).expect("a deal").fields["total"], 200);
    assert_eq!(of_rule(&world.runs_of(&new).await, "deals"), [("done", "created")]);
}
