//! Lists of the API are walked page by page while more comes in: nothing that was there is missed or told twice.

use crate::api_program::Program;
use crate::filled::Site;
use serde_json::Value;
use std::collections::BTreeSet;
use waypost::domain::Scope;

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

#[actix_web::test]
async fn pages_go_on_where_they_were_although_more_comes_in() {
    let site = Site::filled().await;
    site.crowd().await;
    let program = Program::with(&site.app, Scope::Read).await;
    for (list, limit) in [("bookings", 7), ("events", 9), ("runs", 70)] {
        let (before, pages) = program.walk(&format!("/api/v1/{list}"), limit).await;
        assert!(pages > 3, "{list}: {pages} pages");
        // The same walk, with a webhook, its booking and its runs coming in before each page.
        let mut found = Vec::new();
        let mut after = String::new();
        for number in 0.. {
            site.one_more(&format!("{list}_{number}")).await;
            let mut page = program.get(&format!("/api/v1/{list}?limit={limit}{after}")).await;
            found.append(page["items"].as_array_mut().expect("items"));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        let told = ids(&found);
        let once: BTreeSet<&str> = told.iter().copied().collect();
        assert_eq!(told.len(), once.len(), "{list}: told twice");
        let missed: Vec<&str> = ids(&before).into_iter().filter(|id| !once.contains(id)).collect();
        assert!(missed.is_empty(), "{list}: {missed:?}");
    }
}

#[actix_web::test]
async fn a_page_of_one_and_the_whole_at_once_tell_the_same() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Read).await;
    for list in ["bookings", "bookings?state=needs-you", "events", "runs", "causes", "bookings/bkg_1/changes"]
    {
        let address = format!("/api/v1/{list}");
        let (one_by_one, pages) = program.walk(&address, 1).await;
        let (at_once, _) = program.walk(&address, 50).await;
        assert_eq!(one_by_one, at_once, "{list}");
        assert!(pages >= at_once.len() && at_once.len() > 1, "{list}: {pages}");
    }
}

#[actix_web::test]
async fn a_search_that_looks_through_many_goes_on_with_an_empty_page() {
    let site = Site::filled().await;
    site.crowd().await;
    let program = Program::with(&site.app, Scope::Read).await;
    let (found, _) = program.walk("/api/v1/bookings?q=olafur&source=harbour-tours", 3).await;
    assert_eq!(ids(&found), ["bkg_2"]);
}
