//! Subscriptions at apaleo: made, changed, taken away, never doubled; and kept in line by themselves.

use crate::fake_apaleo::Apaleo;
use crate::fake_http::Reply;
use crate::signed_in::session_of;
use crate::support::{Router, client};
use crate::world::{INN, RULE, events, inn};
use serde_json::{Value, json};
use waypost::app::{Subscribing, SubscriptionsDone, Who};
use waypost::domain::{ChangeKind, Role, Scope};

pub const OUTSIDE: &str = "https://hooks.example.com";
pub const POST: &str = "POST /v1/subscriptions";

pub fn address(token: &str) -> String {
    format!("{OUTSIDE}/hooks/inn/{token}")
}

/// A router that is reached from outside, and has looked once at what apaleo sends it.
pub async fn world(lines: &str) -> (Apaleo, Router) {
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    let mut router = inn(&format!("{}{lines}", apaleo.api())).await;
    looked(&apaleo, &mut router).await;
    (apaleo, router)
}

/// From now on the router is reached from outside, and has looked at what apaleo sends it.
pub async fn looked(apaleo: &Apaleo, router: &mut Router) {
    router.hooks_url = Some(OUTSIDE.parse().expect("an address"));
    router.restart().await;
    apaleo.reaches(OUTSIDE, router.served().listen);
    router
        .until("the runner has looked", async |router| {
            let app = &router.served().app;
            let active = app.active().expect("a ruleset");
            let told =
                app.subscriptions(&active.sources["inn"]).await.expect("the fact").expect("they can be made");
            told.seen.is_some_and(|seen| seen.trouble.is_none())
        })
        .await;
}

pub async fn subscribe(router: &Router, what: Subscribing) -> SubscriptionsDone {
    let app = &router.served().app;
    let active = app.active().expect("a ruleset");
    app.subscribe(&active, "inn", what).await.expect("it is asked")
}

pub fn told(done: &SubscriptionsDone) -> Vec<&str> {
    done.done.iter().map(|act| act.told.as_str()).collect()
}

