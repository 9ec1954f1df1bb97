//! The same is done with many runs by the API: a plan first, then the act under its id, once.

use crate::api_program::{Program, code_of, steady};
use crate::filled::Site;
use crate::workshop::Workshop;
use serde_json::json;
use waypost::domain::Scope;

#[actix_web::test]
async fn a_plan_says_how_many_and_which_and_changes_nothing() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Write).await;
    let (status, plan) = program.post("/api/v1/acts/plan", &json!({ "act": "retry" })).await;
    assert_eq!(status, 200, "{plan}");
    insta::assert_snapshot!("plan", steady(&plan));
    assert_eq!(program.get("/api/v1/runs?state=failed").await["items"].as_array().map(Vec::len), Some(1));
    let (_, held) =
        program.post("/api/v1/acts/plan", &json!({ "act": "cancel", "filter": { "state": "held" } })).await;
    assert_eq!((&held["runs"], &held["first"][0]["id"]), (&json!(1), &json!("run_5a")));
    let (_, later) = program
        .post("/api/v1/acts/plan", &json!({ "act": "cancel", "filter": { "since": "2100-01-01T00:00:00Z" } }))
        .await;
    assert_eq!(later["runs"], json!(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_is_done_once_under_its_id() {
    let shop = Workshop::open(3).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let runs = program.get("/api/v1/runs").await;
    for run in runs["items"].as_array().expect("runs") {
        let id = run["id"].as_str().expect("an id");
        assert_eq!(program.post(&format!("/api/v1/runs/{id}/hold"), &json!({})).await.0, 200);
    }
    let filter = json!({ "rule": "guests", "state": "held" });
    let (_, plan) = program.post("/api/v1/acts/plan", &json!({ "act": "cancel", "filter": filter })).await;
    assert_eq!(plan["runs"], json!(3));
    let asked = json!({ "id": plan["id"], "act": "cancel", "filter": plan["filter"] });
    for wrong in [
        json!({ "act": "cancel" }),
        json!({ "id": "x", "act": "cancel" }),
        json!({ "id": plan["id"], "act": "drop" }),
    ] {
        let (status, told) = program.post("/api/v1/acts", &wrong).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{told}");
    }
    let (status, begun) = program.post("/api/v1/acts", &asked).await;
    assert_eq!((status, &begun["planned"], &begun["who"]), (202, &json!(3), &json!("Accounts")), "{begun}");
    let (status, again) = program.post("/api/v1/acts", &asked).await;
    assert_eq!((status, &again["asked_at"]), (202, &begun["asked_at"]));
    let other = json!({ "id": plan["id"], "act": "retry", "filter": plan["filter"] });
    let (status, told) = program.post("/api/v1/acts", &other).await;
    assert_eq!((status, code_of(&told)), (409, "not_now"));
    while shop.app.carry_out_a_piece().await.expect("a piece") {}
    let id = plan["id"].as_str().expect("an id");
    let told = program.get(&format!("/api/v1/acts/{id}")).await;
    assert_eq!((&told["done"], &told["left_out"]), (&json!(3), &json!(0)), "{told}");
    assert!(told["ended_at"].is_string());
    let cancelled = program.get("/api/v1/runs?state=cancelled").await;
    assert_eq!(cancelled["items"].as_array().map(Vec::len), Some(3));
    let log = shop.app.store.people().audit(None, 50).await.expect("the log");
    assert_eq!(log.iter().filter(|line| line.act == "runs.asked").count(), 1);
}

#[actix_web::test]
async fn filters_that_can_t_be_taken_plan_nothing() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Write).await;
    let wrong = [
        json!({}),
        json!({ "act": "all" }),
        json!({ "act": "cancel", "filter": { "cause": "x" } }),
        json!({ "act": "cancel", "filter": { "state": "waiting" } }),
        json!({ "act": "cancel", "filter": { "since": "now" } }),
        json!({ "act": "cancel", "filter": { "ruel": "x" } }),
        json!({ "act": "cancel", "rule": "x" }),
    ];
    for body in wrong {
        for address in ["/api/v1/acts/plan", "/api/v1/acts"] {
            let (status, told) = program.post(address, &body).await;
            assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{body}: {told}");
        }
    }
    assert_eq!(program.ask("/api/v1/acts/none").await.status.as_u16(), 404);
}
