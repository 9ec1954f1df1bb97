//! The lock file that keeps a second node off one data folder, and two starts from changing one schema at a time. The
//! system frees it when its holder dies, however that happens. Called by `open`; Postgres has its own.

use super::session::database_error;
use crate::ports::StoreError;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// A held lock; dropping it frees it.
pub(super) struct NodeLock {
    _file: File,
}

/// Whether somebody holds the lock now.
pub(super) fn is_held(file: &Path) -> Result<bool, StoreError> {
    let failed = |error: std::io::Error| database_error("look at the lock of its folder", error);
    let handle = match File::options().write(true).open(file) {
        Ok(handle) => handle,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    match handle.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Takes the lock, trying for a while. `None`: somebody else holds it still.
pub(super) async fn take(file: &Path, tries: u32) -> Result<Option<NodeLock>, StoreError> {
    let failed = |error: std::io::Error| database_error("lock its folder", error);
    let handle = File::options().create(true).truncate(false).write(true).open(file).map_err(failed)?;
    for round in 0..tries {
        match handle.try_lock() {
            Ok(()) => return Ok(Some(NodeLock { _file: handle })),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if round + 1 < tries {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(None)
}
