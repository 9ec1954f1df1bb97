//! One short way through the store, end to end.

use crate::place::{due, first_due, on_both};
use crate::samples::{CRM, begin, created, end, event, link, put, run, write};
use waypost::domain::RunState;
use waypost::ports::Written;
use waypost::store::open_in_memory;

on_both! {
    async fn the_whole_way_leads_through_the_store(place: &Place) {
        walk(place.open().await).await;
    }
}

#[tokio::test]
async fn the_whole_way_leads_through_a_store_in_memory() {
    walk(open_in_memory().await.unwrap()).await;
}

async fn walk(store: std::sync::Arc<dyn waypost::ports::Store>) {
    let events = [event("1", b"{}"), event("2", b"not json"), event("3", b"")];
    assert_eq!(store.append_events(&events).await.unwrap(), [1, 2, 3]);
    store
        .apply_events(&[
            created("a", 1, vec![run("1", "a", 1), run("2", "a", 1)]),
            created("b", 2, vec![run("3", "b", 2)]),
        ])
        .await
        .unwrap();
    assert_eq!(store.due_connections().await.unwrap(), [first_due(CRM, 3_000)]);
    let first = store.due_runs(&due(CRM)).await.unwrap();
    let mut begun = write(&first[0].run, RunState::Working, 4_000);
    begun.begin = Some(begin("1", &first[0].run.id));
    begun.links = vec![put("x", "a", None)];
    assert_eq!(store.write_delivery(&[begun]).await.unwrap(), [Written::Yes]);
    let working = store.run_with_context(&first[0].run.id).await.unwrap().unwrap();
    let mut done = write(&working.run, RunState::Done, 5_000);
    done.end = Some(end("1", "done"));
    done.links = vec![put("x", "a", Some("sent"))];
    assert_eq!(store.write_delivery(&[done]).await.unwrap(), [Written::Yes]);
    let links = store.links_of_records(&[link("x").record]).await.unwrap();
    assert_eq!(links[0].hash.as_deref(), Some("sent"));
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.events, counts.unapplied, counts.bookings), (3, 1, 2));
    assert_eq!(
        counts.runs,
        [("done".to_owned(), CRM.to_owned(), 1), ("waiting".to_owned(), CRM.to_owned(), 2)]
    );
    store.maintain().await.unwrap();
    assert!(store.describe().await.unwrap().contains(' '));
    store.close().await;
}
