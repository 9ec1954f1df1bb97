//! The certificate of the address that webhooks come in by: what was seen of it, how well that is, and how it is said. Pure.
//! The doctor, pages, the API and letters say the same, each with its own way of writing a time.

use super::Millis;

const DAY: Millis = 24 * 3_600_000;
/// A certificate that ends within so many days is told, and within so many is amiss: renewals are due long before.
const DAYS_WARNED: i64 = 14;
const DAYS_URGENT: i64 = 3;
/// An address that did not answer for so long does not by more than chance.
const UNANSWERED_MS: Millis = 5 * 60_000;
/// Other names that are told.
const NAMES_MAX: usize = 5;

/// What is to be said of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateState {
    /// It is taken, until then at least; `None`: until when can't be told here.
    Good {
        /// The first time at which it, or one that it is signed with, is not taken any more.
        until: Option<Millis>,
    },
    /// It was valid until then.
    Expired {
        /// When that was, where it is known.
        at: Option<Millis>,
    },
    /// It is not valid yet.
    NotYet {
        /// When it will be, where that is known.
        at: Option<Millis>,
    },
    /// It is for other names.
    OtherName {
        /// These.
        names: Vec<String>,
    },
    /// It is signed by itself.
    SelfSigned,
    /// Nobody who signs certificates is known to have signed it, or those in between were not sent with it.
    Unsigned {
        /// How many certificates were sent.
        sent: usize,
    },
    /// Something else, in the words of TLS.
    Refused(String),
}

/// How well a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateGrade {
    /// As it should be.
    Well,
    /// It ends within two weeks: it should have been renewed by now.
    Soon,
    /// It ends within three days.
    Urgent,
    /// It is not taken, or the address does not answer.
    Bad,
}

/// How that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateTold {
    /// How well it is.
    pub grade: CertificateGrade,
    /// A sentence.
    pub text: String,
    /// What to do; empty where there is nothing to do.
    pub way_out: &'static str,
}

impl CertificateTold {
    fn bad(text: String, way_out: &'static str) -> Self {
        Self { grade: CertificateGrade::Bad, text, way_out }
    }
}

impl CertificateState {
    /// How well it is, as a sentence with a way out. `when` writes a time.
    pub fn told(&self, host: &str, now: Millis, when: &dyn Fn(Millis) -> String) -> CertificateTold {
        let at = |at: &Option<Millis>| at.map(|at| format!(" ({})", when(at))).unwrap_or_default();
        match self {
            Self::Good { until: None } => CertificateTold {
                grade: CertificateGrade::Well,
                text: format!("The certificate of {host} is taken."),
                way_out: "",
            },
            Self::Good { until: Some(until) } => {
                let days = (until - now).max(0) / DAY;
                let text = format!(
                    "The certificate of {host} is taken, and good for {days} more day{}, until {}.",
                    if days == 1 { "" } else { "s" },
                    when(*until)
                );
                let grade = match days {
                    ..DAYS_URGENT => CertificateGrade::Urgent,
                    DAYS_URGENT..DAYS_WARNED => CertificateGrade::Soon,
                    _ => CertificateGrade::Well,
                };
                let way_out = match grade {
                    CertificateGrade::Well => "",
                    _ => "renew it now: whatever renews it seems not to work",
                };
                CertificateTold { grade, text, way_out }
            }
            Self::Expired { at: ended } => CertificateTold::bad(
                format!(
                    "The certificate of {host}, or one that it is signed with, has ended{}: no webhook is delivered.",
                    at(ended)
                ),
                "renew it, and let the proxy take up the new one",
            ),
            Self::NotYet { at: begins } => CertificateTold::bad(
                format!("The certificate of {host} is not valid yet{}.", at(begins)),
                "look at the clocks of this machine and of whoever made it",
            ),
            Self::OtherName { names } => {
                let names: Vec<&str> = names.iter().map(String::as_str).take(NAMES_MAX).collect();
                let others = if names.is_empty() { String::from("another name") } else { names.join(", ") };
                CertificateTold::bad(
                    format!("The certificate that {host} shows is for {others}: no webhook is delivered."),
                    "let the proxy show one for this name, or correct --hooks-url",
                )
            }
            Self::SelfSigned => CertificateTold::bad(
                format!("The certificate of {host} is signed by itself, which booking systems don't take."),
                "let an authority sign it: Let's Encrypt does so for nothing",
            ),
            Self::Unsigned { sent: 1 } => CertificateTold::bad(
                format!(
                    "The certificate of {host} was sent alone, and nobody known has signed it: those in between are missing."
                ),
                "let the proxy send the whole chain (fullchain.pem), not the certificate alone",
            ),
            Self::Unsigned { sent } => CertificateTold::bad(
                format!("{host} sends {sent} certificates, and nobody known has signed them."),
                "let a known authority sign it, and let the proxy send the chain that belongs to it",
            ),
            Self::Refused(why) => CertificateTold::bad(
                format!("The certificate of {host} is not taken ({why})."),
                "make a new one",
            ),
        }
    }
}

/// What to do where no certificate is shown.
pub const NOT_SHOWN_WAY_OUT: &str = "look whether the proxy in front runs, and whether its name leads to it";

/// What was seen the last time that somebody looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSeen {
    /// Whose it is: host, with the port where it is an unusual one.
    pub host: String,
    /// When that was.
    pub at: Millis,
    /// Since when it is not taken, or nothing is shown there; `None`: it is taken.
    pub bad_since: Option<Millis>,
    /// The certificate, or why none was shown, as a sentence.
    pub found: Result<CertificateState, String>,
}

