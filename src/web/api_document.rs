//! `GET /api/v1/openapi.json`: the document of the API, made of the handlers' own descriptions and shapes. What each route
//! needs, and the errors that all of them may give, are added from the one table of `routes`, so that the document can't say
//! anything else than what is done.
//!
//! Invariant: every route under `/api/v1` is in the document and the document has no other. Kept by
//! `tests/web/api_document.rs`.

use super::api_body::Answer;
use super::api_error::ErrorBody;
use super::routes::{Needs, routes};
use super::{
    api_about, api_acts, api_alert_channels, api_alerts, api_audit, api_bookings, api_bookings_fetch,
    api_causes, api_connection_acts, api_connections, api_connectors, api_events, api_guests, api_health,
    api_keeping, api_me, api_people, api_rule_applies, api_rule_builder, api_rule_drafts, api_rule_moves,
    api_rule_tests, api_rules, api_run_acts, api_runs, api_source_acts, api_source_secrets, api_sources,
    api_subscriptions, api_tokens, api_walks,
};
use crate::domain::Scope;
use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use utoipa::OpenApi;

/// What the handlers say of themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Waypost",
        version = "1",
        description = "Whatever a page can do, a program can do with an API token. Make one under Settings, API tokens, and \
                       send it as `Authorization: Bearer wp_…`.\n\nLists come in pages: give `next` of one as `after` of the \
                       next, unchanged, until it is null. Times are RFC 3339 in UTC. Bodies are JSON. An error has a `code` \
                       for programs, which stays as it is, a `message` and a `hint` for people, and `details` where a program \
                       can go on with them. What is asked twice is done once: acts look at how things stand.",
        license(name = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "This Waypost.")),
    tags(
        (name = "health", description = "Is all well, and what is this token?"),
        (name = "bookings", description = "The present truth about each booking, and its timeline."),
        (name = "events", description = "What came in, byte for byte."),
        (name = "runs", description = "What the rules did, why, and what a person does with one run."),
        (name = "needs you", description = "What needs somebody, by reason, and acts on all of it."),
        (name = "connections", description = "Where things are sent."),
        (name = "sources", description = "Where webhooks come from, and what their booking systems have."),
        (name = "rules", description = "What goes where: looked at, tested, published, brought back, applied."),
        (name = "alerts", description = "Who is told when something is wrong, when, and what was told."),
        (name = "guests", description = "How long guests' data are kept, who sees them, and one guest's: found, exported, erased."),
        (name = "people", description = "Accounts, API tokens, and the log of what was done."),
    ),
    components(schemas(ErrorBody)),
    paths(
        get_openapi,
        api_me::get_me,
        api_health::get_health,
        api_bookings::list_bookings,
        api_bookings::get_booking,
        api_bookings::list_changes,
        api_bookings_fetch::fetch_booking,
        api_events::list_events,
        api_events::get_event,
        api_events::get_event_body,
        api_events::replay_event,
        api_runs::list_runs,
        api_runs::get_run,
        api_run_acts::retry_run,
        api_run_acts::cancel_run,
        api_run_acts::hold_run,
        api_run_acts::mark_run_done,
        api_causes::list_causes,
        api_causes::get_cause,
        api_connections::list_connections,
        api_connections::get_connection,
        api_connections::pause_connection,
        api_connections::resume_connection,
        api_connectors::list_connectors,
        api_connectors::get_connector,
        api_connection_acts::make_connection,
        api_connection_acts::change_connection,
        api_connection_acts::get_connection_settings,
        api_connection_acts::test_connection,
        api_connection_acts::set_connection_secret,
        api_connection_acts::remove_connection,
        api_sources::list_sources,
        api_source_acts::make_source,
        api_sources::get_source,
        api_subscriptions::get_subscriptions,
        api_subscriptions::keep_subscriptions,
        api_sources::look_over_source,
        api_walks::list_walks,
        api_walks::begin_walk,
        api_walks::get_walk,
        api_walks::list_findings,
        api_walks::pause_walk,
        api_walks::resume_walk,
        api_walks::stop_walk,
        api_walks::repair_walk,
        api_source_acts::change_source,
        api_source_acts::get_source_settings,
        api_source_acts::change_source_address,
        api_source_acts::end_old_source_address,
        api_source_acts::remove_source,
        api_source_secrets::set_source_sign_in,
        api_source_secrets::set_source_keys,
        api_acts::plan_act,
        api_acts::begin_act,
        api_acts::get_act,
        api_rules::get_ruleset,
        api_rules::list_recipes,
        api_rules::list_rules,
        api_rules::get_rule,
        api_rules::get_rule_history,
        api_rules::get_rule_version,
        api_rule_drafts::check_rule,
        api_rule_drafts::preview_rule,
        api_rule_drafts::publish_rule,
        api_rule_builder::model_rule,
        api_rule_builder::edit_rule,
        api_rule_moves::rename_rule,
        api_rule_moves::remove_rule,
        api_rule_drafts::switch_rule,
        api_rule_drafts::revert_rule,
        api_rule_tests::run_rule_tests,
        api_rule_tests::make_booking_test,
        api_rule_applies::foresee_apply,
        api_rule_applies::begin_apply,
        api_rule_applies::list_applies,
        api_people::list_people,
        api_people::invite_person,
        api_people::get_person,
        api_people::set_person_role,
        api_people::disable_person,
        api_people::enable_person,
        api_people::make_person_link,
        api_people::drop_second_factor,
        api_tokens::list_tokens,
        api_tokens::make_token,
        api_tokens::revoke_token,
        api_audit::list_audit,
        api_audit::list_refused_sign_ins,
        api_alerts::get_alert_options,
        api_alerts::set_alert_options,
        api_alerts::list_outages,
        api_alert_channels::list_alert_channels,
        api_alert_channels::make_alert_channel,
        api_alert_channels::get_alert_channel,
        api_alert_channels::change_alert_channel,
        api_alert_channels::test_alert_channel,
        api_alert_channels::remove_alert_channel,
        api_keeping::get_retention,
        api_keeping::set_retention,
        api_keeping::plan_retention,
        api_keeping::get_masking,
        api_keeping::set_masking,
        api_guests::find_guest,
        api_guests::export_guest,
        api_guests::erase_guest,
        api_about::get_about,
        api_about::download_backup,
    )
)]
struct Handlers;

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health",
    responses((status = 200, description = "The API in OpenAPI 3.1.", body = Object)))]
