//! What a silent source did not send is fetched, where its file says so: once for a silence, and once when it is over.

use crate::fake_apaleo::Apaleo;
use crate::support::Router;
use crate::world::inn;
use waypost::domain::{Letter, LetterKind, OutageKind};
use waypost::ports::{Outage, OutageWrite, WalkFilter, WalkPurpose, WalkState};

const HOUR: i64 = 3_600_000;

/// Looks after gaps, and gives the walks so far: by whom, what for.
async fn filled(router: &Router) -> Vec<(String, WalkPurpose)> {
    let app = &router.served().app;
    app.fill_gaps().await.expect("the store answers");
    router
        .until("what began is through", async |router| {
            let open = router.served().app.open_walk("inn").await.expect("the store answers");
            open.is_none_or(|row| row.state != WalkState::Open)
        })
        .await;
    let filter = WalkFilter { source: Some("inn".into()), open: false, limit: 9 };
    let walks = app.store.walks().walks(&filter).await.expect("the walks");
    walks.into_iter().map(|row| (row.asked.who, row.asked.purpose)).collect()
}

async fn silent_since(router: &Router, hours: i64) {
    let app = &router.served().app;
    let now = app.clock.now();
    let outage = Outage {
        id: format!("out_{hours}"),
        kind: OutageKind::Silence,
        object: "inn".into(),
        headline: "Inn by the Sea has sent nothing".into(),
        opened_at: now - hours * HOUR,
        good_since: None,
        told_at: None,
        reminders: 0,
        closed_at: None,
    };
    app.store.alerts().write_outages(&[OutageWrite::Open(outage)], now).await.expect("the store");
}

async fn sends_again(router: &Router, hours: i64) {
    let app = &router.served().app;
    let now = app.clock.now();
    let letter = Letter {
        kind: LetterKind::AllClear,
        about: OutageKind::Silence.as_str().into(),
        object: "inn".into(),
        outage: format!("out_{hours}"),
        headline: "Inn by the Sea sends webhooks again".into(),
        text: String::new(),
        link: String::new(),
        since: now - hours * HOUR,
        until: Some(now),
        waiting: 0,
        at: now,
    };
    let close = OutageWrite::Close { id: format!("out_{hours}"), at: now, letter };
    app.store.alerts().write_outages(&[close], now).await.expect("the store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gap_of_a_silence_is_filled_once_and_once_more_when_it_is_over() {
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    let mut router = inn(&format!("{}account: ACME\non_silence: backfill\n", apaleo.api())).await;
    let one = ("on_silence".to_owned(), WalkPurpose::Backfill);
    assert_eq!(filled(&router).await, []);
    silent_since(&router, 5).await;
    assert_eq!(filled(&router).await, [one.clone()]);
    assert_eq!(filled(&router).await, [one.clone()], "it is one silence still");
    sends_again(&router, 5).await;
    assert_eq!(filled(&router).await, [one.clone(), one.clone()], "what came before it was over");
    assert_eq!(filled(&router).await.len(), 2);
    silent_since(&router, 1).await;
    assert_eq!(filled(&router).await.len(), 3, "another silence");
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_source_only_tells_of_its_silence_nothing_is_fetched() {
    let apaleo = Apaleo::start("client-1", "secret-1").await;
    let mut router = inn(&format!("{}account: ACME\n", apaleo.api())).await;
    silent_since(&router, 5).await;
    assert_eq!(filled(&router).await, []);
    router.stop().await;
}
