//! Sources that are described in their own files: events, batches, types, versions.

use super::tests::{engine, try_source};
use super::{KeptHeaders, Message, Present, Source, Unreadable};
use serde_json::{Value, json};
use std::fmt::Write;

fn source(text: &str) -> Source {
    let (source, told) = try_source(&engine(), &format!("connector: webhook\n{text}"));
    let warned = !text.contains("records") && told.contains("does not say yet what its bodies tell");
    assert!(told.is_empty() || warned, "{told}");
    source.expect("it is well")
}

fn messages(source: &Source, body: Value, headers: &Value) -> Result<Vec<Message>, Unreadable> {
    source
        .connector
        .source
        .as_ref()
        .expect("a source side")
        .read(body, &KeptHeaders::read(&headers.to_string()))
}

/// What a body tells, in lines.
fn told(source: &Source, body: Value, headers: &Value) -> String {
    let why = |why: &Unreadable| match why {
        Unreadable::Body(why) => format!("unreadable: {why}"),
        Unreadable::Nothing(why) => format!("ignored: {why}"),
    };
    let messages = match messages(source, body, headers) {
        Ok(messages) => messages,
        Err(error) => return why(&error),
    };
    let mut lines = String::new();
    for message in messages {
        let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        let at = message.time.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let told = match &message.told {
            Ok(told) => {
                let one = |told: &super::Told| {
                    format!("{} {} {} {:?}", told.kind, text(&told.account), told.key, told.status)
                };
                told.iter().map(one).collect::<Vec<_>>().join("; ")
            }
            Err(error) => why(error),
        };
        let _ = writeln!(
            lines,
            "{} {} {at} {}: {told}",
            text(&message.id),
            text(&message.event_type),
            text(&message.account)
        );
    }
    lines
}

