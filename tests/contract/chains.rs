//! Rebookings: chains are found from any of their bookings, whether these are known or not, and what a newer booking takes
//! over ends.

use crate::place::{on_both, row};
use crate::samples::{booking_id, created, event, key, run, write};
use std::sync::Arc;
use waypost::domain::{Rebooking, RunId, RunState};
use waypost::ports::{AppliedEvent, ChainMember, DueQuery, DueRun, Store, TakenOver, Written, chains_of};

fn step(old: &str, new: &str, told_by_old: bool) -> Rebooking {
    Rebooking { old: key(old), new: key(new), told_by_old }
}

/// Three events: `a` came, `c` came and told of `b`, and somebody told that `a` became `b`.
async fn chain(store: &Arc<dyn Store>) {
    let events: Vec<_> = ["1", "2", "3"].iter().map(|name| event(name, b"{}")).collect();
    store.append_events(&events).await.unwrap();
    let first = created("a", 1, vec![run("1", "a", 1), run("2", "a", 1)]);
    let second = AppliedEvent {
        rebookings: vec![step("b", "c", false), step("a", "b", false)],
        ..created("c", 2, vec![run("3", "c", 2)])
    };
    // Told once more, by the old one, and once more without.
    let third = AppliedEvent {
        rebookings: vec![step("a", "b", true), step("a", "b", false)],
        ..created("other", 3, vec![])
    };
    store.apply_events(&[first, second]).await.unwrap();
    store.apply_events(&[third]).await.unwrap();
}

async fn due(store: &Arc<dyn Store>) -> Vec<DueRun> {
    let query = DueQuery { connection: "crm".into(), due_by: None, limit: 10, body_bytes_max: i64::MAX };
    store.due_runs(&query).await.unwrap()
}

on_both! {
    async fn a_chain_is_found_from_any_of_its_bookings(place: &Place) {
        let store = place.open().await;
        chain(&store).await;
        for name in ["a", "b", "c"] {
            let steps = store.chains().rebookings(&[key(name), key("none")]).await.unwrap();
            assert_eq!(steps, [step("a", "b", true), step("b", "c", false)], "from {name}");
        }
        assert_eq!(store.chains().rebookings(&[key("other")]).await.unwrap(), []);
        assert_eq!(store.chains().rebookings(&[]).await.unwrap(), []);
        let members = store.chains().members(&[key("a"), key("b")]).await.unwrap();
        let status = Some("booked".to_owned());
        assert_eq!(members, [ChainMember { key: key("a"), id: Some(booking_id("a")), status }]);
        let chains = chains_of(&*store, &[key("c"), key("other"), key("b")]).await.unwrap();
        assert_eq!(chains.len(), 2);
        assert_eq!(chains[&key("c")].older_ids(), [booking_id("a")]);
        assert_eq!(chains[&key("c")].older[0], ChainMember { key: key("b"), id: None, status: None });
        assert_eq!(chains[&key("b")].newer_ids(), [booking_id("c")]);
    }

    async fn runs_say_whether_their_booking_is_in_a_chain(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("0", b"{}")]).await.unwrap();
        store.apply_events(&[created("x", 1, vec![run("x", "x", 1)])]).await.unwrap();
        assert!(!due(&store).await[0].chained);
        let told = AppliedEvent {
            rebookings: vec![step("x", "y", true)],
            ..created("z", 2, vec![])
        };
        store.append_events(&[event("1", b"{}")]).await.unwrap();
        store.apply_events(&[told]).await.unwrap();
        assert!(due(&store).await[0].chained);
    }

    async fn a_version_is_the_latest_one_that_is_not_newer(place: &Place) {
        let store = place.open().await;
        chain(&store).await;
        assert!(store.chains().version_at(&booking_id("a"), 9).await.unwrap().is_some());
        assert_eq!(store.chains().version_at(&booking_id("c"), 1).await.unwrap(), None);
        assert_eq!(store.chains().version_at(&booking_id("none"), 9).await.unwrap(), None);
    }

    async fn what_a_newer_booking_takes_over_ends_and_its_lane_goes_on(place: &Place) {
        let store = place.open().await;
        chain(&store).await;
        // The first is in a call; the second waits behind it.
        let first = row(&store, "1").await;
        let begun = write(&first, RunState::Working, 4_000);
        assert_eq!(store.write_delivery(&[begun]).await.unwrap(), [Written::Yes]);
        let taken = |rule: &str| TakenOver {
            booking: booking_id("a"),
            rule: rule.to_owned(),
            why: "The booking was rebooked.".to_owned(),
            at: 5_000,
        };
        store.append_events(&[event("4", b"{}"), event("5", b"{}")]).await.unwrap();
        let of_another_rule = AppliedEvent { taken_over: vec![taken("others")], ..created("y", 4, vec![]) };
        store.apply_events(&[of_another_rule]).await.unwrap();
        assert_eq!(row(&store, "2").await.state, RunState::Waiting);
        let mut next = run("4", "y", 4);
        next.lane = first.lane.clone();
        let event = AppliedEvent { taken_over: vec![taken("guests")], ..created("z", 5, vec![next]) };
        store.apply_events(&[event]).await.unwrap();
        let ended = row(&store, "2").await;
        assert_eq!(ended.state, RunState::Superseded);
        assert_eq!(ended.verdict.map(|verdict| verdict.text).as_deref(), Some("The booking was rebooked."));
        assert_eq!(row(&store, "1").await.state, RunState::Working, "a call in flight goes on");
        assert_eq!(row(&store, "3").await.state, RunState::Waiting, "another booking's run waits");
        assert_eq!(row(&store, "4").await.next_at, None, "it stands behind the call");
        let first = row(&store, "1").await;
        store.write_delivery(&[write(&first, RunState::Done, 6_000)]).await.unwrap();
        assert_eq!(row(&store, "4").await.next_at, Some(6_000));
        let id = RunId::new("run_4");
        assert!(store.run_with_context(&id).await.unwrap().is_some());
    }
}
