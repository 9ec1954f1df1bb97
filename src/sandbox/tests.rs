//! The sandbox over real sockets, called as Waypost calls it.

use super::{Sandbox, start, start_with};
use crate::clock::SystemClock;
use crate::outbound::HttpOutbound;
use crate::ports::{Answer, Outbound, OutboundFailure, OutboundRequest};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

async fn sandbox(token: Option<&str>) -> Sandbox {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    start(listen, token.map(str::to_owned), Arc::new(SystemClock::new())).await.unwrap()
}

async fn call(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<Answer, OutboundFailure> {
    call_with(sandbox, method, path, body, &[]).await
}

async fn call_with(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    body: Option<Value>,
    headers: &[(String, String)],
) -> Result<Answer, OutboundFailure> {
    HttpOutbound::new()
        .send(OutboundRequest {
            method: method.into(),
            url: format!("{}{path}", sandbox.url()),
            headers: headers.to_vec(),
            body: body.map(|body| body.to_string().into()),
            allow_private: true,
            timeout_ms: 3_000,
            answer_bytes_max: 1 << 20,
            about: (String::new(), String::new()),
        })
        .await
}

fn read(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn records_are_kept_by_key_and_counted() {
    let sandbox = sandbox(None).await;
    let body = json!({ "name": "Siobhán", "id": 7 });
    let made = call(&sandbox, "PUT", "/contacts/a%2Fb%20c%2525", Some(body.clone())).await.unwrap();
    assert_eq!((made.status, read(&made)), (201, json!({ "id": "contact-1", "created": true })));
    let same = call(&sandbox, "PUT", "/contacts/a%2Fb%20c%2525", Some(body)).await.unwrap();
    assert_eq!((same.status, read(&same)), (200, json!({ "id": "contact-1", "created": false })));
    let found = call(&sandbox, "GET", "/contacts?name=Siobh%C3%A1n&id=7", None).await.unwrap();
    assert_eq!(read(&found).pointer("/0/key"), Some(&json!("a/b c%25")));
    let stats = read(&call(&sandbox, "GET", "/_stats", None).await.unwrap());
    assert_eq!((&stats["calls"], &stats["effects"]), (&json!(3), &json!(2)));
    assert_eq!(stats["objects"]["contacts"]["keys"]["a/b c%25"]["effects"], json!(2));
    assert_eq!(stats, sandbox.state().stats());
    call(&sandbox, "POST", "/_reset", None).await.unwrap();
    assert_eq!(read(&call(&sandbox, "GET", "/_records", None).await.unwrap()), json!({}));
    assert_eq!(sandbox.state().stats()["calls"], json!(0));
}

#[tokio::test]
async fn the_overview_shows_records_as_text() {
    let sandbox = sandbox(None).await;
    let body = json!({ "name": "<script>alert(1)</script>", "party": 3 });
    call(&sandbox, "PUT", "/contacts/1", Some(body)).await.unwrap();
    let page = call(&sandbox, "GET", "/", None).await.unwrap();
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        !text.contains("<script>") && text.contains("contact-1") && text.contains("<dd>3</dd>"),
        "{text}"
    );
}

#[tokio::test]
async fn a_lost_answer_is_done_and_its_connection_closed() {
    let sandbox = sandbox(None).await;
    let told = call(&sandbox, "POST", "/_behave", Some(json!({ "lose_answers": 1 }))).await.unwrap();
    assert_eq!(told.status, 200);
    let lost = call(&sandbox, "POST", "/notes", Some(json!({ "ref": "r" }))).await;
    assert!(matches!(lost, Err(OutboundFailure::Unknown(_))), "{lost:?}");
    let again = call(&sandbox, "POST", "/notes", Some(json!({ "ref": "r" }))).await.unwrap();
    assert_eq!(again.status, 201);
    let stats = sandbox.state().stats();
    assert_eq!((&stats["effects"], &stats["doubled"]), (&json!(2), &json!(1)));
    assert_eq!(stats["by_status"], json!({ "201": 1, "lost": 1 }));
    let calls = sandbox.state().calls();
    assert_eq!((&calls[0]["status"], &calls[0]["performed"]), (&Value::Null, &json!(true)));
}

#[tokio::test]
async fn it_fails_throttles_and_recovers_as_told() {
    let sandbox = sandbox(None).await;
    let told = json!([
        { "match": { "object": "contacts" }, "fail": { "status": 503, "times": 1, "retry_after": 1 } },
        { "throttle": { "times": 1 } },
        { "timeout_ms": 30, "match": { "key": "slow" } },
    ]);
    call(&sandbox, "POST", "/_behave", Some(told)).await.unwrap();
    let failed = call(&sandbox, "PUT", "/contacts/1", Some(json!({}))).await.unwrap();
    assert_eq!((failed.status, failed.header("retry-after")), (503, Some("1")));
    let throttled = call(&sandbox, "PUT", "/contacts/1", Some(json!({}))).await.unwrap();
    assert_eq!((throttled.status, throttled.header("retry-after")), (429, None));
    assert!(call(&sandbox, "PUT", "/contacts/slow", Some(json!({}))).await.is_err());
    assert_eq!(sandbox.state().stats()["effects"], json!(0));
    assert_eq!(call(&sandbox, "PUT", "/contacts/1", Some(json!({}))).await.unwrap().status, 201);
    let wrong = call(&sandbox, "POST", "/_behave", Some(json!({ "fial": 1 }))).await.unwrap();
    assert_eq!(wrong.status, 400);
    assert_eq!(call(&sandbox, "POST", "/_behave", Some(json!({}))).await.unwrap().status, 200);
    assert!(sandbox.state().behaviours().is_empty());
}

#[tokio::test]
async fn a_token_is_asked_for_where_one_is_set() {
    let sandbox = sandbox(Some("hush")).await;
    assert_eq!(call(&sandbox, "PUT", "/contacts/1", Some(json!({}))).await.unwrap().status, 401);
    let headers = [("authorization".to_owned(), "Bearer hush".to_owned())];
    let signed_in = call_with(&sandbox, "PUT", "/contacts/1", Some(json!({})), &headers).await.unwrap();
    assert_eq!(signed_in.status, 201);
}

#[tokio::test]
async fn bodies_that_are_no_objects_are_refused() {
    let sandbox = sandbox(None).await;
    for body in [None, Some(json!([1])), Some(json!("text"))] {
        assert_eq!(call(&sandbox, "PUT", "/contacts/1", body).await.unwrap().status, 400);
    }
    assert_eq!(call(&sandbox, "PUT", "/contacts/1/2", Some(json!({}))).await.unwrap().status, 404);
    assert_eq!(call(&sandbox, "PUT", "/_else", Some(json!({}))).await.unwrap().status, 400);
}

#[tokio::test]
async fn after_an_outage_it_is_the_same_crm() {
    let before = sandbox(None).await;
    call(&before, "PUT", "/contacts/1", Some(json!({}))).await.unwrap();
    let (address, state) = (before.address, before.state().clone());
    let url = before.url();
    before.stop().await;
    let down = HttpOutbound::new()
        .send(OutboundRequest {
            method: "GET".into(),
            url: format!("{url}/contacts"),
            headers: Vec::new(),
            body: None,
            allow_private: true,
            timeout_ms: 1_000,
            answer_bytes_max: 100,
            about: (String::new(), String::new()),
        })
        .await;
    assert!(matches!(down, Err(OutboundFailure::NotSent(_))), "{down:?}");
    let after = start_with(address, state).await.unwrap();
    assert_eq!(call(&after, "GET", "/contacts/1", None).await.unwrap().status, 200);
    assert_eq!(after.state().stats()["calls"], json!(2));
}
