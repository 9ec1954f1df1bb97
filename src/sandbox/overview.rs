//! The page at `GET /`: what the sandbox holds, to look at. Built by `web` from the state.

use super::state::SandboxState;
use askama::Template;
use serde_json::Value;

/// Records that the page shows per object, the latest.
const SHOWN_MAX: usize = 50;

/// The page.
#[derive(Template)]
#[template(path = "sandbox_overview.html")]
pub(super) struct Overview {
    calls: u64,
    effects: u64,
    doubled: u64,
    misbehaves: bool,
    objects: Vec<Shelf>,
}

/// One object's records.
struct Shelf {
    name: String,
    count: usize,
    records: Vec<Row>,
}

/// One record.
struct Row {
    id: String,
    key: String,
    writes: String,
    fields: Vec<(String, String)>,
}

impl Overview {
    /// The page as things are now.
    pub(super) fn of(state: &SandboxState) -> Self {
        let stats = state.stats();
        let number = |name: &str| stats[name].as_u64().unwrap_or(0);
        let records = state.records();
        let objects = records.as_object().into_iter().flatten().map(|(name, records)| {
            let records = records.as_array().map(Vec::as_slice).unwrap_or_default();
            Shelf {
                name: name.clone(),
                count: records.len(),
                records: records.iter().rev().take(SHOWN_MAX).map(Row::of).collect(),
            }
        });
        Self {
            calls: number("calls"),
            effects: number("effects"),
            doubled: number("doubled"),
            misbehaves: !state.behaviours().is_empty(),
            objects: objects.collect(),
        }
    }
}

impl Row {
    fn of(record: &Value) -> Self {
        let fields = record["fields"].as_object().into_iter().flatten();
        Self {
            id: text(&record["id"]),
            key: text(&record["key"]),
            writes: text(&record["writes"]),
            fields: fields.map(|(name, value)| (name.clone(), text(value))).collect(),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
