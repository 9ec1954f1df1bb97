//! Bodies and headers of any kind: each ends with a change, and what was stored is byte for byte what came.

use crate::support::Router;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::io::Write as _;
use std::sync::Arc;
use waypost::bookings::Applier;
use waypost::clock::OsEntropy;
use waypost::domain::{EventId, ORIGIN_WEBHOOK};
use waypost::ports::{ListFilter, NewEvent, Think};
use waypost::rules::{Files, Ruleset, compile};

const FORM: &str = "connector: webhook\nevent: { list: events, id: id, type: [topic, \"header:x-type\"], time: at, any_case: true, account: acc, ignore: [\"system*\"] }\nrecords:\n  - { kind: booking, at: /record, key: [id, no], version: changed, status: status, status_on: { gone: cancelled }, changes: [{ is: cancelled, becomes: cancelled }], view: { person: { name: name, email: guests.0.email } } }\n  - { kind: item, on: [\"item*\"], key: id, version: event }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_packed_or_as_a_form_is_kept_as_it_came_and_read() {
    let file = "connector: webhook\nsign_in: { header: { name: x-key, secret: tours-token } }\nrecords: [{ kind: booking, key: id }]\n";
    let mut router = Router::start(&[("sources/door.yaml", file)]).await;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(br#"{"id":1}"#).unwrap();
    let packed = packed.finish().unwrap();
    let bodies: [(&[u8], &str, &str); 5] = [
        (&packed, "content-encoding", "gzip"),
        (b"\xef\xbb\xbf{\"id\":2}\r\n", "content-type", "application/json"),
        (b"payload=%7B%22id%22%3A3%7D", "content-type", "application/x-www-form-urlencoded"),
        (b"id=4&name=Ada", "content-type", "application/x-www-form-urlencoded"),
        (b"\x1f\x8bno", "content-encoding", "gzip"),
    ];
    for (body, name, value) in bodies {
        let sent = router
            .request("POST", "/hooks/door")
            .header("x-key", crate::support::TOKEN)
            .header(name, value)
            .body(body.to_vec());
        assert_eq!(sent.send().await.expect("an answer").status().as_u16(), 200);
    }
    router.quiet().await;
    let filter = ListFilter { source: Some("door".into()), limit: 10, ..ListFilter::default() };
    let events = router.served().app.store.list_events(&filter).await.unwrap();
    for (event, (body, name, value)) in events.iter().rev().zip(bodies) {
        let (_, stored) = router.served().app.store.event(&event.id).await.unwrap().unwrap();
        assert_eq!(stored.body, body);
        let headers: serde_json::Value = serde_json::from_str(&stored.headers).unwrap();
        assert_eq!(headers[name], value);
    }
    let kinds: Vec<&str> =
        events.iter().rev().flat_map(|event| &event.changes).map(|change| change.kind.as_str()).collect();
    assert_eq!(kinds, ["created", "created", "created", "created", "unreadable"]);
    router.stop().await;
}

