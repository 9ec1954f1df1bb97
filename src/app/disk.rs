//! How much space is left on the disk that a folder is on. Asked by the page about this Waypost and before a backup is made.

use std::path::Path;

/// Space of a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What is left for whoever Waypost runs as.
    pub free: u64,
    /// All of it.
    pub all: u64,
}

/// The space of the disk that this is on; `None` where the system does not say.
pub(super) fn space(folder: &Path) -> Option<Space> {
    let told = rustix::fs::statvfs(folder).ok()?;
    Some(Space {
        free: told.f_bavail.saturating_mul(told.f_frsize),
        all: told.f_blocks.saturating_mul(told.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::space;
    use std::path::Path;

    #[test]
    fn a_folder_has_a_disk_and_none_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let told = space(folder.path()).unwrap();
        assert!(told.all > 0 && told.free <= told.all, "{told:?}");
        assert_eq!(space(Path::new("/there/is/no/such/folder")), None);
    }
}
