//! A simulation driven by hand, step by step, for stories that are told in tests.

use crate::model::Booking;
use crate::node::{Who, Wish};
use crate::sim::Sim;
use crate::weather::Fate;
use waypost::delivery::Answered;
use waypost::domain::RunState;
use waypost::ports::StoreError;

impl Sim {
    /// The booking system tells of these in one webhook; it is acked and applied.
    pub async fn hears_of(&mut self, bookings: &[&Booking]) -> Result<(), StoreError> {
        let webhook = self.system.tell(bookings.iter().copied().cloned().collect());
        self.post_this(webhook);
        self.finish_steps().await?;
        // Rules are taken up and what was left is looked for first.
        for who in [Who::Watch, Who::Apply, Who::Apply] {
            self.begin_as(who);
            self.finish_steps().await?;
        }
        Ok(())
    }

    /// Delivery takes a turn: settles what came back, and claims.
    pub async fn delivers(&mut self) -> Result<(), StoreError> {
        let recovers = self.node.as_ref().is_some_and(|node| !node.deliver_ready);
        for _ in 0..=usize::from(recovers) {
            self.begin_as(Who::Deliver);
            self.finish_steps().await?;
        }
        Ok(())
    }

    /// Somebody tries again whatever failed or is held. Gives how many runs that was.
    pub async fn retries_what_failed(&mut self) -> Result<usize, StoreError> {
        let runs = self.runs().await?;
        let failed = runs.iter().filter(|run| matches!(run.state, RunState::Failed | RunState::Held));
        let failed: Vec<_> = failed.map(|run| run.id.clone()).collect();
        let count = failed.len();
        if let Some(node) = self.node.as_ref().filter(|_| count > 0) {
            self.steps.push((Who::Person, node.ask(Wish::Retry(failed))));
            self.finish_steps().await?;
        }
        Ok(count)
    }

    /// All calls under way go like this, and their answers are there.
    pub fn calls_go(&mut self, fate: Fate) {
        while let Some(index) = self.calls.iter().position(|call| call.result.is_none()) {
            self.call_goes(index, fate);
        }
        for call in self.calls.drain(..) {
            if let Some(result) = call.result {
                let answered = Answered { ticket: call.ticket, result, duration_ms: 5 };
                self.answers.push((answered, call.effect));
            }
        }
    }
}
