//! Goes the walks over sources' APIs that are open: each on its own, so that one that rests holds up no other. Afterwards
//! what they left behind is forgotten, a piece at a time. Called by `runner` as one of its parts.

use super::{REST, Runner};
use crate::domain::Millis;
use crate::ports::{StoreError, WalkFilter, WalkState};
use crate::walk::{Walked, Walker};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Without a hint, walks (begun by a command beside the server) are looked for this often.
const POLL: Duration = Duration::from_secs(1);
/// A walk that rests is looked at this often: a person may have done something about it.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Between two pieces of what is forgotten.
const TIDY: Duration = Duration::from_millis(50);
/// After a start walks are left alone for so long: a command that went one while nobody served sees within it that
/// somebody does, and leaves it to the server. Their calls don't know of each other, and the limit is that of both.
const START: Duration = Duration::from_secs(2);
/// Walks at the same time; further ones wait.
const WALKS_MAX: usize = 8;

/// Goes what is open until the stop.
pub(super) async fn walk(runner: Arc<Runner>) {
    let walker = Arc::new(runner.app.walker());
    let mut going: JoinSet<i64> = JoinSet::new();
    let mut in_hand = BTreeSet::new();
    runner.wait(&Notify::new(), START).await;
    while !runner.stopping() {
        while let Some(ended) = going.try_join_next() {
            match ended {
                Ok(seq) => {
                    in_hand.remove(&seq);
                }
                // Which one it was is not told: all are looked at anew, those that go on are in hand still.
                Err(_) => {
                    tracing::error!("a walk ended with a mistake; it is taken up again");
                    going.shutdown().await;
                    in_hand.clear();
                    tokio::time::sleep(REST).await;
                }
            }
        }
        let pause = match open(&runner).await {
            Ok(open) => {
                for seq in open {
                    if in_hand.len() < WALKS_MAX && in_hand.insert(seq) {
                        going.spawn(one(runner.clone(), walker.clone(), seq));
                    }
                }
                if in_hand.is_empty() { tidy(&runner).await } else { POLL }
            }
            Err(error) => {
                runner.complain("look for walks", &error).await;
                POLL
            }
        };
        runner.wait(&runner.app.hints.walks, pause).await;
    }
}

/// Walks that go on, the oldest first.
async fn open(runner: &Runner) -> Result<Vec<i64>, StoreError> {
    let filter = WalkFilter { source: None, open: true, limit: 100 };
    let rows = runner.app.store.walks().walks(&filter).await?;
    Ok(rows.iter().rev().filter(|row| row.state == WalkState::Open).map(|row| row.seq).collect())
}

/// Goes one walk until it does not go on.
async fn one(runner: Arc<Runner>, walker: Arc<Walker>, seq: i64) -> i64 {
    let never = Notify::new();
    while !runner.stopping() {
        match runner.app.walk_further(&walker, seq, false).await {
            Ok(Walked::Over) => return seq,
            // Also where a command does it too: of two who do a step one does nothing.
            Ok(Walked::On(_) | Walked::Overtaken) => {}
            Ok(Walked::Rests(until)) => {
                runner.wait(&never, rest(until - runner.app.clock.now())).await;
            }
            Err(error) => runner.complain("walk a source", &error).await,
        }
    }
    seq
}

fn rest(ms: Millis) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1)).min(LOOK_AGAIN)
}

/// Forgets a piece. Gives when to look again.
async fn tidy(runner: &Runner) -> Duration {
    match runner.app.store.walks().tidy_walks().await {
        Ok(true) => TIDY,
        Ok(false) => POLL,
        Err(error) => {
            tracing::warn!(error = %error, "what walks left behind could not be forgotten");
            POLL
        }
    }
}
