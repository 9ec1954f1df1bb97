//! Where an event came from.

/// A booking system posted it.
pub const ORIGIN_WEBHOOK: &str = "webhook";
/// `/readyz` asked whether an ack is possible; never becomes a booking.
pub const ORIGIN_PROBE: &str = "probe";
/// `waypost demo` posted it.
pub const ORIGIN_DEMO: &str = "demo";
/// A walk over the source's API found it.
pub const ORIGIN_BACKFILL: &str = "backfill";
/// A walk that repairs what differs found it.
pub const ORIGIN_RECONCILE: &str = "reconcile";
