//! What needs a person, on its pages: told in words, tried again after a plan, whatever the CRM said.

use crate::filled::{HOSTILE, Site};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use waypost::domain::{RunId, RunState, VerdictCode};
use waypost::ports::{CauseGroup, RunRow};

const ESCAPED: &str = "&#60;img src=x onerror=alert(1)&#62;";

async fn groups(site: &Site) -> Vec<CauseGroup> {
    site.app.store.open_causes(None, 100).await.expect("the groups")
}

async fn group(site: &Site, code: VerdictCode) -> CauseGroup {
    groups(site).await.into_iter().find(|group| group.cause.code == code).expect("the group is there")
}

async fn run(site: &Site, id: &str) -> RunRow {
    site.app.store.run_with_context(&RunId::new(id)).await.expect("a store").expect("a run").run
}

#[actix_web::test]
async fn what_needs_a_person_is_told_by_its_reason_and_nothing_of_it_becomes_markup() {
    let site = Site::filled().await;
    let list = site.get("/needs-you").await;
    assert_eq!(list.status, StatusCode::OK);
    for word in [
        "2 things were not sent",
        "Nobody knows whether sandbox-crm has 1 guest",
        "1 guest is not in sandbox-crm:",
    ] {
        assert!(list.text.contains(word), "{word}: {}", list.text);
    }
    assert!(list.text.contains(ESCAPED) && !list.text.contains("<img"), "{}", list.text);
    let refused = group(&site, VerdictCode::Refused).await;
    assert!(refused.message.contains(HOSTILE), "{}", refused.message);
    let shown = site.get(&format!("/needs-you/{}", refused.key)).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.text.contains("/runs/run_3a") && shown.text.contains("Try this one again"));
    assert!(shown.text.contains(ESCAPED) && !shown.text.contains("<img"));
    let part = site.get("/needs-you?part=live").await;
    assert!(!part.text.contains("<html") && list.text.contains(part.text.trim()));
    let empty = Site::empty().await;
    assert!(empty.get("/needs-you").await.text.contains("Nothing needs you."));
}

#[actix_web::test]
async fn a_plan_says_how_many_and_which_and_its_button_does_it_once() {
    let site = Site::filled().await;
    let refused = group(&site, VerdictCode::Refused).await;
    let plan = site.get(&format!("/needs-you/plan?act=retry&cause={}", refused.key)).await;
    assert!(plan.text.contains("1 run would be tried again."), "{}", plan.text);
    assert!(plan.text.contains("/runs/run_3a") && !plan.text.contains("/runs/run_5a"));
    assert_eq!(run(&site, "run_3a").await.state, RunState::Failed, "a plan changes nothing");
    let from =
        plan.text.find("name=\"id\" value=\"").expect("the plan has an id") + "name=\"id\" value=\"".len();
    let id = plan.text[from..].split('"').next().unwrap_or_default().to_owned();
    let form = [("act", "retry"), ("cause", refused.key.as_str()), ("id", id.as_str())];
    for _ in 0..2 {
        let done = site.post("/needs-you/plan", &form).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER);
        assert_eq!(done.header("location"), format!("/needs-you/acts/{id}"));
    }
    let told = site.get(&format!("/needs-you/acts/{id}")).await;
    assert!(
        told.text.contains("1 run is being tried again: 0 so far, asked by Ciara Byrne."),
        "{}",
        told.text
    );
    assert!(site.get("/needs-you").await.text.contains("See how far it is"));
    while site.app.carry_out_a_piece().await.expect("a store") {}
    assert_eq!(run(&site, "run_3a").await.state, RunState::Waiting);
    assert_eq!(run(&site, "run_5a").await.state, RunState::Held);
    let told = site.get(&format!("/needs-you/acts/{id}?part=live")).await;
    assert!(told.text.contains("1 run tried again"), "{}", told.text);
    assert!(!told.text.contains("<html"));
    let shown = site.get(&format!("/needs-you/{}", refused.key)).await;
    assert!(shown.text.contains("1 being tried again now"), "{}", shown.text);
}

