//! The table of all routes: method, address, what it needs, and its handler. There is no other way to be reached: the
//! service is made of this table, and each route is guarded by its own line of it (`admission`).
//!
//! To add a route, write its line:
//!
//! ```ignore
//! get("/rules", May(Right::See), rules_list::rules_list),
//! post("/rules/{name}/publish", May(Right::ChangeRules), rule_publish::rule_publish),
//! get("/api/v1/rules", May(Right::See), api_rules::api_rules),
//! ```
//!
//! A handler takes `Viewer` where it wants to know who asks (for the audit log, say). Under `/api/` the person is a program
//! with a token whose scopes allow the right, errors are `ApiError`, and there are no cookies and no form tokens; elsewhere
//! it is somebody who is signed in, and each `post` carries the form's token, which `parts/form.html` puts there. Lines that
//! share an address stand behind each other or apart, as you like; of `{name}` and a word in the same place, the word
//! stands first. `tests/web/roles.rs` walks the table as everybody.

use super::kept_form::SIGN_IN_BYTES_MAX;
use super::{about_show, backup_show, guest_erase, guest_show, retention_show};
use super::{
    account_change, account_show, alert_channel, alerts_show, api_about, api_acts, api_alert_channels,
    api_alerts, api_audit, api_bookings, api_bookings_fetch, api_causes, api_connection_acts,
    api_connections, api_connectors, api_document, api_events, api_guests, api_health, api_keeping, api_me,
    api_people, api_rule_applies, api_rule_builder, api_rule_drafts, api_rule_moves, api_rule_tests,
    api_rules, api_run_acts, api_runs, api_source_acts, api_source_secrets, api_sources, api_subscriptions,
    api_tokens, audit_list, begin_show, booking_fetch, booking_show, booking_test, bookings_list, colours,
    connect_catalogue, connect_new, connection_change, connection_pause, connection_show, connections_list,
    event_replay, event_show, events_list, live, metrics_show, needs_you_list, needs_you_plan,
    needs_you_show, people_change, people_list, rule_apply, rule_build, rule_edit, rule_history, rule_move,
    rule_new, rule_review, rule_show, rules_list, run_acts, run_retry, run_show, second_factor, sign_in,
    sign_in_code, sign_out, source_change, source_show, source_subscribe, sources_list, static_files, today,
    tokens_list, welcome_show,
};
use super::{api_walks, walk_show, walks_list};
use crate::domain::Right;
use actix_web::guard::{Any, Get, Head};
use actix_web::http::Method;
use actix_web::web;
use actix_web::{FromRequest, Handler, Responder, Route};

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it tells nobody anything.
    Nothing,
    /// Nothing but a form of ours: here people come in.
    Door,
    /// Somebody who may do that.
    May(Right),
    /// A program with any token.
    AnyToken,
    /// To come from this machine, or a token with the scope `metrics`.
    Monitoring,
}
use Needs::{AnyToken, Door, May, Monitoring, Nothing};

/// A line of the table.
pub(super) struct Entry {
    pub method: Method,
    pub path: &'static str,
    pub needs: Needs,
    pub route: Route,
    /// A form sent there has so many bytes at most.
    pub form_bytes: usize,
}

/// Forms are small.
const FORM_BYTES_MAX: usize = 4 << 10;
/// What programs send is, too.
const BODY_BYTES_MAX: usize = 32 << 10;
/// But for those with a rule's text: it is up to 1 MiB, and a form writes three bytes for one.
const TEXT_FORM_BYTES_MAX: usize = 4 << 20;

