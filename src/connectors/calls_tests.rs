//! Connections and their actions: from files to requests, and what answers mean.

use super::tests::{connection, engine, try_connection};
use super::{Action, CallContext, Connection, SecretRef, Which, classify, classify_failure};
use crate::expr::Engine;
use crate::ports::{Answer, OutboundFailure, Secrets};
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// 2026-05-01T08:00:00Z.
const NOW: i64 = 1_777_622_400_000;

const OWN_CRM: &str = r#"connector: http
title: Our own CRM
base_url: http://127.0.0.1:9900/
allow_private: true
auth: { header: Authorization, value: "Bearer {{ secret }}", secret: { env: CRM_TOKEN } }
headers: { Accept: application/json }
limits: { per_second: 50, concurrency: 8 }
retry: { schedule: [1s, 5s, 30s], give_up_after: 72h }
actions:
  upsert_guest:
    method: PUT
    path: "/guests/{{ input.id }}"
    object: guest
    key: [id]
    repeatable: true
    inputs: { id: { type: string, required: true } }
    outputs: { id: /id }
  add_note:
    method: POST
    path: "/notes"
    query: { source: waypost, page: "{{ input.page }}" }
    body: { guest: "{{ input.guest }}", text: "{{ input.text }}", ref: "{{ step.ref }}", tags: ["{{ input.tag }}", fixed, 7] }
    repeatable: false
    find: { method: GET, path: "/notes", query: { ref: "{{ step.ref }}" }, id: /0/id, outputs: { text: /0/text } }
    answers: [ { status: 409, is: done }, { status: 422, is: refused, message: /error } ]
    outputs: { id: /id, place: "header:Location" }
"#;

const HUBSPOT: &str = "connector: hubspot\nauth: { token: { secret: hubspot-token } }\n";

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no map"),
    }
}

