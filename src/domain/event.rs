//! Where an event came from, and what its sender knows it by.

use super::{BookingKey, Millis, Position};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A booking system posted it.
pub const ORIGIN_WEBHOOK: &str = "webhook";
/// `/readyz` asked whether an ack is possible; never becomes a booking.
pub const ORIGIN_PROBE: &str = "probe";
/// `waypost demo` posted it.
pub const ORIGIN_DEMO: &str = "demo";

/// Among the kept headers of an event: the account that its sender signed in for. No header can be called so.
pub const SIGNED_ACCOUNT: &str = ":account";

/// Among the kept headers: what is said of a body that was not stored as it came, or that could not be looked through for what
/// is never stored. No header can be called so.
pub const BODY_NOTE: &str = ":body-note";

/// What a booking system knows an event by: the same one told again says nothing new.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// Name of the connector.
    pub connector: String,
    /// Account within the source system; else the source's name.
    pub account: String,
    /// The system's own id.
    pub id: String,
}

/// Waypost fetched it, since a webhook hinted at it.
pub const ORIGIN_FETCH: &str = "fetch";
/// Waypost read it on a walk through all that the booking system has.
pub const ORIGIN_BACKFILL: &str = "backfill";
/// Waypost read it to mend what reconcile found to differ.
pub const ORIGIN_RECONCILE: &str = "reconcile";

/// It became nothing when it came, and is read again since somebody asked for that.
pub const ORIGIN_AGAIN: &str = "again";
/// Among its headers: the id of the event that it is a copy of. No header can be called so.
pub const READ_AGAIN_OF: &str = ":read-again-of";

/// Under which key of the headers stands what Waypost itself knows of an event.
const HEAD: &str = "waypost";

/// What is known of a document that Waypost asked a booking system for: it stands where a webhook has its headers. The body
/// is then the record itself, without what is never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentHead {
    /// Whose record it is.
    #[serde(flatten)]
    pub key: BookingKey,
    /// The journal's last position when the request began: the document says how it was then.
    pub begun: Position,
    /// The fetch that ends with it, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<String>,
    /// It is what a webhook said, since the booking system's API did not answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
    /// There is no record: the booking system does not know it any more, and it ends here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// It is older than what a webhook told of it: it is fetched again then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Millis>,
    /// A webhook told otherwise, and the API was asked again and insists on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insists: bool,
}

/// Words of a fetch whose answer was as old as what was known before its webhook: once, and twice.
pub const BEHIND: [&str; 2] = ["behind", "still_behind"];

/// Part of what is said of a webhook about something that its system's API does not know.
pub const KNOWS_NO_SUCH: &str = "API knows no such";

impl DocumentHead {
    /// Of a record that was asked for then.
    pub fn of(key: BookingKey, begun: Position) -> Self {
        Self { key, begun, fetch: None, unverified: false, gone: false, again_at: None, insists: false }
    }

    /// As it is stored.
    pub fn to_headers(&self) -> String {
        serde_json::json!({ HEAD: self }).to_string()
    }

    /// Reads it back, where it is there.
    pub fn read(headers: &str) -> Option<Self> {
        let mut headers: serde_json::Value = serde_json::from_str(headers).ok()?;
        serde_json::from_value(headers.get_mut(HEAD)?.take()).ok()
    }
}

/// Whether Waypost asked for it, rather than a booking system posted it.
pub fn is_document(origin: &str) -> bool {
    matches!(origin, ORIGIN_FETCH | ORIGIN_BACKFILL | ORIGIN_RECONCILE)
}

/// The id of a fetch: the same thing fetched in the same way has the same one.
pub fn fetch_id(key: &BookingKey, way: i64) -> String {
    let mut hash = Sha256::new();
    for part in [&key.connector, &key.account, &key.kind, &key.key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(way.to_be_bytes());
    hash.finalize().iter().take(13).fold("fch_".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::{DocumentHead, fetch_id};
    use crate::domain::BookingKey;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let [connector, account, kind, key] = ["apaleo", "ACME", "booking", "X-1"].map(str::to_owned);
        let key = BookingKey { connector, account, kind, key };
        let head = DocumentHead { fetch: Some(fetch_id(&key, 0)), ..DocumentHead::of(key, 7) };
        assert_eq!(DocumentHead::read(&head.to_headers()), Some(head.clone()));
        assert_eq!(DocumentHead::read("{}"), None);
        assert_ne!(fetch_id(&head.key, 0), fetch_id(&head.key, 1));
    }
}
