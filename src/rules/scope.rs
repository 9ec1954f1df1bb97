//! What the expressions of a rule see: the names in scope, and the closed lists of what some of them hold.

use super::{ChangeContext, Ruleset};
use crate::expr::Scope;
use serde_json::{Value, json};
use std::sync::Arc;

/// Names that every expression of a rule may read.
pub(super) const NAMES: [&str; 6] = ["person", "trip", "change", "previous", "source", "now"];
/// What a rule is about, unless it says otherwise; the name in scope is the kind's.
pub(super) const BOOKING: &str = "booking";
/// The bookings before and after in a chain of rebookings, which rules about bookings may read.
pub(super) const BEFORE: &str = "booking_before";
pub(super) const AFTER: &str = "booking_after";
/// What a step's expressions may read beside these.
pub(super) const STEPS: &str = "steps";
/// The item's name where the connector knows no children in the list that `each:` names.
pub(super) const ITEM: &str = "customer";

/// What `person` holds, for every source.
pub(super) const PERSON: [&str; 6] = ["name", "first_name", "last_name", "email", "phone", "language"];
/// What `trip` holds, for every source.
pub(super) const TRIP: [&str; 10] =
    ["code", "title", "starts_at", "ends_at", "party_size", "status", "total", "paid", "currency", "link"];
/// What `change` holds.
pub(super) const CHANGE: [&str; 3] = ["kind", "cause", "paths"];
/// What `source` holds.
pub(super) const SOURCE: [&str; 3] = ["name", "account", "title"];

/// The scope of a change, without an item and without steps.
pub(super) fn of_change(ruleset: &Ruleset, change: &ChangeContext, asked: &str) -> Scope {
    let mut scope = Scope::new();
    scope.set(&change.about, Arc::clone(&change.booking));
    let or_null = |state: &Option<Arc<Value>>| state.clone().unwrap_or_else(|| Arc::new(Value::Null));
    if change.about == BOOKING {
        scope.set(BEFORE, or_null(&change.chain.before));
        scope.set(AFTER, or_null(&change.chain.after));
    }
    scope.set("person", Arc::new(change.view.person.clone()));
    scope.set("trip", Arc::new(change.view.trip.clone()));
    scope.set("previous", or_null(&change.previous));
    scope.set("change", of_kind(change, asked, &change.paths));
    let title =
        ruleset.sources.get(&change.source).map_or(change.source.as_str(), |source| source.title.as_str());
    let source = json!({ "name": change.source, "account": change.account, "title": title });
    scope.set("source", Arc::new(source));
    scope.set("now", Arc::new(moment(change.at)));
    scope
}

/// The value of `change`.
pub(super) fn of_kind(change: &ChangeContext, asked: &str, paths: &[String]) -> Arc<Value> {
    Arc::new(json!({ "kind": asked, "cause": change.kind.as_str(), "paths": paths }))
}

/// A moment as ISO text in UTC.
fn moment(at: crate::domain::Millis) -> Value {
    jiff::Timestamp::from_millisecond(at).map_or(Value::Null, |moment| Value::String(moment.to_string()))
}
