//! Links keep what was last sent to a record, and who points there.

use crate::place::{on_both, row};
use crate::samples::{CRM, booking_id, created, event, link, put, record, run, write};
use serde_json::json;
use std::sync::Arc;
use waypost::domain::{LinkKey, RecordKey, RunState};
use waypost::ports::{LinkBooking, LinkRow, LinkWrite, LinksOf, Store, Written};

/// Writes links with a run that does nothing else.
async fn write_links(store: &Arc<dyn Store>, links: Vec<LinkWrite>) {
    if store.counts().await.unwrap().events == 0 {
        store.append_events(&[event("1", b"{}")]).await.unwrap();
        store.apply_events(&[created("a", 1, vec![run("1", "a", 1)])]).await.unwrap();
    }
    let mut delivery = write(&row(store, "1").await, RunState::Waiting, 4_000);
    delivery.links = links;
    assert_eq!(store.write_delivery(&[delivery]).await.unwrap(), [Written::Yes]);
}

async fn one(store: &Arc<dyn Store>, name: &str) -> LinkRow {
    let mut links = store.links_of_records(&[record(name)]).await.unwrap();
    assert_eq!(links.len(), 1);
    links.remove(0)
}

fn pointer(booking: &str, item: &str, hash: Option<&str>) -> LinkBooking {
    let hash = hash.map(str::to_owned);
    LinkBooking { booking: booking_id(booking), item: item.to_owned(), hash, position: 1 }
}

fn full(name: &str, booking: LinkBooking) -> LinkWrite {
    LinkWrite::Put {
        key: link(name),
        remote_id: Some("1551".to_owned()),
        position: 7,
        hash: Some("sent".to_owned()),
        outputs: Some([("id".to_owned(), json!("1551"))].into()),
        booking: Some(booking),
        at: 5_000,
    }
}

on_both! {
    async fn a_link_keeps_what_a_later_write_does_not_say(place: &Place) {
        let store = place.open().await;
        write_links(&store, vec![full("x", pointer("a", "", Some("mine")))]).await;
        write_links(&store, vec![put("x", "a", None)]).await;
        let kept = one(&store, "x").await;
        assert_eq!((kept.remote_id.as_deref(), kept.position, kept.hash), (Some("1551"), 1, None));
        assert_eq!(kept.outputs["id"], "1551");
        assert_eq!(kept.bookings, [pointer("a", "", None)]);
    }

    async fn writes_take_effect_in_their_order(place: &Place) {
        let store = place.open().await;
        let unpoint = LinkWrite::Unpoint { record: record("x"), booking: booking_id("a"), item: String::new() };
        write_links(
            &store,
            vec![
                put("x", "a", Some("one")),
                put("y", "a", Some("other")),
                put("x", "b", Some("two")),
                unpoint,
                full("x", pointer("b", "k", Some("three"))),
            ],
        )
        .await;
        let kept = one(&store, "x").await;
        assert_eq!(kept.hash.as_deref(), Some("sent"));
        assert_eq!(kept.bookings, [pointer("b", "", Some("two")), pointer("b", "k", Some("three"))]);
        assert_eq!(one(&store, "y").await.bookings, [pointer("a", "", Some("other"))]);
    }

    async fn clearing_a_record_empties_all_its_links_and_no_others(place: &Place) {
        let store = place.open().await;
        let second = LinkKey { rule: "other-rule".to_owned(), ..link("x") };
        let mut of_second = full("x", pointer("b", "", Some("b")));
        if let LinkWrite::Put { key, .. } = &mut of_second {
            *key = second;
        }
        write_links(
            &store,
            vec![full("x", pointer("a", "", Some("a"))), of_second, full("y", pointer("a", "", Some("a")))],
        )
        .await;
        write_links(&store, vec![LinkWrite::Clear { record: record("x"), at: 6_000 }]).await;
        let cleared = store.links_of_records(&[record("x")]).await.unwrap();
        assert_eq!(cleared.len(), 2);
        for link in cleared {
            assert_eq!((link.remote_id, link.hash, link.outputs.len(), link.position), (None, None, 0, 0));
            assert_eq!(link.bookings.len(), 1);
            assert_eq!(link.bookings[0].hash, None);
        }
        assert_eq!(one(&store, "y").await.remote_id.as_deref(), Some("1551"));
    }

    async fn links_of_a_booking_are_found_with_all_who_point_there(place: &Place) {
        let store = place.open().await;
        let mut elsewhere = put("x", "a", None);
        if let LinkWrite::Put { key, .. } = &mut elsewhere {
            key.record = RecordKey { connection: "other".to_owned(), ..record("x") };
        }
        write_links(
            &store,
            vec![
                put("x", "a", Some("1")),
                full("x", pointer("b", "", None)),
                full("y", pointer("a", "item", None)),
                elsewhere,
            ],
        )
        .await;
        let of = |booking: &str, item: &str| LinksOf {
            booking: booking_id(booking),
            item: item.to_owned(),
            connection: CRM.to_owned(),
        };
        let wanted = [of("a", ""), of("a", "item"), of("c", ""), of("a", "")];
        let all = store.links_of_bookings(&wanted).await.unwrap();
        let [found, item, none, again] = &all[..] else { panic!("{all:?}") };
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, link("x"));
        assert_eq!(found[0].bookings, [pointer("a", "", Some("1")), pointer("b", "", None)]);
        assert_eq!(item[0].key, link("y"));
        assert!(none.is_empty());
        assert_eq!(found, again);
    }

    async fn a_link_without_a_booking_has_no_pointer(place: &Place) {
        let store = place.open().await;
        let mut bare = full("x", pointer("a", "", None));
        if let LinkWrite::Put { booking, .. } = &mut bare {
            *booking = None;
        }
        write_links(&store, vec![bare]).await;
        assert!(one(&store, "x").await.bookings.is_empty());
        assert!(store.links_of_records(&[]).await.unwrap().is_empty());
    }

    async fn links_are_carried_over_to_a_new_name(place: &Place) {
        let store = place.open().await;
        write_links(&store, vec![put("x", "a", Some("1")), put("y", "b", Some("2"))]).await;
        let mut taken = put("y", "c", Some("3"));
        if let LinkWrite::Put { key, .. } = &mut taken {
            key.rule = String::from("people");
        }
        write_links(&store, vec![taken]).await;
        assert_eq!(store.rename_links(("guests", None), ("people", None)).await.unwrap(), 1);
        assert_eq!(store.rename_links(("guests", None), ("people", None)).await.unwrap(), 0);
        let moved = one(&store, "x").await;
        assert_eq!((moved.key.rule.as_str(), moved.bookings.len()), ("people", 1));
        // A link that the new name has already stays as it is, and takes the pointers.
        let both = store.links_of_records(&[record("y")]).await.unwrap();
        let pointers: Vec<_> = both.iter().map(|link| (link.key.rule.as_str(), link.bookings.len())).collect();
        assert_eq!(pointers, [("guests", 0), ("people", 2)]);
        assert_eq!(store.rename_links(("people", Some("contact")), ("people", Some("guest"))).await.unwrap(), 2);
        assert_eq!(one(&store, "x").await.key.step, "guest");
    }
}
