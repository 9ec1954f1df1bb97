//! What a repair ends, and what it never does; and what could not be looked at is told.

use super::Walked;
use super::tests::{TOURS, World, booking, harbour, world};
use crate::connectors::ApiTrouble;
use crate::domain::DocumentHead;
use crate::ports::{ListFilter, WalkOutcome, WalkPhase, WalkPurpose, WalkState};
use serde_json::json;
use std::sync::atomic::Ordering;

/// Two bookings there, and so many that are here only.
async fn here_only(count: usize) -> World {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 1, 1, 1, 2);
    for number in 0..2 {
        world.webhook(&booking("c0", &format!("c0-1000-{number}"), "")).await;
    }
    for number in 0..count {
        world.webhook(&booking("c0", &format!("gone-{number:02}"), "")).await;
    }
    world.clock.0.fetch_add(1_000, Ordering::SeqCst);
    world
}

/// Events that end a booking, with the positions that they are of.
async fn ends(world: &World) -> Vec<(String, i64)> {
    let filter = ListFilter { limit: 100, ..ListFilter::default() };
    let mut ends = Vec::new();
    for event in world.store.list_events(&filter).await.expect("events") {
        let found = world.store.event(&event.id).await.expect("the store answers");
        let (_, stored) = found.expect("it is there");
        let head = DocumentHead::read(&stored.headers).filter(|head| head.gone);
        ends.extend(head.map(|head| (head.key.key, head.begun)));
    }
    ends.sort_unstable();
    ends
}

#[tokio::test]
async fn a_repair_ends_what_the_source_says_twice_that_it_does_not_know() {
    let world = here_only(1).await;
    let seq = world.begin(WalkPurpose::Repair).await;
    let row = world.go(seq).await;
    assert_eq!((row.state, row.note), (WalkState::Done, None));
    assert_eq!((row.counts.looked, row.counts.same, row.counts.ended, row.counts.gone), (3, 2, 1, 0));
    assert_eq!(world.vendor.asked_for("/bookings/gone-00/"), 2);
    assert_eq!(ends(&world).await, [("gone-00".to_owned(), 3)]);
    let told = world.found(seq).await.pop().expect("a finding");
    let why = "it was here only, and was ended: there is no /companies/c0/bookings/gone-00/".to_owned();
    assert_eq!(told, ("gone-00".to_owned(), WalkOutcome::Repaired, why));
    // It has ended here, and need not be known there any more.
    let again = world.begin(WalkPurpose::Reconcile).await;
    let row = world.go(again).await;
    assert_eq!((row.counts.looked, row.counts.same, row.counts.gone), (2, 2, 0));
    // The source knows it again: that differs, and a repair brings it back.
    let there = json!({ "booking": booking("c0", "gone-00", "") });
    world.vendor.says("/companies/c0/bookings/gone-00/", there);
    let keys = ["c0-1000-0", "c0-1000-1", "gone-00"].map(|key| json!({ "uuid": key }));
    world.vendor.says("/companies/c0/availabilities/1000/bookings/", json!({ "bookings": keys }));
    let back = world.begin(WalkPurpose::Repair).await;
    let row = world.go(back).await;
    assert_eq!((row.counts.same, row.counts.differs, row.counts.brought_in), (2, 1, 1));
    let told = world.found(back).await.pop().expect("a finding");
    assert_eq!((told.1, told.2.as_str()), (WalkOutcome::Repaired, "it was deleted, and is there again"));
}

#[tokio::test]
async fn what_another_api_tells_of_the_same_company_is_not_here_only() {
    let other = |more: &str| {
        format!("connector: fareharbor\napi: {{ app: {{ secret: app }}, user: {{ secret: user }}{more} }}\n")
    };
    let elsewhere = other(", base_url: \"https://demo.example.org/api\"");
    for (other, gone) in [(elsewhere.as_str(), 0), (other("").as_str(), 1), ("connector: fareharbor\n", 1)] {
        let world = world(TOURS, &[("sources/other.yaml", other)]).await;
        harbour(&world.vendor, 1, 1, 1, 1);
        world.webhook(&booking("c0", "c0-1000-0", "")).await;
        world.webhook_by("other", &booking("c0", "theirs", "")).await;
        world.clock.0.fetch_add(1_000, Ordering::SeqCst);
        let seq = world.begin(WalkPurpose::Reconcile).await;
        let row = world.go(seq).await;
        assert_eq!((row.state, row.counts.same, row.counts.gone), (WalkState::Done, 1, gone), "{other}");
    }
}

