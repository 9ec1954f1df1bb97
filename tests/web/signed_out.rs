//! A session ends while somebody writes: what they sent comes along through signing in, and nothing secret does.

use crate::accounts::Visit;
use crate::filled::{ADMIN, HOSTILE, Seen, Site};
use crate::signed_in::PASSWORD;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;

/// The value of a hidden field, with its markup undone.
fn hidden(seen: &Seen, name: &str) -> Option<String> {
    let (_, rest) = seen.text.split_once(&format!("type=\"hidden\" name=\"{name}\" value=\""))?;
    let value = rest.split('"').next()?;
    let marks = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    Some(marks.iter().fold(value.to_owned(), |text, (mark, plain)| text.replace(mark, plain)))
}

/// Sends a form without a session, from a page of ours.
async fn sent(site: &Site, address: &str, form: &[(&str, &str)]) -> Seen {
    let request = TestRequest::default()
        .method(Method::POST)
        .uri(address)
        .insert_header(("host", "127.0.0.1:8081"))
        .insert_header(("origin", "http://127.0.0.1:8081"))
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("referer", "http://127.0.0.1:8081/rules/guests/edit?recipe=blank"))
        .set_form(form);
    site.send(request).await
}

#[actix_web::test]
async fn what_was_written_comes_along_through_signing_in() {
    let site = Site::filled().await;
    let text = format!("title: {HOSTILE}\r\nwhen: a && b\r\n");
    let form = [("form_token", "old"), ("text", &text), ("opened", ""), ("booking", "bkg_1")];
    let seen = sent(&site, "/rules/guests/edit", &form).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    assert!(seen.text.contains("Sign in and go on"), "{}", seen.text);
    assert_eq!(hidden(&seen, "next").as_deref(), Some("/rules/guests/edit?recipe=blank"));
    let (to, kept) = (hidden(&seen, "to").expect("where to"), hidden(&seen, "kept").expect("the form"));
    assert_eq!(to, "/rules/guests/edit");

    // Also past a wrong password.
    let visit = seen.cookie("waypost-visit").expect("a visit begins");
    let visit = Visit { cookie: format!("waypost-visit={visit}"), token: seen.form_token() };
    let form = |password| {
        [
            ("email", ADMIN),
            ("password", password),
            ("next", "/"),
            ("signed_out", "yes"),
            ("to", &to),
            ("kept", &kept),
        ]
    };
    let wrong = visit.send(&site, "/sign-in", &form("wrong")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hidden(&wrong, "kept"), Some(kept.clone()));

    // Nothing is done by it before a press: then it is the same form, with a token of the new session.
    let seen = visit.send(&site, "/sign-in", &form(PASSWORD)).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(seen.text.contains("<form method=\"post\" action=\"/rules/guests/edit\">"), "{}", seen.text);
    assert!(!seen.text.contains(HOSTILE), "{}", seen.text);
    assert_eq!(hidden(&seen, "text"), Some(text.clone()));
    assert_eq!(hidden(&seen, "booking").as_deref(), Some("bkg_1"));
    let session = seen.cookie("waypost").expect("a session");
    assert_eq!(seen.form_token(), site.form_token_of(&session).await);
    let again = [("text", text.as_str()), ("opened", ""), ("booking", "bkg_1")];
    let seen = site.post_as(&session, &seen.form_token(), &to, &again).await;
    assert_ne!(seen.status, StatusCode::FORBIDDEN, "{}", seen.text);
}

#[actix_web::test]
async fn what_is_secret_or_long_is_not_kept_and_one_goes_on_to_the_page() {
    let site = Site::filled().await;
    let long = "a".repeat(200_000);
    let forms: [(&str, &[(&str, &str)]); 4] = [
        ("/connections/sandbox-crm/secret", &[("secret", "hubspot-token"), ("value", "s3cret-value")]),
        ("/account/password", &[("present", "s3cret-value"), ("new", "s3cret-value")]),
        ("/connections/sandbox-crm", &[("token", "s3cret-value"), ("password", "s3cret-value")]),
        ("/rules/guests/edit", &[("text", &long)]),
    ];
    for (address, form) in forms {
        let seen = sent(&site, address, form).await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{address}");
        assert!(!seen.text.contains("s3cret") && seen.text.len() < 20_000, "{address}: {}", seen.text);
        assert_eq!(hidden(&seen, "kept"), None, "{address}");
        assert_eq!(hidden(&seen, "next").as_deref(), Some("/rules/guests/edit?recipe=blank"), "{address}");
    }
}

#[actix_web::test]
async fn nobody_is_led_to_send_a_form_elsewhere() {
    let site = Site::filled().await;
    for to in
        ["https://example.org/rules/a/edit", "//example.org/rules/a/edit", "/account/password", "/sign-out"]
    {
        let visit = Visit::at(&site, "/sign-in").await;
        let form = [("email", ADMIN), ("password", PASSWORD), ("next", "/"), ("to", to), ("kept", "text=a")];
        let seen = visit.send(&site, "/sign-in", &form).await;
        assert_eq!((seen.status, seen.header("location")), (StatusCode::SEE_OTHER, "/"), "{to}");
    }
}
