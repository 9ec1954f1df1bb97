//! The simulated machine: chance that a seed decides, a clock that jumps either way, and thinking that takes no time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use waypost::domain::Millis;
use waypost::ports::{Clock, Entropy, Think};

/// The simulation begins here: 2026-01-01.
const START: Millis = 1_767_225_600_000;

/// A lock that nobody can poison: a simulation that panicked is over anyway.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Numbers that a seed decides (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        let mut chance = Self(seed ^ 0x5DEE_CE66_D1CE_CAFE);
        chance.number();
        chance
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end` (0 where that is 0).
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.number() % end as u64) as usize }
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.number() % (high - low + 1).max(1) as u64) as i64
    }

    /// True so often in a thousand.
    pub fn per_mille(&mut self, times: u32) -> bool {
        self.number() % 1_000 < u64::from(times)
    }

    /// One of these.
    pub fn pick<'t, T>(&mut self, things: &'t [T]) -> Option<&'t T> {
        if things.is_empty() { None } else { Some(&things[self.below(things.len())]) }
    }

    /// Any order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for index in (1..things.len()).rev() {
            things.swap(index, self.below(index + 1));
        }
    }

    /// The index of a weight, each as likely as it weighs.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let all: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.number() % all.max(1);
        for (index, weight) in weights.iter().enumerate() {
            if left < u64::from(*weight) {
                return index;
            }
            left -= u64::from(*weight);
        }
        0
    }
}

/// Ids and jitter from a seed.
pub struct SimEntropy(Mutex<Chance>);

impl SimEntropy {
    /// The same seed gives the same ids.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Chance::new(seed ^ 0xE17)))
    }
}

impl Entropy for SimEntropy {
    fn bytes(&self) -> [u8; 16] {
        let mut chance = lock(&self.0);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&chance.number().to_le_bytes());
        bytes[8..].copy_from_slice(&chance.number().to_le_bytes());
        bytes
    }
}

/// A clock that the simulation moves.
#[derive(Default)]
pub struct SimClock {
    wall: AtomicI64,
    since_start: AtomicI64,
}

impl SimClock {
    /// At the start.
    pub fn new() -> Self {
        Self { wall: AtomicI64::new(START), since_start: AtomicI64::new(0) }
    }

    /// Time goes by.
    pub fn advance(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
        self.since_start.fetch_add(ms, Ordering::SeqCst);
    }

    /// Somebody sets the clock: only the wall's.
    pub fn jump(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
    }

    /// Milliseconds since the start by the wall's clock, for the trace.
    pub fn told(&self) -> i64 {
        self.now() - START
    }
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        self.wall.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Millis {
        self.since_start.load(Ordering::SeqCst)
    }
}

/// Computes here and now.
pub struct HereAndNow;

impl Think for HereAndNow {
    fn run(&self, work: &mut dyn FnMut()) {
        work();
    }

    fn deadline(&self) -> Box<dyn Fn() -> bool> {
        Box::new(|| false)
    }
}
