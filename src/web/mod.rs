//! Faces over HTTP: health, and the pages. One file per page or action, a struct per page beside its handler.
//!
//! The pages read what the stages wrote and write commands (try again, pause) that these obey. `routes` is the table of all
//! of them and of what each needs; `security` and `admission` stand before it. Everything works without script;
//! `static/pages.js` only keeps what is shown fresh.

mod about_show;
mod access;
mod account_change;
mod account_show;
mod admission;
mod alert_channel;
mod alerts_show;
mod answer_times;
mod api_about;
mod api_acts;
mod api_alert_channels;
mod api_alerts;
mod api_audit;
mod api_body;
mod api_bookings;
mod api_bookings_fetch;
mod api_causes;
mod api_connection_acts;
mod api_connections;
mod api_connectors;
mod api_document;
mod api_error;
mod api_events;
mod api_guests;
mod api_health;
mod api_keeping;
mod api_me;
mod api_paging;
mod api_people;
mod api_rule_applies;
mod api_rule_builder;
mod api_rule_drafts;
mod api_rule_moves;
mod api_rule_tests;
mod api_rules;
mod api_run_acts;
mod api_runs;
mod api_source_acts;
mod api_source_secrets;
mod api_sources;
mod api_subscriptions;
mod api_tokens;
mod api_walks;
mod audit_list;
mod backup_show;
mod begin_show;
mod booking_chain;
mod booking_fetch;
mod booking_records;
mod booking_show;
mod booking_test;
mod booking_tree;
mod booking_words;
mod bookings_asked;
mod bookings_choose;
mod bookings_list;
mod cause_words;
mod certificate_told;
mod change_told;
mod chart;
mod colours;
mod connect_catalogue;
mod connect_form;
mod connect_new;
mod connection_change;
mod connection_pause;
mod connection_show;
mod connections_list;
mod cookies;
mod diff;
mod errors;
mod event_replay;
mod event_show;
mod events_list;
mod form_errors;
mod found;
mod guest_erase;
mod guest_show;
mod health;
mod hooks_url;
mod kept_form;
mod line_diff;
mod link_made;
mod live;
mod metrics_show;
mod money;
mod near;
mod needs_you_list;
mod needs_you_plan;
mod needs_you_show;
mod outlook;
mod page;
mod people_change;
mod people_list;
mod people_told;
mod qr;
mod rates;
mod retention_show;
mod routes;
mod rule_apply;
mod rule_blank;
mod rule_build;
mod rule_build_acts;
mod rule_build_parts;
mod rule_build_sent;
mod rule_edit;
mod rule_file;
mod rule_history;
mod rule_move;
mod rule_new;
mod rule_review;
mod rule_show;
mod rule_words;
mod rules_list;
mod run_acts;
mod run_retry;
mod run_show;
mod run_told;
#[cfg(test)]
mod samples;
mod scene;
mod second_factor;
mod security;
mod sign_in;
mod sign_in_code;
mod sign_out;
mod source_change;
mod source_show;
mod source_subscribe;
mod source_truth;
mod sources_list;
mod standings;
mod static_files;
mod text_order;
mod times;
mod today;
mod tokens_list;
mod unread;
mod viewer;
mod walk_show;
mod walk_told;
mod walks_list;
mod welcome_show;
mod words;
mod zone;

pub use access::{Access, Doors, UiUrl};
pub use api_error::ApiError;
pub use health::{Readiness, health, nothing_here};
pub use hooks_url::HooksUrl;
pub use routes::{Needs, routes};
pub use viewer::Viewer;

use crate::app::App;
use actix_web::HttpRequest;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::error::UrlencodedError;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use admission::Rules;
use errors::PageError;
use routes::Entry;
use std::rc::Rc;
use std::sync::Arc;

/// The pages and the API: everything that no service before them takes.
pub fn pages(app: Arc<App>, access: Arc<Access>) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        let strange = |error: UrlencodedError, _: &HttpRequest| -> actix_web::Error {
            PageError::unreadable_form(&error.to_string()).into()
        };
        let guarding = access.clone();
        let mut scope = web::scope("")
            .app_data(web::Data::from(app.clone()))
            .app_data(web::Data::from(access.clone()))
            .wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
                let access = guarding.clone();
                async move { security::guard(&access, request, next).await }
            }));
        for (path, entries) in by_path(routes::table()) {
            let needs = entries.iter().map(|entry| (entry.method.clone(), entry.needs)).collect();
            let rules = Rc::new(Rules {
                api: security::is_api(path),
                needs,
                access: access.clone(),
                app: app.clone(),
            });
            let admit = from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
                admission::admit(rules.clone(), request, next)
            });
            let bytes = entries.iter().map(|entry| entry.form_bytes).max().unwrap_or_default();
            let mut resource = web::resource(path)
                .app_data(web::FormConfig::default().limit(bytes).error_handler(strange))
                .app_data(web::PayloadConfig::new(bytes));
            for entry in entries {
                resource = resource.route(entry.route);
            }
            scope = scope.service(resource.wrap(admit));
        }
        config.service(scope.default_service(web::to(errors::no_such_page)));
    }
}

