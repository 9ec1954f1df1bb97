//! What the API tells: the shape of each answer, and that nothing is told that must not be.

use crate::api_program::{Program, json_of, steady};
use crate::filled::{HOSTILE, Site};
use actix_web::http::StatusCode;
use serde_json::json;
use waypost::domain::Scope;

#[actix_web::test]
async fn a_run_tells_why_each_field_has_its_value_and_each_call() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    insta::assert_snapshot!("run", steady(&program.get("/api/v1/runs/run_3a").await));
    let done = program.get("/api/v1/runs?state=done").await;
    insta::assert_snapshot!("runs", steady(&done));
}

#[actix_web::test]
async fn a_booking_is_told_with_its_data_its_records_and_its_timeline() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    let booking = program.get("/api/v1/bookings/bkg_1").await;
    let changes = program.get("/api/v1/bookings/bkg_1/changes").await;
    insta::assert_snapshot!("booking", steady(&json!([booking, changes])));
}

#[actix_web::test]
async fn bookings_are_found_by_words_and_filters() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    let found = async |filters: &str| -> Vec<String> {
        let page = program.get(&format!("/api/v1/bookings?{filters}")).await;
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(found("q=olafur").await, ["bkg_2"]);
    assert_eq!(found("q=%C3%93lafur%20guest2").await, ["bkg_2"]);
    assert_eq!(found("q=nobody").await, [""; 0]);
    assert_eq!(found("q=---").await, [""; 0]);
    assert_eq!(found("state=needs-you").await, ["bkg_5", "bkg_3"]);
    assert_eq!(found("state=waiting&source=harbour-tours").await.len(), 2);
    assert_eq!(found("key=uuid-4").await, ["bkg_4"]);
    assert_eq!(found("key=none").await, [""; 0]);
    assert_eq!(found("tour_day=2027-03-13").await, ["bkg_3"]);
    assert_eq!(found("changed_from=2100-01-01T00:00:00Z").await, [""; 0]);
    assert_eq!(found("status=booked&limit=2").await.len(), 2);
}

#[actix_web::test]
async fn an_event_is_told_with_what_came_of_it_and_its_body_byte_for_byte() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    let event = program.get("/api/v1/events/evt_1b").await;
    let unreadable = program.get("/api/v1/events?kind=unreadable").await;
    insta::assert_snapshot!("event", steady(&json!([event, unreadable])));
    let body = program.ask("/api/v1/events/evt_1b/body").await;
    assert_eq!((body.status, body.header("content-type")), (StatusCode::OK, "application/octet-stream"));
    assert!(body.text.starts_with("{\"uuid\":\"uuid-1\""), "{}", body.text);
    assert!(body.header("content-disposition").starts_with("attachment"));
    assert!(body.header("content-security-policy").contains("sandbox"));
}

#[actix_web::test]
async fn health_adds_up_and_says_what_needs_somebody() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    let health = program.get("/api/v1/health").await;
    let bookings = &health["bookings"];
    let of = |name: &str| bookings[name].as_i64().expect("a number");
    assert_eq!(of("total"), of("sent") + of("nothing") + of("waiting") + of("needs_you"));
    assert_eq!((of("total"), of("needs_you")), (5, 2));
    assert_eq!(health["well"], json!(false));
    assert!(health["sentences"].as_array().is_some_and(|all| all.iter().any(|one| one["tone"] == "bad")));
    assert_eq!(health["runs"]["failed"], json!(1));
    let month = program.get("/api/v1/health?of=month").await;
    assert_eq!(month["bookings"]["total"], json!(5));
    let site = Site::empty().await;
    let program = Program::with(&site.app, Scope::Read).await;
    assert_eq!(program.get("/api/v1/health").await["bookings"]["total"], json!(0));
}

#[actix_web::test]
async fn causes_and_connections_say_what_is_wrong_and_what_to_do() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    let causes = program.get("/api/v1/causes").await;
    assert_eq!(causes["items"].as_array().map(Vec::len), Some(2));
    let key = causes["items"][0]["key"].as_str().expect("a key");
    let one = program.get(&format!("/api/v1/causes/{key}")).await;
    assert_eq!(one, causes["items"][0]);
    let runs = program.get(&format!("/api/v1/runs?cause={key}")).await;
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(1));
    let connections = program.get("/api/v1/connections").await;
    insta::assert_snapshot!("causes_and_connections", steady(&json!([causes, connections])));
    let first = &connections["items"][0];
    let name = first["name"].as_str().expect("a name");
    assert_eq!(&program.get(&format!("/api/v1/connections/{name}")).await, first);
}

#[actix_web::test]
async fn a_hostile_value_is_a_value_and_nothing_else() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    let seen = program.ask("/api/v1/bookings/bkg_3").await;
    assert_eq!(json_of(&seen)["person"]["name"], json!(HOSTILE));
    for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
        assert_eq!(seen.header(name), value);
    }
    assert!(seen.header("content-security-policy").starts_with("default-src 'none'"));
}
