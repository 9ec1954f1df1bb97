//! Settings by the API: alerts, retention, masking, one guest, a backup. For admins' tokens alone; secrets go in and never
//! come out.

use crate::alerts_world::{AlertWorld, KEY, Receiver};
use crate::api_program::{Program, code_of};
use crate::filled::Site;
use serde_json::{Value, json};
use waypost::domain::Scope;

/// The fields that an error names.
fn fields_of(told: &Value) -> Vec<&str> {
    let fields = told["error"]["details"]["fields"].as_array().expect("fields");
    fields.iter().map(|field| field["field"].as_str().expect("a name")).collect()
}

#[actix_web::test]
async fn a_channel_is_made_tried_changed_and_removed_and_its_secrets_never_come_out() {
    let world = AlertWorld::new().await;
    let program = Program::with(&world.site.app, Scope::Admin).await;
    let receiver = Receiver::start().await;
    let asked = json!({ "kind": "webhook", "name": "Pager", "address": receiver.url(), "signing": KEY, "allow_private": true });
    let (status, made) = program.post("/api/v1/alerts/channels", &asked).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (&made["kind"], &made["enabled"], &made["signed"], &made["last"]),
        (&json!("webhook"), &json!(true), &json!(true), &Value::Null)
    );
    let at = format!("/api/v1/alerts/channels/{}", made["id"].as_str().expect("an id"));
    let (status, sent) = program.post(&format!("{at}/test"), &json!({})).await;
    assert_eq!((status, &sent["good"]), (200, &json!(true)), "{sent}");
    assert!(!receiver.came()[0].header("webhook-signature").is_empty());
    receiver.answers(404);
    let (status, sent) = program.post(&format!("{at}/test"), &json!({})).await;
    assert_eq!((status, &sent["good"]), (200, &json!(false)));
    assert!(sent["text"].as_str().is_some_and(|text| text.contains("it answered 404")), "{sent}");
    // What is left out stays: the address and the key too.
    let (status, changed) = program.post(&at, &json!({ "name": "Night pager", "enabled": false })).await;
    assert_eq!((status, &changed["name"], &changed["enabled"]), (200, &json!("Night pager"), &json!(false)));
    assert_eq!((&changed["signed"], &changed["place"]), (&json!(true), &made["place"]));
    receiver.answers(200);
    assert_eq!(program.post(&format!("{at}/test"), &json!({})).await.1["good"], json!(true));
    assert_eq!(receiver.came().len(), 3);
    assert!(!receiver.came()[2].header("webhook-signature").is_empty());
    let told = [
        program.get("/api/v1/alerts/channels").await,
        program.get(&at).await,
        program.get("/api/v1/audit").await,
    ];
    for told in told.iter().map(ToString::to_string) {
        assert!(!told.contains("hush-hush") && !told.contains("MfKQ9r8"), "{told}");
    }
    assert_eq!(program.post(&format!("{at}/remove"), &json!({})).await.0, 200);
    for act in ["", "/test", "/remove"] {
        let (status, told) = program.post(&format!("{at}{act}"), &json!({})).await;
        assert_eq!((status, code_of(&told)), (404, "not_found"), "{act}");
    }
    let acts: Vec<Value> = program.get("/api/v1/audit").await["items"].as_array().expect("lines").clone();
    let acts: Vec<&str> = acts.iter().filter_map(|line| line["act"].as_str()).collect();
    assert_eq!(
        acts[..6],
        [
            "alerts.channel-removed",
            "alerts.tested",
            "alerts.channel-changed",
            "alerts.tested",
            "alerts.tested",
            "alerts.channel-made"
        ]
    );
}

