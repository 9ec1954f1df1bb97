//! House-keeping: what the store says of itself, and what retention removes.

use crate::place::on_both;
use crate::samples::{
    CRM, begin, body_of, booking_id, booking_write, change, created, end, event, key, run, write,
};
use std::sync::Arc;
use waypost::domain::{ChangeKind, ChangeRef, EventId, ORIGIN_PROBE, RunId, RunState, Verdict, VerdictCode};
use waypost::ports::{AppliedEvent, AttemptEnd, NewEvent, RemovalPiece, Removed, RemovedBody, Store};

on_both! {
    async fn the_store_says_what_it_is_and_how_much_is_in_it(place: &Place) {
        let store = place.open().await;
        let empty = store.keeping().figures().await.unwrap();
        assert_eq!((empty.webhooks, empty.uncounted), (0, 0));
        assert_eq!(empty.is_postgres, place.postgres.is_some());
        assert!(empty.schema >= 5, "{empty:?}");
        assert!(empty.database.starts_with(if empty.is_postgres { "Postgres " } else { "SQLite " }), "{empty:?}");
        let probe = NewEvent { origin: ORIGIN_PROBE, ..event("probe", b"") };
        store.append_events(&[event("1", b"{}"), probe, event("2", b"{}")]).await.unwrap();
        let behind = store.keeping().figures().await.unwrap();
        assert_eq!((behind.webhooks, behind.uncounted), (0, 3), "the probe is taken for one until it is counted");
        store.count_up_events(100).await.unwrap();
        let counted = store.keeping().figures().await.unwrap();
        assert_eq!((counted.webhooks, counted.uncounted), (2, 0));
        assert_eq!(counted.bytes > 0, place.postgres.is_none());
    }
}

const WHY: &str = "The body was removed after 90 days, as set under Settings, Privacy.";

fn piece(before: i64, limit: i64, now: i64) -> RemovalPiece {
    RemovalPiece { before, limit, now, why: WHY.to_owned() }
}

fn at(name: &str, body: &[u8], received_at: i64) -> NewEvent {
    NewEvent { received_at, ..event(name, body) }
}

async fn body_of_event(store: &Arc<dyn Store>, name: &str) -> (Vec<u8>, String) {
    let (_, stored) = store.event(&EventId::new(format!("evt_{name}"))).await.unwrap().unwrap();
    (stored.body, stored.headers)
}

/// A booking with a second version.
async fn two_versions(store: &Arc<dyn Store>, name: &str, runs: bool) -> (ChangeRef, ChangeRef) {
    let events = [at(&format!("{name}1"), b"first", 1_000), at(&format!("{name}2"), b"second", 2_000)];
    let positions = store.append_events(&events).await.unwrap();
    let first = ChangeRef { position: positions[0], ordinal: 0 };
    let second = ChangeRef { position: positions[1], ordinal: 0 };
    let planned = if runs { vec![run(name, name, positions[0])] } else { Vec::new() };
    store.apply_events(&[created(name, positions[0], planned)]).await.unwrap();
    let updated = AppliedEvent {
        position: positions[1],
        changes: vec![change(name, ChangeKind::Updated, 2, Some(first))],
        bookings: vec![booking_write(name, positions[1], 2)],
        runs: Vec::new(),
        ..AppliedEvent::default()
    };
    store.apply_events(&[updated]).await.unwrap();
    (first, second)
}

/// Removes until nothing more is looked at.
async fn remove_all(store: &Arc<dyn Store>, piece: &RemovalPiece) -> i64 {
    let mut removed = 0;
    for _ in 0..100 {
        let done = store.keeping().remove_bodies(piece).await.unwrap();
        if done.looked_at == 0 {
            return removed;
        }
        assert!(done.looked_at <= piece.limit, "{done:?}");
        removed += done.removed;
    }
    panic!("it does not come to an end");
}