impl CertificateSeen {
    /// After another look at the same address.
    pub fn after(
        before: Option<&Self>,
        host: &str,
        found: Result<CertificateState, String>,
        at: Millis,
    ) -> Self {
        let before = before.filter(|before| before.host == host).and_then(|before| before.bad_since);
        let good = matches!(found, Ok(CertificateState::Good { .. }));
        Self { host: host.to_owned(), at, bad_since: (!good).then(|| before.unwrap_or(at)), found }
    }

    /// How well it is. An address that can't be reached from the machine itself may be reached from outside all the same:
    /// so it is where a webhook came in since (`last_webhook`).
    pub fn told(
        &self,
        last_webhook: Option<Millis>,
        now: Millis,
        when: &dyn Fn(Millis) -> String,
    ) -> CertificateTold {
        match &self.found {
            Ok(state) => state.told(&self.host, now, when),
            Err(why) => {
                let since = self.bad_since.unwrap_or(self.at);
                if last_webhook.is_some_and(|last| last > since) {
                    let text = format!("{why} Webhooks came in since, so that they reach it all the same.");
                    return CertificateTold { grade: CertificateGrade::Well, text, way_out: "" };
                }
                let grade =
                    if now - since < UNANSWERED_MS { CertificateGrade::Well } else { CertificateGrade::Bad };
                CertificateTold { grade, text: why.clone(), way_out: NOT_SHOWN_WAY_OUT }
            }
        }
    }

    /// Why nothing comes in, where it is the certificate: with what was seen.
    pub fn as_cause(&self, when: &dyn Fn(Millis) -> String) -> Option<String> {
        let host = &self.host;
        match &self.found {
            Ok(CertificateState::Good { .. }) => None,
            Ok(CertificateState::Expired { at: Some(at) }) => {
                Some(format!("The certificate of {host} ended on {}.", when(*at)))
            }
            Ok(state) => Some(state.told(host, self.at, when).text),
            Err(why) => Some(why.clone()),
        }
    }

    /// That it is not the certificate, where it is not.
    pub fn cleared(&self, when: &dyn Fn(Millis) -> String) -> Option<String> {
        let host = &self.host;
        match &self.found {
            Ok(CertificateState::Good { until: Some(until) }) => {
                Some(format!("The certificate of {host} is fine until {}.", when(*until)))
            }
            Ok(CertificateState::Good { until: None }) => Some(format!("The certificate of {host} is fine.")),
            _ => None,
        }
    }
}

/// Whether the certificate is looked at by itself, and what was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CertificateWatch {
    /// It is not: nobody said where webhooks come in from outside, or there is no certificate there.
    #[default]
    Off,
    /// It has not been looked at yet.
    NotYet,
    /// That was seen.
    Seen(CertificateSeen),
}

impl CertificateWatch {
    /// What was seen.
    pub fn seen(&self) -> Option<&CertificateSeen> {
        match self {
            Self::Seen(seen) => Some(seen),
            Self::Off | Self::NotYet => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CertificateGrade, CertificateSeen, CertificateState, DAY, UNANSWERED_MS};

    const NOW: i64 = 1_800_000_000_000;

    fn day(at: i64) -> String {
        format!("day {}", (at - NOW) / DAY)
    }

    fn seen(found: Result<CertificateState, String>) -> CertificateSeen {
        CertificateSeen::after(None, "h", found, NOW)
    }

    #[test]
    fn it_is_named_as_cause_only_with_what_was_seen() {
        let said = |found| {
            let seen = seen(found);
            (seen.as_cause(&day), seen.cleared(&day))
        };
        let text = |text: &str| Some(text.to_owned());
        let until = CertificateState::Good { until: Some(NOW + 5 * DAY) };
        assert_eq!(said(Ok(until)), (None, text("The certificate of h is fine until day 5.")));
        let ended = CertificateState::Expired { at: Some(NOW - 2 * DAY) };
        assert_eq!(said(Ok(ended)), (text("The certificate of h ended on day -2."), None));
        assert_eq!(said(Err("Nobody there.".into())), (text("Nobody there."), None));
        let other = CertificateState::OtherName { names: vec!["a".into()] };
        let cause = text("The certificate that h shows is for a: no webhook is delivered.");
        assert_eq!(said(Ok(other)), (cause, None));
    }

    #[test]
    fn an_address_that_does_not_answer_is_bad_after_a_while_and_where_no_webhook_came() {
        let seen = seen(Err("Nobody there.".into()));
        let grade = |last, now| seen.told(last, now, &day).grade;
        assert_eq!(grade(None, NOW + UNANSWERED_MS - 1), CertificateGrade::Well);
        assert_eq!(grade(Some(NOW), NOW + UNANSWERED_MS), CertificateGrade::Bad);
        assert_eq!(grade(Some(NOW + 1), NOW + UNANSWERED_MS), CertificateGrade::Well);
        let again = CertificateSeen::after(Some(&seen), "h", Err("Still.".into()), NOW + DAY);
        assert_eq!((again.bad_since, again.at), (Some(NOW), NOW + DAY));
        let elsewhere = CertificateSeen::after(Some(&seen), "i", Err("Still.".into()), NOW + DAY);
        assert_eq!(elsewhere.bad_since, Some(NOW + DAY), "another address begins anew");
        let good = CertificateState::Good { until: None };
        assert_eq!(CertificateSeen::after(Some(&again), "h", Ok(good), NOW).bad_since, None);
    }
}
