//! Webhooks of known sources that were answered with something else than 200: counted here, in memory, and written down by the
//! runner every second. Booking systems deactivate a webhook that fails too often, so somebody should know.
//!
//! Invariant: nothing here is on the way to a 200. Names come from our own doors, so there are as many as there are sources.

use crate::domain::Millis;
use crate::ports::RefusedWebhooks;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was refused and is not written down yet.
#[derive(Default)]
pub struct Refusals {
    counts: Mutex<HashMap<(String, u16), (i64, Millis)>>,
}

impl Refusals {
    /// One more webhook of this source was answered with that.
    pub fn note(&self, source: &str, status: u16, now: Millis) {
        self.add(source, status, (1, now));
    }

    fn add(&self, source: &str, status: u16, (answers, at): (i64, Millis)) {
        let mut counts = self.lock();
        let count = counts.entry((source.to_owned(), status)).or_insert((0, at));
        count.0 += answers;
        count.1 = count.1.max(at);
    }

    /// Takes what was counted, in the order of names.
    pub fn take(&self) -> Vec<RefusedWebhooks> {
        let taken = std::mem::take(&mut *self.lock());
        let told =
            |((source, status), (answers, last_at))| RefusedWebhooks { source, status, answers, last_at };
        let mut taken: Vec<RefusedWebhooks> = taken.into_iter().map(told).collect();
        taken.sort_by(|one, other| (&one.source, one.status).cmp(&(&other.source, other.status)));
        taken
    }

    /// It could not be written down: it is counted again with what comes next.
    pub fn put_back(&self, taken: Vec<RefusedWebhooks>) {
        for one in taken {
            self.add(&one.source, one.status, (one.answers, one.last_at));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, u16), (i64, Millis)>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Refusals;

    #[test]
    fn what_could_not_be_written_down_is_counted_with_what_comes_next() {
        let refusals = Refusals::default();
        for (source, status, at) in
            [("tours", 503, 5), ("rooms", 404, 7), ("tours", 503, 9), ("tours", 413, 8)]
        {
            refusals.note(source, status, at);
        }
        let taken = refusals.take();
        let told = |taken: &[crate::ports::RefusedWebhooks]| -> Vec<(String, u16, i64, i64)> {
            taken.iter().map(|one| (one.source.clone(), one.status, one.answers, one.last_at)).collect()
        };
        let all = [
            ("rooms".to_owned(), 404, 1, 7),
            ("tours".to_owned(), 413, 1, 8),
            ("tours".to_owned(), 503, 2, 9),
        ];
        assert_eq!(told(&taken), all);
        assert!(refusals.take().is_empty());
        refusals.note("tours", 503, 20);
        refusals.put_back(taken);
        assert_eq!(told(&refusals.take())[2], ("tours".to_owned(), 503, 3, 20));
    }
}
