//! Writes files of the rules folder for the pages: only names of a strict pattern, never through a link, all or none.
//!
//! Promises: nothing outside of the folder is read or written; a reader of the folder sees each file whole, old or new;
//! what is written is on disk before it counts; where one file can't be written, none is changed. Called by
//! `app::publish`.

use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of one file; the reader of the folder has the same limit.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Characters of a name without its ending.
const NAME_CHARS_MAX: usize = 80;

/// A file that may be read and written: a rule, its tests, a source, a connection, a payload of a test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName(String);

impl FileName {
    /// Takes a path within the folder (`guests.yaml`, `payloads/created.json`), or says why it is none.
    pub fn parse(path: &str) -> Result<Self, String> {
        // With a slash in front it would be a path of the whole disk.
        let (folder, name) = match path.rsplit_once('/') {
            Some(("", _)) => ("/", ""),
            Some(parts) => parts,
            None => ("", path),
        };
        let stem = match folder {
            "" => name.strip_suffix(".test.yaml").or_else(|| name.strip_suffix(".yaml")),
            "sources" | "connections" => name.strip_suffix(".yaml"),
            "payloads" => name.strip_suffix(".json"),
            _ => None,
        };
        let is_name = |stem: &str| {
            (1..=NAME_CHARS_MAX).contains(&stem.len())
                && stem.starts_with(|c: char| c.is_ascii_alphanumeric())
                && stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
                && !stem.contains("..")
                && !stem.to_ascii_lowercase().ends_with(".test")
        };
        match stem {
            Some(stem) if is_name(stem) => Ok(Self(path.to_owned())),
            _ => Err(format!(
                "This can't be the name of a file here. Take letters, digits, - and _, at most {NAME_CHARS_MAX} of them."
            )),
        }
    }

    /// The path within the folder, with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn within(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn last(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }
}

