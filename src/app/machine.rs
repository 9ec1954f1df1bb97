//! The machine's own clock, chance and network, as the ports that everything else asks. Taken once, at the start of a
//! command or of the router; tests and simulators bring their own.

use crate::clock::{OsEntropy, SystemClock};
use crate::outbound::HttpOutbound;
use crate::ports::{Clock, Entropy, Outbound};
use std::sync::Arc;

/// The machine, as ports.
#[derive(Clone)]
pub struct Machine {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub entropy: Arc<dyn Entropy>,
    /// The way out.
    pub outbound: Arc<dyn Outbound>,
}

impl Machine {
    /// This machine.
    pub fn new() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(OsEntropy),
            outbound: Arc::new(HttpOutbound::new()),
        }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
