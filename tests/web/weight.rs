//! Pages stay light however much there is to tell: under 60 KB with their style, script and pictures, as they are sent to a browser.

use crate::filled::Site;
use actix_web::test::TestRequest;

const BYTES_MAX: usize = 60 * 1024;
const FILES: [&str; 4] = ["pages.css", "pages.js", "icons.svg", "sign.svg"];

#[actix_web::test]
async fn a_page_weighs_less_than_sixty_kilobytes_with_all_that_it_loads() {
    let site = Site::filled().await;
    site.crowd().await;
    let mut files = 0;
    for name in FILES {
        let request =
            TestRequest::get().uri(&format!("/static/{name}")).insert_header(("host", "127.0.0.1:8081"));
        files += site.send(request.insert_header(("accept-encoding", "gzip, br"))).await.bytes;
    }
    let pages = [
        "/",
        "/?of=month",
        "/bookings",
        "/bookings?q=crowd",
        "/bookings?state=waiting",
        "/bookings/bkg_1",
        "/bookings/bkg_crowd_0",
        "/bookings/none",
        "/events",
        "/connections",
        "/runs/run_1a",
        "/runs/run_crowd_0_0",
        "/events/evt_1b",
    ];
    let mut heavy = Vec::new();
    for address in pages {
        let bytes = site.get(address).await.text.len() + files;
        println!("{bytes:>6} {address}");
        if bytes > BYTES_MAX {
            heavy.push(format!("{address}: {bytes} bytes"));
        }
    }
    let more =
        site.get("/static/connect.css").await.text.len() + site.get("/static/connect.js").await.text.len();
    for address in ["/connections", "/connections/new/http", "/sources", "/begin"] {
        let bytes = site.get(address).await.text.len() + files + more;
        if bytes > BYTES_MAX {
            heavy.push(format!("{address}: {bytes} bytes"));
        }
    }
    // The whole of a long timeline, page by page.
    let mut next = Some(String::from("/bookings/bkg_crowd_0"));
    let mut changes = 0;
    while let Some(address) = next {
        let seen = site.get(&address).await.text;
        changes += seen.matches("<details class=\"change\"").count();
        if seen.len() + files > BYTES_MAX {
            heavy.push(format!("{address}: {} bytes", seen.len() + files));
        }
        let older = seen.split("\" rel=\"next\"").next().filter(|before| before.len() < seen.len());
        next = older.and_then(|before| Some(before.rsplit_once("href=\"")?.1.to_owned()));
    }
    assert_eq!(changes, 40, "the timeline leaves nothing out");
    assert!(heavy.is_empty(), "{heavy:#?}");
    // Lists are bounded, and lead on.
    let list = site.get("/bookings").await.text;
    assert_eq!(list.matches("<td class=\"who\"").count(), 30);
    assert!(list.contains("Show older ones"));
    let booking = site.get("/bookings/bkg_crowd_0").await.text;
    assert_eq!(booking.matches("<details class=\"change\"").count(), 15);
    assert!(booking.contains("Show older changes"));
}
