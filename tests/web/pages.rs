//! What the pages tell, and what their buttons do.

use crate::filled::{HOSTILE, Site};
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use waypost::domain::RunId;

const ESCAPED: &str = "&#60;img src=x onerror=alert(1)&#62;";

#[actix_web::test]
async fn an_empty_house_says_what_to_do() {
    let site = Site::empty().await;
    let seen = site.get("/").await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(seen.text.contains("href=\"/begin\"") && seen.text.contains("href=\"/sources\""));
    assert!(!seen.text.contains("/hooks/"));
    let addresses = [
        "/events",
        "/connections",
        "/bookings",
        "/bookings?state=needs-you",
        "/bookings?source=none",
        "/?of=month",
        "/bookings?q=lee",
    ];
    for address in addresses {
        assert_eq!(site.get(address).await.status, StatusCode::OK, "{address}");
    }
}

#[actix_web::test]
async fn the_list_tells_of_each_booking_where_it_is() {
    let site = Site::filled().await;
    let seen = site.get("/bookings").await;
    for word in [
        "Siobhán Ní Bhriain",
        "Whale watch — half day",
        "Thu 11 March 2027, 09:30",
        "in sandbox-crm",
        "needs you: not in sandbox-crm",
        "on the way to sandbox-crm",
        ESCAPED,
    ] {
        assert!(seen.text.contains(word), "{word}");
    }
    assert!(!seen.text.contains(HOSTILE));
    let needs_you = site.get("/bookings?state=needs-you").await;
    assert!(needs_you.text.contains("Mary Ann Smith-Okonkwo") && !needs_you.text.contains("Siobhán"));
    let under_way = site.get("/bookings?state=waiting").await;
    assert!(under_way.text.contains("Siobhán") && !under_way.text.contains("Mary Ann"));
    let none = site.get("/bookings?status=cancelled").await;
    assert!(none.text.contains("No booking matches 1 filter."));
}

#[actix_web::test]
async fn what_is_refreshed_is_what_was_painted_first() {
    let site = Site::filled().await;
    let pages = [
        ("/", "/?part=live"),
        ("/?of=month", "/?of=month&part=live"),
        ("/bookings", "/bookings?part=live"),
        ("/bookings?q=mary&state=needs-you", "/bookings?q=mary&state=needs-you&part=live"),
        ("/bookings/bkg_1", "/bookings/bkg_1?part=live"),
    ];
    for (page, part) in pages {
        let (whole, part) = (site.get(page).await, site.get(part).await);
        assert!(!part.text.contains("<html"), "{page}");
        assert!(part.text.len() > 500 && whole.text.contains(part.text.trim()), "{page}");
    }
}

#[actix_web::test]
async fn a_booking_tells_its_story_newest_first() {
    let site = Site::filled().await;
    let seen = site.get("/bookings/bkg_1").await;
    for word in [
        "US$99.00",
        "UTC−10",
        "1 person",
        "<code>1551</code>",
        "a change waits",
        "Phone: ",
        " → +49 123 456 789",
        "href=\"https://fareharbor.com/harbour/dashboard/bookings/70000001/\" rel=\"noopener noreferrer external\"",
        "/events/evt_1b/raw",
        "200 in 180 ms",
        "PUT http://127.0.0.1:9900/contacts/guest1%40example.org",
    ] {
        assert!(seen.text.contains(word), "{word}");
    }
    let (newer, older) = (seen.text.find(">Phone: "), seen.text.find("Booked"));
    assert!(newer < older, "{newer:?} {older:?}");
    assert!(!seen.text.contains(HOSTILE));
    let failed = site.get("/bookings/bkg_3").await;
    assert!(failed.text.contains(ESCAPED) && !failed.text.contains("<img"));
    assert!(failed.text.contains("Try again"));
    let held = site.get("/bookings/bkg_5").await;
    assert!(held.text.contains("It is not there: try again"));
}

