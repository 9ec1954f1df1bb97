//! Who may see the pages and press their buttons.

use crate::filled::Site;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;

#[actix_web::test]
async fn a_page_is_answered_to_names_of_this_machine_only() {
    let site = Site::empty().await;
    for host in ["localhost", "localhost:8081", "127.0.0.1:8081", "[::1]:8081"] {
        let cookie = ("cookie", format!("waypost={}", site.session));
        let request = TestRequest::get().uri("/").insert_header(("host", host)).insert_header(cookie);
        assert_eq!(site.send(request).await.status, StatusCode::OK, "{host}");
    }
    for host in ["example.org", "example.org:8081", "localhost.example.org", "192.168.1.5:8081", ""] {
        for address in ["/", "/static/pages.css", "/nothing", "/events/evt_1/raw"] {
            let seen = site.send(TestRequest::get().uri(address).insert_header(("host", host))).await;
            assert_eq!(seen.status, StatusCode::MISDIRECTED_REQUEST, "{host} {address}");
            assert!(seen.text.contains("not where the pages are"), "{host} {address}");
        }
    }
    let without = site.send(TestRequest::get().uri("/")).await;
    assert_eq!(without.status, StatusCode::MISDIRECTED_REQUEST);
    let proxied = TestRequest::get()
        .uri("/")
        .insert_header(("host", "localhost:8081"))
        .insert_header(("x-forwarded-for", "203.0.113.7"));
    assert_eq!(site.send(proxied).await.status, StatusCode::MISDIRECTED_REQUEST);
}

#[actix_web::test]
async fn a_button_of_another_site_changes_nothing() {
    let site = Site::filled().await;
    let foreign: [&[(&str, &str)]; 7] = [
        &[],
        &[("origin", "https://example.org")],
        &[("origin", "null")],
        &[("origin", "http://localhost:9999")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8081")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "same-origin"), ("origin", "http://example.org")],
    ];
    for headers in foreign {
        for address in ["/runs/run_3a/retry", "/connections/sandbox-crm/pause", "/"] {
            let mut request = TestRequest::default()
                .method(Method::POST)
                .uri(address)
                .insert_header(("host", "localhost:8081"))
                .insert_header(("cookie", format!("waypost={}", site.session)))
                .set_form([("back", "run"), ("form_token", &site.form_token)]);
            for header in headers {
                request = request.insert_header(*header);
            }
            let seen = site.send(request).await;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{headers:?} {address}");
        }
    }
    let run = site.app.store.run_with_context(&waypost::domain::RunId::new("run_3a")).await;
    assert_eq!(run.expect("a store").expect("a run").run.state.as_str(), "failed");
}

#[actix_web::test]
async fn every_answer_says_what_a_browser_may_load() {
    let site = Site::filled().await;
    for address in [
        "/",
        "/bookings",
        "/bookings/bkg_1",
        "/events",
        "/connections",
        "/runs/run_1a",
        "/nothing",
        "/bookings/none",
    ] {
        let seen = site.get(address).await;
        let policy = seen.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{address}: {policy}");
        assert!(!policy.contains("unsafe"), "{address}: {policy}");
        assert_eq!(seen.header("x-content-type-options"), "nosniff", "{address}");
        assert_eq!(seen.header("referrer-policy"), "same-origin", "{address}");
        assert_eq!(seen.header("cache-control"), "no-store", "{address}");
        assert_eq!(seen.header("content-type"), "text/html; charset=utf-8", "{address}");
    }
}
