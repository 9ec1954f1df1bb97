//! The throw-away home of the demo: a folder of its own with the shipped example rules, removed when it is dropped.

use crate::app::{Machine, Places};
use anyhow::Context;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The example's source.
pub(super) const SOURCE: &str = "harbour-tours";
/// The base URL of the example's connection; the demo's sandbox has another one.
const SANDBOX_URL: &str = "http://127.0.0.1:8090";

/// The example rules.
const RULES: [(&str, &str); 6] = [
    ("sources/harbour-tours.yaml", include_str!("../../rules/sources/harbour-tours.yaml")),
    ("connections/sandbox-crm.yaml", include_str!("../../rules/connections/sandbox-crm.yaml")),
    ("guests-to-crm.yaml", include_str!("../../rules/guests-to-crm.yaml")),
    ("guests-to-crm.test.yaml", include_str!("../../rules/guests-to-crm.test.yaml")),
    ("lib/dates.rhai", include_str!("../../rules/lib/dates.rhai")),
    ("tables/tour-codes.csv", include_str!("../../rules/tables/tour-codes.csv")),
];

/// Sample webhooks of one booking, in their order, with what each tells. The first three are sent by the demo.
pub(super) const PAYLOADS: [(&str, &str); 4] = [
    ("created.json", "A guest books"),
    ("updated.json", "The guest gives another phone number"),
    ("checked-in.json", "The front desk checks the guest in"),
    ("cancelled.json", "The guest cancels"),
];

/// The text of a sample webhook. The check-in is of the booking as it is after the update.
pub(super) fn payload(name: &str) -> Option<String> {
    let updated = include_str!("../../rules/payloads/updated.json");
    Some(match name {
        "created.json" => include_str!("../../rules/payloads/created.json").to_owned(),
        "updated.json" => updated.to_owned(),
        "checked-in.json" => checked_in(updated, include_str!("../../rules/payloads/checked-in.json"))?,
        "cancelled.json" => include_str!("../../rules/payloads/cancelled.json").to_owned(),
        _ => return None,
    })
}

/// The first body with the check-ins of the second.
fn checked_in(body: &str, checked_in: &str) -> Option<String> {
    const CUSTOMERS: &str = "/booking/customers";
    const STATUS: &str = "checkin_status";
    let mut body: Value = serde_json::from_str(body).ok()?;
    let checked_in: Value = serde_json::from_str(checked_in).ok()?;
    let from = checked_in.pointer(CUSTOMERS)?.as_array()?;
    for (customer, from) in body.pointer_mut(CUSTOMERS)?.as_array_mut()?.iter_mut().zip(from) {
        *customer.get_mut(STATUS)? = from.get(STATUS)?.clone();
    }
    serde_json::to_string_pretty(&body).ok()
}

/// The folder. Dropping it removes it with all that is inside.
pub(super) struct Home {
    folder: PathBuf,
}

impl Home {
    /// Makes it, with the rules in it; only this user can look inside.
    pub fn make(machine: &Machine, sandbox_url: &str) -> anyhow::Result<Self> {
        let name = crate::workspace::generate_token(&*machine.entropy);
        let folder = std::env::temp_dir().join(format!("waypost-demo-{}", &name[..8]));
        let doing = || format!("a folder for the demo could not be made at {}", folder.display());
        fs::DirBuilder::new().mode(0o700).create(&folder).with_context(doing)?;
        let home = Self { folder: folder.clone() };
        for (path, text) in RULES {
            let text = text.replace(SANDBOX_URL, sandbox_url);
            write(&home.rules().join(path), &text).with_context(doing)?;
        }
        for (name, _) in PAYLOADS {
            write(&home.payload(name), &payload(name).unwrap_or_default()).with_context(doing)?;
        }
        Ok(home)
    }

    /// The rules folder.
    pub fn rules(&self) -> PathBuf {
        self.folder.join("rules")
    }

    /// A sample webhook's file.
    pub fn payload(&self, name: &str) -> PathBuf {
        self.rules().join("payloads").join(name)
    }

    /// Data folder and database.
    pub fn places(&self) -> Places {
        Places { data: self.folder.join("data"), database: None, exclusive: true }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("The demo's folder {} could not be removed: {error}.", self.folder.display());
        }
    }
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

#[cfg(test)]
mod tests {
    use super::{PAYLOADS, RULES, SANDBOX_URL, payload};

    #[test]
    fn the_example_points_at_the_sandbox_in_one_place() {
        let connection =
            RULES.iter().find(|(path, _)| path.starts_with("connections/")).map(|(_, text)| *text);
        let lines = connection.unwrap_or_default().lines();
        let base = format!("base_url: {SANDBOX_URL}");
        assert_eq!(lines.filter(|line| *line == base).count(), 1);
        assert!(PAYLOADS.iter().all(|(name, _)| payload(name).is_some()));
    }
}
