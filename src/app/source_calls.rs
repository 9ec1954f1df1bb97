//! The one way to booking systems' APIs that everything in this process shares: fetches, walks, subscriptions, tests of a
//! credential. Limits hold because there is one.

use super::App;
use crate::source_api::ApiClient;
use std::sync::Arc;

impl App {
    /// The client.
    pub fn source_api(&self) -> Arc<ApiClient> {
        let new = || {
            Arc::new(ApiClient::new(
                self.outbound(),
                self.secrets.clone(),
                self.clock.clone(),
                self.store.clone(),
            ))
        };
        self.source_api.get_or_init(new).clone()
    }
}
