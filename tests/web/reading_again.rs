//! A webhook that became nothing is read again from its page, and nobody is told of it any more; what Waypost fetched itself is
//! called so.

use crate::filled::Site;
use actix_web::http::StatusCode;
use bytes::Bytes;
use serde_json::json;
use waypost::domain::{
    BookingKey, ChangeKind, DocumentHead, EventId, ORIGIN_FETCH, ORIGIN_RECONCILE, ORIGIN_WEBHOOK,
};
use waypost::ports::{AppliedEvent, NewChange, NewEvent};
use waypost::rules::Files;

/// A site with a source whose file reads bookings.
async fn site() -> Site {
    let site = Site::empty().await;
    let mut files = Files::default();
    let file = "connector: webhook\ntitle: Shop\nrecords: [{ kind: booking, key: id }]\n";
    files.texts.insert("sources/shop.yaml".into(), file.into());
    let (activated, told) = site.app.try_files(&files, Vec::new()).await;
    assert!(activated, "{told:?}");
    site
}

/// What came, and became nothing for this reason.
async fn unreadable(site: &Site, name: &str, body: &str) {
    let event = NewEvent {
        id: EventId::new(format!("evt_{name}")),
        source: "shop".into(),
        received_at: site.now,
        origin: ORIGIN_WEBHOOK,
        headers: "{}".into(),
        body: Bytes::from(body.to_owned()),
    };
    let position = site.app.store.append_events(&[event]).await.expect("a store")[0];
    let change = NewChange {
        ordinal: 0,
        booking: None,
        kind: ChangeKind::Unreadable,
        paths: Vec::new(),
        note: Some("The body tells of a booking without a key.".into()),
        previous: None,
        body: None,
        hash: None,
        at: site.now,
        happened_at: None,
        seen: None,
    };
    let applied = AppliedEvent { position, changes: vec![change], ..AppliedEvent::default() };
    site.app.store.apply_events(&[applied]).await.expect("a store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_read_again_from_its_page_and_no_longer_told_of() {
    let site = site().await;
    unreadable(&site, "one", r#"{"id":"A1"}"#).await;
    unreadable(&site, "two", r#"{"number":"A1"}"#).await;
    assert_eq!(site.app.unread().await.expect("a store")["shop"].unreadable, 2);
    let page = site.get("/events/evt_one").await;
    assert!(page.text.contains("action=\"/events/evt_one/replay\""), "{}", page.text);
    assert!(page.text.contains("<h1>A webhook from Shop</h1>"), "{}", page.text);

    let done = site.post("/events/evt_one/replay", &[]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let to = done.header("location").to_owned();
    assert!(
        to.starts_with("/events/evt_") && to.ends_with("?said=read-again") && !to.contains("evt_one"),
        "{to}"
    );
    let again = site.get(&to).await;
    assert!(again.text.contains("<h1>A webhook from Shop, read again</h1>"), "{}", again.text);
    let page = site.get("/events/evt_one").await;
    assert!(!page.text.contains("/events/evt_one/replay"), "it has no button any more: {}", page.text);
    assert!(
        page.text.contains(&format!("<a href=\"{}\">read again</a>", to.replace("?said=read-again", ""))),
        "{}",
        page.text
    );
    let audit = site.app.store.people().audit(None, 9).await.expect("a store");
    assert_eq!((audit[0].act.as_str(), audit[0].object.as_str()), ("event.replayed", "evt_one"));

    // The other one would become nothing again: its page says why, and a press of a button that is not there does nothing.
    let page = site.get("/events/evt_two").await;
    assert!(!page.text.contains("/events/evt_two/replay"), "{}", page.text);
    assert!(page.text.contains("If it were read again now, it would become nothing still"), "{}", page.text);
    let done = site.post("/events/evt_two/replay", &[]).await;
    assert_eq!(done.header("location"), "/events/evt_two?said=not-read-again");
    assert_eq!(site.app.store.people().audit(None, 9).await.expect("a store").len(), audit.len());
    assert_eq!(site.app.unread().await.expect("a store")["shop"].unreadable, 1, "one is not read yet");
    assert_eq!(site.post("/events/evt_three/replay", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_posted_is_not_called_a_webhook() {
    let site = site().await;
    let key = BookingKey {
        connector: "webhook/shop".into(),
        account: "shop".into(),
        kind: "booking".into(),
        key: "A1".into(),
    };
    let head = |gone| DocumentHead { gone, ..DocumentHead::of(key.clone(), 0) };
    for (name, origin, gone, title) in [
        ("fetched", ORIGIN_FETCH, false, "Fetched from Shop"),
        ("repaired", ORIGIN_RECONCILE, false, "Fetched from Shop by a repair"),
        ("ended", ORIGIN_RECONCILE, true, "Ended, since Shop has it no more"),
    ] {
        let event = NewEvent {
            id: EventId::new(format!("evt_{name}")),
            source: "shop".into(),
            received_at: site.now,
            origin,
            headers: head(gone).to_headers(),
            body: Bytes::from(json!({ "id": "A1" }).to_string()),
        };
        site.app.store.append_events(&[event]).await.expect("a store");
        let page = site.get(&format!("/events/evt_{name}")).await;
        assert!(page.text.contains(&format!("<h1>{title}</h1>")), "{title}: {}", page.text);
        assert!(!page.text.contains("A webhook from"), "{}", page.text);
    }
}
