//! Walks over a source's API: one at a time, each step whole or not at all, what is due in its order, what is forgotten.

use crate::place::on_both;
use crate::samples::{booking_id, created, event, key};
use std::sync::Arc;
use waypost::ports::{
    FindingQuery, NewWalk, PlaceRow, Store, WalkAct, WalkCounts, WalkFilter, WalkFinding, WalkOutcome,
    WalkPhase, WalkPurpose, WalkRow, WalkState, WalkWrite,
};

fn asked(source: &str) -> NewWalk {
    NewWalk {
        source: source.into(),
        purpose: WalkPurpose::Reconcile,
        from_day: "2027-01-01".into(),
        to_day: "2027-01-31".into(),
        report: None,
        end_gone: false,
        who: "Ada".into(),
        at: 5_000,
    }
}

fn place(number: i64, level: i64) -> PlaceRow {
    PlaceRow {
        place: number,
        level,
        share: 10 + number,
        what: format!("{{\"n\":{number}}}"),
        tries: 0,
        failing_since: None,
        due_at: 0,
        aside: None,
    }
}

fn finding(name: &str, outcome: WalkOutcome) -> WalkFinding {
    WalkFinding {
        account: "harbour".into(),
        key: name.into(),
        outcome,
        booking: Some(booking_id(name)),
        paths: vec!["note".into()],
        note: Some("a note".into()),
        at: 7_000,
    }
}

async fn begun(store: &Arc<dyn Store>, source: &str) -> WalkRow {
    let (row, began) = store.walks().begin_walk(&asked(source)).await.unwrap();
    assert!(began);
    row
}

/// A step with these places and findings.
async fn step(store: &Arc<dyn Store>, made: Vec<PlaceRow>, findings: Vec<WalkFinding>) -> WalkRow {
    let row = begun(store, "tours").await;
    let write = WalkWrite { walk: row.clone(), made, findings, ..WalkWrite::default() };
    assert!(store.walks().write_walk(&write).await.unwrap());
    store.walks().walk(row.seq).await.unwrap().unwrap()
}

fn ended(row: &WalkRow, state: WalkState) -> WalkWrite {
    WalkWrite { walk: WalkRow { state, ended_at: Some(9_000), ..row.clone() }, ..WalkWrite::default() }
}

async fn outcomes(store: &Arc<dyn Store>, walk: i64) -> Vec<(String, WalkOutcome)> {
    let query = FindingQuery { walk, outcomes: WalkOutcome::ALL.to_vec(), after: None, limit: 100 };
    let found = store.walks().findings(&query).await.unwrap();
    found.into_iter().map(|one| (one.key, one.outcome)).collect()
}

