//! What helps whoever writes a rule: bookings of its own sources, a beginning without mistakes, mistakes that lead to their
//! line and are put right by a press, and nothing of other files but a count.

use crate::support::Booking;
use crate::workshop::{GUESTS, Workshop};
use actix_web::http::StatusCode;
use serde_json::json;

const BUILD: &str = "/rules/guests/build";
const EDIT: &str = "/rules/guests/edit";

/// A booking of another company, by this name.
fn other(number: u32, name: &str) -> Booking {
    let mut booking = Booking::new(number);
    booking.body["booking"]["company"]["shortname"] = json!("harbour");
    booking.body["booking"]["contact"]["name"] = json!(name);
    booking
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_shown_with_bookings_of_its_own_sources_only_and_finds_them_by_name() {
    let source = ("sources/harbour.yaml", "connector: fareharbor\ntitle: Harbour\n");
    let both = GUESTS.replace("from: tours", "from: [tours, harbour]");
    let shop = Workshop::with(&[source, ("guests.yaml", GUESTS), ("both.yaml", &both)], 1).await;
    shop.book_from("harbour", &other(2, "Wren Sandoval")).await;
    for address in [BUILD, EDIT] {
        let page = shop.get(address).await.text;
        assert!(
            page.contains("Siobhán Ní Bhriain · Whale watch") && !page.contains("Wren Sandoval"),
            "{page}"
        );
        let page = shop.get(&address.replace("guests", "both")).await.text;
        assert!(
            page.contains("Siobhán Ní Bhriain · Whale watch") && page.contains("Wren Sandoval · "),
            "{page}"
        );
        assert!(!page.contains("name=\"find\""), "all of them fit: {page}");
    }
    // With more than fit, one is found by its name or number.
    for number in 10..40 {
        shop.book(&Booking::new(number)).await;
    }
    shop.book_from("harbour", &other(50, "Wren Sandoval")).await;
    let opened = shop.opened("guests.yaml").await.unwrap_or_default();
    for address in [BUILD, EDIT] {
        let page = shop.get(address).await.text;
        assert!(page.contains("name=\"find\"") && !page.contains("#70000001<"), "{page}");
        let form = |find| [("text", GUESTS), ("opened", opened.as_str()), ("act", "check"), ("find", find)];
        let found = shop.post(address, &form("70000001")).await.text;
        assert!(found.contains("70000001") && !found.contains("#70000039<"), "{found}");
        let none = shop.post(address, &form("wren")).await.text;
        assert!(none.contains("No booking of this rule’s sources matches “wren”."), "{none}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_rule_begins_without_a_mistake() {
    let shop = Workshop::open(1).await;
    for way in ["build", "edit"] {
        let page = shop.get(&format!("/rules/fresh/{way}?recipe=blank")).await.text;
        assert!(page.contains("There is no mistake in it."), "{way}: {page}");
        assert!(page.contains("use: crm.upsert_"), "{way}: {page}");
        assert!(!page.contains("class=\"wrong"), "{way}: {page}");
    }
    // Where no action fits by itself, the builder asks for the first step.
    let shop = Workshop::empty().await;
    let page = shop.get("/rules/fresh/build?recipe=blank").await.text;
    assert!(
        page.contains("It does nothing yet: choose its first step above.")
            || page.contains("There is no source yet"),
        "{page}"
    );
    assert!(!page.contains("has no steps"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_that_can_never_hold_is_a_mistake_at_its_row() {
    let shop = Workshop::open(1).await;
    let opened = shop.opened("guests.yaml").await.unwrap_or_default();
    let press = async |act: &str, value: &str| {
        let row = [("when.0.field", "trip.party_size"), ("when.0.op", "more"), ("when.0.value", value)];
        let form = [[("text", GUESTS), ("opened", opened.as_str()), ("act", act)], row].concat();
        shop.post(BUILD, &form).await
    };
    let told = "Give a number: trip.party_size is more than “abc” is never true.";
    for act in ["check", "review"] {
        let page = press(act, "abc").await.text;
        let at = page.find("id=\"t.when.0.field\"").expect("the row");
        assert!(page[at..].contains(told), "{act}: {page}");
        assert!(page.contains("value=\"abc\""), "what was typed stays: {page}");
        assert_eq!(page.contains("It can’t be published like this"), act == "review", "{page}");
    }
    let page = press("review", "2").await.text;
    assert!(page.contains("Which bookings it touches"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_leads_to_its_line_and_a_press_puts_it_right() {
    let shop = Workshop::open(1).await;
    let opened = shop.opened("guests.yaml").await.unwrap_or_default();
    let broken = GUESTS.replace("{{ person.phone }}", "{{ person.phne }}");
    let form = [("text", broken.as_str()), ("opened", opened.as_str())];
    let page = shop.post(EDIT, &form).await.text;
    assert!(page.contains("<a href=\"#text\" data-line=\"10\">Go to line 10</a>"), "{page}");
    assert!(!page.contains("class=\"problem\""), "it was only looked at: {page}");
    let (_, button) = page.split_once("name=\"mend\" value=\"").expect("a button that mends it");
    let at = button.split('"').next().unwrap_or_default();
    assert!(button.contains("Put “person.phone” there") || button.contains("Put “phone” there"), "{button}");
    let mended = shop.post(EDIT, &[&form[..], &[("mend", at)]].concat()).await.text;
    assert!(mended.contains("{{ person.phone }}") && !mended.contains("person.phne"), "{mended}");
    assert!(mended.contains("There is no mistake in it."), "{mended}");
    for odd in ["", "x", "10:1", "99:99", "-1:0"] {
        let page = shop.post(EDIT, &[&form[..], &[("mend", odd)]].concat()).await.text;
        assert!(page.contains("person.phne"), "{odd}");
    }
    // Refused, the page begins with what is wrong.
    for way in ["review", "publish"] {
        let form = [&form[..], &[("reason", "Because")]].concat();
        let page = shop.post(&format!("/rules/guests/{way}"), &form).await;
        assert_eq!(page.status, StatusCode::OK);
        let (_, summary) = page.text.split_once("class=\"problem\"").expect("a summary");
        assert!(summary.contains("<a href=\"#text\" data-line=\"10\">"), "{way}: {summary}");
    }
    assert_eq!(shop.read("guests.yaml"), GUESTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_of_other_files_are_counted_in_a_rule_s_editor_and_told_with_the_rules() {
    let odd = GUESTS.replace("{{ person.phone }}", "{{ booking.nobody_knows_this_one }}");
    let shop = Workshop::with(&[("guests.yaml", GUESTS), ("odd.yaml", &odd)], 1).await;
    let opened = shop.opened("guests.yaml").await.unwrap_or_default();
    let review = shop.post("/rules/guests/review", &[("text", GUESTS), ("opened", &opened)]).await.text;
    for page in [shop.get(BUILD).await.text, shop.get(EDIT).await.text, review] {
        assert!(!page.contains("nobody_knows_this_one"), "{page}");
        assert!(page.contains("<a href=\"/rules#warnings\">"), "{page}");
    }
    assert!(shop.get("/rules/odd/edit").await.text.contains("warning: "));
    let rules = shop.get("/rules").await.text;
    assert!(rules.contains("id=\"warnings\"") && rules.contains("nobody_knows_this_one"), "{rules}");
}
