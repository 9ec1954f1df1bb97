//! Records in a connection, and our links to them.

use serde::{Deserialize, Serialize};

/// One thing in a connection. Calls that write one record go one after the other, whatever lane they come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey {
    /// Name of the connection.
    pub connection: String,
    /// Which account the connection reaches (its base URL, or its `account:`), so that one that now reaches another
    /// starts new links.
    pub account: String,
    /// `object:` of the action, else the action's name.
    pub object: String,
    /// The key inputs as a JSON array text; where the action names none, rule + step + booking + item.
    pub key: String,
}

/// A link is kept per record, rule and step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkKey {
    /// The record.
    pub record: RecordKey,
    /// Name of the rule.
    pub rule: String,
    /// Id of the step.
    pub step: String,
}
