//! The loop that keeps the certificate of the address for webhooks in sight. Called by `runner` as one of its parts.

use super::Runner;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Whether it is time for a look is asked this often; that costs nothing.
const ASK: Duration = Duration::from_secs(2);

/// Goes on until the stop.
pub(super) async fn look(runner: Arc<Runner>) {
    let never = Notify::new();
    while !runner.stopping() {
        let mut stop = runner.stop.clone();
        tokio::select! {
            _ = runner.app.keep_certificate_in_sight() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        runner.wait(&never, ASK).await;
    }
}
