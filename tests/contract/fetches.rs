//! What is to be fetched: hints, claims, ends, on both databases.

use crate::place::on_both;
use crate::samples::{created, event, key};
use std::sync::Arc;
use waypost::domain::{BEHIND, ChangeKind, ChangeRef, DocumentHead, ORIGIN_FETCH, Position, fetch_id};
use waypost::ports::{
    AppliedEvent, FetchEnd, FetchPolicy, FetchState, FetchWrite, HeardAsked, KnownBy, LastHeard, ListFilter,
    NewChange, NewEvent, NewFetch, PutOff, Store,
};

const SOURCE: &str = "inn";

fn fetch(name: &str, policy: FetchPolicy, at: i64) -> NewFetch {
    let key = key(name);
    NewFetch { id: fetch_id(&key, 0), key, way: 0, source: SOURCE.to_owned(), policy, due_at: at + 300, at }
}

/// An event that hints at a booking.
fn hint(name: &str, position: Position, policy: FetchPolicy, at: i64) -> AppliedEvent {
    let change = NewChange {
        ordinal: 0,
        booking: None,
        kind: ChangeKind::Fetching,
        paths: vec![],
        note: Some("waits".to_owned()),
        previous: None,
        body: None,
        hash: None,
        at,
        happened_at: None,
        seen: None,
    };
    let fetches = vec![FetchWrite::Hint { fetch: fetch(name, policy, at), ordinal: 0 }];
    AppliedEvent {
        rebookings: vec![],
        taken_over: vec![],
        position,
        changes: vec![change],
        bookings: vec![],
        runs: vec![],
        fetches,
    }
}

/// An event that is the document of a fetch.
fn came(name: &str, position: Position, begun: Position, at: i64) -> AppliedEvent {
    let mut applied = created(name, position, vec![]);
    applied.fetches = vec![FetchWrite::Came {
        fetch: fetch_id(&key(name), 0),
        begun,
        booking: Some(applied.bookings[0].id.clone()),
        note: "came".to_owned(),
        again_at: None,
        unverified: false,
        behind: false,
        at,
    }];
    applied
}

async fn append(store: &Arc<dyn Store>, names: &[&str]) -> Vec<Position> {
    let events: Vec<_> = names.iter().map(|name| event(name, b"{}")).collect();
    store.append_events(&events).await.unwrap()
}

async fn kinds(store: &Arc<dyn Store>) -> Vec<(ChangeKind, Option<String>)> {
    let filter = ListFilter { limit: 100, ..ListFilter::default() };
    let mut events = store.list_events(&filter).await.unwrap();
    events.reverse();
    events.into_iter().flat_map(|event| event.changes).map(|change| (change.kind, change.note)).collect()
}

