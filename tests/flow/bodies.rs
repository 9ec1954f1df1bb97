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