#[tokio::test]
async fn what_is_there_the_second_time_does_not_end() {
    let world = here_only(2).await;
    for key in ["gone-00", "gone-01"] {
        let note = if key == "gone-00" { "" } else { "changed" };
        let there = json!({ "booking": booking("c0", key, note) });
        world.vendor.says(&format!("/companies/c0/bookings/{key}/"), there);
    }
    let mut asked = 0;
    world.vendor.feels(move |path| {
        asked += i32::from(path.contains("/bookings/gone-"));
        let not_yet = path.contains("/bookings/gone-") && asked <= 2;
        not_yet.then(|| ApiTrouble::NotThere("a moment of weakness".into()))
    });
    let seq = world.begin(WalkPurpose::Repair).await;
    let row = world.go(seq).await;
    let counts = &row.counts;
    assert_eq!((counts.looked, counts.gone, counts.ended), (4, 0, 0), "{counts:?}");
    assert_eq!((counts.elsewhere, counts.differs, counts.brought_in), (1, 1, 1));
    assert!(ends(&world).await.is_empty());
}

#[tokio::test]
async fn nothing_ends_where_nothing_else_of_its_account_was_answered() {
    let world = here_only(0).await;
    world.webhook(&booking("another", "x", "")).await;
    world.clock.0.fetch_add(1_000, Ordering::SeqCst);
    let seq = world.begin(WalkPurpose::Repair).await;
    let row = world.go(seq).await;
    assert_eq!((row.counts.gone, row.counts.endable, row.counts.ended), (1, 0, 0));
    let report = world.begin(WalkPurpose::Reconcile).await;
    world.go(report).await;
    let repair = world.begin_as(WalkPurpose::Repair, Some(report), true).await;
    let row = world.go(repair).await;
    assert_eq!((row.counts.gone, row.counts.endable, row.counts.ended), (1, 0, 0), "also where it is said");
    assert!(ends(&world).await.is_empty());
}

#[tokio::test]
async fn where_many_would_end_none_does_before_a_person_says_so() {
    let world = here_only(12).await;
    let seq = world.begin(WalkPurpose::Repair).await;
    let row = world.go(seq).await;
    assert_eq!((row.counts.endable, row.counts.gone, row.counts.ended), (12, 12, 0));
    assert!(row.counts.ends_many());
    insta::assert_snapshot!(row.note.expect("it says so"), @"12 of 14 bookings here are not known to FareHarbor any more; these are so many that none was ended, since it may be that its keys are of another account now");
    assert_eq!(world.vendor.asked_for("/bookings/gone-03/"), 1);
    // A repair of that report leaves them too, as long as nobody says so.
    let repair = world.begin_as(WalkPurpose::Repair, Some(seq), false).await;
    let row = world.go(repair).await;
    assert_eq!((row.counts.endable, row.counts.gone, row.counts.ended), (12, 12, 0));
    assert!(row.note.is_some() && ends(&world).await.is_empty());
    let repair = world.begin_as(WalkPurpose::Repair, Some(seq), true).await;
    let row = world.go(repair).await;
    assert_eq!((row.note, row.counts.gone, row.counts.ended), (None, 0, 12));
    assert_eq!(ends(&world).await.len(), 12);
}

#[tokio::test]
async fn what_had_ended_here_before_is_not_gone() {
    let world = here_only(0).await;
    for (key, status) in [("old-1", "cancelled"), ("old-2", "rebooked")] {
        let mut ended = booking("c0", key, "");
        ended["status"] = json!(status);
        world.webhook(&ended).await;
    }
    world.clock.0.fetch_add(1_000, Ordering::SeqCst);
    let seq = world.begin(WalkPurpose::Repair).await;
    let row = world.go(seq).await;
    assert_eq!((row.counts.looked, row.counts.past, row.counts.gone, row.counts.ended), (4, 2, 0, 0));
    assert!(ends(&world).await.is_empty());
}

