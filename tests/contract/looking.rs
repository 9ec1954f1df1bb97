//! Lists, filters, pages and counts, as people see them.

use crate::place::{name_of, on_both, row};
use crate::samples::{
    CRM, SOURCE, begin, booking_id, booking_write, change, created, end, event, run, write,
};
use std::sync::Arc;
use waypost::domain::{ChangeKind, ChangeRef, RunState};
use waypost::ports::{
    AppliedEvent, AttemptEnd, DeliveryWrite, ListFilter, NewChange, NewEvent, NewRun, Store,
};

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

    async fn the_newest_runs_of_many_bookings_come_in_one_answer(place: &Place) {
        let store = filled(place).await;
        let mut positions = Vec::new();
        for n in 0..40 {
            positions.extend(store.append_events(&[event(&format!("more-{n}"), b"{}")]).await.unwrap());
        }
        let more: Vec<AppliedEvent> = positions
            .iter()
            .enumerate()
            .map(|(n, position)| AppliedEvent {
                position: *position,
                runs: vec![run(&format!("more-{n}"), if n % 2 == 0 { "a" } else { "b" }, 3)],
                ..AppliedEvent::default()
            })
            .collect();
        store.apply_events(&more).await.unwrap();
        let ids = ["b", "none", "a", "b"].map(booking_id);
        let found = store.runs_of_bookings(&ids, 5).await.unwrap();
        assert_eq!(found.len(), 4);
        assert!(found[1].is_empty());
        assert_eq!(found[0], found[3]);
        for (id, runs) in ids.iter().zip(&found) {
            let filter = ListFilter { booking: Some(id.to_string()), limit: 5, ..ListFilter::default() };
            assert_eq!(*runs, store.list_runs(&filter).await.unwrap(), "{id}");
        }
        // Fewer than asked for are all there are; nobody asked for gives nothing.
        let all = store.runs_of_bookings(&[booking_id("a")], 100).await.unwrap();
        assert_eq!(all[0].len(), 22);
        assert_eq!(store.runs_of_bookings(&[], 5).await.unwrap(), Vec::<Vec<waypost::ports::RunRow>>::new());
    }

    async fn calls_that_were_answered_are_told_the_newest_first(place: &Place) {
        let store = filled(place).await;
        assert_eq!(store.answered_lately(10).await.unwrap(), []);
        let due = store.due_runs(&crate::place::due(CRM)).await.unwrap();
        let first = &due[0].run;
        for (name, status) in [("1", Some(200)), ("2", None), ("3", Some(500)), ("4", Some(200))] {
            let run = store.run_with_context(&first.id).await.unwrap().unwrap().run;
            let begun = DeliveryWrite { begin: Some(begin(name, &first.id)), ..write(&run, RunState::Waiting, 5_000) };
            store.write_delivery(&[begun]).await.unwrap();
            let run = store.run_with_context(&first.id).await.unwrap().unwrap().run;
            let mut ended = write(&run, RunState::Waiting, 5_000);
            if name != "4" {
                ended.end = Some(AttemptEnd { status, duration_ms: 100 * name.parse::<i64>().unwrap(), ..end(name, "done") });
            }
            store.write_delivery(&[ended]).await.unwrap();
        }
        let told = store.answered_lately(10).await.unwrap();
        let told: Vec<(&str, i64)> = told.iter().map(|call| (&*call.connection, call.duration_ms)).collect();
        assert_eq!(told, [(CRM, 300), (CRM, 100)], "no answer, and no answer yet, are none");
        // Those of the newest two calls.
        assert_eq!(store.answered_lately(2).await.unwrap().len(), 1);
    }
}
