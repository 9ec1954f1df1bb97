//! Lists, filters, pages and counts, as people see them.

use crate::place::{name_of, on_both, row};
use crate::samples::{CRM, SOURCE, booking_id, booking_write, change, created, event, run, write};
use std::sync::Arc;
use waypost::domain::{ChangeKind, ChangeRef, RunState};
use waypost::ports::{AppliedEvent, ListFilter, NewChange, NewEvent, NewRun, Store};

/// Events 1 to 4: `a` and `b` created by two sources, `a` updated, one unreadable; a run for each but the last.
async fn filled(place: &crate::place::Place) -> Arc<dyn Store> {
    let store = place.open().await;
    let other = NewEvent { source: "other".to_owned(), received_at: 5_000, ..event("2", b"{}") };
    store.append_events(&[event("1", b"{}"), other, event("3", b"{}"), event("4", b"?")]).await.unwrap();
    let mut of_other = created("b", 2, vec![NewRun { connection: "mail".to_owned(), ..run("2", "b", 2) }]);
    of_other.bookings[0].source = String::from("other");
    of_other.bookings[0].status = String::from("cancelled");
    of_other.bookings[0].at = 5_000;
    let updated = AppliedEvent {
        position: 3,
        changes: vec![change("a", ChangeKind::Updated, 2, Some(ChangeRef { position: 1, ordinal: 0 }))],
        bookings: vec![booking_write("a", 3, 2)],
        runs: vec![NewRun {
            rule: "news".to_owned(),
            lane: "news/a".to_owned(),
            at: 9_000,
            ..run("3", "a", 3)
        }],
        ..AppliedEvent::default()
    };
    let unreadable = AppliedEvent {
        position: 4,
        changes: vec![NewChange {
            booking: None,
            note: Some("The body is not JSON.".to_owned()),
            ..change("", ChangeKind::Unreadable, 0, None)
        }],
        bookings: Vec::new(),
        runs: Vec::new(),
        ..AppliedEvent::default()
    };
    store
        .apply_events(&[created("a", 1, vec![run("1", "a", 1)]), of_other, updated, unreadable])
        .await
        .unwrap();
    store
}

fn filter(set: impl Fn(&mut ListFilter)) -> ListFilter {
    let mut filter = ListFilter::default();
    set(&mut filter);
    filter
}

