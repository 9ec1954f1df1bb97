//! How much there was lately: what monitoring asks for again and again, counted seldom enough that asking costs the
//! database next to nothing, however much is in it and however many ask.

use super::App;
use crate::domain::Millis;
use crate::ports::Counts;
use std::sync::Arc;
use std::time::Duration;

/// What was counted is good for so long.
const GOOD_MS: Millis = 1_000;
/// Counting takes at most one part in so many of the database's time: what took long is good for longer.
const SHARE: Millis = 20;
/// Whoever asks does not wait longer for the database.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// The last answer.
pub(super) struct Lately {
    counts: Option<Arc<Counts>>,
    /// On the monotonic clock.
    good_until: Millis,
}

impl App {
    /// How much there is, a second old at most (older only where counting takes long). `None`: the database can't be read,
    /// or does not answer in time.
    pub async fn counts_lately(&self) -> Option<Arc<Counts>> {
        let asked = async {
            let mut lately = self.lately.lock().await;
            let began = self.clock.monotonic();
            if let Some(known) = lately.as_ref().filter(|known| began < known.good_until) {
                return known.counts.clone();
            }
            let counted = tokio::time::timeout(WAIT_MAX, self.store.counts()).await;
            let counts = counted.ok().and_then(Result::ok).map(Arc::new);
            let now = self.clock.monotonic();
            // Whether it is there again is asked anew soon.
            let rest = if counts.is_some() { GOOD_MS.max((now - began) * SHARE) } else { GOOD_MS };
            let good_until = now + rest;
            *lately = Some(Lately { counts: counts.clone(), good_until });
            counts
        };
        tokio::time::timeout(2 * WAIT_MAX, asked).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use crate::app::{App, Places};
    use crate::clock::OsEntropy;
    use crate::domain::{EventId, Millis, ORIGIN_WEBHOOK};
    use crate::ports::{Clock, NewEvent};
    use bytes::Bytes;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Millis {
            self.0.load(Ordering::SeqCst)
        }
        fn monotonic(&self) -> Millis {
            self.now()
        }
    }

    #[tokio::test]
    async fn the_database_is_asked_once_a_second_at_most() {
        let store = crate::store::open_in_memory().await.expect("a store");
        let home = tempfile::tempdir().expect("a folder");
        let places = Places { data: home.path().to_owned(), database: None, exclusive: false };
        let clock = Arc::new(Hands(AtomicI64::new(5_000)));
        let app = App::over(store, places, clock.clone(), Arc::new(OsEntropy)).await.expect("an app");
        assert_eq!(app.counts_lately().await.expect("counts").events, 0);
        let event = NewEvent {
            id: EventId::new("evt_1"),
            source: "tours".into(),
            received_at: 5_000,
            origin: ORIGIN_WEBHOOK,
            headers: "{}".into(),
            body: Bytes::from_static(b"{}"),
        };
        app.store.append_events(&[event]).await.expect("it is stored");
        clock.0.fetch_add(999, Ordering::SeqCst);
        assert_eq!(app.counts_lately().await.expect("counts").events, 0);
        clock.0.fetch_add(1, Ordering::SeqCst);
        assert_eq!(app.counts_lately().await.expect("counts").events, 1);
        // It is away, and told so at once when what is known is too old; and there again soon.
        app.store.close().await;
        clock.0.fetch_add(999, Ordering::SeqCst);
        assert!(app.counts_lately().await.is_some());
        clock.0.fetch_add(1, Ordering::SeqCst);
        assert!(app.counts_lately().await.is_none());
    }
}