#[actix_web::test]
async fn a_filter_leaves_out_what_may_be_done_already_and_says_so() {
    let site = Site::filled().await;
    let plan = site.get("/needs-you/plan?act=retry&rule=guests-to-crm&connection=&state=&since=week").await;
    assert!(plan.text.contains("1 run would be tried again."), "{}", plan.text);
    assert!(plan.text.contains("1 run is left out: their last call may have been done"), "{}", plan.text);
    let unknown = group(&site, VerdictCode::OutcomeUnknown).await;
    let plan = site.get(&format!("/needs-you/plan?act=retry&cause={}", unknown.key)).await;
    assert!(plan.text.contains("1 run would be tried again.") && plan.text.contains("Look in the CRM first"));
    let none = site.get("/needs-you/plan?act=cancel&rule=none").await;
    assert!(
        none.text.contains("There is nothing that this can be done with.")
            && !none.text.contains("action=\"/needs-you/plan\"")
    );
    let all = site.get("/needs-you/plan?act=cancel&since=0").await;
    assert!(
        all.text.contains("2 runs would be cancelled") && all.text.contains("Cancel these 2"),
        "{}",
        all.text
    );
    let done = site.post("/needs-you/plan", &[("act", "cancel"), ("since", "0")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    while site.app.carry_out_a_piece().await.expect("a store") {}
    assert!(groups(&site).await.is_empty());
    let cancelled = run(&site, "run_3a").await;
    assert_eq!(cancelled.verdict.expect("a verdict").text, "Cancelled by Ciara Byrne.");
    let list = site.get("/needs-you").await;
    assert!(
        list.text.contains("Nothing needs you.") && list.text.contains("Closed lately (2)"),
        "{}",
        list.text
    );
    let shut = site.get(&format!("/needs-you/{}", unknown.key)).await;
    assert!(shut.text.contains("This is closed"), "{}", shut.text);
}

#[actix_web::test]
async fn odd_addresses_and_forms_are_refused_in_words() {
    let site = Site::filled().await;
    for address in [
        "/needs-you/none",
        "/needs-you/0f0e0f0e0f0e0f0e0f0e",
        "/needs-you/..%2f..%2fetc",
        "/needs-you/acts/none",
        "/needs-you/%22%3E%3Cimg%20src%3Dx%3E",
    ] {
        let seen = site.get(address).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{address}");
        assert!(!seen.text.contains("<img"), "{address}");
    }
    for query in ["act=delete", "cause=x", "state=done", "since=%00", "act=%3Cimg%20src%3Dx%3E"] {
        let seen = site.get(&format!("/needs-you/plan?{query}")).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(!seen.text.contains("<img"), "{query}");
    }
    let hostile = "%22%3E%3Cimg%20src%3Dx%3E";
    let seen = site.get(&format!("/needs-you/plan?rule={hostile}&connection={hostile}")).await;
    assert!(seen.status == StatusCode::OK && !seen.text.contains("<img"));
    for before in ["x", "1-x", "-", "9-0f0e0f0e0f0e0f0e0f0e", "%00"] {
        assert_eq!(site.get(&format!("/needs-you?before={before}")).await.status, StatusCode::OK, "{before}");
    }
    // An id that is no id of ours is not taken over.
    let done = site.post("/needs-you/plan", &[("act", "retry"), ("rule", "none"), ("id", "../x")]).await;
    assert!(done.header("location").starts_with("/needs-you/acts/blk_"), "{}", done.header("location"));
    for address in ["/needs-you/plan", "/runs/run_3a/cancel", "/runs/run_3a/hold", "/runs/run_3a/done"] {
        let foreign = TestRequest::default()
            .method(Method::POST)
            .uri(address)
            .insert_header(("host", "127.0.0.1:8081"))
            .insert_header(("origin", "http://evil.example"))
            .set_form([("act", "cancel"), ("note", "x")]);
        assert_eq!(site.send(foreign).await.status, StatusCode::FORBIDDEN, "{address}");
    }
    assert_eq!(run(&site, "run_3a").await.state, RunState::Failed);
}

#[actix_web::test]
async fn one_run_is_cancelled_and_held_and_marked_by_its_buttons() {
    let site = Site::filled().await;
    let shown = site.get("/runs/run_4a").await;
    assert!(
        shown.text.contains("/runs/run_4a/hold") && shown.text.contains("/runs/run_4a/done"),
        "{}",
        shown.text
    );
    let held = site.post("/runs/run_4a/hold", &[]).await;
    assert_eq!(held.header("location"), "/runs/run_4a?said=held");
    let text = run(&site, "run_4a").await.verdict.expect("a verdict").text;
    assert_eq!(text, "Held by Ciara Byrne. It goes on when somebody lets it.");
    assert!(site.get("/runs/run_4a?said=held").await.text.contains("Let it go on"));
    assert!(site.get("/needs-you").await.text.contains("1 guest has been held by hand."));
    site.post("/runs/run_4a/retry", &[]).await;
    assert_eq!(run(&site, "run_4a").await.state, RunState::Waiting);
    let cancelled = site.post("/runs/run_4a/cancel", &[]).await;
    assert_eq!(cancelled.header("location"), "/runs/run_4a?said=cancelled");
    assert_eq!(site.post("/runs/run_4a/hold", &[]).await.header("location"), "/runs/run_4a?said=not-held");
    assert_eq!(
        site.post("/runs/run_2a/cancel", &[]).await.header("location"),
        "/runs/run_2a?said=not-cancelled"
    );
    for address in ["/runs/none/cancel", "/runs/none/hold", "/runs/none/done"] {
        assert_eq!(site.post(address, &[("note", "x")]).await.status, StatusCode::NOT_FOUND, "{address}");
    }
    // A note is needed; and without rules nobody knows which step it is.
    let no_note = site.post("/runs/run_3a/done", &[("note", "  ")]).await;
    assert_eq!(no_note.status, StatusCode::CONFLICT);
    assert!(no_note.text.contains("Say in a few words what you did"), "{}", no_note.text);
    let no_rule = site.post("/runs/run_3a/done", &[("note", "made it")]).await;
    assert_eq!(no_rule.status, StatusCode::CONFLICT);
    assert_eq!(run(&site, "run_3a").await.state, RunState::Failed);
}

#[actix_web::test]
async fn what_waits_for_a_paused_connection_is_told_with_its_button() {
    let site = Site::filled().await;
    site.post("/connections/sandbox-crm/pause", &[]).await;
    let list = site.get("/needs-you").await;
    assert!(
        list.text.contains("sandbox-crm is paused.") && list.text.contains("/connections/sandbox-crm/resume")
    );
    let from = list.text.find("See the").expect("a way to those that wait");
    let address = list.text[..from].rsplit("href=\"").next().and_then(|rest| rest.split('"').next());
    let shown = site.get(address.expect("an address")).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.text.contains("/runs/run_4a") && shown.text.contains("Let it go on"), "{}", shown.text);
    site.post("/connections/sandbox-crm/resume", &[]).await;
    assert_eq!(site.get(address.expect("an address")).await.status, StatusCode::NOT_FOUND);
}
