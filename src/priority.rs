//! Whose turn it is on a busy processor: what answers webhooks goes before everything that may wait.

/// How much less of a busy processor a thread gets that gives way.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lets other threads go first where there is not enough processor for all. This thread alone, and those that it starts.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(error = %error, "the thread's priority could not be set");
    }
}
