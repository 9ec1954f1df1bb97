//! The door: what booking systems see.

use crate::support::{Booking, Router, TOKEN};

const NOTHING: &str = "title: Nothing\nfrom: tours\nsteps:\n  - use: crm.upsert_contact\n    with: { id: \"{{ booking.uuid }}\" }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_opens_by_path_or_query_and_tells_nothing_otherwise() {
    let mut router = Router::start(&[("nothing.yaml", NOTHING)]).await;
    let body = Booking::new(1).body.to_string();
    let cases = [
        ("POST", format!("/hooks/tours/{TOKEN}"), 200),
        ("POST", format!("/hooks/tours/{TOKEN}/"), 200),
        ("POST", format!("/hooks/tours?key={TOKEN}"), 200),
        ("POST", format!("/hooks/tours/?key={TOKEN}"), 200),
        ("POST", "/hooks/tours/wrong".to_owned(), 404),
        ("POST", format!("/hooks/rooms/{TOKEN}"), 404),
        ("POST", "/hooks/tours".to_owned(), 404),
        ("POST", format!("/hooks/tours/{TOKEN}/more"), 404),
        ("GET", format!("/hooks/tours/{TOKEN}"), 405),
        ("GET", "/hooks/".to_owned(), 405),
        ("GET", "/hooks/anything/at/all".to_owned(), 405),
        ("PUT", format!("/hooks/tours/{TOKEN}"), 405),
        ("GET", "/".to_owned(), 404),
        ("GET", "/healthz".to_owned(), 200),
        ("GET", "/readyz".to_owned(), 200),
    ];
    let mut refused = Vec::new();
    for (method, path, expected) in cases {
        let answer = router.request(method, &path).body(body.clone()).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), expected, "{method} {path}");
        if expected == 405 {
            assert_eq!(answer.headers()["allow"], "POST");
        }
        if expected == 404 && path.starts_with("/hooks") {
            refused.push(answer.text().await.expect("a text"));
        }
    }
    // What a known door refused is counted, whatever was not known is not.
    router.served().app.keep_pulse(false).await.expect("it is written down");
    let counted = router.served().app.store.pulse().refused_webhooks(0).await.expect("a store");
    let counted: Vec<_> = counted.iter().map(|one| (one.source.as_str(), one.status, one.answers)).collect();
    assert_eq!(counted, [("tours", 404, 3)]);
    refused.dedup();
    assert_eq!(refused.len(), 1, "an unknown source and a wrong token look the same");
    router.quiet().await;
    let filter = waypost::ports::ListFilter { limit: 50, ..Default::default() };
    let events = router.served().app.store.list_events(&filter).await.expect("events");
    assert_eq!(events.len(), 4, "the webhooks, and not the readiness check");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_cannot_be_read_are_stored_and_acked() {
    let mut router = Router::start(&[("nothing.yaml", NOTHING)]).await;
    let deep = "[".repeat(10_000);
    let bodies: [&[u8]; 6] = [b"", b"not json", b"\xff\xfe", deep.as_bytes(), b"{}", b"{\"booking\":{}}"];
    for body in bodies {
        assert_eq!(router.post_bytes(body.to_vec()).await, 200);
    }
    assert_eq!(router.post(&Booking::new(7)).await, 200);
    router.quiet().await;
    let filter = waypost::ports::ListFilter { limit: 20, ..Default::default() };
    let mut events = router.served().app.store.list_events(&filter).await.expect("events");
    events.reverse();
    let kinds: Vec<_> = events.iter().map(|event| event.changes[0].kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["unreadable", "unreadable", "unreadable", "unreadable", "ignored", "unreadable", "created"]
    );
    let (_, stored) = router.served().app.store.event(&events[2].id).await.expect("it").expect("an event");
    assert_eq!(stored.body, b"\xff\xfe", "byte for byte");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_or_too_slow_is_refused_and_nothing_else() {
    let mut router = Router::start(&[("nothing.yaml", NOTHING)]).await;
    assert_eq!(router.post_bytes(vec![b' '; (1 << 20) + 1]).await, 413);
    assert_eq!(router.post_bytes(vec![b' '; 1 << 20]).await, 200);
    let slow = {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut socket = tokio::net::TcpStream::connect(router.served().listen).await.expect("a connection");
        let head = format!("POST /hooks/tours/{TOKEN} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{");
        socket.write_all(head.as_bytes()).await.expect("written");
        let mut answer = vec![0; 32];
        let read = socket.read(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer[..read]).into_owned()
    };
    assert!(slow.starts_with("HTTP/1.1 408"), "{slow}");
    router.quiet().await;
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_webhook_only_allowed_headers_are_stored_and_never_its_target() {
    let mut router = Router::start(&[("nothing.yaml", NOTHING)]).await;
    let body = Booking::new(1).body.to_string();
    for path in [format!("/hooks/tours/{TOKEN}"), format!("/hooks/tours?key={TOKEN}")] {
        let request = router.request("POST", &path).body(body.clone());
        let request =
            request.header("content-type", "application/json").header("cookie", "session=private-1");
        let answer =
            request.header("authorization", "Bearer private-2").header("x-other", "private-3").send();
        assert_eq!(answer.await.expect("an answer").status(), 200);
    }
    router.quiet().await;
    let filter = waypost::ports::ListFilter { limit: 5, ..Default::default() };
    let events = router.served().app.store.list_events(&filter).await.expect("events");
    assert_eq!(events.len(), 2);
    for event in events {
        let (_, stored) = router.served().app.store.event(&event.id).await.expect("it").expect("an event");
        let kept: serde_json::Value = serde_json::from_str(&stored.headers).expect("headers are JSON");
        assert_eq!(kept["content-type"], "application/json");
        for private in ["private", TOKEN, "cookie", "authorization", "x-other"] {
            assert!(!stored.headers.contains(private), "{private}: {}", stored.headers);
        }
    }
    router.stop().await;
}
