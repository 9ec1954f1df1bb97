//! A small disk of its own (tmpfs) for a data folder, that can be filled. Needs root; where mounting is not permitted the
//! test fails and says so, unless `WAYPOST_NO_MOUNT=1` does without it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted tmpfs; unmounted when dropped.
pub struct Disk {
    folder: tempfile::TempDir,
}

fn as_root(program: &str, arguments: &[&str]) -> Result<(), String> {
    let run = |command: &mut Command| match command.output() {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => Err(String::from_utf8_lossy(&out.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    };
    run(Command::new(program).args(arguments))
        .or_else(|why| run(Command::new("sudo").arg("-n").arg(program).args(arguments)).map_err(|_| why))
}

impl Disk {
    /// A disk of so many MiB; `None` (and said so) where the tests were told to do without.
    pub fn new(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let options = format!("size={mib}m,mode=777");
        let path = folder.path().to_str().expect("a path");
        match as_root("mount", &["-t", "tmpfs", "-o", &options, "waypost-test", path]) {
            Ok(()) => Some(Self { folder }),
            Err(why) if std::env::var("WAYPOST_NO_MOUNT").is_ok_and(|value| value == "1") => {
                println!("NOT RUN: a small disk can't be mounted here ({why}), and WAYPOST_NO_MOUNT=1");
                None
            }
            Err(why) => panic!(
                "A small disk can't be mounted here ({why}), so a full disk and a read-only one can't be tried. Run the \
                 tests as root with the right to mount, or set WAYPOST_NO_MOUNT=1 to do without these."
            ),
        }
    }

    /// The disk's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    /// Takes all the space that is left.
    pub fn fill(&self) {
        let mut file =
            std::fs::File::options().create(true).append(true).open(self.filler()).expect("a file");
        for size in [1 << 20, 1 << 12, 1] {
            let piece = vec![b'x'; size];
            while file.write_all(&piece).is_ok() {}
        }
    }

    /// Gives it back.
    pub fn free(&self) {
        let _ = std::fs::remove_file(self.filler());
    }

    /// Makes it read-only, or writable again.
    pub fn read_only(&self, read_only: bool) {
        let options = if read_only { "remount,ro" } else { "remount,rw" };
        let path = self.path().to_str().expect("a path");
        as_root("mount", &["-o", options, path]).expect("it can be mounted anew");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = as_root("umount", &["-l", self.folder.path().to_str().unwrap_or_default()]);
    }
}