/// What is stored of all that came, the first first: headers and body.
async fn stored(router: &Router) -> Vec<(serde_json::Value, String)> {
    router.quiet().await;
    let store = router.served().app.store.clone();
    let filter = ListFilter { source: Some("door".into()), limit: 50, ..ListFilter::default() };
    let mut kept = Vec::new();
    for event in store.list_events(&filter).await.unwrap().iter().rev() {
        let (_, stored) = store.event(&event.id).await.unwrap().unwrap();
        kept.push((
            serde_json::from_str(&stored.headers).unwrap(),
            String::from_utf8_lossy(&stored.body).into_owned(),
        ));
    }
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_card_is_stored_however_a_body_is_packed_also_after_the_source_was_removed() {
    let file = "connector: webhook\nsign_in: { header: { name: x-key, secret: tours-token } }\nevent: { id: \"header:x-id\" }\n\
                records: [{ kind: booking, key: id, never_stored: [\"**.card\", pin] }]\n";
    let card = r#"{"id":1,"pin":"9876","pay":{"card":{"number":"4111-0000"}},"a":1}"#;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(card.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let (gzip, json, form) = ("gzip", "application/json", "application/x-www-form-urlencoded");
    let bodies: [(&[u8], &str, &str); 5] = [
        (card.as_bytes(), "", json),
        (&packed, gzip, json),
        (&packed, "", json),
        (b"pin=9876&id=1&pay=%7B%22card%22%3A%224111-0000%22%7D", "", form),
        (b"{\"id\": 2}", "", json),
    ];
    let mut router = Router::start(&[("sources/door.yaml", file)]).await;
    let send = async |router: &Router| {
        for (number, (body, encoding, content_type)) in bodies.iter().enumerate() {
            let mut sent = router
                .request("POST", "/hooks/door")
                .header("x-key", crate::support::TOKEN)
                .header("x-id", number.to_string())
                .header("content-type", *content_type)
                .body(body.to_vec());
            if !encoding.is_empty() {
                sent = sent.header("content-encoding", *encoding);
            }
            assert_eq!(sent.send().await.expect("an answer").status().as_u16(), 200);
        }
    };
    let left = r#"{"id":1,"pay":{},"a":1}"#;
    let wanted = [left, left, left, "id=1&pay=%7B%7D", "{\"id\": 2}"];
    send(&router).await;
    let first = stored(&router).await;
    assert_eq!(first.iter().map(|(_, body)| body.as_str()).collect::<Vec<_>>(), wanted);
    for (headers, body) in &first {
        assert!(headers.get("content-encoding").is_none(), "what is stored is not packed: {headers}");
        let note = headers[waypost::domain::BODY_NOTE].as_str().unwrap_or_default();
        assert_eq!(note.starts_with("What this connector never stores"), body != "{\"id\": 2}", "{headers}");
    }
    // The same when the source is gone, also after a restart.
    std::fs::remove_file(router.rules().join("sources/door.yaml")).expect("it was there");
    let mut files = Files::default();
    for name in ["connections/crm.yaml", "sources/tours.yaml"] {
        files
            .texts
            .insert(name.to_owned(), std::fs::read_to_string(router.rules().join(name)).expect("a file"));
    }
    let (activated, diagnostics) = router.served().app.try_files(&files, Vec::new()).await;
    assert!(activated, "{diagnostics:?}");
    router.restart().await;
    send(&router).await;
    let then = stored(&router).await;
    assert_eq!(
        then[bodies.len()..],
        first,
        "the same headers and bodies, so that they can be read when it comes back"
    );
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_looked_through_is_stored_and_says_so() {
    let file = "connector: webhook\nsign_in: { header: { name: x-key, secret: tours-token } }\n\
                records: [{ kind: booking, key: id, never_stored: [\"**.card\"] }]\n";
    let mut router = Router::start(&[("sources/door.yaml", file)]).await;
    let sent = router.request("POST", "/hooks/door").header("x-key", crate::support::TOKEN);
    let sent = sent.header("content-encoding", "gzip").body(b"\x1f\x8bno".to_vec());
    assert_eq!(sent.send().await.expect("an answer").status().as_u16(), 200);
    let (headers, _) = stored(&router).await.remove(0);
    insta::assert_snapshot!(headers[waypost::domain::BODY_NOTE].as_str().unwrap());
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_nothing_by_a_wrong_file_is_read_again_when_the_file_is_mended() {
    let file = |on: &str| {
        format!(
            "connector: webhook\nsign_in: {{ header: {{ name: x-key, secret: tours-token }} }}\nevent: {{ type: type }}\nrecords: \
             [{{ kind: booking, key: id, on: [{on}] }}]\n"
        )
    };
    let mut router = Router::start(&[("sources/door.yaml", &file("trip.booked"))]).await;
    let send = async |router: &Router, body: &'static str| {
        let sent = router.request("POST", "/hooks/door").header("x-key", crate::support::TOKEN).body(body);
        assert_eq!(sent.send().await.expect("an answer").status().as_u16(), 200);
        router.quiet().await;
    };
    send(&router, r#"{"type":"booked","id":1,"note":"first"}"#).await;
    let filter = ListFilter { source: Some("door".into()), limit: 10, ..ListFilter::default() };
    let app = router.served().app.clone();
    let first = app.store.list_events(&filter).await.unwrap().remove(0);
    assert_eq!(first.changes[0].kind.as_str(), "ignored");
    let still = app.replay(&first.id).await.unwrap();
    assert_eq!((still.read_again.clone(), still.note.is_some()), (None, true), "{still:?}");
    let hash = || router.served().app.active().map(|ruleset| ruleset.hash.clone());
    let before = hash();
    router.write("sources/door.yaml", &file("booked"));
    router.until("the new file is at work", async |_| hash() != before).await;
    let again = app.replay(&first.id).await.unwrap().read_again.expect("it is read again");
    router.quiet().await;
    let (read, _) = app.store.event(&again).await.unwrap().expect("an event");
    assert_eq!((read.origin.as_str(), read.changes[0].kind.as_str()), ("again", "created"));
    let (kept, stored) = app.store.event(&first.id).await.unwrap().expect("an event");
    assert_eq!(kept.changes[0].kind.as_str(), "ignored", "what came stays as it is");
    assert!(stored.headers.find("read-again").is_none());
    assert_eq!(app.unread().await.unwrap().get("door"), None, "nobody is told of it any more");
    // Its booking is known now: by order of arrival the old body would be the newest.
    send(&router, r#"{"type":"booked","id":1,"note":"second"}"#).await;
    let late = app.replay(&first.id).await.unwrap();
    assert_eq!(late.read_again, None);
    assert_eq!(
        late.note.as_deref(),
        Some("something newer is known of 1 by now, and this source tells of no versions")
    );
    router.stop().await;
}

struct Here;

impl Think for Here {
    fn run(&self, work: &mut dyn FnMut()) {
        work();
    }

    fn deadline(&self) -> Box<dyn Fn() -> bool> {
        Box::new(|| false)
    }
}

fn ruleset() -> Arc<Ruleset> {
    let mut files = Files::default();
    files.texts.insert("sources/door.yaml".into(), FORM.into());
    let compiled = compile(&files, None);
    assert!(compiled.diagnostics.is_empty(), "{:?}", compiled.diagnostics);
    compiled.ruleset.expect("it is well")
}

/// Pieces that a hostile body is made of, so that many get past the first step.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("\"\"".to_owned()),
        Just("\"a\\u0000\"".to_owned()),
        Just("1e999".to_owned()),
        Just("\"2026-01-01\"".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[a-z/*.]{0,6}".prop_map(|text| format!("{text:?}")),
    ];
    let value = scalar.prop_recursive(4, 24, 4, |inner| {
        let key = prop::sample::select(vec![
            "events", "Events", "id", "no", "topic", "at", "acc", "record", "status", "changed", "guests",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key, inner), 0..6).prop_map(|pairs| {
                let pairs: Vec<String> =
                    pairs.into_iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    });
    prop_oneof![
        3 => value.clone().prop_map(|value| format!("{{\"events\":[{value}]}}").into_bytes()),
        1 => value.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => "[a-z=&%+\\[\\]]{0,40}".prop_map(String::into_bytes),
    ]
}

#[test]
fn whatever_comes_ends_with_a_change() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let ruleset = ruleset();
    let store = runtime.block_on(waypost::store::open_in_memory()).unwrap();
    let applier = Applier::new(store.clone(), Arc::new(OsEntropy));
    let headers = prop_oneof![
        Just("{}".to_owned()),
        Just(r#"{"content-encoding":"gzip","x-type":"gone"}"#.to_owned()),
        Just(r#"{"content-type":"application/x-www-form-urlencoded","x-type":7}"#.to_owned()),
        Just(r#"{":account":"north","x-type":"system"}"#.to_owned()),
        "[ -~]{0,30}",
    ];
    let numbers = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let tried = runner.run(&(body(), headers), |(body, headers)| {
        let number = numbers.get() + 1;
        numbers.set(number);
        let id = EventId::new(format!("evt_{number}"));
        let event = NewEvent {
            id: id.clone(),
            source: "door".into(),
            received_at: number,
            origin: ORIGIN_WEBHOOK,
            headers,
            body: body.into(),
        };
        let changes = runtime.block_on(async {
            store.append_events(&[event]).await.unwrap();
            while applier.step(&ruleset, number, &Here).await.unwrap().events > 0 {}
            store.event(&id).await.unwrap().unwrap().0.changes
        });
        prop_assert!(!changes.is_empty());
        let quarantined = changes.iter().filter_map(|change| change.note.as_deref());
        for note in quarantined {
            prop_assert!(!note.contains("mistake of Waypost"), "{}", note);
        }
        Ok(())
    });
    runtime.block_on(store.close());
    tried.expect("each ends with a change");
}

#[test]
fn a_batch_is_bounded_by_what_its_bodies_unpack_to() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let ruleset = ruleset();
    let store = runtime.block_on(waypost::store::open_in_memory()).unwrap();
    let applier = Applier::new(store.clone(), Arc::new(OsEntropy));
    // Five megabytes of nothing, in five thousand bytes.
    let text = format!("{{\"events\":[]{}}}", " ".repeat(5 << 20));
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(text.as_bytes()).unwrap();
    let packed = bytes::Bytes::from(packer.finish().unwrap());
    assert!(packed.len() < 10_000, "{}", packed.len());
    let events: Vec<NewEvent> = (0..5)
        .map(|number| NewEvent {
            id: EventId::new(format!("evt_{number}")),
            source: "door".into(),
            received_at: number,
            origin: ORIGIN_WEBHOOK,
            headers: r#"{"content-encoding":"gzip"}"#.into(),
            body: packed.clone(),
        })
        .collect();
    let steps: Vec<usize> = runtime.block_on(async {
        store.append_events(&events).await.unwrap();
        let mut steps = Vec::new();
        for _ in 0..4 {
            steps.push(applier.step(&ruleset, 9, &Here).await.unwrap().events);
        }
        store.close().await;
        steps
    });
    assert_eq!(steps, [2, 2, 1, 0]);
}
