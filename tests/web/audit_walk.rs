//! Walks all routes that change something, pages and API alike, and looks that each leaves its line in the audit log. A new
//! route that is not here fails.

use crate::filled::Seen;
use crate::signed_in::{PASSWORD, session_of};
use crate::workshop::Workshop;
use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use waypost::alerts::Postman;
use waypost::app::{Origin, Who};
use waypost::domain::{Role, Scope};
use waypost::outbound::{HttpOutbound, SmtpMailer};
use waypost::web::{Access, pages, routes};

/// Who walks.
struct Walk {
    shop: Workshop,
    session: String,
    form_token: String,
    token: String,
    walked: BTreeSet<&'static str>,
    log: i64,
}

impl Walk {
    async fn begin(shop: Workshop) -> Self {
        let outbound = Arc::new(HttpOutbound::new());
        let postman = Postman::new(outbound, Arc::new(SmtpMailer::new()), shop.app.secrets.clone());
        shop.app.send_letters_by(Arc::new(postman));
        let session = session_of(&shop.app, "ada@example.org", Role::Admin).await;
        let made = shop.app.make_api_token(&Who::command_line(), "Accounts", vec![Scope::Admin], None).await;
        let (token, log) = (made.expect("a token").1, 0);
        let mut walk = Self { shop, session, form_token: String::new(), token, walked: BTreeSet::new(), log };
        walk.come_in().await;
        walk
    }

    async fn come_in(&mut self) {
        self.form_token = self.get("/account").await.form_token();
        assert_eq!(self.form_token.len(), 64);
        self.log = self.newest().await.first().map_or(0, |(seq, _)| *seq);
    }

    async fn send(&self, request: TestRequest) -> Seen {
        let service = pages(self.shop.app.clone(), Arc::new(Access::default()));
        let service = init_service(actix_web::App::new().configure(service)).await;
        let request = request.insert_header(("host", "127.0.0.1:8081"));
        let answer = call_service(&service, request.to_request()).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = to_bytes(answer.into_body()).await.unwrap_or_default();
        Seen { status, headers, text: String::from_utf8_lossy(&body).into_owned(), bytes: body.len() }
    }

    async fn get(&self, address: &str) -> Seen {
        let request = TestRequest::get().uri(address);
        self.send(request.insert_header(("cookie", format!("waypost={}", self.session)))).await
    }

    async fn told(&self, address: &str) -> Value {
        let request = TestRequest::get().uri(address);
        let seen =
            self.send(request.insert_header(("authorization", format!("Bearer {}", self.token)))).await;
        assert!(seen.status.is_success(), "{address}: {}", seen.text);
        serde_json::from_str(&seen.text).expect("JSON")
    }

    async fn newest(&self) -> Vec<(i64, String)> {
        let lines = self.shop.app.store.people().audit(None, 5).await.expect("the log");
        lines.into_iter().map(|line| (line.seq, line.act)).collect()
    }

    /// Looks for the line of an act that was done just now.
    async fn logged(&mut self, path: &'static str, act: &str, seen: &Seen) {
        assert!(
            seen.status.is_success() || seen.status.is_redirection(),
            "{path}: {} {}",
            seen.status,
            seen.text
        );
        let lines = self.newest().await;
        let new: Vec<&str> =
            lines.iter().filter(|(seq, _)| *seq > self.log).map(|(_, act)| act.as_str()).collect();
        assert!(new.contains(&act), "{path}: {act} is not in the log, but {new:?}");
        self.log = lines[0].0;
        self.walked.insert(path);
    }

    /// Presses a button.
    async fn page(&mut self, path: &'static str, address: &str, form: &[(&str, &str)], act: &str) -> Seen {
        let mut form = form.to_vec();
        form.push(("form_token", &self.form_token));
        let request = TestRequest::default()
            .method(Method::POST)
            .uri(address)
            .insert_header(("origin", "http://127.0.0.1:8081"))
            .insert_header(("cookie", format!("waypost={}", self.session)))
            .set_form(form);
        let seen = self.send(request).await;
        self.logged(path, act, &seen).await;
        seen
    }

    /// Calls the API.
    async fn api(&mut self, path: &'static str, address: &str, body: Value, act: &str) -> Value {
        let request = TestRequest::default()
            .method(Method::POST)
            .uri(address)
            .insert_header(("authorization", format!("Bearer {}", self.token)))
            .set_json(&body);
        let seen = self.send(request).await;
        self.logged(path, act, &seen).await;
        serde_json::from_str(&seen.text).unwrap_or_default()
    }

