//! Time and chance.

use crate::domain::{AttemptId, BookingId, EventId, Millis, RunId};

/// What time it is.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970. May jump either way.
    fn now(&self) -> Millis;
    /// Milliseconds of a clock that never goes back, for durations.
    fn monotonic(&self) -> Millis;
    /// The same clock in microseconds, for what takes less than a millisecond.
    fn monotonic_us(&self) -> i64 {
        self.monotonic() * 1_000
    }
}

/// Where ids and chance come from.
pub trait Entropy: Send + Sync {
    /// 16 bytes that nobody can guess.
    fn bytes(&self) -> [u8; 16];

    /// A number from 0 (inclusive) to 1 (exclusive).
    fn fraction(&self) -> f64 {
        let bytes = self.bytes();
        let mut eight = [0; 8];
        eight.copy_from_slice(&bytes[..8]);
        (u64::from_le_bytes(eight) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A new event's id.
    fn event_id(&self, now: Millis) -> EventId {
        EventId::new(sortable("evt_", now, self.bytes()))
    }
    /// A new booking's id.
    fn booking_id(&self, now: Millis) -> BookingId {
        BookingId::new(sortable("bkg_", now, self.bytes()))
    }
    /// A new run's id.
    fn run_id(&self, now: Millis) -> RunId {
        RunId::new(sortable("run_", now, self.bytes()))
    }
    /// A new attempt's id.
    fn attempt_id(&self, now: Millis) -> AttemptId {
        AttemptId::new(sortable("att_", now, self.bytes()))
    }
    /// A new id of anything else, with its own prefix (`per_`).
    fn id_of(&self, prefix: &str, now: Millis) -> String {
        sortable(prefix, now, self.bytes())
    }
}

/// 48 bits of time and 80 of chance in Crockford's base 32: 26 characters that sort by time.
fn sortable(prefix: &str, now: Millis, chance: [u8; 16]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut number = u128::from((now.max(0) as u64) & 0xFFFF_FFFF_FFFF) << 80;
    for (index, byte) in chance.iter().take(10).enumerate() {
        number |= u128::from(*byte) << (8 * index);
    }
    let mut text = String::with_capacity(prefix.len() + 26);
    text.push_str(prefix);
    for place in (0..26).rev() {
        text.push(DIGITS[((number >> (5 * place)) & 31) as usize] as char);
    }
    text
}
