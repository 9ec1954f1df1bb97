//! Walks over a booking system's API within a simulation: people begin them, somebody goes them step by step, and they meet
//! the same troubles as everything else.

use crate::api_calls::WALKER;
use crate::node::{Who, Wish};
use crate::sim::Sim;
use waypost::ports::{Clock, StoreError, WalkFilter, WalkRow};
use waypost::walk::Walked;

impl Sim {
    /// Somebody wishes something of a walk. False: people are busy.
    pub fn wishes(&mut self, wish: Wish) -> bool {
        if self.steps.iter().any(|(who, _)| *who == Who::Person) {
            return false;
        }
        self.tell(format!("a person begins: {wish:?}"));
        if let Some(node) = &self.node {
            self.steps.push((Who::Person, node.ask(wish)));
        }
        true
    }

    /// What a step of a walk did.
    pub fn take_walked(&mut self, walked: Walked) {
        self.walk_again_at = match walked {
            Walked::Rests(until) => Some(until),
            _ => None,
        };
        // Mostly there is none, and nothing to tell.
        if walked != Walked::Over {
            self.tell(format!("the walk: {walked:?}"));
            self.meets("a step of a walk");
        }
    }

    /// A step of a walk that waits by the clock of the machine ends, as if it had been killed alone.
    pub fn stop_a_walk_that_waits(&mut self) -> bool {
        let at = self.steps.iter().position(|(who, _)| *who == Who::Walk);
        let Some(at) = at.filter(|_| !self.api.waits(WALKER)) else { return false };
        drop(self.steps.remove(at));
        self.walk_again_at = Some(self.clock.now() + 1_000);
        true
    }

    /// Whether a walk is under way.
    pub async fn is_walking(&self) -> Result<bool, StoreError> {
        if self.vendor.is_none() {
            return Ok(false);
        }
        let filter = WalkFilter { source: None, open: true, limit: 1 };
        Ok(!self.store().walks().walks(&filter).await?.is_empty())
    }

    /// All walks so far, the oldest first.
    pub async fn walks(&self) -> Result<Vec<WalkRow>, StoreError> {
        let filter = WalkFilter { source: None, open: false, limit: 1_000 };
        let mut walks = self.store().walks().walks(&filter).await?;
        walks.reverse();
        Ok(walks)
    }

    /// Counts what is met.
    pub fn meets(&mut self, what: impl Into<String>) {
        *self.met.entry(what.into()).or_default() += 1;
    }
}
