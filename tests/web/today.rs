//! Today: is all well? What the page says adds up, and each figure leads to exactly what it counts.

use crate::filled::Site;
use actix_web::http::StatusCode;

/// The figures of the sum with their addresses.
fn addends(text: &str) -> Vec<(String, i64)> {
    let found = text.split("<a class=\"addend\" href=\"").skip(1).map(|rest| {
        let (address, rest) = rest.split_once('"').expect("an address");
        let number = rest.split("<b>").nth(1).and_then(|rest| rest.split('<').next());
        (address.replace("&#38;", "&"), number.and_then(|number| number.parse().ok()).expect("a number"))
    });
    found.collect()
}

fn rows(text: &str) -> i64 {
    text.matches("<td class=\"who\"").count() as i64
}

#[actix_web::test]
async fn what_came_in_adds_up_and_each_figure_leads_to_its_bookings() {
    let site = Site::filled().await;
    for address in ["/", "/?of=month"] {
        let seen = site.get(address).await;
        let addends = addends(&seen.text);
        let numbers: Vec<i64> = addends.iter().map(|(_, number)| *number).collect();
        // 1 waits again, 2 is sent, 3 failed, 4 waits, 5 is held.
        assert_eq!(numbers, [5, 1, 0, 2, 2], "{address}");
        for (address, number) in addends {
            let list = site.get(&address).await;
            assert_eq!((list.status, rows(&list.text)), (StatusCode::OK, number), "{address}");
        }
    }
}

#[actix_web::test]
async fn what_is_wrong_is_said_first_with_its_way_out() {
    let site = Site::filled().await;
    let seen = site.get("/").await;
    let text = &seen.text;
    // Why, and not only how many.
    for cause in ["Nobody knows whether sandbox-crm has 1 guest", "1 guest is not in sandbox-crm: "] {
        assert!(text.contains(cause), "{cause}");
    }
    assert!(!text.contains("2 runs need you") && text.contains("href=\"/needs-you\""), "{text}");
    assert!(text.find("No rules are at work yet") < text.find("came in or changed"));
    assert!(!text.contains("All is well"));
    for word in [
        "Siobhán Ní Bhriain",
        "Came in last",
        "<title id=\"chart-title\">Bookings by hour</title>",
        "role=\"img\"",
    ] {
        assert!(text.contains(word), "{word}");
    }
    // The chart's figures stand in a table too: 24 hours, or 30 days.
    assert_eq!(text.matches("<tr><th scope=\"row\">").count(), 24);
    assert_eq!(site.get("/?of=month").await.text.matches("<tr><th scope=\"row\">").count(), 30);
}

#[actix_web::test]
async fn an_open_page_hears_that_something_happened() {
    let site = Site::filled().await;
    let mut one = site.app.listen().expect("there is room");
    site.app.look_for_news().await;
    one.mark_unchanged();
    site.app.look_for_news().await;
    assert!(!one.has_changed().expect("it goes on"), "nothing happened");
    site.app.store.set_paused("sandbox-crm", true, site.now).await.expect("a store");
    site.app.look_for_news().await;
    assert!(one.has_changed().expect("it goes on"));
    let others: Vec<_> = std::iter::from_fn(|| site.app.listen()).take(1_000).collect();
    assert!(others.len() < 100, "{}", others.len());
    let full = site.get("/live").await;
    assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE);
    drop((one, others));
    // At the stop all are let go, so that nobody is waited for.
    site.app.no_more_news();
    assert!(site.app.listen().is_none());
}
