//! A backup to download: a whole, consistent copy in a file that nobody can find any more once it is open, so that it is gone
//! when the download ends, however it ends. One at a time. Called by a page and by the API; the command line writes its own
//! file.
//!
//! Promises that nothing is left on the disk: where whoever asked goes away meanwhile the copy is still finished and let go;
//! where the process is killed meanwhile the next start removes what is there.

use super::disk::space;
use super::{App, Who};
use crate::ports::StoreError;
use jiff::Timestamp;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// Its name in the data folder while it is made. The store adds to it while it writes.
const FILE: &str = "backup-to-download.db";
const UNFINISHED: &str = "backup-to-download.db.unfinished";
/// Space that must be left for webhooks while a copy is there.
const LEFT_BYTES_MIN: u64 = 64 << 20;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Another one is made or downloaded.
    #[error(
        "another backup is being made or downloaded just now. Wait until it has come down, then try again"
    )]
    Busy,
    /// It would not fit.
    #[error(
        "the disk has no room for the copy: it takes up to {needed_mb} MB beside what is there, and {free_mb} MB are left. \
         Make room on the disk of the data folder, or run `waypost backup FILE` with a file on another disk"
    )]
    NoRoom {
        /// What it takes, with what must be left.
        needed_mb: u64,
        /// What there is.
        free_mb: u64,
    },
    /// Postgres has its own tool.
    #[error("{0}")]
    Elsewhere(String),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy can't be opened.
    #[error("the copy that was made can't be read: {0}")]
    Unreadable(#[from] std::io::Error),
}

/// A backup, ready to be read once. Nothing of it stays when it is dropped.
#[derive(Debug)]
pub struct BackupMade {
    /// The copy. Its name is gone from the folder.
    pub file: File,
    /// Its size.
    pub bytes: u64,
    /// What to call it: letters, digits, `-` and `.` only.
    pub name: String,
    /// Lets the next one begin.
    pub turn: OwnedMutexGuard<()>,
}

impl App {
    /// Makes a copy to download.
    pub async fn make_backup(self: &Arc<Self>, who: &Who) -> Result<BackupMade, BackupError> {
        let turn = self.backup.clone().try_lock_owned().map_err(|_| BackupError::Busy)?;
        let (app, who) = (self.clone(), who.clone());
        // Apart, so that a copy that is begun comes to its end also when nobody waits for it any more.
        let made = tokio::spawn(async move { app.copy_to_download(&who, turn).await });
        made.await.map_err(|error| BackupError::Unreadable(std::io::Error::other(error)))?
    }

    async fn copy_to_download(
        &self,
        who: &Who,
        turn: OwnedMutexGuard<()>,
    ) -> Result<BackupMade, BackupError> {
        let figures = self.store.keeping().figures().await?;
        if let Some(space) = space(&self.places.data) {
            has_room(figures.bytes, space.free)?;
        }
        self.forget_unfinished_backup();
        let path = self.backup_path();
        let copied = self.store.backup(&path).await;
        let opened = copied.map_err(BackupError::from).and_then(|()| Ok(File::open(&path)?));
        // From here on only the open file holds it.
        self.forget_unfinished_backup();
        let file = opened.map_err(|error| match error {
            BackupError::Store(StoreError::Unfit(why)) => BackupError::Elsewhere(why),
            other => self.no_room_instead(figures.bytes, other),
        })?;
        let bytes = file.metadata()?.len();
        let name = name_of(self.clock.now());
        self.audit(who, "backup.downloaded", &name, &format!("{bytes} bytes")).await;
        Ok(BackupMade { file, bytes, name, turn })
    }

    /// What the database says of a disk that became full meanwhile is said as that.
    fn no_room_instead(&self, bytes: u64, error: BackupError) -> BackupError {
        let BackupError::Store(of_store) = &error else { return error };
        let cause = of_store.cause();
        let full = cause.contains("disk is full") || cause.contains("No space left");
        let free = space(&self.places.data).map_or(0, |space| space.free);
        if full { no_room(bytes, free) } else { error }
    }

    /// Removes what a process that was killed left of a backup. Part of the start of the node that serves.
    pub(super) fn forget_unfinished_backup(&self) {
        for name in [FILE, UNFINISHED] {
            let _ = std::fs::remove_file(self.places.data.join(name));
        }
    }

    fn backup_path(&self) -> PathBuf {
        self.places.data.join(FILE)
    }
}

fn has_room(bytes: u64, free: u64) -> Result<(), BackupError> {
    if bytes.saturating_add(LEFT_BYTES_MIN) > free { Err(no_room(bytes, free)) } else { Ok(()) }
}

fn no_room(bytes: u64, free: u64) -> BackupError {
    let needed = bytes.saturating_add(LEFT_BYTES_MIN);
    BackupError::NoRoom { needed_mb: needed.div_ceil(1_000_000), free_mb: free / 1_000_000 }
}

/// `waypost-2027-03-14-0930.db`, in universal time.
fn name_of(now: crate::domain::Millis) -> String {
    let moment = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("waypost-{}.db", moment.strftime("%Y-%m-%d-%H%M"))
}

#[cfg(test)]
mod tests {
    use super::{BackupError, has_room, name_of};

    #[test]
    fn a_copy_that_would_fill_the_disk_is_refused_in_figures() {
        assert!(has_room(10_000_000, 100_000_000).is_ok());
        let refused = has_room(50_000_000, 100_000_000).unwrap_err();
        assert!(matches!(refused, BackupError::NoRoom { needed_mb: 118, free_mb: 100 }), "{refused}");
        assert!(has_room(u64::MAX, 1).is_err());
    }

    #[test]
    fn it_is_named_by_its_minute() {
        assert_eq!(name_of(1_805_000_000_000), "waypost-2027-03-14-0453.db");
        assert_eq!(name_of(i64::MAX), "waypost-1970-01-01-0000.db");
    }
}