#[actix_web::test]
async fn what_can_be_no_channel_is_told_field_by_field_and_nothing_is_kept() {
    let world = AlertWorld::new().await;
    let program = Program::with(&world.site.app, Scope::Admin).await;
    let make = async |asked: Value| program.post("/api/v1/alerts/channels", &asked).await;
    let (status, told) =
        make(json!({ "kind": "email", "name": "", "host": "smtp.example.org", "to": ["nobody"] })).await;
    assert_eq!((status, code_of(&told)), (422, "wrong_value"));
    let fields = fields_of(&told);
    for field in ["name", "from", "to"] {
        assert!(fields.contains(&field), "{field}: {told}");
    }
    for wrong in [
        json!({ "kind": "pigeon", "name": "x" }),
        json!({ "kind": "slack", "name": "x" }),
        json!({ "kind": "slack", "name": "x", "address": "ftp://example.org" }),
        json!({ "kind": "slack", "name": "x", "address": "https://a:b@example.org" }),
        json!({ "kind": "slack", "name": "x", "adress": "https://example.org" }),
        json!({ "kind": "email", "name": "x", "port": 99_999 }),
        json!({ "name": "x" }),
    ] {
        let (status, told) = make(wrong.clone()).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{wrong}");
    }
    assert_eq!(program.get("/api/v1/alerts/channels").await["items"], json!([]));
    assert!(world.site.app.store.secrets().await.expect("the vault").is_empty());
}

#[actix_web::test]
async fn when_alerts_are_sent_is_said_in_parts_and_what_was_told_is_listed() {
    let world = AlertWorld::new().await;
    let program = Program::with(&world.site.app, Scope::Admin).await;
    assert_eq!(program.get("/api/v1/alerts/options").await["chosen"], json!(false));
    let asked = json!({ "delay_minutes": 2, "zone": "Europe/Dublin" });
    let (status, told) = program.post("/api/v1/alerts/options", &asked).await;
    assert_eq!((status, &told["delay_minutes"], &told["chosen"]), (200, &json!(2), &json!(true)));
    let (_, told) = program.post("/api/v1/alerts/options", &json!({ "remind_hours": 4 })).await;
    assert_eq!(
        (&told["delay_minutes"], &told["remind_hours"], &told["zone"]),
        (&json!(2), &json!(4), &json!("Europe/Dublin"))
    );
    for wrong in [
        json!({ "delay_minutes": 3 }),
        json!({ "remind_hours": -4 }),
        json!({ "zone": "../etc/passwd" }),
        json!({ "zone": "" }),
    ] {
        let (status, told) = program.post("/api/v1/alerts/options", &wrong).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{wrong}");
    }
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    world.crm(Some(world.now())).await;
    world.minutes(4).await;
    world.crm(None).await;
    world.minutes(4).await;
    let outages = program.get("/api/v1/alerts/outages").await;
    let outage = &outages["items"][0];
    assert_eq!((&outage["about"], &outage["object"]), (&json!("connection"), &json!("crm")), "{outages}");
    assert!(outage["told_at"].is_string() && outage["until"].is_string(), "{outage}");
    assert_eq!(program.ask("/api/v1/alerts/outages?limit=0").await.status.as_u16(), 400);
}

#[actix_web::test]
async fn retention_is_planned_and_kept_in_parts_and_masking_is_switched() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Admin).await;
    site.app.store.count_up_events(100).await.expect("a store");
    let told = program.get("/api/v1/retention").await;
    assert_eq!((&told["bodies_days"], &told["left"]["webhooks"]), (&Value::Null, &Value::Null), "{told}");
    site.clock.on(40 * 24 * 3_600_000);
    let program = Program::with(&site.app, Scope::Admin).await;
    let (status, plan) = program.post("/api/v1/retention/plan", &json!({ "bodies_days": 30 })).await;
    assert_eq!((status, &plan["runs"]), (200, &Value::Null));
    assert!(plan["webhooks"].as_i64().is_some_and(|count| count > 0), "{plan}");
    assert_eq!(program.get("/api/v1/retention").await["bodies_days"], Value::Null, "a plan changes nothing");
    let (status, told) = program.post("/api/v1/retention", &json!({ "bodies_days": 30 })).await;
    assert_eq!(
        (status, &told["bodies_days"], &told["left"]["webhooks"]),
        (200, &json!(30), &plan["webhooks"])
    );
    let (_, told) = program.post("/api/v1/retention", &json!({ "exchanges_days": 90 })).await;
    assert_eq!((&told["bodies_days"], &told["exchanges_days"]), (&json!(30), &json!(90)));
    let (_, told) = program.post("/api/v1/retention", &json!({ "bodies_days": null })).await;
    assert_eq!((&told["bodies_days"], &told["exchanges_days"]), (&Value::Null, &json!(90)));
    for days in [json!(0), json!(-1), json!(36_501), json!("30"), json!(1.5)] {
        let (status, told) = program.post("/api/v1/retention", &json!({ "guests_days": days })).await;
        assert_eq!((status, code_of(&told)), (422, "wrong_value"), "{days}");
    }
    let reads = Program::with(&site.app, Scope::Read).await;
    let guest = |told: &Value| told["person"]["email"].as_str().unwrap_or_default().to_owned();
    let before = guest(&reads.get("/api/v1/bookings/bkg_2").await);
    let (status, told) = program.post("/api/v1/masking", &json!({ "masked": true })).await;
    assert_eq!((status, &told), (200, &json!({ "masked": true })));
    assert_eq!(program.get("/api/v1/masking").await, json!({ "masked": true }));
    assert_ne!(guest(&reads.get("/api/v1/bookings/bkg_2").await), before);
    assert_eq!(guest(&program.get("/api/v1/bookings/bkg_2").await), before);
}

