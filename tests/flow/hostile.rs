//! Nothing that a webhook or a CRM says becomes markup: each field of a webhook is hostile once, the CRM's refusal and the
//! headers too, and all pages that lead from the first one are read.

use crate::signed_in::session_of;
use crate::support::{Booking, Router, TOKEN, client};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use waypost::domain::Role;

/// Becomes a link, an attribute or an element where it is not escaped.
const HOSTILE: &str = r#"javascript:alert(1)//x" onfocus="alert(1)" '><img src=x onerror=alert(1)>"#;
/// What of it a browser would run.
const RUNS: [&str; 3] = ["<img src=x", r#"" onfocus="alert"#, r#"="javascript:"#];
const RULE: &str = "title: Guests\nfrom: tours\non: [created, updated, cancelled]\nsteps:\n  - id: contact\n    use: crm.upsert_contact\n    with:\n      id: \"{{ booking.uuid }}\"\n      email: \"{{ person.email }}\"\n      name: \"{{ person.name }}\"\n      phone: \"{{ person.phone }}\"\n      tour: \"{{ trip.title }}\"\n";
/// Pages that are read at most; there are fewer.
const PAGES_MAX: usize = 900;

/// Pointers of everything in a body that is no object and no list.
pub fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, inner)| leaves(inner, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, inner)| leaves(inner, &format!("{at}/{index}"), found));
        }
        _ => found.push(at.to_owned()),
    }
}

/// Addresses of this site that a page leads to.
pub fn links(page: &str) -> impl Iterator<Item = String> + '_ {
    page.split("href=\"").skip(1).filter_map(|rest| {
        let address = rest.split('"').next()?.split('#').next()?.replace("&amp;", "&");
        let ours = address.starts_with('/') && !address.starts_with("/static/");
        ours.then_some(address)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_webhook_or_a_crm_says_becomes_markup() {
    let mut router = Router::start(&[("guests.yaml", RULE)]).await;
    router.behave(json!({ "refuse_fields": { "phone": HOSTILE } }));
    let mut pointers = Vec::new();
    leaves(&Booking::new(1).body["booking"], "", &mut pointers);
    assert!(pointers.len() > 50);
    for (number, pointer) in (1..).zip(&pointers) {
        // Where the key itself is hostile, the booking is its own.
        assert_eq!(router.post(&Booking::new(number).with(pointer, HOSTILE)).await, 200, "{pointer}");
    }
    let unread = format!("{{\"{}\": [{:?}", HOSTILE.replace('"', "\\\""), HOSTILE);
    assert_eq!(router.post_bytes(unread.into_bytes()).await, 200);
    let hooks = format!("http://{}/hooks/tours/{TOKEN}", router.served().listen);
    let headers = client().post(&hooks).header("x-note", HOSTILE).header("user-agent", HOSTILE);
    let body = Booking::new(9_999).body.to_string();
    assert!(headers.body(body).send().await.expect("an answer").status().is_success());
    router.quiet().await;

    let session = session_of(&router.served().app, "siobhan@example.org", Role::Admin).await;
    let mut known = BTreeSet::from(["/".to_owned()]);
    let mut open = VecDeque::from(["/".to_owned()]);
    let mut said = 0;
    while let Some(address) = open.pop_front() {
        let url = format!("http://{}{address}", router.served().ui_listen);
        let asked = client().get(url).header("cookie", format!("waypost={session}"));
        let answer = asked.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{address}: {}", answer.status());
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        if !header("content-type").starts_with("text/html") {
            // Nothing that a browser would run, and taken for nothing else.
            let kind = header("content-type");
            let plain = kind.starts_with("text/plain") || kind == "application/json";
            let kept = header("content-disposition").starts_with("attachment");
            assert!((plain || kept) && header("x-content-type-options") == "nosniff", "{address}: {kind}");
            continue;
        }
        let page = answer.text().await.expect("a page");
        for runs in RUNS {
            assert!(!page.contains(runs), "{address}: {runs}\n{page}");
        }
        said += usize::from(page.contains("onerror=alert(1)"));
        for link in links(&page) {
            if known.len() < PAGES_MAX && known.insert(link.clone()) {
                open.push_back(link);
            }
        }
    }
    // It was there to be seen: in lists, bookings, webhooks, runs and what needs a person.
    assert!(said > pointers.len(), "{said}");
    for place in ["/bookings/", "/events/", "/runs/", "/needs-you/", "/rules/", "/settings/"] {
        assert!(known.iter().any(|address| address.starts_with(place)), "{place} was not reached");
    }
    router.stop().await;
    println!("{} addresses, {said} of them with the hostile text", known.len());
}