/// A request as text, or why there is none.
fn request(engine: &Engine, connection: &Connection, action: &str, which: Which, input: Value) -> String {
    let action = &connection.actions[action];
    let accepted = match action.accept(fields(input)) {
        Ok(accepted) => accepted,
        Err(error) => return format!("not accepted: {error} ({:?})", error.field),
    };
    let context = CallContext {
        input: accepted,
        run: json!({ "id": "run_1", "rule": "guests" }),
        step: json!({ "id": "note", "ref": "wp-run_1-note" }),
        link: json!({ "id": "77" }),
        output: json!({ "id": "901" }),
    };
    match action.render(engine, connection, which, &context) {
        Ok(request) => {
            let mut text = format!("{} {}\n", request.method, request.url);
            for (name, value) in &request.headers {
                let _ = writeln!(text, "{name}: {value}");
            }
            if let Some(body) = &request.body {
                let _ = writeln!(text, "{}", String::from_utf8_lossy(body));
            }
            text
        }
        Err(error) => format!("not rendered: {error} ({:?})\n", error.field),
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { status, headers, body: Bytes::from(body.to_owned()), cut: false }
}

/// What answers mean, one a line.
fn meanings(connection: &Connection, action: &Action, which: Which, answers: &[Answer]) -> String {
    let mut text = String::new();
    for answer in answers {
        let told = classify(connection, action, which, answer, NOW);
        let wait = told.wait_ms.map(|wait| format!(" wait {wait} ms")).unwrap_or_default();
        let outputs =
            if told.outputs.is_empty() { String::new() } else { format!(" {}", json!(told.outputs)) };
        let _ = writeln!(text, "{} {}{wait}{outputs} | {}", answer.status, told.class.as_str(), told.message);
    }
    text
}

#[test]
fn the_designs_http_connection_becomes_requests() {
    let engine = engine();
    let crm = connection(&engine, OWN_CRM);
    let guest = json!({ "id": "a/b c@example.org", "name": "Siobhán", "age": 7, "gone": null });
    let mut told = request(&engine, &crm, "upsert_guest", Which::Call, guest);
    for id in [json!(""), json!("."), json!(".."), json!(null), json!({}), json!(12)] {
        told += &request(&engine, &crm, "upsert_guest", Which::Call, json!({ "id": id }));
        told += "\n";
    }
    told += &request(&engine, &crm, "upsert_guest", Which::Call, json!({ "name": "x" }));
    told += "\n";
    let note = json!({ "guest": "g1", "text": "Kommt später", "page": 2 });
    told += &request(&engine, &crm, "add_note", Which::Call, note);
    told +=
        &request(&engine, &crm, "add_note", Which::Call, json!({ "guest": null, "tag": [1, { "a": 1.10 }] }));
    told += &request(&engine, &crm, "add_note", Which::Find, json!({}));
    told += &request(&engine, &crm, "add_note", Which::Update, json!({}));
    insta::assert_snapshot!(told);
    assert_eq!((crm.limits.per_second, crm.limits.concurrency), (Some(50.0), Some(8)));
    assert_eq!(
        (crm.retry.intervals_ms.as_slice(), crm.retry.give_up_after_ms),
        (&[1_000, 5_000, 30_000][..], 259_200_000)
    );
    assert_eq!(
        (crm.base_url.as_str(), crm.account.as_str()),
        ("http://127.0.0.1:9900", "http://127.0.0.1:9900")
    );
    assert!(
        crm.allow_private && crm.actions["upsert_guest"].repeatable && !crm.actions["add_note"].repeatable
    );
}

#[test]
fn bodies_take_the_form_that_their_content_type_says() {
    let engine = engine();
    let crm = connection(
        &engine,
        r#"connector: http
base_url: https://crm.example.com/api
actions:
  form: { method: POST, path: /f, headers: { Content-Type: application/x-www-form-urlencoded } }
  text: { method: POST, path: /t, headers: { Content-Type: text/plain, X-Ref: "{{ input.ref }}" }, body: "{{ input.text }}" }
  whole: { method: POST, path: /w, body: { wrapped: { $fields: { except: [id], text: true } }, "{{ input.id }}": yes } }
  bare: { method: POST, path: /b, body: none }
  drop: { method: DELETE, path: "/d/{{ input.a }}-{{ input.b }}.json" }
"#,
    );
    let mut told = String::new();
    let input = json!({ "id": "k", "a": "x&y", "b": [1, 2], "c": null, "text": "line one\ntwo", "ref": "r\n1", "n": 1.10, "t": true });
    for action in ["form", "text", "whole", "bare", "drop"] {
        told += &request(&engine, &crm, action, Which::Call, input.clone());
        told += "\n";
    }
    told += &request(&engine, &crm, "drop", Which::Call, json!({ "a": "ä", "b": 2 }));
    insta::assert_snapshot!(told);
}

#[test]
fn the_common_classes_are_as_the_design_says() {
    let engine = engine();
    let crm = connection(&engine, OWN_CRM);
    let statuses = [200, 201, 204, 301, 400, 401, 403, 404, 408, 409, 410, 422, 425, 429, 500, 502, 503, 504];
    let answers: Vec<Answer> = statuses.iter().map(|status| answer(*status, &[], "")).collect();
    let action = &crm.actions["upsert_guest"];
    let note = &crm.actions["add_note"];
    let mut told = meanings(&crm, action, Which::Call, &answers);
    told += "as an update:\n";
    told += &meanings(
        &crm,
        action,
        Which::Update,
        &[answer(404, &[], ""), answer(410, &[], ""), answer(409, &[], "")],
    );
    told += "as a look-up:\n";
    told += &meanings(
        &crm,
        note,
        Which::Find,
        &[
            answer(200, &[], r#"[{"id": 5, "text": "x"}, {"id": 6}]"#),
            answer(200, &[], "[]"),
            answer(200, &[], r#"[{"id": null}]"#),
            answer(404, &[], ""),
            answer(500, &[], ""),
            answer(422, &[], ""),
        ],
    );
    told += "by rules:\n";
    told += &meanings(
        &crm,
        note,
        Which::Call,
        &[
            answer(201, &[("location", "/notes/9")], r#"{"id": 9}"#),
            answer(409, &[], "there already"),
            answer(422, &[], r#"{"error": "text\u0000 is\nmissing"}"#),
            answer(422, &[], r#"{"other": 1}"#),
        ],
    );
    insta::assert_snapshot!(told);
}

#[test]
fn waits_are_read_as_seconds_and_dates_and_capped() {
    let engine = engine();
    let crm = connection(&engine, OWN_CRM);
    let after = |status, value: &str| answer(status, &[("retry-after", value)], "");
    let answers = [
        after(429, "7"),
        after(429, "0"),
        after(429, "-3"),
        after(429, "0.5"),
        after(429, "86400"),
        after(429, "soon"),
        after(429, "99999999999999999999"),
        after(429, "Fri, 01 May 2026 08:00:30 GMT"),
        after(429, "Fri, 01 May 2026 07:00:00 GMT"),
        after(503, "12"),
        after(500, "12"),
        after(200, "12"),
    ];
    insta::assert_snapshot!(meanings(&crm, &crm.actions["upsert_guest"], Which::Call, &answers));
}

#[test]
fn rules_about_answers_look_at_status_header_and_body() {
    let engine = engine();
    let crm = connection(
        &engine,
        r#"connector: http
base_url: https://crm.example.com
actions:
  send:
    method: POST
    path: /send
    answers:
      - { status: 200, body: { /ok: false }, is: refused, message: ["{/error} ({/code})", /error] }
      - { status: 200, body: { "": no_service }, is: retry, wait: 30s }
      - { status: 4xx, header: { X-Status-Reason: duplicate }, is: conflict, outputs: { id: /0/id } }
      - { status: [500-599, 420], body: { /errors: { at_least: 2 } }, is: refused }
      - { status: 403, body: { /code: [LIMIT, QUOTA] }, is: throttle, wait: { at: "header:X-Reset", as: epoch } }
      - { status: 418, is: throttle, wait: { at: /reset, as: seconds } }
      - { status: 400, body: { /message: { starts_with: "Exists" } }, is: done, outputs: { id: { at: /message, after: "id=" } } }
      - { status: 400, body: { /data: { present: false } }, is: gone }
"#,
    );
    let answers = [
        answer(200, &[], r#"{"ok": false, "error": "no such list", "code": 5}"#),
        answer(200, &[], r#"{"ok": false, "error": "no such list"}"#),
        answer(200, &[], r#"{"ok": true}"#),
        answer(200, &[], "no_service\n"),
        answer(409, &[("x-status-reason", "duplicate")], r#"[{"id": "7"}]"#),
        answer(409, &[], r#"[{"id": "7"}]"#),
        answer(500, &[], r#"{"errors": 2}"#),
        answer(500, &[], r#"{"errors": 1}"#),
        answer(403, &[("x-reset", "1777622460")], r#"{"code": "LIMIT"}"#),
        answer(403, &[], r#"{"code": "OTHER"}"#),
        answer(418, &[], r#"{"reset": 3}"#),
        answer(400, &[], r#"{"message": "Exists with id=5da6-x."}"#),
        answer(400, &[], r#"{"message": "other"}"#),
        answer(400, &[], r#"{"message": "other", "data": 1}"#),
    ];
    insta::assert_snapshot!(meanings(&crm, &crm.actions["send"], Which::Call, &answers));
}

#[test]
fn odd_bodies_never_break_the_reading_of_an_answer() {
    let engine = engine();
    let crm = connection(&engine, OWN_CRM);
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let long = "x".repeat(5_000);
    let bodies = [
        "",
        "<html><body>Bad gateway</body></html>",
        "{\"id\": 1",
        "\u{feff}{\"error\": \"with a mark\"}",
        "null",
        "[]",
        "\u{0}\u{1b}[31mred",
        &deep,
        &long,
        r#"{"message": {"en": "nested"}}"#,
        r#"{"errors": ["first", "second"]}"#,
        r#"{"errors": {"email": ["taken"]}}"#,
    ];
    let mut answers: Vec<Answer> = bodies.iter().map(|body| answer(400, &[], body)).collect();
    answers.push(Answer {
        status: 200,
        headers: Vec::new(),
        body: Bytes::from_static(b"\xff\xfe\x00"),
        cut: true,
    });
    insta::assert_snapshot!(meanings(&crm, &crm.actions["upsert_guest"], Which::Call, &answers));
}

#[test]
fn no_answer_is_a_retry_or_an_open_question() {
    let not_sent =
        classify_failure(&OutboundFailure::NotSent("There is no host crm.example.com.".to_owned()));
    let unknown = classify_failure(&OutboundFailure::Unknown("No answer within 30 s.".to_owned()));
    insta::assert_snapshot!(format!("{not_sent:?}\n{unknown:?}"));
}

#[test]
fn a_record_is_named_by_its_key_inputs() {
    let engine = engine();
    let crm = connection(&engine, OWN_CRM);
    let hubspot = connection(&engine, HUBSPOT);
    let key = |connection: &Connection, action: &str, input: Value| {
        let action = &connection.actions[action];
        let accepted = action.accept(fields(input)).expect("it is accepted");
        let record = action.record(connection, &accepted, "guests+note+bkg_1");
        format!("{} {} {}", record.account, record.object, record.key)
    };
    let told = [
        key(&crm, "upsert_guest", json!({ "id": 7 })),
        key(&crm, "upsert_guest", json!({ "id": "7" })),
        key(&crm, "add_note", json!({ "text": "x" })),
        key(&hubspot, "upsert_contact", json!({ "email": " Guest1@Example.org " })),
        key(&hubspot, "associate", json!({ "contact": 1, "deal": "2" })),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn hubspots_actions_become_requests() {
    let engine = engine();
    let hubspot = connection(&engine, HUBSPOT);
    let contact = json!({ "email": "Guest1@Example.org", "firstname": "Siobhán", "zip": 12345, "last_tour": "Corrib", "note": null, "vip": true });
    let mut told = request(&engine, &hubspot, "upsert_contact", Which::Call, contact.clone());
    told += &request(&engine, &hubspot, "upsert_contact", Which::Update, contact);
    let deal = json!({ "external_id": "uuid-1", "amount": 70.50, "contact": 1551, "dealname": "Corrib", "pipeline": "default" });
    told += &request(&engine, &hubspot, "upsert_deal", Which::Call, deal.clone());
    told += &request(&engine, &hubspot, "upsert_deal", Which::Update, deal.clone());
    told += &request(&engine, &hubspot, "upsert_deal", Which::After(0), deal);
    told += &request(&engine, &hubspot, "associate", Which::Call, json!({ "contact": "1", "deal": "2" }));
    told += &request(&engine, &hubspot, "upsert_contact", Which::Call, json!({ "email": null }));
    told += "\n";
    told += &request(
        &engine,
        &hubspot,
        "upsert_contact",
        Which::Call,
        json!({ "email": "a@example.org", "tags": ["a"] }),
    );
    told += "\n";
    told += &request(&engine, &hubspot, "associate", Which::Call, json!({ "contact": "1", "dael": "2" }));
    insta::assert_snapshot!(told);
    let deal = &hubspot.actions["upsert_deal"];
    assert_eq!(deal.after_calls(&fields(json!({ "external_id": "x", "contact": "1" }))), [0]);
    assert_eq!(deal.after_calls(&fields(json!({ "external_id": "x", "contact": null }))), [0; 0]);
}

#[test]
fn hubspots_setting_names_the_deals_key() {
    let engine = engine();
    let hubspot = connection(&engine, &format!("{HUBSPOT}settings: {{ deal_key: booking_ref }}\n"));
    let told = request(&engine, &hubspot, "upsert_deal", Which::Call, json!({ "external_id": "uuid-1" }));
    insta::assert_snapshot!(told);
}

#[test]
fn hubspots_answers_are_understood() {
    let engine = engine();
    let hubspot = connection(&engine, HUBSPOT);
    let contact = &hubspot.actions["upsert_contact"];
    let invalid = json!({ "status": "error", "category": "VALIDATION_ERROR",
        "message": "Property values were not valid: [{\"isValid\":false,\"message\":\"Enter only letters\",\"error\":\"INVALID_ALPHA\",\"name\":\"firstname\"}]" });
    let unknown = json!({ "status": "error", "category": "VALIDATION_ERROR",
        "message": "Property values were not valid: [{\"isValid\":false,\"message\":\"Property \\\"last_tour\\\" does not exist\",\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"last_tour\"}]" });
    let unknown_too = json!({ "message": "Bad", "errors": [{ "code": "PROPERTY_DOESNT_EXIST", "message": "no", "context": { "propertyName": ["last_tour"] } }] });
    let scopes = json!({ "status": "error", "category": "MISSING_SCOPES", "message": "This app hasn't been granted all required scopes to make this call.",
        "errors": [{ "message": "One or more of the following scopes are required.", "context": { "requiredGranularScopes": ["crm.objects.contacts.write", "crm.objects.contacts.read"] } }] });
    let row = |category: &str, message: &str| {
        json!({ "status": "COMPLETE", "results": [], "numErrors": 1, "errors": [{ "status": "error", "category": category, "message": message, "context": {} }] }).to_string()
    };
    let answers = [
        answer(
            200,
            &[],
            r#"{"status": "COMPLETE", "results": [{"id": "1551", "new": true, "properties": {}}]}"#,
        ),
        answer(201, &[], r#"{"results": [{"id": "1551"}]}"#),
        answer(207, &[], &row("VALIDATION_ERROR", "email is not valid")),
        answer(207, &[], &row("CONFLICT", "Contact already exists. Existing ID: 1551")),
        answer(207, &[], &row("RATE_LIMITS", "slow down")),
        answer(207, &[], r#"{"status": "COMPLETE", "results": [{"id": "1551", "new": false}]}"#),
        answer(400, &[], &invalid.to_string()),
        answer(400, &[], &unknown.to_string()),
        answer(400, &[], &unknown_too.to_string()),
        answer(
            401,
            &[],
            r#"{"message": "Authentication credentials not found", "category": "INVALID_AUTHENTICATION"}"#,
        ),
        answer(401, &[], ""),
        answer(403, &[], &scopes.to_string()),
        answer(403, &[], "<html></html>"),
        answer(
            409,
            &[],
            r#"{"category": "CONFLICT", "message": "Contact already exists. Existing ID: 1551"}"#,
        ),
        answer(423, &[], r#"{"message": "Locked"}"#),
        answer(
            429,
            &[],
            r#"{"policyName": "TEN_SECONDLY_ROLLING", "message": "You have reached your ten_secondly_rolling limit."}"#,
        ),
        answer(429, &[("retry-after", "17")], r#"{"policyName": "TEN_SECONDLY_ROLLING"}"#),
        answer(429, &[], r#"{"policyName": "DAILY", "message": "You have reached your daily limit."}"#),
        answer(429, &[], ""),
        answer(477, &[], ""),
        answer(500, &[], r#"{"message": "internal error"}"#),
        answer(502, &[], "<html></html>"),
    ];
    insta::assert_snapshot!(meanings(&hubspot, contact, Which::Call, &answers));
    let update = [
        answer(200, &[], r#"{"id": "1551", "properties": {}}"#),
        answer(404, &[], r#"{"message": "resource not found"}"#),
        answer(409, &[], r#"{"message": "Contact already exists. Existing ID: 9"}"#),
    ];
    insta::assert_snapshot!(
        "hubspots_answers_to_an_update",
        meanings(&hubspot, contact, Which::Update, &update)
    );
}

#[test]
fn hubspots_set_up_is_read() {
    let engine = engine();
    let hubspot = connection(&engine, HUBSPOT);
    let setup = &hubspot.connector.destination.as_ref().expect("it can be called").setup;
    let mut told = String::new();
    let mut put = |title: &str, call| {
        let request = hubspot.render(&engine, call, &CallContext::default()).expect("it is rendered");
        let body = request.body.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default();
        let _ = writeln!(told, "{title}: {} {} {body}", request.method, request.url);
    };
    let test = setup.test.as_ref().expect("it has a test");
    put("test", &test.call);
    test.scopes.iter().for_each(|(scope, call)| put(scope, call));
    for ensure in &setup.ensure {
        put(&ensure.title, &ensure.find);
        put("else", &ensure.make);
    }
    setup.choices.iter().for_each(|(name, choices)| put(name, &choices.call));
    let reached =
        test.reached(&answer(200, &[], r#"{"portalId": 4711, "uiDomain": "app-eu1.hubspot.example"}"#));
    let amiss = setup.ensure[0].amiss(&answer(
        200,
        &[],
        r#"{"name": "waypost_booking_id", "hasUniqueValue": false}"#,
    ));
    let pipelines = answer(
        200,
        &[],
        r#"{"results": [{"id": "default", "label": "Sales", "stages": [{"id": "1", "label": "New"}, {"label": "x"}]}]}"#,
    );
    let choices = setup.choices["pipeline"].read(&pipelines);
    insta::assert_snapshot!(format!("{told}{reached}\n{amiss:?}\n{choices:?}"));
}

struct Known;

impl Secrets for Known {
    fn vault(&self, name: &str) -> Option<SecretString> {
        match name {
            "hubspot-token" | "password" => Some(SecretString::from("s3cret+/\n")),
            "broken" => Some(SecretString::from("a\nb")),
            _ => None,
        }
    }

    fn environment(&self, name: &str) -> Option<SecretString> {
        (name == "CRM_TOKEN").then(|| SecretString::from("from-env"))
    }
}

#[test]
fn credentials_travel_as_their_connection_says() {
    let engine = engine();
    let with = |auth: &str| {
        connection(
            &engine,
            &format!(
                "connector: http\nbase_url: https://crm.example.com\nauth: {auth}\nactions: {{ go: {{ method: GET, path: /go, query: {{ a: 1 }} }} }}\n"
            ),
        )
    };
    let mut told = String::new();
    for auth in [
        "{ header: X-Api-Key, secret: hubspot-token }",
        "{ header: Authorization, value: \"Token token={{ secret }}\", env: CRM_TOKEN }",
        "{ query: api_key, secret: hubspot-token }",
        "{ basic: { user: waypost, password: { secret: password } } }",
        "{ basic: { user: { env: CRM_TOKEN } } }",
        "{ header: X-Api-Key, secret: not-there }",
        "{ header: X-Api-Key, secret: broken }",
    ] {
        let crm = with(auth);
        let context = CallContext::default();
        let request = crm.actions["go"].render(&engine, &crm, Which::Call, &context).expect("it is rendered");
        assert!(!format!("{request:?}").contains("s3cret"), "what may be stored holds no secret");
        let _ = match crm.authorise(&engine, request, &Known, ("crm.go".to_owned(), "go".to_owned())) {
            Ok(request) => writeln!(told, "{} {:?}", request.url, request.headers),
            Err(secret) => writeln!(told, "no value: {secret}"),
        };
    }
    insta::assert_snapshot!(told);
    let hubspot = connection(&engine, HUBSPOT);
    assert_eq!(hubspot.secrets[0].0, SecretRef::Vault("hubspot-token".to_owned()));
    assert_eq!(hubspot.credential_fingerprint(&Known).map(|print| print.len()), Some(32));
    assert_eq!(with("{ header: X, secret: not-there }").credential_fingerprint(&Known), None);
}

#[test]
fn mistakes_in_connections_name_the_place_and_the_way_out() {
    let engine = engine();
    let action =
        |text: &str| format!("connector: http\nbase_url: https://crm.example.com\nactions:\n  go:\n{text}");
    let files = [
        "connector: hubsport\n".to_owned(),
        "connector: fareharbor\n".to_owned(),
        "titel: x\nconnector: http\nbase_url: https://crm.example.com\nactions: {}\n".to_owned(),
        "connector: http\nactions: {}\n".to_owned(),
        "connector: http\nbase_url: crm.example.com\nactions: {}\n".to_owned(),
        "connector: http\nbase_url: https://user:pw@crm.example.com\nactions: {}\n".to_owned(),
        "connector: http\nbase_url: https://crm.example.com\n".to_owned(),
        "connector: hubspot\n".to_owned(),
        "connector: hubspot\nauth: { tokne: { secret: x } }\n".to_owned(),
        "connector: hubspot\nauth: { token: pat-eu1-123 }\n".to_owned(),
        "connector: hubspot\nauth: { token: { secret: x } }\nactions: {}\n".to_owned(),
        "connector: hubspot\nauth: { token: { secret: x } }\nsettings: { deal_kee: x }\n".to_owned(),
        "connector: http\nbase_url: https://crm.example.com\nauth: { header: Authorization, value: Bearer abc, secret: x }\nactions: {}\n".to_owned(),
        "connector: http\nbase_url: https://crm.example.com\nauth: { basic: { user: a, password: b } }\nactions: {}\n".to_owned(),
        "connector: http\nbase_url: https://crm.example.com\nlimits: { per_second: 0, concurrency: 0 }\nretry: { schedule: [1, 5s] }\nactions: {}\n".to_owned(),
        action("    path: /x\n"),
        action("    method: FETCH\n    path: x\n"),
        action("    method: POST\n    path: /x?a=1\n    repeatabel: true\n"),
        action("    method: POST\n    path: \"/x/{{ input. }}\"\n"),
        action("    method: POST\n    path: /x\n    headers: { Authorization: \"Bearer {{ secret }}\" }\n"),
        action("    method: POST\n    path: /x\n    body: { a: \"{{ booking.uuid }}\" }\n"),
        action("    method: POST\n    path: /x\n    inputs: { id: { type: text, requierd: true } }\n"),
        action("    method: PUT\n    path: \"/x/{{ input.ide }}\"\n    open: false\n    key: [idd]\n    inputs: { id: string }\n"),
        action("    method: POST\n    path: /x\n    outputs: { id: data.id }\n"),
        action("    method: POST\n    path: /x\n    answers: [ { status: 99, is: dune } ]\n"),
        action("    method: POST\n    path: /x\n    find: { method: GET, path: /x }\n"),
    ];
    let mut told = String::new();
    for file in files {
        let (_, said) = try_connection(&engine, &file);
        let _ = writeln!(told, "{said}\n----");
    }
    insta::assert_snapshot!(told);
}
