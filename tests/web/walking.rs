//! Backfill and reconcile from the pages and the API: begun, followed, paused, stopped; a report with its button; and why
//! nothing can be known where there is no access to the booking system's API.

use crate::api_program::Program;
use crate::filled::Seen;
use crate::workshop::{GUESTS, Workshop};
use actix_web::http::StatusCode;
use serde_json::json;
use waypost::domain::{Role, Scope};
use waypost::ports::{
    WHOLE_SHARE, WalkCounts, WalkFilter, WalkFinding, WalkOutcome, WalkPurpose, WalkRow, WalkState, WalkWrite,
};

const SOURCE: &str =
    "connector: fareharbor\ntitle: Reef Tours\napi: { app: { secret: fh-app }, user: { secret: fh-user } }\n";
const FORM: [(&str, &str); 3] = [("purpose", "reconcile"), ("from", "2027-03-01"), ("to", "2027-03-31")];

async fn shop() -> Workshop {
    Workshop::with(&[("sources/tours.yaml", SOURCE), ("guests.yaml", GUESTS)], 2).await
}

async fn begin(shop: &Workshop, form: &[(&str, &str)]) -> WalkRow {
    let seen = shop.post("/sources/tours/walks", form).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    let row = shop.app.open_walk("tours").await.expect("a store").expect("it is under way");
    assert_eq!(seen.header("location"), format!("/walks/{}", row.seq));
    row
}

/// What the walk came to, as its steps would have noted it.
async fn note(shop: &Workshop, row: &WalkRow, walk: WalkRow, findings: Vec<WalkFinding>) {
    let now = shop.app.walk_row(row.seq).await.expect("it is there");
    let walk = WalkRow { revision: now.revision, ..walk };
    let write = WalkWrite { walk, findings, ..WalkWrite::default() };
    assert!(shop.app.store.walks().write_walk(&write).await.expect("a store"));
}

fn finding(key: &str, outcome: WalkOutcome) -> WalkFinding {
    WalkFinding {
        account: "reeftours".into(),
        key: key.into(),
        outcome,
        booking: None,
        paths: vec!["contact.phone".into()],
        note: None,
        at: 1,
    }
}

