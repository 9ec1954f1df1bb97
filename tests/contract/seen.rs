//! Events by the ids of their systems: kept with what they did, for ever, and the first one stays.

use crate::place::on_both;
use crate::samples::{change, created, event};
use waypost::domain::{ChangeKind, EventId, EventKey};
use waypost::ports::{AppliedEvent, NewChange, RemovalPiece, SeenEvent};

fn seen(id: &str, event: &str) -> SeenEvent {
    let key = EventKey { connector: "stripe".into(), account: "acme".into(), id: id.into() };
    SeenEvent { key, event: EventId::new(format!("evt_{event}")) }
}

on_both! {
    async fn an_event_that_came_before_is_known_by_its_id_and_the_first_stays(place: &Place) {
        let store = place.open().await;
        let events: Vec<_> = ["1", "2", "3"].map(|name| event(name, b"{}")).into();
        let positions = store.append_events(&events).await.unwrap();
        let mut first = created("a", positions[0], Vec::new());
        first.changes[0].seen = Some(seen("one", "1"));
        first.changes[0].happened_at = Some(1_500);
        let mut second = created("b", positions[1], Vec::new());
        second.changes[0].seen = Some(seen("two", "2"));
        store.apply_events(&[first, second]).await.unwrap();

        // Told again with another webhook, as it may be after a kill: the first one stays.
        let unchanged = change("a", ChangeKind::Unchanged, 1, None);
        let again = NewChange { seen: Some(seen("one", "3")), ..unchanged };
        let third = AppliedEvent { position: positions[2], changes: vec![again], ..AppliedEvent::default() };
        store.apply_events(&[third]).await.unwrap();

        let asked: Vec<EventKey> = ["one", "two", "none"].map(|id| seen(id, "").key).into();
        let mut found = store.seen_events(&asked).await.unwrap();
        found.sort_by(|one, other| one.key.cmp(&other.key));
        assert_eq!(found, [seen("one", "1"), seen("two", "2")]);
        let other = EventKey { account: "other".into(), ..asked[0].clone() };
        assert_eq!(store.seen_events(&[other]).await.unwrap(), [], "another account's ids are its own");
        assert_eq!(store.seen_events(&[]).await.unwrap(), []);

        let present = store.bookings_by_key(&[crate::samples::key("a")]).await.unwrap();
        assert_eq!(present[0].happened_at, Some(1_500), "the state knows when it came about");
        let (told, _) = store.event(&EventId::new("evt_1")).await.unwrap().unwrap();
        assert_eq!(told.changes[0].happened_at, Some(1_500));
        let (told, _) = store.event(&EventId::new("evt_2")).await.unwrap().unwrap();
        assert_eq!(told.changes[0].happened_at, None);
    }

    async fn many_ids_are_asked_for_at_once(place: &Place) {
        let store = place.open().await;
        let position = store.append_events(&[event("1", b"{}")]).await.unwrap()[0];
        let changes = (0..300).map(|ordinal| NewChange {
            ordinal,
            booking: None,
            seen: Some(seen(&format!("id {ordinal}"), "1")),
            ..change("", ChangeKind::Ignored, 0, None)
        });
        let applied = AppliedEvent { position, changes: changes.collect(), ..AppliedEvent::default() };
        store.apply_events(&[applied]).await.unwrap();
        let asked: Vec<EventKey> = (0..600).map(|number| seen(&format!("id {number}"), "").key).collect();
        assert_eq!(store.seen_events(&asked).await.unwrap().len(), 300);
    }

    async fn what_retention_removes_is_not_forgotten_as_a_copy(place: &Place) {
        let store = place.open().await;
        let position = store.append_events(&[event("1", b"{}")]).await.unwrap()[0];
        let mut first = created("a", position, Vec::new());
        first.changes[0].seen = Some(seen("one", "1"));
        store.apply_events(&[first]).await.unwrap();
        let piece = RemovalPiece { before: i64::MAX, limit: 100, now: 9_000, why: "old".into() };
        assert_eq!(store.keeping().remove_bodies(&piece).await.unwrap().removed, 1);
        assert_eq!(store.seen_events(&[seen("one", "").key]).await.unwrap(), [seen("one", "1")]);
    }
}