on_both! {
    async fn hints_share_a_fetch_and_are_done_with_when_it_came(place: &Place) {
        let store = place.open().await;
        let positions = append(&store, &["one", "two", "other", "late", "document"]).await;
        let hints = [("a", 0, 1_000), ("a", 1, 1_100), ("b", 2, 1_200)]
            .map(|(name, index, at)| hint(name, positions[index], FetchPolicy::Hint, at));
        store.apply_events(&hints).await.unwrap();
        let fetches = store.fetches();
        assert_eq!(fetches.next_fetch_at(&[]).await.unwrap(), Some(1_300));
        assert_eq!(fetches.next_fetch_at(&[SOURCE.to_owned()]).await.unwrap(), None);
        assert!(fetches.claim_fetches(&[], 1_299, 9).await.unwrap().is_empty());
        assert!(fetches.claim_fetches(&[SOURCE.to_owned()], 9_000, 9).await.unwrap().is_empty());
        let claimed = fetches.claim_fetches(&[], 1_300, 9).await.unwrap();
        assert_eq!(claimed.len(), 1, "the other is not due yet");
        let row = &claimed[0];
        assert_eq!(
            (row.key.clone(), row.state, row.first_at, row.hinted, row.begun),
            (key("a"), FetchState::Working, 1_000, positions[1], positions.last().copied())
        );
        let change = ChangeRef { position: positions[0], ordinal: 0 };
        assert_eq!(fetches.fetch_of_change(change).await.unwrap().map(|row| row.id), Some(row.id.clone()));
        // One more hint comes in while it is under way: it is made again.
        let begun = positions[2];
        store.apply_events(&[hint("a", positions[3], FetchPolicy::Hint, 1_400)]).await.unwrap();
        store.apply_events(&[came("a", positions[4], begun, 1_500)]).await.unwrap();
        let waits = (ChangeKind::Fetching, Some("waits".to_owned()));
        let done = (ChangeKind::Coalesced, Some("came".to_owned()));
        let told = kinds(&store).await;
        assert_eq!(told[..4], [done.clone(), done, waits.clone(), waits]);
        let again = fetches.fetch_row(&row.id).await.unwrap().unwrap();
        assert_eq!((again.state, again.due_at, again.first_at), (FetchState::Due, 1_500, 1_400));
        let of_source = fetches.fetches_of_source(SOURCE, 9).await.unwrap();
        assert_eq!(of_source.iter().map(|row| row.key.clone()).collect::<Vec<_>>(), [key("b"), key("a")]);
        let counts = fetches.count_fetches().await.unwrap();
        assert_eq!((counts[0].waiting, counts[0].failing, counts[0].oldest_at), (2, 0, Some(1_200)));
    }

    async fn what_is_told_once_more_of_a_booking_holds_as_of_then(place: &Place) {
        let store = place.open().await;
        let positions = append(&store, &["one", "two", "three"]).await;
        store.apply_events(&[created("a", positions[0], vec![])]).await.unwrap();
        let as_of = async |store: &Arc<dyn Store>| store.bookings_by_key(&[key("a")]).await.unwrap()[0].as_of;
        assert_eq!(as_of(&store).await, positions[0]);
        let booking = created("a", positions[0], vec![]).bookings[0].id.clone();
        let told = |index: usize, position| AppliedEvent {
            position: positions[index],
            changes: hint("a", positions[index], FetchPolicy::Hold, 1_000).changes,
            fetches: vec![FetchWrite::Confirmed { booking: booking.clone(), as_of: position }],
            ..AppliedEvent::default()
        };
        store.apply_events(&[told(1, positions[1])]).await.unwrap();
        assert_eq!(as_of(&store).await, positions[1]);
        // It never goes back.
        store.apply_events(&[told(2, positions[0])]).await.unwrap();
        assert_eq!(as_of(&store).await, positions[1]);
    }

    async fn a_fetch_that_fails_is_due_later_and_one_that_finds_nothing_ends(place: &Place) {
        let store = place.open().await;
        let positions = append(&store, &["one", "two"]).await;
        store.apply_events(&[hint("a", positions[0], FetchPolicy::Hold, 1_000)]).await.unwrap();
        let fetches = store.fetches();
        let row = fetches.claim_fetches(&[], 2_000, 9).await.unwrap().remove(0);
        let again = FetchEnd::Again { due_at: 5_000, trouble: "down".into(), told: "nobody".into(), failed: true };
        fetches.end_fetch(&row, &again, 2_100).await.unwrap();
        // Told twice it counts once.
        fetches.end_fetch(&row, &again, 2_100).await.unwrap();
        let failed = fetches.fetch_row(&row.id).await.unwrap().unwrap();
        assert_eq!((failed.tries, failed.due_at, failed.failing_since), (1, 5_000, Some(2_100)));
        assert_eq!(fetches.count_fetches().await.unwrap()[0].failing, 1);
        assert_eq!(fetches.hurry_fetches(SOURCE, 3_000).await.unwrap(), 1);
        let row = fetches.claim_fetches(&[], 3_000, 9).await.unwrap().remove(0);
        assert_eq!(fetches.recover_fetches(3_100).await.unwrap(), 1);
        let row = fetches.claim_fetches(&[], 3_100, 9).await.unwrap().into_iter().next().unwrap_or(row);
        fetches.end_fetch(&row, &FetchEnd::Refused { told: "unknown".into() }, 3_200).await.unwrap();
        assert_eq!(kinds(&store).await, [(ChangeKind::Refused, Some("unknown".to_owned()))]);
        assert_eq!(fetches.fetch_row(&row.id).await.unwrap(), None);
        // What somebody asks for stays, so that they are told.
        let asked = fetches.ask_fetch(&fetch("a", FetchPolicy::Hint, 4_000), "ann").await.unwrap();
        assert_eq!((asked.state, asked.asked_by.as_deref(), asked.due_at), (FetchState::Due, Some("ann"), 4_300));
        let row = fetches.claim_fetches(&[], 9_000, 9).await.unwrap().remove(0);
        fetches.end_fetch(&row, &FetchEnd::Refused { told: "unknown".into() }, 9_100).await.unwrap();
        let refused = fetches.fetch_row(&row.id).await.unwrap().unwrap();
        assert_eq!((refused.state, refused.told.as_deref()), (FetchState::Refused, Some("unknown")));
        assert!(fetches.count_fetches().await.unwrap().is_empty(), "nobody waits for it");
        // And a hint takes it up again.
        store.apply_events(&[hint("a", positions[1], FetchPolicy::Hint, 10_000)]).await.unwrap();
        let due = fetches.fetch_row(&row.id).await.unwrap().unwrap();
        assert_eq!((due.state, due.due_at), (FetchState::Due, 10_300));
        fetches.give_back(&row.id, 1).await.unwrap();
        assert_eq!(fetches.fetch_row(&row.id).await.unwrap(), Some(due), "it is not under way");
    }

    async fn webhooks_that_may_be_gone_by_are_given_with_what_they_said(place: &Place) {
        let store = place.open().await;
        let positions = append(&store, &["one", "two"]).await;
        let hints = [
            hint("a", positions[0], FetchPolicy::Payload, 1_000),
            hint("b", positions[1], FetchPolicy::Hold, 1_000),
        ];
        store.apply_events(&hints).await.unwrap();
        // Who looks for a booking that was never read finds what hinted at it.
        let filter = ListFilter { booking: Some(key("a").key), ..ListFilter::default() };
        let found = store.list_events(&filter).await.unwrap();
        assert_eq!(found.iter().map(|event| event.position).collect::<Vec<_>>(), [positions[0]]);
        let fetches = store.fetches();
        assert!(fetches.fetches_to_go_by(1_000, 9).await.unwrap().is_empty());
        let to_go_by = fetches.fetches_to_go_by(1_001, 9).await.unwrap();
        assert_eq!(to_go_by.len(), 1);
        assert_eq!((to_go_by[0].0.key.clone(), to_go_by[0].1.position), (key("a"), positions[0]));
        assert_eq!(fetches.last_position().await.unwrap(), positions[1]);
        let asked = HeardAsked { source: SOURCE, check: "checked", unknown: "unknown", since: 0 };
        let heard = fetches.last_of_source(asked).await.unwrap();
        assert_eq!(heard, LastHeard::default());
    }

    async fn what_the_api_knows_nothing_of_is_counted_since_something_was_fetched(place: &Place) {
        let store = place.open().await;
        let fetches = store.fetches();
        let asked = HeardAsked { source: SOURCE, check: "checked", unknown: "knows no such", since: 0 };
        let refused = async |name: &str| {
            let came = NewEvent { source: SOURCE.to_owned(), ..event(name, b"{}") };
            let position = store.append_events(&[came]).await.unwrap()[0];
            store.apply_events(&[hint(name, position, FetchPolicy::Hold, 1_000)]).await.unwrap();
            let row = fetches.claim_fetches(&[], 2_000, 9).await.unwrap().remove(0);
            let end = FetchEnd::Refused { told: "its API knows no such booking".into() };
            fetches.end_fetch(&row, &end, 2_100).await.unwrap();
        };
        refused("a").await;
        refused("b").await;
        let heard = fetches.last_of_source(asked).await.unwrap();
        assert_eq!((heard.unknown, heard.fetched_at, heard.checked_at), (2, None, None));
        let late = HeardAsked { since: i64::MAX, ..asked };
        assert_eq!(fetches.last_of_source(late).await.unwrap().unknown, 0, "they are too long ago");
        let document =
            NewEvent { origin: ORIGIN_FETCH, source: SOURCE.to_owned(), ..event("document", b"{}") };
        store.append_events(&[document]).await.unwrap();
        assert_eq!(fetches.last_of_source(asked).await.unwrap().unknown, 0, "it knew something since");
        refused("c").await;
        assert_eq!(fetches.last_of_source(asked).await.unwrap().unknown, 1);
    }

    async fn a_record_that_ended_before_it_was_known_is_remembered_for_a_while(place: &Place) {
        const DAY_MS: i64 = 86_400_000;
        let store = place.open().await;
        let positions = append(&store, &["one", "two", "three"]).await;
        let ended = |name: &str, position: Position, at: i64| {
            let fetches = vec![FetchWrite::Ended { key: key(name), source: SOURCE.to_owned(), at }];
            AppliedEvent { position, fetches, ..AppliedEvent::default() }
        };
        let fetches = store.fetches();
        store.apply_events(&[ended("a", positions[0], 1_000)]).await.unwrap();
        assert_eq!(fetches.ended_unknown(&[]).await.unwrap(), []);
        assert_eq!(fetches.ended_unknown(&[key("a"), key("b")]).await.unwrap(), [(key("a"), positions[0])]);
        // Nothing is fetched for it, and nothing waits.
        assert!(fetches.claim_fetches(&[], 9_000, 9).await.unwrap().is_empty());
        assert!(fetches.count_fetches().await.unwrap().is_empty());
        // Told once more, the later one counts.
        store.apply_events(&[ended("a", positions[1], 2_000)]).await.unwrap();
        assert_eq!(fetches.ended_unknown(&[key("a")]).await.unwrap(), [(key("a"), positions[1])]);
        store.apply_events(&[ended("b", positions[2], 8 * DAY_MS)]).await.unwrap();
        let known = fetches.ended_unknown(&[key("a"), key("b")]).await.unwrap();
        assert_eq!(known, [(key("b"), positions[2])], "the other is past");
    }

    async fn those_of_a_claim_are_put_off_together_and_pulled_in_again(place: &Place) {
        let store = place.open().await;
        let positions = append(&store, &["one", "two", "three"]).await;
        let hints: Vec<_> = ["a", "b", "c"]
            .iter()
            .zip(&positions)
            .map(|(name, position)| hint(name, *position, FetchPolicy::Hint, 1_000))
            .collect();
        store.apply_events(&hints).await.unwrap();
        let fetches = store.fetches();
        let claimed = fetches.claim_fetches(&[], 2_000, 2).await.unwrap();
        let off = PutOff { due_at: 90_000, trouble: "needs_auth", told: "no keys" };
        fetches.put_off_fetches(&claimed, off, 2_100).await.unwrap();
        let row = fetches.fetch_row(&claimed[1].id).await.unwrap().unwrap();
        assert_eq!(
            (row.state, row.due_at, row.begun, row.tries, row.failing_since, row.told.as_deref()),
            (FetchState::Due, 90_000, None, 0, Some(2_100), Some("no keys"))
        );
        // What is not under way any more since then is left alone.
        let later = PutOff { due_at: 99_000, ..off };
        fetches.put_off_fetches(&claimed, later, 2_200).await.unwrap();
        assert_eq!(fetches.fetch_row(&row.id).await.unwrap(), Some(row.clone()));
        assert_eq!(fetches.claim_fetches(&[], 3_000, 9).await.unwrap().len(), 1, "the third was not put off");
        assert_eq!(fetches.pull_in_fetches(90_000, 3_000).await.unwrap(), 0, "nothing is due later than that");
        assert_eq!(fetches.pull_in_fetches(89_999, 3_000).await.unwrap(), 2);
        assert_eq!(fetches.claim_fetches(&[], 3_000, 9).await.unwrap().len(), 2);
    }

    async fn a_booking_that_unverified_webhooks_alone_tell_of_is_known_as_such_and_disowned(place: &Place) {
        let store = place.open().await;
        let hinted = append(&store, &["webhook"]).await[0];
        store.apply_events(&[hint("a", hinted, FetchPolicy::Payload, 1_000)]).await.unwrap();
        let fetches = store.fetches();
        let known_by = async |until| fetches.known_by(&key("a"), until).await.unwrap();
        assert_eq!(known_by(hinted).await, KnownBy::Nobody);
        let id = fetch_id(&key("a"), 0);
        let head = DocumentHead { fetch: Some(id.clone()), unverified: true, ..DocumentHead::of(key("a"), hinted) };
        let told = NewEvent { origin: ORIGIN_FETCH, headers: head.to_headers(), ..event("gone-by", b"{}") };
        let gone_by = store.append_events(&[told]).await.unwrap()[0];
        assert_eq!(known_by(gone_by).await, KnownBy::NotYet, "what was gone by is not applied yet");
        let mut applied = came("a", gone_by, hinted, 2_000);
        let booking = applied.bookings[0].id.clone();
        if let FetchWrite::Came { again_at, unverified, .. } = &mut applied.fetches[0] {
            (*again_at, *unverified) = (Some(2_000), true);
        }
        store.apply_events(&[applied]).await.unwrap();
        assert_eq!(known_by(gone_by).await, KnownBy::Unverified);
        // One more hint comes in while the API is asked.
        let row = fetches.claim_fetches(&[], 3_000, 9).await.unwrap().remove(0);
        let rest = append(&store, &["newer", "end"]).await;
        store.apply_events(&[hint("a", rest[0], FetchPolicy::Payload, 3_000)]).await.unwrap();
        let mut end = hint("a", rest[1], FetchPolicy::Payload, 3_000);
        end.changes[0].kind = ChangeKind::Ignored;
        let (begun, note) = (row.begun.unwrap(), "nobody knows it".to_owned());
        let disowned =
            FetchWrite::Disowned { fetch: id.clone(), begun, booking: Some(booking), note, at: 4_000 };
        end.fetches = vec![disowned];
        store.apply_events(&[end]).await.unwrap();
        let told = kinds(&store).await;
        assert_eq!(told[0], (ChangeKind::Refused, Some("nobody knows it".to_owned())));
        assert_eq!(told[2], (ChangeKind::Fetching, Some("waits".to_owned())));
        let again = fetches.fetch_row(&id).await.unwrap().unwrap();
        assert_eq!((again.state, again.due_at, again.unverified), (FetchState::Due, 4_000, false));
        // What the API itself told is more than a webhook's word.
        let head = DocumentHead::of(key("a"), begun);
        let told = NewEvent { origin: ORIGIN_FETCH, headers: head.to_headers(), ..event("told", b"{}") };
        let position = store.append_events(&[told]).await.unwrap()[0];
        store.apply_events(&[created("a", position, vec![])]).await.unwrap();
        assert_eq!(known_by(position).await, KnownBy::Confirmed);
    }

    async fn what_is_behind_is_asked_for_again_and_at_once_where_something_newer_hints_at_it(place: &Place) {
        let store = place.open().await;
        let positions = append(&store, &["one", "two", "three", "four"]).await;
        let hints: Vec<_> =
            positions[..3].iter().map(|at| hint("a", *at, FetchPolicy::Hold, 1_000)).collect();
        store.apply_events(&hints).await.unwrap();
        let fetches = store.fetches();
        let id = fetch_id(&key("a"), 0);
        let told = async |until, and, limit| {
            let events = fetches.hints_of(&id, until, and, limit).await.unwrap();
            events.into_iter().map(|event| event.position).collect::<Vec<_>>()
        };
        assert_eq!(told(positions[1], None, 9).await, positions[..2]);
        assert_eq!(told(positions[3], None, 2).await, positions[1..3]);
        assert_eq!(told(positions[0], Some(positions[3]), 9).await, [positions[0], positions[3]]);
        let row = fetches.claim_fetches(&[], 2_000, 9).await.unwrap().remove(0);
        let behind = |due_at| FetchEnd::Behind {
            due_at,
            trouble: BEHIND[0].to_owned(),
            told: "as it was".to_owned(),
        };
        fetches.end_fetch(&row, &behind(7_000), 2_000).await.unwrap();
        let due = fetches.fetch_row(&id).await.unwrap().unwrap();
        assert_eq!((due.due_at, due.trouble.as_deref(), due.tries), (7_000, Some("behind"), 0));
        // A hint that comes while it waits, and one that comes while it is asked.
        store.apply_events(&[hint("a", positions[3], FetchPolicy::Hold, 3_000)]).await.unwrap();
        let due = fetches.fetch_row(&id).await.unwrap().unwrap();
        assert_eq!((due.due_at, due.trouble, due.told), (3_300, None, None));
        let row = fetches.claim_fetches(&[], 4_000, 9).await.unwrap().remove(0);
        let last = append(&store, &["five"]).await[0];
        store.apply_events(&[hint("a", last, FetchPolicy::Hold, 4_100)]).await.unwrap();
        fetches.end_fetch(&row, &behind(60_000), 4_200).await.unwrap();
        let due = fetches.fetch_row(&id).await.unwrap().unwrap();
        assert_eq!((due.state, due.due_at, due.trouble), (FetchState::Due, 4_200, None));
    }
}
