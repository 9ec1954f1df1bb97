//! Turns: what one process at a time may do, whichever others use this database. `waypost subscriptions --apply` beside a
//! running router is such a case: two that both find nothing would both make one.
//!
//! It promises: of two that ask at the same moment one has the turn; whoever has it says so again before each call, and stops
//! where somebody else has it meanwhile; a turn whose holder was killed ends by itself. The one node that serves takes its
//! own turn back at once, since nobody else can be it.
//!
//! Invariant: a turn is longer than any one call that is made in it (`a_turn_outlasts_a_call` keeps it). It goes by the clocks
//! of those who take it, which may differ by what it is longer.

use super::App;
use crate::domain::Millis;
use crate::ports::StoreError;

/// So long a turn lasts where its holder says nothing more. A call waits half a minute for its turn at an API and is made for
/// up to two, and so is one for a token before it; both may be made twice.
pub(super) const TURN_MS: Millis = 600_000;
/// Beginning of the names of the facts that say who has which turn.
const FACT: &str = "turn.";
/// Tries where others come and go at the same moment.
const TRIES: usize = 4;

/// A turn that was taken.
pub(super) struct Turn {
    fact: String,
    holder: String,
    /// As it stands in the database.
    kept: String,
}

impl App {
    /// Takes a turn; `Err`: somebody else has it, until then at most.
    pub(super) async fn take_turn(&self, name: &str) -> Result<Result<Turn, Millis>, StoreError> {
        let fact = format!("{FACT}{name}");
        let holder = if self.places.exclusive {
            format!("node-{}", self.node)
        } else {
            format!("command-{:032x}", u128::from_be_bytes(self.entropy.bytes()))
        };
        let mut until = 0;
        for _ in 0..TRIES {
            let now = self.clock.now();
            let before = self.store.fact(&fact).await?;
            let held = before.as_deref().and_then(|kept| kept.split_once(' '));
            if let Some((by, ends)) = held {
                until = ends.parse().unwrap_or(0);
                if by != holder && until > now {
                    return Ok(Err(until));
                }
            }
            let kept = format!("{holder} {}", now + TURN_MS);
            if self.store.swap_fact(&fact, before.as_deref(), &kept).await? {
                return Ok(Ok(Turn { fact, holder, kept }));
            }
        }
        Ok(Err(until.max(self.clock.now())))
    }

    /// Has it for as long again; false: it ended, and somebody else took it.
    pub(super) async fn keep_turn(&self, turn: &mut Turn) -> Result<bool, StoreError> {
        let kept = format!("{} {}", turn.holder, self.clock.now() + TURN_MS);
        let mine = self.store.swap_fact(&turn.fact, Some(&turn.kept), &kept).await?;
        if mine {
            turn.kept = kept;
        }
        Ok(mine)
    }

    /// Gives it back.
    pub(super) async fn end_turn(&self, turn: Turn) -> Result<(), StoreError> {
        let Turn { fact, kept, .. } = turn;
        self.store.swap_fact(&fact, Some(&kept), "").await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{App, Places};
    use super::TURN_MS;
    use crate::clock::{OsEntropy, SystemClock};
    use crate::connectors::API_TIMEOUT_MS_MAX;
    use crate::ports::Store;
    use crate::store::open_in_memory;
    use std::sync::Arc;

    async fn app(store: &Arc<dyn Store>, data: &std::path::Path, exclusive: bool) -> Arc<App> {
        let places = Places { data: data.to_owned(), database: None, exclusive };
        App::over(store.clone(), places, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_turn_is_one_processes_and_the_node_takes_its_own_back() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = open_in_memory().await.unwrap();
        let command = app(&store, folder.path(), false).await;
        let node = app(&store, folder.path(), true).await;
        let mut mine = command.take_turn("a").await.unwrap().ok().unwrap();
        let until = node.take_turn("a").await.unwrap().err().unwrap();
        assert!(until > node.clock.now() && until <= node.clock.now() + TURN_MS);
        assert!(node.take_turn("b").await.unwrap().is_ok(), "another turn is another one's");
        assert!(command.keep_turn(&mut mine).await.unwrap());
        command.end_turn(mine).await.unwrap();

        let mine = node.take_turn("a").await.unwrap().ok().unwrap();
        assert!(command.take_turn("a").await.unwrap().is_err());
        // It was killed and started anew.
        assert!(node.take_turn("a").await.unwrap().is_ok());
        drop(mine);
        store.set_fact("turn.a", "").await.unwrap();

        // One that took too long.
        let mut late = command.take_turn("a").await.unwrap().ok().unwrap();
        store.set_fact("turn.a", "command-00 1000").await.unwrap();
        assert!(node.take_turn("a").await.unwrap().is_ok());
        assert!(!command.keep_turn(&mut late).await.unwrap(), "somebody else has it now");
        command.end_turn(late).await.unwrap();
        assert!(command.take_turn("a").await.unwrap().is_err(), "and keeps it");

        // Of one that was killed long ago nothing is left.
        store.set_fact("turn.a", "command-00 1000").await.unwrap();
        assert!(command.take_turn("a").await.unwrap().is_ok());
        store.set_fact("turn.a", "what is this").await.unwrap();
        assert!(command.take_turn("a").await.unwrap().is_ok());
    }

    #[test]
    fn a_turn_outlasts_a_call() {
        assert!(TURN_MS > 2 * (2 * API_TIMEOUT_MS_MAX as i64 + 33_000));
    }
}
