//! Where an event came from, and what its sender knows it by.

/// A booking system posted it.
pub const ORIGIN_WEBHOOK: &str = "webhook";
/// `/readyz` asked whether an ack is possible; never becomes a booking.
pub const ORIGIN_PROBE: &str = "probe";
/// `waypost demo` posted it.
pub const ORIGIN_DEMO: &str = "demo";

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

/// Waypost read it on a walk through all that the booking system has.
pub const ORIGIN_BACKFILL: &str = "backfill";
/// Waypost read it to mend what reconcile found to differ.
pub const ORIGIN_RECONCILE: &str = "reconcile";