on_both! {
    async fn a_source_is_walked_once_at_a_time(place: &Place) {
        let store = place.open().await;
        let first = begun(&store, "tours").await;
        assert_eq!(first.asked, asked("tours"));
        let (again, began) = store.walks().begin_walk(&NewWalk { who: "Ben".into(), ..asked("tours") }).await.unwrap();
        assert!(!began);
        assert_eq!(again, first);
        let other = begun(&store, "rooms").await;
        let open = WalkFilter { source: None, open: true, limit: 10 };
        assert_eq!(store.walks().walks(&open).await.unwrap(), [other.clone(), first.clone()]);
        assert!(store.walks().write_walk(&ended(&first, WalkState::Done)).await.unwrap());
        assert_eq!(store.walks().walks(&open).await.unwrap(), [other]);
        let of_tours = WalkFilter { source: Some("tours".into()), open: false, limit: 10 };
        let second = begun(&store, "tours").await;
        let seqs: Vec<i64> = store.walks().walks(&of_tours).await.unwrap().iter().map(|row| row.seq).collect();
        assert_eq!(seqs, [second.seq, first.seq]);
        assert_eq!(store.walks().walk(99).await.unwrap(), None);
    }

    async fn a_step_is_noted_whole_and_once(place: &Place) {
        let store = place.open().await;
        let row = begun(&store, "tours").await;
        let walk = WalkRow {
            phase: WalkPhase::Walk,
            cursor: "x".into(),
            updated_at: 6_000,
            rests_until: Some(8_000),
            failures: 2,
            note: Some("it rests".into()),
            counts: WalkCounts { calls: 3, accounts: vec!["harbour".into()], ..WalkCounts::default() },
            ..row.clone()
        };
        let write = WalkWrite {
            walk: walk.clone(),
            made: (0..70).map(|n| self::place(n, n % 3)).collect(),
            findings: vec![finding("a", WalkOutcome::Found)],
            ..WalkWrite::default()
        };
        assert!(store.walks().write_walk(&write).await.unwrap());
        let now = store.walks().walk(row.seq).await.unwrap().unwrap();
        assert_eq!(now, WalkRow { revision: row.revision + 1, ..walk });
        // Somebody who read the walk before comes too late, and nothing of theirs is there.
        let late = WalkWrite { done: (0..70).collect(), findings: vec![finding("b", WalkOutcome::New)], ..write };
        assert!(!store.walks().write_walk(&late).await.unwrap());
        let due = store.walks().due_places(row.seq, 0, 100).await.unwrap().due;
        assert_eq!(due.len(), 70);
        assert_eq!(outcomes(&store, row.seq).await, [("a".to_owned(), WalkOutcome::Found)]);
        let order: Vec<(i64, i64)> = due.iter().map(|place| (place.level, place.place)).take(3).collect();
        assert_eq!(order, [(2, 2), (2, 5), (2, 8)], "the deepest first");
        assert_eq!(due[0], self::place(2, 2));
    }

    async fn places_that_wait_are_due_when_their_time_has_come(place: &Place) {
        let store = place.open().await;
        let row = step(&store, (0..3).map(|n| self::place(n, 0)).collect(), vec![]).await;
        let waits = PlaceRow { tries: 1, failing_since: Some(5), due_at: 50, ..self::place(1, 0) };
        let aside = PlaceRow { aside: Some("it can't be read".into()), share: 0, ..self::place(2, 0) };
        let write = WalkWrite { walk: row.clone(), kept: vec![waits.clone(), aside.clone()], done: vec![0], ..WalkWrite::default() };
        assert!(store.walks().write_walk(&write).await.unwrap());
        let none = store.walks().due_places(row.seq, 49, 10).await.unwrap();
        assert_eq!((none.due.len(), none.next_at), (0, Some(50)));
        assert_eq!(store.walks().due_places(row.seq, 50, 10).await.unwrap().due, [waits]);
        assert_eq!(store.walks().aside_places(row.seq, 10).await.unwrap(), [aside]);
    }

    async fn a_person_pauses_resumes_and_stops(place: &Place) {
        let store = place.open().await;
        let row = step(&store, vec![PlaceRow { aside: None, ..self::place(0, 0) }], vec![]).await;
        let act = async |act| store.walks().act_on_walk(row.seq, act, 9_000).await.unwrap();
        assert!(!act(WalkAct::Resume).await, "it goes on already");
        assert!(act(WalkAct::Pause).await);
        assert!(!act(WalkAct::Pause).await);
        // A step that was under way is not noted.
        assert!(!store.walks().write_walk(&ended(&row, WalkState::Done)).await.unwrap());
        assert!(act(WalkAct::Resume).await);
        let now = store.walks().walk(row.seq).await.unwrap().unwrap();
        let aside = PlaceRow { aside: Some("x".into()), ..self::place(0, 0) };
        let write = WalkWrite { kept: vec![aside], ..ended(&now, WalkState::Done) };
        assert!(store.walks().write_walk(&write).await.unwrap());
        assert!(act(WalkAct::Resume).await, "what was put aside is tried again");
        assert_eq!(store.walks().due_places(row.seq, 0, 10).await.unwrap().due.len(), 1);
        assert!(act(WalkAct::Stop).await);
        assert!(!act(WalkAct::Resume).await);
        let now = store.walks().walk(row.seq).await.unwrap().unwrap();
        assert_eq!((now.state, now.ended_at), (WalkState::Stopped, Some(9_000)));
    }

    async fn findings_are_kept_once_per_record_and_paged(place: &Place) {
        let store = place.open().await;
        let names: Vec<String> = (0..9).map(|n| format!("k{n}")).collect();
        let row = step(&store, vec![], names.iter().map(|name| finding(name, WalkOutcome::Found)).collect()).await;
        let known = vec![finding("k3", WalkOutcome::Differs), finding("k5", WalkOutcome::Gone)];
        let write = WalkWrite { walk: row.clone(), findings: known.clone(), ..WalkWrite::default() };
        assert!(store.walks().write_walk(&write).await.unwrap());
        let wanted = [("harbour", "k5"), ("harbour", "k9"), ("other", "k3"), ("harbour", "k3")];
        let wanted: Vec<(String, String)> = wanted.iter().map(|(a, k)| ((*a).to_owned(), (*k).to_owned())).collect();
        let mut of = store.walks().findings_of(row.seq, &wanted).await.unwrap();
        of.sort_by(|one, other| one.key.cmp(&other.key));
        assert_eq!(of, known);
        let query = |after: Option<(&str, &str)>| FindingQuery {
            walk: row.seq,
            outcomes: vec![WalkOutcome::Found, WalkOutcome::Gone],
            after: after.map(|(account, key)| (account.to_owned(), key.to_owned())),
            limit: 5,
        };
        let keys = |found: Vec<WalkFinding>| found.into_iter().map(|one| one.key).collect::<Vec<_>>();
        assert_eq!(keys(store.walks().findings(&query(None)).await.unwrap()), ["k0", "k1", "k2", "k4", "k5"]);
        assert_eq!(keys(store.walks().findings(&query(Some(("harbour", "k5")))).await.unwrap()), ["k6", "k7", "k8"]);
    }

    async fn what_an_ended_walk_left_behind_is_forgotten_piece_by_piece(place: &Place) {
        let store = place.open().await;
        let mut all: Vec<WalkFinding> = (0..1_200).map(|n| finding(&format!("s{n}"), WalkOutcome::Same)).collect();
        all.push(finding("d", WalkOutcome::Differs));
        let row = step(&store, (0..5).map(|n| self::place(n, 0)).collect(), all).await;
        assert!(!store.walks().tidy_walks().await.unwrap(), "it goes on");
        let aside = PlaceRow { aside: Some("x".into()), ..self::place(4, 0) };
        let write = WalkWrite { kept: vec![aside.clone()], ..ended(&row, WalkState::Done) };
        assert!(store.walks().write_walk(&write).await.unwrap());
        let mut pieces = 0;
        while store.walks().tidy_walks().await.unwrap() {
            pieces += 1;
        }
        assert_eq!(pieces, 4);
        assert_eq!(outcomes(&store, row.seq).await, [("d".to_owned(), WalkOutcome::Differs)]);
        assert!(store.walks().due_places(row.seq, 9, 10).await.unwrap().due.is_empty());
        assert_eq!(store.walks().aside_places(row.seq, 10).await.unwrap(), [aside]);
    }

    async fn bookings_are_given_as_they_are_here(place: &Place) {
        let store = place.open().await;
        for name in ["b", "a", "c"] {
            let position = store.append_events(&[event(name, b"{}")]).await.unwrap()[0];
            store.apply_events(&[created(name, position, vec![])]).await.unwrap();
        }
        let here = store.walks().here_by_key(&[key("a"), key("x")]).await.unwrap();
        let [one] = here.as_slice() else { panic!("{here:?}") };
        assert_eq!((one.booking.id.as_str(), one.booking.as_of, one.erased), ("bkg_a", 2, false));
        assert_eq!((one.source.as_str(), one.booking.hash.as_str()), ("harbour-tours", "hash-1"));
        let ids = async |after: &str| {
            let here = store.walks().here_after(after, 2).await.unwrap();
            here.into_iter().map(|one| one.booking.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ids("").await, ["bkg_a", "bkg_b"]);
        assert_eq!(ids("bkg_b").await, ["bkg_c"]);
        let erasure = waypost::ports::Erasure { booking: booking_id("a"), now: 9, why: "asked".into() };
        store.keeping().erase_booking(&erasure).await.unwrap();
        assert!(store.walks().here_by_key(&[key("a")]).await.unwrap()[0].erased);
    }

    async fn what_was_asked_for_of_what_is_gone_is_kept(place: &Place) {
        let store = place.open().await;
        let new = NewWalk { end_gone: true, purpose: WalkPurpose::Repair, ..asked("tours") };
        let (row, _) = store.walks().begin_walk(&new).await.unwrap();
        assert!(row.asked.end_gone && row.counts.end_gone);
        let counts = WalkCounts { looked: 3, ..row.counts.clone() };
        let write = WalkWrite { walk: WalkRow { counts, ..row.clone() }, ..WalkWrite::default() };
        assert!(store.walks().write_walk(&write).await.unwrap());
        let row = store.walks().walk(row.seq).await.unwrap().unwrap();
        assert!(row.asked.end_gone && row.counts.looked == 3);
        let (row, _) = store.walks().begin_walk(&asked("inn")).await.unwrap();
        assert!(!row.asked.end_gone);
    }

    async fn a_command_sees_whether_a_node_serves(place: &Place) {
        let command = place.open().await;
        assert!(!command.walks().a_node_walks().await.unwrap());
        let mut options = place.options();
        options.exclusive = true;
        let node = waypost::store::open(&options).await.unwrap();
        assert!(command.walks().a_node_walks().await.unwrap());
        assert!(node.walks().a_node_walks().await.unwrap());
        node.close().await;
        drop(node);
        // Postgres frees a lock when it notices that its connection is gone.
        for _ in 0..500 {
            if !command.walks().a_node_walks().await.unwrap() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("nobody serves any more");
    }
}
