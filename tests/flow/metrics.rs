//! `/metrics` tells what happened, in a form that Prometheus reads, and nothing of any guest.

use crate::support::{Booking, Router, TOKEN, client};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const GUESTS: &str = r#"
title: Guests
from: tours
steps:
  - id: contact
    use: crm.upsert_contact
    with: { id: "{{ booking.contact.email }}", name: "{{ person.name }}" }
"#;

async fn scrape(router: &Router) -> String {
    let url = format!("http://{}/metrics", router.served().ui_listen);
    let answer = client().get(url).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.expect("a text");
    read(&text);
    text
}

/// Waits until a line is there: what is read from the database may be a second old.
async fn scrape_with(router: &Router, line: &str) -> String {
    let mut text = String::new();
    router
        .until(line, async |router| {
            text = scrape(router).await;
            text.lines().any(|told| told == line)
        })
        .await;
    text
}

async fn get(router: &Router, path: &str, method: &str) -> u16 {
    router.request(method, path).body("{}").send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_scraped_is_what_happened() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    let nothing = scrape(&router).await;
    assert!(nothing.contains("waypost_acks_total{code=\"200\"} 0\n"), "{nothing}");
    assert!(nothing.contains("waypost_attempts_total{connection=\"crm\",outcome=\"done\"} 0\n"), "{nothing}");

    // One is delivered, comes in once more, and changes; one is refused by the CRM, which says why with the guest's own
    // address; one body tells of nothing.
    assert_eq!(router.post(&Booking::new(1)).await, 200);
    router.quiet().await;
    assert_eq!(router.post(&Booking::new(1)).await, 200);
    assert_eq!(router.post(&Booking::new(1).with("/contact/name", "Ólafur Ævar Þórsson")).await, 200);
    router.quiet().await;
    router.behave(json!({ "refuse_fields": { "name": "guest2@example.org is not welcome" } }));
    assert_eq!(router.post(&Booking::new(2)).await, 200);
    router.quiet().await;
    router.behave(json!({}));
    assert_eq!(router.post_bytes(b"guest3@example.org".to_vec()).await, 200);
    // Not let in: an unknown token, an unknown source, too large a body, a look.
    assert_eq!(get(&router, "/hooks/tours/not-the-token", "POST").await, 404);
    assert_eq!(get(&router, "/hooks/rooms?key=nothing", "POST").await, 404);
    assert_eq!(router.post_bytes(vec![b'x'; (1 << 20) + 1]).await, 413);
    assert_eq!(get(&router, &format!("/hooks/tours/{TOKEN}"), "GET").await, 405);
    router.quiet().await;

    let text = scrape_with(&router, "waypost_runs{connection=\"crm\",state=\"failed\"} 1").await;
    insta::assert_snapshot!("what_is_scraped_is_what_happened", without_times(&text));
    for secret in ["example.org", "Siobh", "lafur", TOKEN, "not-the-token", "rooms", "00000000-0000"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // Pages only: whoever can reach the hooks' address learns nothing.
    assert_eq!(get(&router, "/metrics", "GET").await, 404);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_told_with_its_age() {
    let mut router = Router::start(&[("guests.yaml", GUESTS)]).await;
    router.crm_down().await;
    assert_eq!(router.post(&Booking::new(1)).await, 200);
    scrape_with(&router, "waypost_runs{connection=\"crm\",state=\"waiting\"} 1").await;
    let mut first = 0.0;
    router
        .until("the oldest one grows older", async |router| {
            let samples = read(&scrape(router).await);
            let age = samples["waypost_oldest_waiting_seconds{connection=\"crm\"}"];
            assert!((0.0..60.0).contains(&age), "{age}");
            first = if first == 0.0 { age } else { first };
            age > first
        })
        .await;
    router
        .until("it was tried", async |router| {
            let samples = read(&scrape(router).await);
            samples
                .get("waypost_attempts_total{connection=\"crm\",outcome=\"retry\"}")
                .is_some_and(|count| *count >= 1.0)
        })
        .await;
    let samples = read(&scrape(&router).await);
    assert!(samples["waypost_delivery_seconds_count"].abs() < 0.5, "nothing was delivered");
    router.crm_up().await;
    router.quiet().await;
    let text = scrape_with(&router, "waypost_oldest_waiting_seconds{connection=\"crm\"} 0").await;
    let samples = read(&text);
    let waited = samples["waypost_delivery_seconds_sum"];
    // From the webhook, not from the try that went through.
    assert!(waited >= first, "{waited} {first}");
    assert!((samples["waypost_delivery_seconds_count"] - 1.0).abs() < 0.5);
    router.stop().await;
}

/// What takes time takes another time each time; what the version is changes too.
fn without_times(text: &str) -> String {
    let timed = |line: &str| {
        line.contains("_seconds_bucket")
            || line.contains("_seconds_sum")
            || line.starts_with("waypost_build_info")
    };
    text.lines().filter(|line| !timed(line)).fold(String::new(), |told, line| told + line + "\n")
}

/// Reads Prometheus' text format as its documentation has it, strictly; gives the samples by name and labels.
fn read(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line ends");
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut family = "";
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("words after the name");
            assert!(is_name(name) && !words.is_empty() && helped.insert(name), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type after the name");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(helped.contains(name), "{name} has a type and no help");
            assert!(kinds.insert(name, kind).is_none(), "{name} stands in two places");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            family = name;
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series
                .split_once('{')
                .map_or((series, ""), |(name, rest)| (name, rest.strip_suffix('}').expect("labels end")));
            let parts: &[&str] =
                if kinds.get(family) == Some(&"histogram") { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(is_name(name), "{line}");
            assert!(
                parts.iter().any(|part| name.strip_suffix(part) == Some(family)),
                "{line} stands under {family}"
            );
            read_labels(labels);
            let value = value.parse::<f64>().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is told twice");
        }
    }
    assert_eq!(kinds.keys().copied().collect::<BTreeSet<_>>(), helped);
    for (name, _) in kinds.iter().filter(|(_, kind)| **kind == "histogram") {
        check_histogram(name, text, &samples);
    }
    samples
}

fn check_histogram(name: &str, text: &str, samples: &BTreeMap<String, f64>) {
    let start = format!("{name}_bucket{{le=\"");
    let buckets: Vec<(f64, f64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix(start.as_str())?.split_once("\"} "))
        .map(|(bound, count)| (bound.parse().expect("a bound"), count.parse().expect("a count")))
        .collect();
    assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name}: {buckets:?}");
    let (bound, all) = *buckets.last().expect("buckets");
    assert!(bound.is_infinite(), "{name}: the last bucket holds all");
    assert!((samples[&format!("{name}_count")] - all).abs() < 0.5, "{name}: {buckets:?}");
    assert!(samples[&format!("{name}_sum")] >= 0.0, "{name}");
}

fn is_name(name: &str) -> bool {
    name.starts_with("waypost_")
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
}

/// `name="value",…`, with `\\`, `\"` and `\n` escaped in values.
fn read_labels(mut labels: &str) {
    while !labels.is_empty() {
        let (name, rest) = labels.split_once("=\"").expect("a label's value");
        assert!(name.bytes().all(|c| c.is_ascii_lowercase()), "{name}");
        let mut letters = rest.char_indices();
        let end = loop {
            match letters.next().expect("the value ends") {
                (at, '"') => break at,
                (_, '\\') => assert!(matches!(letters.next(), Some((_, '\\' | '"' | 'n')))),
                _ => {}
            }
        };
        labels = &rest[end + 1..];
        labels = labels.strip_prefix(',').unwrap_or(labels);
    }
}
