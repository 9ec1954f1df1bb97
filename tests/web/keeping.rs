//! House-keeping for admins: what this Waypost is, a backup to download.

use crate::filled::{Seen, Site};
use crate::signed_in::session_of;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use std::path::PathBuf;
use waypost::app::{Retention, Who};
use waypost::domain::Role;
use waypost::store::OpenOptions;

/// Asks for a download and lets it be.
fn ask(site: &Site) -> TestRequest {
    TestRequest::default()
        .method(Method::POST)
        .uri("/settings/backup")
        .insert_header(("host", "127.0.0.1:8081"))
        .insert_header(("origin", "http://127.0.0.1:8081"))
        .insert_header(("cookie", format!("waypost={}", site.session)))
        .set_form([("form_token", &site.form_token)])
}

/// A filled site whose database is in files.
async fn filed() -> (Site, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = waypost::store::open(&OpenOptions::new(folder.path())).await.expect("a store");
    let site = Site::over(store, Role::Admin).await;
    site.fill().await.expect("the store takes it");
    (site, folder)
}

/// So much time goes by; sessions end meanwhile.
async fn later(site: &mut Site, ms: i64) {
    site.clock.on(ms);
    site.session = session_of(&site.app, &format!("later{ms}@example.org"), Role::Admin).await;
    site.form_token = site.form_token_of(&site.session).await;
}

/// What is in the data folder of a backup.
fn left(site: &Site) -> Vec<PathBuf> {
    let files = std::fs::read_dir(&site.app.places.data).expect("the folder");
    let paths = files.map(|file| file.expect("a file").path());
    paths.filter(|path| path.to_string_lossy().contains("backup")).collect()
}

#[actix_web::test]
async fn the_page_about_it_says_what_is_at_work() {
    let site = Site::filled().await;
    let page = site.get("/settings/about").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    // 7 webhooks: five bookings, one of them changed, and one that can't be read.
    assert!(page.text.contains("about 7 webhooks"), "{}", page.text);
    site.app.store.count_up_events(100).await.expect("a store");
    site.app.store.activate_ruleset("cafe01", "{}", site.now - 180_000).await.expect("a store");
    let page = site.get("/settings/about").await;
    assert!(page.text.contains(">7 webhooks<"), "{}", page.text);
    assert!(page.text.contains("<code>cafe01</code>, since <time"), "{}", page.text);
    assert!(page.text.contains(&format!("<code>{}</code>", site.app.node)), "{}", page.text);
    assert!(page.text.contains("SQLite 3"), "{}", page.text);
    site.clock.on(3 * 3_600_000);
    let page = site.get("/settings/about").await;
    assert!(
        page.text.contains("Running since</th><td><time") && page.text.contains("3 hours ago"),
        "{}",
        page.text
    );
    assert!(page.text.contains(" GB of ") || page.text.contains(" MB of "), "{}", page.text);
}

#[actix_web::test]
async fn a_backup_comes_down_whole_and_leaves_nothing_behind() {
    let (site, _folder) = filed().await;
    let seen = site.get("/settings/backup").await;
    assert!(seen.text.contains("Download a backup"), "{}", seen.text);
    for _ in 0..2 {
        let seen = site.send(ask(&site)).await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
        assert_eq!(seen.header("content-type"), "application/vnd.sqlite3");
        let name = seen.header("content-disposition");
        let inner =
            name.strip_prefix("attachment; filename=\"waypost-").and_then(|n| n.strip_suffix(".db\""));
        let safe = inner.is_some_and(|n| n.chars().all(|c| c.is_ascii_digit() || c == '-'));
        assert!(safe, "{name}");
        assert!(seen.text.starts_with("SQLite format 3\0"));
        assert!(seen.text.contains("guest4@example.org"), "the bookings are in it");
        assert_eq!(left(&site), Vec::<PathBuf>::new());
    }
    let log = site.app.store.people().audit(None, 5).await.expect("the log");
    let said = log.iter().filter(|line| line.act == "backup.downloaded").count();
    assert_eq!(said, 2, "{log:?}");
}

