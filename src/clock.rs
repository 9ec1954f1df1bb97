//! Adapter: the machine's clock and its source of chance. The only place that asks for either; `app` hands them to the
//! rest as `ports::Clock` and `ports::Entropy`.

use crate::domain::Millis;
use crate::ports::{Clock, Entropy};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side begins at 0 now.
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of ports::Clock")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of ports::Clock")]
    fn now(&self) -> Millis {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_millis() as Millis,
            // A machine whose battery died thinks that it is before 1970; the clock port allows any time.
            Err(before) => -(before.duration().as_millis() as Millis),
        }
    }

    fn monotonic(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }

    fn monotonic_us(&self) -> i64 {
        self.started.elapsed().as_micros() as i64
    }
}

/// The operating system's source of chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// # Panics
    /// Where the operating system gives no random bytes: ids and keys without chance would be worse than a stop.
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of ports::Entropy")]
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let filled = getrandom::fill(&mut bytes);
        assert!(filled.is_ok(), "the operating system gave no random bytes: {filled:?}");
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{OsEntropy, SystemClock};
    use crate::ports::{Clock, Entropy};

    #[test]
    fn the_clock_tells_this_century_and_does_not_go_back() {
        let clock = SystemClock::new();
        assert!(clock.now() > 1_700_000_000_000);
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first && first >= 0);
    }

    #[test]
    fn chance_does_not_repeat_itself() {
        assert_ne!(OsEntropy.bytes(), OsEntropy.bytes());
        assert!((0.0..1.0).contains(&OsEntropy.fraction()));
        assert_ne!(OsEntropy.event_id(1), OsEntropy.event_id(1));
    }
}
