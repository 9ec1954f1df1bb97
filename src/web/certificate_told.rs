//! What was seen of the certificate of the address for webhooks, as pages and the API tell it.

use super::errors::capital;
use super::outlook::Sentence;
use super::times::Moment;
use super::words::{Mark, Tone};
use crate::domain::{CertificateGrade, CertificateState, CertificateTold, CertificateWatch, Millis};
use crate::told::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

/// On a source's page.
pub(super) struct CertificateShown {
    /// How it is, with a sentence.
    pub mark: Mark,
    /// What to do; may be empty.
    pub way_out: String,
    /// When it was looked at.
    pub at: Moment,
}

/// What was seen of the certificate of the address that webhooks come in by.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Certificate)]
pub(super) struct CertificateInApi {
    /// Nothing is amiss with it, and it does not end within two weeks.
    well: bool,
    /// How it is, as a sentence.
    text: String,
    /// What to do, where there is something to do.
    way_out: Option<String>,
    /// Until when it is taken, where it is and that is known.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// When it was looked at, from this machine.
    #[schema(format = DateTime)]
    looked_at: String,
}

/// How it is. `last`: when the last webhook of any source came.
fn told(watch: &CertificateWatch, last: Option<Millis>, now: Millis) -> Option<CertificateTold> {
    Some(watch.seen()?.told(last, now, &|at| Moment::of(at, now).exact))
}

fn tone(grade: CertificateGrade) -> Tone {
    match grade {
        CertificateGrade::Well => Tone::Quiet,
        CertificateGrade::Soon => Tone::Waiting,
        CertificateGrade::Urgent | CertificateGrade::Bad => Tone::Bad,
    }
}

fn way_out(told: &CertificateTold) -> String {
    match (told.grade, told.way_out) {
        (CertificateGrade::Well, _) | (_, "") => String::new(),
        (_, way_out) => format!("{}.", capital(way_out)),
    }
}

/// What its sources' pages show.
pub(super) fn shown(watch: &CertificateWatch, last: Option<Millis>, now: Millis) -> Option<CertificateShown> {
    let told = told(watch, last, now)?;
    let way_out = way_out(&told);
    let at = Moment::of(watch.seen()?.at, now);
    Some(CertificateShown { mark: Mark::new(tone(told.grade), told.text), way_out, at })
}

/// What Today says, where something is amiss.
pub(super) fn sentence(watch: &CertificateWatch, last: Option<Millis>, now: Millis) -> Option<Sentence> {
    let told = told(watch, last, now).filter(|told| told.grade > CertificateGrade::Well)?;
    let text = format!("{} {}", told.text, way_out(&told)).trim_end().to_owned();
    Some(Sentence { tone: tone(told.grade), text, way: Some(("/sources".into(), "See the sources")) })
}

/// What the API tells.
pub(super) fn in_api(
    watch: &CertificateWatch,
    last: Option<Millis>,
    now: Millis,
) -> Option<CertificateInApi> {
    let seen = watch.seen()?;
    let told = seen.told(last, now, &rfc3339);
    let way_out = way_out(&told);
    Some(CertificateInApi {
        well: told.grade == CertificateGrade::Well,
        text: told.text,
        way_out: (!way_out.is_empty()).then_some(way_out),
        until: match seen.found {
            Ok(CertificateState::Good { until }) => until.map(rfc3339),
            _ => None,
        },
        looked_at: rfc3339(seen.at),
    })
}

#[cfg(test)]
pub(super) fn samples(word: &str, now: Millis) -> Vec<CertificateWatch> {
    use crate::domain::CertificateSeen;
    let seen = |found| CertificateWatch::Seen(CertificateSeen::after(None, word, found, now - 600_000));
    let good = |days: i64| Ok(CertificateState::Good { until: Some(now + days * 24 * 3_600_000) });
    vec![
        seen(Err(word.to_owned())),
        seen(good(9)),
        seen(Ok(CertificateState::OtherName { names: vec![word.to_owned(), word.to_owned()] })),
        seen(good(60)),
        CertificateWatch::Off,
    ]
}

#[cfg(test)]
mod tests {
    use super::{in_api, samples, sentence, shown};

    const NOW: i64 = 1_805_000_000_000;

    #[test]
    fn what_is_amiss_is_told_with_a_way_out_and_what_is_well_quietly() {
        let mut told = String::new();
        for watch in samples("h.example.com", NOW) {
            for last in [None, Some(NOW - 1)] {
                let page = shown(&watch, last, NOW).map(|shown| (shown.mark, shown.way_out, shown.at.ago));
                let today = sentence(&watch, last, NOW).map(|today| (today.tone, today.text));
                let api = in_api(&watch, last, NOW);
                told.push_str(&format!("{page:?}\n{today:?}\n{api:?}\n\n"));
            }
        }
        insta::assert_snapshot!(told);
    }
}
