//! FareHarbor with `verify: always`, and late copies where there are keys.

use crate::fake_fareharbor::{FareHarborApi, error};
use crate::support::{Booking, Router};
use crate::world::{events, first_is, kinds, settled, tours};
use serde_json::json;
use waypost::domain::ChangeKind::{Cancelled, Coalesced, Created, Fetching, Refused, Unchanged, Updated};
use waypost::ports::ListFilter;

async fn world(lines: &str) -> (FareHarborApi, Router) {
    let api = FareHarborApi::start().await;
    let router = tours(&format!("{}{lines}", api.api())).await;
    (api, router)
}

fn crm(router: &Router, number: u32) -> serde_json::Value {
    router.records("bookings")[format!("#{}", 70_000_000 + number)].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_says_counts_and_not_the_webhook() {
    let (api, mut router) = world("verify: always\n").await;
    api.put(&Booking::new(1).body);
    router.post(&Booking::new(1).with("/contact/email", "forged@example.org")).await;
    settled(&router).await;
    assert_eq!(crm(&router, 1)["guest"], "guest1@example.org");
    assert_eq!(kinds(&router).await, (vec![Coalesced], vec![Created]));
    // A copy is asked about too, and says nothing new.
    router.post(&Booking::new(1)).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Coalesced, Coalesced], vec![Created, Unchanged]));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_webhook_changes_nothing_and_is_shown_as_refused() {
    let (_api, mut router) = world("verify: always\n").await;
    router.post(&Booking::new(9)).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Refused], vec![]));
    let note = events(&router).await[0].changes[0].note.clone();
    assert_eq!(note.as_deref(), Some("FareHarbor's API knows no such booking: nothing was changed"));
    assert_eq!(router.records("bookings"), json!({}));
    assert!(router.runs().await.is_empty());
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_api_knows_nothing_of_all_that_came_it_may_be_the_wrong_place_that_is_asked() {
    let (api, mut router) = world("verify: always\n").await;
    let trouble = async |router: &Router| {
        settled(router).await;
        let app = &router.served().app;
        let source = app.active().expect("rules").sources["tours"].clone();
        app.fetching(&source).await.expect("it is told").expect("it fetches").trouble
    };
    for number in 1..=4 {
        router.post(&Booking::new(number)).await;
    }
    assert_eq!(trouble(&router).await, None, "a few may be made up");
    router.post(&Booking::new(5)).await;
    let told = trouble(&router).await.expect("five are told of");
    assert!(told.starts_with("FareHarbor knew nothing of what the last 5 webhooks told of"), "{told}");
    assert!(told.contains("compare the account") && told.contains("base_url"), "{told}");
    router.restart().await;
    assert_eq!(trouble(&router).await, Some(told), "it is known after a restart, too");
    // One that it knows shows that the place is right.
    api.put(&Booking::new(6).body);
    router.post(&Booking::new(6)).await;
    assert_eq!(trouble(&router).await, None);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_booking_that_took_anothers_place_is_fetched_where_its_own_webhook_is_lost() {
    for verify in ["always", "never"] {
        let (api, mut router) = world(&format!("verify: {verify}\n")).await;
        let uuid = |booking: &Booking| booking.body["booking"]["uuid"].as_str().expect("a text").to_owned();
        let (old, new) = (Booking::new(1), Booking::new(2));
        let moved = Booking::new(1).with("/status", "rebooked").with("/rebooked_to", uuid(&new));
        let came = Booking::new(2).with("/rebooked_from", uuid(&old));
        api.put(&old.body);
        router.post(&old).await;
        settled(&router).await;
        api.put(&moved.body);
        api.put(&came.body);
        router.post(&moved).await;
        settled(&router).await;
        assert_eq!(crm(&router, 1)["status"], "rebooked", "{verify}");
        assert_eq!(crm(&router, 2)["status"], "booked", "{verify}");
        assert_eq!(router.served().app.store.fetches().count_fetches().await.expect("the fetches"), []);
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_api_is_away_nothing_goes_out_and_then_all_does() {
    let (mut api, mut router) = world("verify: { always: true, when_down: hold }\n").await;
    api.put(&Booking::new(1).body);
    api.down();
    router.post(&Booking::new(1)).await;
    first_is(&router, Fetching).await;
    assert_eq!(router.records("bookings"), json!({}));
    api.up().await;
    settled(&router).await;
    assert_eq!(crm(&router, 1)["status"], "booked");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_403_without_a_key_in_it_is_a_limit_and_not_a_refusal() {
    let (api, mut router) = world("verify: always\n").await;
    api.put(&Booking::new(1).body);
    api.script(1, Some(error(403, "throttled")));
    router.post(&Booking::new(1)).await;
    let store = router.served().app.store.clone();
    router
        .until("it rests", async |_| {
            let rows = store.fetches().fetches_of_source("tours", 9).await.expect("the fetches");
            rows.first().is_some_and(|row| row.trouble.as_deref() == Some("rests"))
        })
        .await;
    settled(&router).await;
    assert_eq!((kinds(&router).await, api.calls()), ((vec![Coalesced], vec![Created]), 2));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_copies_are_asked_about_where_there_are_keys() {
    let (api, mut router) = world("verify: never\n").await;
    let (one, two) = (Booking::new(1), Booking::new(1).with("/contact/email", "new@example.org"));
    api.put(&two.body);
    router.post(&one).await;
    router.post(&two).await;
    settled(&router).await;
    assert_eq!(api.calls(), 0, "what is new is believed");
    // A copy of the first one.
    router.post(&one).await;
    settled(&router).await;
    assert_eq!(kinds(&router).await, (vec![Created, Updated, Coalesced], vec![Unchanged]));
    assert_eq!(crm(&router, 1)["guest"], "new@example.org");
    // Cancelled, and then booked again, as an old copy would say.
    let cancelled = Booking::new(1).with("/status", "cancelled");
    api.put(&cancelled.body);
    router.post(&cancelled).await;
    router.post(&Booking::new(1).with("/note", "another")).await;
    settled(&router).await;
    assert_eq!(
        kinds(&router).await,
        (vec![Created, Updated, Coalesced, Cancelled, Coalesced], vec![Unchanged, Unchanged])
    );
    assert_eq!(crm(&router, 1)["status"], "cancelled");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_does_not_give_is_not_asked_for() {
    let (_api, mut router) = world("verify: never\n").await;
    let item =
        json!({ "item": { "pk": 47, "name": "Sunset Sail", "company": { "shortname": "reeftours" } } });
    router.post(&Booking { body: item }).await;
    router.quiet().await;
    let app = router.served().app.clone();
    let filter = ListFilter { limit: 9, ..ListFilter::default() };
    let found = app.store.list_bookings(&filter).await.expect("the records");
    assert_eq!((found.len(), found[0].key.kind.as_str()), (1, "item"));
    let asked = app.fetch_booking(&found[0].id, "somebody").await.map_err(|error| error.to_string());
    let why = "this can't be fetched: its source has no keys for the booking system's API, or that does not give it";
    assert_eq!(asked.err().as_deref(), Some(why));
    assert!(app.store.fetches().count_fetches().await.expect("the fetches").is_empty());
    router.stop().await;
}