#[actix_web::test]
async fn a_webhook_is_given_as_it_came_and_no_browser_runs_it() {
    let site = Site::filled().await;
    let seen = site.get("/events/evt_3a/raw").await;
    assert_eq!(seen.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(seen.header("x-content-type-options"), "nosniff");
    assert_eq!(seen.header("content-security-policy"), "default-src 'none'; sandbox; frame-ancestors 'none'");
    assert_eq!(seen.header("content-disposition"), "inline; filename=\"evt_3a.txt\"");
    let body: serde_json::Value = serde_json::from_str(&seen.text).expect("the body as it came");
    assert_eq!(body["contact"]["name"], HOSTILE);
    let page = site.get("/events/evt_3a").await;
    assert!(page.text.contains("/bookings/bkg_3") && page.text.contains("Booked"));
    let others = site.get("/events").await;
    assert!(others.text.contains("be read") && others.text.contains("The body has no booking in it"));
    assert!(!site.get("/events?kind=refused").await.text.contains("The body has no booking"));
}

#[actix_web::test]
async fn a_run_is_tried_again_by_its_button() {
    let site = Site::filled().await;
    let seen = site.post("/runs/run_3a/retry", &[("back", "booking")]).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert_eq!(seen.header("location"), "/bookings/bkg_3?said=tried#run_3a");
    let run = site.app.store.run_with_context(&RunId::new("run_3a")).await.expect("a store").expect("a run");
    assert_eq!(run.run.state.as_str(), "waiting");
    assert!(site.get("/bookings/bkg_3?said=tried").await.text.contains("It is tried again now."));
    assert!(!site.get("/bookings/bkg_3?said=anything").await.text.contains("class=\"said\""));
    let done = site.post("/runs/run_2a/retry", &[("back", "//example.org")]).await;
    assert_eq!(done.header("location"), "/runs/run_2a?said=not-tried");
    let event = site.post("/runs/run_2a/retry", &[("back", "event")]).await;
    assert_eq!(event.header("location"), "/events/evt_2a?said=not-tried#run_2a");
    assert_eq!(site.post("/runs/none/retry", &[]).await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_connection_is_paused_and_resumed_by_its_button() {
    let site = Site::filled().await;
    assert_eq!(site.post("/connections/none/pause", &[]).await.status, StatusCode::NOT_FOUND);
    let seen = site.post("/connections/sandbox-crm/pause", &[]).await;
    assert_eq!((seen.status, seen.header("location")), (StatusCode::SEE_OTHER, "/connections?said=paused"));
    let list = site.get("/connections?said=paused").await;
    assert!(list.text.contains("The connection is paused.") && list.text.contains("/resume"));
    assert!(site.get("/").await.text.contains("sandbox-crm is paused."));
    let seen = site.post("/connections/sandbox-crm/resume", &[]).await;
    assert_eq!(seen.header("location"), "/connections?said=resumed");
    assert!(site.get("/connections").await.text.contains("takes calls"));
}

#[actix_web::test]
async fn an_address_that_leads_nowhere_says_so_in_words() {
    let site = Site::filled().await;
    for address in
        ["/bookings/none", "/events/none", "/events/none/raw", "/runs/none", "/static/none", "/none/at/all"]
    {
        let seen = site.get(address).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{address}");
        assert!(seen.text.contains("There is no such") && seen.text.contains("href=\"/\""), "{address}");
    }
    let odd = site.get("/bookings?after=x&state=%00&source=%22%3E%3Cimg%20src%3Dx%3E&q=%22%3E%3Cimg").await;
    assert_eq!(odd.status, StatusCode::OK);
    assert!(!odd.text.contains("<img"));
}

#[actix_web::test]
async fn a_database_that_is_away_is_said_in_words() {
    let site = Site::filled().await;
    site.app.store.close().await;
    for address in ["/", "/bookings", "/bookings/bkg_1", "/events", "/connections", "/runs/run_1a"] {
        let seen = site.get(address).await;
        assert_eq!(seen.status, StatusCode::INTERNAL_SERVER_ERROR, "{address}");
        assert!(seen.text.contains("can&#39;t be read now"), "{address}: {}", seen.text);
    }
}

#[actix_web::test]
async fn static_files_are_kept_by_the_hash_of_what_they_hold() {
    let site = Site::empty().await;
    let page = site.get("/").await;
    for name in ["pages.css", "pages.js", "sign.svg", "icons.svg"] {
        let from = page.text.find(&format!("/static/{name}?")).expect("the page names it");
        let address = page.text[from..].split(['"', '#']).next().unwrap_or_default();
        let seen = site.get(address).await;
        assert_eq!(seen.status, StatusCode::OK, "{address}");
        assert!(seen.header("cache-control").contains("immutable"), "{address}");
        assert_eq!(seen.header("x-content-type-options"), "nosniff");
        let other = site.get(&format!("/static/{name}?other")).await;
        assert_eq!(other.header("cache-control"), "no-cache");
    }
}

#[actix_web::test]
async fn metrics_are_told_while_the_database_is_away() {
    let site = Site::filled().await;
    let seen = site.get("/metrics").await;
    assert_eq!(seen.status, StatusCode::OK);
    assert_eq!(seen.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in ["waypost_database_up 1", "waypost_runs{connection=\"sandbox-crm\",state=\"held\"} 1"] {
        assert!(seen.text.lines().any(|told| told == line), "{line}\n{}", seen.text);
    }
    assert!(!seen.text.contains("example.org") && !seen.text.contains(HOSTILE), "{}", seen.text);

    // Another app over the store that is closed: it has nothing of lately.
    let site = Site::filled().await;
    site.app.store.close().await;
    let seen = site.get("/metrics").await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(seen.text.contains("waypost_database_up 0\n"), "{}", seen.text);
    assert!(seen.text.contains("waypost_webhooks_received_total 0\n"), "{}", seen.text);
    assert!(!seen.text.contains("waypost_runs"), "{}", seen.text);
}

#[actix_web::test]
async fn whoever_chooses_dark_gets_dark_and_stays_where_they_are() {
    let site = Site::filled().await;
    assert!(site.get("/bookings").await.text.contains("<html lang=\"en\" data-colours=\"device\""));
    let chosen = site.post("/colours", &[("colours", "dark")]).await;
    assert_eq!((chosen.status, chosen.header("location")), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(chosen.cookie("colours").as_deref(), Some("dark"));
    let request = TestRequest::get().uri("/sign-in").insert_header(("cookie", "colours=dark"));
    let seen = site.send(request.insert_header(("host", "127.0.0.1:8081"))).await;
    assert!(seen.text.contains("<html lang=\"en\" data-colours=\"dark\""));
    let strange = site.post("/colours", &[("colours", "\"><script>")]).await;
    assert_eq!(strange.cookie("colours").as_deref(), Some("device"));
}

#[actix_web::test]
async fn a_page_that_is_not_there_keeps_the_count_of_what_needs_somebody_and_leads_to_its_own_list() {
    let site = Site::filled().await;
    let count = |text: &str| {
        let (_, rest) = text.split_once("data-needs-you-count").expect("the count");
        rest.split('<').next().unwrap_or_default().to_owned()
    };
    let known = count(&site.get("/").await.text);
    assert!(known.starts_with('>') && known != ">0", "{known}");
    for (address, list) in [
        ("/rules/nothing-here", "/rules"),
        ("/sources/nothing-here", "/sources"),
        ("/connections/nothing-here", "/connections"),
        ("/bookings/nothing-here", "/bookings"),
        ("/events/nothing-here", "/events"),
        ("/needs-you/nothing-here", "/needs-you"),
        ("/settings/alerts/nothing-here", "/settings/alerts"),
        ("/nothing-here", "/"),
    ] {
        let seen = site.get(address).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{address}");
        let button = format!("<a class=\"button\" href=\"{list}\">");
        assert!(seen.text.contains(&button), "{address}: {}", seen.text);
        let wanted = if address == "/nothing-here" { count(&seen.text) } else { known.clone() };
        assert_eq!(count(&seen.text), wanted, "{address}");
    }
}