#[tokio::test]
async fn what_comes_in_while_it_is_asked_for_the_last_time_is_asked_for_again() {
    let world = here_only(1).await;
    let seq = world.begin(WalkPurpose::Repair).await;
    let walker = world.walker();
    while world.row(seq).await.phase != WalkPhase::Repair {
        walker.step(&world.ruleset, seq).await.expect("a step");
    }
    // Takes up what is gone; the next step asks for it.
    walker.step(&world.ruleset, seq).await.expect("a step");
    world.vendor.waits.store(true, Ordering::SeqCst);
    let step = walker.step(&world.ruleset, seq);
    let webhook = async {
        world.vendor.asked_now.notified().await;
        world.webhook(&booking("c0", "gone-00", "it was changed")).await;
        world.vendor.go_on.notify_one();
    };
    let (stepped, ()) = tokio::join!(step, webhook);
    assert_ne!(stepped.expect("a step"), Walked::Over);
    world.vendor.waits.store(false, Ordering::SeqCst);
    assert!(ends(&world).await.is_empty(), "the answer was of the time before");
    let row = world.go(seq).await;
    assert_eq!(row.counts.ended, 1);
    assert_eq!(world.vendor.asked_for("/bookings/gone-00/"), 3);
    assert_eq!(ends(&world).await, [("gone-00".to_owned(), 4)], "as of the webhook");
}

#[tokio::test]
async fn a_record_that_a_list_names_and_that_is_not_there_is_trouble_and_never_ends() {
    let world = here_only(0).await;
    world
        .vendor
        .feels(|path| path.contains("/bookings/c0-1000-1/").then(|| ApiTrouble::NotThere("not here".into())));
    let seq = world.begin(WalkPurpose::Repair).await;
    let row = world.go(seq).await;
    assert_eq!((row.counts.same, row.counts.trouble, row.counts.gone, row.counts.ended), (1, 1, 0, 0));
    let told = world.found(seq).await.pop().expect("a finding");
    assert_eq!(
        (told.1, told.2.as_str()),
        (WalkOutcome::Trouble, "a list names it, and by itself it is not there: not here")
    );
}

#[tokio::test]
async fn a_list_that_vanished_is_told() {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 1, 2, 2, 1);
    world.vendor.feels(|path| {
        path.contains("/items/2/minimal/").then(|| ApiTrouble::NotThere("HTTP 404, with nothing said".into()))
    });
    let seq = world.begin(WalkPurpose::Reconcile).await;
    let row = world.go(seq).await;
    assert_eq!((row.counts.looked, row.counts.unseen, row.counts.unread()), (2, 1, 1));
    let aside = world.store.walks().aside_places(seq, 10).await.expect("the store answers");
    insta::assert_snapshot!(aside[0].aside.as_deref().unwrap_or_default(), @"list of each availability (company c0, item 2, 2027-03-01 to 2027-03-06): HTTP 404, with nothing said");
}

#[tokio::test]
async fn a_list_that_is_refused_for_good_holds_up_nothing_else() {
    let troubles: [fn(i64) -> ApiTrouble; 3] = [
        |_| ApiTrouble::NeedsAuth("the key may not read this".into()),
        |now| ApiTrouble::Rests { until: now + 60_000, said: true, why: "HTTP 403: too many".into() },
        |_| ApiTrouble::Down { until: None, why: "HTTP 500".into() },
    ];
    for (index, trouble) in troubles.into_iter().enumerate() {
        let world = world(TOURS, &[]).await;
        harbour(&world.vendor, 2, 2, 2, 2);
        let clock = world.clock.clone();
        world.vendor.feels(move |path| {
            path.contains("/c0/items/2/minimal/").then(|| trouble(clock.0.load(Ordering::SeqCst)))
        });
        let seq = world.begin(WalkPurpose::Backfill).await;
        let began = world.clock.0.load(Ordering::SeqCst);
        let row = world.go(seq).await;
        let told = (row.state, row.counts.looked, row.counts.unseen, row.counts.aside);
        assert_eq!(told, (WalkState::Done, 12, 1, 0), "trouble {index}");
        let took = world.clock.0.load(Ordering::SeqCst) - began;
        assert!(took < 40 * 60_000, "trouble {index}: it took {took} ms");
    }
}

#[tokio::test]
async fn an_outage_of_an_hour_puts_nothing_aside() {
    let world = world(TOURS, &[]).await;
    harbour(&world.vendor, 2, 2, 2, 2);
    let clock = world.clock.clone();
    let began = clock.0.load(Ordering::SeqCst);
    let mut calls = 0;
    world.vendor.feels(move |_| {
        calls += 1;
        let away = calls > 9 && clock.0.load(Ordering::SeqCst) - began < 3_600_000;
        away.then(|| ApiTrouble::Down { until: None, why: "it does not answer".into() })
    });
    let seq = world.begin(WalkPurpose::Backfill).await;
    let row = world.go(seq).await;
    assert_eq!((row.state, row.counts.looked, row.counts.unread()), (WalkState::Done, 16, 0));
}
