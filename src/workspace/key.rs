//! The key that seals secrets: 32 bytes from `WAYPOST_KEY`, or from the file `key` in the data folder, which is made on
//! first start and can be read by its owner only. Found by `app` at start and by the `secret` commands.
//!
//! Invariant: a new key is made only where nothing was sealed yet. Where the database remembers the fingerprint of a key
//! (`key.fingerprint`), no other key is accepted or made (`a_lost_key_is_not_replaced_by_a_new_one` keeps it).

use crate::ports::Entropy;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Name of the environment variable that may hold the key.
pub const KEY_VARIABLE: &str = "WAYPOST_KEY";
/// Name of the key's file in the data folder.
const FILE_NAME: &str = "key";
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// A key file is one short line; what is longer is something else.
const FILE_BYTES_MAX: u64 = 1_024;

/// The key.
pub struct Key(SecretBox<[u8; KEY_BYTES]>);

/// Where a key came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// `WAYPOST_KEY`.
    Environment,
    /// This file.
    File(PathBuf),
}

/// A key that was found, or made.
#[derive(Debug)]
pub struct FoundKey {
    /// The key.
    pub key: Key,
    /// Where it came from.
    pub origin: KeyOrigin,
    /// True where it was made just now.
    pub made: bool,
    /// What should be put right about it, as a sentence.
    pub warning: Option<String>,
}

/// Why there is no key. Everything but secrets goes on without one.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// What stands there is no key.
    #[error("The key in {origin} can't be read: {why}. It must be 32 bytes, as 64 hex digits or as base64.")]
    Malformed {
        /// Where.
        origin: KeyOrigin,
        /// What is wrong.
        why: String,
    },
    /// The secrets were sealed with a key that isn't there.
    #[error(
        "The secrets in this database are sealed with the key {expected}, and {path} is not there. Put that file back, \
         or set {KEY_VARIABLE} to that key."
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// Fingerprint of the key that is needed.
        expected: String,
    },
    /// The secrets were sealed with another key.
    #[error(
        "The secrets in this database are sealed with the key {expected}, but {origin} has the key {got}. Put the right \
         one back, or set the secrets anew with a database of their own."
    )]
    Wrong {
        /// Where the wrong one came from.
        origin: KeyOrigin,
        /// Fingerprint of the key that is needed.
        expected: String,
        /// Fingerprint of the key that was found.
        got: String,
    },
    /// The file can't be read or made.
    #[error("The key file {path} could not be {doing}: {source}.")]
    File {
        /// The file.
        path: PathBuf,
        /// `read`, `made`.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Key {
    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; KEY_BYTES]| {
            bytes[..16].copy_from_slice(&entropy.bytes());
            bytes[16..].copy_from_slice(&entropy.bytes());
        }))
    }

    /// Reads 64 hex digits or base64 (either alphabet, padded or not). `Err` says what is wrong and never the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        let bytes = if text.len() == 2 * KEY_BYTES {
            from_hex(text).ok_or("64 characters should be hex digits")?
        } else {
            let body = text.trim_end_matches('=');
            let standard = STANDARD_NO_PAD.decode(body).or_else(|_| URL_SAFE_NO_PAD.decode(body));
            standard.map_err(|_| format!("its {} characters are neither", text.len()))?
        };
        let length = bytes.len();
        let bytes = Box::<[u8; KEY_BYTES]>::try_from(bytes.into_boxed_slice())
            .map_err(|_| format!("it has {length} bytes"))?;
        Ok(Self(SecretBox::new(bytes)))
    }

    /// Eight hex digits that tell keys apart and give nothing away.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"waypost key fingerprint v1\0");
        hash.update(self.0.expose_secret());
        to_hex(&hash.finalize()[..4])
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.fingerprint())
    }
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str(KEY_VARIABLE),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Finds the key: `environment` (the value of `WAYPOST_KEY`) before the file in `data`. Makes the file where there is
/// neither and `expected` (the fact `key.fingerprint`) is `None`.
pub fn find_key(
    data: &Path,
    environment: Option<&str>,
    expected: Option<&str>,
    entropy: &dyn Entropy,
) -> Result<FoundKey, KeyError> {
    let found = match environment.filter(|text| !text.trim().is_empty()) {
        Some(text) => FoundKey {
            key: Key::parse(text)
                .map_err(|why| KeyError::Malformed { origin: KeyOrigin::Environment, why })?,
            origin: KeyOrigin::Environment,
            made: false,
            warning: None,
        },
        None => find_file(&data.join(FILE_NAME), expected, entropy)?,
    };
    match expected {
        Some(expected) if expected != found.key.fingerprint() => Err(KeyError::Wrong {
            origin: found.origin,
            expected: expected.to_owned(),
            got: found.key.fingerprint(),
        }),
        _ => Ok(found),
    }
}

fn find_file(path: &Path, expected: Option<&str>, entropy: &dyn Entropy) -> Result<FoundKey, KeyError> {
    if let Some(found) = read_file(path)? {
        return Ok(found);
    }
    if let Some(expected) = expected {
        return Err(KeyError::Missing { path: path.to_owned(), expected: expected.to_owned() });
    }
    let failed = |source| KeyError::File { path: path.to_owned(), doing: "made", source };
    let made = make_file(path, &Key::generate(entropy), entropy).map_err(failed)?;
    // Read back: of two processes that start at once, both go on with the key of the first.
    let Some(found) = read_file(path)? else {
        return Err(failed(io::ErrorKind::NotFound.into()));
    };
    Ok(FoundKey { made, ..found })
}