on_both! {
    async fn old_bodies_go_with_the_versions_that_were_replaced_and_their_hashes_stay(place: &Place) {
        let store = place.open().await;
        let (first, second) = two_versions(&store, "a", false).await;
        let probe = NewEvent { origin: ORIGIN_PROBE, ..at("probe", b"probe", 1_000) };
        let unread = at("unread", b"nobody read it yet", 1_500);
        store.append_events(&[probe, unread, at("young", b"young", 9_000)]).await.unwrap();

        assert_eq!(remove_all(&store, &piece(1_000, 2, 50_000)).await, 0, "nothing is old");
        assert_eq!(remove_all(&store, &piece(5_000, 2, 50_000)).await, 2);
        assert_eq!(body_of_event(&store, "a1").await, (Vec::new(), "{}".to_owned()));
        assert_eq!(body_of_event(&store, "a2").await.0, b"");
        for kept in ["unread", "young", "probe"] {
            assert!(!body_of_event(&store, kept).await.0.is_empty(), "{kept}");
        }
        let gone = store.keeping().removed_body(first.position).await.unwrap().unwrap();
        let hash = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e";
        assert_eq!(gone, RemovedBody { at: 50_000, hash: hash.to_owned(), why: WHY.to_owned(), partly: false });
        assert_eq!(store.keeping().removed_body(second.position + 3).await.unwrap(), None);
        let (view, stored) = store.event(&EventId::new("evt_a1")).await.unwrap().unwrap();
        assert_eq!((view.body_bytes, stored.received_at, view.changes.len()), (5, 1_000, 1), "what it was stays");

        // The version that was replaced is gone; the present one and its hashes are not.
        let (_, before, after) = store.change(second).await.unwrap().unwrap();
        assert_eq!((before, after), (None, Some(body_of("a", 2))));
        let pairs = [(booking_id("a"), "hash-1".to_owned()), (booking_id("a"), "hash-2".to_owned())];
        assert_eq!(store.known_hashes(&pairs).await.unwrap().len(), 2);
        assert_eq!(store.bookings_by_key(&[key("a")]).await.unwrap()[0].body, body_of("a", 2));

        // What was unread is looked at another time, once it was read.
        let unread = store.event(&EventId::new("evt_unread")).await.unwrap().unwrap().0.position;
        store.apply_events(&[created("b", unread, Vec::new())]).await.unwrap();
        assert_eq!(remove_all(&store, &piece(5_000, 2, 60_000)).await, 0, "not at once");
        assert_eq!(remove_all(&store, &piece(5_000, 2, 90_000_000)).await, 1);
        assert!(body_of_event(&store, "unread").await.0.is_empty());
        assert_eq!(store.bookings_by_key(&[key("b")]).await.unwrap()[0].body, body_of("b", 1));
    }

    async fn what_waits_or_needs_a_person_keeps_its_body(place: &Place) {
        let store = place.open().await;
        let (first, second) = two_versions(&store, "a", true).await;
        let old = piece(5_000, 8, 50_000);
        assert_eq!(remove_all(&store, &old).await, 0, "it waits");
        let due = store.due_runs(&crate::place::due(CRM)).await.unwrap().remove(0);
        let mut failed = write(&due.run, RunState::Failed, 4_000);
        failed.run.verdict = Some(Verdict::new(VerdictCode::Refused, "no"));
        store.write_delivery(&[failed]).await.unwrap();
        assert_eq!(remove_all(&store, &piece(5_000, 8, 90_000_000)).await, 0, "it needs a person");
        assert_eq!(body_of_event(&store, "a1").await.0, b"first");
        let due = store.run_with_context(&due.run.id).await.unwrap().unwrap();
        assert_eq!(due.body, body_of("a", 1));
        store.write_delivery(&[write(&due.run, RunState::Done, 5_000)]).await.unwrap();
        assert_eq!(remove_all(&store, &piece(5_000, 8, 190_000_000)).await, 2);
        for position in [first.position, second.position] {
            assert!(store.keeping().removed_body(position).await.unwrap().is_some());
        }
    }

    async fn a_run_whose_version_was_removed_is_not_tried_again(place: &Place) {
        let store = place.open().await;
        let (first, _) = two_versions(&store, "a", true).await;
        let verdict = Verdict::new(VerdictCode::RuleOff, "off");
        store.cancel_runs_of_rule("guests", &verdict, 4_000, 10).await.unwrap();
        let run = RunId::new("run_a");
        assert_eq!(store.retry_runs(std::slice::from_ref(&run), false, 4_500).await.unwrap(), std::slice::from_ref(&run));
        store.cancel_runs_of_rule("guests", &verdict, 5_000, 10).await.unwrap();
        assert_eq!(remove_all(&store, &piece(5_000, 8, 50_000)).await, 2);
        assert!(store.keeping().removed_body(first.position).await.unwrap().is_some());
        assert!(store.retry_runs(&[run], true, 60_000).await.unwrap().is_empty(), "there is nothing to send");
    }

    async fn a_body_that_was_noted_and_not_removed_goes_the_next_time(place: &Place) {
        let store = place.open().await;
        let (first, _) = two_versions(&store, "a", false).await;
        assert_eq!(first.position, 1);
        // As a crash between the two transactions leaves it.
        place.execute("INSERT INTO removed_bodies (position, at, hash, why) VALUES (1, 5, 'h', 'why')").await;
        assert_eq!(body_of_event(&store, "a1").await.0, b"first");
        store.keeping().remove_bodies(&piece(0, 8, 50_000)).await.unwrap();
        assert!(body_of_event(&store, "a1").await.0.is_empty());
        assert_eq!(store.keeping().removed_body(1).await.unwrap().unwrap().hash, "h");
    }

    async fn old_requests_and_answers_go_and_what_came_of_them_stays(place: &Place) {
        let store = place.open().await;
        for name in ["a", "b"] {
            let position = store.append_events(&[event(name, b"{}")]).await.unwrap()[0];
            store.apply_events(&[created(name, position, vec![run(name, name, position)])]).await.unwrap();
        }
        for due in store.due_runs(&crate::place::due(CRM)).await.unwrap() {
            let name = due.run.booking.as_str().trim_start_matches("bkg_").to_owned();
            let mut begun = write(&due.run, RunState::Working, 4_000);
            begun.begin = Some(begin(&name, &due.run.id));
            store.write_delivery(&[begun]).await.unwrap();
            let run = store.run_with_context(&due.run.id).await.unwrap().unwrap().run;
            let mut ended = write(&run, if name == "a" { RunState::Done } else { RunState::Waiting }, 4_200);
            ended.end = Some(AttemptEnd { message: Some("Siobhán".to_owned()), ..end(&name, "done") });
            store.write_delivery(&[ended]).await.unwrap();
        }
        let keeping = store.keeping();
        assert_eq!(keeping.remove_exchanges(&piece(4_000, 1, 9_000)).await.unwrap(), Removed::default());
        let mut removed = 0;
        for _ in 0..3 {
            removed += keeping.remove_exchanges(&piece(4_001, 1, 9_000)).await.unwrap().removed;
        }
        assert_eq!(removed, 1);
        let gone = store.attempts(&RunId::new("run_a")).await.unwrap().remove(0);
        assert_eq!(gone.request, serde_json::json!({ "removed": WHY }).to_string());
        assert_eq!((gone.answer, gone.message), (None, None));
        assert_eq!((gone.status, gone.duration_ms, gone.outcome.as_str()), (Some(200), Some(120), "done"));
        let kept = store.attempts(&RunId::new("run_b")).await.unwrap().remove(0);
        assert_eq!(kept.message.as_deref(), Some("Siobhán"), "its run waits");
        let run = store.run_with_context(&RunId::new("run_b")).await.unwrap().unwrap().run;
        store.write_delivery(&[write(&run, RunState::Done, 5_000)]).await.unwrap();
        assert_eq!(keeping.remove_exchanges(&piece(4_001, 1, 90_000_000)).await.unwrap().removed, 1);
        assert_eq!(store.attempts(&RunId::new("run_b")).await.unwrap().remove(0).message, None);
    }

    async fn what_would_be_removed_is_counted_beforehand(place: &Place) {
        let store = place.open().await;
        const HOUR: i64 = 3_600_000;
        store.append_events(&[at("1", b"x", HOUR), at("2", b"x", 2 * HOUR), at("3", b"x", 9 * HOUR)]).await.unwrap();
        store.count_up_events(10).await.unwrap();
        let keeping = store.keeping();
        assert_eq!(keeping.bodies_before(3 * HOUR).await.unwrap(), 2);
        store.apply_events(&[created("1", 1, vec![run("1", "1", 1)])]).await.unwrap();
        assert_eq!(keeping.runs_before(3_001, 10).await.unwrap(), 1);
        assert_eq!(keeping.runs_before(3_000, 10).await.unwrap(), 0);
    }
}
