//! Events are appended and applied; bookings and changes come of them.

use crate::place::on_both;
use crate::samples::{SOURCE, body_of, booking_id, booking_write, change, created, event, key, run};
use waypost::domain::{ChangeKind, ChangeRef, EventId, RunId};
use waypost::ports::{AppliedEvent, ListFilter};

on_both! {
    async fn appended_events_come_back_byte_for_byte_in_order(place: &Place) {
        let store = place.open().await;
        let odd = [0_u8, 255, 10, 13, 39, 34];
        let events = [event("a", &odd), event("b", b"{\"x\":\"\\u0000\"}"), event("c", b"")];
        assert_eq!(store.append_events(&events).await.unwrap(), [1, 2, 3]);
        assert_eq!(store.append_events(&[]).await.unwrap(), Vec::<i64>::new());
        let many: Vec<_> = (0..203).map(|n| event(&format!("n{n:03}"), b"{}")).collect();
        let positions = store.append_events(&many).await.unwrap();
        assert!(positions.is_sorted() && positions.len() == 203);
        let stored = store.unapplied_events(3, 1_000).await.unwrap();
        let bodies: Vec<&[u8]> = stored.iter().map(|event| &event.body[..]).collect();
        assert_eq!(bodies, [&odd[..], &events[1].body[..], b""]);
        assert_eq!(stored[0].headers, events[0].headers);
        assert_eq!((stored[0].source.as_str(), stored[0].received_at, stored[0].crashes), (SOURCE, 1_000, 0));
        let (view, whole) = store.event(&EventId::new("evt_a")).await.unwrap().unwrap();
        assert_eq!(whole, stored[0]);
        assert_eq!((view.body_bytes, view.changes.len()), (6, 0));
        assert!(store.event(&EventId::new("evt_none")).await.unwrap().is_none());
    }

    async fn a_failed_append_stores_nothing_of_its_batch(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("a", b"1")]).await.unwrap();
        let error = store.append_events(&[event("b", b"2"), event("a", b"3")]).await.unwrap_err();
        assert!(error.to_string().contains("store the event"), "{error}");
        let stored = store.unapplied_events(10, 1_000).await.unwrap();
        assert_eq!(stored.len(), 1);
        assert_eq!(store.append_events(&[event("b", b"2")]).await.unwrap().len(), 1);
    }

    async fn unapplied_events_are_bounded_by_number_and_bytes_but_never_stuck(place: &Place) {
        let store = place.open().await;
        let big = vec![b'x'; 1_000];
        let events: Vec<_> = (0..5).map(|n| event(&format!("{n}"), &big)).collect();
        store.append_events(&events).await.unwrap();
        assert_eq!(store.unapplied_events(10, 10).await.unwrap().len(), 1);
        assert_eq!(store.unapplied_events(10, 2_000).await.unwrap().len(), 2);
        assert_eq!(store.unapplied_events(3, 1_000_000).await.unwrap().len(), 3);
        assert_eq!(store.unapplied_events(0, 1_000_000).await.unwrap().len(), 0);
    }

    async fn crashes_are_counted_per_event(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("a", b"1"), event("b", b"2")]).await.unwrap();
        assert_eq!(store.count_crash(2).await.unwrap(), 1);
        assert_eq!(store.count_crash(2).await.unwrap(), 2);
        let crashes: Vec<i64> =
            store.unapplied_events(9, 99).await.unwrap().iter().map(|event| event.crashes).collect();
        assert_eq!(crashes, [0, 2]);
    }

    async fn an_applied_event_leaves_its_booking_changes_and_runs(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("1", b"{}"), event("2", b"{}"), event("3", b"{}")]).await.unwrap();
        let first = ChangeRef { position: 1, ordinal: 0 };
        let second = ChangeRef { position: 2, ordinal: 0 };
        let updated = AppliedEvent {
            position: 2,
            changes: vec![change("a", ChangeKind::Updated, 2, Some(first))],
            bookings: vec![booking_write("a", 2, 2)],
            runs: vec![run("2", "a", 2)],
            ..AppliedEvent::default()
        };
        // One batch tells of the booking twice: the last state stands.
        store.apply_events(&[created("a", 1, vec![run("1", "a", 1)]), updated]).await.unwrap();
        let found = store.bookings_by_key(&[key("none"), key("a")]).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].change, found[0].body.as_str()), (second, body_of("a", 2).as_str()));
        let unchanged = AppliedEvent {
            position: 3,
            changes: vec![change("a", ChangeKind::Unchanged, 2, Some(second))],
            bookings: Vec::new(),
            runs: Vec::new(),
            ..AppliedEvent::default()
        };
        store.apply_events(&[unchanged]).await.unwrap();
        let changes = store.changes_of_booking(&booking_id("a"), 10).await.unwrap();
        let kinds: Vec<&str> = changes.iter().map(|change| change.kind.as_str()).collect();
        assert_eq!(kinds, ["unchanged", "updated", "created"]);
        assert_eq!(changes[1].paths, ["version"]);
        assert_eq!(changes[1].booking_key.as_deref(), Some("a"));
        let (view, before, after) = store.change(second).await.unwrap().unwrap();
        assert_eq!((view.previous, view.event.as_str()), (Some(first), "evt_2"));
        assert_eq!((before, after), (Some(body_of("a", 1)), Some(body_of("a", 2))));
        let (booking, body) = store.booking(&booking_id("a")).await.unwrap().unwrap();
        assert_eq!((booking.position, booking.key, body), (2, key("a"), body_of("a", 2)));
        assert_eq!(booking.view.person["name"], "Siobhán Ní Bhriain");
        assert!(store.unapplied_events(9, 99).await.unwrap().is_empty());
        let run = store.run_with_context(&RunId::new("run_2")).await.unwrap().unwrap();
        assert_eq!((run.body, run.previous), (body_of("a", 2), Some(body_of("a", 1))));
        assert_eq!((run.kind, run.event.as_str(), run.source.as_str()), (ChangeKind::Updated, "evt_2", SOURCE));
    }

    async fn an_event_applied_before_is_left_alone(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("1", b"{}")]).await.unwrap();
        let applied = created("a", 1, vec![run("1", "a", 1)]);
        store.apply_events(&[applied.clone(), applied.clone()]).await.unwrap();
        store.apply_events(&[created("a", 1, vec![run("other", "a", 1)])]).await.unwrap();
        assert_eq!(store.list_runs(&ListFilter::default()).await.unwrap().len(), 1);
        assert_eq!(store.counts().await.unwrap().bookings, 1);
    }

    async fn a_failed_batch_of_events_is_rolled_back_whole(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("1", b"{}"), event("2", b"{}")]).await.unwrap();
        let clash = created("b", 2, vec![run("same", "b", 2), run("same", "b", 2)]);
        store.apply_events(&[created("a", 1, vec![run("1", "a", 1)]), clash]).await.unwrap_err();
        assert_eq!(store.unapplied_events(9, 99).await.unwrap().len(), 2);
        assert!(store.bookings_by_key(&[key("a"), key("b")]).await.unwrap().is_empty());
        assert!(store.list_runs(&ListFilter::default()).await.unwrap().is_empty());
        assert!(store.counts().await.unwrap().runs.is_empty());
        store.apply_events(&[created("a", 1, vec![run("1", "a", 1)])]).await.unwrap();
    }

    async fn hashes_of_earlier_versions_are_known_per_booking(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("1", b"{}"), event("2", b"{}")]).await.unwrap();
        store.apply_events(&[created("a", 1, vec![])]).await.unwrap();
        let pairs: Vec<_> = [("a", "hash-1"), ("a", "hash-2"), ("b", "hash-1")]
            .map(|(booking, hash)| (booking_id(booking), hash.to_owned()))
            .to_vec();
        assert_eq!(store.known_hashes(&pairs).await.unwrap(), pairs[..1]);
    }

    async fn a_replay_reads_the_present_version(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("1", b"{}"), event("2", b"{}")]).await.unwrap();
        let updated = AppliedEvent {
            position: 2,
            changes: vec![change("a", ChangeKind::Updated, 2, Some(ChangeRef { position: 1, ordinal: 0 }))],
            bookings: vec![booking_write("a", 2, 2)],
            runs: Vec::new(),
            ..AppliedEvent::default()
        };
        store.apply_events(&[created("a", 1, vec![]), updated]).await.unwrap();
        let mut replayed = run("again", "a", 1);
        replayed.position = 2;
        replayed.trigger = String::from("replay");
        store.plan_runs(&[replayed]).await.unwrap();
        let due = store.run_with_context(&RunId::new("run_again")).await.unwrap().unwrap();
        assert_eq!((due.kind, due.body), (ChangeKind::Created, body_of("a", 2)));
    }
}
