//! How far a source's webhooks count, in sentences for its page and in words for programs: whether they are verified, what
//! is done while that can't be, and what is done when the source is silent. Pure.

use crate::connectors::{HintSpec, OnSilence, Source, Verified, Verify, WhenDown, can_be_verified};
use serde::Serialize;
use utoipa::ToSchema;

/// The same for programs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceTruth)]
pub(super) struct TruthTold {
    /// `always`: what a webhook says is verified by the booking system's API before it counts. `never`: it is believed. As
    /// `verify:` in its file says.
    #[schema(example = "always")]
    verify: &'static str,
    /// Where it is verified and the API does not answer: `hold` waits, `payload` goes by the webhook after a while, marked
    /// unverified, and fetches later. As `when_down:` below `verify:` says; null: nothing is verified.
    #[schema(example = "hold")]
    when_down: Option<&'static str>,
    /// When it is silent for longer than usual: `tell` somebody; `backfill`: tell, and fetch what was missed; `ignore`.
    #[schema(example = "tell")]
    on_silence: &'static str,
}

impl TruthTold {
    /// Of a source.
    pub fn of(source: &Source) -> Self {
        Self {
            verify: if source.verify == Verify::Never { "never" } else { "always" },
            when_down: match source.verify {
                Verify::Never => None,
                Verify::Always(WhenDown::Hold) => Some("hold"),
                Verify::Always(WhenDown::Payload) => Some("payload"),
            },
            on_silence: source.on_silence.as_str(),
        }
    }
}

/// Sentences for its page.
pub(super) fn sentences(source: &Source) -> Vec<String> {
    let title = &source.connector.title;
    let spec = source.connector.source.as_ref();
    let thin = spec.is_some_and(|spec| spec.records.iter().any(|record| !record.hints.is_empty()));
    let mut told = vec![match source.verify {
        _ if thin => {
            format!("Its webhooks only say that something changed: how a booking is now is asked of {title}.")
        }
        Verify::Always(WhenDown::Hold) => format!(
            "Each webhook is verified: {title} is asked how the booking is now, and that counts. While it does not answer, what \
             came waits."
        ),
        Verify::Always(WhenDown::Payload) => format!(
            "Each webhook is verified: {title} is asked how the booking is now, and that counts. While it does not answer, the \
             webhook is gone by after a while, marked as unverified, and the booking is fetched later."
        ),
        Verify::Never if source.reach.is_some() && spec.is_some_and(can_be_verified) => format!(
            "What a webhook says is believed; {title} is asked only about what looks like a late copy."
        ),
        Verify::Never => "What a webhook says is believed.".to_owned(),
    }];
    if !thin && source.verify == Verify::Never && spec.is_some_and(can_be_verified) {
        let keys = if source.reach.is_some() { "" } else { ", beside the keys of its API" };
        told.push(format!(
            "With the line verify: always in its file{keys}, {title} is asked first, so that a made-up webhook changes nothing."
        ));
    }
    told.extend(unsure(source, thin));
    told.push(
        match source.on_silence {
            OnSilence::Tell => "When it is silent for longer than usual, somebody is told.",
            OnSilence::Backfill => {
                "When it is silent for longer than usual, somebody is told, and what was missed is fetched by itself."
            }
            OnSilence::Ignore => "Nobody is told when it is silent, as on_silence: ignore in its file says.",
        }
        .to_owned(),
    );
    told
}

/// What of the way in which its bookings are fetched is in no document of the booking system that we have seen.
fn unsure(source: &Source, thin: bool) -> Vec<String> {
    let title = &source.connector.title;
    let mut told = Vec::new();
    let records = source.connector.source.iter().flat_map(|spec| &spec.records);
    for record in records.filter(|_| source.reach.is_some() && (thin || source.verify != Verify::Never)) {
        let Some(fetch) = &record.fetch else { continue };
        if fetch.verified == Verified::Unverified {
            told.push(format!(
                "How {title} is asked for a {} is not from its documents. Look at the first ones that come.",
                record.kind
            ));
        }
        let also = fetch.also.iter().filter(|also| also.verified == Verified::Unverified);
        let also: Vec<&str> = also.map(|also| also.name.as_str()).collect();
        if !also.is_empty() {
            told.push(format!(
                "What is fetched beside a {} ({}) is not checked against the documents of {title}. Look at the first ones that come.",
                record.kind,
                also.join(", ")
            ));
        }
    }
    let records = source.connector.source.iter().flat_map(|spec| &spec.records);
    for record in records {
        let hints = record.hints.iter().filter(|hint| hint.verified == Verified::Unverified);
        let types: Vec<&str> = hints.flat_map(HintSpec::ending_types).collect();
        if !types.is_empty() {
            told.push(format!(
                "That {} ends a {} is not checked against the documents of {title}.",
                types.join(" or "),
                record.kind
            ));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::sentences;
    use crate::web::samples::source;

    #[test]
    fn each_way_to_know_the_truth_has_its_sentence() {
        let keys = "api: { app: { secret: a }, user: { secret: b } }\n";
        let told = [
            "connector: fareharbor\n".to_owned(),
            format!("connector: fareharbor\n{keys}on_silence: ignore\n"),
            format!("connector: fareharbor\n{keys}verify: always\non_silence: backfill\n"),
            format!("connector: fareharbor\n{keys}verify: {{ when_down: payload }}\n"),
            "connector: apaleo\n".to_owned(),
            "connector: stripe\n".to_owned(),
            "connector: pretix\napi: { token: { secret: a } }\n".to_owned(),
            "connector: bokun\napi: { access_key: { secret: a }, secret_key: { secret: b } }\nverify: always\n".to_owned(),
        ]
        .map(|text| sentences(&source(&text)).join("\n"));
        insta::assert_snapshot!(told.join("\n\n"));
    }
}