#[actix_web::test]
async fn one_backup_at_a_time_and_one_that_is_left_makes_room_for_the_next() {
    let (site, _folder) = filed().await;
    let pages = actix_web::App::new().configure(waypost::web::pages(site.app.clone(), site.access.clone()));
    let service = init_service(pages).await;
    // Its head is here, its body was not read.
    let first = call_service(&service, ask(&site).to_request()).await;
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(left(&site), Vec::<PathBuf>::new(), "its name is gone already");
    let second = site.send(ask(&site)).await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    assert!(second.text.contains("Another backup is being made or downloaded"), "{}", second.text);
    drop(first);
    assert_eq!(site.send(ask(&site)).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn whoever_goes_away_while_it_is_made_leaves_nothing_behind() {
    let (site, _folder) = filed().await;
    let who = Who::command_line();
    {
        let mut making = Box::pin(site.app.make_backup(&who));
        // Begun, and left.
        assert!(futures::poll!(&mut making).is_pending());
    }
    // Its turn ends when the copy that nobody waits for is let go.
    let made = loop {
        match site.app.make_backup(&who).await {
            Ok(made) => break made,
            Err(waypost::app::BackupError::Busy) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    drop(made);
    assert_eq!(left(&site), Vec::<PathBuf>::new());
}

#[actix_web::test]
async fn what_a_killed_process_left_of_a_backup_is_in_nobodys_way() {
    let (site, _folder) = filed().await;
    for name in ["backup-to-download.db", "backup-to-download.db.unfinished"] {
        std::fs::write(site.app.places.data.join(name), "half").expect("a file");
    }
    assert_eq!(site.send(ask(&site)).await.status, StatusCode::OK);
    assert_eq!(left(&site), Vec::<PathBuf>::new());
}

const DAY: i64 = 24 * 3_600_000;

#[actix_web::test]
async fn retention_is_planned_then_kept_then_told_in_place() {
    let mut site = Site::filled().await;
    site.app.store.count_up_events(100).await.expect("a store");
    let page = site.get("/settings/retention").await;
    assert!(page.text.contains("keeps everything for ever unless"), "{}", page.text);
    assert_eq!(site.app.retention_step().await.expect("a store"), 0, "nothing goes unasked");

    for wrong in ["0", "-3", "a week", "36501", "1.5"] {
        let seen = site.post("/settings/retention", &[("bodies", wrong), ("sure", "yes")]).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(seen.text.contains("href=\"#bodies\""), "{wrong}: {}", seen.text);
    }
    let form = [("bodies", "1"), ("exchanges", " 2 ")];
    let plan = site.post("/settings/retention", &form).await;
    assert!(plan.text.contains("removes the bodies of about 0 webhooks"), "{}", plan.text);
    later(&mut site, 3 * DAY).await;
    let plan = site.post("/settings/retention", &form).await;
    assert!(plan.text.contains("removes the bodies of about 7 webhooks"), "{}", plan.text);
    assert!(plan.text.contains("what came back of about 6 runs"), "{}", plan.text);
    assert_eq!(site.app.retention().await.expect("a store"), Retention::default(), "a plan changes nothing");

    let seen = site.post("/settings/retention", &[form[0], form[1], ("sure", "yes")]).await;
    assert_eq!(seen.header("location"), "/settings/retention?said=retention");
    let kept = Retention { bodies_days: Some(1), exchanges_days: Some(2), guests_days: None };
    assert_eq!(site.app.retention().await.expect("a store"), kept);
    let log = site.app.store.people().audit(None, 1).await.expect("the log");
    assert_eq!(
        (&*log[0].act, &*log[0].details),
        ("retention.changed", "bodies 1 days, requests and answers 2 days, guests for ever")
    );

    for _ in 0..20 {
        if site.app.retention_step().await.expect("a store") == 0 {
            break;
        }
    }
    assert_eq!(site.app.retention_step().await.expect("a store"), 0, "it comes to an end");
    // Booking 2 is done, booking 3 failed.
    let page = site.get("/events/evt_2a").await;
    assert!(
        page.text.contains("The body was removed after 1 day, as set under Settings, Privacy."),
        "{}",
        page.text
    );
    assert!(!page.text.contains("/events/evt_2a/raw\">Open it"), "{}", page.text);
    let raw = site.get("/events/evt_2a/raw").await;
    assert_eq!(raw.status, StatusCode::GONE);
    let page = site.get("/runs/run_2a").await;
    assert!(
        page.text.contains("were removed after 2 days, as set under Settings, Privacy."),
        "{}",
        page.text
    );
    let kept = site.get("/events/evt_3a/raw").await;
    assert!(kept.text.contains("guest3@example.org"), "{}", kept.text);
    assert!(site.get("/runs/run_3a").await.text.contains("guest1%40example.org"));
    assert!(site.get("/bookings/bkg_2").await.text.contains("guest2@example.org"), "how it is now stays");
}

/// Looks for a guest, and gives the mark of what was found.
async fn look(site: &Site, who: &str) -> (Seen, String) {
    let seen = site.post("/settings/guest", &[("who", who)]).await;
    let mark = seen.text.split_once("name=\"mark\" value=\"").map(|(_, rest)| rest);
    let mark = mark.and_then(|rest| rest.split_once('"')).map(|(mark, _)| mark.to_owned());
    (seen, mark.unwrap_or_default())
}

#[actix_web::test]
async fn a_guest_is_found_by_exactly_what_is_theirs() {
    let site = Site::filled().await;
    for who in ["guest2@example.org", " GUEST2@example.org", "#70000002", "70000002", "uuid-2"] {
        let (seen, _) = look(&site, who).await;
        assert_eq!(seen.status, StatusCode::OK, "{who}: {}", seen.text);
        assert!(
            seen.text.contains("1 booking is this guest") && seen.text.contains("/bookings/bkg_2"),
            "{who}"
        );
        assert_eq!(seen.text.matches("href=\"/bookings/bkg_").count(), 1, "{who}");
    }
    let (seen, _) = look(&site, "0049 123 456 789").await;
    assert!(seen.text.contains("/bookings/bkg_1"), "{}", seen.text);
    for who in
        ["", "guest2@", "guest", "guest22@example.org", "456789", "7000000", "nobody@example.org", "<b>"]
    {
        let (seen, mark) = look(&site, who).await;
        assert_eq!((seen.status, &*mark), (StatusCode::UNPROCESSABLE_ENTITY, ""), "{who}");
        assert!(seen.text.contains("href=\"#who\""), "{who}: {}", seen.text);
    }
}

#[actix_web::test]
async fn an_export_holds_all_that_is_kept_and_is_named_after_nobody() {
    let site = Site::filled().await;
    let seen = site.post("/settings/guest/export", &[("who", "guest1@example.org")]).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    let name = seen.header("content-disposition");
    assert!(name.starts_with("attachment; filename=\"guest-20") && !name.contains("guest1"), "{name}");
    let told: serde_json::Value = serde_json::from_str(&seen.text).expect("JSON");
    let booking = &told["bookings"][0];
    assert_eq!(told["bookings"].as_array().map(Vec::len), Some(1));
    assert_eq!(booking["person"]["name"], "Siobhán Ní Bhriain");
    assert_eq!(booking["as_it_is"]["contact"]["phone"], "+49 123 456 789");
    assert_eq!(booking["history"].as_array().map(Vec::len), Some(2));
    assert_eq!(booking["webhooks"][1]["body"]["contact"]["email"], "guest1@example.org");
    let calls: Vec<_> = booking["runs"].as_array().into_iter().flatten().map(|run| &run["calls"]).collect();
    assert!(calls.iter().any(|calls| calls[0]["request"]["method"] == "PUT"), "{calls:?}");
    assert_eq!(booking["records"][0]["id_there"], "1551");
    assert!(!seen.text.contains("guest2@"), "nobody else");
    let log = site.app.store.people().audit(None, 1).await.expect("the log");
    assert_eq!((&*log[0].act, &*log[0].object, &*log[0].details), ("guest.exported", "bkg_1", ""));
}

/// Everything that the pages and the API tell, in one text.
async fn all_pages(site: &Site, bookings: &[i64]) -> String {
    let mut all = String::new();
    let mut addresses: Vec<String> =
        ["/", "/bookings", "/events", "/needs-you", "/settings/audit"].map(str::to_owned).into();
    for number in bookings {
        addresses.push(format!("/bookings/bkg_{number}"));
        for half in ["a", "b"] {
            addresses.push(format!("/events/evt_{number}{half}"));
            addresses.push(format!("/events/evt_{number}{half}/raw"));
            addresses.push(format!("/runs/run_{number}{half}"));
        }
    }
    for address in addresses {
        all.push_str(&site.get(&address).await.text);
    }
    all
}

#[actix_web::test]
async fn an_erased_guest_is_nowhere_and_their_booking_still_adds_up() {
    let site = Site::filled().await;
    let (_, mark) = look(&site, "guest3@example.org").await;
    let form = |confirm| {
        [("who", "guest3@example.org"), ("mark", &*mark), ("confirm", confirm)]
            .map(|(k, v): (&str, &str)| (k.to_owned(), v.to_owned()))
    };
    for wrong in ["", "yes", "guest4@example.org"] {
        let form = form(wrong);
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let seen = site.post("/settings/guest/erase", &form).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(seen.text.contains("Nothing was erased"), "{wrong}: {}", seen.text);
    }
    let stale = [("who", "guest3@example.org"), ("mark", "other"), ("confirm", "guest3@example.org")];
    assert_eq!(site.post("/settings/guest/erase", &stale).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(all_pages(&site, &[3]).await.contains("guest3@example.org"));
    let before = site.app.store.counts().await.expect("a store");

    let form = form("Guest3@example.org");
    let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let seen = site.post("/settings/guest/erase", &form).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    assert!(seen.text.contains("The guest is erased from 1 booking, with 1 webhook"), "{}", seen.text);

    let all = all_pages(&site, &[3]).await;
    // The guest of booking 3 is called like markup; shoe_size is what the CRM said of them.
    for gone in ["guest3@example.org", "guest1%40example.org", "shoe_size"] {
        assert!(!all.contains(gone), "{gone}");
    }
    assert!(!site.get("/bookings/bkg_3").await.text.contains("onerror"), "the name is gone");
    assert!(site.get("/bookings/bkg_3").await.text.contains("data were erased on"));
    assert!(site.get("/bookings/bkg_3").await.text.contains("Reef snorkel, small group"), "the tour stays");
    let found = site.get("/bookings?q=guest3").await.text;
    assert!(!found.contains("bkg_3"), "{found}");
    assert!(site.get("/bookings?q=70000003").await.text.contains("bkg_3"), "its number still finds it");
    let after = site.app.store.counts().await.expect("a store");
    assert_eq!((before.events, before.bookings), (after.events, after.bookings));
    let total = |counts: &waypost::ports::Counts| counts.runs.iter().map(|(_, _, runs)| runs).sum::<i64>();
    assert_eq!(total(&before), total(&after));
    let log = site.app.store.people().audit(None, 1).await.expect("the log");
    assert_eq!((&*log[0].act, &*log[0].object), ("guest.erased", "bkg_3"));
    // The others are as they were.
    assert!(all_pages(&site, &[1, 2, 4, 5]).await.contains("guest2@example.org"));
    // Nothing of it is sent again by a replay.
    let replayed = site.app.replay(&waypost::domain::EventId::new("evt_3a")).await;
    assert!(replayed.is_err(), "{replayed:?}");
}

#[actix_web::test]
async fn a_guest_is_not_erased_while_something_is_on_the_way() {
    let site = Site::filled().await;
    let (seen, mark) = look(&site, "guest4@example.org").await;
    assert!(seen.text.contains("1 run of this guest is still on the way"), "{}", seen.text);
    assert_eq!(mark, "", "there is no button");
    let guest = site.app.guest("guest4@example.org").await.expect("a guest");
    let form = [("who", "guest4@example.org"), ("mark", &*guest.mark()), ("confirm", "guest4@example.org")];
    let seen = site.post("/settings/guest/erase", &form).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(site.get("/events/evt_4a/raw").await.text.contains("guest4@example.org"));
}

#[actix_web::test]
async fn guests_go_so_long_after_their_tour() {
    let mut site = Site::filled().await;
    let kept = Retention { guests_days: Some(30), ..Retention::default() };
    let plan = site.post("/settings/retention", &[("guests", "30")]).await;
    assert!(plan.text.contains("guests&#39; data of 0 bookings"), "{}", plan.text);
    site.app.set_retention(&Who::command_line(), kept).await.expect("a store");
    assert_eq!(site.app.retention_step().await.expect("a store"), 0, "the tours are still to come");
    // Tours are on 11 to 15 March 2027; booking 1 and 4 wait, 3 and 5 need somebody.
    let until: jiff::Timestamp = "2027-06-01T00:00:00Z".parse().expect("a time");
    let wait = (until.as_millisecond() - site.now).max(0);
    later(&mut site, wait).await;
    let plan = site.post("/settings/retention", &[("guests", "30")]).await;
    assert!(plan.text.contains("guests&#39; data of 1 booking that"), "{}", plan.text);
    assert_eq!(site.app.retention_step().await.expect("a store"), 1);
    assert_eq!(site.app.retention_step().await.expect("a store"), 0);
    let page = site.get("/bookings/bkg_2").await.text;
    assert!(page.contains("removed 30 days after the tour, as set under Settings, Privacy."), "{page}");
    assert!(!page.contains("guest2@example.org"), "{page}");
    for kept in ["1", "3", "4", "5"] {
        let page = site.get(&format!("/bookings/bkg_{kept}")).await.text;
        assert!(page.contains(&format!("guest{kept}@example.org")), "{kept}");
    }
}
