//! `/live`: server-sent events for the pages that are open. Each says only that something happened; the page then asks
//! for its own block again. Ends after a while, so that a browser that went away is not kept for ever.

use crate::app::{App, News};
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures::stream::unfold;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A sign of life, by which a browser that went away is noticed.
const SIGN: Duration = Duration::from_secs(20);
/// A browser begins anew after this time, and shows again who it is.
const LASTS: Duration = Duration::from_mins(10);
/// When a browser asks again after the end, in milliseconds.
const FIRST: &[u8] = b"retry: 5000\n\n";

/// `GET /live`.
pub async fn live(app: web::Data<App>) -> HttpResponse {
    let Some(mut news) = app.listen() else {
        return HttpResponse::ServiceUnavailable()
            .insert_header((header::RETRY_AFTER, "60"))
            .content_type("text/plain; charset=utf-8")
            .body("Enough pages are kept fresh already; this one looks by itself.\n");
    };
    news.mark_unchanged();
    let begun = Listening { news, until: Instant::now() + LASTS, first: true };
    HttpResponse::Ok()
        .content_type("text/event-stream; charset=utf-8")
        .insert_header(("x-accel-buffering", "no"))
        .streaming(unfold(begun, |mut listening| async move {
            let said = listening.next().await?;
            Some((Ok::<Bytes, Infallible>(Bytes::from_static(said)), listening))
        }))
}

struct Listening {
    news: watch::Receiver<News>,
    until: Instant,
    first: bool,
}

impl Listening {
    /// What is said next; `None`: it ends.
    async fn next(&mut self) -> Option<&'static [u8]> {
        if std::mem::take(&mut self.first) {
            return Some(FIRST);
        }
        let sign = Instant::now() + SIGN;
        if sign > self.until {
            return None;
        }
        tokio::select! {
            changed = self.news.changed() => {
                changed.ok()?;
                (*self.news.borrow_and_update() != News::Closing).then_some(&b"data: changed\n\n"[..])
            }
            () = tokio::time::sleep_until(sign) => Some(&b": here\n\n"[..]),
        }
    }
}