    /// These change nothing that anybody else sees.
    fn nothing(&mut self, paths: &[&'static str]) {
        self.walked.extend(paths);
    }

    /// This needs more than a call; `act` is written with the change, in one transaction, by that file.
    fn written_by(&mut self, path: &'static str, file: &str, act: &str) {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app").join(file);
        let text = std::fs::read_to_string(source).expect("a source");
        assert!(text.contains(&format!("\"{act}\"")), "{path}: {file} does not write {act}");
        self.walked.insert(path);
    }

    async fn runs(&self) -> Vec<String> {
        let told = self.told("/api/v1/runs").await;
        let items = told["items"].as_array().expect("runs");
        items.iter().map(|run| run["id"].as_str().expect("an id").to_owned()).collect()
    }

    async fn hash_of(&self, file: &str) -> String {
        self.shop.opened(file).await.unwrap_or_default()
    }
}

fn id_in(told: &Value) -> String {
    told["id"].as_str().expect("an id").to_owned()
}

async fn runs_and_bookings(walk: &mut Walk) {
    let runs = walk.runs().await;
    let at = |run: &str, act: &str| format!("/runs/{run}/{act}");
    let api = |run: &str, act: &str| format!("/api/v1/runs/{run}/{act}");
    walk.page("/runs/{id}/hold", &at(&runs[0], "hold"), &[], "run.held").await;
    walk.page("/runs/{id}/cancel", &at(&runs[0], "cancel"), &[], "run.cancelled").await;
    walk.page("/runs/{id}/retry", &at(&runs[0], "retry"), &[], "run.retried").await;
    walk.page("/runs/{id}/hold", &at(&runs[0], "hold"), &[], "run.held").await;
    walk.page("/runs/{id}/done", &at(&runs[0], "done"), &[("note", "By hand")], "run.done-by-hand").await;
    let nothing = || json!({});
    walk.api("/api/v1/runs/{id}/hold", &api(&runs[1], "hold"), nothing(), "run.held").await;
    walk.api("/api/v1/runs/{id}/cancel", &api(&runs[1], "cancel"), nothing(), "run.cancelled").await;
    walk.api("/api/v1/runs/{id}/retry", &api(&runs[1], "retry"), nothing(), "run.retried").await;
    walk.api("/api/v1/runs/{id}/hold", &api(&runs[1], "hold"), nothing(), "run.held").await;
    let note = json!({ "note": "By hand" });
    walk.api("/api/v1/runs/{id}/done", &api(&runs[1], "done"), note, "run.done-by-hand").await;
    for run in &runs[2..4] {
        walk.api("/api/v1/runs/{id}/hold", &api(run, "hold"), nothing(), "run.held").await;
    }
    // Many at once: the page's plan has what its button sends.
    let plan = walk.get("/needs-you/plan?act=cancel").await.text;
    let form = plan.split("action=\"/needs-you/plan\"").nth(1).unwrap_or_else(|| panic!("no form: {plan}"));
    let form = form.split("</form>").next().unwrap_or_default();
    let value = |tag: &str, name: &str| {
        tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
    };
    let fields: Vec<(String, String)> = form
        .split("<input")
        .skip(1)
        .filter_map(|tag| Some((value(tag, "name")?, value(tag, "value").unwrap_or_default())))
        .filter(|(name, _)| name != "form_token")
        .collect();
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    walk.page("/needs-you/plan", "/needs-you/plan", &fields, "runs.asked").await;
    let app = walk.shop.app.clone();
    while app.carry_out_a_piece().await.expect("a piece") {}
    walk.api("/api/v1/runs/{id}/hold", &api(&runs[4], "hold"), nothing(), "run.held").await;
    let plan = app.entropy.id_of("blk_", app.clock.now());
    let asked = json!({ "id": plan, "act": "cancel" });
    walk.api("/api/v1/acts", "/api/v1/acts", asked, "runs.asked").await;
    while app.carry_out_a_piece().await.expect("a piece") {}
    let events = walk.told("/api/v1/events").await;
    let event = id_in(&events["items"][0]);
    let replay = format!("/api/v1/events/{event}/replay");
    walk.api("/api/v1/events/{id}/replay", &replay, nothing(), "event.replayed").await;
    walk.nothing(&["/api/v1/acts/plan"]);
}

async fn rules(walk: &mut Walk) {
    let text = walk.shop.read("guests.yaml");
    let opened = walk.hash_of("guests.yaml").await;
    let changed = text.replace("title: Guests", "title: Our guests");
    let form = [("text", changed.as_str()), ("opened", &opened), ("reason", "Because")];
    walk.page("/rules/{name}/publish", "/rules/guests/publish", &form, "rule.published").await;
    walk.page("/rules/{name}/apply", "/rules/guests/apply", &[], "rule.applied").await;
    let app = walk.shop.app.clone();
    let done = app.store.applies(&waypost::ports::ApplyFilter::default()).await;
    assert_eq!(done.expect("applyings").len(), 1);
    let form = json!({ "text": text, "text_hash": walk.hash_of("guests.yaml").await, "reason": "Back" });
    walk.api("/api/v1/rules/{name}/publish", "/api/v1/rules/guests/publish", form, "rule.published").await;
    let off = json!({ "enabled": false });
    walk.api("/api/v1/rules/{name}/switch", "/api/v1/rules/guests/switch", off, "rule.published").await;
    let history = walk.told("/api/v1/rules/guests/history").await;
    let back = json!({ "version": history["items"][1]["id"], "reason": "Back" });
    walk.api("/api/v1/rules/{name}/revert", "/api/v1/rules/guests/revert", back, "rule.published").await;
    let bookings = walk.told("/api/v1/bookings").await;
    let at = format!("/bookings/{}/test", id_in(&bookings["items"][0]));
    let form = [("rule", "guests"), ("name", "as it came")];
    walk.page("/bookings/{id}/test", &at, &form, "rule.test-made").await;
    let form = json!({ "rule": "guests", "name": "as it came once more" });
    walk.api("/api/v1/bookings/{id}/test", &format!("/api/v1{at}"), form, "rule.test-made").await;
    // These show something and change nothing.
    walk.nothing(&[
        "/rules/new",
        "/rules/{name}/tests",
        "/rules/{name}/switch",
        "/rules/{name}/edit",
        "/rules/{name}/review",
        "/api/v1/rules/{name}/check",
        "/api/v1/rules/{name}/preview",
        "/api/v1/rules/{name}/tests",
    ]);
}

async fn connecting(walk: &mut Walk) {
    let form = [("title", "B"), ("name", "b"), ("base_url", "http://127.0.0.1:9"), ("allow_private", "true")];
    walk.page("/connections/new/{connector}", "/connections/new/sandbox", &form, "connection.made").await;
    let at = "/connections/b";
    let opened = walk.hash_of("connections/b.yaml").await;
    let form = [form[0], form[2], form[3], ("limit.per_second", "5"), ("opened", &*opened)];
    walk.page("/connections/{name}", at, &form, "connection.changed").await;
    walk.page("/connections/{name}/test", "/connections/b/test", &[], "connection.tested").await;
    let key = [("secret", ""), ("value", "key-of-b")];
    walk.page("/connections/{name}/secret", "/connections/b/secret", &key, "connection.secret").await;
    walk.page("/connections/{name}/pause", "/connections/b/pause", &[], "connection.paused").await;
    walk.page("/connections/{name}/resume", "/connections/b/resume", &[], "connection.resumed").await;
    let opened = walk.hash_of("connections/b.yaml").await;
    let opened = [("opened", &*opened)];
    walk.page("/connections/{name}/remove", "/connections/b/remove", &opened, "connection.removed").await;
    let at = "/api/v1/connections/c";
    let new = json!({ "connector": "sandbox", "name": "c", "title": "C",
        "values": { "base_url": "http://127.0.0.1:9", "allow_private": "true" } });
    walk.api("/api/v1/connections", "/api/v1/connections", new, "connection.made").await;
    walk.api("/api/v1/connections/{name}", at, json!({ "title": "Cc" }), "connection.changed").await;
    for (path, act, body, told) in [
        ("/api/v1/connections/{name}/test", "test", json!({}), "connection.tested"),
        ("/api/v1/connections/{name}/secret", "secret", json!({ "value": "key" }), "connection.secret"),
        ("/api/v1/connections/{name}/pause", "pause", json!({}), "connection.paused"),
        ("/api/v1/connections/{name}/resume", "resume", json!({}), "connection.resumed"),
        ("/api/v1/connections/{name}/remove", "remove", json!({}), "connection.removed"),
    ] {
        walk.api(path, &format!("{at}/{act}"), body, told).await;
    }
    let form = [("title", "D"), ("name", "d")];
    walk.page("/sources/new/{connector}", "/sources/new/fareharbor", &form, "source.made").await;
    let opened = walk.hash_of("sources/d.yaml").await;
    walk.page("/sources/{name}", "/sources/d", &[("title", "Dd"), ("opened", &opened)], "source.changed")
        .await;
    walk.page("/sources/{name}/address", "/sources/d/address", &[("hours", "24")], "source.address").await;
    let end = "/sources/d/old-address/end";
    walk.page("/sources/{name}/old-address/end", end, &[], "source.old-address").await;
    let opened = walk.hash_of("sources/d.yaml").await;
    walk.page("/sources/{name}/remove", "/sources/d/remove", &[("opened", &opened)], "source.removed").await;
    let new = json!({ "connector": "fareharbor", "name": "e", "title": "E" });
    walk.api("/api/v1/sources", "/api/v1/sources", new, "source.made").await;
    for (path, act, body, told) in [
        ("/api/v1/sources/{name}", "", json!({ "title": "Ee" }), "source.changed"),
        ("/api/v1/sources/{name}/address", "/address", json!({ "overlap_hours": 1 }), "source.address"),
        ("/api/v1/sources/{name}/old-address/end", "/old-address/end", json!({}), "source.old-address"),
        ("/api/v1/sources/{name}/remove", "/remove", json!({}), "source.removed"),
    ] {
        walk.api(path, &format!("/api/v1/sources/e{act}"), body, told).await;
    }
    let form = [("recipe", "guests-to-hubspot"), ("source", "tours"), ("connection", "h")];
    let new = [("title", "H"), ("name", "h"), ("setting.portal", "1"), ("secret", "pat-h")];
    walk.page("/connections/new/{connector}", "/connections/new/hubspot", &new, "connection.made").await;
    walk.page("/begin/rule", "/begin/rule", &form, "rule.published").await;
}

async fn people(walk: &mut Walk) {
    let form = [("name", "Mary"), ("email", "mary@example.org"), ("role", "viewer")];
    walk.page("/settings/people", "/settings/people", &form, "person.added").await;
    let mary = walk.shop.app.person_by_email("mary@example.org").await.expect("Mary").id;
    let at = |act: &str| format!("/settings/people/{mary}/{act}");
    walk.page("/settings/people/{id}/role", &at("role"), &[("role", "editor")], "person.role").await;
    walk.page("/settings/people/{id}/disable", &at("disable"), &[], "person.disabled").await;
    walk.page("/settings/people/{id}/enable", &at("enable"), &[], "person.enabled").await;
    walk.page("/settings/people/{id}/link", &at("link"), &[], "person.link").await;
    let factor = "/settings/people/{id}/second-factor";
    walk.page(factor, &at("second-factor"), &[], "person.second-factor-removed").await;
    let new = json!({ "name": "Ben", "email": "ben@example.org", "role": "viewer" });
    let ben = id_in(&walk.api("/api/v1/people", "/api/v1/people", new, "person.added").await["person"]);
    for (path, act, body, told) in [
        ("/api/v1/people/{id}/role", "role", json!({ "role": "editor" }), "person.role"),
        ("/api/v1/people/{id}/disable", "disable", json!({}), "person.disabled"),
        ("/api/v1/people/{id}/enable", "enable", json!({}), "person.enabled"),
        ("/api/v1/people/{id}/link", "link", json!({}), "person.link"),
        (
            "/api/v1/people/{id}/second-factor/off",
            "second-factor/off",
            json!({}),
            "person.second-factor-removed",
        ),
    ] {
        walk.api(path, &format!("/api/v1/people/{ben}/{act}"), body, told).await;
    }
    let form = [("name", "Report"), ("days", "30"), ("read", "yes")];
    walk.page("/settings/tokens", "/settings/tokens", &form, "token.made").await;
    let tokens = walk.shop.app.store.people().tokens().await.expect("tokens");
    let report = tokens.iter().find(|token| token.name == "Report").expect("the report's").id.clone();
    let revoke = format!("/settings/tokens/{report}/revoke");
    walk.page("/settings/tokens/{id}/revoke", &revoke, &[], "token.revoked").await;
    let new = json!({ "name": "Other", "scopes": ["read"] });
    let made = walk.api("/api/v1/tokens", "/api/v1/tokens", new, "token.made").await;
    let revoke = format!("/api/v1/tokens/{}/revoke", id_in(&made["token"]));
    walk.api("/api/v1/tokens/{id}/revoke", &revoke, json!({}), "token.revoked").await;
}

async fn settings(walk: &mut Walk) {
    let form = [("delay", "2"), ("remind", "4"), ("zone", "Europe/Dublin")];
    walk.page("/settings/alerts", "/settings/alerts", &form, "alerts.options").await;
    let form =
        [("name", "P"), ("enabled", "yes"), ("address", "http://127.0.0.1:9/x"), ("allow_private", "yes")];
    let new = "/settings/alerts/new/{kind}";
    walk.page(new, "/settings/alerts/new/slack", &form, "alerts.channel-made").await;
    let channel = walk.told("/api/v1/alerts/channels").await["items"][0]["id"].clone();
    let at = format!("/settings/alerts/{}", channel.as_str().expect("an id"));
    walk.page("/settings/alerts/{id}", &at, &form, "alerts.channel-changed").await;
    walk.page("/settings/alerts/{id}/test", &format!("{at}/test"), &[], "alerts.tested").await;
    walk.page("/settings/alerts/{id}/remove", &format!("{at}/remove"), &[], "alerts.channel-removed").await;
    let options = json!({ "delay_minutes": 5 });
    walk.api("/api/v1/alerts/options", "/api/v1/alerts/options", options, "alerts.options").await;
    let new =
        json!({ "kind": "slack", "name": "P", "address": "http://127.0.0.1:9/x", "allow_private": true });
    let channels = "/api/v1/alerts/channels";
    let made = walk.api("/api/v1/alerts/channels", channels, new, "alerts.channel-made").await;
    let at = format!("{channels}/{}", id_in(&made));
    for (path, act, told) in [
        ("/api/v1/alerts/channels/{id}", "", "alerts.channel-changed"),
        ("/api/v1/alerts/channels/{id}/test", "/test", "alerts.tested"),
        ("/api/v1/alerts/channels/{id}/remove", "/remove", "alerts.channel-removed"),
    ] {
        walk.api(path, &format!("{at}{act}"), json!({}), told).await;
    }
    let form = [("bodies", "90"), ("sure", "yes")];
    walk.page("/settings/retention", "/settings/retention", &form, "retention.changed").await;
    let days = json!({ "bodies_days": 80 });
    walk.api("/api/v1/retention", "/api/v1/retention", days, "retention.changed").await;
    walk.page("/settings/masking", "/settings/masking", &[("on", "yes")], "masking.changed").await;
    walk.api("/api/v1/masking", "/api/v1/masking", json!({ "masked": false }), "masking.changed").await;
    // Guests whose runs are at their end: those of the first two bookings.
    let mut guests = Vec::new();
    let bookings = walk.told("/api/v1/bookings").await;
    for booking in &bookings["items"].as_array().expect("bookings")[..2] {
        let key = booking["key"].as_str().expect("a key").to_owned();
        let runs = walk.told(&format!("/api/v1/runs?booking={key}")).await;
        for run in runs["items"].as_array().expect("runs") {
            let id = waypost::domain::RunId::new(run["id"].as_str().expect("an id"));
            walk.shop.app.cancel(std::slice::from_ref(&id), "Ada").await.expect("a store");
        }
        guests.push(key);
    }
    let app = walk.shop.app.clone();
    let mark = app.guest(&guests[0]).await.expect("a guest").mark();
    let form = [("who", &*guests[0]), ("mark", &*mark), ("confirm", &*guests[0])];
    walk.page("/settings/guest/export", "/settings/guest/export", &form, "guest.exported").await;
    walk.page("/settings/guest/erase", "/settings/guest/erase", &form, "guest.erased").await;
    let who = json!({ "who": guests[1] });
    walk.api("/api/v1/guests/export", "/api/v1/guests/export", who, "guest.exported").await;
    let mark = app.guest(&guests[1]).await.expect("a guest").mark();
    let who = json!({ "who": guests[1], "mark": mark });
    walk.api("/api/v1/guests/erase", "/api/v1/guests/erase", who, "guest.erased").await;
    walk.nothing(&["/settings/guest", "/api/v1/guests/find", "/api/v1/retention/plan"]);
    walk.written_by("/settings/backup", "backup.rs", "backup.downloaded");
    walk.written_by("/api/v1/backup", "backup.rs", "backup.downloaded");
}

async fn account(walk: &mut Walk) {
    let form = [("name", "Ada Byrne"), ("time_zone", "")];
    walk.page("/account", "/account", &form, "account.profile").await;
    let other = walk.shop.app.sign_in("ada@example.org", PASSWORD.into(), &Origin::default()).await;
    other.expect("it is answered").expect("another session");
    walk.come_in().await;
    let sessions = walk.get("/account").await.text;
    let id = sessions.split("/account/sessions/").nth(1).and_then(|rest| rest.split('/').next());
    let end = format!("/account/sessions/{}/end", id.expect("another session is shown"));
    walk.page("/account/sessions/{id}/end", &end, &[], "account.session-ended").await;
    walk.written_by("/account/second-factor", "people_code.rs", "account.second-factor-on");
    walk.written_by("/account/second-factor/off", "people_code.rs", "account.second-factor-off");
    walk.written_by("/account/password", "people_sign_in.rs", "account.password");
    walk.written_by("/sign-in", "people_sign_in.rs", "signed-in");
    walk.written_by("/sign-in/code", "people_sign_in.rs", "signed-in");
    walk.written_by("/welcome/{token}", "people_links.rs", "account.password-by-link");
    walk.written_by("/events/{id}/replay", "../web/event_replay.rs", "event.replayed");
    walk.written_by("/bookings/{id}/fetch", "../web/booking_fetch.rs", "booking.fetched");
    walk.written_by("/api/v1/bookings/{id}/fetch", "../web/api_bookings_fetch.rs", "booking.fetched");
    walk.written_by("/sources/{name}/sign-in", "../web/source_change.rs", "source.sign-in");
    walk.written_by("/sources/{name}/keys", "../web/source_change.rs", "source.keys");
    for (path, file, act) in [
        ("/sources/{name}/walks", "../web/walks_list.rs", "source.walked"),
        ("/walks/{id}/pause", "../web/walk_show.rs", "walk.paused"),
        ("/walks/{id}/resume", "../web/walk_show.rs", "walk.resumed"),
        ("/walks/{id}/stop", "../web/walk_show.rs", "walk.stopped"),
        ("/walks/{id}/repair", "../web/walk_show.rs", "source.repaired"),
        ("/api/v1/sources/{name}/walks", "../web/api_walks.rs", "source.walked"),
        ("/api/v1/walks/{id}/pause", "../web/walk_show.rs", "walk.paused"),
        ("/api/v1/walks/{id}/resume", "../web/walk_show.rs", "walk.resumed"),
        ("/api/v1/walks/{id}/stop", "../web/walk_show.rs", "walk.stopped"),
        ("/api/v1/walks/{id}/repair", "../web/api_walks.rs", "source.repaired"),
        ("/rules/{name}/rename", "../web/rule_move.rs", "rule.renamed"),
        ("/rules/{name}/remove", "../web/rule_move.rs", "rule.removed"),
        ("/api/v1/rules/{name}/rename", "../web/api_rule_moves.rs", "rule.renamed"),
        ("/api/v1/rules/{name}/remove", "../web/api_rule_moves.rs", "rule.removed"),
        ("/api/v1/rules/{name}/apply", "../web/api_rule_applies.rs", "rule.applied"),
        ("/sources/{name}/look", "../web/source_change.rs", "source.looked-over"),
        ("/sources/{name}/fill", "../web/source_change.rs", "source.filled"),
        ("/sources/{name}/subscriptions", "../web/source_subscribe.rs", "source.subscriptions"),
        ("/api/v1/sources/{name}/sign-in", "../web/api_source_secrets.rs", "source.sign-in"),
        ("/api/v1/sources/{name}/keys", "../web/api_source_secrets.rs", "source.keys"),
        ("/api/v1/sources/{name}/doctor", "../web/api_sources.rs", "source.looked-over"),
        ("/api/v1/sources/{name}/subscriptions", "../web/api_subscriptions.rs", "source.subscriptions"),
    ] {
        walk.written_by(path, file, act);
    }
    walk.page("/sign-out", "/sign-out", &[], "signed-out").await;
    walk.nothing(&[
        "/colours",
        "/rules/{name}/build",
        "/api/v1/rules/{name}/model",
        "/api/v1/rules/{name}/edit",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_act_leaves_its_line_in_the_log() {
    let mut walk = Walk::begin(Workshop::open(5).await.with_git()).await;
    runs_and_bookings(&mut walk).await;
    rules(&mut walk).await;
    connecting(&mut walk).await;
    people(&mut walk).await;
    settings(&mut walk).await;
    account(&mut walk).await;
    let posts = routes().into_iter().filter(|(method, ..)| *method == Method::POST);
    let left: Vec<&str> = posts.map(|(_, path, _)| path).filter(|path| !walk.walked.contains(path)).collect();
    assert_eq!(left, [""; 0], "these were not walked: say what each writes to the log");
}
