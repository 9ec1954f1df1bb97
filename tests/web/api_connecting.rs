//! Connections and sources by the API: what can be connected, files that are written, keys that are never told, addresses
//! that change.

use crate::api_program::{Program, code_of};
use crate::workshop::Workshop;
use serde_json::{Value, json};
use waypost::connectors::SecretRef;
use waypost::domain::Scope;
use waypost::ports::Secrets as _;

const KEY: &str = "pat-eu1-0c0ffee0-very-secret";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_connected_says_what_it_asks_for() {
    let shop = Workshop::open(0).await;
    let program = Program::with(&shop.app, Scope::Read).await;
    let all = program.get("/api/v1/connectors").await;
    let names: Vec<&str> =
        all["items"].as_array().expect("items").iter().filter_map(|one| one["name"].as_str()).collect();
    for name in ["fareharbor", "hubspot", "http", "sandbox"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let hubspot = program.get("/api/v1/connectors/hubspot").await;
    assert_eq!(hubspot["connector"]["is_source"], json!(false));
    let fields = hubspot["connection_fields"].as_array().expect("fields");
    let secret = fields.iter().find(|field| field["key"] == "secret").expect("a key");
    assert_eq!((&secret["kind"], &secret["required"]), (&json!("secret"), &json!(true)));
    assert!(hubspot["connection_guide"]["steps"].as_array().is_some_and(|steps| !steps.is_empty()));
    assert_eq!(program.get("/api/v1/connectors/fareharbor").await["connection_fields"], json!([]));
    assert_eq!(program.ask("/api/v1/connectors/nothing").await.status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_made_changed_gets_a_key_and_goes_and_its_key_is_never_told() {
    let shop = Workshop::open(0).await.with_git();
    let program = Program::with(&shop.app, Scope::Write).await;
    let asked = json!({ "connector": "hubspot", "name": "our-hubspot", "title": "Our HubSpot",
        "values": { "setting.portal": "1234", "secret": KEY } });
    let (status, made) = program.post("/api/v1/connections", &asked).await;
    assert_eq!(status, 201, "{made}");
    assert!(made["published"]["commit"].is_string(), "{made}");
    assert_eq!(shop.git(&["log", "-1", "--format=%an %s"]).trim(), "Accounts Connect Our HubSpot (HubSpot)");
    assert!(shop.read("connections/our-hubspot.yaml").contains("secret: connection.our-hubspot"));
    let (status, told) = program.post("/api/v1/connections", &asked).await;
    assert!([409, 422].contains(&status), "{told}");

    let at = "/api/v1/connections/our-hubspot";
    let settings = program.get(&format!("{at}/settings")).await;
    assert_eq!(
        (&settings["title"], &settings["values"]["setting.portal"], &settings["keys"][0]["has_value"]),
        (&json!("Our HubSpot"), &json!("1234"), &json!(true)),
        "{settings}"
    );
    // What is left out stays.
    let change = json!({ "values": { "limit.per_second": "5" }, "text_hash": settings["text_hash"] });
    let (status, told) = program.post(at, &change).await;
    assert_eq!((status, &told["published"]["nothing_new"]), (200, &json!(false)), "{told}");
    let text = shop.read("connections/our-hubspot.yaml");
    assert!(text.contains("portal: \"1234\"") && text.contains("per_second: 5"), "{text}");
    let (status, told) = program.post(at, &change).await;
    assert_eq!((status, code_of(&told)), (409, "file_changed"), "made from a text that is an older one");
    let (status, told) = program.post(at, &json!({})).await;
    assert_eq!((status, &told["published"]["nothing_new"]), (200, &json!(true)));
    for wrong in [
        json!({ "values": { "setting.portal": "12 34" } }),
        json!({ "values": { "portal": "1234" } }),
        json!({ "values": { "secret": KEY } }),
        json!({ "title": "" }),
        json!({ "titel": "x" }),
    ] {
        let (status, told) = program.post(at, &wrong).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{wrong}");
    }
    let (status, told) = program.post(&format!("{at}/secret"), &json!({ "value": "pat-another-key" })).await;
    assert_eq!((status, &told["keys"][0]["name"]), (200, &json!("connection.our-hubspot")), "{told}");
    for wrong in
        [json!({ "value": "" }), json!({ "value": "a\nb" }), json!({ "value": "x", "secret": "other" })]
    {
        let (status, told) = program.post(&format!("{at}/secret"), &wrong).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{wrong}");
    }
    let reads = Program::with(&shop.app, Scope::Admin).await;
    for address in [at, &format!("{at}/settings"), "/api/v1/connections", "/api/v1/audit"] {
        let told = reads.get(address).await.to_string();
        assert!(!told.contains(KEY) && !told.contains("pat-another-key"), "{address}");
    }
    let (status, told) = program.post(&format!("{at}/remove"), &json!({})).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(shop.read("connections/our-hubspot.yaml"), "");
    assert!(!shop.app.has_secret(&SecretRef::Vault("connection.our-hubspot".into())));
    let (status, told) = program.post(&format!("{at}/remove"), &json!({})).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
    // One that a rule needs stays.
    let (status, told) = program.post("/api/v1/connections/crm/remove", &json!({})).await;
    assert_eq!(
        (status, code_of(&told), &told["error"]["details"]["used_by"]),
        (409, "in_use", &json!(["Guests"]))
    );
    let log = reads.get("/api/v1/audit").await;
    let acts: Vec<&str> =
        log["items"].as_array().expect("lines").iter().filter_map(|line| line["act"].as_str()).collect();
    for act in ["connection.made", "connection.changed", "connection.secret", "connection.removed"] {
        assert!(acts.contains(&act), "{act}: {acts:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_none_and_connectors_that_are_not_there_write_nothing() {
    let shop = Workshop::open(0).await.with_git();
    let program = Program::with(&shop.app, Scope::Write).await;
    for name in ["", "new", "../rules", "a/b", ".a", "a.b", "é", "a\nb", &"x".repeat(41)] {
        for place in ["connections", "sources"] {
            let connector = if place == "sources" { "fareharbor" } else { "sandbox" };
            let asked = json!({ "connector": connector, "name": name, "title": "x" });
            let (status, told) = program.post(&format!("/api/v1/{place}"), &asked).await;
            assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{place} {name}");
        }
    }
    for (place, connector) in [("connections", "fareharbor"), ("sources", "hubspot"), ("sources", "../x")] {
        let asked = json!({ "connector": connector, "name": "x", "title": "x" });
        let (status, told) = program.post(&format!("/api/v1/{place}"), &asked).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{place} {connector}");
    }
    for act in ["", "/test", "/remove"] {
        let (status, told) = program.post(&format!("/api/v1/connections/nothing{act}"), &json!({})).await;
        assert_eq!((status, code_of(&told)), (404, "not_found"), "{act}");
    }
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_says_what_it_found_and_that_nothing_answers() {
    let shop = Workshop::open(0).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let asked = json!({ "connector": "http", "name": "ours", "title": "Ours",
        "values": { "base_url": "http://127.0.0.1:9", "allow_private": "true", "way": "none", "test_path": "/me" } });
    let (status, told) = program.post("/api/v1/connections", &asked).await;
    assert_eq!(status, 201, "{told}");
    let (status, told) = program.post("/api/v1/connections/ours/test", &json!({})).await;
    assert_eq!(
        (status, &told["well"], &told["findings"][0]["health"]),
        (200, &json!(false), &json!("amiss")),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_made_its_address_is_told_to_who_may_connect_and_changes_with_an_overlap() {
    let shop = Workshop::open(0).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let asked = json!({ "connector": "fareharbor", "name": "harbour", "title": "Harbour" });
    assert_eq!(program.post("/api/v1/sources", &asked).await.0, 201);
    let at = "/api/v1/sources/harbour";
    let path = |told: &Value| {
        let url = told["urls"][0].as_str().expect("an address");
        url.trim_start_matches("http://127.0.0.1:8080").to_owned()
    };
    let old = path(&program.get(&format!("{at}/settings")).await["address"]);
    assert_eq!(shop.hook(&old).await.as_u16(), 200);
    let reads = Program::with(&shop.app, Scope::Read).await;
    assert_eq!(reads.ask(&format!("{at}/settings")).await.status.as_u16(), 403);
    assert!(!reads.get(at).await.to_string().contains(&old));
    let (status, told) = program.post(&format!("{at}/address"), &json!({ "overlap_hours": 24 })).await;
    assert_eq!(status, 200, "{told}");
    let new = path(&told);
    assert!(new != old && told["old_until"].is_string(), "{told}");
    assert_eq!((shop.hook(&old).await.as_u16(), shop.hook(&new).await.as_u16()), (200, 200));
    let (status, told) = program.post(&format!("{at}/address"), &json!({ "overlap_hours": 1 })).await;
    assert_eq!((status, code_of(&told)), (409, "overlaps"));
    let (status, told) = program.post(&format!("{at}/old-address/end"), &json!({})).await;
    assert_eq!((status, &told["old_until"]), (200, &Value::Null));
    assert_eq!((shop.hook(&old).await.as_u16(), shop.hook(&new).await.as_u16()), (404, 200));
    for hours in [json!(-1), json!(721), json!("two"), Value::Null] {
        let (status, told) = program.post(&format!("{at}/address"), &json!({ "overlap_hours": hours })).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{hours}");
    }
    let (status, told) = program.post(at, &json!({ "title": "Harbour Tours" })).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(program.get(at).await["title"], json!("Harbour Tours"));
    let (status, told) = program.post("/api/v1/sources/tours/remove", &json!({})).await;
    assert_eq!((status, code_of(&told)), (409, "in_use"));
    assert_eq!(program.post(&format!("{at}/remove"), &json!({})).await.0, 200);
    assert_eq!(program.ask(at).await.status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_gets_its_secret_to_sign_in_and_its_keys_and_tells_neither() {
    let shop = Workshop::open(0).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let (reads, at) = (Program::with(&shop.app, Scope::Read).await, "/api/v1/sources/pay");
    let asked = json!({ "connector": "stripe", "name": "pay", "title": "Payments" });
    assert_eq!(program.post("/api/v1/sources", &asked).await.0, 201);
    assert_eq!(
        reads.get(at).await["sign_in"],
        json!([{ "way": "address", "text": "the secret in its address" }])
    );
    let offered = program.get(&format!("{at}/settings")).await["secrets"]["sign_in"][0].clone();
    assert_eq!(
        (&offered["name"], &offered["asked"], &offered["has_value"]),
        (&json!("signature"), &json!(false), &json!(false)),
        "{offered}"
    );
    let sign_in = format!("{at}/sign-in");
    for (asked, key) in [
        (json!({ "way": "none", "value": KEY }), "way"),
        (json!({ "way": "signature", "value": " " }), "value"),
        (json!({ "way": "signature", "value": "a\nb" }), "value"),
    ] {
        let (status, told) = program.post(&sign_in, &asked).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{told}");
        assert!(told.to_string().contains(&format!("\"{key}\"")), "{told}");
    }
    let good = json!({ "way": "signature", "value": KEY });
    assert_eq!(reads.post(&sign_in, &good).await.0, 403);
    assert_eq!(program.post("/api/v1/sources/none/sign-in", &good).await.0, 404);
    let (status, told) = program.post(&sign_in, &good).await;
    assert_eq!((status, &told["sign_in"][0]["has_value"]), (200, &json!(true)), "{told}");
    assert!(!told.to_string().contains(KEY), "{told}");
    let ways: Vec<Value> = reads.get(at).await["sign_in"].as_array().expect("ways").clone();
    assert_eq!(ways.iter().map(|way| &way["way"]).collect::<Vec<_>>(), ["address", "signature"]);
    assert!(!shop.read("sources/pay.yaml").contains(KEY));

    let keys = "/api/v1/sources/tours/keys";
    for (asked, key) in [
        (json!({ "keys": {} }), "keys"),
        (json!({ "keys": { "app": KEY } }), "keys"),
        (json!({ "keys": { "app": KEY, "user": KEY, "other": KEY } }), "keys.other"),
    ] {
        let (status, told) = program.post(keys, &asked).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{told}");
        assert!(told.to_string().contains(&format!("\"{key}\"")), "{told}");
    }
    let both = json!({ "keys": { "app": KEY, "user": KEY } });
    assert_eq!(reads.post(keys, &both).await.0, 403);
    let (status, told) = program.post(keys, &both).await;
    assert_eq!((status, &told["keys"][1]["has_value"]), (200, &json!(true)), "{told}");
    assert!(!told.to_string().contains(KEY), "{told}");
    let source = shop.app.active().expect("rules").sources["tours"].clone();
    assert!(source.reach.is_some(), "it can be asked from now on");
    // One alone is replaced.
    assert_eq!(program.post(keys, &json!({ "keys": { "user": "another" } })).await.0, 200);
    assert_eq!(
        shop.app
            .secrets
            .vault("source.tours.api.user")
            .map(|held| {
                use secrecy::ExposeSecret as _;
                held.expose_secret().to_owned()
            })
            .as_deref(),
        Some("another")
    );
}
