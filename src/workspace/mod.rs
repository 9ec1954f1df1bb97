//! Adapter: the rules folder on disk, read and watched, and secrets at rest under a key. Wired by `app`; `check` and
//! `test` read folders through here too.

mod folder;
mod key;
mod secrets;
mod vault;
mod watch;

pub use folder::{FolderError, FolderRead, read_folder};
pub use key::{FoundKey, KEY_VARIABLE, Key, KeyError, KeyOrigin, find_key};
pub use secrets::{VaultSecrets, generate_token};
pub use vault::{SealError, UnsealError, Vault};
pub use watch::{Change, STILL_MS, VANISHED_MS, Watcher};
