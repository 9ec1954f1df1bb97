//! Another address for a source: the old one is taken until its time is over, by HTTP, with the clock put forward.

use crate::workshop::Workshop;
use actix_web::http::StatusCode;
use waypost::domain::Role;

const HOUR: i64 = 3_600_000;

fn address_of(page: &str) -> String {
    let rest = page.split_once("id=\"url-1\">http://127.0.0.1:8080").expect("the address is shown").1;
    rest.split('<').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_address_is_taken_until_its_time_and_not_a_moment_longer() {
    let shop = Workshop::open(0).await;
    let old = address_of(&shop.get("/sources/tours").await.text);
    assert_eq!(shop.hook(&old).await, StatusCode::OK);
    let seen = shop.post("/sources/tours/address", &[("hours", "24")]).await;
    assert_eq!(
        (seen.status, seen.header("location")),
        (StatusCode::SEE_OTHER, "/sources/tours?said=rotated")
    );
    let page = shop.get("/sources/tours").await.text;
    let new = address_of(&page);
    assert_ne!(new, old);
    assert!(!page.contains(old.rsplit('/').next().unwrap()), "the old token is not shown");
    assert!(page.contains("End the old address now"));
    assert_eq!((shop.hook(&old).await, shop.hook(&new).await), (StatusCode::OK, StatusCode::OK));
    // Another one before the end of the first would leave the booking system with none.
    assert_eq!(shop.post("/sources/tours/address", &[("hours", "1")]).await.status, StatusCode::CONFLICT);
    assert_eq!(address_of(&shop.get("/sources/tours").await.text), new);
    shop.clock.on(24 * HOUR - 60_000);
    assert_eq!(shop.hook(&old).await, StatusCode::OK);
    shop.clock.on(60_000);
    // Nothing has looked at the doors meanwhile.
    assert_eq!((shop.hook(&old).await, shop.hook(&new).await), (StatusCode::NOT_FOUND, StatusCode::OK));
    // A day later one signs in again.
    let page = shop.get_as(Role::Editor, "/sources/tours").await.text;
    assert!(page.contains("Change the address") && !page.contains("End the old address now"));
    let active = shop.app.active().expect("rules");
    shop.app.rotate_token(&active.sources["tours"], 1).await.expect("it may be changed again");
    assert_eq!((shop.hook(&old).await, shop.hook(&new).await), (StatusCode::NOT_FOUND, StatusCode::OK));
    shop.clock.on(HOUR);
    assert_eq!(shop.hook(&new).await, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_address_ends_early_by_a_button_or_at_once() {
    let shop = Workshop::open(0).await;
    let first = address_of(&shop.get("/sources/tours").await.text);
    shop.post("/sources/tours/address", &[("hours", "168")]).await;
    let second = address_of(&shop.get("/sources/tours").await.text);
    assert_eq!(shop.hook(&first).await, StatusCode::OK);
    assert_eq!(shop.post("/sources/tours/old-address/end", &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!((shop.hook(&first).await, shop.hook(&second).await), (StatusCode::NOT_FOUND, StatusCode::OK));
    shop.post("/sources/tours/address", &[("hours", "0")]).await;
    let third = address_of(&shop.get("/sources/tours").await.text);
    assert_eq!((shop.hook(&second).await, shop.hook(&third).await), (StatusCode::NOT_FOUND, StatusCode::OK));
    for hours in ["", "-1", "9999999", "two", "2"] {
        let seen = shop.post("/sources/tours/address", &[("hours", hours)]).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{hours}");
    }
    assert_eq!(shop.hook(&third).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_overlap_outlives_the_vault() {
    let shop = Workshop::open(0).await;
    let old = address_of(&shop.get("/sources/tours").await.text);
    shop.post("/sources/tours/address", &[("hours", "24")]).await;
    // The doors are opened again, as they are every two seconds and at each start.
    shop.app.refresh_secrets().await.expect("the doors");
    assert_eq!(shop.hook(&old).await, StatusCode::OK);
    shop.clock.on(25 * HOUR);
    shop.app.refresh_secrets().await.expect("the doors");
    assert_eq!(shop.hook(&old).await, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_the_file_names_are_changed_there() {
    let file = "connector: fareharbor\ntitle: Two\ntoken: [{ secret: one }, { secret: two }]\n";
    let shop = Workshop::with(&[("sources/two.yaml", file)], 0).await;
    shop.app.set_secret("one", "first-token").await.expect("a secret");
    shop.app.refresh_secrets().await.expect("the doors");
    assert_eq!(shop.post("/sources/two/address", &[("hours", "1")]).await.status, StatusCode::CONFLICT);
    assert_eq!(shop.hook("/hooks/two/first-token").await, StatusCode::OK);
    assert!(!shop.get("/sources/two").await.text.contains("Change the address"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_may_connect_sees_an_address() {
    let shop = Workshop::open(0).await;
    let token =
        address_of(&shop.get("/sources/tours").await.text).rsplit('/').next().unwrap_or_default().to_owned();
    assert!(token.len() > 20);
    for address in ["/sources/tours", "/sources", "/sources/tours?part=live", "/begin", "/"] {
        let seen = shop.get_as(Role::Viewer, address).await;
        assert_eq!(seen.status, StatusCode::OK, "{address}");
        assert!(!seen.text.contains(&token), "{address}");
    }
    let seen = shop.get_as(Role::Admin, "/settings/audit").await;
    assert!(!seen.text.contains(&token));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_source_is_taken_for_thirty_days_and_not_a_moment_longer() {
    let files = [(
        "sources/post.yaml",
        "connector: webhook\nsign_in: { ips: [\"127.0.0.1\"] }\nrecords: [{ kind: booking, key: id }]\n",
    )];
    let shop = Workshop::with(&files, 0).await;
    let tours = address_of(&shop.get("/sources/tours").await.text);
    for name in ["tours", "post"] {
        let opened = shop.app.open_file(&format!("sources/{name}.yaml")).await.expect("a folder");
        let opened = opened.expect("a file").1;
        let seen = shop.post(&format!("/sources/{name}/remove"), &[("opened", &opened)]).await;
        assert_eq!(seen.header("location"), "/sources?said=taken-away", "{}", seen.text);
    }
    // Whoever is asked for an address of its own has none in this test: refused is not unknown.
    let answers = async || (shop.hook(&tours).await.as_u16(), shop.hook("/hooks/post").await.as_u16());
    let days = async |days: i64| {
        shop.clock.on(days * 24 * HOUR);
        answers().await
    };
    assert_eq!(days(0).await, (200, 401));
    assert_eq!(days(29).await, (200, 401));
    assert_eq!(days(1).await, (404, 404));
    // So it is where the doors are opened anew.
    shop.app.open_doors(&shop.app.active().expect("rules")).await.expect("they are opened");
    assert_eq!(answers().await, (404, 404));
}
