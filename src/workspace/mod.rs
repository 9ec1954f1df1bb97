//! Adapter: the rules folder on disk, read, watched and written, its git history, and secrets at rest under a key. Wired by `app`; `check` and
//! `test` read folders through here too.

mod folder;
mod git;
mod key;
mod publish;
mod secrets;
mod vault;
mod watch;

pub use folder::{FolderError, FolderRead, read_folder};
pub use git::{Author, Commit, GitState, Repository, find_repository, is_commit};
pub use key::{FoundKey, KEY_VARIABLE, Key, KeyError, KeyOrigin, find_key};
pub use publish::{FileError, FileName, WrittenFiles, change_files, read_file, text_hash, write_files};
pub use secrets::{VaultSecrets, generate_token};
pub use vault::{SealError, UnsealError, Vault};
pub use watch::{Change, STILL_MS, VANISHED_MS, Watcher};
