//! Subscribing while things go wrong: two at once, lists that lag, limits and faults in the middle, `kill -9`; and sources that
//! are taken away.

use crate::fake_apaleo::{Apaleo, event, reservation};
use crate::fake_http::Reply;
use crate::signed_in::session_of;
use crate::subscriptions::{OUTSIDE, POST, address, looked, sources_file, subscribe, told, world};
use crate::support::{Router, client};
use crate::world::{INN, events, post, settled, with_secrets};
use serde_json::{Value, json};
use std::time::Duration;
use waypost::app::{AskError, RemovedSource, Subscribing, Who};
use waypost::domain::{ChangeKind, Role, Scope};
use waypost::ports::SourceMemory;
use waypost::source_api::ApiStanding;

const GET: &str = "GET /v1/subscriptions";
const HOUR: i64 = 3_600_000;

fn ids(apaleo: &Apaleo) -> Vec<String> {
    apaleo.subscriptions().into_keys().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_beside_the_router_waits_for_its_turn_so_that_there_are_never_two() {
    let (apaleo, mut router) = world("").await;
    let beside = router.beside().await;
    let active = beside.active().expect("a ruleset");
    // Both would find nothing there.
    let mut slow = Reply::empty(204);
    slow.after = Duration::from_secs(3);
    apaleo.script(GET, 2, Some(slow));
    let before = apaleo.calls(GET);
    let first = {
        let (beside, active) = (beside.clone(), active.clone());
        tokio::spawn(async move { beside.subscribe(&active, "inn", Subscribing::BringInLine).await })
    };
    router.until("the first has asked", async |_| apaleo.calls(GET) > before).await;
    let app = router.served().app.clone();
    let second = app.subscribe(&active, "inn", Subscribing::BringInLine).await;
    let Err(AskError::NotNow(why)) = second else { panic!("{second:?}") };
    insta::assert_snapshot!(why, @"somebody else is bringing the subscriptions of inn in line just now, from a command or from the router; try again in a moment");
    // Who only looks need not wait; and what it saw before is not taken for later.
    let looked = app.subscribe(&active, "inn", Subscribing::Look).await.expect("it is asked");
    assert_eq!(looked.done, []);
    let first = first.await.expect("no panic").expect("it is asked");
    assert_eq!(told(&first), ["Subscribe to booking/* and reservation/*, of all properties."]);
    let seen =
        app.subscriptions(&active.sources["inn"]).await.expect("the fact").expect("they can be made").seen;
    assert!(seen.is_some_and(|seen| seen.matches()), "the later look is kept");
    let after = app.subscribe(&active, "inn", Subscribing::BringInLine).await.expect("its turn has come");
    assert_eq!((after.done.len(), after.seen.matches()), (0, true));
    assert_eq!((apaleo.calls(POST), ids(&apaleo).len()), (1, 1));
    beside.store.close().await;
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_made_and_is_not_listed_is_not_made_again() {
    let (apaleo, mut router) = world("").await;
    apaleo.lists_what_was(true);
    let done = subscribe(&router, Subscribing::BringInLine).await;
    assert_eq!(told(&done), ["Subscribe to booking/* and reservation/*, of all properties."]);
    insta::assert_snapshot!(done.seen.trouble.expect("it is told"), @"apaleo said that the subscription was made, and does not list it. So that there are never two, no other one is made for ten minutes, and then only when somebody asks for it.");
    for what in [Subscribing::Look, Subscribing::BringInLine, Subscribing::KeepInLine] {
        let again = subscribe(&router, what).await;
        assert_eq!((again.done.len(), again.seen.matches()), (0, false), "{what:?}");
    }
    assert_eq!(apaleo.calls(POST), 1);
    apaleo.lists_what_was(false);
    let after = subscribe(&router, Subscribing::KeepInLine).await;
    assert!(after.seen.matches(), "{after:?}");
    // It is over: one that somebody deletes there is made again.
    apaleo.state().forget_subscriptions();
    let after = subscribe(&router, Subscribing::KeepInLine).await;
    assert!(after.seen.matches(), "{after:?}");
    assert_eq!((apaleo.calls(POST), ids(&apaleo).len()), (2, 1));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_in_the_middle_is_told_and_the_next_time_goes_on_there() {
    let (apaleo, mut router) = world("").await;
    for (reply, at_once) in [
        (Reply::empty(429).with("retry-after", "1"), false),
        (Reply::empty(500), false),
        (Reply::empty(403), false),
        (Reply::json(422, &json!({ "messages": [format!("{} is locked", address("an-older-one"))] })), false),
        // The token had ended: another one is asked for.
        (Reply::empty(401), true),
        // Somebody else was faster.
        (Reply::empty(404), true),
    ] {
        let what = format!("{}", reply.status);
        let gone = reply.status == 404;
        apaleo.subscribe("a", &address(INN), &["reservation/*"]);
        apaleo.subscribe("b", &address("an-older-one"), &["reservation/*"]);
        apaleo.script("DELETE /v1/subscriptions/b", 1, Some(reply));
        router
            .until("it can be asked", async |router| {
                subscribe(router, Subscribing::Look).await.seen.trouble.is_none()
            })
            .await;
        let done = subscribe(&router, Subscribing::BringInLine).await;
        assert_eq!(told(&done)[0], "Change the subscription a: send booking/* too.", "{what}");
        assert_eq!(done.done.len(), if at_once { 2 } else { 1 }, "{what}: {done:?}");
        let trouble = done.seen.trouble.unwrap_or_default();
        assert_eq!(trouble.is_empty(), at_once, "{what}: {trouble}");
        assert!(!trouble.contains("an-older-one"), "{what}: {trouble}");
        if gone {
            apaleo.state().forget_subscriptions();
            continue;
        }
        router
            .until("it is in line", async |router| {
                subscribe(router, Subscribing::BringInLine).await.seen.matches()
            })
            .await;
        assert_eq!(ids(&apaleo), ["a"], "{what}");
    }
    assert_eq!(apaleo.calls(POST), 0);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_answer_is_lost_is_found_and_not_made_again() {
    let (apaleo, mut router) = world("").await;
    apaleo.late(POST, 1, None);
    let done = subscribe(&router, Subscribing::KeepInLine).await;
    assert!(done.seen.trouble.is_some(), "{done:?}");
    router
        .until("it is found", async |router| subscribe(router, Subscribing::KeepInLine).await.seen.matches())
        .await;
    assert_eq!((apaleo.calls(POST), ids(&apaleo).len()), (1, 1));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_in_line_by_itself_is_not_ended_as_it_would_come_back() {
    let (apaleo, mut router) = world("subscribe: auto\n").await;
    router.until("it subscribed by itself", async |_| apaleo.subscriptions().len() == 1).await;
    let app = router.served().app.clone();
    let active = app.active().expect("a ruleset");
    let ended = app.subscribe(&active, "inn", Subscribing::End).await;
    let Err(AskError::NotNow(why)) = ended else { panic!("{ended:?}") };
    insta::assert_snapshot!(why, @"sources/inn.yaml says `subscribe: auto`, so they would be made again; take that line out first, or take the source away");
    assert_eq!(apaleo.subscriptions().len(), 1);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_the_matter_with_subscriptions_keeps_no_booking_from_being_fetched() {
    let (apaleo, mut router) = world("").await;
    let app = router.served().app.clone();
    let active = app.active().expect("a ruleset");
    let reach = active.sources["inn"].reach.clone().expect("keys");
    for status in [403, 500, 500, 500, 500, 500, 500, 404] {
        apaleo.script(GET, 1, Some(Reply::empty(status)));
        subscribe(&router, Subscribing::Look).await;
        assert_eq!(app.api_client().standing(&reach), ApiStanding::default(), "{status}");
    }
    apaleo.put(reservation("XPGM-1", "Confirmed", "2026-11-20T08:00:00Z"));
    assert_eq!(post(&router, &event(1, "Reservation/created", "XPGM-1")).await, 200);
    settled(&router).await;
    assert_eq!(router.records("bookings").as_object().map(serde_json::Map::len), Some(1));
    // A limit is one for all calls of the client.
    apaleo.script(GET, 1, Some(Reply::empty(429).with("retry-after", "2")));
    subscribe(&router, Subscribing::Look).await;
    assert!(app.api_client().standing(&reach).rests_until.is_some());
    router.stop().await;
}

/// A router whose source `inn` nothing uses, with its subscription made, and one of somebody else and one of another source.
async fn without_rules(lines: &str) -> (Apaleo, Router) {
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    let mut router = with_secrets(&[("sources/inn.yaml", &sources_file(&apaleo, lines))]).await;
    looked(&apaleo, &mut router).await;
    apaleo.subscribe("theirs", "https://others.example.com/apaleo", &["reservation/*"]);
    apaleo.subscribe("other", &format!("{OUTSIDE}/hooks/inn-2/{INN}"), &["reservation/*"]);
    router
        .until("it is subscribed", async |router| {
            subscribe(router, Subscribing::BringInLine).await.seen.matches()
        })
        .await;
    assert_eq!(apaleo.subscriptions().len(), 3);
    (apaleo, router)
}

/// Asks the API of the router; gives status and body.
async fn asked(router: &Router, token: &str, (method, path): (&str, &str), body: &Value) -> (u16, Value) {
    let url = format!("http://{}/api/v1/{path}", router.served().ui_listen);
    let request = client().request(method.parse().expect("a method"), url).bearer_auth(token);
    let request = request.header("content-type", "application/json").body(body.to_string());
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.expect("a body")).unwrap_or_default())
}

/// Takes the source away as a program does.
async fn take_away(router: &Router) -> String {
    let app = router.served().app.clone();
    let (_, token) =
        app.make_api_token(&Who::command_line(), "t", vec![Scope::Write], None).await.expect("a token");
    let (status, told) = asked(router, &token, ("POST", "sources/inn/remove"), &json!({})).await;
    assert_eq!(status, 200, "{told}");
    token
}

async fn removed(router: &Router) -> Vec<RemovedSource> {
    router.served().app.removed_sources().await.expect("the sources")
}

/// As if it had been taken away so long ago.
async fn gone_for(router: &Router, hours: i64) {
    let app = router.served().app.clone();
    let mut memory = app.store.sources().await.expect("the sources");
    memory.retain(|memory| memory.name == "inn");
    let removed_at = Some(app.clock.now() - hours * HOUR);
    let memory: Vec<_> = memory.into_iter().map(|memory| SourceMemory { removed_at, ..memory }).collect();
    app.store.remember_sources(&memory).await.expect("the store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_to_a_source_that_was_taken_away_is_ended_after_an_hour_and_taken_meanwhile() {
    let (apaleo, mut router) = without_rules("subscribe: auto\n").await;
    take_away(&router).await;
    let gone = removed(&router).await;
    assert_eq!(gone.iter().map(|one| (one.name.as_str(), one.leading)).collect::<Vec<_>>(), [("inn", 1)]);
    assert_eq!(gone[0].ends_at(), Some(gone[0].removed_at + HOUR));
    assert_eq!(post(&router, &event(1, "Reservation/created", "XPGM-1")).await, 200);
    router.quiet().await;
    let kinds: Vec<ChangeKind> = events(&router).await.iter().map(|event| event.changes[0].kind).collect();
    assert!(kinds.iter().all(|kind| *kind == ChangeKind::Ignored), "{kinds:?}");
    assert_eq!(apaleo.subscriptions().len(), 3, "for an hour it may come back");

    gone_for(&router, 2).await;
    router.until("it is ended", async |_| apaleo.subscriptions().len() == 2).await;
    assert_eq!(ids(&apaleo), ["other", "theirs"]);
    router.until("nothing is left to tell", async |router| removed(router).await.is_empty()).await;
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_comes_back_within_the_hour_keeps_its_subscription() {
    let (apaleo, mut router) = without_rules("subscribe: auto\n").await;
    let asked_before = apaleo.calls("DELETE");
    take_away(&router).await;
    assert_eq!(removed(&router).await.len(), 1);
    router.write("sources/inn.yaml", &sources_file(&apaleo, "subscribe: auto\n"));
    router.taken_up().await;
    assert_eq!(removed(&router).await, []);
    gone_for(&router, 2).await;
    let done = subscribe(&router, Subscribing::KeepInLine).await;
    assert!(done.seen.matches() && done.done.is_empty(), "{done:?}");
    assert_eq!((apaleo.calls("DELETE"), apaleo.subscriptions().len()), (asked_before, 3));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_said_to_keep_by_itself_is_told_on_the_page_and_ended_there_or_by_a_program() {
    let (apaleo, mut router) = without_rules("").await;
    let token = take_away(&router).await;
    gone_for(&router, 48).await;
    let app = router.served().app.clone();
    let finding = removed(&router).await[0].finding();
    insta::assert_snapshot!(format!("{}: {} -> {}", finding.about, finding.text, finding.way_out.unwrap_or_default()), @"source inn, which was taken away: One subscription of apaleo still leads to it. What comes is stored for 30 days, and leads to nothing. -> waypost subscriptions inn --end");

    let base = format!("http://{}", router.served().ui_listen);
    let session = session_of(&app, "ciara@example.org", Role::Editor).await;
    let page = async || {
        let request = client().get(format!("{base}/sources")).header("cookie", format!("waypost={session}"));
        request.send().await.expect("an answer").text().await.expect("a page")
    };
    let shown = page().await;
    assert!(shown.contains("Taken away, and still sent to"), "{shown}");
    let (status, told) = asked(&router, &token, ("GET", "sources/inn/subscriptions"), &Value::Null).await;
    assert_eq!((status, &told["acts"][0]["act"]), (200, &json!("leave")), "{told}");
    let (status, told) = asked(&router, &token, ("POST", "sources/inn/subscriptions"), &json!({})).await;
    assert_eq!(
        (status, &told["acts"][0]["act"], &told["done"]),
        (200, &json!("delete"), &json!([])),
        "{told}"
    );
    assert_eq!(apaleo.subscriptions().len(), 3, "only looked at");

    // Its secret is lost: where and what is told, so that it can be done by hand.
    app.store.remove_secret("apaleo-secret").await.expect("the store");
    router
        .until("the secret is gone", async |router| {
            let active = router.served().app.active().expect("a ruleset");
            let app = &router.served().app;
            let done = app.subscribe(&active, "inn", Subscribing::Look).await.expect("it is known");
            done.seen.trouble.is_some()
        })
        .await;
    let active = app.active().expect("a ruleset");
    let ended = app.subscribe(&active, "inn", Subscribing::End).await.expect("it is known");
    assert_eq!((ended.done.len(), apaleo.subscriptions().len()), (0, 3));
    let finding = removed(&router).await[0].finding();
    insta::assert_snapshot!(format!("{:?} {} -> {}", finding.health, finding.text, finding.on_page.unwrap_or_default()), @"Amiss One subscription of apaleo still leads to it. That could not be ended: apaleo can't be asked without keys: the secret `apaleo-secret` has no value. -> Take away in apaleo the subscriptions whose address begins with https://hooks.example.com/hooks/inn/.");
    app.set_secret("apaleo-secret", "secret-1").await.expect("a secret is kept");

    let shown = page().await;
    let form = shown.split_once("name=\"form_token\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
    let posted = client()
        .post(format!("{base}/sources/inn/subscriptions"))
        .header("cookie", format!("waypost={session}"))
        .header("origin", &base)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("form_token={}&do=line", form.expect("a form").0))
        .send()
        .await
        .expect("an answer");
    assert_eq!(posted.status().as_u16(), 200, "the page again");
    assert_eq!(ids(&apaleo), ["other", "theirs"]);
    assert!(!page().await.contains("Taken away, and still sent to"));
    let (status, _) = asked(&router, &token, ("GET", "sources/inn/subscriptions"), &Value::Null).await;
    assert_eq!(status, 404);
    router.stop().await;
}
