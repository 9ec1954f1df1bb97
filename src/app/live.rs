//! Tells the pages that are looked at that something happened. One look at the database a second serves all of them, and
//! none is taken while nobody listens. What happened is not told: the page asks for itself, as whoever looks at it.

use super::App;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::watch;

/// Pages that listen at the same time; further ones ask now and then, as without script.
const LISTENERS_MAX: usize = 64;

/// What listeners wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// So many times something happened.
    Changed(u64),
    /// Waypost stops; nobody is kept.
    Closing,
}

/// The listeners and what was seen last.
pub(super) struct Live {
    news: watch::Sender<News>,
    seen: tokio::sync::Mutex<Option<String>>,
    /// How many runs needed somebody when that was last counted for a page.
    needed: AtomicI64,
}

impl Default for Live {
    fn default() -> Self {
        let news = watch::channel(News::Changed(0)).0;
        Self { news, seen: tokio::sync::Mutex::new(None), needed: AtomicI64::new(0) }
    }
}

impl App {
    /// Listens. `None`: enough do already, or Waypost stops.
    pub fn listen(&self) -> Option<watch::Receiver<News>> {
        let news = &self.live.news;
        let full = news.receiver_count() >= LISTENERS_MAX || *news.borrow() == News::Closing;
        (!full).then(|| news.subscribe())
    }

    /// Looks whether something happened, where anybody listens, and tells them.
    pub async fn look_for_news(&self) {
        if self.live.news.receiver_count() == 0 {
            *self.live.seen.lock().await = None;
            return;
        }
        // A database that is away is told by the pages themselves.
        let Ok(stamp) = self.store.stamp().await else { return };
        let mut seen = self.live.seen.lock().await;
        if seen.as_ref() != Some(&stamp) {
            *seen = Some(stamp);
            drop(seen);
            self.live.news.send_modify(|news| {
                if let News::Changed(times) = news {
                    *news = News::Changed(*times + 1);
                }
            });
        }
    }

    /// How many runs need somebody, as a page just counted them.
    pub fn remember_needed(&self, runs: i64) {
        self.live.needed.store(runs, Ordering::Relaxed);
    }

    /// The same as it was last remembered, for pages that may ask the database nothing.
    pub fn needed_somebody(&self) -> i64 {
        self.live.needed.load(Ordering::Relaxed)
    }

    /// Lets all listeners go.
    pub fn no_more_news(&self) {
        self.live.news.send_replace(News::Closing);
    }
}
