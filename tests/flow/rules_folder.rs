//! The rules folder while the router runs: a saved rule is active within two seconds, a broken one is not.

use crate::support::{Booking, Router};
use serde_json::json;
use std::time::Duration;

fn rule(tag: &str) -> String {
    format!(
        "title: Tags\nfrom: tours\nsteps:\n  - use: crm.upsert_contact\n    with: {{ id: \"{{{{ booking.uuid }}}}\", tag: {tag} }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_rule_is_active_within_two_seconds_and_a_broken_one_is_not() {
    let mut router = Router::start(&[("tags.yaml", &rule("one"))]).await;
    let hash = || router.served().app.active().map(|ruleset| ruleset.hash.clone());
    let first = hash();
    let began = tokio::time::Instant::now();
    router.write("tags.yaml", &rule("two"));
    router.until("the new ruleset is active", async |_| hash() != first).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let second = hash();
    router.write("tags.yaml", "title: Tags\nfrom: toors\nsteps: []\n");
    router
        .until("the mistake is told", async |router| {
            !router.served().app.folder_diagnostics().await.is_empty()
        })
        .await;
    assert_eq!(hash(), second, "the last good one goes on");
    let booking = Booking::new(1);
    router.post(&booking).await;
    router.quiet().await;
    assert_eq!(router.records("contacts")[booking.uuid()]["tag"], json!("two"));
    // Broken, even gone, before a restart: the last good one works.
    router.stop().await;
    router.write("tags.yaml", ":::");
    router.restart().await;
    let other = Booking::new(2);
    router.post(&other).await;
    router.quiet().await;
    assert_eq!(router.records("contacts")[other.uuid()]["tag"], json!("two"));
    router.stop().await;
}
