//! Webhooks that sign in: what is let in, what is refused and with which answer, and that nothing of a refused one is
//! stored.

use crate::support::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use waypost::ports::{EventView, ListFilter};

fn signed(secret: &str, message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Posts with headers; the status.
async fn post(router: &Router, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    let mut request = router.request("POST", path).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer").status().as_u16()
}

/// A router with one more source, `door`, and its secrets.
async fn router(file: &str, secrets: &[(&str, &str)]) -> Router {
    let router = Router::start(&[("sources/door.yaml", file)]).await;
    for (name, value) in secrets {
        router.served().app.set_secret(name, value).await.expect("it is kept");
    }
    router.served().app.refresh_secrets().await.expect("the doors are opened");
    router
}

async fn events(router: &Router) -> Vec<EventView> {
    router.quiet().await;
    let filter = ListFilter { source: Some("door".into()), limit: 100, ..ListFilter::default() };
    let mut events = router.served().app.store.list_events(&filter).await.expect("the events");
    events.reverse();
    events
}

/// What each of the events did: kinds and notes.
async fn told(router: &Router) -> Vec<String> {
    let events = events(router).await;
    let changes = events.iter().flat_map(|event| &event.changes);
    changes.map(|change| format!("{} {}", change.kind, change.note.clone().unwrap_or_default())).collect()
}

fn now_seconds(router: &Router) -> i64 {
    router.served().app.clock.now() / 1_000
}

fn session(id: &str, status: &str) -> Value {
    json!({
        "id": "cs_1", "object": "checkout.session", "status": status, "payment_status": "paid",
        "amount_total": 4900, "currency": "eur",
        "customer_details": { "name": "Ada Lind", "email": "guest1@example.org", "phone": null }, "note": id
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_event_is_let_in_once_and_an_unsigned_one_never() {
    let file = "connector: stripe\nsign_in: { signature: { secret: stripe-secret } }\n";
    let mut router = router(file, &[("stripe-secret", "whsec_test")]).await;
    let now = now_seconds(&router);
    let event = |id: &str, created: i64, status: &str| {
        json!({ "id": id, "type": "checkout.session.completed", "created": created, "data": { "object": session(id, status) } })
            .to_string()
    };
    let send = async |body: &str, at: i64, secret: &str| {
        let signature = hex(&signed(secret, &format!("{at}.{body}")));
        post(&router, "/hooks/door", &[("stripe-signature", &format!("t={at},v1={signature}"))], body).await
    };
    let first = event("evt_a", now, "complete");
    assert_eq!(send(&first, now, "whsec_test").await, 200);
    assert_eq!(send(&first, now + 1, "whsec_test").await, 200, "a copy is acked too");
    assert_eq!(send(&event("evt_b", now - 60, "open"), now, "whsec_test").await, 200);
    assert_eq!(send(&event("evt_c", now, "expired"), now, "another").await, 401);
    assert_eq!(send(&event("evt_d", now, "expired"), now - 301, "whsec_test").await, 401, "an old one");
    assert_eq!(post(&router, "/hooks/door", &[], &first).await, 401);
    assert_eq!(post(&router, "/hooks/none", &[], &first).await, 404);
    let told = told(&router).await;
    let first_event = events(&router).await[0].id.to_string();
    assert_eq!(
        told,
        [
            "created ".to_owned(),
            format!("unchanged a copy of an event that {first_event} told of"),
            "stale older than the present state, by the time that the booking system gives for it".to_owned(),
        ]
    );
    let metrics = router.served().app.metrics.clone();
    let text = format!("{:?}", metrics.refused());
    assert_eq!(text, r#"[("", "source", 1), ("door", "signature", 2), ("door", "time", 1)]"#);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_without_a_value_is_not_the_senders_fault() {
    let file = "connector: cal-com\nsign_in: [address, { signature: { secret: not-there } }]\ntoken: { secret: tours-token }\n";
    let mut router = router(file, &[]).await;
    let path = format!("/hooks/door/{}", crate::support::TOKEN);
    let body = json!({ "triggerEvent": "BOOKING_CREATED", "payload": { "uid": "u1" } }).to_string();
    let good = hex(&signed("later", &body));
    let with: &[(&str, &str)] = &[("x-cal-signature-256", &good)];
    assert_eq!(post(&router, &path, with, &body).await, 503);
    assert_eq!(post(&router, "/hooks/door/wrong", with, &body).await, 404, "the address says nothing");
    router.served().app.set_secret("not-there", "later").await.unwrap();
    router.served().app.refresh_secrets().await.unwrap();
    assert_eq!(post(&router, &path, with, &body).await, 200);
    assert_eq!(post(&router, &path, &[("x-cal-signature-256", "00")], &body).await, 401);
    // Two secrets while one is changed.
    router.write(
        "sources/door.yaml",
        "connector: cal-com\nsign_in: { signature: { secrets: [{ secret: new }, { secret: not-there }] } }\n",
    );
    router.taken_up().await;
    router.served().app.set_secret("new", "newest").await.unwrap();
    router.served().app.refresh_secrets().await.unwrap();
    for secret in ["later", "newest"] {
        let body = json!({ "triggerEvent": "BOOKING_CANCELLED", "payload": { "uid": "u1" } }).to_string();
        let good = hex(&signed(secret, &body));
        assert_eq!(
            post(&router, "/hooks/door", &[("x-cal-signature-256", &good)], &body).await,
            200,
            "{secret}"
        );
    }
    assert_eq!(told(&router).await, ["created ", "cancelled ", "unchanged "]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_headers_and_passwords_are_signed_as_vendors_do() {
    // Square: the address that it was given, and the body.
    let file = "connector: square\nsign_in: { signature: { secret: square, url: \"https://hooks.example.com/hooks/door\" } }\n";
    let mut square = router(file, &[("square", "key")]).await;
    let body = json!({
        "merchant_id": "M1", "type": "booking.created", "event_id": "e1", "created_at": "2026-12-08T20:05:00Z",
        "data": { "type": "booking", "id": "b1:1", "object": { "booking": {
            "id": "b1", "status": "ACCEPTED", "version": 1, "start_at": "2026-12-17T16:00:00Z"
        } } }
    })
    .to_string();
    let good = STANDARD.encode(signed("key", &format!("https://hooks.example.com/hooks/door{body}")));
    let bad = STANDARD.encode(signed("key", &body));
    let header = "x-square-hmacsha256-signature";
    assert_eq!(post(&square, "/hooks/door", &[(header, &good)], &body).await, 200);
    assert_eq!(post(&square, "/hooks/door", &[(header, &bad)], &body).await, 401);
    assert_eq!(told(&square).await, ["created "]);
    square.stop().await;

    // Bokun: its headers.
    let file = "connector: bokun\nsign_in: { signature: { secret: bokun } }\n";
    let mut bokun = router(file, &[("bokun", "key")]).await;
    let good = hex(&signed("key", "x-bokun-topic=bookings/cancel&x-bokun-vendor-id=9"));
    let headers = |signature: &'static str| {
        [("x-bokun-vendor-id", "9"), ("x-bokun-topic", "bookings/cancel"), ("x-bokun-hmac", signature)]
    };
    let good: &'static str = Box::leak(good.into_boxed_str());
    let body = json!({ "timestamp": "2026-12-08T20:05:00", "bookingId": 77 }).to_string();
    assert_eq!(post(&bokun, "/hooks/door", &headers(good), &body).await, 200);
    assert_eq!(post(&bokun, "/hooks/door", &headers("00"), &body).await, 401);
    assert_eq!(told(&bokun).await, ["cancelled "]);
    bokun.stop().await;

    // pretix: user and password in the address.
    let file = "connector: pretix\nsign_in: { password: { secret: pretix } }\n";
    let mut pretix = router(file, &[("pretix", "p w")]).await;
    let body = json!({
        "notification_id": 1, "organizer": "acme", "event": "fair", "code": "ABC12",
        "action": "pretix.event.order.placed"
    })
    .to_string();
    let listen = pretix.served().listen;
    let send = async |password: &str| {
        let url = format!("http://waypost:{password}@{listen}/hooks/door");
        let sent = crate::support::client().post(url).body(body.clone()).send().await.expect("an answer");
        (sent.status().as_u16(), sent.headers().contains_key("www-authenticate"))
    };
    assert_eq!(send("p%20w").await, (200, false));
    assert_eq!(send("wrong").await, (401, true));
    let told = told(&pretix).await;
    assert!(told.len() == 1 && told[0].starts_with("fetching pretix only says"), "{told:?}");
    pretix.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_the_address_fills_the_account() {
    let file = "connector: webhook\nsign_in: { jwt: { algorithm: HS256, secret: jwt, account_claim: acc } }\nrecords: [{ kind: booking, key: id, account: of }]\n";
    let mut router = router(file, &[("jwt", "shared")]).await;
    let token = |claims: Value| {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as TEXT;
        let message = format!("{}.{}", TEXT.encode(r#"{"alg":"HS256"}"#), TEXT.encode(claims.to_string()));
        let signature = TEXT.encode(signed("shared", &message));
        format!("/hooks/door/{message}.{signature}")
    };
    let end = now_seconds(&router) + 3_600;
    assert_eq!(post(&router, &token(json!({ "acc": "north", "exp": end })), &[], r#"{"id":1}"#).await, 200);
    assert_eq!(post(&router, &token(json!({ "acc": "south" })), &[], r#"{"id":1}"#).await, 200);
    assert_eq!(post(&router, &token(json!({ "acc": "south" })), &[], r#"{"id":2,"of":"north"}"#).await, 200);
    assert_eq!(post(&router, &token(json!({ "acc": "north", "exp": 1 })), &[], r#"{"id":1}"#).await, 401);
    assert_eq!(post(&router, &token(json!({})), &[], r#"{"id":1}"#).await, 401);
    assert_eq!(post(&router, "/hooks/door", &[], r#"{"id":1}"#).await, 401);
    assert_eq!(
        told(&router).await,
        [
            "created ",
            "created ",
            "refused the body is about the account \"north\", and its sender signed in for \"south\"",
        ]
    );
    let filter = ListFilter { limit: 10, ..ListFilter::default() };
    let bookings = router.served().app.store.list_bookings(&filter).await.unwrap();
    let mut accounts: Vec<(String, String)> =
        bookings.into_iter().map(|booking| (booking.key.connector, booking.key.account)).collect();
    accounts.sort();
    let door = |account: &str| ("webhook/door".to_owned(), account.to_owned());
    assert_eq!(accounts, [door("north"), door("south")]);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_comes_from_is_one_way_among_others() {
    let file = "connector: webhook\nsign_in: [{ ips: [203.0.113.0/24] }, { header: { name: authorization, prefix: \"Bearer \", secret: bearer } }]\nrecords: [{ kind: booking, key: id }]\n";
    let mut router = router(file, &[("bearer", "b")]).await;
    let with: &[(&str, &str)] = &[("authorization", "Bearer b"), ("x-forwarded-for", "203.0.113.7")];
    assert_eq!(post(&router, "/hooks/door", with, r#"{"id":1}"#).await, 401, "nobody trusts the header");
    router.write("sources/door.yaml", &file.replace("203.0.113.0/24", "\"127.0.0.1\", \"::1\""));
    router.taken_up().await;
    assert_eq!(post(&router, "/hooks/door", with, r#"{"id":1}"#).await, 200);
    assert_eq!(post(&router, "/hooks/door", &with[1..], r#"{"id":1}"#).await, 401);
    let kept = events(&router).await;
    let (_, stored) = router.served().app.store.event(&kept[0].id).await.unwrap().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(stored.headers, "{}", "a credential is never kept");
    router.stop().await;
}

/// Takes the source away, as its page or a hand in the rules folder does.
async fn take_away(router: &Router) {
    std::fs::remove_file(router.rules().join("sources/door.yaml")).expect("it was there");
    let mut files = waypost::rules::Files::default();
    for name in ["connections/crm.yaml", "sources/tours.yaml"] {
        let text = std::fs::read_to_string(router.rules().join(name)).expect("a file");
        files.texts.insert(name.to_owned(), text);
    }
    let (activated, diagnostics) = router.served().app.try_files(&files, Vec::new()).await;
    assert!(activated, "{diagnostics:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_source_goes_on_storing_what_signs_in_as_it_did_also_after_a_restart() {
    let body = r#"{"id":1}"#;
    let hmac = "{ hmac: { header: x-signature, secret: key } }";
    let header = "{ header: { name: x-key, secret: key } }";
    let basic = "{ basic: { user: waypost, secret: key } }";
    let jwt = "{ jwt: { algorithm: HS256, secret: key } }";
    let ips = "{ ips: [\"127.0.0.1\", \"::1\"] }";
    let basic_of = |password: &str| format!("Basic {}", STANDARD.encode(format!("waypost:{password}")));
    let token_of = |secret: &str| {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as TEXT;
        let message = format!("{}.{}", TEXT.encode(r#"{"alg":"HS256"}"#), TEXT.encode("{}"));
        let signature = TEXT.encode(signed(secret, &message));
        format!("/hooks/door/{message}.{signature}")
    };
    let open = "/hooks/door".to_owned();
    // How it signs in; what is posted where by whom it knows, and by somebody else.
    type Post = (String, Vec<(&'static str, String)>);
    let ways: [(&str, Post, Option<Post>); 5] = [
        (
            hmac,
            (open.clone(), vec![("x-signature", hex(&signed("k", body)))]),
            Some((open.clone(), vec![("x-signature", hex(&signed("other", body)))])),
        ),
        (
            header,
            (open.clone(), vec![("x-key", "k".to_owned())]),
            Some((open.clone(), vec![("x-key", "other".to_owned())])),
        ),
        (
            basic,
            (open.clone(), vec![("authorization", basic_of("k"))]),
            Some((open.clone(), vec![("authorization", basic_of("other"))])),
        ),
        (jwt, (token_of("k"), Vec::new()), Some((token_of("other"), Vec::new()))),
        (ips, (open.clone(), Vec::new()), None),
    ];
    for (way, good, bad) in ways {
        let file = format!("connector: webhook\nsign_in: {way}\nrecords: [{{ kind: booking, key: id }}]\n");
        let mut router = router(&file, &[("key", "k")]).await;
        let send = async |router: &Router, (path, headers): &Post| {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            post(router, path, &headers, body).await
        };
        assert_eq!(send(&router, &good).await, 200, "{way}");
        take_away(&router).await;
        for restarted in [false, true] {
            if restarted {
                router.restart().await;
            }
            assert_eq!(send(&router, &good).await, 200, "{way}, restarted: {restarted}");
            if let Some(bad) = &bad {
                assert_eq!(send(&router, bad).await, 401, "{way}, restarted: {restarted}");
            }
        }
        assert_eq!(
            told(&router).await,
            ["created ", "ignored source removed", "ignored source removed"],
            "{way}"
        );
        // It comes back as what it was.
        router.write("sources/door.yaml", &file);
        router.taken_up().await;
        assert_eq!(send(&router, &good).await, 200, "{way}");
        assert_eq!(told(&router).await.last().map(String::as_str), Some("unchanged "), "{way}");
        router.stop().await;
    }
}