/// Why a file is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It stands there as something else than a plain file of the folder.
    #[error(
        "{0} is a link or no plain file, so it is not touched. Put the file itself into the rules folder."
    )]
    NoPlainFile(String),
    /// It is too large, or no text.
    #[error("{0} {1}")]
    NoText(String, &'static str),
    /// The system says why.
    #[error("{file} can't be {doing}: {source}. Nothing was changed.")]
    System {
        /// The file.
        file: String,
        /// `read`, `written`.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn system(file: &FileName, doing: &'static str) -> impl Fn(io::Error) -> FileError {
    move |source| FileError::System { file: file.as_str().to_owned(), doing, source }
}

/// What tells one text from another: by it a page notices that a file changed since it was opened.
pub fn text_hash(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text.as_bytes()).iter().take(12).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The text of a file as it stands; `None` where there is none.
pub fn read_file(folder: &Path, file: &FileName) -> Result<Option<String>, FileError> {
    let Some(path) = plain(folder, file)? else { return Ok(None) };
    let mut bytes = Vec::new();
    match File::open(&path) {
        Ok(opened) => {
            let read = opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
            read.map_err(system(file, "read"))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(system(file, "read")(error)),
    }
    let no_text = |why| FileError::NoText(file.as_str().to_owned(), why);
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(no_text("is larger than 1 MiB, which is more than can be shown here."));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| no_text("is not UTF-8 text. Save it with that encoding."))
}

/// Where a file stands, if it is there as a plain file in a plain folder.
fn plain(folder: &Path, file: &FileName) -> Result<Option<PathBuf>, FileError> {
    let other = || FileError::NoPlainFile(file.as_str().to_owned());
    let root = folder.canonicalize().map_err(system(file, "read"))?;
    if !file.within().is_empty() {
        match root.join(file.within()).symlink_metadata() {
            Ok(about) if about.is_dir() => {}
            Ok(_) => return Err(other()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(system(file, "read")(error)),
        }
    }
    let path = root.join(file.as_str());
    match path.symlink_metadata() {
        Ok(about) if about.is_file() => Ok(Some(path)),
        Ok(_) => Err(other()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(system(file, "read")(error)),
    }
}

/// Files that were written, and what stood there before.
#[derive(Debug)]
pub struct WrittenFiles {
    folder: PathBuf,
    before: Vec<(FileName, Option<String>)>,
}

impl WrittenFiles {
    /// Puts everything back as it was.
    pub fn undo(self) -> Result<(), FileError> {
        for (file, text) in self.before.into_iter().rev() {
            match text {
                Some(text) => {
                    write_files(&self.folder, &[(file, text)])?;
                }
                None => fs::remove_file(self.folder.join(file.as_str())).map_err(system(&file, "removed"))?,
            }
        }
        Ok(())
    }
}

/// Writes files and takes others away, all or none.
pub fn change_files(
    folder: &Path,
    files: &[(FileName, String)],
    gone: &[FileName],
) -> Result<WrittenFiles, FileError> {
    let mut written = write_files(folder, files)?;
    for file in gone {
        match remove_file(folder, file) {
            Ok(more) => written.before.extend(more.before),
            Err(error) => {
                if let Err(worse) = written.undo() {
                    tracing::error!(error = %worse, "a file of the rules folder could not be put back");
                }
                return Err(error);
            }
        }
    }
    Ok(written)
}

/// Takes a file away. What stood there can be put back.
fn remove_file(folder: &Path, file: &FileName) -> Result<WrittenFiles, FileError> {
    let before = read_file(folder, file)?;
    let root = folder.canonicalize().map_err(system(file, "removed"))?;
    if before.is_some() {
        let path = root.join(file.as_str());
        fs::remove_file(&path).map_err(system(file, "removed"))?;
        if let Some(inner) = path.parent() {
            File::open(inner).and_then(|inner| inner.sync_all()).map_err(system(file, "removed"))?;
        }
    }
    let before = before.map(|text| (file.clone(), Some(text)));
    Ok(WrittenFiles { folder: folder.to_owned(), before: before.into_iter().collect() })
}

/// Writes files, all or none. Each is written beside its place, synced, and moved there.
pub fn write_files(folder: &Path, files: &[(FileName, String)]) -> Result<WrittenFiles, FileError> {
    let mut beside: Vec<PathBuf> = Vec::new();
    let mut written = WrittenFiles { folder: folder.to_owned(), before: Vec::new() };
    let done = write_beside(folder, files, &mut beside)
        .and_then(|()| move_there(folder, files, &beside, &mut written));
    match done {
        Ok(()) => Ok(written),
        Err(error) => {
            for path in beside {
                let _ = fs::remove_file(path);
            }
            if !written.before.is_empty()
                && let Err(worse) = written.undo()
            {
                tracing::error!(error = %worse, "a file of the rules folder could not be put back");
            }
            Err(error)
        }
    }
}

fn write_beside(
    folder: &Path,
    files: &[(FileName, String)],
    beside: &mut Vec<PathBuf>,
) -> Result<(), FileError> {
    let root = |file| folder.canonicalize().map_err(system(file, "written"));
    for (file, text) in files {
        let failed = system(file, "written");
        let root = root(file)?;
        let inner = root.join(file.within());
        if !file.within().is_empty() && inner.symlink_metadata().is_err() {
            fs::create_dir(&inner).map_err(&failed)?;
        }
        let present = plain(folder, file)?;
        let path = inner.join(format!(".{}.new-{}", file.last(), std::process::id()));
        // What a former process of this number left there is nobody's.
        let _ = fs::remove_file(&path);
        let mut opened = OpenOptions::new().write(true).create_new(true).open(&path).map_err(&failed)?;
        beside.push(path);
        if let Some(present) = present
            && let Ok(about) = fs::metadata(present)
        {
            let _ = opened.set_permissions(about.permissions());
        }
        opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all()).map_err(&failed)?;
    }
    Ok(())
}

fn move_there(
    folder: &Path,
    files: &[(FileName, String)],
    beside: &[PathBuf],
    written: &mut WrittenFiles,
) -> Result<(), FileError> {
    for ((file, _), from) in files.iter().zip(beside) {
        let before = read_file(folder, file)?;
        let failed = system(file, "written");
        let Some(inner) = from.parent() else { continue };
        fs::rename(from, inner.join(file.last())).map_err(&failed)?;
        written.before.push((file.clone(), before));
        File::open(inner).and_then(|inner| inner.sync_all()).map_err(&failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FileError, FileName, change_files, read_file, write_files};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn name(path: &str) -> FileName {
        FileName::parse(path).unwrap()
    }

    #[test]
    fn only_plain_names_of_known_folders_are_files_here() {
        let fine = [
            "guests.yaml",
            "guests.test.yaml",
            "Guests_2.v1.yaml",
            "sources/harbour-tours.yaml",
            "connections/crm.yaml",
            "payloads/created.json",
        ];
        for path in fine {
            assert_eq!(FileName::parse(path).as_ref().map(FileName::as_str), Ok(path));
        }
        let long = format!("{}.yaml", "a".repeat(81));
        let wrong = [
            "",
            ".yaml",
            "../guests.yaml",
            "..yaml",
            "a/../guests.yaml",
            "/etc/passwd",
            "/guests.yaml",
            "guests.yml",
            "guests",
            ".git/config",
            ".guests.yaml",
            "sources/../guests.yaml",
            "sources/a/b.yaml",
            "connectors/acme.yaml",
            "lib/names.rhai",
            "payloads/created.yaml",
            "payloads/..json",
            "guests\n.yaml",
            "guests\0.yaml",
            "gu ests.yaml",
            "gästé.yaml",
            "a\\b.yaml",
            "-rf.yaml",
            "guests.test.test.yaml",
            long.as_str(),
        ];
        for path in wrong {
            assert!(FileName::parse(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn files_are_written_whole_with_their_permissions_and_can_be_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join("a.yaml");
        fs::write(&old, "old").unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).unwrap();
        let files = [(name("a.yaml"), "new".to_owned()), (name("payloads/b.json"), "{}".to_owned())];
        let written = write_files(folder.path(), &files).unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "new");
        assert_eq!(fs::metadata(&old).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(read_file(folder.path(), &files[1].0).unwrap().as_deref(), Some("{}"));
        let names = |folder: &str| fs::read_dir(folder).unwrap().count();
        assert_eq!(names(folder.path().to_str().unwrap()), 2, "nothing is left beside");
        written.undo().unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "old");
        assert_eq!(read_file(folder.path(), &files[1].0).unwrap(), None);
    }

    #[test]
    fn nothing_is_read_or_written_through_a_link() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = outside.path().join("secret.yaml");
        fs::write(&secret, "secret").unwrap();
        symlink(&secret, folder.path().join("a.yaml")).unwrap();
        symlink(outside.path(), folder.path().join("sources")).unwrap();
        for path in ["a.yaml", "sources/secret.yaml"] {
            let refused = read_file(folder.path(), &name(path));
            assert!(matches!(refused, Err(FileError::NoPlainFile(_))), "{refused:?}");
            // Another file of the same set is not written either.
            let files = [(name("b.yaml"), "b".to_owned()), (name(path), "mine".to_owned())];
            assert!(matches!(write_files(folder.path(), &files), Err(FileError::NoPlainFile(_))));
        }
        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn where_one_file_can_not_be_written_none_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), "old").unwrap();
        fs::write(folder.path().join("payloads"), "a file where a folder should be").unwrap();
        let files = [(name("a.yaml"), "new".to_owned()), (name("payloads/b.json"), "{}".to_owned())];
        assert!(write_files(folder.path(), &files).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("a.yaml")).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn files_come_and_go_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let texts = || ["a.yaml", "b.yaml"].map(|file| fs::read_to_string(folder.path().join(file)).ok());
        fs::write(folder.path().join("a.yaml"), "old").unwrap();
        let files = [(name("b.yaml"), "new".to_owned())];
        let written = change_files(folder.path(), &files, &[name("a.yaml")]).unwrap();
        assert_eq!(texts(), [None, Some("new".into())]);
        written.undo().unwrap();
        assert_eq!(texts(), [Some("old".into()), None]);
        fs::create_dir(folder.path().join("c.yaml")).unwrap();
        let refused = change_files(folder.path(), &files, &[name("a.yaml"), name("c.yaml")]);
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(texts(), [Some("old".into()), None]);
    }

    #[test]
    fn what_is_too_large_or_no_text_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), "a".repeat((1 << 20) + 1)).unwrap();
        fs::write(folder.path().join("b.yaml"), [0xff, 0xfe]).unwrap();
        fs::create_dir(folder.path().join("c.yaml")).unwrap();
        for path in ["a.yaml", "b.yaml", "c.yaml"] {
            assert!(read_file(folder.path(), &name(path)).is_err(), "{path}");
        }
    }
}
