//! What keeps strangers out: the tokens of forms, cookies' flags, the name of `--ui-url`, places to go on to, and what the
//! demo leaves open.

use crate::accounts::{Visit, sign_in};
use crate::filled::{ADMIN, Seen, Site};
use crate::signed_in::{PASSWORD, session_of};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use std::sync::Arc;
use waypost::app::Who;
use waypost::domain::{Role, RunId, Scope};
use waypost::web::{Access, UiUrl};

async fn state_of(site: &Site, run: &str) -> String {
    let run = site.app.store.run_with_context(&RunId::new(run)).await;
    run.expect("a store").expect("a run").run.state.as_str().to_owned()
}

#[actix_web::test]
async fn a_form_without_its_own_token_changes_nothing() {
    let site = Site::filled().await;
    let other = session_of(&site.app, "editor@example.org", Role::Editor).await;
    let others = site.form_token_of(&other).await;
    let visit = Visit::at(&site, "/sign-in").await;
    assert_ne!(others, site.form_token);
    let wrong = ["", "wrong", &others, &visit.token, &site.session, &site.form_token.to_uppercase()];
    for token in wrong {
        for address in
            ["/runs/run_3a/retry", "/connections/sandbox-crm/pause", "/settings/people", "/sign-out"]
        {
            let seen = site.post_as(&site.session, token, address, &[("back", "run")]).await;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{token} {address}");
            assert!(seen.text.contains("Nothing was changed."), "{token} {address}");
        }
    }
    // Twice, in the address, in another type, or not at all.
    let request = |address: &str| {
        TestRequest::default()
            .method(Method::POST)
            .uri(address)
            .insert_header(("host", "127.0.0.1:8081"))
            .insert_header(("origin", "http://127.0.0.1:8081"))
            .insert_header(("cookie", format!("waypost={}", site.session)))
    };
    let retry = "/runs/run_3a/retry";
    let token = &site.form_token;
    let odd = [
        request(retry).set_form([("form_token", token), ("form_token", token)]),
        request(&format!("{retry}?form_token={token}")).set_form([("back", "run")]),
        request(retry).set_payload(format!("form_token={token}")),
        request(retry).set_json(serde_json::json!({ "form_token": token })),
        request(retry).insert_header(("x-waypost-form", "wrong")).set_form([("form_token", token)]),
        request(retry),
    ];
    for request in odd {
        assert_eq!(site.send(request).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(state_of(&site, "run_3a").await, "failed");
    let scripts = request(retry).insert_header(("x-waypost-form", token.as_str()));
    let scripts = site.send(scripts.set_form([("back", "run")])).await;
    assert_eq!(scripts.status, StatusCode::SEE_OTHER, "{}", scripts.text);
    assert_eq!(state_of(&site, "run_3a").await, "waiting");
}

#[actix_web::test]
async fn signing_in_needs_the_form_of_the_same_browser() {
    let site = Site::empty().await;
    let (mine, others) = (Visit::at(&site, "/sign-in").await, Visit::at(&site, "/sign-in").await);
    let form = [("email", ADMIN), ("password", PASSWORD)];
    for (cookie, token) in [("", &*mine.token), (&mine.cookie, &others.token), (&mine.cookie, "")] {
        let seen = site.post_with(cookie, token, "/sign-in", &form).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{cookie} {token}");
        assert_eq!(seen.cookie("waypost"), None);
    }
    assert_eq!(mine.send(&site, "/sign-in", &form).await.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn one_goes_on_to_pages_of_ours_only() {
    let site = Site::empty().await;
    let foreign = [
        "https://example.org/",
        "//example.org",
        "/\\example.org",
        "/\t/example.org",
        "javascript:alert(1)",
        "/x\r\nset-cookie: waypost=a",
        "example.org",
    ];
    for next in foreign {
        let visit = Visit::at(&site, "/sign-in").await;
        let form = [("email", ADMIN), ("password", PASSWORD), ("next", next)];
        let seen = visit.send(&site, "/sign-in", &form).await;
        assert_eq!((seen.status, seen.header("location")), (StatusCode::SEE_OTHER, "/"), "{next:?}");
        assert_eq!(seen.headers.get_all("set-cookie").count(), 1, "{next:?}");
        let encoded = next.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
        let shown = site.get_as("", &format!("/sign-in?next={encoded}")).await;
        assert!(shown.text.contains("name=\"next\" value=\"/\""), "{next:?}: {}", shown.text);
        let signed_in = site.get(&format!("/sign-in?next={encoded}")).await;
        assert_eq!(signed_in.header("location"), "/", "{next:?}");
    }
    // A path that only looks like one of ours.
    let seen = site.get_as("", "//example.org/%0d%0aset-cookie:a=b").await;
    assert!(!seen.header("location").starts_with("//"), "{}", seen.header("location"));
}

#[actix_web::test]
async fn what_people_are_called_stays_out_of_headers_and_markup() {
    let site = Site::empty().await;
    let hostile = "<img src=x onerror=alert(1)>\r\nset-cookie: a=b";
    let form = [("name", hostile), ("time_zone", "")];
    let seen = site.post("/account", &form).await;
    assert_eq!(seen.header("location"), "/account?said=profile");
    let page = site.get("/settings/people").await;
    assert!(page.text.contains("onerror") && !page.text.contains("<img"), "{}", page.text);
    for (field, value) in [("name", "a\u{0}b"), ("name", ""), ("time_zone", "Mars/Olympus")] {
        let form = if field == "name" {
            [("name", value), ("time_zone", "")]
        } else {
            [("name", "A"), (field, value)]
        };
        let seen = site.post("/account", &form).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{value:?}");
        assert!(seen.text.contains(&format!("href=\"#{field}\"")), "{value:?}: {}", seen.text);
    }
}

/// A site behind a TLS proxy.
async fn proxied() -> Site {
    let mut site = Site::empty().await;
    let url = UiUrl::parse("https://tours.example.org").expect("a URL");
    site.access = Arc::new(Access { url: Some(url), ..Access::default() });
    site
}

/// As the proxy passes it on.
fn through(request: TestRequest, from: &str) -> TestRequest {
    request
        .insert_header(("host", "tours.example.org"))
        .insert_header(("x-forwarded-for", from))
        .insert_header(("x-forwarded-proto", "https"))
}

async fn sign_in_through(site: &Site, from: &str, email: &str, password: &str) -> Seen {
    let door = site.send(through(TestRequest::get().uri("/sign-in"), from)).await;
    let visit = door.cookie("__Host-waypost-visit").expect("a visit begins");
    let request = TestRequest::default()
        .method(Method::POST)
        .uri("/sign-in")
        .insert_header(("origin", "https://tours.example.org"))
        .insert_header(("cookie", format!("__Host-waypost-visit={visit}")))
        .set_form([("email", email), ("password", password), ("form_token", &door.form_token())]);
    site.send(through(request, from)).await
}

#[actix_web::test]
async fn behind_tls_cookies_are_for_that_host_alone() {
    let site = proxied().await;
    let seen = sign_in_through(&site, "203.0.113.7", ADMIN, PASSWORD).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    let set = seen.headers.get("set-cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
    let (first, flags) = set.split_once(';').expect("flags");
    assert!(first.starts_with("__Host-waypost="), "{set}");
    assert_eq!(flags, " Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
    let session = seen.cookie("__Host-waypost").expect("a session");
    let with = |cookie: String| {
        through(TestRequest::get().uri("/"), "203.0.113.7").insert_header(("cookie", cookie))
    };
    assert_eq!(site.send(with(format!("__Host-waypost={session}"))).await.status, StatusCode::OK);
    // Another host of the domain could have set this one.
    assert_eq!(site.send(with(format!("waypost={session}"))).await.status, StatusCode::SEE_OTHER);
    let plain = sign_in(&site, ADMIN, PASSWORD).await;
    let set = plain.headers.get("set-cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
    assert!(set.starts_with("waypost=") && set.ends_with("; HttpOnly; SameSite=Lax"), "{set}");
    let invited = [("name", "Mary"), ("email", "mary@example.org"), ("role", "viewer")];
    let seen = site.post("/settings/people", &invited).await;
    assert!(seen.text.contains("<code>https://tours.example.org/welcome/"), "{}", seen.text);
}

#[actix_web::test]
async fn the_name_of_the_url_is_the_only_other_name() {
    let site = proxied().await;
    let get = |host: &str| TestRequest::get().uri("/sign-in").insert_header(("host", host));
    for host in ["tours.example.org", "TOURS.example.org:443", "localhost:8081", "127.0.0.1:8081"] {
        assert_eq!(site.send(get(host)).await.status, StatusCode::OK, "{host}");
    }
    let foreign = [
        "example.org",
        "evil.tours.example.org",
        "tours.example.org.evil.example",
        "tours.example.org:8081",
        "",
    ];
    for host in foreign {
        let seen = site.send(get(host)).await;
        assert_eq!(seen.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        assert!(seen.text.contains("https://tours.example.org"), "{host}: the way out is told");
    }
    // A proxy that does not pass the name on.
    let seen = site.send(get("127.0.0.1:8081").insert_header(("x-forwarded-for", "203.0.113.7"))).await;
    assert_eq!(seen.status, StatusCode::MISDIRECTED_REQUEST);
    // Forms of it come from it, by TLS.
    for origin in ["http://tours.example.org", "https://evil.example", "https://localhost:8081", "null"] {
        let request = TestRequest::default()
            .method(Method::POST)
            .uri("/sign-in")
            .insert_header(("origin", origin))
            .set_form([("email", ADMIN)]);
        let seen = site.send(through(request, "203.0.113.7")).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{origin}");
    }
    // Without a URL none of it is ours.
    let site = Site::empty().await;
    let seen = site.send(get("tours.example.org")).await;
    assert_eq!(seen.status, StatusCode::MISDIRECTED_REQUEST);
}

#[actix_web::test]
async fn behind_the_proxy_tries_are_counted_by_whom_it_names() {
    let site = proxied().await;
    // What a browser says of itself stands before what the proxy adds.
    for number in 0..11 {
        let from = format!("198.51.100.{number}, 203.0.113.7");
        let seen =
            sign_in_through(&site, &from, &format!("guest{number}@example.org"), "a wrong password").await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{number}");
    }
    let seen = sign_in_through(&site, "198.51.100.99, 203.0.113.7", ADMIN, PASSWORD).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    let seen = sign_in_through(&site, "203.0.113.8", ADMIN, PASSWORD).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "from elsewhere");
}

#[actix_web::test]
async fn figures_are_read_from_this_machine_or_with_a_token() {
    let site = proxied().await;
    let make = async |scope| {
        let made = site.app.make_api_token(&Who::command_line(), "Prometheus", vec![scope], None).await;
        format!("Bearer {}", made.expect("a token").1)
    };
    let (metrics, read) = (make(Scope::Metrics).await, make(Scope::Read).await);
    let ask = || TestRequest::get().uri("/metrics");
    let here = || ask().insert_header(("host", "localhost:8081"));
    let there = || through(ask(), "203.0.113.7");
    assert_eq!(site.send(here()).await.status, StatusCode::OK);
    assert_eq!(site.send(there()).await.status, StatusCode::UNAUTHORIZED);
    for request in [here(), there()] {
        let seen = site.send(request.insert_header(("authorization", metrics.as_str()))).await;
        assert_eq!(seen.status, StatusCode::OK);
        assert!(seen.text.contains("waypost_database_up 1"), "{}", seen.text);
    }
    for (token, status) in
        [(&read, StatusCode::FORBIDDEN), (&"Bearer wp_x".to_owned(), StatusCode::UNAUTHORIZED)]
    {
        let seen = site.send(there().insert_header(("authorization", token.as_str()))).await;
        assert_eq!(seen.status, status);
    }
    // Somebody who reached the port itself and says that it is this machine.
    let peer = "203.0.113.9:1234".parse().expect("an address");
    assert_eq!(site.send(here().peer_addr(peer)).await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn the_demo_is_open_and_its_forms_are_not() {
    let mut site = Site::filled().await;
    site.access = Arc::new(Access::open("key of the demo".into()));
    let page = site.get_as("", "/connections").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("This is the demo"), "{}", page.text);
    assert!(!page.text.contains("/sign-out"), "{}", page.text);
    let token = page.form_token();
    for wrong in ["", site.form_token.as_str()] {
        let seen = site.post_as("", wrong, "/connections/sandbox-crm/pause", &[]).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN);
    }
    let seen = site.post_as("", &token, "/connections/sandbox-crm/pause", &[]).await;
    assert_eq!(seen.header("location"), "/connections?said=paused");
    let lines = site.app.store.people().audit(None, 1).await.expect("the log");
    assert_eq!((&*lines[0].who_name, &*lines[0].act), ("demo", "connection.paused"));
    assert_eq!(site.get_as("", "/settings/people").await.status, StatusCode::OK);
    assert_eq!(site.get_as("", "/account").await.status, StatusCode::FORBIDDEN, "it has no account");
    assert_eq!(site.get_as("", "/sign-in").await.header("location"), "/");
}

#[actix_web::test]
async fn no_answer_can_be_framed_or_kept() {
    let site = Site::filled().await;
    for (session, address) in [
        ("", "/sign-in"),
        ("", "/events"),
        ("", "/welcome/none"),
        ("", "/api/v1/me"),
        (site.session.as_str(), "/account"),
        (&site.session, "/account/second-factor"),
        (&site.session, "/settings/people"),
        (&site.session, "/settings/tokens"),
        (&site.session, "/settings/audit"),
        (&site.session, "/api/v1/me"),
    ] {
        let seen = site.get_as(session, address).await;
        assert_eq!(seen.header("x-frame-options"), "DENY", "{address}");
        assert!(seen.header("content-security-policy").contains("frame-ancestors 'none'"), "{address}");
        assert_eq!(seen.header("cache-control"), "no-store", "{address}");
    }
}

#[actix_web::test]
async fn what_a_script_fetches_is_not_led_to_a_page() {
    let site = Site::filled().await;
    let fetch = TestRequest::get().uri("/").insert_header(("host", "127.0.0.1:8081"));
    let seen = site.send(fetch.insert_header(("sec-fetch-dest", "empty"))).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn an_address_of_the_api_is_one_however_it_is_spelled() {
    let site = Site::empty().await;
    for address in
        ["/%61pi/v1/me", "/api/v1/%6de", "/api/./v1/me", "/api//v1/me", "/api/v1/me/", "//api/v1/me"]
    {
        let seen = site.get(address).await;
        let refused = matches!(seen.status, StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND);
        assert!(refused, "a cookie opens {address}: {}", seen.status);
    }
}