fn read_file(path: &Path) -> Result<Option<FoundKey>, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), doing: "read", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    let origin = KeyOrigin::File(path.to_owned());
    let text = String::from_utf8(bytes).map_err(|_| "it is not text".to_owned());
    let key = text
        .and_then(
            |text| if text.len() as u64 > FILE_BYTES_MAX { Err("it is too long".into()) } else { Ok(text) },
        )
        .and_then(|text| Key::parse(&text))
        .map_err(|why| KeyError::Malformed { origin: origin.clone(), why })?;
    let warning = (mode & 0o077 != 0).then(|| {
        format!(
            "The key file {} can be read by other users of this machine (mode {:03o}); `chmod 600` it.",
            path.display(),
            mode & 0o777
        )
    });
    Ok(Some(FoundKey { key, origin, made: false, warning }))
}

/// Makes the key file, whole or not at all: written beside and linked into place, which fails where one is there
/// already. Gives whether this call made it.
fn make_file(path: &Path, key: &Key, entropy: &dyn Entropy) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = folder.join(format!(".key-{}", to_hex(&entropy.bytes()[..8])));
    write_new(&beside, key)?;
    let made = match fs::hard_link(&beside, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // Some file systems have no hard links; there the short moment without its content has to do.
        Err(_) => write_new(path, key).map(|()| true),
    };
    fs::remove_file(&beside)?;
    File::open(folder)?.sync_all()?;
    made
}

/// Writes a file that must not be there yet; leaves none where that fails halfway.
fn write_new(path: &Path, key: &Key) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written =
        file.write_all(format!("{}\n", to_hex(key.bytes())).as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| char::from(DIGITS[usize::from(four)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    Some(digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyError, KeyOrigin, find_key};
    use crate::clock::OsEntropy;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn a_key_is_read_from_hex_and_base64() {
        let texts = [
            HEX,
            &HEX.to_uppercase(),
            &format!("  {HEX}\n"),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        ];
        for text in texts {
            assert_eq!(Key::parse(text).unwrap().fingerprint(), "9297b8ee", "{text}");
        }
        let wrong = [
            ("", "it is empty"),
            ("correct horse battery staple", "its 28 characters are neither"),
            ("AAECAwQFBgc=", "it has 8 bytes"),
            (&HEX.replace('0', "g"), "64 characters should be hex digits"),
        ];
        for (text, why) in wrong {
            assert_eq!(Key::parse(text).unwrap_err(), why);
        }
    }

    #[test]
    fn a_key_never_shows_itself() {
        let key = Key::parse(HEX).unwrap();
        assert_eq!(format!("{key:?}"), "Key(9297b8ee)");
    }

    #[test]
    fn the_first_start_makes_a_key_that_only_its_owner_can_read() {
        let data = tempfile::tempdir().unwrap();
        let made = find_key(data.path(), None, None, &OsEntropy).unwrap();
        assert!(made.made && made.warning.is_none());
        let path = data.path().join("key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "nothing is left beside it");
        let fingerprint = made.key.fingerprint();
        let again = find_key(data.path(), None, Some(&fingerprint), &OsEntropy).unwrap();
        assert!(!again.made);
        assert_eq!((again.key.fingerprint(), again.origin), (fingerprint, KeyOrigin::File(path)));
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let data = tempfile::tempdir().unwrap();
        let found = find_key(data.path(), Some(HEX), None, &OsEntropy).unwrap();
        assert_eq!((found.origin, found.key.fingerprint().as_str()), (KeyOrigin::Environment, "9297b8ee"));
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
        assert!(find_key(data.path(), Some(" "), None, &OsEntropy).unwrap().made);
    }

    #[test]
    fn a_wrong_key_is_told_by_both_fingerprints() {
        let data = tempfile::tempdir().unwrap();
        let error = find_key(data.path(), Some(HEX), Some("cafe0123"), &OsEntropy).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The secrets in this database are sealed with the key cafe0123, but WAYPOST_KEY has the key 9297b8ee. Put \
             the right one back, or set the secrets anew with a database of their own."
        );
    }

    #[test]
    fn a_lost_key_is_not_replaced_by_a_new_one() {
        let data = tempfile::tempdir().unwrap();
        let error = find_key(data.path(), None, Some("cafe0123"), &OsEntropy).unwrap_err();
        assert!(matches!(&error, KeyError::Missing { expected, .. } if expected == "cafe0123"), "{error}");
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_key_that_others_can_read_is_warned_of() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("key");
        fs::write(&path, HEX).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let warning = find_key(data.path(), None, None, &OsEntropy).unwrap().warning.unwrap();
        assert!(warning.ends_with("(mode 644); `chmod 600` it."), "{warning}");
    }

    #[test]
    fn a_file_that_is_no_key_is_told() {
        let data = tempfile::tempdir().unwrap();
        for content in ["", "secret", &"a".repeat(5_000)] {
            fs::write(data.path().join("key"), content).unwrap();
            let error = find_key(data.path(), None, None, &OsEntropy).unwrap_err();
            assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
        }
    }

    #[test]
    fn of_two_first_starts_at_once_both_go_on_with_one_key() {
        let data = tempfile::tempdir().unwrap();
        let start = || find_key(data.path(), None, None, &OsEntropy).unwrap().key.fingerprint();
        let found: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(found.iter().all(|fingerprint| *fingerprint == found[0]), "{found:?}");
    }
}
