//! Passwords: argon2id with the parameters that OWASP asks for (19 MiB, two passes), on threads of their own, a few at a
//! time, so that a crowd at the sign-in page takes neither the cores nor the memory of the rest.
//! Promises that an unknown account costs the same work as a known one.

use super::App;
use super::people::PeopleError;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::Arc;
use std::time::Duration;

/// A password has so many characters at least: long and plain beats short and odd.
const CHARS_MIN: usize = 10;
/// And at most; more is no password.
const CHARS_MAX: usize = 200;
/// Whoever has not had their turn after this is told to come again.
const TURN: Duration = Duration::from_secs(10);
/// Is checked where there is no account: it has the parameters of real ones and nothing leads to it.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$d2F5cG9zdCBub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password won't do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short.
    #[error("choose a password of at least {CHARS_MIN} characters; three words are a good one")]
    Short,
    /// Too long.
    #[error("choose a password of at most {CHARS_MAX} characters")]
    Long,
    /// Anybody would try it first.
    #[error("choose a password that is not your name, your e-mail address or one character again and again")]
    Obvious,
}

/// Looks whether a password will do for somebody who is called these names.
pub(super) fn judge(password: &str, names: &[&str]) -> Result<(), WeakPassword> {
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        return Err(WeakPassword::Short);
    }
    if chars > CHARS_MAX {
        return Err(WeakPassword::Long);
    }
    let folded = password.trim().to_lowercase();
    let one = folded.chars().next();
    let same = folded.chars().all(|c| Some(c) == one);
    let own = names.iter().any(|name| {
        let name = name.to_lowercase();
        folded == name || name.split('@').next().is_some_and(|first| folded == first)
    });
    if same || own { Err(WeakPassword::Obvious) } else { Ok(()) }
}

impl App {
    /// Hashes a new password.
    pub(super) async fn hash_password(
        &self,
        password: String,
        names: &[&str],
    ) -> Result<String, PeopleError> {
        judge(&password, names)?;
        let salt = self.entropy.bytes();
        let hashed = self
            .work(move || {
                Argon2::default()
                    .hash_password_with_salt(password.as_bytes(), &salt)
                    .map(|hash| hash.to_string())
                    .map_err(|error| error.to_string())
            })
            .await?;
        hashed.map_err(|why| {
            tracing::error!(why, "a password could not be hashed");
            PeopleError::Busy
        })
    }

    /// Whether this is the password of that hash; always false where there is none, and not sooner.
    pub(super) async fn is_password(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PeopleError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let right = self
            .work(move || {
                // Nobody has a longer one, and a huge one would be work for nothing.
                let tried = if password.len() > 4 * CHARS_MAX { "" } else { &password };
                Argon2::default().verify_password(tried.as_bytes(), hash.as_str()).is_ok()
            })
            .await?;
        Ok(known && right)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PeopleError> {
        let turn = Arc::clone(&self.doorkeeper.passwords).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(TURN, turn).await else { return Err(PeopleError::Busy) };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| {
            tracing::error!(error = %error, "the work on a password ended early");
            PeopleError::Busy
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, WeakPassword, judge};
    use argon2::Argon2;
    use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};

    #[test]
    fn short_long_and_obvious_passwords_are_refused() {
        let names = ["siobhan.bhriain@example.org", "Siobhán Ní Bhriain"];
        assert_eq!(judge("whale and harbour", &names), Ok(()));
        assert_eq!(judge("ninechars", &names), Err(WeakPassword::Short));
        assert_eq!(judge(&"ab".repeat(101), &names), Err(WeakPassword::Long));
        for obvious in
            ["siobhan.bhriain@example.org", "Siobhan.Bhriain", "siobhán ní bhriain", "aaaaaaaaaaaa"]
        {
            assert_eq!(judge(obvious, &names), Err(WeakPassword::Obvious), "{obvious}");
        }
    }

    #[test]
    fn the_check_for_nobody_is_as_much_work_as_one_for_somebody() {
        let real = Argon2::default().hash_password_with_salt(b"whale and harbour", &[7; 16]).unwrap();
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(nobody.params.to_string(), real.params.to_string());
        assert_eq!((nobody.algorithm, nobody.version), (real.algorithm, real.version));
        assert_eq!(nobody.hash.unwrap().len(), real.hash.unwrap().len());
        assert!(Argon2::default().verify_password(b"", NOBODY).is_err());
    }
}
