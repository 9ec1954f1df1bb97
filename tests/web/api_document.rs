//! The API's document: that it tells every route and no other, and that it can be read by programs.

use crate::api_program::{Program, json_of};
use crate::filled::Site;
use actix_web::http::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use waypost::domain::Scope;
use waypost::web::{Needs, routes};

async fn document() -> Value {
    let site = Site::empty().await;
    let seen = site.get_as("", "/api/v1/openapi.json").await;
    json_of(&seen)
}

/// Every operation with its method, its path and what it says.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let mut all = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("methods") {
            all.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    all
}

#[actix_web::test]
async fn every_route_of_the_api_is_in_the_document_and_no_other() {
    let document = document().await;
    let told: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let of_the_api = |(method, path, _): &(Method, &str, Needs)| {
        path.starts_with("/api/").then(|| (method.as_str().to_ascii_lowercase(), (*path).to_owned()))
    };
    let there: BTreeSet<(String, String)> = routes().iter().filter_map(of_the_api).collect();
    assert!(there.len() > 20);
    assert_eq!(there.difference(&told).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "are not told");
    assert_eq!(told.difference(&there).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "are not there");
}

#[actix_web::test]
async fn every_operation_says_what_it_does_takes_gives_and_needs() {
    let document = document().await;
    let mut ids = BTreeSet::new();
    let mut wrong = Vec::new();
    for (method, path, operation) in operations(&document) {
        let mut told = |what: &str| wrong.push(format!("{method} {path}: {what}"));
        let id = operation["operationId"].as_str().unwrap_or_default();
        if id.is_empty() || !ids.insert(id.to_owned()) {
            told("no operationId of its own");
        }
        if operation["summary"].as_str().is_none_or(|summary| summary.len() < 8 || summary.ends_with('.')) {
            told("no summary");
        }
        if operation["tags"].as_array().is_none_or(|tags| tags.len() != 1) {
            told("no tag");
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let in_path: BTreeSet<&str> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let wanted: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        if in_path != wanted {
            told("other parameters than its path has");
        }
        for parameter in &parameters {
            if parameter["schema"].to_string().contains("null") {
                told(&format!("the parameter {} may be null, which no address can say", parameter["name"]));
            }
            if parameter["description"].as_str().is_none_or(|text| text.len() < 5) {
                told(&format!("the parameter {} has no description", parameter["name"]));
            }
        }
        let responses = operation["responses"].as_object().expect("responses");
        let good: Vec<&String> = responses.keys().filter(|status| status.starts_with('2')).collect();
        if good.len() != 1 || responses[good[0]]["content"].as_object().is_none_or(serde_json::Map::is_empty)
        {
            told("no answer with a shape");
        }
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if method == "post" {
            let shape = document.pointer(body["$ref"].as_str().unwrap_or("#")[1..].as_ref()).unwrap_or(body);
            let needed = shape["required"].as_array().is_some_and(|all| !all.is_empty());
            if shape["properties"].is_null() && shape["type"] != "object" || shape == &document {
                told("no body");
            }
            if operation["requestBody"]["required"] != Value::Bool(needed) {
                told("it does not say rightly whether its body may be left out");
            }
            if shape["additionalProperties"] != Value::Bool(false) {
                told("its body takes anything");
            }
        }
        let tags = document["tags"].as_array().expect("tags");
        if !tags.iter().any(|tag| tag["name"] == operation["tags"][0]) {
            told("a tag that is not described");
        }
        if path != "/api/v1/openapi.json" {
            if operation["security"][0]["token"].is_null() {
                told("it does not say that it needs a token");
            }
            if !operation["description"].as_str().unwrap_or_default().contains("oken")
                && !operation["description"].as_str().unwrap_or_default().contains("the scope `")
            {
                told("it does not say which scope it needs");
            }
            for status in ["401", "403"] {
                if responses.get(status).is_none() {
                    told(&format!("no {status}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[actix_web::test]
async fn every_reference_leads_somewhere_and_every_shape_is_used() {
    let document = document().await;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    assert!(schemas.len() > 20);
    for (name, schema) in schemas {
        assert!(found.contains(&format!("#/components/schemas/{name}")), "{name} is used nowhere");
        let mut undescribed = Vec::new();
        for (property, shape) in schema["properties"].as_object().into_iter().flatten() {
            let within = shape["oneOf"].as_array().into_iter().flatten();
            let mut told = std::iter::once(shape).chain(within).map(|shape| &shape["description"]);
            if !told.any(|text| text.as_str().is_some_and(|text| text.len() > 3)) {
                undescribed.push(property);
            }
        }
        assert!(undescribed.is_empty(), "{name}: {undescribed:?} are not described");
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "$ref" => drop(found.insert(text.clone())),
                    value => references(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Whether a value is as a schema says: enough of JSON Schema for what is written here.
fn mismatch(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return mismatch(document, document.pointer(&reference[1..])?, value, at);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().find_map(|one| mismatch(document, one, value, at));
    }
    if let Some(any) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let all: Option<Vec<String>> = any.iter().map(|one| mismatch(document, one, value, at)).collect();
        return all.map(|all| all.join(" and "));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Some(format!("{at}: {value} is none of {words:?}"));
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |kind: &Value| kind == is || (kind == "number" && is == "integer");
    let right = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(fits),
        kind => fits(kind),
    };
    if !right {
        return Some(format!("{at}: {value} is no {}", schema["type"]));
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| mismatch(document, &schema["items"], item, &format!("{at}[]")));
    }
    let (Some(told), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else {
        return None;
    };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !told.contains_key(name) {
            return Some(format!("{at}: {name} is missing"));
        }
    }
    properties
        .iter()
        .find_map(|(name, schema)| mismatch(document, schema, told.get(name)?, &format!("{at}.{name}")))
}

#[actix_web::test]
async fn answers_are_as_the_document_says() {
    let site = Site::filled().await;
    let program = Program::with(&site.app, Scope::Admin).await;
    let document = program.get("/api/v1/openapi.json").await;
    let address_of = |path: &str| {
        let id = match path {
            path if path.contains("/bookings/") => "bkg_1",
            path if path.contains("/events/") => "evt_1b",
            path if path.contains("/runs/") => "run_3a",
            path if path.contains("/connections/") => "sandbox-crm",
            _ => "none",
        };
        path.replace("{id}", id).replace("{name}", id)
    };
    let mut answered = 0;
    for (method, path, operation) in operations(&document) {
        if method != "get" || path.ends_with("/body") || path.ends_with("openapi.json") {
            continue;
        }
        let seen = program.ask(&address_of(&path)).await;
        let status = seen.status.as_u16().to_string();
        answered += usize::from(status == "200");
        let schema = &operation["responses"][&status]["content"]["application/json"]["schema"];
        assert!(!schema.is_null(), "{path}: {status} is not told");
        assert_eq!(mismatch(&document, schema, &json_of(&seen), &path), None);
    }
    assert!(answered > 10, "{answered}");
    // The eyes of this test see a wrong one.
    let schema = &document["components"]["schemas"]["Error"];
    assert!(mismatch(&document, schema, &serde_json::json!({ "error": { "code": 1 } }), "").is_some());
}