on_both! {
    async fn events_are_listed_newest_first_and_by_every_filter(place: &Place) {
        let store = filled(place).await;
        let list = async |set: fn(&mut ListFilter)| {
            let events = store.list_events(&filter(set)).await.unwrap();
            events.iter().map(|event| event.position).collect::<Vec<_>>()
        };
        assert_eq!(list(|_| ()).await, [4, 3, 2, 1]);
        assert_eq!(list(|f| f.source = Some(SOURCE.to_owned())).await, [4, 3, 1]);
        assert_eq!(list(|f| f.event = Some("evt_3".to_owned())).await, [3]);
        assert_eq!(list(|f| f.event = Some("evt_".to_owned())).await, [4, 3, 2, 1]);
        assert_eq!(list(|f| f.event = Some("%".to_owned())).await, Vec::<i64>::new());
        assert_eq!(list(|f| f.booking = Some("a".to_owned())).await, [3, 1]);
        assert_eq!(list(|f| f.booking = Some("bkg_b".to_owned())).await, [2]);
        assert_eq!(list(|f| f.state = Some("unreadable".to_owned())).await, [4]);
        assert_eq!(list(|f| f.state = Some("nonsense".to_owned())).await, Vec::<i64>::new());
        assert_eq!(list(|f| f.since = Some(5_000)).await, [2]);
        assert_eq!(list(|f| { f.before = Some(4); f.limit = 2; }).await, [3, 2]);
        assert_eq!(list(|f| { f.booking = Some("a".to_owned()); f.state = Some("created".to_owned()); }).await, [1]);
        let events = store.list_events(&ListFilter::default()).await.unwrap();
        assert_eq!(events[0].changes[0].note.as_deref(), Some("The body is not JSON."));
        assert_eq!((&events[0].changes[0].booking, events[1].changes[0].received_at), (&None, 1_000));
    }

    async fn bookings_are_listed_last_changed_first_and_by_every_filter(place: &Place) {
        let store = filled(place).await;
        let list = async |set: fn(&mut ListFilter)| {
            let bookings = store.list_bookings(&filter(set)).await.unwrap();
            bookings.iter().map(|booking| booking.key.key.clone()).collect::<Vec<_>>()
        };
        assert_eq!(list(|_| ()).await, ["a", "b"]);
        assert_eq!(list(|f| f.source = Some("other".to_owned())).await, ["b"]);
        assert_eq!(list(|f| f.booking = Some("a".to_owned())).await, ["a"]);
        assert_eq!(list(|f| f.booking = Some("bkg_a".to_owned())).await, ["a"]);
        assert_eq!(list(|f| f.state = Some("cancelled".to_owned())).await, ["b"]);
        assert_eq!(list(|f| f.event = Some("evt_2".to_owned())).await, ["b"]);
        assert_eq!(list(|f| f.since = Some(5_000)).await, ["b"]);
        assert_eq!(list(|f| f.before = Some(3)).await, ["b"]);
        assert!(store.booking(&booking_id("none")).await.unwrap().is_none());
    }

    async fn a_page_of_bookings_leaves_none_out_where_one_event_told_of_many(place: &Place) {
        let store = place.open().await;
        store.append_events(&[event("1", b"{}"), event("2", b"{}")]).await.unwrap();
        let mut many = created("a", 2, vec![]);
        for (n, name) in ["b", "c", "d"].into_iter().enumerate() {
            let ordinal = n as i64 + 1;
            many.changes.push(NewChange { ordinal, ..change(name, ChangeKind::Created, 1, None) });
            let mut state = booking_write(name, 2, 1);
            state.change.ordinal = ordinal;
            many.bookings.push(state);
        }
        store.apply_events(&[created("z", 1, vec![]), many]).await.unwrap();
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = filter(|f| { f.limit = 2; f.before = before; });
            let bookings = store.list_bookings(&page).await.unwrap();
            let Some(last) = bookings.last() else { break };
            before = Some(last.position);
            seen.extend(bookings.iter().map(|booking| booking.key.key.clone()));
        }
        assert_eq!(seen, ["d", "c", "b", "a", "z"]);
    }

    async fn runs_are_listed_newest_first_and_by_every_filter(place: &Place) {
        let store = filled(place).await;
        store.write_delivery(&[write(&row(&store, "1").await, RunState::Held, 4_000)]).await.unwrap();
        let list = async |set: fn(&mut ListFilter)| {
            let runs = store.list_runs(&filter(set)).await.unwrap();
            runs.iter().map(name_of).collect::<Vec<_>>()
        };
        assert_eq!(list(|_| ()).await, ["3", "2", "1"]);
        assert_eq!(list(|f| f.rule = Some("news".to_owned())).await, ["3"]);
        assert_eq!(list(|f| f.connection = Some("mail".to_owned())).await, ["2"]);
        assert_eq!(list(|f| f.state = Some("held".to_owned())).await, ["1"]);
        assert_eq!(list(|f| f.event = Some("evt_3".to_owned())).await, ["3"]);
        assert_eq!(list(|f| f.booking = Some("a".to_owned())).await, ["3", "1"]);
        assert_eq!(list(|f| f.source = Some("other".to_owned())).await, ["2"]);
        assert_eq!(list(|f| f.since = Some(9_000)).await, ["3"]);
        assert_eq!(list(|f| { f.before = Some(3); f.limit = 1; }).await, ["2"]);
    }

    async fn counts_follow_every_step(place: &Place) {
        let store = filled(place).await;
        // The sixth is applied before the fifth, which stays on the list.
        store.append_events(&[event("5", b"{}"), event("6", b"?"), event("7", b"{}")]).await.unwrap();
        let unreadable = NewChange { booking: None, ..change("", ChangeKind::Unreadable, 0, None) };
        let sixth =
            AppliedEvent { position: 6, changes: vec![unreadable], ..AppliedEvent::default() };
        store.apply_events(&[sixth]).await.unwrap();
        store.write_delivery(&[write(&row(&store, "1").await, RunState::Held, 4_000)]).await.unwrap();
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.events, counts.unapplied, counts.bookings), (7, 2, 2));
        let runs: Vec<_> =
            counts.runs.iter().map(|(state, connection, n)| (state.as_str(), connection.as_str(), *n)).collect();
        assert_eq!(runs, [("held", CRM, 1), ("waiting", CRM, 1), ("waiting", "mail", 1)]);
        assert_eq!(counts.oldest_waiting, [(CRM.to_owned(), 9_000), ("mail".to_owned(), 3_000)]);
    }
}
