//! Faces over HTTP: health, and the pages. One file per page or action, a struct per page beside its handler.
//!
//! The pages read what the stages wrote and write commands (try again, pause) that these obey. They have no accounts yet
//! and answer on this machine only (`security`). Everything works without script; `static/refresh.js` only keeps what is
//! shown fresh.

mod booking_show;
mod booking_words;
mod bookings_list;
mod change_told;
mod connection_pause;
mod connections_list;
mod diff;
mod errors;
mod event_show;
mod events_list;
mod health;
mod metrics_show;
mod money;
mod outlook;
mod page;
mod run_retry;
mod run_show;
mod run_told;
#[cfg(test)]
mod samples;
mod scene;
mod security;
mod static_files;
mod times;
mod words;

pub use health::{Readiness, health, nothing_here};

use crate::app::App;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use std::sync::Arc;

/// The pages: everything that no service before them takes.
pub fn pages(app: Arc<App>) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        let form = web::FormConfig::default().limit(4 << 10);
        config.service(
            web::scope("")
                .app_data(web::Data::from(app))
                .app_data(form)
                .wrap(from_fn(security::guard))
                .route("/", web::get().to(bookings_list::bookings_list))
                .route("/bookings/{id}", web::get().to(booking_show::booking_show))
                .route("/events", web::get().to(events_list::events_list))
                .route("/events/{id}", web::get().to(event_show::event_show))
                .route("/events/{id}/raw", web::get().to(event_show::event_raw))
                .route("/runs/{id}", web::get().to(run_show::run_show))
                .route("/runs/{id}/retry", web::post().to(run_retry::run_retry))
                .route("/connections", web::get().to(connections_list::connections_list))
                .route("/connections/{name}/pause", web::post().to(connection_pause::connection_pause))
                .route("/connections/{name}/resume", web::post().to(connection_pause::connection_resume))
                .route("/metrics", web::get().to(metrics_show::metrics_show))
                .route("/static/{name}", web::get().to(static_files::static_file))
                .default_service(web::to(errors::no_such_page)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::samples::HOSTILE;
    use super::{booking_show, bookings_list, connections_list, errors, event_show, events_list, run_show};
    use askama::Template;

    /// Renders every page with every sample, and tells which page it was.
    fn rendered() -> Vec<(&'static str, String)> {
        fn all(name: &'static str, pages: Vec<impl Template>) -> Vec<(&'static str, String)> {
            pages.iter().map(|page| (name, page.render().expect("it renders"))).collect()
        }
        let mut pages = all("bookings_list", bookings_list::BookingsList::samples());
        pages.extend(all("booking_show", booking_show::BookingShow::samples()));
        pages.extend(all("event_show", event_show::EventShow::samples()));
        pages.extend(all("events_list", events_list::EventsList::samples()));
        pages.extend(all("run_show", run_show::RunShow::samples()));
        pages.extend(all("connections_list", connections_list::ConnectionsList::samples()));
        let errors =
            errors::PageError::samples().into_iter().map(|page| ("error", page.expect("it renders")));
        pages.extend(errors);
        pages
    }

    #[test]
    fn every_page_renders_with_every_sample_and_lets_no_value_become_markup() {
        let pages = rendered();
        assert!(pages.len() > 15, "{}", pages.len());
        let mut hostile = 0;
        for (name, page) in &pages {
            assert!(!page.contains(HOSTILE), "{name}: a value is not escaped");
            assert!(!page.contains("<img"), "{name}: a value became markup");
            assert!(page.contains("<h1"), "{name}: no heading");
            assert!(page.contains("lang=\"en\""), "{name}: no language");
            hostile += usize::from(page.contains("onerror"));
        }
        assert!(hostile >= 7, "the hostile values are on the pages: {hostile}");
    }

    #[test]
    fn no_page_holds_script_or_style_of_its_own() {
        for (name, page) in &rendered() {
            let lower = page.to_lowercase();
            assert!(!lower.contains("<style") && !lower.contains(" style="), "{name}: inline style");
            assert_eq!(
                lower.matches("<script").count(),
                lower.matches("<script src=\"/static/").count(),
                "{name}"
            );
            let handler = lower
                .split('<')
                .skip(1)
                .filter_map(|tag| tag.split_once('>'))
                .any(|(tag, _)| tag.split('"').step_by(2).any(|outside| outside.contains(" on")));
            assert!(!handler, "{name}: an inline handler");
            assert!(!lower.contains("src=\"http"), "{name}: something of another site");
        }
    }

    #[test]
    fn tags_of_every_page_open_and_close() {
        let single = ["meta", "link", "input", "br", "hr", "!doctype"];
        for (name, page) in &rendered() {
            let mut open: Vec<String> = Vec::new();
            for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
                let word: String =
                    tag.trim_start_matches('/').chars().take_while(|c| !c.is_whitespace()).collect();
                if single.contains(&word.to_lowercase().as_str()) {
                    continue;
                }
                if tag.starts_with('/') {
                    assert_eq!(open.pop().as_deref(), Some(word.as_str()), "{name}: </{word}>");
                } else {
                    open.push(word);
                }
            }
            assert!(open.is_empty(), "{name}: {open:?}");
        }
    }
}