/// The lines of the table that share an address, in the order in which each comes first.
fn by_path(table: Vec<Entry>) -> Vec<(&'static str, Vec<Entry>)> {
    let mut paths: Vec<(&'static str, Vec<Entry>)> = Vec::new();
    for entry in table {
        match paths.iter_mut().find(|(path, _)| *path == entry.path) {
            Some((_, entries)) => entries.push(entry),
            None => paths.push((entry.path, vec![entry])),
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::samples::HOSTILE;
    use super::{about_show, backup_show, guest_erase, guest_show, retention_show, walk_show, walks_list};
    use super::{
        account_show, alert_channel, alerts_show, audit_list, link_made, people_list, second_factor, sign_in,
        sign_in_code,
    };
    use super::{begin_show, connect_catalogue, connect_new, connection_show, source_show, sources_list};
    use super::{booking_show, bookings_list, connections_list, errors, event_show, events_list, run_show};
    use super::{
        booking_test, rule_apply, rule_build, rule_edit, rule_history, rule_move, rule_new, rule_review,
        rule_show, rules_list,
    };
    use super::{needs_you_list, needs_you_plan, needs_you_show, today, tokens_list, welcome_show};
    use askama::Template;

    /// Renders every page with every sample, and tells which page it was.
    fn rendered() -> Vec<(&'static str, String)> {
        fn all(name: &'static str, pages: Vec<impl Template>) -> Vec<(&'static str, String)> {
            pages.iter().map(|page| (name, page.render().expect("it renders"))).collect()
        }
        let mut pages = all("bookings_list", bookings_list::BookingsList::samples());
        pages.extend(all("today", today::Today::samples()));
        pages.extend(all("booking_show", booking_show::BookingShow::samples()));
        pages.extend(all("event_show", event_show::EventShow::samples()));
        pages.extend(all("events_list", events_list::EventsList::samples()));
        pages.extend(all("run_show", run_show::RunShow::samples()));
        pages.extend(all("connections_list", connections_list::ConnectionsList::samples()));
        pages.extend(all("connection_show", connection_show::ConnectionShow::samples()));
        pages.extend(all("connect_catalogue", connect_catalogue::ConnectCatalogue::samples()));
        pages.extend(all("connect_new", connect_new::ConnectNew::samples()));
        pages.extend(all("sources_list", sources_list::SourcesList::samples()));
        pages.extend(all("source_show", source_show::SourceShow::samples()));
        pages.extend(all("walks_list", walks_list::WalksList::samples()));
        pages.extend(all("walk_show", walk_show::WalkShow::samples()));
        pages.extend(all("begin_show", begin_show::BeginShow::samples()));
        pages.extend(all("sign_in", sign_in::SignInPage::samples()));
        pages.extend(all("go_on", sign_in::GoOnPage::samples()));
        pages.extend(all("sign_in_code", sign_in_code::CodePage::samples()));
        pages.extend(all("welcome_show", welcome_show::WelcomePage::samples()));
        pages.extend(all("account_show", account_show::AccountPage::samples()));
        pages.extend(all("second_factor", second_factor::FactorPage::samples()));
        pages.extend(all("recovery_codes", second_factor::RecoveryPage::samples()));
        pages.extend(all("people_list", people_list::PeoplePage::samples()));
        pages.extend(all("link_made", link_made::LinkPage::samples()));
        pages.extend(all("tokens_list", tokens_list::TokensPage::samples()));
        pages.extend(all("alerts_show", alerts_show::AlertsPage::samples()));
        pages.extend(all("alert_channel", alert_channel::ChannelPage::samples()));
        pages.extend(all("audit_list", audit_list::AuditPage::samples()));
        pages.extend(all("needs_you_list", needs_you_list::NeedsYouList::samples()));
        pages.extend(all("needs_you_show", needs_you_show::NeedsYouShow::samples()));
        pages.extend(all("needs_you_plan", needs_you_plan::NeedsYouPlan::samples()));
        pages.extend(all("needs_you_act", needs_you_plan::NeedsYouAct::samples()));
        pages.extend(all("rules_list", rules_list::RulesList::samples()));
        pages.extend(all("rule_show", rule_show::RuleShow::samples()));
        pages.extend(all("rule_build", rule_build::RuleBuild::samples()));
        pages.extend(all("rule_edit", rule_edit::RuleEdit::samples()));
        pages.extend(all("rule_review", rule_review::RuleReview::samples()));
        pages.extend(all("rule_move", rule_move::RuleMovePage::samples()));
        pages.extend(all("rule_new", rule_new::RuleNew::samples()));
        pages.extend(all("rule_history", rule_history::RuleHistoryList::samples()));
        pages.extend(all("rule_version", rule_history::RuleVersionShow::samples()));
        pages.extend(all("rule_apply", rule_apply::RuleApply::samples()));
        pages.extend(all("booking_test", booking_test::BookingTest::samples()));
        pages.extend(all("about_show", about_show::AboutPage::samples()));
        pages.extend(all("guest_show", guest_show::GuestPage::samples()));
        pages.extend(all("guest_erase", guest_erase::ErasedPage::samples()));
        pages.extend(all("retention_show", retention_show::RetentionPage::samples()));
        pages.extend(all("backup_show", backup_show::BackupPage::samples()));
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
    fn every_form_that_changes_something_carries_its_token() {
        let mut forms = 0;
        for (name, page) in &rendered() {
            for form in page.split("<form ").skip(1) {
                let (tag, inside) = form.split_once('>').expect("a tag");
                let inside = inside.split("</form>").next().unwrap_or_default();
                let posts = tag.contains("method=\"post\"");
                assert_eq!(posts, inside.contains("name=\"form_token\""), "{name}: <form {tag}>");
                forms += usize::from(posts);
            }
        }
        assert!(forms > 10, "{forms}");
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
