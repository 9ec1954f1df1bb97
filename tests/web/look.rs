//! Serves the filled pages to look at: `WAYPOST_LOOK=127.0.0.1:8099 cargo nextest run --run-ignored only look`.

use crate::filled::Site;

#[actix_web::test]
#[ignore = "serves for ten minutes, to look at the pages by eye"]
async fn serves_the_pages_to_look_at() {
    let address = std::env::var("WAYPOST_LOOK").unwrap_or_else(|_| "127.0.0.1:8099".to_owned());
    let site = Site::filled().await;
    let app = site.app.clone();
    let access = std::sync::Arc::new(waypost::web::Access::open("to look at".into()));
    let server = actix_web::HttpServer::new(move || {
        actix_web::App::new().configure(waypost::web::pages(app.clone(), access.clone()))
    });
    let running = server.workers(1).bind(address).expect("the address is free").run();
    let _ = tokio::time::timeout(std::time::Duration::from_mins(10), running).await;
}
