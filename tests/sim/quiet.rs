//! The quiet at the end: nothing goes wrong any more, and everything is turned until nothing is left to do.

use crate::api_calls::ApiFate;
use crate::faults::Rates;
use crate::node::{Node, Who, Wish};
use crate::sim::{CONNECTIONS, Sim};
use crate::weather::Fate;
use waypost::domain::RunState;
use waypost::ports::{Clock, StoreError};

/// Rounds until it is quiet.
const QUIET_ROUNDS_MAX: usize = 2_000;
/// Connections are resumed so often: a call from before may come back with 401 after the first time.
const RESUMED_MAX: usize = 5;

impl Sim {
    /// From now on nothing goes wrong; what is under way goes through.
    pub async fn heal(&mut self) -> Result<(), StoreError> {
        self.faults.set(Rates::default());
        self.weather.fates = vec![(Fate::Done, 1)];
        self.api_fates = vec![(ApiFate::Done, 1)];
        self.weather.interleaved = false;
        self.down = [0; 2];
        self.finish_steps().await?;
        self.resume_all().await
    }

    /// Somebody resumes all connections (and signs them in again).
    async fn resume_all(&mut self) -> Result<(), StoreError> {
        for connection in CONNECTIONS {
            let known =
                |node: &&Node| node.app.active().is_none_or(|a| a.connections.contains_key(connection));
            if let Some(node) = self.node.as_ref().filter(known) {
                self.steps.push((Who::Person, node.ask(Wish::Pause(connection, false))));
            }
            self.finish_steps().await?;
        }
        Ok(())
    }

    /// Steps under way go through. What waits for another actor gets that one.
    pub async fn finish_steps(&mut self) -> Result<(), StoreError> {
        let mut still = 0;
        loop {
            if self.steps.iter().any(|(who, _)| matches!(who, Who::Post(_))) {
                self.begin_as(Who::Commit);
            }
            let mut moved = self.move_an_api_call();
            let mut index = 0;
            while index < self.steps.len() {
                let count = self.steps.len();
                moved |= self.step_goes_on(index).await;
                if self.faults.crashed() {
                    self.die_and_start().await?;
                    break;
                }
                index += usize::from(self.steps.len() == count);
            }
            still = if moved { 0 } else { still + 1 };
            // Twice, since one that goes on may be what another before it waited for.
            if still == 2 && self.stop_waiting_for_turns() {
                still = 0;
            } else if still == 2 {
                // Whoever commits waits for the next webhook.
                if let Some((who, _)) = self.steps.iter().find(|(who, _)| *who != Who::Commit) {
                    self.wrong.push(format!("{who:?} waits for ever"));
                    self.steps.clear();
                }
                return Ok(());
            }
        }
    }

    /// Turns everything until nothing is left to do, moving the clock to whatever is due next.
    pub async fn quiet(&mut self) -> Result<(), StoreError> {
        let mut resumed = 0;
        for _ in 0..QUIET_ROUNDS_MAX {
            let before = (self.trace.len(), self.crm.effects.len());
            for who in [Who::Watch, Who::Apply, Who::Fetch, Who::Deliver, Who::Keep] {
                if who != Who::Fetch || self.vendor.is_some() {
                    self.begin_as(who);
                    self.finish_steps().await?;
                }
            }
            let walks = self.is_walking().await?;
            if walks {
                self.begin_as(Who::Walk);
                self.finish_steps().await?;
            }
            while !self.calls.is_empty() {
                self.move_a_call();
            }
            let idle = before == (self.trace.len(), self.crm.effects.len())
                && self.answers.is_empty()
                && self.fetched.is_empty();
            if !idle {
                self.clock.advance(20);
                continue;
            }
            let counts = self.store().counts().await?;
            let paused = |(state, _, count): &(String, String, i64)| state == "paused" && *count > 0;
            if resumed < RESUMED_MAX && counts.runs.iter().any(paused) {
                resumed += 1;
                self.resume_all().await?;
                continue;
            }
            let open = counts.runs.iter().any(|(state, _, count)| {
                *count > 0 && RunState::parse(state).is_some_and(RunState::blocks_lane)
            });
            let waiting = match self.vendor {
                Some(_) => self.store().fetches().count_fetches().await?.iter().map(|of| of.waiting).sum(),
                None => 0,
            };
            if !open && counts.unapplied == 0 && waiting == 0 && !walks {
                return Ok(());
            }
            let again_at = [
                self.again_at.filter(|_| open),
                self.fetch_again_at.filter(|_| waiting > 0),
                self.walk_again_at.filter(|_| walks),
            ];
            let wait = match again_at.into_iter().flatten().min() {
                Some(at) => (at - self.clock.now()).clamp(20, 600_000),
                None => 600_000,
            };
            self.clock.advance(wait);
        }
        self.wrong.push(format!("it is not quiet after {QUIET_ROUNDS_MAX} rounds"));
        Ok(())
    }
}