/// The table.
pub(super) fn table() -> Vec<Entry> {
    vec![
        // The places.
        get("/", May(Right::See), today::today),
        get("/live", May(Right::See), live::live),
        get("/bookings", May(Right::See), bookings_list::bookings_list),
        get("/bookings/{id}", May(Right::See), booking_show::booking_show),
        get("/events", May(Right::See), events_list::events_list),
        get("/events/{id}", May(Right::See), event_show::event_show),
        get("/events/{id}/raw", May(Right::See), event_show::event_raw),
        post("/events/{id}/replay", May(Right::Operate), event_replay::event_replay),
        get("/runs/{id}", May(Right::See), run_show::run_show),
        post("/runs/{id}/retry", May(Right::Operate), run_retry::run_retry),
        post("/runs/{id}/cancel", May(Right::Operate), run_acts::run_cancel),
        post("/runs/{id}/hold", May(Right::Operate), run_acts::run_hold),
        post("/runs/{id}/done", May(Right::Operate), run_acts::run_done),
        get("/needs-you", May(Right::See), needs_you_list::needs_you_list),
        get("/needs-you/plan", May(Right::Operate), needs_you_plan::needs_you_plan),
        post("/needs-you/plan", May(Right::Operate), needs_you_plan::needs_you_do),
        get("/needs-you/acts/{id}", May(Right::See), needs_you_plan::needs_you_act),
        get("/needs-you/{cause}", May(Right::See), needs_you_show::needs_you_show),
        // Rules. What only shows changes nothing, but a person who may not change rules has no use for the editor.
        get("/rules", May(Right::See), rules_list::rules_list),
        get("/rules/new", May(Right::ChangeRules), rule_new::rule_new),
        post("/rules/new", May(Right::ChangeRules), rule_new::rule_begin),
        get("/rules/{name}", May(Right::See), rule_show::rule_show),
        post("/rules/{name}/tests", May(Right::ChangeRules), rule_show::rule_tests),
        post("/rules/{name}/switch", May(Right::ChangeRules), rule_review::rule_switch),
        get("/rules/{name}/history", May(Right::See), rule_history::rule_history),
        get("/rules/{name}/versions/{id}", May(Right::See), rule_history::rule_version),
        get("/rules/{name}/apply", May(Right::ChangeRules), rule_apply::rule_apply),
        post("/rules/{name}/apply", May(Right::ChangeRules), rule_apply::rule_apply_go),
        get("/rules/{name}/build", May(Right::ChangeRules), rule_build::rule_build),
        post_text("/rules/{name}/build", May(Right::ChangeRules), rule_build::rule_build_press),
        get("/rules/{name}/edit", May(Right::ChangeRules), rule_edit::rule_edit),
        post_text("/rules/{name}/edit", May(Right::ChangeRules), rule_edit::rule_check),
        post_text("/rules/{name}/review", May(Right::ChangeRules), rule_review::rule_review),
        post_text("/rules/{name}/publish", May(Right::ChangeRules), rule_review::rule_publish),
        get("/rules/{name}/rename", May(Right::ChangeRules), rule_move::rule_rename_ask),
        post_text("/rules/{name}/rename", May(Right::ChangeRules), rule_move::rule_rename),
        get("/rules/{name}/remove", May(Right::ChangeRules), rule_move::rule_remove_ask),
        post_text("/rules/{name}/remove", May(Right::ChangeRules), rule_move::rule_remove),
        get("/bookings/{id}/test", May(Right::ChangeRules), booking_test::booking_test),
        post("/bookings/{id}/fetch", May(Right::Operate), booking_fetch::booking_fetch),
        post("/bookings/{id}/test", May(Right::ChangeRules), booking_test::booking_test_make),
        get("/connections", May(Right::See), connections_list::connections_list),
        get("/connections/new", May(Right::Connect), connect_catalogue::connect_catalogue),
        get("/connections/new/{connector}", May(Right::Connect), connect_new::connection_new),
        post_text("/connections/new/{connector}", May(Right::Connect), connect_new::connection_make),
        get("/connections/{name}", May(Right::See), connection_show::connection_show),
        post("/connections/{name}", May(Right::Connect), connection_change::connection_change),
        post("/connections/{name}/test", May(Right::Connect), connection_change::connection_test),
        post_text("/connections/{name}/secret", May(Right::Connect), connection_change::connection_secret),
        post("/connections/{name}/remove", May(Right::Connect), connection_change::connection_remove),
        post("/connections/{name}/pause", May(Right::Operate), connection_pause::connection_pause),
        post("/connections/{name}/resume", May(Right::Operate), connection_pause::connection_resume),
        get("/sources", May(Right::See), sources_list::sources_list),
        get("/sources/new/{connector}", May(Right::Connect), connect_new::source_new),
        post("/sources/new/{connector}", May(Right::Connect), connect_new::source_make),
        get("/sources/{name}", May(Right::See), source_show::source_show),
        post("/sources/{name}", May(Right::Connect), source_change::source_change),
        post("/sources/{name}/look", May(Right::Connect), source_change::source_look),
        post("/sources/{name}/fill", May(Right::Connect), source_change::source_fill),
        post("/sources/{name}/address", May(Right::Connect), source_change::source_rotate),
        post("/sources/{name}/old-address/end", May(Right::Connect), source_change::source_end_old),
        post("/sources/{name}/sign-in", May(Right::Connect), source_change::source_sign_in),
        post("/sources/{name}/keys", May(Right::Connect), source_change::source_keys),
        post("/sources/{name}/subscriptions", May(Right::Connect), source_subscribe::source_subscribe),
        post("/sources/{name}/remove", May(Right::Connect), source_change::source_remove),
        get("/sources/{name}/walks", May(Right::See), walks_list::walks_list),
        post("/sources/{name}/walks", May(Right::Operate), walks_list::walk_begin),
        get("/walks/{id}", May(Right::See), walk_show::walk_show),
        post("/walks/{id}/pause", May(Right::Operate), walk_show::walk_pause),
        post("/walks/{id}/resume", May(Right::Operate), walk_show::walk_resume),
        post("/walks/{id}/stop", May(Right::Operate), walk_show::walk_stop),
        post("/walks/{id}/repair", May(Right::Operate), walk_show::walk_repair),
        get("/begin", May(Right::See), begin_show::begin_show),
        post("/begin/rule", May(Right::ChangeRules), begin_show::begin_rule),
        // Coming in and going out.
        get("/sign-in", Door, sign_in::sign_in_show),
        post_kept("/sign-in", Door, sign_in::sign_in),
        get("/sign-in/code", Door, sign_in_code::sign_in_code_show),
        post_kept("/sign-in/code", Door, sign_in_code::sign_in_code),
        post("/sign-out", Door, sign_out::sign_out),
        post("/colours", Door, colours::choose),
        get("/welcome/{token}", Door, welcome_show::welcome_show),
        post("/welcome/{token}", Door, welcome_show::welcome),
        // One's own account.
        get("/account", May(Right::Own), account_show::account_show),
        post("/account", May(Right::Own), account_change::profile),
        post("/account/password", May(Right::Own), account_change::password),
        post("/account/sessions/{id}/end", May(Right::Own), account_change::end_session),
        get("/account/second-factor", May(Right::Own), second_factor::second_factor_show),
        post("/account/second-factor", May(Right::Own), second_factor::second_factor_on),
        post("/account/second-factor/off", May(Right::Own), second_factor::second_factor_off),
        // Settings.
        get("/settings/people", May(Right::People), people_list::people_list),
        post("/settings/people", May(Right::People), people_list::invite),
        post("/settings/people/{id}/role", May(Right::People), people_change::role),
        post("/settings/people/{id}/disable", May(Right::People), people_change::disable),
        post("/settings/people/{id}/enable", May(Right::People), people_change::enable),
        post("/settings/people/{id}/link", May(Right::People), people_change::link),
        post("/settings/people/{id}/second-factor", May(Right::People), people_change::second_factor),
        get("/settings/tokens", May(Right::People), tokens_list::tokens_list),
        post("/settings/tokens", May(Right::People), tokens_list::make),
        post("/settings/tokens/{id}/revoke", May(Right::People), tokens_list::revoke),
        get("/settings/alerts", May(Right::Settings), alerts_show::alerts_show),
        post("/settings/alerts", May(Right::Settings), alerts_show::options),
        get("/settings/alerts/new/{kind}", May(Right::Settings), alert_channel::new_show),
        post("/settings/alerts/new/{kind}", May(Right::Settings), alert_channel::new),
        get("/settings/alerts/{id}", May(Right::Settings), alert_channel::channel_show),
        post("/settings/alerts/{id}", May(Right::Settings), alert_channel::change),
        post("/settings/alerts/{id}/test", May(Right::Settings), alert_channel::test),
        post("/settings/alerts/{id}/remove", May(Right::Settings), alert_channel::remove),
        get("/settings/audit", May(Right::People), audit_list::audit_list),
        get("/settings/guest", May(Right::Settings), guest_show::guest_ask),
        post("/settings/guest", May(Right::Settings), guest_show::guest_show),
        post("/settings/guest/export", May(Right::Settings), guest_show::guest_export),
        post("/settings/guest/erase", May(Right::Settings), guest_erase::guest_erase),
        get("/settings/retention", May(Right::Settings), retention_show::retention_show),
        post("/settings/retention", May(Right::Settings), retention_show::retention_change),
        post("/settings/masking", May(Right::Settings), retention_show::masking_change),
        get("/settings/backup", May(Right::Settings), backup_show::backup_show),
        post("/settings/backup", May(Right::Settings), backup_show::backup_download),
        get("/settings/about", May(Right::Settings), about_show::about_show),
        // The API. Its document tells each of them: add them to `api_document` too.
        get("/api/v1/openapi.json", Nothing, api_document::get_openapi),
        get("/api/v1/me", AnyToken, api_me::get_me),
        get("/api/v1/health", May(Right::See), api_health::get_health),
        get("/api/v1/bookings", May(Right::See), api_bookings::list_bookings),
        get("/api/v1/bookings/{id}", May(Right::See), api_bookings::get_booking),
        post("/api/v1/bookings/{id}/fetch", May(Right::Operate), api_bookings_fetch::fetch_booking),
        get("/api/v1/bookings/{id}/changes", May(Right::See), api_bookings::list_changes),
        get("/api/v1/events", May(Right::See), api_events::list_events),
        get("/api/v1/events/{id}", May(Right::See), api_events::get_event),
        get("/api/v1/events/{id}/body", May(Right::See), api_events::get_event_body),
        post("/api/v1/events/{id}/replay", May(Right::Operate), api_events::replay_event),
        get("/api/v1/runs", May(Right::See), api_runs::list_runs),
        get("/api/v1/runs/{id}", May(Right::See), api_runs::get_run),
        post("/api/v1/runs/{id}/retry", May(Right::Operate), api_run_acts::retry_run),
        post("/api/v1/runs/{id}/cancel", May(Right::Operate), api_run_acts::cancel_run),
        post("/api/v1/runs/{id}/hold", May(Right::Operate), api_run_acts::hold_run),
        post("/api/v1/runs/{id}/done", May(Right::Operate), api_run_acts::mark_run_done),
        get("/api/v1/causes", May(Right::See), api_causes::list_causes),
        get("/api/v1/causes/{key}", May(Right::See), api_causes::get_cause),
        get("/api/v1/connections", May(Right::See), api_connections::list_connections),
        get("/api/v1/connections/{name}", May(Right::See), api_connections::get_connection),
        post("/api/v1/connections/{name}/pause", May(Right::Operate), api_connections::pause_connection),
        post("/api/v1/connections/{name}/resume", May(Right::Operate), api_connections::resume_connection),
        get("/api/v1/connectors", May(Right::See), api_connectors::list_connectors),
        get("/api/v1/connectors/{name}", May(Right::See), api_connectors::get_connector),
        post("/api/v1/connections", May(Right::Connect), api_connection_acts::make_connection),
        post("/api/v1/connections/{name}", May(Right::Connect), api_connection_acts::change_connection),
        get(
            "/api/v1/connections/{name}/settings",
            May(Right::Connect),
            api_connection_acts::get_connection_settings,
        ),
        post("/api/v1/connections/{name}/test", May(Right::Connect), api_connection_acts::test_connection),
        post(
            "/api/v1/connections/{name}/secret",
            May(Right::Connect),
            api_connection_acts::set_connection_secret,
        ),
        post(
            "/api/v1/connections/{name}/remove",
            May(Right::Connect),
            api_connection_acts::remove_connection,
        ),
        get("/api/v1/sources", May(Right::See), api_sources::list_sources),
        post("/api/v1/sources", May(Right::Connect), api_source_acts::make_source),
        get("/api/v1/sources/{name}", May(Right::See), api_sources::get_source),
        get("/api/v1/sources/{name}/subscriptions", May(Right::See), api_subscriptions::get_subscriptions),
        post(
            "/api/v1/sources/{name}/subscriptions",
            May(Right::Connect),
            api_subscriptions::keep_subscriptions,
        ),
        post("/api/v1/sources/{name}/doctor", May(Right::Connect), api_sources::look_over_source),
        get("/api/v1/sources/{name}/walks", May(Right::See), api_walks::list_walks),
        post("/api/v1/sources/{name}/walks", May(Right::Operate), api_walks::begin_walk),
        get("/api/v1/walks/{id}", May(Right::See), api_walks::get_walk),
        get("/api/v1/walks/{id}/findings", May(Right::See), api_walks::list_findings),
        post("/api/v1/walks/{id}/pause", May(Right::Operate), api_walks::pause_walk),
        post("/api/v1/walks/{id}/resume", May(Right::Operate), api_walks::resume_walk),
        post("/api/v1/walks/{id}/stop", May(Right::Operate), api_walks::stop_walk),
        post("/api/v1/walks/{id}/repair", May(Right::Operate), api_walks::repair_walk),
        post("/api/v1/sources/{name}", May(Right::Connect), api_source_acts::change_source),
        get("/api/v1/sources/{name}/settings", May(Right::Connect), api_source_acts::get_source_settings),
        post("/api/v1/sources/{name}/address", May(Right::Connect), api_source_acts::change_source_address),
        post(
            "/api/v1/sources/{name}/old-address/end",
            May(Right::Connect),
            api_source_acts::end_old_source_address,
        ),
        post("/api/v1/sources/{name}/remove", May(Right::Connect), api_source_acts::remove_source),
        post("/api/v1/sources/{name}/sign-in", May(Right::Connect), api_source_secrets::set_source_sign_in),
        post("/api/v1/sources/{name}/keys", May(Right::Connect), api_source_secrets::set_source_keys),
        post("/api/v1/acts/plan", May(Right::Operate), api_acts::plan_act),
        post("/api/v1/acts", May(Right::Operate), api_acts::begin_act),
        get("/api/v1/acts/{id}", May(Right::See), api_acts::get_act),
        get("/api/v1/ruleset", May(Right::See), api_rules::get_ruleset),
        get("/api/v1/recipes", May(Right::See), api_rules::list_recipes),
        get("/api/v1/rules", May(Right::See), api_rules::list_rules),
        get("/api/v1/rules/{name}", May(Right::See), api_rules::get_rule),
        get("/api/v1/rules/{name}/history", May(Right::See), api_rules::get_rule_history),
        get("/api/v1/rules/{name}/versions/{id}", May(Right::See), api_rules::get_rule_version),
        post_text("/api/v1/rules/{name}/check", May(Right::ChangeRules), api_rule_drafts::check_rule),
        post_text("/api/v1/rules/{name}/preview", May(Right::ChangeRules), api_rule_drafts::preview_rule),
        post_text("/api/v1/rules/{name}/publish", May(Right::ChangeRules), api_rule_drafts::publish_rule),
        post_text("/api/v1/rules/{name}/model", May(Right::ChangeRules), api_rule_builder::model_rule),
        post_text("/api/v1/rules/{name}/edit", May(Right::ChangeRules), api_rule_builder::edit_rule),
        post("/api/v1/rules/{name}/rename", May(Right::ChangeRules), api_rule_moves::rename_rule),
        post("/api/v1/rules/{name}/remove", May(Right::ChangeRules), api_rule_moves::remove_rule),
        post("/api/v1/rules/{name}/switch", May(Right::ChangeRules), api_rule_drafts::switch_rule),
        post("/api/v1/rules/{name}/revert", May(Right::ChangeRules), api_rule_drafts::revert_rule),
        post("/api/v1/rules/{name}/tests", May(Right::ChangeRules), api_rule_tests::run_rule_tests),
        post("/api/v1/bookings/{id}/test", May(Right::ChangeRules), api_rule_tests::make_booking_test),
        get("/api/v1/rules/{name}/apply", May(Right::ChangeRules), api_rule_applies::foresee_apply),
        post("/api/v1/rules/{name}/apply", May(Right::ChangeRules), api_rule_applies::begin_apply),
        get("/api/v1/rules/{name}/applies", May(Right::See), api_rule_applies::list_applies),
        get("/api/v1/people", May(Right::People), api_people::list_people),
        post("/api/v1/people", May(Right::People), api_people::invite_person),
        get("/api/v1/people/{id}", May(Right::People), api_people::get_person),
        post("/api/v1/people/{id}/role", May(Right::People), api_people::set_person_role),
        post("/api/v1/people/{id}/disable", May(Right::People), api_people::disable_person),
        post("/api/v1/people/{id}/enable", May(Right::People), api_people::enable_person),
        post("/api/v1/people/{id}/link", May(Right::People), api_people::make_person_link),
        post("/api/v1/people/{id}/second-factor/off", May(Right::People), api_people::drop_second_factor),
        get("/api/v1/tokens", May(Right::People), api_tokens::list_tokens),
        post("/api/v1/tokens", May(Right::People), api_tokens::make_token),
        post("/api/v1/tokens/{id}/revoke", May(Right::People), api_tokens::revoke_token),
        get("/api/v1/audit", May(Right::People), api_audit::list_audit),
        get("/api/v1/sign-ins/refused", May(Right::People), api_audit::list_refused_sign_ins),
        get("/api/v1/alerts/options", May(Right::Settings), api_alerts::get_alert_options),
        post("/api/v1/alerts/options", May(Right::Settings), api_alerts::set_alert_options),
        get("/api/v1/alerts/outages", May(Right::Settings), api_alerts::list_outages),
        get("/api/v1/alerts/channels", May(Right::Settings), api_alert_channels::list_alert_channels),
        post("/api/v1/alerts/channels", May(Right::Settings), api_alert_channels::make_alert_channel),
        get("/api/v1/alerts/channels/{id}", May(Right::Settings), api_alert_channels::get_alert_channel),
        post("/api/v1/alerts/channels/{id}", May(Right::Settings), api_alert_channels::change_alert_channel),
        post(
            "/api/v1/alerts/channels/{id}/test",
            May(Right::Settings),
            api_alert_channels::test_alert_channel,
        ),
        post(
            "/api/v1/alerts/channels/{id}/remove",
            May(Right::Settings),
            api_alert_channels::remove_alert_channel,
        ),
        get("/api/v1/retention", May(Right::Settings), api_keeping::get_retention),
        post("/api/v1/retention", May(Right::Settings), api_keeping::set_retention),
        post("/api/v1/retention/plan", May(Right::Settings), api_keeping::plan_retention),
        get("/api/v1/masking", May(Right::Settings), api_keeping::get_masking),
        post("/api/v1/masking", May(Right::Settings), api_keeping::set_masking),
        post("/api/v1/guests/find", May(Right::Settings), api_guests::find_guest),
        post("/api/v1/guests/export", May(Right::Settings), api_guests::export_guest),
        post("/api/v1/guests/erase", May(Right::Settings), api_guests::erase_guest),
        get("/api/v1/about", May(Right::Settings), api_about::get_about),
        post("/api/v1/backup", May(Right::Settings), api_about::download_backup),
        // For programs of this machine.
        get("/metrics", Monitoring, metrics_show::metrics_show),
        get("/static/{name}", Nothing, static_files::static_file),
    ]
}

/// The table as others may see it: what each method and address needs.
pub fn routes() -> Vec<(Method, &'static str, Needs)> {
    table().into_iter().map(|entry| (entry.method, entry.path, entry.needs)).collect()
}

/// `HEAD` is answered as `GET` is, without the body.
fn get<F, Args>(path: &'static str, needs: Needs, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let looks = Any(Get()).or(Head());
    let route = web::route().guard(looks).to(handler);
    Entry { method: Method::GET, path, needs, route, form_bytes: FORM_BYTES_MAX }
}

fn post<F, Args>(path: &'static str, needs: Needs, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let form_bytes = if super::security::is_api(path) { BODY_BYTES_MAX } else { FORM_BYTES_MAX };
    Entry { method: Method::POST, path, needs, route: web::post().to(handler), form_bytes }
}

/// A form with the text of a file.
fn post_text<F, Args>(path: &'static str, needs: Needs, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Entry { form_bytes: TEXT_FORM_BYTES_MAX, ..post(path, needs, handler) }
}

/// A form that brings another one along.
fn post_kept<F, Args>(path: &'static str, needs: Needs, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Entry { form_bytes: SIGN_IN_BYTES_MAX, ..post(path, needs, handler) }
}
