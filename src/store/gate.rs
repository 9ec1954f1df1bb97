//! The gate before SQLite's one writer, with two queues: whoever is urgent (the ack) goes before everybody who waits.
//! Promises that a place is handed on when its holder, or somebody waiting, goes away. Called by `sqlite`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Who waits for the writer.
#[derive(Default)]
struct Queues {
    taken: bool,
    urgent: VecDeque<oneshot::Sender<Permit>>,
    others: VecDeque<oneshot::Sender<Permit>>,
}

/// The gate. Clones are the same gate.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<Queues>>);

/// The right to write, until dropped.
pub(super) struct Permit(Option<Gate>);

impl Gate {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the right to write.
    pub(super) async fn enter(&self, urgent: bool) -> Permit {
        loop {
            let waiting = {
                let mut queues = self.queues();
                if !queues.taken {
                    queues.taken = true;
                    return Permit(Some(self.clone()));
                }
                let (sender, receiver) = oneshot::channel();
                if urgent { &mut queues.urgent } else { &mut queues.others }.push_back(sender);
                receiver
            };
            if let Ok(permit) = waiting.await {
                return permit;
            }
        }
    }

    /// Hands the permit to the next who still waits.
    fn hand_on(&self) {
        loop {
            let next = {
                let mut queues = self.queues();
                let next = queues.urgent.pop_front().or_else(|| queues.others.pop_front());
                if next.is_none() {
                    queues.taken = false;
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(Permit(Some(self.clone()))) {
                Ok(()) => return,
                // It went away; this permit must not hand on by itself, the loop does.
                Err(mut permit) => permit.0 = None,
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.hand_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;
    use std::sync::{Arc, Mutex};

    #[tokio::test]
    async fn the_urgent_go_before_all_who_wait() {
        let gate = Gate::default();
        let order = Arc::new(Mutex::new(Vec::new()));
        let first = gate.enter(false).await;
        let mut tasks = Vec::new();
        for (name, urgent) in [("a", false), ("b", false), ("c", true), ("d", true)] {
            let (gate, order) = (gate.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let _permit = gate.enter(urgent).await;
                order.lock().unwrap().push(name);
            }));
            tokio::task::yield_now().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["c", "d", "a", "b"]);
    }

    #[tokio::test]
    async fn who_goes_away_does_not_stop_the_others() {
        let gate = Gate::default();
        let first = gate.enter(false).await;
        let gone = tokio::spawn({
            let gate = gate.clone();
            async move { drop(gate.enter(true).await) }
        });
        tokio::task::yield_now().await;
        gone.abort();
        let _ = gone.await;
        drop(first);
        drop(gate.enter(false).await);
        drop(gate.enter(true).await);
    }
}
