//! Rules by the API: looked at, checked, looked ahead with, published, switched, brought back, tested, applied.

use crate::api_program::{Program, code_of, json_of, steady};
use crate::workshop::{GUESTS, Workshop};
use serde_json::{Value, json};
use waypost::domain::Scope;

fn with_phone(text: &str) -> String {
    GUESTS.replace("{{ person.phone }}", text)
}

async fn booking_of(program: &Program) -> String {
    let bookings = program.get("/api/v1/bookings").await;
    bookings["items"][0]["id"].as_str().expect("a booking").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_told_in_words_and_as_written() {
    let shop = Workshop::open(2).await;
    let program = Program::with(&shop.app, Scope::Read).await;
    let (rule, rules) = (program.get("/api/v1/rules/guests").await, program.get("/api/v1/rules").await);
    assert_eq!(rules["items"][0], rule["at_work"]);
    insta::assert_snapshot!("rule", steady(&rule));
    let ruleset = program.get("/api/v1/ruleset").await;
    assert_eq!(ruleset["hash"], json!(shop.app.active().map(|active| active.hash.clone())));
    let health = program.get("/api/v1/health").await;
    assert_eq!(health["ruleset"], ruleset["hash"]);
    let recipes = program.get("/api/v1/recipes").await;
    assert!(recipes["items"].as_array().is_some_and(|all| all.len() > 1));
    let sources = program.get("/api/v1/sources").await;
    assert_eq!(
        (&sources["items"][0]["name"], &sources["items"][0]["connector"]),
        (&json!("tours"), &json!("fareharbor"))
    );
    assert_eq!(&program.get("/api/v1/sources/tours").await, &sources["items"][0]);
    let text = sources.to_string();
    assert!(!text.contains("token") && !text.contains("/hooks/"), "{text}");
    let connection = program.get("/api/v1/connections/crm").await;
    assert_eq!((&connection["title"], &connection["in_rules"]), (&json!("Our CRM"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_checked_and_looked_ahead_with_and_nothing_is_changed() {
    let shop = Workshop::open(2).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let check = async |body: &Value| program.post("/api/v1/rules/guests/check", body).await.1;
    let fine = check(&json!({ "text": with_phone("{{ booking.contact.phone }}"), "touched": true })).await;
    assert_eq!((&fine["publishable"], &fine["mistakes"]), (&json!(true), &json!([])));
    assert_eq!((&fine["touched"]["looked"], &fine["touched"]["sends"]), (&json!(2), &json!(2)), "{fine}");
    let diff = fine["diff"].as_str().expect("a diff");
    assert!(
        diff.contains("-      phone: \"{{ person.phone }}\"\n+      phone: \"{{ booking.contact.phone }}\""),
        "{diff}"
    );
    let broken = check(&json!({ "text": with_phone("{{ person.fone }}") })).await;
    assert_eq!((&broken["publishable"], &broken["touched"]), (&json!(false), &Value::Null));
    let mistake = &broken["mistakes"][0];
    assert_eq!(
        (&mistake["severity"], &mistake["file"], &mistake["line"]),
        (&json!("error"), &json!("guests.yaml"), &json!(10))
    );
    assert!(mistake["message"].as_str().is_some_and(|text| text.contains("fone")), "{mistake}");
    assert_eq!(check(&json!({})).await["diff"], json!(""), "as it stands");
    let booking = booking_of(&program).await;
    let asked = json!({ "booking": booking, "text": with_phone("1{{ person.email }}") });
    let (status, preview) = program.post("/api/v1/rules/guests/preview", &asked).await;
    assert_eq!(
        (status, &preview["fate"], &preview["steps"][0]["outlook"]),
        (200, &json!("sends"), &json!("send")),
        "{preview}"
    );
    assert_eq!(preview["steps"][0]["values"]["phone"].as_str().map(|text| &text[..1]), Some("1"));
    assert_eq!(
        preview["steps"][0]["fields"][1]["rule"],
        json!({ "file": "guests.yaml", "line": 10 }),
        "{preview}"
    );
    let asked = json!({ "booking": booking, "text": "steps: [" });
    let (status, told) = program.post("/api/v1/rules/guests/preview", &asked).await;
    assert_eq!((status, code_of(&told)), (422, "rules_have_mistakes"));
    let (status, told) = program.post("/api/v1/rules/guests/preview", &json!({ "booking": "none" })).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
    for name in ["none", "guests.test", "..%2Fconnections%2Fcrm", "sources%2Ftours"] {
        let (status, told) = program.post(&format!("/api/v1/rules/{name}/check"), &json!({})).await;
        assert_eq!((status, code_of(&told)), (404, "not_found"), "{name}");
    }
    assert_eq!(shop.read("guests.yaml"), GUESTS);
    assert_eq!(shop.at_work("guests", "phone").as_deref(), Some("{{ person.phone }}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_published_switched_off_and_brought_back() {
    let shop = Workshop::open(1).await.with_git();
    let program = Program::with(&shop.app, Scope::Write).await;
    let publish = async |body: &Value| program.post("/api/v1/rules/guests/publish", body).await;
    let hash = program.get("/api/v1/rules/guests").await["text_hash"].as_str().expect("a hash").to_owned();
    let text = with_phone("{{ booking.contact.phone }}");
    let (status, told) =
        publish(&json!({ "text": text, "text_hash": hash, "reason": "Phones as typed" })).await;
    assert_eq!(
        (status, &told["nothing_new"], &told["no_commit"]),
        (200, &json!(false), &Value::Null),
        "{told}"
    );
    assert_eq!(shop.read("guests.yaml"), text);
    assert_eq!(shop.git(&["log", "-1", "--format=%an %s"]).trim(), "Accounts Phones as typed");
    let line = shop.app.store.people().audit(None, 1).await.expect("the log").remove(0);
    assert_eq!((&*line.who_name, &*line.act, &*line.object), ("Accounts", "rule.published", "guests"));
    // Somebody else changed it: refused with the difference.
    let (status, refused) = publish(&json!({ "text": GUESTS, "text_hash": hash, "reason": "x" })).await;
    assert_eq!((status, code_of(&refused)), (409, "file_changed"));
    assert_eq!(refused["error"]["details"]["theirs"], json!(text));
    assert!(refused["error"]["details"]["diff"].as_str().is_some_and(|diff| diff.contains("+      phone")));
    let (_, refused) = publish(&json!({ "text": GUESTS, "reason": "x" })).await;
    assert_eq!(code_of(&refused), "file_changed", "it is there already");
    let hash = told["text_hash"].as_str().expect("a hash");
    for reason in ["", " ", &"x".repeat(2_001)] {
        let (status, told) = publish(&json!({ "text": GUESTS, "text_hash": hash, "reason": reason })).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{told}");
    }
    let (status, told) =
        publish(&json!({ "text": with_phone("{{ fone }}"), "text_hash": hash, "reason": "x" })).await;
    assert_eq!((status, code_of(&told)), (422, "rules_have_mistakes"));
    assert_eq!(told["error"]["details"]["mistakes"][0]["line"], json!(10), "{told}");
    assert_eq!(shop.read("guests.yaml"), text);
    // Off and on.
    let (status, told) = program.post("/api/v1/rules/guests/switch", &json!({ "enabled": false })).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(program.get("/api/v1/rules/guests").await["at_work"]["enabled"], json!(false));
    assert_eq!(shop.git(&["log", "-1", "--format=%s"]).trim(), "Switched off");
    // Back to the first.
    let history = program.get("/api/v1/rules/guests/history").await;
    let versions = history["items"].as_array().expect("versions");
    assert_eq!((versions.len(), &history["without_git"]), (3, &Value::Null), "{history}");
    let first = versions[2]["id"].as_str().expect("an id");
    let version = program.get(&format!("/api/v1/rules/guests/versions/{first}")).await;
    assert_eq!(version["text"], json!(GUESTS));
    assert!(version["diff"].as_str().is_some_and(|diff| diff.contains("+enabled: false")), "{version}");
    let asked = json!({ "version": first, "reason": "It was better" });
    let (status, told) = program.post("/api/v1/rules/guests/revert", &asked).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(shop.read("guests.yaml"), GUESTS);
    let asked = json!({ "version": "none", "reason": "x" });
    let (status, told) = program.post("/api/v1/rules/guests/revert", &asked).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
    // A new one, and a name that the pages have.
    let new = json!({ "text": GUESTS.replace("title: Guests", "title: Others"), "reason": "Another" });
    let (status, told) = program.post("/api/v1/rules/others/publish", &new).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(program.get("/api/v1/rules").await["items"].as_array().map(Vec::len), Some(2));
    let (status, told) = program.post("/api/v1/rules/new/publish", &new).await;
    assert_eq!((status, code_of(&told)), (422, "wrong_value"));
    for name in ["..%2Fevil", "connections%2Fcrm", "a%00b", ".git%2Fhooks%2Fx", "guests.test"] {
        let (status, told) = program.post(&format!("/api/v1/rules/{name}/publish"), &new).await;
        assert_eq!((status, code_of(&told)), (404, "not_found"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_made_a_test_and_the_tests_are_run() {
    let shop = Workshop::open(1).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let run = async || program.post("/api/v1/rules/guests/tests", &json!({})).await;
    assert_eq!(run().await.1["passed"], json!(false), "there is none");
    let booking = booking_of(&program).await;
    let address = format!("/api/v1/bookings/{booking}/test");
    for wrong in [json!({ "rule": "guests", "name": "" }), json!({ "rule": "none", "name": "x" })] {
        let (status, told) = program.post(&address, &wrong).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{told}");
    }
    let asked = json!({ "rule": "guests", "name": "maps who booked" });
    let (status, made) = program.post(&address, &asked).await;
    assert_eq!(status, 201, "{made}");
    assert!(
        made["no_commit"].is_string() && made["entry"].as_str().is_some_and(|text| text.contains("sends: 1"))
    );
    assert_eq!(made["files"][1], json!("guests.test.yaml"));
    let (status, tests) = run().await;
    assert_eq!(
        (status, &tests["passed"], &tests["reports"][0]["name"]),
        (200, &json!(true), &json!("maps who booked"))
    );
    shop.write("guests.test.yaml", &shop.read("guests.test.yaml").replace("sends: 1", "sends: 2"));
    let (_, tests) = run().await;
    assert_eq!((&tests["passed"], &tests["reports"][0]["passed"]), (&json!(false), &json!(false)));
    assert!(tests["reports"][0]["differences"][0].is_string(), "{tests}");
    let (status, told) = program.post("/api/v1/bookings/none/test", &asked).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_applied_after_a_look_ahead_and_once() {
    let shop = Workshop::with(&[], 3).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let new = json!({ "text": GUESTS, "reason": "The first" });
    assert_eq!(program.post("/api/v1/rules/guests/publish", &new).await.0, 200);
    let ahead = program.get("/api/v1/rules/guests/apply").await;
    assert_eq!(
        (&ahead["bookings"]["looked"], &ahead["bookings"]["sends"], &ahead["partial"]),
        (&json!(3), &json!(3), &json!(false)),
        "{ahead}"
    );
    for query in ["from_day=x", "from_day=2027-03-02&to_day=2027-03-01", "day=1"] {
        let seen = program.ask(&format!("/api/v1/rules/guests/apply?{query}")).await;
        assert_eq!((seen.status.as_u16(), code_of(&json_of(&seen))), (400, "wrong_parameter"), "{query}");
    }
    let (status, told) = program.post("/api/v1/rules/guests/apply", &json!({ "from_day": "x" })).await;
    assert_eq!((status, code_of(&told)), (422, "wrong_value"));
    let (status, begun) = program.post("/api/v1/rules/guests/apply", &json!({})).await;
    assert_eq!(
        (status, &begun["began"], &begun["applying"]["state"]),
        (202, &json!(true), &json!("open")),
        "{begun}"
    );
    let (status, again) = program.post("/api/v1/rules/guests/apply", &json!({})).await;
    assert_eq!(
        (status, &again["began"], &again["applying"]["id"]),
        (202, &json!(false), &begun["applying"]["id"])
    );
    let (status, told) =
        program.post("/api/v1/rules/guests/apply", &json!({ "from_day": "2027-01-01" })).await;
    assert_eq!((status, code_of(&told)), (409, "not_now"));
    while shop.app.apply_open().await.expect("a batch") {}
    let applies = program.get("/api/v1/rules/guests/applies").await;
    let one = &applies["items"][0];
    assert_eq!(
        (&one["state"], &one["bookings"]["sends"], &one["runs"]),
        (&json!("done"), &json!(3), &json!(3)),
        "{applies}"
    );
    let runs = program.get("/api/v1/runs?rule=guests").await;
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(3));
    let (status, told) = program.post("/api/v1/rules/none/apply", &json!({})).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_changed_line_by_line_and_a_rule_is_renamed_and_removed() {
    let shop = Workshop::open(1).await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let (status, model) = program.post("/api/v1/rules/guests/model", &json!({})).await;
    assert_eq!((status, &model["title"], &model["text"]), (200, &json!("Guests"), &json!(GUESTS)), "{model}");
    assert_eq!(
        model["steps"][0]["fields"][1],
        json!({ "name": "phone", "kind": "text", "value": "{{ person.phone }}" })
    );
    let edits = json!([
        { "what": "when", "text": "present(person.email)" },
        { "what": "field", "step": 0, "name": "phone", "value": null },
        { "what": "field", "step": 0, "name": "size", "value": 4 },
        { "what": "add_step", "at": 1, "text": "crm.upsert_contact" },
        { "what": "remove_step", "step": 1 },
    ]);
    let (status, edited) = program.post("/api/v1/rules/guests/edit", &json!({ "edits": edits })).await;
    assert_eq!(status, 200, "{edited}");
    let expected = GUESTS
        .replace("on: [created, updated]\n", "on: [created, updated]\nwhen: present(person.email)\n")
        .replace("      phone: \"{{ person.phone }}\"\n", "      size: 4\n");
    assert_eq!(edited["text"], json!(expected));
    assert_eq!(
        edited["when"]["rows"],
        json!([{ "field": "person.email", "operator": "present", "value": "" }])
    );
    let (status, refused) = program
        .post("/api/v1/rules/guests/edit", &json!({ "edits": [{ "what": "remove_step", "step": 7 }] }))
        .await;
    assert_eq!((status, code_of(&refused)), (422, "wrong_value"), "{refused}");
    assert_eq!(shop.read("guests.yaml"), GUESTS, "nothing is written");
    let rename = json!({ "new_name": "people", "reason": "A better name" });
    let (status, done) = program.post("/api/v1/rules/guests/rename", &rename).await;
    assert_eq!(status, 200, "{done}");
    assert!(shop.read("people.yaml").contains("was: guests\n"));
    let stale = json!({ "text_hash": "0", "reason": "x" });
    let (status, refused) = program.post("/api/v1/rules/people/remove", &stale).await;
    assert_eq!((status, code_of(&refused)), (409, "file_changed"), "{refused}");
    let (status, done) =
        program.post("/api/v1/rules/people/remove", &json!({ "reason": "Not needed" })).await;
    assert_eq!((status, &done["text_hash"]), (200, &Value::Null), "{done}");
    assert_eq!(shop.read("people.yaml"), "");
}
