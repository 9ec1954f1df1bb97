//! Adapter: the rules folder on disk, and secrets at rest.

mod folder;
mod key;
mod secrets;
mod vault;

pub use folder::{FolderError, FolderRead, read_folder};
pub use key::{FoundKey, KEY_VARIABLE, Key, KeyError, KeyOrigin, find_key};
pub use secrets::{VaultSecrets, generate_token};
pub use vault::{SealError, UnsealError, Vault};