fn has(seen: &Seen, texts: &[&str]) {
    for text in texts {
        assert!(seen.text.contains(text), "{text} is not in {}", seen.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_is_begun_followed_paused_and_stopped() {
    let shop = shop().await;
    let page = shop.get("/sources/tours/walks").await;
    has(
        &page,
        &[
            "The days are those of the tour date.",
            "name=\"purpose\" value=\"backfill\" checked",
            "type=\"date\"",
        ],
    );
    let row = begin(&shop, &[("purpose", "backfill"), FORM[1], FORM[2]]).await;
    let page = shop.get(&format!("/walks/{}", row.seq)).await;
    has(
        &page,
        &[
            "Backfill of 1 March 2027 to 31 March 2027",
            "<progress max=\"100\" value=\"0\"",
            "is not known yet",
            "data-live=",
        ],
    );
    let counts = WalkCounts {
        calls: 6_000,
        found: 900,
        looked: 800,
        same: 790,
        new: 10,
        brought_in: 10,
        share_done: WHOLE_SHARE / 4,
        worked_ms: 600_000,
        ..WalkCounts::default()
    };
    note(&shop, &row, WalkRow { counts, ..row.clone() }, vec![]).await;
    let page = shop.get(&format!("/walks/{}?part=live", row.seq)).await;
    has(
        &page,
        &[
            "value=\"25\"",
            "800 of about 3200 bookings · 600 calls a minute · about 30 minutes left",
            "were not here: brought in",
        ],
    );
    has(&shop.get("/sources/tours").await, &["Backfill of 1 March 2027 to 31 March 2027: 25 %"]);
    // Another one has to wait, and the form says why.
    let again = shop.post("/sources/tours/walks", &FORM).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    has(&again, &["A backfill of 2027-03-01 to 2027-03-31 is under way"]);
    for (act, state) in
        [("pause", WalkState::Paused), ("resume", WalkState::Open), ("stop", WalkState::Stopped)]
    {
        let seen = shop.post(&format!("/walks/{}/{act}", row.seq), &[]).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{act}: {}", seen.text);
        assert_eq!(shop.app.walk_row(row.seq).await.expect("it is there").state, state);
    }
    let seen = shop.post(&format!("/walks/{}/resume", row.seq), &[]).await;
    assert_eq!(seen.status, StatusCode::CONFLICT);
    has(
        &shop.get_as(Role::Admin, "/settings/audit").await,
        &["began to walk through", "paused a walk", "stopped a walk"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_paged_and_its_button_brings_in() {
    let shop = shop().await;
    let row = begin(&shop, &FORM).await;
    let mut findings: Vec<WalkFinding> =
        (0..60).map(|n| finding(&format!("k{n:02}"), WalkOutcome::Differs)).collect();
    findings.push(WalkFinding {
        note: Some("it is not known".into()),
        paths: vec![],
        ..finding("z1", WalkOutcome::Gone)
    });
    findings.push(finding("a0", WalkOutcome::Same));
    let counts =
        WalkCounts { looked: 62, same: 1, differs: 60, gone: 1, endable: 1, ..WalkCounts::default() };
    let done =
        WalkRow { state: WalkState::Done, ended_at: Some(shop.app.clock.now()), counts, ..row.clone() };
    note(&shop, &row, done, findings).await;
    let page = shop.get(&format!("/walks/{}", row.seq)).await;
    has(
        &page,
        &[
            "61 are not the same here",
            "Bring in 60, and end 1",
            "60 bookings are fetched again and brought in. One is asked for once more, and ends here if",
            "reeftours k49",
            "contact.phone",
            "Further ones",
        ],
    );
    assert!(!page.text.contains("reeftours k50") && !page.text.contains("reeftours a0"));
    let next =
        page.text.split("?after=").nth(1).and_then(|rest| rest.split('"').next()).expect("a further page");
    let next = shop.get(&format!("/walks/{}?after={next}", row.seq)).await;
    has(&next, &["reeftours k50", "reeftours z1", "here only", "it is not known"]);
    assert!(!next.text.contains("reeftours k49"));
    let seen = shop.post(&format!("/walks/{}/repair", row.seq), &[]).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    let repair = shop.app.open_walk("tours").await.expect("a store").expect("it is under way");
    assert_eq!((repair.asked.report, repair.asked.purpose.as_str()), (Some(row.seq), "repair"));
    // What is repaired already has no button for that any more; where something is left, it has.
    let page = shop.get(&format!("/walks/{}", row.seq)).await;
    let see = format!("<a href=\"/walks/{}\">See the repair</a>", repair.seq);
    has(&page, &["What it found is being repaired.", &see]);
    let button = format!("/walks/{}/repair", row.seq);
    assert!(!page.text.contains(&button), "{}", page.text);
    for (gone, words) in [(1, "Bring in 60, and end 1"), (0, "What it found was repaired")] {
        let repair = shop.app.open_walk("tours").await.expect("a store").expect("it is under way");
        let counts = WalkCounts { looked: 61, brought_in: 60, gone, ..WalkCounts::default() };
        let ended_at = Some(shop.app.clock.now());
        let done = WalkRow { state: WalkState::Done, ended_at, counts, ..repair.clone() };
        note(&shop, &repair, done, Vec::new()).await;
        let page = shop.get(&format!("/walks/{}", row.seq)).await;
        has(&page, &[words]);
        assert_eq!(page.text.contains(&button), gone > 0, "{}", page.text);
        if gone > 0 {
            assert_eq!(shop.post(&button, &[]).await.status, StatusCode::SEE_OTHER);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_access_to_the_api_it_says_that_nothing_can_be_known() {
    let shop = Workshop::open(0).await;
    has(&shop.get("/sources/tours").await, &["it can&#39;t be known what is missing here"]);
    let page = shop.get("/sources/tours/walks").await;
    has(&page, &["There is no access to FareHarbor"]);
    assert!(!page.text.contains("<form method=\"post\" action=\"/sources/tours/walks\""));
    let seen = shop.post("/sources/tours/walks", &FORM).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    let filter = WalkFilter { source: None, open: false, limit: 10 };
    assert!(shop.app.store.walks().walks(&filter).await.expect("a store").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_that_can_not_be_are_told_at_their_field() {
    let shop = shop().await;
    for (from, to) in
        [("", ""), ("2027-03-02", "2027-03-01"), ("<b>", "2027-03-01"), ("1990-01-01", "2027-01-01")]
    {
        let seen = shop.post("/sources/tours/walks", &[("purpose", "x"), ("from", from), ("to", to)]).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{from} {to}");
        has(&seen, &["href=\"#from\""]);
        assert!(!seen.text.contains("<b>"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_does_the_same() {
    let shop = shop().await;
    let program = Program::with(&shop.app, Scope::Write).await;
    let asked = json!({ "purpose": "reconcile", "from_day": "2027-03-01", "to_day": "2027-03-31" });
    let (status, begun) = program.post("/api/v1/sources/tours/walks", &asked).await;
    assert_eq!((status, &begun["began"], &begun["walk"]["state"]), (202, &json!(true), &json!("open")));
    let id = begun["walk"]["id"].as_i64().expect("a number");
    let (status, again) = program.post("/api/v1/sources/tours/walks", &asked).await;
    assert_eq!((status, &again["began"]), (202, &json!(false)));
    let other = json!({ "purpose": "backfill" });
    let (status, other) = program.post("/api/v1/sources/tours/walks", &other).await;
    assert_eq!((status, &other["error"]["code"]), (409, &json!("not_now")), "{other}");
    for wrong in [
        json!({}),
        json!({ "purpose": "all" }),
        json!({ "purpose": "backfill", "from_day": "2027-03-01" }),
        json!({ "purpose": "backfill", "from_day": "x", "to_day": "y" }),
    ] {
        let (status, told) = program.post("/api/v1/sources/tours/walks", &wrong).await;
        assert_eq!(status, 422, "{told}");
    }
    let row = shop.app.walk_row(id).await.expect("it is there");
    let findings = (0..3).map(|n| finding(&format!("k{n}"), WalkOutcome::New)).collect();
    let counts = WalkCounts { looked: 3, new: 3, ..WalkCounts::default() };
    note(&shop, &row, WalkRow { state: WalkState::Done, ended_at: Some(1), counts, ..row.clone() }, findings)
        .await;
    let walk = program.get(&format!("/api/v1/walks/{id}")).await;
    assert_eq!(
        (&walk["state"], &walk["records"]["source_only"], &walk["progress"]["share"]),
        (&json!("done"), &json!(3), &json!(1.0))
    );
    let (found, pages) = program.walk(&format!("/api/v1/walks/{id}/findings"), 2).await;
    assert_eq!((found.len(), pages), (3, 2));
    assert_eq!(
        found[0],
        json!({ "account": "reeftours", "key": "k0", "outcome": "new", "booking": null, "paths": ["contact.phone"], "note": null })
    );
    let (status, repair) = program.post(&format!("/api/v1/walks/{id}/repair"), &json!({})).await;
    assert_eq!((status, &repair["walk"]["of_report"]), (202, &json!(id)));
    assert_eq!(repair["walk"]["end_gone"], json!(false));
    let (status, stopped) =
        program.post(&format!("/api/v1/walks/{}/stop", repair["walk"]["id"]), &json!({})).await;
    assert_eq!((status, &stopped["state"]), (200, &json!("stopped")));
    assert_eq!(program.get("/api/v1/sources/tours/walks").await["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(program.ask("/api/v1/walks/x").await.status, StatusCode::NOT_FOUND);
    assert_eq!(program.ask("/api/v1/sources/none/walks").await.status, StatusCode::NOT_FOUND);
    let reader = Program::with(&shop.app, Scope::Read).await;
    assert_eq!(reader.tell("/api/v1/sources/tours/walks", &asked).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_sent_until_a_silence_ended_is_fetched_by_a_walk_of_its_own() {
    let source = format!("{SOURCE}on_silence: backfill\n");
    let shop = Workshop::with(&[("sources/tours.yaml", &source)], 2).await;
    let (app, now) = (&shop.app, shop.app.clock.now());
    // The source was silent, its gap is being filled, and it sends again while that is under way.
    let first = app.fill_gap("tours", now - 3_600_000, "on_silence").await.expect("it begins");
    let since = format!("out_1 {}", now - 3_600_000);
    app.store.set_fact("gap.tours", &since).await.expect("a store");
    app.fill_gaps().await.expect("a store");
    let open = async || app.open_walk("tours").await.expect("a store").map(|row| row.seq);
    let fact = async || app.store.fact("gap.tours").await.expect("a store").unwrap_or_default();
    assert_eq!((open().await, fact().await), (Some(first.seq), since));
    // That one is through: another one begins, and then it is done.
    note(&shop, &first, WalkRow { state: WalkState::Done, ended_at: Some(now), ..first.clone() }, vec![])
        .await;
    app.fill_gaps().await.expect("a store");
    assert_eq!((open().await, fact().await), (Some(first.seq + 1), String::new()));
    app.fill_gaps().await.expect("a store");
    assert_eq!((open().await, fact().await), (Some(first.seq + 1), String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_whose_findings_are_not_all_kept_is_repaired_by_walking_all_its_days() {
    // Of some it is not known any more which they were, or there are more than are kept.
    for (new, there, kept) in [(3, 3, true), (3, 2, false), (0, 0, true), (20_000, 5, false)] {
        let shop = shop().await;
        let row = begin(&shop, &FORM).await;
        let mut findings: Vec<_> = (0..there).map(|n| finding(&format!("k{n}"), WalkOutcome::New)).collect();
        findings.push(finding("d", WalkOutcome::Differs));
        let counts = WalkCounts { looked: new + 1, new, differs: 1, ..WalkCounts::default() };
        let done = WalkRow { state: WalkState::Done, ended_at: Some(1), counts, ..row.clone() };
        note(&shop, &row, done, findings).await;
        let seen = shop.post(&format!("/walks/{}/repair", row.seq), &[]).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
        let open = shop.app.open_walk("tours").await.expect("a store").expect("it is under way");
        assert_eq!(open.asked.report, kept.then_some(row.seq), "{new} new, {there} of them there");
        assert_eq!(open.asked.purpose, WalkPurpose::Repair);
        assert_eq!((&open.asked.from_day, &open.asked.to_day), (&row.asked.from_day, &row.asked.to_day));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_many_would_end_the_page_asks_first() {
    let shop = shop().await;
    let row = begin(&shop, &FORM).await;
    let findings = (0..20).map(|n| finding(&format!("g{n:02}"), WalkOutcome::Gone)).collect();
    let counts = WalkCounts { looked: 40, same: 20, gone: 20, endable: 20, ..WalkCounts::default() };
    let done =
        WalkRow { state: WalkState::Done, ended_at: Some(shop.app.clock.now()), counts, ..row.clone() };
    note(&shop, &row, done, findings).await;
    let page = shop.get(&format!("/walks/{}", row.seq)).await;
    has(
        &page,
        &[
            "These are 20 of 40 bookings here, so many that they end only if you say so",
            "name=\"end_gone\" value=\"yes\" required",
            "End these 20",
        ],
    );
    let repair = format!("/walks/{}/repair", row.seq);
    let seen = shop.post(&repair, &[]).await;
    assert_eq!(seen.status, StatusCode::CONFLICT, "{}", seen.text);
    let program = Program::with(&shop.app, Scope::Write).await;
    let (status, told) = program.post(&format!("/api/v1{repair}"), &json!({})).await;
    assert_eq!((status, &told["error"]["code"]), (409, &json!("not_now")), "{told}");
    let report = program.get(&format!("/api/v1/walks/{}", row.seq)).await;
    assert_eq!((&report["ends_many"], &report["records"]["would_end"]), (&json!(true), &json!(20)));
    let seen = shop.post(&repair, &[("end_gone", "yes")]).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    let open = shop.app.open_walk("tours").await.expect("a store").expect("it is under way");
    assert_eq!((open.asked.report, open.asked.end_gone), (Some(row.seq), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_not_well_where_a_part_was_not_looked_at() {
    let shop = shop().await;
    let row = begin(&shop, &FORM).await;
    let counts = WalkCounts { looked: 40, same: 40, unseen: 1, ..WalkCounts::default() };
    let why = "one list could not be read, so that what it holds was not looked at";
    let done = WalkRow {
        state: WalkState::Done,
        ended_at: Some(shop.app.clock.now()),
        note: Some(why.into()),
        counts,
        ..row.clone()
    };
    note(&shop, &row, done, Vec::new()).await;
    let page = shop.get(&format!("/walks/{}", row.seq)).await;
    has(&page, &["not complete", "but not all was looked at", "what it holds was not looked at"]);
    assert!(!page.text.contains("All well"), "{}", page.text);
    let program = Program::with(&shop.app, Scope::Read).await;
    let report = program.get(&format!("/api/v1/walks/{}", row.seq)).await;
    assert_eq!(report["records"]["unseen_lists"], json!(1));
}
