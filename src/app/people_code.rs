//! The second factor: codes of an authenticator app (TOTP, RFC 6238: SHA-1, six digits, 30 seconds, one step to either
//! side), each taken once, and recovery codes for the day the phone is gone. The secret is sealed with the vault's key and
//! bound to its owner.

use super::App;
use super::people::{PeopleError, Who, hash_of};
use super::people_sign_in::Begun;
use crate::ports::{Ends, PersonChange, PersonRow, SessionRow, StoreError};
use crate::workspace::generate_token;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use totp_rs::{Builder, Secret, Totp};

/// Recovery codes of a set.
const RECOVERY_CODES: usize = 8;
/// Characters of one, without its hyphens: 80 bits.
const RECOVERY_CHARS: usize = 16;
/// What the authenticator app files it under.
const ISSUER: &str = "Waypost";

/// A second factor that is being set up. Nothing is kept of it until its first code is right.
#[derive(Clone, Debug)]
pub struct CodeSetup {
    /// The secret as a person types it into an app: groups of four.
    pub typed: String,
    /// The address that the picture holds.
    pub address: String,
    /// The secret sealed for this person, which the form brings back.
    pub sealed: String,
}

fn totp(secret: Secret) -> Option<Totp> {
    Builder::new().with_secret(secret).build().ok()
}

/// What a secret's sealed form is bound to.
fn bound(person: &PersonRow) -> String {
    format!("second factor of {}", person.id)
}

/// A recovery code as it is compared: letters and digits, small.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

impl App {
    /// A new secret for somebody, to be shown.
    pub fn begin_second_factor(&self, person: &PersonRow) -> Result<CodeSetup, PeopleError> {
        let mut bytes = [0_u8; 20];
        bytes[..16].copy_from_slice(&self.entropy.bytes());
        bytes[16..].copy_from_slice(&self.entropy.bytes()[..4]);
        self.setup_of(person, &Secret::new_stack(bytes).to_base32())
    }

    /// The same secret once more, for a form that is shown again.
    pub fn second_factor_again(&self, person: &PersonRow, sealed: &str) -> Result<CodeSetup, PeopleError> {
        let secret = self
            .open_factor(person, sealed)
            .ok_or(PeopleError::Wrong("this page is too old; open it again"))?;
        self.setup_of(person, &secret)
    }

    fn setup_of(&self, person: &PersonRow, secret: &str) -> Result<CodeSetup, PeopleError> {
        let vault = self.vault.as_ref().map_err(|why| PeopleError::NoVault(why.clone()))?;
        let sealed = vault
            .seal(&bound(person), secret, &*self.entropy)
            .map_err(|error| PeopleError::NoVault(error.to_string()))?;
        let groups: Vec<&str> =
            secret.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        let account = utf8_percent_encode(&person.email, NON_ALPHANUMERIC);
        Ok(CodeSetup {
            typed: groups.join(" "),
            address: format!("otpauth://totp/{ISSUER}:{account}?secret={secret}&issuer={ISSUER}"),
            sealed: URL_SAFE_NO_PAD.encode(sealed),
        })
    }

    fn open_factor(&self, person: &PersonRow, sealed: &str) -> Option<String> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let opened = self.vault.as_ref().ok()?.unseal(&bound(person), &sealed);
        opened.ok().map(|secret| secret.expose_secret().to_owned())
    }

    /// The step of the code, where it is one of now.
    fn step_of(&self, person: &PersonRow, sealed: &str, code: &str) -> Option<i64> {
        let secret = Secret::try_from_base32(self.open_factor(person, sealed)?).ok()?;
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if code.len() != 6 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let seconds = u64::try_from(self.clock.now() / 1_000).ok()?;
        let step = totp(secret)?.check(&code, seconds)?;
        i64::try_from(step).ok()
    }

    /// Takes a code at a sign-in, once.
    pub(super) async fn take_code(&self, person: &PersonRow, code: &str) -> Result<bool, StoreError> {
        let Some(sealed) = &person.totp else { return Ok(false) };
        if let Some(step) = self.step_of(person, sealed, code) {
            return self.store.people().take_totp_step(&person.id, step).await;
        }
        let code = plain(code);
        if code.len() != RECOVERY_CHARS {
            return Ok(false);
        }
        let taken = self.store.people().take_recovery_code(&person.id, &recovery_hash(person, &code)).await?;
        if taken {
            self.audit(&Who::person(person), "account.recovery-code", &person.email, "").await;
        }
        Ok(taken)
    }

    /// Turns the second factor on, once password and first code are right. Gives the recovery codes, which are shown this
    /// once. Other sessions end.
    pub async fn set_second_factor(
        &self,
        session: &SessionRow,
        person: &PersonRow,
        password: String,
        sealed: &str,
        code: &str,
    ) -> Result<(Vec<String>, Begun), PeopleError> {
        self.prove(person, password).await?;
        let step = self.step_of(person, sealed, code).ok_or(PeopleError::WrongCode)?;
        let codes: Vec<String> = (0..RECOVERY_CODES)
            .map(|_| generate_token(&*self.entropy).chars().take(RECOVERY_CHARS).collect())
            .collect();
        let hashes = codes.iter().map(|code| recovery_hash(person, code)).collect();
        let change = PersonChange {
            second_factor: Some(Some((sealed.to_owned(), hashes))),
            ends: Ends::Others(session.hash.clone()),
            ..PersonChange::default()
        };
        let line = self.line(&Who::person(person), "account.second-factor-on", &person.email, "");
        self.change(person, &change, &line).await?;
        // The code that was shown to set it up signs nobody in.
        self.store.people().take_totp_step(&person.id, step).await?;
        let begun = self.renew(session).await?;
        Ok((codes.iter().map(|code| grouped(code)).collect(), begun))
    }

    /// Turns one's own second factor off. Other sessions end.
    pub async fn end_second_factor(
        &self,
        session: &SessionRow,
        person: &PersonRow,
        password: String,
    ) -> Result<Begun, PeopleError> {
        self.prove(person, password).await?;
        let change = PersonChange {
            second_factor: Some(None),
            ends: Ends::Others(session.hash.clone()),
            ..PersonChange::default()
        };
        let line = self.line(&Who::person(person), "account.second-factor-off", &person.email, "");
        self.change(person, &change, &line).await?;
        Ok(self.renew(session).await?)
    }
}

fn recovery_hash(person: &PersonRow, code: &str) -> String {
    hash_of("recovery code", &format!("{}\0{code}", person.id))
}

/// `abcd-efgh-ijkl-mnop`.
fn grouped(code: &str) -> String {
    let groups: Vec<&str> =
        code.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::{grouped, plain, totp};
    use totp_rs::Secret;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, the last six digits.
        let secret = Secret::from(b"12345678901234567890".as_slice());
        let totp = totp(secret).unwrap();
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(totp.check(code, seconds), Some(seconds / 30), "{seconds}");
        }
        assert_eq!(totp.check("287082", 59 + 90), None, "an old one");
    }

    #[test]
    fn recovery_codes_are_read_as_they_are_typed() {
        assert_eq!(grouped("abcdefghijklmnop"), "abcd-efgh-ijkl-mnop");
        assert_eq!(plain(" ABCD-efgh ijkl-mnop "), "abcdefghijklmnop");
    }
}
