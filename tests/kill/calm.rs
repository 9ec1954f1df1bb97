//! What is put aside because it kills, and what is not: an event that only happened to be in hand when somebody killed
//! the router again and again.

use crate::support::Booking;
use std::collections::BTreeMap;
use std::sync::Arc;
use waypost::bookings::Applier;
use waypost::clock::OsEntropy;
use waypost::domain::{ChangeKind, EventId, ORIGIN_WEBHOOK};
use waypost::ports::{ListFilter, NewEvent, Store, Think};
use waypost::rules::{Files, Ruleset, compile};

struct AtOnce;

impl Think for AtOnce {
    fn run(&self, work: &mut dyn FnMut()) {
        work();
    }

    fn deadline(&self) -> Box<dyn Fn() -> bool> {
        Box::new(|| false)
    }
}

fn ruleset() -> Arc<Ruleset> {
    let source = ("sources/tours.yaml".to_owned(), "connector: fareharbor\ntitle: Tours\n".to_owned());
    compile(&Files { texts: BTreeMap::from([source]) }, None).ruleset.expect("a ruleset")
}

async fn store_with_events(count: u32) -> Arc<dyn Store> {
    let store = waypost::store::open_in_memory().await.expect("a store");
    let events: Vec<NewEvent> = (1..=count)
        .map(|number| NewEvent {
            id: EventId::new(format!("evt_{number}")),
            source: "tours".into(),
            received_at: 1,
            origin: ORIGIN_WEBHOOK,
            headers: "{}".into(),
            body: Booking::new(number).body.to_string().into(),
        })
        .collect();
    store.append_events(&events).await.expect("they are stored");
    store
}

async fn kinds(store: &dyn Store) -> Vec<Option<ChangeKind>> {
    let mut events = store.list_events(&ListFilter::default()).await.expect("the events");
    events.reverse();
    events.iter().map(|event| event.changes.first().map(|change| change.kind)).collect()
}

#[tokio::test]
async fn the_last_try_of_an_event_waits_until_the_process_has_lived_for_a_while() {
    let (store, ruleset) = (store_with_events(2).await, ruleset());
    // Two processes died with the first event alone in hand.
    store.count_crash(1).await.expect("counted");
    store.count_crash(1).await.expect("counted");
    let applier = Applier::new(store.clone(), Arc::new(OsEntropy));
    applier.recover().await.expect("recovered");
    let born = 1_000_000;
    for now in [born, born + 1, born + 2_999] {
        let step = applier.step(&ruleset, now, &AtOnce).await.expect("a step");
        assert_eq!(step.events, 0, "at {now}");
    }
    assert_eq!(kinds(&*store).await, [None, None]);
    assert_eq!(applier.step(&ruleset, born + 3_000, &AtOnce).await.expect("a step").events, 1);
    applier.step(&ruleset, born + 3_001, &AtOnce).await.expect("a step");
    assert_eq!(kinds(&*store).await, [Some(ChangeKind::Created), Some(ChangeKind::Created)]);
}

#[tokio::test]
async fn an_event_that_killed_its_process_three_times_is_put_aside_at_once_and_the_next_is_applied() {
    let (store, ruleset) = (store_with_events(2).await, ruleset());
    for _ in 0..3 {
        store.count_crash(1).await.expect("counted");
    }
    let applier = Applier::new(store.clone(), Arc::new(OsEntropy));
    applier.recover().await.expect("recovered");
    for _ in 0..2 {
        assert_eq!(applier.step(&ruleset, 5, &AtOnce).await.expect("a step").events, 1);
    }
    assert_eq!(kinds(&*store).await, [Some(ChangeKind::Unreadable), Some(ChangeKind::Created)]);
}
