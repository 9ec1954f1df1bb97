//! Of what viewers see nothing leads to a guest once guests are masked: each field of a webhook has a trace of its own, the CRM
//! quotes the guest back, and all pages that lead from the first one are read by somebody who may only look.

use crate::hostile::{leaves, links};
use crate::signed_in::session_of;
use crate::support::{Booking, Router, client};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use waypost::app::Who;
use waypost::domain::{Role, Scope};

const RULE: &str = "title: Guests\nfrom: tours\non: [created, updated, cancelled]\nsteps:\n  - id: contact\n    use: crm.upsert_contact\n    with:\n      id: \"{{ booking.uuid }}\"\n      email: \"{{ person.email }}\"\n      name: \"{{ person.name }}\"\n      phone: \"{{ person.phone }}\"\n      note: \"{{ booking.note }}\"\n      tour: \"{{ trip.title }}\"\n";
/// What stays in sight: the booking's key and number, the tour, its times, status and money.
const IN_SIGHT: [&str; 14] = [
    "/uuid",
    "/rebooked_from",
    "/rebooked_to",
    "/pk",
    "/display_id",
    "/status",
    "/dashboard_url",
    "/availability/item/name",
    "/availability/start_at",
    "/availability/end_at",
    "/company/currency",
    "/company/shortname",
    "/receipt_total",
    "/amount_paid",
];
/// Pages that are read at most; there are fewer.
const PAGES_MAX: usize = 900;

/// What stands in a field: a word that is nowhere else.
fn trace(number: i64) -> String {
    format!("zq{number}qz")
}

/// All numbers of traces in a text.
fn traces(text: &str) -> BTreeSet<i64> {
    let folded = text.to_lowercase();
    let parts = folded.split("zq").skip(1);
    parts.filter_map(|rest| rest.split_once("qz")?.0.parse().ok()).collect()
}

/// What a token that may only read is given, for the same things as these pages are about.
async fn told_to(router: &mut Router, token: &str, pages: &BTreeSet<String>) -> BTreeMap<i64, String> {
    let mut asked: BTreeSet<String> =
        ["bookings", "events", "runs", "causes", "connections"].map(|list| format!("/{list}")).into();
    for page in pages {
        let path = page.split('?').next().unwrap_or_default();
        if let Some(key) = path.strip_prefix("/needs-you/") {
            asked.insert(format!("/causes/{key}"));
        } else if ["/bookings/", "/events/", "/runs/"].iter().any(|place| path.starts_with(place)) {
            asked.insert(path.replace("/raw", "/body"));
            asked.extend(path.starts_with("/bookings/").then(|| format!("{path}/changes")));
        }
    }
    let (mut seen, mut answered) = (BTreeMap::new(), 0);
    for path in asked {
        let url = format!("http://{}/api/v1{path}", router.served().ui_listen);
        let answer = client().get(url).bearer_auth(token).send().await.expect("an answer");
        answered += usize::from(answer.status().is_success());
        for number in traces(&answer.text().await.expect("a text")) {
            seen.entry(number).or_insert_with(|| path.clone());
        }
    }
    assert!(answered > 100, "{answered}");
    seen
}

/// Which traces are on the pages that lead from the first one, each with a page where it is.
async fn seen_by(router: &mut Router, session: &str) -> (BTreeMap<i64, String>, BTreeSet<String>) {
    let mut known = BTreeSet::from(["/".to_owned()]);
    let mut open = VecDeque::from(["/".to_owned()]);
    let mut seen = BTreeMap::new();
    while let Some(address) = open.pop_front() {
        let url = format!("http://{}{address}", router.served().ui_listen);
        let asked = client().get(url).header("cookie", format!("waypost={session}"));
        let answer = asked.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{address}: {}", answer.status());
        let page = answer.text().await.expect("a page");
        for number in traces(&page) {
            seen.entry(number).or_insert_with(|| address.clone());
        }
        for link in links(&page) {
            if known.len() < PAGES_MAX && known.insert(link.clone()) {
                open.push_back(link);
            }
        }
    }
    (seen, known)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_finds_no_trace_of_a_guest_who_is_masked() {
    let mut router = Router::start(&[("guests.yaml", RULE)]).await;
    router.behave(json!({ "refuse_fields": { "phone": "zq900001qz is no phone of zq900002qz" } }));
    let mut pointers = Vec::new();
    leaves(&Booking::new(1).body["booking"], "", &mut pointers);
    assert!(pointers.len() > 50);
    for (number, pointer) in (1..).zip(&pointers) {
        assert_eq!(
            router.post(&Booking::new(number).with(pointer, trace(number.into()))).await,
            200,
            "{pointer}"
        );
    }
    let unread = format!("{{\"{}\": [{:?}", trace(900_003), trace(900_004));
    assert_eq!(router.post_bytes(unread.into_bytes()).await, 200);
    router.quiet().await;

    let app = router.served().app.clone();
    let viewer = session_of(&app, "viewer@example.org", Role::Viewer).await;
    let (before, _) = seen_by(&mut router, &viewer).await;
    assert!(before.len() > pointers.len() / 2, "{} of {} are in sight before", before.len(), pointers.len());
    app.set_masking(&Who::command_line(), true).await.expect("a store");
    let (mut after, known) = seen_by(&mut router, &viewer).await;
    let made = app.make_api_token(&Who::command_line(), "t", vec![Scope::Read], None).await;
    let token = made.expect("a token").1;
    after.extend(told_to(&mut router, &token, &known).await);
    let told = |number: &i64| {
        let index = usize::try_from(number - 1).expect("a number");
        pointers.get(index).cloned().unwrap_or_else(|| format!("what came back ({number})"))
    };
    let leaks: Vec<String> = after
        .iter()
        .map(|(number, page)| (told(number), page))
        .filter(|(pointer, _)| !IN_SIGHT.contains(&pointer.as_str()))
        .map(|(pointer, page)| format!("{pointer} on {page}"))
        .collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    for place in ["/bookings/", "/events/", "/runs/", "/needs-you/", "/rules/"] {
        assert!(known.iter().any(|address| address.starts_with(place)), "{place} was not reached");
    }
    assert!(known.iter().any(|address| address.ends_with("/raw")), "bodies were asked for");
    // Whoever works with bookings sees them.
    let editor = session_of(&app, "editor@example.org", Role::Editor).await;
    let (to_editors, _) = seen_by(&mut router, &editor).await;
    assert!(to_editors.len() >= before.len(), "{} and {}", to_editors.len(), before.len());
    router.stop().await;
    println!("{} traces before, {} of the thing afterwards", before.len(), after.len());
}
