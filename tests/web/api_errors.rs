//! What the API says to what it can't take: always JSON, always a code, a sentence and a way out, and never a change.

use crate::api_program::{Program, code_of, json_of};
use crate::filled::{HOSTILE, Site};
use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::json;
use waypost::domain::{RunId, Scope};
use waypost::web::routes;

#[actix_web::test]
async fn parameters_that_can_t_be_taken_are_told() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    let lists = ["bookings", "bookings/bkg_1/changes", "events", "runs", "causes", "health"];
    for list in lists {
        // A slip in a filter's name would else mean everything.
        for query in
            ["stat=failed", "limit=x", "limit=0", "limit=-1", "limit=201", "after=", "after=x", "after=%FF"]
        {
            let seen = program.ask(&format!("/api/v1/{list}?{query}")).await;
            assert_eq!(seen.status.as_u16(), 400, "{list}?{query}: {}", seen.text);
            let told = json_of(&seen);
            assert!(["wrong_parameter", "wrong_cursor"].contains(&code_of(&told)), "{told}");
        }
    }
    for limit in ["x", "", "201", "1.5"] {
        let told = json_of(&program.ask(&format!("/api/v1/runs?limit={limit}")).await);
        let message = told["error"]["message"].as_str().unwrap_or_default();
        assert!(message.ends_with("limit must be a number from 1 to 200."), "{told}");
    }
    let odd = [
        "runs?state=gone",
        "runs?cause=x",
        "runs?since=yesterday",
        "runs?state=failed&state=held",
        "events?kind=gone",
        "events?since=2027",
        "bookings?state=gone",
        "bookings?tour_day=14.3.2027",
        "bookings?changed_from=x",
        "bookings?key=a&q=b",
        "health?of=year",
    ];
    for query in odd {
        let seen = program.ask(&format!("/api/v1/{query}")).await;
        assert_eq!((seen.status.as_u16(), code_of(&json_of(&seen))), (400, "wrong_parameter"), "{query}");
    }
    let long = format!("/api/v1/bookings?q={}", "a".repeat(121));
    assert_eq!(program.ask(&long).await.status.as_u16(), 400);
}

#[actix_web::test]
async fn a_cursor_of_one_list_is_none_of_another() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    let next = program.get("/api/v1/runs?limit=1").await["next"].as_str().expect("more").to_owned();
    for list in ["bookings", "events", "causes", "bookings/bkg_1/changes"] {
        let seen = program.ask(&format!("/api/v1/{list}?after={next}")).await;
        assert_eq!((seen.status.as_u16(), code_of(&json_of(&seen))), (400, "wrong_cursor"), "{list}");
    }
}

#[actix_web::test]
async fn hostile_ids_lead_nowhere() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Admin).await;
    let hostile: Vec<String> = [
        HOSTILE,
        "../../etc/passwd",
        "..",
        ".",
        "%",
        "\u{0}",
        "a\r\nset-cookie: a=b",
        "' OR 1=1 --",
        "run_3a\u{0}",
        "RUN_3A",
        "🦈",
        &"a".repeat(3_000),
    ]
    .iter()
    .map(|id| id.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}")))
    .chain(["%FF%FE".to_owned(), "%".to_owned(), "%zz".to_owned()])
    .collect();
    for (method, path, _) in routes() {
        if !path.starts_with("/api/") || !path.contains('{') {
            continue;
        }
        for id in &hostile {
            let address = path.split('/').map(|part| if part.starts_with('{') { id.as_str() } else { part });
            let address = address.collect::<Vec<_>>().join("/");
            let request = TestRequest::default().method(method.clone()).uri(&address);
            let request = if method == Method::POST { request.set_json(json!({})) } else { request };
            let seen = program.send(request).await;
            let status = seen.status.as_u16();
            assert!(
                matches!(status, 400 | 404 | 405 | 409 | 422),
                "{method} {address}: {status} {}",
                seen.text
            );
            code_of(&json_of(&seen));
            assert!(!seen.headers.contains_key("set-cookie"), "{address}");
        }
    }
}

#[actix_web::test]
async fn bodies_that_can_t_be_read_are_told_with_the_place() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Write).await;
    let post = || TestRequest::default().method(Method::POST).uri("/api/v1/runs/run_3a/retry");
    let json_type = ("content-type", "application/json");
    let cases = [
        (post().insert_header(json_type).set_payload("{\"as_it_was\":\ntru}"), 400, "unreadable"),
        (post().insert_header(json_type).set_payload("{"), 400, "unreadable"),
        (post().insert_header(json_type).set_payload(vec![0xff, 0xfe]), 400, "unreadable"),
        (post().insert_header(json_type).set_payload("[]"), 422, "wrong_value"),
        (post().insert_header(json_type).set_payload("{\"as_it_was\":1}"), 422, "wrong_value"),
        (post().insert_header(json_type).set_payload("{\"as_it_is\":true}"), 422, "wrong_value"),
        (
            post().insert_header(json_type).set_payload("{\"as_it_was\":true,\"as_it_was\":false}"),
            422,
            "wrong_value",
        ),
        (post().set_payload("{}"), 415, "not_json"),
        (post().set_form([("as_it_was", "true")]), 415, "not_json"),
        (post().insert_header(json_type).set_payload("[".repeat(3_000)), 400, "unreadable"),
        (post().insert_header(json_type).set_payload("x".repeat(1 << 20)), 413, "too_large"),
    ];
    for (number, (request, status, code)) in cases.into_iter().enumerate() {
        let seen = program.send(request).await;
        let told = json_of(&seen);
        assert_eq!((seen.status.as_u16(), code_of(&told)), (status, code), "{number}: {told}");
        if number == 0 {
            assert_eq!(told["error"]["details"], json!({ "line": 2, "column": 4 }));
        }
    }
    let run = site.app.store.run_with_context(&RunId::new("run_3a")).await.expect("a store").expect("a run");
    assert_eq!(run.run.state.as_str(), "failed", "nothing was changed");
    let seen = program.send(post().insert_header(("content-type", "application/json; charset=utf-8"))).await;
    assert_eq!(seen.status.as_u16(), 200, "nothing at all is an empty object: {}", seen.text);
}

#[actix_web::test]
async fn another_method_is_told_which_there_are() {
    let site = Site::empty().await;
    for (address, allow) in [("/api/v1/runs", "GET"), ("/api/v1/runs/run_1/retry", "POST")] {
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let seen = site
                .send(TestRequest::default().method(method).uri(address).insert_header(("host", "localhost")))
                .await;
            assert_eq!((seen.status.as_u16(), seen.header("allow")), (405, allow), "{address}");
            assert_eq!(code_of(&json_of(&seen)), "wrong_method");
        }
    }
    let seen = site.get("/api/v2/runs").await;
    assert_eq!((seen.status.as_u16(), code_of(&json_of(&seen))), (404, "not_found"));
}

#[actix_web::test]
async fn a_database_that_is_away_is_told_and_when_to_try_again() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    program.get("/api/v1/runs").await;
    site.app.store.close().await;
    let seen = program.ask("/api/v1/runs").await;
    assert!(matches!(seen.status.as_u16(), 500 | 503), "{}", seen.text);
    assert_eq!(code_of(&json_of(&seen)), "not_working");
}
