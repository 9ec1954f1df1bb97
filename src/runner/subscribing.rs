//! The loop that looks at subscriptions: at the start, when something changes that they depend on, and every hour. A source
//! that says `subscribe: auto` has them brought in line; of the others it is only told what there is to do. What still leads to
//! such a source an hour after it was taken away is ended.

use super::Runner;
use crate::app::Subscribing;
use crate::domain::Millis;
use crate::ports::StoreError;
use crate::rules::Ruleset;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Whether something changed is looked for this often; it costs no call.
const LOOK: Duration = Duration::from_secs(2);
/// All is well: looked at again then.
const WELL_MS: Millis = 3_600_000;
/// It failed: tried again after this time, which doubles each time.
const FAILED_MS: Millis = 60_000;

/// When a source is looked at next.
struct Next {
    /// What its subscriptions depended on.
    by: String,
    at: Millis,
    failed: u32,
}

impl Next {
    /// After a look that went well, or not.
    fn after(before: Option<&Self>, by: String, well: bool, now: Millis) -> Self {
        if well {
            return Self { by, at: now + WELL_MS, failed: 0 };
        }
        let failed = before.filter(|before| before.by == by).map_or(0, |before| before.failed);
        let rest = (FAILED_MS << failed.min(6)).min(WELL_MS);
        Self { by, at: now + rest, failed: failed.saturating_add(1) }
    }
}

/// Goes on until the stop.
pub(super) async fn subscribe(runner: Arc<Runner>) {
    let never = Notify::new();
    let mut next: BTreeMap<String, Next> = BTreeMap::new();
    while !runner.stopping() {
        let mut stop = runner.stop.clone();
        // What was under way at a stop is looked at again after the start.
        tokio::select! {
            () = look(&runner, &mut next) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        runner.wait(&never, LOOK).await;
    }
}

async fn look(runner: &Runner, next: &mut BTreeMap<String, Next>) {
    let Some(ruleset) = runner.app.active() else { return };
    let removed = match runner.app.removed_sources().await {
        Ok(removed) => removed,
        Err(error) => return complain(&error),
    };
    let known =
        |name: &str| ruleset.sources.contains_key(name) || removed.iter().any(|source| source.name == *name);
    next.retain(|source, _| known(source));
    for source in ruleset.sources.values() {
        let by = match runner.app.subscribing_by(&ruleset, source).await {
            Ok(Some(by)) => by,
            Ok(None) => continue,
            Err(error) => return complain(&error),
        };
        let what = if source.subscribe.by_itself { Subscribing::KeepInLine } else { Subscribing::Look };
        go_after(runner, next, (&ruleset, &source.name, by), what).await;
    }
    let now = runner.app.clock.now();
    for source in removed.iter().filter(|source| source.ends_at().is_some_and(|at| at <= now)) {
        let by = "taken away".to_owned();
        go_after(runner, next, (&ruleset, &source.name, by), Subscribing::End).await;
    }
}

/// Looks after one source, where it is time.
async fn go_after(
    runner: &Runner,
    next: &mut BTreeMap<String, Next>,
    (ruleset, source, by): (&Ruleset, &str, String),
    what: Subscribing,
) {
    let now = runner.app.clock.now();
    let known = next.get(source);
    if known.is_some_and(|known| known.by == by && known.at > now) {
        return;
    }
    let well = match runner.app.subscribe(ruleset, source, what).await {
        Ok(done) => {
            if !done.done.is_empty() {
                let acts = done.done.len();
                tracing::info!(source, acts, "subscriptions were brought in line");
            }
            match what {
                Subscribing::Look => done.seen.trouble.is_none(),
                _ => done.seen.matches(),
            }
        }
        Err(error) => {
            tracing::warn!(error = %error, source, "subscriptions could not be looked at");
            false
        }
    };
    let after = Next::after(next.get(source), by, well, now);
    next.insert(source.to_owned(), after);
}

fn complain(error: &StoreError) {
    tracing::warn!(error = %error, "subscriptions could not be looked at; trying again");
}

#[cfg(test)]
mod tests {
    use super::Next;

    #[test]
    fn failures_are_tried_again_more_and_more_seldom_and_changes_at_once() {
        let mut next: Option<Next> = None;
        let mut rests = Vec::new();
        for _ in 0..9 {
            let after = Next::after(next.as_ref(), "a".into(), false, 0);
            rests.push(after.at / 60_000);
            next = Some(after);
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(Next::after(next.as_ref(), "b".into(), false, 0).at, 60_000, "something else failed");
        assert_eq!(Next::after(next.as_ref(), "a".into(), true, 0).at, 3_600_000);
    }
}
