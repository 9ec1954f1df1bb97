//! Where is Mrs Lee? Bookings are found by what people type, and where they are not, the page helps.

use crate::filled::{HOSTILE, Site};

fn guests(text: &str) -> Vec<&'static str> {
    ["Siobhán", "Ólafur", "山田", "Mary Ann"].into_iter().filter(|name| text.contains(name)).collect()
}

#[actix_web::test]
async fn a_guest_is_found_however_they_are_typed() {
    let site = Site::filled().await;
    for (typed, expected) in [
        ("siobhan", "Siobhán"),
        ("SIOBH%C3%81N+bhriain", "Siobhán"),
        ("olafur", "Ólafur"),
        ("thorsson", "Ólafur"),
        ("%E5%B1%B1%E7%94%B0", "山田"),
        ("okonkwo", "Mary Ann"),
        ("guest5@", "Mary Ann"),
        ("%2370000005", "Mary Ann"),
        ("uuid-2", "Ólafur"),
        ("bkg_4", "山田"),
    ] {
        let seen = site.get(&format!("/bookings?q={typed}")).await;
        assert_eq!(guests(&seen.text), [expected], "{typed}");
        assert!(seen.text.contains("1 booking matches"), "{typed}");
    }
    // By the phone that it has since its last change, with and without its country.
    for typed in ["%2B49+123+456+789", "0049123456789", "0123+456+789"] {
        assert_eq!(guests(&site.get(&format!("/bookings?q={typed}")).await.text), ["Siobhán"], "{typed}");
    }
    let both = site.get("/bookings?q=mary+lee").await;
    assert!(both.text.contains("No booking matches “mary lee”."), "{}", both.text);
}

#[actix_web::test]
async fn a_slip_is_helped_by_the_nearest_names() {
    let site = Site::filled().await;
    let seen = site.get("/bookings?q=siobahn").await;
    assert!(seen.text.contains("No booking matches “siobahn”."), "{}", seen.text);
    assert!(
        seen.text.contains("Did you mean <a href=\"/bookings?q=siobhan\">Siobhán</a> (1)?"),
        "{}",
        seen.text
    );
    for typed in ["zzzzzz", "%25", "%27%22%3E%3Cimg+zq%3Dx%3E", &"x".repeat(3_000)] {
        let seen = site.get(&format!("/bookings?q={typed}")).await;
        assert_eq!(seen.status.as_u16(), 200);
        assert!(seen.text.contains("No booking matches") && !seen.text.contains("Did you mean"), "{typed}");
        assert!(!seen.text.contains("<img") && !seen.text.contains(HOSTILE), "{typed}");
    }
}

#[actix_web::test]
async fn a_filter_that_is_no_sense_is_told_at_its_field_and_nothing_is_listed() {
    let site = Site::filled().await;
    for (asked, told) in [
        ("from=2026-13-45", "There is no day “2026-13-45”. Write it as 2027-03-14."),
        ("tour_to=soon", "There is no day “soon”. Write it as 2027-03-14."),
        ("state=zzz", "Bookings can’t stand so: “zzz”."),
        ("q=siobhan&since=x", "There is no moment “x”."),
    ] {
        let seen = site.get(&format!("/bookings?{asked}")).await;
        let field = asked.split('&').next_back().and_then(|part| part.split('=').next()).unwrap_or_default();
        let at = seen.text.find(&format!("id=\"{field}-wrong\"")).expect("at its field");
        assert!(seen.text[at..].contains(told), "{asked}: {}", seen.text);
        assert!(seen.text.contains("so that nothing is shown"), "{asked}");
        assert_eq!(guests(&seen.text), [""; 0], "{asked}");
    }
}

#[actix_web::test]
async fn what_was_typed_and_chosen_stays_in_the_form() {
    let site = Site::filled().await;
    let seen = site.get("/bookings?q=mary&state=needs-you&tour=2027-03-15&from=2020-01-01").await;
    assert_eq!(guests(&seen.text), ["Mary Ann"]);
    for part in [
        "name=\"q\" value=\"mary\"",
        "value=\"needs-you\" selected",
        "value=\"2027-03-15\"",
        "value=\"2020-01-01\"",
        "1 booking matches “mary” and “needs you” and 2 further filters.",
    ] {
        assert!(seen.text.contains(part), "{part}");
    }
    let other_day = site.get("/bookings?q=mary&tour=2027-03-16").await;
    assert!(guests(&other_day.text).is_empty());
}

#[actix_web::test]
async fn times_are_told_in_the_viewers_zone_and_tours_in_their_own() {
    let site = Site::filled().await;
    let tokyo = site.get_in("/bookings/bkg_1", "Asia/Tokyo").await;
    assert!(tokyo.text.contains("Times are in Asia/Tokyo") && tokyo.text.contains(" JST\""));
    assert!(tokyo.text.contains("09:30") && tokyo.text.contains("UTC−10"));
    // Where the viewer's clock shows the same, the zone of the tour needs no word.
    let there = site.get_in("/bookings/bkg_1", "Pacific/Honolulu").await;
    assert!(there.text.contains("09:30") && !there.text.contains("UTC−10"));
    let odd = site.get_in("/bookings/bkg_1", "../../etc/passwd").await;
    assert!(odd.status.is_success() && !odd.text.contains("passwd"));
}

#[actix_web::test]
async fn tours_of_some_days_are_found_and_the_days_stay_in_the_address() {
    let site = Site::filled().await;
    let found = async |days: &str| {
        let text = site.get(&format!("/bookings?{days}")).await.text;
        (1..=5).filter(|n| text.contains(&format!("href=\"/bookings/bkg_{n}\""))).collect::<Vec<_>>()
    };
    assert_eq!(found("tour_from=2027-03-12&tour_to=2027-03-13").await, [2, 3]);
    assert_eq!(found("tour_from=2027-03-13").await, [3, 4, 5]);
    assert_eq!(found("tour_to=2027-03-12").await, [1, 2]);
    assert_eq!(found("tour=2027-03-13").await, [3], "an address of before");
    assert_eq!(found("tour_from=2027-03-13&tour_to=2027-03-12").await, [2, 3], "the other way round");
    assert_eq!(found("tour_from=2028-01-01").await, [0; 0]);
    let page = site.get("/bookings?tour_from=2027-03-12&tour_to=2027-03-13").await.text;
    assert!(page.contains("name=\"tour_from\" value=\"2027-03-12\""), "{page}");
    assert!(page.contains("name=\"tour_to\" value=\"2027-03-13\""), "{page}");
    assert!(page.contains("/bookings?tour_from=2027-03-12&#38;tour_to=2027-03-13&#38;part=live"), "{page}");
}

#[actix_web::test]
async fn a_connection_says_how_long_its_answers_take_and_of_how_many() {
    let site = Site::filled().await;
    let page = site.get("/connections").await.text;
    assert!(page.contains("It answers in ") && page.contains("going by "), "{page}");
}
