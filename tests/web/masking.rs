//! Masking of guests for viewers: set by an admin, in force at once, for people and tokens that may only look.

use crate::filled::Site;
use crate::signed_in::session_of;
use actix_web::http::StatusCode;
use std::sync::Arc;
use waypost::app::App;
use waypost::clock::OsEntropy;
use waypost::domain::Role;
use waypost::ports::{NewWalk, PlaceRow, WalkFinding, WalkOutcome, WalkPurpose, WalkWrite};

/// What gives guests of the filled site away, in any spelling.
const TRACES: [&str; 12] = [
    "guest1@example.org",
    "guest2@example.org",
    "guest4@example.org",
    "guest5@example.org",
    "guest1%40example.org",
    "Siobhán",
    "Bhriain",
    "Ólafur",
    "太郎",
    "Okonkwo",
    "123 456",
    "shoe_size",
];

const PAGES: [&str; 12] = [
    "/",
    "/bookings",
    "/bookings/bkg_1",
    "/bookings/bkg_3",
    "/bookings?q=%23",
    "/events",
    "/events/evt_1b",
    "/events/evt_1b/raw",
    "/events/evt_unreadable",
    "/runs/run_1a",
    "/runs/run_3a",
    "/needs-you",
];

async fn seen(site: &Site, session: &str) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for address in PAGES {
        let page = site.get_as(session, address).await;
        assert_eq!(page.status, StatusCode::OK, "{address}");
        for trace in TRACES {
            if page.text.contains(trace) {
                found.push((address.to_owned(), trace));
            }
        }
    }
    found
}

#[actix_web::test]
async fn an_admin_masks_guests_for_viewers_and_nobody_else() {
    let site = Site::filled().await;
    let viewer = session_of(&site.app, "viewer@example.org", Role::Viewer).await;
    let editor = session_of(&site.app, "editor@example.org", Role::Editor).await;
    assert!(seen(&site, &viewer).await.len() > 10, "as everybody else");
    assert!(!site.get_as(&viewer, "/bookings").await.text.contains("•••"));

    let done = site.post("/settings/masking", &[("on", "yes")]).await;
    assert_eq!(done.header("location"), "/settings/retention?said=masked");
    let page = site.get("/settings/retention?said=masked").await.text;
    assert!(page.contains("Show guests to viewers as they are") && page.contains("masked from now on"));
    let log = site.app.store.people().audit(None, 1).await.expect("the log");
    assert_eq!((&*log[0].act, &*log[0].details), ("masking.changed", "on"));
    assert_eq!(seen(&site, &viewer).await, Vec::<(String, &str)>::new());
    let page = site.get_as(&viewer, "/bookings/bkg_1").await.text;
    assert!(page.contains("S••• N••• B•••") && page.contains("••• 89"), "{page}");
    assert!(page.contains("Whale watch"), "the tour stays");
    assert!(page.contains("You see what is about guests masked"), "it says so");
    assert!(seen(&site, &editor).await.len() > 10);
    assert!(seen(&site, &site.session).await.len() > 10);
    // It lasts, also over a new start.
    let (store, places) = (site.app.store.clone(), site.app.places.clone());
    let again = App::over(store, places, site.clock.clone(), Arc::new(OsEntropy)).await.expect("an app");
    assert!(again.masks());

    site.post("/settings/masking", &[("on", "")]).await;
    assert!(seen(&site, &viewer).await.len() > 10);
}

/// A walk that found the first guest's booking to differ, put a place aside, and rests.
async fn walked(site: &Site) -> i64 {
    let walks = site.app.store.walks();
    let new = NewWalk {
        source: "tours".into(),
        purpose: WalkPurpose::Reconcile,
        from_day: "2027-01-01".into(),
        to_day: "2027-01-31".into(),
        report: None,
        end_gone: false,
        who: "ann".into(),
        at: 5_000,
    };
    let (mut walk, _) = walks.begin_walk(&new).await.expect("a walk");
    let seq = walk.seq;
    walk.note = Some("it answered: Okonkwo is not known".into());
    let finding = WalkFinding {
        account: "harbour".into(),
        key: "guest1@example.org".into(),
        outcome: WalkOutcome::Differs,
        booking: None,
        paths: vec!["answers.shoe_size of Siobhán".into()],
        note: Some("guest2@example.org".into()),
        at: 5_000,
    };
    let trouble =
        WalkFinding { key: "k2".into(), outcome: WalkOutcome::Trouble, paths: vec![], ..finding.clone() };
    let place = PlaceRow {
        place: 1,
        level: 1,
        share: 1,
        what: "{\"of\":\"guest4@example.org\"}".into(),
        tries: 4,
        failing_since: Some(1),
        due_at: 0,
        aside: Some("it answered: guest5@example.org".into()),
    };
    let write = WalkWrite {
        walk,
        made: vec![place.clone()],
        kept: vec![place],
        findings: vec![finding, trouble],
        ..WalkWrite::default()
    };
    assert!(walks.write_walk(&write).await.expect("a step"));
    seq
}

#[actix_web::test]
async fn what_a_walk_tells_of_guests_is_masked() {
    let site = Site::filled().await;
    let viewer = session_of(&site.app, "viewer@example.org", Role::Viewer).await;
    let seq = walked(&site).await;
    let address = format!("/walks/{seq}");
    let traces = |page: &str| TRACES.iter().filter(|trace| page.contains(**trace)).count();
    assert!(traces(&site.get_as(&viewer, &address).await.text) >= 4, "as everybody else");
    site.post("/settings/masking", &[("on", "yes")]).await;
    let masked = site.get_as(&viewer, &address).await;
    assert_eq!((masked.status, traces(&masked.text)), (StatusCode::OK, 0), "{}", masked.text);
    assert!(traces(&site.get(&address).await.text) >= 4, "the admin sees it");
}

#[actix_web::test]
async fn a_viewer_finds_masked_guests_by_whole_words_and_is_told_of_no_near_ones() {
    let site = Site::filled().await;
    let viewer = session_of(&site.app, "viewer@example.org", Role::Viewer).await;
    site.post("/settings/masking", &[("on", "yes")]).await;
    for whole in ["bhriain", "Siobhan%20Bhriain", "guest1%40example.org", "70000001"] {
        let page = site.get_as(&viewer, &format!("/bookings?q={whole}")).await.text;
        assert!(page.contains("/bookings/bkg_1"), "{whole}: {page}");
    }
    for part in ["bhri", "siob", "guest1%40ex", "7000", "bhriein"] {
        let page = site.get_as(&viewer, &format!("/bookings?q={part}")).await.text;
        assert!(!page.contains("/bookings/bkg_1") && !page.contains("Did you mean"), "{part}: {page}");
    }
    let page = site.get("/bookings?q=bhri").await.text;
    assert!(page.contains("/bookings/bkg_1"), "the admin finds by parts");
}