#[actix_web::test]
async fn one_guest_is_found_exported_and_erased_and_only_as_they_were_looked_at() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Admin).await;
    let who = json!({ "who": "guest3@example.org" });
    let (status, guest) = program.post("/api/v1/guests/find", &who).await;
    assert_eq!((status, &guest["bookings"][0]["id"]), (200, &json!("bkg_3")), "{guest}");
    let (status, told) = program.post("/api/v1/guests/find", &json!({ "who": "guest3" })).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"), "a part of an address is nobody's");
    let (status, told) = program.post("/api/v1/guests/find", &json!({ "who": " " })).await;
    assert_eq!((status, code_of(&told)), (422, "wrong_value"));
    let (status, export) = program.post("/api/v1/guests/export", &who).await;
    assert_eq!((status, &export["bookings"][0]["person"]["email"]), (200, &json!("guest3@example.org")));
    let erase = |mark: &str| json!({ "who": "guest3@example.org", "mark": mark });
    let (status, told) = program.post("/api/v1/guests/erase", &erase("other")).await;
    assert_eq!((status, code_of(&told)), (409, "guest_changed"));
    let (status, told) = program.post("/api/v1/guests/erase", &json!({ "who": "guest3@example.org" })).await;
    assert_eq!((status, code_of(&told)), (422, "wrong_value"), "without what was looked at");
    let mark = guest["mark"].as_str().expect("a mark");
    let (status, done) = program.post("/api/v1/guests/erase", &erase(mark)).await;
    assert_eq!((status, &done["bookings"], &done["webhooks"]), (200, &json!(1), &json!(1)), "{done}");
    assert!(!program.get("/api/v1/bookings/bkg_3").await.to_string().contains("guest3@example.org"));
    let (_, waits) = program.post("/api/v1/guests/find", &json!({ "who": "guest4@example.org" })).await;
    let asked = json!({ "who": "guest4@example.org", "mark": waits["mark"] });
    let (status, told) = program.post("/api/v1/guests/erase", &asked).await;
    assert_eq!((status, code_of(&told)), (409, "under_way"));
    let log = program.get("/api/v1/audit").await.to_string();
    assert!(log.contains("guest.erased") && log.contains("guest.exported"), "{log}");
    assert!(!log.contains("guest3@"), "whom it was about is not in the log");
}

#[actix_web::test]
async fn a_backup_comes_down_whole_and_about_says_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = waypost::store::OpenOptions::new(folder.path());
    let store = waypost::store::open(&options).await.expect("a store");
    let site = Site::over(store, waypost::domain::Role::Admin).await;
    let program = Program::with(&site.app, Scope::Admin).await;
    let about = program.get("/api/v1/about").await;
    assert_eq!(about["version"], json!(env!("CARGO_PKG_VERSION")));
    assert!(about["database"].as_str().is_some_and(|text| text.starts_with("SQLite 3")), "{about}");
    let seen = program.tell("/api/v1/backup", &json!({})).await;
    assert_eq!((seen.status.as_u16(), seen.header("content-type")), (200, "application/vnd.sqlite3"));
    assert!(seen.text.starts_with("SQLite format 3\0"));
    assert!(program.get("/api/v1/audit").await.to_string().contains("backup.downloaded"));
}
