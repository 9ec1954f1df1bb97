//! Holds the list of pages that the browser looks at (`tests/browser/pages.json`) beside the table of routes: each page
//! is on it, and nothing is on it that is no page.

use actix_web::http::Method;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use waypost::web::routes;

const LIST: &str = include_str!("../browser/pages.json");
const NO_PAGE: &str = "no page";

#[test]
fn the_browser_looks_at_every_page() {
    let list: Map<String, Value> = serde_json::from_str(LIST).expect("JSON");
    let mut listed = BTreeSet::new();
    for (who, of_them) in &list {
        for (path, seen) in of_them.as_object().expect("routes") {
            let said = if who == NO_PAGE {
                seen.as_str().is_some_and(|reason| !reason.is_empty())
            } else {
                seen.as_array().is_some_and(|addresses| !addresses.is_empty())
            };
            assert!(said, "pages.json: {path} of “{who}” has nothing to look at, or no reason why not");
            listed.insert(path.as_str());
        }
    }
    let table = routes();
    let pages: BTreeSet<&str> = table
        .iter()
        .filter(|(method, path, _)| method == Method::GET && !path.starts_with("/api/"))
        .map(|(_, path, _)| *path)
        .collect();
    let forgotten: Vec<_> = pages.difference(&listed).collect();
    assert!(forgotten.is_empty(), "tests/browser/pages.json has no {forgotten:?}: add where to look at them");
    let gone: Vec<_> = listed.difference(&pages).collect();
    assert!(gone.is_empty(), "tests/browser/pages.json has {gone:?}, which are no routes");
}