pub(super) async fn get_openapi() -> Answer {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| document().to_string());
    Ok(HttpResponse::Ok().content_type("application/json").body(document.as_str()))
}

/// The whole document.
fn document() -> Value {
    let mut document = serde_json::to_value(Handlers::openapi()).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "description": "An API token: `wp_…`." }
    });
    refer_to_items(&mut document);
    for (method, path, needs) in routes() {
        if let Some(operation) = operation(&mut document, &method, path) {
            complete(operation, &method, path, needs);
        }
    }
    document
}

/// A page of a shape has that shape written out; it is named instead.
fn refer_to_items(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    let names: Vec<String> = schemas.keys().cloned().collect();
    for (name, schema) in schemas.iter_mut() {
        let Some(of) = name.strip_prefix("Page_").filter(|of| names.iter().any(|name| name == of)) else {
            continue;
        };
        if let Some(items) = schema.pointer_mut("/properties/items/items") {
            *items = json!({ "$ref": format!("#/components/schemas/{of}") });
        }
    }
}

fn operation<'d>(document: &'d mut Value, method: &Method, path: &str) -> Option<&'d mut Map<String, Value>> {
    let method = method.as_str().to_ascii_lowercase();
    document.get_mut("paths")?.get_mut(path)?.get_mut(&method)?.as_object_mut()
}

/// Adds what is the same for all: the scope, and the errors.
fn complete(operation: &mut Map<String, Value>, method: &Method, path: &str, needs: Needs) {
    if needs == Needs::Nothing {
        operation.insert("security".into(), json!([]));
        return;
    }
    operation.insert("security".into(), json!([{ "token": [] }]));
    let needed = scope_words(needs);
    let told = operation.get("description").and_then(Value::as_str).map(|told| format!("{told}\n\n"));
    operation.insert("description".into(), json!(format!("{}{needed}", told.unwrap_or_default())));
    let mut errors = vec![
        ("401", "There is no token, or none that is good."),
        ("403", "The token has not the scope."),
        ("503", "The database can't be read now; try again after `Retry-After` seconds."),
    ];
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(schema) = parameter.get_mut("schema") {
            without_null(schema);
        }
    }
    if let Some(body) = operation.get_mut("requestBody") {
        let may_be_left_out =
            body["description"].as_str().is_some_and(|told| told.starts_with("May be left out"));
        body["required"] = json!(!may_be_left_out);
    }
    if path.contains('{') {
        errors.push(("404", "There is no such thing."));
    }
    if operation.get("parameters").and_then(Value::as_array).is_some_and(|all| {
        all.iter().any(|parameter| parameter.get("in").is_some_and(|place| place == "query"))
    }) {
        errors.push(("400", "A parameter of the address can't be taken."));
    }
    if path == "/api/v1/backup" {
        errors.push(("507", "There is no room on the disk for the copy."));
    }
    if path.starts_with("/api/v1/rules/{name}") || path.ends_with("/settings") {
        errors.push(("409", "The rules folder can't be used, or the rule not as it is now."));
    }
    if path.starts_with("/api/v1/rules/{name}") || path.ends_with("/test") {
        errors
            .push(("429", "Too much is being looked ahead just now; try again after `Retry-After` seconds."));
    }
    if method == Method::POST {
        errors.extend([
            ("400", "The body can't be read."),
            ("409", "It can't be done as things stand. Nothing was changed."),
            ("413", "The body is too large."),
            ("415", "The body is not said to be JSON."),
            ("422", "A value in the body can't be taken. Nothing was changed."),
        ]);
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, description) in errors {
        let error = json!({
            "description": description,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        });
        responses.entry(status).or_insert(error);
    }
}

/// A parameter is given or left out: there is no null in an address.
fn without_null(schema: &mut Value) {
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(choices) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice["type"] != "null");
        if let [only] = choices.as_slice() {
            *schema = only.clone();
        }
    }
}

fn scope_words(needs: Needs) -> String {
    let Needs::May(right) = needs else { return "Takes any token.".into() };
    let scopes: Vec<String> = Scope::ALL
        .into_iter()
        .filter(|scope| scope.allows(right))
        .map(|scope| format!("`{}`", scope.as_str()))
        .collect();
    match scopes.as_slice() {
        [only] => format!("Needs the scope {only}."),
        many => format!("Needs the scope {}.", many.join(" or ")),
    }
}
