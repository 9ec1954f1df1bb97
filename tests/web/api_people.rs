//! People, tokens and the audit log by the API: for admins' tokens alone, and secrets are told once.

use crate::api_program::{Program, code_of, steady};
use crate::filled::{ADMIN, Site};
use serde_json::json;
use waypost::app::Who;
use waypost::domain::Scope;

#[actix_web::test]
async fn somebody_is_asked_in_gets_a_role_and_is_let_in_no_more() {
    let site = Site::empty().await;
    let program = Program::with(&site.app, Scope::Admin).await;
    let asked = json!({ "name": "Mary Byrne", "email": "Mary@example.org", "role": "viewer" });
    let (status, made) = program.post("/api/v1/people", &asked).await;
    assert_eq!(status, 201, "{made}");
    insta::assert_snapshot!("invited", steady(&made["person"]));
    let url = made["link"]["url"].as_str().expect("a link");
    let path = url.strip_prefix("http://127.0.0.1:8081").expect("our address");
    assert!(path.starts_with("/welcome/") && site.get_as("", path).await.status.is_success(), "{url}");
    let (status, told) = program.post("/api/v1/people", &asked).await;
    assert_eq!((status, code_of(&told)), (409, "taken"));
    for wrong in [
        json!({ "name": "Mary", "email": "mary", "role": "viewer" }),
        json!({ "name": "", "email": "m@example.org", "role": "viewer" }),
        json!({ "name": "Mary", "email": "m@example.org", "role": "owner" }),
        json!({ "name": "Mary", "email": "m@example.org" }),
    ] {
        let (status, told) = program.post("/api/v1/people", &wrong).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{wrong}");
    }
    let id = made["person"]["id"].as_str().expect("an id");
    let (status, person) =
        program.post(&format!("/api/v1/people/{id}/role"), &json!({ "role": "editor" })).await;
    assert_eq!((status, &person["role"]), (200, &json!("editor")));
    for (act, disabled) in [("disable", true), ("enable", false)] {
        let (status, person) = program.post(&format!("/api/v1/people/{id}/{act}"), &json!({})).await;
        assert_eq!((status, &person["disabled"]), (200, &json!(disabled)));
    }
    let (status, link) = program.post(&format!("/api/v1/people/{id}/link"), &json!({})).await;
    assert_eq!(status, 201);
    assert_ne!(link["url"], made["link"]["url"]);
    assert_eq!(site.get_as("", path).await.status.as_u16(), 410, "the one before is void");
    let (status, _) = program.post(&format!("/api/v1/people/{id}/second-factor/off"), &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(program.get(&format!("/api/v1/people/{id}")).await["email"], json!("mary@example.org"));
    let all = program.get("/api/v1/people").await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
    let text = all.to_string();
    assert!(!text.contains("argon2") && !text.contains("totp"), "{text}");
    // The last admin stays one.
    let admin = site.app.person_by_email(ADMIN).await.expect("the admin").id;
    for (act, body) in [("role", json!({ "role": "viewer" })), ("disable", json!({}))] {
        let (status, told) = program.post(&format!("/api/v1/people/{admin}/{act}"), &body).await;
        assert_eq!((status, code_of(&told)), (409, "last_admin"), "{act}");
    }
    let (status, told) = program.post("/api/v1/people/none/disable", &json!({})).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
}

#[actix_web::test]
async fn a_token_is_told_once_does_what_its_scopes_say_and_is_revoked() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Admin).await;
    let asked = json!({ "name": "Report", "scopes": ["read", "read"], "days": 30 });
    let (status, made) = program.post("/api/v1/tokens", &asked).await;
    assert_eq!(
        (status, &made["token"]["scopes"], &made["token"]["good"]),
        (201, &json!(["read"]), &json!(true))
    );
    let text = made["text"].as_str().expect("a token").to_owned();
    let report = Program { app: site.app.clone(), token: text.clone() };
    assert_eq!(report.ask("/api/v1/runs").await.status.as_u16(), 200);
    assert_eq!(report.ask("/api/v1/tokens").await.status.as_u16(), 403);
    assert_eq!(report.post("/api/v1/runs/run_3a/retry", &json!({})).await.0, 403);
    assert!(!program.get("/api/v1/tokens").await.to_string().contains(&text));
    for wrong in [
        json!({ "name": "x", "scopes": [] }),
        json!({ "name": "x", "scopes": ["all"] }),
        json!({ "name": "", "scopes": ["read"] }),
        json!({ "name": "x", "scopes": ["read"], "days": 0 }),
        json!({ "name": "x", "scopes": ["read"], "days": 9_999_999_999_i64 }),
    ] {
        let (status, told) = program.post("/api/v1/tokens", &wrong).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{wrong}");
    }
    let id = made["token"]["id"].as_str().expect("an id");
    let (status, told) = program.post(&format!("/api/v1/tokens/{id}/revoke"), &json!({})).await;
    assert_eq!((status, &told["good"]), (200, &json!(false)));
    assert_eq!(report.ask("/api/v1/runs").await.status.as_u16(), 401);
    let (status, told) = program.post("/api/v1/tokens/none/revoke", &json!({})).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
}

#[actix_web::test]
async fn a_token_that_a_token_made_is_not_taken_once_its_owner_may_not_sign_in() {
    let site = Site::empty().await;
    let second = waypost::app::NewPerson {
        email: "second@example.org".into(),
        name: "Second".into(),
        role: waypost::domain::Role::Admin,
        password: Some(crate::signed_in::PASSWORD.into()),
    };
    let person = site.app.add_person(&Who::command_line(), second).await.expect("an account");
    let made = site.app.make_api_token(&Who::person(&person), "First", vec![Scope::Admin], None).await;
    let first = Program { app: site.app.clone(), token: made.expect("a token").1 };
    let (_, made) = first.post("/api/v1/tokens", &json!({ "name": "Child", "scopes": ["admin"] })).await;
    let child = Program { app: site.app.clone(), token: made["text"].as_str().expect("a token").into() };
    let (_, made) = child.post("/api/v1/tokens", &json!({ "name": "Grandchild", "scopes": ["read"] })).await;
    let grandchild = Program { app: site.app.clone(), token: made["text"].as_str().expect("a token").into() };
    for program in [&first, &child, &grandchild] {
        assert_eq!(program.ask("/api/v1/me").await.status.as_u16(), 200);
    }
    site.app.set_disabled(&Who::command_line(), &person.id, true).await.expect("it is done");
    for program in [&first, &child, &grandchild] {
        assert_eq!(program.ask("/api/v1/me").await.status.as_u16(), 401);
    }
}

#[actix_web::test]
async fn the_audit_log_is_told_page_by_page() {
    let site = Site::empty().await;
    let program = Program::with(&site.app, Scope::Admin).await;
    for number in 0..7 {
        let asked = json!({ "name": format!("Token {number}"), "scopes": ["read"] });
        assert_eq!(program.post("/api/v1/tokens", &asked).await.0, 201);
    }
    let (lines, pages) = program.walk("/api/v1/audit", 3).await;
    assert!(pages >= 3 && lines.len() >= 8, "{lines:?}");
    let told: Vec<&str> = lines.iter().filter_map(|line| line["object"].as_str()).take(2).collect();
    assert_eq!(
        (told, &lines[0]["act"], &lines[0]["name"]),
        (vec!["Token 6", "Token 5"], &json!("token.made"), &json!("Accounts"))
    );
    assert_eq!(lines[0]["told"], json!("made an API token"));
    let ids: Vec<i64> = lines.iter().filter_map(|line| line["id"].as_i64()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "{ids:?}");
}
