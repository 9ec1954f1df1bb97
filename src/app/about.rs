//! What this Waypost is: version, since when it runs, rules at work, database, disk, node. Asked by a page.

use super::App;
use super::disk::{Space, space};
use crate::domain::Millis;
use crate::ports::{StoreError, StoreFigures};
use std::path::PathBuf;

/// What this Waypost is.
#[derive(Clone, Debug)]
pub struct About {
    /// Its version.
    pub version: &'static str,
    /// When it was started.
    pub started_at: Millis,
    /// Hash of the active ruleset, and since when it is.
    pub ruleset: Option<(String, Millis)>,
    /// The store.
    pub store: StoreFigures,
    /// The data folder.
    pub data: PathBuf,
    /// The disk that it is on, where the system says.
    pub disk: Option<Space>,
    /// Id of this node.
    pub node: String,
}

/// Name of the fact that says where the pages were last.
const PAGES_FACT: &str = "pages.url";

impl App {
    /// Keeps where the pages are, for commands beside the router.
    pub async fn keep_pages_at(&self, base: &str) -> Result<(), StoreError> {
        if self.store.fact(PAGES_FACT).await?.as_deref() != Some(base) {
            self.store.set_fact(PAGES_FACT, base).await?;
        }
        Ok(())
    }

    /// Where the pages were when the router was started last.
    pub async fn pages_at(&self) -> Result<Option<String>, StoreError> {
        self.store.fact(PAGES_FACT).await
    }

    /// What this Waypost is.
    pub async fn about(&self) -> Result<About, StoreError> {
        let ruleset = self.store.active_ruleset().await?;
        Ok(About {
            version: env!("CARGO_PKG_VERSION"),
            started_at: self.started_at,
            ruleset: ruleset.map(|ruleset| (ruleset.hash, ruleset.activated_at)),
            store: self.store.keeping().figures().await?,
            data: self.places.data.clone(),
            disk: space(&self.places.data),
            node: self.node.clone(),
        })
    }
}
