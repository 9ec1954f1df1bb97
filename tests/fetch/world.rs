//! A router with a source that fetches, and what tests ask of it.

use crate::support::{Router, client};
use serde_json::Value;
use waypost::domain::ChangeKind;
use waypost::ports::{EventView, ListFilter};

/// A rule that takes guests of whatever source into the CRM.
pub const RULE: &str = r#"
title: Guests
from: SOURCE
on: [created, updated, cancelled]
steps:
  - id: booking
    use: crm.upsert_booking
    with:
      id: "{{ trip.code }}"
      guest: "{{ person.email }}"
      name: "{{ person.name }}"
      title: "{{ trip.title }}"
      status: "{{ trip.status }}"
      total: "{{ trip.total }}"
      guests: "{{ trip.party_size }}"
      kind: "{{ change.kind }}"
"#;

/// Token of the source `inn`.
pub const INN: &str = "abcdefghijklmnopqrstuvwxyz012345";

/// A router that also has a source `inn` of apaleo, with these lines in its file.
pub async fn inn(lines: &str) -> Router {
    let source = format!("connector: apaleo\ntitle: Inn by the Sea\ntoken: {{ secret: inn-token }}\n{lines}");
    let rule = RULE.replace("SOURCE", "inn");
    with_secrets(&[("sources/inn.yaml", &source), ("guests.yaml", &rule)]).await
}

/// A router whose source `tours` has these lines more.
pub async fn tours(lines: &str) -> Router {
    let source =
        format!("connector: fareharbor\ntitle: Reef Tours\ntoken: {{ secret: tours-token }}\n{lines}");
    let rule = RULE.replace("SOURCE", "tours");
    with_secrets(&[("sources/tours.yaml", &source), ("guests.yaml", &rule)]).await
}

/// A router with these files, and the secrets that the files of tests name.
pub async fn with_secrets(files: &[(&str, &str)]) -> Router {
    let mut router = Router::start(files).await;
    let app = router.beside().await;
    let secrets = [
        ("inn-token", INN),
        ("apaleo-id", "client-1"),
        ("apaleo-secret", "secret-1"),
        ("fh-app", "app-key"),
        ("fh-user", "user-key"),
    ];
    for (name, value) in secrets {
        app.set_secret(name, value).await.expect("a secret is kept");
    }
    app.store.close().await;
    router.restart().await;
    router.taken_up().await;
    router
}

/// Posts a body to the source `inn`; gives the status.
pub async fn post(router: &Router, body: &Value) -> u16 {
    let url = format!("http://{}/hooks/inn/{INN}", router.served().listen);
    let answer = client().post(url).body(body.to_string()).send().await.expect("an answer");
    answer.status().as_u16()
}

/// Waits until nothing is to be fetched and all is quiet.
pub async fn settled(router: &Router) {
    router
        .until("nothing waits for a fetch", async |router| {
            let store = &router.served().app.store;
            let counts = store.counts().await.expect("the counts");
            let waits = store.fetches().count_fetches().await.expect("the fetches");
            counts.unapplied == 0 && waits.is_empty()
        })
        .await;
    router.quiet().await;
}

/// All events, oldest first.
pub async fn events(router: &Router) -> Vec<EventView> {
    let filter = ListFilter { limit: 500, ..ListFilter::default() };
    let mut events = router.served().app.store.list_events(&filter).await.expect("the events");
    events.reverse();
    events
}

/// Kinds of the changes of those that came in, and of those that were fetched.
pub async fn kinds(router: &Router) -> (Vec<ChangeKind>, Vec<ChangeKind>) {
    let of = |events: &[EventView], fetched: bool| {
        let events = events.iter().filter(|event| (event.origin == "fetch") == fetched);
        events.flat_map(|event| event.changes.iter().map(|change| change.kind)).collect()
    };
    let events = events(router).await;
    (of(&events, false), of(&events, true))
}

/// Waits until the first event's change is of this kind.
pub async fn first_is(router: &Router, kind: ChangeKind) {
    router
        .until("the first event is told of", async |router| {
            let events = events(router).await;
            events
                .first()
                .is_some_and(|event| event.changes.first().is_some_and(|change| change.kind == kind))
        })
        .await;
}