const BATCH: &str = "
event: { list: Events, id: id, type: [topic, type], time: at, account: Hotel, any_case: true, ignore: [\"system/*\", { type: ping, note: a test }] }
records:
  - { kind: booking, at: /data, on: [\"reservation/*\"], key: id, status: state, status_on: { reservation/gone: gone } }
";

#[test]
fn a_batch_is_as_many_events_and_one_that_is_wrong_keeps_no_other_back() {
    let body = json!({ "hotel": "H1", "events": [
        { "ID": "e1", "Topic": "Reservation", "TYPE": "changed", "At": 1_700_000_000, "Data": { "Id": 7, "State": "in" } },
        { "id": "e2", "topic": "Reservation", "type": "gone", "at": "2023-11-14T22:13:20Z", "data": { "id": "8" }, "hotel": "H2" },
        { "id": "e3", "topic": "reservation", "type": "changed", "data": {} },
        { "id": "e4", "topic": "System", "type": "healthcheck" },
        { "id": "e5", "topic": "ping" },
        { "id": "e6", "topic": "folio", "type": "created", "data": { "id": 1 } },
        { "id": "e7", "topic": "reservation", "type": "changed" },
        { "data": { "id": 1 } },
        "nonsense",
        null,
    ] });
    insta::assert_snapshot!(told(&source(BATCH), body, &json!({})));
}

#[test]
fn bodies_that_are_no_batch_say_why() {
    let source = source(BATCH);
    let many: Vec<Value> = (0..=super::envelope::BATCH_MAX).map(|_| json!({})).collect();
    let bodies = [
        json!({}),
        json!({ "Events": null }),
        json!({ "Events": {} }),
        json!({ "Events": [] }),
        json!([]),
        json!({ "Events": many }),
    ];
    let said: Vec<String> = bodies.into_iter().map(|body| told(&source, body, &json!({}))).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn headers_tell_of_an_event_and_are_kept_for_it() {
    let source = source(
        "headers: [X-Mine]\nevent: { id: \"header:X-Event-Id\", type: \"header:x-topic\", account: \"header:x-vendor\", list: items }\nrecords: [{ kind: booking, key: id }]\n",
    );
    let spec = source.connector.source.as_ref().unwrap();
    assert_eq!(
        spec.headers,
        ["x-mine", "content-type", "content-encoding", "x-event-id", "x-topic", "x-vendor"]
    );
    let headers = json!({ "x-event-id": "h1", "x-topic": "made", "x-vendor": "v" });
    let body = json!({ "items": [{ "id": 1 }, { "id": 2 }] });
    assert_eq!(
        told(&source, body, &headers),
        "h1/0 made - v: booking v 1 \"\"\nh1/1 made - v: booking v 2 \"\"\n",
        "an id of the whole batch is each event's with its place"
    );
}

#[test]
fn a_source_without_records_says_what_to_do() {
    assert_eq!(
        told(&source(""), json!({ "id": 1 }), &json!({})),
        "- - - -: ignored: The source's file does not say yet what its bodies tell: it has no `records`."
            .to_owned()
            + "\n"
    );
}

/// Applies bodies in order; what each of them did.
fn apply(source: &Source, bodies: &[Value]) -> Vec<String> {
    let spec = &source.connector.source.as_ref().unwrap().records[0];
    let mut present: Option<Present> = None;
    let mut done = Vec::new();
    for body in bodies {
        let mut messages = messages(source, body.clone(), &json!({})).expect("it is readable");
        let told = messages.remove(0).told.expect("it is readable").remove(0);
        let (status, happened_at) = (told.status.clone(), told.happened_at);
        let compared = spec.compare(present.as_ref(), told);
        done.push(match compared.note {
            Some(note) => format!("{}: {note}", compared.kind),
            None => compared.kind.to_string(),
        });
        if compared.kind.has_effect() {
            present = Some(Present { entity: compared.entity, hash: compared.hash, status, happened_at });
        }
    }
    done
}

#[test]
fn an_older_version_is_stale_and_an_equal_one_is_compared() {
    let by_path = source("records: [{ kind: booking, key: id, version: changed }]\n");
    let at = |changed: Value, note: &str| json!({ "id": 1, "changed": changed, "note": note });
    insta::assert_snapshot!(
        apply(
            &by_path,
            &[
                at(json!(2), "a"),
                at(json!(2), "a"),
                at(json!(2), "b"),
                at(json!(1), "c"),
                at(json!("3"), "c"),
                at(json!(null), "d"),
                at(json!(1), "e"),
            ]
        )
        .join("\n")
    );
    let by_event = source(
        "event: { time: at, type: type }\nrecords: [{ kind: booking, at: /d, key: id, version: event, status_on: { gone: gone }, changes: [{ is: cancelled, becomes: gone }] }]\n",
    );
    let at = |at: i64, of_type: &str, note: &str| json!({ "at": at, "type": of_type, "d": { "id": 1, "note": note } });
    assert_eq!(
        apply(
            &by_event,
            &[
                at(1_700_000_001, "made", "a"),
                at(1_700_000_000, "made", "b"),
                at(1_700_000_001, "gone", "a"),
                at(1_700_000_002, "gone", "a"),
            ]
        ),
        [
            "created",
            "stale: older than the present state, by the time that the booking system gives for it",
            "cancelled",
            "unchanged",
        ]
    );
}

#[test]
fn mistakes_in_events_name_the_place_and_the_way_out() {
    let engine = engine();
    let files = [
        "event: { lst: a }\nrecords: [{ kind: booking, key: id }]\n",
        "event: { id: \"header:x y\", type: \"header:authorization\", time: [a] }\nrecords: [{ kind: booking, key: id }]\n",
        "event: { ignore: [ping] }\nrecords: [{ kind: booking, key: id }]\n",
        "records: [{ kind: booking, key: id, on: [a], version: event }]\n",
        "records: [{ kind: booking, key: id, version: { path: a, as: date } }]\n",
        "records: [{ kind: booking, key: [], version: [a] }]\n",
        "event: { type: t }\nrecords: [{ kind: booking, key: id, status_on: [a] }]\n",
        "records: [{ kind: booking, kye: id }]\n",
        "event: { id: id }\n",
        "recods: []\n",
    ];
    let mut told = String::new();
    for file in files {
        let (_, said) = try_source(&engine, &format!("connector: webhook\n{file}"));
        let _ = writeln!(told, "{said}\n----");
    }
    insta::assert_snapshot!(told);
}
