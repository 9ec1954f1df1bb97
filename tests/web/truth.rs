//! How far a source's webhooks count, what waits to be fetched and what could not be read: its page, Today, the API and a look
//! over it say the same.

use crate::api_program::Program;
use crate::workshop::Workshop;
use serde_json::json;
use waypost::domain::{BookingKey, EventId, ORIGIN_WEBHOOK, Scope, fetch_id};
use waypost::ports::{FetchPolicy, NewEvent, NewFetch};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_fetched_is_told_everywhere() {
    let shop = Workshop::open(0).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let now = shop.app.clock.now();
    let [connector, account, kind, key] = ["fareharbor", "reef", "booking", "abc"].map(str::to_owned);
    let key = BookingKey { connector, account, kind, key };
    let id = fetch_id(&key, 0);
    let fetch =
        NewFetch { id, key, way: 0, source: "tours".into(), policy: FetchPolicy::Hold, due_at: now, at: now };
    shop.app.store.fetches().ask_fetch(&fetch, "Ada").await.expect("a store");
    let why = "What came waits to be fetched from FareHarbor, and this source has no keys for that any more.";
    for address in ["/", "/sources/tours"] {
        let page = shop.get(address).await.text;
        assert!(page.contains(why) && !page.contains("All is well"), "{address}: {page}");
    }
    assert!(shop.get("/").await.text.contains("One booking waits to be fetched from FareHarbor."));
    let health = program.get("/api/v1/health").await;
    assert_eq!((&health["well"], &health["to_fetch"]), (&json!(false), &json!(1)), "{health}");
    let told = health["sentences"].as_array().expect("sentences").iter();
    assert!(told.clone().any(|one| one["text"].as_str().is_some_and(|text| text.contains(why))), "{health}");
    let (status, looked) = program.post("/api/v1/sources/tours/doctor", &json!({})).await;
    assert_eq!((status, &looked["well"]), (200, &json!(false)), "{looked}");
    let findings = looked["findings"].as_array().expect("findings").iter();
    assert!(
        findings.clone().any(|one| one["text"].as_str().is_some_and(|text| text.starts_with(why))),
        "{looked}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_webhooks_are_verified_is_shown_and_chosen_in_the_settings() {
    let shop = Workshop::open(0).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let truth = program.get("/api/v1/sources/tours").await["truth"].clone();
    assert_eq!(truth, json!({ "verify": "never", "when_down": null, "on_silence": "tell" }));
    let page = shop.get("/sources/tours").await.text;
    for shown in [
        "How far its webhooks count",
        "With the line verify: always in its file",
        "name=\"verify\"",
        "name=\"on_silence\"",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let change = json!({ "values": { "on_silence": "ignore" } });
    let (status, told) = program.post("/api/v1/sources/tours", &change).await;
    assert_eq!(status, 200, "{told}");
    assert!(shop.read("sources/tours.yaml").contains("on_silence: ignore"));
    assert!(shop.get("/sources/tours").await.text.contains("Nobody is told when it is silent"));
    // Without keys nothing can be verified, and nothing is written.
    let (status, told) =
        program.post("/api/v1/sources/tours", &json!({ "values": { "verify": "always" } })).await;
    assert!((400..500).contains(&status), "{status} {told}");
    assert!(!shop.read("sources/tours.yaml").contains("verify"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_read_is_told_everywhere_and_what_was_fetched_hides_no_webhook() {
    let shop = Workshop::open(0).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let event = |name: &str, origin: &'static str| NewEvent {
        id: EventId::new(format!("evt_{name}")),
        source: "tours".into(),
        received_at: shop.app.clock.now(),
        origin,
        headers: "{}".into(),
        body: bytes::Bytes::from_static(b"no JSON"),
    };
    let mut events = vec![event("odd", ORIGIN_WEBHOOK)];
    events.extend((0..40).map(|number| event(&format!("doc{number}"), "backfill")));
    shop.app.store.append_events(&events).await.expect("a store");
    shop.book(&crate::support::Booking::new(7)).await;
    while shop.app.store.count_up_events(1_000).await.expect("a store") > 0 {}
    let told = "One webhook of Reef Tours could not be read in the last 24 hours.";
    let page = shop.get("/").await.text;
    assert!(page.contains(told), "{page}");
    let health = program.get("/api/v1/health").await.to_string();
    assert!(health.contains(told), "{health}");
    let (_, looked) = program.post("/api/v1/sources/tours/doctor", &json!({})).await;
    assert!(looked.to_string().contains("One webhook of this source could not be read"), "{looked}");
    let page = shop.get("/sources/tours").await.text;
    assert!(page.contains("/events/evt_odd"), "forty that were fetched came after it: {page}");
}
