//! The source side of a connector: what the bodies of its webhooks tell of which records.

use super::envelope::{Envelope, Facts, KeptHeaders, Message};
use super::guide::Guide;
use super::pattern::pointed_at;
use super::records::{RecordSpec, Told, Unreadable};
use super::sign_in::OfferedWay;
use super::silence::SilenceSpec;
use super::source_api::ApiSpec;
use super::subscriptions::SubscriptionSpec;
use super::walk::WalkSpec;
use crate::domain::AddressRange;
use serde_json::Value;
use std::sync::Arc;

/// The source side of a manifest, or of a source that is described in its own file.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// Each source says the rest in its own file; here is nothing.
    pub own: bool,
    /// Kinds of record that bodies tell of, in the order in which they are tried.
    pub records: Vec<RecordSpec>,
    /// What stands around them.
    pub envelope: Envelope,
    /// Header names (lower case) that are stored with an event.
    pub headers: Vec<String>,
    /// Ways to sign in that its sources only name the secret of.
    pub sign_in: Vec<OfferedWay>,
    /// The addresses that its webhooks come from, where the system publishes them.
    pub addresses: Vec<AddressRange>,
    /// What to click in the booking system, step by step.
    pub guide: Option<Guide>,
    /// Why it may send nothing, and what it does when webhooks fail.
    pub silence: Option<SilenceSpec>,
    /// What `account:` of a source is there; empty where the manifest says nothing.
    pub account_help: String,
    /// How the system itself is called, where it can be.
    pub api: Option<Arc<ApiSpec>>,
    /// How its subscriptions are made and kept, where programs may.
    pub subscriptions: Option<Arc<SubscriptionSpec>>,
    /// How all records within a range of days are found, where that is known.
    pub walk: Option<Arc<WalkSpec>>,
}

/// What is said of bodies that nobody meant to be passed over.
const NO_RECORDS: &str = "The source's file does not say yet what its bodies tell: it has no `records`.";
const OTHER_TYPE: &str = "events of this type are not among those that are read.";
const NO_TYPE: &str = "The body does not say what type of event it is.";
const TELLS_OF_NO: &str = "tells of no ";

/// Whether a body with this note was passed over without a word of any file that it should be.
pub fn is_unmeant(note: &str) -> bool {
    note == NO_RECORDS || note == NO_TYPE || note.ends_with(OTHER_TYPE) || note.contains(TELLS_OF_NO)
}

impl SourceSpec {
    /// The events of a body, in order. `Err`: it is no body of this system at all.
    pub fn read(&self, body: Value, headers: &KeptHeaders) -> Result<Vec<Message>, Unreadable> {
        let kept = self.may_be_otherwise(&body).then(|| body.clone());
        let messages = self.read_as_it_is(body, headers);
        let tells = matches!(&messages, Ok(messages) if messages.iter().any(|message| message.told.is_ok()));
        match kept.filter(|_| !tells).and_then(|body| self.read_otherwise(&body, headers)) {
            Some(otherwise) => Ok(otherwise),
            None => messages,
        }
    }

    pub(super) fn read_as_it_is(
        &self,
        body: Value,
        headers: &KeptHeaders,
    ) -> Result<Vec<Message>, Unreadable> {
        let events = self.envelope.events(body, headers)?;
        let message = |(facts, body): (Facts, Value)| {
            let told = self.told(body, &facts);
            let Facts { id, event_type, time, account } = facts;
            Message { id, event_type, time, account, told }
        };
        Ok(events.into_iter().map(message).collect())
    }

    /// What one event tells: of each kind of record in order. A record that cannot be read makes the whole event
    /// unreadable, so that nothing of it is passed over in silence.
    pub(super) fn told(&self, mut body: Value, facts: &Facts) -> Result<Vec<Told>, Unreadable> {
        let event_type = facts.event_type.as_deref();
        if let Some(note) = self.envelope.ignored(event_type) {
            return Err(Unreadable::Nothing(note));
        }
        let records: Vec<&RecordSpec> =
            self.records.iter().filter(|record| record.is_told_by(event_type)).collect();
        if self.records.is_empty() {
            return Err(Unreadable::Nothing(NO_RECORDS.to_owned()));
        }
        if records.is_empty() {
            return Err(Unreadable::Nothing(match event_type {
                Some(told) => format!("{told}: {OTHER_TYPE}"),
                None => NO_TYPE.to_owned(),
            }));
        }
        let mut told = Vec::new();
        for record in &records {
            if !record.hints.is_empty() {
                told.extend(record.hinted(&body, facts).map_err(Unreadable::Body)?);
                continue;
            }
            let Some(found) = pointed_at(&mut body, &record.at, self.envelope.any_case) else { continue };
            // What no other kind of record is read from is taken out of the body, which saves a copy.
            let shared = records.iter().any(|other| other.kind != record.kind && record.overlaps(other));
            let found = if shared { found.clone() } else { found.take() };
            told.extend(record.read(found, facts).map_err(Unreadable::Body)?);
        }
        if told.is_empty() {
            let kinds: Vec<&str> = records.iter().map(|record| record.kind.as_str()).collect();
            let nothing = format!("{TELLS_OF_NO}{}.", kinds.join(" and no "));
            return Err(Unreadable::Nothing(match event_type {
                Some(of_type) => format!("The event of the type {of_type} {nothing}"),
                None => format!("The body {nothing}"),
            }));
        }
        Ok(told)
    }

    /// The kind of record.
    pub fn record(&self, kind: &str) -> Option<&RecordSpec> {
        self.records.iter().find(|record| record.kind == kind)
    }
}
