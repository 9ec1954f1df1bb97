//! What the API does: the same as the buttons of the pages, each once, written to the audit log with the token's name.

use crate::api_program::{Program, code_of};
use crate::filled::Site;
use crate::workshop::Workshop;
use serde_json::{Value, json};
use waypost::app::App;
use waypost::domain::Scope;

async fn last_act(app: &App) -> (String, String, String) {
    let line = app.store.people().audit(None, 1).await.expect("the log").remove(0);
    (line.who_name, line.act, line.object)
}

fn act(name: &str, object: &str) -> (String, String, String) {
    ("Accounts".into(), name.into(), object.into())
}

#[actix_web::test]
async fn a_run_is_tried_again_held_and_cancelled() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Write).await;
    let (status, run) = program.post("/api/v1/runs/run_3a/retry", &json!({})).await;
    assert_eq!((status, &run["id"], &run["state"]), (200, &json!("run_3a"), &json!("waiting")));
    assert_eq!(last_act(&site.app).await, act("run.retried", "run_3a"));
    let (status, run) = program.post("/api/v1/runs/run_3a/hold", &Value::Null).await;
    assert_eq!(status, 422, "{run}");
    let (status, run) = program.post("/api/v1/runs/run_3a/hold", &json!({})).await;
    assert_eq!(
        (status, &run["state"], &run["verdict"]["text"]),
        (200, &json!("held"), &json!("Held by Accounts. It goes on when somebody lets it."))
    );
    assert_eq!(last_act(&site.app).await, act("run.held", "run_3a"));
    let (status, run) = program.post("/api/v1/runs/run_3a/cancel", &json!({})).await;
    assert_eq!((status, &run["state"]), (200, &json!("cancelled")));
    assert_eq!(last_act(&site.app).await, act("run.cancelled", "run_3a"));
    // Asked twice it is done once, and the answer says how it stands.
    let (status, told) = program.post("/api/v1/runs/run_3a/cancel", &json!({})).await;
    assert_eq!(
        (status, code_of(&told), &told["error"]["details"]["state"]),
        (409, "not_now", &json!("cancelled"))
    );
    let log = site.app.store.people().audit(None, 50).await.expect("the log");
    assert_eq!(log.iter().filter(|line| line.act == "run.cancelled").count(), 1);
    let (status, told) = program.post("/api/v1/runs/run_2a/retry", &json!({ "as_it_was": true })).await;
    assert_eq!((status, code_of(&told)), (409, "not_now"), "what is done is not sent again: {told}");
    let (status, told) = program.post("/api/v1/runs/run_none/retry", &json!({})).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_is_marked_as_done_with_a_note_and_the_id_of_its_record() {
    let shop = Workshop::open(1).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let runs = program.get("/api/v1/runs").await;
    let id = runs["items"][0]["id"].as_str().expect("a run").to_owned();
    let address = format!("/api/v1/runs/{id}/done");
    let none =
        [json!({}), json!({ "note": " " }), json!({ "note": 1 }), json!({ "note": "x", "remote": "1" })];
    for wrong in none {
        let (status, told) = program.post(&address, &wrong).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{wrong}: {told}");
    }
    let odd = json!({ "note": "x", "remote_id": "a\nb" });
    let (status, told) = program.post(&address, &odd).await;
    assert_eq!((status, code_of(&told)), (409, "not_now"));
    let body = json!({ "note": "Made the contact myself", "remote_id": "1777" });
    let (status, marked) = program.post(&address, &body).await;
    assert_eq!((status, &marked["step"], &marked["run"]["state"]), (200, &json!("contact"), &json!("done")));
    assert_eq!((&marked["goes_on"], &marked["linked"]), (&json!(false), &json!(true)), "{marked}");
    assert_eq!(last_act(&shop.app).await, act("run.done-by-hand", &id));
    let booking = marked["run"]["booking_id"].as_str().expect("a booking");
    let booking = program.get(&format!("/api/v1/bookings/{booking}")).await;
    assert_eq!(booking["records"][0]["remote_id"], json!("1777"), "{booking}");
    let (status, told) = program.post(&address, &body).await;
    assert_eq!((status, code_of(&told)), (409, "not_now"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_planned_once_more() {
    let shop = Workshop::open(1).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let events = program.get("/api/v1/events").await;
    let id = events["items"][0]["id"].as_str().expect("an event").to_owned();
    let (status, told) = program.post(&format!("/api/v1/events/{id}/replay"), &json!({})).await;
    assert_eq!((status, &told["event"], told["runs"].as_array().map(Vec::len)), (202, &json!(id), Some(1)));
    assert_eq!(last_act(&shop.app).await, act("event.replayed", &id));
    let runs = program.get(&format!("/api/v1/runs?event={id}")).await;
    assert_eq!(runs["items"][0]["trigger"], json!("replay"), "{runs}");
}

#[actix_web::test]
async fn a_connection_is_paused_and_resumed() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Write).await;
    let (status, told) = program.post("/api/v1/connections/sandbox-crm/pause", &json!({})).await;
    assert_eq!((status, &told["state"]), (200, &json!("paused")));
    assert_eq!(last_act(&site.app).await, act("connection.paused", "sandbox-crm"));
    let (status, told) = program.post("/api/v1/connections/sandbox-crm/pause", &json!({})).await;
    assert_eq!((status, &told["state"]), (200, &json!("paused")));
    let (_, told) = program.post("/api/v1/connections/sandbox-crm/resume", &json!({})).await;
    assert_eq!(told["state"], json!("takes_calls"));
    assert_eq!(last_act(&site.app).await, act("connection.resumed", "sandbox-crm"));
    let (status, told) = program.post("/api/v1/connections/none/pause", &json!({})).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
}