pub fn sources_file(apaleo: &Apaleo, lines: &str) -> String {
    format!(
        "connector: apaleo\ntitle: Inn by the Sea\ntoken: {{ secret: inn-token }}\n{}{lines}",
        apaleo.api()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribing_makes_one_subscription_and_again_makes_no_second() {
    let (apaleo, mut router) = world("").await;
    let looked = subscribe(&router, Subscribing::Look).await;
    assert_eq!(
        looked.seen.acts.iter().map(|act| act.told.as_str()).collect::<Vec<_>>(),
        ["Subscribe to booking/* and reservation/*, of all properties."]
    );
    assert!(!looked.seen.matches());
    assert_eq!(apaleo.calls(POST), 0, "a look changes nothing");

    let done = subscribe(&router, Subscribing::BringInLine).await;
    assert_eq!(told(&done), ["Subscribe to booking/* and reservation/*, of all properties."]);
    assert!(done.seen.matches(), "{done:?}");
    let one = &apaleo.subscriptions()["sub-1"];
    assert_eq!(
        (&one["endpointUrl"], &one["events"], &one["propertyIds"]),
        (&json!(address(INN)), &json!(["booking/*", "reservation/*"]), &json!([]))
    );
    router.quiet().await;
    let checks = events(&router).await;
    let kinds: Vec<ChangeKind> =
        checks.iter().flat_map(|event| event.changes.iter().map(|one| one.kind)).collect();
    assert_eq!(kinds, [ChangeKind::Ignored], "apaleo checked the address, and was answered");

    let again = subscribe(&router, Subscribing::BringInLine).await;
    assert_eq!(told(&again), Vec::<&str>::new());
    assert_eq!(apaleo.calls(POST), 1);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_fails_is_no_empty_list() {
    let (apaleo, mut router) = world("").await;
    apaleo.subscribe("mine", &address(INN), &["reservation/*", "booking/*"]);
    let strange = [
        Some(Reply::json(200, &json!({ "subscriptions": [] }))),
        Some(Reply::empty(200)),
        Some(Reply::json(200, &json!([{ "id": "x" }]))),
        Some(Reply::json(403, &json!({ "messages": ["forbidden"] }))),
        Some(Reply::empty(500)),
        None,
    ];
    for reply in strange {
        let what = format!("{reply:?}");
        apaleo.script("GET /v1/subscriptions", 1, reply);
        let done = subscribe(&router, Subscribing::BringInLine).await;
        assert!(done.seen.trouble.is_some(), "{what}");
        assert!(!done.seen.matches(), "{what}");
        assert_eq!((done.done.len(), done.seen.acts.len()), (0, 0), "{what}");
    }
    assert_eq!((apaleo.calls(POST), apaleo.subscriptions().len()), (0, 1));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_at_all_is_told_in_two_ways() {
    let (apaleo, mut router) = world("").await;
    apaleo.tells_none_by_404();
    let done = subscribe(&router, Subscribing::BringInLine).await;
    assert!(done.seen.matches(), "{done:?}");
    assert_eq!(apaleo.subscriptions().len(), 1);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_apaleo_refuses_is_told_and_no_secret_of_an_address_is_told() {
    let (apaleo, mut router) = world("subscribe: { properties: [CTY] }\n").await;
    let why = async |router: &Router| {
        let done = subscribe(router, Subscribing::BringInLine).await;
        assert_eq!(told(&done), Vec::<&str>::new());
        let trouble = done.seen.trouble.expect("it was refused");
        assert!(!trouble.contains(INN), "{trouble}");
        trouble
    };
    assert_eq!(
        why(&router).await,
        "apaleo did not do it: apaleo does not know one of the properties that `subscribe` names."
    );
    router.write("sources/inn.yaml", &sources_file(&apaleo, ""));
    router.taken_up().await;
    let elsewhere = json!({ "type": "EnabledForAnotherEndpoint", "message": "x" });
    apaleo.script(POST, 1, Some(Reply::json(422, &elsewhere)));
    assert_eq!(
        why(&router).await,
        "apaleo did not do it: apaleo sends these events to another address already, for the same client."
    );
    let named = json!({ "messages": [format!("A subscription for {} exists", address(INN))] });
    apaleo.script(POST, 1, Some(Reply::json(422, &named)));
    let told = why(&router).await;
    assert!(told.contains("the address of this source exists"), "{told}");
    apaleo.reaches("https://another.example.com", router.served().listen);
    assert_eq!(
        why(&router).await,
        "apaleo did not do it: apaleo called the address of this source and was not answered with 2xx within ten seconds."
    );
    assert_eq!(apaleo.subscriptions().len(), 0);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_makes_no_second_subscription() {
    let (apaleo, mut router) = world("").await;
    // It was made there, and nobody here heard of it.
    apaleo.script(POST, 1, None);
    apaleo.subscribe("lost", &address(INN), &[]);
    let done = subscribe(&router, Subscribing::BringInLine).await;
    assert!(done.seen.matches(), "{done:?}");
    assert_eq!(apaleo.subscriptions().len(), 1);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spare_ones_go_and_those_of_others_stay() {
    let (apaleo, mut router) = world("").await;
    let all = ["reservation/*", "booking/*"];
    apaleo.subscribe("a", &address(INN), &all);
    apaleo.subscribe("b", &address("an-older-token-of-the-same"), &["reservation/*"]);
    apaleo.subscribe("c", "https://others.example.com/apaleo", &all);
    apaleo.subscribe("d", &format!("{OUTSIDE}/hooks/inn-2/{INN}"), &all);
    let done = subscribe(&router, Subscribing::BringInLine).await;
    assert_eq!(
        told(&done),
        ["Take away the subscription b: another one sends the same (reservation/*, of all properties)."]
    );
    assert_eq!((done.seen.matches(), done.seen.others), (true, 2));
    assert_eq!(apaleo.subscriptions().keys().map(String::as_str).collect::<Vec<_>>(), ["a", "c", "d"]);

    subscribe(&router, Subscribing::End).await;
    assert_eq!(apaleo.subscriptions().keys().map(String::as_str).collect::<Vec<_>>(), ["c", "d"]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn properties_are_narrowed_to_and_events_of_the_account_are_not() {
    let (apaleo, mut router) = world("subscribe: { properties: [SEA] }\n").await;
    subscribe(&router, Subscribing::BringInLine).await;
    let made = apaleo.subscriptions();
    let made: Vec<(&Value, &Value)> =
        made.values().map(|one| (&one["events"], &one["propertyIds"])).collect();
    assert_eq!(made, [(&json!(["reservation/*"]), &json!(["SEA"])), (&json!(["booking/*"]), &json!([]))]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_keeps_itself_in_line_when_rules_and_its_address_change() {
    let (apaleo, mut router) = world("").await;
    router.write("sources/inn.yaml", &sources_file(&apaleo, "subscribe: auto\n"));
    let sent = |at: &str| {
        let all = apaleo.subscriptions();
        let told = all.values().map(|one| one[at].to_string()).collect::<Vec<_>>();
        told.join(" ")
    };
    router
        .until("it subscribed by itself", async |_| sent("events") == r#"["booking/*","reservation/*"]"#)
        .await;

    // Another kind of record, which a rule is about.
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/connectors/apaleo.yaml"));
    let manifest = manifest
        .expect("the manifest")
        .replace("      - \"reservation/*\"\n", "      - \"reservation/*\"\n      - \"folio/*\"\n")
        .replace(
            "  records:\n",
            "  records:\n    - kind: folio\n      key: id\n      hint: { on: [ \"folio/*\" ], key: data.entityId }\n      fetch: { \
             method: GET, path: \"/finance/v1/folios/{{ key }}\", at: \"\" }\n      schema: { id: text }\n",
        );
    router.write("connectors/apaleo.yaml", &manifest);
    let rule = RULE.replace("SOURCE", "inn").replace("title: Guests", "title: Folios\nabout: folio");
    let rule = rule.split("steps:").next().expect("its head").to_owned();
    router.write(
        "folios.yaml",
        &format!("{rule}steps:\n  - id: folio\n    use: crm.upsert_booking\n    with: {{ id: folio }}\n"),
    );
    router
        .until("the rule's events too", async |_| {
            sent("events") == r#"["booking/*","folio/*","reservation/*"]"#
        })
        .await;
    assert_eq!((apaleo.calls(POST), apaleo.calls("PUT /v1/subscriptions/sub-1")), (1, 1));

    let app = router.served().app.clone();
    let source = app.active().expect("a ruleset").sources["inn"].clone();
    app.rotate_token(&source, 24).await.expect("another address");
    let new = app.source_paths(&source).remove(0);
    assert_ne!(new, format!("/hooks/inn/{INN}"));
    router.until("the new address", async |_| sent("endpointUrl") == format!("\"{OUTSIDE}{new}\"")).await;
    assert!(app.old_address(&source).await.expect("the store").is_some(), "the old one is still taken");
    assert_eq!(apaleo.subscriptions().len(), 1);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_address_from_outside_nothing_is_asked() {
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    let mut router = inn(&format!("{}subscribe: auto\n", apaleo.api())).await;
    let done = subscribe(&router, Subscribing::BringInLine).await;
    insta::assert_snapshot!(
        done.seen.trouble.expect("it is told"),
        @"apaleo needs an address that begins with https:// and can be reached from outside, and none is known. Start Waypost with --hooks-url https://NAME."
    );
    assert_eq!(apaleo.calls("/v1/subscriptions"), 0);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_and_the_api_tell_and_do_it() {
    let (apaleo, mut router) = world("").await;
    let app = router.served().app.clone();
    let base = format!("http://{}", router.served().ui_listen);
    let session = session_of(&app, "ciara@example.org", Role::Editor).await;
    let page = async || {
        let request =
            client().get(format!("{base}/sources/inn")).header("cookie", format!("waypost={session}"));
        request.send().await.expect("an answer").text().await.expect("a page")
    };
    let has_button = |page: &str| page.contains(r#"name="do" value="line""#);
    let shown = page().await;
    assert!(has_button(&shown), "{shown}");
    assert!(!shown.contains(r#"href="/sources/inn/walks">brought in"#), "{shown}");
    let token = shown.split_once("name=\"form_token\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
    let token = token.expect("a form").0;
    let posted = client()
        .post(format!("{base}/sources/inn/subscriptions"))
        .header("cookie", format!("waypost={session}"))
        .header("origin", &base)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("form_token={token}&do=line"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(posted.status().as_u16(), 200, "the page again");
    assert_eq!(apaleo.subscriptions().len(), 1);
    let shown = page().await;
    assert!(!has_button(&shown), "{shown}");
    assert!(shown.contains(r#"href="/sources/inn/walks">brought in"#), "{shown}");

    let (_, token) =
        app.make_api_token(&Who::command_line(), "t", vec![Scope::Write], None).await.expect("a token");
    let asked = async |method: &str, body: &str| -> Value {
        let url = format!("{base}/api/v1/sources/inn/subscriptions");
        let request = client().request(method.parse().expect("a method"), url).bearer_auth(&token);
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let text = request.send().await.expect("an answer").text().await.expect("a body");
        let mut told: Value = serde_json::from_str(&text).expect("JSON");
        told["seen_at"] = json!("then");
        told
    };
    let events = json!(["booking/*", "reservation/*"]);
    let stays = json!({
        "act": "leave", "id": "sub-1", "events": events, "properties": [],
        "told": "Leave the subscription sub-1 as it is: booking/* and reservation/*, of all properties."
    });
    let well = json!({
        "source": "inn", "auto": false, "matches": true, "trouble": null, "acts": [stays], "done": [], "others": 0,
        "seen_at": "then"
    });
    assert_eq!(asked("GET", "").await, well);
    let made = apaleo.subscriptions();
    apaleo.subscribe("sub-1", &address(INN), &["reservation/*"]);
    let change = json!({
        "act": "update", "id": "sub-1", "events": events, "properties": [],
        "told": "Change the subscription sub-1: send booking/* too."
    });
    let looked = asked("POST", "").await;
    assert_eq!(
        (&looked["matches"], &looked["acts"], &looked["done"]),
        (&json!(false), &json!([change]), &json!([]))
    );
    let applied = asked("POST", r#"{ "apply": true }"#).await;
    assert_eq!((&applied["matches"], &applied["done"]), (&json!(true), &json!([change])));
    assert_eq!(apaleo.subscriptions(), made);
    router.stop().await;
}
